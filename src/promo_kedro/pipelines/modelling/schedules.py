"""Optimisers and learning rate schedules of §3.1.4."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CyclicLR, ReduceLROnPlateau

from promo_kedro.pipelines.modelling.parameters import TrainingParameters

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    # These networks are small: one kernel for all weights saves 5 to 8 % of an epoch.
    "adam": partial(torch.optim.Adam, fused=True),
    "rmsprop": torch.optim.RMSprop,
}


def optimizer_for(network: nn.Module, training: TrainingParameters) -> Optimizer:
    """Return Adam or RMSProp; weight decay is added to the gradient, as in the paper's library."""
    settings: dict[str, Any] = {"lr": training.learning_rate, "weight_decay": training.weight_decay}
    return OPTIMIZERS[training.optimizer](network.parameters(), **settings)


class Schedule:
    """The learning rate's course: down on plateaus, in cycles, or held.

    ``plateau`` moves once per epoch, on the deciders' validation loss. ``cyclic`` moves with every
    batch, in triangles from ``min_learning_rate`` up to ``learning_rate`` and down again within
    ``cycle_epochs`` epochs. Once held, neither moves it any more: two schedules on one optimiser
    would overwrite each other.
    """

    def __init__(self, optimizer: Optimizer, training: TrainingParameters, batches: int):
        self._optimizer = optimizer
        self._held = False
        self._scheduler: CyclicLR | ReduceLROnPlateau
        if training.scheduler == "cyclic":
            self._scheduler = CyclicLR(
                optimizer,
                base_lr=training.min_learning_rate,
                max_lr=training.learning_rate,
                step_size_up=half_cycle(training, batches),
                # It would otherwise cycle Adam's β₁ or RMSProp's momentum too.
                cycle_momentum=False,
            )
        else:
            self._scheduler = ReduceLROnPlateau(
                optimizer,
                factor=training.plateau_factor,
                patience=training.plateau_patience,
                min_lr=training.min_learning_rate,
            )

    @property
    def rate(self) -> float:
        """Return the learning rate of the next update."""
        return float(self._optimizer.param_groups[0]["lr"])

    def hold(self, rate: float) -> None:
        """Keep this rate from now on."""
        self._held = True
        for group in self._optimizer.param_groups:
            group["lr"] = rate

    def after_batch(self) -> None:
        """Move the cycle on."""
        if not self._held and isinstance(self._scheduler, CyclicLR):
            self._scheduler.step()

    def after_epoch(self, validation_loss: float) -> None:
        """Lower the rate where the loss has stopped falling."""
        if not self._held and isinstance(self._scheduler, ReduceLROnPlateau):
            self._scheduler.step(validation_loss)

    def state_dict(self) -> dict[str, Any]:
        """Return all but the rate itself, which the optimiser keeps."""
        return {"held": self._held, "scheduler": self._scheduler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._held = state["held"]
        # CyclicLR takes an entry out of the dictionary that it is given.
        self._scheduler.load_state_dict(dict(state["scheduler"]))


def half_cycle(training: TrainingParameters, batches: int) -> int:
    """Return the updates from the lowest to the highest rate; ``batches`` make an epoch."""
    return max(1, round(training.cycle_epochs * batches / 2))
