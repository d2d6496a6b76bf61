"""Block 3: small cells of a language model through costbench itself, as anybody would run them."""

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from benchmarks.gpu.burner import ROOT
from benchmarks.gpu.folder import RUNS, Result
from benchmarks.gpu.session import Session, Step, StepError, say

SUITE = Path(__file__).with_name("cells.yaml")
_STOP_S, _KILL_S, _LEAST_S = 25.0, 10.0, 60.0
_INTERRUPTED = 130
_MIB = 1 << 20
_TRIAL_TOKENS = [400, 400]
_LARGEST_MIB = 16
_TRIAL = {"idle_bare_s": 1, "idle_context_s": 1, "idle_drop_s": 0.2, "warmup_s": 0.2, "warmup_at_most_s": 0.5,
          "window_s": 2.1, "window_at_least_s": 0.2, "cooldown_s": 0, "cooldown_at_most_s": 0}  # fmt: skip


def cells(session: Session) -> Result:
    """`costbench run cells.yaml --no-grade`; what is there is kept, whole or not, for the next time."""
    runs = session.folder.path / "runs"
    unpack(session.folder.path, runs)
    try:
        code, words = _run(session, runs)
    finally:
        if any(runs.glob("*/run.db")):
            pack(runs, session.folder.path / RUNS)
        _remove(runs)
    packed = session.folder.path / RUNS
    size = packed.stat().st_size / _MIB if packed.exists() else 0.0
    if size > _LARGEST_MIB:
        say(f"{RUNS} has {size:.0f} MiB, more than {_LARGEST_MIB}: fetch it by other means")
    if code != 0:
        raise StepError(
            words if code != _INTERRUPTED else "no time left in this block for all cells"
        )
    return Result({"mib": round(size, 2), "trial": _is_trial(session)})


def unpack(folder: Path, into: Path) -> None:
    """The runs of an earlier time, if there are any; what a killed attempt left is newer, and stays."""
    packed = folder / RUNS
    if into.exists() or not packed.exists():
        return
    place = _beside(into)
    shutil.rmtree(place, ignore_errors=True)  # an attempt that was killed in the middle of this
    place.mkdir(parents=True)
    inside = place.resolve()
    with tarfile.open(packed) as archive:
        for entry in archive:  # by hand: Python 3.11.0 to 3.11.3 have no `filter`
            target = (inside / entry.name).resolve()
            content = archive.extractfile(entry) if entry.isfile() else None
            if content is not None and target.is_relative_to(inside / into.name):
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as file:
                    shutil.copyfileobj(content, file)
    if (place / into.name).exists():
        (place / into.name).rename(into)  # whole, or not there
    shutil.rmtree(place)


def _remove(runs: Path) -> None:
    """A part of it that stayed would be taken for the whole."""
    old = _beside(runs)
    shutil.rmtree(old, ignore_errors=True)
    if runs.exists():
        runs.rename(old)
        shutil.rmtree(old, ignore_errors=True)


def _beside(runs: Path) -> Path:
    return runs.with_name(f".{runs.name}.part")


def pack(runs: Path, target: Path) -> None:
    """As one file, without the owner's name."""

    def nobody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        return entry

    new = target.with_name(f".{target.name}.new")
    with tarfile.open(new, "w:gz") as archive:
        archive.add(runs, arcname="runs", filter=nobody)
    new.replace(target)


def suite_for(session: Session, path: Path) -> None:
    """The suite as it stands; for trials on a CPU with a tiny model and short windows."""
    import yaml

    spec: dict[str, Any] = yaml.safe_load(SUITE.read_text(encoding="utf-8"))
    spec["limits"] = {"wall_s": max(1, int(session.left_s() - _STOP_S))}
    if _is_trial(session):
        group = spec["groups"][0]
        spec["meters"] = {"gpus": "all"}
        spec["protocol"] |= _TRIAL
        group["engine"] |= {"device": "cpu", "dtype": "float32"}
        group["models"] = [{"name": "tiny", "path": "random:tiny", "role": "baseline"}]
        for dataset in group["datasets"]:
            written = _TRIAL_TOKENS if dataset["name"] == "decode" else dataset["output_tokens"]
            dataset |= {"problems": 4, "input_tokens": [16, 64], "output_tokens": written}
        del group["datasets"][2:]
    path.write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")


def _is_trial(session: Session) -> bool:
    return session.options.device == "cpu" or session.folder.header.get("stand_in", False)


def _run(session: Session, runs: Path) -> tuple[int, str]:
    """The exit code, and the last words."""
    end_s = time.monotonic() + session.left_s() - _KILL_S
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryFile("w+") as words:
        suite = Path(place) / SUITE.name
        suite_for(session, suite)
        command = [
            sys.executable,
            "-m",
            "costbench",
            "run",
            str(suite),
            "--no-grade",
            "--out",
            str(runs),
        ]
        with found_components(Path(place)) as variables:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=words, stderr=words, text=True, cwd=ROOT,
                env={**_environment(session), **variables},
            )  # fmt: skip
            try:
                code = _wait(process, end_s)
            finally:
                _end(process)
        words.seek(0)
        lines = [
            line.strip() for line in words.read().replace(place, "").splitlines() if line.strip()
        ]
        return code, lines[-1] if lines else f"costbench ended with {code}"


def _wait(process: "subprocess.Popen[str]", end_s: float) -> int:
    try:
        return process.wait(max(0.0, end_s - time.monotonic()))
    except subprocess.TimeoutExpired:
        return _INTERRUPTED


def _end(process: "subprocess.Popen[str]") -> None:
    """As Ctrl-C does, so that it closes what it has; then without asking."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_KILL_S / 2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _environment(session: Session) -> dict[str, str]:
    """The GPU that is measured is the one it works on, where there are several."""
    found = dict(os.environ)
    if len(session.gpu.binding.handles()) > 1 and session.options.device == "cuda":
        found["CUDA_VISIBLE_DEVICES"] = session.gpu.uuid
    return found


@contextmanager
def found_components(place: Path) -> Iterator[Mapping[str, str]]:
    """Variables with which a checkout that nobody installed finds its components, as if it were."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    if not entry_points(group="costbench.engines"):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        there = place / "installed" / f"costbench-{project['version']}.dist-info"
        there.mkdir(parents=True)
        (there / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: costbench\nVersion: {project['version']}\n"
        )
        (there / "entry_points.txt").write_text(_as_ini(project["entry-points"]))
        paths.insert(1, str(there.parent))
    yield {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def _as_ini(groups: Mapping[str, Mapping[str, str]]) -> str:
    lines = []
    for group, points in groups.items():
        lines += [f"[{group}]", *(f"{name} = {place}" for name, place in points.items()), ""]
    return "\n".join(lines)


STEPS: Sequence[Step] = (Step("cells", 400, cells, _LEAST_S),)
