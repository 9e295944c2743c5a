"""Which consumer-items are worth a model: those bought in the training steps."""

import logging

import ibis
from ibis.expr.types import Table
from pandas import DataFrame

from promo_kedro.errors import InputError

logger = logging.getLogger(__name__)


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


def require_any(relevant: Table, min_orders: int) -> None:
    """Say how many relevant consumer-items each window has.

    Raises:
        InputError: When there is none.
    """
    counted = relevant.group_by("window").aggregate(n=relevant.count()).order_by("window")
    counts = counted.to_pyarrow().to_pylist()
    if not counts:
        raise InputError(
            "transactions, column item_id: 0 consumer-items were bought on at least "
            f"{min_orders} days of the training steps; lower panel.min_orders, or bring "
            "receipts that cover the training steps"
        )
    for window in counts:
        logger.info("Window %d: %s relevant consumer-items", window["window"], f"{window['n']:,}")
