"""Eq. 13 as printed, solved in closed form: no option is enumerated.

An option that clears the cut-off is worth price · (1 − o/100) ≥ 0, one that does not is worth 0.
As the only coupling row, retention asks for nothing that the maximiser does not do anyway: each
unit takes its lowest offer that clears, which is where the line f + η·ε·f crosses the cut-off;
where none clears, its lowest offer. The row only says whether the program is feasible: what is
attained is all that is attainable.

The compiled way and the plain one find the crossing by the same formula. Wherever rounding could
matter they test the steps beside it by the very expression that an enumeration would use, so that
both give its answer.

This is the reference, and the quickest way, for Eq. 13 by itself. Plans do not come through here:
with other rules or another objective they need prices, and without any, one pass of
``OfferOptions.choose`` finds the same.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from promo_kedro.pipelines.optimization.knapsack import compiling, curves
from promo_kedro.pipelines.optimization.knapsack.offer_columns import (
    OfferColumns,
    Steps,
    check_layout,
    purchase_probability,
    refuse_columns,
)
from promo_kedro.pipelines.optimization.knapsack.offers import grid_of
from promo_kedro.types import Array

CHUNK = 8_192
COMPILED_CHUNK = 65_536
NEAR, STEEP = 1e-6, 1e-8


@dataclass(frozen=True)
class Printed:
    """The plan of Eq. 13 as printed.

    Attributes:
        choice: column of each unit's option, as in ``OfferOptions``, (units,) int8.
        retained: whether it clears the cut-off; the mean over a category is the retention that
            is attainable there, (units,).
    """

    choice: Array
    retained: Array

    @property
    def attainable(self) -> float:
        """Return the share of units that can be retained; NaN where there are none."""
        return float(self.retained.mean()) if len(self.retained) else np.nan


def solve_printed(
    columns: OfferColumns, steps: Steps, *, compiled: bool = True, threads: int = 1
) -> Printed:
    """Solve Eq. 13 as printed for units coupled by no row but retention.

    Args:
        columns: of all units.
        steps: what offers may become.
        compiled: by compiled passes, else in plain numpy; the answer is the same, and so is
            what is refused.
        threads: of the compiled passes.

    Raises:
        InputError: steps do not rise, columns differ in length, one that Eq. 13 speaks of holds
            what cannot be reckoned with, or a unit has no option.
    """
    check_layout(columns, cells=None, consumer=None)
    grid = grid_of(steps, "paper", indicator_retention=True)
    choice, retained = np.empty(len(columns), np.int8), np.empty(len(columns), bool)
    fill = _fill_compiled if compiled else _fill_plainly
    if fill(columns, grid, threads, choice, retained):
        with np.errstate(all="ignore"):
            refuse_columns(columns, *_range(columns, grid))
    return Printed(choice, retained)


class Asked(NamedTuple):
    """The columns that Eq. 13 speaks of, (units,)."""

    price: Array
    reference: Array
    today: Array
    probability: Array
    elasticity: Array
    cutoff: Array
    offer_min: Array
    offer_max: Array
    permitted: Array


def _fill_plainly(
    c: OfferColumns, grid: curves.Grid, _threads: int, choice: Array, retained: Array
) -> bool:
    """Fill in every unit's option; return whether some unit cannot be used or has none."""
    for start in range(0, len(c), CHUNK):
        rows = slice(start, start + CHUNK)
        some = c.take(rows)
        if not _all_usable(some):
            return True
        choice[rows], retained[rows] = _lowest_that_clears(some, grid)
    return bool((choice < 0).any())


def _fill_compiled(
    c: OfferColumns, grid: curves.Grid, threads: int, choice: Array, retained: Array
) -> bool:
    """Fill in every unit's option; return whether some unit cannot be used or has none."""
    numbers = (c.price, c.reference_offer, c.offer_today, c.probability, c.elasticity, c.cutoff)
    columns = (*numbers, c.offer_min, c.offer_max)
    floats = [np.ascontiguousarray(column, dtype=float) for column in columns]
    asked = Asked._make([*floats, np.ascontiguousarray(c.permitted, dtype=np.int8)])

    def one(low: int) -> int:
        high = min(low + COMPILED_CHUNK, len(c))
        return int(_fill(asked, grid, low, high, choice, retained))

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(one, range(0, len(c), COMPILED_CHUNK))) > 0


@compiling.compiled
def _fill(
    asked: Asked, grid: curves.Grid, low: int, high: int, choice: Array, retained: Array
) -> int:
    """Fill in the lowest option that clears, else the lowest; return how many have none."""
    faulty = 0
    for u in range(low, high):
        permitted = asked.permitted[u]
        column, offer, clear = -1, 0.0, False
        usable = _usable(asked, u)
        if usable and permitted & curves.MAY_STEP:
            k = asked.reference[u]
            first, last = curves.inside(grid, k, asked.offer_min[u], asked.offer_max[u])
            if first <= last:
                step = _lowest(asked, grid, u, first, last)
                clear = step <= last
                step = step if clear else first
                column, offer = curves.STEPS + step, curves.step_offer(grid, k, step)
        if usable and permitted & (curves.MAY_STAY | curves.MAY_GO_WITHOUT):
            for other in (curves.NO_OFFER, curves.TODAY):
                if permitted & (1 << other):
                    this = asked.today[u] if other == curves.TODAY else 0.0
                    clears = _offer_clears(asked, u, this)
                    lower = clears == clear and this <= offer
                    if column < 0 or (clears and not clear) or lower:
                        column, offer, clear = other, this, clears
        choice[u], retained[u] = column, clear
        faulty += column < 0
    return faulty


@compiling.compiled
def _usable(asked: Asked, u: int) -> bool:
    """Return whether every number of a unit is what it must be; NaN never is."""
    k, f, today = asked.reference[u], asked.probability[u], asked.today[u]
    cut, permitted = asked.cutoff[u], asked.permitted[u]
    ends = abs(asked.offer_min[u]) + abs(asked.offer_max[u])
    money = (asked.price[u] >= 0.0) & (asked.price[u] < np.inf)
    percent = (k >= 0.0) & (k <= 100.0) & (today >= 0.0) & (today <= 100.0)
    share = (f >= 0.0) & (f <= 1.0) & (abs(asked.elasticity[u]) < np.inf) & (cut >= -np.inf)
    open_ = (permitted > 0) & (permitted < 8)
    within = (ends < np.inf) | (permitted & curves.MAY_STEP == 0)
    return money & percent & share & open_ & within


@compiling.compiled
def _lowest(asked: Asked, grid: curves.Grid, u: int, first: int, last: int) -> int:
    """Return the lowest step of first … last that clears; past the last where none does."""
    k, f, e = asked.reference[u], asked.probability[u], asked.elasticity[u]
    cut = asked.cutoff[u]
    if grid.even and 0.0 < cut <= 1.0 and k > 0.0:
        gap = grid.steps[1] - grid.steps[0]
        rise = f * e * (gap if grid.relative else gap / k)  # of the line, per step
        if rise > STEEP:
            start = grid.steps[0] if grid.relative else grid.steps[0] / k - 1.0
            place = (cut - f * (1.0 + e * start)) / rise
            number = np.ceil(place)
            if NEAR < number - place < 1.0 - NEAR:
                return int(min(max(number, float(first)), last + 1.0))
    if e <= 0.0 or k <= 0.0:  # nowhere if not at the first
        clear = _offer_clears(asked, u, curves.step_offer(grid, k, first))
        return first if clear else last + 1
    if not _offer_clears(asked, u, curves.step_offer(grid, k, last)):
        return last + 1
    while not _offer_clears(asked, u, curves.step_offer(grid, k, first)):
        first += 1
    return first


@compiling.compiled
def _offer_clears(asked: Asked, u: int, offer: float) -> bool:
    """Return whether the line reaches the cut-off at an offer, as an enumeration reckons it."""
    k = asked.reference[u]
    change = offer / k - 1.0 if k > 0.0 else 0.0
    p = asked.probability[u] * (1.0 + change * asked.elasticity[u])
    return min(max(p, 0.0), 1.0) >= asked.cutoff[u]


def _all_usable(c: OfferColumns) -> bool:
    """Return whether every number of some units is what it must be, in plain numpy."""
    k, f, today, permitted = c.reference_offer, c.probability, c.offer_today, c.permitted
    asked = (c.price >= 0) & (c.price < np.inf)
    asked &= (k >= 0) & (k <= 100) & (today >= 0) & (today <= 100)
    asked &= (f >= 0) & (f <= 1) & (np.abs(c.elasticity) < np.inf) & ~np.isnan(c.cutoff)
    asked &= (permitted > 0) & (permitted < 8)
    ends = np.isfinite(c.offer_min) & np.isfinite(c.offer_max)
    return bool((asked & (ends | ((permitted & curves.MAY_STEP) == 0))).all())


def _lowest_that_clears(c: OfferColumns, grid: curves.Grid) -> tuple[Array, Array]:
    """Return the option of some units, −1 for none, and whether it clears, in plain numpy."""
    first, last = _range(c, grid)
    step = np.minimum(_lowest_step(c, grid, first, last), last)
    open_ = (first <= last) & ((c.permitted & curves.MAY_STEP) > 0)
    offer = np.where(open_, _offer(c, grid, step), np.inf)
    clear = open_ & _clears(c, np.where(open_, offer, 0))
    step = np.where(clear, step, first)
    offer = np.where(open_, _offer(c, grid, np.minimum(step, len(grid.steps) - 1)), np.inf)
    choice = np.where(open_, curves.STEPS + step, -1)
    for column, this in ((curves.NO_OFFER, 0 * c.offer_today), (curves.TODAY, c.offer_today)):
        permitted = (c.permitted & (1 << column)) > 0
        if permitted.any():
            clears = _clears(c, this) & permitted
            better = permitted & ((clears & ~clear) | ((clears == clear) & (this <= offer)))
            choice = np.where(better, column, choice)
            offer, clear = np.where(better, this, offer), np.where(better, clears, clear)
    return choice, clear


def _lowest_step(c: OfferColumns, grid: curves.Grid, first: Array, last: Array) -> Array:
    """Return the lowest step that clears; past the last where none does.

    Where the probability falls along the steps the lowest is the first, or none.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        change = (c.cutoff / c.probability - 1) / c.elasticity
        place = change if grid.relative else c.reference_offer * (1 + change)
    crosses = (c.cutoff > 0) & (c.cutoff <= 1) & (c.probability > 0)  # where it is not clipped
    rising = (c.elasticity > 0) & (c.reference_offer > 0) & crosses
    place = np.where(rising & ~np.isnan(place), place, -np.inf)
    step = np.clip(_steps_below(grid, place), first, last + 1)
    step -= (step > first) & _clears(c, _offer(c, grid, np.maximum(step - 1, 0)))
    inside = np.clip(step, 0, len(grid.steps) - 1)
    return step + ((step <= last) & ~_clears(c, _offer(c, grid, inside)))


def _range(c: OfferColumns, grid: curves.Grid) -> tuple[Array, Array]:
    """Return the first and last step strictly inside the range, tested at the offers themselves."""
    count, k = len(grid.steps), c.reference_offer
    least = np.maximum(c.offer_min + curves.SAME, -1e-300)
    most = np.minimum(c.offer_max - curves.SAME, 100 + curves.SAME)
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = [o / k - 1 if grid.relative else o for o in (least, most)]
    low, high = (_steps_below(grid, np.where(np.isnan(end), -np.inf, end)) for end in ends)
    low -= (low > 0) & (_offer(c, grid, np.maximum(low - 1, 0)) > least)
    low += (low < count) & ~(_offer(c, grid, np.minimum(low, count - 1)) > least)
    high = np.minimum(high, count - 1)
    high -= (high >= 0) & ~(_offer(c, grid, np.maximum(high, 0)) < most)
    high += (high < count - 1) & (_offer(c, grid, np.minimum(high + 1, count - 1)) < most)
    if grid.relative:
        alike, inside = k == 0, (least < 0) & (most > 0)
        low = np.where(alike, np.where(inside, 0, count), low)
        high = np.where(alike, count - 1, high)
    return low, high


def _steps_below(grid: curves.Grid, place: Array) -> Array:
    """Return how many steps lie below a place: exact but for rounding of the place."""
    values = grid.steps
    if grid.even:
        number = np.ceil((place - values[0]) / (values[1] - values[0]))
        return np.clip(number, 0, len(values)).astype(np.intp)
    return np.searchsorted(values, place)


def _offer(c: OfferColumns, grid: curves.Grid, step: Array) -> Array:
    value = grid.steps[step] if len(grid.steps) else np.zeros(len(step))
    return c.reference_offer * (1 + value) if grid.relative else value


def _clears(c: OfferColumns, offer: Array) -> Array:
    p = purchase_probability(
        offer, c.reference_offer, c.probability, c.slope, c.elasticity, "paper"
    )
    return p >= c.cutoff
