"""Run folders written by hand, as the runner does, with a constant power and words put in a model's mouth."""

from dataclasses import dataclass

import numpy as np
from machines import machine

from costbench.cell import Cell
from costbench.engines.transformers import TransformersEngine
from costbench.graders.exact import ExactGrader
from costbench.measuring import cell_spec
from costbench.metering.sampler import Reading
from costbench.policies.unconstrained import Unconstrained
from costbench.prices import Grid, MachinePrice, PriceBook
from costbench.records import read_records
from costbench.report.build import Pricing, View, build_report
from costbench.store import Attempt, Call, PlannedCell, Store
from costbench.types import (
    Completion,
    Device,
    Grade,
    MeterFacts,
    Model,
    Piece,
    Problem,
    Sampling,
    Solution,
)

GRADER = ("exact", "1")
CPU_W, RAM_W = 90.0, 30.0
WATTS = CPU_W + RAM_W
UNPRICED = Pricing(None, None)
USD_PER_HOUR, GRAMS_PER_KWH = 0.36, 360.0
BOOK = PriceBook(
    date="2026-11-20",
    machines=(
        MachinePrice(
            match="cpu",
            per="vcpu",
            usd_per_hour=USD_PER_HOUR / 2,
            provider="test",
            source="a test",
            as_of="2026-11-20",
        ),
    ),
    grid=Grid(gco2e_per_kwh=GRAMS_PER_KWH, place="Testland", year=2025, source="a test"),
)
METER = MeterFacts(
    name="clock",
    provenance="measured",
    method="counter_interpolated",
    scope="test_bench",
    period_s=0.01,
    settle_s=0.02,
    headline=("cpu", "ram"),
)
GPUS = tuple(Device(domain=f"gpu:GPU-{name}", name="Test", update_period_s=0.01) for name in "ab")
GPU_METER = METER.model_copy(
    update={"scope": "gpu_device", "headline": ("gpu:GPU-a", "gpu:GPU-b"), "devices": GPUS}
)
MACHINE = machine(cpu="Test", cores=2)
META = {
    "suite": {
        "name": "hand",
        "protocol": {"kind": "quick"},
        "decision": {"equivalence_margin": 0.05},
    },
    "machine": MACHINE.model_dump(mode="json"),
    "skipped": [{"group": "gpu", "reason": "no CUDA GPU on this machine"}],
    "started_at": "2026-11-20T12:00:00+00:00",
    "costbench_version": "0.1.0",
    "complete": True,
}


class Clock:
    """Time that passes when a test says so; stands where the store has the module `time`."""

    def __init__(self):
        self._now_s = 1000.0

    def monotonic(self):
        return self._now_s

    def time(self):
        return self._now_s + 1e9

    def sleep(self, seconds):
        self._now_s += seconds


CLOCK = Clock()


@dataclass(frozen=True)
class Try:
    """One attempt as a test says it: tokens sampled, and how it ended."""

    tokens: int
    verdict: str = "correct"


def make_cell(policy=None, problems=4, passes=2, model="base", role="baseline", concurrency=2):
    policy = policy or Unconstrained(max_tokens=64)
    budget = getattr(policy, "budget", None)
    label = policy.kind if budget is None else f"{policy.kind}@{budget}"
    return Cell(
        id=f"hand/{model}/{label}/sums/c{concurrency}",
        group="hand",
        engine=TransformersEngine(),
        model=Model(name=model, path="somewhere", role=role, tier="tiny"),
        policy_name=policy.kind,
        policy=policy,
        dataset_name="sums",
        problems=tuple(
            Problem(
                id=f"p{at}", question=f"{at}?", prompt=f"{at}?", answer=str(at), level=1 + at % 2
            )
            for at in range(problems)
        ),
        grader=ExactGrader(),
        sampling=Sampling(samples_per_problem=passes),
        concurrency=concurrency,
    )


class Hand:
    """Writes a run folder as the runner does, with a constant power and words put in the model's mouth."""

    def __init__(self, folder, *cells, metered=True, **meta):
        planned = [PlannedCell(cell.id, cell_spec(cell), cell.problems) for cell in cells]
        self.store = Store.create(folder, META | meta, planned)
        self._cells = cells
        self._metered = metered
        self._read_until_s = 0.0

    def session(self):
        self.store.begin_session({})
        self._read_until_s = 0.0
        if self._metered:
            self.store.add_meters([METER])

    def work(self, cell, pass_number, tries, lasting_s=3.0):
        """One pass, or a part of it: attempts at problems by number, inside one window."""
        start_s = CLOCK.monotonic()
        with self.store.window(cell.id, pass_number, "whole"):
            CLOCK.sleep(lasting_s)
            attempts = [
                self._attempt(cell, at, pass_number, one, start_s) for at, one in tries.items()
            ]
            self.store.add_attempts(attempts, [])
        self._grade(cell, pass_number, tries)
        if self._metered:
            self.store.add_attempts([], self._readings(start_s - 0.05, CLOCK.monotonic() + 0.05))
        CLOCK.sleep(0.2)

    def _attempt(self, cell, at, pass_number, one, start_s):
        end_s = CLOCK.monotonic()
        broken = one.verdict == "error"
        said = {"correct": f"</think>{at}", "truncated": ""}.get(one.verdict, "</think>none")
        text = f"{at}{said}"
        completion = Completion(
            sampled=Piece(text=text, origin="sampled", tokens=one.tokens),
            finish="length" if one.verdict == "truncated" else "end",
            input_tokens=7,
            reasoning_tokens=one.tokens - 2,
            written_tokens=(),
            submitted_s=start_s,
            started_s=start_s,
            first_token_s=start_s + 0.001,
            finished_s=end_s,
            batch_size=2,
        )
        solution = Solution(pieces=completion.pieces, finished=one.verdict != "truncated")
        return Attempt(
            cell=cell.id,
            problem=f"p{at}",
            pass_number=pass_number,
            seed=0,
            started_s=start_s,
            finished_s=end_s,
            calls=() if broken else (Call(completion, injected_tokens=0),),
            solution=None if broken else solution,
            error="the engine refused" if broken else None,
        )

    def _grade(self, cell, pass_number, tries):
        query = "SELECT problem, id FROM attempts WHERE cell = ? AND pass = ?"
        keys = dict(self.store.db.execute(query, (cell.id, pass_number)))
        grades = {
            "correct": Grade(correct=True, extracted="4"),
            "wrong": Grade(correct=False, extracted="5"),
            "truncated": Grade(correct=False, extracted=None),
            "unclosed": Grade(correct=False, reason="thinking_never_closed"),
            "ungraded": Grade(correct=None, reason="the grader ran out of time"),
        }
        self.store.add_grades(
            *GRADER,
            [(keys[f"p{at}"], grades[t.verdict]) for at, t in tries.items() if t.verdict in grades],
        )

    def _readings(self, start_s, end_s):
        moments = np.arange(max(start_s, self._read_until_s + 0.01), end_s + 0.01, 0.01)
        self._read_until_s = float(moments[-1])
        return [
            Reading(domain, float(at), watts * float(at))
            for domain, watts in (("cpu", CPU_W), ("ram", RAM_W))
            for at in moments
        ]

    def read(self):
        ids = [cell.id for cell in self._cells]
        spelling = dict.fromkeys(ids, ExactGrader())
        return read_records(self.store, dict.fromkeys(ids, GRADER), spelling)

    def report(self, pricing=UNPRICED, **options):
        return build_report(self.read(), "by-hand", pricing, View(**options))

    def seconds(self, cell):
        query = "SELECT SUM(end_s - start_s) FROM windows WHERE cell = ?"
        return self.store.db.execute(query, (cell.id,)).fetchone()[0]


ALL_RIGHT = {at: Try(10 * (at + 1)) for at in range(4)}
TWO_RIGHT = {0: Try(10), 1: Try(20), 2: Try(30, "wrong"), 3: Try(40, "wrong")}
PASSES = (ALL_RIGHT, TWO_RIGHT)
