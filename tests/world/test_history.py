from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest

from promo_kedro.world import History, SimulationParameters
from promo_kedro.world.history import Lines


def all_lines(history: History) -> dict[str, np.ndarray]:
    return {
        field.name: np.concatenate([getattr(chunk.lines, field.name) for chunk in history.chunks])
        for field in fields(Lines)
    }


def offer_of_lines(history: History) -> np.ndarray:
    lines = all_lines(history)
    return lines["item_percent"].astype(int) + lines["coupon_percent"]


def shock(history: History) -> np.ndarray:
    market = history.market
    on_items = market.path.shelf_shock[:, market.shop.layout.shelf_of_item]
    return (market.path.item_shock + on_items)[: history.parameters.steps]


def test_same_seed_same_history(make: Callable[..., History]) -> None:
    first, second = make(weeks=8), make(weeks=8)
    for name, column in all_lines(first).items():
        assert (column == all_lines(second)[name]).all()
    assert (first.chunks[0].offers == second.chunks[0].offers).all()


@pytest.mark.parametrize("size", [1, 37, 399])
def test_chunks_change_nothing(size: int, make: Callable[..., History]) -> None:
    weeks = 4 if size == 1 else 12
    whole, parts = make(weeks=weeks), make(weeks=weeks, consumers_per_chunk=size)
    assert len(parts.chunks) == -(-400 // size)
    for name, column in all_lines(whole).items():
        assert (column == all_lines(parts)[name]).all(), name
    for part in ("taste", "interest", "sensitivity", "visit"):
        joined = np.concatenate([getattr(chunk.consumers, part) for chunk in parts.chunks])
        assert (joined == getattr(whole.chunks[0].consumers, part)).all()
    joined = np.concatenate([chunk.state.habit for chunk in parts.chunks])
    assert (joined == whole.chunks[0].state.habit).all()
    joined = np.concatenate([chunk.offers for chunk in parts.chunks], axis=1)
    assert (joined == whole.chunks[0].offers).all()


def test_marginals_are_near_real_grocery(wide: History) -> None:
    lines, offers = all_lines(wide), offer_of_lines(wide)
    given = offers[offers > 0]
    assert 0.42 < len(given) / len(offers) < 0.58
    low, median, high = np.percentile(given, [10, 50, 90])
    assert 5 <= low <= 12
    assert 20 <= median <= 30
    assert 40 <= high <= 55
    assert 0.008 < (lines["coupon_percent"] > 0).mean() < 0.025
    assert 1.1 < lines["quantity"].mean() < 1.6
    brands = np.bincount(wide.market.shop.brand[lines["item"]])
    brands = np.sort(brands)[::-1] / brands.sum()
    assert brands[:6].sum() > 0.45
    assert brands[20:].sum() < 0.2


def test_relevant_consumer_items_are_seldom_bought(wide: History) -> None:
    lines = all_lines(wide)
    pair = lines["consumer"] * 250 + lines["item"]
    step = lines["week"] // 2
    training = (step >= 13) & (step < 37)
    relevant = np.unique(pair[training])
    later = np.unique(pair[step == 38])
    assert 0.02 < np.isin(relevant, later).mean() < 0.1


def test_cart_places_count_from_one(observed: History) -> None:
    lines = all_lines(observed)
    basket = lines["consumer"] * 1000 + lines["week"]
    _, start, count = np.unique(basket, return_index=True, return_counts=True)
    assert (lines["place"][start] == 1).all()
    assert (lines["place"][start + count - 1] == count).all()


def test_explored_share_and_independence(observed: History, make: Callable[..., History]) -> None:
    explored = observed.chunks[0].explored
    share = observed.parameters.policy.explored_share
    assert explored.mean() == pytest.approx(share, abs=4 * np.sqrt(share / explored.size))
    no_exploring = make(weeks=8, policy={"explored_share": 0.0})
    assert not no_exploring.chunks[0].explored.any()


def test_only_hidden_offers_follow_the_shock(
    randomised: History, observed: History, hidden: History
) -> None:
    def follows(history: History) -> float:
        promoted = history.market.promotions.item_percent[: history.parameters.steps] > 0
        return float(np.corrcoef(promoted.ravel(), shock(history).ravel())[0, 1])

    cells = shock(observed).size
    assert abs(follows(randomised)) < 4 / np.sqrt(cells)
    assert abs(follows(observed)) < 4 / np.sqrt(cells) + 0.05
    assert follows(hidden) > 0.2


def test_observed_offers_follow_season_and_loyalty(randomised: History, observed: History) -> None:
    def season_follows(history: History) -> float:
        steps = history.parameters.steps
        season = history.market.season.mean(axis=1)[:, history.market.shop.layout.shelf_of_item]
        promoted = history.market.promotions.item_percent[:steps] > 0
        return float(np.corrcoef(promoted.ravel(), season[:steps].ravel())[0, 1])

    assert season_follows(observed) > 0.08 > abs(season_follows(randomised))

    def loyal_share(history: History) -> float:
        """Share of coupons whose consumer bought the coupon's shelf in the three steps before."""
        layout, chunk = history.market.shop.layout, history.chunks[0]
        bought = np.zeros((39, 400, layout.shelves), dtype=bool)
        lines = chunk.lines
        bought[lines.week // 2, lines.consumer, layout.shelf_of_item[lines.item]] = True
        step, consumer, coupon = np.nonzero(chunk.issued[3:])
        of_item = history.market.promotions.coupon_of_item[step + 3]
        shelf = layout.shelf_of_item[(of_item == coupon[:, None]).argmax(axis=1)]
        recent = [bought[step + 3 - lag, consumer, shelf] for lag in (1, 2, 3)]
        return float(np.any(recent, axis=0).mean())

    assert loyal_share(observed) > 1.2 * loyal_share(randomised)


def test_popularity_drifts_and_offers_stay_within_a_step(observed: History) -> None:
    drift = observed.market.path.popularity
    assert np.abs(drift[-1] - drift[0]).mean() > 0.1
    lines, offers = all_lines(observed), offer_of_lines(observed)
    made = observed.chunks[0].offers
    assert (made[lines["week"] // 2, lines["consumer"], lines["item"]] == offers).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weeks": 13}, "weeks must be even"),
        ({"items": 50}, "need at least 96"),
        ({"regime": "medium"}, "regime"),
        ({"consummers": 3}, "consummers"),
        ({"policy": {"depths": {120: 1.0}}}, "depths"),
    ],
)
def test_impossible_worlds_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SimulationParameters.model_validate(changes)
