"""Popularity, business as usual, and boosting one brand against the rest."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.brands.bau import Bau, fit_bau
from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs, Tokens
from promo_kedro.pipelines.modelling.brands.models import model_from_saved
from promo_kedro.pipelines.modelling.brands.one_vs_rest import (
    Features,
    OneVsRest,
    fit_one_vs_rest,
)
from promo_kedro.pipelines.modelling.brands.parameters import BauParameters, OneVsRestParameters
from promo_kedro.pipelines.modelling.brands.popularity import fit_popularity
from promo_kedro.pipelines.modelling.brands.variables import VARIABLES, Encoder

AGE, LINES = VARIABLES.index("age_range"), VARIABLES.index("lines_year")
ENCODER = Encoder(
    attributes={name: ["a", "b", "c"] for name in VARIABLES[:6]},
    edges={name: [1.0, 2.0] for name in VARIABLES[6:]},
    brands=["Acorn", "Birch", "Cedar", "Date"],
    categories=["Bread", "Fruit"],
    items=["1", "2"],
)
BY_AGE = BauParameters(segment_by=["age_range"], smoothing=10.0, own_steps=4.0)
BOOSTING = OneVsRestParameters(
    brands=2, rounds=60, stop_patience=8, leaves=4, min_rows_in_leaf=20, max_rows=3000
)


def tokens(rows: list[list[tuple[int, float, float]]]) -> Tokens:
    """Names (0 is unknown), steps bought, and steps since, of each row."""
    start = np.cumsum([0, *map(len, rows)])
    name, bought, since = np.array([entry for row in rows for entry in row]).reshape(-1, 3).T
    return Tokens(
        torch.from_numpy(start),
        torch.from_numpy(name.astype(np.int64)),
        torch.zeros(len(name), dtype=torch.int64),
        torch.from_numpy(bought.astype(np.float32)),
        torch.from_numpy(bought.astype(np.float32)),
        torch.from_numpy(since.astype(np.float32)),
    )


def consumers(ages, tenure, brands, bought=None, categories=None) -> BrandInputs:
    count = len(ages)
    variables = torch.ones(count, len(VARIABLES), dtype=torch.int64)
    variables[:, AGE] = torch.as_tensor(ages)
    nothing = tokens([[] for _ in range(count)])
    return BrandInputs(
        customer_id=np.arange(count),
        snapshot=np.full(count, 30),
        variables=variables,
        tenure=torch.as_tensor(tenure, dtype=torch.float32),
        brands=tokens(brands),
        categories=tokens(categories) if categories else nothing,
        items=nothing,
        bought=None if bought is None else torch.as_tensor(bought).reshape(-1, 2),
    )


def listed(prevalence, consumers: int, approved=True) -> pd.DataFrame:
    prevalence = np.asarray(prevalence, dtype=float)
    return pd.DataFrame(
        {
            "position": np.arange(len(prevalence)),
            "brand": ENCODER.brands[: len(prevalence)],
            "buyers": np.round(prevalence * consumers).astype(int),
            "prevalence": prevalence,
            "approved": approved,
        }
    )


def restored(model):
    """Through numpy arrays and JSON-able cards, as models are kept."""
    return model_from_saved(model.to_saved())


def test_popularity_is_the_logit_of_prevalence():
    four = consumers([1, 2, 1, 0], [0, 3, 9, 40], [[], [(1, 1.0, 1.0)], [], []])
    model = fit_popularity(listed([0.5, 0.2, 0.01, 0.0], 1000))
    scores = model.logit(model.scores(four))
    assert scores.shape == (4, 4)
    assert scores.dtype == torch.float32
    # No one bought the last: it counts half a buyer of a thousand.
    expected = np.log([0.5 / 0.5, 0.2 / 0.8, 0.01 / 0.99, 0.0005 / 0.9995])
    np.testing.assert_allclose(scores, np.tile(expected, (4, 1)), rtol=1e-5, atol=1e-7)
    assert torch.equal(restored(model).scores(four), scores)


def test_popularity_of_brands_that_no_one_or_everyone_bought_is_finite():
    one = consumers([1], [0], [[]])
    for prevalence in ([0.0, 0.0], [1.0, 0.0]):
        assert torch.isfinite(fit_popularity(listed(prevalence, 50)).scores(one)).all()


@pytest.fixture(scope="module")
def bau() -> Bau:
    """Of three aged 1 two buy Acorn; the one aged 2 buys Birch."""
    training = consumers([1, 1, 1, 2], [9, 9, 9, 9], [[], [], [], []], [(0, 0), (1, 0), (3, 1)])
    return fit_bau(training, listed([0.5, 0.25, 0.0, 0.0], 4), ENCODER, BY_AGE)


def test_bau_by_hand(bau):
    asked = consumers(
        [1, 2, 3, 0, 1],
        [0, 0, 0, 0, 52],
        [[], [], [], [], [(0, 9.0, 1.0), (1, 13.0, 1.0), (3, 2.0, 4.0)]],
    )
    whole = np.array([0.5, 0.25, 0.125, 0.125])  # half a buyer of four
    young = (np.array([2, 0, 0, 0]) + 10 * whole) / 13
    older = (np.array([0, 1, 0, 0]) + 10 * whole) / 11
    # Six and twenty steps of one's own beside four of the segment's; unknown brands do not count.
    own = (np.array([13, 0, 2, 0]) + 4 * young) / 30
    expected = np.array([young, older, whole, whole, own])
    scores = bau.logit(bau.scores(asked))
    np.testing.assert_allclose(torch.sigmoid(scores), expected, rtol=1e-5)


def test_bau_looks_back_no_further_than_the_first_purchase(bau):
    new, old = (
        torch.sigmoid(bau.scores(consumers([1], [tenure], [[(3, 2.0, 1.0)]]))) for tenure in (2, 26)
    )
    assert new[0, 2] > 2 * old[0, 2]


def test_bau_comes_back_as_it_was(bau):
    asked = consumers([1, 2, 3], [0, 5, 30], [[], [(2, 3.0, 1.0)], [(1, 9.0, 2.0)]])
    assert torch.equal(restored(bau).scores(asked), bau.scores(asked))


def test_bau_of_several_variables_counts_each_combination_once():
    draw = np.random.default_rng(3)
    count = 500
    training = consumers(
        draw.integers(0, 4, count),
        np.zeros(count),
        [[]] * count,
        np.argwhere(draw.random((count, 4)) < 0.3),
    )
    training.variables[:, LINES] = torch.from_numpy(draw.integers(0, 4, count))
    parameters = BauParameters(segment_by=["age_range", "lines_year"], smoothing=7.0)
    brands = listed([0.3, 0.3, 0.3, 0.3], count)
    probability = torch.sigmoid(fit_bau(training, brands, ENCODER, parameters).scores(training))
    frame = pd.DataFrame(training.variables[:, [AGE, LINES]], columns=["age", "lines"])
    bought = pd.DataFrame(training.bought_matrix(4).numpy())
    groups = bought.groupby([frame["age"], frame["lines"]])
    buyers, people = groups.transform("sum"), groups.transform("size").to_numpy()[:, None]
    np.testing.assert_allclose(probability, (buyers + 7 * 0.3) / (people + 7), rtol=1e-5)


def test_bau_refuses_what_is_no_variable():
    training = consumers([1], [0], [[]], [(0, 0)])
    parameters = BauParameters(segment_by=["shoe_size"])
    with pytest.raises(InputError, match="shoe_size"):
        fit_bau(training, listed([1.0, 0, 0, 0], 1), ENCODER, parameters)


def planted(count: int, seed: int) -> tuple[BrandInputs, np.ndarray]:
    """Return consumers and their true logits.

    Acorn is for one age, Birch for those who bought it before; Cedar goes by chance, Date never.
    """
    draw = np.random.default_rng(seed)
    ages = draw.integers(1, 4, count)
    steps = draw.integers(0, 10, count)
    logit = np.full((count, 4), -2.0)
    logit[:, 0] = np.where(ages == 2, 1.5, -3.0)
    logit[:, 1] = -3.0 + 0.6 * steps
    logit[:, 3] = -np.inf
    bought = draw.random(logit.shape) < 1 / (1 + np.exp(-logit))
    brands = [[(2, float(often), 1.0)] if often else [] for often in steps]
    categories = [[(1, float(often), 1.0)] if often else [] for often in steps]
    inputs = consumers(ages, np.full(count, 26), brands, np.argwhere(bought), categories)
    return inputs, logit


@pytest.fixture(scope="module")
def boosted() -> OneVsRest:
    training, validation = planted(4000, 1)[0], planted(1000, 2)[0]
    share = training.bought_matrix(4).mean(0).numpy()
    brands = listed(share, 4000, [True, True, True, True])
    return fit_one_vs_rest(training, validation, brands, ENCODER, BOOSTING, 7, 1)


def test_boosting_finds_what_was_planted(boosted):
    asked, truth = planted(4000, 3)
    scores = boosted.logit(boosted.scores(asked)).numpy().astype(float)
    bought = asked.bought_matrix(4).numpy()
    assert boosted.boosted == [0, 1]
    for brand in (0, 1):
        best = log_loss(bought[:, brand], 1 / (1 + np.exp(-truth[:, brand])))
        mine = log_loss(bought[:, brand], 1 / (1 + np.exp(-scores[:, brand])))
        assert mine < best + 0.02
        assert roc_auc_score(bought[:, brand], scores[:, brand]) > 0.85


def test_brands_without_trees_get_their_own_frequency(boosted):
    asked, _ = planted(50, 4)
    training = planted(4000, 1)[0]
    brands = listed(training.bought_matrix(4).mean(0).numpy(), 4000)
    own = fit_bau(training, brands, ENCODER, BauParameters(segment_by=[]))
    assert torch.equal(boosted.scores(asked)[:, 2:], own.scores(asked)[:, 2:])
    assert torch.isfinite(boosted.scores(asked)).all()


def test_boosting_comes_back_as_it_was(boosted):
    asked, _ = planted(200, 5)
    again = restored(boosted)
    assert again.boosted == boosted.boosted
    assert torch.equal(again.scores(asked), boosted.scores(asked))
    tensors = boosted.to_saved()["tensors"]
    assert all(tensor.dtype != object for tensor in tensors.values())


def test_boosting_is_repeatable_and_its_seed_matters():
    training, validation = planted(4000, 1)[0], planted(1000, 2)[0]
    brands = listed([0.4, 0.4, 0.1, 0.0], 4000)
    fits = [
        fit_one_vs_rest(training, validation, brands, ENCODER, BOOSTING, seed, 1)
        for seed in (1, 1, 2)
    ]
    one, same, other = (fit.scores(validation) for fit in fits)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_boosting_takes_the_largest_approved_brands():
    training, validation = planted(1500, 1)[0], planted(500, 2)[0]
    brands = listed([0.4, 0.4, 0.1, 0.0], 1500, [False, True, True, True])
    fit = fit_one_vs_rest(training, validation, brands, ENCODER, BOOSTING, 1, 1)
    assert fit.boosted == [1, 2]
    # Date is approved, but no one bought it.
    every = BOOSTING.model_copy(update={"brands": 4})
    assert fit_one_vs_rest(training, validation, brands, ENCODER, every, 1, 1).boosted == [1, 2]


def test_trees_read_numbers_in_their_places():
    asked = consumers(
        [1, 3],
        [4, 0],
        [[(0, 1.0, 9.0), (2, 2.0, 3.0)], []],
        categories=[[(2, 3.0, 3.0)], []],
    )
    numbers = Features([1, 3], 2).of(asked)
    variables = asked.variables.numpy()
    np.testing.assert_array_equal(numbers[:, : len(VARIABLES)], variables)
    first = [4, 2, 3, 3, 1, 3, 3, 0, 0, 53, 0, 3, 0.5, 0, 0.5, 0, 3, 53]
    second = [0, 0, 0, 53, 0, 0, 53, 0, 0, 53, 0, 0, 0, 0, 0, 0, 53, 53]
    np.testing.assert_array_equal(numbers[:, len(VARIABLES) :], [first, second])


def test_no_one_who_validates_bought_a_brand():
    training, validation = planted(1500, 1)[0], planted(300, 2)[0]
    silent = replace(validation, bought=torch.empty(0, 2, dtype=torch.int64))
    brands = listed([0.4, 0.4, 0.1, 0.0], 1500)
    fit = fit_one_vs_rest(training, silent, brands, ENCODER, BOOSTING, 1, 1)
    asked, _ = planted(1000, 6)
    bought = asked.bought_matrix(4).numpy()
    assert roc_auc_score(bought[:, 1], fit.scores(asked)[:, 1].numpy()) > 0.8


def test_an_unknown_kind_of_model_is_refused():
    with pytest.raises(ValueError, match="oracle"):
        model_from_saved({"card": {"model": "oracle"}, "tensors": {}})
