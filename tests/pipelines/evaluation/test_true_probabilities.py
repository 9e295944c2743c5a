"""True probabilities of the test rows, on a small simulated retailer."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from promo_kedro.pipelines.evaluation import nodes
from promo_kedro.pipelines.evaluation.truth import COLUMNS, no_truth, steps_back, true_probabilities
from promo_kedro.schemas import TrueProbabilities
from promo_kedro.world import SimulationParameters, restore, restore_at, simulate
from promo_kedro.world.truth import end_state, sealed

STEPS = 39


@pytest.fixture(scope="module")
def history():
    return simulate(SimulationParameters(consumers=300, items=120, weeks=2 * STEPS), 3)


@pytest.fixture(scope="module")
def truth(history):
    return sealed(end_state(history), "abc")


@pytest.fixture(scope="module")
def calendar(history):
    """Steps numbered as the data's, which may have lost the oldest ones of the simulation."""
    first = history.market.first_day
    return pd.DataFrame(
        [
            {
                "window": window,
                "step": STEPS - 3 - window,
                "start_date": first + timedelta(days=14 * (STEPS - 1 - window)),
                "end_date": first + timedelta(days=14 * (STEPS - window) - 1),
                "split": "test",
            }
            for window in (0, 1)
        ]
    )


@pytest.fixture(scope="module")
def probabilities(history):
    """All pairs ever bought; what happened stands in the receipts."""
    lines = history.chunks[0].lines
    step = lines.week.astype(int) // 2
    pairs = pd.DataFrame({"customer_id": lines.consumer + 1, "item_id": lines.item + 1})
    bought = pd.concat([pairs, pd.Series(step, name="lived")], axis=1).drop_duplicates()
    parts = []
    for window in (0, 1):
        now = bought[bought["lived"] == STEPS - 1 - window].assign(purchased=1.0)
        before = bought[bought["lived"] < STEPS - 1 - window]
        rows = before[["customer_id", "item_id"]].drop_duplicates()
        rows = rows.merge(
            now[["customer_id", "item_id", "purchased"]], on=["customer_id", "item_id"], how="left"
        ).fillna({"purchased": 0.0})
        parts.append(
            rows.assign(window=window, step=STEPS - 3 - window, category="x", split="test")
        )
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def told(truth, probabilities, calendar):
    return true_probabilities(truth, probabilities, calendar, draws=15, seed=1)


def test_every_row_is_answered_twice(told, probabilities):
    TrueProbabilities.validate(told)
    assert list(told) == COLUMNS
    assert told.groupby("candidate").size().to_dict() == {
        "truth_observable": len(probabilities),
        "truth_whole": len(probabilities),
    }


@pytest.mark.parametrize("window", [0, 1])
def test_the_more_is_known_the_lower_the_loss_on_what_happened(told, window):
    rows = told[told["window"] == window]
    losses = {
        name: log_loss(group["purchased"], group["probability"].clip(1e-9, 1 - 1e-9))
        for name, group in rows.groupby("candidate")
    }
    share = rows["purchased"].mean()
    prevalence = log_loss(rows["purchased"], np.full(len(rows), share))
    assert losses["truth_whole"] < losses["truth_observable"] < 0.97 * prevalence


def test_each_window_is_asked_of_its_own_world(told, truth):
    world, offers = restore_at(truth, 2)
    matrix = world.purchase_probability(offers)
    row = told.query("window == 1 and candidate == 'truth_whole'").iloc[100]
    assert row["probability"] == pytest.approx(matrix[row["customer_id"] - 1, row["item_id"] - 1])


def test_steps_are_found_by_their_day(truth):
    world = restore(truth)
    first = world.first_day
    assert steps_back(world, first + timedelta(days=14 * (STEPS - 1))) == 1
    assert steps_back(world, first + timedelta(days=14)) == STEPS - 1
    assert steps_back(world, first) is None  # nothing came before it
    assert steps_back(world, first + timedelta(days=14 * STEPS + 14)) is None
    assert steps_back(world, first + timedelta(days=15)) is None


def test_another_calendar_has_no_truth(truth, probabilities, calendar, caplog):
    late = calendar.assign(start_date=[day + timedelta(days=3) for day in calendar["start_date"]])
    assert true_probabilities(truth, probabilities, late, draws=2, seed=1).empty
    assert "no truth" in caplog.text


@pytest.mark.parametrize("known", [False, True])
def test_without_the_truth_of_these_files_nothing_is_said(
    truth, probabilities, calendar, evaluation_parameters, known
):
    other = {"raw_data_hash": "another"}
    told = nodes.ask_the_truth(
        truth if known else None, probabilities, calendar, other, evaluation_parameters, 1
    )
    assert told.equals(no_truth())
