"""Audiences of one sample and run: how large by each rule, and who is in them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from promo_kedro.errors import MissingRunError
from promo_kedro.pipelines.thresholding.brands.caps import (
    keep_likeliest_brands,
    likeliest,
    limits,
    suppress_small,
)
from promo_kedro.pipelines.thresholding.brands.parameters import BrandSizingParameters
from promo_kedro.pipelines.thresholding.brands.scored_pairs import ScoredPairs
from promo_kedro.pipelines.thresholding.brands.sizing import READS_PAIRS, wanted_sizes
from promo_kedro.types import Array, DataFrame


@dataclass(frozen=True)
class Choice:
    """Which pairs each rule chose, as bits: many runs fit into memory side by side."""

    bits: dict[str, Array]
    pairs: int

    @classmethod
    def of(cls, chosen: dict[str, Array]) -> "Choice":
        """Pack (pairs,) bool of each rule."""
        pairs = len(next(iter(chosen.values())))
        return cls({rule: np.packbits(marks) for rule, marks in chosen.items()}, pairs)

    def marks(self) -> dict[str, Array]:
        """Return (pairs,) bool of each rule."""
        return {
            rule: np.unpackbits(bits, count=self.pairs).astype(bool)
            for rule, bits in self.bits.items()
        }


def in_order_of_brands(totals: DataFrame, brand_list: DataFrame) -> DataFrame:
    """Return the totals in the order of ``brand_list``, with each brand's ``prevalence``.

    Raises:
        MissingRunError: a scored brand is not in the list.
    """
    known = brand_list[["brand", "position", "prevalence"]]
    ordered = totals.merge(known, on="brand", how="left", validate="one_to_one")
    unknown = ordered.loc[ordered["position"].isna(), "brand"]
    if len(unknown):
        raise MissingRunError(
            f"brand_score_totals has {len(unknown)} brands that brand_list does not have, such "
            f"as {unknown.iloc[0]!r}; the two come from different runs: run "
            "`kedro run --pipeline=brands`."
        )
    return ordered.sort_values("position", ignore_index=True)


def choose_audiences(
    scored: ScoredPairs, totals: DataFrame, parameters: BrandSizingParameters, smallest: int
) -> tuple[DataFrame, Choice]:
    """Size every brand's audience by every rule and choose its members.

    Args:
        scored: pairs of one sample and run.
        totals: of the same, in the same order of brands, with ``prevalence``.
        parameters: rules and bounds.
        smallest: an audience of fewer consumers addresses nobody.

    Returns:
        ``brand_audiences`` without sample and run; and the pairs that each rule chose.
    """
    consumers = totals["consumers"].to_numpy()
    wanted = wanted_sizes(
        scored,
        consumers,
        totals["prevalence"].to_numpy(),
        totals["expected_buyers"].to_numpy(),
        parameters,
    )
    reachable = {rule: likeliest(scored, sizes) for rule, sizes in wanted.items()}
    within = keep_likeliest_brands(scored, reachable, parameters.brands_per_consumer)
    chosen = {rule: suppress_small(scored, marks, smallest) for rule, marks in within.items()}
    more_exist = scored.kept < consumers
    audiences = []
    for rule, sizes in wanted.items():
        limited_by = limits(
            sizes,
            scored.total(reachable[rule]),
            scored.total(within[rule]),
            scored.total(chosen[rule]),
            open_end=(rule in READS_PAIRS) & more_exist & (sizes == scored.kept),
        )
        described = _described(scored, chosen[rule]).assign(
            sizing=rule, brand=totals["brand"], wanted=sizes, limited_by=limited_by
        )
        audiences.append(described)
    return pd.concat(audiences, ignore_index=True), Choice.of(chosen)


def chosen_pairs(scored: ScoredPairs, brands: list[str], choice: Choice) -> DataFrame:
    """Return ``brand_selections`` without sample and run: pairs that at least one rule chose.

    Args:
        scored: the pairs.
        brands: names in the order of the pairs.
        choice: what each rule chose.
    """
    chosen = choice.marks()
    rows = np.flatnonzero(np.logical_or.reduce(list(chosen.values())))
    code = np.searchsorted(scored.starts, rows, side="right") - 1
    columns = {
        "customer_id": scored.customer_id[rows],
        "brand": pd.Categorical.from_codes(code, brands),
        "probability": scored.probability[rows],
    }
    return pd.DataFrame(columns | {rule: marks[rows] for rule, marks in chosen.items()})


def _described(scored: ScoredPairs, chosen: Array) -> DataFrame:
    """Say how large the audiences are and what they promise."""
    size = scored.total(chosen)
    expected = scored.total(np.where(chosen, scored.probability, 0.0))
    addressed = size > 0
    return pd.DataFrame(
        {
            "size": size,
            "cutoff": np.where(addressed, scored.lowest(chosen), np.nan),
            "expected_buyers": expected,
            "expected_precision": np.where(addressed, expected / np.maximum(size, 1), np.nan),
        }
    )
