"""The architecture, as a table: imports point down only (DESIGN section 4)."""

import ast
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the top. A module may import what stands below it, and what stands in its own layer; a name
# stands for the module and for everything in the package of that name.
LAYERS: tuple[tuple[str, ...], ...] = (
    (
        "costbench.cli",
        "costbench.cli_stored",
        "costbench.commanding",
        "costbench.options",
        "costbench.__main__",
    ),
    (
        "costbench.measuring",
        "costbench.reporting",
        "costbench.comparing",
        "costbench.doctor",
        "costbench.doctor_meters",
        "costbench.metered",
        "costbench.metered_contract",
        "costbench.recording",
        "costbench.child",
        "costbench.regrading",
        "costbench.changes_of_grades",
        "costbench.exporting",
        "costbench.importing",
        "costbench.import_cells",
        "costbench.import_energy",
        "costbench.import_writing",
        "costbench.frames",
        "costbench.screen",
        "costbench.prompts_shown",
        "trainers",
    ),
    (
        "costbench.runner",
        "costbench.pacing",
        "costbench.serving",
        "costbench.arrivals",
        "costbench.attempting",
        "costbench.report",
        "costbench.gates",
        "costbench.grading",
        "costbench.voting",
        "costbench.answer_classes",
        "costbench.parts",
        "costbench.records",
        "costbench.doubts",
        "costbench.locations",
    ),
    (
        "costbench.plan",
        "costbench.cell",
        "costbench.identity",
        "costbench.attempts",
        "costbench.store",
        "costbench.run_folder",
        "costbench.suite",
        "costbench.unheeded",
        "costbench.wanted",
        "costbench.prices",
        "costbench.hardware",
        "costbench.training",
    ),
    (
        "costbench.datasets",
        "costbench.engines",
        "costbench.policies",
        "costbench.graders",
        "costbench.imports",
        "costbench.metering",
        "costbench.analysis",
    ),
    ("costbench.plugins", "costbench.interfaces"),
    (
        "costbench.types",
        "costbench.imported",
        "costbench.protocol",
        "costbench.yaml_file",
        "costbench.units",
        "costbench.errors",
        "costbench.printable",
        "costbench.allocator",
        "costbench",  # its own __init__, and nothing else
    ),
)

# Imports that point up or aside all the same, each with its reason.
EXCEPTIONS: dict[tuple[str, str], str] = {
    (
        "costbench",
        "costbench.frames",
    ): "costbench.read_run is what people import; it loads when called",
}

# Families that know nothing of each other, though they stand in one layer.
STRANGERS = LAYERS[4]

# What only some parts may import; anything outside them gets it through these.
ONLY_IN = {
    "trainers": ("costbench.cli", "trainers"),
    "pandas": ("costbench.report", "costbench.frames", "costbench.exporting"),
    "altair": ("costbench.report", "trainers.curves"),
    "vl_convert": ("costbench.report",),
    "jinja2": ("costbench.report",),
    "math_verify": ("costbench.graders",),
    "pebble": ("costbench.graders",),
    "codecarbon": ("costbench.metering",),
    "genai_prices": ("costbench.prices",),
    "inspect_ai": ("costbench.imports",),
    "aiohttp": ("costbench.engines",),
    "vllm": ("costbench.engines",),
    "pynvml": ("costbench.metering",),
}

# Analysis is pure: no files, no clock, no processes, nothing of the machine.
IMPURE = (
    *(
        "pathlib",
        "os",
        "io",
        "sys",
        "sqlite3",
        "time",
        "datetime",
        "socket",
        "subprocess",
        "logging",
    ),
    *("tempfile", "shutil", "random", "secrets", "threading", "asyncio", "platform"),
)
ANALYSIS_MAY_KNOW = ("costbench.analysis", "costbench.types", "costbench.units", "costbench.errors")


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def read_modules() -> dict[str, ast.Module]:
    files = (
        file for package in ("costbench", "trainers") for file in (ROOT / package).rglob("*.py")
    )
    return {name_of(file): ast.parse(file.read_text(encoding="utf-8"), str(file)) for file in files}


MODULES = read_modules()


def imports_of(tree: ast.AST) -> Iterator[str]:
    """All modules that a file imports, wherever in it; `from a import b` is a.b where that is a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they point"
            assert node.module
            inner = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in MODULES else node.module for name in inner)


IMPORTS = {module: set(imports_of(tree)) for module, tree in MODULES.items()}


def is_part_of(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def layer_of(module: str) -> int | None:
    """The layer of the longest name in the table that the module is part of."""
    found = [
        (len(name), depth)
        for depth, layer in enumerate(LAYERS)
        for name in layer
        if is_part_of(module, name) and (name != "costbench" or module == "costbench")
    ]
    return max(found)[1] if found else None


def family_of(module: str) -> str | None:
    return next((name for name in STRANGERS if is_part_of(module, name)), None)


def ours() -> list[tuple[str, str]]:
    """Who imports whom, of our own modules; the exceptions left out."""
    pairs = {
        (module, imported)
        for module, found in IMPORTS.items()
        for imported in found
        if imported.split(".")[0] in {"costbench", "trainers"}
    }
    return sorted(pairs - set(EXCEPTIONS))


def test_there_is_something_to_check() -> None:
    assert len(MODULES) > 50
    assert ("costbench.plan", "costbench.suite") in ours()
    assert ("costbench.cli", "trainers.command") in ours()  # imports within functions count


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_module_has_its_layer(module: str) -> None:
    assert layer_of(module) is not None, f"{module}: say in LAYERS where it stands"


def test_imports_point_down() -> None:
    up = [
        f"{module} imports {imported}"
        for module, imported in ours()
        if (layer_of(imported) or 0) < (layer_of(module) or 0)
    ]
    assert not up


def test_families_of_components_know_nothing_of_each_other() -> None:
    aside = [
        f"{module} imports {imported}"
        for module, imported in ours()
        if family_of(module) and family_of(imported) and family_of(module) != family_of(imported)
    ]
    assert not aside


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {module: set() for module in MODULES}
    for module, imported in ours():
        graph[module].add(imported)
    assert list(
        graphlib.TopologicalSorter(graph).static_order()
    )  # raises CycleError with the circle


def test_every_exception_is_still_needed() -> None:
    assert all(imported in IMPORTS[module] for module, imported in EXCEPTIONS)


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_is_imported_only_where_it_belongs(library: str) -> None:
    users = [
        module for module, found in IMPORTS.items() if any(is_part_of(x, library) for x in found)
    ]
    assert users, f"nobody imports {library} any more: take it out of ONLY_IN"
    assert not [m for m in users if not any(is_part_of(m, home) for home in ONLY_IN[library])]


@pytest.mark.parametrize("module", sorted(name for name in MODULES if "costbench.analysis" in name))
def test_analysis_is_pure(module: str) -> None:
    found = IMPORTS[module]
    assert not [name for name in found if name.split(".")[0] in IMPURE]
    assert not [
        name
        for name in found
        if is_part_of(name, "costbench")
        and not any(is_part_of(name, one) for one in ANALYSIS_MAY_KNOW)
    ]


def test_a_public_word_is_said_in_one_module() -> None:
    """Constants of one name and one text in two modules would drift apart."""
    said: dict[tuple[str, str], list[str]] = {}
    for module, tree in MODULES.items():
        for name, text in public_words(tree):
            said.setdefault((name, text), []).append(module)
    assert ("NO_REFERENCE", "no_reference") in said
    assert {word: modules for word, modules in said.items() if len(modules) > 1} == {}


def public_words(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Names and texts of `NAME = "text"` and `A, B = "a", "b"` outside of functions and classes."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            pairs = zip(alone(node.targets[0]), alone(node.value), strict=False)
            for name, text in pairs:
                said = text.value if isinstance(text, ast.Constant) else None
                if isinstance(said, str) and re.fullmatch(r"[A-Z][A-Z_]+", ast.unparse(name)):
                    yield ast.unparse(name), said


def alone(node: ast.expr) -> list[ast.expr]:
    """What a tuple is made of, or the one that is none."""
    return node.elts if isinstance(node, ast.Tuple) else [node]
