"""CPU packages and memory through RAPL, as Linux shows it below /sys/class/powercap.

Zones overlap: psys contains the packages, a package its cores. Only packages and, where they are zones of
their own, memory are counted. Counters are read and never written; nothing's rights are changed.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from costbench.errors import MeterError
from costbench.types import Component, MeterFacts

_JOULES_PER_MICROJOULE = 1e-6
_POLL_S, _SETTLE_S = 0.1, 0.25
_MIRRORED_UJ = 1_000_000
"""Two packages whose counters stay this close, bit for bit a shared one, are one socket shown twice."""
_LOOKS, _BETWEEN_LOOKS_S = 3, 0.02


class RaplMeter(Component):
    """Counters of CPU packages and memory; in a virtual machine they are the hypervisor's model."""

    kind: Literal["rapl"] = "rapl"
    folder: Path = Path("/sys/class/powercap")
    cpuinfo: Path = Path("/proc/cpuinfo")

    def is_there(self) -> bool:
        """Whether this kernel has such a tree at all; most virtual machines have none."""
        return self.folder.is_dir()

    @contextmanager
    def open(self) -> Iterator["_Open"]:
        """Find the zones; raises MeterError with the reason and the remedy where none can be read."""
        yield _Open(_without_mirrors(_zones(self.folder)), virtual=_is_virtual(self.cpuinfo))


class _Zone:
    """One counter, unwrapped: it starts anew at its range, every few minutes on a busy machine."""

    def __init__(self, domain: str, folder: Path) -> None:
        self.domain = domain
        self._file = folder / "energy_uj"
        self._range_uj = _number(folder / "max_energy_range_uj")
        self.raw_uj = _number(self._file)
        self._total_uj = 0

    def read(self) -> float:
        """Joules since this was made; a poll comes long before the counter can pass its range twice."""
        raw_uj = _number(self._file)
        self._total_uj += (raw_uj - self.raw_uj) % (self._range_uj + 1)
        self.raw_uj = raw_uj
        return self._total_uj * _JOULES_PER_MICROJOULE


class _Open:
    def __init__(self, zones: list[_Zone], *, virtual: bool) -> None:
        self._zones = zones
        self.facts = MeterFacts(
            name="rapl",
            provenance="modelled" if virtual else "measured",
            method="rapl_vm" if virtual else "rapl",
            scope="cpu_package",
            period_s=_POLL_S,
            settle_s=_SETTLE_S,
            headline=tuple(zone.domain for zone in zones),
            reasons=("rapl_in_vm",) if virtual else (),
        )

    def read(self) -> Mapping[str, float | None]:
        """Joules by "cpu:package-0", "dram:package-0"; raises MeterError when a zone is gone."""
        return {zone.domain: zone.read() for zone in self._zones}


def _zones(folder: Path) -> list[_Zone]:
    """Packages, and memory where it is a zone of its own; on AMD the tree has Intel's name, too."""
    if not folder.is_dir():
        raise MeterError(
            f"RAPL: no {folder} on this machine (virtual machines and macOS have none); "
            "without a counter CodeCarbon's model is what there is"
        )
    packages = [zone for zone in sorted(folder.glob("intel-rapl:*")) if zone.name.count(":") == 1]
    if not packages:
        raise MeterError(
            f"RAPL: {folder} has no zones; containers hide them (Docker since 24.0.7): "
            f"mount it with `-v {folder}:{folder}:ro --security-opt systempaths=unconfined`, "
            "or measure outside"
        )
    found = []
    for package in packages:
        name = _text(package / "name")
        if not name.startswith("package"):
            continue  # psys, which contains them all
        found.append(_Zone(f"cpu:{name}", package))
        found += [
            _Zone(f"dram:{name}", child)
            for child in sorted(package.glob(f"{package.name}:*"))
            if _text(child / "name") == "dram"
        ]
    if not found:
        raise MeterError(f"RAPL: {folder} has zones, but none of a CPU package")
    return found


def _without_mirrors(zones: list[_Zone]) -> list[_Zone]:
    """Some AMD systems show one socket's counter once per die; adding them up would double it."""
    looks: list[list[int]] = []
    for _ in range(_LOOKS):
        time.sleep(_BETWEEN_LOOKS_S)
        for zone in zones:
            zone.read()
        looks.append([zone.raw_uj for zone in zones])
    kept: list[int] = []
    for at, zone in enumerate(zones):
        family = zone.domain.partition(":")[0]
        twins = (
            other
            for other in kept
            if zones[other].domain.startswith(f"{family}:")
            and all(abs(look[at] - look[other]) < _MIRRORED_UJ for look in looks)
        )
        if next(twins, None) is None:
            kept.append(at)
    return [zones[at] for at in kept]


def _number(path: Path) -> int:
    try:
        return int(_text(path))
    except ValueError as error:
        raise MeterError(f"RAPL: {path} holds no number") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except PermissionError as error:
        raise MeterError(
            f"RAPL: {path} is readable for root only (CVE-2020-8694): run as root, or ask for a udev "
            "rule that gives your group read access to energy_uj"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise MeterError(f"RAPL: {path} cannot be read: {error}") from error


def _is_virtual(cpuinfo: Path) -> bool:
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return any(line.startswith("flags") and " hypervisor" in line for line in lines)
