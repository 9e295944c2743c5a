"""Tables of scores of a small retailer."""

import ibis
import numpy as np
import pandas as pd


def scored_tables(probabilities, kept, sample="out_of_training", run="varemb"):
    """Tables of scores from (consumers, brands) probabilities, of which the top ``kept`` stay."""
    consumers, brands = probabilities.shape
    pairs, totals = [], []
    for b in range(brands):
        p = probabilities[:, b]
        likeliest = np.argsort(-p, kind="stable")[: kept[b]]
        pairs.append(
            pd.DataFrame(
                {
                    "customer_id": 100 + likeliest,
                    "brand": f"brand {b}",
                    "probability": p[likeliest].astype(np.float32),
                    "rank": np.arange(1, len(likeliest) + 1, dtype=np.int32),
                }
            )
        )
        totals.append(
            {
                "brand": f"brand {b}",
                "consumers": consumers,
                "expected_buyers": p.sum(),
                "buyers": None,
                "kept": len(likeliest),
                "log_loss": None,
            }
        )
    names = {"sample": sample, "run": run}
    return pd.concat(pairs).assign(**names), pd.DataFrame(totals).assign(**names)


def list_of_brands(prevalence):
    return pd.DataFrame(
        {
            "position": range(len(prevalence)),
            "brand": [f"brand {b}" for b in range(len(prevalence))],
            "items": 1,
            "buyers": 1,
            "prevalence": prevalence,
            "approved": True,
            "stratum": "head",
        }
    )


def engine_table(pairs):
    """Give pairs to the engine in no order at all."""
    return ibis.memtable(pairs.sample(frac=1, random_state=0))
