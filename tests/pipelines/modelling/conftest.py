"""Small parameters, and one retailer whose every part is trained once for all tests."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest

from promo_kedro.pipelines.modelling.nodes import ask_next_offers, predict_purchases
from promo_kedro.pipelines.modelling.parameters import ModellingParameters

from .retailer import Retailer, as_table, changed, train


@pytest.fixture(scope="session")
def parameters() -> ModellingParameters:
    """Small and quick."""
    return ModellingParameters.model_validate(
        {
            "network": {"channels": 12, "dense_units": [24, 16, 8]},
            "training": {
                "start": "scratch",
                "averaging": "none",
                "batch_size": 32,
                "max_epochs": 6,
                "stop_patience": 4,
                "plateau_patience": 1,
                "learning_rate": 5e-3,
            },
            "compute": {"accelerator": "cpu", "threads": 1, "tree_threads": 1},
            "pooled": {"min_positives": 50, "max_consumer_items": 900},
            "calibration": {"min_positives": 10, "min_positives_for_slope": 50},
            "offer_grid": {"highest": 40, "spacing": 10},
        }
    )


@pytest.fixture(scope="session")
def quick(parameters) -> ModellingParameters:
    """Smaller and quicker: for what does not depend on how much was learnt."""
    return changed(
        parameters,
        network={"channels": 6, "dense_units": [8], "dilations": [1, 2]},
        training={"max_epochs": 2},
        trees={"rounds": 10, "min_rows_in_leaf": 20},
    )


@dataclass(frozen=True)
class Run:
    """What training, prediction and asking made of one retailer."""

    frame: pd.DataFrame
    parameters: ModellingParameters
    models: dict[str, Any]
    history: pd.DataFrame
    probabilities: pd.DataFrame
    response: pd.DataFrame

    @property
    def table(self):
        """``features``."""
        return as_table(self.frame)


def run_on(frame: pd.DataFrame, parameters: ModellingParameters, seed: int) -> Run:
    models, history = train(frame, parameters, seed)
    probabilities = predict_purchases(models, as_table(frame), parameters)
    response = ask_next_offers(models, as_table(frame), parameters)
    return Run(frame, parameters, models, history, probabilities, response)


@pytest.fixture(scope="session")
def run(parameters) -> Run:
    """A large, a small and a never-bought category, and one recipe."""
    frame = Retailer({"Bakery": 700, "Meat": 12, "Seafood": 200}).frame()
    frame.loc[(frame["category"] == "Seafood") & frame["purchased"].notna(), "purchased"] = 0.0
    return run_on(frame, parameters, 11)


@pytest.fixture(scope="session")
def ensemble(parameters) -> Run:
    """Two networks, trained in different ways, and trees; a large and a small category."""
    several = changed(
        parameters,
        network={"channels": 8, "dense_units": [12, 8], "dilations": [1, 2]},
        training={"max_epochs": 4},
        recipes={
            "ours": {},
            "paper": {
                "network": {"architecture": "figure1"},
                "training": {"optimizer": "rmsprop", "scheduler": "cyclic"},
            },
        },
        stacking={"with_trees": True, "min_positives": 20},
        trees={"rounds": 60, "min_rows_in_leaf": 20},
    )
    return run_on(Retailer({"Bakery": 600, "Meat": 12}).frame(), several, 3)
