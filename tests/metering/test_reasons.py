"""The list of reasons is closed: what any module calls a reason is in it, and nothing in it is dead."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.metering.reasons import REASONS, quality_of
from costbench.report.caveats import explain
from costbench.types import Quality

ROOT = Path(__file__).parents[2] / "costbench"
TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(ROOT.rglob("*.py"))
}
GIVES_CODES = ("tuple[str, ...]", "Iterator[str]")
JUDGES = ("metering/quality.py", "report/caveats.py", "report/cuts.py", "report/energy.py")
"""Modules whose functions give codes: all that such a function yields or returns as text is one."""
TABLES = ("_CODES", "doubts", "DROPPED", "LOST")
"""Names under which codes are kept before they are used."""
CODES = st.sampled_from([*REASONS, "a_strangers_code"])
PATIENT = settings(max_examples=60)


def texts(node: ast.AST | None) -> Iterator[str]:
    """Text in an expression; not in conditions, where a code may be compared with others."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*texts(node.body), *texts(node.orelse))
    elif isinstance(node, ast.Tuple | ast.List):
        for element in node.elts:
            yield from texts(element)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from texts(value)
    elif isinstance(node, ast.Starred):
        yield from texts(node.value)


def used_codes(path: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from codes_of_call(node)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield from codes_of_table(node.targets[0].id, node.value)
        elif path in JUDGES and isinstance(node, ast.FunctionDef):
            yield from codes_of_function(node)


def codes_of_function(function: ast.FunctionDef) -> Iterator[str]:
    if function.returns is not None and ast.unparse(function.returns) in GIVES_CODES:
        for node in ast.walk(function):
            if isinstance(node, ast.Yield | ast.Return):
                yield from texts(node.value)


def codes_of_table(name: str, value: ast.expr) -> Iterator[str]:
    if name not in TABLES:
        return
    if isinstance(value, ast.Dict):
        of_keys = name == "doubts"
        value = ast.List([k for k in value.keys if k] if of_keys else value.values)
    yield from texts(value)


def codes_of_call(call: ast.Call) -> Iterator[str]:
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if name == "Refusal":  # brings a sentence of its own
        return
    for keyword in call.keywords:
        if keyword.arg in {"code", "reasons"}:
            yield from texts(keyword.value)
    place = {"MeterError": 1, "add_event": 3, "Fault": 3}.get(name)
    if place is not None and len(call.args) > place:
        yield from texts(call.args[place])
    receiver = getattr(getattr(call.func, "value", None), "id", "")
    if name == "append" and receiver in {"codes", "found"}:
        yield from texts(call.args[0])


USED = {code: path for path, tree in TREES.items() for code in used_codes(path, tree)}


def test_every_code_that_a_module_uses_has_a_sentence() -> None:
    stray = {code: path for code, path in USED.items() if explain(code) == code.replace("_", " ")}
    assert stray == {}


def test_the_search_for_codes_finds_them_in_every_place_where_they_are_used() -> None:
    places = {
        "gpu_lost": "metering/nvml_library.py",
        "counter_stuck": "metering/nvml_devices.py",
        "rapl_ambiguous": "metering/rapl.py",
        "few_updates": "metering/quality.py",
        "repeats_scatter": "metering/quality.py",
        "not_steady": "pacing.py",
        "no_meter": "report/cuts.py",
        "baseline_drift": "report/energy.py",
        "device_mismatch": "report/cuts.py",
        "many_ungraded": "report/caveats.py",
        "sampler_crashed": "metering/sampler.py",
    }
    missed = {c: p for c, p in places.items() if c not in set(used_codes(p, TREES[p]))}
    assert missed == {}


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_occurs_in_a_module_that_can_find_it(code: str) -> None:
    elsewhere = (
        node.value
        for path, tree in TREES.items()
        if path != "metering/reasons.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
    )
    assert code in elsewhere


@pytest.mark.parametrize("code", REASONS)
def test_a_label_is_a_sentence_without_its_period_and_without_codes(code: str) -> None:
    reason = REASONS[code]
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
    for text in filter(None, (reason.label, reason.hint)):
        assert text == text.strip()
        assert not text.endswith((".", ",", ";", ":"))
    assert len(reason.label.split()) > 2
    assert not re.search(r"[a-z]_[a-z]", reason.label)
    # It goes on after a colon: only a name begins with a capital.
    first = reason.label.split()[0]
    assert first[0].islower() or any(letter.isupper() for letter in first[1:])


def test_labels_differ() -> None:
    labels = [reason.label for reason in REASONS.values()]
    assert len(set(labels)) == len(labels)


def test_every_quality_has_a_place_in_the_order() -> None:
    assert get_args(Quality)[0] == "ok"
    assert quality_of([]) == "ok"


@PATIENT
@given(st.lists(CODES, min_size=1), st.randoms())
def test_the_quality_is_that_of_the_worst_doubt_in_any_order(codes: list[str], shuffle) -> None:
    found = quality_of(codes)
    assert found in {quality_of([code]) for code in codes}
    assert all(
        get_args(Quality).index(quality_of([code])) <= get_args(Quality).index(found)
        for code in codes
    )
    shuffle.shuffle(codes)
    assert quality_of(codes) == found


@pytest.mark.parametrize(
    ("codes", "quality"),
    [
        (["gpu_module"], "ok"),
        (["vgpu", "gpu_module"], "degraded"),
        (["mig", "vgpu"], "unreliable"),
        (["gpu_lost", "mig"], "failed"),
        (["gpu_lost", "energy_uncovered"], "unavailable"),
        (["a_strangers_code"], "degraded"),
        (["a_strangers_code", "few_updates"], "unreliable"),
    ],
)
def test_qualities_by_hand(codes: list[str], quality: str) -> None:
    assert quality_of(codes) == quality
