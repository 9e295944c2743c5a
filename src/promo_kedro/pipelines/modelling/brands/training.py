"""Training VarEmb: batches are slices of tensors, and every epoch is judged and told of."""

import logging
from collections.abc import Iterator
from math import isfinite
from time import perf_counter
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.lr_scheduler import ReduceLROnPlateau

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.averaging import put, weights_of
from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs, from_tensors, to_tensors
from promo_kedro.pipelines.modelling.brands.lesson import Lesson, prevalence_of
from promo_kedro.pipelines.modelling.brands.varemb import (
    ROWS_AT_ONCE,
    Sizes,
    VarEmb,
    VarEmbModel,
    build_varemb,
    first_scores,
)
from promo_kedro.pipelines.modelling.parameters import ComputeParameters
from promo_kedro.pipelines.modelling.resumption import Progress
from promo_kedro.pipelines.modelling.training import fabric_for, reproducible
from promo_kedro.types import DataFrame

logger = logging.getLogger(__name__)

MOST_JUDGED = 20_000
LARGEST_LOGIT = 30.0


class Judgement(NamedTuple):
    """How well the validation consumers are foretold."""

    log_loss: float
    precision: float
    recall: float
    f1: float


def fit_varemb(
    lesson: Lesson, progress: Progress | None = None
) -> tuple[VarEmbModel, list[dict[str, Any]]]:
    """Train a network and keep the weights of its best epoch.

    The best epoch has the lowest log loss of the probabilities that the scores stand for, at the
    true prevalence, not the lowest of the loss that teaches. Those probabilities are what sizing
    and audiences use; one judge for all losses lets them differ in what they teach alone; and the
    two curves of an epoch, told in the same unit, can be laid beside those of any other run.

    Args:
        lesson: Who learns what, and how.
        progress: Goes on from the state found there, and keeps it after every epoch.

    Returns:
        The model, on the CPU, and one record per epoch: ``epoch``, ``train_loss`` and
        ``validation_loss`` (log losses of probabilities, the first while dropout is at work),
        ``precision``, ``recall`` and ``f1`` of the approved brands' likeliest validation
        consumers, as many as each brand's prevalence says, ``learning_rate``, ``seconds``.

    Raises:
        InputError: There is no one to train on or to validate on, or a loss is not finite.
    """
    lesson.refuse_nobody()
    run, machine, sizes = lesson.run, lesson.machine, Sizes.of(lesson.encoder)
    compute = ComputeParameters(
        accelerator=machine.accelerator, precision=machine.precision, threads=machine.threads
    )
    with reproducible(lesson.seed, compute):
        bias = first_scores(lesson.loss, prevalence_of(lesson.training, sizes.brands))
        module = build_varemb(run.model, sizes, lesson.network, bias)
        course = Course(fabric_for(compute), module, lesson)
        course.begin(progress.load() if progress else None)
        while not course.done:
            course.train_epoch()
            if progress:
                progress.save(course.state_dict())
        history = course.finish()
    model = VarEmbModel(run.model, sizes, lesson.network, module, run.loss, lesson.loss.cpu())
    return model, history


class Judge:
    """The validation consumers; of very many, evenly spaced ones."""

    def __init__(self, validation: BrandInputs, brand_list: DataFrame, prior_shift: Tensor):
        brands = brand_list.sort_values("position")
        self.inputs = validation.at_most(MOST_JUDGED)
        rows = len(self.inputs)
        self.bought = self.inputs.bought_matrix(len(brands))
        self.approved = torch.from_numpy(brands["approved"].to_numpy(bool, copy=True))
        prevalence = torch.tensor(brands["prevalence"].to_numpy(float))
        self.audience = torch.round(prevalence * rows).long().clamp(max=rows)
        # Training rows may have been resampled; those judged never are.
        self.prior_shift = prior_shift

    def judge(self, logit: Tensor) -> Judgement:
        """Judge logits (n, brands) that a loss under the training rows' prevalence stands for."""
        log_loss = log_loss_of(logit + self.prior_shift, self.bought)
        hits = chosen = positives = 0
        for brand in self.approved.nonzero().flatten().tolist():
            top = logit[:, brand].topk(int(self.audience[brand])).indices
            hits += int(self.bought[top, brand].sum())
            chosen += len(top)
            positives += int(self.bought[:, brand].sum())
        return Judgement(
            float(log_loss),
            hits / max(chosen, 1),
            hits / max(positives, 1),
            2 * hits / max(chosen + positives, 1),
        )


class Course:
    """One network on its way: everything that the next epoch depends on."""

    def __init__(self, fabric: Fabric, network: VarEmb, lesson: Lesson):
        self.fabric, self.network, self.training = fabric, network, lesson.training
        self.judge = Judge(lesson.validation, lesson.brand_list, lesson.prior_shift)
        self.parameters, self.seed = lesson.recipe, lesson.seed
        self.bottleneck_weight = lesson.network.bottleneck_weight
        self.loss = lesson.loss.to(fabric.device)
        self.optimizer = torch.optim.Adam(
            network.parameters(),
            lr=lesson.recipe.learning_rate,
            weight_decay=lesson.recipe.weight_decay,
            fused=True,
        )
        self.plateau = ReduceLROnPlateau(
            self.optimizer, factor=lesson.recipe.plateau_factor, patience=0
        )
        self.module, self.stepper = fabric.setup(_OfTensors(network), self.optimizer)
        self.epoch, self.done = 0, False
        self.history: list[dict[str, Any]] = []
        self.best_loss, self.best_epoch, self.best = float("inf"), 0, weights_of(network)

    def begin(self, state: dict[str, Any] | None) -> None:
        """Go on from a state, if there is one."""
        if state:
            self.load_state_dict(state)
            logger.info("Brands: training goes on after epoch %d", self.epoch)

    def train_epoch(self) -> None:
        """Train one epoch, judge it, and tell of it."""
        self.epoch += 1
        started = perf_counter()
        rate = float(self.optimizer.param_groups[0]["lr"])
        train_loss = self._update()
        judgement = self.judge.judge(self._logit(self.judge.inputs))
        if not (isfinite(train_loss) and isfinite(judgement.log_loss)):
            raise InputError(
                "brands: the loss is not finite any more; lower "
                "`brand_modelling.training.learning_rate`."
            )
        self._keep_best(judgement.log_loss)
        self.plateau.step(judgement.log_loss)
        waited = self.epoch - self.best_epoch >= self.parameters.stop_patience
        self.done = waited or self.epoch >= self.parameters.max_epochs
        self._tell(train_loss, judgement, rate, perf_counter() - started)

    def finish(self) -> list[dict[str, Any]]:
        """Leave the best weights in the network, on the CPU; return the history."""
        put(self.network, self.best)
        self.network.cpu().eval()
        logger.info("Brands: epoch %d of %d is kept", self.best_epoch, self.epoch)
        return self.history

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the rest of the training depends on."""
        return {
            **{name: getattr(self, name) for name in _KEPT},
            "network": weights_of(self.network),
            "optimizer": self.optimizer.state_dict(),
            "plateau": self.plateau.state_dict(),
            "precision": self.fabric.strategy.precision.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        for name in _KEPT:
            setattr(self, name, state[name])
        put(self.network, state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.plateau.load_state_dict(dict(state["plateau"]))
        self.fabric.strategy.precision.load_state_dict(state["precision"])

    def _update(self) -> float:
        """Go once through the rows in random order; return their mean log loss on the way."""
        total = torch.zeros((), device=self.fabric.device)
        self.module.train()
        for rows in self._order().split(self.parameters.batch_size):
            batch = self.training.rows(rows)
            bought = batch.bought_matrix(self.network.brand.out_features).to(self.fabric.device)
            scores, divergence = self._ask(batch)
            taught = self.loss.mean(scores, bought) + self.bottleneck_weight * divergence
            self.optimizer.zero_grad()
            self.fabric.backward(taught)
            self.stepper.step()
            with torch.no_grad():
                total += log_loss_of(self.loss.logit(scores.float()), bought) * len(rows)
        return float(total) / len(self.training)

    def _order(self) -> Tensor:
        """Return the rows in this epoch's order, and seed what else the epoch draws.

        Seeding every epoch anew leaves no random state to keep, on whatever device.
        """
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        order = torch.randperm(len(self.training), generator=generator)
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        return order

    def _ask(self, batch: BrandInputs) -> tuple[Tensor, Tensor]:
        answer: tuple[Tensor, Tensor] = self.module(
            *(tensor.to(self.fabric.device) for tensor in to_tensors(batch))
        )
        return answer

    def _logit(self, inputs: BrandInputs) -> Tensor:
        """Return what the scores stand for, (n, brands) on the CPU."""
        return torch.cat(list(self._logits(inputs)))

    def _logits(self, inputs: BrandInputs) -> Iterator[Tensor]:
        self.module.eval()
        with torch.inference_mode():
            for rows in torch.arange(len(inputs)).split(ROWS_AT_ONCE):
                scores, _ = self._ask(inputs.rows(rows))
                yield self.loss.logit(scores.float()).cpu()

    def _keep_best(self, log_loss: float) -> None:
        if log_loss < self.best_loss:
            self.best_loss, self.best_epoch = log_loss, self.epoch
            self.best = weights_of(self.network)

    def _tell(self, train_loss: float, judged: Judgement, rate: float, seconds: float) -> None:
        record = {
            "epoch": self.epoch,
            "train_loss": train_loss,
            "validation_loss": judged.log_loss,
            "precision": judged.precision,
            "recall": judged.recall,
            "f1": judged.f1,
            "learning_rate": rate,
            "seconds": seconds,
        }
        self.history = [*self.history, record]
        logger.info(
            "Brands: epoch %d of at most %d, log loss %.5f in training, %.5f in validation, "
            "F1 %.3f, %.1f seconds",
            self.epoch,
            self.parameters.max_epochs,
            train_loss,
            judged.log_loss,
            judged.f1,
            seconds,
        )


class _OfTensors(nn.Module):
    """The same network reading bare tensors: Fabric opens no frozen dataclass."""

    def __init__(self, network: VarEmb):
        super().__init__()
        self.network = network

    def forward(self, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores (n, brands) and the bottleneck's divergence."""
        scores, divergence = self.network(from_tensors(tensors))
        return scores, divergence


def log_loss_of(logit: Tensor, bought: Tensor) -> Tensor:
    """Return the mean log loss of probabilities; no logit counts as more than 30.

    Below an asymmetric loss's margin scores stand for nothing: they may go anywhere.
    """
    held = logit.clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
    return binary_cross_entropy_with_logits(held, bought)


_KEPT = ("epoch", "done", "history", "best_loss", "best_epoch", "best")
