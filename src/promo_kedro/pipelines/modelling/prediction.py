"""Probabilities of the validation, test and next steps."""

import logging
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from promo_kedro.pipelines.modelling.parameters import ComputeParameters
from promo_kedro.pipelines.modelling.purchase_model import (
    PurchaseModel,
    model_for,
    warn_of_strangers,
)
from promo_kedro.pipelines.modelling.reading import read_consumer_items, windows_and_categories
from promo_kedro.pipelines.modelling.tensors import ConsumerItems
from promo_kedro.types import DataFrame, Table

logger = logging.getLogger(__name__)


def read_for(
    model: PurchaseModel, features: Table, window: int, category: str, compute: ComputeParameters
) -> ConsumerItems:
    """Read the steps that a model needs to score what follows training."""
    model.groups.check_columns(features)
    return read_consumer_items(
        features,
        model.groups,
        window,
        category,
        history=model.receptive_field,
        memory_gb=compute.memory_gb,
    )


def predict(
    purchase_models: dict[str, Any], features: Table, compute: ComputeParameters
) -> DataFrame:
    """Score every relevant consumer-item of every window, one category at a time."""
    parts = []
    for window, categories in windows_and_categories(features).items():
        warn_of_strangers(purchase_models, window, categories)
        unknown: Counter[str] = Counter()
        consumer_items = 0
        for number, category in enumerate(categories, start=1):
            model = model_for(purchase_models, window, category)
            items = read_for(model, features, window, category, compute)
            parts.append(score(model, items, compute).assign(window=window, category=category))
            unknown.update(model.unknown_levels(items))
            consumer_items += len(items)
            logger.info(
                "window %d, category %d/%d %s: %d consumer-items scored by the %s model",
                window,
                number,
                len(categories),
                category,
                len(items),
                model.kind,
            )
        _report_unknown(window, unknown, consumer_items)
    columns = ["window", "customer_id", "item_id", "step", "category", "split", "purchased"]
    columns += ["raw_probability", "probability", "model"]
    return pd.concat(parts, ignore_index=True)[columns]


def score(model: PurchaseModel, items: ConsumerItems, compute: ComputeParameters) -> DataFrame:
    """Return one row per consumer-item and step after training."""
    scored = items.positions("validation", "test", "next")
    logits = model.logits(model.inputs(items), len(scored), compute).ravel()
    return pd.DataFrame(
        {
            "customer_id": np.repeat(items.customer_id, len(scored)),
            "item_id": np.repeat(items.item_id, len(scored)),
            "step": np.tile(items.steps[scored], len(items)),
            "split": np.tile(items.splits[scored], len(items)),
            "purchased": items.purchased[:, scored].ravel().astype(np.float64),
            "raw_probability": expit(logits),
            "probability": model.calibration.chosen.probability(logits),
            "model": model.kind,
        }
    )


def _report_unknown(window: int, unknown: Counter[str], consumer_items: int) -> None:
    """Say what counts as unknown; a date that is new to everyone is only the passing of time."""
    for name, count in unknown.items():
        logger.log(
            logging.INFO if count == consumer_items else logging.WARNING,
            "window %d: %s consumer-items have a %s that training never met; it counts as unknown",
            window,
            f"{count:,}",
            name,
        )
