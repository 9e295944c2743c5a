"""The accepted rows as the clean tables that every later pipeline reads."""

import logging
from collections.abc import Mapping
from datetime import date
from typing import Any

import ibis
from ibis.expr.types import Table

from promo_kedro.pipelines.data_engineering.steps import step_of

logger = logging.getLogger(__name__)


def good_rows(judged: Table) -> Table:
    """Return the rows of a judged table without a reason to set them aside."""
    return judged.filter(judged.reason.isnull())


def clean_items(judged_items: Table, manifest: Mapping[str, Any]) -> Table:
    """Return the items of the chosen categories."""
    items = good_rows(judged_items)
    chosen = items.filter(items.category.isin(manifest["categories"]))
    known_brand = chosen.brand.fill_null("unknown")
    columns = ["item_id", "brand", "brand_type", "category", "unit_cost"]
    return chosen.mutate(brand=known_brand).select(*columns).order_by("item_id")


def clean_transactions(judged_transactions: Table, manifest: Mapping[str, Any]) -> Table:
    """Return the good lines of the chosen categories, with the step that each lies in."""
    calendar_end, n_steps = _calendar(manifest)
    lines = good_rows(judged_transactions)
    lines = lines.filter(
        lines.category.isin(manifest["categories"]), lines.date <= ibis.literal(calendar_end)
    )
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
    logger.info("%s consumers, %s with demographics", f"{n_consumers:,}", f"{n_known:,}")
    return consumers.order_by("customer_id")


def clean_campaigns(judged_campaigns: Table) -> Table:
    """Return the campaigns."""
    columns = ["campaign_id", "campaign_type", "start_date", "end_date"]
    return good_rows(judged_campaigns).select(*columns).order_by("campaign_id")


def clean_coupon_items(judged_coupon_items: Table, items: Table) -> Table:
    """Return which chosen items each coupon is for, each pair once."""
    pairs = good_rows(judged_coupon_items).select("coupon_id", "item_id").distinct()
    return pairs.semi_join(items, "item_id").order_by("coupon_id", "item_id")


def clean_issued_coupons(judged_issued_coupons: Table) -> Table:
    """Return who was given which coupon, each once; whether it was redeemed is left behind."""
    columns = ["campaign_id", "coupon_id", "customer_id"]
    return good_rows(judged_issued_coupons).select(*columns).distinct().order_by(*columns)


def clean_offers(judged_offer_log: Table, items: Table, manifest: Mapping[str, Any]) -> Table:
    """Return the logged offers of the chosen items, each in the step it was made for."""
    calendar_end, n_steps = _calendar(manifest)
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


def _calendar(manifest: Mapping[str, Any]) -> tuple[date, int]:
    calendar = manifest["calendar"]
    return date.fromisoformat(calendar["calendar_end"]), calendar["n_steps"]
