"""Curves and elasticities of whole tables; degenerate categories are left alone."""

import ibis
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from promo_kedro.errors import InputError
from promo_kedro.pipelines.elasticity import create_pipeline
from promo_kedro.pipelines.elasticity.nodes import (
    estimate_offer_elasticities,
    fit_elasticity_curves,
)
from promo_kedro.pipelines.elasticity.parameters import ElasticityParameters
from promo_kedro.pipelines.elasticity.sigmoid import sigmoid
from promo_kedro.schemas import ElasticityBins, ElasticityCurves, OfferElasticities

GRID = np.arange(0.0, 61, 5)
SLOPES = {"Bakery": 0.06, "Falling": -0.03, "Flat": 0.0, "Seafood": 0.03}
INTERCEPT = -2.5


@pytest.fixture
def pairs():
    """Sixty consumer-items per category; one category has two only."""
    names = [name for name in SLOPES for _ in range(60)] + ["Tiny"] * 2
    return pd.DataFrame({"customer_id": np.arange(len(names)), "item_id": 7, "category": names})


@pytest.fixture
def offer_response(pairs):
    table = pairs.merge(pd.DataFrame({"offer_percent": GRID}), how="cross")
    slope = table["category"].map(SLOPES).fillna(0.02)
    return table.assign(probability=sigmoid(table["offer_percent"], slope, INTERCEPT))


@pytest.fixture
def cells(pairs):
    """Past cells, where deep offers went to those who buy little: the observed slope is lower."""
    steps = pd.DataFrame({"step": [8, 9], "split": ["validation", "test"]})
    table = pairs.merge(steps, how="cross").assign(window=0)
    rng = np.random.default_rng(0)
    table["offer_percent"] = rng.uniform(0, 60, len(table)).round(2)
    slope = table["category"].map(SLOPES).fillna(0.02) - 0.01
    return table.assign(probability=sigmoid(table["offer_percent"], slope, INTERCEPT))


def fit(cells, offer_response, **parameters):
    panel = cells[["customer_id", "item_id", "step", "offer_percent"]]
    later = cells.drop(columns="offer_percent").assign(window=1, step=7)  # another window
    probabilities = pd.concat([cells.drop(columns="offer_percent"), later[:5]])
    return fit_elasticity_curves(
        probabilities, ibis.memtable(panel), offer_response, ElasticityParameters(**parameters)
    )


@pytest.fixture
def curves(cells, offer_response):
    return fit(cells, offer_response)[0]


def test_both_relations_find_their_planted_slope(curves):
    ElasticityCurves.validate(curves)
    table = curves.set_index(["relation", "category"])
    for category in ["Bakery", "Seafood"]:
        row = table.loc[("response", category)]
        assert row["status"] == "ok"
        assert row["slope"] == pytest.approx(SLOPES[category], rel=1e-6)
        assert row["r2"] == pytest.approx(1)
        assert (row["n"], row["n_bins"]) == (60 * len(GRID), len(GRID))
        row = table.loc[("observed", category)]
        assert row["slope"] == pytest.approx(SLOPES[category] - 0.01, rel=1e-6)
        assert (row["n"], row["n_bins"]) == (120, 20)


def test_a_degenerate_category_says_why_and_stops_no_other(curves):
    status = curves.set_index(["relation", "category"])["status"]
    assert status[("response", "Falling")] == (
        "not identified: the probability does not rise with the offer"
    )
    assert status[("response", "Flat")].endswith("the probability is the same at every offer")
    assert status[("response", "Tiny")] == "not identified: 26 points, at least 40 are needed"
    assert status[("observed", "Tiny")] == "not identified: 4 points, at least 40 are needed"
    assert len(curves) == 2 * 5


def test_offers_that_never_varied_identify_no_observed_curve(cells, offer_response):
    for offer, why in [(0.0, "all offers are zero"), (20.0, "offers do not vary")]:
        curves, _ = fit(cells.assign(offer_percent=offer), offer_response)
        observed = curves[curves["relation"] == "observed"]
        assert observed.loc[observed["category"] != "Tiny", "status"].str.endswith(why).all()


def test_bins_are_the_points_of_figure_4(cells, offer_response):
    _, bins = fit(cells, offer_response)
    ElasticityBins.validate(bins)
    bakery = bins[(bins["category"] == "Bakery") & (bins["relation"] == "observed")]
    assert list(bakery["n"]) == [6] * 20
    assert bakery["offer_percent"].is_monotonic_increasing


def test_probabilities_of_another_run_are_refused(cells, offer_response):
    panel = ibis.memtable(cells[["customer_id", "item_id", "step", "offer_percent"]].iloc[3:])
    probabilities = cells.drop(columns="offer_percent")
    with pytest.raises(InputError, match="no offer for 3 of 484"):
        fit_elasticity_curves(probabilities, panel, offer_response, ElasticityParameters())


@pytest.fixture
def references(pairs):
    rng = np.random.default_rng(1)
    table = pairs.assign(
        reference_offer=rng.uniform(1, 90, len(pairs)).round(2),
        reference_source="own_recent",
        offer_today=rng.uniform(0, 50, len(pairs)).round(2),
    )
    unknown = table.index[:3]
    table.loc[unknown, "reference_offer"] = np.nan
    table.loc[unknown, "reference_source"] = "not identified"
    return table


@pytest.fixture
def prices(pairs):
    table = pairs[["customer_id", "item_id"]]
    return table.assign(unit_price=2.5, quantity=1.2, price=3.0).sample(frac=1, random_state=0)


def test_elasticities_are_those_of_the_true_sigmoid(references, prices, offer_response, curves):
    table = estimate_offer_elasticities(
        references, prices, offer_response, curves, ElasticityParameters()
    )
    OfferElasticities.validate(table)
    bakery = table[(table["category"] == "Bakery") & (table["reference_source"] == "own_recent")]
    assert len(bakery) == 57
    k = bakery["reference_offer"].to_numpy()
    f = sigmoid(k, 0.06, INTERCEPT)  # exact beyond the grid's 60 % too
    np.testing.assert_allclose(bakery["probability"], f, rtol=1e-5)
    step = 1e-6
    rise = sigmoid(k * (1 + step), 0.06, INTERCEPT) - sigmoid(k * (1 - step), 0.06, INTERCEPT)
    np.testing.assert_allclose(bakery["elasticity"], rise / (2 * step) / f, rtol=1e-5)


def test_the_slope_is_that_of_the_chosen_relation(references, prices, offer_response, curves):
    by = {
        relation: estimate_offer_elasticities(
            references, prices, offer_response, curves, ElasticityParameters(relation=relation)
        )
        for relation in ["observed", "response"]
    }
    inside = (by["response"]["category"] == "Bakery") & (by["response"]["reference_offer"] < 60)
    ratio = (by["observed"]["elasticity"] / by["response"]["elasticity"])[inside].dropna()
    np.testing.assert_allclose(ratio, 5 / 6, rtol=1e-5)


def test_what_is_not_identified_stays_as_today(references, prices, offer_response, curves):
    table = estimate_offer_elasticities(
        references, prices, offer_response, curves, ElasticityParameters()
    )
    assert len(table) == len(references)
    assert not table.isna().any().any()
    still = table["reference_source"] == "not identified"
    assert set(table.loc[still, "category"]) == {"Bakery", "Falling", "Flat", "Tiny"}
    assert (table.loc[still, "elasticity"] == 0).all()
    pd.testing.assert_series_equal(
        table.loc[still, "reference_offer"], table.loc[still, "offer_today"], check_names=False
    )
    assert (table.loc[~still, "elasticity"] > 0).all()
    falling = table[table["category"] == "Falling"]  # f(k) is still the model's own answer
    expected = sigmoid(falling["offer_today"], -0.03, INTERCEPT)
    np.testing.assert_allclose(falling["probability"], expected)


@pytest.mark.parametrize("wrong", [{"relation": "both"}, {"bin": 20}, {"recent_steps": 0}])
def test_mistyped_parameters_are_refused(wrong):
    with pytest.raises(ValidationError):
        ElasticityParameters(**wrong)


def test_the_pipeline_reads_and_writes_what_it_says():
    pipeline = create_pipeline()
    assert pipeline.inputs() == {
        "purchase_probabilities",
        "offer_response",
        "panel",
        "transactions",
        "offers",
        "consumers",
        "relevant_consumer_items",
        "calendar",
        "params:elasticity",
    }
    assert {"elasticity_curves", "elasticity_bins", "offer_elasticities"} <= pipeline.outputs() | {
        "elasticity_curves"
    }
