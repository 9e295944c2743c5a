"""The cut-off per consumer: best of all, whole ties, empty choice, any order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promo_kedro.errors import InputError
from promo_kedro.pipelines.thresholding import padding
from promo_kedro.pipelines.thresholding.cutoffs import (
    empirical_cutoffs,
    expected_f1_cutoffs,
    expected_f1_of_cutoffs,
    ratio_cutoffs,
)
from promo_kedro.pipelines.thresholding.f1 import expected_f1, f1

from .test_f1 import by_outcomes

probability = st.sampled_from([0.0, 0.02, 0.02, 0.1, 0.3, 0.3, 0.6, 0.95])


def one_group(values):
    return np.zeros(len(values), dtype=int)


@settings(max_examples=60, deadline=None)
@given(st.lists(probability, min_size=1, max_size=8), st.sampled_from([0.0, 1.0]))
def test_no_threshold_has_a_larger_expected_f1(values, zero_division):
    values = np.array(values)
    (cutoff,) = expected_f1_cutoffs(one_group(values), values, zero_division)
    thresholds = [*np.unique(values), np.inf]
    scores = [by_outcomes(values, (values >= t).astype(int), zero_division) for t in thresholds]
    achieved = by_outcomes(values, (values >= cutoff).astype(int), zero_division)
    assert achieved == pytest.approx(max(scores), abs=1e-14)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(probability, st.booleans()), min_size=1, max_size=12))
def test_no_threshold_has_a_larger_empirical_f1(rows):
    values, labels = np.array([p for p, _ in rows]), np.array([int(a) for _, a in rows])
    (cutoff,) = empirical_cutoffs(one_group(values), values, labels)
    if not labels.any():
        assert np.isnan(cutoff)
        return

    def score(threshold):
        chosen = values >= threshold
        return f1((labels * chosen).sum(), chosen.sum(), labels.sum())

    assert score(cutoff) == max(score(t) for t in np.unique(values))


@settings(max_examples=60, deadline=None)
@given(st.lists(probability, min_size=1, max_size=8), probability, st.sampled_from([0.0, 1.0]))
def test_any_given_cutoff_has_the_expected_f1_of_what_it_chooses(values, given, zero_division):
    values = np.array(values)
    table = expected_f1_of_cutoffs(one_group(values), values, zero_division)
    for cutoff in (given, 0.3001, np.inf):
        expected = by_outcomes(values, (values >= cutoff).astype(int), zero_division)
        assert table.of(np.array([cutoff]))[0] == pytest.approx(expected, abs=1e-13)
    assert table.best == expected_f1_cutoffs(one_group(values), values, zero_division)
    left = values[values < table.best[0]]
    assert table.next_lower[0] == (left.max() if len(left) else 0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_best_ratio_chooses_what_reaches_half_of_it(values):
    """Lipton et al. (2014), by Dinkelbach's iteration: F ← ratio of {p ≥ F / 2}."""
    values = np.array(values)
    best = 0.0
    for _ in range(100):
        chosen = values >= best / 2
        best = max(best, 2 * values[chosen].sum() / max(chosen.sum() + values.sum(), 1))
    (cutoff,) = ratio_cutoffs(one_group(values), values)
    chosen = values >= cutoff
    surely, perhaps = values > best / 2 + 1e-12, values >= best / 2 - 1e-12
    assert (chosen[surely]).all()
    assert not (chosen & ~perhaps).any()


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("value", [0.01, 0.5, 1.0])
def test_equal_items_are_all_chosen(count, value):
    values = np.full(count, value)
    for method in (expected_f1_cutoffs, ratio_cutoffs):
        assert method(one_group(values), values)[0] == value


def test_certain_items_are_chosen_and_impossible_ones_are_not():
    values = np.array([1.0, 0.0, 1.0, 0.0])
    for method in (expected_f1_cutoffs, ratio_cutoffs):
        assert method(one_group(values), values)[0] == 1.0
    assert expected_f1_of_cutoffs(one_group(values), values).of(np.array([1.0]))[0] == 1.0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(probability, st.booleans()), min_size=1, max_size=12))
def test_empirical_choices_depend_on_the_order_of_probabilities_only(rows):
    """Any rising function of the probabilities leaves the choice as it is."""
    values, labels = np.array([p for p, _ in rows]), np.array([int(a) for _, a in rows])
    raised = (values + 0.1) ** 3 / 2
    before = values >= empirical_cutoffs(one_group(values), values, labels)
    after = raised >= empirical_cutoffs(one_group(values), raised, labels)
    np.testing.assert_array_equal(before, after)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.001, 0.999), min_size=2, max_size=15), st.data())
def test_a_more_likely_item_never_leaves_the_choice(values, data):
    """Raising the probability of a chosen item keeps it chosen."""
    values = np.array(values)
    chosen = np.flatnonzero(values >= expected_f1_cutoffs(one_group(values), values)[0])
    item = data.draw(st.sampled_from(chosen.tolist()))
    values[item] = data.draw(st.floats(values[item], 1.0))
    assert values[item] >= expected_f1_cutoffs(one_group(values), values)[0]


def test_threads_change_nothing(monkeypatch):
    monkeypatch.setattr(padding, "CELLS", 2000)  # many blocks
    rng = np.random.default_rng(6)
    groups = rng.integers(0, 200, 3000)
    values = rng.beta(0.5, 6, 3000).round(2)
    one = expected_f1_of_cutoffs(groups, values, threads=1)
    for threads in (4, None):
        several = expected_f1_of_cutoffs(groups, values, threads=threads)
        for name in ("of_nothing", "gains", "best", "next_lower"):
            np.testing.assert_array_equal(getattr(several, name), getattr(one, name))


def test_an_error_in_a_thread_is_not_lost():
    def fail(block):
        raise RuntimeError("broken block")

    with pytest.raises(RuntimeError, match="broken block"):
        padding.for_each_block(np.zeros(3, dtype=int), np.zeros(3), fail, threads=2)


def test_a_tie_is_chosen_whole():
    """Two of the three would be best by label order, but ≥ cannot choose two of three equals."""
    values, labels = np.array([0.4, 0.4, 0.4, 0.1]), np.array([1, 1, 0, 0])
    assert empirical_cutoffs(one_group(values), values, labels)[0] == 0.4
    assert expected_f1_cutoffs(one_group(values), values)[0] in {0.4, 0.1}


def test_nothing_is_chosen_where_nothing_can_be_bought():
    assert expected_f1_cutoffs(one_group([0, 0]), np.zeros(2))[0] == np.inf


def test_with_zero_division_one_rare_purchases_are_never_predicted():
    values = np.full(20, 0.01)
    assert expected_f1_cutoffs(one_group(values), values, zero_division=1)[0] == np.inf
    assert expected_f1_cutoffs(one_group(values), values, zero_division=0)[0] == 0.01


def test_groups_do_not_touch_each_other_and_order_does_not_matter(monkeypatch):
    monkeypatch.setattr(padding, "CELLS", 500)  # many blocks
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(60), rng.integers(1, 40, 60))
    values = rng.beta(0.5, 6, len(groups)).round(2)  # with ties
    labels = (rng.random(len(groups)) < values).astype(int)
    expected, empirical = (
        expected_f1_cutoffs(groups, values),
        empirical_cutoffs(groups, values, labels),
    )
    for group in range(60):
        mine = groups == group
        alone = expected_f1_cutoffs(one_group(values[mine]), values[mine])
        assert alone[0] == expected[group]
    shuffled = rng.permutation(len(groups))
    again = expected_f1_cutoffs(groups[shuffled], values[shuffled])
    np.testing.assert_array_equal(again, expected)
    again = empirical_cutoffs(groups[shuffled], values[shuffled], labels[shuffled])
    np.testing.assert_array_equal(again, empirical)


def test_the_cutoff_is_near_half_the_best_f1_it_reaches():
    """Lipton et al. (2014): at the optimum on calibrated scores the threshold is F* / 2."""
    for seed in range(5):
        values = np.random.default_rng(seed).beta(0.6, 3, 600)
        (cutoff,) = expected_f1_cutoffs(one_group(values), values)
        best = expected_f1(np.sort(values)[::-1, None]).max()
        assert cutoff == pytest.approx(best / 2, abs=0.01)


def test_own_cutoffs_beat_every_common_cutoff_on_fresh_outcomes():
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(300), 30)
    keenness = rng.uniform(0.5, 8, 300)[groups]  # consumers who buy much and who buy little
    values = rng.beta(0.5, keenness)
    outcomes = rng.random((30, len(groups))) < values

    def mean_f1(thresholds):
        chosen = values >= thresholds[groups]
        hits = [np.bincount(groups, bought & chosen) for bought in outcomes]
        bought = [np.bincount(groups, bought) for bought in outcomes]
        return f1(np.array(hits), np.bincount(groups, chosen), np.array(bought)).mean()

    own = mean_f1(expected_f1_cutoffs(groups, values))
    assert own > 0.01 + max(mean_f1(np.full(300, t)) for t in np.linspace(0.02, 0.6, 30))


def test_float32_probabilities_are_reached_by_their_own_cutoff():
    values = np.random.default_rng(5).random(50).astype(np.float32)
    (cutoff,) = expected_f1_cutoffs(one_group(values), values)
    assert cutoff in values.astype(np.float64)


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.5])
def test_values_that_are_no_probabilities_are_refused(bad):
    with pytest.raises(InputError, match="1 values are not in"):
        expected_f1_cutoffs(one_group([1, 2]), np.array([0.5, bad]))
