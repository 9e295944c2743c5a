"""From consumer-items and rules to programs and their plans.

Rules that bind category by category make one program per category. One rule over all of them
makes one program of all. A category whose own rules no plan can meet keeps the offers of today,
and does not stand in the way of the others.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from pandas import DataFrame, Series

from promo_kedro.errors import InputError
from promo_kedro.pipelines.optimization.knapsack.measures import MEASURES, Measure
from promo_kedro.pipelines.optimization.knapsack.offers import OfferColumns, OfferOptions
from promo_kedro.pipelines.optimization.knapsack.options import ConsumerRule
from promo_kedro.pipelines.optimization.knapsack.priorities import Outcome, solve_by_priority
from promo_kedro.pipelines.optimization.knapsack.program import Program, Row
from promo_kedro.pipelines.optimization.offer_tables import is_excluded
from promo_kedro.pipelines.optimization.parameters import Mode, OptimizationParameters
from promo_kedro.pipelines.optimization.rules import (
    MaxOffersPerConsumer,
    Retention,
    Rule,
    Standing,
    cap_of,
    steps_of,
)
from promo_kedro.pipelines.optimization.rules.permitted import STEPS, TODAY, permit
from promo_kedro.pipelines.optimization.totals import ALL
from promo_kedro.types import Array

logger = logging.getLogger(__name__)

SET_ASIDE = "its category's rules cannot be met"

OBJECTIVES = {
    "revenue": {"sales": 1.0, "spend": -1.0},
    "margin": {"sales": 1.0, "spend": -1.0, "cost": -1.0},
}


class Stated(NamedTuple):
    """A program before it is solved.

    Attributes:
        units: ``offer_decisions`` of its units, in the order of the options.
        options: what they may choose from.
        program: objective and rows.
        standing: where the units stand before the plan.
    """

    units: DataFrame
    options: OfferOptions
    program: Program
    standing: Standing


@dataclass(frozen=True)
class Planned:
    """One program and how it ended.

    Attributes:
        mode: how an offer moves the probability, and what a probability is worth.
        name: ``All``, or the category.
        decisions: ``offer_decisions`` of its units, in the order of the options.
        options: what they may choose from.
        program: objective and rows.
        standing: where the units stand before the plan.
        outcome: the plan, and what was given up for it.
        offer: offer percent of each unit, (units,); see ``offers_without_plan``.
        set_aside: category → why its own rules could not be met, so that it keeps today's offers.
        left_out: the rows of categories set aside, which the program does without.
    """

    mode: Mode
    name: str
    decisions: DataFrame
    options: OfferOptions
    program: Program
    standing: Standing
    outcome: Outcome
    offer: Array
    set_aside: dict[str, Outcome] = field(default_factory=dict)
    left_out: tuple[Row, ...] = ()


def plan_programs(
    decisions: DataFrame,
    mode: Mode,
    parameters: OptimizationParameters,
    *,
    start: dict[str, Array] | None = None,
) -> list[Planned]:
    """Solve every program of one mode.

    Args:
        decisions: ``offer_decisions``.
        mode: how an offer moves the probability, and what a probability is worth.
        parameters: objective, rules, sizes.
        start: name of a program → prices of its rows to start from, such as an earlier plan's.
    """
    known = start or {}
    stated = {
        name: build_program(units, mode, parameters, parameters.rules)
        for name, units in programs_of(decisions, parameters.rules)
    }
    logger.info(
        "Planning %s: %s, %s consumer-items, %d rows",
        mode,
        "one program" if len(stated) == 1 else f"{len(stated)} programs",
        f"{len(decisions):,}",
        sum(len(each.program.rows) for each in stated.values()),
    )
    plans = [
        plan_program(name, each, mode, parameters, start=known.get(name))
        for name, each in stated.items()
    ]
    for planned in plans:
        _tell_what_would_help(planned, parameters)
    return plans


def programs_of(decisions: DataFrame, rules: Mapping[str, Rule]) -> list[tuple[str, DataFrame]]:
    """Return name and units of each program."""
    if any(rule.spans_categories for rule in rules.values()):
        return [(ALL, decisions)]
    return list(decisions.groupby("category", sort=True))


def plan_program(
    name: str,
    stated: Stated,
    mode: Mode,
    parameters: OptimizationParameters,
    *,
    start: Array | None = None,
) -> Planned:
    """Solve one program; where categories of it cannot meet their own rules, without them."""
    planned = _planned(name, stated, mode, parameters, start=start)
    if planned.outcome.plan.choice is not None or name != ALL:
        return planned
    units = stated.units
    aside = {
        category: alone.outcome
        for category, alone in _alone(units, mode, parameters).items()
        if alone.outcome.plan.choice is None
    }
    if not aside:
        return planned
    staying = _set_aside(units, units["category"].isin(aside), cap_of(parameters.rules))
    left_aside = frozenset(aside)
    others = build_program(staying, mode, parameters, parameters.rules, left_aside)
    left = _planned(name, others, mode, parameters, without=left_aside)
    rows = _rows(parameters.rules, left.standing)
    out = tuple(row for row in rows if _of_categories(row, left.standing.cells, left_aside))
    return replace(left, set_aside=aside, left_out=out)


def offers_without_plan(units: DataFrame, cap: MaxOffersPerConsumer | None) -> Array:
    """Return which offers stand where there is no plan, percent, (units,).

    Those of today, but none for whom and what is excluded, nor beyond a hard cap: a consumer
    keeps the largest.
    """
    today = units["offer_today"].to_numpy(dtype=float)
    offers = np.where(is_excluded(units), 0.0, today)
    if cap is None or not cap.hard:
        return offers
    largest_first = (
        units[cap.consumer_key]
        .assign(offer=offers)
        .sort_values("offer", ascending=False, kind="stable")
    )
    place = largest_first.groupby(cap.consumer_key, sort=False).cumcount().sort_index()
    kept = np.where(place.to_numpy() < cap.at_most, offers, 0.0)
    dropped = int(((offers > 0) & (kept == 0)).sum())
    if dropped:
        logger.warning(
            "%d offers of today are dropped where there is no plan: their consumers have more "
            "than %d",
            dropped,
            cap.at_most,
        )
    return kept


def build_program(
    units: DataFrame,
    mode: Mode,
    parameters: OptimizationParameters,
    rules: Mapping[str, Rule],
    without: frozenset[str] = frozenset(),
    consumer_key: list[str] | None = None,
) -> Stated:
    """State a program.

    Args:
        units: ``offer_decisions`` of its units.
        mode: how an offer moves the probability, and what a probability is worth.
        parameters: objective and measure of retention.
        rules: name → rule.
        without: categories whose own rows are left out.
        consumer_key: columns whose equal values make one consumer; by default as the rules say.
    """
    counted = parameters.measure_of(mode) == "consumer_indicator"
    key = consumer_key or consumer_key_of(rules, counted=counted)
    units, consumer_rule = _coupled(units, cap_of(rules), key, counted=counted)
    cells, cell = _cells(units, rules)
    options = OfferOptions(
        columns=_columns(units, cell),
        mode=mode,
        steps=steps_of(rules),
        indicator_retention=parameters.measure_of(mode) != "expected",
        consumer_rule=consumer_rule,
        cells=len(cells),
        threads=parameters.solver.threads,
    )
    standing = _standing(cells, options, mode, parameters)
    rows = [row for row in _rows(rules, standing) if not _of_categories(row, cells, without)]
    return Stated(units, options, Program(options, standing.objective, tuple(rows)), standing)


def consumer_key_of(rules: Mapping[str, Rule], *, counted: bool) -> list[str]:
    """Return the columns whose equal values make one consumer.

    Args:
        rules: name → rule.
        counted: whether retention is a share of consumers.

    Raises:
        InputError: rules mean different consumers.
    """
    cap = cap_of(rules)
    required = [rule for rule in rules.values() if counted and isinstance(rule, Retention)]
    spanning = {rule.spans_categories for rule in [*required, *([cap] if cap else [])]}
    if len(spanning) > 1:
        raise InputError(
            "optimization.rules count a consumer's offers over all categories and its retention "
            "by category, or the other way round: give both rules the same scope."
        )
    return ["customer_id"] if True in spanning else ["category", "customer_id"]


def offers_of(stated: Stated, outcome: Outcome, rules: Mapping[str, Rule]) -> Array:
    """Return the offers of a plan, or those that stand without one, percent, (units,)."""
    choice = outcome.plan.choice
    if choice is None:
        return offers_without_plan(stated.units, cap_of(rules))
    return stated.options.offers(choice)


def _planned(
    name: str,
    stated: Stated,
    mode: Mode,
    parameters: OptimizationParameters,
    *,
    start: Array | None = None,
    without: frozenset[str] = frozenset(),
) -> Planned:
    rules = parameters.rules
    outcome = solve_by_priority(stated.program, parameters.solver, start=start)
    soft_cap = [n for n, r in rules.items() if isinstance(r, MaxOffersPerConsumer) and not r.hard]
    if outcome.plan.choice is None and soft_cap:
        rest = {n: rule for n, rule in rules.items() if n not in soft_cap}
        stated = build_program(stated.units, mode, parameters, rest, without)
        outcome = solve_by_priority(stated.program, parameters.solver)
        given_up = f"{', '.join(soft_cap)} given up: the hard rules cannot be met with it"
        outcome = replace(outcome, message="; ".join(filter(None, [outcome.message, given_up])))
    offer = offers_of(stated, outcome, rules)
    return Planned(
        mode,
        name,
        stated.units,
        stated.options,
        stated.program,
        stated.standing,
        outcome,
        offer,
    )


def _set_aside(units: DataFrame, stays: Series, cap: MaxOffersPerConsumer | None) -> DataFrame:
    """Return the units with those set aside left no option but today's offer.

    What is excluded still gets none; and a cap may still take from a consumer with too many.
    """
    has_today = units["permitted"].to_numpy() & (TODAY | STEPS) > 0
    permitted = units["permitted"].mask(stays & has_today, TODAY)
    kept = units["kept"].mask(stays & units["adjustable"], SET_ASIDE)
    staying = permit(units, permitted, kept)
    return staying if cap is None else cap.narrow(staying)


def _tell_what_would_help(planned: Planned, parameters: OptimizationParameters) -> None:
    """Log, for each program without a plan or with rules given up, what would keep all rules."""
    level = logging.WARNING if planned.mode == parameters.mode else logging.INFO
    for name, outcome in {planned.name: planned.outcome, **planned.set_aside}.items():
        if outcome.kept_if_relaxed:
            logger.log(
                level,
                "Offers by %s, %s: all rules can be kept together if relaxed: %s.",
                planned.mode,
                name,
                outcome.kept_if_relaxed,
            )


def _alone(units: DataFrame, mode: Mode, parameters: OptimizationParameters) -> dict[str, Planned]:
    """Plan each category by its own rules alone."""
    own = {name: rule for name, rule in parameters.rules.items() if not rule.spans_categories}
    by_category = parameters.model_copy(update={"rules": own})
    return {
        str(category): _planned(
            str(category), build_program(of_category, mode, by_category, own), mode, by_category
        )
        for category, of_category in units.groupby("category", sort=True)
    }


def _coupled(
    units: DataFrame, cap: MaxOffersPerConsumer | None, by: list[str], *, counted: bool
) -> tuple[DataFrame, ConsumerRule | None]:
    """Return the units in the order of their consumers, and what couples them.

    Args:
        units: ``offer_decisions``.
        cap: on the offers of one consumer, if there is one.
        by: columns whose equal values make one consumer.
        counted: whether retention is a share of consumers.
    """
    if not cap and not counted:
        return units, None
    rest = [name for name in ("customer_id", "category", "item_id") if name not in by]
    ordered = units.sort_values([*by, *rest], ignore_index=True)
    consumer = ordered.groupby(by, sort=False).ngroup().to_numpy()
    return ordered, ConsumerRule(consumer, cap.at_most if cap else None, any_retained=counted)


def _cells(units: DataFrame, rules: Mapping[str, Rule]) -> tuple[DataFrame, Array]:
    """Return the cells, and the cell of each unit."""
    columns = {column for rule in rules.values() for column in rule.consumer_columns}
    keys = ["category", *sorted(columns)]
    groups = units.groupby(keys, sort=True, dropna=False)
    cells = groups.size().rename("units").reset_index()
    return cells, groups.ngroup().to_numpy(dtype="int32")


def _columns(units: DataFrame, cell: Array) -> OfferColumns:
    names = [name for name in OfferColumns.__dataclass_fields__ if name != "cell"]
    return OfferColumns(**{name: units[name].to_numpy() for name in names}, cell=cell)


def _standing(
    cells: DataFrame, options: OfferOptions, mode: Mode, parameters: OptimizationParameters
) -> Standing:
    count = len(options)
    rule = options.consumer_rule
    retainable = cells["units"].to_numpy()
    if rule is not None and rule.any_retained:
        first = np.flatnonzero(np.diff(rule.consumer, prepend=-1))
        retainable = np.bincount(options.cell[first], minlength=len(cells))
    objective = np.zeros((len(cells), MEASURES))
    for measure, weight in OBJECTIVES[parameters.objective].items():
        objective[:, Measure[measure.upper()]] = weight
    return Standing(
        cells=cells.assign(retainable=retainable),
        today=options.totals(np.zeros(count, dtype="int8")),
        without_offers=options.totals(np.ones(count, dtype="int8")),
        objective=objective,
        retention_as_set=parameters.measure_of(mode) == parameters.measure_of(parameters.mode),
    )


def _rows(rules: Mapping[str, Rule], standing: Standing) -> list[Row]:
    return [row for name, rule in rules.items() for row in rule.rows(name, standing)]


def _of_categories(row: Row, cells: DataFrame, categories: frozenset[str]) -> bool:
    """Return whether a row is about nothing but these categories."""
    about = set(cells.loc[np.any(row.coefficients != 0, axis=1), "category"])
    return bool(about) and about <= categories
