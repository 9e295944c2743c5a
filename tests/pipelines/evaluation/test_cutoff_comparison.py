"""The methods to cut, scored on the test step: against other libraries and a known world."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, precision_recall_fscore_support

from promo_kedro.errors import InputError
from promo_kedro.pipelines.evaluation.cutoff_comparison import COLUMNS, compare_cutoffs
from promo_kedro.pipelines.evaluation.plots_cutoffs import (
    BASKETS,
    POOLED,
    plot_cutoff_comparison,
)

CONSUMERS, ITEMS = 200, 6


@pytest.fixture(scope="module")
def probabilities():
    """Two categories × two windows of a world whose probabilities are right; `next` unlabelled."""
    rng = np.random.default_rng(3)
    parts = []
    for window, split in [(0, "validation"), (0, "test"), (0, "next"), (1, "test")]:
        part = pd.DataFrame(
            {
                "window": window,
                "customer_id": np.repeat(np.arange(CONSUMERS), 2 * ITEMS),
                "item_id": np.tile(np.arange(2 * ITEMS), CONSUMERS),
                "category": np.tile(np.repeat(["Bakery", "Meat"], ITEMS), CONSUMERS),
                "split": split,
                "probability": rng.beta(0.8, 4, 2 * ITEMS * CONSUMERS),
            }
        )
        bought = (rng.random(len(part)) < part["probability"]).astype(float)
        parts.append(part.assign(purchased=np.nan if split == "next" else bought))
    return pd.concat(parts, ignore_index=True)


def everything_above(probabilities, methods):
    """Candidates that cut everyone alike, with the F1 they are expected to reach by simulation."""
    rng = np.random.default_rng(4)
    keys = ["window", "split", "customer_id", "category"]
    scored = probabilities[probabilities["split"] != "validation"]
    parts = []
    for method, cutoff in methods.items():
        chosen = scored["probability"].to_numpy() >= cutoff
        draws = []
        for _ in range(50):
            bought = rng.random(len(scored)) < scored["probability"].to_numpy()
            counts = scored[keys].assign(hits=chosen & bought, size=chosen.astype(int) + bought)
            sums = counts.groupby(keys)[["hits", "size"]].sum()
            draws.append((2 * sums["hits"] / sums["size"].clip(lower=1)).rename("expected_f1"))
        expected = sum(draws) / len(draws)
        parts.append(expected.reset_index().assign(method=method, cutoff=cutoff))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def candidates(probabilities):
    return everything_above(probabilities, {"expected_f1": 0.25, "ratio": 0.4, "global": np.inf})


def of(table, **where):
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def test_scores_are_those_of_scikit_learn(probabilities, candidates):
    comparison = compare_cutoffs(probabilities, candidates, "ratio")
    assert list(comparison.columns) == COLUMNS
    assert len(comparison) == 2 * 3 * 3
    for method, cutoff in [("expected_f1", 0.25), ("ratio", 0.4)]:
        rows = of(probabilities, window=0, split="test", category="Meat")
        predicted = rows["probability"] >= cutoff
        (row,) = of(comparison, window=0, category="Meat", method=method).itertuples()
        pooled = precision_recall_fscore_support(rows["purchased"], predicted, average="binary")
        assert (row.precision, row.recall, row.f1) == pytest.approx(pooled[:3])
        by_consumer = [
            f1_score(one["purchased"], one["probability"] >= cutoff, zero_division=0)
            for _, one in rows.groupby("customer_id")
        ]
        buyer = rows.groupby("customer_id")["purchased"].max() > 0
        assert row.mean_f1 == pytest.approx(np.mean(by_consumer))
        assert row.mean_f1_buyers == pytest.approx(np.array(by_consumer)[buyer].mean())
        assert row.consumers == CONSUMERS
    assert set(comparison.loc[comparison["chosen"], "method"]) == {"ratio"}


def test_the_total_row_is_over_consumers_and_categories(probabilities, candidates):
    comparison = compare_cutoffs(probabilities, candidates, "ratio")
    parts = of(comparison, window=1, method="ratio").set_index("category")
    for column in ["mean_f1", "expected_f1", "realised_minus_expected"]:
        both = parts.loc[["Bakery", "Meat"], column].mean()  # as many consumers in each
        assert parts.at["All", column] == pytest.approx(both)
    assert parts.at["All", "consumers"] == CONSUMERS
    assert parts.at["All", "cutoffs"] == 2 * CONSUMERS


def test_a_basket_holds_all_items_of_all_categories(probabilities, candidates):
    comparison = compare_cutoffs(probabilities, candidates, "ratio")
    parts = of(comparison, window=0, method="expected_f1").set_index("category")
    of_consumers = [
        f1_score(one["purchased"], one["probability"] >= 0.25, zero_division=0)
        for _, one in of(probabilities, window=0, split="test").groupby("customer_id")
    ]
    assert parts.at["All", "mean_f1_baskets"] == pytest.approx(np.mean(of_consumers))
    assert parts.at["All", "mean_f1_baskets"] != pytest.approx(parts.at["All", "mean_f1"])
    alone = parts.drop("All")
    assert alone["mean_f1_baskets"].tolist() == pytest.approx(alone["mean_f1"].tolist())
    assert alone["cutoffs"].tolist() == alone["consumers"].tolist()


def test_an_empty_basket_counts_as_zero_division_where_nothing_was_predicted(
    probabilities, candidates
):
    comparison = compare_cutoffs(probabilities, candidates, "ratio", zero_division=1)
    (row,) = of(comparison, window=0, category="All", method="global").itertuples()
    bought = of(probabilities, window=0, split="test").groupby("customer_id")["purchased"].max()
    assert row.mean_f1_baskets == pytest.approx((bought == 0).mean())


@pytest.mark.parametrize("zero_division", [0, 1])
def test_consumers_without_purchase_count_as_zero_division_where_nothing_was_predicted(
    probabilities, candidates, zero_division
):
    comparison = compare_cutoffs(probabilities, candidates, "ratio", zero_division)
    (row,) = of(comparison, window=0, category="Bakery", method="global").itertuples()
    rows = of(probabilities, window=0, split="test", category="Bakery")
    nothing = (rows.groupby("customer_id")["purchased"].max() == 0).mean()
    assert 0 < nothing < 1
    assert row.mean_f1 == pytest.approx(zero_division * nothing)
    assert (row.mean_f1_buyers, row.precision, row.recall, row.f1) == (0, 0, 0, 0)


def test_the_monitor_is_near_zero_only_where_probabilities_are_right(probabilities, candidates):
    methods = ["expected_f1", "ratio"]
    right = of(compare_cutoffs(probabilities, candidates, "ratio"), category="All")
    right = right[right["method"].isin(methods)]
    distance = right["realised_minus_expected"].abs() / right["realised_minus_expected_se"]
    assert (distance < 3).all()

    doubled = probabilities.assign(probability=(2 * probabilities["probability"]).clip(upper=1))
    promised = everything_above(doubled, {"expected_f1": 0.5, "ratio": 0.8})
    wrong = of(compare_cutoffs(doubled, promised, "ratio"), category="All")
    distance = wrong["realised_minus_expected"] / wrong["realised_minus_expected_se"]
    assert (distance < -5).all()


def test_the_standard_error_is_that_of_resampled_consumers(probabilities, candidates):
    """Oracle: a bootstrap of whole consumers, each with both categories."""
    rng = np.random.default_rng(6)
    rows = of(probabilities, window=0, split="test")
    cuts = of(candidates, window=0, split="test", method="expected_f1")
    (row,) = of(compare_cutoffs(rows, cuts, ""), category="All").itertuples()
    counts = rows.assign(hits=(rows["probability"] >= 0.25) * rows["purchased"])
    counts["size"] = (rows["probability"] >= 0.25) + rows["purchased"]
    sums = counts.groupby(["customer_id", "category"])[["hits", "size"]].sum()
    realised = (2 * sums["hits"] / sums["size"].clip(lower=1)).unstack()
    expected = cuts.set_index(["customer_id", "category"])["expected_f1"].unstack()
    difference = (realised - expected).mean(axis=1).to_numpy()
    draws = difference[rng.integers(0, CONSUMERS, (4000, CONSUMERS))].mean(axis=1)
    assert row.realised_minus_expected_se == pytest.approx(draws.std(), rel=0.05)


def test_tables_of_different_runs_are_an_error(probabilities, candidates):
    with pytest.raises(InputError, match="no cut-off for 24 rows"):
        compare_cutoffs(probabilities, candidates.query("customer_id != 5"), "ratio")


def test_nothing_to_score_is_an_error(probabilities, candidates):
    for rows in (of(probabilities, split="next"), probabilities.assign(purchased=np.nan)):
        with pytest.raises(InputError, match="no labelled rows"):
            compare_cutoffs(rows, candidates, "ratio")


def test_the_plot_pairs_realised_with_expected(probabilities, candidates):
    comparison = compare_cutoffs(probabilities, candidates, "ratio")
    figure = plot_cutoff_comparison(comparison)
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles == ["All", BASKETS, POOLED, "Bakery", "Meat"]
    assert figure.axes[0].texts[0].get_text() == f"{2 * CONSUMERS} consumer-categories"
    assert figure.axes[1].texts[0].get_text() == f"{CONSUMERS} consumers"
    row = of(comparison, window=0, category="All", method="expected_f1").iloc[0]
    points = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert points[:2] == [row["expected_f1"], row["mean_f1"]]
    squares = [line.get_xdata()[0] for line in figure.axes[1].lines if line.get_marker() == "s"]
    assert row["mean_f1_baskets"] in squares
    figure.canvas.draw()


def test_hidden_categories_and_empty_tables_draw(probabilities, candidates):
    comparison = compare_cutoffs(probabilities, candidates, "ratio")
    figure = plot_cutoff_comparison(comparison[comparison["category"] != "Meat"])
    assert len(figure.axes) == 4
    (axis,) = plot_cutoff_comparison(comparison.iloc[:0]).axes
    assert "no cut-offs to compare" in axis.texts[0].get_text()
