"""A network that goes on from the one of an earlier window."""

import torch
from torch import Tensor

from promo_kedro.pipelines.modelling.networks import PurchaseNetwork
from promo_kedro.pipelines.modelling.purchase_model import PurchaseModel
from promo_kedro.pipelines.modelling.tensors import FeatureGroups
from promo_kedro.pipelines.modelling.vocabulary import Vocabulary


def inherit(
    network: PurchaseNetwork,
    groups: FeatureGroups,
    vocabularies: dict[str, Vocabulary],
    older: PurchaseModel,
    recipe: str,
) -> str:
    """Put an older network's weights and scales into a new one, embeddings level by level.

    Args:
        network: As it was built; levels that the older one never met keep their start.
        groups: The features of the new network.
        vocabularies: Their levels.
        older: The model of the earlier window.
        recipe: Which of its networks.

    Returns:
        Empty where they fit, or else why they do not; the network is then left as it was. Most
        often, another number of levels made an embedding another size.
    """
    if recipe not in older.networks:
        return "the window before has no such recipe"
    if older.groups != groups:
        return "the window before has other features"
    # The older network may still lie where it was trained.
    states = older.networks[recipe].network.state_dict()
    state = {part: values.cpu() for part, values in states.items()}
    own = network.state_dict()
    tables = {
        f"{part}_embeddings.tables.{place}.weight": name
        for part in ("static", "temporal")
        for place, name in enumerate(getattr(groups, f"{part}_categorical"))
    }
    resized = [
        name for table, name in tables.items() if state[table].shape[1] != own[table].shape[1]
    ]
    if resized:
        return f"the embedding of {', '.join(resized)} has another size than in the window before"
    for table, name in tables.items():
        state[table] = _by_level(
            own[table], state[table], vocabularies[name], older.vocabularies[name]
        )
    if {part: values.shape for part, values in state.items()} != {
        part: values.shape for part, values in own.items()
    }:
        return "the window before has other layers"
    network.load_state_dict(state)
    return ""


def _by_level(own: Tensor, older: Tensor, new: Vocabulary, old: Vocabulary) -> Tensor:
    """Return a table whose known levels have the older vectors."""
    places = {level: place for place, level in enumerate(old.levels, start=1)}
    table = own.clone()
    rows = [place for place, level in enumerate(new.levels, start=1) if level in places]
    known = [places[level] for level in new.levels if level in places]
    table[torch.tensor(rows, dtype=torch.long)] = older[torch.tensor(known, dtype=torch.long)]
    return table
