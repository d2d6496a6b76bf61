"""The report as files, in a folder of its own."""

from pathlib import Path

from costbench.errors import StoreError
from costbench.report.contract import Report
from costbench.report.csv import render_csv
from costbench.report.markdown import render_markdown
from costbench.report.plot_data import XAxis, known_axes, known_axis
from costbench.run_folder import write_text


def write_report(report: Report, folder: Path, *, x: XAxis | None, pareto: bool) -> list[Path]:
    """Write report.json, report.md, table.csv, and with `pareto` report.html and plots as .svg, .png, .pdf.

    They are pareto, the frontier; levels where the problems have any: tokens by difficulty; loads where
    a model was measured at several: costs and tokens per second; trace where a meter saw the work: power
    against time; and budgets where a cell has one: accuracy against tokens.
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
    if not pareto:
        return [*written, _write(folder / "report.md", render_markdown(report, None))]
    from costbench.report.web.page import render_html

    axis = x or known_axis(report)
    plots = _plots(report, folder, axis if x or known_axes(report) else None)
    pictures = [found[0] if found else None for found in plots]
    page = render_markdown(report, *(picture.name if picture else None for picture in pictures))
    html = render_html(report, [picture for picture in pictures if picture], axis)
    written += [_write(folder / "report.md", page), _write(folder / "report.html", html)]
    return [*written, *(path for each in plots for path in each)]


def _plots(report: Report, folder: Path, x: XAxis | None) -> tuple[list[Path], ...]:
    """In the order in which the page takes them; without any cost there is no frontier to draw."""
    from costbench.report.plot import write_plots
    from costbench.report.plot_budgets import write_budget_plots
    from costbench.report.plot_levels import write_level_plots
    from costbench.report.plot_loads import write_load_plots
    from costbench.report.plot_trace import write_trace_plots

    graded = any(cell.accuracy.value is not None for cell in report.cells)
    return (
        write_plots(report, folder, x) if x and graded else [],
        write_level_plots(report, folder),
        write_load_plots(report, folder),
        write_trace_plots(report, folder),
        write_budget_plots(report, folder),
    )


def _write(path: Path, text: str) -> Path:
    write_text(path, text)
    return path
