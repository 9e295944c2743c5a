"""Windows of 14-day steps, counted back from the end of the data."""

import logging
from datetime import date, timedelta

import pandas as pd
import pytest

from promo_kedro.errors import InputError
from promo_kedro.pipelines.data_engineering.history import next_step, panel_steps
from promo_kedro.pipelines.data_engineering.panel.calendar import sliding_windows
from promo_kedro.pipelines.data_engineering.panel.nodes import build_calendar
from promo_kedro.pipelines.data_engineering.parameters import (
    DataEngineeringParameters,
    LagWindow,
    PanelParameters,
)

END = date(2013, 7, 3)


def test_the_last_window_ends_with_the_data_and_next_follows():
    calendar = sliding_windows(END, 39, PanelParameters())
    assert list(calendar["step"]) == list(range(13, 40))
    assert list(calendar["split"]) == ["train"] * 24 + ["validation", "test", "next"]
    last = calendar.set_index("split").loc["test"]
    assert last["start_date"] == pd.Timestamp(2013, 6, 20)
    assert last["end_date"] == pd.Timestamp(END)
    assert calendar.iloc[-1]["start_date"] == pd.Timestamp(2013, 7, 4)
    assert calendar.iloc[0]["start_date"] == pd.Timestamp(END + timedelta(days=1 - 26 * 14))


def test_each_further_window_ends_one_step_earlier_and_has_no_next():
    calendar = sliding_windows(END, 39, PanelParameters(windows=3))
    for window in (1, 2):
        of_window = calendar[calendar["window"] == window]
        assert list(of_window["step"]) == list(range(13 - window, 39 - window))
        assert "next" not in set(of_window["split"])
    assert calendar.groupby("step")["start_date"].nunique().eq(1).all()


def test_windows_that_the_data_cannot_fill_are_not_made_and_that_is_said(caplog):
    with caplog.at_level(logging.WARNING):
        calendar = sliding_windows(END, 27, PanelParameters(windows=5))
    assert set(calendar["window"]) == {0, 1}
    assert "2 of the 5 windows" in caplog.text


def test_fewer_steps_than_a_window_are_refused_with_what_to_set():
    with pytest.raises(InputError, match=r"25 whole 14-day steps.*needs 26.*training_steps by 1"):
        sliding_windows(END, 25, PanelParameters())


def test_the_calendar_is_the_one_that_was_measured_when_the_data_were_accepted():
    manifest = {"calendar": {"calendar_end": END.isoformat(), "n_steps": 39}}
    calendar = build_calendar(manifest, DataEngineeringParameters())
    pd.testing.assert_frame_equal(calendar, sliding_windows(END, 39, PanelParameters()))


def test_the_panel_reaches_back_before_the_oldest_window_where_the_data_do():
    calendar = sliding_windows(END, 39, PanelParameters(windows=2))
    assert panel_steps(calendar, 5) == range(7, 40)
    assert panel_steps(calendar, 13) == range(40)
    assert next_step(calendar) == 39


def test_two_lag_windows_of_one_length_are_refused():
    lag = LagWindow(steps=4, statistics=["mean"])
    with pytest.raises(ValueError, match="lag_windows repeat"):
        PanelParameters(lag_windows=[lag, lag])
