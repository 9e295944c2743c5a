"""Hyperparameter search (§3.1.4): which network, and which way of training it, predicts best.

What is judged is the log loss of the deciders on the validation step of the lesson given: of the
oldest window made, so that the windows reported later were not searched on. The test step is not
in a lesson at all.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.parameters import ModellingParameters, Recipe, TreesParameters
from promo_kedro.pipelines.modelling.search_space import RecipeSpace, TreesSpace
from promo_kedro.pipelines.modelling.training import Lesson, fit_network, reproducible
from promo_kedro.pipelines.modelling.trials import OnEpoch, Search, run_trials, trials_table, tried

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        start, best: The recipe in force and the best one; the same where none was better.
        start_loss, best_loss: Their log losses; NaN where the recipe in force could not be trained.
        trials: One row per trial, see :func:`~.trials.trials_table`.
        study: Name of the study in its journal.
        judged: Consumer-items that judged.
    """

    start: Recipe
    best: Recipe
    start_loss: float
    best_loss: float
    trials: pd.DataFrame
    study: str
    judged: int


def search(
    lesson: Lesson,
    build_network: Callable[[Recipe], nn.Module],
    parameters: ModellingParameters,
    storage: Any,
    seed: int,
) -> SearchResult:
    """Search for a better recipe than ``parameters.network`` and ``parameters.training``.

    Every trial trains one network from the same seed, so that trials differ by their recipes.

    Args:
        lesson: What networks learn from; its deciders judge.
        build_network: Makes an untrained network of a recipe.
        parameters: Where to start, the space and the budget.
        storage: An Optuna storage; a search of the same data, space and seed is taken up in it.
        seed: Where draws and networks start.

    Raises:
        InputError: The deciders' validation step cannot judge, or no recipe could be trained.
    """
    _refuse_one_class(lesson)
    start = Recipe(network=parameters.network, training=parameters.training)
    # Recipes differ in how far they look back; every one is judged with all there is.
    whole = replace(lesson, history=lesson.validation_step + 1)
    compute = parameters.compute

    def judge(recipe: Recipe, on_epoch: OnEpoch) -> float:
        with reproducible(seed, compute):
            network = build_network(recipe)
            # There is no pooled network here whose weights could be a candidate.
            training = recipe.training.model_copy(update={"start": "scratch"})
            fit_network(network, whole, training, compute, on_epoch=on_epoch)
            network.cpu().eval()
            return _log_loss(_logits(network, whole, compute.prediction_batch_size), whole)

    space = RecipeSpace(parameters.search, start)
    settings = {
        "start": start.model_dump(mode="json"),
        "space": parameters.search.model_dump(mode="json", exclude={"trials", "minutes"}),
        "precision": compute.precision,
    }
    name = f"recipes-{_fingerprint(lesson, settings, seed)}"
    _say_when_new(storage, name)
    study = run_trials(Search(name, space, judge, parameters.search, seed), storage)
    trials = trials_table(study, space, Recipe)
    return SearchResult(
        start=start,
        best=tried(study.best_trial, Recipe),
        start_loss=float(trials["value"].iloc[0]),
        best_loss=study.best_value,
        trials=trials,
        study=name,
        judged=len(lesson.deciders),
    )


def search_trees(
    lesson: Lesson, parameters: ModellingParameters, trials: int, seed: int
) -> TreesParameters:
    """Search for better LightGBM parameters than ``parameters.trees``, judged as networks are.

    The study is kept in memory: it is for comparing both at the same budget of trials.

    Raises:
        InputError: The deciders' validation step cannot judge.
    """
    from optuna.storages import InMemoryStorage

    from promo_kedro.pipelines.modelling.trees import fit_trees

    _refuse_one_class(lesson)
    threads = parameters.compute.tree_threads
    deciders = lesson.inputs.steps(0, lesson.validation_step + 1).rows(lesson.deciders)

    def judge(trees: TreesParameters, on_epoch: OnEpoch) -> float:
        fitted = fit_trees(lesson, trees, threads, seed)
        return _log_loss(torch.from_numpy(np.asarray(fitted.logits(deciders, 1))[:, 0]), lesson)

    budget = parameters.search.model_copy(update={"trials": trials, "minutes": None})
    space = TreesSpace(parameters.trees)
    study = run_trials(Search("trees", space, judge, budget, seed), InMemoryStorage())
    best: TreesParameters = tried(study.best_trial, TreesParameters)
    return best


def _refuse_one_class(lesson: Lesson) -> None:
    bought = lesson.purchased[lesson.deciders, lesson.validation_step]
    if bought.unique().numel() < 2:
        raise InputError(
            f"search: the {len(bought)} consumer-items that judge hold {int(bought.sum())} "
            "purchases in the validation step; both buying and not buying are needed. Raise "
            "`modelling.search.max_consumer_items`."
        )


def _logits(network: nn.Module, lesson: Lesson, batch_size: int) -> Tensor:
    """Return the deciders' logits of the validation step, on the CPU."""
    seen = lesson.inputs.steps(0, lesson.validation_step + 1)
    with torch.inference_mode():
        batches = [
            network(seen.rows(rows), last=1)[:, 0] for rows in lesson.deciders.split(batch_size)
        ]
    return torch.cat(batches)


def _log_loss(logits: Tensor, lesson: Lesson) -> float:
    """Mean log loss of the deciders in the validation step (Eq. 2)."""
    bought = lesson.purchased[lesson.deciders, lesson.validation_step]
    loss = float(binary_cross_entropy_with_logits(logits.double(), bought.double()))
    if not np.isfinite(loss):
        raise InputError("the validation loss is not finite")
    return loss


def _fingerprint(lesson: Lesson, settings: dict[str, Any], seed: int) -> str:
    """Return the same text for the same data, settings and seed, and another for any other."""
    digest = hashlib.sha256(json.dumps([settings, seed], sort_keys=True).encode())
    inputs = vars(lesson.inputs).values()
    for tensor in (*inputs, lesson.purchased, lesson.counted, lesson.deciders):
        array = tensor.contiguous().numpy()
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array)
    return digest.hexdigest()[:12]


def _say_when_new(storage: Any, name: str) -> None:
    from optuna import get_all_study_names

    known = get_all_study_names(storage)
    if known and name not in known:
        logger.info(
            "search: what was searched before (%s) had other data, another space, start or seed; "
            "starting anew as %s",
            known[-1],
            name,
        )
