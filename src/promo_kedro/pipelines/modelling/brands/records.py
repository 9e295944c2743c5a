"""What a trained experiment tells of itself: its runs, their epochs, how features are read."""

from __future__ import annotations

from typing import Any

import numpy as np

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.brands.variables import Encoder
from promo_kedro.types import DataFrame

READER = "reader"
EPOCH = [
    *("run", "epoch", "train_loss", "validation_loss"),
    *("precision", "recall", "f1", "learning_rate", "seconds"),
]


def with_reader(models: dict[str, Any], encoder: Encoder, brand_list: DataFrame) -> dict[str, Any]:
    """The models, and beside them what reads features as they were read in training."""
    card = {"encoder": encoder.to_card(), "brands": brand_list["brand"].tolist()}
    marker = {"brands": np.array([len(brand_list)])}
    return {
        **{f"run={name}": model for name, model in models.items()},
        READER: {"card": card, "tensors": marker},
    }


def reader_of(brand_models: dict[str, Any], brand_list: DataFrame) -> Encoder:
    """The encoder that the models were trained with.

    Raises:
        InputError: The list of brands is another than at training.
    """
    card = brand_models[READER]["card"]
    if card["brands"] != brand_list["brand"].tolist():
        raise InputError(
            "brand_list is another than the one that brand_models were trained with: train again "
            "with `kedro run --pipeline=brands`."
        )
    return Encoder.from_card(card["encoder"])


def runs_of(brand_models: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The saved runs by name, in the order in which they were listed in the parameters."""
    runs = {
        name.removeprefix("run="): model for name, model in brand_models.items() if name != READER
    }
    return dict(sorted(runs.items(), key=lambda run: run[1]["card"]["record"]["order"]))


def runs_and_history(models: dict[str, Any]) -> tuple[DataFrame, DataFrame]:
    """`brand_runs` and `brand_training_history`."""
    import pandas as pd

    records = [model["card"]["record"] for model in models.values()]
    epochs = [{"run": record["run"], **epoch} for record in records for epoch in record["history"]]
    runs = pd.DataFrame(records).drop(columns=["history", "order"])
    return runs.astype({"epsilon": float}), pd.DataFrame(epochs, columns=EPOCH)
