"""Trees: what LightGBM must and must not do with a lesson."""

import builtins
from dataclasses import replace

import numpy as np
import pytest
import torch

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.parameters import TreesParameters
from promo_kedro.pipelines.modelling.training import Lesson
from promo_kedro.pipelines.modelling.trees import Cells, Trees, counted_cells, fit_trees

TRAINING = 6
PARAMETERS = TreesParameters(
    rounds=60,
    stop_patience=10,
    learning_rate=0.2,
    leaves=15,
    min_rows_in_leaf=20,
    feature_share=0.6,
    row_share=0.8,
    l2=10.0,
    level_smoothing=1.0,
)


def exclusive_or(count: int = 600, seed: int = 0) -> tuple[Lesson, Inputs, np.ndarray]:
    """A purchase is likely where exactly one of two numbers is positive; level 3 adds to it.

    Returns the lesson, inputs up to the test step, and the true logits of all steps.
    """
    draw = np.random.default_rng(seed)
    length = TRAINING + 2
    static = draw.integers(1, 5, (count, 2))
    temporal = draw.integers(1, 3, (count, length, 1))
    numbers = draw.normal(size=(count, length, 3)).astype(np.float32)
    either = (numbers[..., 0] > 0) ^ (numbers[..., 1] > 0)
    logit = np.where(either, 1.5, -2.0) + (static[:, :1] == 3)
    purchased = (draw.random(logit.shape) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    inputs = Inputs(
        torch.from_numpy(static.astype(np.int32)),
        torch.from_numpy(temporal.astype(np.int32)),
        torch.from_numpy(draw.normal(size=(count, 1)).astype(np.float32)),
        torch.from_numpy(numbers),
    )
    lesson = Lesson(
        name="made up",
        inputs=inputs.steps(0, TRAINING + 1),
        purchased=torch.from_numpy(purchased[:, : TRAINING + 1]),
        counted=torch.ones(count, TRAINING),
        deciders=torch.arange(0, count, 2),
        training_steps=TRAINING,
        validation_step=TRAINING,
        history=3,
    )
    return lesson, inputs, logit


def log_loss(logits: np.ndarray, truth: np.ndarray) -> float:
    """Expected log loss where the true logits are known."""
    return float(np.mean(np.logaddexp(0, logits) - logits / (1 + np.exp(-truth))))


@pytest.fixture(scope="module")
def fitted() -> tuple[Trees, Lesson, Inputs, np.ndarray]:
    lesson, inputs, truth = exclusive_or()
    return fit_trees(lesson, PARAMETERS, 1, 3), lesson, inputs, truth


def test_learns_an_exclusive_or(fitted):
    trees, _, inputs, truth = fitted
    logits = trees.logits(inputs, 1)
    best = log_loss(truth[:, -1:], truth[:, -1:])
    none = log_loss(np.full(truth[:, -1:].shape, -0.3), truth[:, -1:])
    assert logits.dtype == np.float64
    assert log_loss(logits, truth[:, -1:]) < best + 0.15 * (none - best)


def test_answers_do_not_hang_on_the_steps_asked_or_the_stretches(fitted, monkeypatch):
    trees, _, inputs, _ = fitted
    every = trees.logits(inputs, 8)
    asked = trees.at_last_step(inputs, [0, 2], [1.0, -1.0])
    assert every.shape == (600, 8)
    np.testing.assert_array_equal(trees.logits(inputs, 2), every[:, -2:])
    monkeypatch.setattr("promo_kedro.pipelines.modelling.trees.ROWS_AT_ONCE", 7)
    np.testing.assert_array_equal(trees.logits(inputs, 2), every[:, -2:])
    np.testing.assert_array_equal(trees.at_last_step(inputs, [0, 2], [1.0, -1.0]), asked)


def test_last_step_asked_at_its_own_value_and_at_another(fitted):
    trees, _, inputs, _ = fitted
    own = inputs.temporal_continuous[:, -1, 0]
    values = [float(own[0]), float(own[1]), -2.0]
    asked = trees.at_last_step(inputs, [0], values)
    for row, value in ((0, 0), (1, 1)):
        assert asked[row, value] == trees.logits(inputs, 1)[row, 0]
    moved = inputs.temporal_continuous.clone()
    moved[:, -1, 0] = -2.0
    expected = trees.logits(replace(inputs, temporal_continuous=moved), 1)
    np.testing.assert_array_equal(asked[:, 2:], expected)
    assert (asked[:, 0] != asked[:, 2]).mean() > 0.5


def test_restored_from_bytes_to_the_last_bit(fitted):
    trees, _, inputs, _ = fitted
    array = trees.to_array()
    assert array.dtype == np.uint8
    restored = Trees.from_array(array)
    assert restored.rounds == trees.rounds
    np.testing.assert_array_equal(restored.logits(inputs, 2), trees.logits(inputs, 2))
    np.testing.assert_array_equal(restored.to_array(), array)


def test_same_seed_same_trees_whatever_the_threads(fitted):
    _, lesson, _, _ = fitted
    few = PARAMETERS.model_copy(update={"rounds": 12})
    settings = ((1, 3), (1, 3), (2, 3), (1, 4))
    fits = [fit_trees(lesson, few, threads, seed) for threads, seed in settings]
    first, again, threaded, other = (trees.logits(lesson.inputs, 1) for trees in fits)
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(threaded, first)
    assert (other != first).any()


def test_cells_that_do_not_count_and_steps_after_do_not_matter(fitted):
    trees, lesson, inputs, _ = fitted
    counted = lesson.counted.clone()
    counted[:100] = 0
    masked = replace(lesson, counted=counted)
    purchased = lesson.purchased.clone()
    purchased[:100, :TRAINING] = 1 - purchased[:100, :TRAINING]
    calibrators = torch.arange(1, 600, 2)
    purchased[calibrators, TRAINING] = 1 - purchased[calibrators, TRAINING]
    expected = fit_trees(masked, PARAMETERS, 1, 3).logits(inputs, 2)
    poisoned = fit_trees(replace(masked, purchased=purchased), PARAMETERS, 1, 3)
    np.testing.assert_array_equal(poisoned.logits(inputs, 2), expected)
    assert (expected != trees.logits(inputs, 2)).any()  # without them, something else is learnt


def test_stops_by_the_deciders(fitted):
    _, lesson, _, _ = fitted
    endless = PARAMETERS.model_copy(update={"rounds": 2000})
    stopped = fit_trees(lesson, endless, 1, 3)
    assert stopped.rounds < 1000
    purchased = lesson.purchased.clone()
    purchased[lesson.deciders, TRAINING] = torch.randint(
        0, 2, (300,), generator=torch.Generator().manual_seed(0)
    ).float()
    misled = fit_trees(replace(lesson, purchased=purchased), endless, 1, 3)
    assert misled.rounds < stopped.rounds


@pytest.mark.parametrize("only", [0.0, 1.0])
def test_one_class_among_the_deciders_makes_a_quarter_of_the_rounds(fitted, caplog, only):
    _, lesson, _, _ = fitted
    purchased = lesson.purchased.clone()
    purchased[lesson.deciders, TRAINING] = only
    with caplog.at_level("INFO"):
        trees = fit_trees(replace(lesson, purchased=purchased), PARAMETERS, 1, 3)
    assert trees.rounds == 15
    assert "all deciders did the same" in caplog.text


def test_levels_are_not_taken_for_numbers():
    """One cut of a number cannot part levels 1, 4 and 6 from 2, 3 and 5; one of levels can."""
    lesson, _, _ = exclusive_or(count=3000)
    draw = np.random.default_rng(1)
    level = draw.integers(1, 7, 3000)
    liked = np.isin(level, [1, 4, 6])
    purchased = draw.random(lesson.purchased.shape) < np.where(liked, 0.6, 0.1)[:, None]
    lesson = replace(
        lesson,
        inputs=replace(
            lesson.inputs, static_categorical=torch.from_numpy(level.astype(np.int32))[:, None]
        ),
        purchased=torch.from_numpy(purchased.astype(np.float32)),
    )
    one_cut = PARAMETERS.model_copy(update={"rounds": 1, "leaves": 2, "feature_share": 1.0})
    logits = fit_trees(lesson, one_cut, 1, 3).logits(lesson.inputs, 1)[:, 0]
    assert len(np.unique(logits)) == 2
    np.testing.assert_array_equal(logits == logits.max(), liked)


def test_unknown_levels_get_an_answer(fitted):
    trees, _, inputs, _ = fitted
    unknown = replace(inputs, static_categorical=torch.zeros_like(inputs.static_categorical))
    assert np.isfinite(trees.logits(unknown, 2)).all()


def test_cells_are_the_features_in_order():
    _, inputs, _ = exclusive_or(count=20)
    rows, steps = np.array([3, 0, 19, 7, 7]), np.array([1, 0, 7, 2, 3])
    cells = Cells(inputs, rows, steps, batch_size=2)
    expected = [
        np.concatenate(
            [
                inputs.static_categorical[row].numpy(),
                inputs.temporal_categorical[row, step].numpy(),
                inputs.static_continuous[row].numpy(),
                inputs.temporal_continuous[row, step].numpy(),
            ]
        )
        for row, step in zip(rows, steps, strict=True)
    ]
    np.testing.assert_array_equal(cells[:], np.asarray(expected, np.float32))
    for place in (0, 1, 3, 4, 2):
        np.testing.assert_array_equal(cells[place], np.asarray(expected, np.float32)[place])


def test_without_the_openmp_library_the_user_is_told(monkeypatch, fitted):
    _, lesson, _, _ = fitted
    real = builtins.__import__

    def broken(name, *rest, **named):
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(InputError, match="Install the system library libgomp1"):
        fit_trees(lesson, PARAMETERS, 1, 3)


def test_cells_that_count_are_found_in_stretches(monkeypatch):
    monkeypatch.setattr("promo_kedro.pipelines.modelling.trees.ROWS_AT_ONCE", 7)
    lesson, _, _ = exclusive_or(50)
    masked = np.random.default_rng(1).integers(0, 2, (50, TRAINING)).astype(np.float32)
    lesson = replace(lesson, counted=torch.from_numpy(masked))
    rows, steps = counted_cells(lesson)
    expected = np.nonzero(lesson.counted.numpy())
    np.testing.assert_array_equal(rows, expected[0])
    np.testing.assert_array_equal(steps, expected[1])
    assert (rows.dtype, steps.dtype) == (np.int32, np.int16)
