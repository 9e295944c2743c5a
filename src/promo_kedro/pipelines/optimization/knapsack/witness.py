"""A plan that keeps every row, found near prices at which the linear program keeps them.

Most units choose by the prices; a few of the least decided change until nothing is short. What
can be kept up to fractions of a few units is so kept by whole options, and seen to be.
"""

import numpy as np

from promo_kedro.pipelines.optimization.knapsack.local_dual import least_sure
from promo_kedro.pipelines.optimization.knapsack.program import Program
from promo_kedro.pipelines.optimization.knapsack.search import shortfall
from promo_kedro.pipelines.optimization.knapsack.swaps import swapped
from promo_kedro.types import Array

LOOKED_AT = 150
MENDED = 1e-2
HAIR = 1e-9
SHORT = 1e-3
LIFT = 1e-4
ROUNDS = 12


def kept_near(program: Program, prices: Array, sizes: Array, enough: float) -> Array | None:
    """Return a choice that keeps every row and earns what it can; none where none was found.

    Args:
        program: what is to be kept, and earned.
        prices: of the rows in the linear program, (rows,); they are raised where too little is
            kept at them.
        sizes: what the shortfall of each row is relative to, (rows,).
        enough: of the objective, to look no further.
    """
    best, most = None, -np.inf
    best_of, worst_of = (program.options.choose(sign * program.objective).score for sign in (1, -1))
    worth = max(best_of + worst_of, HAIR)
    tried, lift = np.maximum(prices, HAIR * worth / sizes), np.full(prices.shape, LIFT)
    for _ in range(ROUNDS):
        choice, short = _mended(program, tried, worth, sizes)
        value = -np.inf if choice is None else program.value(program.options.totals(choice))
        if value > most:
            best, most = choice, value
        if most >= enough or not short.any():
            break
        tried, lift = np.where(short, (1 + lift) * tried, tried), np.where(short, 2 * lift, lift)
    return best


def _mended(
    program: Program, prices: Array, worth: float, sizes: Array
) -> tuple[Array | None, Array]:
    """Return the choice at some prices, with a few units changed so that it keeps every row.

    Returns:
        The choice, none where it does not; and which rows were short before any unit changed.
    """
    options = program.options
    chosen = options.choose(program.weights(prices), regret=True)
    missed = shortfall(program, chosen.totals)
    if not missed.any():
        return chosen.option, missed > 0
    if options.consumer_rule is not None or (missed / sizes).sum() > MENDED:
        return None, missed > 0
    units = least_sure(options, chosen, LOOKED_AT)
    if units.size > LOOKED_AT:
        units = units[np.linspace(0, units.size - 1, LOOKED_AT).astype(int)]
    price = np.maximum(prices, SHORT * worth / sizes)
    choice = swapped(program, chosen.option, chosen.totals, units, price)
    kept = not shortfall(program, options.totals(choice)).any()
    return (choice if kept else None), missed > 0
