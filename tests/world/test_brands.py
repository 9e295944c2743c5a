"""Brands: the closed form against the world's own draws, and worlds of many brands."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from promo_kedro.world import History, SimulationParameters, World, files, restore
from promo_kedro.world.brands import places_of
from promo_kedro.world.clean import clean_chunks, clean_items
from promo_kedro.world.demand import offer_response
from promo_kedro.world.shopping import draw_luck, live_step
from promo_kedro.world.truth import end_state

DRAWS = 6000
OFTEN = {"visit": 0.8, "incidence": 0.4, "extra_unit": 0.3, "pantry_fullness": 1.0}


@pytest.fixture(scope="module")
def busy(make: Callable[..., History]) -> World:
    """Few brands on many shelves, bought often, so that pantries and shared visits matter."""
    return restore(end_state(make(consumers=50, items=96, weeks=12, brands=12, demand=OFTEN)))


@pytest.fixture(scope="module")
def offers(busy: World) -> np.ndarray:
    shape = (len(busy.customer_ids), len(busy.item_ids))
    return np.random.default_rng(2).choice([0, 20, 50], shape).astype(np.float32)


def brands_played(world: World, offers: np.ndarray) -> np.ndarray:
    """Share of the world's own draws of the coming step in which each brand was bought."""
    numbers, column = np.unique(world.shop.brand, return_inverse=True)
    found = np.zeros((len(offers), len(numbers)))
    response = offer_response(offers, world.shop.layout.category_of_item)
    for draw in range(DRAWS):
        luck = draw_luck((98, draw), 0, range(len(offers)), world.shop.layout.shelves)
        weeks, _ = live_step(
            world.parameters,
            world.shop,
            world.consumers,
            world.state,
            world._next_step,
            response,
            luck,
        )
        bought = np.zeros(found.shape, dtype=bool)
        for week in weeks:
            bought[week.consumer, column[week.item]] = True
        found += bought
    return found / DRAWS


def test_brand_probability_agrees_with_the_worlds_own_draws(
    busy: World, offers: np.ndarray
) -> None:
    probability = busy.brand_purchase_probability(offers)
    assert probability.shape == (50, len(busy.brand_names))
    seen = (probability > 0.01) & (probability < 0.99)
    error = np.sqrt(probability * (1 - probability) / DRAWS)
    z = (brands_played(busy, offers) - probability)[seen] / error[seen]
    assert seen.sum() > 300
    # Brands of a consumer share their visits, so the mean is judged by consumers, not by pairs.
    assert abs(z.mean()) < 0.25
    assert 0.9 < z.std() < 1.1
    assert np.abs(z).max() < 5


def test_treating_shelves_as_independent_would_be_noticed(busy: World, offers: np.ndarray) -> None:
    """Visits are shared: items taken as independent overstate the brand beyond any chance."""
    items = busy.purchase_probability(offers)
    of_brand = [busy.shop.brand == number for number in np.unique(busy.shop.brand)]
    naive = np.stack([1 - np.prod(1 - items[:, mine], axis=1) for mine in of_brand], axis=1)
    assert (naive - busy.brand_purchase_probability(offers)).max() > 0.03


def test_a_brand_of_one_item_is_bought_as_the_item(strong_world: World) -> None:
    offers = strong_world.offers_as_today(3)
    numbers, size = np.unique(strong_world.shop.brand, return_counts=True)
    single = numbers[size == 1]
    assert len(single) > 5
    assert (strong_world.brand_names == numbers.astype(str)).all()
    item = np.array([np.flatnonzero(strong_world.shop.brand == number)[0] for number in single])
    brands = strong_world.brand_purchase_probability(offers)[:, np.isin(numbers, single)]
    np.testing.assert_allclose(
        brands, strong_world.purchase_probability(offers)[:, item], rtol=2e-5, atol=1e-9
    )
    assert (brands[~strong_world.state.active] == 0).all()


def test_some_consumers_are_answered_as_among_all(strong_world: World) -> None:
    offers = strong_world.offers_as_today(3)
    rows = np.array([399, 5, 17])
    everyone = strong_world.brand_purchase_probability(offers)
    some = strong_world.brand_purchase_probability(offers, rows)
    np.testing.assert_allclose(some, everyone[rows], rtol=1e-5)
    assert (strong_world.brand_purchase_probability(offers, rows[:0])).shape == (
        0,
        everyone.shape[1],
    )


def test_places_hold_every_item_once(strong_world: World) -> None:
    shop = strong_world.shop
    places = places_of(shop)
    assert sorted(places.items) == list(range(shop.layout.items))
    pairs = pd.DataFrame({"brand": shop.brand, "shelf": shop.layout.shelf_of_item})
    expected = pairs.value_counts().sort_index()
    assert len(places.shelf) == len(expected)
    ones = np.ones((1, shop.layout.items))
    assert (places.sum_items(ones)[0] == expected.to_numpy()).all()
    shelves = pairs.drop_duplicates().groupby("brand").size()
    assert (places.multiply_places(np.full((1, len(expected)), 2.0))[0] == 2.0**shelves).all()


@pytest.mark.parametrize("at_least", [1, 2])
def test_every_brand_gets_its_items(at_least: int, make: Callable[..., History]) -> None:
    settings = {"consumers": 5, "weeks": 2, "items": 200, "brands": 90}
    shop = make(**settings, brand_items_at_least=at_least).market.shop
    numbers, size = np.unique(shop.brand, return_counts=True)
    assert (numbers == np.arange(1, 91)).all()
    assert size.min() == at_least
    usual = make(**settings).market.shop
    assert len(np.unique(usual.brand)) < 90
    # Only brands, and what they are liked for, differ.
    assert (shop.popularity == usual.popularity).all()
    assert (shop.shelf_appeal == usual.shelf_appeal).all()
    assert (shop.list_price == usual.list_price).all()
    drew = shop.brand == usual.brand
    assert (~drew).sum() <= 90 * at_least


def test_too_few_items_for_the_brands_are_refused() -> None:
    with pytest.raises(ValueError, match="300 brands need at least 600"):
        SimulationParameters(items=599, brands=300, brand_items_at_least=2)


def test_clean_chunks_tell_what_the_files_tell(make: Callable[..., History]) -> None:
    settings = {"consumers": 60, "weeks": 8, "items": 120}
    history = make(**settings)
    parameters, seed = history.parameters, history.seed
    raw = pd.concat(files.transactions(history), ignore_index=True)
    parts = list(clean_chunks(parameters, seed, [range(0, 25), range(25, 60)]))
    clean = pd.concat([part.transactions.to_pandas() for part in parts], ignore_index=True)
    assert (clean["date"].astype(str) == raw["date"].astype(str)).all()
    for name in raw.columns.drop("date"):
        assert (clean[name] == raw[name]).all(), name
    first = pd.Timestamp(history.market.first_day)
    assert (clean["step"] == (pd.to_datetime(clean["date"]) - first).dt.days // 14).all()
    total = clean["quantity"] * clean["list_price"]
    paid = clean["selling_price"] + clean["coupon_discount"]
    np.testing.assert_allclose(total * (1 - clean["offer_percent"] / 100), paid, atol=0.005)
    items = clean_items(parameters, seed)
    assert (items["brand"] == files.items(history)["brand"].astype(str)).all()

    people = pd.concat([part.consumers.to_pandas() for part in parts], ignore_index=True)
    told = files.demographics(history)
    known = people.set_index("customer_id").loc[told["customer_id"]]
    for name in told.columns.drop("customer_id"):
        said = told[name].astype(object).where(told[name].notna(), None)
        expected = [None if value is None else str(value) for value in said]
        assert [None if pd.isna(v) else v for v in known[name]] == expected, name
    everyone = {
        *raw["customer_id"],
        *told["customer_id"],
        *files.redemptions(history)["customer_id"],
    }
    assert set(people["customer_id"]) == everyone
    assert people["customer_id"].is_unique
