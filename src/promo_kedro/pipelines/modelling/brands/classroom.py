"""What all runs of the experiment learn from: who trains, who validates, and at which snapshots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs
from promo_kedro.pipelines.modelling.brands.reading import read_inputs, rows_of
from promo_kedro.pipelines.modelling.brands.variables import (
    STEPS_REMEMBERED,
    Encoder,
    fit_encoder,
)
from promo_kedro.types import Array, DataFrame, Table


@dataclass(frozen=True)
class BrandTables:
    """What data_engineering says of consumers and brands.

    Attributes:
        brand_features: `brand_features`.
        brand_history: `brand_history`.
        brand_purchases: `brand_purchases`.
        brand_list: Every brand, in the order of the scores' columns.
        brand_consumers: The consumers' roles.
        brand_snapshots: When features end.
    """

    brand_features: Table
    brand_history: Table
    brand_purchases: Table
    brand_list: DataFrame
    brand_consumers: DataFrame
    brand_snapshots: DataFrame

    def snapshots_for(self, use: str) -> list[int]:
        """Snapshots of one use, oldest first."""
        chosen = self.brand_snapshots.loc[self.brand_snapshots["use"] == use, "snapshot"]
        return sorted(int(snapshot) for snapshot in chosen)

    @property
    def latest_training(self) -> int:
        """The snapshot at which consumers validate."""
        return self.snapshots_for("train")[-1]

    @property
    def history_steps(self) -> int:
        """How many steps before a snapshot histories reach back, at most."""
        reach = self.brand_snapshots["snapshot"] - self.brand_snapshots["history_from"]
        cut_by_the_data = self.brand_snapshots["history_from"] == 0
        return int(reach[~cut_by_the_data].max()) if not cut_by_the_data.all() else STEPS_REMEMBERED

    def customers(self, role: str) -> Array:
        """Ids of the consumers in a role, ascending."""
        chosen = self.brand_consumers.loc[self.brand_consumers["role"] == role, "customer_id"]
        return np.sort(chosen.to_numpy())

    def read(self, encoder: Encoder, snapshots: list[int], role: str) -> BrandInputs:
        """The consumers in a role at some snapshots."""
        return read_inputs(
            self.brand_features,
            self.brand_history,
            self.brand_purchases,
            encoder,
            snapshots,
            self.customers(role),
        )


@dataclass(frozen=True)
class Classroom:
    """The same consumers and snapshots for every run.

    Attributes:
        encoder: Fitted on those who train.
        training: Training consumers at all training snapshots.
        validation: Validating consumers at the latest of them.
        brand_list: Every brand.
        custom_weights: What the retailer brought as weights of brands, if anything.
    """

    encoder: Encoder
    training: BrandInputs
    validation: BrandInputs
    brand_list: DataFrame
    custom_weights: DataFrame | None


def furnish(tables: BrandTables, custom_weights: DataFrame | None) -> Classroom:
    """Read what the runs learn from.

    Levels and vocabularies are those of the training consumers at the latest training snapshot.
    """
    latest = tables.latest_training
    learners = tables.customers("training")

    def known(table: Table) -> DataFrame:
        return rows_of(table, [latest], learners).to_pandas()

    encoder = fit_encoder(
        known(tables.brand_features),
        known(tables.brand_history),
        tables.brand_list,
        tables.history_steps,
    )
    return Classroom(
        encoder,
        tables.read(encoder, tables.snapshots_for("train"), "training"),
        tables.read(encoder, [latest], "validation"),
        tables.brand_list,
        custom_weights,
    )
