"""The ways to cut probabilities, side by side on the test step that none of them has seen."""

from typing import Any

import numpy as np
import pandas as pd

from promo_kedro.errors import InputError
from promo_kedro.pipelines.evaluation.suppression import TOTAL

COLUMNS = [
    *("window", "category", "method", "consumers", "cutoffs"),
    *("mean_f1", "mean_f1_baskets", "mean_f1_buyers", "expected_f1"),
    *("realised_minus_expected", "realised_minus_expected_se"),
    *("precision", "recall", "f1", "chosen"),
]
_CONSUMER = ["window", "customer_id", "category"]


def compare_cutoffs(
    purchase_probabilities: pd.DataFrame,
    cutoff_candidates: pd.DataFrame,
    chosen_method: str,
    zero_division: float = 0.0,
) -> pd.DataFrame:
    """Score every method's cut-offs on the test step.

    The F1 of a consumer who bought nothing of the category is 0 whatever was predicted for them,
    but ``zero_division`` if nothing was. Such consumers are most of ``mean_f1`` where purchases
    are rare; ``mean_f1_buyers`` leaves them out.

    Args:
        purchase_probabilities: the probabilities that were cut, with the labels of the test step.
        cutoff_candidates: each method's cut-off per consumer and category, and the F1 that the
            probabilities promise for it.
        chosen_method: the method whose cut-offs are in use.
        zero_division: F1 of a consumer for whom nothing is predicted and nothing is bought.

    Returns:
        Columns :data:`COLUMNS`, per window, category and method; the total row is called "All".
        ``mean_f1`` and ``expected_f1`` are means over ``cutoffs``: over consumers, in the total row
        over every consumer in every category. ``mean_f1_baskets`` is a mean over ``consumers``
        there too: of the F1 of all of a consumer's items together, whatever their category.
        ``realised_minus_expected`` is the difference of the first two, with its standard error
        over consumers: near 0 where the probabilities can be believed. ``precision``, ``recall``
        and ``f1`` are those of all rows together (Eq. 7-8), as in Table 1.

    Raises:
        InputError: nothing can be scored, or a consumer has no cut-off.
    """
    rows = _labelled(purchase_probabilities)
    candidates = cutoff_candidates[cutoff_candidates["split"] == "test"]
    records: list[dict[str, Any]] = []
    for method, cutoffs in candidates.groupby("method", sort=False):
        consumers = _by_consumer(rows, cutoffs, zero_division)
        for window, of_window in consumers.groupby("window", sort=True):
            groups = [*of_window.groupby("category", sort=True, observed=True), (TOTAL, of_window)]
            for category, group in groups:
                records.append(
                    {
                        "window": int(window),
                        "category": str(category),
                        "method": str(method),
                        "chosen": method == chosen_method,
                        **_scores(group, zero_division),
                    }
                )
    return pd.DataFrame.from_records(records, columns=COLUMNS).sort_values(
        ["window", "category"], kind="stable", ignore_index=True
    )


def _labelled(probabilities: pd.DataFrame) -> pd.DataFrame:
    rows = probabilities[probabilities["split"] == "test"]
    if rows.empty or rows["purchased"].isna().any():
        raise InputError(
            "purchase_probabilities: no labelled rows in the test split, so no cut-off can be "
            "scored. Run `kedro run --pipeline=modelling` again."
        )
    return rows


def _by_consumer(rows: pd.DataFrame, cutoffs: pd.DataFrame, zero_division: float) -> pd.DataFrame:
    """Count what was chosen, bought and both, per consumer and category."""
    columns = [*_CONSUMER, "cutoff", "expected_f1"]
    cut = rows.merge(cutoffs[columns], on=_CONSUMER, how="left", validate="many_to_one")
    without = int(cut["cutoff"].isna().sum())
    if without:
        raise InputError(
            f"cutoff_candidates has no cut-off for {without:,} rows of purchase_probabilities; "
            "the two come from different runs: run `kedro run --pipeline=thresholding`."
        )
    chosen = cut["probability"] >= cut["cutoff"]
    bought = cut["purchased"] > 0
    counts = cut.assign(chosen=chosen, bought=bought, hits=chosen & bought)
    consumers = counts.groupby(_CONSUMER, observed=True).agg(
        chosen=("chosen", "sum"),
        bought=("bought", "sum"),
        hits=("hits", "sum"),
        expected_f1=("expected_f1", "first"),
    )
    return consumers.assign(realised_f1=_f1(consumers, zero_division)).reset_index()


def _f1(counts: pd.DataFrame, zero_division: float) -> pd.Series:
    total = counts["chosen"] + counts["bought"]
    return (2 * counts["hits"] / total).where(total > 0, zero_division)


def _scores(group: pd.DataFrame, zero_division: float) -> dict[str, Any]:
    realised, expected = group["realised_f1"], group["expected_f1"]
    baskets = group.groupby("customer_id")[["chosen", "bought", "hits"]].sum()
    buyers = group["bought"] > 0
    return {
        "consumers": group["customer_id"].nunique(),
        "cutoffs": len(group),
        "mean_f1": realised.mean(),
        "mean_f1_baskets": _f1(baskets, zero_division).mean(),
        "mean_f1_buyers": realised[buyers].mean(),
        "expected_f1": expected.mean(),
        "realised_minus_expected": (realised - expected).mean(),
        "realised_minus_expected_se": _standard_error(group),
        **_pooled(group),
    }


def _pooled(group: pd.DataFrame) -> dict[str, float]:
    """Precision, recall and F1 over all rows, from the consumers' counts; 0 for 0 / 0."""
    chosen, bought, hits = (float(group[name].sum()) for name in ("chosen", "bought", "hits"))
    return {
        "precision": hits / chosen if chosen else 0.0,
        "recall": hits / bought if bought else 0.0,
        "f1": 2 * hits / (chosen + bought) if hits else 0.0,
    }


def _standard_error(group: pd.DataFrame) -> float:
    """Of the mean difference. A consumer's categories go together, so they are summed first."""
    difference = group["realised_f1"] - group["expected_f1"]
    of_consumers = (difference - difference.mean()).groupby(group["customer_id"]).sum()
    return float(np.sqrt((of_consumers**2).sum()) / len(group))
