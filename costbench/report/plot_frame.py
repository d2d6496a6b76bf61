"""What all plots have in common: fonts, titles, what they say of the run, and how they become files."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from costbench.errors import StoreError
from costbench.printable import clean
from costbench.report import sentences
from costbench.report.contract import Report
from costbench.report.pdf import same_every_time

if TYPE_CHECKING:
    import altair as alt

_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
_INK, _QUIET = "#1a1a1a", "#555555"
_TITLE_LETTERS, _SUBTITLE_LETTERS = 100, 140
"""How many letters fit into a line of each."""
_PNG_SCALE = 2.0
_MOST_MODELS = 12


def write_chart(chart: "alt.TopLevelMixin", path: Path) -> list[Path]:
    """An .svg, a .png and a .pdf of that name, made without a browser or a network; raises StoreError."""
    import altair as alt
    import vl_convert

    spec = chart.to_dict(validate=False)
    # Altair has no name for it: side by side, two legends are wider than the frame.
    spec["config"]["legend"]["layout"] = {"bottom": {"anchor": "start", "direction": "vertical"}}
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    svg, png, pdf = (path.with_suffix(kind) for kind in (".svg", ".png", ".pdf"))
    drawn = vl_convert.vegalite_to_svg(spec, vl_version=version)
    try:
        svg.write_text(drawn, encoding="utf-8")
        png.write_bytes(vl_convert.svg_to_png(drawn, scale=_PNG_SCALE))
        pdf.write_bytes(same_every_time(vl_convert.svg_to_pdf(drawn)))
    except OSError as error:
        told = f"{path.parent}: the plot cannot be written there: {error.strerror}"
        raise StoreError(told) from error
    return [svg, png, pdf]


def titled(text: str, lines: Sequence[str]) -> "alt.TitleParams":
    """A headline and what stands below it, in lines that fit."""
    import altair as alt

    def wrapped(line: str, letters: int) -> list[str]:
        return wrap(line, letters, break_on_hyphens=False)

    subtitle = [part for line in lines for part in wrapped(line, _SUBTITLE_LETTERS)]
    return alt.TitleParams(text=wrapped(text, _TITLE_LETTERS), subtitle=subtitle, anchor="start")


def about_run(report: Report) -> list[str]:
    """What the models are, for a plot must not be taken for more than it shows; where it was measured."""
    if report.notes:
        what = sentences.first_sentence(report.notes[0])
    else:
        models = list(dict.fromkeys(clean(cell.model) for cell in report.cells))
        more = len(models) - _MOST_MODELS
        listed = ", ".join(models[:_MOST_MODELS])
        what = f"Models: {listed}{f' and {more} more' if more > 0 else ''}."
    places = dict.fromkeys(f"{clean(c.group)} · {clean(c.dataset)}" for c in report.cells)
    where = f"{sentences.machine(report)} · protocol {report.protocol}"
    return [what, f"{where} · {', '.join(places)}"]


def styled(chart: Any) -> "alt.TopLevelMixin":
    """In the looks of all plots."""
    found: alt.TopLevelMixin = (
        chart.configure(font=_FONT, background="white", padding=14)
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=10,
            labelColor=_INK,
            titleColor=_INK,
            domainColor=_QUIET,
            tickColor=_QUIET,
        )
        .configure_title(
            fontSize=16,
            subtitleFontSize=11.5,
            subtitlePadding=6,
            subtitleLineHeight=16,
            offset=24,
            color=_INK,
            subtitleColor=_QUIET,
        )
        .configure_legend(orient="bottom", labelFontSize=12, labelLimit=360, title=None, padding=4)
    )
    return found
