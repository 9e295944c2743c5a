"""The cut-off per group of consumer-items that maximises F1: expected, as a ratio, or observed.

The cut-off is p_k, the k-th largest probability, and an item is chosen when its probability is
≥ p_k. Items that share a probability are therefore chosen together or not at all, and only a k
that ends such a tie is admissible. Choosing nothing is the cut-off +∞.
"""

from dataclasses import dataclass

import numpy as np

from promo_kedro.errors import InputError
from promo_kedro.pipelines.thresholding.f1 import expected_f1, observed_f1, ratio_f1
from promo_kedro.pipelines.thresholding.padding import Block, for_each_block
from promo_kedro.types import Array


@dataclass(frozen=True)
class ExpectedF1:
    """The expected F1 of every cut-off of each group.

    Attributes:
        groups: (rows,) group codes, 0 … G − 1.
        probabilities: (rows,).
        of_nothing: (G,) expected F1 of choosing nothing.
        gains: (rows,) what the expected F1 gains when the choice reaches down to this row. Only
            sums over all rows ≥ some cut-off have a meaning.
        best: (G,) the best cut-off; +∞ chooses nothing.
        next_lower: (G,) the largest probability that the best cut-off leaves out, or 0.
    """

    groups: Array
    probabilities: Array
    of_nothing: Array
    gains: Array
    best: Array
    next_lower: Array

    def of(self, cutoffs: Array) -> Array:
        """Return the expected F1 of one given cut-off per group, (G,)."""
        chosen = self.probabilities >= cutoffs[self.groups]
        gained = np.bincount(
            self.groups[chosen], self.gains[chosen], minlength=len(self.of_nothing)
        )
        # sums of gains can miss an exact 0 or 1 by the last digit
        return np.clip(self.of_nothing + gained, 0.0, 1.0)

    def first(self, rows: int, groups: int) -> "ExpectedF1":
        """Return the part of the first groups, to which exactly the first rows belong."""
        return ExpectedF1(
            groups=self.groups[:rows],
            probabilities=self.probabilities[:rows],
            of_nothing=self.of_nothing[:groups],
            gains=self.gains[:rows],
            best=self.best[:groups],
            next_lower=self.next_lower[:groups],
        )


def expected_f1_of_cutoffs(
    groups: Array, probabilities: Array, zero_division: float = 0.0, threads: int | None = 1
) -> ExpectedF1:
    """Score every cut-off of each group by its expected F1; no labels are read.

    Args:
        groups: (rows,) group codes, 0 … G − 1.
        probabilities: (rows,) calibrated probabilities.
        zero_division: F1 of choosing nothing where nothing is bought.
        threads: blocks of groups at a time; None for every core.
    """
    probabilities = _checked(probabilities)
    count = _count(groups)
    table = ExpectedF1(
        groups=groups,
        probabilities=probabilities,
        of_nothing=np.full(count, float(zero_division)),
        gains=np.zeros(len(probabilities)),
        best=np.full(count, np.inf),
        next_lower=np.zeros(count),
    )

    def fill_in(block: Block) -> None:
        scores = expected_f1(block.probabilities, zero_division)
        choice = block.best_choice(scores)
        table.of_nothing[block.groups] = scores[0]
        table.gains[block.rows[block.filled]] = np.diff(scores, axis=0)[block.filled]
        table.best[block.groups] = block.last_chosen(choice)
        table.next_lower[block.groups] = block.first_left(choice)

    for_each_block(groups, probabilities, fill_in, threads)
    return table


def expected_f1_cutoffs(
    groups: Array, probabilities: Array, zero_division: float = 0.0, threads: int | None = 1
) -> Array:
    """Maximise the expected F1 of each group; no labels are read.

    Args:
        groups: (rows,) group codes, 0 … G − 1.
        probabilities: (rows,) calibrated probabilities.
        zero_division: F1 of choosing nothing where nothing is bought.
        threads: blocks of groups at a time; None for every core.

    Returns:
        (G,) cut-offs; +∞ chooses nothing. The smallest of equally good choices is taken.
    """
    probabilities = _checked(probabilities)
    cutoffs = np.full(_count(groups), np.inf)

    def fill_in(block: Block) -> None:
        choice = block.best_choice(expected_f1(block.probabilities, zero_division))
        cutoffs[block.groups] = block.last_chosen(choice)

    for_each_block(groups, probabilities, fill_in, threads)
    return cutoffs


def ratio_cutoffs(groups: Array, probabilities: Array, threads: int | None = 1) -> Array:
    """Maximise expected hits over expected size, 2 Σ_{top k} p / (k + Σ_all p), of each group.

    The items chosen are those with p ≥ F*/2, F* being the largest ratio (Lipton et al., 2014).

    Args:
        groups: (rows,) group codes, 0 … G − 1.
        probabilities: (rows,) calibrated probabilities.
        threads: blocks of groups at a time; None for every core.

    Returns:
        (G,) cut-offs; +∞ where every probability is 0.
    """
    probabilities = _checked(probabilities)
    cutoffs = np.full(_count(groups), np.inf)

    def fill_in(block: Block) -> None:
        choice = block.best_choice(ratio_f1(block.probabilities))
        cutoffs[block.groups] = block.last_chosen(choice)

    for_each_block(groups, probabilities, fill_in, threads)
    return cutoffs


def empirical_cutoffs(
    groups: Array, probabilities: Array, purchased: Array, threads: int | None = 1
) -> Array:
    """Maximise the F1 of each group on its labels (Eq. 9).

    Args:
        groups: (rows,) group codes, 0 … G − 1.
        probabilities: (rows,) the probabilities the labels belong to.
        purchased: (rows,) 0/1.
        threads: blocks of groups at a time; None for every core.

    Returns:
        (G,) cut-offs; NaN for groups without a purchase, which labels say nothing about.
    """
    probabilities = _checked(probabilities)
    cutoffs = np.full(_count(groups), np.nan)

    def fill_in(block: Block) -> None:
        labels = block.take(purchased)
        best = block.last_chosen(block.best_choice(observed_f1(labels)))
        cutoffs[block.groups] = np.where(labels.any(axis=0), best, np.nan)

    for_each_block(groups, probabilities, fill_in, threads)
    return cutoffs


def _count(groups: Array) -> int:
    return int(groups.max()) + 1 if len(groups) else 0


def _checked(probabilities: Array) -> Array:
    """Return probabilities as float64, so that a cut-off equals the very value it came from."""
    checked = np.asarray(probabilities, dtype=np.float64)
    outside = ~((checked >= 0) & (checked <= 1))
    if outside.any():
        raise InputError(
            f"purchase_probabilities, column probability: {outside.sum():,} values are not in "
            f"[0, 1], such as {checked[outside][0]}; run `kedro run --pipeline=modelling` again."
        )
    return checked
