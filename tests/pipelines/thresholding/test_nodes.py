"""The tables of thresholding: who takes which cut-off, and what it predicts."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from promo_kedro.errors import InputError
from promo_kedro.pipelines.thresholding import create_pipeline
from promo_kedro.pipelines.thresholding.cutoffs import empirical_cutoffs, expected_f1_cutoffs
from promo_kedro.pipelines.thresholding.nodes import apply_cutoffs, choose_cutoffs
from promo_kedro.pipelines.thresholding.parameters import ThresholdingParameters
from promo_kedro.schemas import ConsumerCutoffs, PurchasePredictions

SPLITS = {"validation": 10, "test": 11, "next": 12}
CATEGORIES = ["Bakery"] * 8 + ["Seafood"] * 2


@pytest.fixture
def purchase_probabilities():
    """Twenty consumers × (8 bakery + 2 seafood items) × 3 steps; consumer 0 never buys."""
    rng = np.random.default_rng(0)
    parts = []
    for split, step in SPLITS.items():
        part = pd.DataFrame(
            {
                "window": 0,
                "customer_id": np.repeat(np.arange(20), 10),
                "item_id": np.tile(np.arange(10), 20),
                "step": step,
                "category": CATEGORIES * 20,
                "split": split,
                "probability": rng.beta(0.8, 4, 200),
                "model": "category",
            }
        )
        bought = (rng.random(200) < part["probability"]) & (part["customer_id"] > 0)
        part["purchased"] = bought.astype("float64") if split != "next" else np.nan
        parts.append(part.assign(raw_probability=part["probability"]))
    return pd.concat(parts, ignore_index=True)


def of(table, **where):
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def test_expected_f1_cuts_each_split_by_its_own_probabilities(purchase_probabilities):
    cutoffs = ConsumerCutoffs.validate(
        choose_cutoffs(purchase_probabilities, ThresholdingParameters())
    )
    assert len(cutoffs) == 20 * 2 * 2
    for split in ["test", "next"]:
        mine = of(purchase_probabilities, customer_id=7, split=split)
        bakery = of(mine, category="Bakery")["probability"].to_numpy()
        row = of(cutoffs, customer_id=7, split=split, category="Bakery").iloc[0]
        assert row["cutoff"] == expected_f1_cutoffs(np.zeros(8, int), bakery)[0]
        assert (row["source"], row["n_items"]) == ("expected_f1", 8)
        row = of(cutoffs, customer_id=7, split=split, category="Seafood").iloc[0]
        pooled = expected_f1_cutoffs(np.zeros(10, int), mine["probability"].to_numpy())[0]
        assert row["cutoff"] == pooled
        assert (row["source"], row["n_items"]) == ("expected_f1_all_categories", 2)


def test_empirical_cuts_by_validation_and_falls_back_for_those_who_bought_nothing(
    purchase_probabilities,
):
    parameters = ThresholdingParameters(estimator="empirical")
    cutoffs = choose_cutoffs(purchase_probabilities, parameters)
    assert set(of(cutoffs, customer_id=0)["source"]) == {
        "expected_f1",
        "expected_f1_all_categories",
    }
    buyers = of(cutoffs, split="test", category="Bakery").query("n_purchased > 0")
    assert set(buyers["source"]) == {"empirical"}
    for customer_id in buyers["customer_id"]:
        rows = of(purchase_probabilities, customer_id=customer_id, split="validation")
        rows = of(rows, category="Bakery")
        best = empirical_cutoffs(
            np.zeros(8, int), rows["probability"].to_numpy(), rows["purchased"].to_numpy()
        )
        for split in ["test", "next"]:
            row = of(cutoffs, customer_id=customer_id, split=split, category="Bakery")
            assert row["cutoff"].item() == best[0]
            assert row["n_purchased"].item() == rows["purchased"].sum()
    assert "empirical_all_categories" in set(cutoffs["source"])


@pytest.mark.parametrize("estimator", ["expected_f1", "empirical"])
def test_labels_of_the_test_step_never_move_a_cutoff(purchase_probabilities, estimator):
    parameters = ThresholdingParameters(estimator=estimator)
    before = choose_cutoffs(purchase_probabilities, parameters)
    test = purchase_probabilities["split"] == "test"
    other = purchase_probabilities.assign(
        purchased=purchase_probabilities["purchased"].where(
            ~test, 1 - purchase_probabilities["purchased"]
        )
    )
    pd.testing.assert_frame_equal(choose_cutoffs(other, parameters), before)


def test_row_order_does_not_matter(purchase_probabilities):
    shuffled = purchase_probabilities.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        choose_cutoffs(shuffled, ThresholdingParameters()),
        choose_cutoffs(purchase_probabilities, ThresholdingParameters()),
    )


def test_windows_are_cut_apart(purchase_probabilities):
    other = purchase_probabilities[purchase_probabilities["split"] != "next"]
    other = other.assign(window=1, probability=other["probability"] / 2)
    both = choose_cutoffs(pd.concat([purchase_probabilities, other]), ThresholdingParameters())
    alone = choose_cutoffs(purchase_probabilities, ThresholdingParameters())
    pd.testing.assert_frame_equal(of(both, window=0).reset_index(drop=True), alone)
    assert set(of(both, window=1)["split"]) == {"test"}


def test_predictions_are_probabilities_at_or_above_the_cutoff(purchase_probabilities):
    cutoffs = choose_cutoffs(purchase_probabilities, ThresholdingParameters())
    cutoffs.loc[cutoffs["customer_id"] == 3, "cutoff"] = np.inf
    predictions = PurchasePredictions.validate(apply_cutoffs(purchase_probabilities, cutoffs))
    assert len(predictions) == 400
    assert not of(predictions, customer_id=3)["predicted"].any()
    assert of(predictions, customer_id=4)["predicted"].any()
    expected = predictions["probability"] >= predictions["cutoff"]
    pd.testing.assert_series_equal(predictions["predicted"], expected, check_names=False)


def test_a_consumer_without_cutoff_is_an_error(purchase_probabilities):
    cutoffs = choose_cutoffs(purchase_probabilities, ThresholdingParameters())
    with pytest.raises(InputError, match="no cut-off for 20 rows"):
        apply_cutoffs(purchase_probabilities, cutoffs[cutoffs["customer_id"] != 5])


def test_nullable_labels_and_no_purchase_in_validation_are_fine(purchase_probabilities):
    table = purchase_probabilities.assign(
        purchased=purchase_probabilities["purchased"].astype("Int8")
    )
    table.loc[table["split"] == "validation", "purchased"] = 0
    cutoffs = choose_cutoffs(table, ThresholdingParameters(estimator="empirical"))
    assert not cutoffs["source"].str.startswith("empirical").any()
    assert cutoffs["cutoff"].notna().all()


@pytest.mark.parametrize("wrong", [{"estimator": "best"}, {"min_item": 3}, {"zero_division": 2}])
def test_mistyped_parameters_are_refused(wrong):
    with pytest.raises(ValidationError):
        ThresholdingParameters(**wrong)


def test_the_pipeline_reads_probabilities_and_writes_decisions():
    pipeline = create_pipeline()
    assert pipeline.inputs() == {"purchase_probabilities", "params:thresholding"}
    assert pipeline.all_outputs() == {"consumer_cutoffs", "purchase_predictions"}
