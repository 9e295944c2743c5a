"""Whom the runs are asked about: those who validate, those never seen, and everyone next."""

from __future__ import annotations

from typing import Any

import numpy as np

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.brands.classroom import BrandTables
from promo_kedro.pipelines.modelling.brands.membership import membership_losses
from promo_kedro.pipelines.modelling.brands.parameters import (
    BrandModellingParameters,
    MembershipParameters,
    ScoringParameters,
)
from promo_kedro.pipelines.modelling.brands.reading import stream_inputs
from promo_kedro.pipelines.modelling.brands.records import reader_of, runs_of
from promo_kedro.pipelines.modelling.brands.scoring import Scored, score
from promo_kedro.pipelines.modelling.brands.trained_run import run_from_saved
from promo_kedro.pipelines.modelling.seeds import seed_for
from promo_kedro.types import DataFrame, Table

Parts = list[tuple[dict[str, str], DataFrame]]


def score_samples(
    brand_models: dict[str, Any], tables: BrandTables, parameters: ScoringParameters
) -> tuple[Parts, DataFrame, DataFrame, DataFrame]:
    """Score two samples with every run: pairs, totals, histograms and a sample of the scores."""
    encoder = reader_of(brand_models, tables.brand_list)
    (test,) = tables.snapshots_for("test")
    snapshots = {"validation": tables.latest_training, "out_of_training": test}
    scored = []
    for sample, snapshot in snapshots.items():
        for name, saved in runs_of(brand_models).items():
            chunks = stream_inputs(
                tables.brand_features,
                tables.brand_history,
                tables.brand_purchases,
                encoder,
                snapshot,
                tables.customers(sample),
                parameters.consumers_per_chunk,
            )
            done = score(
                run_from_saved(saved),
                chunks,
                tables.brand_list,
                parameters,
                len(tables.customers(sample)),
                f"{name}, {sample.replace('_', ' ')}",
            )
            scored.append(({"sample": sample, "run": name}, done))
    return _stacked(scored)


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
        reader_of(brand_models, brand_list),
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
    pairs, totals, histograms, _ = _stacked([({"sample": "next", "run": parameters.in_use}, done)])
    return pairs, totals, histograms


def membership_of_runs(
    brand_models: dict[str, Any], tables: BrandTables, parameters: MembershipParameters, seed: int
) -> DataFrame:
    """Losses of those who trained and of those never seen, at the same snapshot, per run."""
    import pandas as pd

    encoder = reader_of(brand_models, tables.brand_list)
    members, strangers = (
        tables.read(encoder, [tables.latest_training], role)
        for role in ("training", "out_of_training")
    )
    losses = []
    for name, saved in runs_of(brand_models).items():
        run = run_from_saved(saved)
        found = membership_losses(
            run, members, strangers, tables.brand_list, parameters, seed_for(seed, "membership")
        )
        losses.append(found.assign(run=name))
    return pd.concat(losses, ignore_index=True)[["run", "stratum", "member", "loss"]]


def _stacked(
    scored: list[tuple[dict[str, str], Scored]],
) -> tuple[Parts, DataFrame, DataFrame, DataFrame]:
    """Pairs as parts, for they are many; the rest as tables, sample and run in front."""
    import pandas as pd

    def stack(part: str) -> DataFrame:
        frames = [getattr(done, part).assign(**names) for names, done in scored]
        table = pd.concat(frames, ignore_index=True)
        return table[[*scored[0][0], *table.columns.drop([*scored[0][0]])]]

    parts = [(names, done.pairs) for names, done in scored]
    return parts, stack("totals"), stack("histograms"), stack("sample")
