"""The page's script prices cells and writes figures as Python does, to the last printed digit."""

import json
import math
import random
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

import costbench.report
from costbench.report.contract import E
from costbench.report.wording import estimate, number
from tests.report.repricing_cases import FIGURES, Case, cases

SCRIPT = Path(costbench.report.__file__).parent / "templates" / "reprice.js"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(
    NODE is None, reason="no `node` here to run reprice.js with; install Node.js"
)
DRIVER = """
const page = new Function(
  require("fs").readFileSync(process.argv[1], "utf8") +
    "; return { reprice, formatNumber, formatEstimate, exponential };"
)();
const given = JSON.parse(require("fs").readFileSync(0, "utf8"), (_, x) => ({ inf: Infinity,
  "-inf": -Infinity, nan: NaN })[x] ?? x);
console.log(JSON.stringify(given.map(([name, ...args]) => page[name](...args))));
"""


def called(*calls):
    """What functions of the script give, by name and arguments."""
    assert NODE
    done = subprocess.run(
        [NODE, "-e", DRIVER, str(SCRIPT)],
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def printed(found: list[Case]) -> list[dict[str, str]]:
    """What the script prints of these cases."""
    repriced = called(*(["reprice", case.cell, case.assumptions] for case in found))
    texts = iter(called(*(["formatEstimate", each[key]] for each in repriced for key in FIGURES)))
    return [{key: next(texts) for key in FIGURES} for _ in found]


@needs_node
def test_the_page_prices_every_cell_as_python_does():
    found = list(cases(100))
    names = {case.name for case in found}
    assert len(found) == 100 * len(names) >= 500
    wrong = [
        (case.name, case.assumptions, case.expected, said)
        for case, said in zip(found, printed(found), strict=True)
        if said != case.expected
    ]
    assert not wrong, wrong[:3]
    every = {text for case in found for text in case.expected.values()}
    assert "n/a" in every
    assert any(text.startswith("> ") for text in every)
    assert len(every) > 2000  # they are not all alike


@needs_node
def test_ends_of_the_interval_are_the_same_figures_not_only_the_same_text():
    (case, *_) = cases(3)
    (found,) = called(["reprice", case.cell, case.assumptions])
    assert found["usd_per_correct"].keys() == {"value", "low", "high"}
    assert estimate(E(**found["usd_per_correct"])) == case.expected["usd_per_correct"]


def ties() -> list[float]:
    """Halfway between two figures of three digits, to the last bit, and the numbers beside them."""
    found = []
    for digits in range(100, 1000):
        for power in range(-9, 9):
            half = (digits + 0.5) * 10.0**power
            found += [half, math.nextafter(half, 0), math.nextafter(half, math.inf)]
        found += [(digits + 0.5) / 2.0**bits for bits in range(40)]
    return found


def anything(count: int, drawn: random.Random) -> list[float]:
    """Doubles of every size, by their bits."""
    return [struct.unpack("<d", drawn.randbytes(8))[0] for _ in range(count)]


def of_use(count: int, drawn: random.Random) -> list[float]:
    """Figures of the sizes that reports have."""
    return [drawn.uniform(1, 10) * 10.0 ** drawn.randint(-12, 12) for _ in range(count)]


@needs_node
def test_numbers_are_written_as_in_all_other_renderings():
    drawn = random.Random(1)
    every = [*ties(), *anything(20_000, drawn), *of_use(20_000, drawn)]
    every += [0.0, 1.125, 1.375, 999.5, 0.00009995, 99950.0, 999499999.9, 999500000.0, 1e9, 5e-324]
    every += [-value for value in every]
    every += [math.inf, -math.inf, math.nan]
    said = called(*(["formatNumber", _as_json(value)] for value in every))
    wrong = [
        (value, text, number(value))
        for value, text in zip(every, said, strict=True)
        if text != number(value)
    ]
    assert not wrong, wrong[:5]
    assert called(["formatNumber", None]) == ["n/a"]


@needs_node
def test_a_tie_at_ten_digits_is_rounded_as_the_contract_does():
    # 2 ** -15 has eleven digits, the last a five.
    every = [2.0**-15, 3 * 2.0**-15, 1234567890.5, 1234567891.5, 0.1, 2.0 / 3.0]
    said = called(*(["exponential", value, 9] for value in every))
    assert [float(text) for text in said] == [E(value=value).value for value in every]


@needs_node
@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6])
@pytest.mark.parametrize(
    "figure",
    [
        E(value=None),
        E(value=None, low=3.1),
        E(value=0.912),
        E(value=0.912, low=0.894, high=0.928),
        E(value=0.5, low=0.0),
        E(value=0.0, low=0.0, high=0.0),
        E(value=1234.5, low=1.0, high=1e12),
    ],
)
def test_estimates_are_written_as_in_all_other_renderings(figure, scale):
    facts = figure.model_dump(include={"value", "low", "high"})
    assert called(["formatEstimate", facts, scale]) == [estimate(figure, scale)]


def test_the_script_can_stand_inside_a_page():
    text = SCRIPT.read_text(encoding="utf-8")
    assert text.isascii()
    assert text.startswith('"use strict";')
    for ends_it in ("</script", "<!--", "<script"):
        assert ends_it not in text.lower()
    for reaches_out in ("document", "window", "import ", "require", "fetch", "eval"):
        assert f"{reaches_out}(" not in text
        assert f"{reaches_out}." not in text


def _as_json(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
