"""`costbench compare` and `--fail-if` as a user calls them, on run folders written by hand."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from costbench.cli import main
from costbench.metered import METER as METERED
from costbench.policies.truncation import Truncation
from costbench.report.across.contract import RunComparison
from costbench.store import Store
from tests.report.hand import ALL_RIGHT, BOOK, CLOCK, TWO_RIGHT, Hand, Try, make_cell

SLOW = {at: Try(one.tokens * 2, one.verdict) for at, one in TWO_RIGHT.items()}
STORED = {"price_book": BOOK.model_dump(mode="json"), "price_file": "test.yaml"}


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("costbench.store.time", CLOCK)
    monkeypatch.chdir(tmp_path)


Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a run with one cell of two passes below runs/; gives its name."""

    def write(name: str, *cells: object, tries: object = ALL_RIGHT, lasting_s: float = 30.0,
              **meta: object) -> str:  # fmt: skip
        hand = Hand(tmp_path / "runs" / name, *cells, **(STORED | meta))
        with hand.store:
            hand.session()
            for number in range(2):
                for cell in cells:
                    hand.work(cell, number, tries, lasting_s=lasting_s)
        return name

    return write


def costbench(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], prog_name="costbench")


def compared(*arguments: object) -> RunComparison:
    result = costbench("compare", *arguments, "--format", "json")
    assert result.exit_code == 0, result.stderr
    return RunComparison.model_validate_json(result.stdout)


@pytest.fixture
def two(write: Write) -> tuple[str, str]:
    """A run, and one that takes twice the time and tokens for half of the right answers."""
    cell = make_cell()
    return write("one", cell), write("other", cell, tries=SLOW, lasting_s=60.0)


def test_two_folders_are_compared_by_name_or_by_path(two: tuple[str, str]) -> None:
    found = compared(*two)
    assert (found.baseline.run, found.candidate.run) == two
    (pair,) = found.pairs
    assert (pair.matched_by, pair.problems) == ("id", 4)
    assert pair.metrics["accuracy"].difference.value == -0.5
    assert pair.metrics["joules_per_correct"].ratio.value == pytest.approx(4)
    assert pair.metrics["usd_per_attempt"].verdict == "higher"
    assert (found.margin, found.prices["file"]) == (0.05, "test.yaml")
    assert compared("runs/one", "runs/other/run.db") == found
    turned = compared("other", "one").pairs[0].metrics["joules_per_correct"]
    assert turned.ratio.value == pytest.approx(1 / 4)


@pytest.mark.parametrize("form", ["table", "md"])
def test_a_table_and_a_page_are_printed(two: tuple[str, str], form: str) -> None:
    result = costbench("compare", *two, "--format", form)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "-50.0 [" in result.stdout
    assert "higher" in result.stdout


def test_margin_prices_and_grader_can_be_named(two: tuple[str, str], tmp_path: Path) -> None:
    free_of_grid = BOOK.model_dump(mode="json", exclude={"grid", "electricity"})
    (tmp_path / "mine.yaml").write_text(json.dumps(free_of_grid))  # JSON is YAML
    found = compared(*two, "--margin", "0.5", "--prices", "mine.yaml", "--grader", "math")
    assert found.margin == 0.5
    assert found.prices["file"] == "mine.yaml"
    assert found.pairs[0].metrics["accuracy"].refused is None


def test_a_run_of_another_grader_says_how_to_compare_it_all_the_same(write: Write) -> None:
    cell = make_cell()
    one = write("one", cell)
    other = write("other", cell)
    with Store.open(Path("runs") / other) as store, store.transaction():
        spec = store.specs()[cell.id] | {"grader": {"kind": "math"}}
        store.db.execute("UPDATE cells SET spec = ?", (json.dumps(spec),))
    refused = compared(one, other).pairs[0].metrics["accuracy"].refused
    assert refused is not None
    assert refused.code == "different_grader"
    again = compared(one, other, "--grader", "exact").pairs[0].metrics["accuracy"]
    assert (again.refused, again.ratio.value) == (None, 1)


def failure(*arguments: object) -> str:
    result = costbench(*arguments)
    assert result.exit_code == 1, result.output
    return result.stderr


def test_what_has_nothing_in_common_is_a_sentence_with_both_sides(write: Write) -> None:
    one = write("one", make_cell())
    other = write("other", make_cell(Truncation(budget=16)))
    assert failure("compare", one, other).splitlines() == [
        "costbench: no cell of the two runs is the same, by id or by model, policy, budget and dataset; "
        "there are",
        "  in the baseline:",
        "    hand/base/unconstrained/sums/c2",
        "  in the candidate:",
        "    hand/base/truncation@16/sums/c2",
    ]


def test_a_dataset_of_another_size_is_a_sentence(write: Write) -> None:
    one, other = write("one", make_cell()), write("other", make_cell(problems=5))
    assert failure("compare", one, other) == (
        "costbench: no cell of the two runs may be compared:\n"
        "  hand/base/unconstrained/sums/c2: the dataset sums is not the same: 4 problems against "
        "5 problems; run both with the same problems\n"
    )


def test_a_run_with_itself_and_a_metered_program_are_refused(two: tuple[str, str]) -> None:
    assert failure("compare", "one", "runs/one") == (
        "costbench: runs/one and runs/one are one run; name two\n"
    )
    with Store.open(Path("runs/other")) as store, store.transaction():
        store.set_meta("kind", METERED)
    assert "is of `costbench meter`, which has no cells" in failure("compare", *two)
    assert "nosuch: no such run" in failure("compare", "one", "nosuch")


def test_a_gate_of_a_comparison_fails_after_the_result_was_printed(two: tuple[str, str]) -> None:
    gates = ("--fail-if", "ratio.usd_per_attempt.low > 1.05", "--fail-if", "accuracy < 0.1")
    result = costbench("compare", *two, *gates, "--format", "json")
    assert result.exit_code == 1
    assert RunComparison.model_validate_json(result.stdout)
    assert result.stderr.splitlines() == [
        'costbench: --fail-if "ratio.usd_per_attempt.low > 1.05" fails 1 of 1 cell:',
        "  hand/base/unconstrained/sums/c2: ratio.usd_per_attempt.low is 2",
    ]
    fine = costbench("compare", *two, "--fail-if", "ratio.usd_per_attempt.low > 2.05")
    assert (fine.exit_code, fine.stderr) == (0, "")


def test_a_gate_of_a_report_fails_after_its_files_were_written(two: tuple[str, str]) -> None:
    result = costbench("report", "other", "--fail-if", "accuracy <= 50% in hand/base")
    assert result.exit_code == 1
    assert "  hand/base/unconstrained/sums/c2: accuracy is 0.5\n" in result.stderr
    assert (Path("reports") / "other" / "report.json").is_file()
    assert costbench("report", "one", "--fail-if", "accuracy <= 50%").exit_code == 0
    unknown = costbench("report", "one", "--fail-if", "windows.steady.joules > 1")
    assert unknown.exit_code == 1
    assert "windows.steady.joules is not known" in unknown.stderr


@pytest.mark.parametrize(
    ("command", "expression", "told"),
    [
        ("report nosuch", "acuracy < 1", "there is no figure acuracy; did you mean accuracy"),
        ("report nosuch", "ratio.usd_per_correct > 1", "is a figure of `costbench compare`"),
        ("compare no such", "tokens_per_second < 1", "is a figure of `costbench report`"),
        ("compare no such", "accuracy <", "expected a figure or a number where it ends"),
        ("report nosuch", "\x1b[31m < 1", r"\x1b"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_read(
    command: str, expression: str, told: str
) -> None:
    result = costbench(*command.split(), "--fail-if", expression)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: costbench ")
    assert told in result.stderr
    assert "\x1b" not in result.stderr


def test_a_metered_program_has_no_gates(two: tuple[str, str]) -> None:
    with Store.open(Path("runs/other")) as store, store.transaction():
        store.set_meta("kind", METERED)
    result = costbench("report", "other", "--fail-if", "accuracy < 1")
    assert result.exit_code == 2
    assert "`costbench meter` has no cells" in result.stderr


def test_a_margin_that_is_none_is_wrong_usage() -> None:
    for margin in ("0", "1", "-0.1", "much"):
        assert costbench("compare", "a", "b", "--margin", margin).exit_code == 2
