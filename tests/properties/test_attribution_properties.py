import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import NAN, PATIENT, work

from costbench.analysis.attribution import attribute, output_token_shares, phase_weights, shares
from costbench.analysis.phases import PhaseFit


def sums(values, window):
    return np.bincount(window, weights=values)


@PATIENT
@given(work())
def test_the_shares_of_every_window_add_up_to_one(done):
    shares = output_token_shares(done.tokens, done.window)
    assert (shares >= 0).all()
    assert sums(shares, done.window) == pytest.approx(np.ones(len(done.totals)))


@PATIENT
@given(work())
def test_shares_are_proportional_to_tokens_where_any_are_known(done):
    shares = output_token_shares(done.tokens, done.window)
    known = np.nan_to_num(done.tokens)
    totals = sums(known, done.window)[done.window]
    some = totals > 0
    assert shares[some] * totals[some] == pytest.approx(known[some])


@PATIENT
@given(work())
def test_shares_are_equal_where_no_tokens_are_known(done):
    shares = output_token_shares(np.full_like(done.tokens, NAN), done.window)
    assert shares == pytest.approx(1 / np.bincount(done.window)[done.window])


@PATIENT
@given(work())
def test_what_the_attempts_get_adds_up_to_what_the_windows_took(done):
    shares = output_token_shares(done.tokens, done.window)
    parts = attribute(done.totals, shares, done.window)
    assert sums(parts, done.window) == pytest.approx(done.totals)
    assert parts.sum() == pytest.approx(done.totals.sum())


@PATIENT
@given(work())
def test_a_total_that_is_not_known_stays_unknown_for_its_attempts_only(done):
    done.totals[0] = NAN
    parts = attribute(done.totals, output_token_shares(done.tokens, done.window), done.window)
    assert (np.isnan(parts) == (done.window == 0)).all()


@PATIENT
@given(work())
def test_seconds_are_divided_by_the_same_shares_as_joules(done):
    shares = output_token_shares(done.tokens, done.window)
    seconds = np.arange(1.0, len(done.totals) + 1)
    joules = attribute(done.totals, shares, done.window)
    assert joules == pytest.approx(
        attribute(seconds, shares, done.window) * (done.totals / seconds)[done.window]
    )


COSTS = st.floats(0.001, 10) | st.just(0.0)
FITS = st.builds(PhaseFit, st.floats(0, 1000), COSTS, COSTS, st.just(0.0), st.just(6))


@st.composite
def phased(draw):
    """Work with a fit: tokens read, which may be unknown like those written, and lengths of windows."""
    done, fit = draw(work()), draw(FITS)
    count = len(done.tokens)
    tokens = st.one_of(st.integers(0, 5000).map(float), st.just(NAN))
    read = np.array(draw(st.lists(tokens, min_size=count, max_size=count)))
    count = len(done.totals)
    seconds = draw(st.lists(st.floats(0.1, 1000), min_size=count, max_size=count))
    return done, fit, read, np.array(seconds)


@PATIENT
@given(phased())
def test_under_every_rule_the_parts_of_a_window_add_up_to_it(case):
    done, fit, read, seconds = case
    weights = phase_weights(fit, read, done.tokens, seconds, done.window)
    rules = {
        "output_tokens": output_token_shares(done.tokens, done.window),
        "phase_weighted": shares(weights, done.window),
        "equal": shares(np.ones(len(done.tokens)), done.window),
    }
    for rule, divided in rules.items():
        assert (divided >= 0).all(), rule
        assert sums(divided, done.window) == pytest.approx(1.0, rel=1e-9), rule
        parts = attribute(done.totals, divided, done.window)
        assert sums(parts, done.window) == pytest.approx(done.totals, rel=1e-9), rule


@PATIENT
@given(phased(), st.floats(0.1, 10))
def test_phase_weights_without_a_price_for_reading_are_those_of_tokens_written(case, price):
    done, _, read, seconds = case
    read, written = np.nan_to_num(read), np.nan_to_num(done.tokens)
    by_tokens = output_token_shares(written, done.window)
    for fit in (PhaseFit(0.0, 0.0, price, 0.0, 6), PhaseFit(100.0, 0.0, 0.0, 0.0, 6)):
        weights = phase_weights(fit, read, written, seconds, done.window)
        assert shares(weights, done.window) == pytest.approx(by_tokens, rel=1e-9)


def test_phase_weights_by_hand():
    """2 J a token read, 10 J a token written, and 4 s of 100 W by tokens written."""
    fit, window = PhaseFit(100.0, 2.0, 10.0, 0.0, 6), np.array([0, 0])
    weights = phase_weights(
        fit, np.array([100.0, 50.0]), np.array([30.0, 10.0]), np.array([4.0]), window
    )
    assert weights.tolist() == [200 + 300 + 300, 100 + 100 + 100]


def test_shares_by_hand():
    tokens = np.array([10.0, 30.0, NAN, NAN, 0.0])
    window = np.array([0, 0, 0, 1, 1])
    assert output_token_shares(tokens, window).tolist() == [0.25, 0.75, 0.0, 0.5, 0.5]


def test_no_attempts_have_no_shares():
    nothing, nowhere = np.array([]), np.array([], dtype=np.int64)
    assert attribute(np.array([]), output_token_shares(nothing, nowhere), nowhere).size == 0
