"""The scored pairs of one sample and run as arrays, each brand's likeliest consumers first."""

from dataclasses import dataclass
from itertools import pairwise

import ibis
import numpy as np

from promo_kedro.errors import MissingRunError
from promo_kedro.types import Array, DataFrame, Table

_AT_ONCE = 1_000_000  # pairs read at a time


@dataclass(frozen=True)
class ScoredPairs:
    """Pairs of all brands, one brand after the other.

    Attributes:
        starts: (brands + 1,) where each brand's pairs start; the last is the number of pairs.
        customer_id: (pairs,) int64.
        probability: (pairs,) falls within a brand.
    """

    starts: Array
    customer_id: Array
    probability: Array

    @property
    def kept(self) -> Array:
        """The number of pairs of each brand."""
        return np.diff(self.starts)

    def total(self, values: Array) -> Array:
        """Add up each brand's values, or count its marks; ``values`` is (pairs,)."""
        return np.array([values[start:end].sum() for start, end in pairwise(self.starts)])

    def lowest(self, chosen: Array) -> Array:
        """Return each brand's lowest probability among the chosen (pairs,); 1 where none is."""
        likely = np.where(chosen, self.probability, 1.0)
        return np.array([likely[a:b].min(initial=1.0) for a, b in pairwise(self.starts)])


def read_scored_pairs(pairs: Table, totals: DataFrame) -> ScoredPairs:
    """Read the pairs of one sample and run; each is put where its brand and rank say.

    Args:
        pairs: ``brand_scored_pairs`` of one sample and run.
        totals: ``brand_score_totals`` of the same; its order of brands is kept.

    Raises:
        MissingRunError: the pairs are not those that the totals count.
    """
    kept = totals["kept"].to_numpy(dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(kept)])
    customer_id = np.zeros(starts[-1], dtype=np.int64)
    probability = np.full(starts[-1], np.nan)

    filled = 0
    for batch in _with_codes(pairs, totals["brand"]).to_pyarrow_batches(chunk_size=_AT_ONCE):
        code, rank, customer, p = (column.to_numpy(zero_copy_only=False) for column in batch)
        if not np.all((code >= 0) & (rank >= 1) & (rank <= kept[code])):
            raise _from_different_runs()
        place = starts[code] + rank - 1
        customer_id[place], probability[place] = customer, p
        filled += len(place)
    if filled != len(customer_id) or np.isnan(probability).any():
        raise _from_different_runs()
    return ScoredPairs(starts, customer_id, probability)


def _with_codes(pairs: Table, brands: DataFrame) -> Table:
    """Numbers in place of names: half a million equal texts would cost more than all else."""
    codes = ibis.memtable({"brand": brands.tolist(), "code": range(len(brands))})
    coded = pairs.left_join(codes, "brand")
    return coded.select(
        code=coded["code"].fill_null(-1).cast("int32"),
        rank=coded["rank"],
        customer_id=coded["customer_id"],
        probability=coded["probability"].cast("float64"),
    )


def _from_different_runs() -> MissingRunError:
    return MissingRunError(
        "brand_scored_pairs does not hold the pairs that brand_score_totals counts; the two come "
        "from different runs: run `kedro run --pipeline=brands`."
    )
