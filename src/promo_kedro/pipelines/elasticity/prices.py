"""What a purchase of each consumer-item is worth: the item's latest price × its usual quantity."""

from promo_kedro.errors import InputError
from promo_kedro.types import DataFrame, Table

CONSUMER_ITEM = ["customer_id", "item_id"]


def latest_unit_prices(transactions: Table) -> DataFrame:
    """Return each item's mean unit list price on the last day it was sold: item_id, unit_price."""
    last_day = transactions.date.max().over(group_by="item_id")
    lines = transactions.mutate(last_day=last_day)
    lines = lines.filter(lines.date == lines.last_day)
    cents = (lines.list_price * 100).round().cast("int64")
    sums = lines.group_by("item_id").aggregate(cents=cents.sum(), lines=cents.count())
    table = sums.to_pandas()
    table["unit_price"] = (table["cents"] / table["lines"] / 100).round(2)
    return table[["item_id", "unit_price"]]


def usual_quantities(transactions: Table, consumer_items: Table) -> DataFrame:
    """Return each consumer-item's mean quantity per step with a purchase."""
    pairs = consumer_items.select(*CONSUMER_ITEM).distinct()
    lines = transactions.filter(transactions.step >= 0).semi_join(pairs, CONSUMER_ITEM)
    sums = lines.group_by(CONSUMER_ITEM).aggregate(
        units=lines.quantity.sum(), purchases=lines.step.nunique()
    )
    table = sums.to_pandas()
    table["quantity"] = table["units"].astype("float64") / table["purchases"]
    return table[[*CONSUMER_ITEM, "quantity"]]


def purchase_prices(consumer_items: Table, transactions: Table) -> DataFrame:
    """Price a purchase of each consumer-item.

    Returns:
        customer_id, item_id, unit_price, quantity, price = unit_price · quantity.

    Raises:
        InputError: a consumer-item has no purchase to learn its price or quantity from.
    """
    pairs = consumer_items.select(*CONSUMER_ITEM).distinct().order_by(CONSUMER_ITEM).to_pandas()
    table = pairs.merge(usual_quantities(transactions, consumer_items), how="left")
    table = table.merge(latest_unit_prices(transactions), how="left", on="item_id")
    missing = int(table[["quantity", "unit_price"]].isna().any(axis=1).sum())
    if missing:
        raise InputError(
            f"transactions hold no purchase of {missing:,} of {len(table):,} rows of "
            "relevant_consumer_items; the two come from different runs: run `kedro run`."
        )
    return table.assign(price=(table["unit_price"] * table["quantity"]).round(2))[
        [*CONSUMER_ITEM, "unit_price", "quantity", "price"]
    ]
