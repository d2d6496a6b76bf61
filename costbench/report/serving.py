"""From a cell's attempts to what its users would notice (docs/serving.md)."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.serving import as_promised, kept
from costbench.analysis.stats import percentiles
from costbench.analysis.steady import share_inside
from costbench.parts import Which, arrived_s, come_steadily, ran_in, steady_parts
from costbench.records import CORRECT, ERROR, CellRecord
from costbench.report.contract import AtSlo, E, ServingFacts, ServingWindow, Spread
from costbench.report.estimates import to_e
from costbench.report.figures import CellFigures
from costbench.wanted import Slo

Floats = NDArray[np.float64]

_OF_ONE_STREAM = ("ttfat_s", "tpot_s")
"""Several responses side by side have none of these."""
_UNKNOWN = {
    "ttft_s": "no_first_token_time",
    "ttfat_s": "no_answer_token_time",
    "tpot_s": "no_token_times",
    "inter_token_s": "not_streamed",
    "latency_s": "latency_unknown",
}


def serving_facts(figures: CellFigures, slo: Slo | None, usd_reason: str | None) -> ServingFacts:
    """Everything about one cell; `usd_reason` is why it has no price."""
    serving = _Serving(figures, slo)
    return ServingFacts(
        whole=serving.whole,
        steady=serving.steady,
        reasons=serving.reasons,
        arrival_lag_s=serving.lag,
        at_slo=serving.at_slo(slo, usd_reason) if slo else None,
    )


@dataclass(frozen=True)
class _Serving:
    figures: CellFigures
    slo: Slo | None

    @property
    def record(self) -> CellRecord:
        return self.figures.record

    @cached_property
    def _columns(self) -> dict[str, Floats]:
        """With what only newer run folders tell."""
        columns, unknown = self.record.columns, np.full(self.record.attempts, np.nan)
        found = dict.fromkeys(("ttfat_s", "tpot_s", "sent_s"), unknown) | columns
        alone = not self.record.spec.get("votes")
        return found if alone else found | dict.fromkeys(_OF_ONE_STREAM, unknown)

    @cached_property
    def _answered(self) -> Which:
        return np.asarray(self.figures.outcomes != ERROR)

    @cached_property
    def _kept(self) -> tuple[Which, tuple[str, ...]] | None:
        """Which attempts kept the SLO, and what of it is not known; None without one."""
        if self.slo is None:
            return None
        return kept(self.slo.limits, as_promised(self._columns), self._answered)

    @property
    def lag(self) -> Spread | None:
        """Of arrivals, in an open loop."""
        if "open_loop" not in self.record.spec:
            return None
        return self._spread(self._columns["sent_s"] - arrived_s(self.record))

    @cached_property
    def whole(self) -> ServingWindow:
        """Of all attempts in all windows."""
        duration_s = sum(window.duration_s for window in self.record.windows) or None
        everything = np.ones(self.record.attempts)
        return self._window("whole", everything > 0, (everything, everything), duration_s)

    @cached_property
    def steady(self) -> ServingWindow | None:
        """Times of attempts that came in the steady parts, rates of what they answered and wrote."""
        parts, came = steady_parts(self.record), come_steadily(self.record)
        if parts is None or came is None:
            return None
        begun, ended = self._columns["first_token_s"], self._columns["finished_s"]
        begun = np.where(np.isnan(begun), self._columns["started_s"], begun)
        done, written = np.zeros(self.record.attempts), np.zeros(self.record.attempts)
        for window, span in parts:
            mine = ran_in(self.record, window)
            done += mine & (ended >= span[0]) & (ended <= span[1])
            written += mine * share_inside(begun, ended, span)
        duration_s = sum(end_s - start_s for _, (start_s, end_s) in parts)
        return self._window("steady", came, (done, written), duration_s)

    def _window(
        self, part: str, came: Which, shares: tuple[Floats, Floats], duration_s: float | None
    ) -> ServingWindow:
        """`shares` of each attempt, as answered and as written, that lie in it."""
        done, written = (share * self._answered for share in shares)
        tokens = self._columns["output_tokens"][self._answered]
        mine = came & self._answered
        good = None if self._kept is None or self._kept[1] else float(done[self._kept[0]].sum())
        gaps = self.record.inter_token_s.get(part) or percentiles(np.array([]))
        return ServingWindow(
            attempts=int(mine.sum()),
            errors=int((came & ~self._answered).sum()),
            duration_s=duration_s,
            requests_per_second=_over(float(done.sum()), duration_s),
            output_tokens_per_second=None
            if np.isnan(tokens).any()
            else _over(float((tokens * written[self._answered]).sum()), duration_s),
            goodput_per_second=None if good is None else _over(good, duration_s),
            ttft_s=self._spread(self._columns["ttft_s"][mine]),
            ttfat_s=self._spread(self._columns["ttfat_s"][mine]),
            tpot_s=self._spread(self._columns["tpot_s"][mine]),
            inter_token_s=Spread(**gaps, basis=self.figures.basis),
            latency_s=self._spread(self._columns["latency_s"][mine]),
        )

    def _spread(self, values: Floats) -> Spread:
        return Spread(**percentiles(values), basis=self.figures.basis)

    @property
    def reasons(self) -> dict[str, str]:
        """Why figures are null."""
        several = bool(self.record.spec.get("votes"))
        found = {
            name: "several_responses" if several and name in _OF_ONE_STREAM else code
            for name, code in _UNKNOWN.items()
            if getattr(self.whole, name).mean is None
        }
        if self.steady is None:
            found["steady"] = "no_steady_part"
        if self.whole.duration_s is None:
            found["requests_per_second"] = "imported_without_times"
        if self._kept is None:
            found["goodput_per_second"] = "no_slo"
        elif self._kept[1]:
            found["goodput_per_second"] = found.get(self._kept[1][0], "not_measured")
        return found

    def at_slo(self, slo: Slo, usd_reason: str | None) -> AtSlo:
        """The cell against it."""
        assert self._kept is not None
        if self._kept[1]:
            unknown = E(value=None, reason=self.reasons["goodput_per_second"])
            return AtSlo(
                share=unknown, meets=None, usd_per_correct=unknown, joules_per_correct=unknown
            )
        figures, good = self.figures, self._kept[0]
        share = figures.mean(figures.counted(good))
        correct = figures.counted(good & (figures.outcomes == CORRECT))
        usd = figures.per_correct(figures.usd, correct=correct)
        joules = figures.per_correct(figures.joules, joules=True, correct=correct)
        return AtSlo(
            share=to_e(share),
            meets=None if share.value is None else share.value >= slo.share_at_least,
            usd_per_correct=to_e(usd, usd_reason),
            joules_per_correct=to_e(joules, figures.unknown_energy_reason),
        )


def _over(value: float, duration_s: float | None) -> float | None:
    return value / duration_s if duration_s else None
