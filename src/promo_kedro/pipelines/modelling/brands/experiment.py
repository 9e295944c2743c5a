"""The experiment: every run of the parameters, trained once for the same data, and kept."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from promo_kedro.pipelines.modelling.brands.bau import fit_bau
from promo_kedro.pipelines.modelling.brands.calibration import fit_brand_calibration
from promo_kedro.pipelines.modelling.brands.classroom import Classroom
from promo_kedro.pipelines.modelling.brands.fingerprint import (
    code_of,
    hash_of_classroom,
    hash_of_table,
)
from promo_kedro.pipelines.modelling.brands.latest_snapshot import classroom_of
from promo_kedro.pipelines.modelling.brands.lesson import Lesson, prevalence_of
from promo_kedro.pipelines.modelling.brands.losses import make_loss
from promo_kedro.pipelines.modelling.brands.models import BrandModel
from promo_kedro.pipelines.modelling.brands.one_vs_rest import fit_one_vs_rest
from promo_kedro.pipelines.modelling.brands.parameters import (
    BrandModellingParameters,
    RunParameters,
)
from promo_kedro.pipelines.modelling.brands.popularity import fit_popularity
from promo_kedro.pipelines.modelling.brands.private_training import fit_private_varemb
from promo_kedro.pipelines.modelling.brands.resampling import correct_prior, resample
from promo_kedro.pipelines.modelling.brands.trained_run import TrainedRun, uncalibrated_logit
from promo_kedro.pipelines.modelling.brands.training import fit_varemb
from promo_kedro.pipelines.modelling.brands.weights import brand_weights
from promo_kedro.pipelines.modelling.seeds import seed_for
from promo_kedro.pipelines.modelling.training import with_threads
from promo_kedro.types import DataFrame

logger = logging.getLogger(__name__)

History = list[dict[str, Any]]


def train_experiment(
    classroom: Classroom,
    parameters: BrandModellingParameters,
    seed: int,
    raw_data_hash: str,
    store: Any,
) -> dict[str, dict[str, Any]]:
    """Train every run that is not there yet.

    Args:
        classroom: What all runs learn from.
        parameters: The runs, and what they share.
        seed: The one seed.
        raw_data_hash: Of the data behind the classroom.
        store: `Checkpoints`, where runs that are done are found again.

    Returns:
        Each run by name: as `ModelsDataset` keeps it, its history in the card's record.
    """
    data = hash_of_classroom(classroom)
    store.keep_only(data)
    saved = {}
    for number, name in enumerate(parameters.experiment, start=1):
        run = _Run(name, parameters, seed, raw_data_hash)
        kept = store.part(f"run={name}/model", run.fingerprint(data, classroom.custom_weights))
        done = kept.load()
        if done is None:
            logger.info("Brands, run %d of %d: %s", number, len(parameters.experiment), name)
            # Sums by another number of threads differ in their last digits, and so would models.
            with with_threads(parameters.compute):
                done = _packed(run.train(classroom, store, data))
            kept.save(done)
        else:
            logger.info("Brands: %s is trained already", name)
        store.part(f"run={name}/training", "").delete()
        saved[name] = _unpacked(done)
        saved[name]["card"]["record"]["order"] = number
    return saved


class _Run:
    """One run of the experiment, not trained yet."""

    def __init__(
        self, name: str, parameters: BrandModellingParameters, seed: int, raw_data_hash: str
    ) -> None:
        self.name = name
        self.all = parameters
        self.parameters: RunParameters = parameters.experiment[name]
        self.seed = seed
        self.raw_data_hash = raw_data_hash

    @property
    def settings(self) -> dict[str, Any]:
        """Everything of the parameters that the run depends on."""
        settings: dict[str, Any] = {
            "model": self.parameters.model,
            "snapshots": self.parameters.learns_from,
            "calibration": self.all.calibration,
        }
        if self.is_network:
            settings |= {
                "loss": self.parameters.loss,
                "resampling": self.parameters.resampling,
                "network": self.all.network_of(self.name),
                "training": self.all.training_of(self.name),
                "private": self.parameters.private,
                "precision": self.all.precision,
                "accelerator": self.all.accelerator,
            }
        elif self.parameters.model != "popularity":
            settings[self.parameters.model] = getattr(self.all, self.parameters.model)
        return {
            key: value.model_dump(mode="json") if hasattr(value, "model_dump") else value
            for key, value in settings.items()
        }

    @property
    def is_network(self) -> bool:
        return self.parameters.model.startswith("varemb")

    @property
    def is_secret(self) -> bool:
        """Whether the seed must not be told, since noise was drawn apart from it."""
        private = self.parameters.private
        return private is not None and not private.repeatable

    def fingerprint(self, data: str, custom_weights: DataFrame | None) -> str:
        """What the trained run depends on; on weights the retailer brought if it uses them."""
        told = [self.settings, code_of(self.parameters), self.seed, self.raw_data_hash, data]
        if self.is_network and self.parameters.loss.weights == "custom":
            told.append(hash_of_table(custom_weights))
        return data + hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def train(self, classroom: Classroom, store: Any, data: str) -> TrainedRun:
        start = time.perf_counter()
        classroom = classroom_of(self.parameters, classroom)
        fingerprint = self.fingerprint(data, classroom.custom_weights)
        progress = store.part(f"run={self.name}/training", fingerprint)
        model, shift, history = self._fit(classroom, progress)
        calibration = self._calibrate(classroom, model, shift)
        record = {
            "run": self.name,
            "model": self.parameters.model,
            "loss": _named(self.parameters) if self.is_network else None,
            "resampling": self.parameters.resampling if self.is_network else None,
            "epsilon": history[-1].get("epsilon") if history else None,
            "parameters": json.dumps(self.settings, sort_keys=True),
            "seed": None if self.is_secret else self.seed,
            "raw_data_hash": self.raw_data_hash,
            "epochs": len(history),
            "weights": int(sum(tensor.size for tensor in model.to_saved()["tensors"].values())),
            "seconds": time.perf_counter() - start,
            "history": history,
        }
        return TrainedRun(model, shift, calibration, record)

    def _fit(self, classroom: Classroom, progress: Any) -> tuple[BrandModel, Tensor, History]:
        """The model, what turns its logits into those at the true prevalence, and its epochs."""
        brands, encoder = classroom.brand_list, classroom.encoder
        training = classroom.training
        seed = seed_for(self.seed, "brands", self.name)
        if self.is_network:
            return self._fit_network(classroom, seed, progress)
        model: BrandModel
        if self.parameters.model == "popularity":
            model = fit_popularity(brands)
        elif self.parameters.model == "bau":
            model = fit_bau(training, brands, encoder, self.all.bau)
        else:
            settings, threads = self.all.one_vs_rest, self.all.threads
            watching = classroom.validation
            model = fit_one_vs_rest(training, watching, brands, encoder, settings, seed, threads)
        return model, torch.zeros(len(brands)), []

    def _fit_network(
        self, classroom: Classroom, seed: int, progress: Any
    ) -> tuple[BrandModel, Tensor, History]:
        training, brands = classroom.training, classroom.brand_list
        loss = self.parameters.loss
        weights = torch.tensor(brand_weights(loss, brands, classroom.custom_weights)).float()
        drawn = resample(training, brands, self.parameters.resampling, seed)
        before = prevalence_of(training, len(brands)).float()
        shift = correct_prior(torch.zeros(len(brands)), before, drawn.prevalence)
        lesson = Lesson(
            training=training.rows(drawn.rows),
            validation=classroom.validation,
            brand_list=brands,
            encoder=classroom.encoder,
            run=self.parameters,
            network=self.all.network_of(self.name),
            recipe=self.all.training_of(self.name),
            loss=make_loss(loss, weights, drawn.prevalence),
            prior_shift=shift,
            machine=self.all,
            seed=seed,
        )
        if self.parameters.private:
            model, history = fit_private_varemb(lesson)
        else:
            model, history = fit_varemb(lesson, progress)
        return model, shift, history

    def _calibrate(self, classroom: Classroom, model: BrandModel, shift: Tensor) -> Any:
        judged = classroom.validation.at_most(self.all.calibration.max_consumers)
        logit = uncalibrated_logit(model, shift, judged)
        bought = judged.bought_matrix(len(classroom.brand_list))
        return fit_brand_calibration(logit, bought, self.all.calibration)


def _named(run: RunParameters) -> str:
    """A loss with its weights, in a few words."""
    loss = run.loss
    if loss.weights == "equal":
        return loss.name
    return f"{loss.name}, {loss.weights}" + (" on positives" * (loss.weight_on == "positives"))


def _packed(run: TrainedRun) -> dict[str, Any]:
    saved = run.to_saved()
    tensors = {
        name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in saved["tensors"].items()
    }
    return {"card": saved["card"], "tensors": tensors}


def _unpacked(kept: dict[str, Any]) -> dict[str, Any]:
    tensors = {name: tensor.numpy() for name, tensor in kept["tensors"].items()}
    return {"card": kept["card"], "tensors": tensors}
