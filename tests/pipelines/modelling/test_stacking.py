"""Stacking against a grid, scikit-learn, and what must hold whatever the data."""

import json
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from promo_kedro.pipelines.modelling.calibration import deal_folds
from promo_kedro.pipelines.modelling.parameters import StackingParameters
from promo_kedro.pipelines.modelling.stacking import AVERAGE, FITTED, Stack, fit_stack, fit_weights

PARAMETERS = StackingParameters()


def draw_members(noises, rows=20_000, seed=0):
    """Return members that see the true logit through noise of their own."""
    draw = np.random.default_rng(seed)
    true_logit = draw.normal(-1, 1.5, rows)
    purchased = (draw.random(rows) < expit(true_logit)).astype(float)
    logits = np.column_stack([true_logit + draw.normal(0, noise, rows) for noise in noises])
    return logits, purchased, draw.integers(0, 2_000, rows)


def loss(weights, level, logits, purchased, penalty):
    logit = logits @ weights + level
    pull = penalty / 2 * np.sum((np.asarray(weights) - 1 / len(weights)) ** 2)
    return np.sum(np.logaddexp(0, logit) - purchased * logit) + pull


@pytest.mark.parametrize("penalty", [0.01, 1.0, 300.0])
def test_fitted_weights_beat_every_point_of_a_grid(penalty):
    logits, purchased, _ = draw_members([0.5, 1.0], rows=1_500)
    weights, intercept = fit_weights(logits, purchased, penalty)
    found = loss(weights, intercept, logits, purchased, penalty)
    grid = [
        (loss([first, second], level, logits, purchased, penalty), first, second)
        for first in np.arange(0, 1.21, 0.05)
        for second in np.arange(0, 1.21, 0.05)
        for level in intercept + np.arange(-0.5, 0.51, 0.1)
    ]
    best, first, second = min(grid)
    assert found <= best
    assert weights == pytest.approx([first, second], abs=0.05)


def test_without_pull_and_bounds_in_the_way_it_is_logistic_regression():
    logits, purchased, _ = draw_members([0.5, 0.8, 1.0])
    weights, intercept = fit_weights(logits, purchased, 1e-6)
    peer = LogisticRegression(C=np.inf, tol=1e-12).fit(logits, purchased)
    np.testing.assert_allclose(weights, peer.coef_[0], rtol=1e-4)
    assert intercept == pytest.approx(peer.intercept_[0], rel=1e-4)


def test_an_overwhelming_pull_gives_the_equal_average():
    logits, purchased, _ = draw_members([0.2, 2.0])
    np.testing.assert_allclose(fit_weights(logits, purchased, 1e9)[0], 0.5, atol=1e-4)


def test_a_member_that_points_the_wrong_way_gets_no_weight():
    logits, purchased, _ = draw_members([0.5, 0.5])
    logits[:, 1] *= -1
    assert fit_weights(logits, purchased, 1.0)[0][1] == 0


def test_noise_gets_little_weight():
    logits, purchased, groups = draw_members([0.3, 0.6])
    noise = np.random.default_rng(9).normal(0, 1, len(purchased))
    stack = fit_stack(
        np.column_stack([logits, noise]), ["good", "fair", "noise"], purchased, groups, PARAMETERS
    )
    assert stack.chosen == FITTED
    assert stack.weights["good"] > stack.weights["fair"] > 0.1
    assert stack.weights["noise"] < 0.03


def test_copies_share_the_weight_of_one_and_give_the_same_logit():
    logits, purchased, _ = draw_members([0.5, 0.8])
    once, level = fit_weights(logits, purchased, 1e-6)
    twice, level_again = fit_weights(logits[:, [0, 0, 1]], purchased, 1e-6)
    assert twice[0] == pytest.approx(twice[1], abs=1e-6)
    np.testing.assert_allclose(
        logits[:, [0, 0, 1]] @ twice + level_again, logits @ once + level, atol=1e-3
    )


def test_two_copies_alone_are_a_tie_that_one_of_them_wins():
    logits, purchased, groups = draw_members([0.5])
    stack = fit_stack(logits[:, [0, 0, 0]], ["b", "a", "c"], purchased, groups, PARAMETERS)
    assert stack.scores["a"] == pytest.approx(stack.scores[AVERAGE], abs=1e-10)
    assert stack.chosen == "a"
    assert stack.weights == {"a": 1.0, "b": 0.0, "c": 0.0}
    assert stack.members == ["a"]


def test_the_order_of_members_changes_nothing():
    logits, purchased, groups = draw_members([0.5, 0.6, 0.9])
    there = fit_stack(logits, ["x", "y", "z"], purchased, groups, PARAMETERS)
    back = fit_stack(logits[:, [2, 0, 1]], ["z", "x", "y"], purchased, groups, PARAMETERS)
    assert back == there


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_scores_are_held_out_losses_after_recalibration_so_a_level_does_not_decide(shift):
    logits, purchased, groups = draw_members([0.4, 1.2], rows=6_000)
    logits[:, 0] = 2 * logits[:, 0] + shift
    stack = fit_stack(logits, ["good", "poor"], purchased, groups, PARAMETERS)
    fold = deal_folds(groups, PARAMETERS.folds)
    for name, values in (("good", logits[:, 0]), ("poor", logits[:, 1]), (AVERAGE, logits.mean(1))):
        answer = np.empty(len(values))
        for held_out in range(PARAMETERS.folds):
            out = fold == held_out
            peer = LogisticRegression(C=np.inf, tol=1e-10).fit(values[~out, None], purchased[~out])
            answer[out] = peer.predict_proba(values[out, None])[:, 1]
        assert stack.scores[name] == pytest.approx(log_loss(purchased, answer), abs=1e-6)
    assert stack.scores["good"] < stack.scores["poor"]


def test_the_stack_of_equal_members_beats_each_on_fresh_rows():
    names = ["a", "b", "c"]
    stack = fit_stack(*_named(draw_members([0.7, 0.7, 0.7]), names), PARAMETERS)
    assert stack.chosen in (AVERAGE, FITTED)
    logits, purchased, _ = draw_members([0.7, 0.7, 0.7], seed=5)
    stacked = stack.logit(dict(zip(names, logits.T, strict=True)))
    best = min(log_loss(purchased, expit(column)) for column in logits.T)
    assert log_loss(purchased, expit(stacked)) < best - 0.01


def test_where_others_add_nothing_the_single_can_win():
    logits, purchased, groups = draw_members([0.0, 3.0, 3.0], rows=5_000)
    stack = fit_stack(logits, ["truth", "poor", "poorer"], purchased, groups, PARAMETERS)
    assert stack.scores["truth"] < stack.scores[AVERAGE]
    assert stack.weights["truth"] > 0.9
    assert max(stack.weights["poor"], stack.weights["poorer"]) < 0.05


@pytest.mark.parametrize(("positives", "compared"), [(0, False), (99, False), (100, True)])
@pytest.mark.parametrize("turned", [False, True])
def test_few_of_a_class_give_the_equal_average(positives, compared, turned):
    logits, _, groups = draw_members([0.5, 0.5], rows=2_000)
    purchased = ((np.arange(2_000) < positives) ^ turned).astype(float)
    stack = fit_stack(logits, ["a", "b"], purchased, groups, PARAMETERS)
    assert bool(stack.scores) == compared
    if not compared:
        assert (stack.chosen, stack.weights) == (AVERAGE, {"a": 0.5, "b": 0.5})
        assert "100 of each class are needed" in stack.reason


def test_one_consumer_cannot_judge():
    logits, purchased, groups = draw_members([0.5, 0.5], rows=2_000)
    stack = fit_stack(logits, ["a", "b"], purchased, np.zeros_like(groups), PARAMETERS)
    assert stack.chosen == AVERAGE
    assert "meet in 1 of 5 folds" in stack.reason


def test_the_average_is_never_worse_than_its_members_are_on_average():
    logits, purchased, _ = draw_members([0.3, 1.0, 2.0], rows=50)
    members = [log_loss(purchased, expit(column)) for column in logits.T]
    assert log_loss(purchased, expit(logits.mean(axis=1))) <= np.mean(members)


def test_an_only_member_answers_alone():
    stack = fit_stack(*_named(draw_members([1.0]), ["ours"]), PARAMETERS)
    assert (stack.weights, stack.chosen) == ({"ours": 1.0}, "ours")
    np.testing.assert_array_equal(stack.logit({"ours": np.array([0.3])}), [0.3])


@pytest.mark.parametrize("shape", [(7,), (7, 3), (2, 3, 4)])
def test_any_shape_is_answered_and_unweighted_members_may_be_absent(shape):
    stack = Stack({"a": 0.25, "b": 0.0, "c": 1.5}, intercept=-1.0)
    first, third = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    answer = stack.logit({"a": first, "c": third})
    assert answer.dtype == np.float64
    np.testing.assert_allclose(answer, 0.25 * first + 1.5 * third - 1, atol=1e-5)


@cache
def fitted_stack(seed):
    drawn = draw_members([0.5, 1.0, 4.0], rows=800, seed=seed)
    return fit_stack(*_named(drawn, ["a", "b", "c"]), PARAMETERS)


@given(
    st.integers(0, 3),
    st.lists(st.floats(-20, 20), min_size=3, max_size=3),
    st.floats(0, 10),
    st.integers(0, 2),
)
def test_the_stack_never_falls_where_a_member_rises(seed, values, more, member):
    names, stack = ["a", "b", "c"], fitted_stack(seed)
    before = dict(zip(names, np.array(values), strict=True))
    after = {**before, names[member]: before[names[member]] + more}
    assert stack.logit(after) >= stack.logit(before)
    assert min(stack.weights.values()) >= 0


def test_a_card_gives_the_same_stack_back():
    stack = fit_stack(*_named(draw_members([0.5, 0.7]), ["a", "b"]), PARAMETERS)
    assert Stack.from_card(json.loads(json.dumps(stack.to_card()))) == stack


def _named(drawn, names):
    logits, purchased, groups = drawn
    return logits, names, purchased, groups
