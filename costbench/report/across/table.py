"""One run against another on a console, or in a pipe."""

from typing import TYPE_CHECKING

from costbench.report.across import words
from costbench.report.across.contract import RunComparison
from costbench.report.console import fit, plain_text, print_columns, print_list

if TYPE_CHECKING:
    from rich.console import Console

_NOTHING_ELSE = ("", "Nothing else that is stored differs between the runs.")


def print_runs(found: RunComparison, console: "Console") -> None:
    """What differs besides the figures, a table per group and dataset, and how to read it."""
    print_list(words.sides(found), console)
    console.print(plain_text("Differs between the runs, and may explain what follows:", console))
    print_list(words.differences(found) or [_NOTHING_ELSE], console)
    why = words.doubts(found)
    hidden: dict[str, None] = {}
    for place in words.places(found):
        shown, dropped = fit(words.columns(place, why), console.width)
        print_columns(f"{place.title} · {words.title(found)}", shown, console)
        hidden |= dict.fromkeys(each.name for each in dropped)
    lines = [*words.legend(found), *why.lines]
    if hidden:
        lines.append(("", f"Not shown at this width: {', '.join(hidden)}: --format md."))
    print_list(lines, console)
    print_list(words.remarks(found), console)
