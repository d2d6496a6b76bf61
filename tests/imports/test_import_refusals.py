"""What cannot be imported is told in a sentence with its place, and leaves nothing behind."""

import bz2
import gzip
import json
import lzma

import pytest
from importer import COLUMNS, FILES, LM_EVAL, TABLE, VLLM, attempts, imported, report, table

from costbench.errors import ImportFileError, PluginError

ROW = {"id": "a", "model": "m", "response": "4", "correct": True}


def refused(folder, *paths, **options):
    with pytest.raises((ImportFileError, PluginError)) as caught:
        imported(folder / "runs", *paths, **options)
    assert not list((folder / "runs").glob("*"))
    assert not list((folder / "runs").glob(".*"))
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"output_tokens": -1},
            "output_tokens: Input should be greater than or equal to 0, found -1",
        ),
        (
            {"output_tokens": 10**30},
            "output_tokens: Input should be less than or equal to 9007199254740992",
        ),
        ({"level": 10**30}, "level: "),
        ({"latency_ms": "1.5s"}, "expected milliseconds, found '1.5s'"),
        ({"latency_ms": float("nan")}, "latency_s: Input should be a finite number"),
        ({"latency_ms": -1}, "latency_s: Input should be greater than or equal to 0"),
        ({"output_tokens": 1.5}, "output_tokens: Input should be a valid integer"),
        ({"seconds": -0.1}, "latency_s: Input should be greater than or equal to 0"),
        ({"seconds": float("nan")}, "latency_s: Input should be a finite number"),
        ({"input_tokens": float("nan")}, "input_tokens: "),
        ({"correct": "maybe"}, "correct: expected true or false, 1 or 0, found 'maybe'"),
        ({"correct": 0.5}, "correct: expected true or false"),
        ({"started": "yesterday"}, "'yesterday' is no time"),
        ({"started": 1760436000000}, "milliseconds?"),
        ({"sample": -1}, "pass_number: "),
        ({"response": "\ud800"}, "a text in it is not Unicode"),
        ({"cost_usd": -1}, "usd: "),
    ],
)
def test_a_row_that_cannot_be_is_named_with_its_line(tmp_path, change, told):
    first = dict.fromkeys(change) | ROW
    path = table(tmp_path, first, ROW | {"id": "b"} | change)
    message = refused(tmp_path, path)
    assert "rows.jsonl:2: " in message
    assert told in message
    assert len(message.splitlines()) == 1


def test_truncated_json_is_named_with_its_line(tmp_path):
    path = table(tmp_path, ROW)
    path.write_text(path.read_text() + '{"id": "b", "mod')
    assert "rows.jsonl:2: not JSON" in refused(tmp_path, path)


def test_truncated_json_of_vllm_bench_is_not_json(tmp_path):
    path = tmp_path / "cut.json"
    path.write_text(VLLM.read_text()[:-20])
    assert "not JSON" in refused(tmp_path, path, source="vllm-bench")


def test_columns_that_are_not_there_are_told_with_those_that_are(tmp_path):
    message = refused(tmp_path, table(tmp_path, ROW), settings={"columns": {"gold": "truth"}})
    assert message.endswith(
        "there is no column 'truth' for gold; there are: id, model, response, correct"
    )


def test_a_fact_that_no_column_can_hold_is_told_with_the_nearest(tmp_path):
    message = refused(
        tmp_path, table(tmp_path, ROW), source="table", settings={"columns": {"responce": "x"}}
    )
    assert "did you mean 'response'?" in message


def test_a_setting_that_another_format_has_is_refused(tmp_path):
    message = refused(tmp_path, VLLM, settings={"columns": COLUMNS})
    assert message == "--column: the format vllm-bench has no such thing"


def test_two_of_one_problem_and_sample_are_refused_with_both_places(tmp_path):
    message = refused(tmp_path, table(tmp_path, ROW, ROW))
    assert "rows.jsonl:2: sample 0 of problem 'a'" in message
    assert "rows.jsonl:1, too; --number-repeats" in message


def test_repeats_are_numbered_where_that_is_asked_for(tmp_path):
    folder = imported(tmp_path, table(tmp_path, ROW, ROW), naming={"number_repeats": True})
    assert list(attempts(folder)["pass"]) == [0, 1]


def test_a_problem_with_two_questions_is_refused(tmp_path):
    path = table(tmp_path, ROW | {"question": "2+2?"}, ROW | {"question": "3+1?", "sample": 1})
    message = refused(tmp_path, path)
    assert "problem 'a' has another question than at" in message


def test_a_file_without_its_model_asks_for_it(tmp_path):
    row = {key: value for key, value in ROW.items() if key != "model"}
    assert "name it with --model" in refused(tmp_path, table(tmp_path, row))


def test_a_summary_of_vllm_bench_says_how_to_get_more(tmp_path):
    found = json.loads(VLLM.read_text())
    for name in ("input_lens", "output_lens", "ttfts", "itls", "generated_texts", "errors"):
        del found[name]
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(found))
    assert "--save-detailed" in refused(tmp_path, path)


def test_lists_of_different_lengths_are_refused(tmp_path):
    found = json.loads(VLLM.read_text()) | {"ttfts": [1.0]}
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(found))
    assert "its lists are of different lengths" in refused(tmp_path, path)


def test_results_of_lm_eval_alone_hold_no_responses(tmp_path):
    path = next(FILES.glob("results_*.json"))
    assert "name the samples_*.jsonl" in refused(tmp_path, path)


def test_a_folder_is_no_file(tmp_path):
    assert refused(tmp_path, FILES).endswith("is a folder; name the files in it")


def test_a_tokenizer_that_is_not_there_is_told(tmp_path):
    told = refused(tmp_path, table(tmp_path, ROW), tokenizer=tmp_path / "none")
    assert "none: cannot be loaded: " in told


def test_a_filter_or_metric_that_is_not_there_is_told_with_those_that_are(tmp_path):
    told = refused(tmp_path, LM_EVAL, settings={"metric": "exact_match,none"})
    assert "has no filter 'none'; there are: strict-match, flexible-extract" in told
    told = refused(tmp_path, LM_EVAL, settings={"metric": "acc"})
    assert "has no metric 'acc'; there are: exact_match" in told


def test_a_summary_of_aiperf_names_the_file_beside_it(tmp_path):
    path = FILES / "profile_export_aiperf.json"
    assert "name the profile_export.jsonl beside it" in refused(tmp_path, path)


@pytest.mark.parametrize("content", ["", "\n\n", "hello\n", "\x00\x01"])
def test_what_is_no_such_file_looks_like_none(tmp_path, content):
    path = tmp_path / "what.txt"
    path.write_text(content)
    assert "looks like none of aiperf, inspect, lm-eval, vllm-bench, table" in refused(
        tmp_path, path
    )


def test_an_empty_file_of_a_named_format_holds_no_response(tmp_path):
    path = tmp_path / "empty.jsonl"
    path.write_text("")
    assert refused(tmp_path, path, source="lm-eval").endswith("holds no response")


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "bytes.jsonl"
    path.write_bytes(b'{"id": "\xff\xfe"}\n')
    assert "bytes.jsonl:1: cannot be read: it is not UTF-8 text" in refused(
        tmp_path, path, source="table"
    )


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
def test_the_line_that_is_no_utf8_is_named(tmp_path, name):
    path = tmp_path / name
    first = "id,model,response\na,m,4\n" if name.endswith("csv") else json.dumps(ROW) + "\n"
    path.write_bytes(first.encode() + "b,m,caf\xe9\n".encode("latin-1"))
    line = first.count("\n") + 1
    assert f"{name}:{line}: cannot be read: it is not UTF-8" in refused(tmp_path, path)


@pytest.mark.parametrize(
    ("packed", "told"),
    [
        (gzip.compress, "it is packed (gzip); unpack it first"),
        (bz2.compress, "it is packed (bzip2); unpack it first"),
        (lzma.compress, "it is packed (xz); unpack it first"),
        (lambda text: text.decode().encode("utf-16"), "it is UTF-16 text; save it as UTF-8"),
    ],
)
@pytest.mark.parametrize("source", ["auto", "lm-eval", "table"])
def test_what_is_packed_is_to_be_unpacked(tmp_path, packed, told, source):
    path = tmp_path / "samples_gsm8k.jsonl.gz"
    path.write_bytes(packed(LM_EVAL.read_bytes()))
    assert refused(tmp_path, path, source=source).endswith(told)


@pytest.mark.parametrize("source", ["auto", "table"])
def test_a_json_array_is_to_be_written_as_lines(tmp_path, source):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([ROW], indent=1))
    assert "write an object per line (jq -c '.[]')" in refused(tmp_path, path, source=source)


def test_where_columns_are_named_it_is_a_table_whatever_they_are_called(tmp_path):
    path = table(tmp_path, {"who": "m", "said": "4"})
    columns = {"model": "who", "response": "said"}
    assert list(attempts(imported(tmp_path, path, settings={"columns": columns})).response) == ["4"]
    told = refused(tmp_path / "other", path, settings={"columns": {"respons": "said"}})
    assert "did you mean 'response'?" in told


def test_a_row_of_a_csv_that_was_cut_off_is_refused(tmp_path):
    path = tmp_path / "cut.csv"
    path.write_text("id,model,response\na,m,4\nb,m\n")
    assert "cut.csv:3: has fewer cells than the header" in refused(tmp_path, path)


def test_a_format_that_is_not_installed_is_told_with_the_nearest(tmp_path):
    assert "did you mean 'lm-eval'?" in refused(tmp_path, LM_EVAL, source="lm_eval")


def test_hostile_text_is_kept_as_it_is_and_shown_as_it_cannot_act(tmp_path):
    evil = "\x1b[2J[bold]red[/bold] {{7*7}} =cmd|' /C calc'!A0 </script>"
    row = ROW | {"id": evil, "model": evil, "task": "../../etc", "response": evil, "question": evil}
    folder = imported(tmp_path, table(tmp_path, row))
    assert folder.parent == tmp_path
    assert attempts(folder).response[0] == evil
    (cell,) = report(folder).cells
    assert "\x1b" not in cell.cell
    assert cell.cell.count("/") == 3


def test_nothing_is_left_of_an_import_that_a_full_disk_ends(tmp_path, monkeypatch):
    from costbench.errors import StoreError
    from costbench.store import Store

    def full(*_):
        raise StoreError("no space left on device")

    monkeypatch.setattr(Store, "add_grades", full)
    with pytest.raises(StoreError):
        imported(tmp_path / "runs", TABLE, source="table", settings={"columns": COLUMNS})
    assert not list((tmp_path / "runs").iterdir())
