"""Roles are dealt by hash: evenly, for good, and apart from every other draw."""

import ibis
import numpy as np
import pandas as pd
import pytest

from promo_kedro.errors import InputError
from promo_kedro.hashing import hashed_share
from promo_kedro.pipelines.data_engineering.brands.parameters import RoleShares
from promo_kedro.pipelines.data_engineering.brands.roles import roles_of
from promo_kedro.schemas import BrandConsumers


def dealt(ids, seed: int = 1, **shares: float) -> pd.DataFrame:
    consumers = ibis.memtable(pd.DataFrame({"customer_id": np.asarray(ids)}))
    return roles_of(consumers, RoleShares(**shares), seed)


@pytest.mark.parametrize("spacing", [1, 2, 1000])
def test_shares_hold_whatever_ids_look_like(spacing):
    roles = BrandConsumers.validate(dealt(np.arange(20_000) * spacing))
    shares = roles["role"].value_counts(normalize=True)
    # Four standard errors of a share of 20,000 are below 0.015.
    assert shares["training"] == pytest.approx(0.6, abs=0.015)
    assert shares["validation"] == pytest.approx(0.15, abs=0.015)
    assert shares["out_of_training"] == pytest.approx(0.25, abs=0.015)


def test_nobody_moves_when_others_come_or_go():
    everyone = dealt(np.arange(3000)).set_index("customer_id")["role"]
    some = dealt(np.arange(2999, 0, -7)).set_index("customer_id")["role"]
    assert some.index.is_monotonic_increasing
    pd.testing.assert_series_equal(some, everyone.loc[some.index])


def test_another_seed_deals_others():
    one, other = (dealt(np.arange(3000), seed)["role"] for seed in (1, 2))
    # By chance alike: .6² + .15² + .25² = 0.445.
    assert (one == other).mean() == pytest.approx(0.445, abs=0.04)


@pytest.mark.parametrize("salt", [0, 1, 2, 17])
def test_a_sample_drawn_by_the_same_hash_has_all_roles_alike(salt):
    ids = np.arange(50_000)
    roles = dealt(ids)["role"].to_numpy()
    sample = hashed_share(ids, salt) < 0.05
    assert (roles[sample] == "training").mean() == pytest.approx(0.6, abs=0.05)


def test_a_role_without_consumers_is_refused():
    with pytest.raises(InputError, match=r"2 consumers and none of them is .*brand_data.roles"):
        dealt([1, 2])


def test_shares_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match=r"add up to 1\.1"):
        RoleShares(training=0.7)
