"""Profiles of items: how popular and how often reordered each one was, before a step."""

from ibis.expr.types import Table

from promo_kedro.pipelines.data_engineering.history import (
    attach,
    every_step,
    first_step_before,
    last_step_before,
    sum_before,
    within,
)
from promo_kedro.pipelines.data_engineering.panel.panel import purchases
from promo_kedro.pipelines.data_engineering.parameters import PanelParameters
from promo_kedro.pipelines.data_engineering.whole_numbers import ratio, total

DESCRIPTIONS = {
    "item_steps_since_first_order": "Steps since anyone first bought the item; 0: nobody yet",
    "item_steps_since_last_order": "Steps since anyone last bought the item; 0: nobody yet",
    "item_reorder_rate": "Share of the item's purchases so far that repeat an earlier one",
}


def lagged_descriptions(parameters: PanelParameters) -> dict[str, str]:
    """Describe the rolling features of items."""
    return {
        f"item_buyers_mean_{lag.steps}": (
            f"Mean consumers per step who bought the item, over the {lag.steps} steps before"
        )
        for lag in parameters.lag_windows
    }


def item_profiles(
    transactions: Table, relevant: Table, steps: range, parameters: PanelParameters
) -> Table:
    """Profile each item before each step.

    Returns:
        item_id, step and the features of the item.
    """
    bought = purchases(within(transactions, steps))
    first = bought.group_by("customer_id", "item_id").aggregate(first=bought.step.min())
    bought = bought.inner_join(first, ["customer_id", "item_id"])
    sold = bought.group_by("item_id", "step").aggregate(
        buyers=bought.count(), repeats=total(bought.step > bought["first"])
    )
    dense = attach(
        every_step(relevant.select("item_id").distinct(), steps), sold, "item_id", "step"
    )
    dense = dense.fill_null({"buyers": 0, "repeats": 0})
    key = "item_id"
    known = dense.select(
        key,
        "step",
        purchases=sum_before(dense.buyers, key),
        repeats=sum_before(dense.repeats, key),
        first=first_step_before(dense.buyers, dense.step, key),
        last=last_step_before(dense.buyers, dense.step, key),
        **{
            f"item_buyers_mean_{lag.steps}": sum_before(dense.buyers, key, steps=lag.steps)
            / lag.steps
            for lag in parameters.lag_windows
        },
    )
    return known.select(
        key,
        "step",
        item_steps_since_first_order=known.step - known["first"],
        item_steps_since_last_order=known.step - known["last"],
        item_reorder_rate=ratio(known.repeats, known.purchases),
        **{name: known[name] for name in lagged_descriptions(parameters)},
    )
