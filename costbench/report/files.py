"""The report as files, in a folder of its own."""

from pathlib import Path

from costbench.errors import StoreError
from costbench.report.contract import Report
from costbench.report.csv import render_csv
from costbench.report.markdown import render_markdown
from costbench.report.plot_data import XAxis, known_axis
from costbench.run_folder import write_text


def write_report(report: Report, folder: Path, *, x: XAxis | None, pareto: bool) -> list[Path]:
    """Write report.json, report.md and table.csv, and with `pareto` the plot as pareto.svg and .png.

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
    plots = _plots(report, folder, x or known_axis(report)) if pareto else []
    page = render_markdown(report, plots[0].name if plots else None)
    return [*written, _write(folder / "report.md", page), *plots]


def _plots(report: Report, folder: Path, x: XAxis) -> list[Path]:
    from costbench.report.plot import write_plots

    return write_plots(report, folder, x)


def _write(path: Path, text: str) -> Path:
    write_text(path, text)
    return path
