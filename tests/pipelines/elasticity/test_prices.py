"""What a purchase is worth: the latest unit price × the usual quantity."""

import ibis
import pandas as pd
import pytest

from promo_kedro.errors import InputError
from promo_kedro.pipelines.elasticity.nodes import price_purchases

LINES = pd.DataFrame(
    [
        (1, 10, "2020-01-01", 0, 1, 2.00),
        (1, 10, "2020-01-09", 0, 2, 2.00),  # the same step: one purchase of three
        (1, 10, "2020-02-01", 2, 1, 2.50),
        (2, 10, "2020-03-01", 4, 5, 3.00),  # the item's last day: prices 3.00 and 3.10
        (3, 10, "2020-03-01", 4, 1, 3.10),
        (2, 11, "2019-12-25", -1, 9, 7.00),  # before the first whole step
        (2, 11, "2020-01-20", 1, 1, 7.00),
    ],
    columns=["customer_id", "item_id", "date", "step", "quantity", "list_price"],
).assign(date=lambda lines: pd.to_datetime(lines["date"]))


def prices(pairs, lines=LINES):
    relevant = pd.DataFrame(pairs, columns=["window", "customer_id", "item_id"])
    found = price_purchases(ibis.memtable(relevant), ibis.memtable(lines))
    return found.set_index(["customer_id", "item_id"])


def test_price_is_the_latest_unit_price_times_the_mean_quantity_per_purchase():
    found = prices([(0, 1, 10), (0, 2, 10), (0, 2, 11), (1, 3, 10)])
    assert tuple(found.loc[(1, 10)]) == (3.05, 2.0, 6.1)
    assert tuple(found.loc[(2, 10)]) == (3.05, 5.0, 15.25)
    assert tuple(found.loc[(2, 11)]) == (7.0, 1.0, 7.0)
    assert len(found) == 3


def test_a_consumer_item_that_was_never_bought_has_no_price():
    with pytest.raises(InputError, match="no purchase of 1 of 2 rows"):
        prices([(0, 1, 10), (0, 1, 11)])


def test_the_order_of_lines_does_not_matter():
    pairs = [(0, 1, 10), (0, 2, 11)]
    pd.testing.assert_frame_equal(prices(pairs, LINES[::-1]), prices(pairs))
