"""Files as today's tools have written them: what a report says of them is what the tool itself says."""

import json

import pytest
from importer import AIPERF_NOW, FILES, LM_EVAL, VLLM, VLLM_NOW, attempts, imported, report

from costbench.errors import ImportFileError
from costbench.importing import format_of

SUMMARY = json.loads((FILES / "aiperf-0.13_aiperf.json").read_text())


def test_latencies_and_tokens_of_aiperf_are_those_of_its_own_summary(tmp_path):
    assert format_of("auto", {}, [AIPERF_NOW]).kind == "aiperf"
    (cell,) = report(imported(tmp_path, AIPERF_NOW)).cells
    for figure, name in ((cell.latency_s, "request_latency"), (cell.ttft_s, "time_to_first_token")):
        for ours, theirs in ((figure.mean, "avg"), (figure.p50, "p50"), (figure.p95, "p95")):
            assert ours * 1000 == pytest.approx(SUMMARY[name][theirs])
    assert cell.windows.whole.output_tokens == SUMMARY["output_sequence_length"]["sum"]


def test_aiperf_has_its_model_and_load_by_phase_and_leaves_warm_up_out(tmp_path):
    folder = imported(tmp_path, AIPERF_NOW)
    (cell,) = report(folder).cells
    assert cell.cell == "imported/tiny/imported/aiperf/c2"
    assert (cell.attempts, cell.errors) == (6, 1)
    (failed,) = attempts(folder).query("outcome == 'error'").error
    assert "overloaded" in failed
    assert "imported_unfinished" not in cell.caveats


def aiperf_of(folder, prefix="bench", **changes):
    """Records under a prefix, with a summary in which something else is said."""
    (folder / f"{prefix}.json").write_text(json.dumps(SUMMARY | changes))
    records = folder / f"{prefix}.jsonl"
    records.write_text(AIPERF_NOW.read_text())
    return records


def test_a_run_of_aiperf_that_was_cancelled_is_told(tmp_path):
    folder = imported(tmp_path / "runs", aiperf_of(tmp_path, is_complete=False))
    assert "imported_unfinished" in report(folder).cells[0].caveats


def test_phases_of_aiperf_with_different_loads_are_different_cells(tmp_path):
    phases = [{"name": "profiling", "concurrency": 2}, {"name": "more", "concurrency": 8}]
    records = aiperf_of(tmp_path, input_config=SUMMARY["input_config"] | {"phases": phases})
    second = AIPERF_NOW.read_text().replace('"phase_name":"profiling"', '"phase_name":"more"')
    records.write_text(AIPERF_NOW.read_text() + second)
    cells = report(imported(tmp_path / "runs", records)).cells
    assert [(cell.load["concurrency"], cell.attempts, cell.samples) for cell in cells] == [
        (2, 6, 1),
        (8, 6, 1),
    ]


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        {"models": "tiny"},
        {"models": {"items": [7]}},
        {"endpoint": {"model_names": 3}},
        {"phases": 1},
    ],
)
def test_a_summary_of_aiperf_that_names_no_model_asks_for_it(tmp_path, given):
    records = aiperf_of(tmp_path, input_config=given)
    with pytest.raises(ImportFileError, match="name it with --model"):
        imported(tmp_path / "runs", records)


def test_times_of_vllm_bench_are_those_it_reports(tmp_path):
    assert format_of("auto", {}, [VLLM_NOW]).kind == "vllm-bench"
    theirs = json.loads(VLLM_NOW.read_text())
    folder = imported(tmp_path, VLLM_NOW)
    (cell,) = report(folder).cells
    assert cell.cell == "imported/tiny/imported/vllm-bench/c2"
    assert cell.ttft_s.p50 * 1000 == pytest.approx(theirs["median_ttft_ms"])
    assert cell.windows.whole.output_tokens == theirs["total_output_tokens"]
    assert cell.windows.whole.duration_s == pytest.approx(theirs["duration"], rel=0.05)
    assert (cell.attempts, cell.errors) == (6, theirs["failed"])
    assert list(attempts(folder).latency_s[:4]) == pytest.approx(theirs["latencies"][:4])


def test_latencies_of_vllm_bench_stand_before_the_sum_of_its_gaps(tmp_path):
    found = json.loads(VLLM_NOW.read_text())
    path = tmp_path / "whole.json"  # as of a backend that does not stream
    path.write_text(json.dumps(found | {"itls": [[]] * 6, "latencies": [0.5] * 6}))
    times = attempts(imported(tmp_path / "runs", path)).latency_s.dropna()
    assert list(times) == [0.5] * 5


def test_results_that_were_appended_are_to_be_taken_apart(tmp_path):
    path = tmp_path / "several.json"
    path.write_text(VLLM_NOW.read_text() + VLLM.read_text())
    with pytest.raises(ImportFileError, match="several objects; written by --append-result"):
        imported(tmp_path / "runs", path)


def test_a_list_of_vllm_bench_that_is_none_is_refused(tmp_path):
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(json.loads(VLLM_NOW.read_text()) | {"latencies": 7}))
    with pytest.raises(ImportFileError, match="its latencies are no list"):
        imported(tmp_path / "runs", path)


@pytest.mark.parametrize(
    "given",
    [
        {"model_name": ""},
        {"model_name": "", "config": {"model_args": "dtype=auto,model=EleutherAI/pythia-70m"}},
    ],
)
def test_the_model_of_lm_eval_is_in_its_arguments_where_it_has_no_name(tmp_path, given):
    """0.4.13 has them as a mapping, earlier versions as text."""
    results = next(FILES.glob("results_*.json"))
    changed = json.loads(results.read_text()) | given
    (tmp_path / results.name).write_text(json.dumps(changed))
    samples = tmp_path / LM_EVAL.name
    samples.write_text(LM_EVAL.read_text())
    (cell,) = report(imported(tmp_path / "runs", samples)).cells
    assert cell.model == "EleutherAI__pythia-70m"
