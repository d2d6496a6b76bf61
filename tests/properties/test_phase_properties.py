"""The fit of what a token costs in each phase, on windows that were made of known costs."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import NAN, PATIENT

from costbench.analysis.phases import FEWEST_WINDOWS, PhaseFit, fit_phases

COSTS = st.floats(10, 600), st.floats(0.001, 1), st.floats(0.01, 5)
"""Watts in any case, joules per token read and per token written."""
KNOWN = st.tuples(*COSTS)
MAYBE_FREE = st.tuples(*(st.just(0.0) | cost for cost in COSTS))


@dataclass(frozen=True)
class Windows:
    """Of cells that differ in shape: some read much, some write much, some wait."""

    seconds: np.ndarray
    read: np.ndarray
    written: np.ndarray

    def joules(self, base_w, prefill_j, decode_j):
        return base_w * self.seconds + prefill_j * self.read + decode_j * self.written

    @property
    def columns(self):
        return self.seconds, self.read, self.written


@st.composite
def windows(draw, fewest=FEWEST_WINDOWS):
    count = draw(st.integers(fewest, 30))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    seconds = random.uniform(5, 60, count)
    return Windows(seconds, random.uniform(1e2, 1e5, count), random.uniform(1e2, 1e4, count))


def found_costs(fit):
    return fit.base_w, fit.prefill_j, fit.decode_j


@PATIENT
@given(windows(), KNOWN)
def test_costs_that_windows_were_made_of_are_found_again(shapes, costs):
    fit = fit_phases(shapes.joules(*costs), *shapes.columns)
    assert found_costs(fit) == pytest.approx(costs, rel=1e-6)
    assert fit.residual == pytest.approx(0, abs=1e-9)
    assert fit.windows == len(shapes.seconds)


@PATIENT
@given(windows(), MAYBE_FREE)
def test_a_phase_that_costs_nothing_is_found_to_cost_nothing(shapes, costs):
    joules = shapes.joules(*costs)
    assume(joules.max() > 0)
    fit = fit_phases(joules, *shapes.columns)
    # As parts of the largest window: one without a cost has only the rounding of the others.
    found = np.array(found_costs(fit)) * [c.max() for c in shapes.columns]
    true = np.array(costs) * [c.max() for c in shapes.columns]
    assert found == pytest.approx(true, abs=1e-6 * joules.max())


@PATIENT
@given(windows(), st.lists(st.floats(0.1, 1e6), min_size=30, max_size=30))
def test_no_phase_ever_gives_energy_back(shapes, joules):
    fit = fit_phases(np.array(joules[: len(shapes.seconds)]), *shapes.columns)
    assert min(found_costs(fit)) >= 0
    assert fit.residual >= 0


@PATIENT
@given(windows(), KNOWN, st.floats(0.001, 0.2))
def test_the_residual_is_the_share_of_a_window_that_is_missed(shapes, costs, share):
    """Every other window is off: the fit may take up some of it, never more than all."""
    joules = shapes.joules(*costs)
    wrong = np.where(np.arange(joules.size) % 2, 1 + share, 1 - share)
    fit = fit_phases(joules * wrong, *shapes.columns)
    off = share * np.sqrt(np.mean(joules**2)) / np.mean(joules * wrong)
    assert 0 < fit.residual <= off * (1 + 1e-9)
    missed = joules * wrong - shapes.joules(*found_costs(fit))
    by_hand = np.sqrt(np.mean(missed**2)) / np.mean(joules * wrong)
    assert fit.residual == pytest.approx(by_hand)


@PATIENT
@given(windows(), KNOWN, st.integers(0, FEWEST_WINDOWS - 1))
def test_fewer_than_six_windows_are_too_few(shapes, costs, count):
    joules = shapes.joules(*costs)[:count]
    assert fit_phases(joules, *(column[:count] for column in shapes.columns)) is None
    six = slice(FEWEST_WINDOWS)
    assert fit_phases(shapes.joules(*costs)[six], *(c[six] for c in shapes.columns)) is not None


@PATIENT
@given(windows(), KNOWN, st.floats(0.1, 10))
def test_windows_of_one_shape_do_not_tell_the_phases_apart(shapes, costs, ratio):
    seconds, read, written = shapes.columns
    alike = (
        Windows(seconds, ratio * written, written),
        Windows(ratio * read, read, written),
        Windows(seconds, read, ratio * seconds),
        Windows(seconds, read, ratio * seconds + read),
        Windows(*(np.full_like(seconds, column[0]) for column in shapes.columns)),
    )
    for each in alike:
        assert fit_phases(each.joules(*costs), *each.columns) is None


@PATIENT
@given(windows(), KNOWN, st.integers(0, 2))
def test_a_phase_that_never_occurred_has_no_known_cost(shapes, costs, which):
    columns = [0 * c if at == which else c for at, c in enumerate(shapes.columns)]
    assert fit_phases(shapes.joules(*costs), *columns) is None


@PATIENT
@given(windows(FEWEST_WINDOWS + 1), KNOWN, st.integers(0, 3))
def test_a_window_with_something_unknown_is_left_out(shapes, costs, which):
    table = [shapes.joules(*costs), *(column.copy() for column in shapes.columns)]
    table[which][0] = NAN
    without = [column[1:] for column in table]
    assert fit_phases(*table) == fit_phases(*without)
    assert fit_phases(*table).windows == len(shapes.seconds) - 1
    six = [column[:FEWEST_WINDOWS] for column in table]
    assert fit_phases(*six) is None


def test_a_fit_by_hand():
    """100 W in any case, 1 J a token read, 10 J a token written."""
    seconds = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
    read = np.array([0.0, 10.0, 0.0, 10.0, 0.0, 10.0])
    written = np.array([0.0, 0.0, 10.0, 10.0, 20.0, 0.0])
    joules = np.array([100.0, 110.0, 200.0, 310.0, 400.0, 210.0])
    fit = fit_phases(joules, seconds, read, written)
    assert fit == PhaseFit(
        *(pytest.approx(cost) for cost in (100, 1, 10)), pytest.approx(0, abs=1e-9), windows=6
    )
