"""The command line in processes of its own, with keys in the environment that must reach no file."""

import os
import subprocess
import sys
from pathlib import Path

COMMAND = (sys.executable, "-m", "costbench")


PLANTED = "planted-secret-4711"
KEYS = ("HF_TOKEN", "OPENAI_API_KEY", "CODECARBON_API_KEY", "AWS_SECRET_ACCESS_KEY")


def costbench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What a command did in a folder."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env={**os.environ, **dict.fromkeys(KEYS, PLANTED)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
