"""Precision, recall and F1 against scikit-learn, and what is empty by hand."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from promo_kedro.pipelines.evaluation.brands.assessing.levels import (
    Ground,
    Pairs,
    count_brands,
    count_consumers,
)
from promo_kedro.pipelines.evaluation.brands.assessing.metrics import (
    Counts,
    harmonic_mean,
    score,
    summarise,
)
from promo_kedro.pipelines.evaluation.brands.assessing.strata import ApprovedBrands
from promo_kedro.pipelines.evaluation.brands.parameters import EmptyParameters

CONSUMERS, BRANDS = 60, 7
AS_SKLEARN = EmptyParameters()
STRATUM = np.array([0, 0, 1, 1, 1, 2, 2], dtype=np.int8)


@pytest.fixture(scope="module")
def matrices():
    """Bought and selected, (consumers, brands); a brand no one bought, one no one is sent."""
    rng = np.random.default_rng(3)
    bought = rng.random((CONSUMERS, BRANDS)) < 0.2
    selected = rng.random((CONSUMERS, BRANDS)) < 0.3
    bought[:, 5] = False
    selected[:, 6] = False
    return bought, selected


@pytest.fixture(scope="module")
def counted(matrices):
    bought, selected = (_pairs(matrix) for matrix in matrices)
    brands = ApprovedBrands(np.array([f"b{i}" for i in range(BRANDS)], dtype=object), STRATUM)
    ground = Ground(CONSUMERS, brands, bought)
    hits = ground.hits(selected)
    return count_consumers(ground, selected, hits), count_brands(ground, selected, hits)


def _pairs(matrix):
    consumer, brand = np.nonzero(matrix)
    return Pairs(consumer.astype(np.int32), brand.astype(np.int32))


def _sklearn(bought, selected, average):
    """Of each row or column; NaN where scikit-learn says that a figure does not exist."""
    if average == "user":
        bought, selected = bought.T, selected.T
    return precision_recall_fscore_support(bought, selected, average=None, zero_division=np.nan)[:3]


@pytest.mark.parametrize("level", ["user", "item"])
def test_figures_of_each_are_those_of_scikit_learn(matrices, counted, level):
    by_consumer, by_brand = counted
    scores = score(by_consumer["all"] if level == "user" else by_brand, AS_SKLEARN)
    precision, recall, f1 = _sklearn(*matrices, level)
    np.testing.assert_allclose(scores.precision, precision)
    np.testing.assert_allclose(scores.recall, recall)
    np.testing.assert_allclose(scores.f1, f1)


@pytest.mark.parametrize(("stratum", "place"), [("head", 0), ("mid", 1), ("niche", 2)])
def test_a_stratum_of_a_consumer_is_scored_over_its_brands_only(matrices, counted, stratum, place):
    chosen = place == STRATUM
    precision, recall, f1 = _sklearn(*(matrix[:, chosen] for matrix in matrices), "user")
    scores = score(counted[0][stratum], AS_SKLEARN)
    np.testing.assert_allclose(scores.precision, precision)
    np.testing.assert_allclose(scores.recall, recall)
    np.testing.assert_allclose(scores.f1, f1)


def test_the_pooled_f1_is_scikit_learns_micro_average_at_both_levels(matrices, counted):
    micro = precision_recall_fscore_support(*matrices, average="micro")[2]
    by_consumer, by_brand = counted
    left_out = EmptyParameters(truth="left_out")
    assert summarise(by_consumer["all"], left_out)["f1_pooled"] == pytest.approx(micro)
    assert summarise(by_brand, AS_SKLEARN)["f1_pooled"] == pytest.approx(micro)


def test_means_are_scikit_learns_macro_average(matrices, counted):
    row = summarise(counted[1], AS_SKLEARN)
    macro = precision_recall_fscore_support(*matrices, average="macro", zero_division=np.nan)[:3]
    assert [row[f"{name}_mean"] for name in ("precision", "recall", "f1")] == pytest.approx(macro)


# Four: half right; nothing bought; nothing foretold; neither.
FOUR = Counts(np.array([2, 0, 3, 0]), np.array([2, 4, 0, 0]), np.array([1, 0, 0, 0]))
NONE = np.nan


@pytest.mark.parametrize(
    ("empty", "precision", "recall", "f1"),
    [
        ({}, [0.5, 0, NONE, NONE], [0.5, NONE, 0, NONE], [0.5, 0, 0, NONE]),
        (
            {"truth": "left_out"},
            [0.5, NONE, NONE, NONE],
            [0.5, NONE, 0, NONE],
            [0.5, NONE, 0, NONE],
        ),
        ({"prediction": "zero"}, [0.5, 0, 0, NONE], [0.5, NONE, 0, NONE], [0.5, 0, 0, NONE]),
        ({"both": "one"}, [0.5, 0, NONE, 1], [0.5, NONE, 0, 1], [0.5, 0, 0, 1]),
    ],
)
def test_conventions_for_what_is_empty(empty, precision, recall, f1):
    scores = score(FOUR, EmptyParameters(**empty))
    np.testing.assert_array_equal(scores.precision, precision)
    np.testing.assert_array_equal(scores.recall, recall)
    np.testing.assert_array_equal(scores.f1, f1)


@pytest.mark.parametrize(("truth", "scored"), [("zero", 3), ("left_out", 2)])
def test_what_is_empty_is_counted_whatever_the_convention(truth, scored):
    row = summarise(FOUR, EmptyParameters(truth=truth))
    assert row["scored"] == scored
    assert (row["empty_truth"], row["empty_prediction"], row["empty_both"]) == (1, 1, 1)


def test_both_readings_of_f1_by_hand():
    """Two consumers: precision 1 and 1/2, recall 1/2 and 1; each has F1 2/3."""
    row = summarise(Counts(np.array([2, 1]), np.array([1, 2]), np.array([1, 1])), AS_SKLEARN)
    assert (row["precision"], row["recall"]) == (0.75, 0.75)
    assert row["f1_median"] == pytest.approx(2 / 3)
    assert row["f1_harmonic"] == pytest.approx(0.75)
    assert (row["precision_q1"], row["precision_q3"]) == (0.625, 0.875)


def test_nothing_to_score_has_no_figures():
    none = np.zeros(0, dtype=np.int64)
    row = summarise(Counts(none, none, none), AS_SKLEARN)
    assert row["scored"] == 0
    assert all(np.isnan(row[name]) for name in ("precision", "f1_median", "f1_mean", "f1_pooled"))


def test_the_harmonic_mean_of_nothing_is_nothing():
    assert harmonic_mean(0.0, 0.0) == 0.0
    assert np.isnan(harmonic_mean(np.nan, 0.5))
