"""Eq. 10-12: planted curves are found, hopeless ones are refused."""

import numpy as np
import pytest
from scipy.optimize import minimize

from promo_kedro.pipelines.elasticity import sigmoid as module
from promo_kedro.pipelines.elasticity.sigmoid import (
    NotIdentifiedError,
    elasticity,
    equal_count_bins,
    fit_sigmoid,
    offer_levels,
    r_squared,
    sigmoid,
)


def points(slope=0.06, intercept=-3.0, n=4000, noise=0.02, seed=0):
    rng = np.random.default_rng(seed)
    offers = np.where(rng.random(n) < 0.4, 0.0, rng.uniform(0, 60, n).round(2))
    probabilities = sigmoid(offers, slope, intercept) + rng.normal(0, noise, n)
    return offers, np.clip(probabilities, 0, 1)


@pytest.mark.parametrize(("slope", "intercept"), [(0.06, -3.0), (0.01, -6.0), (0.3, -12.0)])
def test_planted_slope_and_intercept_are_recovered(slope, intercept):
    offers, _ = points()
    fit = fit_sigmoid(offer_levels(offers, sigmoid(offers, slope, intercept)))
    assert (fit.slope, fit.intercept) == pytest.approx((slope, intercept), rel=1e-6)


def test_a_falling_curve_is_fitted_as_it_is():
    offers, probabilities = points(slope=-0.03, intercept=1.0)
    assert fit_sigmoid(offer_levels(offers, probabilities)).slope == pytest.approx(-0.03, rel=0.05)


def test_the_fit_is_the_least_squares_of_all_single_points():
    """A derivative-free search over the raw points knows no levels, weights or Jacobian."""
    offers, probabilities = points(noise=0.1, n=500)
    fit = fit_sigmoid(offer_levels(offers, probabilities))
    search = minimize(
        lambda ab: ((probabilities - sigmoid(offers, *ab)) ** 2).sum(),
        x0=(0.02, -1.0),
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000},
    )
    assert (fit.slope, fit.intercept) == pytest.approx(tuple(search.x), rel=1e-5)


def test_standard_errors_match_the_spread_over_repeated_samples():
    fits = [fit_sigmoid(offer_levels(*points(n=300, seed=seed))) for seed in range(200)]
    for name in ("slope", "intercept"):
        spread = np.std([getattr(fit, name) for fit in fits])
        stated = np.mean([getattr(fit, f"{name}_se") for fit in fits])
        assert stated == pytest.approx(spread, rel=0.2)


def test_float32_points_are_fitted_as_well_as_float64():
    """curve_fit on float32 returns its start values without a word."""
    offers, probabilities = points()
    single = fit_sigmoid(offer_levels(offers.astype(np.float32), probabilities.astype(np.float32)))
    double = fit_sigmoid(offer_levels(offers, probabilities))
    assert single.slope == pytest.approx(double.slope, rel=1e-4)
    assert single.slope == pytest.approx(0.06, rel=0.02)


def test_the_order_of_points_changes_no_bit():
    offers, probabilities = points()
    shuffled = np.random.default_rng(1).permutation(len(offers))
    first = fit_sigmoid(offer_levels(offers, probabilities))
    assert first == fit_sigmoid(offer_levels(offers[shuffled], probabilities[shuffled]))


@pytest.mark.parametrize(
    ("offers", "probabilities", "why"),
    [
        ([0, 10, 20], [0.1, 0.2, 0.3], "3 points, at least 4 are needed"),
        ([0] * 5, [0.1, 0.2, 0.3, 0.1, 0.2], "all offers are zero"),
        ([20] * 5, [0.1, 0.2, 0.3, 0.1, 0.2], "offers do not vary"),
        ([0, 10, 20, 30, 40], [0.1] * 5, "the probability is the same at every offer"),
    ],
)
def test_points_that_identify_nothing_are_refused(offers, probabilities, why):
    levels = offer_levels(np.array(offers), np.array(probabilities))
    with pytest.raises(NotIdentifiedError, match=why):
        fit_sigmoid(levels, min_points=4)


def test_an_infinite_covariance_is_refused(monkeypatch):
    monkeypatch.setattr(
        module, "curve_fit", lambda *_, **__: ((0.1, -2.0), np.full((2, 2), np.inf))
    )
    with pytest.raises(NotIdentifiedError, match="no finite standard errors"):
        fit_sigmoid(offer_levels(*points()))


def test_a_step_has_no_finite_slope():
    offers = np.repeat([0.0, 10, 20, 30], 20)
    with pytest.raises(NotIdentifiedError):
        fit_sigmoid(offer_levels(offers, (offers > 15).astype(float)))


def test_missing_values_are_refused():
    with pytest.raises(ValueError, match="finite"):
        offer_levels(np.array([1.0, np.nan]), np.array([0.1, 0.2]))


def test_bins_hold_equal_counts_where_offers_differ():
    offers = np.random.default_rng(0).permutation(1000) / 10.0
    bins = equal_count_bins(offer_levels(offers, offers / 100))
    np.testing.assert_array_equal(bins.counts, np.full(20, 50))
    by_hand = np.sort(offers).reshape(20, 50).mean(axis=1)
    np.testing.assert_allclose(bins.offers, by_hand)
    np.testing.assert_allclose(bins.probabilities, by_hand / 100)


def test_points_of_one_offer_share_a_bin():
    offers, probabilities = points()
    bins = equal_count_bins(offer_levels(offers, probabilities))
    zero = offers == 0
    assert bins.counts[0] >= zero.sum()
    assert bins.counts.sum() == len(offers)
    assert len(bins.counts) < 20
    exact = equal_count_bins(offer_levels(np.repeat([0, 10, 20], 30), np.arange(90) / 100))
    np.testing.assert_array_equal(exact.counts, [30, 30, 30])
    np.testing.assert_allclose(exact.probabilities, [0.145, 0.445, 0.745])


def test_r_squared_is_one_on_the_curve_and_counts_bins_alike():
    offers, _ = points()
    exact = offer_levels(offers, sigmoid(offers, 0.06, -3))
    fit = fit_sigmoid(exact)
    assert r_squared(fit, exact) == pytest.approx(1)
    bins = equal_count_bins(offer_levels(*points(noise=0.2)))
    correlation = np.corrcoef(fit(bins.offers), bins.probabilities)[0, 1]
    assert r_squared(fit, bins) == pytest.approx(correlation**2, abs=0.05)


def test_elasticity_is_the_relative_change_of_the_curve():
    """Eq. 11 by finite differences, against the closed form of Eq. 12."""
    k, step = np.array([0.5, 5.0, 20.0, 45.0, 90.0]), 1e-5
    f = sigmoid(k, 0.08, -2.5)
    change = (sigmoid(k * (1 + step), 0.08, -2.5) - sigmoid(k * (1 - step), 0.08, -2.5)) / f
    np.testing.assert_allclose(elasticity(0.08, k, f), change / (2 * step), rtol=1e-8)


def test_elasticity_in_round_numbers():
    assert elasticity(0.05, 20, 0.25) == pytest.approx(0.75)
    assert elasticity(0.05, 0, 0.25) == 0
