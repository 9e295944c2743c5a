"""A first look at the data: Figure 3 of the paper and the cuts that its §4.1 names.

All tables are for people: a row that stands for fewer than ``min_consumers`` consumers is left
out, and how many were is logged.
"""

import logging

import ibis
import pandas as pd
from ibis.expr.types import IntegerColumn, Table

from promo_kedro.pipelines.data_engineering.parameters import ExplorationParameters
from promo_kedro.pipelines.data_engineering.whole_numbers import at_most

logger = logging.getLogger(__name__)

LEVELS = {"consumer": "customer_id", "item": "item_id"}
MEASURES = ("total_orders", "total_reorders", "recency", "gap")


def category_sales(
    transactions: Table, items: Table, exploration: ExplorationParameters
) -> pd.DataFrame:
    """Return what each category sells (Figure 3, graph 1).

    Returns:
        ``category``, ``sales`` (currency), ``share`` (0–1 of all sales), ``lines`` and
        ``consumers``, the largest first.
    """
    lines = transactions.inner_join(items.select("item_id", "category"), "item_id")
    sold = lines.group_by("category").aggregate(
        cents=(lines.selling_price * 100).round().sum(),
        lines=lines.count(),
        consumers=lines.customer_id.nunique(),
    )
    found = sold.order_by(ibis.desc("cents"), "category").to_pandas()
    found["sales"] = found["cents"] / 100
    found["share"] = found["cents"] / found["cents"].sum()
    found = found[["category", "sales", "share", "lines", "consumers"]]
    return _large_groups(found, exploration, "category_sales")


def offer_percent_density(transactions: Table, exploration: ExplorationParameters) -> pd.DataFrame:
    """Return how receipt lines are spread over offer percents (Figure 3, graph 2).

    Returns:
        ``offer_from`` and ``offer_to`` (percent; the first row is exactly 0, the others open
        below and closed above), ``lines``, ``consumers``, ``share`` (0–1 of all lines) and
        ``density`` (share of the discounted lines per percentage point; empty for 0).
    """
    width = exploration.offer_bin_width
    bin_of = (transactions.offer_percent / width).ceil().cast("int64")
    lines = transactions.mutate(bin=bin_of)
    counted = lines.group_by("bin").aggregate(
        lines=lines.count(), consumers=lines.customer_id.nunique()
    )
    found = counted.order_by("bin").to_pandas()
    found["offer_to"] = (found["bin"] * width).clip(upper=100)
    found["offer_from"] = ((found["bin"] - 1) * width).clip(lower=0)
    found["share"] = found["lines"] / found["lines"].sum()
    discounted = found["bin"] > 0
    per_point = (found["offer_to"] - found["offer_from"]).where(discounted)
    found["density"] = found["lines"] / found.loc[discounted, "lines"].sum() / per_point
    columns = ["offer_from", "offer_to", "lines", "consumers", "share", "density"]
    return _large_groups(found[columns], exploration, "offer_percent_density")


def basket_size_density(transactions: Table, exploration: ExplorationParameters) -> pd.DataFrame:
    """Return how baskets are spread over their size (Figure 3, graph 3).

    A basket is what one consumer bought under one basket id, or on one day where the data have
    no basket ids; its size is the number of different items.

    Returns:
        ``basket_size`` (the last one stands for all larger ones too), ``baskets``,
        ``consumers`` and ``share`` (0–1 of all baskets).
    """
    baskets = transactions.group_by("customer_id", "date", "basket_id").aggregate(
        size=transactions.item_id.nunique()
    )
    capped = baskets.mutate(
        basket_size=ibis.least(baskets["size"], ibis.literal(exploration.max_basket_size))
    )
    counted = capped.group_by("basket_size").aggregate(
        baskets=capped.count(), consumers=capped.customer_id.nunique()
    )
    found = counted.order_by("basket_size").to_pandas()
    found["share"] = found["baskets"] / found["baskets"].sum()
    return _large_groups(found, exploration, "basket_size_density")


def order_probability(
    panel: Table, calendar: pd.DataFrame, exploration: ExplorationParameters
) -> pd.DataFrame:
    """Return how often a consumer-item is bought in a step, cut in several ways (§4.1).

    The cuts by time are the ISO week, month and quarter in which a step begins. The others look
    at the steps before a cell, for its consumer and for its item: orders (consumer-items bought,
    in octaves), reorders (those of them bought before), recency (steps since the last order) and
    gap (mean steps between orders).

    Args:
        panel: Cells of relevant consumer-items with ``purchased``; empty ones are left out.
        calendar: ``step`` and ``start_date``.
        exploration: The longest recency and gap told apart.

    Returns:
        ``level`` (all, consumer, item), ``measure``, ``value_from`` and ``value_to`` (both
        included; the last recency and gap stand for all larger ones too), ``cells``,
        ``purchases``, ``consumers`` and ``order_probability`` (0–1).
    """
    cells = panel.filter(panel.purchased.notnull()).select(
        "customer_id", "item_id", "step", purchased=panel.purchased.cast("int64")
    )
    parts = [_by_bin(cells.inner_join(_seasons(calendar), "step"), "all", _SEASONS)]
    for level, key in LEVELS.items():
        measured = _measured_before(cells, key, exploration.max_steps)
        parts.append(_by_bin(cells.inner_join(measured, [key, "step"]), level, MEASURES))
    found = pd.concat(parts, ignore_index=True)
    found["order_probability"] = found["purchases"] / found["cells"]
    octaves = found["measure"].isin(["total_orders", "total_reorders"]) & (found["bin"] > 1)
    octave = found["bin"].clip(lower=2)
    found["value_from"] = found["bin"].where(~octaves, 2 ** (octave - 2) + 1)
    found["value_to"] = found["bin"].where(~octaves, 2 ** (octave - 1))
    columns = "level measure value_from value_to cells purchases consumers order_probability"
    return _large_groups(found[columns.split()], exploration, "order_probability")


_SEASONS = ("week", "month", "quarter")


def _seasons(calendar: pd.DataFrame) -> Table:
    starts = calendar.drop_duplicates("step")
    days = pd.to_datetime(starts["start_date"])
    seasons = pd.DataFrame(
        {
            "step": starts["step"].astype("int64"),
            "week": days.dt.isocalendar().week.astype("int64"),
            "month": days.dt.month.astype("int64"),
            "quarter": days.dt.quarter.astype("int64"),
        }
    )
    return ibis.memtable(seasons)


def _measured_before(cells: Table, key: str, max_steps: int) -> Table:
    """Return each consumer's (or item's) bins of the four measures before each step."""
    bought = cells.filter(cells.purchased == 1)
    firsts = bought.group_by("customer_id", "item_id").aggregate(step=bought.step.min())
    new = firsts.group_by(key, "step").aggregate(new=firsts.count())
    orders = cells.group_by(key, "step").aggregate(orders=cells.purchased.sum())
    history = orders.left_join(new, [key, "step"]).drop(f"{key}_right", "step_right")
    order_step = ibis.ifelse(history.orders > 0, history.step, ibis.null("int64"))
    history = history.mutate(
        order_step=order_step, reorders=history.orders - history.new.fill_null(0)
    )
    before = ibis.window(group_by=key, order_by="step", preceding=(None, 1))
    history = history.mutate(
        total_orders=history.orders.sum().over(before).fill_null(0),
        total_reorders=history.reorders.sum().over(before).fill_null(0),
        first=history.order_step.min().over(before),
        last=history.order_step.max().over(before),
        n_steps=history.order_step.count().over(before),
    )
    gap = (history["last"] - history["first"]) / (history.n_steps - 1).nullif(0)
    return history.select(
        key,
        "step",
        total_orders=_octave(history.total_orders),
        total_reorders=_octave(history.total_reorders),
        recency=at_most(history.step - history["last"], max_steps),
        gap=at_most(gap.round().cast("int64"), max_steps),
    )


def _octave(count: IntegerColumn) -> IntegerColumn:
    """Return 0 for 0, 1 for 1, 2 for 2, 3 for 3–4, 4 for 5–8, and so on."""
    return ibis.cases(
        *((count <= limit, place) for place, limit in enumerate([0, *(2**k for k in range(40))])),
        else_=41,
    ).cast("int64")


def _by_bin(cells: Table, level: str, measures: tuple[str, ...]) -> pd.DataFrame:
    parts = []
    for measure in measures:
        counted = (
            cells.filter(cells[measure].notnull())
            .group_by(bin=cells[measure].cast("int64"))
            .aggregate(
                cells=lambda t: t.count(),
                purchases=lambda t: t.purchased.sum(),
                consumers=lambda t: t.customer_id.nunique(),
            )
            .order_by("bin")
            .to_pandas()
        )
        parts.append(counted.assign(level=level, measure=measure))
    return pd.concat(parts, ignore_index=True)


def _large_groups(
    groups: pd.DataFrame, exploration: ExplorationParameters, name: str
) -> pd.DataFrame:
    is_large = groups["consumers"] >= exploration.min_consumers
    if not is_large.all():
        logger.info(
            "%s: %d of %d groups have fewer than %d consumers and are left out",
            name,
            (~is_large).sum(),
            len(groups),
            exploration.min_consumers,
        )
    return groups[is_large].reset_index(drop=True)
