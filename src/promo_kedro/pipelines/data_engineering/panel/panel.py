"""The panel: what each relevant consumer-item bought in each step, and what was on offer.

A receipt shows an offer only when the item is bought, so a cell's own receipt may never fill its
offer or price: the column would be a copy of the label. Offers come from the offer log; without
one, from other consumers' receipts. The consumer of the cell is left out at every fallback.
"""

import ibis
from ibis.expr.types import IntegerValue, Table

from promo_kedro.pipelines.data_engineering.history import attach, before, every_step, within
from promo_kedro.pipelines.data_engineering.whole_numbers import (
    from_hundredths,
    in_hundredths,
    rounded_mean,
    total,
)

CELL = ("customer_id", "item_id", "step")
# Larger than any price in cents or offer in basis points; keeps (step, value) in one int64.
PACKING = 10**12


def purchases(transactions: Table) -> Table:
    """Sum the receipt lines of each consumer, item and step, in whole cents and basis points."""
    return transactions.group_by(*CELL).aggregate(
        quantity=total(transactions.quantity),
        lines=transactions.count(),
        offer=total(in_hundredths(transactions.offer_percent)),
        price=total(in_hundredths(transactions.list_price)),
    )


def panel_of(
    transactions: Table, items: Table, offers: Table, relevant: Table, steps: range
) -> Table:
    """Build the panel.

    Args:
        transactions: Clean receipt lines with their step.
        items: Items with their category.
        offers: The offer log; 0 rows when there is none.
        relevant: The consumer-items of all windows.
        steps: The steps of the panel, the last of which is ``next``.

    Returns:
        One row per relevant consumer-item and step. Offer percent and list price are, in this
        order: what the log says (offers only); the mean of other consumers' receipt lines of the
        item in that step; the last of these before that step; the mean of other consumers' lines
        in the category in that step; 0 (a price: null). ``purchased`` and ``quantity`` are null
        at ``next``.
    """
    bought = purchases(within(transactions, steps))
    consumer_items = relevant.select("customer_id", "item_id", "category").distinct()
    cells = attach(every_step(consumer_items, steps), bought, *CELL)
    # The log holds offers of every consumer and item; the panel needs a small part of it.
    of_panel = offers.semi_join(consumer_items, ["customer_id", "item_id"])
    cells = attach(cells, logged_offers(of_panel), *CELL)
    cells = _with_others(cells, bought, items)
    cells = _with_latest_known(cells)
    is_past = cells.step < steps[-1]
    return cells.select(
        *CELL,
        "category",
        purchased=ibis.cases((is_past, cells.lines.notnull().cast("int8"))),
        quantity=ibis.cases((is_past, cells.quantity.fill_null(0))),
        list_price=from_hundredths(
            ibis.coalesce(cells.known_price, cells.latest_price, cells.category_price)
        ),
        offer_percent=from_hundredths(
            ibis.coalesce(cells.known_offer, cells.latest_offer, cells.category_offer, 0)
        ),
        offer_known=cells.known_offer.notnull(),
    )


def logged_offers(offers: Table) -> Table:
    """Return the logged offer of each cell in basis points; the mean if logged repeatedly."""
    logged = offers.group_by(*CELL).aggregate(
        sum_logged=total(in_hundredths(offers.offer_percent)), n_logged=offers.count()
    )
    return logged.select(*CELL, logged_offer=rounded_mean(logged.sum_logged, logged.n_logged))


def _with_others(cells: Table, bought: Table, items: Table) -> Table:
    """Add what others' receipts show: of the item in that step, and of its category."""
    by_category = bought.inner_join(items.select("item_id", "category"), "item_id")
    sums = [
        (_summed(bought, "item", "item_id", "step"), ("item_id", "step")),
        (_summed(by_category, "all", "category", "step"), ("category", "step")),
        (
            _summed(by_category, "own", "customer_id", "category", "step"),
            ("customer_id", "category", "step"),
        ),
    ]
    for table, keys in sums:
        cells = attach(cells, table, *keys)

    def others(everyone: str, self: str, amount: str) -> IntegerValue:
        summed, lines = (
            cells[f"{everyone}{name}"].fill_null(0) - cells[f"{self}{name}"].fill_null(0)
            for name in (amount, "lines")
        )
        return rounded_mean(summed, lines)

    return cells.select(
        *CELL,
        "category",
        "lines",
        "quantity",
        known_offer=ibis.coalesce(cells.logged_offer, others("item_", "", "offer")),
        known_price=others("item_", "", "price"),
        category_offer=others("all_", "own_", "offer"),
        category_price=others("all_", "own_", "price"),
    )


def _summed(bought: Table, prefix: str, *keys: str) -> Table:
    return bought.group_by(*keys).aggregate(
        **{f"{prefix}_{name}": total(bought[name]) for name in ("lines", "offer", "price")}
    )


def _with_latest_known(cells: Table) -> Table:
    """Carry each known offer and price forward: the largest packed (step, value) is the last."""
    earlier = before("customer_id", "item_id")

    def latest(known: IntegerValue) -> IntegerValue:
        return (cells.step * PACKING + known).max().over(earlier) % PACKING

    return cells.mutate(
        latest_offer=latest(cells.known_offer), latest_price=latest(cells.known_price)
    )
