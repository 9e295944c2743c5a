"""Permutation importance: what a model loses when a family of features tells it nothing."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.tensors import FeatureGroups
from promo_kedro.types import Array


@dataclass(frozen=True)
class Places:
    """Where the features of one family stand in the four tensors."""

    static_categorical: list[int]
    temporal_categorical: list[int]
    static_continuous: list[int]
    temporal_continuous: list[int]

    @property
    def features(self) -> int:
        """Number of features."""
        return sum(len(places) for places in vars(self).values())


def places_by_family(groups: FeatureGroups, families: dict[str, str]) -> dict[str, Places]:
    """Find the features of each family that a model reads.

    Args:
        groups: The features that it reads, in the order of its tensors.
        families: Feature to family, as ``feature_groups`` has them.

    Raises:
        InputError: A feature has no family.
    """
    strangers = [name for name in groups.all_features if name not in families]
    if strangers:
        raise InputError(
            f"feature_groups: {len(strangers)} feature(s) have no entry in families, such as "
            f"{strangers[0]!r}. Run `kedro run --pipeline=data_engineering` to write it anew."
        )

    def places(names: list[str], family: str) -> list[int]:
        return [at for at, name in enumerate(names) if families[name] == family]

    found = {
        family: Places(
            places(groups.static_categorical, family),
            places(groups.temporal_categorical, family),
            places(groups.static_continuous, family),
            places(groups.temporal_continuous, family),
        )
        for family in dict.fromkeys(families.values())
    }
    return {family: at for family, at in found.items() if at.features}


def permutation_importance(
    answer: Callable[[Inputs], Array],
    inputs: Inputs,
    purchased: Array,
    places: dict[str, Places],
    repeats: int,
    draw: np.random.Generator,
) -> list[dict[str, Any]]:
    """Deal each family's features anew among the consumer-items, and see the log loss rise.

    A consumer-item receives all the family's features of one other, in all steps: what belongs
    together stays together, and in order. What the rest of the features also tell is not
    missed, so that families that tell the same both look less important than they are; and
    features that all consumer-items share, such as the date, cannot show at all.

    Args:
        answer: Gives the logits (n,) of the step asked.
        inputs: What it reads.
        purchased: (n,) whether they bought.
        places: The features of each family.
        repeats: How often all is dealt anew; the mean is told. Every family sees the same deals.
        draw: What deals.

    Returns:
        For each family its ``group``, number of ``features``, the ``log_loss`` as it is and
        ``log_loss_permuted``, and their difference ``increase``.
    """
    deals = [torch.from_numpy(draw.permutation(len(inputs))) for _ in range(repeats)]
    loss = _log_loss(answer(inputs), purchased)
    rows = []
    for family, at in places.items():
        permuted = float(
            np.mean([_log_loss(answer(dealt(inputs, at, deal)), purchased) for deal in deals])
        )
        rows.append(
            {
                "group": family,
                "features": at.features,
                "log_loss": loss,
                "log_loss_permuted": permuted,
                "increase": permuted - loss,
            }
        )
    return rows


def dealt(inputs: Inputs, places: Places, deal: Tensor) -> Inputs:
    """Give each consumer-item the features at ``places`` of another, in all steps.

    Args:
        inputs: The four tensors; they stay as they are.
        places: The features that change hands.
        deal: (n,) whose features each consumer-item receives.
    """
    changed = {}
    for name, at in vars(places).items():
        if at:
            tensor = getattr(inputs, name)
            changed[name] = tensor.clone()
            changed[name][..., at] = tensor[deal][..., at]
    return replace(inputs, **changed)


def _log_loss(logits: Array, purchased: Array) -> float:
    return float(np.mean(np.logaddexp(0, logits) - purchased * logits))
