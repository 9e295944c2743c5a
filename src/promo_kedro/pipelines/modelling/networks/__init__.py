"""The purchase networks: entity embeddings and temporal convolutions (§3.1.3)."""

from promo_kedro.pipelines.modelling.networks.architecture import Architecture
from promo_kedro.pipelines.modelling.networks.figure1 import Figure1
from promo_kedro.pipelines.modelling.networks.ours import Ours
from promo_kedro.pipelines.modelling.networks.purchase_network import PurchaseNetwork

NETWORKS: dict[str, type[PurchaseNetwork]] = {"figure1": Figure1, "ours": Ours}


def build(architecture: Architecture) -> PurchaseNetwork:
    """Return an untrained network."""
    return NETWORKS[architecture.name](architecture)


__all__ = ["NETWORKS", "Architecture", "Figure1", "Ours", "PurchaseNetwork", "build"]
