"""Snapshots by hand: what is past to one, and what it foretells."""

import logging
from datetime import date, timedelta

import pytest

from promo_kedro.errors import InputError
from promo_kedro.pipelines.data_engineering.brands.parameters import BrandDataParameters
from promo_kedro.pipelines.data_engineering.brands.snapshots import (
    snapshots_of,
    steps_before,
    steps_foretold,
)
from promo_kedro.schemas import BrandSnapshots

END = date(2013, 7, 3)


def test_training_ends_before_the_test_and_the_test_before_next():
    parameters = BrandDataParameters(training_snapshots=6, history_steps=26)
    snapshots = BrandSnapshots.validate(snapshots_of(END, 39, parameters))
    assert list(snapshots["snapshot"]) == [32, 33, 34, 35, 36, 37, 38, 39]
    assert list(snapshots["use"]) == ["train"] * 6 + ["test", "next"]
    assert list(snapshots["history_from"]) == [6, 7, 8, 9, 10, 11, 12, 13]
    test, following = snapshots.iloc[-2], snapshots.iloc[-1]
    assert (test["first_day"], test["last_day"]) == ("2013-06-20", "2013-07-03")
    assert (following["first_day"], following["last_day"]) == ("2013-07-04", "2013-07-17")


@pytest.mark.parametrize("horizon", [1, 2, 3])
def test_no_step_is_foretold_twice_nor_past_to_its_own_snapshot(horizon):
    parameters = BrandDataParameters(horizon_steps=horizon, training_snapshots=4)
    snapshots = snapshots_of(END, 30, parameters)
    foretold = steps_foretold(snapshots, horizon).to_pandas()
    assert not foretold["step"].duplicated().any()
    assert sorted(foretold["step"]) == list(range(30 - 5 * horizon, 30))
    assert (foretold["step"] >= foretold["snapshot"]).all()
    assert "next" not in set(snapshots.set_index("snapshot").loc[foretold["snapshot"], "use"])
    past = steps_before(snapshots).to_pandas()
    assert (past["step"] < past["snapshot"]).all()
    assert past["steps_ago"].min() == 1
    assert past.loc[past["in_year"], "steps_ago"].max() == 26
    days = snapshots[["first_day", "last_day"]].map(date.fromisoformat)
    assert set(days["last_day"] - days["first_day"]) == {timedelta(days=14 * horizon - 1)}


def test_history_starts_with_the_data_where_they_are_short():
    snapshots = snapshots_of(END, 26, BrandDataParameters(training_snapshots=6))
    assert list(snapshots["history_from"]) == [0] * 8
    assert list(snapshots["snapshot"]) == [19, 20, 21, 22, 23, 24, 25, 26]


def test_snapshots_that_the_data_cannot_fill_are_not_made_and_that_is_said(caplog):
    with caplog.at_level(logging.WARNING):
        snapshots = snapshots_of(END, 9, BrandDataParameters(training_snapshots=6))
    assert list(snapshots["snapshot"]) == [6, 7, 8, 9]
    assert "2 of the 6 training snapshots" in caplog.text


def test_data_too_short_for_any_snapshot_are_refused_with_what_to_set():
    with pytest.raises(InputError, match=r"7 whole 14-day steps.*needs 8.*min_history_steps"):
        snapshots_of(END, 7, BrandDataParameters())


def test_a_quarter_longer_than_the_history_is_refused():
    with pytest.raises(ValueError, match="must not become shorter"):
        BrandDataParameters(quarter_steps=27, history_steps=26)
