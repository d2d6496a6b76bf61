from dataclasses import replace

import numpy as np
import pytest

from costbench.policies.unconstrained import Unconstrained
from costbench.report.caveats import caveats_of, explain
from tests.report.in_memory import record


def graded(unclosed):
    cell = record(Unconstrained(max_tokens=64), [[5], [5]], [[1], [0]])
    return replace(cell, spec=cell.spec | {"model": cell.spec["model"] | {"unclosed": unclosed}})


@pytest.mark.parametrize(("unclosed", "told"), [("graded", True), ("wrong", False)])
def test_a_cell_graded_without_an_end_of_thinking_says_so(unclosed, told):
    assert ("graded_unclosed" in caveats_of(graded(unclosed), ())) == told


def test_the_caveat_names_the_key_that_makes_it_so():
    assert "`unclosed: graded`" in explain("graded_unclosed")


@pytest.mark.parametrize(
    ("gradable", "unfinished", "told"), [(False, 1, True), (False, 0, False), (True, 1, False)]
)
def test_a_load_that_was_not_delivered_is_not_told_as_if_it_were(gradable, unfinished, told):
    cell = record(Unconstrained(max_tokens=64), [[5], [5]], [[1], [0]])
    columns = cell.columns | {"unfinished": np.array([0.0, unfinished])}
    found = caveats_of(replace(cell, gradable=gradable, columns=columns), ())
    assert ("many_unfinished" in found) == told
