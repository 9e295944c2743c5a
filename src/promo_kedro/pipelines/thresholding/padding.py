"""Consumers with different numbers of items, side by side in rectangular blocks.

Every consumer is one column, its items run down the column by falling probability, and the
columns of a block are of similar length, so a few array operations serve all its consumers.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from promo_kedro.types import Array

CELLS = 800_000
"""Cells (items² × consumers) of a block: few enough to stay in a processor's cache."""


@dataclass(frozen=True)
class Block:
    """Groups of similar size, the items of each by falling probability.

    Attributes:
        groups: (n,) code of the group in each column.
        rows: (width, n) row of each item in the arrays that were grouped; anything where not
            ``filled``.
        filled: (width, n) whether the column has an item there.
        probabilities: (width, n); empty places hold 0.
    """

    groups: Array
    rows: Array
    filled: Array
    probabilities: Array

    def take(self, values: Array) -> Array:
        """Arrange one value per row as (width, n); empty places hold 0."""
        return np.where(self.filled, np.asarray(values, dtype=np.float64)[self.rows], 0.0)

    def best_choice(self, scores: Array) -> Array:
        """Return the k with the best score in each column, the smallest of equally good ones.

        Args:
            scores: (width + 1, n) score of choosing the top k. Items of equal probability are
                chosen together or not at all, so only a k that ends such a tie is admissible.
        """
        following = np.full_like(self.probabilities, -1.0)
        following[:-1] = np.where(self.filled[1:], self.probabilities[1:], -1.0)
        ends_a_tie = self.filled & (self.probabilities > following)
        admissible = np.concatenate([scores[:1], np.where(ends_a_tie, scores[1:], -np.inf)])
        return admissible.argmax(axis=0)

    def last_chosen(self, choice: Array) -> Array:
        """Return p_k of each column, the cut-off that chooses its top k; +∞ where k is 0."""
        infinite = np.full((1, self.probabilities.shape[1]), np.inf)
        return _pick(np.concatenate([infinite, self.probabilities]), choice)

    def first_left(self, choice: Array) -> Array:
        """Return p_k₊₁ of each column, the largest probability that is not chosen, or 0."""
        zero = np.zeros((1, self.probabilities.shape[1]))
        return _pick(np.concatenate([self.probabilities, zero]), choice)


def for_each_block(
    groups: Array, probabilities: Array, work: Callable[[Block], None], threads: int | None = 1
) -> None:
    """Arrange rows in blocks of groups and hand every block to ``work``.

    The blocks together hold every group once, largest groups first. No column is under half
    its block's width, so little of a block is padding. Blocks are made when their turn comes:
    beyond the arguments, memory is one block per thread, and a sorting order where the rows of
    a group do not stand together.

    Args:
        groups: (rows,) group codes, 0 … G − 1.
        probabilities: (rows,) the values to sort by, in [0, 1].
        work: called once per block, from several threads at once; NumPy works in parallel
            there, since it lets other threads run during large array operations.
        threads: how many; None for every core this process may use.
    """
    grouped = bool(np.all(groups[1:] >= groups[:-1]))
    order = None if grouped else np.argsort(groups, kind="stable")
    sizes = np.bincount(groups)
    starts = np.cumsum(sizes) - sizes

    def serve(members: Array) -> None:
        places = np.arange(sizes[members[0]])
        filled = places < sizes[members][:, None]
        rows = np.where(filled, starts[members][:, None] + places, 0)
        rows = rows if order is None else order[rows]
        values = np.where(filled, probabilities[rows], -1.0)  # empty places sort last
        falling = np.argsort(-values, axis=1, kind="stable")
        work(
            Block(
                groups=members,
                rows=np.ascontiguousarray(np.take_along_axis(rows, falling, axis=1).T),
                filled=np.ascontiguousarray(filled.T),
                probabilities=np.maximum(np.take_along_axis(values, falling, axis=1).T, 0.0),
            )
        )

    threads = threads or _cores()
    if threads == 1:
        for members in _members(sizes):
            serve(members)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(serve, _members(sizes)):  # raises what a thread raised
            pass


def _members(sizes: Array) -> Iterator[Array]:
    """Deal the groups out to blocks of similar sizes, largest first."""
    largest_first = np.argsort(-sizes, kind="stable")
    waiting = largest_first[sizes[largest_first] > 0]
    while len(waiting):
        width = int(sizes[waiting[0]])
        members = waiting[: max(1, CELLS // width**2)]
        members = members[2 * sizes[members] >= width]
        waiting = waiting[len(members) :]
        yield members


def _pick(values: Array, places: Array) -> Array:
    """Take one value per column."""
    return values[places, np.arange(values.shape[1])]


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
