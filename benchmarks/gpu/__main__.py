"""The measuring plan for a real NVIDIA GPU.

    python -m benchmarks.gpu --out FOLDER [--blocks 1 2 3] [--gpu UUID|index]
    python -m benchmarks.gpu --verdicts FOLDER

Everything is read, nothing is set. Block 1 (about 6.5 minutes): what is there, how often its readings
change, what it draws bare and with a CUDA context, and whether the counter misses a part of a pulsating load.
Block 2 (about 7.5 minutes): steps, heat, repeatability, the sampler's cost, two processes. Block 3 (about 7
minutes): small cells of a language model through costbench itself. A block ends within 8 minutes, by its own
deadline; what is done is stored at once; the same command again does only what is missing.
"""

import argparse
import datetime
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from benchmarks.gpu import block1, block2, block3
from benchmarks.gpu.folder import STEPS, Folder
from benchmarks.gpu.load import OURS
from benchmarks.gpu.reading import opened
from benchmarks.gpu.session import DEADLINE_S, Options, Session, Step, run_block, say
from benchmarks.gpu.summary import write_summary
from costbench.errors import MeterError

BLOCKS: Mapping[int, Sequence[Step]] = {1: block1.STEPS, 2: block2.STEPS, 3: block3.STEPS}
_INTERRUPTED, _FAILED, _USAGE = 130, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 all done, 1 something is missing, 2 wrong usage, 130 stopped."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if (given.out is None) == (given.verdicts is None):
        parser.error("one of --out and --verdicts is needed")
    try:
        if given.verdicts is not None:
            return _verdicts(given.verdicts)
        return _run(given)
    except (MeterError, ValueError, OSError) as error:
        say(str(error))
        return _FAILED


def _verdicts(path: Path) -> int:
    if not (path / STEPS).exists():
        say(f"{path}: no {STEPS} there")
        return _FAILED
    found = write_summary(Folder(path))
    print((path / "summary.md").read_text(encoding="utf-8"), end="")
    return 0 if found else _FAILED


def _run(given: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, _stop)
    folder = Folder(given.out)
    options = Options(
        given.out,
        given.device,
        given.burner,
        given.scale,
        given.deadline,
        given.again,
        tuple(given.only),
    )
    folder.note(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        scale=given.scale,
        stand_in=given.burner != OURS or given.device == "cpu",
    )
    try:
        for number in given.blocks:
            with opened(given.gpu) as gpu:
                run_block(
                    Session(gpu, folder, options), number, BLOCKS[number], lambda: _finish(folder)
                )
            _finish(folder)
    except KeyboardInterrupt:
        _finish(folder)
        say(f"stopped; what was done is in {given.out}, and the same command goes on from there")
        return _INTERRUPTED
    return _told(folder, given)


def _finish(folder: Folder) -> None:
    write_summary(folder)


def _told(folder: Folder, given: argparse.Namespace) -> int:
    """A sentence for everything that is missing."""
    wanted = [step.name for number in given.blocks for step in BLOCKS[number]]
    wanted = [name for name in wanted if not given.only or name in given.only]
    missing = [name for name in wanted if not folder.done(name)]
    for name in missing:
        entry = folder.steps.get(name, {})
        say(f"{name}: {entry.get('state', 'not run')}: {entry.get('error', '')}")
    error = folder.steps.get("inventory", {}).get("facts", {}).get("counter_error")
    if error:
        say(f"the energy counter cannot be used: {error}")
    say(
        f"{len(wanted) - len(missing)} of {len(wanted)} steps are done: {folder.path / 'summary.md'}"
    )
    return _FAILED if missing or error else 0


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--out", type=Path, help="the folder for results; at most 8 files")
    add(
        "--verdicts",
        type=Path,
        metavar="FOLDER",
        help="judge again what is stored there; needs no GPU",
    )
    add("--blocks", type=int, nargs="+", choices=sorted(BLOCKS), default=sorted(BLOCKS))
    add("--gpu", help="its UUID (or how it begins), or its index in NVML's order (the first)")
    add("--again", action="store_true", help="do steps again that are done")
    names = [step.name for steps in BLOCKS.values() for step in steps]
    add(
        "--only",
        nargs="+",
        choices=names,
        default=[],
        metavar="STEP",
        help=f"only these: {' '.join(names)}",
    )
    add(
        "--deadline",
        type=float,
        default=DEADLINE_S,
        metavar="SECONDS",
        help="what a block may take (480)",
    )
    add(
        "--scale",
        type=float,
        default=1.0,
        help="shorten all durations, for trials: figures mean little",
    )
    add("--device", default="cuda", help="where the load works: cuda, or cpu for trials")
    add(
        "--burner",
        default=OURS,
        metavar="MODULE:CLASS",
        help="another load, for trials (benchmarks/gpu/load.py)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
