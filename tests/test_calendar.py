"""The step that offers are made for."""

import pandas as pd
import pytest

from promo_kedro.calendar import next_step_of
from promo_kedro.errors import InputError

CALENDAR = pd.DataFrame(
    {
        "window": 0,
        "step": [8, 9, 10],
        "start_date": pd.date_range("2026-01-01", periods=3, freq="14D"),
        "end_date": pd.date_range("2026-01-14", periods=3, freq="14D"),
        "split": ["validation", "test", "next"],
    }
)


def test_it_is_the_one_marked_next():
    found = next_step_of(CALENDAR.sample(frac=1, random_state=0))
    assert found.step == 10
    assert (found.start_date, found.end_date) == (
        pd.Timestamp("2026-01-29"),
        pd.Timestamp("2026-02-11"),
    )


@pytest.mark.parametrize("rows", [[0, 1], [0, 1, 2, 2]])
def test_none_or_two_are_refused(rows):
    with pytest.raises(InputError, match=f"{rows.count(2)} rows with split 'next'"):
        next_step_of(CALENDAR.iloc[rows])
