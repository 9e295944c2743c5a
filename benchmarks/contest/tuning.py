"""Searches with the same budget of trials for LightGBM and for our network.

Both are judged by the deciders' validation step of the oldest window made; no test step is read.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
import yaml

from contest.project_runs import ProjectRun
from contest.window_data import WindowData, oldest_window, read_window
from promo_kedro.pipelines.modelling.parameters import ModellingParameters
from promo_kedro.pipelines.modelling.search import search_trees


def parameters_of(run: ProjectRun) -> ModellingParameters:
    """Return the parameters of the models that a run of the pipelines would take."""
    return ModellingParameters.model_validate(run.parameters()["modelling"])


def tuned_trees(run: ProjectRun, trials: int, seed: int) -> dict[str, Any]:
    """Return what LightGBM's search found, as a change of parameters."""
    parameters = parameters_of(run)
    data = read_window(run.data_dir, oldest_window(run.data_dir), parameters)
    limit = parameters.search.max_consumer_items
    best = search_trees(_sample(data, limit, seed), parameters, trials, seed)
    return {"modelling": {"trees": best.model_dump(mode="json")}}


def tuned_network(run: ProjectRun) -> dict[str, Any]:
    """Run the project's search and return what it found, as a change of parameters."""
    run.run("search")
    found = run.file("best_parameters").read_text()
    changes: dict[str, Any] = yaml.safe_load(found)
    return changes


def _sample(data: WindowData, count: int, seed: int):
    """Return the lesson of at most so many consumer-items, as many as the networks' search has."""
    lesson = data.lesson
    if len(lesson.inputs) <= count:
        return lesson
    drawn = np.random.default_rng(seed).choice(len(lesson.inputs), count, replace=False)
    rows = torch.from_numpy(np.sort(drawn))
    deciders = torch.from_numpy(np.flatnonzero(np.isin(rows.numpy(), lesson.deciders.numpy())))
    return replace(
        lesson,
        inputs=lesson.inputs.rows(rows),
        purchased=lesson.purchased[rows],
        counted=lesson.counted[rows],
        deciders=deciders,
    )
