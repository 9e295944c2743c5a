"""What a trained experiment tells of itself: its runs, their epochs, how features are read."""

from __future__ import annotations

from datetime import date
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


def with_reader(
    models: dict[str, Any], encoder: Encoder, brand_list: DataFrame, brand_snapshots: DataFrame
) -> dict[str, Any]:
    """The models, and beside them what reads features as they were read in training."""
    card = {
        "encoder": encoder.to_card(),
        "brands": brand_list["brand"].tolist(),
        "days_foretold": days_foretold(brand_snapshots),
    }
    marker = {"brands": np.array([len(brand_list)])}
    return {
        **{f"run={name}": model for name, model in models.items()},
        READER: {"card": card, "tensors": marker},
    }


def reader_of(
    brand_models: dict[str, Any], brand_list: DataFrame, brand_snapshots: DataFrame
) -> Encoder:
    """The encoder that the models were trained with.

    Raises:
        InputError: The list of brands, or the length of the period foretold, is another than at
            training.
    """
    card = brand_models[READER]["card"]
    if card["brands"] != brand_list["brand"].tolist():
        raise InputError(
            "brand_list is another than the one that brand_models were trained with: train again "
            "with `kedro run --pipeline=brands`."
        )
    days = days_foretold(brand_snapshots)
    if card["days_foretold"] != days:
        raise InputError(
            f"brand_models foretell {card['days_foretold']} days at a time, and "
            f"brand_data.horizon_steps asks for {days}: train again with "
            "`kedro run --pipeline=brands`, or set horizon_steps back."
        )
    return Encoder.from_card(card["encoder"])


def days_foretold(brand_snapshots: DataFrame) -> int:
    """How many days lie in the period that a snapshot foretells."""
    snapshot = brand_snapshots.iloc[-1]
    first, last = (date.fromisoformat(snapshot[name]) for name in ("first_day", "last_day"))
    return (last - first).days + 1


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
