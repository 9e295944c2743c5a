"""Baselines against closed forms, scipy and scikit-learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import betabinom

from promo_kedro.pipelines.modelling.baselines import (
    REGULARISATIONS,
    LogisticRegression,
    baseline_logits,
    fit_beta,
)
from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.parameters import BaselinesParameters, ModellingParameters
from promo_kedro.pipelines.modelling.training import Lesson
from promo_kedro.pipelines.modelling.trees import fit_trees

TRAINING, VALIDATION, TEST = 8, 8, 9
SCORED = [VALIDATION, TEST]
NAMES = ["prevalence", "personal_frequency", "logistic_regression", "lightgbm"]
PARAMETERS = ModellingParameters.model_validate(
    {
        "trees": {
            "rounds": 80,
            "stop_patience": 30,
            "learning_rate": 0.2,
            "leaves": 15,
            "min_rows_in_leaf": 20,
            "feature_share": 0.6,
            "row_share": 0.8,
            "l2": 10.0,
        },
        "compute": {"tree_threads": 1},
    }
)


@pytest.fixture(scope="module")
def world() -> tuple[Lesson, Inputs, np.ndarray]:
    """Purchases that hang on a brand, a number, and whether just one of two others is positive."""
    draw = np.random.default_rng(4)
    count, length = 500, TEST + 1
    brand = draw.integers(1, 4, count)
    numbers = draw.normal(size=(count, length, 3)).astype(np.float32)
    either = (numbers[..., 1] > 0) ^ (numbers[..., 2] > 0)
    truth = np.array([0, -1, 0, 1.0])[brand][:, None] + numbers[..., 0] + np.where(either, 1.0, -2)
    purchased = (draw.random(truth.shape) < expit(truth)).astype(np.float32)
    inputs = Inputs(
        torch.from_numpy(brand.astype(np.int32))[:, None],
        torch.ones(count, length, 1, dtype=torch.int32),
        torch.full((count, 1), 7.0),  # a constant, of which nothing can be learnt
        torch.from_numpy(numbers * [100, 1, 1] + [5000, 0, 0]).float(),
    )
    seen = np.cumsum(purchased, axis=1) - purchased > 0
    lesson = Lesson(
        name="made up",
        inputs=inputs.steps(0, VALIDATION + 1),
        purchased=torch.from_numpy(purchased[:, : VALIDATION + 1]),
        counted=torch.from_numpy(seen[:, :TRAINING].astype(np.float32)),
        deciders=torch.arange(0, count, 2),
        training_steps=TRAINING,
        validation_step=VALIDATION,
        history=3,
    )
    return lesson, inputs, truth


def expected_loss(logits: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean(np.logaddexp(0, logits) - logits * expit(truth)))


@pytest.fixture(scope="module")
def answers(world) -> dict[str, np.ndarray]:
    lesson, inputs, _ = world
    return {name: baseline_logits(name, lesson, inputs, SCORED, PARAMETERS, 2) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_same_answer_twice_for_every_consumer_item(world, answers, name):
    lesson, inputs, _ = world
    assert answers[name].shape == (500, 2)
    assert answers[name].dtype == np.float64
    assert np.isfinite(answers[name]).all()
    again = baseline_logits(name, lesson, inputs, SCORED, PARAMETERS, 2)
    np.testing.assert_array_equal(again, answers[name])
    alone = baseline_logits(name, lesson, inputs, [TEST], PARAMETERS, 2)
    np.testing.assert_array_equal(alone[:, 0], answers[name][:, 1])


def test_each_learns_what_it_can(world, answers):
    _, _, truth = world
    losses = {name: expected_loss(answers[name], truth[:, SCORED]) for name in NAMES}
    assert losses["lightgbm"] < losses["logistic_regression"] < losses["prevalence"]
    assert losses["personal_frequency"] < losses["prevalence"]


@pytest.mark.parametrize("name", NAMES)
def test_cells_that_do_not_count_do_not_matter(world, answers, name):
    """First purchases, and cells before them, are known to the mask alone."""
    lesson, inputs, _ = world
    purchased = lesson.purchased.clone()
    hidden = torch.zeros_like(lesson.counted, dtype=torch.bool)
    hidden[:50] = True
    masked = replace(lesson, counted=lesson.counted.masked_fill(hidden, 0))
    purchased[:50, 1:TRAINING] = 1 - purchased[:50, 1:TRAINING]
    purchased[:50, 0] = 1  # so that the validation step stays after the first purchase
    kept = lesson.purchased.clone()
    kept[:50, 0] = 1
    expected = baseline_logits(name, replace(masked, purchased=kept), inputs, SCORED, PARAMETERS, 2)
    poisoned = replace(masked, purchased=purchased)
    np.testing.assert_array_equal(
        baseline_logits(name, poisoned, inputs, SCORED, PARAMETERS, 2), expected
    )
    assert (expected != answers[name]).any()


@pytest.mark.parametrize("name", NAMES)
def test_the_test_step_is_never_looked_at_beforehand(world, answers, name):
    lesson, inputs, _ = world
    moved = inputs.temporal_continuous.clone()
    moved[:, TEST] = 0
    again = baseline_logits(
        name, lesson, replace(inputs, temporal_continuous=moved), SCORED, PARAMETERS, 2
    )
    np.testing.assert_array_equal(again[:, 0], answers[name][:, 0])


def test_prevalence_is_the_share_of_the_cells_that_count(world, answers):
    lesson, _, _ = world
    counted = lesson.counted.numpy().astype(bool)
    share = lesson.purchased.numpy()[:, :TRAINING][counted].mean()
    np.testing.assert_allclose(expit(answers["prevalence"]), share, atol=1 / counted.sum())


def test_personal_frequency_one_consumer_item_at_a_time(world, answers):
    lesson, _, _ = world
    purchased, counted = lesson.purchased.numpy(), lesson.counted.numpy()

    def count(row: int, stop: int) -> tuple[int, int]:
        bought = chances = 0
        for step in range(stop):
            after_first = purchased[row, :step].any()
            if after_first and (step >= TRAINING or counted[row, step]):
                chances += 1
                bought += int(purchased[row, step])
        return bought, chances

    training = np.array([count(row, TRAINING) for row in range(500)])
    a, b = fit_beta(*training.T)
    for column, stop in enumerate(SCORED):
        k, m = np.array([count(row, stop) for row in range(500)]).T
        np.testing.assert_allclose(
            expit(answers["personal_frequency"][:, column]), (a + k) / (a + b + m), rtol=1e-9
        )
    assert (training[:, 1] == 0).any()  # who bought once, last, gets the prior's mean


def test_beta_prior_is_the_likeliest_by_scipy():
    draw = np.random.default_rng(3)
    chances = draw.integers(0, 24, 8000)
    purchases = draw.binomial(chances, draw.beta(0.8, 4.0, 8000))
    a, b = fit_beta(purchases, chances)
    assert (a, b) == (pytest.approx(0.8, rel=0.1), pytest.approx(4.0, rel=0.1))
    some = chances > 0

    def loss(at: np.ndarray) -> float:
        return -betabinom.logpmf(purchases[some], chances[some], *np.exp(at)).sum()

    peer = minimize(loss, np.log([1.0, 1.0]), method="Nelder-Mead", options={"xatol": 1e-6})
    np.testing.assert_allclose([a, b], np.exp(peer.x), rtol=1e-3)


@pytest.mark.parametrize(("purchases", "mean"), [([0] * 40, 0.0), ([12] * 40, 1.0)])
def test_beta_prior_where_all_are_the_same(purchases, mean):
    a, b = fit_beta(np.array(purchases), np.full(40, 12))
    assert a / (a + b) == pytest.approx(mean, abs=1e-3)
    assert a > 0
    assert b > 0


def test_beta_prior_of_equals_leaves_nothing_to_the_consumer_item():
    draw = np.random.default_rng(0)
    chances = np.full(20_000, 20)
    a, b = fit_beta(draw.binomial(chances, 0.3), chances)
    assert a + b > 500
    assert a / (a + b) == pytest.approx(0.3, abs=0.01)


def dense(world, step: int | None = None) -> np.ndarray:
    """The design as one would write it by hand: standardised numbers, a column per brand."""
    lesson, inputs, _ = world
    numbers = inputs.temporal_continuous.numpy().astype(float)
    counted = lesson.counted.numpy() > 0
    mean, spread = (moment(numbers[:, :TRAINING][counted], axis=0) for moment in (np.mean, np.std))
    numbers = np.clip((numbers - mean) / spread, -8, 8)
    brands = np.broadcast_to(np.eye(4)[inputs.static_categorical[:, 0]][:, None], (500, 10, 4))
    season = np.ones((500, 10, 1))
    columns = np.concatenate([numbers, brands[..., 1:], season], axis=2)
    return columns[:, :TRAINING][counted] if step is None else columns[:, step]


def test_logistic_regression_is_scikit_learns_best_by_the_deciders(world, answers):
    from sklearn.linear_model import LogisticRegression as Peer

    lesson, _, _ = world
    counted = lesson.counted.numpy() > 0
    targets = lesson.purchased.numpy()[:, :TRAINING][counted]
    purchased = lesson.purchased.numpy()[::2, VALIDATION]
    peers = [
        Peer(C=free, max_iter=5000, tol=1e-9).fit(dense(world), targets) for free in REGULARISATIONS
    ]
    scores = []
    for peer in peers:
        logits = peer.decision_function(dense(world, VALIDATION)[::2])
        scores.append(np.mean(np.logaddexp(0, logits) - purchased * logits))
    best = peers[int(np.argmin(scores))]
    for column, step in enumerate(SCORED):
        np.testing.assert_allclose(
            answers["logistic_regression"][:, column],
            best.decision_function(dense(world, step)),
            atol=0.01,
        )


def test_logistic_regression_draws_consumer_items_by_seed(world):
    lesson, inputs, _ = world
    fits = [LogisticRegression.fit(lesson, 100, 8.0, seed) for seed in (1, 1, 2)]
    first, again, other = (fit.logits(inputs, SCORED) for fit in fits)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    everyone = LogisticRegression.fit(lesson, 500, 8.0, 1).logits(inputs, SCORED)
    assert np.corrcoef(first.ravel(), everyone.ravel())[0, 1] > 0.9


def test_logistic_regression_takes_all_where_the_draw_has_one_class(world):
    lesson, inputs, _ = world
    purchased = torch.zeros_like(lesson.purchased)
    purchased[0, 3], purchased[::2, VALIDATION] = 1, 1
    rare = replace(lesson, purchased=purchased, counted=torch.ones_like(lesson.counted))
    logits = LogisticRegression.fit(rare, 5, 8.0, 1).logits(inputs, SCORED)
    assert np.isfinite(logits).all()


def test_logistic_regression_that_is_stopped_early_says_so(world, caplog, monkeypatch):
    lesson, _, _ = world
    monkeypatch.setattr("promo_kedro.pipelines.modelling.baselines.MAX_ITERATIONS", 1)
    LogisticRegression.fit(lesson, 500, 8.0, 1)
    assert "stopped after 1 iterations" in caplog.text


def test_unknown_levels_add_nothing(world):
    lesson, inputs, _ = world
    fit = LogisticRegression.fit(lesson, 500, 8.0, 1)
    unknown, beyond = (
        replace(inputs, static_categorical=torch.full_like(inputs.static_categorical, index))
        for index in (0, 9)
    )
    np.testing.assert_array_equal(fit.logits(unknown, SCORED), fit.logits(beyond, SCORED))
    assert (fit.logits(unknown, SCORED) != fit.logits(inputs, SCORED)).all()


def test_lightgbm_is_the_trees(world, answers):
    lesson, inputs, _ = world
    peer = fit_trees(lesson, PARAMETERS.trees, 1, 2).logits(inputs, 2)
    np.testing.assert_array_equal(answers["lightgbm"], peer)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("only", [0.0, 1.0])
def test_one_class_to_learn_from_leaves_its_share(world, caplog, name, only):
    lesson, inputs, _ = world
    same = replace(
        lesson,
        purchased=torch.full_like(lesson.purchased, only),
        counted=torch.ones_like(lesson.counted),
    )
    logits = baseline_logits(name, same, inputs, SCORED, PARAMETERS, 2)
    cells = 500 * TRAINING
    expected = logit((only * cells + 0.5) / (cells + 1))
    np.testing.assert_allclose(logits, expected)
    assert ("end alike" in caplog.text) == (name != "prevalence")


def test_names_are_those_of_the_parameters():
    assert BaselinesParameters().models == NAMES


def test_few_consumer_items_are_asked_about_one_step_without_the_others(world, monkeypatch):
    lesson, inputs, _ = world
    model = LogisticRegression.fit(lesson, 1000, 8.0, 1)
    everyone = model.logits(inputs, SCORED)
    monkeypatch.setattr(Inputs, "rows", None)  # what would copy every step of them
    rows = np.array([400, 3, 77])
    np.testing.assert_allclose(model.at_step(inputs, rows, TEST), everyone[rows, 1], rtol=1e-12)
    assert LogisticRegression.fit(lesson, 1000, 8.0, 1) is not None
