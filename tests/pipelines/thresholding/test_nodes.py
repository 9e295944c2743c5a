"""The tables of thresholding: who takes which cut-off, and what it predicts."""

from typing import get_args

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from promo_kedro.errors import InputError
from promo_kedro.pipelines.thresholding import create_pipeline
from promo_kedro.pipelines.thresholding.cutoffs import empirical_cutoffs, expected_f1_cutoffs
from promo_kedro.pipelines.thresholding.nodes import apply_cutoffs, choose_cutoffs
from promo_kedro.pipelines.thresholding.parameters import Method, ThresholdingParameters
from promo_kedro.schemas import ConsumerCutoffs, CutoffCandidates, PurchasePredictions

from .test_f1 import by_outcomes

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


def chosen_cutoffs(purchase_probabilities, **parameters):
    return choose_cutoffs(purchase_probabilities, ThresholdingParameters(**parameters))[0]


def test_expected_f1_cuts_each_split_by_its_own_probabilities(purchase_probabilities):
    cutoffs = ConsumerCutoffs.validate(chosen_cutoffs(purchase_probabilities))
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
    cutoffs = chosen_cutoffs(purchase_probabilities, method="empirical")
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


def test_labels_of_the_test_step_move_no_cutoff_of_any_method(purchase_probabilities):
    before = choose_cutoffs(purchase_probabilities, ThresholdingParameters())[1]
    test = purchase_probabilities["split"] == "test"
    other = purchase_probabilities.assign(
        purchased=purchase_probabilities["purchased"].where(
            ~test, 1 - purchase_probabilities["purchased"]
        )
    )
    after = choose_cutoffs(other, ThresholdingParameters())[1]
    pd.testing.assert_frame_equal(after, before)
    assert set(after["method"]) == set(get_args(Method))


@pytest.mark.parametrize("method", ["expected_f1", "ratio", "global", "shrunk"])
def test_labels_of_the_validation_step_move_only_the_empirical(purchase_probabilities, method):
    other = purchase_probabilities.assign(purchased=1.0)
    columns = ["cutoff", "source"]
    pd.testing.assert_frame_equal(
        chosen_cutoffs(other, method=method)[columns],
        chosen_cutoffs(purchase_probabilities, method=method)[columns],
    )


def test_a_method_predicts_the_same_whatever_is_compared_with_it(purchase_probabilities):
    for method in get_args(Method):
        alone, candidates = choose_cutoffs(
            purchase_probabilities, ThresholdingParameters(method=method, compare=[])
        )
        assert set(candidates["method"]) == {method}
        beside = chosen_cutoffs(purchase_probabilities, method=method)
        pd.testing.assert_frame_equal(alone, beside)


def test_candidates_promise_the_expected_f1_of_the_items_they_cut(purchase_probabilities):
    """Oracle: every outcome of every item, consumer by consumer."""
    for zero_division in (0, 1):
        parameters = ThresholdingParameters(zero_division=zero_division)
        _, candidates = choose_cutoffs(purchase_probabilities, parameters)
        candidates = CutoffCandidates.validate(candidates)
        assert len(candidates) == 5 * 20 * 2 * 2
        for row in of(candidates, customer_id=7).itertuples():
            mine = of(purchase_probabilities, customer_id=7, split=row.split, category=row.category)
            values = mine["probability"].to_numpy()
            expected = by_outcomes(values, (values >= row.cutoff).astype(int), zero_division)
            assert row.expected_f1 == pytest.approx(expected, abs=1e-13)


def test_one_cutoff_serves_a_whole_category(purchase_probabilities):
    cutoffs = chosen_cutoffs(purchase_probabilities, method="global")
    assert set(cutoffs["source"]) == {"global"}
    keys = ["split", "category"]
    assert (cutoffs.groupby(keys)["cutoff"].nunique() == 1).all()
    for (split, category), cutoff in cutoffs.groupby(keys)["cutoff"].first().items():
        rows = of(purchase_probabilities, split=split, category=category)
        p = np.sort(rows["probability"])[::-1]
        ratios = 2 * p.cumsum() / (np.arange(1, len(p) + 1) + p.sum())
        assert cutoff == p[ratios.argmax()]


def test_shrunk_lies_between_ones_own_and_the_global(purchase_probabilities):
    cutoffs = chosen_cutoffs(purchase_probabilities, method="shrunk", shrinkage=1e9)
    common = chosen_cutoffs(purchase_probabilities, method="global")
    some = np.isfinite(cutoffs["cutoff"])
    np.testing.assert_allclose(cutoffs["cutoff"][some], common["cutoff"][some], rtol=1e-6)
    own = apply_cutoffs(
        purchase_probabilities, chosen_cutoffs(purchase_probabilities, method="shrunk", shrinkage=0)
    )
    exact = apply_cutoffs(purchase_probabilities, chosen_cutoffs(purchase_probabilities))
    bakery = own["category"] == "Bakery"  # the one with min_items items
    pd.testing.assert_series_equal(own.loc[bakery, "predicted"], exact.loc[bakery, "predicted"])


def test_row_order_does_not_matter(purchase_probabilities):
    shuffled = purchase_probabilities.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        choose_cutoffs(shuffled, ThresholdingParameters())[1],
        choose_cutoffs(purchase_probabilities, ThresholdingParameters())[1],
    )


def test_windows_are_cut_apart(purchase_probabilities):
    other = purchase_probabilities[purchase_probabilities["split"] != "next"]
    other = other.assign(window=1, probability=other["probability"] / 2)
    both = chosen_cutoffs(pd.concat([purchase_probabilities, other]), method="shrunk")
    alone = chosen_cutoffs(purchase_probabilities, method="shrunk")
    pd.testing.assert_frame_equal(of(both, window=0).reset_index(drop=True), alone)
    assert set(of(both, window=1)["split"]) == {"test"}


def test_predictions_are_probabilities_at_or_above_the_cutoff(purchase_probabilities):
    cutoffs = chosen_cutoffs(purchase_probabilities)
    cutoffs.loc[cutoffs["customer_id"] == 3, "cutoff"] = np.inf
    predictions = PurchasePredictions.validate(apply_cutoffs(purchase_probabilities, cutoffs))
    assert len(predictions) == 400
    assert not of(predictions, customer_id=3)["predicted"].any()
    assert of(predictions, customer_id=4)["predicted"].any()
    expected = predictions["probability"] >= predictions["cutoff"]
    pd.testing.assert_series_equal(predictions["predicted"], expected, check_names=False)


def test_a_consumer_without_cutoff_is_an_error(purchase_probabilities):
    cutoffs = chosen_cutoffs(purchase_probabilities)
    with pytest.raises(InputError, match="no cut-off for 20 rows"):
        apply_cutoffs(purchase_probabilities, cutoffs[cutoffs["customer_id"] != 5])


def test_nullable_labels_and_no_purchase_in_validation_are_fine(purchase_probabilities):
    table = purchase_probabilities.assign(
        purchased=purchase_probabilities["purchased"].astype("Int8")
    )
    table.loc[table["split"] == "validation", "purchased"] = 0
    cutoffs = chosen_cutoffs(table, method="empirical")
    assert not cutoffs["source"].str.startswith("empirical").any()
    assert cutoffs["cutoff"].notna().all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "best"},
        {"compare": ["ratio", "ratio"]},
        {"min_item": 3},
        {"shrinkage": -1},
        {"zero_division": 2},
    ],
)
def test_mistyped_parameters_are_refused(wrong):
    with pytest.raises(ValidationError):
        ThresholdingParameters(**wrong)


def test_the_pipeline_reads_probabilities_and_writes_decisions():
    pipeline = create_pipeline()
    assert pipeline.inputs() == {"purchase_probabilities", "params:thresholding"}
    outputs = {"consumer_cutoffs", "cutoff_candidates", "purchase_predictions"}
    assert pipeline.all_outputs() == outputs
