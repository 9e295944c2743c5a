"""Consumers with different numbers of items, side by side in rectangular blocks.

Every consumer is one column, its items run down the column by falling probability, and the
columns of a block are of similar length, so a few array operations serve all its consumers.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from promo_kedro.types import Array

CELLS = 400_000
"""Cells (items² × consumers) of a block: few enough to stay in a processor's cache."""


@dataclass(frozen=True)
class Block:
    """Groups of similar size.

    Attributes:
        groups: (n,) code of the group in each column.
        rows: (width, n) row of each item in the arrays that were grouped; anything where not
            ``filled``.
        filled: (width, n) whether the column has an item there.
    """

    groups: Array
    rows: Array
    filled: Array

    def take(self, values: Array) -> Array:
        """Arrange one value per row as (width, n); empty places hold 0."""
        return np.where(self.filled, np.asarray(values, dtype=np.float64)[self.rows], 0.0)


def padded_blocks(groups: Array, probabilities: Array) -> Iterator[Block]:
    """Arrange rows in blocks of groups, by falling probability within each group.

    Args:
        groups: (rows,) group codes, 0 … G − 1.
        probabilities: (rows,) the values to sort by.

    Yields:
        Blocks that together hold every group once, largest groups first. No column is under
        half the block's width, so little of a block is padding.
    """
    order = np.lexsort((-probabilities, groups))
    sizes = np.bincount(groups)
    starts = np.cumsum(sizes) - sizes
    largest_first = np.argsort(-sizes, kind="stable")
    waiting = largest_first[sizes[largest_first] > 0]
    while len(waiting):
        width = int(sizes[waiting[0]])
        members = waiting[: max(1, CELLS // width**2)]
        members = members[2 * sizes[members] >= width]
        waiting = waiting[len(members) :]

        places = np.arange(width)[:, None]
        filled = places < sizes[members]
        yield Block(members, order[np.where(filled, starts[members] + places, 0)], filled)
