"""A tiny lesson that can be learnt, small networks to learn it, and quick recipes."""

import torch

from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.networks import Architecture, build
from promo_kedro.pipelines.modelling.parameters import ComputeParameters, TrainingParameters
from promo_kedro.pipelines.modelling.training import Lesson, fit_network, reproducible

ROWS, STEPS = 64, 8
CPU = ComputeParameters(accelerator="cpu", threads=1)
OPTIMIZERS, SCHEDULERS = ["adam", "rmsprop"], ["plateau", "cyclic"]
AVERAGES = ["none", "swa", "best_checkpoints"]


def lesson_of(seed=0, masked=False, noise=0.5):
    """Purchases follow the first temporal input, and the consumer-item's first static one."""
    draw = torch.Generator().manual_seed(seed)
    temporal = torch.randn(ROWS, STEPS + 1, 2, generator=draw)
    static = torch.randn(ROWS, 1, generator=draw)
    level = torch.randint(0, 3, (ROWS, 1), generator=draw)
    chance = 2 * temporal[..., 0] + static - 1
    chance += noise * torch.randn(ROWS, STEPS + 1, generator=draw)
    counted = torch.ones(ROWS, STEPS)
    if masked:
        first = torch.randint(0, STEPS, (ROWS, 1), generator=draw)
        counted = (torch.arange(STEPS) >= first).float()
    return Lesson(
        name="Bakery",
        inputs=Inputs(level, torch.zeros(ROWS, STEPS + 1, 0, dtype=torch.long), static, temporal),
        purchased=(chance > 0).float(),
        counted=counted,
        deciders=torch.arange(0, ROWS, 2),
        training_steps=STEPS,
        validation_step=STEPS,
        history=STEPS,
    )


def network_of(name="ours", seed=1, dropout=0.1):
    architecture = Architecture(
        name=name,
        static_levels=[3],
        temporal_levels=[],
        static_continuous=1,
        temporal_continuous=2,
        offers=[0],
        kernel_size=2,
        dilations=[1],
        channels=6,
        dense_units=[6],
        embedding_size=2,
        dropout=dropout,
        input_limit=8.0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build(architecture)


def recipe(**changes):
    basis = {"batch_size": 16, "min_batches": 1, "max_epochs": 4, "learning_rate": 0.01}
    plain = {"start": "scratch", "averaging": "none", "stop_patience": 4, "plateau_patience": 1}
    return TrainingParameters(**plain | basis | {"swa_learning_rate": 0.005} | changes)


def fitted(network, lesson, training, compute=CPU, **more):
    with reproducible(5, compute):
        return fit_network(network, lesson, training, compute, **more)


def same_weights(left, right):
    return all(map(torch.equal, left.state_dict().values(), right.state_dict().values()))
