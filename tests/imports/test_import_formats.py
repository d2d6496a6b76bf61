"""Each format, by figures that can be checked by hand in tests/imports/files."""

import json
from pathlib import Path

import pandas as pd
import pytest
from importer import (
    AIPERF,
    COLUMNS,
    LM_EVAL,
    TABLE,
    VLLM,
    VLLM_REAL,
    attempts,
    imported,
    report,
    table,
)

import costbench
from costbench.importing import format_of


@pytest.mark.parametrize(
    ("path", "kind"),
    [(LM_EVAL, "lm-eval"), (VLLM, "vllm-bench"), (AIPERF, "aiperf")],
)
def test_auto_takes_files_for_what_they_are(path, kind):
    assert format_of("auto", {}, [path]).kind == kind


def test_auto_takes_rows_with_responses_for_a_table(tmp_path):
    path = table(tmp_path, {"id": 1, "completion": "4", "is_correct": 1})
    assert format_of("auto", {}, [path]).kind == "table"


def test_lm_eval_goes_by_the_first_filter_and_has_neither_tokens_nor_times(tmp_path):
    found = attempts(imported(tmp_path, LM_EVAL))
    assert list(found.problem) == ["0", "1", "2"]
    assert list(found.outcome) == ["correct", "wrong", "wrong"]
    assert list(found.extracted.fillna("none")) == ["7", "none", "6"]
    assert list(found.reference) == ["7", "11", "7"]
    assert found.response[0] == " 3 + 4 = 7.\n#### 7"
    assert found.question[0] == "How many is 3 + 4?"
    unknown = ["output_tokens", "input_tokens", "reasoning_tokens", "latency_s", "ttft_s"]
    assert found[[*unknown, "joules", "machine_seconds", "usd_imported"]].isna().all(axis=None)


def test_lm_eval_has_its_model_from_the_results_beside_it(tmp_path):
    (cell,) = report(imported(tmp_path, LM_EVAL)).cells
    assert cell.cell == "imported/EleutherAI__pythia-70m/imported/gsm8k_tiny"
    assert cell.grader_version == "imported from lm-eval: exact_match,strict-match"
    assert cell.accuracy.value == pytest.approx(1 / 3)
    assert cell.windows.whole.duration_s is None
    assert {"imported", "imported_without_times"} <= set(cell.caveats)


def test_another_filter_of_lm_eval_can_be_named(tmp_path):
    folder = imported(tmp_path, LM_EVAL, settings={"metric": "exact_match,flexible-extract"})
    (cell,) = report(folder).cells
    assert cell.accuracy.value == pytest.approx(2 / 3)
    assert cell.grader_version.endswith("exact_match,flexible-extract")


def test_repeats_of_lm_eval_are_samples_whose_common_metric_is_nobodys(tmp_path):
    record = {"doc_id": 5, "doc": {}, "target": "4", "resps": [["4", "5"]], "exact_match": 1.0}
    path = table(tmp_path, record | {"filtered_resps": [["4", "5"]]}, name="samples_t.jsonl")
    found = attempts(imported(tmp_path, path, naming={"model": "m"}))
    assert list(found["pass"]) == [0, 1]
    assert list(found.response) == ["4", "5"]
    assert list(found.outcome) == ["ungraded", "ungraded"]


def test_log_likelihoods_of_lm_eval_have_a_verdict_and_no_response(tmp_path):
    resps = [[["-1.5", "False"]], [["-0.5", "True"]]]
    record = {"doc_id": 0, "doc": {}, "target": "1", "resps": resps, "filtered_resps": resps}
    path = table(tmp_path, record | {"acc": 1.0}, name="samples_t.jsonl")
    found = attempts(imported(tmp_path, path, naming={"model": "m"}))
    assert list(found.outcome) == ["correct"]
    assert found.response.isna().all()
    assert list(found.reference) == ["1"]


def test_vllm_bench_has_times_on_a_clock_of_its_own(tmp_path):
    folder = imported(tmp_path, VLLM)
    found = attempts(folder)
    assert list(found.latency_s[:3]) == pytest.approx([1.0, 1.25, 1.0])
    assert list(found.ttft_s[:3]) == [0.5, 0.25, 0.75]
    assert list(found.output_tokens[:3]) == [4, 5, 3]
    assert found.error[3] == "Service Unavailable"
    assert found.latency_s.isna()[3]
    (cell,) = report(folder).cells
    assert cell.windows.whole.duration_s == pytest.approx(2.0)  # 100 to 102
    assert cell.latency_s.basis == "client"
    assert (cell.errors, cell.ungraded, cell.load) == (1, 3, {"concurrency": 2})


def test_aiperf_leaves_warm_up_out_and_makes_samples_of_repeated_inputs(tmp_path):
    folder = imported(tmp_path, AIPERF)
    found = attempts(folder)
    assert list(zip(found.problem, found["pass"], strict=True)) == [
        ("c-1", 0),
        ("c-1", 1),
        ("c-2", 0),
    ]
    assert list(found.latency_s[:2]) == [2.0, 3.0]
    assert list(found.output_tokens[:2]) == [9, 21]
    assert found.reasoning_tokens[0] == 3
    assert pd.isna(found.reasoning_tokens[1])
    (cell,) = report(folder).cells
    assert (cell.model, cell.load) == ("openai__gpt-oss-20b", {"concurrency": 2})
    assert cell.windows.whole.duration_s == pytest.approx(4.0)  # 7.5 to 11.5
    assert "imported_uneven" in cell.caveats


def test_genai_perf_has_times_only(tmp_path):
    request = {"timestamp": 10_000_000_000, "response_timestamps": [10_250_000_000, 11_000_000_000]}
    request |= {"request_inputs": {"payload": '{"model": "llama"}'}}
    path = tmp_path / "profile_export.json"
    path.write_text(json.dumps({"experiments": [{"requests": [request]}]}))
    found = attempts(imported(tmp_path, path))
    assert (found.latency_s[0], found.ttft_s[0]) == pytest.approx((1.0, 0.25))
    assert found.model[0] == "llama"
    assert found.output_tokens.isna().all()


def test_a_table_has_what_its_columns_are_named_for(tmp_path):
    folder = imported(tmp_path, TABLE, source="table", settings={"columns": COLUMNS})
    found = attempts(folder)
    assert list(found.outcome) == ["correct", "wrong", "correct", "ungraded"]
    assert found.response[0] == "It is\n7"
    assert list(found.output_tokens.fillna(-1)) == [10, 12, 14, -1]
    assert list(found.usd_imported.fillna(-1)) == [0.001, 0.002, 0.003, -1]
    (cell,) = report(folder).cells
    assert (cell.policy, cell.budget, cell.samples) == ("truncation", 32, 2)
    assert cell.machine_seconds_per_correct.value == pytest.approx(2.0)  # 10:00:00 to 10:00:04


def test_attempts_without_tokens_share_a_window_alike(tmp_path):
    folder = imported(tmp_path, TABLE, source="table", settings={"columns": COLUMNS})
    assert list(attempts(folder).machine_seconds) == pytest.approx([1.0, 1.0, 1.0, 1.0])


def test_keys_within_keys_are_columns_too(tmp_path):
    path = table(tmp_path, {"id": "a", "model": "m", "usage": {"out": 12}, "response": "x"})
    folder = imported(tmp_path, path, settings={"columns": {"output_tokens": "usage.out"}})
    assert list(attempts(folder).output_tokens) == [12]


def test_a_seconds_column_without_a_start_gives_latency_and_no_machine_time(tmp_path):
    path = table(tmp_path, {"id": "a", "model": "m", "seconds": 2.5, "ttft_s": 0.5, "correct": 1})
    folder = imported(tmp_path, path)
    (cell,) = report(folder).cells
    assert (cell.latency_s.mean, cell.ttft_s.mean) == (2.5, 0.5)
    assert cell.machine_seconds_per_attempt.value is None
    assert list(attempts(folder).outcome) == ["correct"]


@pytest.mark.parametrize(
    ("row", "columns", "latency_s"),
    [
        ({"latency_ms": 1500}, {}, 1.5),
        ({"latency_ms": "1500.0"}, {}, 1.5),
        ({"elapsed": 1500}, {"latency_ms": "elapsed"}, 1.5),
        ({"took": "2.5"}, {"seconds": "took"}, 2.5),
        ({"latency_s": 1, "latency_ms": 1500}, {}, 1.0),  # seconds, where nobody says which
        ({"latency_s": 1, "took": 1500}, {"latency_ms": "took"}, 1.5),
    ],
)
def test_milliseconds_are_known_by_the_name_of_the_fact(tmp_path, row, columns, latency_s):
    path = table(tmp_path, {"id": "a", "model": "m", "correct": 1} | row)
    folder = imported(tmp_path, path, settings={"columns": columns} if columns else None)
    assert list(attempts(folder).latency_s) == [latency_s]


def test_tokens_and_cost_are_other_names_of_facts(tmp_path):
    path = table(tmp_path, {"model": "m", "n": 12, "price": 0.25})
    folder = imported(tmp_path, path, settings={"columns": {"tokens": "n", "cost": "price"}})
    found = attempts(folder)
    assert (found.output_tokens[0], found.usd_imported[0]) == (12, 0.25)


def test_a_csv_may_be_parted_by_semicolons(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("id;model;response;gold\na;m;4, I think;4\n")
    assert list(attempts(imported(tmp_path, path)).response) == ["4, I think"]


def test_models_whose_paths_differ_at_their_end_stay_apart(tmp_path):
    rows = [{"id": "a", "model": f"{'long/' * 30}step-{at}", "response": "4"} for at in (1, 2)]
    one, two = report(imported(tmp_path, table(tmp_path, *rows))).cells
    assert one.model != two.model
    assert len(one.model) == len(two.model) == 80


def test_where_nobody_has_judged_a_cell_says_so_instead_of_having_many_ungraded(tmp_path):
    row = {"model": "m", "response": "4", "gold": "4"}
    folder = imported(tmp_path, table(tmp_path, row | {"id": "a"}, row | {"id": "b"}))
    caveats = report(folder).cells[0].caveats
    assert "imported_without_verdicts" in caveats
    assert "many_ungraded" not in caveats
    mixed = table(tmp_path, row | {"id": "a", "correct": 1}, row | {"id": "b"}, name="b.jsonl")
    caveats = report(imported(tmp_path, mixed)).cells[0].caveats
    assert "imported_without_verdicts" not in caveats
    assert "many_ungraded" in caveats


def test_verdicts_are_the_files_whatever_the_responses_say(tmp_path):
    rows = [{"id": at, "model": "m", "response": "7", "correct": at} for at in (0, 1)]
    assert list(attempts(imported(tmp_path, table(tmp_path, *rows))).outcome) == [
        "wrong",
        "correct",
    ]


def test_a_tokenizer_counts_what_the_file_has_not_counted_and_says_so(tmp_path):
    tokenizer = Path(costbench.__file__).parent / "embedded" / "abacus-base"
    rows = [
        {"id": "a", "model": "m", "response": "1 2 3"},
        {"id": "b", "model": "m", "response": ""},
    ]
    rows = [row | {"output_tokens": None} for row in rows]
    known = {"id": "c", "model": "m", "response": "1 2 3", "output_tokens": 99}
    folder = imported(tmp_path, table(tmp_path, *rows, known), tokenizer=tokenizer)
    first, empty, kept = attempts(folder).output_tokens
    assert (first > 0, empty, kept) == (True, 0, 99)
    (cell,) = report(folder).cells
    assert "tokens_counted_on_import" in cell.caveats


def test_serving_figures_of_vllm_bench_are_those_of_its_file(tmp_path):
    """The made-up file's own words, and its formulas worked by hand."""
    stated = json.loads(VLLM.read_text())
    (cell,) = report(imported(tmp_path, VLLM), slo=["latency_s=1.1"]).cells
    found = cell.serving.whole
    assert 1e3 * found.ttft_s.mean == pytest.approx(stated["mean_ttft_ms"])
    tpots = [(1 - 0.5) / 3, (1.25 - 0.25) / 4, (1 - 0.75) / 2]
    assert found.tpot_s.mean == pytest.approx(sum(tpots) / 3)
    assert found.tpot_s.p50 == pytest.approx(tpots[0])
    gaps = [gap for each in stated["itls"] for gap in each]
    assert found.inter_token_s.mean == pytest.approx(sum(gaps) / 9)
    assert found.inter_token_s.p50 == pytest.approx(0.2)
    assert found.ttfat_s.mean is None
    assert found.requests_per_second == pytest.approx(3 / 2)
    assert found.goodput_per_second == pytest.approx(2 / 2)
    assert cell.serving.at_slo.share.value == pytest.approx(2 / 4)  # the failed one missed it


@pytest.mark.skipif(not VLLM_REAL.exists(), reason="no real file")
def test_serving_figures_of_a_real_file_of_vllm_bench_are_those_it_states(tmp_path):
    stated = json.loads(VLLM_REAL.read_text())
    (cell,) = report(imported(tmp_path, VLLM_REAL)).cells
    found = cell.serving.whole
    for name, spread in (
        ("ttft", found.ttft_s),
        ("tpot", found.tpot_s),
        ("itl", found.inter_token_s),
        ("e2el", found.latency_s),
    ):
        for end, value in (("mean", spread.mean), ("median", spread.p50), ("p99", spread.p99)):
            assert 1e3 * value == pytest.approx(stated[f"{end}_{name}_ms"], rel=1e-5), (name, end)
    assert found.attempts == stated["completed"]
    for name, rate in (
        ("request_throughput", found.requests_per_second),
        ("output_throughput", found.output_tokens_per_second),
    ):
        assert rate == pytest.approx(stated[name], rel=0.02)  # its duration ends a little later


def test_aiperf_tells_the_first_token_of_the_answer_and_every_gap(tmp_path):
    about = {"request_start_ns": 0, "request_end_ns": 2 * 10**9, "conversation_id": "c"}
    metrics = {
        "request_latency": {"value": 2000.0, "unit": "ms"},
        "time_to_first_token": {"value": 500.0, "unit": "ms"},
        "time_to_first_output_token": {"value": 1.5, "unit": "sec"},
        "inter_chunk_latency": {"value": [1000.0, 500.0], "unit": "ms"},
        "output_sequence_length": {"value": 4, "unit": "tokens"},
    }
    path = table(
        tmp_path,
        {"metadata": about, "metrics": metrics, "error": None},
        name="profile_export.jsonl",
    )
    folder = imported(tmp_path, path, naming={"model": "m"}, source="aiperf")
    found = report(folder).cells[0].serving.whole
    assert found.ttfat_s.mean == pytest.approx(1.5)
    assert found.inter_token_s.mean == pytest.approx(0.75)
    assert found.tpot_s.mean == pytest.approx(0.5)  # 1.5 s for three tokens after the first
