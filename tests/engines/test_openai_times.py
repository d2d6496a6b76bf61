"""When the engine for servers says that tokens came, against a server on loopback that waits in between."""

import time
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from engines.asking import EMBEDDED, SERVED, ask, when_heard
from engines.fault_server import FaultServer, Reply

from costbench.types import Completion


def test_times_are_those_of_our_side_of_the_socket() -> None:
    before_s = time.monotonic()
    with FaultServer(lambda *_: Reply(first_s=0.2)) as server:
        (done,) = ask(server)
    assert done.first_token_s is not None
    assert done.first_token_s - done.submitted_s >= 0.2
    order = [before_s, done.submitted_s, done.first_token_s, done.finished_s, time.monotonic()]
    assert order == sorted(order)


def test_what_the_template_has_written_is_neither_a_token_nor_the_first() -> None:
    """`transformers serve` tells the line break of "<think>\\n" before it has thought anything."""
    reply = Reply(words=("2",), thinking=("\n", "so"), second_s=0.2)
    with FaultServer(lambda *_: reply) as server:
        (done,) = ask(server, model=EMBEDDED)
    assert done.sampled.text == "so</think>2"
    assert done.first_token_s - done.submitted_s >= 0.2


def test_every_gap_between_chunks_is_told_and_adds_up_to_the_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reply = Reply(second_s=0.2, heard=when_heard(monkeypatch))
    with FaultServer(lambda *_: reply) as server:
        (done,) = ask(server)
    gaps = done.inter_token_s
    assert gaps is not None
    assert len(gaps) == 4  # of five words
    assert gaps[0] >= 0.2
    assert done.first_token_s is not None
    *_, last_word_s, _, _ = server.told  # the end and the usage have chunks of their own
    assert last_word_s < done.first_token_s + sum(gaps) < done.finished_s


def test_without_a_stream_there_are_no_gaps_and_no_first_token_of_an_answer() -> None:
    with FaultServer() as server:
        (done,) = ask(server, stream=False)
    assert (done.inter_token_s, done.first_answer_token_s) == (None, None)


def answer_after(done: Completion) -> float:
    """Seconds from the first token to the first of the answer."""
    assert done.first_token_s is not None
    assert done.first_answer_token_s is not None
    return done.first_answer_token_s - done.first_token_s


def test_the_answer_begins_behind_thinking_that_is_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reply = Reply(thinking=("hm",), words=("2",), second_s=0.2, heard=when_heard(monkeypatch))
    with FaultServer(lambda *_: reply) as server:
        (done,) = ask(server)
    assert answer_after(done) >= 0.2


@pytest.mark.parametrize(
    "words",
    [
        ("<think>hm</think>", "2"),
        ("<think>hm</thi", "nk>2"),  # the marker in two chunks
        ("hm</think", ">", "2"),
    ],
)
def test_the_answer_begins_behind_the_marker_of_thinking_inside_the_text(
    words: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = Reply(words=words, second_s=0.2, heard=when_heard(monkeypatch))
    with FaultServer(lambda *_: reply) as server:
        (done,) = ask(server)
    assert answer_after(done) >= 0.2


def test_thinking_that_never_ends_has_no_answer_and_a_model_that_does_not_think_has_it_at_once() -> (
    None
):
    with FaultServer(lambda *_: Reply(words=("hm", " hm", "</think>"))) as server:
        (endless,) = ask(server)
        (plain,) = ask(server, model=SERVED.model_copy(update={"thinks": False}))
    assert endless.first_answer_token_s is None
    assert plain.first_answer_token_s == plain.first_token_s
