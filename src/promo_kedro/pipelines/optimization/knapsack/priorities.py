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
    eased,
    explain_infeasible,
    firm_rows,
    is_small,
    joint_mix,
    least_missing_mix,
    least_shortfall,
    only,
    row_sizes,
)
from promo_kedro.pipelines.optimization.knapsack.mixes import MET
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.program import Plan, Program, Row
from promo_kedro.pipelines.optimization.knapsack.route import shortfall, solve, worth_of
from promo_kedro.pipelines.optimization.knapsack.witness import kept_near
from promo_kedro.types import Array, DataFrame

MOST_NAMED = 3
ROOM = 1e-4
"""Share of what a row can range over that it may be missed by, beyond the least, to be rounded."""


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
        kept_if_relaxed: see ``explain_infeasible``; empty where there are no relaxations.
    """

    plan: Plan
    rows: tuple[Row, ...]
    broken: dict[str, float] = field(default_factory=dict)
    relaxations: DataFrame | None = None
    message: str = ""
    kept_if_relaxed: str = ""


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
    if len(hard) == len(firm_rows(program)):
        return _without_plan(program, hard, plan, parameters)
    if not is_small(program, parameters):
        relaxed_plan = _relaxed_by_mixes(program, hard, parameters)
    else:
        relaxed_plan = _relaxed_whole(program, hard, parameters)
    if relaxed_plan is None:
        return _without_plan(program, hard, plan, parameters)
    relaxed, plan = relaxed_plan
    outcome = _outcome(program, relaxed.rows, plan)
    explained = explain_infeasible(program, parameters)
    return replace(
        outcome,
        relaxations=explained.relaxations,
        kept_if_relaxed=explained.kept_if_relaxed,
    )


def _without_plan(
    program: Program, hard: list[int], plan: Plan, parameters: SolverParameters
) -> Outcome:
    """Return why the hard rows leave no plan."""
    relaxations, kept_if_relaxed = explain_infeasible(only(program, hard), parameters)
    why = _why_none(relaxations)
    return Outcome(plan, program.rows, {}, relaxations, why, kept_if_relaxed)


def _relaxed_whole(
    program: Program, hard: list[int], parameters: SolverParameters
) -> tuple[Program, Plan] | None:
    """Return the program relaxed, and its plan; none if the hard rows have none."""
    witness = solve(only(program, hard), parameters).choice
    if witness is None:
        return None
    relaxed, witness = _relaxed(program, hard, witness, parameters)
    plan = solve(relaxed, parameters)
    return relaxed, plan if plan.choice is not None else _judged(relaxed, witness, plan)


def _relaxed_by_mixes(
    program: Program, hard: list[int], parameters: SolverParameters
) -> tuple[Program, Plan] | None:
    """Return a large program relaxed by what the linear program misses, and its plan.

    The least that is missed leaves hardly a choice. So rows that are missed get a little room
    beyond it, more where no plan was found with less.
    """
    sizes = row_sizes(program)
    mix = joint_mix(only(program, hard), sizes[hard])
    if mix.bound < -HAIR or mix.value < -MET:
        return None
    least, plans, prices = program.least, mix.plans, np.zeros(len(program.rows))
    least[hard] = eased(only(program, hard), mix.slack, sizes[hard]).least
    kept, missed = hard, np.zeros(len(program.rows))
    firm = set(firm_rows(program)).difference(hard)
    for priority in sorted({program.rows[index].priority for index in firm}):
        soft = [index for index in firm if program.rows[index].priority == priority]
        kept = sorted([*kept, *soft])
        part = only(_bounded(program, least), kept)
        elastic = [kept.index(index) for index in soft]
        mix = least_missing_mix(part, elastic, sizes[kept], plans)
        plans, prices[:] = mix.plans, 0.0
        prices[kept] = mix.prices
        is_short = mix.slack < -MET * sizes[kept]
        missed[soft] = np.where(is_short, -mix.slack, 0.0)[elastic]
        least[soft] = eased(part, mix.slack, sizes[kept]).least[elastic]
    return _planned_with_room(program, sizes, missed, prices, parameters)


def _planned_with_room(
    program: Program, sizes: Array, missed: Array, prices: Array, parameters: SolverParameters
) -> tuple[Program, Plan] | None:
    """Return the program with a little room, and a plan of it; none where none was found.

    Args:
        program: as it was required.
        sizes: of the rows, (rows,).
        missed: by how much the linear program misses each row, (rows,).
        prices: of the rows in the linear program, (rows,).
        parameters: of the solver.

    Returns:
        Soft rows that are not missed get room, too, where there is no plan else.
    """
    firm = firm_rows(program)
    soft = np.array([not row.hard and np.isinf(row.penalty) for row in program.rows])
    for loose in (missed > 0, soft):
        by = np.where(loose, missed + ROOM * sizes, 0.0)
        witness = _near(program, [row for row in firm if not loose[row]], loose, by, prices, sizes)
        if witness is not None:
            by = np.where(loose, np.maximum(by, _short(program, witness) + HAIR * sizes), 0.0)
        relaxed = _bounded(program, program.least - by)
        plan = solve(relaxed, parameters)
        if plan.choice is None and witness is not None:
            plan = _judged(relaxed, witness, plan)
        if plan.choice is not None:
            return relaxed, plan
    return None


def _near(
    program: Program, kept: list[int], loose: Array, by: Array, prices: Array, sizes: Array
) -> Array | None:
    """Return a choice that keeps some rows and has the loose ones missed as little as it can.

    Args:
        program: as it was required.
        kept: rows that may not be missed.
        loose: whether a row may be, (rows,).
        by: how much of each would be little enough, (rows,).
        prices: of the rows in the linear program, (rows,).
        sizes: of the rows, (rows,).
    """
    weights = np.where(loose, np.maximum(prices, HAIR / sizes), 0.0)
    least_missing = np.tensordot(weights, program.coefficients, axes=1)
    part = replace(only(program, kept), objective=least_missing)
    enough = float(weights @ (program.least - by))
    return kept_near(part, prices[kept], sizes[kept], enough)


def _bounded(program: Program, least: Array) -> Program:
    """Return the program with other bounds, (rows,)."""
    rows = tuple(
        replace(row, least=float(bound)) for row, bound in zip(program.rows, least, strict=True)
    )
    return replace(program, rows=rows)


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
    given_up = _counted(
        [
            (row.rule, f"{row.name}, missed by {broken[row.name]:,.6g} {row.unit}")
            for row in program.rows
            if row.name in broken
        ]
    )
    return Outcome(plan, rows, broken, message=f"given up: {given_up}" if broken else "")


def _counted(lines: list[tuple[str, str]]) -> str:
    """Return rules and what is said of their rows in one sentence: the first few of each rule."""
    rules = dict.fromkeys(rule for rule, _ in lines)
    said = []
    for rule in rules:
        of_rule = [line for each, line in lines if each == rule]
        said += of_rule[:MOST_NAMED]
        if len(of_rule) > MOST_NAMED:
            said.append(f"{len(of_rule) - MOST_NAMED} more rows of {rule}")
    return "; ".join(said)


def _why_none(relaxations: DataFrame) -> str:
    """Return which rules contradict each other, from the table of relaxations."""
    conflict = relaxations[relaxations["in_conflict"]]
    if conflict.empty:
        return "no plan was found that keeps every rule"
    rules = _counted(
        [
            (
                line.rule,
                f"{line.row}: {line.sense} {line.required:,.6g} {line.unit}, {_attainable(line)}",
            )
            for line in conflict.itertuples()
        ]
    )
    return f"no plan keeps {'this rule' if len(conflict) == 1 else 'these rules together'}: {rules}"


def _attainable(line: Any) -> str:
    """Return what a row can reach: next to the other rows where these can be kept, else alone."""
    if np.isnan(line.attainable_with_others):
        return f"attainable alone {line.attainable_alone:,.6g}"
    return f"attainable {line.attainable_with_others:,.6g}"
