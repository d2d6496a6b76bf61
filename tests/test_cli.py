"""The command line: its help, its exit codes, and one sentence for whatever goes wrong."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from costbench.cli import main
from costbench.suite import load_suite

ROOT = Path(__file__).parents[1]
BUNDLED = ROOT / "suites" / "math.yaml"
BUNDLES = ", ".join(sorted(path.stem for path in BUNDLED.parent.glob("*.yaml")))
COMMANDS = sorted(main.commands)

SUITE = """\
name: small
groups:
  - name: tiny
    engine: transformers
    datasets: [{kind: arithmetic, problems: 8, seed: 7}]
    models: [{name: a, path: MODEL}]
    policies: [{kind: truncation, budget: [16, 32]}]
    load: {concurrency: 4}
  - name: elsewhere
    requires: {packages: [no-such-package]}
    engine: transformers
    datasets: [arithmetic]
    models: [{name: b, path: org/b}]
    policies: [unconstrained]
"""


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network, a terminal of known width, and a folder of its own."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")  # set by the command itself otherwise
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite with a group that runs here (the model is looked at, never loaded) and one that does not."""
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    path = tmp_path / "small.yaml"
    path.write_text(SUITE.replace("MODEL", str(model)))
    return path


def costbench(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], prog_name="costbench")


def failure(*arguments: object) -> str:
    """What a command that fails says on stderr; nothing else may be there."""
    result = costbench(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert result.stderr.startswith("costbench: ")
    return result.stderr.removeprefix("costbench: ").removesuffix("\n")


# Help


@pytest.mark.parametrize("name", COMMANDS)
def test_help_lists_every_option_with_what_it_does(name: str) -> None:
    text = " ".join(costbench(name, "--help").stdout.split())
    command = main.commands[name]
    assert " ".join((command.help or "").split()) in text
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]} has no help"
            assert all(option in text for option in parameter.opts)
            assert " ".join(parameter.help.split()) in text
        else:
            assert parameter.make_metavar(click.Context(command)) in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_reads_as_it_was_reviewed(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"help/{name}.txt", costbench(name, "--help").stdout)


def test_the_first_help_reads_as_it_was_reviewed(golden: Callable[[str, str], None]) -> None:
    golden("help/costbench.txt", costbench("--help").stdout)


def test_every_help_that_was_reviewed_has_its_command() -> None:
    reviewed = {path.stem for path in (ROOT / "tests" / "golden" / "help").glob("*.txt")}
    assert reviewed == {*COMMANDS, "costbench"}


def test_every_command_is_in_the_first_help_with_a_line() -> None:
    lines = [line.split() for line in costbench("-h").stdout.splitlines()]
    for name in COMMANDS:
        assert any(line[:1] == [name] and len(line) > 2 for line in lines)


def test_the_version_is_told() -> None:
    result = costbench("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("costbench, version ")


# plan


def test_plan_names_each_group_of_the_bundled_suite() -> None:
    result = costbench("plan", BUNDLED)
    assert (result.exit_code, result.stderr) == (0, "")
    for group in load_suite(BUNDLED).groups:
        assert group.name in result.stdout


def test_a_bundled_suite_is_found_by_name_wherever_one_is() -> None:
    assert (
        costbench("plan", "math", "--limit", 1).stdout
        == costbench("plan", BUNDLED, "--limit", 1).stdout
    )
    assert costbench("plan", "suites/math.yaml", "--limit", 1).exit_code == 0


def test_plan_counts_cells_attempts_and_tokens_and_says_what_is_skipped(suite: Path) -> None:
    result = costbench("plan", suite)
    assert (result.exit_code, result.stderr) == (0, "")
    (row,) = [line for line in result.stdout.splitlines() if "tiny" in line]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["tiny", "2", "16", "384", "n/a", "n/a", "n/a"]
    assert (
        "skipped elsewhere: the package no-such-package is not installed (pip install no-such-package)"
        in result.stdout.splitlines()
    )


def test_plan_obeys_limit_and_only(suite: Path) -> None:
    result = costbench("plan", suite, "--limit", 3, "--only", "tiny/*/truncation@32")
    (row,) = [line for line in result.stdout.splitlines() if "tiny" in line]
    assert [cell.strip() for cell in row.split("│")][2:5] == ["1", "3", "96"]


def test_plan_shows_a_prompt_as_it_is_sent(suite: Path, tmp_path: Path) -> None:
    question = "[red]:smile: " + "word " * 60 + "[/] end?"
    (tmp_path / "mine.jsonl").write_text(
        '{"id": 1, "answer": "1", "question": "' + question + '"}\n'
    )
    text = suite.read_text().replace(
        "[{kind: arithmetic, problems: 8, seed: 7}]",
        '[{kind: jsonl, path: mine.jsonl, prompt: "{question}\\nNow."}]',
    )
    suite.write_text(text)
    result = costbench("plan", suite, "--show-prompt")
    assert f"{question}\nNow.\n" in result.stdout


def test_plan_shows_a_prompt_as_the_models_template_renders_it(tmp_path: Path) -> None:
    suite = tmp_path / "small.yaml"
    suite.write_text(SUITE.replace("MODEL", '"embedded:abacus-base"'))
    head, rendered = costbench("plan", suite, "--show-prompt").stdout.split("rendered for ")
    question = head.split("arithmetic, graded by math")[1].splitlines()[1]
    assert question.startswith("Start with ")
    before, _ = rendered.split(question)
    assert before.startswith("a ")
    assert before.splitlines()[1]  # the template's own mark


def test_a_prompt_whose_data_or_tokenizer_is_not_here_is_told_in_a_sentence(
    suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    suite.write_text(suite.read_text().replace("datasets: [arithmetic]", "datasets: [gsm8k]"))
    result = costbench("plan", suite, "--show-prompt")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert "(not rendered: the tokenizer of a is not here)" in lines
    assert (
        "not here: dataset openai/gsm8k needs the datasets library: pip install datasets" in lines
    )


def test_prompts_of_token_ids_are_shown_as_what_is_sent(tmp_path: Path) -> None:
    """No template, no description in words, no grader, whatever the model."""
    load = "{kind: random_tokens, name: decode, problems: 2, input_tokens: 9, output_tokens: 7}"
    for model in ("embedded:abacus-base", "random:tiny"):
        suite = tmp_path / "load.yaml"
        text = SUITE.replace("MODEL", f'"{model}"')
        suite.write_text(text.replace("[{kind: arithmetic, problems: 8, seed: 7}]", f"[{load}]"))
        said = costbench("plan", suite, "--show-prompt").stdout
        shown = said.split("decode, not graded")[1].partition("arithmetic, graded by math")[0]
        assert shown.splitlines()[1] == "9 token ids, sent as they are"
        assert "rendered" not in shown
        assert "random tokens" not in shown


def test_a_model_of_random_weights_has_no_tokenizer_to_render_with(tmp_path: Path) -> None:
    suite = tmp_path / "words.yaml"
    suite.write_text(SUITE.replace("MODEL", '"random:tiny"'))
    lines = costbench("plan", suite, "--show-prompt").stdout.splitlines()
    assert "(not rendered: a has random weights and no tokenizer)" in lines


def test_plan_shows_what_a_skipped_group_would_run_elsewhere(suite: Path) -> None:
    suite.write_text(suite.read_text().replace("datasets: [arithmetic]", "datasets: [gsm8k]"))
    rows = {
        cells[1]: cells[2:4]
        for line in costbench("plan", suite, "--limit", 100).stdout.splitlines()
        if len(cells := [cell.strip() for cell in line.split("│")]) > 3
    }
    assert rows["tiny"] == ["2", "16"]
    assert rows["(elsewhere)"] == ["1", "100"]


def test_a_long_name_of_a_group_is_told_in_full(suite: Path) -> None:
    name = "g" * 80
    suite.write_text(suite.read_text().replace("name: tiny", f"name: {name}"))
    shown = "".join(
        line.strip("│ ").split("│")[0].strip()
        for line in costbench("plan", suite).stdout.splitlines()
    )
    assert name in shown


def test_plan_fails_where_nothing_can_run(suite: Path) -> None:
    text = suite.read_text()
    suite.write_text(
        text.replace("  - name: tiny\n", "  - name: tiny\n    requires: {packages: [no-such]}\n")
    )
    result = costbench("plan", suite)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "costbench: nothing in small can run on this machine:",
        "  tiny: the package no-such is not installed (pip install no-such)",
        "  elsewhere: the package no-such-package is not installed (pip install no-such-package)",
    ]


# What goes wrong


def test_a_folder_and_a_slip_of_the_pen_are_told() -> None:
    assert failure("plan", ".") == ".: is a folder; name the suite file in it"
    assert "no bundled suite; did you mean 'math'? (available: " in failure("plan", "maths")


@pytest.mark.parametrize("name", ["nosuch", "nosuch.yaml", "deep/er/nosuch", "x" * 300])
def test_a_suite_that_is_not_there_is_told_with_the_bundled_ones(name: str) -> None:
    assert (
        failure("plan", name)
        == f"{name}: no such file, and no bundled suite (available: {BUNDLES})"
    )


BAD_COMMANDS = {
    "plan bad.yaml": "bad.yaml:1: nam: unknown key `nam`; did you mean `name`?",
    "plan small.yaml --only zzz": "--only zzz matches no cell; there are:",
    "report nosuch": "nosuch: no such run; there is none in runs",
    "report": "runs: no run yet; start one with `costbench run math`",
    "report --runs none": "none: no run yet; start one with `costbench run math`",
    "run nosuch": "nosuch: no such file, and no bundled suite (available: ",
    "train nosuch": "nosuch: no such file, and no bundled recipe (there are: ",
}


@pytest.mark.parametrize("command", BAD_COMMANDS)
def test_a_stated_failure_is_a_sentence_and_exit_code_1(suite: Path, command: str) -> None:
    (suite.parent / "bad.yaml").write_text(suite.read_text().replace("name: small", "nam: small"))
    assert BAD_COMMANDS[command] in failure(*command.split())


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nosuch",),
        ("plan",),
        ("run",),
        ("train",),
        ("plan", "math", "extra"),
        ("plan", "math", "--nosuch"),
        ("plan", "math", "--limit", "0"),
        ("plan", "math", "--limit", "many"),
        ("run", "math", "--limit", "-1"),
        ("report", "--x", "gold"),
        ("report", "--format", "xml"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_with_exit_code_2(arguments: tuple[str, ...]) -> None:
    result = costbench(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: costbench")
    assert result.stdout == ""


def test_nothing_of_a_failure_is_written_anywhere(suite: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    failure("run", "nosuch")
    failure("report")
    failure("plan", suite, "--only", "zzz")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_module_runs_as_the_command_does(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "costbench", "plan", "nosuch"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
        env=dict(os.environ),
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("costbench: nosuch: no such file")
    assert "Traceback" not in done.stderr
