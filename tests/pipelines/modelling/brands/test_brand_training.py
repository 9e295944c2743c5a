"""Training: a planted world is learnt, and an interruption changes nothing."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from brand_tables import BRANDS, brand_list, encoder_of, favourites
from sklearn.metrics import log_loss, precision_recall_fscore_support

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs
from promo_kedro.pipelines.modelling.brands.lesson import Lesson
from promo_kedro.pipelines.modelling.brands.losses import make_loss
from promo_kedro.pipelines.modelling.brands.parameters import (
    BrandNetworkParameters,
    BrandTrainingParameters,
    RunParameters,
)
from promo_kedro.pipelines.modelling.brands.training import Judge, fit_varemb
from promo_kedro.pipelines.modelling.brands.varemb import VarEmbModel

TABLES = favourites(600, seed=1)
ENCODER = encoder_of(TABLES)
TRAINING = TABLES.encoded(ENCODER)
BRAND_LIST = brand_list().assign(prevalence=TRAINING.bought_matrix(BRANDS).mean(0).numpy())
JUDGED = favourites(400, seed=2)
VALIDATION = JUDGED.encoded(ENCODER)
NO_SHIFT = torch.zeros(BRANDS)
RECORD = {
    "epoch",
    "train_loss",
    "validation_loss",
    "precision",
    "recall",
    "f1",
    "learning_rate",
    "seconds",
}


@dataclass
class Machine:
    threads: int | None = 1
    accelerator: Any = "cpu"
    precision: Any = "32-true"


class Notebook:
    """Keeps a copy of every state, as a file would."""

    def __init__(self, start: dict[str, Any] | None = None, stop_after: int = 10**6) -> None:
        self.state, self.stop_after, self.saves = start, stop_after, 0

    def load(self) -> dict[str, Any] | None:
        return self.state

    def save(self, state: dict[str, Any]) -> None:
        self.state, self.saves = _copied(state), self.saves + 1
        if self.saves == self.stop_after:
            raise KeyboardInterrupt


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_copied, value))
    return value.clone() if isinstance(value, torch.Tensor) else value


def fit(
    model: str = "varemb_v2",
    training: BrandInputs = TRAINING,
    seed: int = 5,
    progress: Notebook | None = None,
    loss: dict[str, Any] | None = None,
    **changes: Any,
) -> tuple[VarEmbModel, list[dict[str, Any]]]:
    run = RunParameters.model_validate({"model": model, "loss": loss or {}})
    network = BrandNetworkParameters.model_validate(
        {"embedding_size": 8, "consumer_size": 16, "hidden_units": [16]}
        | {name: changes.pop(name) for name in ("bottleneck", "dropout") if name in changes}
    )
    recipe = BrandTrainingParameters.model_validate(
        {"batch_size": 32, "max_epochs": 4, "learning_rate": 0.01} | changes
    )
    weights, prevalence = torch.ones(BRANDS), torch.full((BRANDS,), 0.05)
    lesson = Lesson(
        training=training,
        validation=VALIDATION,
        brand_list=BRAND_LIST,
        encoder=ENCODER,
        run=run,
        network=network,
        recipe=recipe,
        loss=make_loss(run.loss, weights, prevalence),
        prior_shift=NO_SHIFT,
        machine=Machine(),
        seed=seed,
    )
    return fit_varemb(lesson, progress)


def without_time(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in one.items() if key != "seconds"} for one in history]


def assert_same_weights(one: VarEmbModel, other: VarEmbModel) -> None:
    mine, theirs = one.network.state_dict(), other.network.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize(("model", "share"), [("varemb_v1", 0.6), ("varemb_v2", 0.97)])
def test_the_favourite_comes_first(model: str, share: float) -> None:
    """Only the version that knows how often a brand was bought can tell the favourite."""
    fitted, _ = fit(model, max_epochs=25)
    fresh = favourites(400, seed=3)
    inputs = fresh.encoded(ENCODER)
    known = inputs.tenure.numpy() > 0
    best = fitted.scores(inputs).argmax(1).numpy()
    found = (best == fresh.favourite)[known].mean()
    assert found > share
    if model == "varemb_v2":
        probability = fitted.logit(fitted.scores(inputs)).sigmoid().numpy()
        own = probability[np.arange(400), fresh.favourite]
        assert abs(own[known].mean() - 0.6) < 0.1
        assert own[~known].max() < 0.2


@pytest.mark.parametrize("loss", ["focal", "asymmetric", "logit_adjusted"])
def test_probabilities_come_back_from_other_losses(loss: str) -> None:
    fitted, history = fit(loss={"name": loss}, max_epochs=10)
    assert history[-1]["f1"] > 0.5
    probability = fitted.logit(fitted.scores(VALIDATION)).sigmoid().numpy()
    known = VALIDATION.tenure.numpy() > 0
    own = probability[np.arange(400), JUDGED.favourite][known]
    assert abs(own.mean() - 0.6) < 0.1


@pytest.mark.parametrize("model", ["varemb_v1", "varemb_v2"])
@pytest.mark.parametrize("loss", ["bce", "weighted", "focal", "asymmetric", "logit_adjusted"])
def test_training_starts_from_the_prior_whatever_the_loss(loss: str, model: str) -> None:
    fitted, _ = fit(model, loss={"name": loss}, max_epochs=1, learning_rate=1e-12)
    probability = fitted.logit(fitted.scores(VALIDATION)).sigmoid().mean(0)
    assert torch.allclose(probability, TRAINING.bought_matrix(BRANDS).mean(0), rtol=0.15)


@pytest.mark.parametrize("stop_after", [1, 3])
def test_a_resumed_training_equals_an_uninterrupted_one(stop_after: int) -> None:
    model, history = fit(bottleneck="gaussian", max_epochs=5)
    notebook = Notebook(stop_after=stop_after)
    with pytest.raises(KeyboardInterrupt):
        fit(bottleneck="gaussian", max_epochs=5, progress=notebook)
    again = Notebook(notebook.state)
    resumed, told = fit(bottleneck="gaussian", max_epochs=5, progress=again)
    assert again.saves == len(history) - stop_after
    assert_same_weights(resumed, model)
    assert without_time(told) == without_time(history)


def test_a_finished_training_is_not_taken_up_again() -> None:
    notebook = Notebook()
    model, history = fit(progress=notebook)
    done = Notebook(notebook.state)
    again, told = fit(progress=done)
    assert done.saves == 0
    assert told == history
    assert_same_weights(again, model)


def test_a_seed_leads_to_the_same_weights_and_leaves_no_trace() -> None:
    threads = torch.get_num_threads()
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    one, _ = fit(max_epochs=2)
    assert torch.equal(torch.rand(3), expected)
    other, _ = fit(max_epochs=2)
    third, _ = fit(max_epochs=2, seed=6)
    assert_same_weights(one, other)
    assert not torch.equal(one.network.brand.weight, third.network.brand.weight)
    assert torch.get_num_threads() == threads


def test_the_weights_kept_are_those_of_the_best_epoch() -> None:
    model, history = fit(max_epochs=30, stop_patience=2, learning_rate=0.05)
    losses = [record["validation_loss"] for record in history]
    assert all(set(record) == RECORD for record in history)
    assert len(history) < 30
    assert len(history) - 1 - int(np.argmin(losses)) == 2
    probability = model.logit(model.scores(VALIDATION)).double().sigmoid().numpy()
    bought = VALIDATION.bought_matrix(BRANDS).numpy()
    got = log_loss(bought.ravel(), probability.ravel(), labels=[0, 1])
    assert got == pytest.approx(min(losses), abs=2e-5)


def test_audiences_are_judged_as_sklearn_does() -> None:
    brands = brand_list().assign(
        prevalence=np.linspace(0.02, 0.2, BRANDS), approved=np.arange(BRANDS) % 3 > 0
    )
    judge = Judge(VALIDATION, brands, NO_SHIFT)
    logit = torch.randn(400, BRANDS, generator=torch.Generator().manual_seed(1))
    judged = judge.judge(logit)
    chosen = np.zeros((400, BRANDS), dtype=int)
    for brand, prevalence in enumerate(brands["prevalence"]):
        chosen[np.argsort(-logit[:, brand].numpy())[: round(prevalence * 400)], brand] = 1
    approved = brands["approved"].to_numpy()
    precision, recall, f1, _ = precision_recall_fscore_support(
        VALIDATION.bought_matrix(BRANDS).numpy()[:, approved].ravel(),
        chosen[:, approved].ravel(),
        average="binary",
    )
    assert judged[1:] == pytest.approx((precision, recall, f1))


def test_resampled_rows_are_judged_at_the_true_prevalence() -> None:
    """Scores that stand for the training rows' prevalence are perfect but for the shift."""
    buyers = TRAINING.bought_matrix(BRANDS).any(1).nonzero().flatten()
    doubled = TRAINING.rows(torch.cat([torch.arange(600), buyers, buyers]))
    after = torch.logit(doubled.bought_matrix(BRANDS).mean(0)).expand(400, -1)
    before = torch.logit(TRAINING.bought_matrix(BRANDS).mean(0)).expand(400, -1)
    shifted = Judge(VALIDATION, BRAND_LIST, (before - after)[0]).judge(after)
    plain = Judge(VALIDATION, BRAND_LIST, NO_SHIFT).judge(before)
    assert shifted.log_loss == pytest.approx(plain.log_loss, rel=1e-5)


def test_bad_input_is_refused_in_words() -> None:
    nobody = TRAINING.rows(torch.empty(0, dtype=torch.int64))
    with pytest.raises(InputError, match="no consumer trains"):
        fit(training=nobody)
    with pytest.raises(InputError, match="cannot train"):
        fit(training=replace(TRAINING, bought=None))
    with pytest.raises(InputError, match="lower"):
        fit(learning_rate=1e30)
