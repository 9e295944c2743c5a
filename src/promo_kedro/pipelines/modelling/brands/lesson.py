"""All that the training of one network depends on."""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs
from promo_kedro.pipelines.modelling.brands.losses import BrandLoss
from promo_kedro.pipelines.modelling.brands.parameters import (
    BrandNetworkParameters,
    BrandTrainingParameters,
    RunParameters,
)
from promo_kedro.pipelines.modelling.brands.variables import Encoder
from promo_kedro.types import DataFrame


class Machine(Protocol):
    """Where the arithmetic runs; `BrandModellingParameters` says so."""

    threads: int | None
    accelerator: Literal["auto", "cpu", "cuda", "mps"]
    precision: Literal["32-true", "16-mixed", "bf16-mixed"]


@dataclass(frozen=True)
class Lesson:
    """Who teaches whom what, and where.

    Attributes:
        training: What is learnt from, resampled if so wished.
        validation: Who decides when to stop.
        brand_list: ``brand_list`` by position.
        encoder: Which encoded the inputs.
        run: Which version, and what the loss is called.
        network: Its parameters.
        recipe: How it is trained.
        loss: The loss of ``run.loss``, on the weights of the brands.
        prior_shift: (B,) what turns logits at the prevalence of ``training`` into those at the one
            before resampling; zeros without.
        machine: Where the arithmetic runs.
        seed: Starting weights, order of the rows, dropout.
    """

    training: BrandInputs
    validation: BrandInputs
    brand_list: DataFrame
    encoder: Encoder
    run: RunParameters
    network: BrandNetworkParameters
    recipe: BrandTrainingParameters
    loss: BrandLoss
    prior_shift: Tensor
    machine: Machine
    seed: int

    def refuse_nobody(self) -> None:
        """Raise an InputError where no one trains or validates."""
        for name, inputs in (("trains", self.training), ("validates", self.validation)):
            if not len(inputs):
                raise InputError(
                    f"brands: no consumer {name}; set the shares of the roles in `brand_data` so "
                    "that each has consumers."
                )


def prevalence_of(inputs: BrandInputs, brands: int) -> Tensor:
    """Return (brands,) shares of rows that bought, float64, without the matrix of all.

    Raises:
        InputError: It is not known what was bought.
    """
    if inputs.bought is None:
        raise InputError("brands: snapshots without purchases to foretell cannot train.")
    return torch.bincount(inputs.bought[:, 1], minlength=brands).double() / len(inputs)
