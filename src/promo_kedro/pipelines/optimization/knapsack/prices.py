"""The dual of the program: a price for each row instead of the rows.

At prices λ each unit chooses for itself, and the dual D(λ), the sum of what they choose less
λ · b, is convex and above every plan. It is made small by passes over all units, few of them:
between two passes the prices are sought on a local dual, first a sample that is right at λ = 0,
then the units nearest to a change of option at the latest prices and a thinner sample of the
others. Where there are many units and several rows, Newton's method takes over from the sample.
Only what all units say is kept: the least D, which is a certified bound.
"""

from dataclasses import dataclass, replace

import numpy as np

from promo_kedro.pipelines.optimization.knapsack.local_dual import (
    LocalDual,
    Part,
    Sample,
    least_sure,
    local_dual,
    minimised,
    spread_sample,
)
from promo_kedro.pipelines.optimization.knapsack.newton import Bend, corrected, newton_step
from promo_kedro.pipelines.optimization.knapsack.options import Choices, Options
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.program import Program
from promo_kedro.types import Array

RUNAWAY = 1e6
SUSPECT = 1e3
EXPECTED = 0.1
SETTLED = 1e-4
EXACT = 1e-13
BENT = 5_000
TURNS = 15
LITTLE = 1e-6


@dataclass(frozen=True)
class Prices:
    """Prices tried on all units, and what they say.

    Attributes:
        prices: money per unit of each row, (rows,).
        bound: what no plan can exceed, by a pass over all units at these prices; money.
        choices: of all units at these prices, with regret.
        slope: of the dual: activity − least, (rows,).
        unit: a usual size of each price, (rows,).
        passes: over all units that it took.
        ahead: prices that the local dual holds for better still, (rows,); ``choices`` and
            ``slope`` are then as it sees them there, and only the bound is of ``prices``.
    """

    prices: Array
    bound: float
    choices: Choices
    slope: Array
    unit: Array
    passes: int = 1
    ahead: Array | None = None

    def runs_away(self) -> bool:
        """Return whether a price is so high that the rows may well be out of reach."""
        return bool((self.prices > SUSPECT * self.unit).any())


def find_prices(
    program: Program,
    parameters: SolverParameters,
    start: Array | None = None,
    *,
    free: Choices | None = None,
) -> Prices:
    """Find prices at which the dual is about as small as it gets.

    Args:
        program: with at least one unit and one row.
        parameters: sizes and passes.
        start: prices of an earlier solve, (rows,); they save the first search.
        free: choices at prices 0, where they are known.
    """
    options = program.options
    sample = spread_sample(options, parameters.sample_size)
    part = sample.rest(options, np.zeros(0, dtype=np.int64))
    unit = price_units(program, part)
    most = np.minimum(program.penalties, RUNAWAY * unit)
    zero = np.zeros(unit.size)
    if start is None:
        free = options.choose(program.objective) if free is None else free
        start, _ = minimised(
            local_dual(program, [part], zero, free.totals), zero, (zero, most), unit
        )
    start = np.clip(start, zero, most)
    if _is_smooth(program, parameters):
        known = priced(program, start, unit, regret=False)
        return _by_newton(program, parameters, sample, known, most)
    best = priced(program, start, unit)
    return _refined(program, parameters, sample, best, most)


def _is_smooth(program: Program, parameters: SolverParameters) -> bool:
    """Return whether there are so many units that the dual is nearly smooth in several prices."""
    alone = program.options.consumer_rule is None
    return alone and len(program.rows) > 1 and len(program.options) > parameters.sample_size


def _by_newton(
    program: Program, parameters: SolverParameters, sample: Sample, start: Prices, most: Array
) -> Prices:
    """Follow the second derivative of the dual, first of the sample's, then of all units'."""
    options, unit = program.options, start.unit
    bend = Bend.of(program, spread_sample(options, BENT), unit)
    part = sample.rest(options, np.zeros(0, dtype=np.int64))
    few = local_dual(program, [part], start.prices, start.choices.totals)
    at, value, slope = start.prices, *few.at(start.prices)
    reach = np.inf
    for _ in range(TURNS):
        box = _around(at / unit, reach, most / unit)
        tried = unit * newton_step(bend.at(at), slope * unit, at / unit, box)
        there, slope_there = few.at(tried)
        drop, reach = value - there, float(np.abs((tried - at) / unit).max()) / 4
        if drop > 0:
            at, value, slope, reach = tried, there, slope_there, np.inf
        if abs(drop) <= LITTLE * abs(value):
            break
    best = priced(program, at, unit, regret=False)
    best = best if best.bound < start.bound else start
    return _newton_on_all(program, parameters, best, bend.at(best.prices), most)


def _newton_on_all(
    program: Program, parameters: SolverParameters, best: Prices, curvature: Array, most: Array
) -> Prices:
    """Pass over all units, and correct the curvature by what they say."""
    unit, reach, passes = best.unit, np.inf, 2
    share = SETTLED * parameters.core_size / len(program.options)
    while _left_over(program, best) > share and passes < parameters.passes:
        at = best.prices / unit
        to = newton_step(curvature, best.slope * unit, at, _around(at, reach, most / unit))
        tried, passes = priced(program, to * unit, unit, regret=False), passes + 1
        curvature = corrected(curvature, to - at, (tried.slope - best.slope) * unit)
        reach = float(np.abs(to - at).max()) / 4
        if tried.bound < best.bound:
            best, reach = tried, np.inf
    return replace(priced(program, best.prices, unit), passes=passes + 1)


def _around(at: Array, reach: float, most: Array) -> tuple[Array, Array]:
    """Return the box of prices within reach, in units of prices."""
    return np.maximum(at - reach, 0.0), np.minimum(at + reach, most)


def priced(program: Program, prices: Array, unit: Array, *, regret: bool = True) -> Prices:
    """Return what all units say to these prices: one pass, faster without regret."""
    choices = program.options.choose(program.weights(prices), regret=regret)
    slope = program.activity(choices.totals) - program.least
    return Prices(prices, program.bound(choices.score, prices), choices, slope, unit)


def price_units(program: Program, part: Part) -> Array:
    """Return a usual size of each row's price: what money ranges over by what the row does.

    Args:
        program: whose rows they are.
        part: units to tell it from.
    """
    money = _range(part, program.objective)
    each = np.array([_range(part, row) for row in program.coefficients])
    money = money if money > 0 else 1.0
    unit = np.divide(money, each, out=np.full(each.size, money), where=each > 0)
    return np.minimum(unit, np.where(program.penalties > 0, program.penalties, np.inf))


def _range(part: Part, weights: Array) -> float:
    """Return how far the most that plans can make of these weights is from the least."""
    most, least = ((weights * part.totals(sign * weights)).sum() for sign in (1, -1))
    size = np.abs(weights * part.totals(weights)).sum()
    return float(most - least) if most - least > 1e-12 * size else 0.0


def _refined(
    program: Program, parameters: SolverParameters, sample: Sample, best: Prices, most: Array
) -> Prices:
    """Move to where a local dual at the best prices so far is least, while that helps."""
    low, high, reach, passes, worst = np.zeros(most.size), most, np.inf, 1, np.nan
    around = Surroundings.of(program, parameters, sample, best)
    while True:
        if most.size == 1:  # the one slope says on which side the price is too low
            low, high = _narrowed(low, high, best)
        box = (
            np.maximum(low, best.prices - reach * best.unit),
            np.minimum(high, best.prices + reach * best.unit),
        )
        prices, expected = minimised(around.dual, best.prices, box, best.unit)
        drop = best.bound - expected
        if drop <= EXPECTED * parameters.gap * abs(best.bound) or passes >= parameters.passes:
            ahead = replace(around.ahead(best, prices), passes=passes)
            share = SETTLED * parameters.core_size / len(program.options)
            stays = drop <= EXACT * abs(best.bound) or passes >= parameters.passes
            if stays or _left_over(program, ahead) <= share:
                return ahead
        tried, passes = priced(program, prices, best.unit), passes + 1
        if most.size == 1:
            low, high = _narrowed(low, high, tried)
        if tried.bound < best.bound:
            best, reach = tried, np.inf
            around = Surroundings.of(program, parameters, sample, best)
        else:
            reach = float(np.abs((tried.prices - best.prices) / best.unit).max()) / 4
        if tried.runs_away():
            worst = _worst(program) if np.isnan(worst) else worst
            if tried.bound < worst:
                return replace(best, passes=passes)


def _left_over(program: Program, ahead: Prices) -> float:
    """Return what rows lack, or have too much of at a price, beside all that is earned there."""
    prices = ahead.prices if ahead.ahead is None else ahead.ahead
    can_fall, can_rise = prices > 0, prices < program.penalties
    wrong = np.where(can_fall, np.maximum(ahead.slope, 0), 0)
    wrong += np.where(can_rise, np.maximum(-ahead.slope, 0), 0)
    earned = np.abs(program.weights(prices) * ahead.choices.totals).sum()
    return float((wrong * ahead.unit).max() / earned) if earned > 0 else 0.0


def _narrowed(low: Array, high: Array, tried: Prices) -> tuple[Array, Array]:
    """Return the bracket of a single price, narrowed by the slope at one."""
    return (tried.prices, high) if tried.slope[0] < 0 else (low, tried.prices)


@dataclass(frozen=True)
class Surroundings:
    """The dual as it looks near some prices, and the units that make it so.

    Attributes:
        dual: the local dual.
        near: units that are there for themselves, rising, (near,).
        options: theirs.
    """

    dual: LocalDual
    near: Array
    options: Options

    @classmethod
    def of(
        cls, program: Program, parameters: SolverParameters, sample: Sample, centre: Prices
    ) -> "Surroundings":
        """Look around at prices that all units have been asked about."""
        options = program.options
        near = least_sure(options, centre.choices, parameters.sample_size)
        near_options = _some(options, near)
        parts = [Part(near_options, np.ones((options.cells, 1)))]
        if near.size < len(options):
            parts.append(sample.rest(options, near))
        parts = [part for part in parts if len(part.options)]
        dual = local_dual(program, parts, centre.prices, centre.choices.totals)
        return cls(dual, near, near_options)

    def ahead(self, centre: Prices, prices: Array) -> Prices:
        """Return what is known at the centre, with the choices of the near units further on."""
        program, choices = self.dual.program, centre.choices
        found = self.options.choose(program.weights(prices), regret=True)
        option = choices.option.copy()
        left = self.options.totals(option[self.near])
        option[self.near] = found.option
        regret = np.full(option.size, np.inf, dtype=np.float32)
        regret[self.near] = found.regret
        totals = choices.totals - left + found.totals
        score = float((program.weights(prices) * totals).sum())
        return replace(
            centre,
            choices=Choices(option, score, totals, regret),
            slope=program.activity(totals) - program.least,
            ahead=prices,
        )


def _some(options: Options, units: Array) -> Options:
    return options if units.size == len(options) else options.take(units)


def _worst(program: Program) -> float:
    """Return less than which no plan can be worth."""
    return -program.options.choose(-program.objective).score
