"""From a simulated history to the files of a retailer, and to the truth kept apart from them."""

from collections.abc import Iterable
from typing import Any

from promo_kedro.pipelines.simulation.parameters import SimulationParameters
from promo_kedro.types import DataFrame, Table


def simulate_retailer(parameters: SimulationParameters, seed: int) -> Any:
    """Let consumers shop for the given number of weeks."""
    from promo_kedro.world.history import simulate

    return simulate(parameters, seed)


def write_receipts(simulated_history: Any) -> tuple[Iterable[DataFrame], DataFrame, DataFrame]:
    """What was bought, by whom, and of what assortment."""
    from promo_kedro.world import files

    return (
        files.transactions(simulated_history),
        files.items(simulated_history),
        files.demographics(simulated_history),
    )


def write_coupons(simulated_history: Any) -> tuple[DataFrame, DataFrame, DataFrame]:
    """Which campaigns ran, what their coupons covered, and who redeemed which."""
    from promo_kedro.world import files

    return (
        files.campaigns(simulated_history),
        files.coupon_items(simulated_history),
        files.redemptions(simulated_history),
    )


def write_offer_log(simulated_history: Any) -> Iterable[DataFrame]:
    """Every offer that was made, zero offers too, with its propensity where that is known."""
    from promo_kedro.world import files

    return files.offer_log(simulated_history)


def keep_end_state(simulated_history: Any) -> dict[str, Any]:
    """What is true of the retailer after its last day."""
    from promo_kedro.world.truth import end_state

    return end_state(simulated_history)


def seal_truth(
    world_end_state: dict[str, Any], raw_files: dict[str, Any], *_written: Table
) -> dict[str, Any]:
    """Tie the truth to the very files written; `_written` only says that they are."""
    from promo_kedro.world.truth import sealed

    return sealed(world_end_state, raw_files["raw_data_hash"])
