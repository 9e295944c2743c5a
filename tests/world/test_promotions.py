import numpy as np
import pytest

from promo_kedro.world import History
from promo_kedro.world.promotions import NO_COUPON, propensities


def probabilities(history: History) -> np.ndarray:
    chunk = history.chunks[0]
    return np.stack(
        [
            propensities(
                history.parameters,
                history.market.shop.layout,
                history.market.promotions,
                step,
                chunk.offers[step],
                chunk.explored[step],
            )
            for step in range(history.parameters.steps)
        ]
    )


def cells(history: History) -> np.ndarray:
    return history.chunks[0].explored[:, :, history.market.shop.layout.category_of_item]


def test_explored_propensities_match_frequencies(observed: History) -> None:
    explored = cells(observed)
    offers = observed.chunks[0].offers[explored]
    claimed = probabilities(observed)[explored]
    for depth in np.unique(offers):
        share = (offers == depth).mean()
        assert np.unique(claimed[offers == depth]) == pytest.approx(share, abs=0.004)


def test_randomised_propensities_match_frequencies(randomised: History) -> None:
    """Σ 1/propensity over the cells that got a depth counts all cells that could get it."""
    usual = ~cells(randomised)
    chunk, claimed = randomised.chunks[0], probabilities(randomised)
    assert np.isfinite(claimed).all()
    of_item = randomised.market.promotions.coupon_of_item[: randomised.parameters.steps]
    free = usual & (of_item == NO_COUPON)[:, None, :]
    promoted = randomised.market.promotions.item_percent[: randomised.parameters.steps]
    # Item promotions are shared by all consumers, so items × steps is what frequencies rest on.
    for depth in (0, 10, 25):
        share = (promoted == depth).mean()
        weighed = (chunk.offers[free] == depth) / claimed[free]
        tolerance = 4 * np.sqrt((1 - share) / share / promoted.size)
        assert weighed.mean() == pytest.approx(1.0, abs=tolerance)
    # In cells with a coupon, by consumer: the coupon's own depth where nothing is promoted.
    under = usual & (of_item != NO_COUPON)[:, None, :] & (promoted == 0)[:, None, :]
    reach = randomised.parameters.policy.coupon_reach
    assert (chunk.offers[under] > 0).mean() == pytest.approx(reach, abs=0.02)


@pytest.mark.parametrize("kind", ["observed", "hidden"])
def test_propensity_is_not_known_where_offers_followed_something(
    kind: str, request: pytest.FixtureRequest
) -> None:
    history = request.getfixturevalue(kind)
    assert (np.isnan(probabilities(history)) == ~cells(history)).all()


def test_coupons_are_issued_outside_explored_cells_and_never_worsen(observed: History) -> None:
    layout, chunk = observed.market.shop.layout, observed.chunks[0]
    promotions = observed.market.promotions
    step, consumer, coupon = np.nonzero(chunk.issued)
    item = (promotions.coupon_of_item[step] == coupon[:, None]).argmax(axis=1)
    assert not chunk.explored[step, consumer, layout.category_of_item[item]].any()
    depth = promotions.coupon_percent[step, coupon]
    expected = np.maximum(depth, promotions.item_percent[step, item])
    assert (chunk.offers[step, consumer, item] == expected).all()
