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
CALENDAR = pd.DataFrame(
    {
        "window": 0,
        "step": [8, 9, 10],
        "start_date": pd.date_range("2026-01-01", periods=3, freq="14D"),
        "end_date": pd.date_range("2026-01-14", periods=3, freq="14D"),
        "split": ["validation", "test", "next"],
    }
)
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
    table.loc[~table.duplicated("category"), "offer_percent"] = 60.0
    slope = table["category"].map(SLOPES).fillna(0.02) - 0.01
    return table.assign(probability=sigmoid(table["offer_percent"], slope, INTERCEPT))


def fit(cells, offer_response, range_quantile=1.0, **parameters):
    """Fit with the whole of the grid inside the offer range, unless said otherwise."""
    panel = cells[["customer_id", "item_id", "step", "category", "offer_percent"]]
    coming = panel[panel["step"] == 9].assign(step=10, offer_percent=99.0)  # not past
    panel = pd.concat([panel, coming])
    parameters = ElasticityParameters(range_quantile=range_quantile, **parameters)
    later = cells.drop(columns="offer_percent").assign(window=1, step=7)  # another window
    probabilities = pd.concat([cells.drop(columns="offer_percent"), later[:5]])
    return fit_elasticity_curves(
        probabilities, ibis.memtable(panel), offer_response, CALENDAR, parameters
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


def test_the_response_is_fitted_inside_the_range_of_past_offers(cells, offer_response):
    """Beyond the range the answers are bent; the slope must not see it, nor the bins."""
    bent = offer_response.assign(
        probability=offer_response["probability"].where(offer_response["offer_percent"] <= 30, 0.9)
    )
    rng = np.random.default_rng(2)
    shallow = cells.assign(offer_percent=rng.choice([0.0, 10.0, 30.0], len(cells)))
    few = shallow["customer_id"].isin([0, 60, 120, 180])  # 2 of a category's 120 cells
    shallow.loc[few & (shallow["step"] == 8), "offer_percent"] = 60.0
    curves, bins = fit(shallow, bent, range_quantile=0.98)
    bakery = curves.set_index(["relation", "category"]).loc[("response", "Bakery")]
    assert bakery["slope"] == pytest.approx(SLOPES["Bakery"], rel=1e-6)
    assert (bakery["n"], bakery["n_bins"]) == (60 * 7, 7)
    asked = bins[(bins["category"] == "Bakery") & (bins["relation"] == "response")]
    assert list(asked["offer_percent"]) == list(GRID[:7])
    whole, _ = fit(shallow, bent, range_quantile=1.0)
    assert whole.set_index(["relation", "category"]).loc[("response", "Bakery"), "slope"] > 0.07


@pytest.mark.parametrize("deepest", [0.0, 9.99])
def test_fewer_than_three_offers_inside_the_range_identify_nothing(cells, offer_response, deepest):
    curves, bins = fit(cells.assign(offer_percent=deepest), offer_response)
    ElasticityCurves.validate(curves)
    response = curves[curves["relation"] == "response"]
    assert response["status"].str.contains("fewer than 3 of the offers asked").all()
    assert (bins.loc[bins["relation"] == "response", "offer_percent"] <= deepest).all()


def test_a_grid_wholly_beyond_the_range_keeps_the_categories(cells, offer_response):
    deep = offer_response[offer_response["offer_percent"] > 20]
    curves, _ = fit(cells.assign(offer_percent=0.0), deep)
    ElasticityCurves.validate(curves)
    response = curves[curves["relation"] == "response"]
    assert len(response) == 5
    assert (response["n"] == 0).all()


def test_an_effect_below_the_minimum_is_not_identified(cells, offer_response):
    """Odds × 1.05 over 0-60 % is a slope of ln 1.05 / 60."""
    least = np.log(1.05) / 60
    for slope, status in [
        (0.99 * least, "not identified: an offer hardly moves the probability"),
        (1.01 * least, "ok"),
    ]:
        answers = sigmoid(offer_response["offer_percent"], slope, INTERCEPT)
        curves, _ = fit(cells, offer_response.assign(probability=answers))
        table = curves.set_index(["relation", "category"])
        assert table.loc[("response", "Bakery"), "status"] == status


def test_one_warning_per_reason_and_only_for_the_relation_in_use(cells, offer_response, caplog):
    unmoved = offer_response.assign(probability=0.1)
    with caplog.at_level("INFO"):
        fit(cells, unmoved, relation="response")
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert len(warnings) == 2  # the same at every offer, too few points
    assert any("same at every offer: Bakery; Falling; Flat; Seafood." in w for w in warnings)
    told = [r.getMessage() for r in caplog.records if r.levelname == "INFO"]
    assert any("(observed), not identified" in line for line in told)


def test_bins_are_the_points_of_figure_4(cells, offer_response):
    _, bins = fit(cells, offer_response)
    ElasticityBins.validate(bins)
    bakery = bins[(bins["category"] == "Bakery") & (bins["relation"] == "observed")]
    assert list(bakery["n"]) == [6] * 20
    assert bakery["offer_percent"].is_monotonic_increasing


def test_probabilities_of_another_run_are_refused(cells, offer_response):
    panel = ibis.memtable(cells.drop(columns=["probability", "split", "window"]).iloc[3:])
    probabilities = cells.drop(columns="offer_percent")
    with pytest.raises(InputError, match="no offer for 3 of 484"):
        fit_elasticity_curves(
            probabilities, panel, offer_response, CALENDAR, ElasticityParameters()
        )


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
    assert pipeline.all_outputs() == {
        "elasticity_curves",
        "elasticity_bins",
        "reference_offers",
        "purchase_prices",
        "offer_elasticities",
    }
