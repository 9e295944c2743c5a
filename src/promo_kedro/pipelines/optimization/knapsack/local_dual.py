"""A cheap stand-in for the dual near some prices: some units exactly, a sample of the others.

The dual D(λ) = Σ_i max_j (value + λ · a)_ij − λ · b is a sum over units, so near a centre it is
known well from few of them: those that are close to a change of option, each for itself, and a
sample of the rest, each for many. What these do not account for at the centre is added as
constant totals, so that value and slope at the centre are those of the dual itself, and the
sample's error counts only in how they change from there.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from promo_kedro.pipelines.optimization.knapsack.options import Choices, Options
from promo_kedro.pipelines.optimization.knapsack.program import Program
from promo_kedro.types import Array

LEAST_PER_CELL = 50
EXACT = 1e-13
EVALUATIONS = 100


@dataclass(frozen=True)
class Part:
    """Some units, each standing for ``factor`` units of its cell.

    Attributes:
        options: of these units.
        factor: how many units each stands for, (cells, 1).
    """

    options: Options
    factor: Array

    def totals(self, weights: Array) -> Array:
        """Return the totals of what the units do best at these weights, (cells, 7)."""
        return self.factor * self.options.choose(weights).totals


@dataclass(frozen=True)
class LocalDual:
    """The dual as it looks near some prices.

    Attributes:
        program: whose dual it is.
        parts: units whose choices follow the prices.
        others: totals of all that stays as it is, (cells, 7).
    """

    program: Program
    parts: tuple[Part, ...]
    others: Array

    def at(self, prices: Array) -> tuple[float, Array]:
        """Return its value and slope at these prices: money, (rows,)."""
        weights = self.program.weights(prices)
        totals = self.others + sum(part.totals(weights) for part in self.parts)
        slope = self.program.activity(totals) - self.program.least
        return self.program.bound(float((weights * totals).sum()), prices), slope


def local_dual(program: Program, parts: list[Part], centre: Array, totals: Array) -> LocalDual:
    """Return the local dual of these parts that agrees with the dual at its centre.

    Args:
        program: whose dual it is.
        parts: units whose choices follow the prices.
        centre: prices, (rows,).
        totals: of all units at these prices, (cells, 7).
    """
    weights = program.weights(centre)
    others = totals - sum(part.totals(weights) for part in parts)
    return LocalDual(program, tuple(parts), others)


@dataclass(frozen=True)
class Sample:
    """Units spread over all of them, and what is needed to thin them out.

    Attributes:
        units: rising, (sampled,).
        count: units of each cell in all, (cells,).
    """

    units: Array
    count: Array

    def rest(self, options: Options, taken: Array) -> Part:
        """Return the sample without the units taken, standing for all that are not taken.

        Args:
            options: of all units.
            taken: units that stand for themselves; under a consumer rule, whole consumers.
        """
        units = np.setdiff1d(self.units, taken, assume_unique=True)
        count = self.count - np.bincount(options.cell[taken], minlength=options.cells)
        here = np.bincount(options.cell[units], minlength=options.cells)
        if options.consumer_rule is not None:  # all units of a consumer stand for as many
            count, here = np.full_like(count, count.sum()), np.full_like(here, here.sum())
        factor = np.divide(count, here, out=np.zeros(options.cells), where=here > 0)
        return Part(options.take(units), factor[:, None])


def spread_sample(options: Options, size: int) -> Sample:
    """Return about ``size`` units, one from each of equally long stretches, drawn for good.

    Cells with few of them are filled up. Under a consumer rule it is consumers that are drawn.
    """
    count = np.bincount(options.cell, minlength=options.cells)
    rule = options.consumer_rule
    if len(options) <= size:
        return Sample(np.arange(len(options)), count)
    if rule is not None:
        consumers = int(rule.consumer[-1]) + 1
        drawn = _spread(consumers, max(size * consumers // len(options), 1))
        return Sample(units_of_consumers(rule.consumer, drawn), count)
    units = _spread(len(options), size)
    few = np.bincount(options.cell[units], minlength=options.cells) < np.minimum(
        count, LEAST_PER_CELL
    )
    extra = [np.flatnonzero(options.cell == cell)[:LEAST_PER_CELL] for cell in np.flatnonzero(few)]
    return Sample(np.unique(np.concatenate([units, *extra])), count)


def _spread(count: int, size: int) -> Array:
    """Return one of each of ``size`` stretches of ``range(count)``, the same every time."""
    edges = np.linspace(0, count, size + 1)
    places = edges[:-1] + np.random.default_rng(0).random(size) * np.diff(edges)
    return np.unique(np.minimum(places.astype(np.int64), count - 1))


def units_of_consumers(consumer: Array, chosen: Array) -> Array:
    """Return all units of these consumers, rising."""
    mask = np.zeros(int(consumer[-1]) + 1, dtype=bool)
    mask[chosen] = True
    return np.flatnonzero(mask[consumer])


def least_sure(options: Options, choices: Choices, size: int) -> Array:
    """Return about ``size`` units that would lose least by another option, rising.

    Units that would lose as little as the last of them are taken along; under a consumer rule,
    all units of a consumer.
    """
    regret = choices.regret
    if regret is None:
        raise ValueError("choices were asked for without regret")
    if regret.size <= size:
        return np.arange(regret.size)
    threshold = _quantile(regret, size)
    units = np.flatnonzero((regret <= threshold) & np.isfinite(regret))
    if options.consumer_rule is None or not units.size:
        return units
    consumer = options.consumer_rule.consumer
    return units_of_consumers(consumer, consumer[units])


def _quantile(regret: Array, size: int) -> float:
    """Return the regret that about ``size`` units are at or below, from some where many."""
    step = max(size // 1_000, 1)
    some = regret[::step]
    rank = min(max(size // step, 1), some.size) - 1
    return float(np.partition(some, rank)[rank])


def minimised(
    dual: LocalDual, start: Array, box: tuple[Array, Array], unit: Array
) -> tuple[Array, float]:
    """Return the prices where the local dual is least, and its value there.

    Args:
        dual: convex, piecewise linear.
        start: prices to begin at, (rows,).
        box: the least and the most that each price may be, (rows,) each.
        unit: of each price: what would be a usual size, (rows,).
    """
    least, most = box
    start = np.clip(start, least, most)
    if start.size == 1:
        ends = float(least[0]), float(most[0])
        price, value = _minimised_by_one(dual, float(start[0]), ends, float(unit[0]))
        return np.array([price]), value
    found = minimize(
        lambda scaled: _scaled(dual, scaled, unit),
        start / unit,
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(least / unit, most / unit, strict=True)),
        options={"maxcor": 30, "maxfun": EVALUATIONS, "ftol": EXACT, "gtol": 0.0},
    )
    return np.clip(found.x * unit, least, most), float(found.fun)


def _scaled(dual: LocalDual, scaled: Array, unit: Array) -> tuple[float, Array]:
    value, slope = dual.at(scaled * unit)
    return value, slope * unit


def _minimised_by_one(
    dual: LocalDual, start: float, ends: tuple[float, float], unit: float
) -> tuple[float, float]:
    """Find where the slope of a single price changes sign.

    Two tangents, one falling and one rising, cross at a lower bound of the least value; the
    search ends where it is attained, which is at the exact break-even of some unit. In between
    it tries, in turn, where the tangents cross, where the slope would vanish if it were
    straight, and the middle.
    """
    low, high = _bracket(dual, start, ends, unit)
    for turn in range(EVALUATIONS):
        price, lower = _crossing(low, high)
        value = min(low[1], high[1])
        if value - lower <= EXACT * abs(value) or high[0] - low[0] <= EXACT * high[0]:
            break
        if turn % 3 == 0:
            price = low[0] - low[2] * (high[0] - low[0]) / (high[2] - low[2])
        elif turn % 3 == 2:
            price = (low[0] + high[0]) / 2
        tried = _tangent(dual, price)
        if tried[1] - lower <= EXACT * abs(tried[1]):
            return price, tried[1]
        low, high = (tried, high) if tried[2] < 0 else (low, tried)
    return _crossing(low, high)


Tangent = tuple[float, float, float]


def _tangent(dual: LocalDual, price: float) -> Tangent:
    """Return a price, the value there, and the slope."""
    value, slope = dual.at(np.array([price]))
    return price, value, float(slope[0])


def _bracket(
    dual: LocalDual, start: float, ends: tuple[float, float], unit: float
) -> tuple[Tangent, Tangent]:
    """Return tangents on both sides of the least value; both at an end where that is least."""
    least, most = ends
    tried = _tangent(dual, start)
    step = max(0.05 * start, 0.05 * unit)
    if tried[2] < 0:
        low = high = tried
        while high[2] < 0 and high[0] < most:
            low, high, step = high, _tangent(dual, min(high[0] + step, most)), 4 * step
        return (low, high) if high[2] >= 0 else (high, high)
    low = high = tried
    while low[2] >= 0 and low[0] > least:
        high, low, step = low, _tangent(dual, max(low[0] - step, least)), 4 * step
    return (low, high) if low[2] < 0 else (low, low)


def _crossing(low: Tangent, high: Tangent) -> tuple[float, float]:
    """Return where two tangents cross, price and value."""
    if high[2] <= low[2]:
        return low[0], low[1]
    price = (low[1] - high[1] + high[2] * high[0] - low[2] * low[0]) / (high[2] - low[2])
    price = min(max(price, low[0]), high[0])
    return price, low[1] + low[2] * (price - low[0])
