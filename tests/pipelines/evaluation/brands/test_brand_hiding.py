"""An attacker subtracts what is shown from what is shown, and must not reach a few consumers.

Sums over brands and counts of consumers are linear in what is hidden. What is shown gives a hidden
figure away if, and only if, that one lies in the span of what is shown.
"""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from promo_kedro.pipelines.evaluation.brands.assessing.assessment import judge
from promo_kedro.pipelines.evaluation.brands.assessing.brand_results import brand_results
from promo_kedro.pipelines.evaluation.brands.assessing.hiding import hide_small_groups
from promo_kedro.pipelines.evaluation.brands.assessing.levels import Ground, Pairs, count_brands
from promo_kedro.pipelines.evaluation.brands.assessing.strata import ApprovedBrands
from promo_kedro.pipelines.evaluation.brands.parameters import (
    BrandAssessmentParameters,
    EmptyParameters,
)
from promo_kedro.schemas.brands import STRATA, BrandAssessment

FEW, CONSUMERS, SEEDS = 10, 120, range(25)
KEY = {"sample": "out_of_training", "sizing": "prevalence"}
RUNS = ["v2", "bau"]
CONVENTIONS = {
    "default": EmptyParameters(truth="left_out"),
    "all foretold count": EmptyParameters(),
    "the empty are perfect": EmptyParameters(both="one"),
    "no prediction is no precision": EmptyParameters(truth="left_out", prediction="zero"),
}


class Market:
    """A retailer of small brands: what is bought and selected, and what is told of it."""

    def __init__(self, seed, empty):
        rng = np.random.default_rng(seed)
        strata = np.sort(rng.integers(0, 3, 7)).astype(np.int8)
        names = np.array([f"b{number}" for number in range(7)], dtype=object)
        self.strata = strata
        # From brands that nearly all buy down to brands that hardly anyone does.
        share = np.exp(-rng.exponential(0.6, 7)[None, :] * np.arange(7)[None, :])
        self.bought = rng.random((CONSUMERS, 7)) < share * rng.choice([0.3, 0.97])
        self.selected = {run: rng.random((CONSUMERS, 7)) < share * 0.9 for run in RUNS}
        brands = ApprovedBrands(names, strata)
        self.brand_list = pd.DataFrame(
            {"brand": names, "position": range(7), "stratum": [STRATA[s] for s in strata]}
        )
        self.parameters = BrandAssessmentParameters(
            in_use="v2", empty_for_consumers=empty, min_group_consumers=FEW
        )
        ground = Ground(CONSUMERS, brands, _pairs(self.bought))
        rows, counts = [], []
        for run, matrix in self.selected.items():
            parts = ground, _pairs(matrix), ground.hits(_pairs(matrix))
            rows += [{**KEY, "run": run, **row} for row in judge(*parts, self.parameters)]
            of_brands = count_brands(*parts)
            counts.append(
                pd.DataFrame(
                    {
                        **{**KEY, "run": run, "brand": names, "buyers": of_brands.bought},
                        **{"size": of_brands.selected, "hits": of_brands.hits},
                    }
                )
            )
        columns = list(BrandAssessment.to_schema().columns)
        self.whole = pd.DataFrame(rows, columns=columns)
        self.counts = pd.concat(counts, ignore_index=True)
        self.told = hide_small_groups(self.whole, self.parameters)
        self.results = brand_results(self.counts, self.told, self.brand_list, RUNS, self.parameters)

    def groups(self):
        """Masks of brands: each one by itself, then each stratum."""
        by_stratum = [self.strata == place for place in range(3) if (self.strata == place).any()]
        return [*np.eye(7, dtype=bool), *by_stratum]

    def behind(self, run, group):
        """How many consumers bought any brand of a group, or were addressed if fewer."""
        bought = self.bought[:, group].any(axis=1).sum()
        sent = self.selected[run][:, group].any(axis=1).sum()
        return min(bought, sent) if sent else bought

    def told_sums(self, run, told, results):
        """What is known of a run: sums over all brands, over strata, and of single brands."""
        rows = told[(told["run"] == run) & (told["level"] == "item") & told["recall_mean"].notna()]
        known = [
            np.ones(7) if stratum == "all" else (self.strata == STRATA.index(stratum)) * 1.0
            for stratum in rows["stratum"]
        ]
        shown = results[(results["run"] == run) & results["buyers"].notna()]
        return np.array([*known, *np.eye(7)[[int(name[1:]) for name in shown["brand"]]]])


def _pairs(matrix):
    consumer, brand = np.nonzero(matrix)
    return Pairs(consumer.astype(np.int32), brand.astype(np.int32))


@cache
def market(seed, convention="default"):
    return Market(seed, CONVENTIONS[convention])


def reached(known, wanted):
    """Whether a sum follows from those known."""
    if not len(known):
        return False
    rank = np.linalg.matrix_rank
    return rank(known) == rank(np.vstack([known, wanted]))


def given_away(one, told, results):
    """Groups of few consumers whose figures follow from what is shown."""
    return [
        (run, group)
        for run in RUNS
        for group in one.groups()
        if 0 < one.behind(run, group) < FEW
        and reached(one.told_sums(run, told, results), group * 1.0)
    ]


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_no_brand_or_stratum_of_few_follows_from_what_is_shown(convention):
    for seed in SEEDS:
        one = market(seed, convention)
        assert given_away(one, one.told, one.results) == []


def test_hiding_only_what_is_small_itself_would_give_it_away():
    """So that the attack above is one: subtracting finds what the complement hides."""
    found = shown = 0
    for seed in SEEDS:
        one = market(seed)
        small = {
            f"b{brand}"
            for run in RUNS
            for brand, alone in enumerate(np.eye(7, dtype=bool))
            if 0 < one.behind(run, alone) < FEW
        }
        results = one.counts.assign(
            buyers=one.counts["buyers"].where(~one.counts["brand"].isin(small))
        )
        found += len(given_away(one, one.whole, results)) > 0
        shown += one.results["f1"].notna().any()
    assert found > len(SEEDS) / 3
    assert shown > len(SEEDS) / 3


def holds(empty):
    """The cells that each count adds up."""
    both, truth = empty.both == "one", empty.truth == "zero"
    return {
        "scored": [1, 1, truth, both],
        "addressed": [1, empty.prediction == "zero", truth, both],
        "empty_prediction": [0, 1, 0, 0],
        "empty_truth": [0, 0, 1, 0],
        "empty_both": [0, 0, 0, 1],
    }


def cells_of(one, run, stratum):
    chosen = np.ones(7, dtype=bool) if stratum == "all" else one.strata == STRATA.index(stratum)
    bought, sent = one.bought[:, chosen].any(axis=1), one.selected[run][:, chosen].any(axis=1)
    kinds = (bought & sent, bought & ~sent, ~bought & sent, ~bought & ~sent)
    return np.array([kind.sum() for kind in kinds])


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_no_count_of_few_consumers_follows_from_what_is_shown(convention):
    empty, blank = CONVENTIONS[convention], 0
    few_nots = 0
    for seed in SEEDS:
        one = market(seed, convention)
        users = one.told[one.told["level"] == "user"]
        for row in users.to_dict("records"):
            cells = cells_of(one, row["run"], row["stratum"])
            told = [count for count in holds(empty) if not pd.isna(row[count])]
            for count in told:
                assert row[count] == np.dot(cells, holds(empty)[count])
            known = [np.ones(4), *(np.array(holds(empty)[count], float) for count in told)]
            few_who_did_not = 0 < cells[2:].sum() < FEW
            if not few_who_did_not:
                known.append(np.array([1.0, 1.0, 0.0, 0.0]))  # other rows tell who bought
            wanted = [cell for cell, n in zip(np.eye(4), cells, strict=True) if 0 < n < FEW]
            if few_who_did_not:
                wanted.append(np.array([0.0, 0.0, 1.0, 1.0]))
                few_nots += 1
            assert not any(reached(np.array(known), cell) for cell in wanted)
            blank += len(wanted) > 0 and len(told) > 0
    assert blank > 10
    assert few_nots > 0


def test_what_is_not_small_stays():
    many = Market(0, CONVENTIONS["default"])
    alone = many.parameters.model_copy(update={"min_group_consumers": 1})
    told = hide_small_groups(many.whole, alone)
    rows = many.whole["recall_mean"].notna()
    pd.testing.assert_frame_equal(
        told[rows], many.whole[rows].astype(told.dtypes.to_dict()), check_dtype=False
    )


def test_precision_over_few_addressed_buyers_is_not_told():
    one = market(0)
    users = one.whole["level"] == "user"
    whole = one.whole.assign(
        scored=one.whole["scored"].where(~users, 60),
        addressed=one.whole["addressed"].where(~users, 4),
        empty_prediction=one.whole["empty_prediction"].where(~users, 56),
        empty_truth=one.whole["empty_truth"].where(~users, 20),
        empty_both=one.whole["empty_both"].where(~users, 40),
    )
    told = hide_small_groups(whole, one.parameters)[users]
    assert told[["addressed", "empty_prediction", "precision", "f1_harmonic"]].isna().all().all()
    assert (told["scored"] == 60).all()
    assert told["recall"].notna().equals(whole["recall"][users].notna())
