from datetime import date, timedelta

import ibis
from hypothesis import given, settings
from hypothesis import strategies as st

from promo_kedro.pipelines.data_engineering.steps import (
    count_whole_steps,
    dates_of_step,
    step_of,
)

DAYS = st.dates(date(1990, 1, 1), date(2030, 1, 1))


@given(DAYS, st.integers(0, 400))
@settings(max_examples=10, deadline=None)
def test_steps_agree_with_their_dates(first, length):
    end = first + timedelta(days=length)
    n_steps = count_whole_steps(first, end)
    days = [first + timedelta(days=offset) for offset in range(length + 15)]
    table = ibis.memtable({"day": days}, schema={"day": "date"})
    found = table.order_by("day").select(step=step_of(table.day, end, n_steps))
    starts = {step: dates_of_step(step, end, n_steps) for step in range(n_steps + 2)}
    assert (found.step.to_pyarrow().to_pylist()) == [
        next((step for step, (low, high) in starts.items() if low <= day <= high), -1)
        for day in days
    ]
    assert n_steps == 0 or (starts[0][0] - first).days in range(14)
    assert starts.get(n_steps - 1, (None, end))[1] == end


def test_whole_steps():
    assert count_whole_steps(date(2013, 1, 1), date(2013, 1, 13)) == 0
    assert count_whole_steps(date(2013, 1, 1), date(2013, 1, 14)) == 1
    assert count_whole_steps(date(2013, 1, 2), date(2013, 1, 1)) == 0
