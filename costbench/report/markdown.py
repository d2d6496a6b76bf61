"""The report as a Markdown page."""

from urllib.parse import quote

from costbench.report.contents import contents
from costbench.report.contract import Report
from costbench.report.page import raw, template


def render_markdown(
    report: Report,
    plot_file: str | None = None,
    levels_file: str | None = None,
    loads_file: str | None = None,
    trace_file: str | None = None,
    budgets_file: str | None = None,
) -> str:
    """The page; files are pictures beside it: frontier, tokens by level, costs by load, power, budgets."""
    page = template("report.md.j2").render(
        **contents(report),
        plot_file=raw(quote(plot_file)) if plot_file else None,
        levels_file=raw(quote(levels_file)) if levels_file else None,
        loads_file=raw(quote(loads_file)) if loads_file else None,
        trace_file=raw(quote(trace_file)) if trace_file else None,
        budgets_file=raw(quote(budgets_file)) if budgets_file else None,
    )
    return page.strip() + "\n"
