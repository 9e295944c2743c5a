"""Compiled pass over consumers whose units are coupled: few offers each, or counted once.

Of each unit only four options can matter: the best with and without an offer, and of each the
best that clears the cut-off and that does not. Offers go where they gain most. Where retention
counts consumers, the best free choice is set against the best in which one unit must clear.
"""

import numpy as np

from promo_kedro.pipelines.optimization.knapsack.compiling import allocating, compiled
from promo_kedro.pipelines.optimization.knapsack.curves import (
    MAY_GO_WITHOUT,
    MAY_STAY,
    NO_OFFER,
    SAME,
    STEPS,
    TIE,
    TODAY,
    Grid,
    Units,
    add,
    column_offer,
    is_better,
    probability,
    rate,
    step_clears,
)
from promo_kedro.pipelines.optimization.knapsack.kernels import (
    BESIDE,
    BEST_P,
    BEST_STEP,
    BLOCK,
    SCRATCH,
    SECOND,
    choose_block,
)
from promo_kedro.types import Array

# Classes of options: 2 · offer above 0 + 1 · clears (where consumers are counted).
OFFERED, CLEARS = 2, 1
SCORE, RETAINED, PERCENT = 0, 1, 2


@compiled
def must_offer(units: Units, grid: Grid, u: int) -> bool:
    """Return whether a unit has no option without an offer."""
    if units.permitted[u] & MAY_GO_WITHOUT:
        return False
    if units.permitted[u] & MAY_STAY and units.today[u] <= 0.0:
        return False
    first = units.first[u]
    return first > units.last[u] or column_offer(units, grid, u, STEPS + first) > 0.0


@compiled
def forced_offers(units: Units, grid: Grid, span: tuple[int, int], cap: int) -> tuple[int, int]:
    """Return how many consumers of a span must get more offers than the cap, and one of them."""
    over, example, consumer, forced = 0, -1, -1, 0
    for u in range(span[0], span[1]):
        if units.consumer[u] != consumer:
            consumer, forced = units.consumer[u], 0
        forced += must_offer(units, grid, u)
        if forced == cap + 1 and must_offer(units, grid, u):
            over, example = over + 1, u
    return over, example


@compiled
def _offer_option(
    rated: tuple, clear: bool, column: int, grid: Grid, best: Array, columns: Array, top: Array
) -> None:
    """Put an option among the best of its class, and its score among the best two."""
    group = 1 if rated[2] > 0.0 else 0
    kind = OFFERED * group + (CLEARS if clear and grid.counts_consumers else 0)
    if columns[kind] < 0 or is_better(rated, (best[kind, 0], best[kind, 1], best[kind, 2])):
        best[kind, 0], best[kind, 1], best[kind, 2] = rated
        columns[kind] = column
    if rated[0] > top[group, 0]:
        top[group, 1], top[group, 0] = top[group, 0], rated[0]
    elif rated[0] > top[group, 1]:
        top[group, 1] = rated[0]


@compiled
def _fixed_candidates(
    units: Units, grid: Grid, w: Array, u: int, best: Array, columns: Array, top: Array
) -> None:
    """Start the classes with the offer of today and none."""
    best[:], columns[:], top[:] = -np.inf, -1, -np.inf
    for column in (TODAY, NO_OFFER):
        if units.permitted[u] & (1 << column):
            offer = column_offer(units, grid, u, column)
            p = probability(units, grid, u, offer)
            clear = p >= units.cutoff[u]
            rated = rate(units, grid, w, u, offer, p, clear)
            _offer_option(rated, clear, column, grid, best, columns, top)


@compiled
def candidates(
    units: Units, grid: Grid, w: Array, u: int, best: Array, columns: Array, top: Array
) -> None:
    """Fill in the best option of each class, (4, 3), and their columns; −1 where there is none."""
    _fixed_candidates(units, grid, w, u, best, columns, top)
    x, ratio, y = units.start[u], units.ratio[u], 1.0 - units.probability[u]
    direct = not grid.even or (grid.exact and ratio < 0.0)
    for step in range(units.first[u], units.last[u] + 1):
        offer = column_offer(units, grid, u, STEPS + step)
        if direct:
            p = probability(units, grid, u, offer)
        else:
            p = x / (x + y) if grid.exact else min(max(x, 0.0), 1.0)
            x = x * ratio if grid.exact else x + ratio
        clear = step_clears(units, grid, u, step)
        rated = rate(units, grid, w, u, offer, p, clear)
        _offer_option(rated, clear, STEPS + step, grid, best, columns, top)


@compiled
def candidates_beside(
    units: Units,
    grid: Grid,
    w: Array,
    i: int,
    u: int,
    s: Array,
    best: Array,
    columns: Array,
    top: Array,
) -> bool:
    """Fill in the same from the best step of a block; return whether it could be told.

    Scores above 0 fall on either side of the best step, so of the steps that clear and of those
    that do not, one has the best, and the other its best where the two meet.
    """
    first, last = units.first[u], units.last[u]
    if first > last or column_offer(units, grid, u, STEPS + first) <= 0.0:
        return False
    _fixed_candidates(units, grid, w, u, best, columns, top)
    step = first + int(s[BEST_STEP + i])
    offer, clear = column_offer(units, grid, u, STEPS + step), step_clears(units, grid, u, step)
    rated = rate(units, grid, w, u, offer, s[BEST_P + i], clear)
    before = top[1, 1]
    _offer_option(rated, clear, STEPS + step, grid, best, columns, top)
    if units.permitted[u] & MAY_STAY and abs(offer - units.today[u]) <= SAME:
        top[1, 1] = before
    top[1, 1] = max(top[1, 1], s[SECOND + i])
    if not grid.counts_consumers:
        return True
    low, high = units.clear_low[u], units.clear_high[u]
    if low > high:
        return True
    beyond, nearest = low - 1 if low > first else high + 1, low if step < low else high
    other = beyond if clear else nearest
    if not first <= other <= last:
        return True
    offer = column_offer(units, grid, u, STEPS + other)
    rated = rate(units, grid, w, u, offer, probability(units, grid, u, offer), not clear)
    seconds = top[1, 0], top[1, 1]
    _offer_option(rated, not clear, STEPS + other, grid, best, columns, top)
    top[1, 0], top[1, 1] = seconds
    return rated[0] - w[6] > 0.0


@compiled
def _better_class(best: Array, columns: Array, one: int, other: int) -> int:
    """Return the class whose best option goes first; −1 where neither has any."""
    if columns[one] < 0 or columns[other] < 0:
        return one if columns[one] >= 0 else (other if columns[other] >= 0 else -1)
    a = (best[one, 0], best[one, 1], best[one, 2])
    return one if is_better(a, (best[other, 0], best[other, 1], best[other, 2])) else other


@allocating
def _share_out(
    best: Array, columns: Array, cap: int, unclear: bool, kinds: Array, gain: Array
) -> tuple[float, int]:
    """Choose a class per unit with at most ``cap`` offers; return (value, offers left, worth).

    Args:
        best: best options of each unit and class, (units, 4, 3).
        columns: theirs, (units, 4).
        cap: offers that may be made.
        unclear: whether only options that do not clear may be chosen.
        kinds: filled with the class chosen of each unit.
        gain: filled with what an offer gains over none: 0 where it is not wanted, NaN where there
            is no choice.

    Returns:
        Total score (−∞ where there is no such choice), and the offers that could be shared out.
    """
    value, left = 0.0, cap
    for v in range(len(kinds)):
        if unclear:
            plain = 0 if columns[v, 0] >= 0 else -1
            offer = OFFERED if columns[v, OFFERED] >= 0 else -1
        else:
            plain = _better_class(best[v], columns[v], 0, CLEARS)
            offer = _better_class(best[v], columns[v], OFFERED, OFFERED + CLEARS)
        if plain < 0 and offer < 0:
            return -np.inf, 0
        kinds[v], gain[v] = plain, np.nan
        if plain < 0:
            kinds[v], left = offer, left - 1
        elif offer >= 0:
            gain[v] = 0.0
            if _better_class(best[v], columns[v], offer, plain) == offer:
                gain[v] = max(best[v, offer, 0] - best[v, plain, 0], 1e-300)
        value += best[v, kinds[v], 0]
    if left < 0:
        return -np.inf, 0
    order = np.argsort(-np.where(np.isnan(gain), -1.0, gain), kind="mergesort")
    for v in order[:left]:
        if not gain[v] > 0.0:
            break
        offer = OFFERED
        if not unclear:
            offer = _better_class(best[v], columns[v], OFFERED, OFFERED + CLEARS)
        kinds[v] = offer
        value += gain[v]
    return value, left


@allocating
def _force_one(best: Array, columns: Array, left: int, kinds: Array, gain: Array) -> tuple:
    """Return (loss, unit, class) of the cheapest way to have one unit clear; unit −1 for none.

    ``kinds`` is the best free choice, in which none clears. An offer for the unit takes the slot
    of the one that gains least, and the slot of one that no longer needs it goes to the next.
    """
    wanted = np.sort(gain[gain > 0.0])[::-1]
    last = wanted[left - 1] if 0 < left <= len(wanted) else 0.0
    following = wanted[left] if left < len(wanted) else 0.0
    cheapest, unit, kind = np.inf, -1, -1
    for v in range(len(kinds)):
        for other in (CLEARS, OFFERED + CLEARS):
            if columns[v, other] < 0:
                continue
            loss = best[v, kinds[v], 0] - best[v, other, 0]
            has, needs = kinds[v] >= OFFERED, other >= OFFERED
            if has and not needs:
                loss -= following
            if needs and not has:
                if left < 1:
                    continue
                loss += last
            if loss < cheapest:
                cheapest, unit, kind = loss, v, other
    return cheapest, unit, kind


@allocating
def _move(
    best: Array, columns: Array, left: int, kinds: Array, gain: Array, v: int, kind: int
) -> None:
    """Have one unit take a class, and share out the slots that are left among the others."""
    forced = np.isnan(gain[v])
    for other in range(len(kinds)):
        if other != v and not np.isnan(gain[other]):
            kinds[other] = _better_class(best[other], columns[other], 0, CLEARS)
    gain = gain.copy()
    gain[v] = np.nan
    kinds[v] = kind
    slots = left - (1 if kind >= OFFERED and not forced else 0)
    order = np.argsort(-np.where(np.isnan(gain), -1.0, gain), kind="mergesort")
    for other in order[:slots]:
        if not gain[other] > 0.0:
            break
        kinds[other] = _better_class(best[other], columns[other], OFFERED, OFFERED + CLEARS)


@allocating
def _settle_consumer(
    best: Array, columns: Array, cap: int, reward: float, kinds: Array, gain: Array
) -> int:
    """Choose the classes of one consumer's units where it counts if one of them clears.

    Returns:
        The offers that could be shared out.
    """
    value, left = _share_out(best, columns, cap, False, kinds, gain)
    if (kinds & CLEARS).any():
        if reward < 0.0:
            others = np.empty_like(kinds)
            unclear, left_then = _share_out(best, columns, cap, True, others, gain.copy())
            if unclear > value + reward:
                kinds[:] = others
                return left_then
        return left
    loss, unit, kind = _force_one(best, columns, left, kinds, gain)
    if unit >= 0 and reward - loss >= -TIE * abs(value):
        _move(best, columns, left, kinds, gain, unit, kind)
    return left


@allocating
def _slot_price(kinds: Array, gain: Array) -> float:
    """Return what an offer's slot is worth: between the last gain that got one and the next."""
    got, next_gain = np.inf, 0.0
    for v in range(len(kinds)):
        if gain[v] > 0.0:
            if kinds[v] >= OFFERED:
                got = min(got, gain[v])
            else:
                next_gain = max(next_gain, gain[v])
    if next_gain <= 0.0:
        return 0.0
    return 0.5 * (got + next_gain) if got < np.inf else next_gain


@allocating
def _loss(score: float, group: int, top: Array, slot: float) -> float:
    """Return what a unit's next best option would lose, slots at their price."""
    same = top[group, 1] if score >= top[group, 0] else top[group, 0]
    stay = score - same
    change = (score - slot * group) - (top[1 - group, 0] - slot * (1 - group))
    return max(min(stay, change), 0.0)


@allocating
def choose_consumers(
    units: Units,
    grid: Grid,
    weights: Array,
    span: tuple[int, int],
    rule: tuple[int, bool],
    option: Array,
    regret: Array,
    totals: Array,
) -> None:
    """Choose for the consumers of a span; add to the totals; fill regret where it has a length.

    ``rule``: the most offers of a consumer, and whether classes can be told from the best step.
    """
    cap, beside = rule
    scratch, block, until, fast = np.ones(SCRATCH), span[0], span[0], False
    own = weights.copy()
    if grid.counts_consumers:
        own[:, 3] = 0.0
    low = span[0]
    while low < span[1]:
        high = low + 1
        while high < span[1] and units.consumer[high] == units.consumer[low]:
            high += 1
        count = high - low
        best, columns = np.empty((count, 4, 3)), np.empty((count, 4), np.int8)
        top, kinds, gain = np.empty((count, 2, 2)), np.zeros(count, np.int8), np.empty(count)
        for v in range(count):
            w = own[units.cell[low + v]]
            u = low + v
            if beside and u >= until:
                block, until = u, min(u + BLOCK, span[1])
                fast = choose_block(units, grid, own, u, until - u, scratch, BESIDE)
            told = fast and candidates_beside(
                units, grid, w, u - block, u, scratch, best[v], columns[v], top[v]
            )
            if not told:
                candidates(units, grid, w, u, best[v], columns[v], top[v])
        if grid.counts_consumers:
            reward = weights[units.cell[low], 3]
            _settle_consumer(best, columns, cap, reward, kinds, gain)
        else:
            _share_out(best, columns, cap, False, kinds, gain)
        slot = _slot_price(kinds, gain) if len(regret) else 0.0
        retained = 0.0
        for v in range(count):
            u, kind = low + v, kinds[v]
            option[u] = columns[v, kind]
            offer = best[v, kind, PERCENT]
            p = probability(units, grid, u, offer)
            clear = best[v, kind, RETAINED] > 0.5 if grid.retention_clears else False
            if grid.worth_clears and not grid.retention_clears:
                clear = p >= units.cutoff[u]
            add(units, grid, u, offer, p, clear, totals)
            if grid.counts_consumers:
                totals[units.cell[u], 3] -= 1.0 if clear else 0.0
                retained = max(retained, 1.0 if clear else 0.0)
            if len(regret):
                regret[u] = _loss(best[v, kind, SCORE], 1 if kind >= OFFERED else 0, top[v], slot)
        totals[units.cell[low], 3] += retained
        low = high
