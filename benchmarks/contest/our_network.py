"""Our networks on arrays: for timing epochs on the very feed that the peers read.

Run as ``python -m contest.our_network ours|figure1 feed.npz settings.json answer.npz`` from the
folder ``benchmarks``; it answers in the form of the peers.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.networks import build
from promo_kedro.pipelines.modelling.networks.architecture import Architecture
from promo_kedro.pipelines.modelling.parameters import (
    ComputeParameters,
    NetworkParameters,
    TrainingParameters,
)
from promo_kedro.pipelines.modelling.training import Lesson, fit_network, reproducible


def draw(name: str, inputs: Inputs, kernel_size: int, dilations: list[int], channels: int):
    """Return an untrained network for these inputs; all else as the project's defaults."""
    defaults = NetworkParameters()
    architecture = Architecture(
        name=name,
        static_levels=_levels(inputs.static_categorical),
        temporal_levels=_levels(inputs.temporal_categorical),
        static_continuous=inputs.static_continuous.shape[-1],
        temporal_continuous=inputs.temporal_continuous.shape[-1],
        offers=[0],
        kernel_size=kernel_size,
        dilations=dilations,
        channels=channels,
        dense_units=list(defaults.dense_units),
        embedding_size=defaults.embedding_size,
        dropout=defaults.dropout,
        input_limit=defaults.input_limit,
    )
    return build(architecture)


def _levels(codes: torch.Tensor) -> list[int]:
    return [int(codes[..., place].max()) + 1 for place in range(codes.shape[-1])]


def lesson_of(arrays: dict[str, np.ndarray]) -> Lesson:
    """Return the feed as what our networks learn from."""
    names = ("static_levels", "temporal_levels", "static", "temporal")
    last = arrays["counted"].shape[1]
    inputs = Inputs(*(torch.from_numpy(arrays[name]) for name in names)).steps(0, last + 1)
    return Lesson(
        name="benchmark",
        inputs=inputs,
        purchased=torch.from_numpy(arrays["purchased"][:, : last + 1]),
        counted=torch.from_numpy(arrays["counted"]),
        deciders=torch.from_numpy(arrays["deciders"]),
        training_steps=last,
        validation_step=last,
        history=last + 1,
    )


def main() -> None:
    """Train the network named and write how long its epochs took."""
    name, source, asked, target = sys.argv[1:5]
    settings = json.loads(Path(asked).read_text())
    with np.load(source) as archive:
        arrays = dict(archive)
    lesson = lesson_of(arrays)
    compute = ComputeParameters(accelerator="cpu", threads=settings["threads"])
    training = TrainingParameters(
        batch_size=settings["batch_size"],
        min_batches=1,
        max_epochs=settings["max_epochs"],
        stop_patience=settings["max_epochs"],
    )
    with reproducible(settings["seed"], compute):
        sizes = [settings[part] for part in ("kernel_size", "dilations", "channels")]
        history = fit_network(draw(name, lesson.inputs, *sizes), lesson, training, compute)
    costs = {
        "epoch_seconds": [record["seconds"] for record in history],
        "epoch_cells": lesson.counted.numel(),
    }
    np.savez(target, costs=json.dumps(costs))


if __name__ == "__main__":
    main()
