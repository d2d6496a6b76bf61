import numpy as np
import pytest
from hypothesis import given
from strategies import NAN, PATIENT, work

from costbench.analysis.attribution import attribute, output_token_shares


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


def test_shares_by_hand():
    tokens = np.array([10.0, 30.0, NAN, NAN, 0.0])
    window = np.array([0, 0, 0, 1, 1])
    assert output_token_shares(tokens, window).tolist() == [0.25, 0.75, 0.0, 0.5, 0.5]


def test_no_attempts_have_no_shares():
    nothing, nowhere = np.array([]), np.array([], dtype=np.int64)
    assert attribute(np.array([]), output_token_shares(nothing, nowhere), nowhere).size == 0
