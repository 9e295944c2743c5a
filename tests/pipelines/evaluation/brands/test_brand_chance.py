"""The error of a difference of means against scipy's, and against drawing consumers anew."""

import numpy as np
import pytest
from scipy.stats import ttest_rel

from promo_kedro.pipelines.evaluation.brands.assessing.chance import errors_against, paired_error


def test_of_those_scored_in_both_it_is_the_paired_error():
    rng = np.random.default_rng(1)
    ours, theirs = rng.random((2, 300))
    theirs = 0.7 * ours + 0.3 * theirs
    ours[:50] = theirs[:50] = np.nan
    test = ttest_rel(ours, theirs, nan_policy="omit")
    difference = np.nanmean(ours) - np.nanmean(theirs)
    assert paired_error(ours, theirs) == pytest.approx(difference / test.statistic)
    unpaired = np.sqrt((np.nanvar(ours) + np.nanvar(theirs)) / 250)
    assert paired_error(ours, theirs) < 0.8 * unpaired


def test_of_those_scored_in_one_alone_it_is_what_drawing_anew_gives():
    rng = np.random.default_rng(2)
    ours, theirs = rng.random((2, 400))
    theirs = 0.5 * ours + 0.5 * theirs
    ours[rng.random(400) < 0.2] = np.nan
    theirs[rng.random(400) < 0.3] = np.nan
    rows = rng.integers(0, 400, (4000, 400))
    drawn = np.nanmean(ours[rows], axis=1) - np.nanmean(theirs[rows], axis=1)
    assert paired_error(ours, theirs) == pytest.approx(drawn.std(), rel=0.05)


def test_equals_have_no_error_and_one_alone_has_none_known():
    f1 = np.array([0.2, 0.4, 0.9, np.nan], dtype=np.float32)
    assert paired_error(f1, f1) == 0.0
    assert paired_error(f1[:1], f1[:1]) is None
    assert paired_error(f1, np.full(4, np.nan)) is None


def test_every_other_run_is_held_against_the_winner():
    f1 = {
        run: {"user": np.array([0.1, 0.5, 0.3]) * k, "item": np.array([np.nan, k])}
        for k, run in enumerate(["bau", "v1", "v2"], start=1)
    }
    rows = errors_against(f1, "v2")
    assert [(row["name"], row["level"]) for row in rows] == [
        ("bau", "user"),
        ("bau", "item"),
        ("v1", "user"),
        ("v1", "item"),
    ]
    assert rows[0]["f1_mean_se"] == pytest.approx(2 * 0.2 / np.sqrt(3))
    assert rows[1]["f1_mean_se"] is None
    assert errors_against(f1, "another") == []
