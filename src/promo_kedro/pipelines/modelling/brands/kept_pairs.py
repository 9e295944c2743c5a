"""The consumers likeliest to buy each brand, kept exactly while all consumers stream past.

Each brand holds half as many candidates again as it keeps. When they no longer fit, the
likeliest stay, and the last of them is the floor under which no later consumer can matter.
Consumers of the same logit are told apart by a hash of their id, another for each brand: a model
that gives everyone the same score addresses others for each brand, and always the same ones.
"""

from dataclasses import dataclass

import numpy as np

from promo_kedro.hashing import hashed
from promo_kedro.types import Array

_TIE_SALT = 0x7C15_51D0_3E9B_4A27
_SMALLEST_RESERVE = 1024


def kept_count(consumers: int, prevalence: Array, share: float, times_prevalence: float) -> Array:
    """How many consumers each brand keeps: ceil(n · min(1, max(share, times · prevalence)))."""
    wanted = np.minimum(1.0, np.maximum(share, times_prevalence * prevalence))
    # 100 × 0.07 is a hair above 7 in floating point, and must not become 8.
    count: Array = np.ceil(np.round(consumers * wanted, 6)).astype(np.int64)
    return count


@dataclass(frozen=True)
class Pairs:
    """Kept pairs by brand, the likeliest consumer first, as arrays of equal length (m,).

    Attributes:
        column: int32, which brand.
        customer_id: int64.
        logit: float32.
        rank: int32 from 1 within each brand.
    """

    column: Array
    customer_id: Array
    logit: Array
    rank: Array


class KeptPairs:
    """The likeliest consumers of every brand.

    Args:
        counts: (brands,) how many consumers each brand keeps at most.
    """

    def __init__(self, counts: Array) -> None:
        ends = np.cumsum(counts + np.maximum(counts // 2, _SMALLEST_RESERVE))
        # One piece of memory for all brands, which goes back whole when they are done.
        total = int(ends[-1]) if len(ends) else 0
        ids, logit = np.empty(total, np.int64), np.empty(total, np.float32)
        self._brands = [
            _Likeliest(int(count), int(salt), its_ids, its_logit)
            for count, salt, its_ids, its_logit in zip(
                counts,
                hashed(np.arange(len(counts)), _TIE_SALT),
                np.split(ids, ends)[: len(counts)],
                np.split(logit, ends)[: len(counts)],
                strict=True,
            )
        ]

    def add(self, customer_id: Array, logit: Array) -> None:
        """Take in consumers (n,) with their logits (brands, n), each consumer once."""
        for brand, its_logit in zip(self._brands, logit, strict=True):
            brand.add(customer_id, its_logit)

    def finish(self, counts: Array) -> Pairs:
        """Return the pairs, and forget them.

        Args:
            counts: (brands,) how many each brand keeps in the end, no more than at first.
        """
        count = [
            min(brand.held, brand.count, int(wanted))
            for brand, wanted in zip(self._brands, counts, strict=True)
        ]
        total = sum(count)
        customer_id, logit = np.empty(total, np.int64), np.empty(total, np.float32)
        rank, at = np.empty(total, np.int32), 0
        for brand, size in zip(self._brands, count, strict=True):
            its_ids, its_logit = brand.ordered()
            to = slice(at, at + size)
            customer_id[to], logit[to] = its_ids[:size], its_logit[:size]
            rank[to] = np.arange(1, size + 1)
            at = to.stop
        self._brands = []
        column = np.repeat(np.arange(len(count), dtype=np.int32), count)
        return Pairs(column, customer_id, logit, rank)


class _Likeliest:
    """The likeliest consumers of one brand; ``ids`` and ``logit`` are room for candidates."""

    def __init__(self, count: int, salt: int, ids: Array, logit: Array) -> None:
        self.count = count
        self.held = 0
        self._salt = salt
        self._floor = np.float32(-np.inf)
        self._floor_hash = np.uint64(0)
        self._ids, self._logit = ids, logit

    def add(self, customer_id: Array, logit: Array) -> None:
        """Take in consumers (n,) who are not below the floor."""
        chosen = np.flatnonzero(logit >= self._floor)
        if not len(chosen):
            return
        ids, its_logit = customer_id[chosen], logit[chosen]
        tied = its_logit == self._floor
        if tied.any():
            above = ~tied
            above[tied] = hashed(ids[tied], self._salt) > self._floor_hash
            ids, its_logit = ids[above], its_logit[above]
        if self.held + len(ids) > len(self._ids):
            ids = np.concatenate([self._ids[: self.held], ids])
            its_logit = np.concatenate([self._logit[: self.held], its_logit])
            ids, its_logit = self._pruned(ids, its_logit)
            self.held = 0
        to = slice(self.held, self.held + len(ids))
        self._ids[to], self._logit[to] = ids, its_logit
        self.held = to.stop

    def ordered(self) -> tuple[Array, Array]:
        """Return ids and logits of those who stay, the likeliest first."""
        ids, logit = self._pruned(self._ids[: self.held], self._logit[: self.held])
        order = np.lexsort((~hashed(ids, self._salt), -logit))
        return ids[order], logit[order]

    def _pruned(self, ids: Array, logit: Array) -> tuple[Array, Array]:
        """Return the likeliest, and raise the floor to the last of them."""
        surplus = len(ids) - self.count
        if surplus <= 0:
            return ids, logit
        floor = np.partition(logit, surplus)[surplus]
        above, tied = np.flatnonzero(logit > floor), np.flatnonzero(logit == floor)
        hashes = hashed(ids[tied], self._salt)
        dropped = len(above) + len(tied) - self.count
        order = np.argpartition(hashes, dropped)
        self._floor, self._floor_hash = floor, hashes[order[dropped]]
        stay = np.concatenate([above, tied[order[dropped:]]])
        return ids[stay], logit[stay]
