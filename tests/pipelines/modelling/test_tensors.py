"""Groups of features, and pooling categories."""

import pytest

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.reading import read_consumer_items
from promo_kedro.pipelines.modelling.tensors import FeatureGroups, pool, with_category

from .retailer import GROUPS, Retailer, as_table


def read(frame, category):
    groups = FeatureGroups.from_json(GROUPS)
    return read_consumer_items(as_table(frame), groups, 0, category)


@pytest.fixture
def frame():
    return Retailer({"Bakery": 40, "Meat": 30}).frame()


def test_pool_unites_levels_by_name(frame):
    parts = [read(frame, "Bakery"), read(frame[frame["brand"] != "North"], "Meat")]
    pooled = with_category(pool(parts))
    brand = pooled.static_categorical["brand"]
    expected = [
        p.static_categorical["brand"].levels[c]
        for p in parts
        for c in p.static_categorical["brand"].codes
    ]
    assert [brand.levels[code] for code in brand.codes] == expected
    category = pooled.static_categorical["category"]
    assert [category.levels[code] for code in category.codes] == list(pooled.category)


def test_missing_columns_are_listed_together(frame):
    groups = FeatureGroups.from_json(GROUPS)
    with pytest.raises(InputError, match=r"2 column\(s\): brand, noise"):
        groups.check_columns(as_table(frame.drop(columns=["brand", "noise"])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"static_continuous": ["habit"]}, "'habit' twice"),
        ({"offer_inputs": ["household"]}, "offer input 'household'"),
    ],
)
def test_groups_that_contradict_themselves(change, message):
    with pytest.raises(InputError, match=message):
        FeatureGroups.from_json({**GROUPS, **change})


def test_groups_that_lack_a_group():
    with pytest.raises(InputError, match="lacks offer_inputs"):
        FeatureGroups.from_json({k: v for k, v in GROUPS.items() if k != "offer_inputs"})
