from costbench.report.markdown import render_markdown
from tests.report.example import HOSTILE, example_report, only_abacus, unpriced


def named(report, model):
    cells = (report.cells[0].model_copy(update={"model": model}), *report.cells[1:])
    return report.model_copy(update={"cells": cells})


def test_the_page(golden):
    golden("report.md", render_markdown(example_report(), "pareto.svg"))


def test_every_row_of_every_table_has_as_many_cells_as_its_header():
    lines = render_markdown(example_report(), None).splitlines()
    widths = []
    for line in lines:
        if line.startswith("|"):
            widths.append(line.replace("\\|", "").count("|"))
        elif widths:
            assert len(set(widths)) == 1
            widths = []


def test_no_plot_is_promised_where_there_is_none():
    assert "![" in render_markdown(example_report(), "pareto.svg")
    assert "![" not in render_markdown(example_report(), None)


def test_a_hostile_name_stays_a_name():
    page = render_markdown(example_report(), None)
    assert HOSTILE not in page
    assert "\x1b" not in page
    assert "<b>" not in page
    assert r"=cmd\|" in page


def test_a_name_can_be_no_link_picture_or_second_row():
    page = render_markdown(named(example_report(), "![x](http://e)\n| 1 | _a_ **b**"), None)
    assert "![x](" not in page
    assert r"!\[x" not in page.replace(r"![x\](", "")
    assert "\n| 1 |" not in page
    assert r"\_a\_ \*\*b\*\*" in page


def test_intervals_and_policy_names_stay_readable_as_text():
    page = render_markdown(only_abacus(example_report()), None)
    assert "| budget_forcing@64 | 54.8 [53.0, 56.6] |" in page


def test_levels_have_a_table_only_where_there_are_levels():
    report = example_report()
    flat = tuple(cell.model_copy(update={"by_level": ()}) for cell in report.cells)
    assert "## Accuracy by level" in render_markdown(report, None)
    assert "## Accuracy by level" not in render_markdown(
        report.model_copy(update={"cells": flat}), None
    )


def test_the_page_says_what_is_not_known():
    page = render_markdown(unpriced(example_report()), None)
    assert "none: no price book was named" in page
    assert "prices and carbon are not known" in page
