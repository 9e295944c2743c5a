"""How much each family of features matters, by category, on the test step."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from promo_kedro.pipelines.modelling.importance import permutation_importance, places_by_family
from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.parameters import ModellingParameters
from promo_kedro.pipelines.modelling.prediction import read_for
from promo_kedro.pipelines.modelling.purchase_model import key, model_for
from promo_kedro.pipelines.modelling.reading import windows_and_categories
from promo_kedro.pipelines.modelling.seeds import seed_for
from promo_kedro.types import Array, DataFrame, Table

logger = logging.getLogger(__name__)

COLUMNS = ["window", "category", "group", "features", "log_loss", "log_loss_permuted", "increase"]


def feature_importance(
    purchase_models: dict[str, Any],
    features: Table,
    families: dict[str, str],
    parameters: ModellingParameters,
    seed: int,
) -> DataFrame:
    """Ask each category's model of the latest window with each family dealt anew.

    Returns:
        ``feature_importance``: one row per category and family.
    """
    rows: list[dict[str, Any]] = []
    window, wanted = 0, parameters.importance
    for category in windows_and_categories(features).get(window, []):
        model = model_for(purchase_models, window, category)
        items = read_for(model, features, window, category, parameters.compute)
        draw = np.random.default_rng(seed_for(seed, key(window, category), "importance"))
        if len(items) > wanted.max_consumer_items:
            chosen = draw.choice(len(items), wanted.max_consumer_items, replace=False)
            items = items.take(np.sort(chosen))
        test = int(items.positions("test")[-1])

        def answer(inputs: Inputs, model: Any = model) -> Array:
            logits: Array = model.calibration.chosen.logit(
                model.logits(inputs, 1, parameters.compute)[:, 0]
            )
            return logits

        found = permutation_importance(
            answer,
            model.inputs(items).steps(0, test + 1),
            items.purchased[:, test],
            places_by_family(model.groups, families),
            wanted.repeats,
            draw,
        )
        rows += [{"window": window, "category": category, **one} for one in found]
        logger.info("%s: importance of %d families of features", category, len(found))
    return pd.DataFrame(rows, columns=COLUMNS)
