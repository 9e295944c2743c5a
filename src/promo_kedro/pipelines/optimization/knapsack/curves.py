"""Compiled definitions, one unit at a time: its offers, its curve, its cut-off, its measures."""

from typing import NamedTuple

import numpy as np

from promo_kedro.pipelines.optimization.knapsack.compiling import compiled
from promo_kedro.types import Array

TIE = 1e-12
SAME = 1e-9
"""Offers no further apart, percentage points, are the same offer."""

TODAY, NO_OFFER, STEPS = 0, 1, 2
"""Columns of the options: the offer of today, none, and the first step."""

MAY_STAY, MAY_GO_WITHOUT, MAY_STEP = 1, 2, 4
"""Bits of ``permitted``."""


class Units(NamedTuple):
    """Columns of the units, and what is known of each before any weights, (units,).

    ``first`` and ``last`` are the steps inside the unit's range, ``start`` and ``ratio`` the
    sequence of x along them (``ratio`` −1 in the exact mode: too steep for it), ``clear_low`` and
    ``clear_high`` the steps that clear the cut-off; ``consumer`` is empty but under a consumer
    rule.
    """

    price: Array
    cost: Array
    reference: Array
    today: Array
    probability: Array
    slope: Array
    elasticity: Array
    cutoff: Array
    permitted: Array
    cell: Array
    first: Array
    last: Array
    start: Array
    ratio: Array
    clear_low: Array
    clear_high: Array
    consumer: Array


class Grid(NamedTuple):
    """The steps and how a probability follows and counts."""

    steps: Array
    relative: bool
    even: bool
    exact: bool
    worth_clears: bool
    retention_clears: bool
    counts_consumers: bool


@compiled
def step_offer(grid: Grid, reference: float, step: int) -> float:
    """Return the offer of a step, percent."""
    return reference * (1.0 + grid.steps[step]) if grid.relative else grid.steps[step]


@compiled
def distance_between(grid: Grid, reference: float) -> float:
    """Return the distance between evenly spaced offers, percentage points."""
    if not grid.even:
        return 0.0
    distance = grid.steps[1] - grid.steps[0]
    return reference * distance if grid.relative else distance


@compiled
def odds(units: Units, grid: Grid, u: int, offer: float) -> float:
    """Return x at an offer: odds · (1 − f) of the exact curve, or the line's probability."""
    f, k = units.probability[u], units.reference[u]
    if grid.exact:
        return f * np.exp(min(max(units.slope[u] * (offer - k), -700.0), 700.0))
    change = offer / k - 1.0 if k > 0.0 else 0.0
    return f * (1.0 + change * units.elasticity[u])


@compiled
def probability(units: Units, grid: Grid, u: int, offer: float) -> float:
    """Return the probability of a purchase at an offer."""
    x = odds(units, grid, u, offer)
    if grid.exact:
        return x / (x + (1.0 - units.probability[u]))
    return min(max(x, 0.0), 1.0)


@compiled
def clears(units: Units, grid: Grid, u: int, step: int) -> bool:
    """Return whether a step's probability clears the cut-off."""
    offer = step_offer(grid, units.reference[u], step)
    return probability(units, grid, u, offer) >= units.cutoff[u]


@compiled
def break_even(units: Units, grid: Grid, u: int) -> float:
    """Return about where on the grid the probability crosses the cut-off, in steps; may be NaN."""
    f, k, cut = units.probability[u], units.reference[u], units.cutoff[u]
    if not grid.even or not 0.0 < f < 1.0 or k <= 0.0 or not cut > 0.0:
        return np.nan
    if grid.exact:
        if cut >= 1.0 or units.slope[u] == 0.0:
            return np.nan
        offer = k + np.log(cut / (1.0 - cut) * (1.0 - f) / f) / units.slope[u]
    else:
        if units.elasticity[u] == 0.0:
            return np.nan
        offer = k * (1.0 + (cut / f - 1.0) / units.elasticity[u])
    place = offer / k - 1.0 if grid.relative else offer
    return (place - grid.steps[0]) / (grid.steps[1] - grid.steps[0])


@compiled
def clearing_steps(units: Units, grid: Grid, u: int) -> tuple[int, int]:
    """Return the first and last step inside the range that clear; first > last where none does.

    The probability rises or falls along the steps, so they stand at one end. The break-even
    gives the place, and the steps beside it are tested themselves, whatever rounding did to it.
    """
    first, last = int(units.first[u]), int(units.last[u])
    if first > last:
        return first, last
    bend = units.slope[u] if grid.exact else units.elasticity[u]
    place = min(max(break_even(units, grid, u), first - 1.0), last + 1.0)
    if bend >= 0.0:
        step = first if np.isnan(place) else max(int(np.ceil(place)), first)
        while step > first and clears(units, grid, u, step - 1):
            step -= 1
        while step <= last and not clears(units, grid, u, step):
            step += 1
        return step, last
    step = last if np.isnan(place) else min(int(np.floor(place)), last)
    while step < last and clears(units, grid, u, step + 1):
        step += 1
    while step >= first and not clears(units, grid, u, step):
        step -= 1
    return first, step


@compiled
def prepare(
    units: Units, grid: Grid, offer_min: Array, offer_max: Array, low: int, high: int
) -> int:
    """Fill ``first`` … ``clear_high`` of the units low … high; return how many cannot be used."""
    faulty = 0
    for u in range(low, high):
        if not _usable(units, u, offer_min[u], offer_max[u]):
            faulty += 1
            continue
        k = units.reference[u]
        first, last = 0, -1
        if units.permitted[u] & MAY_STEP:
            first, last = inside(grid, k, offer_min[u], offer_max[u])
        units.first[u], units.last[u] = first, last
        units.start[u], units.ratio[u] = units.probability[u], 1.0 if grid.exact else 0.0
        if first <= last:
            _sequence(units, grid, u)
        if grid.worth_clears or grid.retention_clears:
            units.clear_low[u], units.clear_high[u] = clearing_steps(units, grid, u)
        faulty += first > last and not units.permitted[u] & (MAY_STAY | MAY_GO_WITHOUT)
    return faulty


@compiled
def inside(grid: Grid, reference: float, offer_min: float, offer_max: float) -> tuple[int, int]:
    """Return the first and last step strictly inside a range, first > last where none is.

    Evenly spaced steps are found by division, then tested themselves.
    """
    end = len(grid.steps) - 1
    least, most = max(offer_min + SAME, -1e-300), min(offer_max - SAME, 100.0 + SAME)
    first, last = 0, end
    distance = distance_between(grid, reference)
    if distance > 0.0:
        lowest = step_offer(grid, reference, 0)
        per_point = 1.0 / distance
        first = int(min(max((least - lowest) * per_point, 0.0), float(end)))
        last = int(min(max((most - lowest) * per_point + 1.0, 0.0), float(end)))
        while first > 0 and step_offer(grid, reference, first - 1) > least:
            first -= 1
        while last < end and step_offer(grid, reference, last + 1) < most:
            last += 1
    while first <= last and not step_offer(grid, reference, first) > least:
        first += 1
    while first <= last and not step_offer(grid, reference, last) < most:
        last -= 1
    return first, last


@compiled
def _usable(units: Units, u: int, offer_min: float, offer_max: float) -> bool:
    """Return whether every number of a unit is what it must be; NaN never is."""
    return (
        0.0 <= units.price[u] < np.inf
        and abs(units.cost[u]) < np.inf
        and 0.0 <= units.reference[u] <= 100.0
        and 0.0 <= units.today[u] <= 100.0
        and 0.0 <= units.probability[u] <= 1.0
        and abs(units.slope[u]) < np.inf
        and abs(units.elasticity[u]) < np.inf
        and units.cutoff[u] == units.cutoff[u]
        and 0 < units.permitted[u] < 8
        and (not units.permitted[u] & MAY_STEP or abs(offer_min) + abs(offer_max) < np.inf)
    )


@compiled
def _sequence(units: Units, grid: Grid, u: int) -> None:
    """Fill in where x starts and how it goes on from step to step."""
    k, f = units.reference[u], units.probability[u]
    offer = step_offer(grid, k, units.first[u])
    distance = distance_between(grid, k)
    units.start[u] = odds(units, grid, u, offer)
    if grid.exact:
        rise = units.slope[u] * distance
        far = abs(units.slope[u] * (offer - k)) + abs(rise) * (units.last[u] - units.first[u])
        steep = far > 100.0 or 0.0 < f < 1e-30
        units.ratio[u] = -1.0 if steep else np.exp(rise)
    elif k > 0.0:
        units.ratio[u] = f * units.elasticity[u] * distance / k


@compiled
def column_offer(units: Units, grid: Grid, u: int, column: int) -> float:
    """Return the offer of an option's column, percent."""
    if column == TODAY:
        return units.today[u]
    return 0.0 if column == NO_OFFER else step_offer(grid, units.reference[u], column - STEPS)


@compiled
def step_clears(units: Units, grid: Grid, u: int, step: int) -> bool:
    """Return whether a step clears the cut-off, as far as anything asks for it."""
    if grid.worth_clears or grid.retention_clears:
        return units.clear_low[u] <= step <= units.clear_high[u]
    return False


@compiled
def rate(units: Units, grid: Grid, w: Array, u: int, offer: float, p: float, clear: bool) -> tuple:
    """Return (score, retention, offer) of an option with this probability."""
    c = 1.0 if clear else 0.0
    q = c if grid.worth_clears else p
    r = c if grid.retention_clears else p
    score = q * (units.price[u] * (w[0] + w[1] * offer / 100.0) + units.cost[u] * w[2])
    score += w[3] * r + w[4] * p + w[5] * offer + (w[6] if offer > 0.0 else 0.0)
    return score, r, offer


@compiled
def is_better(one: tuple, other: tuple) -> bool:
    """Return whether (score, retention, offer) goes before another: the order of ties."""
    band = TIE * abs(other[0]) if other[0] > -np.inf else 0.0
    if one[0] > other[0] + band:
        return True
    if one[0] < other[0] - band:
        return False
    if abs(one[1] - other[1]) > TIE:
        return one[1] > other[1]
    return one[2] < other[2]


@compiled
def add(
    units: Units, grid: Grid, u: int, offer: float, p: float, clear: bool, totals: Array
) -> None:
    """Add the measures of an option to the totals of the unit's cell."""
    c = 1.0 if clear else 0.0
    sold = units.price[u] * (c if grid.worth_clears else p)
    total = totals[units.cell[u]]
    total[0] += sold
    total[1] += sold * offer / 100.0
    total[2] += units.cost[u] * (c if grid.worth_clears else p)
    total[3] += c if grid.retention_clears else p
    total[4] += p
    total[5] += offer
    total[6] += 1.0 if offer > 0.0 else 0.0


@compiled
def measure(units: Units, grid: Grid, offers: Array, low: int, out: Array) -> None:
    """Fill in the measures of these offers, for the units from ``low`` on: (units, 7).

    Where retention counts consumers, the first unit of each carries it.
    """
    first, consumer = 0, -1
    for i in range(len(out)):
        u = low + i
        p = probability(units, grid, u, offers[i])
        c = 1.0 if p >= units.cutoff[u] else 0.0
        q = c if grid.worth_clears else p
        out[i, 0] = units.price[u] * q
        out[i, 1] = out[i, 0] * offers[i] / 100.0
        out[i, 2] = units.cost[u] * q
        out[i, 3] = c if grid.retention_clears else p
        out[i, 4] = p
        out[i, 5] = offers[i]
        out[i, 6] = 1.0 if offers[i] > 0.0 else 0.0
        if grid.counts_consumers:
            if units.consumer[u] != consumer:
                first, consumer = i, units.consumer[u]
            out[i, 3] = 0.0
            out[first, 3] = max(out[first, 3], c)
