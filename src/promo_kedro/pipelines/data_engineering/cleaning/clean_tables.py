"""The accepted rows as the clean tables that every later pipeline reads."""

import logging
from collections.abc import Mapping
from typing import Any

import ibis
from ibis.expr.types import Table

from promo_kedro.pipelines.data_engineering.steps import known_calendar, step_of
from promo_kedro.pipelines.data_engineering.wording import counted

logger = logging.getLogger(__name__)


def good_rows(judged: Table) -> Table:
    """Return the rows of a judged table without a reason to set them aside."""
    return judged.filter(judged.reason.isnull())


def clean_items(judged_items: Table) -> Table:
    """Return the items, those of categories that were not chosen too."""
    items = good_rows(judged_items)
    known_brand = items.brand.fill_null("unknown")
    columns = ["item_id", "brand", "brand_type", "category", "unit_cost"]
    return items.mutate(brand=known_brand).select(*columns).order_by("item_id")


def clean_transactions(judged_transactions: Table, manifest: Mapping[str, Any]) -> Table:
    """Return the good lines up to the calendar's end, with the step that each lies in."""
    calendar_end, n_steps = known_calendar(manifest)
    lines = good_rows(judged_transactions)
    lines = lines.filter(lines.date <= ibis.literal(calendar_end))
    return lines.select(
        "row",
        "date",
        step=step_of(lines.date, calendar_end, n_steps),
        customer_id="customer_id",
        item_id="item_id",
        quantity=lines.quantity.cast("int64"),
        selling_price=lines.selling_cents / 100,
        other_discount=lines.other_discount_cents / 100,
        coupon_discount=lines.coupon_discount_cents / 100,
        list_price=lines.list_price_cents / 100,
        offer_percent=lines.offer_basis_points / 100,
        basket_id="basket_id",
        cart_position="cart_position",
    ).order_by("row")


def clean_consumers(demographics: Table, *seen_in: Table) -> Table:
    """Return every consumer of any of the tables, with what the demographics say of them."""
    known = demographics.drop("row")
    seen = [known, *seen_in]
    everyone = ibis.union(*(table.select("customer_id") for table in seen), distinct=True)
    consumers = everyone.left_join(known, "customer_id").select(*known.columns)
    n_known, n_consumers = (table.count().to_pyarrow().as_py() for table in (known, everyone))
    logger.info("%s, %s with demographics", counted(n_consumers, "consumer"), f"{n_known:,}")
    return consumers.order_by("customer_id")


def clean_campaigns(judged_campaigns: Table) -> Table:
    """Return the campaigns."""
    columns = ["campaign_id", "campaign_type", "start_date", "end_date"]
    return good_rows(judged_campaigns).select(*columns).order_by("campaign_id")


def clean_coupon_items(judged_coupon_items: Table, items: Table) -> Table:
    """Return which items each coupon is for, each pair once."""
    pairs = good_rows(judged_coupon_items).select("coupon_id", "item_id").distinct()
    return pairs.semi_join(items, "item_id").order_by("coupon_id", "item_id")


def clean_issued_coupons(judged_issued_coupons: Table) -> Table:
    """Return who was given which coupon, each once; whether it was redeemed is left behind."""
    columns = ["campaign_id", "coupon_id", "customer_id"]
    return good_rows(judged_issued_coupons).select(*columns).distinct().order_by(*columns)


def clean_offers(judged_offer_log: Table, items: Table, manifest: Mapping[str, Any]) -> Table:
    """Return the logged offers, each in the step it was made for."""
    calendar_end, n_steps = known_calendar(manifest)
    log = good_rows(judged_offer_log).semi_join(items, "item_id")
    log = log.filter(log.date <= ibis.literal(calendar_end))
    return log.select(
        "customer_id",
        "item_id",
        step=step_of(log.date, calendar_end, n_steps),
        offer_percent=log.offer_basis_points / 100,
        explored=log.explored.fill_null(False),
        propensity="propensity",
    ).order_by("customer_id", "item_id", "step")
