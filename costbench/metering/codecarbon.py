"""CodeCarbon as a joule counter: a model of this machine's power, for where no counter can be read.

Only its offline class is used (the online one guesses a country when it has no network), with every
setting that matters passed explicitly and its environment variables hidden while it starts: a
`.codecarbon.config` or a CODECARBON_PUE would change figures silently. On a virtual machine most of the
result is a constant per memory module: such joules are elapsed time in disguise, and the facts of this
meter say so.
"""

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from costbench.errors import MeterError
from costbench.types import Component, MeterFacts
from costbench.units import joules_from_kwh

_MEASURE_EVERY_S = 0.5
_POLL_S = 0.1
_START_S = 15.0
# Energy does not depend on the grid; a fixed intensity keeps CodeCarbon from looking a country up.
_INTENSITY_UNUSED_G_PER_KWH = 1.0


class CodeCarbonMeter(Component):
    """CPU and memory energy of the whole machine as CodeCarbon models it: `modelled`, never `measured`."""

    kind: Literal["codecarbon"] = "codecarbon"

    @contextmanager
    def open(self) -> Iterator["_Open"]:
        """Start CodeCarbon's own thread; raises MeterError when its first figure does not come."""
        latest = _Latest()
        tracker = _start(latest)
        try:
            if not latest.first.wait(_START_S):
                raise MeterError(f"codecarbon gave no figure within {_START_S:.0f} s")
            yield _Open(latest)
        finally:
            tracker.stop()


class _Latest:
    """CodeCarbon's output handler: remembers the newest cumulative energies."""

    def __init__(self) -> None:
        self.first = threading.Event()
        self.joules: dict[str, float] = {}

    def live_out(self, total: Any, delta: Any) -> None:
        del delta
        self.joules = {
            "cpu": joules_from_kwh(total.cpu_energy),
            "ram": joules_from_kwh(total.ram_energy),
        }
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
        self.facts = MeterFacts(
            name="codecarbon",
            provenance="modelled",
            method="codecarbon_load_model",
            scope="machine_model",
            period_s=_POLL_S,
            settle_s=3 * _MEASURE_EVERY_S,
            headline=("cpu", "ram"),
            reasons=("modelled_not_measured", "constant_ram_term"),
        )

    def read(self) -> Mapping[str, float | None]:
        return self._latest.joules


def _start(latest: _Latest) -> Any:
    try:
        from codecarbon import OfflineEmissionsTracker
    except ImportError as error:
        raise MeterError(
            "codecarbon is not installed: pip install codecarbon, or run with `meters: none`"
        ) from error
    # Three lines are logged before the level given below applies.
    logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
    with _settings_from_us_only():
        tracker = OfflineEmissionsTracker(
            country_iso_code="USA",
            force_carbon_intensity_g_co2e_kwh=_INTENSITY_UNUSED_G_PER_KWH,
            output_methods=[],
            output_handlers=[latest],
            measure_power_secs=_MEASURE_EVERY_S,
            api_call_interval=1,
            tracking_mode="machine",
            gpu_ids=[],
            pue=1.0,
            wue=0.0,
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


@contextmanager
def _settings_from_us_only() -> Iterator[None]:
    hidden = {k: v for k, v in os.environ.items() if k.upper().startswith("CODECARBON_")}
    for key in hidden:
        del os.environ[key]
    try:
        yield
    finally:
        os.environ.update(hidden)
