"""Cut-offs shared by consumers: the best common one, and the way from one's own to it."""

import numpy as np
import pytest

from promo_kedro.pipelines.thresholding.cutoffs import expected_f1_of_cutoffs
from promo_kedro.pipelines.thresholding.f1 import f1
from promo_kedro.pipelines.thresholding.sharing import global_cutoffs, shrunk_cutoffs


@pytest.fixture(scope="module")
def table():
    """Two hundred consumers with 1 to 30 items."""
    rng = np.random.default_rng(11)
    groups = np.repeat(np.arange(200), rng.integers(1, 31, 200))
    return expected_f1_of_cutoffs(groups, rng.beta(0.6, 5, len(groups)).round(3))


def chosen(table, cutoffs):
    return table.probabilities >= cutoffs[table.groups]


def test_no_common_cutoff_has_a_larger_pooled_f1_on_fresh_outcomes():
    """Categories of their own: the one that sells more has the higher cut-off."""
    rng = np.random.default_rng(12)
    categories = np.repeat([0, 1], 4000)
    probabilities = rng.beta(0.6, np.where(categories, 12, 3))
    found = global_cutoffs(categories, probabilities)
    outcomes = rng.random((40, 8000)) < probabilities

    def pooled_f1(category, cutoff):
        rows = categories == category
        above = rows & (probabilities >= cutoff)
        bought = outcomes[:, rows].sum(axis=1)
        return f1(outcomes[:, above].sum(axis=1), above.sum(), bought).mean()

    assert found[0] > found[1] > 0
    for category in (0, 1):
        best = max(pooled_f1(category, cutoff) for cutoff in np.linspace(0.01, 0.7, 139))
        assert pooled_f1(category, found[category]) == pytest.approx(best, abs=0.003)


def test_without_shrinkage_everyone_chooses_as_before(table):
    shrunk = shrunk_cutoffs(table, np.full(200, 0.2), shrinkage=0)
    np.testing.assert_array_equal(chosen(table, shrunk), chosen(table, table.best))


def test_with_endless_shrinkage_everyone_chooses_by_the_common_cutoff(table):
    shrunk = shrunk_cutoffs(table, np.full(200, 0.2003), shrinkage=1e12)
    np.testing.assert_array_equal(chosen(table, shrunk), table.probabilities >= 0.2003)


def test_at_as_many_items_as_the_shrinkage_own_and_common_weigh_the_same():
    probabilities = np.array([0.9, 0.8, 0.02, 0.01])
    table = expected_f1_of_cutoffs(np.zeros(4, dtype=int), probabilities)
    own = table.of(table.best) / 2  # in the gap between 0.8 and 0.02, so nothing moves it
    assert table.best == 0.8
    assert 0.02 < own < 0.8
    (shrunk,) = shrunk_cutoffs(table, np.array([0.1]), shrinkage=4)
    odds = np.sqrt(own / (1 - own) * 0.1 / 0.9)  # the mean of logits
    assert shrunk == pytest.approx(odds / (1 + odds))


def test_fewer_items_are_drawn_further():
    few = np.array([0.5, 0.02])
    groups = np.repeat([0, 1], [2, 20])
    probabilities = np.concatenate([few, few, np.zeros(18)])
    table = expected_f1_of_cutoffs(groups, probabilities)
    short, long = shrunk_cutoffs(table, np.array([0.05, 0.05]), shrinkage=5)
    assert table.best.tolist() == [0.5, 0.5]
    assert 0.05 < short < long < 0.5


def test_an_empty_choice_counts_as_just_above_the_largest_probability():
    """Own: choose nothing. Common: lower than all its items, so in the end it chooses some."""
    probabilities = np.full(6, 0.01)
    table = expected_f1_of_cutoffs(np.zeros(6, dtype=int), probabilities, zero_division=1)
    assert table.best == np.inf
    for common, expected in [(0.001, True), (np.inf, False), (0.2, False)]:
        cutoff = shrunk_cutoffs(table, np.array([common]), shrinkage=6)
        assert (probabilities >= cutoff).any() == expected
        assert np.isinf(cutoff[0]) != expected


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_certain_items_stay_finite_on_the_way_to_logits_and_back(value):
    table = expected_f1_of_cutoffs(np.zeros(3, dtype=int), np.full(3, value))
    for common in (0.0, 0.3, 1.0, np.inf):
        cutoff = shrunk_cutoffs(table, np.array([common]), shrinkage=2)
        assert (cutoff >= 0).all()
        assert not np.isnan(cutoff).any()
