"""Training one recipe on one set of consumer-items."""

import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.inheritance import inherit
from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.lessons import make_lesson
from promo_kedro.pipelines.modelling.networks import Architecture, PurchaseNetwork, build
from promo_kedro.pipelines.modelling.parameters import (
    ModellingParameters,
    Recipe,
    TrainingParameters,
)
from promo_kedro.pipelines.modelling.purchase_model import Member, PurchaseModel, key
from promo_kedro.pipelines.modelling.resumption import fingerprint
from promo_kedro.pipelines.modelling.seeds import seed_for
from promo_kedro.pipelines.modelling.tensors import ConsumerItems, FeatureGroups
from promo_kedro.pipelines.modelling.training import Lesson, fit_network, reproducible
from promo_kedro.pipelines.modelling.vocabulary import Vocabulary

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Common:
    """What the models of one window share.

    Attributes:
        window: Its number.
        groups: The features, the category among them.
        vocabularies: Levels of all categories' training steps.
        parameters: Of the pipeline.
        seed: Every model derives its own from it.
        checkpoints: Where unfinished training is kept; has ``part(name, fingerprint)``.
        earlier: The models of the window before, to go on from; empty to start anew.
    """

    window: int
    groups: FeatureGroups
    vocabularies: dict[str, Vocabulary]
    parameters: ModellingParameters
    seed: int
    checkpoints: Any
    earlier: dict[str, PurchaseModel]


def recipes_of(parameters: ModellingParameters, category: str | None) -> dict[str, Recipe]:
    """Return a category's recipes; for the pooled model those that start there, or else all."""
    recipes = {name: parameters.recipe(name, category) for name in parameters.recipes}
    if category:
        return recipes
    wanted = {
        name: recipe
        for name, recipe in recipes.items()
        if any(
            parameters.recipe(name, place).training.start == "pooled"
            for place in [None, *parameters.by_category]
        )
    }
    return {name: _from_scratch(recipe) for name, recipe in (wanted or recipes).items()}


def fit_recipe(
    name: str,
    recipe: Recipe,
    lesson: Lesson,
    items: ConsumerItems,
    common: Common,
    category: str | None,
    pooled: PurchaseModel | None,
) -> tuple[Member, list[dict[str, Any]]]:
    """Train one network, from the start that its recipe names.

    Args:
        name: Of the recipe.
        recipe: Network and training.
        lesson: What there is to learn.
        items: The same consumer-items, for the scales.
        common: What the window's models share.
        category: None for the pooled model.
        pooled: The pooled model, for a recipe that starts from it.

    Returns:
        The network, and its history by epoch.
    """
    place, compute = key(common.window, category), common.parameters.compute
    training, groups, vocabularies = recipe.training, common.groups, common.vocabularies
    with reproducible(seed_for(common.seed, place, name), compute):
        network = untrained(recipe, groups, vocabularies, lesson, items)
        older = common.earlier.get(place.split("/", 1)[1])
        misfit = inherit(network, groups, vocabularies, older, name) if older else ""
        from_pooled = pooled is not None and training.start == "pooled"
        if misfit:
            start = "the pooled network" if from_pooled else "scratch"
            logger.info("%s: starts from %s, because %s", lesson.name, start, misfit)
        if older and not misfit:
            training = _gently(training)
        elif pooled and from_pooled:
            _refuse_other_layers(pooled.networks[name].architecture, name, recipe, common)
            network.load_state_dict(pooled.networks[name].network.state_dict())
            training = _gently(training)
        mark = fingerprint(network, lesson, training, compute)
        progress = common.checkpoints.part(f"{place}/recipe={name}", mark)
        history = fit_network(network, lesson, training, compute, progress)
    return Member(architecture_of(groups, vocabularies, recipe), network), history


def untrained(
    recipe: Recipe,
    groups: FeatureGroups,
    vocabularies: dict[str, Vocabulary],
    lesson: Lesson,
    items: ConsumerItems,
) -> PurchaseNetwork:
    """Return a recipe's network as it starts: scales of the training steps, bias at the prior."""
    network = build(architecture_of(groups, vocabularies, recipe))
    counted = lesson.counted.bool()
    cells = max(int(counted.sum()), 1)
    positives = float(lesson.purchased[:, : lesson.training_steps][counted].sum())
    network.start_at(np.clip(positives / cells, 0.5 / cells, 1 - 0.5 / cells))
    layers = (network.static_scale, network.temporal_scale)
    for layer, scaler in zip(layers, items.scalers, strict=True):
        layer.mean.copy_(torch.from_numpy(scaler.mean))
        layer.scale.copy_(torch.from_numpy(scaler.scale))
    return network


def _from_scratch(recipe: Recipe) -> Recipe:
    training = recipe.training.model_copy(update={"start": "scratch"})
    return recipe.model_copy(update={"training": training})


def _gently(training: TrainingParameters) -> TrainingParameters:
    """Return the training of weights that know much already; they are a candidate themselves."""
    rates = {
        name: max(training.fine_tuning_rate * getattr(training, name), training.min_learning_rate)
        for name in ("learning_rate", "swa_learning_rate")
    }
    return training.model_copy(update={"start": "pooled", **rates})


def _refuse_other_layers(pooled: Architecture, name: str, recipe: Recipe, common: Common) -> None:
    """Refuse a category's recipe that cannot go on from the pooled network."""
    own = architecture_of(common.groups, common.vocabularies, recipe)
    if replace(own, dropout=pooled.dropout) != pooled:
        raise InputError(
            f"modelling.by_category changes the network of the recipe {name!r}, which has "
            "`start: pooled`; the pooled network has other layers. Give that category "
            "`start: scratch` or the common network."
        )


def architecture_of(
    groups: FeatureGroups, vocabularies: dict[str, Vocabulary], recipe: Recipe
) -> Architecture:
    """Return the architecture of a recipe for these features."""
    network = recipe.network.model_dump()
    return Architecture(
        name=network.pop("architecture"),
        static_levels=[vocabularies[name].size for name in groups.static_categorical],
        temporal_levels=[vocabularies[name].size for name in groups.temporal_categorical],
        static_continuous=len(groups.static_continuous),
        temporal_continuous=len(groups.temporal_continuous),
        offers=[groups.temporal_continuous.index(name) for name in groups.offer_inputs],
        **network,
    )


def lesson_of(
    label: str,
    items: ConsumerItems,
    inputs: Inputs,
    recipe: Recipe,
    parameters: ModellingParameters,
) -> Lesson:
    """Return what a recipe's network learns from these consumer-items."""
    network = recipe.network
    return make_lesson(
        label,
        items,
        inputs,
        mask_before_first_purchase=recipe.training.mask_before_first_purchase,
        calibration_share=parameters.roles.calibration_share,
        history=1 + (network.kernel_size - 1) * sum(network.dilations),
    )
