"""What every test can use."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import costbench
from hypothesis import settings
from small_suite import write_small_suite

# Small models are as quick on one thread, and tests run side by side; before anything imports torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# In a shell's background Ctrl-C is ignored, and what is started from there would ignore it, too.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Another job may have the core; and what passed once passes again: the same examples every time.
settings.register_profile("costbench", deadline=None, derandomize=True)
settings.load_profile("costbench")

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="Rewrite tests/golden with what comes out now."
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the one that was reviewed, line by line but for blanks at their ends."""

    def compare(name: str, text: str) -> None:
        lines = [line.rstrip() for line in text.splitlines()]
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        assert path.exists(), f"{path} is missing: write it with pytest --update-golden"
        assert lines == path.read_text(encoding="utf-8").splitlines()

    return compare


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run of the small suite."""
    folder = tmp_path_factory.mktemp("finished")
    write_small_suite(folder)
    done = costbench(folder, "run", "small.yaml")
    assert done.returncode == 0, done.stderr
    assert "unconstrained" in done.stdout
    assert "skipped needs-a-gpu: " in done.stderr
    assert "accuracy" in done.stderr
    return folder
