import io
import re

import pytest
from rich.console import Console

from costbench.report.contract import SkippedGroup
from costbench.report.table import print_table
from tests.report.example import example_report, only_abacus, two_groups, unpriced


def printed(report, width, **options):
    file = io.StringIO()
    print_table(report, Console(file=file, width=width, **options))
    return file.getvalue()


def test_the_table_at_120_columns(golden):
    golden("report-table.txt", printed(example_report(), 120))


def test_the_table_of_a_single_model_names_it_in_the_title(golden):
    golden("report-table-one-model.txt", printed(only_abacus(example_report()), 140))


@pytest.mark.parametrize("width", [80, 100, 120, 140, 200])
def test_no_line_is_wider_than_the_console(width):
    for line in printed(two_groups(example_report()), width).splitlines():
        assert len(line) <= width


@pytest.mark.parametrize("width", [80, 100, 140])
def test_accuracy_and_cost_per_correct_are_shown_at_every_width(width):
    text = printed(only_abacus(example_report()), width)
    assert "45.1 [43.3, 46.9]" in text
    assert "0.658 [0.632, 0.685]" in text
    assert "> 13.3" in text


def test_what_is_left_out_for_want_of_room_is_named():
    text = printed(example_report(), 100)
    assert "Not shown at this width: *gCO2e / 1M correct" in text
    assert "Not shown" not in printed(example_report(), 200)


def test_a_pipe_gets_no_color_and_no_control_characters():
    text = printed(example_report(), 120)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert r"\x1b[31m<b>`|\u202e&amp;" in printed(example_report(), 200)


def test_an_output_that_knows_only_ascii_is_served():
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_table(example_report(), Console(file=file, width=120))
    file.flush()
    text = file.buffer.getvalue().decode("ascii")
    assert "o 0.98" in text
    assert "embedded - arithmetic" in text


def test_each_caveat_is_explained_once_and_those_of_every_row_carry_no_letters():
    text = printed(example_report(), 120)
    assert text.count("all  protocol quick") == 1
    assert text.count("a    more than 10 % of the responses were cut before a final answer") == 1
    assert "b    the meter did not cover every window" in text


def test_unknown_figures_are_not_zero():
    text = printed(unpriced(only_abacus(example_report())), 140)
    row = next(line for line in text.splitlines() if line.startswith("truncation@64"))
    assert row.count("n/a") == 2  # money and carbon
    assert re.search(r"^prices +none: no price book was named", text, re.MULTILINE)


def test_comparisons_are_sentences_and_say_what_is_excluded():
    text = printed(only_abacus(example_report()), 140)
    assert "Against unconstrained (95 % intervals, paired by problem):" in text
    assert "USD per correct 1.11x [1.08, 1.14] (higher); accuracy -45.1 points" in text
    assert "accuracy -0.9 points [-2.8, +1.0], a loss above 2.8 is excluded" in text


def test_at_most_ten_comparisons_are_printed():
    report = two_groups(example_report())
    again = tuple(
        each.model_copy(
            update={
                "baseline": each.baseline.replace("embedded", "server"),
                "candidate": each.candidate.replace("embedded", "server"),
            }
        )
        for each in report.comparisons
    )
    text = printed(report.model_copy(update={"comparisons": (*report.comparisons, *again)}), 140)
    assert text.count("USD per correct ") == 10
    assert "6 more comparisons: --format md." in text


def test_skipped_and_failed_groups_are_listed_with_their_reasons():
    failed = (SkippedGroup(group="big", reason="the engine died: out of memory"),)
    text = printed(example_report().model_copy(update={"failed": failed, "complete": False}), 120)
    assert re.search(r"^skipped +r1-distill-1.5b: no CUDA GPU on this", text, re.MULTILINE)
    assert re.search(r"^failed +big: the engine died: out of memory", text, re.MULTILINE)
    assert re.search(r"^note +The run is not complete", text, re.MULTILINE)


def test_prices_name_their_source_and_leave_out_other_machines():
    text = printed(example_report(), 200)
    assert "cpu 0.0408 USD per vcpu and hour, assumed (AWS EC2 m7g.large" in text
    assert "H200" not in text
