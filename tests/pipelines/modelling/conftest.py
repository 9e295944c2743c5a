"""Small parameters and the made-up retailer's groups."""

import pytest

from promo_kedro.pipelines.modelling.parameters import ModellingParameters

from .retailer import GROUPS


@pytest.fixture(scope="session")
def parameters() -> ModellingParameters:
    """Small and quick."""
    return ModellingParameters.model_validate(
        {
            "network": {"channels": 12, "dense_units": [24, 16, 8]},
            "training": {"batch_size": 32, "max_epochs": 8, "learning_rate": 3e-3},
            "compute": {"accelerator": "cpu", "threads": 1},
            "pooled": {"min_positives": 50, "max_consumer_items": 900},
            "offer_grid": {"highest": 40, "spacing": 10},
        }
    )


@pytest.fixture(scope="session")
def groups() -> dict:
    """Return ``feature_groups``."""
    return GROUPS


@pytest.fixture(scope="session")
def manifest() -> dict:
    """Return ``raw_manifest``."""
    return {"raw_data_hash": "abc", "files": {}}
