"""Print the figures of the simulated retailer that its page in the docs states.

Run it from the project's root: ``python benchmarks/simulated_retailer.py``.
"""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from kedro.config import OmegaConfigLoader

from promo_kedro.world import History, SimulationParameters, World, files, restore, simulate
from promo_kedro.world.truth import end_state, sealed

DEPTHS = [0, 10, 15, 20, 25, 30, 40, 50]
TRAINING_STEPS, LATER_STEPS = 24, 2


def receipts(history: History) -> pd.DataFrame:
    lines = pd.concat(files.transactions(history), ignore_index=True)
    list_total = lines["selling_price"] - lines["other_discount"]
    discount = -(lines["other_discount"] + lines["coupon_discount"])
    days = pd.to_datetime(lines["date"].astype(str))
    return lines.assign(offer=100 * discount / list_total, back=(days.max() - days).dt.days // 14)


def marginals(history: History) -> dict[str, str]:
    lines = receipts(history)
    offers = lines.loc[lines["offer"] > 0, "offer"]
    coupons = files.redemptions(history)
    bought = lines[["customer_id", "item_id", "back"]].drop_duplicates()
    training = bought[bought["back"].between(LATER_STEPS, LATER_STEPS + TRAINING_STEPS - 1)]
    relevant = training[["customer_id", "item_id"]].drop_duplicates()
    later = bought[bought["back"] < LATER_STEPS].merge(relevant)
    weeks = history.parameters.consumers * history.parameters.weeks
    return {
        "lines": f"{len(lines):,} ({len(lines) / weeks:.1f} per consumer and week)",
        "lines with a discount": f"{len(offers) / len(lines):.0%}",
        "depth, 10th 50th 90th percentile": ", ".join(
            f"{depth:.0f}" for depth in np.percentile(offers, [10, 50, 90])
        ),
        "lines with a coupon": f"{(lines['coupon_discount'] < 0).mean():.1%}",
        "issued coupons redeemed": f"{coupons['redemption_status'].mean():.1%}",
        "relevant consumer-items": f"{len(relevant):,}",
        "bought in a training step": f"{len(training) / len(relevant) / TRAINING_STEPS:.1%}",
        "bought in a later step": f"{len(later) / len(relevant) / LATER_STEPS:.1%}",
    }


def uniform_offers(world: World, weeks: int) -> pd.DataFrame:
    values = {}
    for depth in DEPTHS:
        offers = np.full((len(world.customer_ids), len(world.item_ids)), float(depth))
        value = world.value_of_offers(offers, weeks=weeks, draws=2, seed=1)
        values[depth] = value[value["category"] == "All"][["revenue", "active"]].mean()
    table = pd.DataFrame(values).T.rename_axis("offer")
    return table.assign(gain=table["revenue"] / table.loc[0, "revenue"] - 1)


def main() -> None:
    config = OmegaConfigLoader(str(Path("conf")), base_env="base", default_run_env="base")
    settings, seed = config["parameters"]["simulation"], config["parameters"]["seed"]
    for regime, kind in product(["strong", "weak"], ["randomised", "observed", "hidden"]):
        parameters = SimulationParameters(**settings | {"regime": regime, "offer_kind": kind})
        history = simulate(parameters, seed)
        print(f"\n{regime}, {kind}")
        for name, value in marginals(history).items():
            print(f"  {name:34} {value}")
        if kind == "observed":
            world = restore(sealed(end_state(history), "none"))
            for weeks in (2, 26):
                print(f"  uniform offers over {weeks} weeks")
                print(uniform_offers(world, weeks).round(3).to_string())


if __name__ == "__main__":
    main()
