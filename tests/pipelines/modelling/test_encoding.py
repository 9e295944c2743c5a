"""Consumer-items as the four tensors."""

import dataclasses

import numpy as np
import pytest

from promo_kedro.pipelines.modelling import encoding
from promo_kedro.pipelines.modelling.encoding import encode
from promo_kedro.pipelines.modelling.reading import read_consumer_items
from promo_kedro.pipelines.modelling.tensors import FeatureGroups
from promo_kedro.pipelines.modelling.vocabulary import Vocabulary

from .retailer import GROUPS, Retailer, as_table

VOCABULARIES = {"brand": Vocabulary(("North", "West")), "quarter": Vocabulary(("1", "3"))}


@pytest.fixture
def frame():
    return Retailer({"Bakery": 40}).frame()


def encoded(frame, **kwargs):
    groups = FeatureGroups.from_json(GROUPS)
    return encode(
        read_consumer_items(as_table(frame), groups, 0, "Bakery", **kwargs), groups, VOCABULARIES
    )


@pytest.mark.parametrize("rows_at_once", [7, 65_536])
@pytest.mark.parametrize("memory_gb", [1.0, 1e-12])
def test_every_cell_is_where_pandas_puts_it(frame, monkeypatch, rows_at_once, memory_gb):
    monkeypatch.setattr(encoding, "ROWS_AT_ONCE", rows_at_once)
    made = encoded(frame, memory_gb=memory_gb)
    ordered = frame.sort_values(["customer_id", "item_id", "step"])
    brands = ordered["brand"].map({"North": 1, "South": 0, "West": 2}).to_numpy()
    quarters = ordered["quarter"].map({1: 1, 3: 2}).fillna(0).to_numpy()
    np.testing.assert_array_equal(made.static_categorical.numpy(), brands[::15, None])
    np.testing.assert_array_equal(
        made.temporal_categorical.numpy(), quarters.reshape(40, 15, 1).astype(int)
    )
    continuous = ordered[GROUPS["temporal_continuous"]].to_numpy().reshape(40, 15, 3)
    np.testing.assert_array_equal(made.temporal_continuous.numpy(), continuous)
    np.testing.assert_array_equal(made.static_continuous.numpy()[:, 0], ordered["household"][::15])


def test_continuous_features_are_not_copied(frame):
    groups = FeatureGroups.from_json(GROUPS)
    items = read_consumer_items(as_table(frame), groups, 0, "Bakery")
    made = encode(items, groups, VOCABULARIES)
    assert np.shares_memory(made.temporal_continuous.numpy(), items.temporal_continuous)


def test_a_group_without_features(frame):
    groups = dataclasses.replace(FeatureGroups.from_json(GROUPS), temporal_categorical=[])
    for memory_gb in (1.0, 1e-12):
        items = read_consumer_items(as_table(frame), groups, 0, "Bakery", memory_gb=memory_gb)
        assert encode(items, groups, VOCABULARIES).temporal_categorical.shape == (40, 15, 0)
