"""Every brand that may be foretold: how many buy it, whether it is approved, how popular it is.

Everything is counted on training consumers at training snapshots, so that neither consumers who
are never seen nor the steps of the test decide on a brand.
"""

import logging

import ibis
import numpy as np
import pandas as pd
from ibis.expr.types import Table

from promo_kedro.errors import InputError
from promo_kedro.pipelines.data_engineering.brands.parameters import (
    BrandDataParameters,
    StrataShares,
)
from promo_kedro.pipelines.data_engineering.wording import counted

logger = logging.getLogger(__name__)

# What cleaning writes for items without a brand: nothing to address anybody for.
NO_BRAND = "unknown"


def rows_to_train_on(
    table: Table, brand_consumers: pd.DataFrame, brand_snapshots: pd.DataFrame
) -> Table:
    """Keep the rows of training consumers at training snapshots."""
    training = brand_consumers.loc[brand_consumers["role"] == "training", ["customer_id"]]
    snapshots = brand_snapshots.loc[brand_snapshots["use"] == "train", ["snapshot"]]
    kept = table.semi_join(ibis.memtable(snapshots), "snapshot")
    return kept.semi_join(ibis.memtable(training), "customer_id")


def brands_of(
    features: Table,
    history: Table,
    purchases: Table,
    items: Table,
    approved: list[str] | None,
    parameters: BrandDataParameters,
) -> pd.DataFrame:
    """List the known brands, and those approved by name, the most bought first.

    Args:
        features: Rows to train on, one per consumer and snapshot.
        history: What they had bought before.
        purchases: What they bought in the horizon.
        items: item_id and brand of each item.
        approved: The retailer's own list; None: every brand with enough buyers.
        parameters: What is enough, and the shares of the strata.

    Returns:
        The columns of ``BrandList``. ``buyers`` counts consumers once per snapshot, and
        ``prevalence`` is their share of the rows to train on.

    Raises:
        InputError: When no brand is approved.
    """
    rows = features.count().to_pyarrow().as_py()
    buyers = _counts(purchases, "brand")
    earlier = history.filter(history.kind == "brand").select(brand="name").distinct()
    known = set(buyers.index) | set(earlier.to_pyarrow()["brand"].to_pylist())
    brands = pd.DataFrame({"brand": sorted(known | set(approved or []))})
    brands["items"] = brands["brand"].map(_counts(items, "brand"))
    brands["buyers"] = brands["brand"].map(buyers).fillna(0).astype("int64")
    # Sorted by name already, and a stable sort keeps that order among brands bought alike.
    brands = brands.sort_values("buyers", ascending=False, kind="stable", ignore_index=True)
    brands.insert(0, "position", np.arange(len(brands)))
    brands["prevalence"] = brands["buyers"] / max(rows, 1)
    brands["approved"] = (
        _with_enough_buyers(brands, parameters.min_buyers)
        if approved is None
        else brands["brand"].isin(approved)
    )
    brands["stratum"] = strata_of(brands["buyers"], parameters.strata)
    _report(brands, known, rows)
    return brands


def strata_of(buyers: pd.Series, shares: StrataShares) -> np.ndarray:
    """Name the stratum of brands in order of their buyers.

    A brand belongs to the stratum in which its first purchase falls when all purchases are laid
    side by side, so the most bought brand is always head.
    """
    before = buyers.cumsum() - buyers
    # Brands that no one bought stand behind all purchases, also where there are none at all.
    share = np.where(buyers > 0, before / max(int(buyers.sum()), 1), 1.0)
    bounds = [share < shares.head, share < shares.head + shares.mid]
    return np.select(bounds, ["head", "mid"], "niche")


def _counts(table: Table, column: str) -> pd.Series:
    counts = table.group_by(column).aggregate(n=table.count()).to_pandas()
    return counts.set_index(column)["n"]


def _with_enough_buyers(brands: pd.DataFrame, min_buyers: int) -> pd.Series:
    named = brands["brand"] != NO_BRAND
    enough = named & (brands["buyers"] >= min_buyers)
    if not enough.any():
        most = int(brands.loc[named, "buyers"].max()) if named.any() else 0
        raise InputError(
            f"transactions: none of {counted(int(named.sum()), 'brand')} was bought by "
            f"{counted(min_buyers, 'training consumer')} over the training snapshots, the most "
            f"bought by {most:,}; lower brand_data.min_buyers, or bring a file approved_brands"
        )
    return enough


def approve_anew(brand_list: pd.DataFrame, approved: list[str] | None) -> pd.DataFrame:
    """Approve other brands of a list that models were trained with.

    Args:
        brand_list: As in training; its order and all else stay.
        approved: The retailer's own list as it is now; None: approved as in training.

    Returns:
        The columns of ``BrandList``.
    """
    if approved is None:
        return brand_list
    now = brand_list["brand"].isin(approved)
    if (now != brand_list["approved"]).any():
        logger.info(
            "approved_brands: %s of the models are approved now, %s at their training",
            counted(int(now.sum()), "brand"),
            f"{int(brand_list['approved'].sum()):,}",
        )
    unknown = sorted(set(approved) - set(brand_list["brand"]))
    if unknown:
        logger.warning(
            "approved_brands: %s unknown to the saved models, such as %r, get no audience until "
            "models are trained again",
            counted(len(unknown), "brand"),
            unknown[0],
        )
    return brand_list.assign(approved=now)


def _report(brands: pd.DataFrame, known: set[str], rows: int) -> None:
    approved = brands[brands["approved"]]
    strata = approved["stratum"].value_counts()
    logger.info(
        "%s known from %s to train on; %s approved (%s)",
        counted(len(known), "brand"),
        counted(rows, "row"),
        f"{len(approved):,}",
        ", ".join(f"{strata.get(stratum, 0):,} {stratum}" for stratum in ("head", "mid", "niche")),
    )
    nobodys = int((approved["buyers"] == 0).sum())
    if nobodys:
        logger.warning(
            "%s of the approved without a buyer among the rows to train on: kept, with "
            "prevalence 0",
            counted(nobodys, "brand"),
        )
