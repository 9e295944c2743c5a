"""§3.4: the range of offers, the decisions, the plans, what they change, and what is sent."""

import logging
from typing import Any, get_args

from promo_kedro.pipelines.optimization.parameters import Mode, OptimizationParameters
from promo_kedro.types import DataFrame, Table

logger = logging.getLogger(__name__)

FRONTIER_MODES: tuple[Mode, ...] = ("linear", "exact")
Plans = dict[str, list[Any]]
"""Mode → the programs planned in it (``planning.Planned``)."""


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
    items: Table,
    consumers: Table,
    offer_exclusions: Table | None,
    parameters: OptimizationParameters,
) -> tuple[DataFrame, DataFrame]:
    """Bring together, per consumer-item, what decides its offer; count those that are kept."""
    from promo_kedro.pipelines.optimization.decisions import Aim, check_groups, decisions_of
    from promo_kedro.pipelines.optimization.exclusion_list import as_text
    from promo_kedro.pipelines.optimization.offer_tables import is_excluded, kept_offers

    aim = Aim(parameters.objective, parameters.margin_share, parameters.rules)
    check_groups(aim.consumer_columns, consumers.columns)
    curves = elasticity_curves[elasticity_curves["relation"] == parameters.relation]
    cutoffs = consumer_cutoffs[consumer_cutoffs["split"] == "next"]
    decisions = decisions_of(
        offer_elasticities,
        curves[["category", "slope", "status"]],
        cutoffs[["customer_id", "category", "cutoff"]],
        offer_ranges[["category", "offer_min", "offer_max"]],
        items=items.select("item_id", "unit_cost").to_pandas(),
        consumers=consumers.select("customer_id", *aim.consumer_columns).to_pandas(),
        exclusions=None if offer_exclusions is None else as_text(offer_exclusions),
        aim=aim,
    )
    kept = kept_offers(decisions)
    dropped = set(decisions.loc[is_excluded(decisions), "kept"])
    for reason, count in kept.groupby("reason")["n"].sum().items():
        fate = "are dropped" if reason in dropped else "cannot be changed"
        logger.warning("%d of %d offers %s: %s", count, len(decisions), fate, reason)
    return decisions, kept


def plan_offers(offer_decisions: DataFrame, parameters: OptimizationParameters) -> Plans:
    """Solve Eq. 13 as printed and its two expected-value forms."""
    from promo_kedro.pipelines.optimization.planning import plan_programs

    return {mode: plan_programs(offer_decisions, mode, parameters) for mode in get_args(Mode)}


def tabulate_plans(
    plans: Plans, calendar: DataFrame, parameters: OptimizationParameters
) -> tuple[DataFrame, DataFrame, DataFrame, DataFrame]:
    """Write the plans down: offers, how each program ended, its rules, and their conflicts."""
    from promo_kedro.calendar import next_step_of
    from promo_kedro.pipelines.optimization.offer_tables import offers_table
    from promo_kedro.pipelines.optimization.rule_tables import (
        conflicts_table,
        finite_differences,
        rules_table,
    )
    from promo_kedro.pipelines.optimization.stacking import stacked
    from promo_kedro.pipelines.optimization.summary import summary_rows, warn_of_edges

    programs = [planned for mode in plans.values() for planned in mode]
    kinds = {name: rule.rule for name, rule in parameters.rules.items()}
    step = next_step_of(calendar)
    offers = stacked(offers_table(each) for each in programs)
    offers["valid_from"], offers["valid_to"] = step.start_date, step.end_date
    summary = stacked(summary_rows(each) for each in programs)
    rules = stacked(
        rules_table(each, finite_differences(each, parameters.solver), kinds) for each in programs
    )
    conflicts = stacked(conflicts_table(each) for each in programs)
    _warn_of_infeasible(summary)
    warn_of_edges(summary)
    return offers, summary, rules, conflicts


def explain_changes(plans: Plans, parameters: OptimizationParameters) -> DataFrame:
    """Say for each consumer-item what the plan in use changes, and why."""
    from promo_kedro.pipelines.optimization.changes import changes_table
    from promo_kedro.pipelines.optimization.stacking import stacked

    changes = stacked(changes_table(planned) for planned in plans[parameters.mode])
    for reason, count in changes["reason"].value_counts().items():
        logger.info("%d of %d offers %s", count, len(changes), reason)
    return changes


def compare_plans(plans: Plans) -> tuple[DataFrame, DataFrame]:
    """Put each plan beside the offers of today, and the three beside each other."""
    from promo_kedro.pipelines.optimization.comparison import plan_comparison
    from promo_kedro.pipelines.optimization.kpis import plan_kpis

    programs = [planned for mode in plans.values() for planned in mode]
    kpis = plan_kpis(programs)
    _log_plans(kpis)
    return kpis, plan_comparison(plans)


def trace_frontiers(offer_decisions: DataFrame, parameters: OptimizationParameters) -> DataFrame:
    """Trace what retention costs in each category and over all, where it is expected."""
    from promo_kedro.pipelines.optimization.retention_frontier import retention_frontiers
    from promo_kedro.pipelines.optimization.stacking import stacked

    return stacked(
        retention_frontiers(offer_decisions, mode, parameters) for mode in FRONTIER_MODES
    )


def round_offers(
    plans: Plans, calendar: DataFrame, parameters: OptimizationParameters
) -> tuple[DataFrame, DataFrame]:
    """Round the offers of the plan in use, and reckon what that costs."""
    from promo_kedro.calendar import next_step_of
    from promo_kedro.pipelines.optimization.rounding import send_offers

    step = next_step_of(calendar)
    return send_offers(
        plans[parameters.mode],
        step.start_date,
        step.end_date,
        parameters.rounding.step,
        parameters.solver,
    )


def _log_plans(kpis: DataFrame) -> None:
    """Say in one line per mode what its plan expects, and what it gives away for that."""
    for plan in kpis[kpis["category"] == "All"].itertuples():
        logger.info(
            "Offers by %s: revenue %.2f today → %.2f, spend %.2f → %.2f, margin %.2f → %.2f, "
            "retention %.2f %% → %.2f %%",
            plan.mode,
            *(plan.revenue_before, plan.revenue_after, plan.spend_before, plan.spend_after),
            *(plan.margin_before, plan.margin_after),
            *(100 * plan.retention_before, 100 * plan.retention_after),
        )


def _warn_of_infeasible(optimization_summary: DataFrame) -> None:
    """Name, in one line per mode, the categories whose rules cannot be met."""
    infeasible = optimization_summary["status"].str.startswith("infeasible")
    for mode, rows in optimization_summary[infeasible].groupby("mode", sort=False):
        lines = zip(rows["category"], rows["status"], strict=True)
        named = "; ".join(f"{category} ({status})" for category, status in lines)
        logger.warning(
            "Offers by %s stay as today where no plan meets the rules: %s. "
            "optimization_conflicts says what would help.",
            mode,
            named,
        )
