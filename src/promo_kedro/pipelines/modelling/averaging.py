"""Averages of the weights of several epochs (§3.1.4).

Parameters alone are averaged. The networks have no batch normalisation, so there are no running
statistics that would have to be taken anew under the averaged weights (``swa_utils.update_bn``);
their buffers are the features' scales, which training never changes.
"""

from math import exp, floor
from typing import Any

import torch
from torch import Tensor, nn

from promo_kedro.pipelines.modelling.parameters import TrainingParameters

Weights = dict[str, Tensor]


def weights_of(network: nn.Module) -> Weights:
    """Copy the parameters to the CPU."""
    return {name: value.detach().cpu().clone() for name, value in network.named_parameters()}


def put(network: nn.Module, weights: Weights) -> None:
    """Overwrite the parameters."""
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.copy_(weights[name])


class NoAverage:
    """The best single epoch is all there is; also what the averages below share."""

    def holds_rate(self, epoch: int) -> bool:
        """Say whether the learning rate of this epoch is held."""
        return False

    def see(self, epoch: int, validation_loss: float, weights: Weights) -> None:
        """Take in the weights after an epoch."""

    def is_last(self, epoch: int, out_of_patience: bool) -> bool:
        """Say whether training ends early with this epoch."""
        return out_of_patience

    def shares(self) -> dict[int, float]:
        """Return each epoch's share in the average; empty when there is none."""
        return {}

    def weights(self) -> Weights:
        """Return the average; empty when there is none."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Return what was taken in."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        vars(self).update(state)


class StochasticWeightAverage(NoAverage):
    """SWA: the plain mean of the weights after each epoch of a last phase at a constant rate.

    The phase follows the first ⌊swa_start · max_epochs⌋ epochs. Patience that runs out before
    brings it forward; the phase itself runs its full length, because a constant rate makes single
    epochs wander without the average getting worse.
    """

    def __init__(self, training: TrainingParameters):
        before = floor(training.swa_start * training.max_epochs + 1e-9)
        self.first = before + 1
        self.length = training.max_epochs - before
        self.epochs: list[int] = []
        self.mean: Weights = {}

    def holds_rate(self, epoch: int) -> bool:
        """Say whether the phase has begun."""
        return epoch >= self.first

    def see(self, epoch: int, validation_loss: float, weights: Weights) -> None:
        """Move the mean by 1/k towards the k-th weights."""
        if epoch < self.first:
            return
        self.epochs = [*self.epochs, epoch]
        if self.mean:
            weights = {
                name: mean + (weights[name] - mean) / len(self.epochs)
                for name, mean in self.mean.items()
            }
        self.mean = weights

    def is_last(self, epoch: int, out_of_patience: bool) -> bool:
        """End with the phase, which begins at once when patience has run out."""
        if out_of_patience and epoch < self.first:
            self.first = epoch + 1
        return epoch >= self.first + self.length - 1

    def shares(self) -> dict[int, float]:
        """Return equal shares."""
        return {epoch: 1 / len(self.epochs) for epoch in self.epochs}

    def weights(self) -> Weights:
        """Return the mean."""
        return self.mean


class BestCheckpoints(NoAverage):
    """Weighted mean of the n best epochs, weight softmax(−(loss − best loss) / temperature).

    The raw loss as weight would favour the worst of them.
    """

    def __init__(self, training: TrainingParameters):
        self._count = training.best_checkpoints
        self._temperature = training.checkpoint_temperature
        self.best: list[tuple[float, int, Weights]] = []

    def see(self, epoch: int, validation_loss: float, weights: Weights) -> None:
        """Take the epoch in if it is among the best; of equals the earlier is better."""
        candidates = [*self.best, (validation_loss, epoch, weights)]
        self.best = sorted(candidates, key=lambda candidate: candidate[:2])[: self._count]

    def shares(self) -> dict[int, float]:
        """Return the softmax of the losses below the best."""
        odds = {
            epoch: exp((self.best[0][0] - loss) / self._temperature) for loss, epoch, _ in self.best
        }
        return {epoch: value / sum(odds.values()) for epoch, value in odds.items()}

    def weights(self) -> Weights:
        """Return the weighted mean."""
        shares = self.shares()
        return {
            name: torch.stack(
                [shares[epoch] * weights[name] for _, epoch, weights in self.best]
            ).sum(dim=0)
            for name in self.best[0][2]
        }


def average_for(training: TrainingParameters) -> NoAverage:
    """Return the average that the recipe asks for."""
    if training.averaging == "swa":
        return StochasticWeightAverage(training)
    if training.averaging == "best_checkpoints":
        return BestCheckpoints(training)
    return NoAverage()
