"""The engine for servers, against one on loopback that behaves as each test says."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from engines.asking import ASK, EMBEDDED, ask
from engines.fault_server import FaultServer, Reply

from costbench.errors import EngineError, RequestError
from costbench.types import Model, Piece, Request, Sampling


def test_a_plain_request_is_a_chat_with_all_of_its_sampling_said() -> None:
    with FaultServer() as server:
        (done,) = ask(server)
    ((path, _, body),) = server.requests
    assert path == "/chat/completions"
    assert body == {
        "model": "some-model",
        "messages": [{"role": "user", "content": "What is 1 + 1?"}],
        "max_tokens": 32,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 3,
        "seed": 5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert done.sampled.text == "1 + 1 is 2"
    assert (done.finish, done.input_tokens, done.output_tokens) == ("end", 7, 6)
    assert (done.cached_tokens, done.reasoning_tokens, done.estimated) == (None, None, ())


def test_without_a_stream_there_is_no_first_token_to_be_timed() -> None:
    with FaultServer() as server:
        (done,) = ask(server, stream=False)
    assert done.sampled.text == "1 + 1 is 2"
    assert done.first_token_s is None
    assert "stream_options" not in server.requests[0][2]


def test_thinking_that_is_told_apart_stands_between_the_models_markers_again() -> None:
    for field in ("reasoning_content", "reasoning"):
        reply = Reply(thinking=("one ", "more"), thinking_field=field)
        with FaultServer(lambda *_, reply=reply: reply) as server:
            (done,) = ask(server)
        assert done.sampled.text == "<think>one more</think>1 + 1 is 2"


def test_thinking_that_a_limit_cuts_is_not_closed() -> None:
    reply = Reply(words=(), thinking=("one ", "more"), finish="length")
    with FaultServer(lambda *_: reply) as server:
        (done,) = ask(server)
    assert (done.sampled.text, done.finish) == ("<think>one more", "length")


def test_usage_tells_reasoning_and_cached_tokens() -> None:
    usage = {
        "prompt_tokens": 40,
        "completion_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 32},
        "completion_tokens_details": {"reasoning_tokens": 21},
    }
    with FaultServer(lambda *_: Reply(usage=usage)) as server:
        (done,) = ask(server)
    assert (done.input_tokens, done.cached_tokens) == (40, 32)
    assert (done.output_tokens, done.reasoning_tokens) == (30, 21)


def test_without_usage_tokens_are_counted_here_and_said_to_be() -> None:
    with FaultServer(lambda *_: Reply(usage=None)) as server:
        (counted,) = ask(server, model=EMBEDDED)
        (unknown,) = ask(server)
    assert counted.output_tokens is not None
    assert counted.output_tokens > 5
    assert set(counted.estimated) == {"input_tokens", "output_tokens"}
    assert (unknown.input_tokens, unknown.output_tokens, unknown.estimated) == (None, None, ())


def test_an_answer_of_no_tokens_is_an_answer() -> None:
    reply = Reply(words=(), usage={"prompt_tokens": 7, "completion_tokens": 0})
    with FaultServer(lambda *_: reply) as server:
        (done,) = ask(server)
    assert (done.sampled.text, done.output_tokens, done.first_token_s) == ("", 0, None)
    assert done.finish == "end"


def test_fields_that_a_server_does_not_take_are_left_out_from_then_on() -> None:
    def picky(_: int, path: str, body: dict[str, Any]) -> Reply:
        for field in ("top_k", "stream_options", "seed"):
            if field in body:
                said = f"Unexpected fields in the request: {{'{field}'}}"
                return Reply(status=422, error={"detail": said})
        if "max_tokens" in body:
            said = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
            return Reply(status=400, error={"error": {"message": said}})
        return Reply()

    with FaultServer(picky, picky) as server:
        (done,) = ask(server)
    ((_, _, body),) = server.requests
    assert not {"top_k", "stream_options", "seed", "max_tokens"} & set(body)
    assert body["max_completion_tokens"] == 32
    assert done.retries == ()


def refuses_sampling(_: int, path: str, body: dict[str, Any]) -> Reply:
    field = next((name for name in ("temperature", "top_p") if name in body), None)
    return Reply(status=400, error=f"Unsupported parameter: '{field}'") if field else Reply()


def test_a_temperature_of_1_is_left_out_where_it_is_refused_and_no_other_is() -> None:
    plain = ASK.model_copy(update={"sampling": Sampling(temperature=1, top_p=1)})
    with FaultServer(refuses_sampling, refuses_sampling) as server:
        (done,) = ask(server, plain)
        assert done.sampled.text == "1 + 1 is 2"
        with pytest.raises(RequestError, match="Unsupported parameter: 'temperature'"):
            ask(server, ASK)


def test_requests_keep_to_a_rate() -> None:
    with FaultServer() as server:
        began_s = time.monotonic()
        ask(server, *[ASK] * 4, requests_per_second=10)
    assert time.monotonic() - began_s >= 0.4  # and the probe


CLOSED = Request(
    messages=ASK.messages,
    written=(Piece(text="so ", origin="sampled"), Piece(text="</think>2", origin="injected")),
    max_tokens=8,
    sampling=ASK.sampling,
    seed=6,
)


def as_read_here(_: int, path: str, body: dict[str, Any]) -> Reply:
    """A server that has the embedded model's template, and counts as it does."""
    return Reply(words=("1",), usage={"prompt_tokens": PROBE_TOKENS, "completion_tokens": 1})


PROBE_TOKENS = 15


def test_what_is_written_is_continued_as_a_plain_completion_of_the_template() -> None:
    with FaultServer(probe=as_read_here) as server:
        (done,) = ask(server, CLOSED, model=EMBEDDED)
    ((path, _, body),) = server.requests
    assert path == "/completions"
    assert body["prompt"] == (
        "<|im_start|>user\nWhat is 1 + 1?<|im_end|>\n<|im_start|>assistant\n<think>\nso </think>2"
    )
    assert done.written_tokens == (3, 2)
    assert (done.sampled.text, done.reasoning_tokens) == ("1 + 1 is 2", 0)


def test_a_marker_ends_the_answer_whoever_hears_it() -> None:
    thinks = ASK.model_copy(update={"stop": ("</think>",)})
    shown = Reply(words=("hm ", "so", "</think>"), finish="stop")
    with FaultServer(lambda *_: shown, as_read_here) as server:
        (done,) = ask(server, thinks, model=EMBEDDED)
        assert server.requests[0][2]["include_stop_str_in_output"] is True
    assert (done.sampled.text, done.marker.text, done.finish) == ("hm so", "</think>", "stop")
    assert (done.sampled.tokens, done.marker.tokens, done.reasoning_tokens) == (5, 1, 6)

    def without_stop(number: int, path: str, body: dict[str, Any]) -> Reply:
        if "stop" in body:
            return Reply(status=500, error="Internal Server Error")
        return as_read_here(number, path, body)

    runs_on = Reply(words=("hm so</th", "ink>", " 7 and", " 8" * 1000), finish="length")
    with FaultServer(lambda *_: runs_on, without_stop) as server:
        (done,) = ask(server, thinks, model=EMBEDDED)
    assert (done.sampled.text, done.marker.text, done.finish) == ("hm so", "</think>", "stop")
    assert (done.sampled.tokens, done.marker.tokens) == (5, 1)
    assert set(done.estimated) == {"input_tokens", "output_tokens"}


def test_what_cannot_be_continued_is_refused_with_the_reason() -> None:
    with (
        FaultServer() as server,
        pytest.raises(
            RequestError, match=r"cannot be continued: .*no such folder.*say `tokenizer:`"
        ),
    ):
        ask(server, CLOSED)
    with (
        FaultServer(probe=as_read_here) as server,
        pytest.raises(RequestError, match="`continuation: never`"),
    ):
        ask(server, CLOSED, model=EMBEDDED, continuation="never")
    with (
        FaultServer() as server,
        pytest.raises(RequestError, match=r"reads 7 tokens where the chat template here makes 15"),
    ):
        ask(server, CLOSED, model=EMBEDDED)

    def chats_only(number: int, path: str, body: dict[str, Any]) -> Reply:
        if path == "/completions":
            return Reply(status=404, error={"detail": "Not Found"})
        return as_read_here(number, path, body)

    with (
        FaultServer(probe=chats_only) as server,
        pytest.raises(RequestError, match="plain completions fail: HTTP 404"),
    ):
        ask(server, CLOSED, model=EMBEDDED)


def test_an_end_of_thinking_that_servers_leave_out_cannot_be_listened_for(tmp_path: Path) -> None:
    folder = tmp_path / "special"
    shutil.copytree(Path(__file__).parents[2] / "costbench" / "embedded" / "abacus-base", folder)
    file = folder / "tokenizer.json"
    content = json.loads(file.read_text())
    for token in content["added_tokens"]:
        token["special"] = token["special"] or token["content"] == "</think>"
    file.write_text(json.dumps(content))
    special = Model(name="m", path=str(folder))
    with (
        FaultServer(probe=as_read_here) as server,
        pytest.raises(RequestError, match="</think> is a special token of its tokenizer"),
    ):
        ask(server, CLOSED, model=special)


def test_a_tokenizer_that_is_named_has_to_be_there() -> None:
    with FaultServer() as server, pytest.raises(EngineError, match="`tokenizer: /nowhere/at/all`"):
        ask(server, tokenizer="/nowhere/at/all")
