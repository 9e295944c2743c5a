"""The retailer's own offers: item promotions, personal coupons, and offers made at random.

A cell is a consumer, an item and a step. Its offer is the better of the item's promotion and a
coupon in force; where the consumer's whole category is *explored* in that step, every item's
offer is drawn at random instead, and no coupon is issued. What non-explored offers follow is the
`offer_kind`: nothing (randomised), season and loyalty (observed), the hidden shock too (hidden).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promo_kedro.types import Array
from promo_kedro.world.categories import CATEGORIES, Layout
from promo_kedro.world.market import Path
from promo_kedro.world.parameters import PolicyParameters, SimulationParameters
from promo_kedro.world.randomness import Seed, Stream, shared_generator, uniforms

NO_COUPON = -1


@dataclass(frozen=True)
class Promotions:
    """What the retailer plans for all consumers; row s is step s.

    Attributes:
        item_percent: (steps, items) item promotion in percent, 0 = none; uint8.
        running: (steps,) whether a campaign runs.
        coupon_of_item: (steps, items) the campaign's coupon that covers the item, or NO_COUPON.
        coupon_percent: (steps, coupons) depth of each coupon; uint8.
    """

    item_percent: Array
    running: Array
    coupon_of_item: Array
    coupon_percent: Array


@dataclass(frozen=True)
class Offers:
    """The offers of one step.

    Attributes:
        percent: (consumers, items) the offer in the cell; uint8.
        explored: (consumers, categories) cells drawn at random.
        issued: (consumers, coupons) coupons given to consumers.
    """

    percent: Array
    explored: Array
    issued: Array


def plan_promotions(
    parameters: SimulationParameters, layout: Layout, path: Path, season: Array, seed: Seed
) -> Promotions:
    """Plan item promotions and campaigns for the steps of `path`.

    Args:
        parameters: The world's parameters.
        layout: Where items stand.
        path: Popularity and shock of those steps.
        season: (steps, shelves) season in logits.
        seed: Seed of the plan.

    Returns:
        The plan.
    """
    policy, rng = parameters.policy, shared_generator(seed, Stream.PROMOTIONS)
    follows = policy.follow * _signal(parameters, layout, path, season)
    promoted = rng.random(follows.shape) < _tilted(policy.promoted_share, follows)
    depths, weights = depth_menu(policy)
    depth = rng.choice(depths, follows.shape, p=weights)
    steps, coupons = len(follows), min(policy.coupons_per_campaign, layout.shelves)
    running = rng.random(steps) < policy.campaign_share
    coupon_of_item = np.full((steps, layout.items), NO_COUPON, dtype=np.int64)
    for step in np.flatnonzero(running):
        # One coupon to a shelf, so that no item is under two coupons at once.
        shelves = rng.choice(layout.shelves, coupons, replace=False)
        covered = rng.random((coupons, layout.slots.shape[1])).argsort(axis=1)
        items = layout.slots[shelves[:, None], covered[:, : policy.items_per_coupon]]
        coupon_of_item[step, items] = np.arange(coupons)[:, None]
    return Promotions(
        item_percent=np.where(promoted, depth, 0).astype(np.uint8),
        running=running,
        coupon_of_item=coupon_of_item,
        coupon_percent=rng.choice(policy.coupon_depths, (steps, coupons)).astype(np.uint8),
    )


def make_offers(
    parameters: SimulationParameters,
    layout: Layout,
    promotions: Promotions,
    step: int,
    habit: Array,
    shelf_shock: Array,
    seed: Seed,
    rows: range,
    explore: bool = True,
) -> Offers:
    """Make one step's offers to the consumers `rows`.

    Args:
        parameters: The world's parameters.
        layout: Where items stand.
        promotions: The plan.
        step: The step, a row of the plan.
        habit: (consumers, items) recent purchases, from which loyalty is read.
        shelf_shock: (shelves,) the step's hidden shock, which `hidden` coupons follow.
        seed: The world's seed.
        rows: The consumers' positions.
        explore: Whether part of the cells is explored.

    Returns:
        The offers.
    """
    policy = parameters.policy
    share = policy.explored_share if explore else 0.0
    explored = uniforms(seed, Stream.EXPLORED_CELLS, step, rows, len(CATEGORIES)) < share
    explored_items = explored[:, layout.category_of_item]
    of_item = promotions.coupon_of_item[step]
    issued = _issue(parameters, layout, of_item, habit, shelf_shock, seed, step, rows, explored)
    coupon = np.append(promotions.coupon_percent[step], 0)[of_item].astype(np.uint8)
    has = np.pad(issued, ((0, 0), (0, 1)))[:, of_item]  # NO_COUPON reads the padding
    percent = np.maximum(promotions.item_percent[step], coupon * has)
    depths, weights = explored_menu(policy)
    luck = uniforms(seed, Stream.EXPLORED_OFFERS, step, rows, layout.items)[explored_items]
    at = np.searchsorted(np.cumsum(weights)[:-1], luck, side="right")
    percent[explored_items] = depths[at]
    return Offers(percent=percent, explored=explored, issued=issued)


def propensities(
    parameters: SimulationParameters,
    layout: Layout,
    promotions: Promotions,
    step: int,
    percent: Array,
    explored: Array,
) -> Array:
    """Probability of the very offer each cell got, among cells of its kind, (consumers, items).

    Explored cells: the menu's probability. Others: known where offers are randomised, else NaN.
    """
    policy = parameters.policy
    depths, weights = explored_menu(policy)
    random = _by_percent(depths, weights)[percent]
    usual = np.full(percent.shape, np.nan, dtype=np.float32)
    if parameters.offer_kind == "randomised":
        depths, weights = depth_menu(policy)
        menu = _by_percent(depths, weights * policy.promoted_share)
        menu[0] = 1.0 - policy.promoted_share
        of_item = promotions.coupon_of_item[step]
        coupon = np.append(promotions.coupon_percent[step], 0)[of_item]
        reach = np.where(of_item == NO_COUPON, 0.0, policy.coupon_reach)
        up_to = np.cumsum(menu)
        with_coupon = np.where(
            percent == coupon, up_to[coupon], np.where(percent > coupon, menu[percent], 0.0)
        )
        usual = (1.0 - reach) * menu[percent] + reach * with_coupon
    chosen = np.where(explored[:, layout.category_of_item], random, usual)
    return chosen.astype(np.float32)


def depth_menu(policy: PolicyParameters) -> tuple[Array, Array]:
    """Depths of promotions and their probabilities."""
    weights = np.array(list(policy.depths.values()), dtype=np.float64)
    return np.array(list(policy.depths), dtype=np.uint8), weights / weights.sum()


def explored_menu(policy: PolicyParameters) -> tuple[Array, Array]:
    """Depths of explored offers, no offer first, and their probabilities."""
    depths, weights = depth_menu(policy)
    none = policy.explored_none_share
    return np.append(np.uint8(0), depths), np.append(none, (1.0 - none) * weights)


def _signal(parameters: SimulationParameters, layout: Layout, path: Path, season: Array) -> Array:
    """What item promotions follow, (steps, items), about unit size."""
    kind = parameters.offer_kind
    if kind == "randomised":
        return np.zeros_like(path.popularity)
    demand = parameters.demand
    # The drift of the step before is what last step's sales showed.
    shown = np.vstack([np.zeros_like(path.popularity[:1]), path.popularity[:-1]])
    signal = 3.0 * season[:, layout.shelf_of_item] + shown / max(demand.popularity_drift, 1e-6)
    if kind == "hidden":
        shock = path.item_shock + path.shelf_shock[:, layout.shelf_of_item]
        signal = signal + 2.0 * shock / max(np.hypot(demand.item_shock, demand.shelf_shock), 1e-6)
    return signal


def _issue(
    parameters: SimulationParameters,
    layout: Layout,
    coupon_of_item: Array,
    habit: Array,
    shelf_shock: Array,
    seed: Seed,
    step: int,
    rows: range,
    explored: Array,
) -> Array:
    """Who gets which coupon, (consumers, coupons)."""
    policy = parameters.policy
    coupons = min(policy.coupons_per_campaign, layout.shelves)
    luck = uniforms(seed, Stream.COUPONS, step, rows, coupons)
    item = np.flatnonzero(coupon_of_item != NO_COUPON)
    if len(item) == 0:
        return np.zeros((len(rows), coupons), dtype=bool)
    shelf = np.zeros(coupons, dtype=np.int64)
    shelf[coupon_of_item[item]] = layout.shelf_of_item[item]
    follows = np.zeros((len(rows), coupons))
    if parameters.offer_kind != "randomised":
        loyalty = np.minimum(3.0 * layout.shelf_sum(habit)[:, shelf], 1.0)
        follows = policy.follow * (2.0 * loyalty - 1.0)
    if parameters.offer_kind == "hidden":
        shock = shelf_shock[shelf] / max(parameters.demand.shelf_shock, 1e-6)
        follows = follows + policy.follow * shock
    in_test = explored[:, layout.category_of_shelf[shelf]]
    return (luck < _tilted(policy.coupon_reach, follows)) & ~in_test


def _tilted(share: float, logits: Array) -> Array:
    return 1.0 / (1.0 + (1.0 - share) / share * np.exp(-logits))


def _by_percent(depths: Array, weights: Array) -> Array:
    table = np.zeros(101)
    table[depths] = weights
    return table
