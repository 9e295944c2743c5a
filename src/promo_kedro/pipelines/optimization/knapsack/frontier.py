"""The frontier: the most that the objective can reach for each bound of one row.

At a price λ of the row every unit chooses by itself, and the choices of one pass are a corner of
the linear program's frontier: nothing with as much activity is worth more, by weak duality. So a
point costs one pass, and stands exactly where its choices lie; between two corners the frontier
runs above their chord, by no more than a point apart. The prices that space the points about
evenly are sought on a sample of the units.

Where other rows bind too, every point is a program of its own, a mix of plans that begins with
those of its neighbour. Its prices bound all points by a line, and the frontier is the lowest of
the lines: concave and falling by construction.
"""

from dataclasses import dataclass, replace

import numpy as np
from pandas import DataFrame

from promo_kedro.pipelines.optimization.knapsack.infeasible import (
    attainable,
    eased,
    joint_mix,
    row_sizes,
)
from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.knapsack.mixes import MET, Mix, best_mix
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.program import Plan, Program, Row
from promo_kedro.pipelines.optimization.knapsack.route import shortfall, solve
from promo_kedro.types import Array

ROUNDING = 1e-12
RAISE = 4.0
RAISES = 20
SAMPLE = 5_000
PROBES = 3
DRAWN = 10.0
NEAREST = 8


def trace_frontier(
    program: Program,
    row: int,
    points: int,
    parameters: SolverParameters,
) -> DataFrame:
    """Return points from the activity of the plan that ignores a row to the largest attainable.

    Args:
        program: whose other rows are kept.
        row: the row whose bound varies.
        points: at most so many; fewer where fewer corners are found.
        parameters: of the solver.

    Returns:
        retention_required (the row's bound as shown to people), objective (of the linear program,
        the least upper bound on any plan), revenue (of the same plan; the objective itself where
        it is the revenue), retention (activity as shown; the same, since the point stands where
        the linear program's plan lies), shadow_price (money per +1 as shown, at which this point
        is best; of the last none). Rising in the bound required, the objective falling ever
        faster. No rows where the other rows contradict each other.
    """
    alone = replace(program, rows=(program.rows[row],))
    corners = _corners(alone, points, parameters)
    if not _all_kept(_without(program, row), corners):
        corners = _solved_points(program, row, points)
    return _shown(program, program.rows[row], corners)


def finite_difference(
    program: Program, row: int, step: float, plan: Plan, parameters: SolverParameters
) -> float:
    """Return the money lost per unit shown when a row is tightened by a step, to set by its price.

    Args:
        program: as it was solved.
        row: the row tightened.
        step: in the row's shown units, > 0.
        plan: of the program; its prices start the tightened one.
        parameters: of the solver.

    Returns:
        The fall of the linear program's bound, over the step; NaN where no plan keeps the
        tightened row.
    """
    tightened = _required(program, row, program.rows[row].least + step / program.rows[row].scale)
    found = solve(tightened, parameters, start=plan.prices)
    if found.choice is None:
        return float("nan")
    return max(plan.upper_bound - found.upper_bound, 0.0) / step


@dataclass(frozen=True)
class Corner:
    """A point of the frontier.

    Attributes:
        activity: left-hand side of the row.
        value: most that the objective can be there.
        price: of the row, money per unit of it.
        totals: measures of the choices, (cells, 7); none where only the bound is known.
    """

    activity: float
    value: float
    price: float
    totals: Array | None = None


def _corners(program: Program, points: int, parameters: SolverParameters) -> list[Corner]:
    """Return corners of the frontier of a program's one row, rising: one pass for each."""
    free = _corner(program, 0.0)
    most = _most(program)
    if most <= free.activity or points < 2:
        return [free]
    prices = _prices(_sampled(program, min(SAMPLE, parameters.sample_size)), points)
    between = [_corner(program, price) for price in prices[1:-1]]
    rising = [free]
    last = _last_corner(program, prices[-1] or _dearest(free, most), most)
    for corner in [*between, last]:
        if corner.activity > rising[-1].activity:
            rising.append(corner)
    return rising


def _corner(program: Program, price: float) -> Corner:
    """Return where the choices at a price of the one row lie: one pass."""
    chosen = program.options.choose(program.weights(np.array([price])))
    activity = program.activity(chosen.totals)
    return Corner(float(activity[0]), program.value(chosen.totals), price, chosen.totals)


def _most(program: Program) -> float:
    """Return the largest activity of the one row, less what rounding may hide of it."""
    most = program.options.choose(program.rows[0].coefficients).score
    return most - ROUNDING * abs(most)


def _last_corner(program: Program, price: float, most: float) -> Corner:
    """Return the corner of the largest activity, at a price not much higher than it takes.

    A price high enough ranks activity before value, which decides ties; one far too high would
    lose the value in rounding. So it is raised, from where the sample has all its activity.
    """
    corner = _corner(program, price)
    for _ in range(RAISES):
        if corner.activity >= most:
            break
        corner = _corner(program, RAISE * corner.price)
    return corner


def _sampled(program: Program, size: int) -> Program:
    """Return the program of an even sample of the units; of the consumers where these count."""
    options = program.options
    stride = -(-len(options) // size)
    if stride == 1:
        return program
    rule = options.consumer_rule
    counted = np.arange(len(options)) if rule is None else rule.consumer
    return replace(program, options=options.take(np.flatnonzero(counted % stride == 0)))


def _prices(program: Program, points: int) -> Array:
    """Return prices, rising from 0, that space the one row's activity about evenly, (points,).

    Prices are tried where neighbours lie widest apart in activity, then read off in between.
    """
    free, most = _corner(program, 0.0), _most(program)
    highest = _last_corner(program, _dearest(free, most), most)
    prices, activities = [0.0, highest.price], [free.activity, highest.activity]
    for _ in range(PROBES * points):
        known = np.array(prices)
        apart = np.where(known[1:] > known[:-1] * (1 + 1e-9) + 1e-9 * highest.price, 1, 0)
        steps = np.diff(activities) * apart
        widest = int(steps.argmax())
        if steps[widest] <= 0:
            break
        low, high = prices[widest : widest + 2]
        between = _corner(program, np.sqrt(low * high) if low > 0 else high / RAISE**2)
        prices.insert(widest + 1, between.price)
        activities.insert(widest + 1, between.activity)
    distinct, first = np.unique(activities, return_index=True)
    wanted = np.linspace(distinct[0], distinct[-1], points)
    return np.interp(wanted, distinct, np.array(prices)[first])


def _dearest(free: Corner, most: float) -> float:
    """Return what the gain in activity would cost a unit of it if it cost all the value."""
    return max(abs(free.value), ROUNDING) / max(most - free.activity, ROUNDING)


def _all_kept(program: Program, corners: list[Corner]) -> bool:
    """Return whether every corner keeps all rows of the program."""
    found = [corner.totals for corner in corners if corner.totals is not None]
    return not any(shortfall(program, totals).any() for totals in found)


def _solved_points(program: Program, row: int, points: int) -> list[Corner]:
    """Return points of the frontier next to other rows, rising, evenly spaced; none if none.

    The other rows are eased by what the mix that keeps them best is short of, and a hair.
    """
    coefficients = program.rows[row].coefficients
    others = _without(program, row)
    size, *sizes = row_sizes(replace(program, rows=(program.rows[row], *others.rows)))
    kept = joint_mix(others, np.array(sizes))
    if max(-kept.bound, -kept.value) > MET:
        return []
    others = eased(others, kept.slack, np.array(sizes))
    rows = (*others.rows[:row], program.rows[row], *others.rows[row:])
    program = replace(program, rows=rows)
    worth = attainable(program, program.objective) + attainable(program, -program.objective)
    idle = replace(program.rows[row], least=0.0, penalty=0.0)
    ignored = replace(program, rows=(*program.rows[:row], idle, *program.rows[row + 1 :]))
    most = best_mix(replace(others, objective=coefficients), size, kept.plans)
    free = best_mix(ignored, worth, most.plans)
    least, last = free.slack[row], most.value - MET * size
    wanted = np.linspace(least, last, points) if last - least > MET * size else np.array([least])
    found, plans = [free.prices], free.plans
    for least in wanted:
        required = _required(program, row, float(least))
        mix = best_mix(required, DRAWN * worth, plans)
        found, plans = [*found, mix.prices], most.plans + _nearest(required, mix)
    return _envelope(program, row, wanted, np.array(found))


def _nearest(program: Program, mix: Mix) -> tuple[Array, ...]:
    """Return a few of the plans of a mix: what each cell does best at its prices, side by side."""
    plans = np.array(mix.plans)
    score = np.einsum("pcm,cm->pc", plans, program.weights(mix.prices))
    if program.options.consumer_rule is not None:
        score[:] = score.sum(axis=1, keepdims=True)
    order = np.argsort(-score, axis=0, kind="stable")[: NEAREST + len(program.rows)]
    return tuple(plans[order, np.arange(plans.shape[1])])


def _envelope(program: Program, row: int, wanted: Array, found: Array) -> list[Corner]:
    """Return the lowest of the bounds that some prices set, at each of the activities wanted.

    Args:
        program: whose bound of the row is left aside.
        row: the row whose bound varies.
        wanted: of the row, (points,).
        found: prices, (prices, rows).
    """
    unbound = _required(program, row, 0.0)
    bounds = [
        unbound.bound(unbound.options.choose(unbound.weights(each)).score, each) for each in found
    ]
    lines = np.array(bounds)[:, None] - found[:, row, None] * wanted
    lowest = lines.argmin(axis=0)
    return [
        Corner(float(least), float(lines[line, point]), float(found[line, row]))
        for point, (least, line) in enumerate(zip(wanted, lowest, strict=True))
    ]


def _without(program: Program, row: int) -> Program:
    """Return the program without a row."""
    return replace(program, rows=program.rows[:row] + program.rows[row + 1 :])


def _required(program: Program, row: int, least: float) -> Program:
    """Return the program with another bound on a row."""
    changed = replace(program.rows[row], least=least)
    return replace(program, rows=(*program.rows[:row], changed, *program.rows[row + 1 :]))


def _shown(program: Program, row: Row, corners: list[Corner]) -> DataFrame:
    """Return the points in shown units; the last, beyond which there is nothing, has no price."""
    sense = -1.0 if row.at_most else 1.0
    activity = np.array([corner.activity for corner in corners]) * row.scale * sense
    prices = [corner.price / row.scale for corner in corners]
    return DataFrame(
        {
            "retention_required": activity,
            "objective": [corner.value for corner in corners],
            "revenue": [_revenue(program, corner) for corner in corners],
            "retention": activity,
            "shadow_price": [*prices[:-1], np.nan] if corners else [],
        },
        dtype=float,
    )


def _revenue(program: Program, corner: Corner) -> float:
    """Return the revenue of a point; NaN where it is not the objective and only that is known."""
    revenue = np.zeros_like(program.objective)
    revenue[:, Measure.SALES], revenue[:, Measure.SPEND] = 1.0, -1.0
    if np.array_equal(program.objective, revenue):
        return corner.value
    return np.nan if corner.totals is None else float((revenue * corner.totals).sum())
