"""Training for real, on a model of a few thousand parameters."""

import json
import math
import re
import signal

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from costbench.engines.model_files import resolve_model
from costbench.errors import EngineError, TrainError
from costbench.training import read_training
from trainers.command import TrainOptions, train_recipe
from trainers.documents import tokenizer_for
from trainers.recipe import load_recipe
from trainers.scratch import Optimization
from trainers.supervised import build_model, learning_rate_scale, train_supervised

STEPS = 6
TINY = f"""\
kind: supervised
name: tiny
seed: 1
model: {{hidden_size: 32, intermediate_size: 64, layers: 1, heads: 1, head_size: 32, context: 512}}
data:
  kind: arithmetic_traces
  levels: [1, 2]
  styles: {{plain: 0.7, terse: 0.3}}
optimization: {{steps: {STEPS}, batch_size: 4, warmup_steps: 2}}
"""


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(TINY)
    return load_recipe(path)


@pytest.fixture(scope="module")
def trained(recipe, tmp_path_factory):
    """One training from start to end: its folder, its ledger and the progress it told of."""
    folder, told = tmp_path_factory.mktemp("models") / "tiny", []
    ledger = train_supervised(recipe, folder, told.append, report_every_steps=2)
    return folder, ledger, told


def weights_of(folder):
    return load_file(folder / "model.safetensors")


def state_of(folder):
    state = json.loads((folder / "checkpoint" / "state.json").read_text())
    return state, load_file(folder / "checkpoint" / state["tensors"])


def assert_same(one, other):
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_progress_is_told_every_so_many_steps(trained):
    _, _, told = trained
    assert [progress.step for progress in told] == [2, 4, 6]
    assert {progress.steps for progress in told} == {STEPS}
    assert all(math.isfinite(progress.loss) for progress in told)
    assert told[-1].remaining_s == 0
    assert all(progress.tokens_per_second > 0 for progress in told)


def test_the_ledger_has_steps_tokens_time_and_modelled_energy(trained):
    folder, ledger, _ = trained
    assert ledger.step == STEPS
    assert ledger.tokens > STEPS * 4 * 10
    assert ledger.duration_s > 0
    if not torch.cuda.is_available():
        assert ledger.energy_provenance == "modelled"
        assert ledger.energy_method == "codecarbon_load_model"
        assert 0.1 < ledger.joules / ledger.duration_s < 1000
    assert state_of(folder)[0]["ledger"]["step"] == STEPS


def test_the_folder_is_an_ordinary_one_that_transformers_loads(trained):
    folder, _, _ = trained
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert model.dtype == torch.bfloat16
    assert model.config.model_type == "qwen3"
    assert model.config.vocab_size == len(tokenizer)
    assert model.config.eos_token_id == tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert model.generation_config.temperature == 0.6
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Start with 2. Add 3."}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    written = model.generate(**prompt, max_new_tokens=3, do_sample=False)
    assert written.shape[1] == prompt["input_ids"].shape[1] + 3


def test_its_weights_are_small_and_in_bfloat16(trained):
    folder, _, _ = trained
    path = folder / "model.safetensors"
    assert path.stat().st_size < 4_000_000
    with safe_open(path, framework="pt") as weights:
        assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.bfloat16}  # noqa: SIM118


def test_nothing_in_it_is_a_pickle(trained):
    folder, _, _ = trained
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".jinja"}
    for path in files:
        head = path.read_bytes()[:4]
        assert not head.startswith((b"\x80", b"PK"))  # a pickle, or torch's archive of one


def interrupt_at(step, how):
    def report(progress):
        if progress.step == step:
            how()

    return report


def by_signal():
    signal.raise_signal(signal.SIGINT)  # what Ctrl-C does


def by_exception():
    raise KeyboardInterrupt


@pytest.mark.parametrize("how", [by_signal, by_exception])
def test_an_interrupted_training_ends_with_the_weights_of_an_uninterrupted_one(
    recipe, trained, tmp_path, how
):
    folder = tmp_path / "tiny"
    with pytest.raises(KeyboardInterrupt):
        train_supervised(recipe, folder, interrupt_at(3, how), report_every_steps=1)
    state, _ = state_of(folder)
    assert state["ledger"]["step"] == 3
    assert not (folder / "model.safetensors").exists()
    ledger = train_supervised(recipe, folder, lambda progress: None)
    assert ledger.step == STEPS
    assert ledger.tokens == trained[1].tokens
    assert ledger.duration_s > state["ledger"]["duration_s"]
    assert_same(weights_of(folder), weights_of(trained[0]))
    assert_same(state_of(folder)[1], state_of(trained[0])[1])
    assert len(list((folder / "checkpoint").glob("*.safetensors"))) == 1


def test_a_training_that_blows_up_writes_nothing_over_the_last_good_state(recipe, tmp_path):
    rates = {"learning_rate": 1e30, "matrix_learning_rate": 1e30}
    wild = recipe.model_copy(update={"optimization": recipe.optimization.model_copy(update=rates)})
    with pytest.raises(FloatingPointError, match=r"the loss became (nan|inf) at step [1-5]"):
        train_supervised(wild, tmp_path, lambda progress: None)
    assert list(tmp_path.iterdir()) == []


def with_compute(recipe, **fields):
    return recipe.model_copy(update={"compute": recipe.compute.model_copy(update=fields)})


def test_a_training_goes_on_elsewhere_with_other_workers_and_to_the_same_weights(
    recipe, trained, tmp_path
):
    ahead = with_compute(recipe, device="cpu", workers=1)
    with pytest.raises(KeyboardInterrupt):
        train_supervised(ahead, tmp_path, interrupt_at(3, by_signal), report_every_steps=1)
    if torch.cuda.is_available():
        return  # the training to compare with was computed there
    assert train_supervised(recipe, tmp_path, lambda progress: None).tokens == trained[1].tokens
    assert_same(weights_of(tmp_path), weights_of(trained[0]))


def test_in_bfloat16_the_loss_falls_and_an_interrupted_training_ends_alike(recipe, tmp_path):
    rounded = with_compute(recipe, device="cpu", dtype="bfloat16")
    told = []
    train_supervised(rounded, tmp_path / "whole", told.append, report_every_steps=1)
    assert told[-1].loss < told[0].loss
    with pytest.raises(KeyboardInterrupt):
        train_supervised(
            rounded, tmp_path / "parts", interrupt_at(3, by_exception), report_every_steps=1
        )
    train_supervised(rounded, tmp_path / "parts", lambda progress: None)
    assert_same(weights_of(tmp_path / "parts"), weights_of(tmp_path / "whole"))
    assert {t.dtype for t in state_of(tmp_path / "whole")[1].values()} == {torch.float32}


def test_the_bundled_large_recipe_is_a_larger_sibling_that_learns_longer_chains(request):
    folder = request.config.rootpath / "trainers" / "recipes"
    base, large = (load_recipe(folder / f"{name}.yaml") for name in ("abacus-base", "abacus-large"))
    sizes = [
        build_model(one.model, tokenizer_for(one.data)).num_parameters() for one in (base, large)
    ]
    assert 8 * sizes[0] < sizes[1] < 8_000_000
    assert (base.data.levels, large.data.levels) == ((1, 6), (1, 12))
    assert large.data.styles == base.data.styles
    assert large.compute.dtype == "bfloat16"


def test_a_model_from_random_weights_has_a_card_with_each_level_that_it_learned(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("trainers.card._PROBLEMS", 24)
    path = write(tmp_path, data__levels=[1, 12], optimization__steps=2)
    train_recipe(path, TrainOptions(out=tmp_path / "tiny", changes=["compute.device=cpu"]))
    card = (tmp_path / "tiny" / "README.md").read_text()
    assert "chains of\n1 to 12 additions" in card
    assert "at most 256 tokens" in card  # half of the context
    assert re.findall(r"^\| (\d+) \| 2 \|", card, flags=re.MULTILINE) == [
        str(n) for n in range(1, 13)
    ]
    assert "not evidence about large models" in card
    assert "Make it again: `costbench train` with this recipe." in card
    if not torch.cuda.is_available():
        assert "of the whole machine" in card


def test_ctrl_c_works_again_after_a_training(trained):
    assert signal.getsignal(signal.SIGINT) in {signal.default_int_handler, signal.SIG_IGN}


def test_a_folder_of_another_recipe_is_refused_and_left_as_it_is(recipe, trained):
    folder, _, _ = trained
    before = state_of(folder)[0]
    other = recipe.model_copy(update={"seed": 2})
    with pytest.raises(TrainError) as refused:
        train_supervised(other, folder, lambda progress: None)
    assert str(refused.value) == (
        f"{folder / 'checkpoint'}: holds the checkpoint of another recipe; "
        "train into another folder with --out, or delete it"
    )
    assert state_of(folder)[0] == before


def test_rates_rise_over_the_warm_up_and_fall_to_nothing():
    plan = Optimization(steps=100, warmup_steps=10)
    scales = [learning_rate_scale(step, plan) for step in range(101)]
    assert scales[0] == pytest.approx(0.1)
    assert scales[9:11] == [1.0, 1.0]
    assert scales[55] == pytest.approx(0.5)
    assert scales[100] == 0
    assert scales[10:] == sorted(scales[10:], reverse=True)


def write(folder, **changes):
    content = yaml.safe_load(TINY)
    for place, value in changes.items():
        *outer, key = place.split("__")
        section = content
        for name in outer:
            section = section[name]
        section[key] = value
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_recipe_error_names_every_wrong_key(tmp_path):
    path = write(
        tmp_path,
        name="../up",
        data__levels=[1, 13],
        data__budget_tokens=[300, 10],
        data__styles={"plain": 0.0},
        model__layers=0,
        optimization__step=6,
        colour="red",
    )
    with pytest.raises(TrainError) as refused:
        load_recipe(path)
    problems = [line.split(": ") for line in str(refused.value).splitlines()]
    lines = path.read_text().splitlines()
    for place, key, *_ in problems:
        number = int(place.removeprefix(f"{path}:"))
        last = key.rpartition(".")[2]
        assert lines[number - 1].strip().startswith(("- 13", last.partition("[")[0]))
    assert [key for _, key, *_ in problems] == [
        "name",
        "model.layers",
        "data.levels[1]",
        "data.budget_tokens",
        "optimization.step",
        "colour",
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data__styles": {"plain": 0.0}}, "data: styles: at least one weight"),
        ({"data__styles": {"chatty": 1.0}}, "data.styles.chatty"),
        ({"data__levels": [3, 1]}, "data.levels: must ascend, found [3, 1]"),
        ({"kind": "magic"}, "`kind` is one of supervised, reinforcement, sft, dpo, found 'magic'"),
    ],
)
def test_a_recipe_that_cannot_be_trained_is_refused_when_it_is_read(tmp_path, changes, said):
    with pytest.raises(TrainError) as refused:
        load_recipe(write(tmp_path, **changes))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file: expected a mapping"),
        ("- a list", "the file: expected a mapping"),
        ("{", "1: expected"),
        (b"\xff\xfe\x00", "not UTF-8 text"),
        ("seed: 1\nseed: 2", "2: the key `seed` occurs twice"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused_in_words(tmp_path, text, said):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(TrainError, match=r"recipe\.yaml:") as refused:
        load_recipe(path)
    assert said in str(refused.value)


def test_a_recipe_that_is_not_there_is_refused_in_words(tmp_path):
    with pytest.raises(TrainError, match="no such file"):
        load_recipe(tmp_path / "none.yaml")


def test_an_unknown_recipe_is_refused_with_the_bundled_ones_there_are(tmp_path):
    with pytest.raises(TrainError, match=r"no bundled recipe \(there are: .*abacus-base"):
        train_recipe(tmp_path / "abacus-bass.yaml", tmp_path)


def test_the_bundled_recipe_is_one(request):
    found = load_recipe(request.config.rootpath / "trainers" / "recipes" / "abacus-base.yaml")
    assert found.name == "abacus-base"
    assert sum(found.data.styles.values()) == pytest.approx(1)


FROM_BASE = """\
kind: supervised
name: further
base: "embedded:abacus-base"
data:
  kind: arithmetic_traces
  levels: [1, 2]
  styles: {plain: 1}
  budget_prompts: 1
  budget_tokens: [24, 80]
  budget_maximum: 0
  budget_obeyed: true
optimization: {steps: 2, batch_size: 4, warmup_steps: 1}
"""


def test_a_finished_model_is_gone_on_from_and_its_card_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("trainers.variant_card._PROBLEMS", 6)
    (tmp_path / "further.yaml").write_text(FROM_BASE)
    train_recipe(tmp_path / "further.yaml", TrainOptions(out=tmp_path / "further"))
    facts = read_training(str(tmp_path / "further"))
    assert (facts.base, facts.method, facts.steps) == ("embedded:abacus-base", "supervised", 2)
    assert facts.problems == 8  # drawn anew for each batch
    card = (tmp_path / "further" / "README.md").read_text()
    assert "Made from abacus-base" in card
    assert "prompt_budget@52" in card
    base = weights_of(resolve_model("embedded:abacus-base"))
    moved = weights_of(tmp_path / "further")
    assert base.keys() == moved.keys()
    changes = [(moved[key].float() - base[key].float()).abs().max().item() for key in base]
    assert 0 < max(changes) < 0.5  # two steps from where the base stood, not from random weights


def test_a_base_that_is_not_there_is_told(tmp_path):
    (tmp_path / "further.yaml").write_text(FROM_BASE.replace("abacus-base", "abacus-nowhere"))
    with pytest.raises(EngineError, match="no embedded model is called"):
        train_recipe(tmp_path / "further.yaml", TrainOptions(out=tmp_path / "further"))
