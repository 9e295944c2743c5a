"""Whom the runs are asked about: those who validate, those never seen, and everyone next."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.brands.classroom import BrandTables
from promo_kedro.pipelines.modelling.brands.kept_scores import KeptScores, digest_of
from promo_kedro.pipelines.modelling.brands.parameters import (
    BrandModellingParameters,
    ScoringParameters,
)
from promo_kedro.pipelines.modelling.brands.reading import stream_inputs
from promo_kedro.pipelines.modelling.brands.records import reader_of, runs_of
from promo_kedro.pipelines.modelling.brands.scoring import Scored, score
from promo_kedro.pipelines.modelling.brands.trained_run import run_from_saved
from promo_kedro.pipelines.modelling.brands.variables import Encoder
from promo_kedro.types import Array, DataFrame, Table

Parts = Iterable[tuple[dict[str, str], DataFrame]]


def score_samples(
    brand_models: dict[str, Any], tables: BrandTables, parameters: ScoringParameters, store: Any
) -> tuple[Parts, DataFrame, DataFrame, DataFrame]:
    """Score two samples with every run that was not scored yet.

    Returns:
        Pairs, for a dataset to ask for one by one; totals, histograms and a sample of the scores.
    """
    encoder = reader_of(brand_models, tables.brand_list, tables.brand_snapshots)
    (test,) = tables.snapshots_for("test")
    snapshots = {"validation": tables.latest_training, "out_of_training": test}
    runs = runs_of(brand_models)
    kept = KeptScores(
        store,
        next(iter(runs.values()))["card"]["record"]["raw_data_hash"],
        parameters.model_dump(mode="json"),
        *(tables.brand_list, tables.brand_consumers, tables.brand_snapshots),
        *map(digest_of, (tables.brand_features, tables.brand_history, tables.brand_purchases)),
    )
    for sample, snapshot in snapshots.items():
        customers = tables.customers(sample)
        for name, saved in runs.items():
            told = f"{name}, {sample.replace('_', ' ')}"
            kept.keep(
                {"sample": sample, "run": name},
                saved,
                partial(_score, saved, tables, encoder, snapshot, customers, parameters, told),
            )
    totals, histograms, drawn = kept.small_tables()
    return kept.pairs(), totals, histograms, drawn


def _score(
    saved: dict[str, Any],
    tables: BrandTables,
    encoder: Encoder,
    snapshot: int,
    customers: Array,
    parameters: ScoringParameters,
    told: str,
) -> Scored:
    chunks = stream_inputs(
        tables.brand_features,
        tables.brand_history,
        tables.brand_purchases,
        encoder,
        snapshot,
        customers,
        parameters.consumers_per_chunk,
    )
    run = run_from_saved(saved)
    return score(run, chunks, tables.brand_list, parameters, len(customers), told)


def score_next(
    brand_models: dict[str, Any],
    features: Table,
    history: Table,
    brand_list: DataFrame,
    snapshots: DataFrame,
    parameters: BrandModellingParameters,
) -> tuple[Parts, DataFrame, DataFrame]:
    """Score everyone for the coming period with the run in use: pairs, totals, histograms."""
    runs = runs_of(brand_models)
    if parameters.in_use not in runs:
        raise InputError(
            f"brand_models has no run {parameters.in_use!r} (in_use); it has {', '.join(runs)}: "
            "run `kedro run --pipeline=brands`."
        )
    snapshot = int(snapshots.loc[snapshots["use"] == "next", "snapshot"].iloc[0])
    everyone = features.filter(features["snapshot"] == snapshot)["customer_id"].to_pandas()
    chunks = stream_inputs(
        features,
        history,
        None,
        reader_of(brand_models, brand_list, snapshots),
        snapshot,
        np.sort(everyone.to_numpy()),
        parameters.scoring.consumers_per_chunk,
    )
    done = score(
        run_from_saved(runs[parameters.in_use]),
        chunks,
        brand_list,
        parameters.scoring,
        len(everyone),
        f"{parameters.in_use}, coming period",
    )
    names = {"sample": "next", "run": parameters.in_use}
    tables = [frame.assign(**names) for frame in (done.totals, done.histograms)]
    totals, histograms = (table[[*names, *table.columns.drop([*names])]] for table in tables)
    return [(names, done.pairs)], totals, histograms
