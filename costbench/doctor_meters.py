"""What `costbench doctor` says of a meter: what it reads, how well, and what to do where it cannot."""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from costbench.interfaces import Explaining, Meter, OpenMeter
from costbench.metering.reasons import REASONS
from costbench.metering.trace import mean_gap
from costbench.metering.uncertainty import uncertainty_of
from costbench.metering.window_energy import COUNTER, INTEGRAL, RESOLVED_UPDATES
from costbench.types import Device, Frozen, MeterFacts, Provenance, Quality

_WINDOWS_S = (30.0, 10.0, 1.0)
_WATCHED_S, _WATCHED_AT_MOST_S, _LOOK_EVERY_S = 1.5, 6.0, 0.005
_ENOUGH_CHANGES, _FEW_CHANGES = 12, 4
"""Long enough for two changes of the slowest counter we know: CodeCarbon's moves every 0.5 s."""
MODEL_NOTE = "a model: off by 40 % and more; do not compare"


class Doubt(Frozen):
    """A reason code with what it means."""

    code: str
    quality: Quality
    label: str
    hint: str | None = None

    def __str__(self) -> str:
        return "; ".join([f"{self.code}: {self.label}", *([self.hint] if self.hint else [])])


class Expected(Frozen):
    """Half the width of a 95 % interval (k = 2) of a window's joules; None where nobody knows."""

    window_s: float
    absolute_percent: float | None = None
    """Of one cell's joules."""
    ratio_percent: float | None = None
    """Of the ratio of two cells on the same device."""


class DomainFinding(Frozen):
    """One counter of a meter."""

    domain: str
    device: str | None
    readable: bool
    method: str
    scope: str
    update_period_s: float | None
    """The mean time between two changes, as seen just now."""
    uncertainty: tuple[Expected, ...]
    reasons: tuple[Doubt, ...] = ()


class MeterFinding(Frozen):
    """A meter that was opened and watched, or why it could not be."""

    provenance: Provenance
    method: str | None = None
    scope: str | None = None
    domains: tuple[DomainFinding, ...] = ()
    reasons: tuple[Doubt, ...] = ()
    """What holds for all its joules; of a meter that cannot measure, what keeps it from it."""
    uncertainty_note: str | None = None

    @classmethod
    def absent(cls, code: str | None) -> Self:
        """A meter that cannot measure here."""
        return cls(provenance="unavailable", reasons=doubts([code] if code else []))

    @property
    def summary(self) -> str:
        """In a line."""
        unread = [found.domain for found in self.domains if not found.readable]
        missing = f"; cannot be read now: {', '.join(unread)}" if unread else ""
        names = ", ".join(found.domain for found in self.domains)
        return f"{self.provenance}, {self.method}: {names}{missing}"

    def details(self) -> Iterator[str]:
        """Resolution and uncertainty, counters that are alike together, then doubts with what to do."""
        if self.provenance == "unavailable":  # the line before says what is missing
            yield from (f"{doubt.code}: {doubt.hint or doubt.label}" for doubt in self.reasons)
            return
        alike: dict[tuple[str, str], list[str]] = {}
        for found in self.domains:
            alike.setdefault((_resolution(found), self._uncertainty(found)), []).append(
                found.device or found.domain
            )
        for (resolution, uncertainty), names in alike.items():
            yield f"{_counted(names)}: {resolution}"
            yield uncertainty
        own = (doubt for found in self.domains for doubt in found.reasons)
        yield from dict.fromkeys(str(doubt) for doubt in (*self.reasons, *own))

    def _uncertainty(self, found: DomainFinding) -> str:
        if self.uncertainty_note is not None:
            return self.uncertainty_note
        known = [one for one in found.uncertainty if one.absolute_percent is not None]
        if not known:
            return "uncertainty: not known"
        first, *shorter = known
        text = (
            f"±{_digits(first.absolute_percent)} % of a cell, "
            f"±{_digits(first.ratio_percent)} % of a ratio at {first.window_s:g} s"
        )
        return text + "".join(
            f"; ±{_digits(one.absolute_percent)} %, ±{_digits(one.ratio_percent)} % at {one.window_s:g} s"
            for one in shorter
        )


def look_at(meter: Meter) -> MeterFinding:
    """Open a meter and watch its counters; raises MeterError where it cannot measure."""
    with meter.open() as opened:
        facts, devices = opened.facts, {device.domain: device for device in opened.facts.devices}
        joules = opened.read()
        periods: Mapping[str, float | None] = {
            domain: device.update_period_s for domain, device in devices.items()
        }
        if not devices.keys() >= joules.keys():  # a GPU's counter was watched when it was opened
            periods = {**_watched_periods(opened), **periods}
        domains = [
            _domain(facts, domain, devices.get(domain), periods.get(domain))
            for domain in dict.fromkeys([*joules, *devices])
        ]
        return MeterFinding(
            provenance=facts.provenance,
            method=facts.method,
            scope=facts.scope,
            domains=tuple(
                _explained(found, opened) if joules.get(found.domain) is None else found
                for found in domains
            ),
            reasons=doubts(facts.reasons),
            uncertainty_note=MODEL_NOTE if facts.provenance == "modelled" else None,
        )


def expect(
    method: str | None,
    provenance: Provenance,
    window_s: float,
    *,
    update_period_s: float | None,
    power_covered: bool = True,
) -> Expected:
    """The uncertainty of a window's joules, as far as that is known of such joules."""
    counted = method is not None and COUNTER in method
    blurred = counted and window_s < RESOLVED_UPDATES * (update_period_s or 0.0)
    found = uncertainty_of(
        method, provenance, window_s, update_period_s=update_period_s, power_covered=power_covered
    )
    if found is None or blurred or provenance not in {"measured", "modelled"}:
        return Expected(window_s=window_s)
    return Expected(
        window_s=window_s,
        absolute_percent=_percent(found.absolute),
        ratio_percent=_percent(found.ratio),
    )


def doubts(codes: Iterable[str]) -> tuple[Doubt, ...]:
    """Codes with what they mean; a stranger's code stands for itself."""
    return tuple(_doubt(code) for code in dict.fromkeys(codes))


def _doubt(code: str) -> Doubt:
    reason = REASONS.get(code)
    if reason is None:
        return Doubt(code=code, quality="degraded", label="a reason of this meter's own")
    return Doubt(code=code, quality=reason.quality, label=reason.label, hint=reason.hint)


def _domain(
    facts: MeterFacts, domain: str, device: Device | None, period_s: float | None
) -> DomainFinding:
    method = INTEGRAL if device and device.update_period_s is None else facts.method
    return DomainFinding(
        domain=domain,
        device=device.name if device else None,
        readable=True,
        method=method,
        scope=device.scope if device else facts.scope,
        update_period_s=period_s,
        uncertainty=tuple(
            expect(
                method,
                facts.provenance,
                window_s,
                update_period_s=period_s,
                power_covered=device is None or device.power_covered,
            )
            for window_s in _WINDOWS_S
        ),
        reasons=doubts(device.reasons if device else ()),
    )


def _explained(found: DomainFinding, opened: OpenMeter) -> DomainFinding:
    """A counter that gave nothing: whether power readings stand in for it, and what is wrong with it."""
    error = opened.why(found.domain) if isinstance(opened, Explaining) else None
    devices = {device.domain: device for device in opened.facts.devices}
    device = devices.get(found.domain)
    integrated = device is not None and device.power_window_s is not None
    codes = [error.code] if error and error.code else []
    if integrated:  # that code says that there is no power reading either
        codes = [*(code for code in codes if code != "counter_unsupported"), "power_integral"]
    return found.model_copy(
        update={
            "readable": integrated,
            "uncertainty": found.uncertainty if integrated else (),
            "reasons": (*found.reasons, *doubts(codes)),
        }
    )


def _watched_periods(opened: OpenMeter) -> dict[str, float | None]:
    """How often each counter moves, from looking at it all the time for a moment.

    Where the machine was held still meanwhile, few changes were seen: what moves is looked at for longer.
    """
    changes: dict[str, list[float]] = {}
    last = dict(opened.read())
    began_s = time.monotonic()
    while (watched_s := time.monotonic() - began_s) < _WATCHED_AT_MOST_S:
        for domain, joules in opened.read().items():
            if joules is not None and joules != last.get(domain):
                last[domain] = joules
                changes.setdefault(domain, []).append(time.monotonic())
        fewest = min(map(len, changes.values()), default=_ENOUGH_CHANGES)  # of those that move
        if fewest >= _ENOUGH_CHANGES and changes.keys() == last.keys():
            break
        if fewest >= _FEW_CHANGES and watched_s >= _WATCHED_S:
            break
        time.sleep(_LOOK_EVERY_S)
    return {domain: mean_gap(times) for domain, times in changes.items()}


def _resolution(found: DomainFinding) -> str:
    if found.update_period_s is not None:
        return f"{found.method} of {found.scope}, changes every {found.update_period_s:.2g} s"
    if found.method == INTEGRAL:
        return f"{found.method} of {found.scope}, without a counter that moves"
    return f"{found.method} of {found.scope}, did not change in {_WATCHED_S:g} s"


def _counted(names: list[str]) -> str:
    """As "8x NVIDIA H200", "cpu, ram"."""
    times = {name: names.count(name) for name in names}
    return ", ".join(name if count == 1 else f"{count}x {name}" for name, count in times.items())


def _percent(share: float) -> float:
    return float(f"{100 * share:.3g}")


def _digits(percent: float | None) -> str:
    """Two digits: more would promise too much."""
    return "?" if percent is None else f"{percent:.2g}" if percent < 10 else f"{percent:.0f}"  # noqa: PLR2004
