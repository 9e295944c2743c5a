"""Random numbers with an address.

Every uniform number a consumer meets is found by (seed, stream, moment, consumer, column). A
history made in chunks of any size therefore draws the same numbers, and two policies compared
over the same weeks meet the same luck (common random numbers).
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.random import Generator, Philox, SeedSequence

from promo_kedro.types import Array

Seed = int | tuple[int, ...]

_WORDS_PER_COUNT = 4  # a Philox counter yields four 64-bit words, one per double


class Stream(IntEnum):
    """What a random number is for: each purpose has a stream of its own."""

    MARKET = 0
    PROMOTIONS = 1
    TRAITS = 2
    TASTE = 3
    FAMILIARITY = 4
    INTEREST = 5
    SHOPPING = 6
    LOYALTY = 7
    EXPLORED_CELLS = 8
    EXPLORED_OFFERS = 9
    COUPONS = 10
    BASKET = 11
    LOG = 12
    DEMOGRAPHICS = 13


def shared_generator(seed: Seed, stream: Stream, moment: int = 0) -> Generator:
    """A generator for what all consumers share (popularity, prices, promotions)."""
    return Generator(_bits(seed, stream, moment))


def uniforms(seed: Seed, stream: Stream, moment: int, rows: range, columns: int) -> Array:
    """Uniform numbers of the consumers `rows`, the same whatever other consumers are drawn.

    Args:
        seed: The world's seed.
        stream: What the numbers are for.
        moment: The week or step they belong to.
        rows: The consumers' positions, a range of step 1.
        columns: How many numbers each consumer gets.

    Returns:
        Array (consumers, columns) of floats in [0, 1).
    """
    bits = _bits(seed, stream, moment)
    skipped = rows.start * columns
    bits.advance(skipped // _WORDS_PER_COUNT)
    generator = Generator(bits)
    generator.random(skipped % _WORDS_PER_COUNT)
    return generator.random((len(rows), columns))


def normals(seed: Seed, stream: Stream, moment: int, rows: range, columns: int) -> Array:
    """Standard normal numbers with an address (Box-Muller), float32 (consumers, columns)."""
    pair = uniforms(seed, stream, moment, rows, 2 * columns)
    radius = np.sqrt(-2.0 * np.log1p(-pair[:, :columns]))
    return (radius * np.cos(2.0 * np.pi * pair[:, columns:])).astype(np.float32)


def _bits(seed: Seed, stream: Stream, moment: int) -> Philox:
    # A pair keeps its length: numpy alone takes (3, 0) for 3.
    entropy = seed if isinstance(seed, int) else (*seed, len(seed))
    return Philox(SeedSequence(entropy, spawn_key=(stream, moment)))
