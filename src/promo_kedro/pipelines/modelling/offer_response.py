"""The model asked again for the next step with other offers, all other inputs as they are."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.parameters import ComputeParameters
from promo_kedro.pipelines.modelling.prediction import read_for
from promo_kedro.pipelines.modelling.purchase_model import (
    PurchaseModel,
    model_for,
    warn_of_strangers,
)
from promo_kedro.pipelines.modelling.reading import windows_and_categories
from promo_kedro.pipelines.modelling.tensors import ConsumerItems
from promo_kedro.types import Array, DataFrame, Table

logger = logging.getLogger(__name__)

WINDOW = 0


def ask_offers(
    purchase_models: dict[str, Any],
    features: Table,
    percents: list[float],
    compute: ComputeParameters,
) -> DataFrame:
    """Return the calibrated probability of each consumer-item of the last window at each offer.

    Raises:
        InputError: ``features`` has no step ``next``.
    """
    parts = []
    categories = windows_and_categories(features).get(WINDOW, [])
    warn_of_strangers(purchase_models, WINDOW, categories)
    for category in categories:
        model = model_for(purchase_models, WINDOW, category)
        items = read_for(model, features, WINDOW, category, compute)
        answers = response(model, items, percents, compute)
        parts.append(
            pd.DataFrame(
                {
                    "customer_id": np.repeat(items.customer_id, len(percents)),
                    "item_id": np.repeat(items.item_id, len(percents)),
                    "offer_percent": np.tile(percents, len(items)),
                    "category": category,
                    "probability": answers.ravel(),
                }
            )
        )
        logger.info("%s: next step asked at %d offers", category, len(percents))
    if not parts:
        raise InputError(
            f"features has no window {WINDOW}: the last window is the one offers are made for."
        )
    return pd.concat(parts, ignore_index=True)


def response(
    model: PurchaseModel, items: ConsumerItems, percents: list[float], compute: ComputeParameters
) -> Array:
    """Return calibrated probabilities (n, offers) at the next step.

    Only the features that ``feature_groups`` names as offer inputs change, in that step alone.
    A smooth calibration answers: isotonic regression is flat between its steps.
    """
    if items.splits[-1] != "next":
        raise InputError(
            "features: the last window ends without the step `next`, so there is nothing to make "
            "offers for. Run `kedro run --pipeline=data_engineering` to make it anew."
        )
    logits = model.offer_logits(model.inputs(items), percents, compute)
    return model.calibration.smooth.probability(logits)
