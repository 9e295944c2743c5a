"""Compiled passes over all units: what each does best at some weights, and what plans measure.

Units are taken a block at a time. Within a block the steps are walked one by one, all units side
by side, so that the processor works on several at once. Along evenly spaced offers the odds of a
purchase form a geometric sequence, x ← x·r with p = x / (x + 1 − f), and a line p = x a linear
one, x ← x + t: no exponential per step. Two scores n/d are compared as n·d' > n'·d, without a
division.

The second best of scores p·(A + B·o) stands beside the best: p is log-concave along the offers,
and so is A + B·o where it is above 0, and with them their product, which therefore rises and then
falls. Only where a step beside the best scores above 0 is that known; the other units are walked
again.
"""

import numpy as np

from promo_kedro.pipelines.optimization.knapsack.compiling import compiled
from promo_kedro.pipelines.optimization.knapsack.curves import (
    MAY_GO_WITHOUT,
    MAY_STAY,
    MAY_STEP,
    NO_OFFER,
    SAME,
    STEPS,
    TIE,
    TODAY,
    Grid,
    Units,
    add,
    column_offer,
    distance_between,
    is_better,
    odds,
    probability,
    rate,
    step_clears,
    step_offer,
)
from promo_kedro.types import Array

BLOCK = 256
GENERAL, FAST, BESIDE = 0, 1, 2

# Scratch of a block, one array of BLOCK numbers each, all in one allocation: at fixed distances
# from one another they cannot overlap, which lets the compiler vectorise the loops.
X, RATIO, TERM, SLOPE_D, Y = 0 * BLOCK, 1 * BLOCK, 2 * BLOCK, 3 * BLOCK, 4 * BLOCK
OFFER, DISTANCE, LAST = 5 * BLOCK, 6 * BLOCK, 7 * BLOCK
P_BASE, P_SLOPE, C_BASE, C_SLOPE, O_SLOPE, O_FIXED = (
    8 * BLOCK,
    9 * BLOCK,
    10 * BLOCK,
    11 * BLOCK,
    12 * BLOCK,
    13 * BLOCK,
)
FIRST = TERM  # of the fast walk, which has no use for terms
CLEAR_LOW, CLEAR_HIGH, MARGIN, EXPECTED = 14 * BLOCK, 15 * BLOCK, 16 * BLOCK, 17 * BLOCK
BEST, BEST_D, BEST_STEP, BEST_P, BEST_R, SECOND = (
    18 * BLOCK,
    19 * BLOCK,
    20 * BLOCK,
    21 * BLOCK,
    22 * BLOCK,
    23 * BLOCK,
)
SCRATCH = 24 * BLOCK


@compiled
def fill(units: Units, grid: Grid, weights: Array, low: int, count: int, s: Array) -> tuple:
    """Lay out a block of units; return its most steps and whether x must be found directly."""
    most, direct = -1, not grid.even
    for i in range(count):
        u = low + i
        w = weights[units.cell[u]]
        k, f = units.reference[u], units.probability[u]
        base = units.price[u] * w[0] + units.cost[u] * w[2]
        slope = units.price[u] * w[1] / 100.0
        steps = units.last[u] - units.first[u]
        if grid.relative and k <= 0.0:  # all the same offer: 0
            steps = min(steps, 0)
        most = max(most, steps)
        s[LAST + i] = steps
        s[X + i] = units.start[u]
        s[P_BASE + i] = w[4] + (0.0 if grid.worth_clears else base)
        s[P_BASE + i] += 0.0 if grid.retention_clears else w[3]
        s[P_SLOPE + i] = 0.0 if grid.worth_clears else slope
        s[O_SLOPE + i] = w[5]
        s[DISTANCE + i] = distance_between(grid, k)
        s[OFFER + i] = step_offer(grid, k, units.first[u]) if steps >= 0 else 0.0
        s[RATIO + i] = units.ratio[u]
        s[Y + i] = 1.0 - f
        rising = grid.exact and units.slope[u] > 0.0 and 0.0 < f < 1.0 and s[DISTANCE + i] > 0.0
        s[MARGIN + i] = -TIE if rising else TIE
        direct = direct or (grid.exact and units.ratio[u] < 0.0)
    return most, direct


@compiled
def fill_general(units: Units, grid: Grid, weights: Array, low: int, count: int, s: Array) -> None:
    """Lay out what only ``walk`` needs."""
    for i in range(count):
        u = low + i
        w = weights[units.cell[u]]
        base = units.price[u] * w[0] + units.cost[u] * w[2]
        s[C_BASE + i] = base if grid.worth_clears else 0.0
        s[C_BASE + i] += w[3] if grid.retention_clears else 0.0
        s[C_SLOPE + i] = units.price[u] * w[1] / 100.0 if grid.worth_clears else 0.0
        s[O_FIXED + i] = w[6]
        s[TERM + i] = 0.0 if grid.exact else units.ratio[u]
        s[RATIO + i] = units.ratio[u] if grid.exact else 1.0
        s[SLOPE_D + i] = 1.0 if grid.exact else 0.0
        s[Y + i] = 1.0 - units.probability[u] if grid.exact else 1.0
        s[EXPECTED + i] = 0.0 if grid.retention_clears else 1.0
        s[CLEAR_LOW + i], s[CLEAR_HIGH + i] = 1.0, 0.0
        if grid.worth_clears or grid.retention_clears:
            s[CLEAR_LOW + i] = units.clear_low[u] - units.first[u]
            s[CLEAR_HIGH + i] = units.clear_high[u] - units.first[u]


@compiled
def walk_fast(s: Array, most: int) -> None:
    """Find the best step of each unit in a block where scores are p·(A + B·o) + C·o.

    Leaves in BEST_P the best step's probability, in FIRST the first offer, in BEST the numerator
    of the score.
    """
    for i in range(BLOCK):
        x, d, offer = s[X + i], s[X + i] + s[Y + i], s[OFFER + i]
        s[BEST + i] = x * (s[P_BASE + i] + s[P_SLOPE + i] * offer) + s[O_SLOPE + i] * offer * d
        s[BEST_D + i], s[BEST_STEP + i], s[FIRST + i] = d, 0.0, offer
        s[X + i], s[OFFER + i] = x * s[RATIO + i], offer + s[DISTANCE + i]
    for start in range(1, most + 1, 4):
        number = float(start)
        for i in range(BLOCK):
            x, offer, ratio, y = s[X + i], s[OFFER + i], s[RATIO + i], s[Y + i]
            base, slope, o_slope = s[P_BASE + i], s[P_SLOPE + i], s[O_SLOPE + i]
            best, best_d, step = s[BEST + i], s[BEST_D + i], s[BEST_STEP + i]
            for t in range(4):  # four steps at once: the state stays in registers
                d = x + y
                n = x * (base + slope * offer) + o_slope * offer * d
                margin = s[MARGIN + i] * (abs(best) * d + 1e-290)
                better = (n * best_d - best * d > margin) & (number + t <= s[LAST + i])
                best = n if better else best
                best_d = d if better else best_d
                step = number + t if better else step
                x *= ratio
                offer += s[DISTANCE + i]
            s[X + i], s[OFFER + i] = x, offer
            s[BEST + i], s[BEST_D + i], s[BEST_STEP + i] = best, best_d, step
    for i in range(BLOCK):
        s[BEST_P + i] = (s[BEST_D + i] - s[Y + i]) / s[BEST_D + i]


@compiled
def second_beside(s: Array) -> None:
    """Find the score of the best step, and of the better of the two beside it, p·(A + B·o)."""
    for i in range(BLOCK):
        y, base, slope = s[Y + i], s[P_BASE + i], s[P_SLOPE + i]
        step, x = s[BEST_STEP + i], s[BEST_D + i] - s[Y + i]
        offer = s[FIRST + i] + step * s[DISTANCE + i]
        below, above = x / s[RATIO + i], x * s[RATIO + i]
        left = below * (base + slope * (offer - s[DISTANCE + i])) / (below + y)
        right = above * (base + slope * (offer + s[DISTANCE + i])) / (above + y)
        left = left if step > 0.0 else -np.inf
        right = right if step < s[LAST + i] else -np.inf
        s[BEST + i] = s[BEST + i] / s[BEST_D + i]
        s[SECOND + i] = left if left > right else right


@compiled
def second_of_all(s: Array, i: int) -> float:
    """Return the second best p·(A + B·o) among all steps of a unit in a block."""
    best, last, second = int(s[BEST_STEP + i]), int(s[LAST + i]), -np.inf
    for way in (-1, 1):
        factor = s[RATIO + i] if way > 0 else 1.0 / s[RATIO + i]
        x, offer = s[BEST_D + i] - s[Y + i], s[FIRST + i] + best * s[DISTANCE + i]
        for _ in range(last - best if way > 0 else best):
            x, offer = x * factor, offer + way * s[DISTANCE + i]
            second = max(second, x * (s[P_BASE + i] + s[P_SLOPE + i] * offer) / (x + s[Y + i]))
    return second


@compiled
def walk(units: Units, grid: Grid, s: Array, low: int, count: int, most: int, direct: bool) -> None:
    """Find the best step of each unit in a block, and the score of the second best."""
    for i in range(BLOCK):
        s[BEST + i], s[SECOND + i], s[BEST_R + i] = -1e300, -np.inf, -np.inf
        s[BEST_STEP + i], s[BEST_P + i] = 0.0, 0.0
    for step in range(most + 1):
        if direct:
            _place(units, grid, s, low, count, step)
        number = float(step)
        for i in range(BLOCK):
            x, offer, best, second = s[X + i], s[OFFER + i], s[BEST + i], s[SECOND + i]
            p = x / (s[SLOPE_D + i] * x + s[Y + i])
            p = p if p > 0.0 else 0.0
            p = p if p < 1.0 else 1.0
            clear = (number >= s[CLEAR_LOW + i]) & (number <= s[CLEAR_HIGH + i])
            c = 1.0 if clear else 0.0
            fixed = s[O_FIXED + i] if offer > 0.0 else 0.0
            score = p * (s[P_BASE + i] + s[P_SLOPE + i] * offer) + s[O_SLOPE + i] * offer + fixed
            score += c * (s[C_BASE + i] + s[C_SLOPE + i] * offer)
            score = score if number <= s[LAST + i] else -np.inf
            r = s[EXPECTED + i] * p + (1.0 - s[EXPECTED + i]) * c
            band = TIE * abs(best)
            tied = (score >= best - band) & (r > s[BEST_R + i] + TIE)
            better = ((score > best + band) | tied) & (number <= s[LAST + i])
            loser = best if better else score
            loser = loser if loser > -1e299 else -np.inf
            s[SECOND + i] = loser if loser > second else second
            s[BEST + i] = score if better else best
            s[BEST_STEP + i] = number if better else s[BEST_STEP + i]
            s[BEST_P + i] = p if better else s[BEST_P + i]
            s[BEST_R + i] = r if better else s[BEST_R + i]
            s[X + i] = x * s[RATIO + i] + s[TERM + i]
            s[OFFER + i] = offer + s[DISTANCE + i]


@compiled
def _place(units: Units, grid: Grid, s: Array, low: int, count: int, step: int) -> None:
    """Put offers and x of one step straight from the curve: uneven steps, or steep curves."""
    for i in range(count):
        u = low + i
        if step <= s[LAST + i]:
            s[OFFER + i] = step_offer(grid, units.reference[u], units.first[u] + step)
            s[X + i] = odds(units, grid, u, s[OFFER + i])


@compiled
def choose_block(
    units: Units, grid: Grid, weights: Array, low: int, count: int, s: Array, kind: int
) -> bool:
    """Leave the best step of each unit of a block in the scratch; return whether it went fast.

    Args:
        units: all.
        grid: theirs.
        weights: (cells, 7).
        low: first unit of the block.
        count: units in the block.
        s: scratch.
        kind: of pass: GENERAL, FAST where every score is p·(A + B·o) + C·o and nothing else is
            asked, BESIDE for the second best score too, where C = 0.
    """
    most, direct = fill(units, grid, weights, low, count, s)
    if kind == GENERAL or direct:
        fill_general(units, grid, weights, low, count, s)
        walk(units, grid, s, low, count, most, direct)
        return False
    walk_fast(s, most)
    if kind == BESIDE:
        second_beside(s)
        for i in range(count):
            if not s[SECOND + i] > 0.0 and s[LAST + i] > 0.0:
                s[SECOND + i] = second_of_all(s, i)
            fixed = weights[units.cell[low + i]][6]
            s[BEST + i] += fixed
            s[SECOND + i] += fixed
    return True


@compiled
def settle(
    units: Units, grid: Grid, w: Array, u: int, i: int, s: Array
) -> tuple[int, float, bool, float]:
    """Return (column, probability, clears, regret) of a unit with options beside the steps.

    Regret is about another offer: that of today may be one of the steps.
    """
    best, chosen, p, clear, second = (-np.inf, 0.0, 0.0), -1, 0.0, False, -np.inf
    today, none = best, best
    if units.permitted[u] & MAY_STAY:
        today, p, clear = rate_column(units, grid, w, u, TODAY)
        best, chosen = today, TODAY
    if units.permitted[u] & MAY_GO_WITHOUT:
        none, p_none, clear_none = rate_column(units, grid, w, u, NO_OFFER)
        if chosen < 0 or is_better(none, best):
            best, chosen, p, clear = none, NO_OFFER, p_none, clear_none
    if s[LAST + i] >= 0.0:
        step = units.first[u] + int(s[BEST_STEP + i])
        p_step, clear_step = s[BEST_P + i], step_clears(units, grid, u, step)
        offer = column_offer(units, grid, u, STEPS + step)
        rated = rate(units, grid, w, u, offer, p_step, clear_step)
        if chosen < 0 or is_better(rated, best):
            best, chosen, p, clear = rated, STEPS + step, p_step, clear_step
        second = rated[0] if abs(offer - best[2]) > SAME else s[SECOND + i]
    for other in (today, none):
        if abs(other[2] - best[2]) > SAME:
            second = max(second, other[0])
    return chosen, p, clear, max(best[0] - second, 0.0)


@compiled
def rate_column(units: Units, grid: Grid, w: Array, u: int, column: int) -> tuple:
    """Return ((score, retention, offer), probability, clears) of an option."""
    offer = column_offer(units, grid, u, column)
    p = probability(units, grid, u, offer)
    clear = p >= units.cutoff[u]
    return rate(units, grid, w, u, offer, p, clear), p, clear


@compiled
def choose_units(
    units: Units,
    grid: Grid,
    weights: Array,
    span: tuple[int, int],
    kind: int,
    option: Array,
    regret: Array,
    totals: Array,
    s: Array,
) -> None:
    """Choose for the units of a span; add to the totals; fill in regret where it has a length."""
    for low in range(span[0], span[1], BLOCK):
        count = min(BLOCK, span[1] - low)
        choose_block(units, grid, weights, low, count, s, kind)
        for i in range(count):
            u = low + i
            column = STEPS + units.first[u] + int(s[BEST_STEP + i])
            p, clear = s[BEST_P + i], False
            if units.permitted[u] != MAY_STEP:
                w = weights[units.cell[u]]
                column, p, clear, loss = settle(units, grid, w, u, i, s)
            else:
                clear = step_clears(units, grid, u, column - STEPS)
                loss = max(s[BEST + i] - s[SECOND + i], 0.0)
            option[u] = column
            if len(regret):
                regret[u] = loss
            add(units, grid, u, column_offer(units, grid, u, column), p, clear, totals)
