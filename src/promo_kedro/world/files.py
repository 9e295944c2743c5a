"""The files a retailer would bring, made from a history: AmExpert's tables and an offer log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from promo_kedro.types import Array, DataFrame
from promo_kedro.world.categories import CATEGORY_NAMES
from promo_kedro.world.demand import WEEKS_A_STEP
from promo_kedro.world.history import Chunk, History
from promo_kedro.world.promotions import NO_COUPON, propensities
from promo_kedro.world.randomness import Stream, shared_generator, uniforms
from promo_kedro.world.traits import AGE, FAMILY, INCOME

DAYS_A_STEP = 14
AGE_RANGES = ("18-25", "26-35", "36-45", "46-55", "56-70", "70+")
LOCAL_BRANDS_FROM = 3  # the two largest brands are established everywhere


@dataclass(frozen=True)
class Chunks:
    """A table in parts, made when asked for, and as often as asked.

    Not an iterator: Kedro would save each part of an iterator as a table of its own.
    """

    make: Callable[[], Iterator[DataFrame]]

    def __iter__(self) -> Iterator[DataFrame]:
        """Make the parts, one after another."""
        return self.make()


def transactions(history: History) -> Chunks:
    """customer_transaction_data, sorted by consumer, week and place in the cart.

    Money is in currency with two decimals; both discounts are line totals ≤ 0 and selling_price
    is the line total after other_discount.
    """
    return Chunks(lambda: (_lines(history, chunk) for chunk in history.chunks))


def items(history: History) -> DataFrame:
    """item_data, with our optional unit_cost."""
    shop = history.market.shop
    rng = shared_generator(history.seed, Stream.MARKET, 9)
    cost = shop.list_price / 100 * rng.uniform(0.5, 0.75, shop.layout.items)
    local = rng.random(shop.brand.max() + 1) < 0.3
    local[:LOCAL_BRANDS_FROM] = False
    return pd.DataFrame(
        {
            "item_id": np.arange(1, shop.layout.items + 1),
            "brand": shop.brand,
            "brand_type": np.where(local[shop.brand], "Local", "Established"),
            "category": np.array(CATEGORY_NAMES)[shop.layout.category_of_item],
            "unit_cost": np.round(cost, 2),
        }
    )


def demographics(history: History) -> DataFrame:
    """customer_demographics: part of the consumers is absent, part of the cells is empty."""
    return pd.concat([_demographics(history, chunk) for chunk in history.chunks], ignore_index=True)


def campaigns(history: History) -> DataFrame:
    """campaign_data: a campaign lasts one step; dates are dd/mm/yy."""
    steps = _campaign_steps(history)
    first = [_step_start(history, step) for step in steps]
    last = [day + timedelta(days=DAYS_A_STEP - 1) for day in first]
    return pd.DataFrame(
        {
            "campaign_id": steps + 1,
            "campaign_type": np.where(steps % 4 == 0, "X", "Y"),
            "start_date": [day.strftime("%d/%m/%y") for day in first],
            "end_date": [day.strftime("%d/%m/%y") for day in last],
        }
    )


def coupon_items(history: History) -> DataFrame:
    """coupon_item_mapping: which items a coupon covers."""
    of_item = history.market.promotions.coupon_of_item[: history.parameters.steps]
    step, item = np.nonzero(of_item != NO_COUPON)
    coupon = _coupon_ids(history, step, of_item[step, item])
    table = pd.DataFrame({"coupon_id": coupon, "item_id": item + 1})
    return table.sort_values(["coupon_id", "item_id"], ignore_index=True)


def redemptions(history: History) -> DataFrame:
    """train: every coupon given to a consumer, and whether it was redeemed."""
    table = pd.concat([_issued(history, chunk) for chunk in history.chunks], ignore_index=True)
    table.insert(0, "id", np.arange(1, len(table) + 1))
    return table


def offer_log(history: History) -> Chunks:
    """offer_log: the offer in every cell of the logged consumers, zero offers too."""
    return Chunks(
        lambda: (
            _logged(history, chunk, step)
            for chunk in history.chunks
            for step in range(history.parameters.steps)
        )
    )


def _lines(history: History, chunk: Chunk) -> DataFrame:
    lines = chunk.lines
    step = lines.week // WEEKS_A_STEP
    gross = history.market.path.list_price[step, lines.item] * lines.quantity
    percent = lines.item_percent.astype(np.int64) + lines.coupon_percent
    # Rounding the whole discount first keeps the line's offer percent to the cent.
    discount = _share_of(gross, percent)
    by_shop = np.minimum(_share_of(gross, lines.item_percent), discount)
    days = np.array(
        [
            (history.market.first_day + timedelta(days=day)).isoformat()
            for day in range(7 * history.parameters.weeks)
        ]
    )
    return pd.DataFrame(
        {
            "date": pd.Categorical.from_codes(7 * lines.week.astype(np.int64) + lines.day, days),
            "customer_id": lines.consumer + 1,
            "item_id": lines.item + 1,
            "quantity": lines.quantity,
            "selling_price": (gross - by_shop) / 100,
            # 0 − x: no line shows a negative zero.
            "other_discount": (0 - by_shop) / 100,
            "coupon_discount": (by_shop - discount) / 100,
            "basket_id": lines.week.astype(np.int64) * history.parameters.consumers
            + lines.consumer
            + 1,
            "cart_position": lines.place,
        }
    )


def _share_of(cents: Array, percent: Array) -> Array:
    """`percent` of whole cents, in whole cents, halves up."""
    return (cents * percent.astype(np.int64) + 50) // 100


def _demographics(history: History, chunk: Chunk) -> DataFrame:
    parameters, traits = history.parameters, chunk.consumers.traits
    luck = uniforms(history.seed, Stream.DEMOGRAPHICS, 0, chunk.rows, 7)
    age = np.searchsorted([-1.4, -0.6, 0.2, 0.9, 1.6], traits[:, AGE])
    family = 1 + np.searchsorted([-0.7, 0.3, 0.9, 1.5], traits[:, FAMILY])
    married = luck[:, 1] < 0.25 + 0.15 * np.minimum(family, 4)
    children = np.clip(family - 1 - married, 0, 3)
    income = np.clip(np.round(5.5 + 2.2 * traits[:, INCOME]), 1, 12).astype(np.int64)
    rented = luck[:, 2] < np.where(income < 4, 0.3, 0.1)
    blank = luck[:, 3:5] < parameters.demographics_blank_share
    table = pd.DataFrame(
        {
            "customer_id": np.arange(chunk.rows.start, chunk.rows.stop) + 1,
            "age_range": np.array(AGE_RANGES)[age],
            "marital_status": np.where(married, "Married", "Single"),
            "rented": rented.astype(np.int64),
            "family_size": np.where(family >= 5, "5+", family.astype(str)),
            "no_of_children": np.where(children >= 3, "3+", children.astype(str)),
            "income_bracket": income,
        }
    )
    table["marital_status"] = table["marital_status"].mask(blank[:, 0])
    # As in the real files, no children and not telling look the same.
    table["no_of_children"] = table["no_of_children"].mask(blank[:, 1] | (children == 0))
    return table[luck[:, 0] >= parameters.demographics_missing_share]


def _issued(history: History, chunk: Chunk) -> DataFrame:
    step, consumer, coupon = np.nonzero(chunk.issued)
    issued = pd.DataFrame(
        {
            "campaign_id": step + 1,
            "coupon_id": _coupon_ids(history, step, coupon),
            "customer_id": consumer + chunk.rows.start + 1,
        }
    )
    lines = chunk.lines
    used = lines.coupon_percent > 0
    used_step = lines.week[used] // WEEKS_A_STEP
    of_item = history.market.promotions.coupon_of_item[used_step, lines.item[used]]
    key = _pair(issued["coupon_id"].to_numpy(), issued["customer_id"].to_numpy(), history)
    redeemed = _pair(_coupon_ids(history, used_step, of_item), lines.consumer[used] + 1, history)
    issued["redemption_status"] = np.isin(key, redeemed).astype(np.int64)
    return issued.sort_values(["customer_id", "coupon_id"], ignore_index=True)


def _logged(history: History, chunk: Chunk, step: int) -> DataFrame:
    layout = history.market.shop.layout
    percent, explored = chunk.offers[step], chunk.explored[step]
    probability = propensities(
        history.parameters, layout, history.market.promotions, step, percent, explored
    )
    customer = (chunk.logged + chunk.rows.start + 1).astype(np.int32)
    day = _step_start(history, step)
    return pd.DataFrame(
        {
            "date": pd.Categorical.from_codes(np.zeros(percent.size, dtype=np.int8), [day]),
            "customer_id": np.repeat(customer, layout.items),
            "item_id": np.tile(np.arange(1, layout.items + 1, dtype=np.int32), len(customer)),
            "offer_percent": percent.astype(np.float32).ravel(),
            "explored": explored[:, layout.category_of_item].ravel(),
            "propensity": probability.ravel(),
        }
    )


def _campaign_steps(history: History) -> Array:
    return np.flatnonzero(history.market.promotions.running[: history.parameters.steps])


def _coupon_ids(history: History, step: Array, coupon: Array) -> Array:
    return step.astype(np.int64) * history.market.promotions.coupon_percent.shape[1] + coupon + 1


def _pair(coupon: Array, customer: Array, history: History) -> Array:
    return coupon * np.int64(history.parameters.consumers + 1) + customer


def _step_start(history: History, step: int) -> date:
    return history.market.first_day + timedelta(days=DAYS_A_STEP * int(step))
