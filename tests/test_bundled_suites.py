"""The suites that come with costbench: each can be read, and planned without network, data and hardware."""

from pathlib import Path

import pytest
import yaml
from machines import machine

from costbench.hardware import Gpu
from costbench.interfaces import Served
from costbench.locations import find_suite
from costbench.plan import make_plan
from costbench.screen import print_plan
from costbench.suite import Suite, load_suite

FOLDER = Path(__file__).parents[1] / "suites"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
LARGE = machine(Gpu(name="NVIDIA H200", memory_gib=139))
ATTEMPTS = {
    "gsm8k": {"r1-distill-1.5b": 3 * 1319},
    "math500": {"r1-distill-1.5b": 3 * 500 * 3},
    "aime": {"r1-distill-1.5b": 2 * 60 * 16},
    # (5 + instruct + 6 cutoffs) x (GSM8K once, MATH-500 three times, AIME ten times)
    "efficient-reasoning": dict.fromkeys(("7b", "1.5b"), 12 * (1319 + 3 * 500 + 10 * 30)),
    # one free, four policies at four budgets, 16 times AIME 2025, MATH-500, AMC and OlympiadBench
    "l1-budgets": {"budgets": 17 * 16 * (30 + 500 + 83 + 674)},
    "out-of-domain": {"open": 10 * (1000 + 230 + 510 + 1221 + 750), "gated": 10 * 198},
    # two policies at six loads
    "serving": dict.fromkeys(("cached", "uncached"), 12 * 128),
    "tiers": {"local": 5 * (128 + 250 + 50), "api": 128 + 250 + 50},
}


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def read(name: str) -> Suite:
    return load_suite(find_suite(name))


@pytest.mark.parametrize("name", NAMES)
def test_each_is_found_by_the_name_that_it_has(name: str) -> None:
    assert read(name).name == name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("offline")
def test_each_is_laid_out_whole_without_network_and_without_data(name: str) -> None:
    plan = make_plan(read(name), LARGE, outlook=True)
    elsewhere = {skipped.group: skipped.cells for skipped in plan.skipped}
    for group in plan.suite.groups:
        cells = plan.cells_of(group.name) or elsewhere[group.name]
        assert cells, group.name
        assert all(cell.attempts > 0 for cell in cells)
    counted = {group: sum(cell.attempts for cell in cells) for group, cells in elsewhere.items()}
    assert name not in ATTEMPTS or counted == ATTEMPTS[name]


@pytest.mark.parametrize("name", sorted(ATTEMPTS))
def test_those_that_need_hardware_say_which_and_how_long_and_from_what(name: str) -> None:
    head = (FOLDER / f"{name}.yaml").read_text().split("\nname:")[0]
    assert "\n# Hardware: " in head
    assert "\n# Time: " in head
    assert "ot measured by us" in head
    for group in read(name).groups:
        assert group.requires.hub
        assert group.expect.tokens_per_second
        if isinstance(group.engine, Served):
            assert group.requires.env
            continue
        assert group.requires.gpu == "cuda"
        assert group.requires.gpu_memory_gib
        assert group.expect.download_gb


def test_an_endpoint_is_estimated_by_its_tokens(
    offline: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    print_plan(make_plan(read("tiers"), LARGE, outlook=True), err=False)
    row = next(line for line in capsys.readouterr().out.splitlines() if "(api)" in line)
    tokens = 428 * 8192
    assert f"{tokens:,}" in row
    assert f"<= {tokens * 2 / 1e6:.2g} + input" in row


@pytest.mark.parametrize("name", NAMES)
def test_a_group_has_one_baseline_and_models_that_do_not_reason_say_so(name: str) -> None:
    for group in read(name).groups:
        assert [model.role for model in group.models].count("baseline") == 1
        for model in group.models:
            shown = "Instruct" not in model.path and not isinstance(group.engine, Served)
            assert model.thinks is shown


def test_every_suite_is_on_the_page_about_suites() -> None:
    page = (FOLDER.parent / "docs" / "suites.md").read_text()
    assert [name for name in NAMES if f"| `{name}` |" not in page] == []


def test_multiple_choice_is_graded_by_letters_and_the_rest_as_mathematics() -> None:
    graders = {
        use.name: use.grader.kind
        for group in read("out-of-domain").groups
        for use in group.datasets
    }
    assert set(graders.values()) == {"choice"}
    assert {use.grader.kind for use in read("gsm8k").groups[0].datasets} == {"math"}


def test_a_named_set_says_its_own_keys_in_a_suite(tmp_path: Path) -> None:
    tree = yaml.safe_load((FOLDER / "gsm8k.yaml").read_text())
    tree["groups"][0]["datasets"] = [
        {"kind": "math500", "levels": [4, 5], "prompt": "l1", "grader": "exact"},
        {"kind": "file", "path": "mine.csv", "choices": ["A", "B"], "shuffle_options": {"seed": 3}},
    ]
    del tree["prices"]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tree))
    named, own = load_suite(tmp_path / "mine.yaml").groups[0].datasets
    assert (named.grader.kind, own.grader.kind) == ("exact", "choice")
    assert named.dataset.model_dump()["levels"] == (4, 5)
    assert own.dataset.model_dump()["path"] == tmp_path / "mine.csv"


@pytest.mark.usefixtures("offline")
def test_a_gpu_without_the_hub_has_a_suite_that_downloads_nothing() -> None:
    suite = read("gpu-offline")
    plan = make_plan(suite, LARGE)
    per_model = 2 * 3 * 4 * (1 + 8 + 32 + 128)
    counted = {
        group.name: sum(c.attempts for c in plan.cells_of(group.name)) for group in suite.groups
    }
    embedded = 3 * 256 * (3 + 4)
    assert counted == {
        "embedded": embedded,
        "1.5b": per_model,
        "7b": per_model,
        "1.5b-vllm": 0,
        "7b-vllm": 0,
    }
    for group in suite.groups:
        assert group.requires.gpu == "cuda"
        assert not group.requires.hub
        assert group.expect.download_gb == 0
        assert all(model.path.startswith(("embedded:", "random:")) for model in group.models)
    loads = {(c.dataset_name, c.concurrency): c for c in plan.cells_of("7b")}
    assert len(loads["prefill", 1].problems) == 4
    assert loads["prefill", 128].problems[:4] == loads["prefill", 1].problems
    on_vllm = [skipped.reason for skipped in plan.skipped]
    assert all("the package vllm is not installed" in reason for reason in on_vllm)
