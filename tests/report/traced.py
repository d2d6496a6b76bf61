"""Runs that were never on a disk, with meters: counters that go up as a test says."""

from dataclasses import replace

import numpy as np

from costbench.metering.trace import trace_of
from costbench.policies.unconstrained import Unconstrained
from costbench.records import IdleWindow, Window
from costbench.report.build import Pricing, build_report
from costbench.types import Device, MeterFacts
from tests.report.in_memory import record, run_of

METER = MeterFacts(
    name="clock",
    provenance="measured",
    method="counter_interpolated",
    scope="test_bench",
    period_s=0.1,
    settle_s=0.1,
    headline=("cpu", "ram"),
)
MODEL_METER = METER.model_copy(
    update={"name": "codecarbon", "provenance": "modelled", "method": "codecarbon_load_model"}
)
GPUS = tuple(Device(domain=f"gpu:GPU-{name}", name="Test", update_period_s=0.1) for name in "ab")
GPU_METER = METER.model_copy(
    update={
        "name": "nvml",
        "scope": "gpu_device",
        "headline": tuple(device.domain for device in GPUS),
        "devices": GPUS,
    }
)


def at_watts(*stretches, start_s=0.0, step_s=0.1):
    """A cumulative counter: so many watts for so many seconds each; None for a pause of the readings."""
    t_s, joules = [start_s], [0.0]
    for watts, seconds in stretches:
        times = t_s[-1] + step_s * np.arange(1, round(seconds / step_s) + 1)
        if watts is None:
            times = times[-1:]
        t_s += list(times)
        joules += list(joules[-1] + (watts or 1.0) * (times - (times[0] - step_s)))
    return np.array(t_s), np.array(joules)


def cell_at(*spans, name="base", session=1, policy=None):
    """A cell whose passes ran then; four problems, half of them right."""
    right = np.tile((np.arange(4) < 2)[:, None], (1, len(spans)))
    found = record(policy or Unconstrained(), np.full(right.shape, 20), right, model=name)
    starts = np.array([start_s for start_s, _ in spans])[found.index("sample")]
    ends = np.array([end_s for _, end_s in spans])[found.index("sample")]
    columns = found.columns | {
        "session": np.full(starts.size, float(session)),
        "started_s": starts,
        "first_token_s": starts + 0.01,
        "finished_s": ends,
    }
    windows = tuple(Window(session, number, *span) for number, span in enumerate(spans))
    return replace(found, columns=columns, windows=windows)


def traced(*cells, counters=None, gauges=None, meter=METER, idle=(), **meta):
    """A run of these cells; `counters` are by session and domain."""
    sessions = counters or {}
    gauges = gauges or {}
    return replace(
        run_of(*cells, **meta),
        traces={
            session: trace_of(
                {(domain, "joules"): pair for domain, pair in found.items()}
                | gauges.get(session, {})
            )
            for session, found in sessions.items()
        },
        meters=dict.fromkeys(sessions, (meter,)),
        idle=tuple(idle),
    )


def idling(start_s, end_s, session=1, phase="idle_bare", whose=None):
    return IdleWindow(session, phase, whose, start_s, end_s)


def reported(run):
    return build_report(run, "traced", Pricing(None, None))
