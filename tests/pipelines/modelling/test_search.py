"""The search on a planted lesson: what it finds, what it keeps, and when it stops."""

import itertools
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
import torch
from kedro.config import OmegaConfigLoader
from sklearn.metrics import log_loss
from torch import nn

from promo_kedro.datasets import StudyDataset
from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling import trials as trials_module
from promo_kedro.pipelines.modelling.best_parameters import best_parameters
from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.parameters import ModellingParameters, Recipe
from promo_kedro.pipelines.modelling.search import search, search_trees
from promo_kedro.pipelines.modelling.search_space import RecipeSpace
from promo_kedro.pipelines.modelling.training import Lesson, fit_network, reproducible

STEPS = 9
CONF = Path(__file__).parents[3] / "conf"


class Line(nn.Module):
    """The planted truth's own form, starting at a probability of one half."""

    def __init__(self):
        super().__init__()
        self.line = nn.Linear(2, 1)
        nn.init.zeros_(self.line.weight)
        nn.init.zeros_(self.line.bias)

    def forward(self, inputs, last=None):
        return self.line(inputs.temporal_continuous[:, -(last or 10**6) :]).squeeze(-1)


def build(recipe):
    return Line()


@pytest.fixture(scope="module")
def lesson():
    """Purchases of logit 3·x − 1."""
    draws = np.random.default_rng(5)
    x = draws.normal(size=(400, STEPS, 2)).astype(np.float32)
    bought = draws.random((400, STEPS)) < 1 / (1 + np.exp(1 - 3 * x[:, :, 0]))
    nothing = torch.zeros((400, 0), dtype=torch.long)
    return Lesson(
        name="planted",
        inputs=Inputs(
            nothing,
            torch.zeros((400, STEPS, 0), dtype=torch.long),
            nothing.float(),
            torch.tensor(x),
        ),
        purchased=torch.tensor(bought, dtype=torch.float32),
        counted=torch.ones((400, STEPS - 1)),
        deciders=torch.arange(0, 400, 2),
        training_steps=STEPS - 1,
        validation_step=STEPS - 1,
        history=1,
    )


def settings(**search):
    """Start where nothing can be learned; search where much can."""
    return ModellingParameters.model_validate(
        {
            "training": {
                "learning_rate": 1e-9,
                "min_learning_rate": 1e-9,
                "max_epochs": 6,
                "batch_size": 64,
                "min_batches": 4,
            },
            "compute": {"accelerator": "cpu", "threads": 1, "tree_threads": 1},
            "search": {
                "trials": 8,
                "startup_trials": 3,
                "warmup_epochs": 0,
                "learning_rate": [1e-9, 0.3],
                "max_epochs": [3, 6],
                **search,
            },
        }
    )


def journal(folder):
    return StudyDataset(str(folder / "study.log")).load()


def without_seconds(result):
    return result.trials.drop(columns="seconds")


@pytest.fixture(scope="module")
def uninterrupted(lesson, tmp_path_factory):
    return search(lesson, build, settings(), journal(tmp_path_factory.mktemp("whole")), seed=3)


def test_it_finds_where_something_can_be_learned(lesson, uninterrupted):
    found = uninterrupted
    assert found.start_loss == pytest.approx(np.log(2), abs=1e-3)
    assert found.best.training.learning_rate > 1e-4
    assert found.best_loss < found.start_loss - 0.05
    complete = found.trials[found.trials["state"] == "complete"]
    assert found.best_loss == complete["value"].min()
    best = complete.loc[complete["value"].idxmin()]
    assert best["learning_rate"] == found.best.training.learning_rate
    assert best["dense_units"] == ", ".join(map(str, found.best.network.dense_units))


def test_the_loss_is_scikit_learns_on_the_deciders(lesson, uninterrupted):
    compute = settings().compute
    with reproducible(3, compute):
        network = Line()
        fit_network(network, lesson, uninterrupted.best.training, compute)
    with torch.inference_mode():
        chance = torch.sigmoid(network(lesson.inputs, last=1)[:, 0]).numpy().astype(float)
    bought = lesson.purchased[:, -1].numpy()
    expected = log_loss(bought[::2], chance[::2])
    assert uninterrupted.best_loss == pytest.approx(expected, rel=1e-5)


def test_hopeless_trials_are_stopped_early(uninterrupted):
    trials = uninterrupted.trials
    assert list(trials["number"]) == list(range(8))
    stopped = trials[trials["state"] == "stopped early"]
    assert len(stopped) > 0
    assert (stopped["number"] >= 3).all()
    assert (stopped["epochs"] <= stopped["max_epochs"]).all()
    assert (stopped["value"] > uninterrupted.best_loss).all()


def test_every_hyperparameter_of_the_paper_has_a_column(uninterrupted):
    searched = {"optimizer", "scheduler", "averaging", "learning_rate", "weight_decay"}
    searched |= {"max_epochs", "batch_size", "channels", "kernel_size", "dilations"}
    searched |= {"embedding_size", "dropout", "dense_units"}
    measured = {"number", "state", "value", "seconds", "epochs"}
    assert set(uninterrupted.trials.columns) == searched | measured


def test_the_whole_space_is_asked():
    parameters = settings()
    network = parameters.network.model_copy(update={"kernel_size": 4, "dense_units": [50, 64]})
    space = RecipeSpace(parameters.search, Recipe(network=network, training=parameters.training))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    asked = [space.ask(study.ask()) for _ in range(300)]
    seen = pd.DataFrame([space.columns(recipe) for recipe in asked])
    for name, expected in {
        "optimizer": {"adam", "rmsprop"},
        "scheduler": {"plateau", "cyclic"},
        "averaging": {"none", "swa", "best_checkpoints"},
        "batch_size": {64, 128, 256},
        "channels": {32, 48, 64},
        "kernel_size": {2, 3, 4, 5},
        "dilations": {"1, 2", "1, 2, 4", "1, 2, 4, 8"},
        "embedding_size": {4, 8, 16},
        "max_epochs": {3, 4, 5, 6},
    }.items():
        assert set(seen[name]) == expected
    assert {len(recipe.network.dense_units) for recipe in asked} == {1, 2, 3, 4}
    assert {unit for recipe in asked for unit in recipe.network.dense_units} == {32, 50, 64, 128}
    for name, (low, high) in {
        "learning_rate": (1e-9, 0.3),
        "weight_decay": (1e-6, 1e-2),
        "dropout": (0.0, 0.4),
    }.items():
        assert seen[name].between(low, high).all()
    # Uniform on the logarithm: the middle of the range is the geometric mean of its ends.
    assert np.log10(seen["weight_decay"]).mean() == pytest.approx(-4, abs=0.2)
    assert seen["dropout"].mean() == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("in_training", [False, True])
@pytest.mark.parametrize("dies_in", [0, 3, 6])
def test_a_killed_search_ends_as_if_it_had_not_been(
    lesson, uninterrupted, tmp_path, dies_in, in_training
):
    asked = itertools.count()

    def dying(recipe):
        network = build(recipe)
        if next(asked) == dies_in:
            if not in_training:
                raise KeyboardInterrupt
            network.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(MemoryError))
        return network

    with pytest.raises((KeyboardInterrupt, MemoryError)):
        search(lesson, dying, settings(), journal(tmp_path), seed=3)
    trained = []
    resumed = search(
        lesson, lambda r: trained.append(r) or build(r), settings(), journal(tmp_path), seed=3
    )
    assert len(trained) == 8 - dies_in
    assert without_seconds(resumed).equals(without_seconds(uninterrupted))
    assert resumed.best == uninterrupted.best


def test_more_trials_go_on_from_those_made(lesson, uninterrupted, tmp_path):
    search(lesson, build, settings(trials=2), journal(tmp_path), seed=3)
    more = search(lesson, build, settings(), journal(tmp_path), seed=3)
    assert without_seconds(more).equals(without_seconds(uninterrupted))


def test_the_minutes_end_it_and_more_minutes_go_on(lesson, uninterrupted, tmp_path, monkeypatch):
    clock = itertools.count()
    minute = {"now": 0.0}
    monkeypatch.setattr(trials_module, "monotonic", lambda: minute["now"])

    def slow(recipe):
        minute["now"] += 60.0
        next(clock)
        return build(recipe)

    short = search(lesson, slow, settings(minutes=2.5), journal(tmp_path), seed=3)
    assert len(short.trials) == 2
    assert next(clock) == 3  # the third trial's minute passed the end: it was put off
    again = search(lesson, slow, settings(minutes=2.5), journal(tmp_path), seed=3)
    assert without_seconds(again).equals(without_seconds(short))
    longer = search(lesson, slow, settings(minutes=60), journal(tmp_path), seed=3)
    assert without_seconds(longer).equals(without_seconds(uninterrupted))


def test_the_first_trial_is_never_cut_short(lesson, tmp_path):
    found = search(lesson, build, settings(minutes=1e-9), journal(tmp_path), seed=3)
    assert list(found.trials["state"]) == ["complete"]
    assert found.best == found.start


def test_the_seed_decides(lesson, uninterrupted, tmp_path):
    same = search(lesson, build, settings(), journal(tmp_path), seed=3)
    assert without_seconds(same).equals(without_seconds(uninterrupted))
    other = search(lesson, build, settings(trials=3), journal(tmp_path), seed=4)
    assert not set(other.trials["weight_decay"][1:]) & set(same.trials["weight_decay"][1:])


def test_other_data_or_another_space_start_anew(lesson, tmp_path, caplog):
    first = search(lesson, build, settings(trials=2), journal(tmp_path), seed=3)
    purchased = lesson.purchased.clone()
    purchased[0, 0] = 1 - purchased[0, 0]
    with caplog.at_level(logging.INFO):
        other = search(
            replace(lesson, purchased=purchased), build, settings(trials=1), journal(tmp_path), 3
        )
    assert "starting anew" in caplog.text
    assert len(other.trials) == 1
    wider = search(lesson, build, settings(trials=1, dropout=[0, 0.5]), journal(tmp_path), seed=3)
    assert len({first.study, other.study, wider.study}) == 3
    kept = search(lesson, build, settings(trials=2), journal(tmp_path), seed=3)
    assert kept.trials.equals(first.trials)


def test_labels_of_those_who_do_not_decide_are_not_seen(lesson, tmp_path):
    purchased = lesson.purchased.clone()
    purchased[1::2, -1] = 1 - purchased[1::2, -1]
    blind = replace(lesson, purchased=purchased)
    found = [
        search(each, build, settings(trials=4), journal(tmp_path), seed=3)
        for each in (lesson, blind)
    ]
    assert without_seconds(found[0]).equals(without_seconds(found[1]))


def test_the_present_recipe_is_tried_as_it_is_wherever_it_lies(lesson, tmp_path):
    parameters = settings(trials=3)
    outside = parameters.model_copy(
        update={
            "network": parameters.network.model_copy(
                update={"dense_units": [7, 7, 7, 7, 7], "dilations": [1, 6], "dropout": 0.9}
            ),
            "training": parameters.training.model_copy(
                update={"weight_decay": 0.0, "max_epochs": 2, "batch_size": 77}
            ),
        }
    )
    tried = []
    found = search(
        lesson, lambda r: tried.append(r) or build(r), outside, journal(tmp_path), seed=3
    )
    assert tried[0] == found.start == Recipe(network=outside.network, training=outside.training)
    assert all(3 <= recipe.training.max_epochs <= 6 for recipe in tried[1:])
    assert all(len(recipe.network.dense_units) <= 4 for recipe in tried[1:])
    assert found.trials["dense_units"][0] == "7, 7, 7, 7, 7"


def test_a_recipe_that_cannot_be_trained_is_a_failed_trial(lesson, tmp_path):
    asked = itertools.count()

    def wild(recipe):
        if next(asked) in (0, 2):
            raise InputError("the training loss is not finite any more")
        return build(recipe)

    found = search(lesson, wild, settings(trials=4), journal(tmp_path), seed=3)
    assert list(found.trials["state"] == "failed") == [True, False, True, False]
    assert np.isnan(found.start_loss)
    assert "could not be trained" in best_parameters(found, "abc")


def test_where_nothing_can_be_trained_it_says_so(lesson, tmp_path):
    def wild(recipe):
        raise InputError("too wild")

    with pytest.raises(InputError, match=r"none of 3 trials could be trained.*too wild"):
        search(lesson, wild, settings(trials=3), journal(tmp_path), seed=3)


def test_deciders_of_one_kind_cannot_judge(lesson, tmp_path):
    purchased = lesson.purchased.clone()
    purchased[::2, -1] = 0
    with pytest.raises(InputError, match="200 consumer-items that judge hold 0 purchases"):
        search(replace(lesson, purchased=purchased), build, settings(), journal(tmp_path), seed=3)


def test_progress_is_told(lesson, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        search(lesson, build, settings(trials=2), journal(tmp_path), seed=3)
    told = [line for line in caplog.messages if line.startswith("search: trial")]
    assert len(told) == 2
    assert told[0].startswith("search: trial 1 of at most 2, log loss 0.693")
    assert "best so far" in told[1]
    assert "minutes left" in told[1]


def test_the_file_loads_as_parameters_and_is_the_best_recipe(uninterrupted, tmp_path):
    text = best_parameters(uninterrupted, "0123abcd")
    head = text[: text.index("modelling:\n")]
    assert all(line.startswith("#") for line in head.strip().splitlines())
    for said in ("8 trials", f"{uninterrupted.best_loss:.5f}", "0123abcd", "conf/local"):
        assert said in head
    assert "# was 1.0e-09" in text
    shutil.copytree(CONF / "base", tmp_path / "base")
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "parameters.yml").write_text(text)
    loader = OmegaConfigLoader(
        conf_source=str(tmp_path),
        base_env="base",
        default_run_env="local",
        merge_strategy={"parameters": "soft"},
    )
    loaded = loader["parameters"]["modelling"]
    assert {"offer_grid", "compute"} <= set(loaded)  # of conf/base; merged, not replaced
    merged = ModellingParameters.model_validate(loaded)
    assert Recipe(network=merged.network, training=merged.training) == uninterrupted.best


def test_trees_are_searched_alike(lesson):
    bad = {"rounds": 20, "leaves": 2, "learning_rate": 1e-4, "min_rows_in_leaf": 1500}
    parameters = settings().model_copy(update={"trees": settings().trees.model_copy(update=bad)})
    found = search_trees(lesson, parameters, trials=6, seed=3)
    assert found.learning_rate > 1e-3
    assert found.rounds == 20
    assert found == search_trees(lesson, parameters, trials=6, seed=3)
    assert search_trees(lesson, parameters, trials=1, seed=3) == parameters.trees
