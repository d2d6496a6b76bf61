"""Where results go: at most eight files, and each step's result is there when the step is done."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from costbench.metering.trace import Floats

INVENTORY, STEPS, VERDICTS, SUMMARY, RUNS = (
    "inventory.json", "steps.json", "verdicts.json", "summary.md", "runs.tar.gz",
)  # fmt: skip
_TIMES = "_t_s"
_FORMAT = 1


@dataclass(frozen=True)
class Result:
    """What a step gives: facts for people and verdicts, and arrays; times end in "_t_s"."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Floats] = field(default_factory=dict)


class Folder:
    """A folder of results, old ones read on entry; every file is replaced whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        stored = _read(path / STEPS)
        self.header: dict[str, Any] = stored.get("header", {})
        self.steps: dict[str, dict[str, Any]] = stored.get("steps", {})
        self._arrays: dict[int, dict[str, Floats]] = {}

    def done(self, step: str) -> bool:
        """Whether a step has a result."""
        return self.steps.get(step, {}).get("state") == "done"

    def keep(self, step: str, block: int, result: Result, began_s: float, took_s: float) -> None:
        """Store a step's result; its times become seconds from its beginning."""
        arrays = self.arrays(block)
        for name in [name for name in arrays if name.startswith(f"{step}/")]:
            del arrays[name]
        for name, values in result.arrays.items():
            shift_s = began_s if name.endswith(_TIMES) else 0.0
            arrays[f"{step}/{name}"] = np.asarray(values, dtype=np.float64) - shift_s
        if arrays:
            written = BytesIO()
            # No `allow_pickle`: to numpy 2.0 and 2.1 that is one more array.
            np.savez_compressed(written, **arrays)  # type: ignore[arg-type]
            self.write(f"traces-{block}.npz", written.getvalue())
        self._note(
            step, {"block": block, "state": "done", "took_s": took_s, "facts": dict(result.facts)}
        )

    def fail(self, step: str, block: int, state: str, why: str) -> None:
        """Note that a step has no result: "failed", "skipped" or "interrupted"."""
        self._note(step, {"block": block, "state": state, "error": why})

    def arrays(self, block: int) -> dict[str, Floats]:
        """All of a block, by "step/name"."""
        if block not in self._arrays:
            path = self.path / f"traces-{block}.npz"
            self._arrays[block] = {}
            if path.exists():
                with np.load(path, allow_pickle=False) as stored:
                    self._arrays[block] = {name: stored[name] for name in stored.files}
        return self._arrays[block]

    def array(self, step: str, name: str) -> Floats | None:
        """One array of a step that is done; None where there is none."""
        if not self.done(step):
            return None
        return self.arrays(self.steps[step]["block"]).get(f"{step}/{name}")

    def note(self, **header: Any) -> None:
        """Facts about the whole."""
        self.header |= header
        self._write_steps()

    def write(self, name: str, content: str | bytes | Mapping[str, Any]) -> None:
        """Replace a file, or leave it as it was."""
        if isinstance(content, Mapping):
            content = json.dumps(content, indent=1, allow_nan=False) + "\n"
        data = content.encode() if isinstance(content, str) else content
        self.path.mkdir(parents=True, exist_ok=True)
        new = self.path / f".{name}.new"
        new.write_bytes(data)
        os.replace(new, self.path / name)  # noqa: PTH105 - of two paths, neither the more so

    def _note(self, step: str, entry: dict[str, Any]) -> None:
        self.steps[step] = entry
        self._write_steps()

    def _write_steps(self) -> None:
        self.write(STEPS, {"format": _FORMAT, "header": self.header, "steps": self.steps})


def _read(path: Path) -> dict[str, Any]:
    """Nothing where there is nothing; raises ValueError where something else is."""
    if not path.exists():
        return {}
    stored = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(stored, dict) or stored.get("format") != _FORMAT:
        raise ValueError(f"{path.name} is not what this program wrote")
    return stored
