"""Clean tables → snapshots and roles → features, history and purchases → the list of brands."""

import logging
from typing import Any

from promo_kedro.pipelines.data_engineering.brands.parameters import BrandDataParameters
from promo_kedro.pipelines.data_engineering.wording import counted
from promo_kedro.types import DataFrame, Table

logger = logging.getLogger(__name__)


def make_brand_snapshots(
    raw_manifest: dict[str, Any], parameters: BrandDataParameters
) -> DataFrame:
    """Choose the steps at which consumers are looked at.

    Raises:
        InputError: When the data are too short for one training snapshot.
    """
    from promo_kedro.pipelines.data_engineering.brands.snapshots import snapshots_of
    from promo_kedro.pipelines.data_engineering.steps import known_calendar

    return snapshots_of(*known_calendar(raw_manifest), parameters)


def split_brand_consumers(
    consumers: Table, parameters: BrandDataParameters, seed: int
) -> DataFrame:
    """Deal consumers into those who train, who validate and who are never seen.

    Raises:
        InputError: When a role stays empty.
    """
    from promo_kedro.pipelines.data_engineering.brands.roles import roles_of

    return roles_of(consumers, parameters.roles, seed)


def make_brand_features(
    transactions: Table,
    items: Table,
    consumers: Table,
    brand_snapshots: DataFrame,
    parameters: BrandDataParameters,
) -> Table:
    """Describe every consumer before every snapshot."""
    from promo_kedro.pipelines.data_engineering.brands.features import features_of

    return features_of(transactions, items, consumers, brand_snapshots, parameters)


def make_brand_history(
    transactions: Table,
    items: Table,
    brand_snapshots: DataFrame,
    parameters: BrandDataParameters,
) -> list[tuple[dict[str, str], Table]]:
    """Count what every consumer bought before every snapshot.

    Returns:
        A part of ``brand_history`` for each snapshot: all at once take the memory of all.
    """
    from promo_kedro.pipelines.data_engineering.brands.history import history_of

    return [
        (
            {"snapshot": str(snapshot)},
            history_of(
                transactions,
                items,
                brand_snapshots[brand_snapshots["snapshot"] == snapshot],
                parameters.quarter_steps,
            ).drop("snapshot"),
        )
        for snapshot in brand_snapshots["snapshot"]
    ]


def make_brand_purchases(
    transactions: Table,
    items: Table,
    brand_features: Table,
    brand_snapshots: DataFrame,
    parameters: BrandDataParameters,
) -> Table:
    """List what the described consumers bought in the steps that snapshots foretell."""
    from promo_kedro.pipelines.data_engineering.brands.purchases import of_asked, purchases_of

    bought = purchases_of(transactions, items, brand_snapshots, parameters.horizon_steps)
    kept = of_asked(bought, brand_features)
    n_bought, n_kept = (table.count().to_pyarrow().as_py() for table in (bought, kept))
    logger.info(
        "%s of a brand by a consumer in a horizon, without %s of newcomers whom nobody knew before",
        counted(n_kept, "purchase"),
        f"{n_bought - n_kept:,}",
    )
    return kept


def approve_next_brands(
    brand_list: DataFrame, items: Table, approved_brands: Table | None
) -> DataFrame:
    """Approve brands for the coming period by the list as it is now; without one, as in training.

    Raises:
        InputError: When the retailer's list cannot be used.
    """
    from promo_kedro.pipelines.data_engineering.brands.allowlist import approved_by_name
    from promo_kedro.pipelines.data_engineering.brands.brand_list import approve_anew

    sold = items.select("brand").distinct().to_pyarrow()["brand"].to_pylist()
    return approve_anew(brand_list, approved_by_name(approved_brands, sold))


def list_brands(
    brand_features: Table,
    brand_history: Table,
    brand_purchases: Table,
    brand_consumers: DataFrame,
    brand_snapshots: DataFrame,
    items: Table,
    approved_brands: Table | None,
    parameters: BrandDataParameters,
) -> DataFrame:
    """List the brands by support among training consumers, and say which are approved.

    Raises:
        InputError: When the retailer's list cannot be used, or no brand has enough buyers.
    """
    from promo_kedro.pipelines.data_engineering.brands.allowlist import approved_by_name
    from promo_kedro.pipelines.data_engineering.brands.brand_list import (
        brands_of,
        rows_to_train_on,
    )

    sold = items.select("brand").distinct().to_pyarrow()["brand"].to_pylist()
    approved = approved_by_name(approved_brands, sold)
    features, history, purchases = (
        rows_to_train_on(table, brand_consumers, brand_snapshots)
        for table in (brand_features, brand_history, brand_purchases)
    )
    return brands_of(features, history, purchases, items, approved, parameters)
