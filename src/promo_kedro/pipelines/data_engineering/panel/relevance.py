"""Which consumer-items are worth a model: those bought in the training steps."""

import logging
from collections.abc import Sequence

import ibis
from ibis.expr.types import Table
from pandas import DataFrame

from promo_kedro.errors import InputError
from promo_kedro.pipelines.data_engineering.wording import counted

logger = logging.getLogger(__name__)


def items_of(items: Table, categories: Sequence[str]) -> Table:
    """Return the items of the chosen categories, and say how many others there are.

    The receipts of the others stay: they tell how a consumer shops.
    """
    chosen = items.filter(items.category.isin(categories))
    n_chosen, n_items = (table.count().to_pyarrow().as_py() for table in (chosen, items))
    if n_chosen < n_items:
        logger.info(
            "%s of %s in the chosen categories (%s) may be offered; receipts of all are read",
            f"{n_chosen:,}",
            counted(n_items, "item"),
            ", ".join(categories),
        )
    return chosen


def relevant_consumer_items(
    transactions: Table, items: Table, calendar: DataFrame, min_orders: int
) -> Table:
    """Find the consumer-items with enough orders in the training steps of each window.

    Args:
        transactions: Clean receipt lines with their step.
        items: Items that may be relevant, with their category.
        calendar: Windows, steps and splits.
        min_orders: Orders needed; the purchases of one day are one order.

    Returns:
        window, customer_id, item_id, category. Validation, test and later steps decide nothing.
    """
    training = ibis.memtable(calendar.loc[calendar["split"] == "train", ["window", "step"]])
    bought = transactions.inner_join(training, "step")
    ordered = bought.group_by("window", "customer_id", "item_id").aggregate(
        orders=bought.date.nunique()
    )
    enough = ordered.filter(ordered.orders >= min_orders).drop("orders")
    return enough.inner_join(items.select("item_id", "category"), "item_id").select(
        "window", "customer_id", "item_id", "category"
    )


def require_any(relevant: Table, min_orders: int) -> None:
    """Say how many relevant consumer-items each window has.

    Raises:
        InputError: When there is none.
    """
    by_window = relevant.group_by("window").aggregate(n=relevant.count()).order_by("window")
    counts = by_window.to_pyarrow().to_pylist()
    if not counts:
        raise InputError(
            "transactions, column item_id: 0 consumer-items were bought on at least "
            f"{counted(min_orders, 'day')} of the training steps; lower panel.min_orders, choose "
            "other categories, or bring receipts that cover the training steps"
        )
    for window in counts:
        n_relevant = counted(window["n"], "relevant consumer-item")
        logger.info("Window %d: %s", window["window"], n_relevant)
