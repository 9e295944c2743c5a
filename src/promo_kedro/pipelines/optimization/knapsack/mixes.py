"""The linear program by mixing plans: whether rows can be kept together, proven either way.

A plan of the linear program is a mix of plans that units choose at some prices. From a handful of
these a small program finds the best mix and its prices; at these prices all units choose again,
which adds a plan to mix and bounds what any mix could reach. It ends when the two meet. Where
nothing couples the units of different cells, each cell mixes for itself. No price has to be
guessed and nothing has to be earned, so it also decides where the dual is flat: whether there is
a plan at all.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from promo_kedro.pipelines.optimization.knapsack.program import Program
from promo_kedro.types import Array

PASSES = 100
MET = 1e-7
PRECISE = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
SOLVED = 0


@dataclass(frozen=True)
class Mix:
    """The best mix of plans.

    Attributes:
        value: of the objective, less penalties.
        bound: what no mix, so no plan, can exceed.
        prices: that the bound was certified at, (rows,).
        slack: activity − least, (rows,).
        plans: totals of the plans that were mixed, each (cells, 7).
        totals: of the mix, (cells, 7).
    """

    value: float
    bound: float
    prices: Array
    slack: Array
    plans: tuple[Array, ...]
    totals: Array


def best_mix(
    program: Program, scale: float, plans: tuple[Array, ...] = (), *, zero: float = np.inf
) -> Mix:
    """Return the best mix of plans, to 1e-7 of a scale.

    Args:
        program: some mix of ``plans`` keeps those of its rows that have no penalty.
        scale: what the objective, or a penalty for missing all of a row, amounts to.
        plans: totals to begin with, each (cells, 7).
        zero: where it matters whether the value is below 0, what counts as nothing: the mix is
            then sought further until that is decided, or the last plan changes nothing.

    Returns:
        The last mix that could be found. Where none of the plans keeps a row that has to be
        kept, its value is −∞, and totals and slack are those of the free choice.
    """
    free = program.options.choose(program.objective)
    found = [*plans, free.totals]
    bound, certified = free.score, np.zeros(len(program.rows))
    value, totals = -np.inf, free.totals
    slack = program.activity(totals) - program.least
    for _ in range(PASSES):
        best = _mixed(program, np.array(found))
        if best is None:
            break
        value, prices, slack, totals = best
        chosen = program.options.choose(program.weights(prices))
        if (reached := program.bound(chosen.score, prices)) < bound:
            bound, certified = reached, prices
        open_sign = bound >= -zero and value < -zero
        known = any(np.array_equal(chosen.totals, each) for each in found)
        if bound - value <= MET * scale and (known or not open_sign):
            break
        found.append(chosen.totals)
    return Mix(value, bound, certified, slack, tuple(found), totals)


def _mixed(program: Program, plans: Array) -> tuple[float, Array, Array, Array] | None:
    """Return value, prices, slack and totals of the best mix of these plans, (plans, cells, 7).

    None where no mix of them keeps the rows that have to be kept.
    """
    value, activity = _per_block(program, plans)
    blocks, rows = value.shape[1], len(program.rows)
    sizes = np.abs(activity).sum(axis=1).max(axis=0) + np.abs(program.least)
    sizes = np.where(sizes > 0, sizes, 1.0)
    money = float(np.abs(value).sum(axis=1).max()) or 1.0
    missed = np.flatnonzero(np.isfinite(program.penalties))
    relief = np.zeros((rows, missed.size))
    relief[missed, np.arange(missed.size)] = 1
    kept = np.hstack([(activity.reshape(value.size, rows) / sizes).T, relief])
    whole = np.zeros((blocks, kept.shape[1]))
    whole[:, : value.size] = np.tile(np.eye(blocks), len(plans))
    cost = np.concatenate([-value.ravel(), (program.penalties * sizes)[missed]]) / money
    least, one = program.least / sizes, np.ones(blocks)
    solved = linprog(cost, -kept, -least, whole, one, method="highs", options=PRECISE)
    if solved.status != SOLVED:
        return None
    prices = np.clip(-solved.ineqlin.marginals * money / sizes, 0, program.penalties)
    shares = solved.x[: value.size]
    slack = shares @ activity.reshape(value.size, rows) - program.least
    penalty = program.penalties[missed] @ np.maximum(-slack[missed], 0.0)
    by_plan = shares.reshape(value.shape)
    totals = np.einsum("pb,pcm->cm" if blocks == 1 else "pc,pcm->cm", by_plan, plans)
    return float(shares @ value.ravel() - penalty), prices, slack, totals


def _per_block(program: Program, plans: Array) -> tuple[Array, Array]:
    """Return value, (plans, blocks), and activity, (plans, blocks, rows), of what mixes alone."""
    value = np.einsum("pcm,cm->pc", plans, program.objective)
    activity = np.einsum("pcm,rcm->pcr", plans, program.coefficients)
    if program.options.consumer_rule is None:
        return value, activity
    return value.sum(axis=1, keepdims=True), activity.sum(axis=1, keepdims=True)
