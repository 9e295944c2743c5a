"""Nodes of the pipeline ``modelling``: train, predict, ask about other offers, compare, search."""

from typing import Any

from promo_kedro.pipelines.modelling.parameters import ModellingParameters
from promo_kedro.types import DataFrame, Table


def train_purchase_models(
    features: Table,
    feature_groups: dict[str, Any],
    raw_manifest: dict[str, Any],
    training_checkpoints: Any,
    parameters: ModellingParameters,
    seed: int,
) -> tuple[dict[str, Any], DataFrame]:
    """Train a pooled model and one per category, for every window in ``features`` (§3.1.3).

    Training that was interrupted goes on from ``training_checkpoints``.

    Returns:
        ``purchase_models`` by name, weights and card each; and ``training_history``, one row per
        window, category, recipe and epoch.

    Raises:
        InputError: A feature has no column or is not finite, or nothing was ever bought.
    """
    from promo_kedro.pipelines.modelling.fitting import train_windows
    from promo_kedro.pipelines.modelling.history import training_history
    from promo_kedro.pipelines.modelling.purchase_model import saved_models
    from promo_kedro.pipelines.modelling.tensors import FeatureGroups

    groups = FeatureGroups.from_json(feature_groups)
    groups.check_columns(features)
    models = train_windows(features, groups, parameters, seed, training_checkpoints)
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


def compare_candidates(
    purchase_models: dict[str, Any],
    features: Table,
    parameters: ModellingParameters,
    seed: int,
) -> DataFrame:
    """Fit simpler models to the same cells, and score them and the model's parts on the test step.

    Returns:
        ``candidate_probabilities``: calibrated probability per candidate and consumer-item.
    """
    from promo_kedro.pipelines.modelling.candidates import candidate_probabilities

    return candidate_probabilities(purchase_models, features, parameters, seed)


def measure_importance(
    purchase_models: dict[str, Any],
    features: Table,
    feature_groups: dict[str, Any],
    parameters: ModellingParameters,
    seed: int,
) -> DataFrame:
    """Deal each family of features anew among consumer-items, and see the log loss rise.

    Returns:
        ``feature_importance``: one row per category and family.
    """
    from promo_kedro.pipelines.modelling.feature_importance import feature_importance

    families = feature_groups["families"]
    return feature_importance(purchase_models, features, families, parameters, seed)


def search_recipes(
    features: Table,
    feature_groups: dict[str, Any],
    raw_manifest: dict[str, Any],
    search_study: Any,
    parameters: ModellingParameters,
    seed: int,
) -> tuple[str, DataFrame]:
    """Search for a better network and training on the oldest window (§3.1.4).

    Trials of an interrupted search are found in ``search_study``.

    Returns:
        ``best_parameters``, a parameters file; and ``search_trials``, one row per trial.
    """
    from promo_kedro.pipelines.modelling.best_parameters import best_parameters
    from promo_kedro.pipelines.modelling.search_lesson import search_oldest_window
    from promo_kedro.pipelines.modelling.tensors import FeatureGroups

    groups = FeatureGroups.from_json(feature_groups)
    groups.check_columns(features)
    result = search_oldest_window(features, groups, parameters, search_study, seed)
    return best_parameters(result, raw_manifest["raw_data_hash"]), result.trials


def export_models(
    purchase_models: dict[str, Any], feature_groups: dict[str, Any]
) -> dict[str, bytes]:
    """Write every purchase model as one ONNX graph, from the four tensors to a probability.

    Returns:
        ``onnx_models`` by name.
    """
    from promo_kedro.pipelines.modelling.onnx_export import export_onnx

    return export_onnx(purchase_models, feature_groups)
