"""What the simulated retailer knows of the step that is scored."""

from pathlib import Path

import pandas as pd

from promo_kedro.datasets import TruthDataset
from promo_kedro.world import restore_at

DRAWS = 20


def true_probabilities(raw_dir: Path, window: int, seed: int) -> pd.DataFrame | None:
    """Return the true probabilities of the window's test step, or nothing without a truth.

    Returns:
        ``customer_id``, ``item_id``, ``truth`` (given the world's whole state) and
        ``truth_observable`` (given what can be observed).
    """
    truth = TruthDataset(filepath=str(raw_dir / "truth.safetensors")).load()
    if truth is None:
        return None
    world, offers = restore_at(truth, steps_back=window + 1)
    pairs = pd.MultiIndex.from_product(
        [world.customer_ids, world.item_ids], names=["customer_id", "item_id"]
    )
    columns = {
        "truth": world.purchase_probability(offers).ravel(),
        "truth_observable": world.observable_purchase_probability(offers, DRAWS, seed).ravel(),
    }
    return pd.DataFrame(columns, index=pairs).reset_index()
