"""Programs under a consumer rule: column generation over joint plans, and whole plans from it.

At any prices each consumer finds its best joint plan by itself. Prices around the best known give
the consumers nearest to a change a few joint plans each; who has but one is settled. The linear
program over the joint plans of the others has the rows and little else. Its prices, put to all
consumers, bound what any plan could earn, and add the joint plans that it lacks. Whole plans come
from the same few: the largest shares, then one or two consumers at a time changed, then units.
"""

from dataclasses import replace

import numpy as np

from promo_kedro.pipelines.optimization.knapsack.joint_plans import (
    JointPlans,
    Mixed,
    mixed,
    undecided,
)
from promo_kedro.pipelines.optimization.knapsack.local_dual import least_sure
from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.prices import Prices, priced
from promo_kedro.pipelines.optimization.knapsack.program import Program
from promo_kedro.pipelines.optimization.knapsack.search import Search
from promo_kedro.pipelines.optimization.knapsack.swaps import SHORT, Swaps, swapped
from promo_kedro.pipelines.optimization.knapsack.tabulated import TabulatedOptions
from promo_kedro.pipelines.optimization.knapsack.whole_options import search_nearest
from promo_kedro.types import Array

ROUNDS = 16
AGREED = 1e-9
REACHES = 0.003, 0.03, 0.3
BOX = 0.1
WIDER = 4.0
EDGE = 1e-6
MOST_JOINING = 4_000
SWAPPED = 300
SEARCHED = 40
SPARES = 0.0, 0.002, 0.02, 0.2, 2.0


def settle_jointly(search: Search, parameters: SolverParameters, found: Prices) -> None:
    """Solve the linear program over joint plans, and make it whole.

    The value over joint plans is a lower bound of the least dual, within a box about the best
    prices so far: where a pass over all units says the same, the linear program is solved.

    Args:
        search: of a program under a consumer rule; told of every bound and every plan.
        parameters: how many units are worth a second look.
        found: prices that are about right, with regret.
    """
    program = search.program
    centre = found.prices if found.ahead is None else found.ahead
    bound, reach, mix = search.bound, BOX, None
    choices, totals = _around(program, parameters, found, centre), found.choices.totals
    for _ in range(ROUNDS):
        plans = JointPlans.of(program, choices, totals)
        low = np.maximum(centre - reach * found.unit, 0.0)
        high = np.minimum(centre + reach * found.unit, program.penalties)
        latest_mix = mixed(program, plans, (low, high))
        if latest_mix is None:
            break
        mix = latest_mix
        latest = priced(program, mix.prices, found.unit, regret=False)
        search.certify(latest.bound, latest.prices)
        search.consider(latest.choices.option, latest.choices.totals)
        agreed = latest.bound - mix.value <= AGREED * abs(latest.bound)
        if agreed and not _at_edge(program, mix.prices, (low, high)):
            break
        reach = WIDER * reach if agreed else reach if latest.bound < bound else reach / WIDER
        if latest.bound < bound:
            centre, bound = latest.prices, latest.bound
        choices = (*choices, latest.choices.option)
        if undecided(program, choices).size > parameters.core_size + MOST_JOINING:
            found = priced(program, centre, found.unit)
            choices, totals = _around(program, parameters, found, centre), found.choices.totals
    if plans.number.size and mix is not None:
        _make_whole(search, plans, mix, found, parameters.gap)
        search_nearest(search, parameters, found.choices, SEARCHED)


def _around(
    program: Program, parameters: SolverParameters, found: Prices, centre: Array
) -> tuple[Array, ...]:
    """Return choices of all units: those found, and others of the units nearest to a change."""
    near = least_sure(program.options, found.choices, parameters.core_size)
    options = program.options.take(near)
    choices = [found.choices.option]
    for reach in REACHES:
        for row in range(centre.size):
            for step in (reach, -reach):
                prices = centre.copy()
                prices[row] += step * max(centre[row], BOX * found.unit[row])
                prices[row] = np.clip(prices[row], 0.0, program.penalties[row])
                choice = choices[0].copy()
                choice[near] = options.choose(program.weights(prices)).option
                choices.append(choice)
    return tuple(choices)


def _at_edge(program: Program, prices: Array, box: tuple[Array, Array]) -> bool:
    """Return whether some price would go further but for the box."""
    low, high = box
    span = EDGE * (high - low)
    at_low, at_high = (prices <= low + span) & (low > 0), prices >= high - span
    return bool((at_low | (at_high & (high < program.penalties))).any())


def _make_whole(search: Search, plans: JointPlans, mix: Mixed, found: Prices, gap: float) -> None:
    """Round to the largest shares, and change joint plans, then units, to keep the rows.

    Done again from linear programs with something to spare in each row, which may end better.
    """
    program = search.program
    price = np.maximum(mix.prices, 1e-3 * found.unit)
    short = np.minimum(price, program.penalties / SHORT)
    box = np.zeros(price.size), np.minimum(SHORT * price, program.penalties)
    each = abs(mix.value) / len(program.options) / price
    for spare in SPARES:
        if spare > 0:
            spared = mixed(program, plans, box, spare * each)
            if spared is None:
                continue
            mix = spared
        choice = plans.made(program, _swapped_jointly(program, plans, mix.shares, short))
        search.consider(choice)
        search.consider(_swapped_by_unit(program, found, choice, short))
        if search.is_close(gap):
            return


def _swapped_jointly(program: Program, plans: JointPlans, shares: Array, price: Array) -> Array:
    """Return a joint plan for each undecided consumer, one or two changed at a time."""
    start = plans.largest(shares)
    slack = plans.settled[1:] + plans.rows[:, start].sum(axis=1) - program.least
    each = np.arange(plans.value.size)
    swaps = Swaps(plans.consumer, each, plans.value, plans.rows, start, slack, price)
    swaps.repair()
    return swaps.held


def _swapped_by_unit(program: Program, found: Prices, choice: Array, price: Array) -> Array:
    """Return a plan made better by changing few units; none gets an offer that had none.

    Where retention counts consumers, units do not add up, and the plan stays as it is.
    """
    regret, rule = found.choices.regret, program.options.consumer_rule
    if regret is None or (rule is not None and rule.any_retained):
        return choice
    units = np.sort(np.argsort(regret, kind="stable")[:SWAPPED])
    table, here = program.options.tabulate(units), np.arange(units.size)
    offered = table.measures[..., Measure.OFFER] > 0
    allowed = table.allowed & (~offered | offered[here, choice[units]][:, None])
    alone = replace(table, allowed=allowed, consumer_rule=None)
    each = replace(program, options=TabulatedOptions(alone))
    changed = choice.copy()
    totals = program.options.totals(choice)
    changed[units] = swapped(each, choice[units], totals, here, price)
    return changed
