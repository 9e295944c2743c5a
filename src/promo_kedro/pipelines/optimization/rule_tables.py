"""What each rule asked of a program, what it cost, and which rules stood in each other's way."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas import DataFrame

from promo_kedro.pipelines.optimization.knapsack.frontier import finite_difference
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.program import Row
from promo_kedro.pipelines.optimization.totals import cell_totals, prices_by_row, slack_of

if TYPE_CHECKING:
    from promo_kedro.pipelines.optimization.planning import Planned

STEP = 0.1  # of a shown unit: near the plan, and still more than the program's own grain
RULE_COLUMNS = [
    "mode",
    "program",
    "rule",
    "row",
    "kind",
    "hard",
    "priority",
    "sense",
    "required",
    "achieved",
    "slack",
    "unit",
    "shadow_price",
    "finite_difference",
    "status",
]
CONFLICT_COLUMNS = [
    "mode",
    "program",
    "rule",
    "row",
    "sense",
    "required",
    "attainable_alone",
    "attainable_with_others",
    "smallest_relaxation",
    "unit",
    "in_conflict",
]
NO_CONFLICTS = DataFrame(columns=CONFLICT_COLUMNS)


def rules_table(
    planned: "Planned", finite_differences: dict[str, float], kinds: Mapping[str, str]
) -> DataFrame:
    """Return ``optimization_rules`` of one program: one line per row, in the units shown.

    Rows of categories set aside come last, held against today's offers.

    Args:
        planned: the program and what came of it.
        finite_differences: money that a row one shown unit tighter costs when solved anew, by
            the row's name; empty where it was not asked for.
        kinds: kind of each rule, such as ``Budget``, by its name in the parameters.
    """
    totals = cell_totals(planned, planned.options.measures(planned.offer))
    prices = prices_by_row(planned)
    lines = []
    for row in (*planned.program.rows, *planned.left_out):
        slack = slack_of(row, totals) * row.scale
        required = row.least * row.scale
        sign = -1.0 if row.at_most else 1.0
        lines.append(
            {
                "mode": planned.mode,
                "program": planned.name,
                "rule": row.rule,
                "row": row.name,
                "kind": kinds.get(row.rule, row.rule),
                "hard": row.hard,
                "priority": row.priority,
                "sense": "at most" if row.at_most else "at least",
                "required": sign * required + 0.0,
                "achieved": sign * (required + slack) + 0.0,
                "slack": slack,
                "unit": row.unit,
                "shadow_price": prices.get(row.name, np.nan) / row.scale,
                "finite_difference": finite_differences.get(row.name, np.nan),
                "status": _row_status(planned, row, slack, prices.get(row.name, 0.0)),
            }
        )
    return DataFrame(lines, columns=RULE_COLUMNS)


def finite_differences(planned: "Planned", solver: SolverParameters) -> dict[str, float]:
    """Return what each row that costs anything costs when it is tightened, by the row's name.

    Args:
        planned: the program and what came of it.
        solver: of the programs with one row a tenth of a shown unit tighter.

    Returns:
        Money per shown unit, to set beside the shadow price.
    """
    outcome = planned.outcome
    if outcome.plan.choice is None:
        return {}
    program = replace(planned.program, rows=outcome.rows)
    return {
        row.name: finite_difference(program, index, STEP, outcome.plan, solver)
        for index, row in enumerate(outcome.rows)
        if outcome.plan.prices[index] > 0
    }


def conflicts_table(planned: "Planned") -> DataFrame:
    """Return ``optimization_conflicts`` of one program; empty where every rule is kept.

    Categories set aside are programs of their own here.
    """
    outcomes = {planned.name: planned.outcome, **planned.set_aside}
    told = [
        outcome.relaxations.assign(mode=planned.mode, program=name)
        for name, outcome in outcomes.items()
        if outcome.relaxations is not None
    ]
    return pd.concat(told, ignore_index=True)[CONFLICT_COLUMNS] if told else NO_CONFLICTS.copy()


def _row_status(planned: "Planned", row: Row, slack: float, price: float) -> str:
    outcome = planned.outcome
    if outcome.plan.choice is None or any(row is each for each in planned.left_out):
        if row.name in _conflicting(planned):
            return "infeasible"
        return "broken" if slack < 0 else "met"
    if row.name in outcome.broken:
        return "broken" if row.hard else "given up"
    return "binding" if price > 0 else "met"


def _conflicting(planned: "Planned") -> set[str]:
    """Return the names of the rows that leave the program, or a category of it, without a plan."""
    names: set[str] = set()
    for outcome in (planned.outcome, *planned.set_aside.values()):
        if outcome.plan.choice is None and outcome.relaxations is not None:
            conflicts = outcome.relaxations
            names |= set(conflicts.loc[conflicts["in_conflict"].astype(bool), "row"])
    return names
