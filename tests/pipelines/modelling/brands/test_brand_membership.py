"""Losses by membership against scikit-learn, and without a trace of who they are of."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import log_loss

from promo_kedro.pipelines.modelling.brands.calibration import BrandCalibration
from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs, Tokens
from promo_kedro.pipelines.modelling.brands.membership import membership_losses
from promo_kedro.pipelines.modelling.brands.parameters import MembershipParameters
from promo_kedro.pipelines.modelling.brands.trained_run import TrainedRun
from promo_kedro.schemas.brands import STRATA, BrandMembership

BRANDS = 5
BRAND_LIST = pd.DataFrame(
    {"position": range(BRANDS), "stratum": ["head", "mid", "mid", "niche", "niche"]}
)
SLOPE, LEVEL = 0.8, torch.tensor([0.1, 0.0, -0.2, 0.3, 0.0])


@dataclass(frozen=True)
class OfVariables:
    """Scores are the consumer's own row of a table."""

    table: torch.Tensor

    def scores(self, inputs):
        return self.table[inputs.variables[:, 0]]

    def logit(self, scores):
        return scores


def consumers(number, first, seed):
    rng = np.random.default_rng(seed)
    bought = torch.from_numpy(np.argwhere(rng.random((number, BRANDS)) < 0.3))
    nothing = torch.empty(0)
    history = Tokens(torch.zeros(number + 1, dtype=torch.int64), *[nothing] * 5)
    return BrandInputs(
        customer_id=np.arange(number) + 7_000_000 + first,
        snapshot=np.full(number, 9),
        variables=torch.arange(first, first + number)[:, None],
        tenure=torch.zeros(number),
        brands=history,
        categories=history,
        items=history,
        bought=bought,
    )


@pytest.fixture
def members():
    return consumers(30, 0, seed=1)


@pytest.fixture
def strangers():
    return consumers(20, 30, seed=2)


@pytest.fixture
def run():
    table = torch.randn(50, BRANDS, generator=torch.Generator().manual_seed(0))
    return TrainedRun(
        OfVariables(table), torch.full((BRANDS,), 0.5), BrandCalibration(SLOPE, LEVEL), {}
    )


def losses(run, members, strangers, at_most=1000, seed=0, brand_list=BRAND_LIST):
    parameters = MembershipParameters(max_consumers=at_most)
    return membership_losses(run, members, strangers, brand_list, parameters, seed)


def by_hand(run, inputs, stratum):
    p = torch.sigmoid(SLOPE * (run.model.scores(inputs) + 0.5) + LEVEL).double().numpy()
    bought = inputs.bought_matrix(BRANDS).numpy()
    counted = np.flatnonzero((BRAND_LIST["stratum"] == stratum) | (stratum == "all"))
    return [
        sum(log_loss([bought[i, b]], [p[i, b]], labels=[0, 1]) for b in counted)
        for i in range(len(inputs))
    ]


@pytest.mark.parametrize("stratum", ["all", *STRATA])
def test_losses_are_sums_over_the_brands_of_a_stratum(run, members, strangers, stratum):
    table = losses(run, members, strangers).query("stratum == @stratum")
    for member, inputs in ((True, members), (False, strangers)):
        found = table.loc[table["member"] == member, "loss"]
        expected = by_hand(run, inputs, stratum)
        assert sorted(found) == pytest.approx(sorted(expected), rel=1e-5)


def test_strata_add_up_to_all(run, members, strangers):
    table = losses(run, members, strangers)
    total = table.groupby(["stratum", "member"])["loss"].sum().unstack("stratum")
    assert total[STRATA].sum(axis=1).tolist() == pytest.approx(total["all"].tolist())


def test_neither_ids_nor_their_order_leave(run, members, strangers):
    table = BrandMembership.validate(losses(run, members, strangers).assign(run="v2"))
    assert set(table) == {"run", "stratum", "member", "loss"}
    found = table.query("stratum == 'all' and member")["loss"]
    assert found.tolist() != pytest.approx(by_hand(run, members, "all"), rel=1e-5)


def test_at_most_so_many_of_each_kind_are_asked(run, members, strangers):
    table = losses(run, members, strangers, at_most=25).query("stratum == 'all'")
    assert table["member"].value_counts().to_dict() == {True: 25, False: 20}
    whole = set(losses(run, members, strangers).query("stratum == 'all'")["loss"].round(4))
    assert set(table["loss"].round(4)) <= whole


def test_the_draw_hangs_on_the_seed(run, members, strangers):
    first, again, other = (losses(run, members, strangers, 10, seed) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_brands_may_be_listed_in_any_order(run, members, strangers):
    mixed = losses(run, members, strangers, brand_list=BRAND_LIST.sample(frac=1, random_state=0))
    assert mixed.equals(losses(run, members, strangers))


def test_a_kind_without_consumers_has_no_losses(run, members):
    table = losses(run, members, members.rows(torch.arange(0)))
    assert table["member"].all()
    assert len(table) == 30 * 4
