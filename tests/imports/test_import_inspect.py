"""Logs of Inspect, written and read by its own library."""

import sys

import pytest
from importer import attempts, imported, report

from costbench.errors import ImportFileError, PluginError
from costbench.importing import format_of


def write_log(path):
    """Two epochs of one sample and one that failed, as `inspect eval` has them."""
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalError,
        EvalLog,
        EvalSample,
        EvalSpec,
        write_eval_log,
    )
    from inspect_ai.model import ChatMessageAssistant, ModelOutput, ModelUsage
    from inspect_ai.scorer import Score

    def sample(epoch, value, **more):
        output = ModelOutput.from_content("openai/gpt-4o", "ANSWER: 7")
        output.time = 1.5
        usage = ModelUsage(
            input_tokens=40, output_tokens=25, total_tokens=75, input_tokens_cache_read=10,
            reasoning_tokens=20,
        )  # fmt: skip
        return EvalSample(
            id="s1", epoch=epoch, input="3 + 4?", target="7", output=output,
            messages=[ChatMessageAssistant(content="ANSWER: 7")],
            scores={"match": Score(value=value, answer="7")},
            model_usage={"openai/gpt-4o": usage},
            started_at=f"2025-08-12T10:00:0{epoch}+00:00",
            completed_at=f"2025-08-12T10:00:0{epoch + 2}+00:00", **more,
        )  # fmt: skip

    error = EvalError(message="RateLimit\nmore", traceback="", traceback_ansi="")
    failed = EvalSample(id="s2", epoch=1, input="?", target="8", error=error)
    spec = EvalSpec(
        created="2025-08-12T10:00:00+00:00", task="gsm8k", dataset=EvalDataset(),
        model="openai/gpt-4o", config=EvalConfig(epochs=2),
    )  # fmt: skip
    samples = [sample(1, "C"), sample(2, "P"), failed]
    write_eval_log(EvalLog(eval=spec, samples=samples, status="success"), str(path))
    return path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", ["eval", "json"])
def test_a_log_has_text_scores_tokens_and_times(tmp_path, suffix):
    pytest.importorskip("inspect_ai")
    path = write_log(tmp_path / f"log.{suffix}")
    assert format_of("auto", {}, [path]).kind == "inspect"
    folder = imported(tmp_path, path)
    found = attempts(folder)
    assert list(found.outcome) == ["correct", "ungraded", "error"]  # partly is neither
    assert list(found["pass"]) == [0, 1, 0]
    assert list(found.input_tokens[:2]) == [50, 50]  # 75 - 25: the cached ones are read, too
    assert list(found.cached_tokens[:2]) == [10, 10]
    assert list(found.reasoning_tokens[:2]) == [20, 20]
    assert list(found.latency_s[:2]) == [1.5, 1.5]
    assert found.error[2] == "RateLimit"
    (cell,) = report(folder).cells
    assert cell.cell == "imported/openai__gpt-4o/imported/gsm8k"
    assert cell.windows.whole.duration_s == pytest.approx(3)  # :01 to :04
    assert cell.grader_version == "imported from inspect: match"


@pytest.mark.filterwarnings("ignore")
def test_what_inspect_cannot_read_is_told(tmp_path):
    pytest.importorskip("inspect_ai")
    path = tmp_path / "log.json"
    path.write_text('{"eval": {"task": 1')
    with pytest.raises(ImportFileError, match="inspect-ai cannot read it as a log"):
        imported(tmp_path, path, source="inspect")
    with pytest.raises(ImportFileError, match="has no scorer 'f1'; there are: match"):
        imported(tmp_path, write_log(path), settings={"metric": "f1"})


def test_without_the_library_it_is_told_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    with pytest.raises(PluginError, match="pip install inspect-ai"):
        imported(tmp_path, tmp_path / "log.eval", source="inspect")


def run_inspect(folder, *, fails):
    """A log of `inspect eval` itself, with a model that says what it is told; two epochs of two samples."""
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ModelOutput, ModelUsage, get_model
    from inspect_ai.scorer import includes, match
    from inspect_ai.solver import generate, solver

    def says(text):
        found = ModelOutput.from_content("mockllm/model", text)
        found.usage = ModelUsage(
            input_tokens=20, output_tokens=9, total_tokens=29, reasoning_tokens=4
        )
        return found

    @solver
    def breaking():
        async def solve(state, generate):
            if fails and state.sample_id == 2:
                raise RuntimeError("the tool broke\nmore of it")
            return state

        return solve

    task = Task(
        dataset=[Sample(input="3 + 4?", target="7"), Sample(input="5 + 6?", target="11")],
        solver=[breaking(), generate()],
        scorer=[match(), includes()],
        epochs=2,
        name="sums",
    )
    model = get_model("mockllm/model", custom_outputs=[says("It is 7")] * 4)
    (log,) = eval(task, model=model, display="none", log_dir=str(folder), max_samples=1)
    assert log.status == ("error" if fails else "success")
    return folder / log.location.rpartition("/")[2]


@pytest.mark.filterwarnings("ignore")
def test_what_inspect_has_run_is_reported_as_it_was(tmp_path):
    pytest.importorskip("inspect_ai")
    folder = imported(tmp_path / "runs", run_inspect(tmp_path, fails=False))
    found = attempts(folder).sort_values(["problem", "pass"])
    assert list(found.outcome) == ["correct", "correct", "wrong", "wrong"]
    assert list(found.output_tokens) == [9] * 4
    assert list(found.reasoning_tokens) == [4] * 4
    (cell,) = report(folder).cells
    assert cell.cell == "imported/mockllm__model/imported/sums"
    assert cell.windows.whole.duration_s > 0
    assert "imported_unfinished" not in cell.caveats


@pytest.mark.filterwarnings("ignore")
def test_of_a_run_that_failed_what_is_there_is_imported_and_its_end_is_told(tmp_path):
    pytest.importorskip("inspect_ai")
    folder = imported(tmp_path / "runs", run_inspect(tmp_path, fails=True))
    (cell,) = report(folder).cells
    assert cell.errors > 0
    assert cell.wrong == 0
    told = attempts(folder).error.dropna()  # others were canceled then
    assert any(each.startswith("RuntimeError('the tool broke") for each in told)
    assert "imported_unfinished" in cell.caveats
