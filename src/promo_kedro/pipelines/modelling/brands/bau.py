"""Business as usual: an allocation as retailers make it, without a model to train.

A consumer's share of steps with a brand is shrunk to the brand's popularity in the consumer's
segment, which is shrunk to its popularity among all:

    segment = (buyers in it + smoothing × prevalence) / (consumers in it + smoothing)
    own = (steps bought + own_steps × segment) / (steps looked back on + own_steps)

Without history the segment decides alone. The consumer's share is one of single steps; where a
longer horizon is foretold the calibration lifts it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs
from promo_kedro.pipelines.modelling.brands.parameters import BauParameters
from promo_kedro.pipelines.modelling.brands.popularity import smoothed_prevalence
from promo_kedro.pipelines.modelling.brands.variables import VARIABLES, YEAR, Encoder
from promo_kedro.types import Array, DataFrame


@dataclass(frozen=True)
class Segments:
    """Consumers of equal levels in some variables; segment 0 are those whom training never met.

    Attributes:
        columns: Which of the inputs' variables make segments.
        sizes: Levels of each of them that training may have met.
        codes: (S,) int64, sorted, of the segments met.
    """

    columns: list[int]
    sizes: list[int]
    codes: Tensor

    def __len__(self) -> int:
        return len(self.codes) + 1

    def of(self, variables: Tensor) -> Tensor:
        """Return (n,) segments of consumers with variables (n, V)."""
        code, met = _coded(variables[:, self.columns], self.sizes)
        if not len(self.codes):
            return torch.zeros(len(code), dtype=torch.int64)
        place = torch.searchsorted(self.codes, code).clamp(max=len(self.codes) - 1)
        met &= self.codes[place] == code
        return torch.where(met, place + 1, 0)


@dataclass(frozen=True)
class Bau:
    """Segment popularity mixed with the consumer's own frequency.

    Attributes:
        segments: Finds a consumer's segment.
        popularity: (segments, B) float32, strictly between 0 and 1.
        own_steps: How many steps of one's own the segment's popularity is worth.
    """

    segments: Segments
    popularity: Tensor
    own_steps: float

    def scores(self, inputs: BrandInputs) -> Tensor:
        """Return logits (n, B) of the mixed probabilities."""
        hoped = self.popularity[self.segments.of(inputs.variables)] * self.own_steps
        return torch.logit(self._mixed(hoped, inputs))

    def logit(self, scores: Tensor) -> Tensor:
        """Scores are logits."""
        return scores

    def to_saved(self) -> dict[str, Any]:
        """Return card and tensors for ``bau_from_saved``."""
        card = {
            "model": "bau",
            "columns": self.segments.columns,
            "sizes": self.segments.sizes,
            "own_steps": self.own_steps,
        }
        tensors = {"codes": self.segments.codes.numpy(), "popularity": self.popularity.numpy()}
        return {"card": card, "tensors": tensors}

    def _mixed(self, steps: Tensor, inputs: BrandInputs) -> Tensor:
        """Add steps with a purchase to those the segment stands for, in place; make them shares."""
        tokens = inputs.brands
        known = tokens.name > 0
        at = (tokens.row[known], tokens.name[known] - 1)
        steps.index_put_(at, tokens.steps_bought_year[known], accumulate=True)
        looked_back = inputs.tenure.clamp(max=YEAR)
        return steps.div_((looked_back + self.own_steps)[:, None])


def fit_bau(
    training: BrandInputs, brand_list: DataFrame, encoder: Encoder, parameters: BauParameters
) -> Bau:
    """Count buyers by segment.

    Args:
        training: Training consumers before the training snapshots.
        brand_list: Every brand.
        encoder: Tells how many levels a variable has.
        parameters: What makes a segment, and how much is shrunk.

    Raises:
        InputError: A segment is wanted by something that is no variable.
    """
    columns = [_column(name) for name in parameters.segment_by]
    sizes = [encoder.variable_sizes[column] for column in columns]
    code, _ = _coded(training.variables[:, columns], sizes)
    segments = Segments(columns, sizes, torch.unique(code))
    rows = segments.of(training.variables).numpy()

    prevalence = smoothed_prevalence(brand_list)
    bought = (training.bought if training.bought is not None else torch.empty(0, 2).long()).numpy()
    buyers = np.zeros((len(segments), len(prevalence)))
    np.add.at(buyers, (rows[bought[:, 0]], bought[:, 1]), 1.0)
    consumers = np.bincount(rows, minlength=len(segments))[:, None]
    smoothing = parameters.smoothing
    popularity = (buyers + smoothing * prevalence) / (consumers + smoothing)
    return Bau(segments, torch.from_numpy(popularity.astype(np.float32)), parameters.own_steps)


def bau_from_saved(card: dict[str, Any], tensors: dict[str, Array]) -> Bau:
    """Restore what ``to_saved`` gave."""
    codes, popularity = (torch.from_numpy(np.asarray(tensors[k])) for k in ("codes", "popularity"))
    return Bau(Segments(card["columns"], card["sizes"], codes), popularity, card["own_steps"])


def _coded(levels: Tensor, sizes: list[int]) -> tuple[Tensor, Tensor]:
    """Return a number (n,) for each combination of levels (n, k), and whether all can occur."""
    code = torch.zeros(len(levels), dtype=torch.int64)
    possible = torch.ones(len(levels), dtype=torch.bool)
    for column, size in enumerate(sizes):
        code = code * size + levels[:, column]
        possible &= levels[:, column] < size
    return code, possible


def _column(name: str) -> int:
    if name not in VARIABLES:
        raise InputError(
            f"bau.segment_by: {name!r} is no variable of a consumer; there are "
            f"{', '.join(VARIABLES)}."
        )
    return VARIABLES.index(name)
