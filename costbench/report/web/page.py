"""report.html: one file with its pictures, figures and scripts inside."""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costbench.printable import clean
from costbench.report import sentences
from costbench.report.contents import contents
from costbench.report.contract import Report, Sample
from costbench.report.plot import pareto_words
from costbench.report.plot_budgets import budget_words
from costbench.report.plot_data import XAxis
from costbench.report.plot_levels import level_words
from costbench.report.plot_trace import trace_words
from costbench.report.sections import sections
from costbench.report.sliders import sliders
from costbench.report.web.frontier import frontier_data, frontier_spec
from costbench.report.web.marks import Marks
from costbench.report.web.results import factors, results
from costbench.report.wording import PROVENANCE

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_FILES = Path(__file__).parents[1] / "templates"
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {hashes}; "
    "base-uri 'none'; form-action 'none'"
)
"""Whatever a name or an answer holds, nothing is fetched and no script runs but those written here."""


def render_html(report: Report, pictures: Sequence[Path], x: XAxis) -> str:
    """The page; `pictures` are charts as SVG, by the names of their files; `x` is the axis shown first."""
    parts = sections(report)
    marks = Marks(sentences.Footnotes.to(report))
    scripts = _scripts()
    moved = sliders(report)
    frontier = frontier_data(report)
    x = x if x in frontier["axes"] else next(iter(frontier["axes"]), x)
    data = frontier | {
        "x": x,
        "factors": factors(report),
        "sliders": [asdict(slider) for slider in moved.shown],
    }
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            **contents(report),
            policy=_POLICY.format(hashes=" ".join(map(_hash, scripts))),
            style=_raw(_text("page.css")),
            scripts=[_raw(script) for script in scripts],
            data=_raw(_json(data)),
            specs=[_raw(_json(frontier_spec(part))) for part in parts],
            results=[results(report, part, marks) for part in parts],
            axes=data["axes"],
            x=x,
            sliders=moved,
            marks=marks.all,
            samples=_samples(report),
            sources=_sources(report),
            machine=sentences.machine(report),
            pictures={
                each.stem: (_embedded(each), _said(report, each.stem, x)) for each in pictures
            },
        )
    )
    return page.strip() + "\n"


def _sources(report: Report) -> Sequence[tuple[str, str, str]]:
    """Sign, word and meaning of every source that the report's figures have."""
    used = {
        facts.provenance for cell in report.cells for facts in (cell.energy, cell.usd, cell.gco2e)
    }
    return [(mark.sign, word, mark.meaning) for word, mark in PROVENANCE.items() if word in used]


def _samples(report: Report) -> Sequence[tuple[str, Sequence[Sample]]]:
    """By cell, with its name."""
    found = [
        (part, cell, [sample for sample in report.samples if sample.cell == cell.cell])
        for part in sections(report)
        for cell in part.cells
    ]
    return [(f"{part.place} · {part.name(cell)}", mine) for part, cell, mine in found if mine]


def _embedded(picture: Path) -> str:
    """The address of an image, in which no script runs."""
    coded = base64.b64encode(picture.read_bytes()).decode("ascii")
    return f"data:image/svg+xml;base64,{coded}"


def _said(report: Report, picture: str, x: XAxis) -> str | None:
    """What is to be seen, for those who do not see it."""
    words: dict[str, Callable[[], str | None]] = {
        "pareto": lambda: pareto_words(report, x),
        "levels": lambda: level_words(report),
        "trace": lambda: trace_words(report),
        "budgets": lambda: budget_words(report),
    }
    found = words.get(picture, lambda: _LOADS)()
    return f"{found}. A table on this page has the figures."


_LOADS = "Cost per correct answer and tokens per second against load"


@cache
def _library() -> str:
    """Vega and what draws with it, as one script; making it takes a second."""
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def _scripts() -> tuple[str, ...]:
    """Vega's, then ours."""
    return (_library(), _text("reprice.js"), _text("page.js"))


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _json(data: Any) -> str:
    """As it may stand between tags of a script."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _text(name: str) -> str:
    return (_FILES / name).read_text(encoding="utf-8")


def _raw(text: str) -> "Markup":
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - of our own, or without any markup


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_FILES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )


def _shown(value: object) -> object:
    """What cannot be seen is made visible; jinja escapes the rest."""
    from markupsafe import Markup

    return (
        clean(value, keep="\n")
        if isinstance(value, str) and not isinstance(value, Markup)
        else value
    )
