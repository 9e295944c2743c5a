"""What a loss tells about who trained: losses of those who did, and of those never seen.

A consumer's loss is its log loss summed over the brands of a stratum (Yeom et al., 2018), averaged
over the snapshots that the run learnt from: memory adds up over them, chance does not. Most of a
loss is how hard the consumer is to foretell for anybody. What a simple run loses on the same rows
stands for that, and is taken off in a second loss (as Watson et al., 2022, do).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs
from promo_kedro.types import Array, DataFrame

ALL = "all"
ROWS_AT_ONCE = 2048
COLUMNS = ["run", "stratum", "member", "loss", "loss_minus_reference"]

Logits = Callable[[BrandInputs], Tensor]


def membership_losses(
    runs: Mapping[str, Logits],
    learnt_from: Mapping[str, set[int]],
    reference: str | None,
    looks: Iterable[BrandInputs],
    asked: DataFrame,
    brand_list: DataFrame,
) -> DataFrame:
    """Return the losses that an attacker would compare.

    They are all that leaves the models: which consumer a loss is of is not told.

    Args:
        runs: By name, the logits of calibrated probabilities that a run gives.
        learnt_from: The snapshots that each was trained on. Strangers are asked at the same ones,
            else the season would tell the two apart, not the memory.
        reference: The run that stands for how hard a consumer is to foretell; may be missing.
        looks: Members and strangers together, one snapshot at a time.
        asked: ``customer_id`` and ``member``, in the order in which losses are to be told.
        brand_list: Every brand with its ``position`` and ``stratum``.

    Returns:
        ``brand_membership``: mean losses in nats per run, stratum (each, and ``all``) and
        consumer. Who has no row at the snapshots of a run is not told of.
    """
    strata = _strata(brand_list)
    counts = torch.from_numpy(np.stack(list(strata.values())))
    consumers = pd.Index(asked["customer_id"])
    tallies = {name: _Tally(len(asked), len(strata)) for name in runs}
    for inputs in looks:
        if not len(inputs):
            continue
        rows = consumers.get_indexer(inputs.customer_id)
        simple = _losses(runs[reference], inputs, counts) if reference else None
        for name, logits in runs.items():
            if int(inputs.snapshot[0]) in learnt_from[name]:
                losses = _losses(logits, inputs, counts)
                tallies[name].add(rows, losses, None if name == reference else simple)
    member = asked["member"].to_numpy(dtype=bool)
    tables = [tally.table(name, list(strata), member) for name, tally in tallies.items()]
    return pd.concat(tables, ignore_index=True)[COLUMNS]


class _Tally:
    """Sums of a run's losses per consumer, so that no snapshot is held longer than needed."""

    def __init__(self, consumers: int, strata: int):
        self.looks = np.zeros(consumers)
        self.loss = np.zeros((consumers, strata))
        self.more = np.zeros((consumers, strata))

    def add(self, rows: Array, losses: Array, simple: Array | None) -> None:
        """Add a snapshot: losses of some consumers, each there once, and the simple run's."""
        self.looks[rows] += 1
        self.loss[rows] += losses
        self.more[rows] += np.nan if simple is None else losses - simple

    def table(self, run: str, strata: list[str], member: Array) -> DataFrame:
        """Return the means."""
        met = self.looks > 0
        of_each = self.looks[met, None]
        return pd.DataFrame(
            {
                "run": run,
                "stratum": np.repeat(strata, met.sum()),
                "member": np.tile(member[met], len(strata)),
                "loss": (self.loss[met] / of_each).ravel(order="F"),
                "loss_minus_reference": (self.more[met] / of_each).ravel(order="F"),
            }
        )


def _strata(brand_list: DataFrame) -> dict[str, Array]:
    """Return which brands count, by stratum: (brands,) 0 or 1."""
    stratum = brand_list.sort_values("position")["stratum"].to_numpy()
    named = {name: (stratum == name).astype(np.float32) for name in pd.unique(stratum)}
    return {ALL: np.ones(len(stratum), dtype=np.float32), **named}


def _losses(logits: Logits, inputs: BrandInputs, counts: Tensor) -> Array:
    """Return (n, strata) sums of log losses."""
    parts = []
    for rows in torch.arange(len(inputs)).split(ROWS_AT_ONCE):
        asked = inputs.rows(rows)
        logit = logits(asked)
        terms = binary_cross_entropy_with_logits(
            logit, asked.bought_matrix(logit.shape[1]), reduction="none"
        )
        parts.append(terms.double() @ counts.double().T)
    return torch.cat(parts).numpy()
