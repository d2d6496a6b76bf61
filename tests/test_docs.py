"""The documentation names what is there, and nothing else."""

import re
import subprocess
from importlib.metadata import entry_points
from pathlib import Path
from typing import get_args

import pytest
import yaml

from costbench.cli import main
from costbench.datasets.arithmetic import Arithmetic
from costbench.types import GPU_SCOPE, Answered, Problem
from trainers.naming import _STATES

ROOT = Path(__file__).parent.parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
README = (ROOT / "README.md").read_text()
FAMILIES = ("datasets", "engines", "policies", "meters", "graders")


def test_the_readme_has_every_command_and_every_option_of_it() -> None:
    assert len(main.commands) >= 4
    for name, command in main.commands.items():
        (row,) = [line for line in README.splitlines() if line.startswith(f"| `costbench {name}")]
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--") and option not in {"--runs", "--out", "--format"}:
                    assert option in row, f"{option} of costbench {name}"


def test_the_readme_names_every_built_in_component() -> None:
    kinds = [
        point.name
        for family in FAMILIES
        for point in entry_points(group=f"costbench.{family}")
        if point.value.startswith("costbench.")
    ]
    assert len(kinds) >= 10
    assert [kind for kind in kinds if f"`{kind}`" not in README] == []


PAGES = {
    "datasets": ("datasets",),
    "engines": ("engines",),
    "policies": ("suites", "concepts"),
    "meters": ("measurement",),
    "graders": ("grading",),
    "imports": ("import",),
    "rewards": ("training",),
}


@pytest.mark.parametrize("family", PAGES)
def test_every_kind_is_on_the_page_that_contributing_names(family: str) -> None:
    points = entry_points(group=f"costbench.{family}")
    ours = [point.name for point in points if point.value.startswith(("costbench.", "trainers."))]
    assert len(ours) >= 3
    for name in PAGES[family]:
        page = (ROOT / "docs" / f"{name}.md").read_text()
        assert [kind for kind in ours if f"`{kind}`" not in page] == []
        assert f"](docs/{name}.md)" in CONTRIBUTING


def test_contributing_names_what_a_component_may_say_and_is_given() -> None:
    """Class attributes of ours are what another's may have, too."""

    def section(noun: str) -> str:
        return CONTRIBUTING.split(f"### A{noun}\n")[1].split("\n##")[0]

    for family, noun in (("engines", "n engine"), ("policies", " policy")):
        said = {name for point in entry_points(group=f"costbench.{family}")
                if point.value.startswith("costbench.") for name in point.load().__class_vars__}  # fmt: skip
        public = {name for name in said if not name.startswith("_")}
        assert len(public) >= 3
        assert [name for name in public if f"`{name}" not in section(noun)] == []
    assert [f for f in Answered.model_fields if f"`{f}`" not in section(" grader")] == []
    loads = [field for field in ("prompt_ids", "output_tokens") if field in Problem.model_fields]
    assert [name for name in (*loads, "known_size") if f"`{name}" not in section(" dataset")] == []
    meter = section(" meter")
    assert f"`{GPU_SCOPE}`" in meter
    assert "`device_mismatch`" in meter
    assert [kind for kind in _STATES if f"`{kind}`" not in section(" reward")] == []


def test_the_tree_has_every_folder() -> None:
    tree = README.split("## The tree")[1]
    git = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if git.returncode:
        pytest.skip("not a git checkout")
    kept = [path for path in git.stdout.splitlines() if "/" in path and path[0] != "."]
    folders = {path.partition("/")[0] for path in kept}
    assert len(folders) >= 8
    assert [name for name in folders if f"    {name}/ " not in tree] == []


def test_the_folders_of_the_tree_exist() -> None:
    tree = README.split("## The tree")[1]
    folders = re.findall(r"^ +([a-z/ ]+/)  ", tree, flags=re.MULTILINE)
    assert len(folders) >= 8
    for line in folders:
        for folder in line.split():
            assert (ROOT / folder).is_dir() or (ROOT / "costbench" / folder).is_dir(), folder


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readmes_figures_are_those_of_the_report_it_links_to() -> None:
    pages = set(re.findall(r"\((reports/[^)]+/report\.md)\)", README))
    (page,) = [page for page in pages if "claims" not in page]
    published = (ROOT / page).read_text().splitlines()
    table = README.split("## How to read the table")[1].split("\n(From")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert len(rows) >= 10
    assert [row for row in rows if row not in published] == []


def test_the_claims_in_the_readme_are_those_of_their_report() -> None:
    """Each accuracy with its interval, and each budget's, as the report's own tables have them."""
    (page,) = set(re.findall(r"\((reports/[^)]+claims/report\.md)\)", README))
    published = (ROOT / page).read_text()
    claims = README.split("## Four claims")[1].split("\n## ")[0]
    intervals = re.findall(r"\d+\.\d \[\d+\.\d, \d+\.\d\]", claims)
    assert len(intervals) >= 7 + 6
    kept = [figure.replace(" [", " % [") for figure in intervals]
    assert [
        f for f, k in zip(intervals, kept, strict=True) if f not in published and k not in published
    ] == []
    by_budget = re.findall(r"(\d+\.\d) \((\d+)\)", claims)
    assert len(by_budget) == 5 * 5
    assert all(f"| {accuracy} [" in published for accuracy, _ in by_budget)


def test_the_page_about_reading_shows_the_figures_of_the_report_it_links_to() -> None:
    """Each figure in code type stands in the report, or in its suite, and none is part of a longer one."""
    from costbench.report.contract import Report
    from costbench.report.verdict import verdict

    page = (ROOT / "docs" / "reading-a-report.md").read_text()
    (folder,) = {
        (ROOT / "docs" / path).parent for path in re.findall(r"\((\S+/report\.md)\)", page)
    }
    published = (folder / "report.md").read_text() + (ROOT / "suites" / "math.yaml").read_text()
    figures = {each for each in re.findall(r"`([^`\n]+)`", page) if re.search(r"\d", each)}
    assert len(figures) >= 15
    assert [
        each for each in figures
        if not re.search(rf"(?<![\d.,]){re.escape(each)}(?![\d%]|\.\d)", published)
    ] == []  # fmt: skip
    quoted = " ".join(line[2:] for line in page.splitlines() if line.startswith("> "))
    report = Report.model_validate_json((folder / "report.json").read_text())
    ((_, headline),) = verdict(report).headline
    assert headline.startswith(quoted)
    bold = [part for part in re.findall(r"\*\*([^*]+)\*\*", page) if part[0] in "[0123456789"]
    assert len(bold) >= 2
    assert [part for part in bold if part not in headline] == []


def test_the_page_about_reading_has_every_word_and_sign_of_provenance() -> None:
    from costbench.report.wording import PROVENANCE

    page = (ROOT / "docs" / "reading-a-report.md").read_text()
    for word, mark in PROVENANCE.items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| {word} |")]
        assert row.split("|")[2].strip() == (mark.sign or {"unavailable": "n/a"}.get(word, ""))
        assert mark.meaning in row


def test_the_readmes_commands_are_what_ci_runs() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    main_job, tests = re.findall(r"^    (pip install .*)$", README, flags=re.MULTILINE)
    for step in [*main_job.split(" && "), *tests.split(" && ")]:
        assert step.replace("pip install", "pip install -q") in ci or step in ci, step


def test_the_readmes_suite_is_a_suite(tmp_path: Path) -> None:
    from costbench.suite import load_suite

    (block,) = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    assert yaml.safe_load(block)["name"] == "mine"
    path = tmp_path / "mine.yaml"
    path.write_text(block)
    assert [group.name for group in load_suite(path).groups] == ["ours"]


def test_every_reason_is_on_the_page_about_measuring() -> None:
    from costbench.metering.reasons import REASONS

    page = (ROOT / "docs" / "measurement.md").read_text()
    assert [code for code in REASONS if f"`{code}`" not in page] == []


def test_every_figure_and_metric_is_on_the_page_about_gates() -> None:
    from costbench.gates.subjects import known_figures
    from costbench.report.across.contract import Metric

    page = (ROOT / "docs" / "gates.md").read_text()
    inside = (  # "and the like"
        *(
            "energy.",
            "windows.",
            "length_control.",
            "on_frontier.",
            "api.",
            "footprint.",
            "serving.",
        ),
    )
    names = [name for name in known_figures()["report"] if not name.startswith(inside)]
    plain = {name.partition(".")[0] for name in names} | set(get_args(Metric)) | {"problems"}
    assert len(plain) > 30
    assert [name for name in plain if f"`{name}`" not in page] == []


def test_the_gates_of_the_pages_can_be_read() -> None:
    from costbench.gates.figures import read_gate
    from costbench.gates.subjects import known_figures

    found = 0
    for page in ("gates.md", "compare.md"):
        for line in (ROOT / "docs" / page).read_text().splitlines():
            command = line.split()[1] if line.startswith("    costbench ") else ""
            for expression in re.findall(r'--fail-if "([^"]+)"', line) if command else ():
                if command in known_figures():
                    read_gate(expression, known_figures()[command], {})
                    found += 1
    assert found >= 5


def test_every_benchmark_is_on_the_page_about_datasets_with_its_place_and_size() -> None:
    from costbench.datasets.benchmark import Benchmark
    from costbench.datasets.prompting import PROMPTS

    page = (ROOT / "docs" / "datasets.md").read_text()
    found = 0
    for point in entry_points(group="costbench.datasets"):
        kind = point.load()
        assert f"`{point.name}`" in page
        if issubclass(kind, Benchmark):
            (row,) = [line for line in page.splitlines() if line.startswith(f"| `{point.name}` |")]
            assert f"{kind.hub}" in row
            assert f", {kind.split} | {kind.size} |" in row
            found += 1
    assert found >= 14
    assert [name for name in PROMPTS if f"| `{name}`" not in page] == []


def test_every_key_of_generated_questions_is_on_the_page_about_datasets_with_its_default() -> None:
    page = (ROOT / "docs" / "datasets.md").read_text()
    table = page.split("## Generated questions\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.+) \|$", table, flags=re.MULTILINE)
    said = {key: yaml.safe_load(default.strip("`")) for key, default in rows}
    assert said == Arithmetic().model_dump(mode="json", exclude={"kind"})


def test_the_entries_of_the_page_about_datasets_are_entries(tmp_path: Path) -> None:
    from costbench.plugins import build_component

    page = (ROOT / "docs" / "datasets.md").read_text()
    block = page.split("## Your own questions")[1].split("`file` reads")[0]
    entries = yaml.safe_load(block)["datasets"]
    assert len(entries) == 5
    for entry in entries:
        assert build_component("datasets", entry, {"folder": tmp_path}).multiple_choice == (
            "choices" in entry
        )
