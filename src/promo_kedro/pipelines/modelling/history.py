"""How training went, as a table."""

from typing import Any

import pandas as pd

from promo_kedro.pipelines.modelling.purchase_model import PurchaseModel
from promo_kedro.types import DataFrame


def training_history(models: dict[str, PurchaseModel]) -> DataFrame:
    """Return one row per model, recipe and epoch; the pooled model's category is ``pooled``."""
    records: list[dict[str, Any]] = []
    for name, model in models.items():
        window, category = name.removeprefix("window=").split("/", 1)
        place = {"window": int(window), "category": category.removeprefix("category=")}
        for recipe, epochs in model.record["history"].items():
            records += [place | {"recipe": recipe} | epoch for epoch in epochs]
    return pd.DataFrame(records)
