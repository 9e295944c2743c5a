"""What was bought in the steps that a snapshot foretells."""

import pandas as pd
from ibis.expr.types import Table

from promo_kedro.pipelines.data_engineering.brands.snapshots import steps_foretold


def purchases_of(
    transactions: Table, items: Table, snapshots: pd.DataFrame, horizon_steps: int
) -> Table:
    """List the brands that each consumer bought in the horizon, newcomers included.

    Returns:
        The columns of ``BrandPurchases``, each row once; none at ``next``.
    """
    lines = transactions.select("customer_id", "item_id", "step")
    lines = lines.inner_join(steps_foretold(snapshots, horizon_steps), "step")
    lines = lines.inner_join(items.select("item_id", "brand"), "item_id")
    return lines.select("snapshot", "customer_id", "brand").distinct()


def of_asked(purchases: Table, features: Table) -> Table:
    """Keep the purchases of consumers who are asked about: newcomers have no features.

    Returns:
        The columns of ``BrandPurchases``, in order of snapshot, customer_id and brand.
    """
    asked = features.select("snapshot", "customer_id")
    kept = purchases.semi_join(asked, ["snapshot", "customer_id"])
    return kept.order_by("snapshot", "customer_id", "brand")
