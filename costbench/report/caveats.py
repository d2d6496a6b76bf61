"""A closed list of doubts about a result, each with a sentence for the reader."""

from collections.abc import Mapping

EXPLANATIONS: Mapping[str, str] = {
    "protocol_quick": "protocol quick (minutes): a demonstration, not a basis for published claims",
    "modelled_not_measured": "no energy counter: joules are CodeCarbon's model of this machine, not measured",
    "constant_ram_term": "most of the modelled power is a constant for memory: time in disguise",
    "no_meter": "no meter was running: energy and carbon are not known",
    "energy_uncovered": "the meter did not cover every window: energy is not known",
    "low_resolution": "windows under 10 s in all: energy is coarse",
    "unreliable_window": "windows under 2 s in all: energy is unreliable",
    "resumed": "interrupted and resumed: work lost in flight is in its time and energy",
    "many_ungraded": "more than 1 % of the attempts have no grade or ended in an error",
    "many_truncated": "more than 10 % of the responses were cut before a final answer",
    "incomplete": "not all planned attempts are there yet",
    "one_pass": "a single pass: the interval of energy and money does not include differences between passes",
    "few_problems": "fewer than 30 problems: intervals are rough",
    "no_price_book": "no price book was named: money is not known",
    "no_machine_price": "the price book has no price for this machine: money is not known",
    "no_grid_intensity": "the price book names no grid: carbon is not known",
    "assumed_price": "money is machine time at an assumed rental price, electricity included",
    "assumed_grid": "carbon is energy at an assumed grid's yearly average; no PUE, nothing embodied",
}


def explain(code: str) -> str:
    """The sentence for a code; a code of someone else's meter stands for itself."""
    return EXPLANATIONS.get(code, code.replace("_", " "))
