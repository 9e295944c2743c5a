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


def best_mix(program: Program, scale: float, plans: tuple[Array, ...] = ()) -> Mix:
    """Return the best mix of plans, to 1e-7 of a scale.

    Args:
        program: some mix of ``plans`` keeps those of its rows that have no penalty.
        scale: what the objective, or a penalty for missing all of a row, amounts to.
        plans: totals to begin with, each (cells, 7).
    """
    found = [*plans, program.options.choose(program.objective).totals]
    bound, certified = np.inf, np.zeros(len(program.rows))
    value, slack, totals = -np.inf, np.zeros(len(program.rows)), found[-1]
    for _ in range(PASSES):
        value, prices, slack, totals = _mixed(program, np.array(found))
        chosen = program.options.choose(program.weights(prices))
        if (reached := program.bound(chosen.score, prices)) < bound:
            bound, certified = reached, prices
        if bound - value <= MET * scale:
            break
        found.append(chosen.totals)
    return Mix(value, bound, certified, slack, tuple(found), totals)


def _mixed(program: Program, plans: Array) -> tuple[float, Array, Array, Array]:
    """Return value, prices, slack and totals of the best mix of these plans, (plans, cells, 7)."""
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
    solved = linprog(cost, -kept, -program.least / sizes, whole, np.ones(blocks), method="highs")
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
