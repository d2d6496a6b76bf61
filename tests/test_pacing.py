"""Waiting as a protocol says: the clock, the sampler and the store are real, the durations short."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import PrivateAttr
from scripted_engine import LONG, ScriptedEngine

from costbench.cell import Cell
from costbench.graders.exact import ExactGrader
from costbench.interfaces import Gauge
from costbench.metering.sampler import Sampler
from costbench.pacing import Pacing
from costbench.policies.truncation import Truncation
from costbench.protocol import Protocol
from costbench.store import Store
from costbench.types import (
    Completion,
    Component,
    Device,
    MeterFacts,
    Model,
    Problem,
    Provenance,
    Request,
    Sampling,
)

MODEL = Model(name="m", path="nowhere/nothing")
Temperature = Callable[[float], float | None]


class Stove(Component):
    """A meter of one watt, with as many GPUs as it has temperatures: functions of seconds since opening."""

    kind: Literal["stove"] = "stove"
    provenance: Provenance = "measured"
    update_period_s: float | None = 0.1
    _temperatures: tuple[Temperature, ...] = PrivateAttr(default=())

    def with_gpus(self, *temperatures: Temperature) -> "Stove":
        self._temperatures = temperatures
        return self

    @contextmanager
    def open(self) -> Iterator["_Hot"]:
        yield _Hot(self, self._temperatures)


class _Hot:
    def __init__(self, stove: Stove, temperatures: tuple[Temperature, ...]) -> None:
        self._began_s = time.monotonic()
        self._temperatures = temperatures
        self.gauges = (Gauge(0.02, self._heat),)
        device = Device(domain="gpu:0", name="stove", update_period_s=stove.update_period_s)
        self.facts = MeterFacts(
            name="stove", provenance=stove.provenance, method="clock", scope="test", period_s=0.05,
            settle_s=0.0, headline=("gpu:0",), devices=(device,),
        )  # fmt: skip

    def read(self) -> Mapping[str, float | None]:
        return {"gpu:0": time.monotonic()}

    def _heat(self) -> Mapping[tuple[str, str], float | None]:
        age_s = time.monotonic() - self._began_s
        heat = (of(age_s) for of in self._temperatures)
        return {(f"gpu:{at}", "temperature_c"): value for at, value in enumerate(heat)}


class Stuttering(ScriptedEngine):
    """Every other batch takes eight times as long."""

    kind: Literal["stuttering"] = "stuttering"  # type: ignore[assignment]
    _calls: int = PrivateAttr(default=0)

    @property
    def calls(self) -> int:
        return self._calls

    @asynccontextmanager
    async def open(self, model: Model, concurrency: int) -> AsyncIterator[Any]:
        async with super().open(model, concurrency) as engine:
            yield _Stuttering(self, engine, concurrency)


class _Stuttering:
    def __init__(self, engine: Stuttering, inner: Any, concurrency: int) -> None:
        self._engine, self._inner, self._concurrency = engine, inner, concurrency

    async def generate(self, request: Request) -> Completion:
        batch = self._engine._calls // self._concurrency
        self._engine._calls += 1
        await asyncio.sleep(0.08 if batch % 2 else 0.01)
        done: Completion = await self._inner.generate(request)
        return done


def cell_of(engine: ScriptedEngine, question: str = "one") -> Cell:
    return Cell(
        id="g/m/truncation@5/d/c2", group="g", engine=engine, model=MODEL, policy_name="truncation",
        policy=Truncation(budget=5), dataset_name="d", grader=ExactGrader(), sampling=Sampling(),
        problems=(Problem(id="0", question=question, prompt=question),), concurrency=2,
    )  # fmt: skip


def protocol(kind: str = "standard", **changes: Any) -> Protocol:
    nothing = dict.fromkeys(("warmup_s", "cooldown_s", "cooldown_at_most_s"), 0.0)
    return Protocol.model_validate({"kind": kind, **nothing, **changes})


Paced = Callable[..., Any]


@pytest.fixture
def paced(tmp_path: Path) -> Paced:
    """A pacing over a new run folder, its store, and what it says."""

    @contextmanager
    def begin(asked: Protocol, *meters: Stove) -> Iterator[tuple[Pacing, Store, list[str]]]:
        said: list[str] = []
        with Store.create(tmp_path / "run", {}) as store, Sampler(meters) as sampler:
            store.begin_session({})
            yield Pacing(store, sampler, asked, said.append), store, said

    return begin


def windows(store: Store) -> list[tuple[str, str | None, float]]:
    """Phase, owner and length of each."""
    return list(store.db.execute("SELECT phase, cell, end_s - start_s FROM windows ORDER BY id"))


def events(store: Store) -> list[tuple[str, str, str]]:
    return list(store.db.execute("SELECT kind, cell, code FROM events"))


def warm_up(pacing: Pacing, engine: ScriptedEngine, question: str = "one") -> None:
    async def run() -> None:
        async with engine.open(MODEL, 2) as opened:
            await pacing.warm_up(cell_of(engine, question), opened, 2)

    asyncio.run(run())


def cool_down(pacing: Pacing) -> float:
    """Seconds that it took."""
    began_s = time.monotonic()
    asyncio.run(asyncio.wait_for(pacing.cool_down(), 120))
    return time.monotonic() - began_s


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for, each of which is made."""
    asked: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        asked.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr("costbench.pacing.asyncio.sleep", noted)
    return asked


def heat(stove_c: list[float], celsius: float, pacing: Pacing) -> None:
    """Until it is known."""
    stove_c.append(celsius)
    while pacing._temperature_c() != celsius:
        time.sleep(0.01)


def test_idle_power_is_a_window_without_its_beginning(paced: Paced, waits: list[float]) -> None:
    asked = protocol(idle_bare_s=0.6, idle_context_s=0.4, idle_drop_s=0.3)
    with paced(asked, Stove()) as (pacing, store, said):
        asyncio.run(pacing.idle("idle_bare", None))
        asyncio.run(pacing.idle("idle_context", "g/m"))
        bare, context = windows(store)
    assert bare[:2] == ("idle_bare", None)
    assert context[:2] == ("idle_context", "g/m")
    assert waits == pytest.approx([0.3, 0.3, 0.3, 0.1])
    assert bare[2] >= 0.3
    assert context[2] >= 0.1
    assert said == ["idle power, 0.6 s", "idle power, 0.4 s"]


@pytest.mark.parametrize("provenance", ["modelled", None])
def test_without_a_counter_nobody_waits_for_idle_power(
    paced: Paced, provenance: Provenance | None
) -> None:
    meters = [] if provenance is None else [Stove(provenance=provenance)]
    asked = protocol(idle_bare_s=30, idle_drop_s=0.1)
    with paced(asked, *meters) as (pacing, store, said):
        asyncio.run(pacing.idle("idle_bare", None))
        assert windows(store) == []
    assert said == []


def test_an_idle_window_that_would_be_empty_is_left_out(paced: Paced) -> None:
    with paced(protocol(idle_bare_s=1, idle_drop_s=1), Stove()) as (pacing, store, _):
        asyncio.run(pacing.idle("idle_bare", None))
        assert windows(store) == []


def test_a_warm_up_ends_when_batches_are_even(paced: Paced) -> None:
    engine = ScriptedEngine(seconds=0.1)
    with paced(protocol(warmup_batches=1, warmup_at_most_s=20), Stove()) as (pacing, store, said):
        warm_up(pacing, engine)
        ((phase, whose, length_s),) = windows(store)
        assert events(store) == []
    assert (phase, whose) == ("warmup", "g/m/truncation@5/d/c2")
    assert 0.3 <= length_s < 20  # three batches tell whether they are even
    assert said == ["warming up"]


def test_a_warm_up_that_never_gets_even_is_given_up_and_told(paced: Paced) -> None:
    with paced(protocol(warmup_batches=1, warmup_at_most_s=0.4), Stove()) as (pacing, store, _):
        warm_up(pacing, Stuttering())
        assert events(store) == [("warmup", "g/m/truncation@5/d/c2", "not_steady")]
        assert 0.4 <= windows(store)[0][2] < 20


def test_a_gpu_that_goes_on_heating_is_not_warm(paced: Paced) -> None:
    heating = Stove().with_gpus(lambda _: 40.0, lambda age_s: 50 + 5 * age_s)
    asked = protocol(warmup_batches=1, warmup_at_most_s=0.5)
    with paced(asked, heating) as (pacing, store, _):
        warm_up(pacing, ScriptedEngine(seconds=0.05))
        assert [code for _, _, code in events(store)] == ["not_steady"]


def test_a_warm_up_takes_its_time_even_where_batches_are_even_at_once(paced: Paced) -> None:
    warm = Stove().with_gpus(lambda _: 60.0)
    asked = protocol(warmup_batches=1, warmup_s=0.6, warmup_at_most_s=20)
    with paced(asked, warm) as (pacing, store, _):
        warm_up(pacing, ScriptedEngine(seconds=0.05))
        assert 0.6 <= windows(store)[0][2] < 20


def test_a_quick_warm_up_is_so_many_batches_even_or_not(paced: Paced) -> None:
    engine = Stuttering()
    with paced(protocol("quick", warmup_batches=2)) as (pacing, store, _):
        warm_up(pacing, engine)
        assert events(store) == []
    assert engine.calls == 2 * 2


def test_a_question_that_is_refused_does_not_end_a_warm_up(paced: Paced) -> None:
    with paced(protocol("quick")) as (pacing, store, _):
        warm_up(pacing, ScriptedEngine(), LONG)
        assert [phase for phase, _, _ in windows(store)] == ["warmup"]


def test_before_the_first_pass_there_is_nothing_to_cool(paced: Paced, waits: list[float]) -> None:
    hot = Stove().with_gpus(lambda _: 80.0)
    asked = protocol(cooldown_s=0.4, cooldown_at_most_s=9)
    with paced(asked, hot) as (pacing, _, said):
        cool_down(pacing)
        assert said == []
        assert waits == []
        cool_down(pacing)
        assert said == ["cooling down"]
        assert waits == [0.4]


def test_a_cool_down_waits_until_the_hottest_gpu_is_as_cool_as_before(
    paced: Paced, waits: list[float]
) -> None:
    """It is 40 °C, then 55 °C, and 42 °C when it has been looked at once."""
    stove_c = [40.0]
    stove = Stove().with_gpus(lambda _: 42.0 if len(waits) > 1 else stove_c[-1], lambda _: 30.0)
    with paced(protocol(cooldown_s=0.05, cooldown_at_most_s=60), stove) as (pacing, _, _):
        cool_down(pacing)
        heat(stove_c, 55.0, pacing)
        cool_down(pacing)
    assert waits[:2] == [0.05, 0.5]


def test_a_cool_down_that_takes_too_long_is_given_up(paced: Paced) -> None:
    stove_c = [40.0]
    stove = Stove().with_gpus(lambda _: stove_c[-1])
    with paced(protocol(cooldown_s=0.1, cooldown_at_most_s=0.7), stove) as (pacing, _, _):
        cool_down(pacing)
        heat(stove_c, 60.0, pacing)
        assert cool_down(pacing) >= 0.7


def test_a_protocol_without_a_cool_down_does_not_wait(paced: Paced, waits: list[float]) -> None:
    stove_c = [40.0]
    stove = Stove().with_gpus(lambda _: stove_c[-1])
    with paced(protocol(cooldown_at_most_s=9), stove) as (pacing, _, said):
        cool_down(pacing)
        heat(stove_c, 60.0, pacing)
        cool_down(pacing)
    assert waits == []
    assert said == []


def test_where_no_temperature_is_known_the_fixed_cool_down_is_kept(paced: Paced) -> None:
    with paced(protocol(cooldown_s=0.3, cooldown_at_most_s=9), Stove()) as (pacing, _, _):
        cool_down(pacing)
        assert cool_down(pacing) >= 0.3


@pytest.mark.parametrize(
    ("asked_s", "period_s", "window_s"),
    [(30, 0.1, 30), (30, 0.25, 30), (30, 0.5, 50), (60, 0.5, 60), (0, 0.5, 0), (30, None, 30)],
)
def test_windows_are_longer_where_a_counter_moves_seldom(
    paced: Paced, asked_s: float, period_s: float | None, window_s: float
) -> None:
    asked, stove = protocol(window_s=asked_s), Stove(update_period_s=period_s)
    with paced(asked, stove, Stove()) as (pacing, _, _):
        assert pacing.window_s == window_s
