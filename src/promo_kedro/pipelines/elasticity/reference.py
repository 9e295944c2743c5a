"""The reference offer k of each consumer-item (§3.3, criteria a to c) and the offer of today.

Own offers come from the log of offers where the retailer keeps one, else from receipts: what
was on offer to a consumer who bought nothing is then unknown, and is left out rather than
filled in.
"""

import logging

import numpy as np
import pandas as pd

from promo_kedro.types import DataFrame, Table

logger = logging.getLogger(__name__)

CONSUMER_ITEM = ["customer_id", "item_id"]
NOT_IDENTIFIED = "not identified"


def gather_offers(
    consumer_items: Table, made: Table, consumers: Table, panel: Table, since: int, until: int
) -> DataFrame:
    """Bring together what the rules for reference offers read, a row per consumer-item.

    Args:
        consumer_items: the consumer-items modelled: customer_id, item_id, category.
        made: the offer log or the receipt lines.
        consumers: customer_id, age_range.
        panel: the offers of every cell.
        since: first recent step.
        until: the step that offers are made for.
    """
    table = consumer_items.select(*CONSUMER_ITEM, "category").order_by(CONSUMER_ITEM).to_pandas()
    ages = consumers.select("customer_id", "age_range").to_pandas()
    own = sum_own_offers(made, consumer_items, since, until)
    table = table.merge(ages, how="left", on="customer_id")
    table = table.merge(own, how="left", on=CONSUMER_ITEM)
    sums = own.columns.difference(CONSUMER_ITEM)
    table[sums] = table[sums].fillna(0)
    return table.merge(mean_panel_offers(panel, since, until), how="left", on=CONSUMER_ITEM)


def sum_own_offers(made: Table, consumer_items: Table, since: int, until: int) -> DataFrame:
    """Sum the offers each consumer-item had, recently and ever.

    Args:
        made: offers or receipt lines: customer_id, item_id, step, offer_percent.
        consumer_items: the pairs to keep.
        since: first recent step.
        until: first step that is not history any more.

    Returns:
        Per consumer-item with any offer: recent_sum and recent_count, history_sum and
        history_count (offers above zero), today_sum and today_count (recent, zeros too). Sums
        are whole basis points, so no order of rows changes them.
    """
    pairs = consumer_items.select(*CONSUMER_ITEM).distinct()
    past = made.filter(made.step < until).semi_join(pairs, CONSUMER_ITEM)
    points = (past.offer_percent * 100).round().cast("int64")
    recent = past.step >= since
    offered = points > 0
    sums = past.group_by(CONSUMER_ITEM).aggregate(
        recent_sum=points.sum(where=recent & offered),
        recent_count=points.count(where=recent & offered),
        history_sum=points.sum(where=offered),
        history_count=points.count(where=offered),
        today_sum=points.sum(where=recent),
        today_count=points.count(where=recent),
    )
    return sums.to_pandas().fillna(0).astype("int64")  # a sum of no offers is null


def mean_panel_offers(panel: Table, since: int, until: int) -> DataFrame:
    """Return each consumer-item's mean offer in the panel's recent steps, in percent."""
    recent = panel.filter((panel.step >= since) & (panel.step < until))
    points = (recent.offer_percent * 100).round().cast("int64")
    sums = recent.group_by(CONSUMER_ITEM).aggregate(total=points.sum(), cells=points.count())
    table = sums.to_pandas()
    table["panel_offer"] = _mean_percent(table["total"], table["cells"])
    return table[[*CONSUMER_ITEM, "panel_offer"]]


def reference_offers(consumer_items: DataFrame) -> DataFrame:
    """Take each consumer-item's reference offer from the first rule that has one.

    (a) its own recent offers, (b) its own history, (c) recent offers to consumers of its age
    range in the category, (d) the category's recent offers, then the category's history; means
    over single offers above zero.

    Args:
        consumer_items: category, age_range (missing where unknown) and the sums of
            ``sum_own_offers``.

    Returns:
        The same rows with reference_offer (missing where no rule has one) and
        reference_source.
    """
    same_age = consumer_items.groupby(["category", "age_range"])  # skips unknown ages
    category = consumer_items.groupby("category")
    rules = pd.DataFrame(
        {
            "own_recent": _mean_of(consumer_items, "recent"),
            "own_history": _mean_of(consumer_items, "history"),
            "same_age_recent": _group_mean(same_age, "recent"),
            "category_recent": _group_mean(category, "recent"),
            "category_history": _group_mean(category, "history"),
        }
    )
    found = rules.notna()
    first = np.where(found.any(axis=1), found.to_numpy().argmax(axis=1), -1)
    names = np.array([*rules.columns, NOT_IDENTIFIED])
    return consumer_items.assign(
        reference_offer=rules.bfill(axis=1).iloc[:, 0].round(2),
        reference_source=names[first],
    )


def offers_today(consumer_items: DataFrame) -> DataFrame:
    """Add ``offer_today``: the mean of the consumer-item's own recent offers, zeros too.

    A consumer-item without recent offers of its own (without a log: one that was not bought)
    takes the mean of what the panel says was on offer, and 0 where the panel says nothing.
    """
    own = _mean_of(consumer_items, "today")
    today = own.fillna(consumer_items["panel_offer"]).fillna(0.0).round(2)
    logger.info(
        "Offers as today: %s consumer-items by their own offers, %s by the panel's.",
        f"{int(own.notna().sum()):,}",
        f"{int(own.isna().sum()):,}",
    )
    return consumer_items.assign(offer_today=today)


def _mean_of(sums: DataFrame, name: str) -> pd.Series:
    return _mean_percent(sums[f"{name}_sum"], sums[f"{name}_count"])


def _group_mean(groups: "pd.api.typing.DataFrameGroupBy", name: str) -> pd.Series:
    total, count = (groups[f"{name}_{part}"].transform("sum") for part in ("sum", "count"))
    return _mean_percent(total, count)


def _mean_percent(basis_points: pd.Series, count: pd.Series) -> pd.Series:
    return basis_points / count.where(count > 0) / 100
