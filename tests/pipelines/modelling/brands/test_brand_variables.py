"""Levels by hand, and against pandas."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from brand_tables import brand_list, encoder_of, favourites

from promo_kedro.pipelines.modelling.brands.variables import (
    LEVELS,
    VARIABLES,
    Encoder,
    encode,
    fit_encoder,
    level_of,
)


def test_levels_of_frequency_and_recency() -> None:
    bought = np.array([1, 2, 3, 4, 5, 8, 9, 17, 50])
    since = np.array([1, 2, 3, 4, 5, 8, 9, 17, 27])
    often, lately = [0, 1, 2, 2, 3, 3, 4, 5, 5], [0, 1, 2, 2, 3, 3, 4, 5, 6]
    expected = [7 * one + other for one, other in zip(often, lately, strict=True)]
    assert level_of(bought, since).tolist() == expected
    assert level_of(np.array([52]), np.array([52])).item() == LEVELS - 1


def test_rows_are_sorted_and_histories_stay_with_their_consumers() -> None:
    tables = favourites(200, seed=1)
    encoder = encoder_of(tables)
    draw = np.random.default_rng(0)
    shuffled = encode(
        tables.features.sample(frac=1, random_state=3),
        tables.history.sample(frac=1, random_state=4),
        tables.purchases.sample(frac=1, random_state=5),
        encoder,
    )
    assert shuffled.customer_id.tolist() == tables.features["customer_id"].tolist()
    for row in draw.integers(200, size=30):
        mine = tables.history[tables.history["customer_id"] == row]
        for kind, part in (("brand", shuffled.brands), ("item", shuffled.items)):
            names = encoder.names(kind)
            expected = sorted(names.index(n) + 1 for n in mine.loc[mine["kind"] == kind, "name"])
            assert part.rows(torch.tensor([row])).name.tolist() == expected
    expected_pairs = pd.crosstab(tables.purchases["customer_id"], tables.purchases["brand"])
    expected_pairs = expected_pairs.reindex(range(200), fill_value=0)[brand_list()["brand"]]
    assert np.array_equal(shuffled.bought_matrix(12).numpy(), expected_pairs.to_numpy())


def test_numbers_fall_into_bins_of_equal_share_and_missing_ones_into_none() -> None:
    tables = favourites(1000, seed=2)
    features = tables.features.assign(spend_year=np.arange(1000.0))
    features.loc[::50, "spend_year"] = np.nan
    encoder = fit_encoder(features, tables.history, brand_list())
    levels = encode(features, tables.history, None, encoder).variables
    spend = levels[:, VARIABLES.index("spend_year")]
    counts = torch.bincount(spend)
    assert counts[0] == 20
    assert counts[1:].tolist() == [98] * 10


def test_a_number_that_most_share_has_a_bin_of_its_own() -> None:
    tables = favourites(100, seed=2)
    lines = np.where(np.arange(100) < 70, 0.0, np.arange(100.0))
    features = tables.features.assign(lines_recent=lines)
    encoder = fit_encoder(features, tables.history, brand_list())
    levels = encode(features, tables.history, None, encoder).variables
    zeros = levels[lines == 0, VARIABLES.index("lines_recent")]
    others = levels[lines > 0, VARIABLES.index("lines_recent")]
    assert zeros.unique().tolist() == [1]
    assert others.min() == 2


def test_what_training_never_met_is_unknown() -> None:
    tables = favourites(50, seed=3)
    encoder = encoder_of(tables)
    features = tables.features.assign(age_range="never met")
    history = tables.history.replace({"name": {"brand 3": "new brand"}})
    purchases = tables.purchases.replace({"brand": {"brand 3": "new brand"}})
    inputs = encode(features, history, purchases, encoder)
    before = tables.encoded(encoder)
    assert (inputs.variables[:, VARIABLES.index("age_range")] == 0).all()
    assert (inputs.brands.name == 0).sum() == (before.brands.name == 4).sum() > 0
    assert inputs.bought_matrix(12)[:, 3].sum() == 0 < before.bought_matrix(12)[:, 3].sum()
    assert torch.equal(inputs.items.name, before.items.name)


def test_levels_stay_below_their_sizes() -> None:
    tables = favourites(300, seed=4)
    encoder = encoder_of(tables)
    inputs = tables.encoded(encoder)
    assert (inputs.variables.amax(0) < torch.tensor(encoder.variable_sizes)).all()
    assert (inputs.variables >= 0).all()


@pytest.mark.parametrize("history", ["all", "none"])
def test_a_card_holds_the_whole_encoder(history: str) -> None:
    tables = favourites(50, seed=5)
    part = tables.history if history == "all" else tables.history.head(0)
    encoder = fit_encoder(tables.features, part, brand_list())
    assert Encoder.from_card(json.loads(json.dumps(encoder.to_card()))) == encoder
    assert len(encode(tables.features, part, None, encoder).brands) == 50


def test_no_consumers_make_no_rows() -> None:
    tables = favourites(50, seed=6)
    inputs = encode(tables.features.head(0), tables.history, tables.purchases, encoder_of(tables))
    assert len(inputs) == len(inputs.items) == len(inputs.bought_matrix(12)) == 0
