"""Bounds on audiences against counting by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from promo_kedro.pipelines.thresholding.brands.caps import (
    keep_likeliest_brands,
    likeliest,
    limits,
    suppress_small,
)
from promo_kedro.pipelines.thresholding.brands.scored_pairs import ScoredPairs

seeds = st.integers(0, 10_000)


def some_pairs(seed, consumers=7, brands=5):
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(brands):
        who = rng.permutation(consumers)[: rng.integers(0, consumers + 1)]
        # few distinct probabilities, so that ties are common
        parts.append((who, np.sort(rng.integers(0, 6, len(who)) / 6)[::-1]))
    starts = np.concatenate([[0], np.cumsum([len(who) for who, _ in parts])])
    return ScoredPairs(
        starts, np.concatenate([w for w, _ in parts]), np.concatenate([p for _, p in parts])
    )


def brands_of(scored):
    return np.repeat(np.arange(len(scored.kept)), scored.kept)


@given(seeds, st.integers(1, 5))
def test_each_consumer_keeps_its_likeliest_brands_by_every_rule(seed, most):
    scored = some_pairs(seed)
    rng = np.random.default_rng(seed)
    chosen = {rule: rng.random(len(scored.customer_id)) < 0.7 for rule in ["a", "b"]}
    within = keep_likeliest_brands(scored, chosen, most)
    for rule, marks in chosen.items():
        expected = np.zeros_like(marks)
        for consumer in set(scored.customer_id):
            own = np.flatnonzero(marks & (scored.customer_id == consumer))
            ordered = sorted(own, key=lambda row: (-scored.probability[row], row))
            expected[ordered[:most]] = True
        assert within[rule].tolist() == expected.tolist()


def test_without_a_bound_everyone_stays():
    scored = some_pairs(1)
    chosen = {"a": np.ones(len(scored.customer_id), dtype=bool)}
    assert keep_likeliest_brands(scored, chosen, None)["a"].all()


def test_nothing_chosen_is_nothing_kept():
    scored = some_pairs(1)
    chosen = {"a": np.zeros(len(scored.customer_id), dtype=bool)}
    assert not keep_likeliest_brands(scored, chosen, 2)["a"].any()


@given(seeds, st.integers(0, 9))
def test_the_likeliest_are_the_first_of_each_brand(seed, size):
    scored = some_pairs(seed)
    chosen = likeliest(scored, np.full(len(scored.kept), size))
    assert scored.total(chosen).tolist() == np.minimum(scored.kept, size).tolist()
    for brand in range(len(scored.kept)):
        own = brands_of(scored) == brand
        marks = chosen[own]
        assert marks[: min(size, own.sum())].all()


@given(seeds, st.integers(1, 8))
def test_small_audiences_are_emptied_and_no_other(seed, smallest):
    scored = some_pairs(seed)
    chosen = np.random.default_rng(seed).random(len(scored.customer_id)) < 0.6
    left = suppress_small(scored, chosen, smallest)
    for brand in range(len(scored.kept)):
        own = brands_of(scored) == brand
        size = chosen[own].sum()
        assert left[own].tolist() == (chosen[own] if size >= smallest else chosen[own] & 0).tolist()


def test_the_last_bound_that_took_something_is_named():
    named = limits(
        wanted=np.array([5, 9, 9, 9, 9, 9, 0]),
        reachable=np.array([5, 7, 7, 7, 9, 9, 0]),
        within_brands=np.array([5, 7, 6, 3, 9, 0, 0]),
        size=np.array([5, 7, 6, 0, 9, 0, 0]),
        open_end=np.array([False, False, False, False, True, False, False]),
    )
    assert named.tolist() == [
        "nothing",
        "scored_pairs",
        "brands_per_consumer",
        "smallest_audience",
        "scored_pairs",
        "brands_per_consumer",
        "nothing",
    ]
