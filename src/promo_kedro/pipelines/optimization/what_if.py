"""What if: another plan from a notebook in seconds, and what it changes.

::

    planner = WhatIf(catalog.load("offer_decisions"), catalog.load("params:optimization"))
    as_set = planner.plan()
    kinder = planner.plan(retention={"Bakery": 0.2}, budget=4000)
    kinder.kpis
    kinder.changed(against=as_set)

Every plan starts from the parameters as they are set; nothing is written. Where only levels of
rules differ from an earlier plan, the options are as they were and the search starts at its prices.
"""

import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from pandas import DataFrame

from promo_kedro.errors import InputError
from promo_kedro.pipelines.optimization.decisions import Aim, check_costs, check_named
from promo_kedro.pipelines.optimization.knapsack.priorities import solve_by_priority
from promo_kedro.pipelines.optimization.kpis import plan_kpis
from promo_kedro.pipelines.optimization.offer_tables import offers_table
from promo_kedro.pipelines.optimization.parameters import OptimizationParameters
from promo_kedro.pipelines.optimization.planning import (
    Planned,
    Stated,
    consumer_key_of,
    offers_of,
    plan_programs,
)
from promo_kedro.pipelines.optimization.retention_frontier import retention_row, traced
from promo_kedro.pipelines.optimization.rule_tables import (
    conflicts_table,
    finite_differences,
    rules_table,
)
from promo_kedro.pipelines.optimization.rules import Exclusions, Rule, cap_of, narrowed
from promo_kedro.pipelines.optimization.rules.base import OptionRule
from promo_kedro.pipelines.optimization.stacking import stacked
from promo_kedro.pipelines.optimization.totals import (
    ALL,
    asks_for_retention,
    concerns,
    counts_consumers,
    prices_by_row,
)
from promo_kedro.pipelines.optimization.what_if_parameters import with_changes

_BUILT = 3  # sets of options that are kept
_KEY = ["category", "customer_id", "item_id"]


class WhatIf:
    """Plans offers again and again from one set of decisions.

    Attributes:
        parameters: as they are set; every plan starts from them.
    """

    def __init__(
        self, decisions: DataFrame, parameters: OptimizationParameters | dict[str, Any]
    ) -> None:
        """Take what earlier pipelines found out.

        Args:
            decisions: ``offer_decisions``.
            parameters: of the optimization pipeline.
        """
        self.parameters = OptimizationParameters.model_validate(parameters)
        self._decisions = decisions
        self._built: dict[str, list[Planned]] = {}

    def plan(self, **changes: Any) -> "WhatIfPlan":
        """Plan with some parameters changed.

        Args:
            **changes: by the name of a rule, its level (``retention=0.15``), its levels by
                category (``retention={"Bakery": 0.2}``; the others keep theirs), any of its
                fields (``retention={"at_least": 0.15, "hard": False}``), or None to leave it
                out. A kind of rule in small letters (``budget=4000``) is the one rule of that
                kind, or a new one. Other parameters by their names (``mode="linear"``).

        Raises:
            InputError: there is no such rule, parameter or category, or it is decided upstream.
            pydantic.ValidationError: a value that ``parameters.yml`` may not hold, either.
        """
        categories = self._decisions["category"].unique().tolist()
        parameters = with_changes(self.parameters, changes, categories)
        self._check(parameters)
        structure = _structure(parameters)
        plans = [_planned_again(each, parameters) for each in self._built.pop(structure, [])]
        if not plans or not all(map(_stands, plans)):
            plans = plan_programs(self._decisions_for(parameters), parameters.mode, parameters)
        cap = cap_of(parameters.rules)
        if all(map(_stands, plans)) and (cap is None or cap.hard):
            self._built[structure] = plans
        if len(self._built) > _BUILT:
            self._built.pop(next(iter(self._built)))
        return WhatIfPlan(tuple(plans), parameters)

    def frontier(
        self, category: str | None = None, points: int | None = None, **changes: Any
    ) -> DataFrame:
        """Return the frontier of a category, see ``WhatIfPlan.frontier``."""
        return self.plan(**changes).frontier(category, points)

    def _check(self, parameters: OptimizationParameters) -> None:
        """Refuse what the decisions do not know: categories, costs, groups, exclusions."""
        aim = Aim(parameters.objective, parameters.margin_share, parameters.rules)
        check_named(sorted(self._decisions["category"].unique()), aim)
        check_costs(self._decisions, aim)
        unknown = sorted(set(aim.consumer_columns) - set(self._decisions))
        if unknown:
            raise InputError(
                f"offer_decisions does not know the groups {', '.join(unknown)}: set the rule in "
                "parameters.yml and run the pipeline again."
            )
        excludes, was_set = (_excludes(each) for each in (parameters, self.parameters))
        if excludes and not was_set and not (self._decisions["excluded"] != "").any():
            raise InputError(
                "offer_decisions knows of nothing that is excluded: add the list offer_exclusions "
                "and run the pipeline again."
            )

    def _decisions_for(self, parameters: OptimizationParameters) -> DataFrame:
        """Return the decisions with the options that the rules leave."""
        if _option_rules(parameters) == _option_rules(self.parameters):
            return self._decisions
        return narrowed(self._decisions, parameters.rules)


@dataclass(frozen=True, eq=False)
class WhatIfPlan:
    """A plan as tables.

    Attributes:
        plans: its programs.
        parameters: that it was made with.
    """

    plans: tuple[Planned, ...]
    parameters: OptimizationParameters

    @cached_property
    def kpis(self) -> DataFrame:
        """Return ``plan_kpis``: today's offers and the plan, overall and per category."""
        return plan_kpis(list(self.plans))

    @cached_property
    def rules(self) -> DataFrame:
        """Return ``optimization_rules``: what each rule required, what it got and its price."""
        kinds = {name: rule.rule for name, rule in self.parameters.rules.items()}
        solver = self.parameters.solver
        return stacked(
            rules_table(each, finite_differences(each, solver), kinds) for each in self.plans
        )

    @cached_property
    def conflicts(self) -> DataFrame:
        """Return ``optimization_conflicts``: what stands in the way; empty where nothing does."""
        return stacked(conflicts_table(each) for each in self.plans)

    @cached_property
    def offers(self) -> DataFrame:
        """Return ``optimal_offers``, without the dates, by category, consumer and item."""
        return stacked(offers_table(each) for each in self.plans).sort_values(
            _KEY, ignore_index=True
        )

    def changed(self, against: "WhatIfPlan") -> DataFrame:
        """Return the consumer-items that another plan offers otherwise, largest loss first.

        Args:
            against: the other plan.

        Returns:
            customer_id, item_id, category, and of the other plan (``_against``) and of this one
            offer_percent, revenue and retained; revenue_difference.
        """
        names = {"offer_percent": "offer_percent", "revenue_after": "revenue"}
        names |= {"retained_after": "retained"}
        ours, others = (
            plan.offers.set_index(_KEY)[list(names)].rename(columns=names)
            for plan in (self, against)
        )
        table = others.join(ours, lsuffix="_against", validate="one_to_one").reset_index()
        same = np.isclose(table["offer_percent"], table["offer_percent_against"], atol=1e-9)
        table["revenue_difference"] = table["revenue"] - table["revenue_against"]
        return table[~same].sort_values("revenue_difference", kind="stable", ignore_index=True)

    def compared(self, against: "WhatIfPlan") -> DataFrame:
        """Return what the change comes to, overall and per category.

        Args:
            against: the other plan.

        Returns:
            category, offers_changed (against the other plan), and revenue, retention (share) and
            spend: here, and here less there (``_difference``).
        """
        ours, others = (plan.kpis.set_index("category") for plan in (self, against))
        changed = self.changed(against)["category"].value_counts()
        table = DataFrame({"offers_changed": changed.reindex(ours.index, fill_value=0)})
        table.loc["All", "offers_changed"] = changed.sum()
        for figure in ("revenue", "retention", "spend"):
            table[figure] = ours[f"{figure}_after"]
            table[f"{figure}_difference"] = table[figure] - others[f"{figure}_after"]
        return table.rename_axis("category").reset_index()

    def frontier(self, category: str | None = None, points: int | None = None) -> DataFrame:
        """Trace the most that can be earned for each retention, next to the plan's other rules.

        Soft rules count as far as the plan keeps them.

        Args:
            category: whose retention is required; all of them together where they are one
                program and none is named.
            points: at most so many, 2 or more; else ``frontier_points``.

        Returns:
            retention_required, revenue, retention (shares), shadow_price (money per further
            percentage point), rising in retention.
        """
        points = self.parameters.frontier_points if points is None else points
        if points < 2:
            raise InputError(f"A frontier has 2 points or more, not {points}.")
        planned = self._program_of(category)
        if counts_consumers(planned) and len(_named(planned, category)) < len(
            planned.standing.categories
        ):
            raise InputError(
                "Consumers are counted once over all categories, so that no category has a "
                "retention of its own: name none."
            )
        others = [
            row
            for row in planned.outcome.rows
            if not (asks_for_retention(row) and concerns(planned, row) == _named(planned, category))
        ]
        where = planned.standing.cells["category"].isin(_named(planned, category)).to_numpy()
        program = replace(planned.program, rows=(retention_row(planned.standing, where), *others))
        return traced(program, self.parameters, points)

    def _program_of(self, category: str | None) -> Planned:
        if category is None and len(self.plans) == 1:
            return self.plans[0]
        for planned in self.plans:
            if category in planned.standing.categories:
                return planned
        known = sorted(name for each in self.plans for name in each.standing.categories)
        raise InputError(f"Name one of the categories {', '.join(known)}, not {category!r}.")

    def _repr_html_(self) -> str:
        """Show the KPIs in a notebook."""
        return str(self.kpis.to_html(index=False, float_format=lambda figure: f"{figure:,.4g}"))


def _option_rules(parameters: OptimizationParameters) -> dict[str, Rule]:
    return {name: rule for name, rule in parameters.rules.items() if isinstance(rule, OptionRule)}


def _excludes(parameters: OptimizationParameters) -> bool:
    return any(isinstance(rule, Exclusions) for rule in parameters.rules.values())


def _structure(parameters: OptimizationParameters) -> str:
    """Return what two sets of parameters share if only levels of rules differ between them."""
    rules = parameters.rules.values()
    counted = parameters.measure_of(parameters.mode) == "consumer_indicator"
    others = parameters.model_dump(exclude={"rules", "frontier_points", "rounding"}, mode="json")
    shape = {
        "options": [rule.model_dump(mode="json") for rule in _option_rules(parameters).values()],
        "joint": any(rule.spans_categories for rule in rules),
        "consumers": consumer_key_of(parameters.rules, counted=counted),
        "groups": sorted({column for rule in rules for column in rule.consumer_columns}),
        "costs": any(rule.needs_cost for rule in rules),
    }
    return json.dumps([others, shape], sort_keys=True)


def _planned_again(earlier: Planned, parameters: OptimizationParameters) -> Planned:
    """Solve a program with other rows, from the prices of an earlier solve."""
    rules = parameters.rules.items()
    rows = tuple(row for name, rule in rules for row in rule.rows(name, earlier.standing))
    program = replace(earlier.program, rows=rows)
    prices = prices_by_row(earlier)
    start = np.nan_to_num([prices.get(row.name, 0.0) for row in rows])
    outcome = solve_by_priority(program, parameters.solver, start=start)
    stated = Stated(earlier.decisions, earlier.options, program, earlier.standing)
    offer = offers_of(stated, outcome, parameters.rules)
    return replace(earlier, program=program, outcome=outcome, offer=offer)


def _stands(planned: Planned) -> bool:
    """Say whether a program was solved as it was stated, with no category set aside for others."""
    joint_without_plan = planned.name == ALL and planned.outcome.plan.choice is None
    return not planned.set_aside and not joint_without_plan


def _named(planned: Planned, category: str | None) -> list[str]:
    return planned.standing.categories if category is None else [category]
