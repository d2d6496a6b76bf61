"""Variants made for real, by TRL on the embedded model: the folder, and every way to be interrupted."""

import asyncio
import dataclasses
import io
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import pytest
import torch
import yaml
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from costbench.datasets.arithmetic import Arithmetic
from costbench.engines.model_files import resolve_model
from costbench.engines.transformers import TransformersEngine
from costbench.errors import CostbenchError, SuiteError, TrainError
from costbench.graders.exact import ExactGrader
from costbench.hardware import probe_machine
from costbench.locations import bundled_prices
from costbench.prices import load_prices
from costbench.training import FILE, TrainingEnergy, read_facts, read_training
from costbench.types import Component, Message, Model, Request, Sampling
from trainers.checkpoint import Ledger
from trainers.command import TrainOptions, train_recipe
from trainers.curves import write_curves
from trainers.following import LEDGER, REWARD_STATE, read_ledger, write_ledger
from trainers.made import made_by
from trainers.prompts import data_sha256, load_problems
from trainers.recipe import load_recipe
from trainers.telling import warn_of
from trainers.train import recipe_sha256
from trainers.trained import Trained
from trainers.variant_card import cost_said, front_matter, training_facts
from trainers.working import claimed, full_disk_told

BASE = "embedded:abacus-base"
RECIPE = {
    "kind": "reinforcement",
    "name": "small",
    "seed": 3,
    "base": {"path": BASE},
    "data": {"kind": "jsonl", "path": "problems.jsonl"},
    "grader": {"kind": f"{__name__}:TamperingGrader"},
    "reward": {"kind": "hapo"},
    "rollouts": {"problems": 2, "group_size": 4, "max_tokens": 64},
    "optimization": {"steps": 3, "learning_rate": 1e-3, "rows_per_device": 8},
    "checkpoint_every_steps": 1,
}
PICKLES = {".bin", ".pt", ".pth", ".pkl", ".ckpt"}

happens: dict[int, object] = {}
"""By number of the call to the grader, which is that of the step in this process: what happens in it."""
calls: list[int] = []
"""Of the grader since the test began: how many responses each was about."""


class TamperingGrader(Component):
    """A stranger's grader at whose calls things happen; its verdicts are the real ones."""

    kind: Literal["tampering"] = "tampering"

    @property
    def version(self):
        return "tampering-1"

    @contextmanager
    def open(self):
        def graded(answered):
            calls.append(len(answered))
            happens.get(len(calls), lambda: None)()
            return grade(answered)

        with ExactGrader().open() as grade:
            yield graded


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def nothing_happens():
    happens.clear()
    calls.clear()


def write_problems(path, count=8, **changes):
    rows = []
    for problem in Arithmetic(split="train", problems=count, levels=(1, 1), seed=11).load():
        rows.append({"id": problem.id, "question": problem.question, "answer": problem.answer})
    path.write_text("".join(f"{json.dumps(row | changes)}\n" for row in rows))
    return path


def write_recipe(folder, **changes):
    problems = write_problems(folder / "problems.jsonl")
    content = RECIPE | {"data": {"kind": "jsonl", "path": str(problems)}} | changes
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def recipe(tmp_path):
    return write_recipe(tmp_path)


@pytest.fixture
def out(tmp_path):
    """Where the model is to be; its name is not that of the recipe."""
    return tmp_path / "models" / "variant"


def work_of(folder):
    return folder.with_name(f"{folder.name}.training")


def train(path, folder, *changes, **options):
    """What `costbench train` does; gives what it says."""
    said = io.StringIO()
    with redirect_stderr(said):
        train_recipe(path, TrainOptions(out=folder, changes=changes, **options))
    return said.getvalue()


def refusal(path, folder, *changes, **options):
    with pytest.raises(TrainError) as refused:
        train(path, folder, *changes, **options)
    return str(refused.value)


def weights_of(folder):
    return load_file(folder / "model.safetensors")


def differ(one, other):
    return [name for name in one if not torch.equal(one[name], other[name])]


def checkpoints(folder):
    return sorted(found.name for found in work_of(folder).glob("checkpoint-*"))


def snapshot(folder):
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


# One training that comes to its end, on data that have problems held back.


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The recipe's path, the finished folder, and what was said on the way."""
    folder = tmp_path_factory.mktemp("made")
    path = write_recipe(
        folder,
        data={"kind": "arithmetic", "split": "train", "problems": 5, "levels": [1, 1]},
        grader="exact",
        reward={"kind": "arora_sigmoid", "alpha": 0.2},
        optimization={"steps": 2, "learning_rate": 1e-3, "rows_per_device": 8},
        checkpoint_every_steps=10,
        print_every_steps=2,
        needs="patience",
    )
    return path, folder / "made", train(path, folder / "made")


def test_the_folder_has_all_that_a_model_needs_and_nothing_pickled(made):
    _, folder, _ = made
    assert {path.name for path in folder.iterdir()} == {
        *("config.json", "generation_config.json", "model.safetensors", "tokenizer.json"),
        *("tokenizer_config.json", "chat_template.jinja"),
        *("README.md", "curves.png", FILE),
    }
    for path in folder.iterdir():
        assert path.suffix not in PICKLES
        assert not path.read_bytes().startswith(
            (b"\x80", b"PK")
        )  # a pickle, torch's archive of one


def test_nothing_is_left_beside_it(made):
    _, folder, _ = made
    assert not work_of(folder).exists()
    assert {path.name for path in folder.parent.iterdir()} == {
        "made",
        "small.yaml",
        "problems.jsonl",
    }


def test_what_is_done_is_said_step_by_step(made):
    _, folder, said = made
    assert "costbench: small needs patience\n" in said
    steps = re.findall(
        r"^step (\d)/2  reward [\d.]+  right [\d.]+%  \d+ tokens", said, re.MULTILINE
    )
    assert steps == ["1", "2"]
    assert len(re.findall(r"^  Start with ", said, re.MULTILINE)) == 1  # print_every_steps
    assert said.endswith(
        f"costbench: wrote {folder} (README.md says what it is and what it took)\n"
    )


def test_the_facts_are_those_of_the_training(made):
    path, folder, _ = made
    recipe = load_recipe(path)
    facts = read_facts(folder / FILE)
    assert facts == read_training(str(folder))
    assert facts.recipe == "small"
    assert facts.recipe_sha256 == recipe_sha256(recipe)
    assert facts.data_sha256 == data_sha256(load_problems(recipe.data))
    assert (facts.method, facts.base, facts.seed) == ("arora_sigmoid", BASE, 3)
    assert (facts.steps, facts.problems) == (2, 5)
    assert 16 * 20 < facts.tokens < 16 * 200
    assert 0.5 < facts.duration_s < 300
    assert facts.versions["trl"].startswith("1.16")
    if not torch.cuda.is_available():
        assert facts.gpus == 0
        assert facts.energy.provenance in {"modelled", "measured"}
        assert 0.1 < facts.energy.joules / facts.duration_s < 1000


def front_of(folder):
    text = (folder / "README.md").read_text()
    assert text.startswith("---\n")
    return yaml.safe_load(text.split("---\n")[1])


def test_the_card_begins_with_what_hubs_read(made):
    _, folder, _ = made
    front, facts = front_of(folder), read_facts(folder / FILE)
    assert front["base_model"] == "abacus-base"
    assert front["library_name"] == "transformers"
    assert "arora-sigmoid" in front["tags"]
    emitted = front["co2_eq_emissions"]
    intensity = load_prices(bundled_prices()).grid.gco2e_per_kwh
    assert emitted["emissions"] == round(facts.energy.joules / 3.6e6 * intensity, 3) > 0
    assert emitted["training_type"] == "reinforcement learning"
    assert facts.energy.method in emitted["source"]


def test_emissions_that_nobody_knows_are_left_out(made):
    path, folder, _ = made
    book = load_prices(bundled_prices())
    facts = read_facts(folder / FILE)
    unknown = facts.model_copy(update={"energy": TrainingEnergy(joules=None)})
    assert "co2_eq_emissions" not in front_matter(made_by(load_recipe(path)), unknown, book)
    nowhere = book.model_copy(update={"grid": None})
    assert "co2_eq_emissions" not in front_matter(made_by(load_recipe(path)), facts, nowhere)


def test_levels_that_a_recipe_does_not_name_are_those_of_the_dataset(made):
    path, _, _ = made
    recipe = load_recipe(path).model_copy(update={"data": {"kind": "arithmetic"}})
    assert made_by(recipe).levels == Arithmetic().levels


def test_hours_on_another_machine_have_no_price_of_the_last_one(made):
    path, folder, _ = made
    recipe, book = made_by(load_recipe(path)), load_prices(bundled_prices())
    ledger = Ledger(step=2, duration_s=60.0, machines=["1x NVIDIA H200", probe_machine().label])
    moved = Trained(folder, ledger, [], problems=5, data_sha256="0" * 64)
    facts = training_facts(recipe, moved)
    assert facts.other_machines == ("1x NVIDIA H200",)
    said = cost_said(facts, book)
    assert f"minutes on {probe_machine().label}, 1x NVIDIA H200, " in said
    assert "no one price for hours on different machines" in said
    assert "USD" not in said
    assert " USD (" in cost_said(facts.model_copy(update={"other_machines": ()}), book)


def test_the_card_says_what_it_can_do_what_it_took_and_how_to_make_it_again(made):
    path, folder, _ = made
    text = (folder / "README.md").read_text()
    rows = re.findall(
        r"^\| (small|abacus-base) \| unconstrained \| (0\.\d+) \|", text, re.MULTILINE
    )
    assert [name for name, _ in rows] == ["small", "abacus-base"]
    assert "Made in 2 steps on 5 training problems (none held back), seed 3" in text
    assert "(curves.png)" in text
    again = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])
    copy = path.with_name("again.yaml")
    copy.write_text(yaml.safe_dump(again))
    assert recipe_sha256(load_recipe(copy)) == recipe_sha256(load_recipe(path))
    copy.unlink()


def test_the_curves_are_a_picture(made):
    assert (made[1] / "curves.png").read_bytes().startswith(b"\x89PNG")


def words_of(history, path):
    assert write_curves(history, path)
    return "".join(ElementTree.fromstring(path.read_text()).itertext())


def test_curves_show_each_figure_that_was_logged_more_than_once(tmp_path):
    path = tmp_path / "curves.svg"
    history = [{"step": n, "loss": 1 / n, "reward": n / 9, "accuracy": None} for n in (1, 2, 3)]
    history += [{"step": 3, "length_error": 0.5}, {"train_runtime": 5.0}]
    words = words_of(history, path)
    assert "reward" in words
    for left_out in ("accuracy", "length error", "loss"):  # nothing, one point, beside a reward
        assert left_out not in words
    assert "loss" in words_of([{"step": n, "loss": 1 / n} for n in (1, 2)], path)
    assert not write_curves([{"step": 1, "reward": 0.5}], tmp_path / "none.svg")
    assert not (tmp_path / "none.svg").exists()


def test_the_weights_are_the_bases_no_more_and_load_anywhere(made):
    _, folder, _ = made
    base, variant = weights_of(resolve_model(BASE)), weights_of(folder)
    assert base.keys() == variant.keys()
    assert len(differ(base, variant)) > len(base) / 2
    assert {tensor.dtype for tensor in variant.values()} == {torch.bfloat16}
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    original = AutoTokenizer.from_pretrained(resolve_model(BASE))
    assert tokenizer.chat_template == original.chat_template
    assert tokenizer.get_vocab() == original.get_vocab()
    assert tokenizer.padding_side == original.padding_side
    assert model.generation_config.temperature == 0.6
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id


async def answered(path):
    model = Model(name="variant", path=str(path))
    async with TransformersEngine().open(model, 1) as engine:
        turn = Message(role="user", content="Start with 2. Add 3. What is the result?")
        sampling = Sampling(temperature=0)
        done = await engine.generate(
            Request(messages=(turn,), max_tokens=12, sampling=sampling, seed=1)
        )
    return done.output_tokens


def test_a_run_can_load_it(made):
    assert asyncio.run(answered(made[1])) == 12


def test_the_same_command_again_changes_nothing(made):
    path, folder, _ = made
    before = snapshot(folder.parent)
    killed_before_it_was_tidy = folder.with_name(f"{folder.name}.training")
    killed_before_it_was_tidy.mkdir()
    said = train(path, folder)
    assert said == f"costbench: {folder} is there already, made by this recipe\n"
    assert snapshot(folder.parent) == before


@pytest.mark.parametrize("change", ["seed=4", "reward.alpha=0.1", "optimization.steps=3"])
def test_a_folder_of_another_recipe_is_not_written_over(made, change):
    path, folder, _ = made
    before = snapshot(folder.parent)
    assert refusal(path, folder, change) == (
        f"{folder}: is there already, and not by this recipe; name another with --out"
    )
    assert snapshot(folder.parent) == before


def test_anything_else_that_is_there_is_not_written_over(recipe, tmp_path):
    assert "is there already, and not by this recipe" in refusal(recipe, recipe)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    assert "is there already, and not by this recipe" in refusal(recipe, tmp_path / "full")


# Trainings that are interrupted.


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A training of three steps, stopped by Ctrl-C in its second: recipe, folder, what was said."""
    folder = tmp_path_factory.mktemp("stopped")
    path, said = write_recipe(folder), io.StringIO()
    calls.clear()
    happens[2] = ctrl_c
    with redirect_stderr(said), pytest.raises(KeyboardInterrupt):
        train_recipe(path, TrainOptions(out=folder / "variant"))
    happens.clear()
    return path, folder / "variant", said.getvalue()


@pytest.fixture
def gone_on(stopped, out):
    """A copy of what it left, to go on from."""
    path, folder, _ = stopped
    out.parent.mkdir()
    shutil.copytree(work_of(folder), work_of(out))
    return path, out


def test_ctrl_c_waits_for_the_step_and_writes_a_checkpoint(stopped):
    _, folder, said = stopped
    assert not folder.exists()
    assert checkpoints(folder) == ["checkpoint-1", "checkpoint-2"]
    assert "step 2/3" in said
    assert "step 3/3" not in said
    assert said.endswith(
        f"what is done is in {folder}.training; the same command goes on from it\n"
    )
    for number in (1, 2):
        ledger = read_ledger(work_of(folder) / f"checkpoint-{number}")
        assert ledger.step == number
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_it_ends_with_the_same_steps_and_the_time_of_all_its_parts(gone_on):
    """Stopped a second time in its last step, when nothing is left to train."""
    path, out = gone_on
    parts = [read_ledger(work_of(out) / "checkpoint-2")]
    remembered = json.loads((work_of(out) / "checkpoint-2" / REWARD_STATE).read_text())
    happens[1] = ctrl_c
    with pytest.raises(KeyboardInterrupt):
        train(path, out)
    assert len(calls) == 1
    last = work_of(out) / "checkpoint-3"
    parts.append(read_ledger(last))
    # The first problems are still known: what a reward remembers goes on from a checkpoint, too.
    known = json.loads((last / REWARD_STATE).read_text())["shortest_tokens"]
    assert remembered["shortest_tokens"].keys() <= known.keys()
    assert known
    train(path, out)
    assert len(calls) == 1
    facts = read_facts(out / FILE)
    assert facts.steps == 3
    assert facts.tokens == parts[1].tokens > parts[0].tokens
    assert parts[0].duration_s < parts[1].duration_s < facts.duration_s
    if facts.energy.joules is not None:
        assert parts[0].joules < parts[1].joules < facts.energy.joules
    assert not work_of(out).exists()
    assert "It has not been measured here" in (out / "README.md").read_text()  # none is held back


def test_half_a_checkpoint_is_dropped_and_the_one_before_leads_to_the_same_weights(
    gone_on, tmp_path
):
    path, out = gone_on
    other = tmp_path / "models" / "other"
    shutil.copytree(work_of(out), work_of(other))
    train(path, out)
    assert len(calls) == 1
    (work_of(other) / "checkpoint-2" / LEDGER).unlink()
    train(path, other)
    assert len(calls) == 1 + 2
    assert read_facts(other / FILE).steps == read_facts(out / FILE).steps == 3
    assert differ(weights_of(out), weights_of(other)) == []


def test_a_training_of_another_recipe_is_left_alone(gone_on):
    path, out = gone_on
    before = snapshot(out.parent)
    said = refusal(path, out, "seed=4")
    assert said == (
        f"{work_of(out)}: holds the training of another recipe; train into another folder with --out, or "
        "delete it"
    )
    assert snapshot(out.parent) == before


def test_a_training_that_another_process_is_at_is_left_alone(gone_on):
    path, out = gone_on
    before = snapshot(out.parent)
    with claimed(work_of(out), recipe_sha256(load_recipe(path))):
        said = refusal(path, out)
    assert "another process is at work on this training" in said
    assert snapshot(out.parent) == before


COMMAND = (sys.executable, "-m", "costbench", "train")
HERE = Path(__file__).parent


def started(path, out):
    """In a process of its own, which finds the grader above by its place."""
    return subprocess.Popen(
        [*COMMAND, str(path), "--out", str(out)],
        env={**os.environ, "PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.slow
def test_kill_9_after_a_checkpoint_loses_no_more_than_what_came_after_it(recipe, out):
    process = started(recipe, out)
    deadline = time.monotonic() + 120
    while not list(work_of(out).glob(f"checkpoint-*/{LEDGER}")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    _, said = process.communicate()
    assert process.returncode == -9, said
    assert not out.exists()
    whole = [one.parent.name for one in work_of(out).glob(f"checkpoint-*/{LEDGER}")]
    assert "checkpoint-3" not in whole, "the training came to its end: give it more steps"
    newest = int(max(whole)[-1])
    ledger = read_ledger(work_of(out) / max(whole))
    train(recipe, out)
    assert len(calls) == 3 - newest
    facts = read_facts(out / FILE)
    assert facts.steps == 3
    assert facts.duration_s > ledger.duration_s


@pytest.mark.slow
def test_ctrl_c_in_a_shell_ends_with_a_sentence(recipe, out):
    process = started(recipe, out)
    while not list(work_of(out).glob(f"checkpoint-*/{LEDGER}")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert f"what is done is in {out}.training; the same command goes on from it" in said
    assert "costbench: interrupted; what is done is stored" in said


# Full disks. Writing to /dev/full fails as on one, and a link to it stands in for the file.

FULL = Path("/dev/full")
needs_dev_full = pytest.mark.skipif(
    not FULL.exists() or not stat.S_ISCHR(FULL.stat().st_mode), reason="no /dev/full here"
)


@needs_dev_full
def test_a_full_disk_is_told_and_the_checkpoint_before_it_is_gone_on_from(recipe, out):
    half = work_of(out) / "checkpoint-2"

    def fill():
        half.mkdir()
        (half / "optimizer.pt").symlink_to(FULL)

    happens[2] = fill
    assert refusal(recipe, out, "optimization.steps=2") == (
        f"{work_of(out)}: no space left on the disk; free some and run the same command again: it goes on "
        "from the last whole checkpoint"
    )
    assert not out.exists()
    assert (half / "model.safetensors").exists()  # what was written first was in place already
    train(recipe, out, "optimization.steps=2")
    assert len(calls) == 2 + 1
    assert read_facts(out / FILE).steps == 2


@needs_dev_full
@pytest.mark.parametrize(
    "write",
    [
        lambda: FULL.write_text("a ledger"),
        lambda: torch.save({"a": torch.zeros(3)}, FULL),
        lambda: torch.save({"a": torch.zeros(300_000)}, FULL),
    ],
)
def test_a_full_disk_is_known_by_what_libraries_say_of_it(tmp_path, write):
    with pytest.raises(TrainError, match="no space left on the disk"), full_disk_told(tmp_path):
        write()


def test_other_errors_are_no_full_disk(tmp_path):
    with pytest.raises(IsADirectoryError), full_disk_told(tmp_path):
        tmp_path.write_text("")
    with pytest.raises(RuntimeError, match="shape"), full_disk_told(tmp_path):
        torch.zeros(2).reshape(3)


def can_mount(folder):
    done = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs a file system of its own")
def test_a_disk_that_is_really_full_is_told_whatever_library_meets_it_first(recipe, tmp_path):
    """Of 17 MB a first checkpoint fits; of 3 MB not even its weights, which safetensors writes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not can_mount(disk):
        pytest.skip("no file system can be mounted here")
    for size, whole in (("17m", "1"), ("3m", "0")):
        script = (
            f"mount -t tmpfs -o size={size} tmpfs {disk} && "
            f"{' '.join(COMMAND)} {recipe} --out {disk}/variant; echo $?; "
            f"ls -d {disk}/variant.training/checkpoint-*/{LEDGER} | wc -l; ls {disk} | wc -l"
        )
        done = subprocess.run(
            ["unshare", "-rm", "sh", "-c", script],
            env={**os.environ, "PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert f"{disk}/variant.training: no space left on the disk" in done.stderr
        assert done.stdout.split() == ["1", whole, "1"]


# What is refused before anything is trained.


def test_a_base_that_does_not_mark_its_thinking_is_refused(recipe, out):
    said = refusal(recipe, out, "base.thinking.close=Finally")
    assert said == (
        f"base {BASE}: 'Finally' is no token of its own: the model does not mark its thinking; start from a "
        "reasoning model, or name its markers under base.thinking"
    )
    assert not out.parent.exists()


def test_problems_without_answers_are_refused(recipe, out, tmp_path):
    path = write_problems(tmp_path / "unanswered.jsonl", answer=None)
    said = refusal(recipe, out, f"data.path={path}")
    first = next(iter(Arithmetic(split="train", levels=(1, 1), seed=11).load())).id
    assert said == (
        f"data: 8 of 8 problems have no answer (first: {first}); a reward needs one to judge responses by"
    )
    assert not out.parent.exists()


def test_fewer_problems_than_a_step_needs_are_refused(recipe, out, tmp_path):
    path = write_problems(tmp_path / "one.jsonl", count=1)
    assert refusal(recipe, out, f"data.path={path}") == (
        "data: 1 problems are too few for a step of 2"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("data.path=nowhere.jsonl", "data: nowhere.jsonl: cannot be read"),
        ("data.problms=3", "data.problms: extra inputs are not permitted"),
        ("grader={kind: exact, strict: 1}", "grader.strict: extra inputs are not permitted"),
        ("reward.weight=-1", "reward hapo: weight must be"),
        ("base.path=no/such folder", "model path no/such folder: no such folder"),
    ],
)
def test_what_cannot_be_had_is_refused_in_a_sentence(recipe, out, change, said):
    with pytest.raises(CostbenchError) as refused:
        train(recipe, out, change)
    assert said in str(refused.value)


def test_a_price_book_that_is_not_there_is_told_before_the_training(recipe, out, tmp_path):
    with pytest.raises(SuiteError, match="no such file"):
        train(recipe, out, prices=tmp_path / "prices.yaml")
    assert not out.parent.exists()


def test_a_recipe_that_was_refused_can_be_mended_and_tried_again(recipe, out):
    """The folder with nothing but the mark of a recipe that could not start belongs to nobody."""
    assert "weight" in refusal(recipe, out, "reward.weight=-1")
    assert work_of(out).exists()
    assert "weight" in refusal(recipe, out, "reward.weight=-2")
    with claimed(work_of(out), recipe_sha256(load_recipe(recipe))):
        mark = json.loads((work_of(out) / "recipe.json").read_text())
    assert mark == {"recipe_sha256": recipe_sha256(load_recipe(recipe))}


@pytest.mark.parametrize(
    ("changes", "warned"),
    [
        (["reward={kind: arora_sigmoid}", "policy.scale=group"], True),
        (["reward={kind: arora_sigmoid}", "policy.scale=none"], False),
        (["reward={kind: arora_sigmoid}", "policy.scale=batch"], False),
        (["reward={kind: lcpo_exact}", "policy.scale=group", "lengths.tokens=[9, 64]"], False),
    ],
)
def test_dividing_by_a_groups_std_is_warned_of_where_it_cancels_the_penalty(
    recipe, capsys, changes, warned
):
    warn_of(load_recipe(recipe, ["policy.estimator=grpo", *changes]))
    said = capsys.readouterr().err
    assert said.startswith("costbench: warning: policy.scale is `group`") == warned
    assert ("arora_sigmoid's length penalty cancels" in said) == warned
    assert bool(said) == warned


# Other ways to train.


def test_adapters_are_gone_on_with_and_merged_into_the_weights(recipe, out):
    """Ctrl-C writes a checkpoint where none was due."""
    changes = ["lora={rank: 4, alpha: 8}", "optimization.steps=2", "checkpoint_every_steps=10"]
    changes += ["optimization.learning_rate=1.0e-2"]
    happens[1] = ctrl_c
    with pytest.raises(KeyboardInterrupt):
        train(recipe, out, *changes)
    assert checkpoints(out) == ["checkpoint-1"]
    said = train(recipe, out, *changes)
    assert "step 1/2" not in said
    assert "step 2/2" in said
    assert len(calls) == 2
    assert not list(out.glob("*adapter*"))
    base, variant = weights_of(resolve_model(BASE)), weights_of(out)
    assert base.keys() == variant.keys()
    changed = differ(base, variant)
    assert changed
    assert all("proj" in name for name in changed)  # all-linear: no embedding, no norm
    assert AutoModelForCausalLM.from_pretrained(out).dtype == torch.bfloat16


def test_ctrl_c_while_sampling_keeps_what_was_sampled_and_its_time(tmp_path, out):
    """Sampling goes by 64 problems; the last six are sampled by the next call."""
    problems = write_problems(tmp_path / "many.jsonl", count=70)
    path = tmp_path / "imitated.yaml"
    content = {key: RECIPE[key] for key in ("base", "grader", "seed")}
    content |= {"kind": "sft", "name": "imitated", "choose": "correct"}
    content |= {"data": {"kind": "jsonl", "path": str(problems)}}
    content |= {"sampled": {"samples_per_problem": 1, "max_tokens": 48}}
    content |= {"optimization": {"steps": 1, "learning_rate": 1e-3, "rows_per_device": 4}}
    path.write_text(yaml.safe_dump(content))
    happens[1] = ctrl_c
    with pytest.raises(KeyboardInterrupt):
        train(path, out)
    lines = (work_of(out) / "samples.jsonl").read_text().splitlines()
    assert len(lines) == 64
    spent = read_ledger(work_of(out))
    assert 0 < spent.duration_s < 100
    write_ledger(dataclasses.replace(spent, duration_s=5000), work_of(out))  # as after an hour
    said = train(path, out)
    assert "sampling 70/70 problems" in said
    assert calls == [64, 6]
    facts = read_facts(out / FILE)
    assert (facts.method, facts.steps, facts.problems) == ("sft", 1, 70)
    assert facts.duration_s > 5000
    assert front_of(out)["co2_eq_emissions"]["training_type"] == "fine-tuning"
