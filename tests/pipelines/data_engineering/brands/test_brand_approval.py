"""Approving brands anew for models that were trained with another list."""

import logging

import pandas as pd

from promo_kedro.pipelines.data_engineering.brands.brand_list import approve_anew

LISTED = pd.DataFrame({"position": [0, 1, 2], "brand": ["a", "b", "c"], "approved": True})


def test_without_a_list_all_stays():
    pd.testing.assert_frame_equal(approve_anew(LISTED, None), LISTED)


def test_the_list_of_today_decides_and_what_models_do_not_know_is_said(caplog):
    with caplog.at_level(logging.INFO):
        renewed = approve_anew(LISTED, ["c", "new"])
    assert renewed["approved"].tolist() == [False, False, True]
    assert renewed["brand"].tolist() == ["a", "b", "c"]
    assert "1 brand of the models" in caplog.text
    assert "'new'" in caplog.text
