"""Streaming keeps what sorting, adding and counting in memory give."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import log_loss

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs, Tokens
from promo_kedro.pipelines.modelling.brands.kept_pairs import kept_count
from promo_kedro.pipelines.modelling.brands.parameters import ScoringParameters
from promo_kedro.pipelines.modelling.brands.scoring import Scored, ScoreStream, score
from promo_kedro.schemas.brands import (
    BrandScoreHistograms,
    BrandScoreSample,
    BrandScoreTotals,
)

CONSUMERS = 4000
BRANDS = np.array(["Acorn", "Birch", "Cedar", "Date", "Elm"])
PREVALENCE = np.array([0.3, 0.1, 0.01, 0.002, 0.0])
PARAMETERS = ScoringParameters(kept_share=0.02, kept_times_prevalence=4.0, sample_share=0.1)
KEPT = [4000, 1600, 160, 80, 80]


@dataclass(frozen=True)
class Shop:
    """What a model says of everyone, and what they bought."""

    customer_id: np.ndarray
    logit: np.ndarray
    bought: np.ndarray


@pytest.fixture(scope="module")
def shop() -> Shop:
    """Logits lie on a coarse grid for some brands, so that many consumers tie."""
    draw = np.random.default_rng(5)
    ids = draw.choice(10**7, CONSUMERS, replace=False)
    prior = np.log((PREVALENCE + 1e-3) / (1 - PREVALENCE))
    logit = (prior + draw.normal(0, 1.5, (CONSUMERS, len(BRANDS)))).astype(np.float32)
    logit[:, [1, 3]] = np.round(logit[:, [1, 3]])
    logit[:, 4] = -7.0
    logit[:3, 0] = [-40.0, 30.0, 6.0]
    bought = draw.random(logit.shape) < 1 / (1 + np.exp(-logit))
    return Shop(ids, logit, bought)


def streamed(shop: Shop, chunk: int = CONSUMERS, order=None, labelled: bool = True) -> Scored:
    order = np.arange(CONSUMERS) if order is None else order
    stream = ScoreStream(BRANDS, PREVALENCE, CONSUMERS, PARAMETERS)
    for at in range(0, CONSUMERS, chunk):
        rows = order[at : at + chunk]
        bought = shop.bought[rows] if labelled else None
        stream.add(shop.customer_id[rows], torch.from_numpy(shop.logit[rows]), bought)
    return stream.finish()


@pytest.fixture(scope="module")
def whole(shop) -> Scored:
    return streamed(shop)


def test_keeps_the_likeliest_of_each_brand(shop, whole):
    for column, (brand, kept) in enumerate(zip(BRANDS, KEPT, strict=True)):
        pairs = whole.pairs[whole.pairs["brand"] == brand]
        best = np.sort(shop.logit[:, column])[::-1][:kept]
        at = pd.Series(shop.logit[:, column], shop.customer_id)
        np.testing.assert_array_equal(at.loc[pairs["customer_id"]], best)
        np.testing.assert_array_equal(pairs["rank"], np.arange(1, kept + 1))
        np.testing.assert_allclose(
            pairs["probability"], 1 / (1 + np.exp(-best.astype(float))), rtol=1e-5
        )
        assert pairs["customer_id"].is_unique


@pytest.mark.parametrize("chunk", [1, 37, 1000, CONSUMERS])
def test_neither_order_nor_chunks_matter(shop, whole, chunk):
    order = np.random.default_rng(chunk).permutation(CONSUMERS)
    other = streamed(shop, chunk, order)
    pd.testing.assert_frame_equal(other.pairs, whole.pairs)
    pd.testing.assert_frame_equal(other.histograms, whole.histograms)
    pd.testing.assert_frame_equal(other.sample, whole.sample)
    pd.testing.assert_frame_equal(other.totals, whole.totals, rtol=1e-7)


def test_totals_are_those_of_sklearn(shop, whole):
    totals = whole.totals.set_index("brand").loc[BRANDS]
    probability = 1 / (1 + np.exp(-shop.logit.astype(np.float64)))
    losses = [
        log_loss(bought, its, labels=[0, 1])
        for bought, its in zip(shop.bought.T, probability.T, strict=True)
    ]
    np.testing.assert_allclose(totals["log_loss"], losses, rtol=1e-5)
    np.testing.assert_allclose(totals["expected_buyers"], probability.sum(0), rtol=1e-6)
    np.testing.assert_array_equal(totals["buyers"], shop.bought.sum(0))
    np.testing.assert_array_equal(totals["kept"], KEPT)
    assert (totals["consumers"] == CONSUMERS).all()


def test_histograms_count_everyone_once(shop, whole):
    edges = np.concatenate([[-np.inf], np.arange(-319, 121) * 0.05, [np.inf]])
    for column, brand in enumerate(BRANDS):
        counted = whole.histograms[whole.histograms["brand"] == brand]
        logit = shop.logit[:, column].astype(np.float64)
        # Logits on a bin's edge fall on one side or the other by rounding alone.
        for weights, name in ((None, "consumers"), (shop.bought[:, column] * 1.0, "buyers")):
            direct, _ = np.histogram(logit + 1e-6, edges, weights=weights)
            mine = np.zeros(len(direct))
            mine[counted["bin"] + 320] = counted[name]
            np.testing.assert_array_equal(mine, direct)
    middle = whole.histograms["bin"] * 0.05 + 0.025
    np.testing.assert_allclose(whole.histograms["probability"], 1 / (1 + np.exp(-middle)))
    assert whole.histograms["bin"].min() == -320
    assert whole.histograms["bin"].max() == 120


def test_sample_has_all_brands_of_some_consumers(shop, whole):
    ids = whole.sample["customer_id"].unique()
    assert 0.08 < len(ids) / CONSUMERS < 0.12
    wide = whole.sample.pivot(index="customer_id", columns="brand")
    rows = pd.Series(np.arange(CONSUMERS), shop.customer_id).loc[wide.index]
    logit = shop.logit[rows].astype(np.float64)
    np.testing.assert_allclose(wide["probability"][BRANDS], 1 / (1 + np.exp(-logit)), rtol=1e-5)
    np.testing.assert_array_equal(wide["purchased"][BRANDS], shop.bought[rows])


def test_frames_fit_their_tables(shop, whole):
    for scored in (whole, streamed(shop, labelled=False)):
        for schema, frame in (
            (BrandScoreTotals, scored.totals),
            (BrandScoreHistograms, scored.histograms),
            (BrandScoreSample, scored.sample),
        ):
            schema.validate(frame.assign(sample="next", run="some"))


def test_what_is_yet_to_come_is_missing(shop, whole):
    scored = streamed(shop, 300, labelled=False)
    assert scored.totals[["buyers", "log_loss"]].isna().all(axis=None)
    assert scored.histograms["buyers"].isna().all()
    assert scored.sample["purchased"].isna().all()
    pd.testing.assert_frame_equal(scored.pairs, whole.pairs)


def test_consumers_who_tie_are_picked_by_hash():
    """The same ones always, others for each brand, and no preference for early or small ids."""
    ids = np.arange(10_000)
    parameters = ScoringParameters(kept_share=0.1, kept_times_prevalence=1.0)
    picked = []
    for order in (ids, ids[::-1]):
        stream = ScoreStream(np.array(["a", "b"]), np.zeros(2), len(ids), parameters)
        for chunk in np.array_split(order, 13):
            stream.add(chunk, np.full((len(chunk), 2), -2.0, np.float32))
        picked.append(stream.finish().pairs)
    pd.testing.assert_frame_equal(*picked)
    of_a, of_b = (set(part) for _, part in picked[0].groupby("brand")["customer_id"])
    assert len(of_a) == len(of_b) == 1000
    assert 50 < len(of_a & of_b) < 150  # 100 where the brands pick independently
    assert np.mean(list(of_a)) == pytest.approx(4999.5, abs=4 * 2887 / np.sqrt(1000))


def test_fewer_consumers_than_announced(shop):
    few = Shop(shop.customer_id[:500], shop.logit[:500], shop.bought[:500])
    results = []
    for most in (500, 4000):
        stream = ScoreStream(BRANDS, PREVALENCE, most, PARAMETERS)
        stream.add(few.customer_id, few.logit, few.bought)
        results.append(stream.finish())
    pd.testing.assert_frame_equal(results[0].pairs, results[1].pairs)
    pd.testing.assert_frame_equal(results[0].totals, results[1].totals)
    assert results[1].totals["kept"].tolist() == [500, 200, 20, 10, 10]


def test_nobody_and_no_brand():
    nobody = ScoreStream(BRANDS, PREVALENCE, 0, PARAMETERS).finish()
    assert nobody.pairs.empty
    assert nobody.sample.empty
    assert nobody.totals["consumers"].sum() == 0
    nothing = ScoreStream(BRANDS[:0], PREVALENCE[:0], 5, PARAMETERS)
    nothing.add(np.arange(5), np.empty((5, 0), np.float32))
    assert nothing.finish().totals.empty


def test_kept_counts_by_hand():
    counts = kept_count(100, np.array([0.0, 0.014, 0.5, 0.05]), 0.07, 5.0)
    assert counts.tolist() == [7, 7, 100, 25]
    assert kept_count(101, np.array([0.0]), 0.05, 5.0).tolist() == [6]


def test_refuses_scores_that_are_no_numbers(shop):
    broken = shop.logit[:10].copy()
    broken[3, 2] = np.nan
    stream = ScoreStream(BRANDS, PREVALENCE, 10, PARAMETERS)
    with pytest.raises(InputError, match="Cedar"):
        stream.add(shop.customer_id[:10], broken)


def test_refuses_chunks_that_do_not_fit(shop):
    stream = ScoreStream(BRANDS, PREVALENCE, 15, PARAMETERS)
    stream.add(shop.customer_id[:10], shop.logit[:10], shop.bought[:10])
    with pytest.raises(ValueError, match="what was bought"):
        stream.add(shop.customer_id[10:12], shop.logit[10:12])
    with pytest.raises(ValueError, match="15 consumers were announced, 20 came"):
        stream.add(shop.customer_id[10:20], shop.logit[10:20], shop.bought[10:20])


class _Remembers:
    """Gives logits made beforehand, by the consumer's id."""

    def __init__(self, shop: Shop) -> None:
        self._logit = pd.DataFrame(shop.logit, index=shop.customer_id)

    def logit(self, inputs: BrandInputs) -> torch.Tensor:
        return torch.from_numpy(self._logit.loc[inputs.customer_id].to_numpy(copy=True))


def chunks_of(shop: Shop, size: int):
    for at in range(0, CONSUMERS, size):
        ids, bought = shop.customer_id[at : at + size], shop.bought[at : at + size]
        count, whole = len(ids), torch.zeros(0, dtype=torch.int64)
        none = Tokens(torch.zeros(count + 1, dtype=torch.int64), whole, whole, whole, whole, whole)
        yield BrandInputs(
            customer_id=ids,
            snapshot=np.full(count, 9),
            variables=torch.zeros(count, 1, dtype=torch.int64),
            tenure=torch.zeros(count),
            brands=none,
            categories=none,
            items=none,
            bought=torch.from_numpy(np.argwhere(bought)),
        )


def test_scores_approved_brands_only(shop, whole):
    listed = pd.DataFrame(
        {"position": range(5), "brand": BRANDS, "prevalence": PREVALENCE, "approved": True}
    )
    listed.loc[[0, 3], "approved"] = False
    scored = score(_Remembers(shop), chunks_of(shop, 999), listed, PARAMETERS, CONSUMERS)
    assert set(scored.totals["brand"]) == {"Birch", "Cedar", "Elm"}
    for name in ("totals", "histograms"):
        mine, all_of_them = getattr(scored, name), getattr(whole, name)
        expected = all_of_them[all_of_them["brand"].isin(["Birch", "Cedar", "Elm"])]
        pd.testing.assert_frame_equal(
            mine.astype({"brand": str}),
            expected.astype({"brand": str}).reset_index(drop=True),
        )
