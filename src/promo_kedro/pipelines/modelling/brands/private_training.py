"""VarEmb trained so that no single consumer can change it by much: DP-SGD (Abadi et al., 2016).

What is private: the network's weights, at (ε, δ) per training consumer, present or not. Only the
latest training snapshot is learnt from, one row per consumer, since protecting somebody with
several rows would need noise for all of them together. Each step takes every consumer with the
same chance, clips each one's gradient, and adds noise; the biases start at noisy counts of buyers.

What is not: the list of brands, the levels and vocabularies of the features, and the training
losses that are told, all of which are plain statistics of the training consumers; and validation
consumers, who calibrate. Nor does training stop early or keep its best epoch: that would be learnt
from them. It keeps no progress either: an interrupted run starts over.

Who is in which step and the noise are drawn from the system's own secrets, since whoever knew a
seed could take the noise off again. So no run can be repeated, and training once more on the same
consumers spends ε once more. ``repeatable`` gives that up: for tests and studies.
"""

import logging
import secrets
from math import isfinite
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.nn.functional import binary_cross_entropy_with_logits

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs
from promo_kedro.pipelines.modelling.brands.latest_snapshot import latest_rows
from promo_kedro.pipelines.modelling.brands.lesson import Lesson
from promo_kedro.pipelines.modelling.brands.losses import BrandLoss
from promo_kedro.pipelines.modelling.brands.padded_varemb import PaddedVarEmb, padded
from promo_kedro.pipelines.modelling.brands.parameters import (
    PrivateParameters,
)
from promo_kedro.pipelines.modelling.brands.privacy_budget import PrivacyBudget, load_opacus
from promo_kedro.pipelines.modelling.brands.training import LARGEST_LOGIT, Judge
from promo_kedro.pipelines.modelling.brands.varemb import (
    Sizes,
    VarEmb,
    VarEmbModel,
    build_varemb,
    first_scores,
)
from promo_kedro.pipelines.modelling.parameters import ComputeParameters
from promo_kedro.pipelines.modelling.training import reproducible

logger = logging.getLogger(__name__)

COUNTED_UP_TO = 3.0
"""Length of a consumer's purchases when buyers are counted: more than 9 brands count for less."""

_ROWS_AT_ONCE = 64  # a gradient of the whole network for each
_FEWEST_BUYERS = 0.5


def fit_private_varemb(lesson: Lesson) -> tuple[VarEmbModel, list[dict[str, Any]]]:
    """Train one VarEmb within the ε of ``run.private``, on the CPU.

    Args:
        lesson: As for ``fit_varemb``, but for what follows. Rows before the latest snapshot are not
            read; of the recipe only the size of a batch is, to be expected; and those who validate
            choose nothing. ``run.private`` says ε, δ, clip (of the gradient of a consumer's loss
            summed over brands), epochs and learning rate. The seed is of starting weights and
            dropout, which no consumer has a part in; of all else only if ``repeatable``.

    Returns:
        What ``fit_varemb`` returns; records tell ``epsilon``, spent up to the epoch's end.

    Raises:
        InputError: opacus is not installed; a consumer has several rows, as after resampling;
            a loss is not finite.
    """
    run, network, loss = lesson.run, lesson.network, lesson.loss
    private = run.private
    if private is None:
        raise ValueError("this run is not private")
    load_opacus()
    draws = _source_of_chance(private, lesson.seed)
    once = one_row_each(lesson.training)
    compute = ComputeParameters(
        accelerator="cpu", precision="32-true", threads=lesson.machine.threads
    )
    with reproducible(lesson.seed, compute):
        rate = min(1.0, lesson.recipe.batch_size / len(once))
        budget = PrivacyBudget.for_target(private, rate, private.epochs * _steps(rate))
        _tell_budget(private, budget, len(once))
        sizes = Sizes.of(lesson.encoder)
        prevalence = noisy_prevalence(once, sizes.brands, budget.counting_noise, draws)
        module = build_varemb(run.model, sizes, network, first_scores(loss, prevalence))
        model = VarEmbModel(run.model, sizes, network, module, run.loss, loss)
        weight = network.bottleneck_weight
        course = PrivateCourse(
            module, once, loss, weight, budget, private.clip, private.learning_rate, draws
        )
        judge = Judge(lesson.validation, lesson.brand_list, lesson.prior_shift)
        history = [
            _epoch(course, model, judge, epoch, private.epochs)
            for epoch in range(1, private.epochs + 1)
        ]
    module.eval()
    return model, history


def _source_of_chance(private: PrivateParameters, seed: int) -> np.random.Generator:
    """Return what draws consumers and noise; torch would keep no more than 32 bits of a seed."""
    if not private.repeatable:
        return np.random.default_rng(secrets.randbits(256))
    logger.warning(
        "Brands, privately: the noise is drawn from the seed (`private.repeatable`), so ε does not "
        "hold towards anyone who has the seed or this model's card."
    )
    return np.random.default_rng(seed)


def _steps(rate: float) -> int:
    """Return the steps of an epoch: a consumer is in one of them, on average."""
    return max(1, round(1 / rate))


def _epoch(
    course: "PrivateCourse", model: VarEmbModel, judge: Judge, epoch: int, epochs: int
) -> dict[str, Any]:
    """Train one epoch, judge it, and tell of it."""
    started, steps = perf_counter(), _steps(course.budget.sample_rate)
    train_loss = course.train(steps)
    judged = judge.judge(model.logit(model.scores(judge.inputs)))
    if not isfinite(judged.log_loss):
        raise InputError(
            "brands: the loss is not finite any more; lower `private.learning_rate` of this run."
        )
    spent = course.budget.spent(epoch * steps)
    logger.info(
        "Brands, privately: epoch %d of %d, ε %.2f spent, log loss %.5f in validation, F1 %.3f",
        epoch,
        epochs,
        spent,
        judged.log_loss,
        judged.f1,
    )
    return {
        "epoch": epoch,
        "train_loss": train_loss,
        "validation_loss": judged.log_loss,
        "precision": judged.precision,
        "recall": judged.recall,
        "f1": judged.f1,
        "learning_rate": course.learning_rate,
        "seconds": perf_counter() - started,
        "epsilon": spent,
    }


class PrivateCourse:
    """A network and what its next step depends on."""

    def __init__(
        self,
        network: VarEmb,
        training: BrandInputs,
        loss: BrandLoss,
        bottleneck_weight: float,
        budget: PrivacyBudget,
        clip: float,
        learning_rate: float,
        draws: np.random.Generator,
    ):
        self.network, self.training, self.loss = network, training, loss
        self.bottleneck_weight, self.learning_rate = bottleneck_weight, learning_rate
        self.budget, self.draws = budget, draws
        self.padded = PaddedVarEmb(network)
        self.optimizer = load_opacus().optimizers.DPOptimizer(
            torch.optim.Adam(network.parameters(), lr=learning_rate),
            noise_multiplier=budget.training_noise,
            max_grad_norm=clip,
            # Of a step that may have any number of consumers: its true size would tell.
            expected_batch_size=budget.sample_rate * len(training),
        )
        self.optimizer.add_noise = self._add_noise

    def train(self, steps: int) -> float:
        """Take some steps; return the mean log loss on the way, NaN where nobody was drawn."""
        self.network.train()
        losses = [loss for _ in range(steps) for loss in self._step()]
        return float(torch.cat(losses).mean()) if losses else float("nan")

    def _step(self) -> list[Tensor]:
        """Take a step on consumers drawn independently; return their log losses."""
        chance = self.draws.random(len(self.training))
        drawn = torch.from_numpy(np.flatnonzero(chance < self.budget.sample_rate))
        parts = drawn.split(_ROWS_AT_ONCE)
        losses = []
        for number, rows in enumerate(parts, start=1):
            gradients, found = self.gradients(rows)
            for name, weight in self.network.named_parameters():
                weight.grad_sample = gradients[name]  # type: ignore[attr-defined]
            # Of all parts but the last only the clipped gradients are added up.
            self.optimizer.signal_skip_step(do_skip=number < len(parts))
            self.optimizer.step()
            self.optimizer.zero_grad()
            losses.append(found)
        return losses if len(drawn) else []

    def _add_noise(self) -> None:
        """Do what the optimizer's own method does, from another source of chance."""
        spread = self.optimizer.noise_multiplier * self.optimizer.max_grad_norm
        for weight in self.optimizer.params:
            total = weight.summed_grad
            noise = spread * torch.as_tensor(self.draws.standard_normal(total.shape))
            weight.grad = (total + noise.to(total)).view_as(weight)

    def gradients(self, rows: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Return each consumer's own gradient, and its log loss.

        Args:
            rows: (k,) of the training rows, none too.

        Returns:
            By weight, (k, *its shape); and (k,) mean over brands.
        """
        weights = {name: weight.detach() for name, weight in self.network.named_parameters()}
        if not len(rows):
            none = {name: weight.new_zeros((0, *weight.shape)) for name, weight in weights.items()}
            return none, torch.empty(0)
        batch = self.training.rows(rows)
        bought = batch.bought_matrix(self.network.brand.out_features)
        columns = padded(batch)
        dims = (None, 0, *[0] * len(columns))
        of_each = vmap(grad(self._taught, has_aux=True), in_dims=dims, randomness="different")
        gradients, scores = of_each(weights, bought, *columns)
        with torch.no_grad():
            held = self.loss.logit(scores).clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
            losses = binary_cross_entropy_with_logits(held, bought, reduction="none")
        return gradients, losses.mean(dim=1)

    def _taught(self, weights: dict[str, Tensor], bought: Tensor, *columns: Tensor) -> Any:
        """Return a consumer's loss, summed over brands so that clips mean the same for any list."""
        named = {f"network.{name}": weight for name, weight in weights.items()}
        scores, divergence = functional_call(self.padded, named, columns)
        mean = self.loss.mean(scores[None], bought[None])
        return len(scores) * (mean + self.bottleneck_weight * divergence), scores


def one_row_each(training: BrandInputs) -> BrandInputs:
    """Return the rows of the latest snapshot.

    Raises:
        InputError: A consumer is there several times.
    """
    rows = latest_rows(training)
    if len(set(rows.customer_id.tolist())) < len(rows):
        raise InputError(
            "brands: a private run takes each consumer once; set its `resampling` to none."
        )
    return rows


def noisy_prevalence(
    training: BrandInputs, brands: int, noise: float, draws: np.random.Generator
) -> Tensor:
    """Return (brands,) shares of consumers who bought, from counts with noise.

    A consumer who bought k brands counts 1 for each, or COUNTED_UP_TO/√k if that is less: so
    nobody changes the counts by more than COUNTED_UP_TO in length. Their number is public.

    Args:
        training: One row per consumer.
        brands: Number of brands.
        noise: Standard deviation of the noise, in units of COUNTED_UP_TO.
        draws: Draws it.
    """
    if training.bought is None:
        raise InputError("brands: snapshots without purchases to foretell cannot train.")
    row, brand = training.bought.unbind(1)
    bought = torch.bincount(row, minlength=len(training)).double()
    weight = (COUNTED_UP_TO / bought.clamp(min=1).sqrt()).clamp(max=1.0)
    counts = torch.bincount(brand, weights=weight[row], minlength=brands)
    counts = counts + noise * COUNTED_UP_TO * torch.from_numpy(draws.standard_normal(brands))
    return counts.clamp(_FEWEST_BUYERS, len(training) - _FEWEST_BUYERS) / len(training)


def _tell_budget(private: PrivateParameters, budget: PrivacyBudget, consumers: int) -> None:
    logger.info(
        "Brands, privately: %s consumers, each in %.1f %% of %d steps; noise %.2f on their "
        "gradients and %.2f on counts of buyers keep ε at %.3g (δ %.0e).",
        f"{consumers:,}",
        100 * budget.sample_rate,
        budget.steps,
        budget.training_noise,
        budget.counting_noise,
        private.epsilon,
        private.delta,
    )
    if private.delta * consumers >= 1:
        logger.warning(
            "δ is %.0e: with %s consumers it allows one of them to be given away whole; set "
            "`private.delta` well below %.0e.",
            private.delta,
            f"{consumers:,}",
            1 / consumers,
        )
