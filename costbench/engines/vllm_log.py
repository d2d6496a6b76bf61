"""What vLLM says: kept off the screen in a file, where the reason for a failure is looked up."""

import atexit
import json
import logging.config
import multiprocessing.spawn
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

_SETTINGS = "VLLM_LOGGING_CONFIG_PATH"
_WANTED = (_SETTINGS, "VLLM_LOGGING_LEVEL", "VLLM_CONFIGURE_LOGGING")
"""Who sets one of these wants to see the log."""


@contextmanager
def settled_process() -> Iterator[None]:
    """How vLLM is imported and its processes are begun, unless the environment says otherwise.

    They are started anew instead of forked, since ours has threads and an open database, and die with ours;
    nothing is reported to vLLM's makers; warnings and errors go to a file, with all that they print.
    """
    os.environ.setdefault("VLLM_WORKER_MULTIPROC_METHOD", "spawn")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    folder, quiet = _folder(), _is_quiet()
    if quiet:
        os.environ[_SETTINGS] = str(folder / "logging.json")
        logging.config.dictConfig(_settings(folder / "log"))
    before = multiprocessing.spawn.get_executable()
    multiprocessing.set_executable(_launcher(folder, quiet=quiet) or before)
    try:
        with warnings.catch_warnings():
            if quiet:
                warnings.simplefilter("ignore")
            yield
    finally:
        multiprocessing.set_executable(before)


class Log:
    """What is logged from now on."""

    def __init__(self) -> None:
        self._file = _folder() / "log"
        _is_quiet()  # to be asked before we change the environment
        self._begin = self._file.stat().st_size

    def text(self) -> str:
        """All of it; nothing where it is shown on the screen."""
        with self._file.open(encoding="utf-8", errors="replace") as text:
            text.seek(self._begin)
            return text.read()

    def kept(self) -> Path | None:
        """A copy for whoever looks for the reason; the log itself goes with this process."""
        if not self.text():
            return None
        handle, name = tempfile.mkstemp(prefix="costbench-vllm-", suffix=".log")
        os.close(handle)
        return Path(shutil.copyfile(self._file, name))


@cache
def _is_quiet() -> bool:
    return not any(name in os.environ for name in _WANTED)


@cache
def _folder() -> Path:
    made = tempfile.TemporaryDirectory(prefix="costbench-vllm-")
    atexit.register(made.cleanup)
    folder = Path(made.name)
    (folder / "log").touch()
    (folder / "logging.json").write_text(json.dumps(_settings(folder / "log")), encoding="utf-8")
    return folder


def _settings(log: Path) -> dict[str, Any]:
    handler = {"class": "logging.FileHandler", "filename": str(log), "formatter": "plain"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(levelname)s %(message)s"}},
        "handlers": {"file": handler},
        "loggers": {"vllm": {"handlers": ["file"], "level": "WARNING", "propagate": False}},
    }


@cache
def _launcher(folder: Path, *, quiet: bool) -> str | None:
    """Starts Python so that it is killed with the process that starts it, its output in the log.

    None where this system runs no such script; where it has no setpriv they outlive a kill -9.
    """
    script = folder / "python"
    setpriv = shutil.which("setpriv")
    words = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
    command = shlex.join([*words, sys.executable])
    output = f" >>{shlex.quote(str(folder / 'log'))} 2>&1" if quiet else ""
    script.write_text(f'#!/bin/sh\nexec {command} "$@"{output}\n')
    script.chmod(0o700)
    try:
        subprocess.run([script, "-c", ""], check=True, stdin=subprocess.DEVNULL)  # noqa: S603 - ours
    except (OSError, subprocess.CalledProcessError):
        return None
    return str(script)
