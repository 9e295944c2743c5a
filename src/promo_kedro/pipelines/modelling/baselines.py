"""What the purchase model has to beat, fitted to the same cells and asked the same questions."""

import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import betaln

from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.parameters import ModellingParameters
from promo_kedro.pipelines.modelling.training import Lesson
from promo_kedro.pipelines.modelling.trees import Cells, counted_cells, fit_trees, stretches
from promo_kedro.types import Array

logger = logging.getLogger(__name__)

REGULARISATIONS = (0.003, 0.03, 0.3)  # scikit-learn's C: the larger, the freer the coefficients
MAX_ITERATIONS = 300


def baseline_logits(
    name: str,
    lesson: Lesson,
    inputs: Inputs,
    scored: list[int],
    parameters: ModellingParameters,
    seed: int,
) -> Array:
    """Fit a baseline and ask it.

    Where all training cells that count end alike, only their share can be learnt and every
    baseline is ``prevalence``.

    Args:
        name: One of ``BaselinesParameters.models``.
        lesson: What all models learn from.
        inputs: As the lesson's, but up to the last step scored.
        scored: Positions of the steps asked, in order; each baseline uses only what is known
            when that step begins.
        parameters: Of the pipeline.
        seed: What draws the consumer-items and rounds.

    Returns:
        Logits (n, steps scored) before calibration, in double precision.
    """
    rows, steps = counted_cells(lesson)
    purchases = float(lesson.purchased.numpy()[rows, steps].sum())
    if name != "prevalence" and purchases in (0, len(rows)):
        logger.warning(
            "%s: all %s cells to learn from end alike; baseline %s is their share",
            lesson.name,
            f"{len(rows):,}",
            name,
        )
        name = "prevalence"
    if name == "prevalence":
        return np.full((len(inputs), len(scored)), prevalence(purchases, len(rows)))
    if name == "personal_frequency":
        return personal_frequency(lesson, scored)
    if name == "logistic_regression":
        limit = parameters.baselines.max_consumer_items
        model = LogisticRegression.fit(lesson, limit, parameters.network.input_limit, seed)
        return model.logits(inputs, scored)
    trees = fit_trees(lesson, parameters.trees, parameters.compute.tree_threads, seed)
    length = inputs.temporal_continuous.shape[1]
    return trees.logits(inputs, length - min(scored))[:, np.asarray(scored) - min(scored)]


def prevalence(purchases: float, cells: int) -> float:
    """Return the logit of the share of cells that end in a purchase.

    Half a purchase and half a non-purchase are added, so that it is finite.
    """
    return float(np.log(purchases + 0.5) - np.log(cells - purchases + 0.5))


def personal_frequency(lesson: Lesson, scored: list[int]) -> Array:
    """Return the logit of each consumer-item's own purchases per step.

    Counted are the steps after its first purchase and before the step asked, as far as they
    count in the loss. The raw share would be a straw man: most consumer-items have so few
    purchases that it is 0 or near 1. So it is shrunk: with a Beta(a, b) prior over the category's
    consumer-items, k purchases in m steps make (a + k) / (a + b + m).

    Returns:
        Logits (n, steps scored).
    """
    training = lesson.training_steps
    purchased = lesson.purchased.numpy()
    chances = np.cumsum(purchased, axis=1) - purchased > 0
    chances[:, :training] &= lesson.counted.numpy() > 0
    repeats = purchased * chances
    a, b = fit_beta(repeats[:, :training].sum(axis=1), chances[:, :training].sum(axis=1))
    answers = np.empty((len(purchased), len(scored)))
    for number, step in enumerate(scored):
        bought = repeats[:, :step].sum(axis=1, dtype=np.float64)
        answers[:, number] = np.log(a + bought) - np.log(b + chances[:, :step].sum(axis=1) - bought)
    return answers


def fit_beta(purchases: Array, chances: Array) -> tuple[float, float]:
    """Return the Beta prior under which the counts are likeliest (beta-binomial likelihood).

    Args:
        purchases: (n,) purchases k of each consumer-item.
        chances: (n,) steps m in which it could have bought.
    """
    counts = np.stack([purchases, chances]).astype(np.float64)[:, np.asarray(chances) > 0]
    # Few distinct pairs exist, however many consumer-items there are.
    (k, m), weight = np.unique(counts, axis=1, return_counts=True)

    def prior(at: Array) -> tuple[float, float]:
        mean, strength = 1 / (1 + np.exp(-at[0])), np.exp(at[1])
        return float(mean * strength), float((1 - mean) * strength)

    def loss(at: Array) -> float:
        a, b = prior(at)
        likelihood = weight @ (betaln(a + k, b + m - k) - betaln(a, b))
        return float(-likelihood / max(1.0, weight.sum()))

    start = [prevalence(float(weight @ k), int(weight @ m)), np.log(5.0)]
    # A strength of e⁹ steps leaves nothing to the consumer-item: all are the same.
    fitted = minimize(loss, start, method="L-BFGS-B", bounds=[(-15, 15), (-4, 9)], tol=1e-12)
    return prior(fitted.x)


@dataclass(frozen=True)
class LogisticRegression:
    """Logistic regression on one-hot categorical and standardised continuous features.

    Attributes:
        mean, scale: (continuous,) what is subtracted and multiplied by; a scale of 0 leaves out
            a feature that was constant.
        limit: Deviations at which a standardised feature is held, as the networks hold theirs.
        levels: (categorical,) number of indices of each, the unknown one included.
        coefficients: (columns,) after standardising.
        intercept: The logit where all features are at their means and levels unknown.
    """

    mean: Array
    scale: Array
    limit: float
    levels: Array
    coefficients: Array
    intercept: float

    @classmethod
    def fit(cls, lesson: Lesson, max_consumer_items: int, limit: float, seed: int) -> Self:
        """Fit to the training cells that count; the deciders' validation step picks C."""
        rows, steps = _some_cells(lesson, max_consumer_items, seed)
        cells = Cells(lesson.inputs, rows, steps)[:]
        targets = lesson.purchased.numpy()[rows, steps]
        inputs = lesson.inputs
        categorical = [inputs.static_categorical, inputs.temporal_categorical]
        levels = [part[..., at].max() + 1 for part in categorical for at in range(part.shape[-1])]
        continuous = cells[:, len(levels) :].astype(np.float64)
        mean, spread = continuous.mean(axis=0), continuous.std(axis=0)
        constant = spread <= 1e-6 * np.maximum(1, np.abs(mean))
        scale = np.where(constant, 0.0, 1 / np.where(constant, 1.0, spread))
        blank = cls(mean, scale, limit, np.asarray(levels, dtype=np.int64), np.empty(0), 0.0)
        candidates = [
            replace(blank, coefficients=coefficients, intercept=intercept)
            for coefficients, intercept in _paths(blank.design(cells), targets, lesson.name)
        ]
        losses = [_deciders_loss(candidate, lesson) for candidate in candidates]
        best = int(np.argmin(losses))
        logger.info("%s: logistic regression, C = %g", lesson.name, REGULARISATIONS[best])
        return candidates[best]

    def logits(self, inputs: Inputs, scored: list[int]) -> Array:
        """Return logits (n, steps scored)."""
        everyone = np.arange(len(inputs))
        return np.column_stack([self.at_step(inputs, everyone, step) for step in scored])

    def at_step(self, inputs: Inputs, rows: Array, step: int) -> Array:
        """Return logits (k,) of some consumer-items (k,) in one step."""
        cells = Cells(inputs, rows, np.full(len(rows), step))
        answers = np.empty(len(rows))
        for at in stretches(len(rows)):
            answers[at] = self.design(cells[at]) @ self.coefficients + self.intercept
        return answers

    def design(self, cells: Array) -> sparse.csr_matrix:
        """Return rows (m, columns) of the regression; a level not met in training adds nothing."""
        split = len(self.levels)
        numbers = np.clip((cells[:, split:] - self.mean) * self.scale, -self.limit, self.limit)
        indices = cells[:, :split].astype(np.int64)
        known = indices < self.levels
        first = numbers.shape[1] + np.cumsum(self.levels) - self.levels
        columns = np.concatenate(
            [np.broadcast_to(np.arange(numbers.shape[1]), numbers.shape), first + indices * known],
            axis=1,
        )
        shape = (len(cells), numbers.shape[1] + int(self.levels.sum()))
        ends = np.arange(0, columns.size + 1, max(1, columns.shape[1]))
        values = np.concatenate([numbers, known.astype(np.float64)], axis=1)
        return sparse.csr_matrix((values.ravel(), columns.ravel().astype(np.int32), ends), shape)


def _paths(design: sparse.csr_matrix, targets: Array, name: str) -> Iterator[tuple[Array, float]]:
    """Fit at each strength of regularisation, from the strictest on; each starts at the last."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression as Regression

    regression = Regression(max_iter=MAX_ITERATIONS, warm_start=True)
    for freedom in REGULARISATIONS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # said below, in our words
            regression.set_params(C=freedom).fit(design, targets)
        if regression.n_iter_[0] >= MAX_ITERATIONS:
            logger.warning(
                "%s: logistic regression (C = %g) was stopped after %d iterations, before it "
                "converged; its log loss may be a little too high",
                name,
                freedom,
                MAX_ITERATIONS,
            )
        yield regression.coef_[0].copy(), float(regression.intercept_[0])


def _some_cells(lesson: Lesson, max_consumer_items: int, seed: int) -> tuple[Array, Array]:
    """Return the training cells that count of at most so many consumer-items, drawn by seed."""
    rows, steps = counted_cells(lesson)
    count = len(lesson.purchased)
    if count <= max_consumer_items:
        return rows, steps
    drawn = np.zeros(count, dtype=bool)
    drawn[np.random.default_rng(seed).choice(count, max_consumer_items, replace=False)] = True
    chosen = drawn[rows]
    if len(np.unique(lesson.purchased.numpy()[rows[chosen], steps[chosen]])) < 2:
        return rows, steps  # a draw without a purchase teaches nothing
    return rows[chosen], steps[chosen]


def _deciders_loss(candidate: LogisticRegression, lesson: Lesson) -> float:
    deciders, step = lesson.deciders.numpy(), lesson.validation_step
    if not len(deciders):
        return 0.0  # a tie: the least free wins
    logits = candidate.at_step(lesson.inputs, deciders, step)
    purchased = lesson.purchased.numpy()[deciders, step]
    return float(np.mean(np.logaddexp(0, logits) - purchased * logits))
