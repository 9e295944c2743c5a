"""What both peers read and write: one archive of arrays in, one of probabilities out.

This folder runs in the peers' own environment and imports nothing of the project. The archive
holds, for n consumer-items and S steps (training, then validation, then test):

    purchased (n, S)            0 or 1
    counted (n, training)       cells that count in the loss
    deciders (d,)               rows whose validation step decides when to stop
    learners (l,)               rows that are trained on
    static (n, ·)               numbers, in standard deviations
    temporal (n, S, ·)          the same, known at the start of each step
    static_levels (n, ·)        categoricals as codes from 0
    temporal_levels (n, S, ·)
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

ONE_HOT_LEVELS = 16
SMOOTHING_CELLS = 240.0


@dataclass(frozen=True)
class Settings:
    """The same for every network, ours included."""

    kernel_size: int
    dilations: list[int]
    channels: int
    batch_size: int
    max_epochs: int
    stop_patience: int
    learning_rate: float
    weight_decay: float
    threads: int
    seed: int
    folder: str


@dataclass(frozen=True)
class Feed:
    """The arrays of the archive; see the module."""

    purchased: np.ndarray
    counted: np.ndarray
    deciders: np.ndarray
    learners: np.ndarray
    static: np.ndarray
    temporal: np.ndarray
    static_levels: np.ndarray
    temporal_levels: np.ndarray

    @property
    def training_steps(self) -> int:
        return self.counted.shape[1]

    @property
    def validation_step(self) -> int:
        return self.training_steps

    def __len__(self) -> int:
        return len(self.purchased)


@dataclass(frozen=True)
class Answer:
    """Probabilities (n, 2) of the validation and the test step, and what they cost.

    ``epoch_cells`` are the cells whose loss one epoch counts, ``epoch_seconds`` its length.
    """

    probability: np.ndarray
    fit_seconds: float
    predict_seconds: float
    epoch_seconds: list[float]
    epoch_cells: int


def main(fit_and_predict: Callable[[Feed, Settings], Answer]) -> None:
    """Answer the archive named on the command line: ``feed.npz settings.json answer.npz``."""
    source, asked, target = sys.argv[1:4]
    settings = Settings(**json.loads(Path(asked).read_text()))
    torch.set_num_threads(settings.threads)
    with np.load(source) as arrays:
        feed = Feed(**{name: arrays[name] for name in Feed.__dataclass_fields__})
    started = time.perf_counter()
    answer = fit_and_predict(feed, settings)
    costs = {
        "fit_seconds": answer.fit_seconds,
        "predict_seconds": answer.predict_seconds,
        "epoch_seconds": answer.epoch_seconds,
        "epoch_cells": answer.epoch_cells,
        "seconds": time.perf_counter() - started,
        "peak_resident_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }
    np.savez(target, probability=answer.probability, costs=json.dumps(costs))


class EpochClock(Callback):
    """Times the training epochs of a Lightning trainer, validation left out."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._started = 0.0
        self._paused = 0.0

    def on_train_epoch_start(self, *_: object) -> None:
        self._started = time.perf_counter()

    def on_validation_start(self, *_: object) -> None:
        self._paused = time.perf_counter()

    def on_validation_end(self, *_: object) -> None:
        self._started += time.perf_counter() - self._paused

    def on_train_epoch_end(self, *_: object) -> None:
        self.seconds.append(time.perf_counter() - self._started)


class BestWeights(Callback):
    """Ends training with the weights that were best on the deciders' validation step."""

    def __init__(self, monitor: str) -> None:
        self.monitor = monitor
        self.losses: list[float] = []
        self._weights: dict[str, torch.Tensor] = {}

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking:
            return
        self.losses.append(float(trainer.callback_metrics[self.monitor]))
        if self.losses[-1] == min(self.losses):
            self._weights = deepcopy(pl_module.state_dict())

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pl_module.load_state_dict(self._weights)


def as_numbers(feed: Feed) -> tuple[np.ndarray, np.ndarray]:
    """Turn categoricals into numbers, for a model without embeddings.

    Few levels become indicators; many levels their purchase rate over the learners' training
    steps, as a logit, drawn towards the overall rate.

    Returns:
        Static columns (n, ·) and temporal columns (n, S, ·), the numbers among them.
    """
    shape = feed.temporal_levels.shape
    still = [_columns(feed, codes[:, None]) for codes in feed.static_levels.T]
    moving = [_columns(feed, feed.temporal_levels[:, :, place]) for place in range(shape[2])]
    static = np.concatenate([feed.static, *(columns[:, 0] for columns in still)], axis=-1)
    temporal = np.concatenate([feed.temporal, *moving], axis=-1)
    return static.astype(np.float32), temporal.astype(np.float32)


def _columns(feed: Feed, codes: np.ndarray) -> np.ndarray:
    """Return indicators or the level's rate: (n, S or 1, columns)."""
    count = int(codes.max()) + 1
    if count <= ONE_HOT_LEVELS:
        return np.eye(count, dtype=np.float32)[codes]
    bought = feed.purchased[feed.learners, : feed.training_steps]
    seen = np.broadcast_to(codes[feed.learners][:, : feed.training_steps], bought.shape).ravel()
    overall = bought.mean()
    bought_of_level = np.bincount(seen, bought.ravel(), count) + SMOOTHING_CELLS * overall
    rate = bought_of_level / (np.bincount(seen, minlength=count) + SMOOTHING_CELLS)
    return np.log(rate / (1 - rate))[codes][..., None]
