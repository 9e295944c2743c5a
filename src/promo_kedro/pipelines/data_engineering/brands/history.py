"""What each consumer bought of a brand, a category and an item before a snapshot."""

import ibis
import pandas as pd
from ibis.expr.types import Table

from promo_kedro.pipelines.data_engineering.brands.snapshots import steps_before
from promo_kedro.pipelines.data_engineering.whole_numbers import total

NAME_OF_KIND = {"brand": "brand", "category": "category", "item": "item_id"}
ORDER = ("snapshot", "customer_id", "kind", "name")


def history_of(
    transactions: Table, items: Table, snapshots: pd.DataFrame, quarter_steps: int
) -> Table:
    """Count the steps and receipt lines in which each brand, category and item was bought.

    Args:
        transactions: Receipt lines; of their columns customer_id, item_id and step are read.
        items: item_id, brand and category of each item.
        snapshots: snapshot and history_from; whatever else they have is not read.
        quarter_steps: The latest steps to be counted once more by themselves.

    Returns:
        The columns of ``BrandHistory``, in order of snapshot, customer_id, kind and name.
    """
    return ibis.union(
        *(
            bought_before(transactions, items, snapshots, kind, quarter_steps)
            for kind in NAME_OF_KIND
        )
    ).order_by(*ORDER)


def bought_before(
    transactions: Table, items: Table, snapshots: pd.DataFrame, kind: str, quarter_steps: int
) -> Table:
    """Count by one kind of name, in no order."""
    described = items.select("item_id", "brand", "category")
    lines = transactions.select("customer_id", "item_id", "step").inner_join(described, "item_id")
    lines = lines.rename(name=NAME_OF_KIND[kind])
    by_step = lines.group_by("customer_id", "step", "name").aggregate(lines=lines.count())
    past = steps_before(snapshots)
    seen = by_step.inner_join(past.filter(past.in_history), "step")
    bought = seen.group_by("snapshot", "customer_id", "name").aggregate(
        steps_bought=seen.count(),
        steps_bought_year=seen.count(where=seen.in_year),
        steps_bought_quarter=seen.count(where=seen.steps_ago <= quarter_steps),
        steps_since=seen.steps_ago.min(),
        lines=total(seen["lines"]),
    )
    # Text only now: numbers are quicker to group by.
    named = bought.mutate(kind=ibis.literal(kind), name=bought.name.cast("string"))
    return named.relocate("kind", before="name")
