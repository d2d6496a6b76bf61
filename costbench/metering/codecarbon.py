"""CodeCarbon as a joule counter: a model of this machine's power, for where no counter can be read.

Beside our own counters of GPUs it is a second opinion: it reads NVML, too, with other code and in other
intervals (`second_opinion.py` compares them).

Only its offline class is used (the online one guesses a country when it has no network), with every
setting that matters passed explicitly and its environment variables hidden while it starts: a
`.codecarbon.config` or a CODECARBON_PUE would change figures silently. On a virtual machine most of the
result is a constant per memory module: such joules are elapsed time in disguise, and the facts of this
meter say so.
"""

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from costbench.errors import MeterError
from costbench.metering.nvml_library import Library
from costbench.types import Component, MeterFacts
from costbench.units import joules_from_kwh

GPUS = "codecarbon:gpu"
"""The domain of its energy of all GPUs of this machine together."""

_MEASURE_EVERY_S = 0.5
_POLL_S = 0.1
_START_S = 15.0
_END_S = 15.0
"""A measurement takes milliseconds; with nvidia-smi it may take longer."""
_FIGURES_UNTIL_MOVED = 6
"""A GPU's counter moves within a second, if only at idle; until here it may not have."""
# Energy does not depend on the grid; a fixed intensity keeps CodeCarbon from looking a country up.
_INTENSITY_UNUSED_G_PER_KWH = 1.0
_REPORTED_BACK: Mapping[str, Any] = {
    "country_iso_code": "USA",
    "pue": 1.0,
    "wue": 0.0,
    "tracking_mode": "machine",
}
"""Settings of ours that come back with every figure."""


class CodeCarbonMeter(Component):
    """CPU and memory energy of the whole machine as CodeCarbon models it: `modelled`, never `measured`."""

    kind: Literal["codecarbon"] = "codecarbon"
    gpus: bool = False
    """Also count all NVIDIA GPUs of this machine, as a second opinion; it needs nvidia-smi for that."""

    @contextmanager
    def open(self) -> Iterator["_Open"]:
        """Start CodeCarbon's own thread; raises MeterError when its first figure does not come."""
        gpu_ids = _gpu_indices() if self.gpus else []
        latest = _Latest(gpus=bool(gpu_ids))
        tracker = _start(latest, gpu_ids)
        try:
            if not latest.first.wait(_START_S):
                # It swallows its exceptions: nothing is all that tells of them.
                raise MeterError(
                    f"codecarbon gave no figure within {_START_S:.0f} s; is a .codecarbon.config, here or "
                    "in your home folder, broken?",
                    "codecarbon_failed",
                )
            yield _Open(latest)
        finally:
            _end_timers(tracker)
            tracker.stop()


class _Latest:
    """CodeCarbon's output handler: remembers the newest cumulative energies."""

    def __init__(self, *, gpus: bool) -> None:
        self.first = threading.Event()
        self.joules: dict[str, float | None] = {}
        self.figures = 0
        self.obeyed = True
        self._gpus = gpus

    def live_out(self, total: Any, delta: Any) -> None:
        del delta
        joules: dict[str, float | None] = {
            "cpu": joules_from_kwh(total.cpu_energy),
            "ram": joules_from_kwh(total.ram_energy),
        }
        if self._gpus:
            # GPUs that it does not see are 0 kWh to it; its `gpu_count` is that of the ids it was given.
            joules[GPUS] = joules_from_kwh(total.gpu_energy) or None
        self.joules = joules
        self.figures += 1
        self.obeyed = all(getattr(total, name) == value for name, value in _REPORTED_BACK.items())
        self.first.set()

    def out(self, total: Any, delta: Any) -> None:
        self.live_out(total, delta)

    def task_out(self, data: Any, experiment_name: str) -> None:
        """Unused: tasks lose energy at their edges in this library."""

    def exit(self) -> None:
        """Nothing to close."""


class _Open:
    def __init__(self, latest: _Latest) -> None:
        self._latest = latest
        doubts = ("modelled_not_measured", "constant_ram_term")
        self.facts = MeterFacts(
            name="codecarbon",
            provenance="modelled",
            method="codecarbon_load_model",
            scope="machine_model",
            period_s=_POLL_S,
            settle_s=3 * _MEASURE_EVERY_S,
            headline=("cpu", "ram"),
            reasons=doubts if latest.obeyed else (*doubts, "codecarbon_setting"),
        )

    def read(self) -> Mapping[str, float | None]:
        return self._latest.joules

    def why(self, domain: str) -> MeterError | None:
        """Why there is no energy of the GPUs, once there should be."""
        if domain != GPUS or self._latest.figures < _FIGURES_UNTIL_MOVED:
            return None
        return MeterError(
            "codecarbon counts 0 J for GPUs that NVML sees; it needs nvidia-smi on the PATH",
            "second_opinion_dropped",
        )


def _gpu_indices() -> list[int]:
    """NVML's index of every GPU: UUIDs, and what CUDA_VISIBLE_DEVICES may say, come out as 0 J."""
    try:
        library = Library()
        library.start()
    except MeterError:
        return []
    count = library.known("nvmlDeviceGetCount") or 0
    library.stop()
    return list(range(count))


def _start(latest: _Latest, gpu_ids: list[int]) -> Any:
    try:
        from codecarbon import OfflineEmissionsTracker
    except ImportError as error:
        raise MeterError(
            "codecarbon is not installed: pip install codecarbon, or run with `meters: none`",
            "codecarbon_missing",
        ) from error
    # Three lines are logged before the level given below applies.
    logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
    with _settings_from_us_only():
        tracker = OfflineEmissionsTracker(
            **_REPORTED_BACK,
            # A cloud's region would come before the country.
            region=None,
            cloud_provider=None,
            cloud_region=None,
            country_2letter_iso_code=None,
            force_carbon_intensity_g_co2e_kwh=_INTENSITY_UNUSED_G_PER_KWH,
            output_methods=[],
            output_handlers=[latest],
            measure_power_secs=_MEASURE_EVERY_S,
            api_call_interval=1,
            gpu_ids=gpu_ids,
            log_level="critical",
            allow_multiple_runs=True,
            rapl_include_dram=False,
            rapl_prefer_psys=False,
            force_cpu_power=None,
            force_ram_power=None,
            force_mode_cpu_load=False,
            emissions_endpoint=None,
            output_dir=".",
        )
        tracker.start()
    return tracker


def _end_timers(tracker: Any) -> None:
    """Let measurements that are under way come to their end, and no further one begin.

    A timer that fires while the tracker stops would find its start gone and die of a TypeError, or arm the
    next one after the last was canceled, and so on for good. What is still at work at the deadline is left.
    """
    deadline_s = time.monotonic() + _END_S
    while timers := _timers(tracker):
        for timer, scheduler in timers:
            scheduler.stop()
            if timer.is_alive():  # not yet, if it is just being armed
                timer.join(max(0.0, deadline_s - time.monotonic()))
        if time.monotonic() >= deadline_s:
            return


def _timers(tracker: Any) -> list[tuple[threading.Timer, Any]]:
    """The threads that run this tracker's methods now or next, each with the scheduler that armed it."""
    found = []
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            scheduler = getattr(thread.function, "__self__", None)
            run = getattr(scheduler, "function", None)
            if getattr(run, "__self__", None) is tracker:
                found.append((thread, scheduler))
    return found


@contextmanager
def _settings_from_us_only() -> Iterator[None]:
    hidden = {k: v for k, v in os.environ.items() if k.upper().startswith("CODECARBON_")}
    for key in hidden:
        del os.environ[key]
    try:
        yield
    finally:
        os.environ.update(hidden)
