"""What differs between two runs, and how the comparison is written."""

import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from costbench.policies.truncation import Truncation
from costbench.protocol import Protocol
from costbench.report.across.contract import RunComparison
from costbench.report.across.markdown import render_runs
from costbench.report.across.table import print_runs
from tests.report.example import HOSTILE
from tests.report.two_runs import METER, RIGHT, cell, changed, compared, machine, part, run

SHORT = Truncation(budget=64)


def differences(baseline, candidate):
    found = compared(baseline, candidate).differences
    return {each.what: (each.baseline, each.candidate, each.cells) for each in found}


def printed(found, width=120, **options):
    file = io.StringIO()
    print_runs(found, Console(file=file, width=width, **options))
    return file.getvalue()


def hashes(value):
    return {"model_sha256": {"g/base": value * 64}}


def several():
    """Two machines: a cell that is compared, one that is half refused, and one without a counterpart."""
    there = machine(cpu="Other", cores=8, versions={"torch": "2.14.0"})
    modelled = METER.model_copy(
        update={"provenance": "modelled", "method": "codecarbon_load_model"}
    )
    baseline = run(
        cell(), cell(policy=SHORT, tokens=60), cell(model="gone"), **hashes("a"),
        machine=machine(versions={"torch": "2.13.0"}),
    )  # fmt: skip
    candidate = run(
        cell(seconds=(15.0, 20.0), tokens=80),
        part(cell(policy=SHORT, concurrency=8, tokens=55, correct=RIGHT[::-1]), 7),
        meter=modelled, machine=there, complete=False, costbench_version="0.2.0", **hashes("b"),
    )  # fmt: skip
    return compared(baseline, candidate)


def test_what_is_the_same_is_not_listed():
    assert differences(run(cell(), **hashes("a")), run(cell(), **hashes("a"))) == {}


def test_machine_versions_and_protocol_are_listed_once():
    standard = Protocol.named("standard")
    suite = run(cell()).meta["suite"] | {"protocol": standard.model_dump(mode="json")}
    found = differences(
        run(cell()),
        run(
            cell(), machine=machine(cores=8, versions={"torch": "2.14.0"}), suite=suite,
            costbench_version="0.2.0", **{f"engine:{cell().id}": {"versions": {"torch": "2.14.0"}}},
        ),
    )  # fmt: skip
    assert found["cores"] == ("2", "8", ())
    assert found["torch"] == (None, "2.14.0", ())
    assert found["costbench"] == ("0.1.0", "0.2.0", ())
    assert found["protocol"] == ("quick", "standard", ())
    assert len(found) == 4  # that a standard protocol has 3 passes is no news

    longer = standard.model_copy(update={"window_s": 45.0}).model_dump(mode="json")
    changed_suite = run(cell(), suite=suite | {"protocol": longer})
    assert differences(run(cell(), suite=suite), changed_suite) == {
        "protocol window_s": ("30.0", "45.0", ())
    }


def test_sampling_policy_and_prompts_are_listed_with_the_cells_that_they_are_true_of():
    one, other = cell(), cell(policy=SHORT)
    warmer = changed(one, sampling=one.spec["sampling"] | {"temperature": 1.0, "top_k": 1})
    both = differences(run(one), run(warmer))
    assert both["sampling temperature"] == ("0.6", "1.0", ())
    assert both["sampling top_k"] == ("0", "1", ())  # a number, not a yes
    some = differences(run(one, other), run(warmer, other))
    assert some["sampling temperature"] == ("0.6", "1.0", (one.id,))
    longer = changed(one, policy=one.spec["policy"] | {"max_tokens": 128})
    assert differences(run(one), run(longer))["policy max_tokens"] == ("64", "128", ())


def test_models_are_the_same_by_their_files_wherever_those_lie():
    elsewhere = changed(cell(), model=cell().spec["model"] | {"path": "another/place"})
    assert differences(run(cell(), **hashes("a")), run(elsewhere, **hashes("a"))) == {}
    found = differences(run(cell(), **hashes("a")), run(cell(), **hashes("b")))
    assert found == {"model files": ("a" * 12, "b" * 12, ())}


def test_runs_that_do_not_know_their_models_files_say_so():
    found = compared(run(cell()), run(cell(), **hashes("a")))
    assert [note for note in found.notes if "is not known" in note] == [
        "Whether the models' files are the same is not known: a run of an older version does not say so "
        "by model."
    ]
    whole = compared(run(cell(), **hashes("a")), run(cell(), **hashes("a")))
    assert not [note for note in whole.notes if "is not known" in note]


def test_the_table_at_120_columns(golden):
    golden("compare-table.txt", printed(several()))


def test_the_page(golden):
    golden("compare.md", render_runs(several()))


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_no_line_is_wider_than_the_console_and_accuracy_is_on_each(width):
    text = printed(several(), width)
    assert max(map(len, text.splitlines())) <= width
    assert re.search(r"truncation@64 c8 +\S+ \[\S+, \S+\] ", text)


def test_what_is_not_compared_has_its_reason_below():
    text = printed(several(), 200)
    (letter,) = re.findall(r"^(\w) +latency, mean s: 2 attempts in flight against 8", text, re.M)
    assert f"n/a {letter}" in text
    assert "J / attempt, J / correct: joules of the candidate are modelled, not measured" in text
    assert "only in baseline" in text


def test_a_comparison_without_differences_says_so():
    found = compared(run(cell(), **hashes("a")), run(cell(), **hashes("a")))
    assert "Nothing else that is stored differs" in printed(found)
    assert "Nothing else that is stored." in render_runs(found)


def test_a_hostile_name_stays_a_name():
    nasty = cell().spec["model"] | {"name": HOSTILE}
    found = compared(run(changed(cell(), model=nasty)), run(changed(cell(), model=nasty)))
    for text in (printed(found, 200), render_runs(found)):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "<b>" not in render_runs(found)


def test_an_output_that_knows_only_ascii_is_served():
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_runs(several(), Console(file=file, width=120))
    file.flush()
    assert "g - sums" in file.buffer.getvalue().decode("ascii")


def test_every_row_of_the_page_has_as_many_cells_as_its_header():
    widths = []
    for line in render_runs(several()).splitlines():
        if line.startswith("|"):
            widths.append(line.replace("\\|", "").count("|"))
        elif widths:
            assert len(set(widths)) == 1
            widths = []


def test_a_comparison_comes_back_from_json_as_it_was():
    text = several().model_dump_json()
    assert RunComparison.model_validate_json(text) == several()
    assert "NaN" not in text
    assert json.loads(text)["schema_version"] == 1


def test_loads_without_answers_are_compared_by_attempt():
    sides = [
        replace(
            each, gradable=False, columns=each.columns | {"outcome": np.full(each.attempts, 3.0)}
        )
        for each in (cell(), cell())
    ]
    text = printed(compared(*map(run, sides)), 200)
    header = re.search(r"^ *policy .*$", text, re.M)
    assert header is not None
    assert "USD / attempt" in header[0]
    assert "correct" not in header[0]
    assert "USD / correct" in printed(compared(run(cell()), run(cell())), 200)
