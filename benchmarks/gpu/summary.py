"""The table that a person reads, and the same for programs; both from what is stored, on any machine."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.gpu import table
from benchmarks.gpu.cells import cell_rows
from benchmarks.gpu.folder import SUMMARY, VERDICTS, Folder


def judge_folder(folder: Folder) -> list[dict[str, Any]]:
    """Every assumption with its verdict, in the order of the table."""
    found = []
    for row in (*table.ROWS, *cell_rows(folder.path)):
        verdict = table.judge(row, folder)
        found.append(
            {
                "id": row.id,
                "assumption": row.assumption,
                "where": row.where,
                "limits": row.limits,
                "seen": dict(verdict.seen),
                "verdict": verdict.verdict,
                "why": verdict.why,
            }
        )
    return found


def write_summary(folder: Folder) -> list[dict[str, Any]]:
    """Write verdicts.json and summary.md; gives the verdicts."""
    found = judge_folder(folder)
    folder.write(VERDICTS, {"verdicts": found})
    folder.write(SUMMARY, markdown(folder, found))
    return found


def markdown(folder: Folder, verdicts: Sequence[Mapping[str, Any]]) -> str:
    """A heading, the assumptions, and what did not run."""
    lines = [
        *_heading(folder),
        "",
        "| assumption | where | limits | seen | verdict |",
        "|---|---|---|---|---|",
    ]
    for each in verdicts:
        seen = ", ".join(
            f"{name} {_shown(value)}" for name, value in each["seen"].items() if value is not None
        )
        told = "; ".join(part for part in (seen, each["why"]) if part) or "-"
        cells = (f"`{each['id']}` {each['assumption']}", each["where"], each["limits"], told)
        lines.append(f"| {' | '.join(cells)} | **{each['verdict']}** |")
    broken = {name: e for name, e in folder.steps.items() if e["state"] != "done"}
    if broken:
        lines += ["", "Steps without a result:", ""]
        lines += [
            f"- `{name}`: {entry['state']}: {entry['error']}" for name, entry in broken.items()
        ]
    return "\n".join(lines) + "\n"


def _heading(folder: Folder) -> list[str]:
    facts = folder.steps.get("inventory", {}).get("facts", {})
    header = folder.header
    lines = ["# What a real GPU says about the assumptions of costbench", ""]
    name = facts.get("name", "A GPU that was not asked")
    lines.append(f"{name}, driver {facts.get('driver')}, {header.get('date')}.")
    if header.get("scale", 1.0) != 1.0:
        lines.append(f"Durations were scaled by {header['scale']}: a trial, no measurement.")
    if header.get("load"):
        load = header["load"]
        lines.append(
            f"Load: torch {load.get('torch')}, CUDA {load.get('cuda')}, on {load.get('device')}."
        )
    if header.get("stand_in"):
        lines.append("The load was a stand-in (`--burner`): nothing here is about a real GPU.")
    return lines


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
