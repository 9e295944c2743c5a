"""Nodes of the pipeline ``modelling``: train, predict, ask the model about other offers."""

from typing import Any

from promo_kedro.pipelines.modelling.parameters import ModellingParameters
from promo_kedro.types import DataFrame, Table


def train_purchase_models(
    features: Table,
    feature_groups: dict[str, Any],
    raw_manifest: dict[str, Any],
    parameters: ModellingParameters,
    seed: int,
) -> tuple[dict[str, Any], DataFrame]:
    """Train one network per category and a pooled one, for every window in ``features`` (§3.1.3).

    Returns:
        ``purchase_models`` by name, weights and card each; and ``training_history``, one row per
        window, category and epoch.

    Raises:
        InputError: A feature has no column or is not finite, or nothing was ever bought.
    """
    from promo_kedro.pipelines.modelling.fitting import saved_models, train_window
    from promo_kedro.pipelines.modelling.history import training_history
    from promo_kedro.pipelines.modelling.tensors import FeatureGroups, windows_and_categories

    groups = FeatureGroups.from_json(feature_groups)
    groups.check_columns(features)
    models = {
        name: model
        for window in windows_and_categories(features)
        for name, model in train_window(features, groups, window, parameters, seed)
    }
    return saved_models(models, raw_manifest["raw_data_hash"]), training_history(models)


def predict_purchases(
    purchase_models: dict[str, Any], features: Table, parameters: ModellingParameters
) -> DataFrame:
    """Score the validation, test and next steps of every relevant consumer-item.

    Returns:
        ``purchase_probabilities``: raw and calibrated probability, and which model gave them.
    """
    from promo_kedro.pipelines.modelling.prediction import predict

    return predict(purchase_models, features, parameters.compute)


def ask_next_offers(
    purchase_models: dict[str, Any], features: Table, parameters: ModellingParameters
) -> DataFrame:
    """Ask the models for the next step at every offer percent of the grid.

    Returns:
        ``offer_response``: calibrated probability per consumer-item and offer percent.
    """
    from promo_kedro.pipelines.modelling.offer_response import ask_offers

    percents = parameters.offer_grid.percents()
    return ask_offers(purchase_models, features, percents, parameters.compute)
