"""Training one network: binary cross-entropy (Eq. 2) with the recipes of §3.1.4."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from math import ceil, isfinite
from time import perf_counter
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.averaging import (
    NoAverage,
    average_for,
    put,
    weights_of,
)
from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.parameters import ComputeParameters, TrainingParameters
from promo_kedro.pipelines.modelling.resumption import Progress
from promo_kedro.pipelines.modelling.schedules import Schedule, optimizer_for

logger = logging.getLogger(__name__)

SMALLEST_BATCH = 16

OnEpoch = Callable[[int, float], None]


@dataclass(frozen=True)
class Lesson:
    """What a network learns from; n consumer-items, S steps.

    Attributes:
        name: What the log calls it.
        inputs: The four tensors up to and with the validation step.
        purchased: (n, S) targets of the same steps, 0 or 1.
        counted: (n, training steps) 1 where a cell counts in the training loss, else 0.
        deciders: Rows whose validation step decides when to stop and which weights to keep.
        training_steps: The first so many steps train.
        validation_step: Position of the step that decides.
        history: Steps that one output sees.
    """

    name: str
    inputs: Inputs
    purchased: Tensor
    counted: Tensor
    deciders: Tensor
    training_steps: int
    validation_step: int
    history: int


@contextmanager
def with_threads(compute: ComputeParameters) -> Iterator[None]:
    """Compute on so many CPU threads inside the block."""
    threads = torch.get_num_threads()
    torch.set_num_threads(compute.threads or threads)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def reproducible(seed: int, compute: ComputeParameters) -> Iterator[None]:
    """Draw from ``seed`` inside the block and leave torch's global state as it was."""
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    # cuBLAS reads this when it starts; without it matrix products on a GPU differ from run to run.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with with_threads(compute), torch.random.fork_rng():
            torch.manual_seed(seed)
            yield
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)


def fabric_for(compute: ComputeParameters) -> Fabric:
    """Return one device: CUDA where there is one and the parameters allow it."""
    return Fabric(accelerator=compute.accelerator, devices=1, precision=compute.precision)


def batch_size_for(consumer_items: int, training: TrainingParameters) -> int:
    """Return the batch size: smaller where an epoch would have fewer than ``min_batches`` updates.

    A category of two thousand consumer-items would else make eight updates per epoch and be
    stopped before it had learned what an offer does.
    """
    fair = consumer_items // training.min_batches
    return min(training.batch_size, max(fair, SMALLEST_BATCH))


def fit_network(
    network: nn.Module,
    lesson: Lesson,
    training: TrainingParameters,
    compute: ComputeParameters,
    progress: Progress | None = None,
    on_epoch: OnEpoch | None = None,
) -> list[dict[str, Any]]:
    """Train in place, from the weights as given, and keep those with the best validation loss.

    Candidates are every single epoch, the average that the recipe asks for, and, when it starts
    from pooled weights, those weights themselves (epoch 0). Without both classes in the deciders'
    validation step there is nothing to decide on: then the network trains ``stop_patience`` epochs
    and keeps its last weights.

    Args:
        network: Answers ``network(inputs, last=None)`` with logits.
        lesson: What it learns from.
        training: The recipe.
        compute: Where the arithmetic runs.
        progress: Goes on from the state found there, and keeps it after every epoch.
        on_epoch: Called with each epoch and its validation loss; may raise to stop training. On
            several devices it is called for all epochs at the end.

    Returns:
        One record per epoch: losses, the learning rate of its last update, seconds, samples
        (consumer-item steps) per second, and the epoch's share in the weights that were kept.

    Raises:
        InputError: If no cell counts, or a loss is not finite any more.
    """
    # One draw, and everything else from it: whatever is interrupted, what the caller draws
    # afterwards stays the same.
    seed = int(torch.randint(2**62, ()))
    if compute.devices > 1:
        from promo_kedro.pipelines.modelling.distributed import fit_on_devices

        history = fit_on_devices(network, lesson, training, compute, progress, seed)
        for record in history:
            if on_epoch and record["epoch"]:
                on_epoch(record["epoch"], record["validation_loss"])
        return history
    with torch.random.fork_rng():
        course = Course(fabric_for(compute), network, lesson, training, compute, seed)
        course.begin(progress.load() if progress else None)
        while not course.done:
            loss = course.train_epoch()
            if progress:
                progress.save(course.state_dict())
            if on_epoch:
                on_epoch(course.epoch, loss)
        return course.finish()


class Course:
    """One network on its way: everything that the next epoch depends on."""

    def __init__(
        self,
        fabric: Fabric,
        network: nn.Module,
        lesson: Lesson,
        training: TrainingParameters,
        compute: ComputeParameters,
        seed: int,
    ):
        self.fabric, self.network, self.lesson, self.seed = fabric, network, lesson, seed
        self.training, self.evaluation_batch = training, compute.prediction_batch_size
        self.optimizer = optimizer_for(network, training)
        self.batch_size = batch_size_for(len(lesson.inputs), training)
        batches = ceil(len(lesson.inputs) / self.batch_size)
        self.schedule = Schedule(self.optimizer, training, batches)
        self.module, self.stepper = fabric.setup(_OfTensors(network), self.optimizer)
        decisive = lesson.purchased[lesson.deciders, lesson.validation_step]
        self.judged = decisive.unique().numel() > 1
        self.average = average_for(training) if self.judged else NoAverage()
        most = training.max_epochs
        self.epochs = most if self.judged else min(training.stop_patience, most)
        self.epoch, self.done = 0, False
        self.history: list[dict[str, Any]] = []
        self.best_loss, self.best_epoch, self.best = float("inf"), 0, weights_of(network)
        self.cells = float(lesson.counted.sum(dtype=torch.float64))
        if not self.cells:
            raise InputError(
                f"{lesson.name}: no cell of the training steps counts in the loss; set "
                "`modelling.training.mask_before_first_purchase: false`."
            )

    def begin(self, state: dict[str, Any] | None) -> None:
        """Go on from a state, or start; pooled weights are the first candidate."""
        if state:
            self.load_state_dict(state)
            logger.info("%s: training goes on after epoch %d", self.lesson.name, self.epoch)
        elif self.judged and self.training.start == "pooled":
            started = perf_counter()
            loss = self._mean_loss(
                self.lesson.inputs.steps(0, self.lesson.training_steps),
                self.lesson.purchased[:, : self.lesson.training_steps],
                self.lesson.counted,
                torch.arange(len(self.lesson.inputs)),
            )
            self._record(loss, 0.0, perf_counter() - started)

    def train_epoch(self) -> float:
        """Train one epoch, judge it, and return the validation loss."""
        self.epoch += 1
        if self.average.holds_rate(self.epoch):
            self.schedule.hold(self.training.swa_learning_rate)
        started = perf_counter()
        loss, rate = self._update()
        validation_loss = self._record(loss, rate, perf_counter() - started)
        if self.judged:
            self.schedule.after_epoch(validation_loss)
        waited = self.epoch - self.best_epoch >= self.training.stop_patience
        last = self.average.is_last(self.epoch, waited and self.judged)
        self.done = last or self.epoch >= self.epochs
        return validation_loss

    def finish(self) -> list[dict[str, Any]]:
        """Leave the chosen weights in the network, on the CPU; return the history."""
        shares, chosen = {self.best_epoch: 1.0}, self.best
        if self.average.shares():
            put(self.network, self.average.weights())
            loss = self._validation_loss()
            if loss < self.best_loss:
                shares, chosen = self.average.shares(), self.average.weights()
            logger.info(
                "%s: validation loss %.4f with the average of %d epochs, %.4f with epoch %d; "
                "%s kept",
                self.lesson.name,
                loss,
                len(self.average.shares()),
                self.best_loss,
                self.best_epoch,
                "the average is" if loss < self.best_loss else "that epoch is",
            )
        put(self.network, chosen)
        self.network.cpu().eval()
        return [record | {"weight": shares.get(record["epoch"], 0.0)} for record in self.history]

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the rest of the training depends on."""
        return {
            **{name: getattr(self, name) for name in _KEPT},
            "network": weights_of(self.network),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "average": self.average.state_dict(),
            "precision": self.fabric.strategy.precision.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        for name in _KEPT:
            setattr(self, name, state[name])
        put(self.network, state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.average.load_state_dict(state["average"])
        self.fabric.strategy.precision.load_state_dict(state["precision"])

    def _update(self) -> tuple[float, float]:
        """Go once through the consumer-items in random order; return mean loss and last rate.

        A batch's loss is the sum over its counted cells, divided by its consumer-items times the
        mean number of counted cells per consumer-item over all of them. So every counted cell of
        full batches weighs the same, and the epoch's mean is that of all counted cells. Dividing
        by the batch's own count would favour cells that share a batch with few others.
        """
        lessons = self.lesson.inputs.steps(0, self.lesson.training_steps)
        device, rate = self.fabric.device, self.schedule.rate
        cells_per_row = self.cells / len(lessons)
        total = torch.zeros((), device=device)
        self.module.train()
        for rows in self._order(len(lessons)).split(self.batch_size):
            mine = self._mine(rows)
            logits = self.module(*_tensors(lessons.rows(mine, device)))
            target = self.lesson.purchased[mine, : self.lesson.training_steps].to(device)
            summed = binary_cross_entropy_with_logits(
                logits, target, self.lesson.counted[mine].to(device), reduction="sum"
            )
            self.optimizer.zero_grad()
            # Several devices average their gradients; times their number gives the sum.
            weight = self.fabric.world_size / (len(rows) * cells_per_row)
            self.fabric.backward(summed * weight)
            self.stepper.step()
            total += summed.detach()
            rate = self.schedule.rate
            self.schedule.after_batch()
        return self._over_devices(total) / self.cells, rate

    def _order(self, count: int) -> Tensor:
        """Return the rows in this epoch's order, and seed what else the epoch draws.

        Seeding every epoch anew leaves no random state to keep, on whatever device.
        """
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        order = torch.randperm(count, generator=generator)
        own = int(torch.randint(2**62, (), generator=generator)) + self.fabric.global_rank
        torch.manual_seed(own)
        return order

    def _mine(self, rows: Tensor) -> Tensor:
        """Return this device's share of some rows: all of them where it is the only one."""
        return rows[self.fabric.global_rank :: self.fabric.world_size]

    def _over_devices(self, total: Tensor) -> float:
        return cast("Tensor", self.fabric.all_reduce(total, reduce_op="sum")).item()

    def _record(self, train_loss: float, rate: float, seconds: float) -> float:
        """Judge the weights as they are; return their validation loss."""
        loss = self._validation_loss()
        if not isfinite(train_loss) or (self.judged and not isfinite(loss)):
            raise InputError(
                f"{self.lesson.name}: the loss is not finite any more; lower "
                "`modelling.training.learning_rate`."
            )
        samples = self.lesson.training_steps * len(self.lesson.inputs) / seconds
        record = {
            "epoch": self.epoch,
            "train_loss": train_loss,
            "validation_loss": loss,
            "learning_rate": rate,
            "seconds": seconds,
            "samples_per_second": samples,
        }
        self.history = [*self.history, record]
        weights = weights_of(self.network)
        self.average.see(self.epoch, loss, weights)
        if loss < self.best_loss or not self.judged:
            self.best_loss, self.best_epoch, self.best = loss, self.epoch, weights
        logger.info(
            "%s: epoch %d of at most %d, training loss %.4f, validation loss %.4f, "
            "%s samples per second",
            self.lesson.name,
            self.epoch,
            self.epochs,
            train_loss,
            loss,
            f"{samples:,.0f}",
        )
        return loss

    def _validation_loss(self) -> float:
        """Return the deciders' mean loss of the validation step; NaN without deciders."""
        stop = self.lesson.validation_step + 1
        return self._mean_loss(
            self.lesson.inputs.steps(max(0, stop - self.lesson.history), stop),
            self.lesson.purchased[:, stop - 1 : stop],
            torch.ones(len(self.lesson.inputs), 1),
            self.lesson.deciders,
        )

    def _mean_loss(self, inputs: Inputs, target: Tensor, counted: Tensor, rows: Tensor) -> float:
        """Return the mean loss of the counted cells, the inputs' last steps, of some rows."""
        device, cells = self.fabric.device, float(counted[rows].sum(dtype=torch.float64))
        total = torch.zeros((), device=device)
        self.module.eval()
        with torch.inference_mode():
            for part in map(self._mine, rows.split(self.evaluation_batch)):
                total += binary_cross_entropy_with_logits(
                    self.module(*_tensors(inputs.rows(part, device)), last=target.shape[1]),
                    target[part].to(device),
                    counted[part].to(device),
                    reduction="sum",
                )
        return self._over_devices(total) / cells if cells else float("nan")


class _OfTensors(nn.Module):
    """The same network reading bare tensors: Fabric's mixed precision opens no frozen dataclass."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, *tensors: Tensor, last: int | None = None) -> Tensor:
        """Return logits (n, S), or (n, last)."""
        logits: Tensor = self.network(Inputs(*tensors), last)
        return logits


def _tensors(inputs: Inputs) -> list[Tensor]:
    return [getattr(inputs, field.name) for field in fields(inputs)]


_KEPT = ("seed", "epoch", "done", "history", "best_loss", "best_epoch", "best")
