"""Audiences from tables to tables: sizes add up and nothing is lost in silence."""

import logging

import numpy as np
import pandas as pd
import pytest
from scored_brands import engine_table, list_of_brands, scored_tables

from promo_kedro.datasets.streamed import StreamedTableDataset
from promo_kedro.errors import MissingRunError
from promo_kedro.pipelines.thresholding.brands.nodes import (
    list_brand_audience_members,
    size_brand_audiences,
)
from promo_kedro.pipelines.thresholding.brands.parameters import BrandSizingParameters
from promo_kedro.schemas.brands import (
    SIZINGS,
    BrandAudienceMembers,
    BrandAudiences,
    BrandScoredPairs,
    BrandScoreTotals,
    BrandSelections,
)

SAMPLES_AND_RUNS = [("out_of_training", "bau"), ("out_of_training", "varemb"), ("next", "varemb")]
KEY = ["sample", "run", "sizing", "brand"]


SNAPSHOTS = pd.DataFrame(
    {
        "snapshot": [9, 10, 11],
        "use": ["train", "test", "next"],
        "history_from": 0,
        "first_day": ["2025-12-18", "2026-01-01", "2026-01-15"],
        "last_day": ["2025-12-31", "2026-01-14", "2026-01-28"],
    }
)


@pytest.fixture(scope="module")
def probabilities():
    rng = np.random.default_rng(3)
    shares = [0.5, 0.3, 0.1, 0.05, 0.03, 0.0]
    return {
        names: np.column_stack(
            [rng.beta(4 * s + 0.01, 4 * (1 - s), 200).astype(np.float32) for s in shares]
        ).astype(np.float64)
        for names in SAMPLES_AND_RUNS
    }


@pytest.fixture
def tables(probabilities):
    parts = [
        scored_tables(p, [200, 90, 60, 40, 12, 5], *names) for names, p in probabilities.items()
    ]
    pairs = pd.concat([pairs for pairs, _ in parts])
    totals = pd.concat([totals for _, totals in parts]).sample(frac=1, random_state=1)
    pairs = BrandScoredPairs.validate(engine_table(pairs))
    brand_list = list_of_brands([0.5, 0.3, 0.1, 0.05, 0.03, 0.001, 0.4])
    return pairs, BrandScoreTotals.validate(totals), brand_list


@pytest.fixture
def coming(tables):
    pairs, totals, brand_list = tables
    return pairs.filter(pairs["sample"] == "next"), totals.query("sample == 'next'"), brand_list


@pytest.fixture
def saved(tmp_path):
    return StreamedTableDataset(
        filepath=str(tmp_path / "selections"),
        connection={"backend": "duckdb"},
        save_args={"partition_by": ["sample", "run"]},
    )


def sized(tables, saved, **parameters):
    parameters = BrandSizingParameters(**parameters)
    audiences, parts = size_brand_audiences(*tables, parameters)
    saved.save(parts)
    return BrandAudiences.validate(audiences), BrandSelections.validate(saved.load())


@pytest.mark.parametrize("most", [None, 2])
def test_a_size_is_the_number_of_selected_pairs_and_sums_are_theirs(tables, saved, most):
    audiences, table = sized(tables, saved, brands_per_consumer=most)
    assert len(audiences) == len(SAMPLES_AND_RUNS) * len(SIZINGS) * 6
    assert not audiences.duplicated(KEY).any()
    pairs = table.to_pandas()
    assert pairs[SIZINGS].any(axis=1).all()
    of_brands = dict(list(pairs.groupby(["sample", "run", "brand"])))
    for (sample, run, sizing, brand), row in audiences.set_index(KEY).iterrows():
        own = of_brands.get((sample, run, brand), pairs.iloc[:0])
        own = own[own[sizing]]
        assert len(own) == row["size"]
        assert own["customer_id"].is_unique
        assert own["probability"].sum() == pytest.approx(row["expected_buyers"])
        if len(own):
            assert own["probability"].min() == row["cutoff"]
            assert own["probability"].mean() == pytest.approx(row["expected_precision"])
        else:
            assert np.isnan(row["cutoff"])
            assert np.isnan(row["expected_precision"])


@pytest.mark.parametrize("sample", ["out_of_training", "next"])
def test_audiences_are_those_that_full_matrices_give(tables, saved, probabilities, sample):
    """Every rule and bound anew, in plain loops over the whole matrix of one run."""
    most, smallest, share, floor, threshold = 2, 8, 0.15, 0.3, 0.6
    audiences, table = sized(
        tables,
        saved,
        brands_per_consumer=most,
        smallest_audience=smallest,
        fixed_share=share,
        precision_floor=floor,
        threshold=threshold,
    )
    p = probabilities[sample, "varemb"]
    prevalence = [0.5, 0.3, 0.1, 0.05, 0.03, 0.001]
    kept = [200, 90, 60, 40, 12, 5]
    pairs = table.to_pandas().query("sample == @sample and run == 'varemb'")
    for sizing in SIZINGS:
        chosen = np.zeros_like(p, dtype=bool)
        for b in range(6):
            falling = np.sort(p[:, b])[::-1]
            tops = [falling[:k].sum() for k in range(kept[b] + 1)]
            wanted = {
                "prevalence": int(200 * prevalence[b] + 0.5),
                "expected_count": int(falling.sum() + 0.5),
                "f1_cutoff": int(
                    np.argmax([2 * top / (k + falling.sum()) for k, top in enumerate(tops)])
                ),
                "fixed": int(200 * share + 0.5),
                "precision_floor": max(k for k, top in enumerate(tops) if top >= floor * k),
                "threshold": int((p[:, b] >= threshold).sum()),
            }[sizing]
            row = (
                audiences.query("sample == @sample and run == 'varemb' and sizing == @sizing")
                .set_index("brand")
                .loc[f"brand {b}"]
            )
            assert row["wanted"] == wanted
            chosen[np.argsort(-p[:, b], kind="stable")[: min(wanted, kept[b])], b] = True
        for consumer in range(200):
            own = sorted(np.flatnonzero(chosen[consumer]), key=lambda b: (-p[consumer, b], b))
            chosen[consumer, own[most:]] = False
        if sample == "next":
            chosen &= chosen.sum(axis=0) >= smallest
        expected = {(100 + c, f"brand {b}") for c, b in np.argwhere(chosen)}
        found = pairs[pairs[sizing]]
        assert set(zip(found["customer_id"], found["brand"], strict=True)) == expected


def test_what_bounds_an_audience_is_named_and_counted(tables, saved, caplog):
    with caplog.at_level(logging.INFO):
        audiences, _ = sized(tables, saved, smallest_audience=10, fixed_share=0.5)
    suppressed = audiences.query("limited_by == 'smallest_audience'")
    assert len(suppressed)
    assert (suppressed["size"] == 0).all()
    assert set(suppressed["sample"]) == {"next"}
    assert (audiences.query("sample == 'next' and size > 0")["size"] >= 10).all()
    assert audiences.query("sample != 'next'")["size"].between(1, 9).any()
    short = audiences.query("limited_by == 'scored_pairs'")
    assert (short["size"] <= short["wanted"]).all()
    assert "Audiences that address nobody: fewer than 10 consumers (next, varemb)" in caplog.text
    assert "want more consumers than were kept" in caplog.text
    free = audiences.query("limited_by == 'nothing'")
    assert (free["size"] == free["wanted"]).all()


def test_without_bounds_every_wanted_consumer_is_addressed(probabilities, saved):
    p = probabilities["next", "varemb"]
    pairs, totals = scored_tables(p, [200] * 6)
    tables = [engine_table(pairs), totals, list_of_brands([0.5, 0.3, 0.1, 0.05, 0.03, 0.001])]
    audiences, _ = sized(tables, saved, smallest_audience=1)
    assert (audiences["limited_by"] == "nothing").all()
    assert (audiences["size"] == audiences["wanted"]).all()


@pytest.mark.parametrize("sizing", SIZINGS)
def test_members_are_those_of_the_coming_step_by_the_rule_in_use(coming, saved, sizing):
    audiences, table = sized(coming, saved, fixed_share=0.1)
    parameters = BrandSizingParameters(sizing=sizing)
    members = list_brand_audience_members(table, audiences, SNAPSHOTS, parameters)
    members = BrandAudienceMembers.validate(members)
    in_use = audiences.query("sizing == @sizing and size > 0")
    assert members.groupby("brand").size().to_dict() == in_use.set_index("brand")["size"].to_dict()
    for _, own in members.groupby("brand"):
        assert own["rank"].tolist() == list(range(1, len(own) + 1))
        assert own["probability"].is_monotonic_decreasing
    assert set(members["valid_from"]) == {"2026-01-15"}
    assert set(members["valid_to"]) == {"2026-01-28"}


def test_where_all_audiences_are_too_small_nobody_is_addressed(coming, saved):
    audiences, table = sized(coming, saved, smallest_audience=1000)
    assert (audiences["size"] == 0).all()
    members = list_brand_audience_members(table, audiences, SNAPSHOTS, BrandSizingParameters())
    assert BrandAudienceMembers.validate(members).empty


def test_members_are_those_of_one_run(tables, saved):
    audiences, table = sized(tables, saved)
    with pytest.raises(MissingRunError, match="audiences of 2 runs, one is needed"):
        list_brand_audience_members(table, audiences, SNAPSHOTS, BrandSizingParameters())


def test_tables_of_different_runs_are_refused(tables):
    pairs, totals, brand_list = tables
    parameters = BrandSizingParameters()
    with pytest.raises(MissingRunError, match="1 brands that brand_list does not have"):
        size_brand_audiences(pairs, totals, brand_list.iloc[1:], parameters)
    for other in [
        pairs.filter(pairs["rank"] != 3),
        pairs.mutate(rank=pairs["rank"] + 1),
        pairs.mutate(rank=pairs["rank"].clip(lower=2)),
        pairs.mutate(brand=pairs["brand"] + "!"),
    ]:
        with pytest.raises(MissingRunError, match="brand_score_totals counts"):
            size_brand_audiences(other, totals, brand_list, parameters)
