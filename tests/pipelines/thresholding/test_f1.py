"""Eq. 8 and its expectation against other libraries, brute force and another closed form."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from promo_kedro.pipelines.thresholding.f1 import expected_f1, f1, observed_f1, ratio_f1

probability = st.sampled_from([0.0, 0.01, 0.1, 0.25, 0.25, 0.5, 0.9, 1.0])


def by_outcomes(probabilities, chosen, zero_division):
    """Average F1 over every outcome of every item, weighted by its probability."""
    outcomes = np.array(list(product([0, 1], repeat=len(probabilities))))
    chance = np.where(outcomes, probabilities, 1 - np.asarray(probabilities)).prod(axis=1)
    scores = f1(outcomes @ chosen, chosen.sum(), outcomes.sum(axis=1), zero_division)
    return float(chance @ scores)


def by_quadrature(probabilities):
    """E_k as an integral: 1 / i = ∫₀¹ tⁱ⁻¹ dt turns the expectation into products over items.

    E_k = 2 ∫ tᵏ⁻¹ Π_all (1 − p + p t) Σ_{j ≤ k} p_j t / (1 − p_j + p_j t) dt: no dynamic
    programming at all.
    """
    nodes, weights = np.polynomial.legendre.leggauss(400)
    t, w, p = (nodes + 1) / 2, weights / 2, np.asarray(probabilities)[:, None]
    factor = 1 - p + p * t
    share = np.cumsum(p * t / factor, axis=0)
    powers = t ** np.arange(len(p))[:, None]
    return 2 * (powers * share) @ (w * np.exp(np.log(factor).sum(axis=0)))


@pytest.mark.parametrize("zero_division", [0, 1])
def test_f1_is_that_of_scikit_learn(zero_division):
    labels = np.array(list(product([0, 1], repeat=4)))
    for chosen in labels:
        hits = labels @ chosen
        expected = [f1_score(row, chosen, zero_division=zero_division) for row in labels]
        actual = f1(hits, chosen.sum(), labels.sum(axis=1), zero_division)
        np.testing.assert_allclose(actual, expected)


def test_observed_f1_is_that_of_scikit_learn():
    rng = np.random.default_rng(1)
    labels = (rng.random((9, 40)) < 0.3).astype(float)
    scores = observed_f1(labels)
    for k in range(10):
        chosen = (np.arange(9) < k).astype(int)
        expected = [f1_score(column, chosen, zero_division=0) for column in labels.T]
        np.testing.assert_allclose(scores[k], expected)


@settings(max_examples=40, deadline=None)
@given(st.lists(probability, min_size=1, max_size=8), st.sampled_from([0.0, 1.0]))
def test_expected_f1_is_the_average_over_all_outcomes(values, zero_division):
    ranked = np.sort(values)[::-1]
    scores = expected_f1(ranked[:, None], zero_division)[:, 0]
    for k in range(len(ranked) + 1):
        chosen = (np.arange(len(ranked)) < k).astype(int)
        assert scores[k] == pytest.approx(by_outcomes(ranked, chosen, zero_division), abs=1e-14)


@settings(max_examples=60, deadline=None)
@given(st.lists(probability, min_size=1, max_size=8), st.sampled_from([0.0, 1.0]))
def test_no_subset_of_any_shape_beats_the_best_top_k(values, zero_division):
    """All 2ⁿ subsets, each over all 2ⁿ outcomes."""
    ranked = np.sort(values)[::-1]
    every = np.array(list(product([0, 1], repeat=len(ranked))))
    chance = np.where(every, ranked, 1 - ranked).prod(axis=1)
    sizes = every.sum(axis=1)
    scores = chance @ f1(every @ every.T, sizes[None, :], sizes[:, None], zero_division)
    best = expected_f1(ranked[:, None], zero_division).max()
    assert best == pytest.approx(scores.max(), abs=1e-14)


def test_the_ratio_is_expected_hits_over_expected_size():
    ranked = np.array([0.5, 0.3, 0.2])
    expected = [0, 2 * 0.5 / (1 + 1), 2 * 0.8 / (2 + 1), 2 * 1.0 / (3 + 1)]
    np.testing.assert_allclose(ratio_f1(ranked[:, None])[:, 0], expected)


def test_the_ratio_nears_the_expectation_as_items_grow_in_number():
    rng = np.random.default_rng(9)
    errors = []
    for items in (10, 100, 1000):
        ranked = -np.sort(-rng.beta(0.6, 3, (items, 20)), axis=0)
        errors.append(np.abs(ratio_f1(ranked) - expected_f1(ranked))[items // 5 :].max())
    assert errors[0] > 5 * errors[1] > 25 * errors[2]


def test_a_consumer_with_hundreds_of_items_agrees_with_quadrature():
    ranked = np.sort(np.random.default_rng(2).beta(0.5, 8, 700))[::-1]
    scores = expected_f1(ranked[:, None])[1:, 0]
    np.testing.assert_allclose(scores, by_quadrature(ranked), rtol=1e-9)


def test_padding_leaves_the_scores_of_the_items_unchanged():
    ranked = np.array([0.7, 0.4, 0.1])
    padded = np.concatenate([ranked, np.zeros(5)])
    alone = expected_f1(ranked[:, None], 1.0)[:, 0]
    np.testing.assert_array_max_ulp(expected_f1(padded[:, None], 1.0)[:4, 0], alone, 4)


def test_the_score_can_have_two_peaks():
    """Why there is no early stop: here E falls after k = 1 and is largest at the end."""
    ranked = np.array([0.7] + [0.3] * 3)
    scores = expected_f1(ranked[:, None])[1:, 0]
    assert scores[1] < scores[0] < scores[-1]
    assert scores[-1] == pytest.approx(by_outcomes(ranked, np.ones(4, dtype=int), 0))
