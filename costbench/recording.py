"""One `costbench meter`: any program runs while the meters are read; it is stored as a run is.

The program's arguments are not stored: they may hold keys.
"""

import datetime
import importlib.metadata
import platform
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from costbench import hardware
from costbench.child import require_program, run_child
from costbench.errors import MeterError, StoreError
from costbench.hardware import Gpu, Machine
from costbench.locations import new_run_folder
from costbench.metered import COMMAND, METER, print_metered, summarize
from costbench.metering.nvml_library import Library, text
from costbench.metering.reasons import REASONS
from costbench.metering.sampler import Fault, Reading, Sampler
from costbench.metering.select import is_local_rank_zero, meters_for
from costbench.metering.settling import LOOK_EVERY_S
from costbench.printable import clean
from costbench.store import Store
from costbench.wanted import Decision

_GIB = 1 << 30


def measure_program(command: Sequence[str], out: Path, name: str, form: str) -> int:
    """Run a program, store what the meters read and tell it; gives the program's exit code.

    The table goes to stderr, for stdout is the program's; JSON comes there behind all that it wrote.
    """
    folder, exit_code = record(command, out, name)
    if form == "json":
        sys.stdout.write("\n")  # its last line may have no end
    print_metered(summarize(folder), form, err=form != "json")
    sys.stderr.write(f"costbench: {clean(str(folder))}\n")
    return exit_code


def record(command: Sequence[str], out: Path, name: str) -> tuple[Path, int]:
    """Run a program while the meters are read; gives the run folder and the program's exit code.

    Raises CostbenchError where the program cannot be started, StoreError where readings cannot be kept.
    """
    require_program(command[0])
    gpus, gpu_here = _nvidia_gpus()
    machine = _machine(gpus)
    with ExitStack() as stack:
        sampler = stack.enter_context(Sampler(meters_for("auto", gpu=gpu_here)))
        meta = _meta(name, Path(command[0]).name, machine) | {"gpu": gpu_here}
        folder = new_run_folder(out, name, datetime.datetime.now(datetime.UTC))
        store = stack.enter_context(Store.create(folder, meta))
        store.begin_session(machine.model_dump(mode="json"))
        store.add_meters(sampler.facts)
        recorder = _Recorder(store, sampler)
        try:
            with store.window(COMMAND, 0, "whole"):
                exit_code = run_child(command, recorder.try_commit)
        finally:
            end_s = time.monotonic()
            with suppress(KeyboardInterrupt):  # the program is over; a second Ctrl-C is for us
                while not sampler.settled(end_s):
                    time.sleep(LOOK_EVERY_S)
            recorder.commit()
        with store.transaction():
            store.set_meta("exit_code", exit_code)
            store.set_meta("complete", True)
    return folder, exit_code


class _Recorder:
    """Takes readings out of the sampler and into the store."""

    def __init__(self, store: Store, sampler: Sampler) -> None:
        self._store = store
        self._sampler = sampler
        self._readings: list[Reading] = []
        self._faults = [] if is_local_rank_zero() else [_not_rank_zero()]

    def try_commit(self) -> None:
        """A full disk is no reason to disturb the program: what cannot be stored is kept for later."""
        with suppress(StoreError):
            self.commit()

    def commit(self) -> None:
        """Store what there is; raises StoreError."""
        readings, faults = self._sampler.drain()
        self._readings += readings
        self._faults += faults
        self._store.add_attempts([], self._readings)
        self._readings = []
        self._store.add_faults(self._faults)
        self._faults = []


def _not_rank_zero() -> Fault:
    code = "not_rank_zero"
    return Fault("meters", time.monotonic(), REASONS[code].label, code)


def _nvidia_gpus() -> tuple[tuple[Gpu, ...], bool]:
    """GPUs as NVML lists them, and whether there are any: a driver may refuse to tell which."""
    library = None
    try:
        library = Library()
        library.start()
        gpus = tuple(_gpu(library, handle) for handle in library.handles().values())
    except MeterError as error:
        return (), error.code not in {"nvml_missing", "no_gpu"}
    finally:
        if library is not None:
            library.stop()
    return gpus, bool(gpus)


def _gpu(library: Library, handle: Any) -> Gpu:
    memory = library.known("nvmlDeviceGetMemoryInfo", handle)
    return Gpu(
        name=text(library.known("nvmlDeviceGetName", handle) or "unknown"),
        memory_gib=memory.total / _GIB if memory is not None else float("nan"),
    )


def _machine(gpus: tuple[Gpu, ...]) -> Machine:
    """As `probe_machine` has it, but for the GPUs: torch would take seconds, and a place on each of them."""
    flags = hardware._cpuinfo("flags")
    return Machine(
        cpu=hardware._cpuinfo("model name") or platform.processor() or platform.machine(),
        cores=hardware._cores(),
        memory_gib=hardware._memory_gib(),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        virtual=None if flags is None else "hypervisor" in flags.split(),
        gpus=gpus,
        versions=hardware.installed_versions(hardware._NOTED_PACKAGES),
    )


def _meta(name: str, program: str, machine: Machine) -> dict[str, Any]:
    """With the keys that a suite's run has, for whoever reads folders of both."""
    return {
        "kind": METER,
        "name": name,
        "program": program,
        "identity": {"kind": METER},  # that of no suite: nothing is ever resumed from here
        "suite": {
            "name": f"{METER}:{name}",
            "protocol": "quick",
            "decision": Decision().model_dump(mode="json"),
        },
        "machine": machine.model_dump(mode="json"),
        "skipped": [],
        "price_file": None,
        "price_book": None,
        "started_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "costbench_version": importlib.metadata.version("costbench"),
        "complete": False,
    }
