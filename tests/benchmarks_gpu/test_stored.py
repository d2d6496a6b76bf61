"""What rows are given of stored results: by the rules that costbench itself measures by."""

from pathlib import Path

import numpy as np
import pytest
from signals import OFF_W, ON_W, spans, steady

from benchmarks.gpu import judging
from benchmarks.gpu.analysis import on_time_s
from benchmarks.gpu.folder import Folder, Result
from benchmarks.gpu.stored import Data
from costbench.metering.trace import Floats

SECONDS = 19.0


def keep(folder: Folder, step: str, result: Result) -> None:
    folder.keep(step, 1, result, 0.0, 1.0)


def inventory(folder: Folder, name: str = "NVIDIA H200", architecture: str = "Hopper") -> None:
    keep(folder, "inventory", Result({"name": name, "architecture": architecture}))


def readings(on_s: Floats, counter_s: float, average_s: float) -> dict[str, Floats]:
    """Polls every 5 ms of a counter and of an average over a second, each with updates of its own."""
    polls = np.arange(0, SECONDS, 0.005)

    def joules(t_s: Floats) -> Floats:
        return OFF_W * t_s + (ON_W - OFF_W) * on_time_s(on_s, t_s)

    counted = np.floor(polls / counter_s + 1e-9) * counter_s
    told = np.floor(polls / average_s + 1e-9) * average_s
    average_w = joules(told) - joules(told - 1.0)
    # As of a real sensor: no two updates are alike, also where the load is steady.
    average_w += 0.01 * np.sin(told * 1e3)
    return {
        "counter_t_s": polls, "counter_j": joules(counted),
        "average_t_s": polls, "average_w": average_w, "spans_t_s": on_s,
    }  # fmt: skip


@pytest.mark.parametrize("counter_s", [0.025, 0.1])
def test_coverage_of_the_average_is_judged_by_its_own_rhythm(
    tmp_path: Path, counter_s: float
) -> None:
    folder = Folder(tmp_path)
    inventory(folder)
    whole = np.array([[1.0, SECONDS - 1.0]])
    keep(folder, "poll_load", Result({}, readings(whole, counter_s, 0.1)))
    waves = {f"wave_{ms}ms": ms for ms in (1000, 200, 130, 101, 100, 50, 20)}
    for step, ms in (waves | {"wave_update": 25.0, "wave_beside": 25.25}).items():
        on_s = spans(ms * 1e-3, 15)
        keep(folder, step, Result({"period_ms": ms}, readings(on_s, counter_s, 0.1)))
    for name in ("counter", "average"):
        found = judging.coverage(name)(Data(folder))
        assert found.verdict == "holds", found
        assert {"at_25_ms", "at_25.25_ms", "at_100_ms"} <= found.seen.keys()


def test_a_wave_that_was_left_out_is_no_wave(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    keep(folder, "wave_update", Result({"period_ms": None, "why": "is among the others"}))
    assert Data(folder).beats("counter") == {}


@pytest.mark.parametrize(
    ("name", "architecture", "window_s"),
    [("NVIDIA A100-SXM4-80GB", "Ampere", 0.025), ("NVIDIA H200", "Hopper", 1.0)],
)
def test_the_power_that_is_compared_is_the_one_costbench_would_integrate(
    tmp_path: Path, name: str, architecture: str, window_s: float
) -> None:
    """Without an average the older reading comes first, and is of what the generation has."""
    folder = Folder(tmp_path)
    inventory(folder, name, architecture)
    t_s = np.arange(0, 12, 0.1)
    arrays = {"counter_t_s": t_s, "counter_j": 300 * t_s}
    for reading, watts in (("usage", 300.0), ("instant", 400.0)):
        arrays |= {f"{reading}_t_s": t_s, f"{reading}_w": steady(watts)(t_s)}
    keep(folder, "poll_load", Result({}, arrays))
    found = Data(folder).power("poll_load")
    assert found.watts.tolist() == arrays["usage_w"].tolist()
    assert found.shift_s == window_s / 2


def test_traces_are_stored_under_their_names_alone_and_go_on(tmp_path: Path) -> None:
    """numpy 2.0 and 2.1 would store an option of the call as one more array, and refuse it the next time."""
    keep(Folder(tmp_path), "one", Result({}, {"x_w": np.array([1.0, 2.0])}))
    keep(Folder(tmp_path), "two", Result({}, {"x_w": np.array([3.0])}))
    assert set(Folder(tmp_path).arrays(1)) == {"one/x_w", "two/x_w"}
