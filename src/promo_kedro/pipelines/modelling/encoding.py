"""Consumer-items as the four tensors that models read."""

import numpy as np
import torch

from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.reading import room_for
from promo_kedro.pipelines.modelling.tensors import ConsumerItems, FeatureGroups
from promo_kedro.pipelines.modelling.vocabulary import Vocabulary

ROWS_AT_ONCE = 65_536


def encode(
    items: ConsumerItems, groups: FeatureGroups, vocabularies: dict[str, Vocabulary]
) -> Inputs:
    """Turn consumer-items into the network's tensors; continuous features are not copied."""

    def indices(names: list[str], shape: tuple[int, ...]) -> torch.Tensor:
        joined = room_for((*shape, len(names)), np.int32, items.on_disk)
        for place, name in enumerate(names):
            feature = items.categorical(name)
            for start in range(0, len(items), ROWS_AT_ONCE):
                rows = slice(start, start + ROWS_AT_ONCE)
                joined[rows, ..., place] = vocabularies[name].encode(feature.rows(rows))
        return torch.from_numpy(joined)

    count, length = items.purchased.shape
    return Inputs(
        indices(groups.static_categorical, (count,)),
        indices(groups.temporal_categorical, (count, length)),
        torch.from_numpy(items.static_continuous),
        torch.from_numpy(items.temporal_continuous),
    )
