"""From consumer-items to purchase models: one per category, one over all of them."""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.calibration import IDENTITY, INTERCEPT_ONLY, fit_platt
from promo_kedro.pipelines.modelling.network import Architecture, PurchaseNetwork
from promo_kedro.pipelines.modelling.parameters import ModellingParameters, NetworkParameters
from promo_kedro.pipelines.modelling.purchase_model import (
    POOLED,
    Platt,
    PurchaseModel,
    encode,
    key,
    to_saved,
    with_record,
)
from promo_kedro.pipelines.modelling.scaling import Scaler
from promo_kedro.pipelines.modelling.tensors import (
    ConsumerItems,
    FeatureGroups,
    pool,
    read_consumer_items,
    windows_and_categories,
    with_category,
)
from promo_kedro.pipelines.modelling.training import Lesson, fit_network, reproducible
from promo_kedro.pipelines.modelling.vocabulary import Vocabulary
from promo_kedro.types import Table

logger = logging.getLogger(__name__)


def train_window(
    features: Table,
    groups: FeatureGroups,
    window: int,
    parameters: ModellingParameters,
    seed: int,
) -> Iterator[tuple[str, PurchaseModel]]:
    """Train every category that can stand alone, then the pooled model; memory holds one category.

    Yields:
        Name in the model store, and the model.

    Raises:
        InputError: Nothing at all was bought in the training steps.
    """
    categories = windows_and_categories(features)[window]
    share = max(1, parameters.pooled.max_consumer_items // len(categories))
    sample: list[ConsumerItems] = []
    serves: dict[str, str] = {}
    calibrations: dict[str, Platt] = {}
    for number, category in enumerate(categories, start=1):
        label = f"window {window}, category {number}/{len(categories)} {category}"
        items = read_consumer_items(features, groups, window, category)
        sample.append(_sample(items, share, _seed(seed, key(window, category), "sample")))
        if reason := cannot_stand_alone(items, parameters.pooled.min_positives):
            serves[category] = reason
            continue
        name = key(window, category)
        model = fit_model(label, items, groups, "category", parameters, _seed(seed, name))
        calibrations[category] = model.platt
        yield name, model
    joined = with_category(pool(sample))
    if joined.positives("train") == 0:
        raise InputError(
            f"features, window {window}: column purchased holds no purchase in any training step; "
            "there is nothing to learn from. Check the dates of the transactions."
        )
    every = list(dict.fromkeys([*groups.static_categorical, "category"]))
    groups = replace(groups, static_categorical=every)
    name = key(window)
    label = f"window {window}, pooled model over {len(categories)} categories"
    model = fit_model(label, joined, groups, POOLED, parameters, _seed(seed, name))
    calibrations["the pooled model"] = model.platt
    _report(window, serves, calibrations)
    yield name, with_record(model, serves=serves)


def cannot_stand_alone(items: ConsumerItems, min_positives: int) -> str:
    """Say why a category is left to the pooled model; empty when it can stand alone."""
    positives = items.positives("train")
    cells = len(items) * len(items.positions("train"))
    if positives < min_positives:
        return f"fewer than {min_positives} purchases in the training steps"
    if positives == cells:
        return "every cell of the training steps is a purchase"
    if items.positives("validation") in (0, len(items) * len(items.positions("validation"))):
        return "only one class in the validation step, so training could not tell when to stop"
    return ""


def fit_model(
    label: str,
    items: ConsumerItems,
    groups: FeatureGroups,
    kind: str,
    parameters: ModellingParameters,
    seed: int,
) -> PurchaseModel:
    """Fit vocabularies, scalers, network and calibration on one set of consumer-items."""
    training = items.positions("train")
    vocabularies = {
        name: Vocabulary.fit(feature, training)
        for name, feature in {**items.static_categorical, **items.temporal_categorical}.items()
    }
    architecture = draw(groups, vocabularies, parameters.network)
    inputs = encode(items, groups, vocabularies)
    validation = int(items.positions("validation")[-1])
    lesson = Lesson(
        name=label,
        inputs=inputs.steps(0, validation + 1),
        purchased=torch.from_numpy(items.purchased[:, : validation + 1]),
        training_steps=len(training),
        validation_step=validation,
        history=architecture.receptive_field,
    )
    positives = items.positives("train")
    cells = len(items) * len(training)
    with reproducible(seed, parameters.compute):
        network = PurchaseNetwork(architecture)
        network.start_at(np.clip(positives / cells, 0.5 / cells, 1 - 0.5 / cells))
        _set_scales(network, items)
        history = fit_network(network, lesson, parameters.training, parameters.compute)
        model = PurchaseModel(
            kind=kind,
            architecture=architecture,
            network=network,
            vocabularies=vocabularies,
            groups=groups,
            platt=Platt(),
            record={
                "parameters": parameters.model_dump(mode="json"),
                "seed": seed,
                "rows": cells,
                "consumer_items": len(items),
                "positives": positives,
                "validation_positives": items.positives("validation"),
                "history": history,
                "scalers": _named_scales(network, groups),
                "versions": {name: version(name) for name in ("torch", "lightning-fabric")},
            },
        )
        return _calibrated(model, lesson, parameters)


def draw(
    groups: FeatureGroups, vocabularies: dict[str, Vocabulary], network: NetworkParameters
) -> Architecture:
    """Return the architecture for these features."""
    return Architecture(
        static_levels=[vocabularies[name].size for name in groups.static_categorical],
        temporal_levels=[vocabularies[name].size for name in groups.temporal_categorical],
        static_continuous=len(groups.static_continuous),
        temporal_continuous=len(groups.temporal_continuous),
        # A limited offer would make the response flat beyond the limit.
        unlimited=[groups.temporal_continuous.index(name) for name in groups.offer_inputs],
        kernel_size=network.kernel_size,
        dilations=list(network.dilations),
        channels=network.channels,
        dense_units=list(network.dense_units),
        embedding_size=network.embedding_size,
        input_limit=network.input_limit,
    )


def _calibrated(
    model: PurchaseModel, lesson: Lesson, parameters: ModellingParameters
) -> PurchaseModel:
    """Fit Platt on the validation step, or say why the raw probabilities stay."""
    first = max(0, lesson.validation_step + 1 - lesson.history)
    seen = lesson.inputs.steps(first, lesson.validation_step + 1)
    logit = model.logits(seen, 1, parameters.compute)[:, 0]
    purchased = lesson.purchased[:, lesson.validation_step].numpy()
    needed = parameters.calibration
    platt = fit_platt(logit, purchased, needed.min_positives, needed.min_positives_for_slope)
    return replace(model, platt=platt)


def _report(window: int, serves: dict[str, str], calibrations: dict[str, Platt]) -> None:
    """Say what training fell back on, in one line for each reason."""
    for reason in sorted(set(serves.values())):
        left = [category for category, its in serves.items() if its == reason]
        logger.warning(
            "window %d: the pooled model serves %s, because of %s",
            window,
            "; ".join(left),
            reason,
        )
    for source, consequence in {
        IDENTITY: "probabilities stay uncalibrated",
        INTERCEPT_ONLY: "calibration moves the level of probabilities alone, not their spread",
    }.items():
        named = [f"{name} ({p.reason})" for name, p in calibrations.items() if p.source == source]
        if named:
            logger.warning("window %d: %s for %s", window, consequence, "; ".join(named))


def _set_scales(network: PurchaseNetwork, items: ConsumerItems) -> None:
    static = Scaler.fit(items.static_continuous)
    temporal = Scaler.fit(items.temporal_continuous, items.positions("train"))
    for layer, scaler in ((network.static_scale, static), (network.temporal_scale, temporal)):
        layer.mean.copy_(torch.from_numpy(scaler.mean))
        layer.scale.copy_(torch.from_numpy(scaler.scale))


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


def _sample(items: ConsumerItems, count: int, seed: int) -> ConsumerItems:
    """Keep at most ``count`` consumer-items, drawn at random."""
    if len(items) <= count:
        return items
    drawn = np.random.default_rng(seed).choice(len(items), count, replace=False)
    return items.take(np.sort(drawn))


def _seed(seed: int, *names: str) -> int:
    """Return a seed of its own for each name, the same on every machine."""
    text = "/".join([str(seed), *names])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6])


def saved_models(models: dict[str, PurchaseModel], data_hash: str) -> dict[str, Any]:
    """Return the models in the form that is stored, each card with the raw data's hash."""
    return {
        name: to_saved(with_record(model, raw_data_hash=data_hash))
        for name, model in models.items()
    }
