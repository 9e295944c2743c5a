"""Training one network: binary cross-entropy (Eq. 2), Adam, ReduceLROnPlateau, early stopping."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from math import isfinite
from time import perf_counter
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.network import Inputs, PurchaseNetwork
from promo_kedro.pipelines.modelling.parameters import ComputeParameters, TrainingParameters

logger = logging.getLogger(__name__)

SMALLEST_BATCH = 16


@dataclass(frozen=True)
class Lesson:
    """What a network learns from.

    Attributes:
        name: What the log calls it.
        inputs: The four tensors up to the validation step.
        purchased: (n, S) targets of the same steps.
        training_steps: The first so many steps train.
        validation_step: Position of the step that decides when to stop.
        history: Steps that one output sees.
    """

    name: str
    inputs: Inputs
    purchased: Tensor
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


def fit_network(
    network: PurchaseNetwork,
    lesson: Lesson,
    training: TrainingParameters,
    compute: ComputeParameters,
) -> list[dict[str, Any]]:
    """Train in place and keep the weights of the best validation loss.

    Without both classes in the validation step there is nothing to stop on: then the network
    trains ``stop_patience`` epochs and keeps its last weights.

    Returns:
        One record per epoch: losses, learning rate, seconds, samples (consumer-item steps) per
        second.
    """
    fabric = fabric_for(compute)
    optimizer = torch.optim.Adam(
        network.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
    )
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        factor=training.plateau_factor,
        patience=training.plateau_patience,
        min_lr=training.min_learning_rate,
    )
    module, adam = fabric.setup(network, optimizer)
    batch_size = batch_size_for(len(lesson.inputs), training)
    judged = lesson.purchased[:, lesson.validation_step].unique().numel() > 1
    epochs = training.max_epochs if judged else min(training.stop_patience, training.max_epochs)
    history: list[dict[str, Any]] = []
    best, best_epoch, best_weights = float("inf"), 0, deepcopy(network.state_dict())
    for epoch in range(1, epochs + 1):
        started = perf_counter()
        train_loss = _train_epoch(fabric, module, adam, lesson, batch_size)
        seconds = perf_counter() - started
        validation_loss = _validation_loss(fabric, module, lesson, compute.prediction_batch_size)
        samples = lesson.training_steps * len(lesson.inputs) / seconds
        history.append(
            {
                "epoch": epoch,
                "train_loss": train_loss,
                "validation_loss": validation_loss,
                "learning_rate": optimizer.param_groups[0]["lr"],
                "seconds": seconds,
                "samples_per_second": samples,
            }
        )
        logger.info(
            "%s: epoch %d of at most %d, training loss %.4f, validation loss %.4f, "
            "%s samples per second",
            lesson.name,
            epoch,
            epochs,
            train_loss,
            validation_loss,
            f"{samples:,.0f}",
        )
        if validation_loss < best or not judged:
            best, best_epoch = validation_loss, epoch
            best_weights = deepcopy(network.state_dict())
        elif epoch - best_epoch >= training.stop_patience:
            break
        plateau.step(validation_loss)
    network.load_state_dict(best_weights)
    network.cpu().eval()
    return history


def batch_size_for(consumer_items: int, training: TrainingParameters) -> int:
    """Return the batch size: smaller where an epoch would have fewer than ``min_batches`` updates.

    A category of two thousand consumer-items would else make eight updates per epoch and be
    stopped before it had learned what an offer does.
    """
    fair = consumer_items // training.min_batches
    return min(training.batch_size, max(fair, SMALLEST_BATCH))


def _train_epoch(
    fabric: Fabric, module: Any, optimizer: Any, lesson: Lesson, batch_size: int
) -> float:
    """Go once through the consumer-items in random order; return the mean loss."""
    module.train()
    lessons = lesson.inputs.steps(0, lesson.training_steps)
    target = lesson.purchased[:, : lesson.training_steps]
    total = torch.zeros((), device=fabric.device)
    for rows in torch.randperm(len(lessons)).split(batch_size):
        logits = module(lessons.rows(rows, fabric.device))
        loss = binary_cross_entropy_with_logits(logits, target[rows].to(fabric.device))
        optimizer.zero_grad()
        fabric.backward(loss)
        optimizer.step()
        total += loss.detach() * len(rows)
    mean_loss = total.item() / len(lessons)
    if not isfinite(mean_loss):
        raise InputError(
            f"{lesson.name}: the training loss is not finite any more; lower "
            "`modelling.training.learning_rate`."
        )
    return mean_loss


def _validation_loss(fabric: Fabric, module: Any, lesson: Lesson, batch_size: int) -> float:
    """Mean loss of the validation step."""
    stop = lesson.validation_step + 1
    seen = lesson.inputs.steps(max(0, stop - lesson.history), stop)
    target = lesson.purchased[:, lesson.validation_step]
    total = torch.zeros((), device=fabric.device)
    module.eval()
    with torch.inference_mode():
        for rows in torch.arange(len(seen)).split(batch_size):
            logits = module(seen.rows(rows, fabric.device), last=1).squeeze(1)
            total += binary_cross_entropy_with_logits(
                logits, target[rows].to(fabric.device), reduction="sum"
            )
    return total.item() / len(seen)
