"""A trained run: a model, what resampling did to it, and its calibration; and how it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from promo_kedro.pipelines.modelling.brands.calibration import BrandCalibration
from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs
from promo_kedro.pipelines.modelling.brands.models import BrandModel, model_from_saved
from promo_kedro.types import Array

_MODEL, _CALIBRATION, _SHIFT = "model.", "calibration.", "prior_shift"


@dataclass(frozen=True)
class TrainedRun:
    """One run of the experiment, ready to be asked.

    Attributes:
        model: What gives scores, and the logits that they stand for.
        prior_shift: (B,) what turns logits under the resampled prevalence into true ones.
        calibration: Fitted on consumers who validate.
        record: What is told of the run: parameters, seed, epochs, seconds, ….
    """

    model: BrandModel
    prior_shift: Tensor
    calibration: BrandCalibration
    record: dict[str, Any]

    def logit(self, inputs: BrandInputs) -> Tensor:
        """Logits of calibrated purchase probabilities, (n, B) float32 on the CPU."""
        return self.calibration.logit(uncalibrated_logit(self.model, self.prior_shift, inputs))

    def to_saved(self) -> dict[str, Any]:
        """Weights and a card, as `ModelsDataset` keeps them."""
        model, (card, tensors) = self.model.to_saved(), self.calibration.to_saved()
        return {
            "card": {"record": self.record, "model": model["card"], "calibration": card},
            "tensors": {
                **_prefixed(_MODEL, model["tensors"]),
                **_prefixed(_CALIBRATION, tensors),
                _SHIFT: self.prior_shift.numpy(),
            },
        }


def uncalibrated_logit(model: BrandModel, prior_shift: Tensor, inputs: BrandInputs) -> Tensor:
    """Logits that the scores stand for, at the true prevalence, (n, B)."""
    return model.logit(model.scores(inputs)) + prior_shift


def run_from_saved(saved: dict[str, Any]) -> TrainedRun:
    """Restore a run from its card and weights."""
    card, tensors = saved["card"], saved["tensors"]
    return TrainedRun(
        model_from_saved({"card": card["model"], "tensors": _part(_MODEL, tensors)}),
        torch.from_numpy(np.asarray(tensors[_SHIFT])),
        BrandCalibration.from_saved(card["calibration"], _part(_CALIBRATION, tensors)),
        card["record"],
    )


def _prefixed(prefix: str, tensors: dict[str, Array]) -> dict[str, Array]:
    return {prefix + name: tensor for name, tensor in tensors.items()}


def _part(prefix: str, tensors: dict[str, Array]) -> dict[str, Array]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
