"""What the world answers about offers in the coming step: probabilities, revenue, retention.

Nothing of demand is stated here: the history's own `live_step` and its closed form are asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np

from promo_kedro.types import Array, DataFrame
from promo_kedro.world.brands import Places, expect_brands, places_of
from promo_kedro.world.categories import CATEGORY_NAMES
from promo_kedro.world.demand import WEEKS_A_STEP, State, Surroundings, offer_response
from promo_kedro.world.expectation import Expectation, expect_step
from promo_kedro.world.history import (
    chunks_of,
    make_market,
    past_of,
    seasons_of,
    stand_before,
    surroundings_of,
)
from promo_kedro.world.market import Assortment, Path, continued
from promo_kedro.world.parameters import SimulationParameters
from promo_kedro.world.promotions import make_offers, plan_promotions
from promo_kedro.world.randomness import Stream, shared_generator
from promo_kedro.world.shopping import Purchases, draw_luck, live_step
from promo_kedro.world.traits import Consumers
from promo_kedro.world.truth import read_truth

ALL = "All"


def restore(truth: dict[str, Any]) -> World:
    """Restore the world as it stood after its last day.

    Args:
        truth: What `TruthDataset` loads: metadata and arrays.

    Returns:
        The world, ready to answer.
    """
    return World(**read_truth(truth))


def restore_at(truth: dict[str, Any], steps_back: int) -> tuple[World, Array]:
    """Restore the world as it stood some steps before the end of the data.

    The past is lived again from its parameters and seed, and stops before the coming step.

    Args:
        truth: What `TruthDataset` loads: metadata and arrays.
        steps_back: Steps not lived: 0 for the world after its last day, 1 for the world before
            the last step of the data, ….

    Returns:
        The world, and the offers really made in its coming step, (consumers, items) percents.

    Raises:
        ValueError: No step comes before that one.
    """
    world = restore(truth)
    step = world.parameters.steps - steps_back
    if not 1 <= step <= world.parameters.steps:
        raise ValueError(
            f"steps_back = {steps_back}: there is no world before step {step} of the "
            f"{world.parameters.steps} steps lived, of which step 0 has none before it."
        )
    market = make_market(world.parameters, world.seed)
    lived = [
        stand_before(past_of(world.parameters, market, world.seed, rows), step)
        for rows in chunks_of(world.parameters)
    ]
    states, offers = zip(*lived, strict=True)
    earlier = replace(
        world,
        path=market.path.rows(step - 1, step + 1),
        state=State(
            *(
                np.concatenate([getattr(state, name) for state in states])
                for name in State.__dataclass_fields__
            )
        ),
        steps_back=steps_back,
    )
    return earlier, np.concatenate(offers).astype(np.float32)


@dataclass(frozen=True)
class World:
    """The simulated retailer before its coming step, the one after the data unless said otherwise.

    Offers are arrays (consumers, items) of percents.

    Attributes:
        parameters: The world's parameters.
        seed: The seed that made it.
        raw_data_hash: Of the files that it wrote.
        first_day: First day of step 0.
        shop: The assortment.
        path: Two steps: the last one that was lived, and the coming one.
        consumers: Lasting traits.
        state: The consumers' state at the start of the coming step.
        steps_back: How many steps of the data the world has not lived yet.
    """

    parameters: SimulationParameters
    seed: int
    raw_data_hash: str | None
    first_day: date
    shop: Assortment
    path: Path
    consumers: Consumers
    state: State
    steps_back: int = 0

    @property
    def coming_step(self) -> int:
        """The step the answers are about; the simulation counts from 0."""
        return self.parameters.steps - self.steps_back

    @property
    def customer_ids(self) -> Array:
        """The consumers' ids, in the rows' order."""
        return np.arange(1, len(self.state.active) + 1)

    @property
    def item_ids(self) -> Array:
        """The items' ids, in the columns' order."""
        return np.arange(1, self.shop.layout.items + 1)

    @property
    def categories(self) -> Array:
        """Category name of each item."""
        return np.array(CATEGORY_NAMES)[self.shop.layout.category_of_item]

    @property
    def brand_names(self) -> Array:
        """The brands that have an item, as `item_data` spells them, the largest weight first."""
        return self._places.brand.astype(str)

    @property
    def list_prices(self) -> Array:
        """List price of each item in the coming step, in currency."""
        return self.path.list_price[-1] / 100.0

    def purchase_probability(self, offers: Array) -> Array:
        """True P(purchase in the coming step | the world's whole state, offers).

        Args:
            offers: (consumers, items) offer percents.

        Returns:
            (consumers, items), exact; consumers who have left have probability 0.
        """
        return self._expect(offers, self._next_step, self.state.active).purchase

    def brand_purchase_probability(
        self, offers: Array, rows: Array | None = None, brands: Array | None = None
    ) -> Array:
        """True P(any item of the brand bought in the coming step | the whole state, offers).

        Args:
            offers: (consumers, items) offer percents.
            rows: Positions of the consumers to answer for; by default all.
            brands: Positions in `brand_names` of the brands to answer for; by default all.

        Returns:
            (rows, brands) float32, exact but for rounding; consumers who have left have
            probability 0. No more than a chunk of consumers is in memory beside it.
        """
        percent = self._checked(offers)
        rows = np.arange(len(percent)) if rows is None else np.asarray(rows)
        size = self.parameters.consumers_per_chunk
        brands = np.arange(len(self._places.brand)) if brands is None else np.asarray(brands)
        found = np.empty((len(rows), len(brands)), dtype=np.float32)
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            probability = expect_brands(
                self.parameters,
                self.shop,
                self._places,
                self.consumers.rows(part),
                self.state.rows(part),
                self._next_step,
                self._response(percent[part]),
            )
            found[start : start + size] = probability[:, brands]
        return found

    def expected_revenue(self, offers: Array) -> Array:
        """True expected revenue of the coming step, (consumers, items), in currency.

        Closed form, substitution inside the shelf included.
        """
        units = self._expect(offers, self._next_step, self.state.active).units
        return units * self.list_prices * (1.0 - self._checked(offers) / 100.0)

    def observable_purchase_probability(self, offers: Array, draws: int, seed: int) -> Array:
        """P(purchase in the coming step | what can be observed, offers).

        Lasting tastes, habits, pantries and the past shock count as observed, for long histories
        of many consumers show them. The coming step's shock and drift are not: they are averaged
        over. Nor is who has left: that is replaced by what a consumer's silence tells of it.

        Args:
            offers: (consumers, items) offer percents.
            draws: Number of drawn shocks.
            seed: Their seed.

        Returns:
            (consumers, items).
        """
        total = np.zeros((len(self.state.active), self.shop.layout.items))
        for draw in range(draws):
            rng = shared_generator((seed, draw), Stream.MARKET, 2)
            news = continued(self.path.rows(0, 1), self.parameters.demand, 1, rng)
            # Next step's list prices are posted, so they are known.
            news = replace(news, list_price=self.path.list_price[-1:])
            around = self._surroundings(news)[0]
            total += self._expect(offers, around, self.state.belief).purchase
        return total / draws

    def offers_as_today(self, seed: int) -> Array:
        """Offers the retailer's own policy would make in the coming step.

        Item promotions and a campaign are planned anew by `seed`; nothing is explored.

        Returns:
            (consumers, items) offer percents.
        """
        layout, steps = self.shop.layout, len(self.path.list_price)
        seasons = seasons_of(self.shop, self.first_day, self.coming_step - 1, steps)
        plan = plan_promotions(
            self.parameters, layout, self.path, seasons.mean(axis=1), (self.seed, seed)
        )
        made = make_offers(
            self.parameters,
            layout,
            plan,
            len(self.path.list_price) - 1,
            self.state.habit,
            self.path.shelf_shock[-1],
            (self.seed, seed),
            range(len(self.state.active)),
            explore=False,
        )
        return made.percent.astype(np.float32)

    def value_of_offers(
        self, offers: Array, weeks: int = 2, draws: int = 1, seed: int = 0
    ) -> DataFrame:
        """What offers kept up for `weeks` weeks are worth, jointly.

        Everything is simulated together: substitutes, pantries, habits, leaving. For the same
        seed every policy meets the same shocks and the same luck (common random numbers).

        Args:
            offers: (consumers, items) offer percents, the same in every step.
            weeks: Horizon, whole 14-day steps.
            draws: Number of futures.
            seed: Seed of the futures.

        Returns:
            One row per draw and category, and "All": revenue (currency), buyers (consumers who
            bought), items_bought (units), retention (share of all consumers who bought in the
            last 14 days of the horizon), active (share of all consumers who have not left).
        """
        import pandas as pd

        if weeks < WEEKS_A_STEP or weeks % WEEKS_A_STEP:
            raise ValueError(f"weeks = {weeks}: a horizon is made of whole 14-day steps.")
        percent = self._checked(offers)
        response = self._response(percent)
        rows = [
            row
            for draw in range(draws)
            for row in self._one_future(percent, response, weeks // WEEKS_A_STEP, (seed, draw))
        ]
        return pd.DataFrame(rows)

    def _one_future(
        self, percent: Array, response: Array, steps: int, seed: tuple[int, int]
    ) -> Iterator[dict[str, Any]]:
        consumers = len(self.state.active)
        categories, shelves = len(CATEGORY_NAMES), self.shop.layout.shelves
        revenue, units = np.zeros(categories), np.zeros(categories)
        bought_ever = np.zeros((consumers, categories), dtype=bool)
        path, state = self._future_path(steps, seed), self.state
        for step, around in enumerate(self._surroundings(path)):
            luck = draw_luck(seed, step, range(consumers), shelves)
            weeks, state = live_step(
                self.parameters, self.shop, self.consumers, state, around, response, luck
            )
            bought_now = np.zeros_like(bought_ever)
            for lines in weeks:
                category = self.shop.layout.category_of_item[lines.item]
                paid = self._paid(lines, path.list_price[step], percent)
                revenue += np.bincount(category, paid, categories)
                units += np.bincount(category, lines.quantity, categories)
                bought_now[lines.consumer, category] = True
            bought_ever |= bought_now
        active = float(state.active.mean())
        for number, name in enumerate(CATEGORY_NAMES):
            yield {
                "draw": seed[1],
                "category": name,
                "revenue": revenue[number],
                "buyers": int(bought_ever[:, number].sum()),
                "items_bought": int(units[number]),
                "retention": float(bought_now[:, number].mean()),
                "active": active,
            }
        yield {
            "draw": seed[1],
            "category": ALL,
            "revenue": revenue.sum(),
            "buyers": int(bought_ever.any(axis=1).sum()),
            "items_bought": int(units.sum()),
            "retention": float(bought_now.any(axis=1).mean()),
            "active": active,
        }

    def _future_path(self, steps: int, seed: tuple[int, int]) -> Path:
        """The next step as it is, then a future drawn by `seed`."""
        rng = shared_generator(seed, Stream.MARKET, 3)
        now = self.path.rows(len(self.path.list_price) - 1, len(self.path.list_price))
        later = continued(now, self.parameters.demand, steps - 1, rng)
        return Path(
            *(
                np.concatenate([getattr(now, name), getattr(later, name)])
                for name in Path.__dataclass_fields__
            )
        )

    @staticmethod
    def _paid(lines: Purchases, list_price: Array, percent: Array) -> Array:
        gross = list_price[lines.item] * lines.quantity
        saved = np.round(gross * percent[lines.consumer, lines.item] / 100.0)
        return (gross - saved) / 100.0

    def _surroundings(self, path: Path) -> list[Surroundings]:
        """Surroundings of a path that starts with the coming step."""
        steps = len(path.list_price)
        seasons = seasons_of(self.shop, self.first_day, self.coming_step, steps)
        return surroundings_of(self.parameters, self.shop, path, seasons)

    @cached_property
    def _places(self) -> Places:
        return places_of(self.shop)

    @cached_property
    def _next_step(self) -> Surroundings:
        last = len(self.path.list_price)
        return self._surroundings(self.path.rows(last - 1, last))[0]

    def _expect(self, offers: Array, around: Surroundings, active: Array) -> Expectation:
        response = self._response(self._checked(offers))
        return expect_step(
            self.parameters, self.shop, self.consumers, self.state, around, response, active
        )

    def _response(self, percent: Array) -> Array:
        return offer_response(percent, self.shop.layout.category_of_item)

    def _checked(self, offers: Array) -> Array:
        percent = np.asarray(offers, dtype=np.float32)
        shape = (len(self.state.active), self.shop.layout.items)
        if percent.shape != shape:
            raise ValueError(f"offers have shape {percent.shape}, not (consumers, items) {shape}.")
        if not ((percent >= 0) & (percent <= 100)).all():
            raise ValueError("offers must lie between 0 and 100 percent.")
        return percent
