"""Questions, references and responses that attack the terminal, the spreadsheet and the page."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import pytest

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b1m\x08\x00"
UNSEEN = "\u202egnirts\u2066\u200f\u200b\ufeff\U000e0041"
FORMULA = '=HYPERLINK("http://x","click")'
MARKUP = "[red]<script>alert(1)</script>|`![x](http://x)[/red]"
ATTACK = FORMULA + ESCAPES.replace("\x00", "") + UNSEEN + MARKUP
SUITE = {  # JSON is YAML
    "name": "hostile",
    "meters": "none",
    "groups": [
        {
            "name": "g",
            "engine": {
                "kind": "scripted_engine:ScriptedEngine",
                "says": f"</think> \\boxed{{{ATTACK}}}",
            },
            "datasets": [{"kind": "jsonl", "path": "problems.jsonl", "grader": "exact"}],
            "models": [{"name": "m", "path": "no/where", "role": "baseline", "tier": ATTACK}],
            "policies": ["unconstrained"],
        }
    ],
}
# Line breaks may stand in text; nothing else that is not seen.
ALLOWED = "\n\t"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run over hostile problems."""
    folder = tmp_path_factory.mktemp("hostile")
    row = {"id": ATTACK[:150], "question": ATTACK, "answer": ATTACK}
    (folder / "problems.jsonl").write_text(json.dumps(row) + "\n")
    (folder / "hostile.yaml").write_text(
        json.dumps(SUITE).replace("\\udb40\\udc41", "")
    )  # no pairs in YAML
    done = costbench(folder, "run", "hostile.yaml")
    assert done.returncode == 0, done.stderr
    assert_harmless(done.stdout + done.stderr)
    return folder


def costbench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "costbench", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )


def assert_harmless(text: str) -> None:
    unseen = {c for c in text if unicodedata.category(c) in {"Cc", "Cf"} and c not in ALLOWED}
    assert not unseen, f"{unseen} in {text[:2000]!r}"


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "hostile.yaml", "--show-prompt"),
        ("report",),
        ("report", "--format", "md"),
        ("report", "--format", "csv"),
        ("grade", "--grader", "math"),
        ("export", "--text"),
        ("export", "--text", "--format", "jsonl"),
        ("report", "--baseline", ATTACK),
        ("report", ATTACK.replace("/", "")),
        ("run", ATTACK.replace("/", "")),
        ("grade", "--grader", ATTACK),
    ],
)
def test_nothing_hostile_is_printed(folder: Path, arguments: tuple[str, ...]) -> None:
    done = costbench(folder, *arguments)
    assert "Traceback" not in done.stderr
    assert done.stdout or done.returncode == 1
    assert_harmless(done.stdout + done.stderr)


@pytest.mark.parametrize("command", [("report", "--format", "csv"), ("export", "--text")])
def test_no_cell_of_a_csv_is_a_formula(folder: Path, command: tuple[str, ...]) -> None:
    rows = list(csv.reader(io.StringIO(costbench(folder, *command).stdout)))
    cells = [cell for row in rows[1:] for cell in row]
    assert any("HYPERLINK" in cell or "owned" in cell for cell in cells)
    assert not [
        c for c in cells if re.match(r"[=@+\t\r\n-]", c) and not re.fullmatch(r"[-+]?[0-9.e-]+", c)
    ]


def test_the_files_of_a_report_are_harmless_and_its_picture_is_a_picture(folder: Path) -> None:
    done = costbench(folder, "report", "--pareto", "--x", "tokens")
    assert done.returncode == 0, done.stderr
    (report,) = (folder / "reports").iterdir()
    for name in ("report.md", "table.csv", "pareto.svg"):
        assert_harmless((report / name).read_text())
    assert "<script" not in (report / "pareto.svg").read_text()
    assert "<script" not in (report / "report.md").read_text()
    root = ElementTree.parse(report / "pareto.svg").getroot()
    assert root.tag.endswith("svg")


def test_json_lines_have_texts_as_they_are(folder: Path) -> None:
    said = costbench(folder, "export", "--text", "--format", "jsonl").stdout
    assert json.loads(said)["question"] == ATTACK
