"""Other mixtures of rows, and the way back to the true prevalence."""

import numpy as np
import pandas as pd
import pytest
import torch

from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs, Tokens
from promo_kedro.pipelines.modelling.brands.resampling import (
    LARGEST_REPEAT,
    correct_prior,
    resample,
)

HOW = ["none", "square_root", "over", "under"]


def inputs_of(bought):
    """Rows of which nothing matters but what they buy."""
    n = len(bought)
    none = Tokens(torch.zeros(n + 1, dtype=torch.int64), *(torch.zeros(0, dtype=torch.int64),) * 5)
    pairs = torch.tensor(np.argwhere(bought), dtype=torch.int64).reshape(-1, 2)
    ids = np.arange(n)
    return BrandInputs(ids, ids, torch.zeros(n, 1), torch.zeros(n), none, none, none, pairs)


def brand_list_of(bought, approved=None):
    brands = bought.shape[1]
    return pd.DataFrame(
        {
            "position": np.arange(brands),
            "approved": np.ones(brands, bool) if approved is None else approved,
        }
    ).sample(frac=1, random_state=1)


@pytest.fixture
def bought():
    rng = np.random.default_rng(5)
    return rng.random((20_000, 4)) < np.array([0.2, 0.05, 0.01, 0.002])


@pytest.mark.parametrize("how", HOW)
def test_prevalence_is_that_of_the_rows_and_the_seed_decides(bought, how):
    inputs, brands = inputs_of(bought), brand_list_of(bought)
    drawn = resample(inputs, brands, how, seed=1)
    assert drawn.rows.dtype == torch.int64
    assert np.allclose(drawn.prevalence, bought[drawn.rows.numpy()].mean(0), rtol=1e-6)
    again = resample(inputs, brands, how, seed=1)
    assert torch.equal(drawn.rows, again.rows)
    other = resample(inputs, brands, how, seed=2)
    assert torch.equal(drawn.rows, other.rows) == (how == "none")
    # The rows serve `BrandInputs.rows` as they are.
    assert np.allclose(inputs.rows(drawn.rows).bought_matrix(4).mean(0), drawn.prevalence)


def test_none_is_every_row_once(bought):
    drawn = resample(inputs_of(bought), brand_list_of(bought), "none", seed=0)
    assert torch.equal(drawn.rows, torch.arange(len(bought)))


def test_square_root_balances_brands_by_the_root_of_frequency():
    """Where no row buys two brands, shares of purchases are those of the roots."""
    brand = np.repeat([0, 1, 2, 3], [6400, 1600, 400, 100])
    bought = np.zeros((20_000, 4), bool)
    bought[np.arange(len(brand)), brand] = True
    drawn = resample(inputs_of(bought), brand_list_of(bought), "square_root", seed=0)
    roots = np.array([80, 40, 20, 10])
    assert len(drawn.rows) == 20_000
    assert np.allclose(drawn.prevalence, roots / roots.sum() * len(brand) / 20_000, rtol=0.05)


def test_square_root_leaves_rows_that_buy_nothing_their_share(bought):
    drawn = resample(inputs_of(bought), brand_list_of(bought), "square_root", seed=0)
    share = bought.any(1)[drawn.rows.numpy()].mean()
    assert share == pytest.approx(bought.any(1).mean(), abs=0.015)


def test_over_repeats_by_the_rarest_brand_bought(bought):
    drawn = resample(inputs_of(bought), brand_list_of(bought), "over", seed=0)
    times = np.bincount(drawn.rows.numpy(), minlength=len(bought))
    buyers = bought.sum(0)
    wanted = np.clip(np.median(buyers) / buyers, 1, LARGEST_REPEAT)
    assert (times[~bought.any(1)] == 1).all()
    for brand in range(4):
        rarest = bought[:, brand] & ~bought[:, brand + 1 :].any(1)
        assert times[rarest].mean() == pytest.approx(wanted[brand], rel=0.05)
        assert np.ptp(times[rarest]) <= 1


def test_under_leaves_as_many_idle_rows_as_buying_ones(bought):
    drawn = resample(inputs_of(bought), brand_list_of(bought), "under", seed=0)
    times = np.bincount(drawn.rows.numpy(), minlength=len(bought))
    buys = bought.any(1)
    assert (times[buys] == 1).all()
    assert times[~buys].max() == 1
    assert times[~buys].sum() == buys.sum()


def test_only_approved_brands_decide(bought):
    approved = np.array([False, True, True, True])
    bought = bought.copy()
    bought[:, 0] = True  # would make every row a buying one
    brand_list = brand_list_of(bought)
    brand_list["approved"] = approved[brand_list["position"]]
    drawn = resample(inputs_of(bought), brand_list, "under", seed=0)
    assert len(drawn.rows) == 2 * bought[:, 1:].any(1).sum()
    assert drawn.prevalence[0] == 1


@pytest.mark.parametrize("how", HOW)
def test_brands_that_no_one_bought_and_rows_that_all_buy(how):
    bought = np.zeros((50, 3), bool)
    bought[:, 0] = True
    drawn = resample(inputs_of(bought), brand_list_of(bought), how, seed=0)
    assert drawn.prevalence.tolist() == [1, 0, 0]
    nothing = resample(inputs_of(~bought[:, :0]), brand_list_of(bought), how, seed=0)
    assert nothing.prevalence.tolist() == [0, 0, 0]
    logit = torch.zeros(3)
    before = torch.tensor([1.0, 0.0, 0.0])
    assert correct_prior(logit, before, drawn.prevalence).tolist() == [0, 0, 0]


def test_a_brand_lost_by_chance_keeps_a_finite_prior():
    bought = np.zeros((200, 2), bool)
    bought[:150, 0], bought[0, 1] = True, True
    lost = [drawn for seed in range(200) if 0 not in (drawn := resample_root(bought, seed)).rows]
    assert lost
    assert lost[0].prevalence[1] == pytest.approx(0.5 / 200)


def resample_root(bought, seed):
    brand_list = brand_list_of(bought, approved=np.array([True, False]))
    return resample(inputs_of(bought), brand_list, "square_root", seed)


def test_rows_without_labels_are_refused(bought):
    inputs = inputs_of(bought)
    unlabelled = BrandInputs(**{**vars(inputs), "bought": None})
    with pytest.raises(ValueError, match="known what was bought"):
        resample(unlabelled, brand_list_of(bought), "none", seed=0)


def test_prior_correction_is_exact_for_a_brand_that_alone_decides():
    """Two kinds of consumers; after thinning those who do not buy, Bayes gives their logits."""
    buys, kept = np.array([0.1, 0.4]), 0.25  # purchase probabilities; share of idle rows kept
    share = np.array([0.7, 0.3])
    learnt = buys / (buys + (1 - buys) * kept)
    before = (share * buys).sum()
    after = before / (before + (1 - before) * kept)
    logit = torch.logit(torch.tensor(learnt))[:, None]
    corrected = torch.sigmoid(correct_prior(logit, torch.tensor([before]), torch.tensor([after])))
    assert corrected[:, 0].numpy() == pytest.approx(buys, abs=1e-9)


def test_prior_correction_recovers_shares_of_drawn_rows():
    """The same by drawing rows and counting who buys among them."""
    rng = np.random.default_rng(0)
    kind = rng.random(200_000) < 0.3
    bought = (rng.random(200_000) < np.where(kind, 0.2, 0.02))[:, None]
    drawn = resample(inputs_of(bought), brand_list_of(bought), "under", seed=0)
    rows = drawn.rows.numpy()
    learnt = torch.tensor([[bought[rows][kind[rows] == k].mean()] for k in (0, 1)])
    before = torch.tensor(bought.mean(0))
    corrected = torch.sigmoid(correct_prior(torch.logit(learnt), before, drawn.prevalence))
    assert corrected[:, 0].numpy() == pytest.approx([0.02, 0.2], rel=0.05)
