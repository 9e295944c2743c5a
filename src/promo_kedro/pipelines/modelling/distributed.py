"""Training one network on several devices at once."""

from functools import partial
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.averaging import put, weights_of
from promo_kedro.pipelines.modelling.parameters import ComputeParameters, TrainingParameters
from promo_kedro.pipelines.modelling.resumption import Progress
from promo_kedro.pipelines.modelling.training import Course, Lesson, with_threads
from promo_kedro.types import Array

Outcome = tuple[list[dict[str, Any]], dict[str, Array]] | str


def fit_on_devices(
    network: nn.Module,
    lesson: Lesson,
    training: TrainingParameters,
    compute: ComputeParameters,
    progress: Progress | None,
    seed: int,
) -> list[dict[str, Any]]:
    """Train in one process per device, each with its share of every batch.

    Gradients are averaged over the processes and losses weighted so that the update is that of
    the whole batch: without dropout, the weights are those of one device up to rounding.

    Raises:
        InputError: As :func:`fit_network` does.
    """
    fabric = Fabric(
        accelerator=compute.accelerator,
        devices=compute.devices,
        precision=compute.precision,
        strategy="ddp_spawn",
    )
    # Fabric gives each process weights of its own where it sees a network among the arguments;
    # it opens no frozen dataclass, so the rest comes with the function.
    fit = partial(
        _fit, lesson=lesson, training=training, compute=compute, progress=progress, seed=seed
    )
    outcome: Outcome = fabric.launch(fit, network)
    # An exception would lose its class, and with it its place in the run, on its way here.
    if isinstance(outcome, str):
        raise InputError(outcome)
    history, weights = outcome
    put(network, {name: torch.from_numpy(value) for name, value in weights.items()})
    network.eval()
    return history


def _fit(
    fabric: Fabric,
    network: nn.Module,
    lesson: Lesson,
    training: TrainingParameters,
    compute: ComputeParameters,
    progress: Progress | None,
    seed: int,
) -> Outcome:
    """Train in this process; the first one keeps the state and answers."""
    try:
        with with_threads(compute):
            course = Course(fabric, network, lesson, training, compute, seed)
            course.begin(progress.load() if progress else None)
            # None may write a state before all have read it.
            fabric.barrier()
            while not course.done:
                course.train_epoch()
                if progress and fabric.is_global_zero:
                    progress.save(course.state_dict())
            history = course.finish()
            # Tensors would travel in memory that ends with this process.
            return history, {name: value.numpy() for name, value in weights_of(network).items()}
    except InputError as error:
        return str(error)
