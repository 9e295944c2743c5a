"""Calibration against scikit-learn, closed forms and known distortions."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from promo_kedro.pipelines.modelling.calibration import (
    FULL,
    INTERCEPT_ONLY,
    Beta,
    Calibration,
    Isotonic,
    Platt,
    calibration_from_card,
    deal_folds,
    fit_beta,
    fit_isotonic,
    fit_platt,
    pick_calibration,
)
from promo_kedro.pipelines.modelling.calibration.logistic import RefusedError
from promo_kedro.pipelines.modelling.parameters import CalibrationParameters

FEW = {"min_positives": 10, "min_positives_for_slope": 50}
ALL = CalibrationParameters(candidates=["platt", "beta", "isotonic"], **FEW)


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
def test_a_turned_or_separating_slope_gives_way_to_the_level_alone(logit):
    purchased = (np.arange(400) >= 200).astype(float)
    fit = fit_platt(logit + 2, purchased, 10, 50)
    assert (fit.slope, fit.source) == (1.0, INTERCEPT_ONLY)
    assert fit.intercept == pytest.approx(-2)  # the rows are symmetric around 0
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


def test_rows_with_one_logit_tell_a_level_alone():
    purchased = (np.arange(400) < 100).astype(float)
    fit = fit_platt(np.full(400, 2.0), purchased, 10, 50)
    assert fit.source == INTERCEPT_ONLY
    assert fit.probability(np.array([2.0]))[0] == pytest.approx(0.25)


def columns(logit):
    probability = expit(logit)
    return np.column_stack([np.log(probability), -np.log1p(-probability)])


def draw_purchases(true_logit, seed=1):
    return (np.random.default_rng(seed).random(len(true_logit)) < expit(true_logit)).astype(float)


def test_beta_agrees_with_scikit_learn_and_finds_the_known_map():
    logit = np.random.default_rng(3).normal(-1, 2, 60_000)
    purchased = draw_purchases(columns(logit) @ [0.6, 1.4] - 0.5)
    fit = fit_beta(logit, purchased)
    peer = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000).fit(columns(logit), purchased)
    assert (fit.a, fit.b) == pytest.approx(tuple(peer.coef_[0]), rel=1e-3)
    assert fit.c == pytest.approx(peer.intercept_[0], rel=1e-3)
    assert (fit.a, fit.b, fit.c) == pytest.approx((0.6, 1.4, -0.5), abs=0.06)


@pytest.mark.parametrize(("a", "b"), [(-0.5, 1.5), (1.5, -0.5)])
def test_a_negative_beta_coefficient_becomes_zero_and_the_rest_is_refitted(a, b):
    logit = np.random.default_rng(4).normal(0, 2, 20_000)
    purchased = draw_purchases(columns(logit) @ [a, b])
    fit = fit_beta(logit, purchased)
    used = 0 if a > 0 else 1
    peer = LogisticRegression(C=np.inf, tol=1e-12).fit(columns(logit)[:, [used]], purchased)
    assert (fit.a, fit.b)[1 - used] == 0
    assert (fit.a, fit.b)[used] == pytest.approx(peer.coef_[0, 0], rel=1e-4)
    assert fit.c == pytest.approx(peer.intercept_[0], rel=1e-3)


def test_beta_is_refused_where_it_would_turn_or_separate():
    logit = np.linspace(-2, 2, 400)
    for purchased in (draw_purchases(-2 * logit), (logit > 0).astype(float)):
        with pytest.raises(RefusedError):
            fit_beta(logit, purchased)
    with pytest.raises(RefusedError, match="same logit"):
        fit_beta(np.zeros(400), purchased)


def test_beta_is_platt_where_its_coefficients_are_equal_and_finite_far_out():
    logit = np.array([-800.0, -40, -1, 0, 3, 40, 800])
    np.testing.assert_allclose(Beta(0.7, 0.7, 0.2).logit(logit), 0.7 * logit + 0.2, rtol=1e-14)


def test_isotonic_is_the_max_min_of_means():
    """The closed form: g(i) = max over j ≤ i of min over k ≥ i of the mean of rows j … k."""
    logit = np.sort(np.random.default_rng(5).normal(-1, 1.5, 60))
    purchased = draw_purchases(logit)
    sums = np.concatenate([[0], np.cumsum(purchased)])
    expected = [
        max(min((sums[k + 1] - sums[j]) / (k + 1 - j) for k in range(i, 60)) for j in range(i + 1))
        for i in range(60)
    ]
    fit = fit_isotonic(logit, purchased)
    np.testing.assert_allclose(
        fit.probability(logit), np.clip(expected, 0.5 / 60, 1 - 0.5 / 60), atol=1e-12
    )


def test_isotonic_never_says_never():
    logit = np.linspace(-3, 3, 200)
    fit = fit_isotonic(logit, (logit > 0).astype(float))
    ends = fit.probability(np.array([-50.0, 50.0]))
    np.testing.assert_allclose(ends, [1 / 400, 399 / 400])
    assert np.isfinite(fit.logit(np.array([-50.0, 50.0]))).all()


@given(
    st.one_of(
        st.builds(
            Platt,
            st.floats(0.05, 20),
            st.floats(-10, 10),
            st.just(FULL),
        ),
        st.builds(Beta, st.sampled_from([0.0, 0.3, 4.0]), st.floats(0.05, 20), st.floats(-10, 10)),
        st.builds(Beta, st.floats(0.05, 20), st.sampled_from([0.0, 0.3, 4.0]), st.floats(-10, 10)),
    ),
    st.floats(-15, 15),
    st.floats(0.01, 5),
)
def test_smooth_calibrators_strictly_increase(calibrator, logit, more):
    low, high = calibrator.logit(np.array([logit, logit + more]))
    assert low < high
    np.testing.assert_array_equal(
        calibrator.probability(np.array([logit])), expit(calibrator.logit(np.array([logit])))
    )


@pytest.mark.parametrize("shape", [(), (3,), (2, 5)])
@pytest.mark.parametrize(
    "calibrator", [Platt(), Beta(0.5, 1.0, 0.1), Isotonic((0.1, 0.7), (0.2, 0.5))]
)
def test_any_shape_is_kept(calibrator, shape):
    assert np.shape(calibrator.probability(np.zeros(shape, np.float32))) == shape


# ---- picking


def population(seed=0, consumers=2_000, items=20):
    draw = np.random.default_rng(seed)
    groups = np.repeat(draw.permutation(10 * consumers)[:consumers], items)
    true_logit = np.repeat(draw.normal(-2, 1, consumers), items) + draw.normal(0, 1, len(groups))
    return true_logit, draw_purchases(true_logit, seed + 1), groups


def calibration_error(probability, true_probability):
    bins = np.array_split(np.argsort(probability), 15)
    return np.mean([abs(probability[b].mean() - true_probability[b].mean()) for b in bins])


@pytest.mark.parametrize(
    ("distort", "expected"),
    [
        (lambda z: z + 3, {"platt", "beta"}),
        (lambda z: 2.5 * z - 1, {"platt", "beta"}),
        # the inverse of a beta map with a = 0.5, b = 2, by interpolation
        (
            lambda z: np.interp(z, columns(np.r_[-30:30:3001j]) @ [0.5, 2], np.r_[-30:30:3001j]),
            {"beta"},
        ),
        (lambda z: np.where(z > -1.5, z + 4, z - 4), {"isotonic"}),
    ],
    ids=["shift", "stretch", "beta", "jump"],
)
def test_the_true_map_is_picked_and_recovered(distort, expected):
    true_logit, purchased, groups = population()
    raw = distort(true_logit)
    picked = pick_calibration(raw, purchased, groups, ALL)
    assert picked.chosen.kind in expected
    assert calibration_error(expit(raw), expit(true_logit)) > 0.02
    fresh, _, _ = population(seed=7)
    answer = picked.chosen.probability(distort(fresh))
    assert calibration_error(answer, expit(fresh)) < 0.005
    assert set(picked.scores) == {"identity", "platt", "beta", "isotonic"}
    assert picked.reason.startswith(f"{picked.chosen.kind}: lowest log loss")


def test_scores_are_held_out_log_losses_and_the_winner_is_refitted_on_everything():
    true_logit, purchased, groups = population(consumers=300)
    raw = 2 * true_logit + 1
    picked = pick_calibration(
        raw, purchased, groups, CalibrationParameters(candidates=["platt"], **FEW)
    )
    fold, answer = deal_folds(groups, 5), np.empty(len(raw))
    for held_out in range(5):
        out = fold == held_out
        peer = LogisticRegression(C=np.inf, tol=1e-10).fit(raw[~out, None], purchased[~out])
        answer[out] = peer.predict_proba(raw[out, None])[:, 1]
    assert picked.scores["platt"] == pytest.approx(log_loss(purchased, answer), abs=1e-7)
    assert picked.scores["identity"] == pytest.approx(log_loss(purchased, expit(raw)), abs=1e-12)
    assert picked.chosen == fit_platt(raw, purchased, 10, 50) == picked.smooth


def test_true_probabilities_are_left_alone_or_hardly_touched():
    true_logit, purchased, groups = population(seed=3, consumers=500)
    picked = pick_calibration(true_logit, purchased, groups, ALL)
    answer = picked.chosen.probability(true_logit)
    assert calibration_error(answer, expit(true_logit)) < 0.01


@pytest.mark.parametrize("candidates", [["isotonic"], ["platt", "isotonic"]])
def test_isotonic_never_answers_at_other_offers(candidates):
    true_logit, purchased, groups = population()
    raw = np.where(true_logit > -1.5, true_logit + 4, true_logit - 4)
    picked = pick_calibration(
        raw, purchased, groups, CalibrationParameters(candidates=candidates, **FEW)
    )
    assert picked.chosen.kind == "isotonic"
    assert picked.smooth == fit_platt(raw, purchased, 10, 50)
    assert "platt answers at other offers" in picked.reason


def test_the_order_of_rows_changes_nothing_but_the_last_digits():
    true_logit, purchased, groups = population(consumers=200)
    order = np.random.default_rng(0).permutation(len(groups))
    there = pick_calibration(true_logit, purchased, groups, ALL)
    back = pick_calibration(true_logit[order], purchased[order], groups[order], ALL)
    assert back.scores == pytest.approx(there.scores, abs=1e-9)
    assert back.chosen.kind == there.chosen.kind


@pytest.mark.parametrize(
    ("positives", "kinds"), [(9, set()), (10, {"identity", "platt"}), (50, {*ALL.candidates})]
)
def test_few_purchases_leave_out_what_needs_more(positives, kinds):
    true_logit, purchased, groups = population(consumers=200)
    bought, not_bought = np.flatnonzero(purchased), np.flatnonzero(purchased == 0)
    rows = np.r_[bought[:positives], not_bought[:1_000]]
    picked = pick_calibration(true_logit[rows] + 2, purchased[rows], groups[rows], ALL)
    assert kinds <= set(picked.scores)
    if positives == 9:
        assert (picked.chosen, picked.scores) == (picked.smooth, {})
        assert picked.chosen.kind == "identity"
        assert "9 purchases in 1009 rows; 10 of each class are needed" in picked.reason
    if positives == 10:
        assert set(picked.scores) == kinds
        assert picked.chosen.source == INTERCEPT_ONLY
        assert "beta left out: 10 purchases in 1010 rows" in picked.reason


def test_without_folds_to_compare_by_the_ladder_decides():
    true_logit, purchased, _ = population(consumers=200)
    picked = pick_calibration(true_logit + 1, purchased, np.full(len(purchased), 7), ALL)
    assert picked.chosen == picked.smooth == fit_platt(true_logit + 1, purchased, 10, 50)
    assert "meet in 1 of 5 folds" in picked.reason
    nothing = pick_calibration(np.array([]), np.array([]), np.array([], np.int64), ALL)
    assert nothing.chosen.kind == "identity"


def test_upside_down_logits_are_not_turned():
    true_logit, purchased, groups = population(consumers=300)
    picked = pick_calibration(-true_logit, purchased, groups, ALL)
    assert picked.smooth.source == INTERCEPT_ONLY
    assert "platt moves the level alone: slope refused" in picked.reason
    assert "beta left out" in picked.reason


def test_a_card_gives_the_same_calibration_back():
    true_logit, purchased, groups = population(consumers=300)
    picked = pick_calibration(np.round(true_logit * 4) / 3, purchased, groups, ALL)
    assert Calibration.from_card(json.loads(json.dumps(picked.to_card()))) == picked
    for calibrator in (
        Platt(),
        Platt(1 / 3, 0.1, FULL, "why"),
        fit_beta(true_logit, purchased),
        fit_isotonic(true_logit, purchased),
    ):
        assert calibration_from_card(json.loads(json.dumps(calibrator.to_card()))) == calibrator


def test_folds_follow_the_id_alone_and_are_even():
    ids = np.arange(-5_000, 45_000)
    fold = deal_folds(ids, 5)
    np.testing.assert_array_equal(deal_folds(ids[::-1], 5), fold[::-1])
    np.testing.assert_allclose(np.bincount(fold) / len(ids), 0.2, atol=0.006)
    for step in (2, 3, 5):  # ids dealt out evenly elsewhere do not share a fold
        np.testing.assert_allclose(np.bincount(fold[::step]) / len(fold[::step]), 0.2, atol=0.015)
