"""What a model's card says beside the model itself."""

from importlib.metadata import version
from math import isfinite
from typing import Any

from promo_kedro.pipelines.modelling.networks import PurchaseNetwork
from promo_kedro.pipelines.modelling.parameters import Recipe
from promo_kedro.pipelines.modelling.purchase_model import Member
from promo_kedro.pipelines.modelling.recipes import Common
from promo_kedro.pipelines.modelling.roles import calibrators
from promo_kedro.pipelines.modelling.tensors import ConsumerItems, FeatureGroups
from promo_kedro.pipelines.modelling.training import Lesson


def record_of(
    items: ConsumerItems,
    lesson: Lesson,
    networks: dict[str, Member],
    histories: dict[str, list[dict[str, Any]]],
    common: Common,
    recipes: dict[str, Recipe],
) -> dict[str, Any]:
    """Return what the card says beside the model itself."""
    rows = calibrators(lesson)
    validation = lesson.purchased[:, lesson.validation_step].numpy()
    return {
        "parameters": common.parameters.model_dump(mode="json"),
        "recipes": {name: recipe.model_dump(mode="json") for name, recipe in recipes.items()},
        "seed": common.seed,
        "consumer_items": len(items),
        "cells": len(items) * lesson.training_steps,
        "cells_that_count": int(lesson.counted.sum()),
        "positives": items.positives("train"),
        "deciders_validation_positives": int(validation[lesson.deciders.numpy()].sum()),
        "calibrators_validation_positives": int(validation[rows].sum()),
        "history": {name: [_writable(epoch) for epoch in h] for name, h in histories.items()},
        "scalers": {
            name: _named_scales(member.network, common.groups) for name, member in networks.items()
        },
        "versions": {name: version(name) for name in ("torch", "lightning-fabric", "lightgbm")},
    }


def _writable(epoch: dict[str, Any]) -> dict[str, Any]:
    """Return an epoch's record for JSON, which knows no NaN."""
    return {name: value if isfinite(value) else None for name, value in epoch.items()}


def _named_scales(network: PurchaseNetwork, groups: FeatureGroups) -> dict[str, Any]:
    """Return mean and scale by feature, for the card's reader."""
    return {
        name: {"mean": mean, "scale": scale}
        for names, layer in (
            (groups.static_continuous, network.static_scale),
            (groups.temporal_continuous, network.temporal_scale),
        )
        for name, mean, scale in zip(names, layer.mean.tolist(), layer.scale.tolist(), strict=True)
    }
