"""The attack on membership brought to the trained runs: whom it asks about, and when."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from promo_kedro.pipelines.modelling.brands.classroom import BrandTables
from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs
from promo_kedro.pipelines.modelling.brands.membership import membership_losses
from promo_kedro.pipelines.modelling.brands.parameters import MembershipParameters
from promo_kedro.pipelines.modelling.brands.reading import read_inputs
from promo_kedro.pipelines.modelling.brands.records import reader_of, runs_of
from promo_kedro.pipelines.modelling.brands.trained_run import run_from_saved
from promo_kedro.pipelines.modelling.brands.variables import Encoder
from promo_kedro.pipelines.modelling.seeds import seed_for
from promo_kedro.types import Array, DataFrame

logger = logging.getLogger(__name__)

SIMPLE_MODELS = ("bau", "popularity")
"""What may stand for how hard a consumer is to foretell, the better one first."""


def membership_of_runs(
    brand_models: dict[str, Any], tables: BrandTables, parameters: MembershipParameters, seed: int
) -> DataFrame:
    """Return the losses of those who trained and of those never seen, for each run.

    Args:
        brand_models: The runs and their reader.
        tables: Consumers, brands and snapshots.
        parameters: At most how many consumers of each kind are asked about.
        seed: Of their draw.
    """
    saved = runs_of(brand_models)
    records = {name: run["card"]["record"] for name, run in saved.items()}
    reference = reference_among(records)
    if reference is None:
        logger.info(
            "Brands: there is neither a bau nor a popularity run to compare losses with; the "
            "attack on membership takes losses as they are."
        )
    asked = drawn_consumers(tables, parameters.max_consumers, seed_for(seed, "membership"))
    encoder = reader_of(brand_models, tables.brand_list, tables.brand_snapshots)
    looks = _looks(encoder, tables, asked)
    runs = {name: run_from_saved(run).logit for name, run in saved.items()}
    snapshots = {name: _learnt_from(record, tables) for name, record in records.items()}
    return membership_losses(runs, snapshots, reference, looks, asked, tables.brand_list)


def reference_among(records: dict[str, dict[str, Any]]) -> str | None:
    """Return the name of the run to compare with: bau, else popularity, if there is one."""
    named = {record["model"]: name for name, record in reversed(records.items())}
    return next((named[model] for model in SIMPLE_MODELS if model in named), None)


def drawn_consumers(tables: BrandTables, at_most: int, seed: int) -> DataFrame:
    """Return ``customer_id`` and ``member`` of those asked about, in random order.

    Only who has a row at a training snapshot counts: nothing was to be learnt of the others.
    """
    random = np.random.default_rng(seed)
    features = tables.brand_features
    within = features["snapshot"].isin(tables.snapshots_for("train"))
    there = features.filter(within).select("customer_id").distinct().to_pandas()["customer_id"]

    def draw(role: str) -> Array:
        return random.permutation(np.intersect1d(tables.customers(role), there))[:at_most]

    members, strangers = draw("training"), draw("out_of_training")
    return pd.DataFrame(
        {
            "customer_id": np.concatenate([members, strangers]),
            "member": np.repeat([True, False], [len(members), len(strangers)]),
        }
    )


def _looks(encoder: Encoder, tables: BrandTables, asked: DataFrame) -> Iterator[BrandInputs]:
    """Read those asked about, one training snapshot after the other."""
    for snapshot in tables.snapshots_for("train"):
        yield read_inputs(
            tables.brand_features,
            tables.brand_history,
            tables.brand_purchases,
            encoder,
            [snapshot],
            asked["customer_id"].to_numpy(),
        )


def _learnt_from(record: dict[str, Any], tables: BrandTables) -> set[int]:
    """Return the snapshots that a run was trained on."""
    latest = json.loads(record["parameters"]).get("snapshots") == "latest"
    return {tables.latest_training} if latest else set(tables.snapshots_for("train"))
