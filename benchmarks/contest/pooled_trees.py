"""LightGBM over all categories at once: on some data a stronger rival than one per category."""

import time

from contest.calibrated import calibrated
from contest.memory import MemoryWatch
from contest.window_data import WindowData, scored_steps
from promo_kedro.pipelines.modelling.parameters import ModellingParameters
from promo_kedro.pipelines.modelling.trees import fit_trees
from promo_kedro.types import Array

NAME = "lightgbm_pooled"


def fit_pooled_trees(
    data: WindowData, parameters: ModellingParameters, threads: int, seed: int
) -> tuple[Array, dict[str, float]]:
    """Fit on all consumer-items of a window.

    Returns:
        Calibrated probabilities of the test step, and costs.
    """
    steps = scored_steps(data.items)
    with MemoryWatch() as watch:
        started = time.perf_counter()
        trees = fit_trees(data.lesson, parameters.trees, threads, seed)
        spent = time.perf_counter() - started
    logit = trees.logits(data.inputs.steps(0, steps[-1] + 1), len(steps))
    probability = calibrated(logit, data, parameters.calibration)
    costs = {
        "fit_seconds": spent,
        "series_per_second": len(data.items) / spent,
        "peak_gb": watch.peak_gb - watch.start_gb,
    }
    return probability, costs
