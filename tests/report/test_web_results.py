"""The table of report.html: sources in words, and every doubt beside the figure that it touches."""

from report.example import EVERYWHERE, example_report

from costbench.report.caveats import explain
from costbench.report.contract import Report
from costbench.report.sections import sections
from costbench.report.sentences import Footnotes
from costbench.report.web.marks import Marks
from costbench.report.web.results import Results, results

COLUMNS = (
    "configuration",
    "accuracy",
    "output",
    "latency",
    "mJ",
    "USD",
    "gCO2e",
    "machine",
    "frontier",
)


def made(report: Report) -> Results:
    (part,) = sections(report)
    return results(report, part, Marks(Footnotes.to(report)))


def with_caveats(*codes: str) -> Report:
    """The example, where the first cell alone has these beside what all have."""
    report = example_report()
    cells = [cell.model_copy(update={"caveats": EVERYWHERE}) for cell in report.cells]
    cells[0] = cells[0].model_copy(update={"caveats": (*EVERYWHERE, *codes)})
    return report.model_copy(update={"cells": tuple(cells)})


def doubts(table: Results, row: int) -> dict[str, list[str]]:
    """Sentences by the column beside whose figure they are."""
    found = zip(COLUMNS, table.rows[row], strict=True)
    return {name: [mark.sentence for mark in entry.marks] for name, entry in found if entry.marks}


def test_a_doubt_about_one_row_stands_beside_its_figure() -> None:
    codes = ("many_truncated", "low_resolution", "late_arrivals", "estimated_tokens", "one_pass")
    table = made(with_caveats(*codes))
    assert [head.name for head in table.heads] == list(COLUMNS)
    truncated, resolution, late, estimated, one_pass = map(explain, codes)
    assert doubts(table, 0) == {
        "configuration": [one_pass],
        "accuracy": [truncated],
        "output": [estimated],
        "latency": [late],
        "mJ": [resolution],
    }
    assert doubts(table, 1) == {}
    headed = [mark.sentence for head in table.heads for mark in head.marks]
    assert not set(headed) & {truncated, resolution, late, estimated, one_pass}


def test_a_doubt_about_every_row_stands_once_in_the_header() -> None:
    table = made(with_caveats())
    found = {
        head.name: [mark.sentence for mark in head.marks] for head in table.heads if head.marks
    }
    assert found == {
        "mJ": [
            explain(code) for code in EVERYWHERE if code not in {"assumed_price", "assumed_grid"}
        ],
        "USD": [explain("assumed_price")],
        "gCO2e": [explain("assumed_grid")],
    }


def test_sources_are_told_in_words_in_the_header() -> None:
    heads = {head.name: (head.source, head.sign) for head in made(with_caveats()).heads}
    assert heads["mJ"] == ("modelled", "~")
    assert heads["USD"] == ("assumed", "*")
    assert heads["accuracy"] == (None, "")


def test_figures_of_several_sources_have_their_signs_one_by_one() -> None:
    report = with_caveats()
    first, *rest = report.cells
    bought = first.usd.model_copy(update={"provenance": "imported"})
    cells = (first.model_copy(update={"usd": bought}), *rest)
    table = made(report.model_copy(update={"cells": cells}))
    money = [row[COLUMNS.index("USD")] for row in table.rows]
    assert [each.sign for each in money[:2]] == ["^", "*"]
    assert money[0].text.startswith("^")
    assert table.heads[COLUMNS.index("USD")].source is None


def test_there_are_letters_for_as_many_doubts_as_there_may_be() -> None:
    codes = tuple(f"doubt_{at}" for at in range(30))
    marks = Marks(Footnotes(everywhere=codes[:1], some=codes[1:]))
    letters = [mark.letter for mark, _ in marks.all]
    assert letters[:2] == ["a", "b"]
    assert letters[25:28] == ["z", "aa", "ab"]
    assert len(set(letters)) == 30
