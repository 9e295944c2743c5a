"""The decisions to be made: what is known of each consumer-item when its offer is chosen."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

import numpy as np
from pandas import DataFrame, Series

from promo_kedro.errors import InputError
from promo_kedro.pipelines.optimization.exclusion_list import reasons_of
from promo_kedro.pipelines.optimization.rules import (
    Exclusions,
    Rule,
    check_categories,
    narrowed,
)
from promo_kedro.pipelines.optimization.rules.fairness import UNKNOWN
from promo_kedro.pipelines.optimization.totals import ALL

logger = logging.getLogger(__name__)

KEY = ["customer_id", "item_id"]
NUMBERS = ["price", "quantity", "reference_offer", "offer_today", "probability", "elasticity"]
UPPER_LIMITS = {"reference_offer": 100, "offer_today": 100, "probability": 1}
COLUMNS = [
    "category",
    *KEY,
    "price",
    "quantity",
    "cost",
    "reference_offer",
    "offer_today",
    "probability",
    "elasticity",
    "slope",
    "cutoff",
    "offer_min",
    "offer_max",
    "range_min",
    "range_max",
    "permitted",
    "adjustable",
    "kept",
    "excluded",
    "cost_known",
]


@dataclass(frozen=True)
class Aim:
    """What the plan is to do, as far as it asks for something to be known.

    Attributes:
        objective: what is maximised.
        margin_share: category → margin as a share of the price, where items have no cost.
        rules: by their names in the parameters.
    """

    objective: Literal["revenue", "margin"] = "revenue"
    margin_share: Mapping[str, float] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)

    @property
    def needs_cost(self) -> str:
        """Return the parameter that cannot do without costs; empty if none."""
        if self.objective == "margin":
            return "optimization.objective: margin"
        names = [name for name, rule in self.rules.items() if rule.needs_cost]
        return f"optimization.rules.{names[0]}" if names else ""

    @property
    def consumer_columns(self) -> list[str]:
        """Return the columns of the consumers table that rules group by."""
        return sorted({name for rule in self.rules.values() for name in rule.consumer_columns})


def decisions_of(
    elasticities: DataFrame,
    slopes: DataFrame,
    cutoffs: DataFrame,
    ranges: DataFrame,
    *,
    items: DataFrame | None = None,
    consumers: DataFrame | None = None,
    exclusions: DataFrame | None = None,
    aim: Aim | None = None,
) -> DataFrame:
    """Bring together what decides each consumer-item's offer.

    Args:
        elasticities: ``offer_elasticities``.
        slopes: category, slope, status of the curve in use.
        cutoffs: customer_id, category, cutoff for the step after the data.
        ranges: category, offer_min, offer_max, as read from receipts.
        items: item_id, unit_cost; none where no costs are known.
        consumers: customer_id and the columns that rules group by.
        exclusions: ``offer_exclusions``: customer_id, item_id, reason; none where there is no
            such list.
        aim: objective, margin shares and rules; by default revenue, and Eq. 13's steps alone.

    Returns:
        ``offer_decisions``: one row per consumer-item, sorted by category, consumer and item: its
        elasticity, slope, cut-off and range (as the rules set it; ``range_min`` and ``range_max``
        are as read from receipts), what it costs (money; 0 unless ``cost_known``),
        which options are ``permitted`` by the rules, whether its offer is ``adjustable``, and if
        not, why it is ``kept``; why it is ``excluded``; and the groups of its consumer. Where the
        response to offers is not identified, slope and elasticity are 0.

    Raises:
        InputError: a number is missing, infinite or out of bounds, a consumer-item appears
            twice, a consumer has no cut-off, elasticities and slopes do not belong together, or
            a table lacks what the aim asks for.
    """
    aim = aim or Aim()
    check_numbers(elasticities)
    check_named(sorted(elasticities["category"].unique()), aim)
    units = (
        elasticities.merge(slopes, on="category", how="left", validate="many_to_one")
        .merge(cutoffs, on=["customer_id", "category"], how="left", validate="many_to_one")
        .merge(ranges, on="category", how="left", validate="many_to_one")
        .sort_values(["category", *KEY], ignore_index=True)
    )
    check_cutoffs(units)
    units = with_response(units)
    units = units.rename(columns={"offer_min": "range_min", "offer_max": "range_max"})
    units = with_costs(units, items, aim.margin_share)
    check_costs(units, aim)
    units = with_groups(units, consumers, aim.consumer_columns)
    units = with_exclusions(units, exclusions, aim.rules)
    return narrowed(units, aim.rules)[[*COLUMNS, *aim.consumer_columns]]


def with_response(units: DataFrame) -> DataFrame:
    """Set slope and elasticity to 0 where the response to offers is not identified."""
    identified = (
        (units["status"] == "ok")
        & (units["slope"] > 0)
        & (units["reference_source"] != "not identified")
    )
    check_slopes(units[identified])
    return units.assign(
        slope=units["slope"].where(identified, 0.0),
        elasticity=units["elasticity"].where(identified, 0.0),
    )


def with_costs(
    units: DataFrame, items: DataFrame | None, margin_share: Mapping[str, float]
) -> DataFrame:
    """Add what is paid for the goods of a purchase, money.

    unit_cost · quantity; where an item has no cost (or one that is no cost, below 0), price less
    the margin of its category; where that is not set either, 0 and not ``cost_known``.
    """
    unit_cost = Series(np.nan, index=units.index)
    if items is not None:
        unit_cost = units["item_id"].map(items.set_index("item_id")["unit_cost"]).astype(float)
    cost = (unit_cost * units["quantity"]).where(np.isfinite(unit_cost) & (unit_cost >= 0))
    margin = units["category"].map(dict(margin_share)).astype(float)
    cost = cost.fillna((1 - margin) * units["price"])
    return units.assign(cost=cost.fillna(0.0), cost_known=cost.notna())


def with_groups(units: DataFrame, consumers: DataFrame | None, columns: list[str]) -> DataFrame:
    """Add the groups that a unit's consumer is in, text; ``unknown`` where nothing is known."""
    if not columns:
        return units
    known = consumers if consumers is not None else DataFrame({"customer_id": []})
    check_groups(columns, [str(name) for name in known.columns])
    groups = known.set_index("customer_id")[columns]
    groups = groups.astype("string").fillna(UNKNOWN).astype(object)
    return units.assign(
        **{
            column: units["customer_id"].map(groups[column]).astype(object).fillna(UNKNOWN)
            for column in columns
        }
    )


def with_exclusions(
    units: DataFrame, exclusions: DataFrame | None, rules: Mapping[str, Rule]
) -> DataFrame:
    """Add why a consumer-item is on the list of exclusions; a list is never lost in silence."""
    asked = any(isinstance(rule, Exclusions) for rule in rules.values())
    if exclusions is None:
        if asked:
            raise InputError(
                "a rule Exclusions is set, but there is no list offer_exclusions. Add the file "
                "(a header alone excludes nothing), or take out the rule."
            )
        return units.assign(excluded="")
    excluded = reasons_of(units, exclusions)
    count = int((excluded != "").sum())
    if asked:
        logger.info("%d of %d consumer-items are excluded from offers", count, len(units))
    elif count:
        logger.warning(
            "offer_exclusions lists %d of %d consumer-items, which get offers all the same: no "
            "rule Exclusions is set",
            count,
            len(units),
        )
    return units.assign(excluded=excluded)


def check_numbers(elasticities: DataFrame) -> None:
    """Refuse rows that would make a plan meaningless; all failures are listed at once."""
    problems = [] if len(elasticities) else ["it has no rows"]
    for column in NUMBERS:
        values = elasticities[column].to_numpy(dtype=float)
        lowest = -np.inf if column == "elasticity" else 0
        inside = (values >= lowest) & (values <= UPPER_LIMITS.get(column, np.inf))
        wrong = ~(np.isfinite(values) & inside)
        if wrong.any():
            problems.append(
                f"{column} in {wrong.sum()} of {len(values)} rows (for example {values[wrong][0]})"
            )
    if elasticities.duplicated(KEY).any():
        problems.append(f"{elasticities.duplicated(KEY).sum()} repeated consumer-items")
    if problems:
        raise InputError(
            f"offer_elasticities cannot be used: {'; '.join(problems)}. Run the elasticity "
            "pipeline again, or look for what these rows have in common in the raw data."
        )


def check_cutoffs(units: DataFrame) -> None:
    """Refuse consumer-items without a cut-off; an infinite one never clears and is accepted."""
    missing = units["cutoff"].isna()
    if missing.any():
        raise InputError(
            f"consumer_cutoffs has no cut-off for the next step for {missing.sum()} of "
            f"{len(units)} consumer-items, for example in {units.loc[missing, 'category'].iloc[0]}."
            " Run the thresholding pipeline again on the same data."
        )


def check_slopes(units: DataFrame) -> None:
    """Refuse slopes that the elasticities do not come from (Eq. 12)."""
    expected = units["slope"] * units["reference_offer"] * (1 - units["probability"])
    wrong = ~np.isclose(units["elasticity"], expected, rtol=1e-4, atol=1e-9)
    if wrong.any():
        raise InputError(
            f"elasticity in {wrong.sum()} of {len(units)} rows of offer_elasticities does not "
            "come from the slope in elasticity_curves, for example in "
            f"{units.loc[wrong, 'category'].iloc[0]}. Set optimization.relation to "
            "elasticity.relation, or run the elasticity pipeline again."
        )


def check_costs(units: DataFrame, aim: Aim) -> None:
    """Refuse an aim that weighs costs where some are unknown."""
    missing = units[~units["cost_known"]]
    if aim.needs_cost and len(missing):
        categories = ", ".join(sorted(missing["category"].unique())[:3])
        raise InputError(
            f"{aim.needs_cost} needs what items cost, which item_data, column unit_cost, does not "
            f"say for {len(missing)} of {len(units)} consumer-items, for example item "
            f"{missing['item_id'].iloc[0]}. Fill in unit_cost, or set optimization.margin_share "
            f"for their categories ({categories})."
        )


def check_groups(columns: list[str], known: Iterable[str]) -> None:
    """Refuse groups of consumers that nothing is known of.

    Args:
        columns: that rules group consumers by.
        known: columns of the consumers table.
    """
    others = [column for column in known if column != "customer_id"]
    for column in sorted(set(columns) - set(others)):
        nearest = get_close_matches(column, others, n=1, cutoff=0)
        meant = f"; did you mean {nearest[0]!r}?" if nearest else "."
        raise InputError(f"a rule groups by {column!r}, no column of consumers{meant}")


def check_named(categories: list[str], aim: Aim) -> None:
    """Refuse categories that the parameters name and the data does not have.

    A category called as the results call all of them together is refused, too.
    """
    if ALL in categories:
        raise InputError(
            f"a category is called {ALL!r}, as the results call all categories together: give it "
            "another name in item_data."
        )
    check_categories(list(aim.margin_share), categories, "optimization.margin_share")
    for name, rule in aim.rules.items():
        check_categories(rule.named_categories, categories, f"optimization.rules.{name}")
