"""A report by group and dataset, and the short names that tell its rows apart."""

from dataclasses import dataclass
from typing import Any

from costbench.printable import clean
from costbench.report.contract import CellReport, Report


@dataclass(frozen=True)
class Section:
    """The cells of one group and dataset: what may be compared with each other."""

    group: str
    dataset: str
    cells: tuple[CellReport, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """Each model once, in order."""
        return tuple(dict.fromkeys(cell.model for cell in self.cells))

    @property
    def gradable(self) -> bool:
        """False: there is nothing to be right about."""
        return any(cell.gradable for cell in self.cells)

    @property
    def freest(self) -> tuple[CellReport, ...]:
        """Of each model the cells without a budget; of one that has none, those with its largest."""
        found: list[CellReport] = []
        for model in self.models:
            mine = [cell for cell in self.cells if cell.model == model]
            largest = max((cell.budget for cell in mine if cell.budget is not None), default=None)
            unbounded = [cell for cell in mine if cell.budget is None]
            found += unbounded or [cell for cell in mine if cell.budget == largest]
        return tuple(found)

    @property
    def place(self) -> str:
        """Group and dataset."""
        return f"{clean(self.group)} · {clean(self.dataset)}"

    @property
    def title(self) -> str:
        """What all rows have in common."""
        first = self.cells[0]
        parts = [self.place]
        if len(self.models) == 1:
            parts.append(clean(first.model))
        counts = sorted({cell.problems for cell in self.cells})
        problems = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(first.problems)
        parts.append(f"{problems} problems x {first.samples} samples")
        return " · ".join(parts)

    def policy(self, cell: CellReport) -> str:
        """As truncation@64, with its load where the section holds several."""
        label = clean(cell.policy) + ("" if cell.budget is None else f"@{cell.budget}")
        loads = [other.load for other in self.cells]
        return (
            label if all(load == loads[0] for load in loads) else f"{label} {load_label(cell.load)}"
        )

    def name(self, cell: CellReport) -> str:
        """The policy, after its model where the section holds several."""
        several = len(self.models) > 1
        return f"{clean(cell.model)} {self.policy(cell)}" if several else self.policy(cell)


def sections(report: Report) -> tuple[Section, ...]:
    """The report's cells by group and dataset, in the order of the plan."""
    places = dict.fromkeys((cell.group, cell.dataset) for cell in report.cells)
    return tuple(
        Section(group, dataset, tuple(c for c in report.cells if (c.group, c.dataset) == place))
        for place in places
        for group, dataset in [place]
    )


def load_label(load: dict[str, Any]) -> str:
    """As c64, r2 or, with a cap, r2c64."""
    if load == {"concurrency": None}:  # an imported file need not say
        return "load n/a"
    if set(load) == {"concurrency"}:
        return f"c{load['concurrency']}"
    if "request_rate" in load:
        cap = load.get("max_concurrency")
        return f"r{load['request_rate']:g}" + ("" if cap is None else f"c{cap}")
    return " ".join(f"{clean(key)}={clean(str(value))}" for key, value in load.items())


def load_words(load: dict[str, Any]) -> str:
    """As "64 attempts in flight" or "2 arrivals per second"."""
    if "request_rate" not in load:
        return f"{load['concurrency']} attempts in flight"
    cap, even = load.get("max_concurrency"), load["burstiness"]
    parts = [f"{load['request_rate']:g} arrivals per second"]
    parts += [f"burstiness {even:g}"] if even != 1 else []
    parts += [f"at most {cap} in flight"] if cap is not None else []
    return ", ".join(parts)
