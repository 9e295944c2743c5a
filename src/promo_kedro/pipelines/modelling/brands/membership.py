"""What a loss tells about who trained: losses of those who did, and of those never seen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs
from promo_kedro.pipelines.modelling.brands.parameters import MembershipParameters
from promo_kedro.pipelines.modelling.brands.trained_run import TrainedRun
from promo_kedro.types import Array, DataFrame

ALL = "all"
ROWS_AT_ONCE = 2048


def membership_losses(
    run: TrainedRun,
    members: BrandInputs,
    strangers: BrandInputs,
    brand_list: DataFrame,
    parameters: MembershipParameters,
    seed: int,
) -> DataFrame:
    """Return the losses that an attacker would compare (Yeom et al., 2018).

    A consumer's loss is the log loss of its calibrated probabilities, summed over the brands of a
    stratum. It is all that leaves the model: which consumer it is of is not told, and the rows
    are in the random order in which consumers were drawn.

    Args:
        run: The trained run under attack.
        members: Consumers it was trained on, at a snapshot it was trained on.
        strangers: Consumers it never saw, at the same snapshot: else the season would tell the
            two apart, not the memory.
        brand_list: Every brand with its ``position`` and ``stratum``.
        parameters: At most how many consumers of each kind are asked about.
        seed: Of the draw.

    Returns:
        ``brand_membership`` without ``run``: ``stratum`` (each of them, and ``all``), ``member``,
        ``loss`` in nats.
    """
    strata = _strata(brand_list)
    random = np.random.default_rng(seed)
    parts = []
    for member, inputs in ((True, members), (False, strangers)):
        drawn = random.permutation(len(inputs))[: parameters.max_consumers]
        losses = _losses(run, inputs, drawn, torch.from_numpy(np.stack(list(strata.values()))))
        table = pd.DataFrame(losses, columns=list(strata)).melt(
            var_name="stratum", value_name="loss"
        )
        parts.append(table.assign(member=member))
    return pd.concat(parts, ignore_index=True)[["stratum", "member", "loss"]]


def _strata(brand_list: DataFrame) -> dict[str, Array]:
    """Return which brands count, by stratum: (brands,) 0 or 1."""
    stratum = brand_list.sort_values("position")["stratum"].to_numpy()
    named = {name: (stratum == name).astype(np.float32) for name in pd.unique(stratum)}
    return {ALL: np.ones(len(stratum), dtype=np.float32), **named}


def _losses(run: TrainedRun, inputs: BrandInputs, rows: Array, counts: Tensor) -> Array:
    """Return (rows, strata) sums of log losses."""

    def of_parts() -> Iterator[Tensor]:
        for part in torch.from_numpy(rows).split(ROWS_AT_ONCE):
            asked = inputs.rows(part)
            logit = run.logit(asked)
            terms = binary_cross_entropy_with_logits(
                logit, asked.bought_matrix(logit.shape[1]), reduction="none"
            )
            yield terms.double() @ counts.double().T

    nobody = torch.empty(0, len(counts), dtype=torch.float64)
    return torch.cat([nobody, *of_parts()]).numpy()
