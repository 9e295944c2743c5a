"""Profiles of consumer-items: first and last order, gaps, reorders and streaks, before a step."""

import ibis
from ibis.expr.types import Table, Value

from promo_kedro.pipelines.data_engineering.history import (
    before,
    first_step_before,
    last_step_before,
    mean_gap,
    sum_before,
)
from promo_kedro.pipelines.data_engineering.whole_numbers import ratio

KEYS = ("customer_id", "item_id")

DESCRIPTIONS = {
    "steps_since_first_order": "Steps since the consumer first bought the item; 0: never",
    "steps_since_last_order": "Steps since the consumer last bought the item; 0: never",
    "mean_gap": "Mean steps between the consumer's orders of the item; 0: under two orders",
    "orders": "Steps so far in which the consumer bought the item; 0: never ordered",
    "reorder_frequency": "Orders of the item per step since the first; 0: never",
    "reorder_rate": (
        "Share of the steps in which the consumer shopped, after the first order of the item, "
        "that hold the item again"
    ),
    "streak": "Steps in a row, up to the last one, in which the consumer bought the item",
    "mean_cart_position": (
        "Mean position of the item in the consumer's carts so far; 0: not in the data"
    ),
}


def windows_of(cells: Table, first_step: int) -> dict[str, Value]:
    """Return what has to be known of each cell's past, one window expression each.

    Args:
        cells: Panel cells with ``active_steps`` of the consumer, and the number
            (``positions``) and sum (``position_sum``) of known cart positions.
        first_step: The oldest step of the panel.
    """
    is_skipped = (cells.purchased == 0).cast("int8")
    active_at_order = ibis.cases((cells.purchased > 0, cells.active_steps))
    return {
        "order_count": sum_before(cells.purchased, *KEYS),
        "first": first_step_before(cells.purchased, cells.step, *KEYS),
        "last": last_step_before(cells.purchased, cells.step, *KEYS),
        "skipped": last_step_before(is_skipped, cells.step, *KEYS).fill_null(first_step - 1),
        "active_at_first": active_at_order.min().over(before(*KEYS)),
        "position_total": sum_before(cells.position_sum, *KEYS),
        "position_count": sum_before(cells.positions, *KEYS),
    }


def features_of(known: Table) -> dict[str, Value]:
    """Return the features, named as in ``DESCRIPTIONS``, from what ``windows_of`` found."""
    orders, first, last = known.order_count, known["first"], known["last"]
    # The first order itself was one of the consumer's shopping steps.
    chances = known.active_steps - known.active_at_first - 1
    return {
        "steps_since_first_order": known.step - first,
        "steps_since_last_order": known.step - last,
        "mean_gap": mean_gap(first, last, orders),
        "orders": orders,
        "reorder_frequency": ratio(orders, known.step - first),
        "reorder_rate": ratio(orders - 1, chances),
        "streak": known.step - 1 - known.skipped,
        "mean_cart_position": ratio(known.position_total, known.position_count),
    }
