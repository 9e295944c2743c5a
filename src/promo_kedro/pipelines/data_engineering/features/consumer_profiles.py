"""Profiles of consumers: how often, how much and how faithfully each one shops, before a step."""

from ibis.expr.types import Table

from promo_kedro.pipelines.data_engineering.history import (
    attach,
    every_step,
    first_step_before,
    last_step_before,
    mean_gap,
    sum_before,
    within,
)
from promo_kedro.pipelines.data_engineering.panel.panel import purchases
from promo_kedro.pipelines.data_engineering.parameters import PanelParameters
from promo_kedro.pipelines.data_engineering.whole_numbers import in_hundredths, ratio, total

DESCRIPTIONS = {
    "consumer_steps_since_first_order": "Steps since the consumer's first order; 0: none yet",
    "consumer_steps_since_last_order": "Steps since the consumer's last order; 0: none yet",
    "consumer_mean_gap": "Mean steps between the steps in which the consumer shopped; 0: under two",
    "consumer_orders": "Shopping days of the consumer so far",
    "consumer_basket_size": "Mean receipt lines per shopping day of the consumer so far",
    "consumer_reorder_rate": "Share of the consumer's item purchases that repeat an earlier one",
    "consumer_mean_offer": "Mean offer percent over the consumer's receipt lines so far",
    "consumer_category_steps_since_last_order": (
        "Steps since the consumer last bought in the category; 0: never"
    ),
    "consumer_category_order_rate": (
        "Share of the steps so far in which the consumer bought in the category"
    ),
}


def lagged_descriptions(parameters: PanelParameters) -> dict[str, str]:
    """Describe the rolling features of consumers."""
    return {
        f"consumer_orders_mean_{lag.steps}": (
            f"Mean shopping days of the consumer per step, over the {lag.steps} steps before"
        )
        for lag in parameters.lag_windows
    }


def consumer_profiles(
    transactions: Table, relevant: Table, steps: range, parameters: PanelParameters
) -> Table:
    """Profile each consumer before each step.

    Returns:
        customer_id, step, ``active_steps`` (steps so far in which the consumer shopped) and the
        features of the consumer.
    """
    lines = within(transactions, steps)
    shopped = lines.group_by("customer_id", "step").aggregate(
        orders=lines.date.nunique(),
        lines=lines.count(),
        offer=total(in_hundredths(lines.offer_percent)),
    )
    repeats = _repeats(lines)
    consumers = relevant.select("customer_id").distinct()
    dense = attach(every_step(consumers, steps), shopped, "customer_id", "step")
    dense = attach(dense, repeats, "customer_id", "step").fill_null(
        dict.fromkeys(("orders", "lines", "offer", "items_bought", "repeats"), 0)
    )
    key = "customer_id"
    known = dense.select(
        key,
        "step",
        active_steps=sum_before(dense.orders > 0, key),
        orders=sum_before(dense.orders, key),
        lines=sum_before(dense.lines, key),
        offer=sum_before(dense.offer, key),
        items_bought=sum_before(dense.items_bought, key),
        repeats=sum_before(dense.repeats, key),
        first=first_step_before(dense.orders, dense.step, key),
        last=last_step_before(dense.orders, dense.step, key),
        **{
            f"consumer_orders_mean_{lag.steps}": sum_before(dense.orders, key, steps=lag.steps)
            / lag.steps
            for lag in parameters.lag_windows
        },
    )
    return known.select(
        key,
        "step",
        "active_steps",
        consumer_steps_since_first_order=known.step - known["first"],
        consumer_steps_since_last_order=known.step - known["last"],
        consumer_mean_gap=mean_gap(known["first"], known["last"], known.active_steps),
        consumer_orders=known.orders,
        consumer_basket_size=ratio(known.lines, known.orders),
        consumer_reorder_rate=ratio(known.repeats, known.items_bought),
        consumer_mean_offer=ratio(known.offer, 100 * known.lines),
        **{name: known[name] for name in lagged_descriptions(parameters)},
    )


def _repeats(lines: Table) -> Table:
    """Count the items a consumer buys in a step, and how many of them were bought before."""
    bought = purchases(lines)
    first = bought.group_by("customer_id", "item_id").aggregate(first=bought.step.min())
    bought = bought.inner_join(first, ["customer_id", "item_id"])
    return bought.group_by("customer_id", "step").aggregate(
        items_bought=bought.count(), repeats=total(bought.step > bought["first"])
    )


def consumer_category_profiles(
    transactions: Table, items: Table, relevant: Table, steps: range
) -> Table:
    """Profile each consumer's purchases in a category before each step.

    Returns:
        customer_id, category, step and the features of the consumer in the category.
    """
    keys = ("customer_id", "category")
    bought = purchases(within(transactions, steps)).inner_join(
        items.select("item_id", "category"), "item_id"
    )
    bought = bought.group_by(*keys, "step").aggregate(items_bought=bought.count())
    dense = attach(every_step(relevant.select(*keys).distinct(), steps), bought, *keys, "step")
    dense = dense.fill_null({"items_bought": 0})
    known = dense.select(
        *keys,
        "step",
        orders=sum_before(dense.items_bought > 0, *keys),
        last=last_step_before(dense.items_bought, dense.step, *keys),
    )
    return known.select(
        *keys,
        "step",
        consumer_category_steps_since_last_order=known.step - known["last"],
        consumer_category_order_rate=ratio(known.orders, known.step - steps[0]),
    )
