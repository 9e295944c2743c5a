"""The truth as a ranking of consumers, on a planted world and on a small simulated retailer."""

from datetime import timedelta

import ibis
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from promo_kedro.hashing import hashed
from promo_kedro.pipelines.evaluation.brands.assessing import nodes
from promo_kedro.pipelines.evaluation.brands.assessing import truth as asking
from promo_kedro.pipelines.evaluation.brands.assessing.assessment import judge
from promo_kedro.pipelines.evaluation.brands.assessing.levels import Ground, Pairs
from promo_kedro.pipelines.evaluation.brands.assessing.strata import ApprovedBrands, approved_brands
from promo_kedro.pipelines.evaluation.brands.parameters import BrandAssessmentParameters
from promo_kedro.world import SimulationParameters, simulate
from promo_kedro.world.truth import end_state, sealed

PARAMETERS = BrandAssessmentParameters(in_use="v2")
CONSUMERS, BRANDS, STEPS = 500, 6, 39


def _ground(bought):
    strata = np.arange(bought.shape[1], dtype=np.int8) % 3
    names = np.array([f"b{i}" for i in range(bought.shape[1])], dtype=object)
    consumer, brand = np.nonzero(bought)
    return Ground(len(bought), ApprovedBrands(names, strata), Pairs(consumer, brand))


def _f1(ground, probability, sizes):
    ids = np.arange(len(probability))
    pairs = asking.first_of_each(asking.likeliest(probability, ids, sizes, salt=0), sizes)
    rows = pd.DataFrame(judge(ground, pairs, ground.hits(pairs), PARAMETERS))
    return rows.query("level == 'item' and stratum == 'all'")["f1_mean"].iloc[0]


def test_the_likeliest_are_those_that_a_full_sort_gives():
    rng = np.random.default_rng(5)
    probability = rng.random((CONSUMERS, BRANDS)).round(1)  # with many ties
    ids = 7 * np.arange(CONSUMERS)
    sizes = np.array([0, 1, 50, 51, 499, 500])
    ranked = asking.likeliest(probability, ids, np.maximum(sizes, 60), salt=0)
    assert [len(order) for order in ranked] == [60, 60, 60, 60, 499, 500]
    pairs = asking.first_of_each(ranked, sizes)
    assert len(pairs) == sizes.sum()
    chance = hashed(ids, 0)
    for brand, size in enumerate(sizes):
        ranked = sorted(range(CONSUMERS), key=lambda row: (-probability[row, brand], chance[row]))
        assert set(pairs.consumer[pairs.brand == brand]) == set(ranked[:size])


def test_in_a_planted_world_no_order_beats_the_true_one():
    """What is bought follows the probabilities; other orders of the same sizes do worse."""
    rng = np.random.default_rng(6)
    probability = rng.beta(0.3, 2.0, (4000, BRANDS))
    sizes = np.full(BRANDS, 500)
    best, noisy, random = [], [], []
    for _ in range(5):
        ground = _ground(rng.random(probability.shape) < probability)
        best.append(_f1(ground, probability, sizes))
        noise = rng.normal(0, 0.2, probability.shape)
        noisy.append(_f1(ground, probability + noise, sizes))
        random.append(_f1(ground, rng.random(probability.shape), sizes))
    assert min(best) > max(noisy)
    assert min(noisy) > max(random)


def test_shares_are_ours_over_the_truths_at_the_runs_own_sizes():
    """The truth finds every buyer; `v2` half of them with the same sizes; `wide` is sent more."""
    bought = np.zeros((40, 3), dtype=bool)
    for brand in range(3):
        bought[10 * brand : 10 * brand + 10, brand] = True
    ground, key = _ground(bought), {"sample": "out_of_training", "sizing": "prevalence"}
    sizes = {"v2": 10, "wide": 20}
    counts = pd.DataFrame(
        [
            {**key, "run": run, "brand": f"b{brand}", "size": size}
            for run, size in sizes.items()
            for brand in range(3)
        ]
    )
    assessment = pd.concat(
        [_assessed(ground, run, size, key) for run, size in sizes.items()], ignore_index=True
    )
    ids = np.arange(40)
    table = asking.score_truth(
        ground, bought.astype(float), ids, counts, assessment, "v2", PARAMETERS
    )
    assert list(table) == asking.COLUMNS
    rows = table.query("level == 'item' and stratum == 'all'").set_index("run")
    assert list(rows.index) == ["truth", "v2", "wide"]
    assert rows["f1_median"]["truth"] == 1.0
    assert rows["f1_median"]["v2"] == pytest.approx(0.5)
    assert rows["share_of_truth"]["v2"] == pytest.approx(0.5)
    # 10 of 20 found at best: F1 2/3; here 5 of 20: F1 1/3.
    assert rows["share_of_truth"]["wide"] == pytest.approx(0.5)


def _assessed(ground, run, size, key):
    """Five buyers of each brand and others, as many as ``size``."""
    consumer = np.concatenate([(10 * brand + 5 + np.arange(size)) % 40 for brand in range(3)])
    pairs = Pairs(consumer, np.repeat(np.arange(3), size))
    return pd.DataFrame(judge(ground, pairs, ground.hits(pairs), PARAMETERS)).assign(**key, run=run)


@pytest.fixture(scope="module")
def history():
    return simulate(SimulationParameters(consumers=600, items=120, weeks=2 * STEPS), 3)


@pytest.fixture(scope="module")
def truth(history):
    return sealed(end_state(history), "abc")


@pytest.fixture(scope="module")
def snapshots(history):
    """Steps numbered as the data's, which may have lost the oldest ones of the simulation."""
    first = history.market.first_day
    days = [(first + timedelta(days=14 * (STEPS - back))).isoformat() for back in (2, 1, 0)]
    return pd.DataFrame(
        {"snapshot": [30, 31, 32], "use": ["train", "test", "next"], "first_day": days}
    )


@pytest.fixture(scope="module")
def tables(history, snapshots):
    """Runs as they would come in: all consumers judged, sized by what was bought."""
    lines = history.chunks[0].lines
    now = lines.week.astype(int) // 2 == STEPS - 1
    brand = history.market.shop.brand[lines.item[now]].astype(str)
    bought = pd.DataFrame(
        {"snapshot": 31, "customer_id": lines.consumer[now] + 1, "brand": brand}
    ).drop_duplicates()
    buyers = bought["brand"].value_counts()
    names = buyers.index[:12]
    key = {"sample": "out_of_training", "sizing": "prevalence", "run": "v2"}
    return {
        "brand_purchases": ibis.memtable(bought),
        "brand_judged_consumers": pd.DataFrame(
            {"sample": "out_of_training", "snapshot": 31, "customer_id": np.arange(1, 601)}
        ),
        "brand_list": pd.DataFrame(
            {
                "position": range(12),
                "brand": names,
                "approved": True,
                "stratum": ["head"] * 3 + ["mid"] * 3 + ["niche"] * 6,
            }
        ),
        "brand_snapshots": snapshots,
        "brand_counts": pd.DataFrame(
            {**key, "brand": names, "buyers": buyers[:12], "size": buyers[:12], "hits": 0}
        ),
        "brand_assessment_document": {
            "winner": "v2",
            "rows": [
                {**key, "level": level, "stratum": "all", "scored": 600, "f1_median": 0.1}
                | {"f1_harmonic": 0.1}
                for level in ("user", "item")
            ],
        },
        "parameters": PARAMETERS,
    }


def test_the_simulated_retailer_knows_who_bought(truth, tables):
    brands = approved_brands(tables["brand_list"])
    ids = tables["brand_judged_consumers"]["customer_id"].to_numpy()
    probability = asking.true_brand_probabilities(truth, tables["brand_snapshots"], ids, brands)
    bought = np.zeros(probability.shape)
    rows = tables["brand_purchases"].to_pandas().merge(brands.numbers(), on="brand")
    bought[rows["customer_id"] - 1, rows["number"]] = 1
    prevalence = np.broadcast_to(bought.mean(axis=0), bought.shape)
    loss = [log_loss(bought.ravel(), p.ravel().clip(1e-9, 1)) for p in (probability, prevalence)]
    assert loss[0] < 0.9 * loss[1]
    assert probability.sum() == pytest.approx(bought.sum(), rel=0.1)


def test_the_truth_stands_beside_the_runs(truth, tables):
    table = nodes.score_true_brands(truth=truth, raw_manifest={"raw_data_hash": "abc"}, **tables)
    rows = table.query("stratum == 'all'").set_index(["run", "level"])
    assert set(table["run"]) == {"truth", "v2"}
    assert 0.1 < rows["f1_median"]["truth", "item"] < 0.9
    expected = 0.1 / rows["f1_median"]["truth", "item"]
    assert rows["share_of_truth"]["v2", "item"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"truth": None}, "only the simulated retailer"),
        ({"raw_manifest": {"raw_data_hash": "another"}}, "the hashes differ"),
        ({"horizon": 2}, "2 steps are foretold"),
        ({"days": 3}, "no step that starts on"),
    ],
)
def test_without_a_truth_of_these_data_it_is_told_why(truth, tables, caplog, change, why):
    caplog.set_level("INFO")
    given = {"truth": truth, "raw_manifest": {"raw_data_hash": "abc"}, **tables}
    snapshots = given["brand_snapshots"].copy()
    if "horizon" in change:
        snapshots.loc[snapshots["use"] == "test", "snapshot"] -= 1
    if "days" in change:
        snapshots["first_day"] = [
            (pd.Timestamp(day) + timedelta(days=3)).date().isoformat()
            for day in snapshots["first_day"]
        ]
    given["brand_snapshots"] = snapshots
    given |= {name: value for name, value in change.items() if name in given}
    assert nodes.score_true_brands(**given).empty
    assert why in caplog.text


def test_consumers_that_the_retailer_does_not_know_buy_nothing(truth, tables):
    brands = approved_brands(tables["brand_list"])
    ids = np.array([5, 90_000])
    probability = asking.true_brand_probabilities(truth, tables["brand_snapshots"], ids, brands)
    assert probability[0].max() > 0
    assert probability[1].max() == 0
