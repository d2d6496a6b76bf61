"""Whatever is known of a run and whatever is not: every form of its report can be made."""

import pytest
from report.repricing_cases import examples
from rich.console import Console

from costbench.report.csv import render_csv
from costbench.report.markdown import render_markdown
from costbench.report.table import print_table


@pytest.mark.parametrize("name", examples())
def test_a_report_can_be_printed_in_every_form(name: str) -> None:
    report = examples()[name]
    console = Console(width=120, record=True, file=None, quiet=False)
    print_table(report, console)
    assert report.cells[0].model in console.export_text()
    assert report.cells[0].model in render_markdown(report, None)
    assert report.cells[0].cell in render_csv(report)


def test_a_price_of_tokens_is_told_with_its_source() -> None:
    page = render_markdown(examples()["remote, by tokens"], None)
    price = "base 1.00 USD per million input tokens, 10.0 per million output tokens, assumed (a host; a test"
    assert price in page
