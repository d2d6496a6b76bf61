"""The assumptions, one row each: where it stands, and what judges it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.gpu import judging, rhythm, verdicts
from benchmarks.gpu.folder import Folder
from benchmarks.gpu.stored import SLOW_WAVES_MS, AbsentError, Data
from benchmarks.gpu.verdicts import Judged


@dataclass(frozen=True)
class Row:
    """One assumption."""

    id: str
    assumption: str
    where: str
    limits: str
    judge: Callable[[Data], Judged]


_NVML, _DEVICES, _QUALITY = "metering/nvml.py", "metering/nvml_devices.py", "metering/quality.py"
_BUDGET, _UNPROVEN = "docs/measurement.md, budget", "docs/measurement.md, unproven"
_TRACE, _WINDOW = "metering/trace.py", "metering/window_energy.py"
_PERIOD, _LIMIT_TIME, _BOTH = "80 to 120 ms", "0 to 1.2 x limit x time", "2 % (5 %)"
_OF_SLOWEST, _OF_THREE = "2 % of the 1000 ms wave", "1.2 %, variation over the root of 3"
_WAVES = [f"wave_{ms}ms" for ms in SLOW_WAVES_MS]


def _period(step: str) -> Callable[[Data], Judged]:
    return lambda data: verdicts.update_period(*data.counter(step))


def _probe(data: Data) -> Judged:
    probed_s = data.facts("inventory")["update_period_s"]
    return verdicts.same_period(probed_s, *data.counter("poll_load"))


ROWS: Sequence[Row] = (
    Row("counter", "the GPU has an energy counter, and it moves", _NVML, "changes under load",
        judging.counter),
    Row("period_idle", "the counter is updated about every 100 ms, idle", _UNPROVEN, _PERIOD,
        _period("poll_idle")),
    Row("period_load", "the same under load", _UNPROVEN, _PERIOD, _period("poll_load")),
    Row("jitter", "updates come evenly", _TRACE, "95 % of gaps within 10 % of the period",
        lambda d: verdicts.update_jitter(*d.counter("poll_load"))),
    Row("probe", "the short look at the start finds the period", _DEVICES, "10 %", _probe),
    Row("call_idle", "reading the counter takes 2 ms at most, idle", _NVML, "median 2 ms",
        judging.calls("latency_idle")),
    Row("call_load", "the same under load", _NVML, "median 2 ms", judging.calls("latency_load")),
    Row("reopen_bare", "the counter goes on when NVML is opened again, nobody else there", _NVML, _LIMIT_TIME,
        judging.survives("reopen_bare")),
    Row("reopen", "the same beside a CUDA context", _NVML, _LIMIT_TIME, judging.survives("reopen")),
    Row("bare_integral", "counter and integral of power agree, bare idle", _QUALITY, _BOTH,
        judging.agreement("bare_idle")),
    Row("context_integral", "the same with a context", _QUALITY, _BOTH, judging.agreement("context_idle")),
    Row("load_integral", "the same under full load", _QUALITY, _BOTH, judging.agreement("poll_load")),
    Row("sensors", "all readings of power tell the same under steady load", _BUDGET, "5 %", judging.sensors),
    Row("bare_alone", "nobody is on the GPU before we are", "pacing.py", "no process",
        lambda d: verdicts.alone(d.facts("bare_idle")["processes"]["listed"])),
    Row("listing", "torch's listing of GPUs opens no context: bare idle stays bare", _UNPROVEN,
        "no process, 50 MiB, 5 W", judging.listing),
    Row("context_power", "a CUDA context adds 26 to 66 W", "docs/measurement.md, protocols", "26 to 66 W",
        lambda d: verdicts.context_power(d.mean_w("bare_idle"), d.mean_w("context_idle"))),
    Row("integral", "an update stands for all the time since the one before", _UNPROVEN,
        "covers 80 % of it; contradicted up to 50 %", judging.integral),
    Row("coverage_counter", "the counter misses nothing of a load with a rhythm near its own", _UNPROVEN,
        _OF_SLOWEST, judging.coverage("counter")),
    Row("coverage_average", "nor does the average reading", _UNPROVEN, _OF_SLOWEST,
        judging.coverage("average")),
    Row("delay_counter", "the counter tells of the time right before", _TRACE, "100 ms",
        judging.delay_counter),
    Row("window_average", "the average reading is of 1 s", _DEVICES, "factor 1.5",
        judging.window("average", ["step_response"])),
    Row("delay_average", "it tells of the second right before it", _WINDOW, "100 ms",
        lambda d: rhythm.delay_of(d.waves("average", ["step_response"]))),
    Row("window_instant", "the instant reading is of 25 ms (Hopper, GA100) or 100 ms (others)", _DEVICES,
        "factor 1.5", judging.window("instant", _WAVES)),
    Row("processes", "the driver lists our processes under their numbers here", _UNPROVEN, "both of two",
        judging.visible),
    Row("throttling", "throttled time can be read, and grows when power is capped", _NVML,
        "readable, never back", judging.throttling),
    Row("warmth", "a warmer GPU draws more for the same load", _UNPROVEN, "above 0 W per °C", judging.warmth),
    Row("heat_row", "heat is good for 1 % after a cooldown", _BUDGET, "1 %, variation of joules per work",
        judging.same_work("heat_cooled", verdicts.heat_row)),
    Row("repeat_short", "three passes of 5 s repeat within 1.2 %", _BUDGET, _OF_THREE,
        judging.same_work("repeat_short", verdicts.repeatability)),
    Row("repeat_long", "three passes of 30 s repeat within 1.2 %", _BUDGET, _OF_THREE,
        judging.same_work("repeat_long", verdicts.repeatability)),
    Row("sampler", "the sampler costs less than 0.5 % of throughput", "metering/sampler.py",
        "0.5 %, interval of 95 %", judging.sampler),
)  # fmt: skip


def judge(row: Row, folder: Folder) -> Judged:
    """What is stored says of one assumption; "open" where it cannot be said, with the reason."""
    try:
        return row.judge(Data(folder))
    except AbsentError as missing:
        return verdicts.unknown(str(missing))
    except Exception as error:  # noqa: BLE001 - one row that fails must not hide the others
        return verdicts.unknown(f"could not be judged: {type(error).__name__}: {error}")
