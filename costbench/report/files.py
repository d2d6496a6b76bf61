"""The report as files, in a folder of its own."""

from pathlib import Path

from costbench.errors import StoreError
from costbench.report.contract import Report
from costbench.report.csv import render_csv
from costbench.report.markdown import render_markdown
from costbench.report.plot_data import XAxis, known_axis
from costbench.run_folder import write_text


def write_report(report: Report, folder: Path, *, x: XAxis | None, pareto: bool) -> list[Path]:
    """Write report.json, report.md and table.csv, and with `pareto` the plots as .svg and .png.

    They are pareto, the frontier; levels where the problems have any: tokens by difficulty; and loads where
    a model was measured at several: costs and tokens per second.
    Without `x` the plot takes the first cost that is known. Raises StoreError where the folder cannot be
    written, CostbenchError where `x` is not known.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{folder}: cannot be made: {error.strerror}; name another with --out"
        ) from error
    texts = {
        "report.json": report.model_dump_json(indent=2) + "\n",
        "table.csv": render_csv(report),
    }
    written = [_write(folder / name, text) for name, text in texts.items()]
    plots = _plots(report, folder, x or known_axis(report)) if pareto else ([], [], [])
    pictures = [found[0].name if found else None for found in plots]
    page = render_markdown(report, *pictures)
    written.append(_write(folder / "report.md", page))
    if pareto:
        shown = {found[0].stem: found[0] for found in plots if found}
        written.append(_write(folder / "report.html", _page(report, shown, x)))
    return [*written, *(path for each in plots for path in each)]


def _page(report: Report, shown: dict[str, Path], x: XAxis | None) -> str:
    from costbench.report.web.page import Picture, render_html

    axis = x or known_axis(report)
    pictures = {name: Picture(path, _WORDS[name]) for name, path in shown.items()}
    return render_html(report, pictures, axis)


_WORDS = {
    "pareto": "Accuracy against cost per attempt. The tables below have all figures.",
    "levels": "Tokens per attempt by level of difficulty. The table below has all figures.",
    "loads": "Cost per correct answer and tokens per second against load. The table below has all figures.",
}


def _plots(report: Report, folder: Path, x: XAxis) -> tuple[list[Path], list[Path], list[Path]]:
    from costbench.report.plot import write_plots
    from costbench.report.plot_levels import write_level_plots
    from costbench.report.plot_loads import write_load_plots

    return (
        write_plots(report, folder, x),
        write_level_plots(report, folder),
        write_load_plots(report, folder),
    )


def _write(path: Path, text: str) -> Path:
    write_text(path, text)
    return path
