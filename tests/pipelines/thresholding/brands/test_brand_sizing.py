"""Sizes against trying every one of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from promo_kedro.pipelines.thresholding.brands.parameters import BrandSizingParameters
from promo_kedro.pipelines.thresholding.brands.scored_pairs import ScoredPairs
from promo_kedro.pipelines.thresholding.brands.sizing import (
    f1_sizes,
    precision_floor_sizes,
    threshold_sizes,
    wanted_sizes,
)

probabilities = st.lists(st.integers(0, 64).map(lambda n: n / 64), max_size=12)
several = st.lists(probabilities, min_size=1, max_size=4)


def pairs_of(lists):
    lists = [sorted(p, reverse=True) for p in lists]
    starts = np.concatenate([[0], np.cumsum([len(p) for p in lists])])
    flat = np.array([p for one in lists for p in one], dtype=float)
    return ScoredPairs(starts, np.arange(len(flat)), flat)


@given(several, st.integers(0, 40))
def test_the_f1_size_is_the_best_of_all(lists, more):
    scored = pairs_of(lists)
    expected = np.array([sum(p) + more / 8 for p in lists])
    for brand, size in enumerate(f1_sizes(scored, expected)):
        p = sorted(lists[brand], reverse=True)
        ratio = [2 * sum(p[:k]) / max(k + expected[brand], 1e-9) for k in range(len(p) + 1)]
        assert ratio[size] == max(ratio)
        assert size == ratio.index(max(ratio))


@given(several)
def test_the_f1_size_takes_whoever_is_likelier_than_half_the_best_ratio(lists):
    scored = pairs_of(lists)
    expected = np.array([sum(p) for p in lists])
    for brand, size in enumerate(f1_sizes(scored, expected)):
        p = sorted(lists[brand], reverse=True)
        if size:
            half = sum(p[:size]) / (size + expected[brand])
            assert p[size - 1] >= half - 1e-12
            assert all(q <= half + 1e-12 for q in p[size:])


@given(several, st.integers(1, 16).map(lambda n: n / 16))
def test_the_floor_size_is_the_largest_that_promises_enough(lists, floor):
    lists = [sorted(p, reverse=True) for p in lists]
    for p, size in zip(lists, precision_floor_sizes(pairs_of(lists), floor), strict=True):
        enough = [k for k in range(1, len(p) + 1) if sum(p[:k]) >= floor * k]
        assert size == max(enough, default=0)


@given(several, st.integers(1, 63).map(lambda n: n / 64))
def test_the_threshold_takes_everyone_as_likely(lists, threshold):
    sizes = threshold_sizes(pairs_of(lists), threshold)
    assert sizes.tolist() == [sum(q >= threshold for q in p) for p in lists]


def test_who_is_as_likely_as_the_threshold_is_taken_whatever_the_rounding():
    kept = float(np.float32(0.7))
    assert kept < 0.7
    assert threshold_sizes(pairs_of([[kept, 0.69]]), 0.7).tolist() == [1]


def test_equal_probabilities_have_closed_forms():
    scored = pairs_of([[0.25] * 8])
    # 2kp / (k + np) rises in k: everyone
    assert f1_sizes(scored, np.array([2.0])) == 8
    assert precision_floor_sizes(scored, 0.25) == 8
    assert precision_floor_sizes(scored, 0.26) == 0


def test_certain_buyers_are_exactly_the_audience():
    scored = pairs_of([[1.0] * 3 + [0.0] * 5])
    assert f1_sizes(scored, np.array([3.0])) == 3


def test_nobody_is_wanted_where_nobody_can_buy():
    assert f1_sizes(pairs_of([[0.0] * 4]), np.array([0.0])) == 0


def test_quotas_round_halves_upwards_and_may_exceed_the_pairs():
    wanted = wanted_sizes(
        pairs_of([[0.5], [0.5]]),
        consumers=np.array([50, 50]),
        prevalence=np.array([0.01, 0.5]),
        expected_buyers=np.array([2.5, 3.49]),
        parameters=BrandSizingParameters(fixed_share=0.1),
    )
    assert wanted["prevalence"].tolist() == [1, 25]
    assert wanted["expected_count"].tolist() == [3, 3]
    assert wanted["fixed"].tolist() == [5, 5]


@settings(max_examples=20)
@given(st.permutations(range(6)))
def test_brands_do_not_touch_each_other(order):
    lists = [[1 / (b + 1)] * b + [0.01] * 3 for b in range(6)]
    expected = np.array([sum(p) for p in lists])
    order = list(order)
    mixed = f1_sizes(pairs_of([lists[b] for b in order]), expected[order])
    assert mixed.tolist() == f1_sizes(pairs_of(lists), expected)[order].tolist()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"fixed_share": 1.5}, "fixed_share"),
        ({"fixed_share": 0}, "fixed_share"),
        ({"precision_floor": 0}, "precision_floor"),
        ({"precision_floor": 20}, "precision_floor"),
        ({"threshold": 0}, "threshold"),
        ({"threshold": 1}, "threshold"),
        ({"brands_per_consumer": 0}, "brands_per_consumer"),
        ({"smallest_audience": -1}, "smallest_audience"),
        ({"sizing": "largest"}, "sizing"),
        ({"smallest_audiense": 5}, "smallest_audience"),
    ],
)
def test_impossible_parameters_are_named(wrong, named):
    with pytest.raises(ValidationError, match=named):
        BrandSizingParameters(**wrong)
