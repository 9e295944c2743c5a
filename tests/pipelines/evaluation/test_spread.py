import numpy as np
import pytest

from promo_kedro.pipelines.evaluation.spread import COLUMNS, spread_over_windows

ROWS = [
    {"window": 0, "category": "Meat", "f1": 0.2, "r2": 0.9},
    {"window": 0, "category": "All", "f1": 0.3, "r2": 0.8},
    {"window": 1, "category": "Meat", "f1": 0.4, "r2": None},
    {"window": 1, "category": "All", "f1": 0.3, "r2": None},
    {"window": 2, "category": "Meat", "f1": 0.9, "r2": None},
]


def test_by_hand():
    spread = spread_over_windows(ROWS)
    assert list(spread) == COLUMNS
    assert spread[["category", "metric"]].to_numpy().tolist() == [
        ["Meat", "f1"],
        ["Meat", "r2"],
        ["All", "f1"],
        ["All", "r2"],
    ]
    meat = spread.iloc[0]
    assert (meat["windows"], meat["lowest"], meat["highest"]) == (3, 0.2, 0.9)
    assert meat["mean"] == pytest.approx(0.5)
    assert meat["spread"] == pytest.approx(np.sqrt((0.3**2 + 0.1**2 + 0.4**2) / 2))
    assert spread.iloc[2]["spread"] == 0


def test_one_window_has_no_spread():
    row = spread_over_windows(ROWS).iloc[1]
    assert (row["windows"], row["mean"]) == (1, 0.9)
    assert np.isnan(row["spread"])
