"""The engine for servers, against one on loopback that behaves as each test says."""

import asyncio
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai")
pytest.importorskip("aiohttp")

from engines.fault_server import FaultServer, Reply
from pydantic import ValidationError

from costbench.engines.openai import OpenaiEngine
from costbench.engines.openai_faults import Retries
from costbench.errors import ContextFullError, EngineError, RequestError, TransientError
from costbench.types import Completion, Message, Model, Piece, Request, Sampling

SERVED = Model(name="m", path="some-model")
EMBEDDED = Model(name="abacus-base", path="embedded:abacus-base")
SOON = Retries(at_most=3, first_wait_s=0.01, longest_wait_s=0.02)
ASK = Request(
    messages=(Message(role="user", content="What is 1 + 1?"),),
    max_tokens=32,
    sampling=Sampling(temperature=0.5, top_p=0.9, top_k=3),
    seed=5,
)


def ask(
    server: FaultServer, *requests: Request, model: Model = SERVED, **settings: Any
) -> list[Completion]:
    """Answers one after the other."""
    settings = {"retries": SOON, "base_url": server.url} | settings

    async def run() -> list[Completion]:
        async with OpenaiEngine(**settings).open(model, 4) as engine:
            return [await engine.generate(request) for request in requests or (ASK,)]

    return asyncio.run(run())


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


def test_times_are_those_of_our_side_of_the_socket() -> None:
    with FaultServer(lambda *_: Reply(first_s=0.2)) as server:
        (done,) = ask(server)
    assert done.first_token_s is not None
    assert 0.2 <= done.first_token_s - done.submitted_s < 1.0
    assert done.first_token_s <= done.finished_s


def test_what_the_template_has_written_is_neither_a_token_nor_the_first() -> None:
    """`transformers serve` tells the line break of "<think>\\n" before it has thought anything."""
    reply = Reply(words=("2",), thinking=("\n", "so"), second_s=0.2)
    with FaultServer(lambda *_: reply) as server:
        (done,) = ask(server, model=EMBEDDED)
    assert done.sampled.text == "so</think>2"
    assert done.first_token_s - done.submitted_s >= 0.2


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


def test_a_storm_of_429_is_waited_out_and_told() -> None:
    storm = Reply(
        status=429, error={"error": {"message": "slow down"}}, headers={"retry-after": "0"}
    )
    with FaultServer(lambda number, *_: storm if number < 3 else Reply()) as server:
        (done,) = ask(server)
    assert done.sampled.text == "1 + 1 is 2"
    assert [retry.reason for retry in done.retries] == ["http_429"] * 3
    assert "slow down" in done.retries[0].message
    assert done.submitted_s == done.retries[0].submitted_s
    assert all(retry.output_tokens is None for retry in done.retries)


def test_retry_after_is_obeyed() -> None:
    busy = Reply(status=503, error={"detail": "busy"}, headers={"retry-after": "0.4"})
    patient = Retries(at_most=2, first_wait_s=0.01, longest_wait_s=5)
    with FaultServer(lambda number, *_: busy if number == 0 else Reply()) as server:
        (done,) = ask(server, retries=patient)
    assert done.finished_s - done.submitted_s >= 0.3


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(status=500, error={"error": "oh"}), "http_500"),
        (Reply(cut_after=3), "dropped"),
        (Reply(line="data: {not json"), "garbage"),
        (Reply(line='data: {"error": {"message": "worker died"}}'), "stream_error"),
        (Reply(finish=None), "dropped"),
        (Reply(finish="abort"), "dropped"),
        (Reply(first_s=5), "timeout"),
    ],
)
def test_every_fault_is_tried_again_and_then_left_for_another_time(
    reply: Reply, reason: str
) -> None:
    with FaultServer(lambda number, *_: reply if number < 1 else Reply()) as server:
        (done,) = ask(server, request_timeout_s=1)
    assert [retry.reason for retry in done.retries] == [reason]
    with (
        FaultServer(lambda *_: reply) as server,
        pytest.raises(
            TransientError, match=r"at http://127.0.0.1:\d+/v1: .*failed 2 times"
        ) as told,
    ):
        ask(server, request_timeout_s=0.4, retries=Retries(at_most=1, first_wait_s=0.01))
    assert [retry.reason for retry in told.value.retries] == [reason] * 2


def test_what_a_half_answer_cost_is_counted() -> None:
    with FaultServer(lambda number, *_: Reply(cut_after=3) if number < 1 else Reply()) as server:
        (done,) = ask(server, model=EMBEDDED)
        assert len(server.requests) == 2
    (lost,) = done.retries
    assert lost.output_tokens == 4  # "1", " +", " 1", " "
    assert lost.input_tokens == 19
    assert done.output_tokens == 6  # of the answer alone
    assert lost.first_token_s is not None


def test_a_request_beyond_the_context_asks_for_what_is_left_of_it() -> None:
    said = (
        "This model's maximum context length is 100 tokens. However, you requested 532 tokens "
        "(20 in the messages, 512 in the completion)."
    )
    full = Reply(status=400, error={"error": {"message": said, "code": "context_length_exceeded"}})
    with FaultServer(lambda _, __, body: full if body["max_tokens"] > 80 else Reply()) as server:
        (done,) = ask(server, ASK.model_copy(update={"max_tokens": 512}))
    assert [body["max_tokens"] for _, _, body in server.requests] == [512, 80]
    assert done.retries == ()


def test_a_context_that_is_known_is_kept_to_without_asking_again() -> None:
    said = "This model's maximum context length is 50 tokens and your request has 19 input tokens"
    full = Reply(status=400, error={"error": {"message": said}})
    long = ASK.model_copy(update={"max_tokens": 512})
    with FaultServer(lambda _, __, body: full if body["max_tokens"] > 31 else Reply()) as server:
        ask(server, long, long, model=EMBEDDED)
        assert [body["max_tokens"] for _, _, body in server.requests] == [512, 31, 31]
        longer = Message(role="user", content="1 + " * 40)
        with pytest.raises(ContextFullError, match="the prompt fills the context of 50"):
            ask(server, long, long.model_copy(update={"messages": (longer,)}), model=EMBEDDED)


def test_a_prompt_beyond_the_context_is_a_full_context() -> None:
    said = (
        "This model's maximum context length is 100 tokens, your prompt contains 150 input tokens"
    )
    full = Reply(status=400, error={"error": {"message": said}})
    with (
        FaultServer(lambda *_: full) as server,
        pytest.raises(ContextFullError, match="100 tokens"),
    ):
        ask(server)


def test_a_request_that_is_refused_is_not_sent_again() -> None:
    no = Reply(status=400, error={"error": {"message": "this content is not allowed"}})
    with FaultServer(lambda *_: no) as server:
        with pytest.raises(RequestError, match="not allowed") as told:
            ask(server)
        assert len(server.requests) == 1
    assert not isinstance(told.value, TransientError)


def test_a_server_that_is_down_says_where_and_what_to_do() -> None:
    with FaultServer() as server:
        pass
    with pytest.raises(
        EngineError, match=r"engine openai at http://127.0.0.1:\d+/v1: .*start the server"
    ):
        ask(server)


def test_a_wrong_model_name_says_which_key_to_change() -> None:
    missing = Reply(
        status=404, error={"error": {"message": "The model some-model does not exist."}}
    )
    crashed = Reply(status=500, error="Internal Server Error")  # as `transformers serve` has it
    for reply in (missing, crashed):
        with (
            FaultServer(probe=lambda *_, reply=reply: reply) as server,
            pytest.raises(EngineError, match="`served_name` of model m"),
        ):
            ask(server)


def test_a_key_that_is_not_set_is_missed_before_anything_is_sent() -> None:
    with FaultServer() as server:
        with pytest.raises(EngineError, match="the environment variable NO_SUCH_KEY is not set"):
            ask(server, api_key_env="NO_SUCH_KEY")
        assert server.probes == []


def test_a_key_goes_with_every_request_and_into_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "sk-planted-4711")
    monkeypatch.setenv("A_HEADER", "planted-0815")
    no = Reply(
        status=400, error={"error": {"message": "sk-planted-4711 planted-0815 may not do that"}}
    )
    with FaultServer(lambda *_: no) as server:
        with pytest.raises(RequestError) as told:
            ask(server, api_key_env="A_KEY", headers_env={"X-Team": "A_HEADER"})
        for _, headers, _ in (*server.probes, *server.requests):
            assert headers["authorization"] == "Bearer sk-planted-4711"
            assert headers["x-team"] == "planted-0815"
    assert "*** *** may not do that" in str(told.value)
    assert "planted" not in str(told.value)


def test_without_a_key_none_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "planted-4711")
    with FaultServer() as server:
        ask(server)
    assert "planted" not in str([headers for _, headers, _ in server.requests])


def test_a_refused_key_ends_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "sk-planted-4711")
    no = Reply(status=401, error={"error": {"message": "Incorrect API key: sk-pla***711"}})
    with (
        FaultServer(lambda *_: no) as server,
        pytest.raises(EngineError, match="refuses the key") as told,
    ):
        ask(server, api_key_env="A_KEY")
    assert not isinstance(told.value, RequestError)
    assert "sk-pla" not in str(told.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"base_url": "127.0.0.1:8000"}, "expected an address such as"),
        ({"base_url": "http://me:secret@host/v1"}, "holds more than an address"),
        ({"base_url": "http://host/v1?key=secret"}, "holds more than an address"),
        (
            {"base_url": "http://host/v1", "api_key_env": "sk-secret"},
            "name of an environment variable",
        ),
        (
            {"base_url": "http://host/v1", "headers_env": {"X": "secret word"}},
            "name of an environment",
        ),
        ({"base_url": "http://host/v1", "extra_body": {"model": "x"}}, "`model` is said elsewhere"),
    ],
)
def test_settings_that_cannot_be_are_refused_without_repeating_a_secret(
    settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said) as told:
        OpenaiEngine(**settings)
    assert "secret" not in told.value.errors()[0]["msg"]


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


def test_every_gap_between_chunks_is_told_and_adds_up_to_the_stream() -> None:
    with FaultServer(lambda *_: Reply(second_s=0.2)) as server:
        (done,) = ask(server)
    gaps = done.inter_token_s
    assert gaps is not None
    assert len(gaps) == 4  # of five words
    assert gaps[0] >= 0.19
    assert done.first_token_s is not None
    assert sum(gaps) == pytest.approx(done.finished_s - done.first_token_s, abs=0.05)


def test_without_a_stream_there_are_no_gaps_and_no_first_token_of_an_answer() -> None:
    with FaultServer() as server:
        (done,) = ask(server, stream=False)
    assert (done.inter_token_s, done.first_answer_token_s) == (None, None)


def answer_after(done: Completion) -> float:
    """Seconds from the first token to the first of the answer."""
    assert done.first_token_s is not None
    assert done.first_answer_token_s is not None
    return done.first_answer_token_s - done.first_token_s


def test_the_answer_begins_behind_thinking_that_is_told_apart() -> None:
    reply = Reply(thinking=("hm",), words=("2",), second_s=0.2)
    with FaultServer(lambda *_: reply) as server:
        (done,) = ask(server)
    assert answer_after(done) >= 0.19


@pytest.mark.parametrize(
    "words",
    [
        ("<think>hm</think>", "2"),
        ("<think>hm</thi", "nk>2"),  # the marker in two chunks
        ("hm</think", ">", "2"),
    ],
)
def test_the_answer_begins_behind_the_marker_of_thinking_inside_the_text(words: Any) -> None:
    with FaultServer(lambda *_: Reply(words=words, second_s=0.2)) as server:
        (done,) = ask(server)
    assert answer_after(done) >= 0.19


def test_thinking_that_never_ends_has_no_answer_and_a_model_that_does_not_think_has_it_at_once() -> (
    None
):
    with FaultServer(lambda *_: Reply(words=("hm", " hm", "</think>"))) as server:
        (endless,) = ask(server)
        (plain,) = ask(server, model=SERVED.model_copy(update={"thinks": False}))
    assert endless.first_answer_token_s is None
    assert plain.first_answer_token_s == plain.first_token_s
