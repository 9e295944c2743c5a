from pathlib import Path

import numpy as np
import pytest

from promo_kedro.datasets import TruthDataset
from promo_kedro.world import History, World, restore
from promo_kedro.world.truth import end_state, sealed


def test_the_truth_survives_its_file(
    tmp_path: Path, observed: History, strong_world: World
) -> None:
    dataset = TruthDataset(str(tmp_path / "truth.safetensors"))
    dataset.save(sealed(end_state(observed), "abc"))
    world = restore(dataset.load())
    assert world.raw_data_hash == "abc"
    assert world.parameters == observed.parameters
    offers = np.random.default_rng(1).uniform(0, 60, (400, 120))
    assert (world.purchase_probability(offers) == strong_world.purchase_probability(offers)).all()
    assert world.value_of_offers(offers, 4, 1, 2).equals(
        strong_world.value_of_offers(offers, 4, 1, 2)
    )
    assert (world.offers_as_today(3) == strong_world.offers_as_today(3)).all()


def test_the_world_goes_on_where_the_data_stop(observed: History, strong_world: World) -> None:
    assert len(strong_world.customer_ids) == len(strong_world.state.active) == 400
    assert len(strong_world.item_ids) == len(strong_world.categories) == 120
    last = observed.market.path.list_price[-1] / 100
    assert strong_world.list_prices == pytest.approx(last)
    assert (strong_world._next_step.season == observed.market.season[-1]).all()
