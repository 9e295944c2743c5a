"""What the true probabilities would reach with audiences of the same sizes.

Only a simulated retailer has them. The truth ranks the consumers of each brand by the exact
probability that they buy it in the step foretold, and takes as many as the run's audience has.
"""

import logging
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from promo_kedro.hashing import hashed
from promo_kedro.pipelines.evaluation.brands.assessing.assessment import judge
from promo_kedro.pipelines.evaluation.brands.assessing.hiding import hide_small_groups
from promo_kedro.pipelines.evaluation.brands.assessing.levels import Ground, Pairs
from promo_kedro.pipelines.evaluation.brands.assessing.strata import ApprovedBrands
from promo_kedro.pipelines.evaluation.brands.assessing.winner import REPORTED
from promo_kedro.pipelines.evaluation.brands.parameters import BrandAssessmentParameters
from promo_kedro.pipelines.evaluation.truth import steps_back
from promo_kedro.schemas.brands import BrandAssessment
from promo_kedro.types import Array
from promo_kedro.world import restore, restore_at

logger = logging.getLogger(__name__)

TRUTH = "truth"
SHARES = {"share_of_truth": "f1_median", "share_of_truth_harmonic": "f1_harmonic"}
COLUMNS = [*BrandAssessment.to_schema().columns, *SHARES]


def no_truth() -> pd.DataFrame:
    """The table without rows."""
    return pd.DataFrame(columns=COLUMNS)


def why_not(
    truth: dict[str, Any] | None, snapshots: pd.DataFrame, raw_data_hash: str
) -> str | None:
    """Why the truth cannot be asked, in words for people; None when it can."""
    if truth is None:
        return "Brands are not compared with the truth: only the simulated retailer has one."
    if truth["metadata"]["raw_data_hash"] != raw_data_hash:
        return (
            "Brands are not compared with the truth: the one beside the raw tables belongs to "
            "other raw tables than those that were read (the hashes differ). Run "
            "`kedro run --pipeline=simulation` to make both anew."
        )
    if horizon_steps(snapshots) != 1:
        return (
            f"Brands are not compared with the truth: {horizon_steps(snapshots)} steps are "
            "foretold, and the truth is known of the coming one alone."
        )
    if steps_back(restore(truth), _first_day(snapshots)) is None:
        return (
            "Brands are not compared with the truth: the simulated retailer has no step that "
            f"starts on {_first_day(snapshots)}."
        )
    return None


def horizon_steps(snapshots: pd.DataFrame) -> int:
    """How many steps are foretold: from the test snapshot to the end of the data."""
    by_use = snapshots.groupby("use")["snapshot"].max()
    return int(by_use["next"] - by_use["test"])


def true_brand_probabilities(
    truth: dict[str, Any], snapshots: pd.DataFrame, customer_ids: Array, brands: ApprovedBrands
) -> Array:
    """P(bought in the step foretold), given the offers made.

    Returns:
        (consumers, approved brands) float32, a brand's consumers side by side in memory, as
        :func:`likeliest` reads them.
    """
    back = steps_back(restore(truth), _first_day(snapshots))
    world, offers = restore_at(truth, 0 if back is None else back)
    rows = pd.Index(world.customer_ids).get_indexer(customer_ids)
    columns = pd.Index(world.brand_names.astype(object)).get_indexer(pd.Index(brands.names))
    known = np.flatnonzero(rows >= 0), np.flatnonzero(columns >= 0)
    # Consumers and brands that the world does not have are bought by, or of, no one.
    probability = np.zeros((len(customer_ids), len(brands)), dtype=np.float32, order="F")
    probability[np.ix_(*known)] = world.brand_purchase_probability(
        offers, rows=rows[known[0]], brands=columns[known[1]]
    )
    return probability


def likeliest(probability: Array, customer_ids: Array, most: Array, salt: int) -> list[Array]:
    """The ``most`` likeliest consumers of each brand, the likeliest first; ties fall by chance.

    One brand is sorted at a time, once for all runs.
    """
    by_chance = np.argsort(hashed(customer_ids, salt), kind="stable").astype(np.int32)
    return [
        by_chance[np.argsort(-column[by_chance], kind="stable")[:size]]
        for column, size in zip(probability.T, most, strict=True)
    ]


def first_of_each(ranked: list[Array], sizes: Array) -> Pairs:
    """The first consumers of each brand, as many as ``sizes`` says."""
    brand = np.repeat(np.arange(len(ranked), dtype=np.int32), sizes)
    consumers = [order[:size] for order, size in zip(ranked, sizes, strict=True)]
    return Pairs(np.concatenate(consumers), brand)


def score_truth(
    ground: Ground,
    probability: Array,
    customer_ids: Array,
    counts: pd.DataFrame,
    assessment: pd.DataFrame,
    winner: str,
    parameters: BrandAssessmentParameters,
) -> pd.DataFrame:
    """The truth with the winner's sizes, and each run's share of the truth with its own sizes.

    Args:
        ground: What the consumers reported on bought.
        probability: (consumers, approved brands) true probabilities.
        customer_ids: (consumers,) their ids.
        counts: ``brand_counts``.
        assessment: ``brand_assessment``, whole.
        winner: The run whose sizes the truth's own rows have.
        parameters: The main rule of size, and what counts where something is empty.

    Returns:
        Columns of ``brand_assessment``, and the shares: rows of run ``truth`` first, then those of
        every run under the main rule of size; for people, without figures of small groups.
    """
    key = {"sample": REPORTED, "sizing": parameters.sizing}
    chosen = (counts["sample"] == REPORTED) & (counts["sizing"] == parameters.sizing)
    sizes = counts[chosen].pivot(index="run", columns="brand", values="size")
    sizes = sizes.reindex(columns=pd.Index(ground.brands.names), fill_value=0)
    if sizes.empty:
        return no_truth()
    sizes = sizes.fillna(0).astype(np.int64)
    ranked = likeliest(probability, customer_ids, sizes.max().to_numpy(), salt=0)
    parts: list[pd.DataFrame] = []
    for run, row in sizes.iterrows():
        pairs = first_of_each(ranked, row.to_numpy())
        told = pd.DataFrame(judge(ground, pairs, ground.hits(pairs), parameters))
        if run == winner:
            parts.insert(0, told.assign(**key, run=TRUTH, **dict.fromkeys(SHARES, 1.0)))
        ours = assessment[assessment["run"] == run]
        ours = ours[(ours["sample"] == REPORTED) & (ours["sizing"] == parameters.sizing)]
        best = told.set_index(["level", "stratum"]).reindex(
            pd.MultiIndex.from_frame(ours[["level", "stratum"]])
        )
        shares = {
            share: ours[figure].to_numpy(dtype=float)
            / best[figure].where(best[figure] > 0).to_numpy(dtype=float)
            for share, figure in SHARES.items()
        }
        parts.append(ours.assign(**shares))
    table = pd.concat(parts, ignore_index=True)[COLUMNS]
    return hide_small_groups(table, parameters)


def _first_day(snapshots: pd.DataFrame) -> date:
    day = snapshots.loc[snapshots["use"] == "test", "first_day"].iloc[0]
    return date.fromisoformat(str(day)[:10])
