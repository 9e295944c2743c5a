"""True purchase probabilities of the test rows, where the retailer is a simulated one."""

import logging
from datetime import date, timedelta
from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.comparison import TRUTH_OBSERVABLE, TRUTH_WHOLE
from promo_kedro.world import World, restore, restore_at

logger = logging.getLogger(__name__)

STEP = timedelta(days=14)
COLUMNS = [
    *("window", "customer_id", "item_id", "step", "category", "split", "purchased"),
    *("candidate", "probability"),
]


def no_truth() -> pd.DataFrame:
    """The table of true probabilities without rows."""
    return pd.DataFrame(columns=COLUMNS)


def true_probabilities(
    truth: dict[str, Any],
    probabilities: pd.DataFrame,
    calendar: pd.DataFrame,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """What was true of each test row, given the offers really made.

    The world is taken back to the start of each window's test step.

    Args:
        truth: What the dataset ``truth`` loads.
        probabilities: ``purchase_probabilities``, of which the test rows are answered.
        calendar: When each step was.
        draws: Random shocks over which the observable truth is averaged.
        seed: Their seed.

    Returns:
        Columns :data:`COLUMNS`; every row as candidate ``truth_observable`` (what can be known
        from observation) and ``truth_whole`` (everything known).
    """
    rows = probabilities[probabilities["split"] == "test"]
    starts = calendar[calendar["split"] == "test"].set_index(["window", "step"])["start_date"]
    tables = [
        _of_step(truth, of_step, pd.Timestamp(starts[place]).date(), draws, seed)
        for place, of_step in rows.groupby(["window", "step"])
    ]
    return pd.concat(tables, ignore_index=True) if tables else no_truth()


def steps_back(world: World, start: date) -> int | None:
    """How many steps of its past the world must forget to stand before the step of that day.

    None when no step of its past started then: the data's calendar is another one.
    """
    step, rest = divmod(start - world.first_day, STEP)
    return (
        world.parameters.steps - step if not rest and 1 <= step <= world.parameters.steps else None
    )


def _of_step(
    truth: dict[str, Any], rows: pd.DataFrame, start: date, draws: int, seed: int
) -> pd.DataFrame:
    back = steps_back(restore(truth), start)
    if back is None:
        logger.warning("The simulated retailer has no step that starts on %s: no truth", start)
        return no_truth()
    world, offers = restore_at(truth, back)
    place = (
        pd.Index(world.customer_ids).get_indexer(rows["customer_id"]),
        pd.Index(world.item_ids).get_indexer(rows["item_id"]),
    )
    answers = {
        TRUTH_OBSERVABLE: world.observable_purchase_probability(offers, draws, seed),
        TRUTH_WHOLE: world.purchase_probability(offers),
    }
    return pd.concat(
        [
            rows.assign(candidate=name, probability=matrix[place].astype(float))[COLUMNS]
            for name, matrix in answers.items()
        ]
    )
