"""What the samples of each problem give together: how many were right, which answers had most votes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.majority_at_k import NO_ANSWER, Votes, majority_at_k
from costbench.analysis.over_samples import doublings
from costbench.analysis.pass_at_k import pass_at_k
from costbench.records import CORRECT, TRUNCATED, WRONG, CellRecord, Ints

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

Shares = dict[int, Floats]
"""By k, of each problem the chance; NaN where it has fewer samples."""


def several(record: CellRecord) -> bool:
    """Whether more than one sample per problem was planned."""
    return int(record.spec["sampling"]["samples_per_problem"]) > 1


def pass_shares(record: CellRecord) -> Shares:
    """Whether any of k samples is right; what nobody graded is no sample, and rounds add samples."""
    graded = _graded(record)
    samples, correct = (
        np.bincount(record.index("problem")[these], minlength=record.problems)
        for these in (graded, record.columns["outcome"] == CORRECT)
    )
    return {k: pass_at_k(samples, correct, k) for k in doublings(int(samples.max(initial=0)))}


def majority_unknown(record: CellRecord) -> str | None:
    """Why nobody can count votes; None where they can be."""
    codes = record.columns.get("answer")
    if codes is None:
        return "answers_not_read"
    # A grader that names no answer says nothing about which wrong ones agree.
    unnamed = (record.columns["outcome"] == CORRECT) & (codes == NO_ANSWER)
    return "answers_not_stored" if unnamed.any() else None


def majority_shares(record: CellRecord) -> Shares:
    """Whether the most frequent answer of k samples is right; all right answers of a problem are one.

    Wrong ones are one where the grader spells them alike. Needs the column `answer`.
    """
    profiles = _profiles(record)
    kinds, which = np.unique(profiles, axis=0, return_inverse=True)
    ks = doublings(int(profiles.sum(axis=1).max(initial=0)))
    # The chance hangs on the votes alone, and most problems have the same few.
    table = np.array([_chances(kind, ks) for kind in kinds]).reshape(len(kinds), len(ks))
    return {k: table[which.ravel(), at] for at, k in enumerate(ks)}


def _chances(profile: Ints, ks: Sequence[int]) -> Floats:
    right, blank, *wrong = profile.tolist()
    votes = np.repeat(np.arange(1 + len(wrong)), [right, *wrong])
    correct = np.arange(1 + len(wrong)) == 0
    classes = np.concatenate([votes, np.full(blank, NO_ANSWER)])
    return majority_at_k(Votes(classes, correct), ks)


def _profiles(record: CellRecord) -> Ints:
    """By problem: right samples, those without an answer, and votes for each wrong answer, most first."""
    outcome, codes = record.columns["outcome"], record.index("answer")
    graded, right = _graded(record), outcome == CORRECT
    voted = graded & ~right & (codes != NO_ANSWER)
    problem, names = record.index("problem"), int(codes.max(initial=0)) + 1
    pairs, votes = np.unique(problem[voted] * names + codes[voted], return_counts=True)
    whose = pairs // names
    order = np.lexsort((-votes, whose))
    whose, votes = whose[order], votes[order]
    place = np.arange(len(whose)) - np.searchsorted(whose, whose)
    table = np.zeros((record.problems, 3 + int(place.max(initial=0))), dtype=np.int64)
    table[:, 0] = np.bincount(problem[right], minlength=record.problems)
    table[:, 1] = np.bincount(problem[graded & ~right & ~voted], minlength=record.problems)
    table[whose, 2 + place] = votes
    return table


def _graded(record: CellRecord) -> Booleans:
    return np.isin(record.columns["outcome"], (CORRECT, WRONG, TRUNCATED))
