"""The measuring plan as anybody runs it, on a machine whose NVML library is the stand-in."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fake_nvml import environment
from wave_load import BARE_W

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Plan:
    """A folder for results, and the environment that makes a GPU of the stand-in."""

    out: Path
    variables: dict[str, str]

    @classmethod
    def on(cls, folder: Path, library: Path, **variables: object) -> "Plan":
        """What the GPU draws and who is on it stands in files that the load writes."""
        live, pids = folder / "live.txt", folder / "pids.txt"
        live.write_text(f"0 {BARE_W}\n")
        pids.write_text("")
        fake = {"FAKE_NVML_LIVE": live, "FAKE_NVML_PIDS": f"@{pids}", "FAKE_NVML_GPUS": 1}
        path = os.pathsep.join([str(ROOT), str(HERE), *filter(None, sys.path)])
        known = environment(library, **(fake | {"PYTHONPATH": path} | variables))
        return cls(folder / "out", known)

    def command(self, *arguments: str) -> list[str]:
        plan = [sys.executable, "-W", "error", "-m", "benchmarks.gpu", "--out", str(self.out)]
        return [*plan, "--burner", "wave_load:Wave", "--scale", "0.01", *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Told in sentences, whatever happens."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def steps(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.out / "steps.json").read_text())["steps"]
        return found

    def verdicts(self) -> dict[str, Any]:
        """By the assumption's id."""
        found = json.loads((self.out / "verdicts.json").read_text())["verdicts"]
        return {each["id"]: each for each in found}


def replayed(folder: Path) -> subprocess.CompletedProcess[str]:
    """`--verdicts` where there is no GPU, and no library."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "benchmarks.gpu", "--verdicts", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
