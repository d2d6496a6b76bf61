"""What `costbench meter --format json` prints (schema_version 1): a promise to whoever parses it."""

from typing import Any, Literal

from costbench.doctor_meters import Expected
from costbench.metering.window_energy import Bound
from costbench.types import Frozen, Provenance, Quality


class MeteredDomain(Frozen):
    """What one counter says of the program's time."""

    meter: str
    domain: str
    device: str | None = None
    joules: float | None = None
    mean_power_w: float | None = None
    provenance: Provenance
    method: str | None = None
    scope: str
    bound: Bound = "exact"
    quality: Quality
    reasons: tuple[str, ...] = ()
    uncertainty: Expected | None = None


class MeteredEnergy(Frozen):
    """All counters of one meter together: the one that best sees what works here."""

    joules: float | None = None
    mean_power_w: float | None = None
    provenance: Provenance = "unavailable"
    method: str | None = None
    scope: str | None = None
    bound: Bound = "exact"
    quality: Quality = "unavailable"
    reasons: tuple[str, ...] = ()
    uncertainty: Expected | None = None


class Metered(Frozen):
    """One `costbench meter`, whole; joules that nobody measured are null, with a reason."""

    schema_version: Literal[1] = 1
    kind: Literal["meter"] = "meter"
    run: str
    name: str
    program: str
    started_at: str
    complete: bool
    """False: we were ended before the program was, and figures go up to the last reading."""
    duration_s: float | None
    exit_code: int | None
    energy: MeteredEnergy
    domains: tuple[MeteredDomain, ...]
    faults: tuple[str, ...]
    """What meters could not do, in words."""
    machine: dict[str, Any]
    costbench_version: str
