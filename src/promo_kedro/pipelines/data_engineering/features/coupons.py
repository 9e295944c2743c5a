"""Personal coupons: whom a campaign gives a coupon for an item, and in which steps it is valid.

Campaign membership and dates only. Redemptions would tell who bought, so they are never read.
"""

import ibis
from ibis.expr.types import Table
from pandas import DataFrame

CATEGORICAL = {
    "coupon_in_force": "1 when the consumer holds a coupon for the item, valid in the step, else 0"
}


def coupons_in_force(
    campaigns: Table,
    coupon_items: Table,
    issued_coupons: Table,
    relevant: Table,
    calendar: DataFrame,
) -> Table:
    """Find the cells in which the consumer holds a valid coupon for the item.

    Returns:
        customer_id, item_id, step: one row per such cell of the relevant consumer-items.
    """
    days = calendar[["step", "start_date", "end_date"]].drop_duplicates()
    steps = ibis.memtable(days).mutate(
        step_start=ibis._.start_date.cast("date"), step_end=ibis._.end_date.cast("date")
    )
    valid = campaigns.inner_join(
        steps.drop("start_date", "end_date"),
        [campaigns.start_date <= steps.step_end, campaigns.end_date >= steps.step_start],
    ).select("campaign_id", "step")
    consumer_items = relevant.select("customer_id", "item_id").distinct()
    held = (
        consumer_items.inner_join(coupon_items.distinct(), "item_id")
        .inner_join(issued_coupons, ["customer_id", "coupon_id"])
        .select("customer_id", "item_id", "campaign_id")
        .distinct()
    )
    return held.inner_join(valid, "campaign_id").select("customer_id", "item_id", "step").distinct()
