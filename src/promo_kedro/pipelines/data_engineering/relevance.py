"""Which consumer-items are worth a model: those bought in the training steps."""

import ibis
from ibis.expr.types import Table
from pandas import DataFrame


def relevant_consumer_items(
    transactions: Table, items: Table, calendar: DataFrame, min_orders: int
) -> Table:
    """Find the consumer-items with enough orders in the training steps of each window.

    Args:
        transactions: Clean receipt lines with their step.
        items: Items with their category.
        calendar: Windows, steps and splits.
        min_orders: Orders needed; the purchases of one day are one order.

    Returns:
        window, customer_id, item_id, category. Validation, test and later steps decide nothing.
    """
    training = ibis.memtable(calendar.loc[calendar["split"] == "train", ["window", "step"]])
    bought = transactions.inner_join(training, "step")
    counted = bought.group_by("window", "customer_id", "item_id").aggregate(
        orders=bought.date.nunique()
    )
    enough = counted.filter(counted.orders >= min_orders).drop("orders")
    return enough.inner_join(items.select("item_id", "category"), "item_id").select(
        "window", "customer_id", "item_id", "category"
    )
