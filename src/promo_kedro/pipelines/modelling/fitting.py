"""From features to purchase models: in each window a pooled one, then one per category."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from promo_kedro.pipelines.modelling.calibration import Calibration, pick_calibration
from promo_kedro.pipelines.modelling.encoding import encode
from promo_kedro.pipelines.modelling.parameters import ModellingParameters
from promo_kedro.pipelines.modelling.purchase_model import (
    POOLED,
    POOLED_TREES,
    TREES,
    PurchaseModel,
    key,
    with_record,
)
from promo_kedro.pipelines.modelling.reading import read_consumer_items, windows_and_categories
from promo_kedro.pipelines.modelling.recipes import Common, fit_recipe, lesson_of, recipes_of
from promo_kedro.pipelines.modelling.record import record_of
from promo_kedro.pipelines.modelling.roles import calibrators
from promo_kedro.pipelines.modelling.seeds import seed_for
from promo_kedro.pipelines.modelling.stacking import Stack, fit_stack
from promo_kedro.pipelines.modelling.survey import survey
from promo_kedro.pipelines.modelling.tensors import ConsumerItems, FeatureGroups, with_category
from promo_kedro.pipelines.modelling.training import Lesson
from promo_kedro.pipelines.modelling.trees import Trees, fit_trees
from promo_kedro.types import Table

logger = logging.getLogger(__name__)

Models = dict[str, PurchaseModel]


def train_windows(
    features: Table,
    groups: FeatureGroups,
    parameters: ModellingParameters,
    seed: int,
    checkpoints: Any,
) -> Models:
    """Train the models of every window, the oldest first.

    Args:
        features: The Ibis table.
        groups: Which features go into which tensor.
        parameters: Of the pipeline.
        seed: Every model derives its own from it.
        checkpoints: Where unfinished training is kept; has ``part(name, fingerprint)``.

    Returns:
        Name in the model store to the model.

    Raises:
        InputError: Nothing at all was bought in the training steps of a window.
    """
    models: Models = {}
    earlier: Models = {}
    for window in sorted(windows_and_categories(features), reverse=True):
        models |= train_window(features, groups, window, parameters, seed, checkpoints, earlier)
        if parameters.windows.later == "warm_start":
            earlier = {name.split("/", 1)[1]: model for name, model in models.items()}
    return models


def train_window(
    features: Table,
    groups: FeatureGroups,
    window: int,
    parameters: ModellingParameters,
    seed: int,
    checkpoints: Any,
    earlier: Models | None = None,
) -> Iterator[tuple[str, PurchaseModel]]:
    """Train the pooled model, then every category that can stand alone.

    Args:
        features: The Ibis table.
        groups: Which features go into which tensor.
        window: Window number.
        parameters: Of the pipeline.
        seed: Every model derives its own from it.
        checkpoints: Where unfinished training is kept.
        earlier: Models of the window before to go on from, by what follows ``window=k/``.

    Yields:
        Name in the model store, and the model.
    """
    categories = windows_and_categories(features)[window]
    found = survey(features, groups, window, categories, parameters, seed)
    common = Common(
        window, found.groups, found.vocabularies, parameters, seed, checkpoints, earlier or {}
    )
    label = f"window {window}, pooled model over {len(categories)} categories"
    pooled = fit_model(label, found.hand_over_sample(), common)
    yield key(window), with_record(pooled, serves=found.serves)
    _report_fallbacks(window, found.serves)

    alone = [category for category in categories if category not in found.serves]
    for number, category in enumerate(alone, start=1):
        items = found.kept.pop(category, None)
        if items is None:
            memory_gb = parameters.compute.memory_gb
            items = read_consumer_items(features, groups, window, category, memory_gb=memory_gb)
        label = f"window {window}, category {number}/{len(alone)} {category}"
        yield key(window, category), fit_model(label, items, common, category, pooled)


def fit_model(
    label: str,
    items: ConsumerItems,
    common: Common,
    category: str | None = None,
    pooled: PurchaseModel | None = None,
) -> PurchaseModel:
    """Fit every recipe, the stack and the calibration on one set of consumer-items.

    Args:
        label: What the log calls it.
        items: Consumer-items with all steps.
        common: What the window's models share.
        category: None for the pooled model.
        pooled: The pooled model, for the recipes that start from it.
    """
    parameters, recipes = common.parameters, recipes_of(common.parameters, category)
    inputs = encode(with_category(items), common.groups, common.vocabularies)
    networks, histories = {}, {}
    for name, recipe in recipes.items():
        called = f"{label}, recipe {name}" if len(recipes) > 1 else label
        lesson = lesson_of(called, items, inputs, recipe, parameters)
        networks[name], histories[name] = fit_recipe(
            name, recipe, lesson, items, common, category, pooled
        )
    lesson = lesson_of(label, items, inputs, parameters.recipe(next(iter(recipes))), parameters)
    trees: dict[str, Trees] = {}
    if parameters.stacking.with_trees:
        seed = seed_for(common.seed, key(common.window, category), TREES)
        threads = parameters.compute.tree_threads
        trees[TREES] = fit_trees(lesson, parameters.trees, threads, seed)
        if pooled:
            trees[POOLED_TREES] = pooled.trees[TREES]
    model = PurchaseModel(
        kind="category" if category else POOLED,
        networks=networks,
        trees=trees,
        stack=Stack(dict.fromkeys(networks, 1 / len(networks))),
        calibration=Calibration(),
        vocabularies=common.vocabularies,
        groups=common.groups,
        record=record_of(items, lesson, networks, histories, common, recipes),
    )
    model = stacked_and_calibrated(model, items, lesson, parameters)
    if len(recipes) > 1 or trees:
        logger.info("%s: stack: %s", label, model.stack.reason)
    logger.info("%s: calibration: %s", label, model.calibration.reason)
    return model


def stacked_and_calibrated(
    model: PurchaseModel, items: ConsumerItems, lesson: Lesson, parameters: ModellingParameters
) -> PurchaseModel:
    """Fit stack and calibration on the calibrators' validation step."""
    rows = calibrators(lesson)
    # Everyone is asked, a batch at a time: the calibrators' rows alone would have to be copied.
    answers = {
        name: logits[rows]
        for name, logits in model.member_logits(lesson.inputs, 1, parameters.compute).items()
        if name not in parameters.stacking.leave_out
    }
    purchased = lesson.purchased[:, lesson.validation_step].numpy()[rows]
    consumers = items.customer_id[rows]
    logits = np.column_stack([answer[:, 0] for answer in answers.values()])
    stack = fit_stack(logits, list(answers), purchased, consumers, parameters.stacking)
    stacked = stack.logit(answers)[:, 0]
    calibration = pick_calibration(stacked, purchased, consumers, parameters.calibration)
    return replace(model, stack=stack, calibration=calibration)


def _report_fallbacks(window: int, serves: dict[str, str]) -> None:
    """Name the categories that are left to the pooled model, in one line for each reason."""
    for reason in sorted(set(serves.values())):
        left = [category for category, its in serves.items() if its == reason]
        logger.warning(
            "window %d: the pooled model serves %s, because of %s",
            window,
            "; ".join(left),
            reason,
        )
