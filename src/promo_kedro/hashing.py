"""Bits that depend on nothing but an id, for choices that must not move when rows do."""

import numpy as np

from promo_kedro.types import Array


def hashed(ids: Array, salt: int) -> Array:
    """Return 64 well-mixed bits of each id (SplitMix64), others for each salt."""
    bits = np.asarray(ids).astype(np.int64).view(np.uint64) + np.uint64(salt)
    bits = bits * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = bits ^ (bits >> np.uint64(31))
    return mixed


def hashed_share(ids: Array, salt: int) -> Array:
    """Return a number from 0 to 1 for each id, others for each salt."""
    share: Array = hashed(ids, salt) / np.float64(2**64)
    return share
