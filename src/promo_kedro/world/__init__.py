"""The simulated retailer: a shop whose demand is known, so that its answers can be checked.

The same demand makes the files a retailer would bring and later judges what was made of them:

    parameters, seed ──> simulate ──> History ──> files (the raw tables)
                                         └─────> end_state ──> truth ──> restore ──> World

`restore(truth)` gives a `World`, which answers for any offers, an array (consumers, items) of
offer percents: the true purchase probabilities of the step after the data, and the joint revenue
and retention over the coming weeks, substitutes and full pantries included. `restore_at` gives the
world as it stood before an earlier step, with the offers that were made in it.
"""

from promo_kedro.world.answers import World, restore, restore_at
from promo_kedro.world.history import History, simulate
from promo_kedro.world.parameters import SimulationParameters

__all__ = ["History", "SimulationParameters", "World", "restore", "restore_at", "simulate"]
