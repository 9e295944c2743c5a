"""The experiment document's own figures, and what they say about its F1."""

import numpy as np
import pandas as pd
import pytest

from promo_kedro.pipelines.evaluation.brands.assessing.document import (
    DOCUMENT,
    EITHER,
    HARMONIC,
    MEDIAN,
    OURS,
    beside_ours,
    document_table,
    f1_reading,
)


def test_rows_of_bau_and_v1_are_harmonic_means_and_those_of_v2_are_not():
    table = document_table()
    readings = table.groupby("model", sort=False)["f1_reading"].agg(list).to_dict()
    assert readings == {
        "bau": [HARMONIC, HARMONIC],
        "varemb_v1": [HARMONIC, HARMONIC],
        "varemb_v2": [MEDIAN, MEDIAN, MEDIAN, EITHER],
    }


def test_the_harmonic_mean_is_printed_to_the_tenth_where_it_is_the_reading():
    rows = document_table().query("f1_reading == @HARMONIC")
    by_hand = 2 * rows["precision"] * rows["recall"] / (rows["precision"] + rows["recall"])
    np.testing.assert_allclose(rows["f1"], by_hand, atol=0.0011)
    v2 = document_table().query("f1_reading == @MEDIAN")
    assert (np.abs(v2["f1"] - v2["f1_harmonic"]) > 0.01).all()


def test_small_figures_cannot_tell():
    assert f1_reading(0.003, 0.004, 0.003) == EITHER
    assert f1_reading(0.5, 0.5, 0.5) == HARMONIC
    assert f1_reading(0.5, 0.5, 0.48) == MEDIAN


def test_theirs_stand_marked_beside_ours():
    figures = ("precision", "recall", "f1_median", "f1_harmonic")
    ours = {f"{level}_{name}": [0.3] for level in ("user", "item") for name in figures}
    experiment = pd.DataFrame({"run": ["bau"], "model": ["bau"], **ours})
    table = beside_ours(experiment)
    assert table.groupby("source").size().to_dict() == {DOCUMENT: 8, OURS: 2}
    theirs = table[table["source"] == DOCUMENT]
    # Each F1 of theirs stands under its own reading, once.
    readings = theirs[["f1_median", "f1_harmonic"]].notna().sum(axis=1)
    assert readings.to_list() == [1] * 7 + [0]
    bau = theirs.query("model == 'bau' and level == 'item'").iloc[0]
    assert (bau["precision"], bau["f1_harmonic"]) == pytest.approx((0.094, 0.151))
    assert table["precision"].between(0, 1).all()
