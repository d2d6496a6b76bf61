"""What a report says of its joules in words: instrument, idle power, second opinion, rule of sharing."""

from collections.abc import Callable, Iterator, Sequence

from costbench.metering.trace import total_joules
from costbench.printable import clean
from costbench.report.contract import (
    CellReport,
    EnergyFacts,
    IdleFacts,
    Report,
    SecondOpinionFacts,
    WindowFacts,
)
from costbench.report.sections import Section
from costbench.report.wording import NA, bounded, estimate, number
from costbench.types import Device

Line = tuple[str, str]
_INSTRUMENT = {
    "counter_interpolated": "the GPUs' energy counters",
    "power_integral": "the integral of the GPUs' power readings",
    "counter_interpolated+power_integral": "the GPUs' counters, bridged by power readings",
    "rapl": "RAPL's counters",
    "rapl_vm": "RAPL as a hypervisor models it",
    "codecarbon_load_model": "CodeCarbon's model",
}


def energy_lines(report: Report) -> tuple[Line, ...]:
    """A term and a sentence each; nothing where no joules are known."""
    known = [cell for cell in report.cells if cell.energy.method is not None]
    if not known:
        return ()
    return (
        *_instruments(known),
        *(("device", _device(device)) for device in report.devices),
        *_idle(known),
        *_neighbors(known),
        *(("second opinion", _opinion(found)) for found in report.second_opinions),
        *_attribution(report),
    )


def _instruments(cells: Sequence[CellReport]) -> Iterator[Line]:
    """How far each kind of instrument may be off, for the worst of its cells."""
    by_method: dict[str, list[EnergyFacts]] = {}
    for cell in cells:
        if cell.energy.method is not None and cell.joules_per_attempt.value is not None:
            by_method.setdefault(cell.energy.method, []).append(cell.energy)
    for method, facts in by_method.items():
        name = _INSTRUMENT.get(method, clean(method).replace("_", " "))
        if facts[0].provenance != "measured":
            text = f"{name}, not measured; off by 40 % and more, do not compare cells by it"
        elif any(each.uncertainty_cell is None for each in facts):
            text = f"{name}; how far they may be off is not known"
        else:
            of_cell = max(each.uncertainty_cell or 0.0 for each in facts)
            of_ratio = max(each.uncertainty_ratio or 0.0 for each in facts)
            text = (
                f"{name}, good for ±{100 * of_cell:.1f} % of a cell's joules and "
                f"±{100 * of_ratio:.1f} % of a ratio on one device (95 %, in the intervals)"
            )
        yield "instrument", text


def _device(device: Device) -> str:
    facts = [
        f"{clean(device.name)} ({clean(device.domain.partition(':')[2])})",
        device.driver and f"driver {clean(device.driver)}",
        device.power_limit_w and f"limit {number(device.power_limit_w)} W",
        f"counter every {number(device.update_period_s)} s"
        if device.update_period_s
        else "no counter",
    ]
    return ", ".join(fact for fact in facts if fact)


def _idle(cells: Sequence[CellReport]) -> Iterator[Line]:
    told: dict[str, None] = {}
    for cell in cells:
        if cell.energy.idle is not None:
            text = _idle_words(cell.energy.idle, clean(cell.model))
            told |= {text: None} if text else {}
    yield from (("idle power", text) for text in told)


def _idle_words(idle: IdleFacts, model: str) -> str:
    parts = []
    if idle.bare_w is not None:
        parts.append(f"{number(idle.bare_w)} W before anything was loaded")
    if idle.context_before_w is not None:
        after = idle.context_after_w
        later = "" if after is None else f", {number(after)} W after its cells"
        parts.append(f"{number(idle.context_before_w)} W with {model} loaded{later}")
    return "; ".join(parts)


def _neighbors(cells: Sequence[CellReport]) -> Iterator[Line]:
    count = max(len(cell.energy.neighbors) for cell in cells)
    if count:
        parts = {
            f"{cell.cell} {domain}": joules
            for cell in cells
            for domain, joules in cell.energy.neighbors.items()
        }
        joules = total_joules(parts)
        total = NA if joules is None else f"{number(joules / 1e3)} kJ"
        text = (
            f"{count} of this machine that no cell worked on used {total} meanwhile, in no figure"
        )
        yield "other GPUs", text


def _opinion(found: SecondOpinionFacts) -> str:
    theirs, ours = (number(j / 1e3) for j in (found.joules, found.counter_joules))
    verdict = "" if found.used else "; out of its gate of 5 %, look into it"
    return (
        f"over the run CodeCarbon counted {theirs} kJ on the GPUs, their counters {ours} kJ: "
        f"{100 * found.difference:+.1f} %{verdict}"
    )


def _attribution(report: Report) -> Iterator[Line]:
    found = report.attribution
    rule = found.rule.replace("_", " ")
    if found.ranking is None:
        return
    if found.ranking == "same":
        yield (
            "sharing",
            f"windows are divided by {rule}; order and verdicts by joules per correct are the same under "
            + ", ".join(each.replace("_", " ") for each in found.rules),
        )
    else:
        cells = ", ".join(map(clean, found.differs_in))
        text = f"windows are divided by {rule}; under another rule these stand elsewhere: {cells}"
        yield "sharing", text
    for fit in found.fits:
        yield (
            "fit" if fit.provenance == "measured" else f"fit of {fit.provenance} joules",
            f"{clean(fit.model)}: {number(fit.base_w)} W in any case, "
            f"{number(1e3 * fit.joules_per_token_read)} mJ a token read, "
            f"{number(1e3 * fit.joules_per_token_written)} mJ a token written "
            f"(misses {100 * fit.residual:.1f} % of a window)",
        )


def energy_columns(section: Section) -> tuple[tuple[str, Callable[[CellReport], str], bool], ...]:
    """Of the table of windows: header, what a cell shows there, whether it is text."""
    return (
        ("energy", section.name, True),
        ("quality", lambda cell: cell.energy.quality, True),
        ("how", lambda cell: f"{cell.energy.provenance}: {cell.energy.method or NA}", True),
        ("whole windows, s", lambda cell: number(cell.windows.whole.duration_s), False),
        ("J", lambda cell: bounded(_joules(cell.windows.whole), cell.energy.bound), False),
        ("steady parts, s", lambda cell: number(_steady(cell, "duration_s")), False),
        ("J", lambda cell: number(_steady(cell, "joules")), False),
        ("mean W", lambda cell: number(cell.mean_power_w), False),
        (
            "J / correct",
            lambda cell: bounded(estimate(cell.joules_per_correct), cell.energy.bound),
            False,
        ),
        ("beyond loaded idle", lambda cell: estimate(cell.net_context_joules_per_correct), False),
        ("beyond bare idle", lambda cell: estimate(cell.net_bare_joules_per_correct), False),
        ("doubts", lambda cell: ", ".join(cell.energy.reasons).replace("_", " "), True),
    )


def _joules(window: WindowFacts) -> str:
    return number(window.joules)


def _steady(cell: CellReport, name: str) -> float | None:
    found: float | None = getattr(cell.windows.steady, name, None)
    return found
