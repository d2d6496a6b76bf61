"""What can go wrong between the engine and a server, and what must not get out on the way."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from engines.asking import ASK, EMBEDDED, ask
from engines.fault_server import FaultServer, Reply
from pydantic import ValidationError

from costbench.engines.openai import OpenaiEngine
from costbench.engines.openai_faults import Retries
from costbench.errors import ContextFullError, EngineError, RequestError, TransientError
from costbench.types import Message


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
        (Reply(first_s=30), "timeout"),
    ],
)
def test_every_fault_is_tried_again_and_then_left_for_another_time(
    reply: Reply, reason: str
) -> None:
    timeout_s = 3 if reason == "timeout" else 60  # longer than any pause of a busy machine
    with FaultServer(lambda number, *_: reply if number < 1 else Reply()) as server:
        (done,) = ask(server, request_timeout_s=timeout_s)
    assert [retry.reason for retry in done.retries] == [reason]
    with (
        FaultServer(lambda *_: reply) as server,
        pytest.raises(
            TransientError, match=r"at http://127.0.0.1:\d+/v1: .*failed 2 times"
        ) as told,
    ):
        ask(server, request_timeout_s=timeout_s, retries=Retries(at_most=1, first_wait_s=0.01))
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


def test_a_redirection_is_told_and_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "sk-planted-4711")
    with FaultServer() as other:
        moved = Reply(status=307, headers={"location": f"{other.url}/chat/completions"})
        with (
            FaultServer(probe=lambda *_: moved) as server,
            pytest.raises(EngineError, match=f"HTTP 307: moved to {other.url}.*`base_url`"),
        ):
            ask(server, api_key_env="A_KEY")
        assert other.probes == []


def test_a_proxy_is_asked_the_way_to_another_machine_and_a_netrc_has_no_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("A_KEY", "sk-planted-4711")
    (tmp_path / "netrc").write_text("machine far.invalid login me password planted-0815\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with FaultServer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        (done,) = ask(proxy, base_url="http://far.invalid/v1", api_key_env="A_KEY")
        ((url, headers, _),) = proxy.requests
        assert done.sampled.text == "1 + 1 is 2"
        assert url == "http://far.invalid/v1/chat/completions"
        assert headers["authorization"] == "Bearer sk-planted-4711"
        with FaultServer() as here:
            ask(here)
            assert len(here.requests) == len(proxy.requests) == 1


@pytest.mark.parametrize("at_a_time", [1, 7, None])
def test_an_answer_is_the_same_however_it_is_cut_on_the_way(at_a_time: int | None) -> None:
    words = ("süß ", "→ ", "x" * 300_000)
    with FaultServer(lambda *_: Reply(words=words[:2], bytes_at_a_time=at_a_time)) as server:
        (done,) = ask(server)
    assert done.sampled.text == "süß → "
    with FaultServer(lambda *_: Reply(words=words)) as server:
        (done,) = ask(server)
    assert done.sampled.text == "".join(words)
