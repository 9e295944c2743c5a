"""§3.4: the range of offers, the decisions, the plan of each category, and its frontier."""

import logging
from time import perf_counter
from typing import Any, get_args

from promo_kedro.pipelines.optimization.parameters import Mode, OptimizationParameters
from promo_kedro.types import DataFrame, Table

logger = logging.getLogger(__name__)

FRONTIER_MODES: tuple[Mode, ...] = ("linear", "exact")


def find_offer_ranges(
    transactions: Table, items: Table, calendar: DataFrame, parameters: OptimizationParameters
) -> DataFrame:
    """Find the offer range (o₁, o₂) of each category."""
    from promo_kedro.calendar import next_step_of
    from promo_kedro.pipelines.optimization.offer_range import offer_ranges_of

    step = next_step_of(calendar).step
    ranges = offer_ranges_of(transactions, items, step, parameters.offer_range)
    for period, count in ranges["period"].value_counts().sort_index().items():
        logger.info("Offer range from %s: %d categories", period, count)
    return ranges


def gather_decisions(
    offer_elasticities: DataFrame,
    elasticity_curves: DataFrame,
    consumer_cutoffs: DataFrame,
    offer_ranges: DataFrame,
    parameters: OptimizationParameters,
) -> DataFrame:
    """Bring together, per consumer-item, what decides its offer."""
    from promo_kedro.pipelines.optimization.decisions import check_required, decisions_of

    check_required(sorted(offer_elasticities["category"].unique()), parameters)
    curves = elasticity_curves[elasticity_curves["relation"] == parameters.relation]
    cutoffs = consumer_cutoffs[consumer_cutoffs["split"] == "next"]
    decisions = decisions_of(
        offer_elasticities,
        curves[["category", "slope", "status"]],
        cutoffs[["customer_id", "category", "cutoff"]],
        offer_ranges[["category", "offer_min", "offer_max"]],
    )
    kept = decisions.loc[~decisions["adjustable"], "kept"].value_counts().sort_index()
    for reason, count in kept.items():
        logger.warning(
            "%d of %d consumer-items keep today's offer: %s", count, len(decisions), reason
        )
    return decisions


def choose_offers(
    offer_decisions: DataFrame, calendar: DataFrame, parameters: OptimizationParameters
) -> tuple[DataFrame, DataFrame]:
    """Solve Eq. 13 as printed and its two expected-value forms, category by category."""
    import pandas as pd

    from promo_kedro.calendar import next_step_of
    from promo_kedro.pipelines.optimization.offers import OFFER_COLUMNS, SUMMARY_COLUMNS

    offers, summary = [], []
    for mode in get_args(Mode):
        for _, decisions in offer_decisions.groupby("category", sort=True):
            planned, row = _plan(decisions, mode, parameters)
            offers.append(planned)
            summary.append(row)
    step = next_step_of(calendar)
    plans = pd.concat(offers, ignore_index=True)
    plans = plans.assign(valid_from=step.start_date, valid_to=step.end_date)
    optimization_summary = pd.DataFrame(summary)[SUMMARY_COLUMNS]
    _log_plans(plans)
    _warn_of_infeasible(optimization_summary)
    return plans[OFFER_COLUMNS], optimization_summary


def trace_frontiers(offer_decisions: DataFrame, parameters: OptimizationParameters) -> DataFrame:
    """Trace what retention costs in each category, where probabilities are expectations."""
    import pandas as pd

    from promo_kedro.pipelines.optimization.frontier import trace_frontier
    from promo_kedro.pipelines.optimization.options import build_options

    frontiers = [
        trace_frontier(build_options(decisions, mode), parameters.frontier_points).assign(
            mode=mode, category=category
        )
        for mode in FRONTIER_MODES
        for category, decisions in offer_decisions.groupby("category", sort=True)
    ]
    columns = ["mode", "category", "retention_required", "revenue", "retention", "shadow_price"]
    return pd.concat(frontiers, ignore_index=True)[columns]


def _plan(
    decisions: DataFrame, mode: Mode, parameters: OptimizationParameters
) -> tuple[DataFrame, dict[str, Any]]:
    """Plan one category: the rows of ``optimal_offers`` and of ``optimization_summary``."""
    from promo_kedro.pipelines.optimization.offers import offers_table, retention_today, summary_row
    from promo_kedro.pipelines.optimization.options import build_options
    from promo_kedro.pipelines.optimization.plan import solve

    started = perf_counter()
    requirements: dict[str, float] = getattr(parameters.retention_required, mode)
    category = decisions["category"].iloc[0]
    required = requirements.get(category, retention_today(decisions, mode))
    plan = solve(build_options(decisions, mode), required, parameters.solver)
    offers = offers_table(decisions, plan.choice, mode)
    row = summary_row(decisions, offers, plan, required, mode)
    return offers, row | {"seconds": perf_counter() - started}


def _log_plans(offers: DataFrame) -> None:
    """Say in one line per mode what its plan expects of revenue and retention."""
    for mode, plan in offers.groupby("mode", sort=False):
        logger.info(
            "Offers by %s: revenue %.2f today → %.2f, retention %.4f → %.4f, %d offers changed",
            mode,
            plan["revenue_before"].sum(),
            plan["revenue_after"].sum(),
            plan["retained_before"].mean(),
            plan["retained_after"].mean(),
            plan["change"].notna().sum(),
        )


def _warn_of_infeasible(optimization_summary: DataFrame) -> None:
    """Name, in one line per mode, the categories that cannot retain what they must."""
    infeasible = optimization_summary["status"].str.startswith("infeasible")
    for mode, rows in optimization_summary[infeasible].groupby("mode", sort=False):
        attainable = zip(rows["category"], rows["retention_attainable"], strict=True)
        named = "; ".join(f"{category} (at most {share:.6g})" for category, share in attainable)
        logger.warning(
            "Offers by %s stay as today where no plan reaches the retention required: %s",
            mode,
            named,
        )
