"""Platt's calibration against scikit-learn and a known distortion."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from promo_kedro.pipelines.modelling.calibration import FULL, INTERCEPT_ONLY, Platt, fit_platt


@pytest.fixture
def distorted():
    draw = np.random.default_rng(0)
    true_logit = draw.normal(-2, 1.5, 40_000)
    purchased = (draw.random(40_000) < expit(true_logit)).astype(np.float32)
    return 2 * true_logit + 3, purchased  # true = 0.5 · logit - 1.5


def test_finds_the_known_distortion_and_agrees_with_scikit_learn(distorted):
    logit, purchased = distorted
    fit = fit_platt(logit, purchased, 10, 50)
    peer = LogisticRegression(C=np.inf, tol=1e-10).fit(logit[:, None], purchased)
    assert fit.slope == pytest.approx(peer.coef_[0, 0], rel=1e-4)
    assert fit.intercept == pytest.approx(peer.intercept_[0], rel=1e-4)
    assert (fit.slope, fit.intercept) == (
        pytest.approx(0.5, abs=0.02),
        pytest.approx(-1.5, abs=0.06),
    )
    assert fit.source == FULL


def test_calibrated_mean_is_the_share_of_purchases(distorted):
    logit, purchased = distorted
    mean = fit_platt(logit, purchased, 10, 50).probability(logit).mean()
    assert mean == pytest.approx(purchased.mean(), abs=1e-7)


def test_order_is_kept(distorted):
    logit, purchased = distorted
    probability = fit_platt(logit, purchased, 10, 50).probability(np.sort(logit))
    assert (np.diff(probability) >= 0).all()


@pytest.mark.parametrize(
    ("positives", "reason"), [(0, "0 purchases"), (9, "9 purchases"), (100, "100 purchases")]
)
def test_one_class_or_few_purchases_keep_the_raw_logits(positives, reason):
    purchased = np.arange(100) < positives
    fit = fit_platt(np.linspace(-1, 1, 100), purchased.astype(float), 10, 50)
    assert fit.source == "identity"
    assert reason in fit.reason
    np.testing.assert_allclose(fit.probability(np.array([0.7])), expit([0.7]))


@pytest.mark.parametrize("logit", [np.linspace(1, -1, 400), np.linspace(-1, 1, 400)])
def test_a_turned_or_separating_fit_is_refused(logit):
    purchased = (np.arange(400) >= 200).astype(float)
    fit = fit_platt(logit, purchased, 10, 50)
    assert (fit.slope, fit.intercept, fit.source) == (1.0, 0.0, "identity")
    assert "refused" in fit.reason


@pytest.mark.parametrize(("rare", "source"), [(49, INTERCEPT_ONLY), (50, FULL)])
@pytest.mark.parametrize("turned", [False, True])
def test_few_purchases_or_non_purchases_move_the_level_alone(rare, source, turned):
    draw = np.random.default_rng(rare)
    purchased = draw.permutation((np.arange(4_000) < rare) ^ turned).astype(float)
    logit = draw.normal(0, 0.3, 4_000) + 0.5 * purchased
    fit = fit_platt(logit, purchased, 10, 50)
    assert fit.source == source
    assert (fit.slope == 1.0) == (source == INTERCEPT_ONLY)
    assert fit.probability(logit).mean() == pytest.approx(purchased.mean(), abs=1e-9)
    assert bool(fit.reason) == (source == INTERCEPT_ONLY)


def test_identity_is_the_sigmoid():
    assert Platt().probability(np.array([0.0])) == 0.5
