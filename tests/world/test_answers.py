import numpy as np
import pytest

from promo_kedro.world import History, World
from promo_kedro.world.demand import offer_response
from promo_kedro.world.shopping import draw_luck, live_step

NONE = np.zeros((400, 120), dtype=np.float32)
DRAWS = 400


def uniform(percent: float) -> np.ndarray:
    return np.full_like(NONE, percent)


def played(world: World, offers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean purchases and units over the world's own draws of the coming step."""
    purchases, units = np.zeros(NONE.shape), np.zeros(NONE.shape)
    response = offer_response(offers, world.shop.layout.category_of_item)
    for draw in range(DRAWS):
        luck = draw_luck((99, draw), 0, range(400), world.shop.layout.shelves)
        weeks, _ = live_step(
            world.parameters,
            world.shop,
            world.consumers,
            world.state,
            world._next_step,
            response,
            luck,
        )
        bought = np.zeros(NONE.shape, dtype=bool)
        for week in weeks:
            bought[week.consumer, week.item] = True
            np.add.at(units, (week.consumer, week.item), week.quantity)
        purchases += bought
    return purchases / DRAWS, units / DRAWS


def test_closed_form_agrees_with_the_worlds_own_draws(strong_world: World) -> None:
    offers = np.random.default_rng(2).choice([0, 10, 20, 35, 50], NONE.shape).astype(np.float32)
    probability = strong_world.purchase_probability(offers)
    purchases, units = played(strong_world, offers)
    error = np.sqrt(probability * (1 - probability) / DRAWS)
    seen = probability > 0.02
    z = (purchases - probability)[seen] / error[seen]
    assert seen.sum() > 1000
    assert abs(z.mean()) < 0.1
    assert 0.9 < z.std() < 1.1
    assert np.abs(z).max() < 6
    revenue = (units * strong_world.list_prices * (1 - offers / 100)).sum()
    assert strong_world.expected_revenue(offers).sum() == pytest.approx(revenue, rel=0.02)
    assert strong_world.value_of_offers(offers, 2, 150, 3).query("category == 'All'")[
        "revenue"
    ].mean() == pytest.approx(revenue, rel=0.03)


def test_those_who_left_do_not_buy(strong_world: World) -> None:
    probability = strong_world.purchase_probability(uniform(20))
    assert (probability[~strong_world.state.active] == 0).all()
    assert (probability[strong_world.state.active].sum(axis=1) > 0).all()


def test_best_uniform_offer_lies_inside_the_range_in_the_strong_regime(
    strong_world: World,
) -> None:
    revenue = {d: strong_world.expected_revenue(uniform(d)).sum() for d in range(0, 75, 5)}
    best = max(revenue, key=revenue.__getitem__)
    assert 10 <= best <= 40
    assert revenue[best] > 1.1 * revenue[0]
    by_category = np.array([strong_world.expected_revenue(uniform(d)).sum(0) for d in revenue])
    for category in np.unique(strong_world.categories):
        mine = by_category[:, strong_world.categories == category].sum(axis=1)
        assert 0 < mine.argmax() < 10


def test_best_uniform_offer_is_none_in_the_weak_regime(weak_world: World) -> None:
    revenue = {d: weak_world.expected_revenue(uniform(d)).sum() for d in range(0, 75, 5)}
    assert max(revenue, key=revenue.__getitem__) == 0


def test_good_offers_keep_consumers_over_half_a_year(strong_world: World) -> None:
    def over_half_a_year(percent: float) -> tuple[float, float]:
        value = strong_world.value_of_offers(uniform(percent), weeks=26, draws=2, seed=4)
        value = value[value["category"] == "All"]
        return value["active"].mean(), value["retention"].mean()

    none, good = over_half_a_year(0), over_half_a_year(30)
    assert good[0] > none[0] + 0.05
    assert good[1] > none[1] + 0.05


def test_value_adds_up_and_meets_the_same_luck(strong_world: World) -> None:
    value = strong_world.value_of_offers(uniform(20), weeks=4, draws=2, seed=1)
    for _, one in value.groupby("draw"):
        total = one[one["category"] == "All"].iloc[0]
        parts = one[one["category"] != "All"]
        assert parts["revenue"].sum() == pytest.approx(total["revenue"])
        assert parts["items_bought"].sum() == total["items_bought"]
        assert parts["buyers"].max() <= total["buyers"] <= parts["buyers"].sum()
        assert parts["retention"].max() <= total["retention"] <= 1
    assert value.equals(strong_world.value_of_offers(uniform(20), weeks=4, draws=2, seed=1))
    # One item's offer, and nothing else on other shelves changes in the first step.
    one_item = NONE.copy()
    one_item[:, 0] = 40
    none = strong_world.value_of_offers(NONE, 2, 1, 5).set_index("category")["revenue"]
    some = strong_world.value_of_offers(one_item, 2, 1, 5).set_index("category")["revenue"]
    first = strong_world.categories[0]
    assert (none.drop([first, "All"]) == some.drop([first, "All"])).all()
    assert none[first] != some[first]


def test_observable_probability_replaces_what_nobody_sees(strong_world: World) -> None:
    observable = strong_world.observable_purchase_probability(uniform(10), draws=20, seed=3)
    true = strong_world.purchase_probability(uniform(10))
    gone = ~strong_world.state.active
    assert (observable[gone].sum(axis=1) > 0).all()  # nobody knows for sure that they left
    belief = strong_world.state.belief
    assert belief[gone].mean() < 0.4
    assert belief[~gone].mean() > 0.8
    assert observable.mean() == pytest.approx(true.mean(), rel=0.25)
    again = strong_world.observable_purchase_probability(uniform(10), draws=20, seed=3)
    assert (observable == again).all()


def test_belief_is_calibrated(strong_world: World) -> None:
    belief, active = strong_world.state.belief, strong_world.state.active
    spread = np.sqrt((belief * (1 - belief)).sum())
    assert abs((active - belief).sum()) < 4 * spread


def test_offers_as_today_are_the_retailers_own(strong_world: World) -> None:
    today = strong_world.offers_as_today(1)
    assert today.shape == NONE.shape
    assert 0.08 < (today > 0).mean() < 0.35
    assert (today == strong_world.offers_as_today(1)).all()
    assert not (today == strong_world.offers_as_today(2)).all()


@pytest.mark.parametrize(
    ("offers", "message"),
    [(NONE[:5], "shape"), (NONE - 1, "between 0 and 100"), (NONE * np.nan, "between 0 and 100")],
)
def test_impossible_offers_are_refused(
    strong_world: World, offers: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        strong_world.purchase_probability(offers)


def test_a_horizon_is_whole_steps(strong_world: World) -> None:
    with pytest.raises(ValueError, match="whole 14-day steps"):
        strong_world.value_of_offers(NONE, weeks=3)


def test_the_observable_form_beats_personal_frequency(
    observed: History, strong_world: World
) -> None:
    """Expected log loss of the coming step: true < observable < each pair's own frequency."""
    lines = observed.chunks[0].lines
    step = lines.week.astype(int) // 2
    recent = step >= 13
    bought = np.zeros((26, *NONE.shape), dtype=bool)
    bought[step[recent] - 13, lines.consumer[recent], lines.item[recent]] = True
    relevant = bought.any(axis=0)
    overall = bought[:, relevant].mean()
    frequency = (bought.sum(axis=0) + 5 * overall) / (26 + 5)

    offers = strong_world.offers_as_today(1)
    true = strong_world.purchase_probability(offers).astype(float)
    observable = strong_world.observable_purchase_probability(offers, draws=40, seed=1)

    def loss(said: np.ndarray) -> float:
        said = np.clip(said, 1e-9, 1 - 1e-9)
        return float(-(true * np.log(said) + (1 - true) * np.log(1 - said))[relevant].mean())

    assert loss(true) < loss(observable) < 0.97 * loss(frequency)
