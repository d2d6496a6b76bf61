"""CPU packages and memory through RAPL, as Linux shows it below /sys/class/powercap.

Zones overlap: psys contains the packages, a package its cores. Only packages and, where they are zones of
their own, memory are counted. Counters are read and never written; nothing's rights are changed.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from costbench.errors import MeterError
from costbench.types import Component, MeterFacts

Clock = Callable[[], float]

_JOULES_PER_MICROJOULE = 1e-6
_POLL_S, _SETTLE_S = 0.1, 0.25
_MIRRORED_UJ = 1_000_000
"""Two packages whose counters stay this close, bit for bit a shared one, are one socket shown twice."""
_LOOKS, _BETWEEN_LOOKS_S = 3, 0.02
_MOST_W = 1000.0
"""More than any package or its memory draws."""
_UPDATED_WITHIN_S = 2.0
"""A hypervisor's model moves once a second: a step may stand for more time than passed between two reads."""


class RaplMeter(Component):
    """Counters of CPU packages and memory; in a virtual machine they are the hypervisor's model."""

    kind: Literal["rapl"] = "rapl"
    folder: Path = Path("/sys/class/powercap")
    cpuinfo: Path = Path("/proc/cpuinfo")

    def is_there(self) -> bool:
        """Whether this kernel has such a tree at all; most virtual machines have none."""
        return self.folder.is_dir()

    @contextmanager
    def open(self, clock: Clock = time.monotonic) -> Iterator["_Open"]:
        """Find the zones; raises MeterError with the reason and the remedy where none can be read."""
        found = _zones(self.folder, clock)
        kept = _without_mirrors(found)
        doubts = {
            "rapl_in_vm": _is_virtual(self.cpuinfo),
            "mirrored_zones": len(kept) < len(found),
        }
        yield _Open(kept, tuple(code for code, holds in doubts.items() if holds))


class _Zone:
    """One counter, unwrapped: it starts anew at its range, every few minutes on a busy machine."""

    def __init__(self, domain: str, folder: Path, clock: Clock) -> None:
        self.domain = domain
        self.error: MeterError | None = None
        self._file = folder / "energy_uj"
        self._clock = clock
        self._range_uj = _number(folder / "max_energy_range_uj")
        self._read_s = clock()
        self.raw_uj = _number(self._file)
        self._total_uj = 0
        self._over = False

    def joules(self) -> float | None:
        """Joules since this was made; None where they are not known, and `error` says why."""
        if self._over:
            return None
        try:
            self.advance()
        except MeterError as error:
            self.error = error
            return None
        self.error = None
        return self._total_uj * _JOULES_PER_MICROJOULE

    def advance(self) -> None:
        """Read the counter; raises MeterError where it cannot be read, or what it gained is not certain."""
        now, raw_uj = self._clock(), _number(self._file)
        elapsed_s = now - self._read_s
        gained_uj = (raw_uj - self.raw_uj) % (self._range_uj + 1)
        self._require_one_meaning(gained_uj * _JOULES_PER_MICROJOULE, elapsed_s)
        self._total_uj += gained_uj
        self._read_s, self.raw_uj = now, raw_uj

    def _require_one_meaning(self, gained_j: float, elapsed_s: float) -> None:
        """What cannot be told once cannot be told later either: the total stays unknown."""
        if _MOST_W * elapsed_s >= self._range_uj * _JOULES_PER_MICROJOULE:
            self._over = True
            raise MeterError(
                f"RAPL: {self.domain} was not read for {elapsed_s:.0f} s: its counter may have wrapped more "
                "than once; its energy is not known from here on",
                "rapl_ambiguous",
            )
        if gained_j > _MOST_W * (elapsed_s + _UPDATED_WITHIN_S):
            self._over = True
            raise MeterError(
                f"RAPL: the counter of {self.domain} was set back, as a suspended machine's is; its energy "
                "is not known from here on",
                "counter_reset",
            )


class _Open:
    def __init__(self, zones: Sequence[_Zone], reasons: tuple[str, ...]) -> None:
        self._zones = {zone.domain: zone for zone in zones}
        virtual = "rapl_in_vm" in reasons
        self.facts = MeterFacts(
            name="rapl",
            provenance="modelled" if virtual else "measured",
            method="rapl_vm" if virtual else "rapl",
            scope="cpu_package",
            period_s=_POLL_S,
            settle_s=_SETTLE_S,
            headline=tuple(self._zones),
            reasons=reasons,
        )

    def read(self) -> Mapping[str, float | None]:
        """Joules by "cpu:package-0", "dram:package-0"; None for one that is not known now."""
        return {domain: zone.joules() for domain, zone in self._zones.items()}

    def why(self, domain: str) -> MeterError | None:
        """What keeps a domain from having a value."""
        return self._zones[domain].error


def _zones(folder: Path, clock: Clock) -> list[_Zone]:
    """Packages, and memory where it is a zone of its own; on AMD the tree has Intel's name, too."""
    found = []
    for package in _top_folders(folder):
        name = _text(package / "name")
        if not name.startswith("package"):
            continue  # psys, which contains them all
        found.append(_Zone(f"cpu:{name}", package, clock))
        found += [
            _Zone(f"dram:{name}", child, clock)
            for child in sorted(package.glob(f"{package.name}:*"))
            if _text(child / "name") == "dram"
        ]
    if not found:
        raise MeterError(f"RAPL: {folder} has zones, but none of a CPU package", "rapl_absent")
    return found


def _top_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise MeterError(
            f"RAPL: no {folder} on this machine (virtual machines and macOS have none); "
            "without a counter CodeCarbon's model is what there is",
            "rapl_absent",
        )
    listed = [zone for zone in sorted(folder.glob("intel-rapl:*")) if zone.name.count(":") == 1]
    # Containers empty the folder that these link to: names without anything behind them.
    there = [zone for zone in listed if zone.is_dir()]
    if not there:
        raise MeterError(
            f"RAPL: {folder} has no zones; containers hide them (Docker since 24.0.7): "
            f"mount it with `-v {folder}:{folder}:ro --security-opt systempaths=unconfined`, "
            "or measure outside",
            "rapl_masked",
        )
    return there


def _without_mirrors(zones: list[_Zone]) -> list[_Zone]:
    """Some AMD systems show one socket's counter once per die; adding them up would double it."""
    looks = []
    for _ in range(_LOOKS):
        time.sleep(_BETWEEN_LOOKS_S)
        looks.append((_read(zones), _read(zones)))
    kept: list[int] = []
    for at, zone in enumerate(zones):
        family = zone.domain.partition(":")[0]
        twins = (
            other
            for other in kept
            if zones[other].domain.startswith(f"{family}:")
            # Read before and after, so that it does not matter for how long we were kept from reading.
            and all(
                first[other] - _MIRRORED_UJ < first[at] < again[other] + _MIRRORED_UJ
                for first, again in looks
            )
        )
        if next(twins, None) is None:
            kept.append(at)
    return [zones[at] for at in kept]


def _read(zones: list[_Zone]) -> list[int]:
    for zone in zones:
        zone.advance()
    return [zone.raw_uj for zone in zones]


def _number(path: Path) -> int:
    try:
        return int(_text(path))
    except ValueError as error:
        raise MeterError(f"RAPL: {path} holds no number", "rapl_absent") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except PermissionError as error:
        raise MeterError(
            f"RAPL: {path} is readable for root only (CVE-2020-8694): run as root, or ask for a udev "
            "rule that gives your group read access to energy_uj",
            "rapl_permission",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise MeterError(f"RAPL: {path} cannot be read: {error}", "rapl_absent") from error


def _is_virtual(cpuinfo: Path) -> bool:
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return any(line.startswith("flags") and " hypervisor" in line for line in lines)
