"""Folds of whole consumers, so that a choice is judged by people it has not seen."""

import numpy as np

from promo_kedro.hashing import hashed
from promo_kedro.types import Array

# Added before mixing: other choices made by a consumer's id must not follow the folds.
_SALT = 0x666F6C6473


def deal_folds(consumers: Array, folds: int) -> Array:
    """Deal consumers to folds by a hash of the id.

    Args:
        consumers: (n,) int64 ids; all rows of a consumer land in one fold.
        folds: Number of folds.

    Returns:
        (n,) fold of each row, 0 … folds − 1; it depends on nothing but the id.
    """
    dealt: Array = (hashed(consumers, _SALT) % np.uint64(folds)).astype(np.int64)
    return dealt


def folds_with_both_classes(fold: Array, purchased: Array) -> int:
    """Count the folds in which there is a purchase and a non-purchase."""
    bought = np.asarray(purchased) > 0
    return len(np.intersect1d(fold[bought], fold[~bought]))
