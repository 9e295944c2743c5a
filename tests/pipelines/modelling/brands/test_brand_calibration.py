"""Brand probabilities to be taken at their word, against scikit-learn, scipy and planted truth."""

import logging
import time

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.brands.calibration import (
    BrandCalibration,
    fit_brand_calibration,
)
from promo_kedro.pipelines.modelling.brands.parameters import BrandCalibrationParameters


def fit(logit, bought, **parameters):
    return fit_brand_calibration(
        torch.tensor(logit, dtype=torch.float32),
        torch.tensor(bought, dtype=torch.float32),
        BrandCalibrationParameters(**parameters),
    )


def world(consumers=4000, brands=5, seed=0, spread=1.2):
    """True logits and purchases; the later brands are the rarer."""
    rng = np.random.default_rng(seed)
    true = rng.normal(scale=spread, size=(consumers, brands)) - np.linspace(1, 4, brands)
    return true, (rng.random(true.shape) < expit(true)).astype(np.float64)


def test_without_pull_it_is_logistic_regression_with_a_column_per_brand():
    true, bought = world()
    logit = (true - np.array([1, -1, 0.5, 2, 0])) / 1.7
    found = fit(logit, bought, smoothing=1e-6)
    brand = np.tile(np.eye(5), (len(true), 1))
    oracle = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=1000)
    oracle.fit(np.column_stack([logit.ravel(), brand]), bought.ravel())
    assert found.slope == pytest.approx(oracle.coef_[0, 0], abs=3e-3)
    assert found.level.numpy() == pytest.approx(oracle.coef_[0, 1:], abs=1e-2)


@pytest.mark.parametrize("smoothing", [0.5, 20.0, 500.0])
def test_the_pull_is_the_one_described(smoothing):
    true, bought = world(consumers=800)
    # Few distinct logits fall into cells of their own, so the fit has nothing to round.
    logit = np.round(true * 4) / 4 / 1.3
    found = fit(logit, bought, smoothing=smoothing)

    def objective(weights):
        slope, common, own = weights[0], weights[1], weights[2:]
        z = slope * logit + common + own
        return (np.logaddexp(0, z) - bought * z).sum() + 0.5 * smoothing * (own**2).sum()

    best = minimize(objective, np.r_[1, np.zeros(6)], method="BFGS", options={"gtol": 1e-4}).x
    assert found.slope == pytest.approx(best[0], abs=2e-4)
    assert found.level.numpy() == pytest.approx(best[1] + best[2:], abs=1e-3)


def test_planted_distortions_are_recovered():
    true, bought = world(consumers=40_000, brands=6, seed=1)
    level = np.array([0.5, -1.0, 2.0, 0.0, -0.5, 1.0])
    found = fit((true - level) / 0.6, bought, smoothing=1.0)
    assert found.slope == pytest.approx(0.6, abs=0.02)
    assert found.level.numpy() == pytest.approx(level, abs=0.12)


def test_expected_buyers_approach_observed_ones():
    true, bought = world(consumers=5000, brands=8, seed=2)
    raw = true / 2 + 1
    found = fit(raw, bought, smoothing=20.0)
    logit = found.logit(torch.tensor(raw, dtype=torch.float32)).numpy()
    expected, observed = expit(logit).sum(0), bought.sum(0)
    assert expected.sum() == pytest.approx(observed.sum(), rel=1e-3)
    own = found.level.numpy() - found.level.numpy().mean()
    assert expected - observed == pytest.approx(-20.0 * own, abs=0.02 * observed.min() + 1)
    assert np.abs(expected - observed).sum() < 0.1 * np.abs(expit(raw).sum(0) - observed).sum()


def test_a_brand_with_as_many_buyers_as_the_pull_goes_half_way():
    """One rare brand among many whose level is right; its odds were too low by a factor e^0.4."""
    true = np.full((20_000, 60), np.log(0.02))
    true[:, -1] = np.log(0.005)
    bought = np.zeros(true.shape)
    bought[:392, :-1] = 1  # exactly as many as these odds, 1 in 51, promise
    bought[:100, -1] = 1
    raw = true - np.eye(60)[-1] * 0.4
    own = fit(raw, bought, smoothing=100.0).level.numpy()
    free = fit(raw, bought, smoothing=1e-6).level.numpy()
    ratio = (own[-1] - own[:-1].mean()) / (free[-1] - free[:-1].mean())
    assert ratio == pytest.approx(0.5, abs=0.06)


def test_order_within_a_brand_stays():
    true, bought = world()
    raw = torch.tensor(true * 3 - 1, dtype=torch.float32)
    found = fit(raw.numpy(), bought)
    assert found.slope > 0
    assert torch.equal(found.logit(raw).argsort(0), raw.argsort(0))


def test_constant_scores_get_levels_alone():
    _, bought = world()
    raw = np.tile(np.log([0.3, 0.2, 0.1, 0.05, 0.02]), (len(bought), 1))
    found = fit(raw, bought, smoothing=1e-6)
    assert found.slope == 1
    assert "same scores" in found.reason
    assert expit(raw[0] + found.level.numpy()) == pytest.approx(bought.mean(0), rel=1e-3)


def test_scores_that_are_upside_down_get_levels_alone():
    true, bought = world()
    found = fit(-true, bought)
    assert found.slope == 1
    assert "slope of -" in found.reason
    assert np.isfinite(found.level.numpy()).all()


def test_scores_that_separate_the_classes_get_levels_alone():
    _, bought = world()
    found = fit(bought * 0.02 - 0.01, bought)
    assert found.slope == 1
    assert np.isfinite(found.level.numpy()).all()


def test_brands_without_buyers_lean_on_the_common_level(caplog):
    true, bought = world(consumers=2000)
    bought[:, -1] = 0
    with caplog.at_level(logging.INFO):
        found = fit(true - 1, bought, smoothing=20.0)
    assert "1 of 5 brands had no buyer" in caplog.text
    level = found.level.numpy()
    assert np.isfinite(level).all()
    assert level[-1] < level[:-1].min()


def test_too_few_buyers_leave_the_logits_raw(caplog):
    true, bought = world(consumers=2000)
    bought[:] = 0
    bought[:49, 0] = 1
    with caplog.at_level(logging.INFO):
        found = fit(true, bought, min_buyers=50)
    raw = torch.tensor(true)
    assert torch.equal(found.logit(raw), raw)
    assert "49 buyers of all brands, 50 are needed" in caplog.text
    assert fit(true, 1 - bought, min_buyers=50).slope == 1
    bought[49, 0] = 1
    assert not torch.equal(fit(true, bought, min_buyers=50).logit(raw), raw)


def test_nobody_to_fit_on_leaves_the_logits_raw():
    assert fit(np.zeros((0, 3)), np.zeros((0, 3))).level.tolist() == [0, 0, 0]


def test_extreme_logits_are_fitted():
    true, bought = world()
    found = fit(np.clip(true * 20, -50, 50), bought)
    assert 0 < found.slope < 1
    assert np.isfinite(found.level.numpy()).all()


def test_it_survives_being_saved():
    true, bought = world()
    found = fit(true, bought)
    restored = BrandCalibration.from_saved(*found.to_saved())
    assert restored.slope == found.slope
    assert restored.reason == found.reason
    assert torch.equal(restored.level, found.level)


def test_half_a_million_probabilities_take_no_minute():
    true, bought = world(consumers=2500, brands=200)
    start = time.perf_counter()
    fit(true, bought)
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_logits_that_are_no_numbers_are_refused(wrong):
    true, bought = world(consumers=100)
    true[3, 1] = wrong
    with pytest.raises(InputError, match=r"logits of 1 of 5 brands.*learning_rate"):
        fit(true, bought)
