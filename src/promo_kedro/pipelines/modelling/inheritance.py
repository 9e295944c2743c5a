"""A network that goes on from the one of an earlier window."""

import logging

import torch
from torch import Tensor

from promo_kedro.pipelines.modelling.networks import PurchaseNetwork
from promo_kedro.pipelines.modelling.purchase_model import PurchaseModel
from promo_kedro.pipelines.modelling.tensors import FeatureGroups
from promo_kedro.pipelines.modelling.vocabulary import Vocabulary

logger = logging.getLogger(__name__)


def inherit(
    network: PurchaseNetwork,
    groups: FeatureGroups,
    vocabularies: dict[str, Vocabulary],
    older: PurchaseModel,
    recipe: str,
) -> bool:
    """Put an older network's weights and scales into a new one, embeddings level by level.

    Args:
        network: As it was built; levels that the older one never met keep their start.
        groups: The features of the new network.
        vocabularies: Their levels.
        older: The model of the earlier window.
        recipe: Which of its networks.

    Returns:
        Whether they fit. They do not where another number of levels made an embedding another
        size; the network is then left as it was.
    """
    if recipe not in older.networks:
        return False
    state = dict(older.networks[recipe].network.state_dict())
    own = network.state_dict()
    tables = {
        f"{part}_embeddings.tables.{place}.weight": name
        for part in ("static", "temporal")
        for place, name in enumerate(getattr(groups, f"{part}_categorical"))
    }
    for table, name in tables.items():
        if table not in state or state[table].shape[1] != own[table].shape[1]:
            return False
        state[table] = _by_level(
            own[table], state[table], vocabularies[name], older.vocabularies[name]
        )
    if {name: value.shape for name, value in state.items()} != {
        name: value.shape for name, value in own.items()
    }:
        return False
    network.load_state_dict(state)
    return True


def _by_level(own: Tensor, older: Tensor, new: Vocabulary, old: Vocabulary) -> Tensor:
    """Return a table whose known levels have the older vectors."""
    places = {level: place for place, level in enumerate(old.levels, start=1)}
    table = own.clone()
    rows = [place for place, level in enumerate(new.levels, start=1) if level in places]
    known = [places[level] for level in new.levels if level in places]
    table[torch.tensor(rows, dtype=torch.long)] = older[torch.tensor(known, dtype=torch.long)]
    return table
