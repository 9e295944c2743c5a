import numpy as np
import pytest
from sklearn import metrics

from promo_kedro.pipelines.evaluation.scores import (
    calibration_error,
    calibration_table,
    log_loss,
    score,
)


@pytest.fixture
def rows():
    rng = np.random.default_rng(3)
    probability = rng.beta(1, 12, 4000)
    purchased = (rng.random(4000) < probability).astype(int)
    return purchased, probability, probability > 0.15


def test_scores_agree_with_scikit_learn(rows):
    purchased, probability, predicted = rows
    ours = score(purchased, probability, predicted, calibration_bins=10)
    assert ours.log_loss == pytest.approx(metrics.log_loss(purchased, probability))
    assert ours.precision == pytest.approx(metrics.precision_score(purchased, predicted))
    assert ours.recall == pytest.approx(metrics.recall_score(purchased, predicted))
    assert ours.f1 == pytest.approx(metrics.f1_score(purchased, predicted))
    prevalence = np.full(len(purchased), purchased.mean())
    skill = 1 - metrics.log_loss(purchased, probability) / metrics.log_loss(purchased, prevalence)
    assert ours.skill_prevalence == pytest.approx(skill)
    assert (ours.rows, ours.positives) == (4000, purchased.sum())


def test_always_predicting_the_prevalence_has_no_skill(rows):
    purchased, _, predicted = rows
    probability = np.full(len(purchased), purchased.mean())
    assert score(purchased, probability, predicted, 10).skill_prevalence == pytest.approx(0)


def test_certain_and_wrong_probabilities_cost_much_but_not_infinitely():
    assert 30 < log_loss(np.array([1, 0]), np.array([0.0, 1.0])) < 40


def test_nothing_predicted_and_nothing_purchased_score_zero():
    nothing = score(np.zeros(5), np.full(5, 0.2), np.zeros(5, dtype=bool), 3)
    assert (nothing.precision, nothing.recall, nothing.f1) == (0, 0, 0)
    assert np.isnan(nothing.skill_prevalence)
    none_predicted = score(np.ones(5), np.full(5, 0.2), np.zeros(5, dtype=bool), 3)
    assert (none_predicted.precision, none_predicted.recall, none_predicted.f1) == (0, 0, 0)


def test_no_rows_at_all_have_no_scores():
    nothing = score(np.array([]), np.array([]), np.array([]), 3)
    assert nothing.rows == 0
    assert np.isnan([nothing.log_loss, nothing.prevalence, nothing.skill_prevalence]).all()


def test_calibration_error_of_a_known_shift():
    probability = np.repeat([0.2, 0.6], 1000)
    purchased = np.concatenate([np.arange(1000) < 300, np.arange(1000) < 600]).astype(int)
    assert calibration_error(purchased, probability, 2) == pytest.approx(0.05)


def test_calibration_does_not_depend_on_the_order_of_tied_rows(rows):
    purchased, probability, _ = rows
    coarse = probability.round(2)
    order = np.random.default_rng(0).permutation(len(coarse))
    there = calibration_table(purchased, coarse, 12)
    back = calibration_table(purchased[order], coarse[order], 12)
    for name in there:
        np.testing.assert_allclose(there[name], back[name])
    assert there["rows"].sum() == len(coarse)
