"""The benchmark's verdicts and scores, on cells small enough to work out by hand."""

import numpy as np
import pandas as pd
import pytest
from contest.cells import complete
from contest.goals import goals, goals_table
from contest.scores import scored

from promo_kedro.pipelines.thresholding.parameters import ThresholdingParameters

KEYS = ["window", "category", "customer_id", "item_id", "step"]


def cells(**losses: list[float]) -> pd.DataFrame:
    """One cell per place in the lists, the same data and seed."""
    rows = [
        {"data": "simulated", "seed": 1, "window": window, "candidate": name, "log_loss": loss}
        for name, of_cells in losses.items()
        for window, loss in enumerate(of_cells)
    ]
    better = {"skill_truth": 0.4, "ece": 0.008, "f1_of_truth": 0.96, "f1_of_whole": 0.9}
    return pd.DataFrame(rows).assign(**better)


def judged(scores: pd.DataFrame, scale: pd.DataFrame | None = None, trials: int = 8) -> dict:
    return {goal.what: goal for goal in goals(scores, "ours", None, None, scale, trials)}


def of(found: dict, *words: str):
    (goal,) = [goal for what, goal in found.items() if all(word in what for word in words)]
    return goal


@pytest.fixture
def scores() -> pd.DataFrame:
    return cells(
        stack_with_lightgbm=[0.18, 0.19, 0.21],
        ours=[0.22, 0.22, 0.22],
        lightgbm=[0.3, 0.3, 0.3],
        lightgbm_pooled=[0.2, 0.2, 0.2],
    )


def test_gains_are_over_the_better_lightgbm_with_their_standard_error(scores):
    goal = of(judged(scores), "stack_with_lightgbm", "lightgbm_pooled", "mean gain")
    # Gains 10, 5 and -5 %: mean 10/3, variance (400 + 25 + 625) / 9 / 2, over 3 cells.
    error = np.sqrt(((20 / 3) ** 2 + (5 / 3) ** 2 + (25 / 3) ** 2) / 2 / 3)
    assert goal.measured == f"3.33 ± {error:.2f} % over 3 cells"
    assert goal.met


def test_two_cells_won_of_three_are_too_few(scores):
    goal = of(judged(scores), "cells where it is lower")
    assert (goal.measured, bool(goal.met)) == ("67% of 3 cells", False)


def test_the_network_alone_misses(scores):
    goal = of(judged(scores), "alone (ours)")
    assert goal.measured.startswith("-10.00 ± 0.00 %")
    assert not goal.met


def test_one_cell_has_no_standard_error():
    found = judged(cells(stack_with_lightgbm=[0.19], lightgbm=[0.2]))
    assert of(found, "stack", "mean gain").measured == "5.00 % over 1 cell"


@pytest.mark.parametrize(("trials", "said"), [(0, True), (8, False)])
def test_goals_against_lightgbm_say_when_nothing_was_tuned(scores, trials, said):
    found = judged(scores, trials=trials)
    assert [", untuned" in what for what in found if "log loss" in what] == 3 * [said]


def test_quality_goals_are_judged_and_f1_names_both_truths(scores):
    found = judged(scores)
    assert not of(found, "skill_truth").met
    assert of(found, "calibration error").met
    f1 = of(found, "truth_observable's")
    assert f1.met
    assert f1.measured == "96.0% (96.0% to 96.0%); to truth_whole's 90.0%"


def test_nothing_is_judged_without_measurements():
    nothing = cells(stack=[0.2]).head(0)
    table = goals_table(goals(nothing, "ours", None, None, None, 0))
    assert set(table[""]) == {"not measured"}
    assert set(table["measured"]) == {""}


def scale(sizes: list[int], cost: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "consumer_items": sizes,
            "read_us_each": 0.0,
            "train_us_each": cost,
            "score_us_each": 0.0,
            "train_peak_gb": [0.5] * len(sizes),
            "score_peak_gb": [0.4] * len(sizes),
            "read_peak_gb": [3.5] * len(sizes),
        }
    )


def test_a_million_is_judged_against_the_cheapest_smaller_size(scores):
    found = judged(scores, scale([10_000, 100_000, 1_000_000], [9.0, 4.0, 6.0]))
    cost = of(found, "cost per consumer-item")
    assert (cost.measured, cost.met) == ("1.50 ×", False)
    assert of(found, "training and scoring").met
    assert of(found, "of reading").met is False


def test_fewer_than_a_million_tell_nothing_about_scale(scores):
    found = judged(scores, scale([10_000, 100_000], [9.0, 4.0]))
    assert {of(found, word).met for word in ("cost per", "and scoring", "of reading")} == {None}


def test_a_candidate_that_lacks_rows_is_left_out_aloud(capsys):
    table = pd.DataFrame({"purchased": [0, 1], "whole": [0.1, 0.2], "half": [0.3, np.nan]})
    assert [*complete(table)] == ["purchased", "whole"]
    assert "half: no answer for 1 of 2 rows" in capsys.readouterr().out


@pytest.fixture
def rows() -> pd.DataFrame:
    """Two consumers with two items in a category; the second one bought nothing."""
    table = pd.DataFrame(
        {
            "window": 0,
            "category": "Tea",
            "customer_id": [1, 1, 2, 2],
            "item_id": [1, 2, 1, 2],
            "step": 5,
            "purchased": np.array([1, 0, 0, 0], dtype="int8"),
            "in_use": [0.6, 0.1, 0.1, 0.1],
            "personal_frequency": [0.25, 0.25, 0.25, 0.25],
            "truth_observable": [0.9, 0.1, 0.1, 0.1],
        }
    )
    return table.set_index(KEYS)


def test_scores_worked_out_by_hand(rows):
    table = scored(rows, ThresholdingParameters(min_items=1))
    assert [*table["category"].unique()] == ["Tea", "All"]
    found = table[table["category"] == "All"].set_index("candidate")
    rest = -3 * np.log(0.9)
    loss = {
        "in_use": (rest - np.log(0.6)) / 4,
        "personal_frequency": (-np.log(0.25) - 3 * np.log(0.75)) / 4,
        "truth_observable": (rest - np.log(0.9)) / 4,
    }
    frequency, truth = loss["personal_frequency"], loss["truth_observable"]
    for name, expected in loss.items():
        assert found.loc[name, "log_loss"] == pytest.approx(expected)
        skill = (frequency - expected) / (frequency - truth)
        assert found.loc[name, "skill_truth"] == pytest.approx(skill)
    # The first consumer's one purchase is chosen alone where it stands out, else with the other
    # item: F1 1 and 2/3.
    f1 = found["f1_consumers"].to_dict()
    assert f1 == pytest.approx({"in_use": 1, "personal_frequency": 2 / 3, "truth_observable": 1})
    assert found.loc["personal_frequency", "f1_of_truth"] == pytest.approx(2 / 3)
    assert found["f1_of_whole"].isna().all()


def test_few_items_are_cut_over_all_categories(rows):
    """By itself an item of 10 % is chosen; beside the consumer's likelier items it is not."""
    alone = rows.xs(1, level="customer_id", drop_level=False).reset_index()
    alone = alone.assign(category=["Tea", "Jam"], purchased=1).set_index(KEYS)
    by_category, over_all = (
        scored(alone, ThresholdingParameters(min_items=few)).set_index(["category", "candidate"])
        for few in (1, 2)
    )
    assert by_category.loc[("Jam", "in_use"), "f1_consumers"] == 1
    assert over_all.loc[("Jam", "in_use"), "f1_consumers"] == 0
