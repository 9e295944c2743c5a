"""Small worlds, each made once."""

from collections.abc import Callable

import pytest

from promo_kedro.world import History, SimulationParameters, World, restore, simulate
from promo_kedro.world.truth import end_state

SEED = 7


def _make(**changes: object) -> History:
    settings = {"consumers": 400, "items": 120, "weeks": 78, **changes}
    return simulate(SimulationParameters.model_validate(settings), SEED)


@pytest.fixture(scope="session")
def make() -> Callable[..., History]:
    return _make


@pytest.fixture(scope="session")
def observed() -> History:
    return _make()


@pytest.fixture(scope="session")
def wide() -> History:
    """The default assortment, with fewer consumers."""
    return _make(consumers=800, items=250)


@pytest.fixture(scope="session")
def randomised() -> History:
    return _make(offer_kind="randomised")


@pytest.fixture(scope="session")
def hidden() -> History:
    return _make(offer_kind="hidden")


@pytest.fixture(scope="session")
def strong_world(observed: History) -> World:
    return restore(end_state(observed))


@pytest.fixture(scope="session")
def weak_world() -> World:
    return restore(end_state(_make(regime="weak")))
