"""Mathematics by name: grade school to olympiad. The answer is a number or an expression in a box."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from costbench.datasets.benchmark import Benchmark, Form
from costbench.datasets.columns import Columns

_PROBLEM = Form(Columns(question="problem", whole_numbers=True))
_QUESTION = Form(Columns(whole_numbers=True))
_FIGURE = re.compile(r"\\begin\{(tikzpicture|asy)\}.*?\\end\{\1\}", re.DOTALL)


class Gsm8k(Benchmark):
    """Word problems of grade school (Cobbe et al., arXiv 2110.14168), the test split."""

    hub: ClassVar[str] = "openai/gsm8k"
    configs: ClassVar[tuple[str | None, ...]] = ("main",)
    size: ClassVar[int] = 1319
    shots_split: ClassVar[str | None] = "train"
    forms: ClassVar[tuple[Form, ...]] = (Form(Columns(answer_after="####")),)

    kind: Literal["gsm8k"] = "gsm8k"
    revision: str | None = "740312add88f781978c0658806c59bc2815b9866"


class Math500(Benchmark):
    """500 problems of MATH's test split (Hendrycks et al., arXiv 2103.03874; Lightman et al., 2305.20050)."""

    hub: ClassVar[str] = "HuggingFaceH4/MATH-500"
    size: ClassVar[int] = 500
    of_level: ClassVar[dict[int, int]] = {1: 43, 2: 90, 3: 105, 4: 128, 5: 134}
    forms: ClassVar[tuple[Form, ...]] = (
        Form(Columns(question="problem", id="unique_id", level="level", subject="subject")),
    )

    kind: Literal["math500"] = "math500"
    revision: str | None = "6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be"


class Aime2024(Benchmark):
    """Both papers of the American Invitational Mathematics Examination of 2024; answers 0 to 999."""

    hub: ClassVar[str] = "HuggingFaceH4/aime_2024"
    split: ClassVar[str] = "train"
    size: ClassVar[int] = 30
    forms: ClassVar[tuple[Form, ...]] = (
        _PROBLEM,
        Form(Columns(question="Problem", answer="Answer", id="ID", whole_numbers=True)),
    )

    kind: Literal["aime2024"] = "aime2024"
    revision: str | None = "2fe88a2f1091d5048c0f36abc874fb997b3dd99a"


def _without_figure(values: Mapping[str, Any]) -> dict[str, Any]:
    """LaTeX of MathArena's repository; the sets on the hub have no figures either."""
    return {"question": _FIGURE.sub("", str(values["tex"])).strip(), "answer": values["answer"]}


class Aime2025(Benchmark):
    """Both papers of 2025."""

    hub: ClassVar[str] = "math-ai/aime25"
    size: ClassVar[int] = 30
    forms: ClassVar[tuple[Form, ...]] = (
        _PROBLEM,
        _QUESTION,
        Form(Columns(whole_numbers=True), ("tex", "answer"), _without_figure),
    )

    kind: Literal["aime2025"] = "aime2025"
    revision: str | None = "563bb8404243c5f09de6ec262f2db674fe5bce9b"


class Amc(Benchmark):
    """AMC 12 of 2022 and 2023, reworded to whole-number answers: the set of DeepScaleR and L1."""

    hub: ClassVar[str] = "AI-MO/aimo-validation-amc"
    split: ClassVar[str] = "train"
    size: ClassVar[int] = 83
    forms: ClassVar[tuple[Form, ...]] = (_PROBLEM,)

    kind: Literal["amc"] = "amc"
    revision: str | None = "69d78a4a2c840e82d69af6bc742bda09005f6316"


class Amc23(Benchmark):
    """40 problems of the American Mathematics Competitions of 2023, as Qwen2.5-Math asks them."""

    hub: ClassVar[str] = "math-ai/amc23"
    size: ClassVar[int] = 40
    forms: ClassVar[tuple[Form, ...]] = (_QUESTION, _PROBLEM)

    kind: Literal["amc23"] = "amc23"
    revision: str | None = "80815d37005feb82cd7f8fbc6901d5d3eff43057"


class OlympiadBench(Benchmark):
    """Olympiad mathematics in English, text only, with a final answer (He et al., arXiv 2402.14008).

    Where a problem has several answers, they stand in one text, separated by commas.
    """

    hub: ClassVar[str] = "math-ai/olympiadbench"
    size: ClassVar[int] = 674
    forms: ClassVar[tuple[Form, ...]] = (
        Form(Columns(answer="final_answer", answer_in_list=True, id="id", subject="subfield")),
    )

    kind: Literal["olympiadbench"] = "olympiadbench"
    revision: str | None = "4faaf1e6ec17d11a4218a9bf4c049ecaf954dd84"


class Minerva(Benchmark):
    """Undergraduate problems of science and mathematics (Lewkowycz et al., arXiv 2206.14858)."""

    hub: ClassVar[str] = "math-ai/minervamath"
    size: ClassVar[int] = 272
    forms: ClassVar[tuple[Form, ...]] = (Form(Columns()), Form(Columns(question="problem")))

    kind: Literal["minerva"] = "minerva"
    revision: str | None = "ee46ddc498933b1977577953250ca5c66be64f96"
