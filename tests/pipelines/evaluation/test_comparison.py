"""Candidates side by side, against scikit-learn and by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, log_loss

from promo_kedro.errors import InputError
from promo_kedro.pipelines.evaluation.comparison import (
    COLUMNS,
    compare_candidates,
    side_by_side,
    skill_against_truth,
)
from promo_kedro.pipelines.evaluation.truth import no_truth

KEY = ["window", "customer_id", "item_id", "step", "category", "split", "purchased"]


def make_in_use(n=2000, seed=4):
    rng = np.random.default_rng(seed)
    probability = rng.beta(1, 8, n)
    return pd.DataFrame(
        {
            "window": 0,
            "customer_id": np.arange(n) // 10,
            "item_id": np.arange(n),
            "step": 9,
            "category": np.where(np.arange(n) % 10 < 4, "Bakery", "Meat"),
            "split": "test",
            "purchased": (rng.random(n) < probability).astype(float),
            "raw_probability": probability,
            "probability": probability,
            "model": "category",
        }
    )


def candidate(in_use, name, probability):
    return in_use[KEY].assign(candidate=name, probability=probability)


@pytest.fixture(scope="module")
def in_use():
    return make_in_use()


@pytest.fixture(scope="module")
def compared(in_use):
    shrunk = in_use["probability"] * 0.5 + 0.05
    table = side_by_side(
        pd.concat(
            [
                candidate(in_use, "personal_frequency", shrunk),
                candidate(in_use, "ours", in_use["probability"]),
                candidate(in_use, "lightgbm", in_use["probability"] * 0.9),
                candidate(in_use, "in_use", 0.99),  # what is in use is what was handed on
            ]
        ),
        in_use,
        candidate(in_use, "truth_observable", in_use["probability"] * 0.98 + 0.002),
    )
    return compare_candidates(table, 10).set_index(["category", "candidate"])


@pytest.mark.parametrize("category", ["Bakery", "Meat", "All"])
def test_scores_agree_with_scikit_learn(in_use, compared, category):
    rows = in_use if category == "All" else in_use[in_use["category"] == category]
    said = rows["probability"] * 0.9
    row = compared.loc[category, "lightgbm"]
    assert (row["rows"], row["positives"]) == (len(rows), rows["purchased"].sum())
    loss = log_loss(rows["purchased"], said)
    assert row["log_loss"] == pytest.approx(loss)
    assert row["average_precision"] == pytest.approx(
        average_precision_score(rows["purchased"], said)
    )
    share = log_loss(rows["purchased"], np.full(len(rows), rows["purchased"].mean()))
    assert row["skill_prevalence"] == pytest.approx(1 - loss / share)
    frequency = log_loss(rows["purchased"], rows["probability"] * 0.5 + 0.05)
    truth = log_loss(rows["purchased"], rows["probability"] * 0.98 + 0.002)
    assert row["skill_truth"] == pytest.approx((frequency - loss) / (frequency - truth))
    mine = log_loss(rows["purchased"], rows["probability"])
    assert row["loss_above_in_use"] == pytest.approx(loss - mine)


def test_the_ends_of_the_skill_are_frequency_and_truth(compared):
    for category in ("Bakery", "Meat", "All"):
        assert compared.loc[(category, "personal_frequency"), "skill_truth"] == 0
        assert compared.loc[(category, "truth_observable"), "skill_truth"] == 1


def test_what_is_in_use_is_marked_and_so_is_who_says_the_same(compared):
    assert compared["in_use"].loc["All"].to_dict() == {
        "in_use": True,
        "ours": True,
        "lightgbm": False,
        "personal_frequency": False,
        "truth_observable": False,
    }


def test_the_best_stands_first_and_all_comes_last(compared):
    table = compared.reset_index()
    assert list(dict.fromkeys(table["category"])) == ["Bakery", "Meat", "All"]
    assert all(group["log_loss"].is_monotonic_increasing for _, group in table.groupby("category"))


def test_by_hand():
    """Two consumers, three rows: losses ln 2, ln 2, ln 2 against ln 4, ln 4/3, ln 4/3."""
    in_use = make_in_use(3).assign(
        customer_id=[1, 1, 2], category="Meat", purchased=[1.0, 0.0, 0.0], probability=0.25
    )
    table = side_by_side(candidate(in_use, "coin", 0.5), in_use, no_truth())
    compared = compare_candidates(table, 5)
    assert list(compared) == COLUMNS
    rows = compared.query("category == 'All'").set_index("candidate")
    mine = (np.log(4) + 2 * np.log(4 / 3)) / 3
    assert rows.loc["in_use", "log_loss"] == pytest.approx(mine)
    assert rows.loc["coin", "log_loss"] == pytest.approx(np.log(2))
    above = np.log(2) - np.array([np.log(4), np.log(4 / 3), np.log(4 / 3)])
    first, second = (above - above.mean())[:2].sum(), (above - above.mean())[2]
    assert rows.loc["coin", "loss_above_in_use_se"] == pytest.approx(np.hypot(first, second) / 3)
    assert rows["skill_truth"].isna().all()


@pytest.mark.parametrize(("apart", "same"), [(1e-7, True), (1e-4, False)])
def test_rounding_in_a_single_row_is_no_other_answer(in_use, apart, same):
    probability = in_use["probability"].copy()
    probability.iloc[0] += apart
    table = side_by_side(candidate(in_use, "ours", probability), in_use, no_truth())
    rows = compare_candidates(table, 5).set_index(["category", "candidate"])
    assert rows.loc[("All", "ours"), "in_use"] == same


def test_the_standard_error_counts_consumers(in_use):
    """Every row ten times over tells no more than once: the error stays the same."""
    said = candidate(in_use, "lightgbm", in_use["probability"] * 0.7)
    once = compare_candidates(side_by_side(said, in_use, no_truth()), 5)
    copies = [in_use.assign(item_id=in_use["item_id"] + 10_000 * copy) for copy in range(10)]
    many = pd.concat(copies, ignore_index=True)
    said = candidate(many, "lightgbm", many["probability"] * 0.7)
    tenfold = compare_candidates(side_by_side(said, many, no_truth()), 5)
    errors = [table.set_index("candidate").query("category == 'All'") for table in (once, tenfold)]
    assert errors[1].loc["lightgbm", "loss_above_in_use_se"] == pytest.approx(
        errors[0].loc["lightgbm", "loss_above_in_use_se"]
    )


def test_a_candidate_is_compared_on_the_rows_it_has(in_use):
    some = in_use[in_use["category"] == "Meat"]
    said = candidate(some, "figure1", some["probability"] * 0.8)
    rows = compare_candidates(side_by_side(said, in_use, no_truth()), 5)
    rows = rows.set_index(["category", "candidate"])
    assert ("Bakery", "figure1") not in rows.index
    assert rows.loc[("All", "figure1"), "rows"] == len(some)
    expected = log_loss(some["purchased"], some["probability"] * 0.8) - log_loss(
        some["purchased"], some["probability"]
    )
    assert rows.loc[("All", "figure1"), "loss_above_in_use"] == pytest.approx(expected)


def test_a_step_without_purchases_has_no_skill(in_use):
    nothing = in_use.assign(purchased=0.0)
    table = side_by_side(candidate(nothing, "coin", 0.5), nothing, no_truth())
    rows = compare_candidates(table, 5)
    assert rows[["skill_prevalence", "average_precision"]].isna().all(None)
    assert rows["log_loss"].notna().all()


def test_only_the_test_step_is_scored(in_use):
    validation = in_use.assign(split="validation", step=8)
    both = pd.concat([in_use, validation])
    said = candidate(both, "lightgbm", both["probability"] * 0.9)
    table = side_by_side(said, both, no_truth())
    assert len(table) == len(in_use)


def test_rows_that_are_there_twice_are_refused(in_use):
    said = candidate(in_use, "ours", 0.5)
    with pytest.raises(InputError, match="2,000 rows are there twice"):
        side_by_side(pd.concat([said, said]), in_use, no_truth())


def test_without_labels_nothing_is_scored(in_use):
    said = candidate(in_use, "ours", 0.5)
    with pytest.raises(InputError, match="no labelled rows"):
        side_by_side(said, in_use.assign(purchased=np.nan), no_truth())


def test_there_is_no_skill_where_the_truth_says_no_more_than_frequency():
    assert np.isnan(skill_against_truth(0.2, 0.3, 0.3))
    assert np.isnan(skill_against_truth(0.2, 0.3, 0.35))
    assert skill_against_truth(0.25, 0.3, 0.2) == pytest.approx(0.5)
