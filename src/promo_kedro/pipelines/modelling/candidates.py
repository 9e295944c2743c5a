"""The model beside simpler ones, and its parts beside the whole, all calibrated in the same way."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from promo_kedro.pipelines.modelling.baselines import baseline_logits
from promo_kedro.pipelines.modelling.calibration import pick_calibration
from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.parameters import ModellingParameters
from promo_kedro.pipelines.modelling.purchase_model import (
    POOLED_TREES,
    TREES,
    PurchaseModel,
    from_saved,
    key,
    model_for,
)
from promo_kedro.pipelines.modelling.reading import read_consumer_items, windows_and_categories
from promo_kedro.pipelines.modelling.recipes import lesson_of
from promo_kedro.pipelines.modelling.roles import calibrators
from promo_kedro.pipelines.modelling.seeds import seed_for
from promo_kedro.pipelines.modelling.stacking import fit_stack
from promo_kedro.pipelines.modelling.tensors import ConsumerItems
from promo_kedro.pipelines.modelling.training import Lesson
from promo_kedro.types import Array, DataFrame, Table

logger = logging.getLogger(__name__)

IN_USE, STACK, STACK_WITH_TREES, POOLED = "in_use", "stack", "stack_with_lightgbm", "pooled"


@dataclass(frozen=True)
class Contest:
    """One category of one window, as every candidate sees it.

    Attributes:
        items: Consumer-items with all steps.
        inputs: Their tensors, up to the last step scored.
        lesson: What there is to learn.
        model: The model in use.
        pooled: The pooled model of the window.
        scored: Positions of the validation and the test step.
        seed: Of this category.
    """

    items: ConsumerItems
    inputs: Inputs
    lesson: Lesson
    model: PurchaseModel
    pooled: PurchaseModel
    scored: list[int]
    seed: int


def candidate_probabilities(
    purchase_models: dict[str, Any], features: Table, parameters: ModellingParameters, seed: int
) -> DataFrame:
    """Fit the baselines, and score every candidate on the test step, window by window.

    Returns:
        ``candidate_probabilities``.
    """
    parts = []
    for window, categories in windows_and_categories(features).items():
        pooled = from_saved(purchase_models[key(window)], key(window))
        for number, category in enumerate(categories, start=1):
            model = model_for(purchase_models, window, category)
            label = f"window {window}, category {number}/{len(categories)} {category}"
            contest = _enter(label, features, window, category, model, pooled, parameters, seed)
            parts.append(_score(contest, parameters).assign(window=window, category=category))
            logger.info("%s: compared with simpler models", label)
    columns = ["window", "customer_id", "item_id", "step", "category", "split", "purchased"]
    return pd.concat(parts, ignore_index=True)[[*columns, "candidate", "probability"]]


def _enter(
    label: str,
    features: Table,
    window: int,
    category: str,
    model: PurchaseModel,
    pooled: PurchaseModel,
    parameters: ModellingParameters,
    seed: int,
) -> Contest:
    memory_gb = parameters.compute.memory_gb
    items = read_consumer_items(features, model.groups, window, category, memory_gb=memory_gb)
    scored = items.positions("validation", "test").tolist()
    inputs = model.inputs(items).steps(0, scored[-1] + 1)
    recipe = parameters.recipe(next(iter(parameters.recipes)), category)
    return Contest(
        items=items,
        inputs=inputs,
        lesson=lesson_of(label, items, inputs, recipe, parameters),
        model=model,
        pooled=pooled,
        scored=scored,
        seed=seed_for(seed, key(window, category), "baselines"),
    )


def _score(contest: Contest, parameters: ModellingParameters) -> DataFrame:
    """Return one row per candidate and consumer-item, of the test step."""
    probabilities = {
        name: _calibrated(logits, contest, parameters)
        for name, logits in _logits(contest, parameters).items()
    }
    for name, model in {POOLED: contest.pooled, IN_USE: contest.model}.items():
        logits = model.logits(contest.inputs, len(contest.scored), parameters.compute)
        probabilities[name] = model.calibration.chosen.probability(logits)
    if contest.model.trees:
        probabilities[STACK_WITH_TREES] = probabilities[IN_USE]
    items, test = contest.items, contest.scored[-1]
    one = pd.DataFrame(
        {
            "customer_id": items.customer_id,
            "item_id": items.item_id,
            "step": items.steps[test],
            "split": items.splits[test],
            "purchased": items.purchased[:, test].astype(np.float64),
        }
    )
    return pd.concat(
        [
            one.assign(candidate=name, probability=probability[:, -1])
            for name, probability in probabilities.items()
        ],
        ignore_index=True,
    )


def _logits(contest: Contest, parameters: ModellingParameters) -> dict[str, Array]:
    """Return the raw logits (n, scored steps) of every candidate but whole models."""
    model, compute, steps = contest.model, parameters.compute, len(contest.scored)
    members = model.member_logits(contest.inputs, steps, compute)
    if model.kind == contest.pooled.kind and TREES in members:
        members[POOLED_TREES] = members.pop(TREES)
    logits: dict[str, Array] = {
        name: members[name]
        if name in members
        else baseline_logits(
            name, contest.lesson, contest.inputs, contest.scored, parameters, contest.seed
        )
        for name in parameters.baselines.models
    }
    logits |= {name: answer for name, answer in members.items() if name not in logits}
    stacked = {
        name: answer
        for name, answer in members.items()
        if name not in parameters.stacking.leave_out
    }
    networks = {name: answer for name, answer in stacked.items() if name in model.networks}
    if len(networks) > 1:
        logits[STACK] = _stacked(networks, contest, parameters)
    if TREES in logits and not model.trees:
        logits[STACK_WITH_TREES] = _stacked(stacked | {TREES: logits[TREES]}, contest, parameters)
    return logits


def _stacked(members: dict[str, Array], contest: Contest, parameters: ModellingParameters) -> Array:
    rows, purchased = _calibrators(contest)
    validation = np.column_stack([logits[rows, 0] for logits in members.values()])
    consumers = contest.items.customer_id[rows]
    stack = fit_stack(validation, list(members), purchased, consumers, parameters.stacking)
    return stack.logit(members)


def _calibrated(logits: Array, contest: Contest, parameters: ModellingParameters) -> Array:
    rows, purchased = _calibrators(contest)
    consumers = contest.items.customer_id[rows]
    calibration = pick_calibration(logits[rows, 0], purchased, consumers, parameters.calibration)
    return calibration.chosen.probability(logits)


def _calibrators(contest: Contest) -> tuple[Array, Array]:
    """Return the calibrators' rows, and their purchases in the validation step."""
    rows = calibrators(contest.lesson)
    purchased = contest.lesson.purchased[:, contest.lesson.validation_step].numpy()[rows]
    return rows, purchased
