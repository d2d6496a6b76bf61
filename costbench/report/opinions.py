"""CodeCarbon beside our counters: its figure for the GPUs of the whole run, and the difference."""

from collections.abc import Iterator

from costbench.metering.second_opinion import second_opinion
from costbench.records import RunRecord
from costbench.report.contract import SecondOpinionFacts
from costbench.types import GPU_SCOPE


def second_opinions(run: RunRecord) -> Iterator[SecondOpinionFacts]:
    """One per session that had both; a comparison of meters, and never part of a cell's figures."""
    for session, meters in run.meters.items():
        domains = [d for facts in meters if facts.scope == GPU_SCOPE for d in facts.headline]
        found = second_opinion(run.traces[session], domains) if domains else None
        if found is not None:
            yield SecondOpinionFacts(
                meter="codecarbon",
                joules=found.joules,
                counter_joules=found.ours_joules,
                difference=found.difference,
                used=found.used,
                reason=found.reason,
            )
