"""From figures to a demand: machines, bills, joules and carbon of every cell, and the cheapest per tier."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from costbench.analysis.demand import Flow, Month
from costbench.analysis.stats import Estimate, percentiles
from costbench.hardware import Machine
from costbench.prices import Tariff, tariffs
from costbench.report.caveats import missing_of
from costbench.report.cells import money_reason
from costbench.report.contract import Bill, DemandFacts, E, Served, TierChoice
from costbench.report.decision import Candidate
from costbench.report.estimates import scaled, to_e
from costbench.report.figures import CellFigures
from costbench.report.serving import serving_facts
from costbench.units import kwh_from_joules
from costbench.wanted import Demand, Slo, Wanted

_G_PER_KG = 1e3


@dataclass(frozen=True)
class Server:
    """A cell that is to serve a demand, at the load it was measured at."""

    figures: CellFigures
    demand: Demand
    p95_latency_s: float | None
    tariffs: tuple[Tariff, ...]
    slo: Slo | None = None

    @cached_property
    def reason(self) -> str | None:
        """Why it cannot serve it, or why that is not known."""
        if self._seconds.value is None:
            return self._seconds.reason
        promised = serving_facts(self.figures, self.slo, None).at_slo
        if promised is not None and not promised.meets:
            return "misses_slo" if promised.meets is False else "slo_unknown"
        if self.p95_latency_s is None:
            return None
        p95 = percentiles(self.figures.record.columns["latency_s"])["p95"]
        if p95 is None:
            return "latency_unknown"
        return None if p95 <= self.p95_latency_s else "latency_too_high"

    @cached_property
    def _seconds(self) -> Estimate:
        """Of a machine, per attempt."""
        return self.figures.mean(self.figures.machine_seconds, by_pass=True)

    @cached_property
    def _months(self) -> tuple[Month, ...]:
        """As measured, then at both ends of the interval, where there is one."""
        flow = Flow(self.demand.answers_per_month, self.demand.peak_to_mean)
        return tuple(Month.of(flow, seconds) for seconds in _ends(self._seconds))

    def served(self) -> Served:
        """Everything about it."""
        gpus = self.figures.priced.gpus
        no_carbon = None
        if self._kgco2e_per_joule is None:
            no_carbon = missing_of(self.figures.priced.book, "no_grid_intensity")
        return Served(
            cell=self.figures.record.id,
            reason=self.reason,
            gpus_per_machine=gpus,
            machine_seconds_per_attempt=to_e(self._seconds),
            machines=self._of_machines(lambda month: month.machines),
            gpus=self._of_machines(lambda month: month.machines * gpus),
            bills=tuple(self._bill(tariff) for tariff in self.tariffs) or self._token_bill(),
            kwh_per_month=self._energy(kwh_from_joules(1)),
            kgco2e_per_month=self._energy(self._kgco2e_per_joule or math.nan, no_carbon),
        )

    def _bill(self, tariff: Tariff) -> Bill:
        return Bill(
            deployment=tariff.deployment,
            provider=tariff.provider,
            terms=_terms(tariff),
            usd_per_month=self._over_months(
                lambda month: month.usd(tariff.usd_per_s, tariff.usd_per_s_idle)
            ),
            provenance=tariff.provenance,
        )

    def _token_bill(self) -> tuple[Bill, ...]:
        """Of a remote server whose tokens have a price: as many attempts, whatever their rhythm."""
        tokens = self.figures.priced.tokens
        if tokens is None or tokens.price is None:
            return ()
        attempt = self.figures.mean(self.figures.usd, by_pass=True)
        cost = to_e(scaled(attempt, self.demand.answers_per_month), tokens.reason)
        return (
            Bill(
                deployment="api",
                provider=tokens.price.provider,
                terms="",
                usd_per_month=E(value=None, reason=self.reason) if self.reason else cost,
                provenance=tokens.price.provenance,
            ),
        )

    def _of_machines(self, figure: Callable[[Month], float]) -> E:
        """How many a server of somebody else has is not known."""
        if self.figures.priced.machine is None and self.reason is None:
            return E(value=None, reason="remote_machine")
        return self._over_months(figure)

    def _over_months(self, figure: Callable[[Month], float]) -> E:
        if self.reason is not None:
            return E(value=None, reason=self.reason)
        first, *ends = (figure(month) for month in self._months)
        return _with_ends(first, ends)

    @property
    def _kgco2e_per_joule(self) -> float | None:
        grams = self.figures.priced.gco2e_per_joule
        return None if grams is None else grams / _G_PER_KG

    def _energy(self, per_joule: float, no_factor: str | None = None) -> E:
        """With idle time; a bound where the power of idling is not known."""
        if self.reason or no_factor:
            return E(value=None, reason=self.reason or no_factor)
        attempt = self.figures.mean(self.figures.joules, joules=True)
        if attempt.value is None:
            reason = self.figures.unknown_energy_reason or attempt.reason
            return E(value=None, reason=reason)
        work = [each * self.demand.answers_per_month for each in _ends(attempt)]
        idle_w = self.figures.energy.idle.context_w
        if idle_w is None:
            return E(value=None, low=min(work) * per_joule, reason="no_idle")
        first = self._months[0].joules(work[0], idle_w)
        ends = [month.joules(joules, idle_w) for month in self._months for joules in work[1:]]
        return _with_ends(first * per_joule, [each * per_joule for each in ends])


def serve(
    groups: Sequence[Sequence[CellFigures]], wanted: Wanted, machine: Machine
) -> DemandFacts | None:
    """What each cell would take; None where nothing is asked for."""
    if wanted.demand is None:
        return None
    candidates = [Candidate(figures, wanted.decision) for group in groups for figures in group]
    served = {}
    for each in candidates:
        priced = each.figures.priced
        ways = tariffs(priced.book, machine, priced.gpus) if priced.machine else ()
        server = Server(each.figures, wanted.demand, wanted.p95_latency_s, ways, wanted.slo)
        served[each.id] = server.served()
    return DemandFacts(
        wanted=wanted.demand,
        p95_latency_s=wanted.p95_latency_s,
        cells=tuple(served.values()),
        tiers=tuple(_tiers(candidates, served)),
    )


def _tiers(candidates: Sequence[Candidate], served: dict[str, Served]) -> Iterator[TierChoice]:
    """By dataset, whatever the group: a tier is what buyers compare."""
    tiers = {each.id: _tier(each) for each in candidates}
    for key in dict.fromkeys(tiers.values()):
        members = [each for each in candidates if tiers[each.id] == key]
        ways = {_way(bill): bill for each in members for bill in served[each.id].bills}
        for way in ways or (None,):
            yield _cheapest(members, served, way)


def _cheapest(
    members: Sequence[Candidate], served: dict[str, Served], way: tuple[str, ...] | None
) -> TierChoice:
    _, dataset, tier = _tier(members[0])
    usd = {each.id: _bills(served[each.id]).get(way) for each in members if each.meets}
    known = {cell: bill.usd_per_month.value for cell, bill in usd.items() if bill is not None}
    costs = {cell: value for cell, value in known.items() if value is not None}
    best = min(costs, key=lambda cell: costs[cell], default=None)
    bill = next((b for each in members if (b := _bills(served[each.id]).get(way))), None)
    return TierChoice(
        dataset=dataset,
        tier=tier,
        deployment=bill.deployment if bill else None,
        provider=bill.provider if bill else None,
        terms=bill.terms if bill else "",
        cell=best,
        reason=None if best else _why_none(members, served),
    )


def _why_none(members: Sequence[Candidate], served: dict[str, Served]) -> str:
    meeting = [each for each in members if each.meets]
    if not meeting:
        return "cannot_be_told" if any(each.meets is None for each in members) else "none_meets"
    reasons = [served[each.id].reason for each in meeting]
    if None not in reasons:
        return reasons[0] or "not_measured"
    return money_reason(meeting[0].figures.priced) or "no_machine_price"


def _tier(each: Candidate) -> tuple[str, str, str | None]:
    """The problems, the name of their dataset, and the tier."""
    spec = each.figures.record.spec
    return spec["dataset_sha256"], spec["dataset"], spec["model"]["tier"]


def _bills(served: Served) -> dict[tuple[str, ...] | None, Bill]:
    """The cheapest where a provider has several prices on the same terms."""
    found: dict[tuple[str, ...] | None, Bill] = {}
    for bill in served.bills:
        other = found.get(_way(bill))
        if other is None or (bill.usd_per_month.value or 0) < (other.usd_per_month.value or 0):
            found[_way(bill)] = bill
    return found


def _way(bill: Bill) -> tuple[str, ...]:
    return bill.deployment, bill.provider, bill.terms


def _terms(tariff: Tariff) -> str:
    said = tariff.basis.get("region"), tariff.basis.get("commitment")
    return ", ".join(str(each).replace("_", " ") for each in said if each)


def _ends(found: Estimate) -> list[float]:
    """The value, then both ends of its interval, where there are any."""
    assert found.value is not None
    ends = [found.low, found.high]
    return [found.value, *(end for end in ends if end is not None and None not in ends)]


def _with_ends(value: float, ends: Sequence[float]) -> E:
    if not ends:
        return E(value=value)
    return E(value=value, low=min(value, *ends), high=max(value, *ends))
