"""Prices and promotions: today's price against its past levels, the offer now and before."""

import ibis
from ibis.expr.types import Table, Value

from promo_kedro.pipelines.data_engineering.history import (
    attach,
    before,
    every_step,
    sum_before,
    within,
)
from promo_kedro.pipelines.data_engineering.whole_numbers import in_hundredths, ratio, total

OFFER_INPUT = "offer_percent"

DESCRIPTIONS = {
    OFFER_INPUT: "Offer percent of the cell in this step, 0 to 100",
    "relative_price_item": (
        "Log of the list price over the item's mean list price before; 0: at that level or unknown"
    ),
    "relative_price_category": (
        "Log of the list price over the category's mean list price before; 0: as above"
    ),
    "offer_percent_last": "Offer percent of the cell in the step before",
    "steps_since_last_offer": "Steps since the cell's last offer above 0; 0: none yet",
}


def price_levels(transactions: Table, items: Table, relevant: Table, steps: range) -> Table:
    """Find the mean list price, in cents, over all receipt lines before each step.

    Returns:
        item_id, step, item_price, category_price; null before the first line.
    """
    lines = within(transactions, steps).select("item_id", "step", "list_price")
    lines = lines.inner_join(items.select("item_id", "category"), "item_id")
    of_items = relevant.select("item_id", "category").distinct()
    by_item = _mean_price_before(lines, of_items.select("item_id"), steps, "item")
    by_category = _mean_price_before(
        lines, of_items.select("category").distinct(), steps, "category"
    )
    levels = attach(by_item.inner_join(of_items, "item_id"), by_category, "category", "step")
    return levels.select("item_id", "step", "item_price", "category_price")


def _mean_price_before(lines: Table, keys: Table, steps: range, name: str) -> Table:
    (key,) = keys.columns
    summed = lines.group_by(key, "step").aggregate(
        lines=lines.count(), price=total(in_hundredths(lines.list_price))
    )
    dense = attach(every_step(keys, steps), summed, key, "step")
    known = dense.select(
        key,
        "step",
        lines=sum_before(dense.lines.fill_null(0), key),
        price=sum_before(dense.price.fill_null(0), key),
    )
    return known.select(key, "step", ratio(known.price, known.lines).name(f"{name}_price"))


def windows_of(cells: Table) -> dict[str, Value]:
    """Return what has to be known of each cell's past offers, one window expression each."""
    earlier = before("customer_id", "item_id")
    latest = before("customer_id", "item_id", steps=1)
    return {
        "offer_percent_last": cells.offer_percent.max().over(latest),
        "last_offer_step": ibis.cases((cells.offer_percent > 0, cells.step)).max().over(earlier),
    }


def features_of(cells: Table) -> dict[str, Value]:
    """Return the features, named as in ``DESCRIPTIONS``."""
    # A free item has no level to compare with; its relative price is null.
    price = in_hundredths(cells.list_price).nullif(0).cast("float64")
    return {
        OFFER_INPUT: cells.offer_percent,
        "relative_price_item": (price / cells.item_price.nullif(0)).ln(),
        "relative_price_category": (price / cells.category_price.nullif(0)).ln(),
        "offer_percent_last": cells.offer_percent_last,
        "steps_since_last_offer": cells.step - cells.last_offer_step,
    }
