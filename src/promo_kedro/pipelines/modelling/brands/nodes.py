"""Nodes of the brand experiment: train every run, score whom it never saw, attack its memory."""

from collections.abc import Iterable
from typing import Any

from promo_kedro.pipelines.modelling.brands.parameters import BrandModellingParameters
from promo_kedro.types import DataFrame, Table

Parts = Iterable[tuple[dict[str, str], DataFrame]]


def train_brand_models(
    raw_brand_weights: Table | None,
    raw_manifest: dict[str, Any],
    brand_checkpoints: Any,
    parameters: BrandModellingParameters,
    seed: int,
    **tables: Any,
) -> tuple[dict[str, Any], DataFrame, DataFrame]:
    """Train the runs of the experiment that are not in ``brand_checkpoints`` yet.

    ``tables`` are those of `BrandTables`, by name.

    Returns:
        ``brand_models`` by run, and what is needed to read features as they did; ``brand_runs``;
        ``brand_training_history``.

    Raises:
        InputError: A run wants weights per brand, and those brought do not fit.
    """
    from promo_kedro.pipelines.modelling.brands.classroom import BrandTables, furnish
    from promo_kedro.pipelines.modelling.brands.experiment import train_experiment
    from promo_kedro.pipelines.modelling.brands.records import runs_and_history, with_reader

    weights = None if raw_brand_weights is None else raw_brand_weights.to_pandas()
    classroom = furnish(BrandTables(**tables), weights)
    models = train_experiment(
        classroom, parameters, seed, raw_manifest["raw_data_hash"], brand_checkpoints
    )
    return with_reader(
        models, classroom.encoder, tables["brand_list"], tables["brand_snapshots"]
    ), *runs_and_history(models)


def score_brands(
    brand_models: dict[str, Any],
    brand_score_checkpoints: Any,
    parameters: BrandModellingParameters,
    **tables: Any,
) -> tuple[Parts, DataFrame, DataFrame, DataFrame]:
    """Score those who validate, and those who were never seen, with every run.

    Scores stream past in chunks of consumers: all consumers × brands are never held. Runs that
    were scored before are found again in ``brand_score_checkpoints``.

    Returns:
        ``brand_scored_pairs``, ``brand_score_totals``, ``brand_score_histograms``,
        ``brand_score_sample``.
    """
    from promo_kedro.pipelines.modelling.brands.classroom import BrandTables
    from promo_kedro.pipelines.modelling.brands.samples import score_samples
    from promo_kedro.pipelines.modelling.training import with_threads

    # As many threads for scores as for training: sums by other numbers differ in their last digits.
    with with_threads(parameters.compute):
        return score_samples(
            brand_models, BrandTables(**tables), parameters.scoring, brand_score_checkpoints
        )


def score_next_brands(
    brand_models: dict[str, Any],
    brand_features: Table,
    brand_history: Table,
    brand_next_list: DataFrame,
    brand_snapshots: DataFrame,
    parameters: BrandModellingParameters,
) -> tuple[Parts, DataFrame, DataFrame]:
    """Score all consumers for the coming period with the run in use.

    Returns:
        ``brand_next_pairs``, ``brand_next_totals``, ``brand_next_histograms``.

    Raises:
        InputError: The run in use was not trained, or it was trained to foretell other periods.
    """
    from promo_kedro.pipelines.modelling.brands.samples import score_next
    from promo_kedro.pipelines.modelling.training import with_threads

    with with_threads(parameters.compute):
        return score_next(
            brand_models,
            brand_features,
            brand_history,
            brand_next_list,
            brand_snapshots,
            parameters,
        )


def measure_brand_membership(
    brand_models: dict[str, Any], parameters: BrandModellingParameters, seed: int, **tables: Any
) -> DataFrame:
    """Compare the losses of those who trained with those of consumers never seen.

    Returns:
        ``brand_membership``: losses per run and stratum, without ids; and minus the reference's.
    """
    from promo_kedro.pipelines.modelling.brands.classroom import BrandTables
    from promo_kedro.pipelines.modelling.brands.membership_of_runs import membership_of_runs
    from promo_kedro.pipelines.modelling.training import with_threads

    with with_threads(parameters.compute):
        return membership_of_runs(brand_models, BrandTables(**tables), parameters.membership, seed)
