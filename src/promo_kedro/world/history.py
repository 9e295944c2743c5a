"""The retailer's past, lived in chunks of consumers; what all of them were offered is kept."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from promo_kedro.types import Array
from promo_kedro.world.demand import WEEKS_A_STEP, State, Surroundings, offer_response
from promo_kedro.world.market import Assortment, Path, appeal, first_path, open_shop, season
from promo_kedro.world.parameters import SimulationParameters
from promo_kedro.world.promotions import Offers, Promotions, make_offers, plan_promotions
from promo_kedro.world.randomness import Stream, uniforms
from promo_kedro.world.shopping import Purchases, draw_luck, live_step
from promo_kedro.world.traits import Consumers, draw_consumers

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Market:
    """What all consumers meet, up to and including the step after the data.

    Attributes:
        shop: The assortment.
        path: Popularity, shock and prices; the last row is the step after the data.
        season: (steps, 2, shelves) season of each step's weeks in logits.
        promotions: The retailer's plan.
        first_day: First day of step 0.
    """

    shop: Assortment
    path: Path
    season: Array
    promotions: Promotions
    first_day: date


@dataclass(frozen=True)
class Lines:
    """Transaction lines, in the order consumer, week, place in the cart.

    Attributes:
        consumer: Position of the consumer.
        item: Position of the item.
        week: Week of the data, 0 = oldest.
        day: Day of the week, 0 to 6.
        place: Place in the cart, from 1.
        quantity: Units.
        item_percent: What of the offer the shop gave by itself, in percent.
        coupon_percent: What a coupon added, in percent.
    """

    consumer: Array
    item: Array
    week: Array
    day: Array
    place: Array
    quantity: Array
    item_percent: Array
    coupon_percent: Array


@dataclass(frozen=True)
class Chunk:
    """The history of the consumers `rows`.

    Attributes:
        rows: Positions of the consumers.
        consumers: Their lasting traits.
        state: Their state at the end of the data.
        lines: What they bought.
        logged: Positions, within the chunk, of those in the offer log.
        offers: (steps, logged, items) offers made; uint8.
        explored: (steps, logged, categories) cells drawn at random.
        issued: (steps, consumers, coupons) coupons given.
    """

    rows: range
    consumers: Consumers
    state: State
    lines: Lines
    logged: Array
    offers: Array
    explored: Array
    issued: Array


@dataclass(frozen=True)
class History:
    """A simulated retailer: the market and what each chunk of consumers did in it."""

    parameters: SimulationParameters
    seed: int
    market: Market
    chunks: list[Chunk]


def simulate(parameters: SimulationParameters, seed: int) -> History:
    """Simulate the retailer's past.

    Args:
        parameters: The world's parameters.
        seed: Same parameters and seed, same history, whatever the size of the chunks.

    Returns:
        The history.
    """
    market = make_market(parameters, seed)
    chunks = []
    for rows in chunks_of(parameters):
        chunks.append(live_chunk(parameters, market, seed, rows))
        logger.info(
            "Simulated %s of %s consumers over %s weeks.",
            f"{rows.stop:,}",
            f"{parameters.consumers:,}",
            parameters.weeks,
        )
    return History(parameters, seed, market, chunks)


def chunks_of(parameters: SimulationParameters) -> list[range]:
    """The consumers, in portions that fit into memory."""
    size, consumers = parameters.consumers_per_chunk, parameters.consumers
    return [range(start, min(start + size, consumers)) for start in range(0, consumers, size)]


def make_market(parameters: SimulationParameters, seed: int) -> Market:
    """Draw what all consumers share: assortment, prices, popularity, shock, promotions."""
    shop = open_shop(parameters, seed)
    path = first_path(shop, parameters.demand, parameters.steps + 1, seed)
    first_day = parameters.end_date - timedelta(days=7 * parameters.weeks - 1)
    seasons = seasons_of(shop, first_day, 0, parameters.steps + 1)
    promotions = plan_promotions(parameters, shop.layout, path, seasons.mean(axis=1), seed)
    return Market(shop, path, seasons, promotions, first_day)


def seasons_of(shop: Assortment, first_day: date, first_step: int, steps: int) -> Array:
    """Season of the weeks of `steps` steps, (steps, 2, shelves)."""
    week = first_day.timetuple().tm_yday / 7 + WEEKS_A_STEP * first_step
    return season(shop.layout, week, WEEKS_A_STEP * steps).reshape(steps, WEEKS_A_STEP, -1)


def surroundings_of(
    parameters: SimulationParameters, shop: Assortment, path: Path, seasons: Array
) -> list[Surroundings]:
    """What all consumers meet in each step of the path."""
    shared = appeal(shop, path, parameters.demand)
    return [
        Surroundings(*of_step) for of_step in zip(shared, path.shelf_shock, seasons, strict=True)
    ]


@dataclass(frozen=True)
class Past:
    """The past of the consumers `rows`, step by step.

    Attributes:
        parameters: The world's parameters.
        market: What all consumers meet.
        seed: The world's seed.
        rows: Positions of the consumers.
        consumers: Their lasting traits.
        around: What they meet in each step, the one after the data included.
    """

    parameters: SimulationParameters
    market: Market
    seed: int
    rows: range
    consumers: Consumers
    around: list[Surroundings]

    def offers(self, step: int, state: State) -> Offers:
        """The offers that the retailer made in a step."""
        return make_offers(
            self.parameters,
            self.market.shop.layout,
            self.market.promotions,
            step,
            state.habit,
            self.around[step].shelf_shock,
            self.seed,
            self.rows,
        )

    def live(self, step: int, state: State, made: Offers) -> tuple[list[Purchases], State]:
        """What was bought in each week of a step, and the state after it."""
        shop = self.market.shop
        response = offer_response(made.percent, shop.layout.category_of_item)
        luck = draw_luck(self.seed, step, self.rows, shop.layout.shelves)
        return live_step(
            self.parameters, shop, self.consumers, state, self.around[step], response, luck
        )


def past_of(parameters: SimulationParameters, market: Market, seed: int, rows: range) -> Past:
    """The past of the consumers `rows`, not lived yet."""
    consumers = draw_consumers(parameters, market.shop, seed, rows)
    around = surroundings_of(parameters, market.shop, market.path, market.season)
    return Past(parameters, market, seed, rows, consumers, around)


def stand_before(past: Past, step: int) -> tuple[State, Array]:
    """Live up to a step and stop before it.

    Returns:
        The state at the step's start, and the offers made in it, (consumers, items) percents.
    """
    state = first_state(past)
    for earlier in range(step):
        _, state = past.live(earlier, state, past.offers(earlier, state))
    return state, past.offers(step, state).percent


def live_chunk(parameters: SimulationParameters, market: Market, seed: int, rows: range) -> Chunk:
    """Live the whole past of the consumers `rows`."""
    past = past_of(parameters, market, seed, rows)
    state = first_state(past)
    in_log = uniforms(seed, Stream.LOG, 0, rows, 1)[:, 0] < parameters.log_share_of_consumers
    logged = np.flatnonzero(in_log)
    lines: list[Lines] = []
    offers, explored, issued = [], [], []
    for step in range(parameters.steps):
        made = past.offers(step, state)
        weeks, state = past.live(step, state, made)
        lines += _receipts(market, made, weeks, step, seed, rows)
        offers.append(made.percent[logged])
        explored.append(made.explored[logged])
        issued.append(made.issued)
    return Chunk(
        rows,
        past.consumers,
        state,
        _sorted(lines),
        logged,
        *map(np.stack, (offers, explored, issued)),
    )


def first_state(past: Past) -> State:
    """The consumers' state at the start of step 0."""
    churn, layout = past.parameters.churn, past.market.shop.layout
    active_share = churn.come_back / (churn.come_back + churn.leave)
    active = uniforms(past.seed, Stream.LOYALTY, 0, past.rows, 1)[:, 0] < active_share
    n = len(past.rows)
    return State(
        habit=np.zeros((n, layout.items), dtype=np.float32),
        pantry=np.zeros((n, layout.shelves), dtype=np.float32),
        active=active,
        experience=np.full(n, churn.usual_experience, dtype=np.float32),
        belief=np.full(n, active_share, dtype=np.float32),
    )


def _receipts(
    market: Market, made: Offers, weeks: list[Purchases], step: int, seed: int, rows: range
) -> Iterator[Lines]:
    layout, promotions = market.shop.layout, market.promotions
    for number, bought in enumerate(weeks):
        week = WEEKS_A_STEP * step + number
        luck = uniforms(seed, Stream.BASKET, week, rows, 1 + layout.shelves)
        consumer, item = bought.consumer, bought.item
        order = luck[consumer, 1 + layout.shelf_of_item[item]]
        percent = made.percent[consumer, item]
        own = np.minimum(promotions.item_percent[step, item], percent)
        # An explored offer is the shop's own price for this consumer, never a coupon.
        by_shop = made.explored[consumer, layout.category_of_item[item]]
        own = np.where(by_shop, percent, own)
        yield Lines(
            consumer=consumer + rows.start,
            item=item,
            week=np.full(len(item), week, dtype=np.int16),
            day=(7 * luck[consumer, 0]).astype(np.int8),
            place=order,
            quantity=bought.quantity,
            item_percent=own,
            coupon_percent=percent - own,
        )


def _sorted(weeks: list[Lines]) -> Lines:
    columns = {
        name: np.concatenate([getattr(week, name) for week in weeks])
        for name in Lines.__dataclass_fields__
    }
    order = np.lexsort((columns["place"], columns["week"], columns["consumer"]))
    columns = {name: column[order] for name, column in columns.items()}
    basket = columns["consumer"] * 10_000 + columns["week"]
    first = np.flatnonzero(np.diff(basket, prepend=-1))
    started = np.repeat(first, np.diff(np.append(first, len(basket))))
    columns["place"] = np.arange(len(basket)) - started + 1
    return Lines(**columns)
