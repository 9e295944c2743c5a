"""Hard rules are kept or there is no plan; soft rules are kept as far as can be, in order.

From priority 1, given up last, on: the rows of a priority may be missed by as little as can be in
total, next to the hard rows and to what earlier priorities kept; their bounds then give way by
just what was missed. At the end the objective is maximised. So the lowest priority is broken
first, and least.

Shortfalls of rows in different units are added as shares of what each row can range over. Where
several rows of one priority can share a shortfall in several ways, the first way found stands.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from promo_kedro.pipelines.optimization.knapsack.infeasible import (
    HAIR,
    explain_infeasible,
    firm_rows,
    least_shortfall,
    only,
    row_sizes,
)
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.program import Plan, Program, Row
from promo_kedro.pipelines.optimization.knapsack.route import shortfall, solve, worth_of
from promo_kedro.types import Array, DataFrame


@dataclass(frozen=True)
class Outcome:
    """What came of a program.

    Attributes:
        plan: without a choice where the hard rows contradict each other.
        rows: as the plan was required to keep them, soft ones relaxed by what they are missed by.
        broken: names of the soft rows that are missed, and by how much, in shown units.
        relaxations: see ``explain_infeasible``: of the hard rows where these contradict each
            other, of all rows where a soft one is missed; else none.
        message: the same in plain words; empty where every row is kept.
    """

    plan: Plan
    rows: tuple[Row, ...]
    broken: dict[str, float] = field(default_factory=dict)
    relaxations: DataFrame | None = None
    message: str = ""


def solve_by_priority(
    program: Program, parameters: SolverParameters, *, start: Array | None = None
) -> Outcome:
    """Return the best plan that keeps every row, or else the hard rows and what it can of others.

    Args:
        program: its soft rows are those with ``hard`` false. A row with a penalty is left to it:
            missing it has its price already.
        parameters: of the solver.
        start: prices of an earlier solve, (rows,).
    """
    plan = solve(program, parameters, start=start)
    if plan.choice is not None:
        return _outcome(program, program.rows, plan)
    hard = [index for index in firm_rows(program) if program.rows[index].hard]
    witness = solve(only(program, hard), parameters).choice
    if witness is None:
        relaxations = explain_infeasible(only(program, hard), parameters)
        return Outcome(plan, program.rows, {}, relaxations, _why_none(relaxations))
    relaxed, witness = _relaxed(program, hard, witness, parameters)
    plan = solve(relaxed, parameters)
    if plan.choice is None:
        plan = _judged(relaxed, witness, plan)
    outcome = _outcome(program, relaxed.rows, plan)
    return replace(outcome, relaxations=explain_infeasible(program, parameters))


def _relaxed(
    program: Program, hard: list[int], witness: Array, parameters: SolverParameters
) -> tuple[Program, Array]:
    """Return the program with its soft rows relaxed, and a choice that keeps all its rows."""
    rows, kept, sizes = list(program.rows), hard, row_sizes(program)
    firm = set(firm_rows(program)).difference(hard)
    for priority in sorted({rows[index].priority for index in firm}):
        soft = [index for index in sorted(firm) if rows[index].priority == priority]
        kept = sorted([*kept, *soft])
        part = only(replace(program, rows=tuple(rows)), kept)
        elastic = [kept.index(index) for index in soft]
        witness = _least_missing(part, elastic, sizes[kept], witness, parameters)
        missed = _short(part, witness)
        for index, short in zip(soft, missed[elastic], strict=True):
            if short > 0:
                least = rows[index].least - short - HAIR * sizes[index]
                rows[index] = replace(rows[index], least=least)
    return replace(program, rows=tuple(rows)), witness


def _least_missing(
    program: Program, elastic: list[int], sizes: Array, known: Array, parameters: SolverParameters
) -> Array:
    """Return a choice that misses the elastic rows least in total and keeps the others.

    Args:
        program: with the rows that count so far.
        elastic: which of them may be missed.
        sizes: of the rows, (rows,).
        known: a choice that keeps the other rows; returned where none is found that does better.
        parameters: of the solver.
    """
    before = _short(program, known) / sizes
    if not before.any():
        return known
    found = least_shortfall(program, elastic, sizes, parameters).choice
    if found is None:
        return known
    after = _short(program, found) / sizes
    keeps_others = not np.delete(after, elastic).any()
    return found if keeps_others and after.sum() < before.sum() else known


def _short(program: Program, choice: Array) -> Array:
    """Return what each row is short of under a choice, (rows,)."""
    return shortfall(program, program.options.totals(choice))


def _judged(program: Program, choice: Array, bounded: Plan) -> Plan:
    """Return a plan of this choice, where the route found none better than it."""
    totals = program.options.totals(choice)
    activity = program.activity(totals)
    return replace(
        bounded,
        choice=choice,
        value=worth_of(program, totals),
        upper_bound=program.options.choose(program.objective).score,
        totals=totals,
        activity=activity,
        slack=activity - program.least,
        prices=np.zeros(len(program.rows)),
    )


def _outcome(program: Program, rows: tuple[Row, ...], plan: Plan) -> Outcome:
    """Return the outcome of a plan, held against what was asked before anything was relaxed."""
    missed = shortfall(program, plan.totals)
    broken = {
        row.name: float(short * row.scale)
        for row, short in zip(program.rows, missed, strict=True)
        if short > 0
    }
    given_up = "; ".join(
        f"{row.name}, missed by {broken[row.name]:,.6g} {row.unit}"
        for row in program.rows
        if row.name in broken
    )
    return Outcome(plan, rows, broken, message=f"given up: {given_up}" if broken else "")


def _why_none(relaxations: DataFrame) -> str:
    """Return which rules contradict each other, from the table of relaxations."""
    conflict = relaxations[relaxations["in_conflict"]]
    if conflict.empty:
        return "no plan was found that keeps every rule"
    rules = "; ".join(
        f"{line.row}: {line.sense} {line.required:,.6g} {line.unit}, {_attainable(line)}"
        for line in conflict.itertuples()
    )
    return f"no plan keeps {'this rule' if len(conflict) == 1 else 'these rules together'}: {rules}"


def _attainable(line: Any) -> str:
    """Return what a row can reach: next to the other rows where these can be kept, else alone."""
    if np.isnan(line.attainable_with_others):
        return f"attainable alone {line.attainable_alone:,.6g}"
    return f"attainable {line.attainable_with_others:,.6g}"
