"""The winner against the others; the document's own uplift table from its own figures."""

import logging

import pandas as pd
import pytest

from promo_kedro.pipelines.evaluation.brands.assessing.uplift import (
    COLUMNS,
    uplift_of_document,
    uplift_over_runs,
    uplift_text,
)
from promo_kedro.pipelines.evaluation.brands.assessing.winner import choose_winner
from promo_kedro.pipelines.evaluation.brands.parameters import BrandAssessmentParameters

# As printed: points and percent of precision, recall and F1; the whole points are printed so.
PRINTED = {
    ("BAU", "user"): [("20.50", 51), ("-6.60", -9), ("9.70", 19)],
    ("BAU", "item"): [("5.30", 56), ("-17.00", -44), ("1", 6)],
    ("VarEmb V1", "user"): [("4.40", 8), ("10.70", 20), ("6.30", 12)],
    ("VarEmb V1", "item"): [("10.30", 234), ("14.10", 193), ("11", 191)],
}


@pytest.mark.parametrize(("name", "level"), PRINTED)
def test_the_documents_uplift_follows_from_its_tables(name, level):
    rows = uplift_of_document().set_index(["name", "level"])
    assert len(rows) == 4
    row = rows.loc[(name, level)]
    for figure, (points, percent) in zip(
        ("precision", "recall", "f1_median"), PRINTED[name, level], strict=True
    ):
        # Whole points are rounded from a half upwards.
        rounding = 0.501 if "." not in points else 1e-9
        assert row[f"{figure}_points"] == pytest.approx(float(points), abs=rounding)
        assert round(row[f"{figure}_percent"]) == percent


def test_text_is_written_as_in_the_document():
    row = uplift_of_document().set_index(["name", "level"]).loc[("BAU", "user")]
    assert row["f1_median_text"] == "9.7 (19 %)"
    assert row["recall_text"] == "−6.6 (−9 %)"


def test_nothing_cannot_be_exceeded_by_percent():
    assert uplift_text(3.0, float("nan")) == "3.0 (–)"
    assert uplift_text(float("nan"), float("nan")) == "–"


def _rows(f1_by_run, sample):
    return pd.DataFrame(
        [
            {
                **{"sample": sample, "run": run, "sizing": sizing, "level": level},
                **{"stratum": stratum, "precision": f1, "recall": f1},
                **{"f1_median": f1 if sizing == "prevalence" else 0.9, "f1_harmonic": f1},
                "f1_mean": f1,
            }
            for run, levels in f1_by_run.items()
            for level, f1 in zip(("user", "item"), levels, strict=True)
            for sizing in ("prevalence", "fixed")
            for stratum in ("all", "head")
        ]
    )


@pytest.fixture
def assessment():
    """On the validation sample v2 is best; on the sample reported on, v1 is."""
    validation = {"bau": (0.3, 0.1), "v1": (0.4, 0.0), "v2": (0.4, 0.2)}
    reported = {"bau": (0.3, 0.1), "v1": (0.9, 0.9), "v2": (0.36, 0.0)}
    return pd.concat([_rows(validation, "validation"), _rows(reported, "out_of_training")])


def test_our_uplift_by_hand(assessment):
    errors = [
        {"name": "bau", "level": "user", "f1_mean_se": 0.04},
        {"name": "bau", "level": "item", "f1_mean_se": 0.04},
        {"name": "v1", "level": "user", "f1_mean_se": None},
    ]
    table = uplift_over_runs(assessment, "v2", "prevalence", errors)
    assert list(table) == COLUMNS
    row = table.set_index(["name", "level"]).loc[("bau", "user")]
    assert row["f1_median_points"] == pytest.approx(6.0)
    assert row["f1_median_percent"] == pytest.approx(20.0)
    assert row["f1_mean_points"] == pytest.approx(6.0)
    assert row["f1_mean_text"] == "6.0 (20 %)"
    assert row["f1_mean_se"] == pytest.approx(4.0)
    chance = table.set_index(["name", "level"])["within_chance"]
    assert chance["bau", "user"]  # 6 points are fewer than 2 × 4
    assert not chance["bau", "item"]  # −10 are not
    assert chance["v1"].isna().all()
    assert set(table["name"]) == {"bau", "v1"}


def test_the_winner_is_chosen_without_the_sample_that_is_reported(assessment, caplog):
    parameters = BrandAssessmentParameters(in_use="v2")
    assert choose_winner(assessment, parameters) == "v2"
    assert "another" not in caplog.text


def test_equals_are_ordered_by_name_and_cannot_be_told_apart(assessment, caplog):
    same = assessment.assign(f1_median=0.5, f1_mean=0.5)
    assert choose_winner(same, BrandAssessmentParameters(in_use="v1")) == "bau"
    assert "All runs score the same" in caplog.text


def test_another_run_in_use_is_told(assessment, caplog):
    with caplog.at_level(logging.INFO):
        winner = choose_winner(assessment, BrandAssessmentParameters(in_use="v1"))
    assert winner != "v1"
    assert "run in use is another: v1" in caplog.text


def test_equal_medians_are_told_apart_by_the_mean(assessment):
    by_median = BrandAssessmentParameters(in_use="v1", winner_by="f1_median")
    assert choose_winner(assessment.assign(f1_median=0.0), by_median) == "v2"
