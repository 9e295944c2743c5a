"""Scores that stream past: what is kept of consumers × brands, which are never held whole.

Kept are the likeliest consumers of each brand, sums and histograms over all consumers, and all
scores of a small share of the consumers. Neither the order of consumers nor the size of the
chunks changes anything but the last digits of sums.
"""

import ctypes
import logging
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from scipy.special import expit
from torch import Tensor
from torch.nn.functional import softplus

from promo_kedro.errors import InputError
from promo_kedro.hashing import hashed_share
from promo_kedro.pipelines.modelling.brands.histograms import LogitHistograms
from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs
from promo_kedro.pipelines.modelling.brands.kept_pairs import KeptPairs, Pairs, kept_count
from promo_kedro.pipelines.modelling.brands.parameters import ScoringParameters
from promo_kedro.types import Array, DataFrame

logger = logging.getLogger(__name__)

_SAMPLE_SALT = 0x2F61_9C47_B8D0_53E5
_TOLD_PARTS = 5
_CHUNKS_PER_TIDYING = 10


class GivesLogits(Protocol):
    """A trained run: calibrated logits of all brands."""

    def logit(self, inputs: BrandInputs) -> Tensor:
        """Return (n, B) float32 on the CPU."""
        ...


@dataclass(frozen=True)
class Scored:
    """What is kept of a sample's scores, as frames with the brand as a categorical.

    Attributes:
        pairs: customer_id, brand, probability, rank: the likeliest consumers of each brand.
        totals: brand, consumers, expected_buyers, buyers, kept, log_loss.
        histograms: brand, bin, probability, consumers, buyers.
        sample: customer_id, brand, probability, purchased: all brands of some consumers.
    """

    pairs: DataFrame
    totals: DataFrame
    histograms: DataFrame
    sample: DataFrame


@dataclass
class _Sums:
    """Sums over consumers per brand, in double precision."""

    probability: Array
    loss: Array
    buyers: Array

    def add(self, logit: Tensor, bought: tuple[Tensor, Tensor] | None) -> None:
        self.probability += [_total(torch.sigmoid(of_brand)) for of_brand in logit]
        if bought is None:
            return
        brand, at = bought[0].numpy(), logit[bought].numpy()
        self.loss += [_total(softplus(of_brand)) for of_brand in logit]
        self.loss -= np.bincount(brand, at, len(self.loss))
        self.buyers += np.bincount(brand, minlength=len(self.buyers))


def _total(values: Tensor) -> float:
    return float(values.sum(dtype=torch.float64))


@dataclass
class _Sample:
    """All scores of consumers whom a hash of their id picks."""

    share: float
    _parts: list[tuple[Array, Array, Array]] = field(default_factory=list)

    def add(self, customer_id: Array, logit: Tensor, bought: tuple[Tensor, Tensor] | None) -> None:
        rows = np.flatnonzero(hashed_share(customer_id, _SAMPLE_SALT) < self.share)
        purchased = np.full((len(rows), len(logit)), np.nan if bought is None else 0, np.float32)
        if bought is not None and len(rows):
            place = np.searchsorted(rows, bought[1].numpy()).clip(max=len(rows) - 1)
            picked = rows[place] == bought[1].numpy()
            purchased[place[picked], bought[0].numpy()[picked]] = 1
        self._parts.append((customer_id[rows], expit(logit.numpy()[:, rows].T), purchased))

    def frame(self, brands: Array) -> DataFrame:
        """Return consumers by id, and of each all brands."""
        nothing = np.empty((0, len(brands)), np.float32)
        parts = zip((np.empty(0, np.int64), nothing, nothing), *self._parts, strict=True)
        ids, probability, purchased = map(np.concatenate, parts)
        order = np.argsort(ids)
        codes = np.tile(np.arange(len(brands), dtype=np.int32), len(ids))
        return pd.DataFrame(
            {
                "customer_id": np.repeat(ids[order], len(brands)),
                "brand": pd.Categorical.from_codes(codes, brands),
                "probability": probability[order].ravel(),
                "purchased": purchased[order].ravel(),
            }
        )


class ScoreStream:
    """Takes in the logits of consumers, chunk by chunk, and keeps what later steps need.

    Args:
        brands: (A,) names of the approved brands, in the order of the logits' columns.
        prevalence: (A,) share of consumers who buy each.
        most_consumers: No more consumers than this will come.
        parameters: What is kept.
    """

    def __init__(
        self, brands: Array, prevalence: Array, most_consumers: int, parameters: ScoringParameters
    ) -> None:
        self._brands = np.asarray(brands, dtype=object)
        self._prevalence = np.asarray(prevalence, dtype=np.float64)
        self._parameters = parameters
        self._consumers, self._most = 0, most_consumers
        self._labelled: bool | None = None
        self._pairs = KeptPairs(self._kept_count(most_consumers))
        self._histograms = LogitHistograms(len(brands))
        self._sums = _Sums(*(np.zeros(len(brands), kind) for kind in (float, float, int)))
        self._sample = _Sample(parameters.sample_share)

    def add(
        self, customer_id: Array, logit: Tensor | Array, bought: Tensor | Array | None = None
    ) -> None:
        """Take in consumers, each once.

        Args:
            customer_id: (n,).
            logit: (n, A) calibrated logits.
            bought: (n, A) 1 or True where a brand was bought; none for steps yet to come.

        Raises:
            ValueError: Some chunks know what was bought and others do not, or more consumers
                came than were announced.
            InputError: A logit is not a number.
        """
        if self._labelled not in (None, bought is not None):
            raise ValueError("either all chunks know what was bought, or none does")
        self._labelled = bought is not None
        self._consumers += len(customer_id)
        if self._consumers > self._most:
            raise ValueError(f"{self._most} consumers were announced, {self._consumers} came")
        by_brand = torch.as_tensor(logit, dtype=torch.float32).T.contiguous()
        self._refuse_what_is_no_number(by_brand)
        pairs = None
        if bought is not None:
            brand, row = torch.as_tensor(bought).T.nonzero(as_tuple=True)
            pairs = brand, row
        self._sums.add(by_brand, pairs)
        self._histograms.add(by_brand, pairs)
        self._sample.add(customer_id, by_brand, pairs)
        self._pairs.add(customer_id, by_brand.numpy())

    def finish(self) -> Scored:
        """Return what was kept; nothing can be added afterwards."""
        labelled = bool(self._labelled)
        kept = self._pairs.finish(self._kept_count(self._consumers))
        return Scored(
            pairs=self._pairs_frame(kept),
            totals=self._totals_frame(kept, labelled),
            histograms=self._histograms.frame(self._brands, labelled),
            sample=self._sample.frame(self._brands),
        )

    def _kept_count(self, consumers: int) -> Array:
        share, times = self._parameters.kept_share, self._parameters.kept_times_prevalence
        return kept_count(consumers, self._prevalence, share, times)

    def _refuse_what_is_no_number(self, logit: Tensor) -> None:
        wrong = ~torch.isfinite(logit.sum(1))
        if wrong.any():
            brand = self._brands[int(wrong.nonzero()[0])]
            raise InputError(
                f"scores: logits of {int(wrong.sum())} brands are not finite, for example of "
                f"{brand!r}: train the run again with a lower learning_rate."
            )

    def _pairs_frame(self, kept: Pairs) -> DataFrame:
        return pd.DataFrame(
            {
                "customer_id": kept.customer_id,
                "brand": pd.Categorical.from_codes(kept.column, self._brands),
                "probability": expit(kept.logit),
                "rank": kept.rank,
            },
            copy=False,
        )

    def _totals_frame(self, kept: Pairs, labelled: bool) -> DataFrame:
        buyers = pd.array(self._sums.buyers, dtype="Int64")
        log_loss = self._sums.loss / max(self._consumers, 1)
        if not labelled:
            buyers[:], log_loss[:] = pd.NA, np.nan
        return pd.DataFrame(
            {
                "brand": pd.Categorical(self._brands, self._brands),
                "consumers": self._consumers,
                "expected_buyers": self._sums.probability,
                "buyers": buyers,
                "kept": np.bincount(kept.column, minlength=len(self._brands)),
                "log_loss": log_loss,
            }
        )


def score(
    run: GivesLogits,
    chunks: Iterable[BrandInputs],
    brand_list: DataFrame,
    parameters: ScoringParameters,
    most_consumers: int,
    name: str = "brands",
) -> Scored:
    """Score consumers for the approved brands, a chunk at a time.

    Args:
        run: Gives calibrated logits of all brands of ``brand_list``.
        chunks: The consumers.
        brand_list: Names, positions, prevalence, and which brands are approved.
        parameters: What is kept.
        most_consumers: The chunks hold no more consumers than this.
        name: What is scored, for the log.

    Raises:
        InputError: A logit is not a number.
        ValueError: The chunks hold more consumers.
    """
    approved = brand_list[brand_list["approved"].astype(bool)]
    columns = torch.from_numpy(approved["position"].to_numpy(np.int64, copy=True))
    brands, prevalence = approved["brand"].to_numpy(), approved["prevalence"].to_numpy(float)
    stream = ScoreStream(brands, prevalence, most_consumers, parameters)
    met, told = 0, 0
    for number, chunk in enumerate(chunks):
        if number % _CHUNKS_PER_TIDYING == 0:
            _give_back_memory()
        bought = None
        if chunk.bought is not None:
            bought = chunk.bought_matrix(len(brand_list))[:, columns]
        stream.add(chunk.customer_id, run.logit(chunk)[:, columns], bought)
        met += len(chunk)
        if met * _TOLD_PARTS // most_consumers > told:
            told = met * _TOLD_PARTS // most_consumers
            logger.info("%s: %s consumers scored", name, f"{met:,}")
    _give_back_memory()
    return stream.finish()


def _give_back_memory() -> None:
    """Give memory that tensors no longer use back to the system.

    On Linux the C library keeps it, in pieces that later chunks fit badly: without this a million
    consumers take about twice the memory.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
