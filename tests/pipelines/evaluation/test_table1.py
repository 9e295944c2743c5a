import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from promo_kedro.errors import InputError
from promo_kedro.pipelines.evaluation.documents import json_rows
from promo_kedro.pipelines.evaluation.table1 import (
    average_elasticities,
    goodness_of_fit,
    score_categories,
    table1,
    weighted_offers,
)
from promo_kedro.schemas import ModelResults


@pytest.fixture
def results(made_up_run):
    return table1(
        made_up_run.purchase_predictions,
        made_up_run.offer_elasticities,
        made_up_run.optimal_offers,
        made_up_run.elasticity_curves,
        mode="exact",
        relation="observed",
        calibration_bins=10,
    )


def _row(results, category, window=0):
    return results[(results["category"] == category) & (results["window"] == window)].iloc[0]


def test_a_row_per_window_and_category_and_a_total(results, made_up_run):
    assert len(results) == 2 * (made_up_run.pairs["category"].nunique() + 1)
    assert not results.duplicated(["window", "category"]).any()
    ModelResults.validate(results)


def test_only_the_test_step_is_scored(made_up_run):
    predictions = made_up_run.purchase_predictions
    scrambled = predictions.copy()
    other = scrambled["split"] != "test"
    scrambled.loc[other, "probability"] = 0.999
    scrambled.loc[other, "predicted"] = True
    pd.testing.assert_frame_equal(
        score_categories(predictions, 10), score_categories(scrambled, 10)
    )


def test_the_total_is_pooled_not_averaged(results, made_up_run):
    rows = made_up_run.purchase_predictions.query("window == 0 and split == 'test'")
    total = _row(results, "All")
    assert total["log_loss"] == pytest.approx(
        metrics.log_loss(rows["purchased"], rows["probability"])
    )
    assert total["f1"] == pytest.approx(metrics.f1_score(rows["purchased"], rows["predicted"]))
    parts = results[(results["window"] == 0) & (results["category"] != "All")]
    assert total["sample_size"] == parts["sample_size"].sum() == len(made_up_run.pairs)
    assert abs(total["log_loss"] - parts["log_loss"].mean()) > 1e-6
    assert total["consumers"] == 60


def test_precision_and_recall_are_pooled_over_consumers(results, made_up_run):
    rows = made_up_run.purchase_predictions.query(
        "window == 0 and split == 'test' and category == 'Bakery'"
    )
    hits = (rows["predicted"] & (rows["purchased"] == 1)).sum()
    bakery = _row(results, "Bakery")
    assert bakery["precision"] == pytest.approx(hits / rows["predicted"].sum())
    assert bakery["recall"] == pytest.approx(hits / rows["purchased"].sum())
    harmonic = 2 / (1 / bakery["precision"] + 1 / bakery["recall"])
    assert bakery["f1"] == pytest.approx(harmonic)


def test_infinite_cutoffs_count_as_nothing_predicted(made_up_run):
    predictions = made_up_run.purchase_predictions.assign(cutoff=np.inf, predicted=False)
    scores = score_categories(predictions, 10)
    assert (scores[["precision", "recall", "f1"]] == 0).all(axis=None)
    assert np.isfinite(scores["log_loss"]).all()


def test_plan_figures_belong_to_the_latest_window_only(results):
    plan = ["average_elasticity", "weighted_offer_percent", "r2"]
    assert results.loc[results["window"] == 1, plan].isna().all(axis=None)
    assert results.loc[results["window"] == 0, plan[:2]].notna().all(axis=None)


def test_weighted_offer_is_weighted_by_price():
    offers = pd.DataFrame(
        {
            "mode": ["exact", "exact", "paper", "exact"],
            "category": ["Meat", "Meat", "Meat", "Seafood"],
            "price": [1.0, 3.0, 5.0, 0.0],
            "offer_percent": [10.0, 30.0, 99.0, 50.0],
        }
    )
    weighted = weighted_offers(offers, "exact")
    assert weighted["Meat"] == pytest.approx(25.0)
    assert weighted["All"] == pytest.approx(25.0)
    assert np.isnan(weighted["Seafood"])


def test_elasticities_that_are_not_identified_do_not_dilute_the_mean():
    elasticities = pd.DataFrame(
        {
            "category": ["Meat", "Meat", "Seafood"],
            "elasticity": [1.2, 0.0, 0.0],
            "reference_source": ["own_last_4_weeks", "not identified", "not identified"],
        }
    )
    means = average_elasticities(elasticities)
    assert means["Meat"] == means["All"] == pytest.approx(1.2)
    assert "Seafood" not in means


def test_a_falling_curve_has_no_goodness_of_fit(made_up_run):
    fit = goodness_of_fit(made_up_run.elasticity_curves, "observed")
    assert "Grocery" not in fit
    assert fit["All"] == pytest.approx(np.mean([0.6, 0.7, 0.75, 0.8]))


def test_labels_that_are_missing_on_the_test_step_are_refused(made_up_run):
    predictions = made_up_run.purchase_predictions.copy()
    test = predictions.index[predictions["split"] == "test"]
    predictions.loc[test[:3], "purchased"] = np.nan
    with pytest.raises(InputError, match="3 rows without `purchased`"):
        score_categories(predictions, 10)
    with pytest.raises(InputError, match="no rows in the test split"):
        score_categories(predictions[predictions["split"] == "next"], 10)


def test_a_category_named_as_the_total_row_is_refused(made_up_run):
    predictions = made_up_run.purchase_predictions.replace({"category": {"Bakery": "All"}})
    with pytest.raises(InputError, match=r"'All'.*total row.*Rename that category in item_data"):
        score_categories(predictions, 10)


def test_documents_hold_no_nan(results):
    rows = json_rows(results)
    assert rows[-1]["r2"] is None
    assert not any(pd.isna(value) and value is not None for row in rows for value in row.values())
