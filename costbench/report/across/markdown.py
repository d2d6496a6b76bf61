"""One run against another as a Markdown page."""

from costbench.report.across import words
from costbench.report.across.contract import RunComparison
from costbench.report.page import page_table, template


def render_runs(found: RunComparison) -> str:
    """The page: what differs, the short tables, and every figure of every pair."""
    why = words.doubts(found)
    parts = words.places(found)
    page = template("compare.md.j2").render(
        found=found,
        sides=words.sides(found),
        differences=words.differences(found),
        title=words.title(found),
        tables=[page_table(part.title, words.columns(part, why)) for part in parts],
        legend=words.legend(found),
        doubts=why.lines,
        remarks=words.remarks(found),
        details=[
            page_table(f"{part.title} · {part.name(pair)}", words.details(pair))
            for part in parts
            for pair in part.pairs
        ],
    )
    return page.strip() + "\n"
