"""What is known of each consumer before a snapshot: attributes and behaviour."""

import ibis
import pandas as pd
from ibis.expr.types import Table

from promo_kedro.pipelines.data_engineering.brands.history import bought_before
from promo_kedro.pipelines.data_engineering.brands.parameters import BrandDataParameters
from promo_kedro.pipelines.data_engineering.brands.snapshots import YEAR_STEPS, steps_before
from promo_kedro.pipelines.data_engineering.history import attach
from promo_kedro.pipelines.data_engineering.whole_numbers import (
    from_hundredths,
    in_hundredths,
    ratio,
    total,
)
from promo_kedro.schemas.brands import ATTRIBUTES

COUNTS = (
    "tenure_steps",
    "active_steps",
    "lines_recent",
    "lines_quarter",
    "lines_year",
    "cents_quarter",
    "cents_year",
    "brands_year",
    "categories_year",
)
KEYS = ("snapshot", "customer_id")


def features_of(
    transactions: Table,
    items: Table,
    consumers: Table,
    snapshots: pd.DataFrame,
    parameters: BrandDataParameters,
) -> Table:
    """Describe everyone who has bought before a snapshot or whose attributes are known.

    Args:
        transactions: Receipt lines with date, step, customer_id, item_id, selling_price and
            offer_percent.
        items: item_id, brand and category of each item.
        consumers: Each consumer once, with the attributes.
        snapshots: snapshot and history_from.
        parameters: How long a quarter and recent times are.

    Returns:
        The columns of ``BrandFeatures`` in order of snapshot and customer_id: the recent steps,
        the quarter and the year end with the step before the snapshot.
    """
    asked = consumers.select("customer_id", *ATTRIBUTES).cross_join(
        ibis.memtable(snapshots[["snapshot"]])
    )
    known = attach(asked, _behaviour(transactions, snapshots, parameters), *KEYS)
    for kind, name in (("brand", "brands_year"), ("category", "categories_year")):
        bought = bought_before(transactions, items, snapshots, kind, parameters.quarter_steps)
        bought = bought.filter(bought.steps_bought_year > 0)
        known = attach(known, bought.group_by(*KEYS).aggregate(**{name: bought.count()}), *KEYS)
    described = [known[name].notnull() for name in ATTRIBUTES]
    known = known.filter(ibis.or_(known.tenure_steps.notnull(), *described))
    known = known.fill_null(dict.fromkeys(COUNTS, 0))
    return known.select(
        *KEYS,
        *ATTRIBUTES,
        "tenure_steps",
        "steps_since_purchase",
        "active_steps",
        "lines_recent",
        "lines_quarter",
        "lines_year",
        spend_quarter=from_hundredths(known.cents_quarter),
        spend_year=from_hundredths(known.cents_year),
        brands_year=known.brands_year,
        categories_year=known.categories_year,
        basket_lines=ratio(known.lines_year, known.days_year),
        offer_share_year=ratio(known.offers_year, known.lines_year),
    ).order_by(*KEYS)


def _behaviour(
    transactions: Table, snapshots: pd.DataFrame, parameters: BrandDataParameters
) -> Table:
    """Sum up the shopping of consumers with a purchase before the snapshot."""
    seen = _shopping_by_step(transactions).inner_join(steps_before(snapshots), "step")
    recent, quarter, year = (
        ibis.ifelse(seen.in_year & (seen.steps_ago <= steps), 1, 0)
        for steps in (parameters.recent_steps, parameters.quarter_steps, YEAR_STEPS)
    )
    return seen.group_by(*KEYS).aggregate(
        tenure_steps=seen.steps_ago.max(),
        steps_since_purchase=seen.steps_ago.min(),
        active_steps=total(year),
        lines_recent=total(seen["lines"] * recent),
        lines_quarter=total(seen["lines"] * quarter),
        lines_year=total(seen["lines"] * year),
        days_year=total(seen.days * year),
        cents_quarter=total(seen.cents * quarter),
        cents_year=total(seen.cents * year),
        offers_year=total(seen.offers * year),
    )


def _shopping_by_step(transactions: Table) -> Table:
    """Sum up each consumer's steps: lines, shopping days, cents spent and lines on offer."""
    lines = transactions.select(
        "customer_id",
        "step",
        "date",
        cents=in_hundredths(transactions.selling_price),
        offered=transactions.offer_percent > 0,
    )
    # Day by day first: counting distinct days of many consumers would keep them all in memory.
    days = lines.group_by("customer_id", "step", "date").aggregate(
        lines=lines.count(), cents=total(lines.cents), offers=lines.count(where=lines.offered)
    )
    return days.group_by("customer_id", "step").aggregate(
        lines=total(days["lines"]),
        days=days.count(),
        cents=total(days.cents),
        offers=total(days.offers),
    )
