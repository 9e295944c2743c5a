"""Losses by membership against scikit-learn, without ids; and what memory they find."""

from dataclasses import dataclass, replace

import ibis
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score

from promo_kedro.pipelines.modelling.brands.classroom import BrandTables
from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs, Tokens
from promo_kedro.pipelines.modelling.brands.membership import membership_losses
from promo_kedro.pipelines.modelling.brands.membership_of_runs import (
    drawn_consumers,
    reference_among,
)
from promo_kedro.schemas.brands import STRATA, BrandMembership

BRANDS = 5
BRAND_LIST = pd.DataFrame(
    {"position": range(BRANDS), "stratum": ["head", "mid", "mid", "niche", "niche"]}
)
SNAPSHOTS = [7, 8, 9]
MEMBERS, STRANGERS = 30, 20
ASKED = pd.DataFrame(
    {
        "customer_id": np.random.default_rng(3).permutation(MEMBERS + STRANGERS) + 7_000_000,
    }
).assign(member=lambda asked: asked["customer_id"] < 7_000_000 + MEMBERS)


@dataclass(frozen=True)
class OfTable:
    """Logits are a consumer's own, per snapshot: (consumers, snapshots, brands)."""

    logits: torch.Tensor

    def __call__(self, inputs):
        return self.logits[inputs.variables[:, 0], torch.from_numpy(inputs.snapshot) - SNAPSHOTS[0]]


def look(snapshot, bought, rows=None):
    """Consumers before a snapshot; ``bought`` (consumers, brands) of zeros and ones."""
    rows = np.arange(len(bought)) if rows is None else np.asarray(rows)
    history = Tokens(torch.zeros(len(rows) + 1, dtype=torch.int64), *[torch.empty(0)] * 5)
    return BrandInputs(
        customer_id=rows + 7_000_000,
        snapshot=np.full(len(rows), snapshot),
        variables=torch.from_numpy(rows)[:, None],
        tenure=torch.zeros(len(rows)),
        brands=history,
        categories=history,
        items=history,
        bought=torch.from_numpy(np.argwhere(bought[rows])),
    )


@pytest.fixture
def bought():
    rng = np.random.default_rng(1)
    return rng.random((len(SNAPSHOTS), MEMBERS + STRANGERS, BRANDS)) < 0.3


@pytest.fixture
def looks(bought):
    """Four consumers come later, one of them never."""
    rows = [np.arange(5, 50), np.arange(2, 50), np.arange(1, 50)]
    return [look(*of, rows=at) for *of, at in zip(SNAPSHOTS, bought, rows, strict=True)]


@pytest.fixture
def runs():
    random = torch.Generator().manual_seed(0)
    shape = (MEMBERS + STRANGERS, len(SNAPSHOTS), BRANDS)
    return {name: OfTable(torch.randn(shape, generator=random)) for name in ("simple", "v2")}


def losses(runs, looks, reference="simple", latest=(), asked=ASKED, brand_list=BRAND_LIST):
    learnt_from = {name: set(SNAPSHOTS[-1:] if name in latest else SNAPSHOTS) for name in runs}
    return membership_losses(runs, learnt_from, reference, looks, asked, brand_list)


def by_hand(run, looks, stratum, asked=ASKED):
    """Mean losses in the order of ``asked``, by scikit-learn; none for who was never there."""
    counted = np.flatnonzero((BRAND_LIST["stratum"] == stratum) | (stratum == "all"))
    found = {customer: [] for customer in asked["customer_id"]}
    for inputs in looks:
        chance, truth = run(inputs).double().sigmoid().numpy(), inputs.bought_matrix(BRANDS).numpy()
        for row, customer in enumerate(inputs.customer_id):
            found[customer].append(
                sum(log_loss([truth[row, b]], [chance[row, b]], labels=[0, 1]) for b in counted)
            )
    return [np.mean(of_one) for of_one in found.values() if of_one]


@pytest.mark.parametrize("stratum", ["all", *STRATA])
def test_losses_are_means_over_snapshots_of_sums_over_brands(runs, looks, stratum):
    table = losses(runs, looks).query("run == 'v2' and stratum == @stratum")
    expected = by_hand(runs["v2"], looks, stratum)
    assert table["loss"].tolist() == pytest.approx(expected, rel=1e-5)
    more = np.array(expected) - by_hand(runs["simple"], looks, stratum)
    assert table["loss_minus_reference"].tolist() == pytest.approx(more, abs=1e-5)
    there = ASKED[ASKED["customer_id"] != 7_000_000]
    assert table["member"].tolist() == there["member"].tolist()


def test_a_run_of_the_latest_snapshot_is_asked_about_that_alone(runs, looks):
    table = losses(runs, looks, latest=["v2"]).query("run == 'v2' and stratum == 'all'")
    expected = by_hand(runs["v2"], looks[-1:], "all")
    assert table["loss"].tolist() == pytest.approx(expected, rel=1e-5)
    more = np.array(expected) - by_hand(runs["simple"], looks[-1:], "all")
    assert table["loss_minus_reference"].tolist() == pytest.approx(more, abs=1e-5)


def test_the_reference_is_not_compared_with_itself(runs, looks):
    missing = (
        losses(runs, looks)
        .groupby("run")["loss_minus_reference"]
        .agg(lambda more: more.isna().mean())
    )
    assert missing.to_dict() == {"simple": 1.0, "v2": 0.0}
    alone = losses(runs, looks, reference=None)
    assert alone["loss_minus_reference"].isna().all()
    assert alone["loss"].equals(losses(runs, looks)["loss"])


def test_strata_add_up_to_all(runs, looks):
    table = losses(runs, looks)
    total = table.groupby(["run", "stratum", "member"])["loss"].sum().unstack("stratum")
    assert total[STRATA].sum(axis=1).tolist() == pytest.approx(total["all"].tolist())


def test_ids_do_not_leave(runs, looks):
    table = BrandMembership.validate(losses(runs, looks))
    assert set(table) == {"run", "stratum", "member", "loss", "loss_minus_reference"}
    assert table["loss"].max() < 7_000_000


def test_brands_may_be_listed_in_any_order(runs, looks):
    mixed = losses(runs, looks, brand_list=BRAND_LIST.sample(frac=1, random_state=0))
    pd.testing.assert_frame_equal(
        mixed.sort_values([*mixed], ignore_index=True),
        losses(runs, looks).sort_values([*mixed], ignore_index=True),
    )


def test_nobody_has_no_losses(runs, looks):
    nobody = [inputs.rows(torch.arange(0)) for inputs in looks]
    assert losses(runs, nobody).empty


def drawn(at_most, seed=0):
    """Consumers 0–39 train, 40–59 are never seen, 60–79 validate; 5 and 45 come at the test."""
    ids = np.arange(80)
    roles = np.repeat(["training", "out_of_training", "validation"], [40, 20, 20])
    late = np.isin(ids, [5, 45])
    features = pd.DataFrame(
        {"snapshot": np.repeat([8, 9, 11], 80), "customer_id": np.tile(ids, 3)}
    )[np.concatenate([~late, ~late, np.full(80, True)])]
    snapshots = pd.DataFrame({"snapshot": [8, 9, 11], "use": ["train", "train", "test"]})
    consumers = pd.DataFrame({"customer_id": ids, "role": roles})
    nothing = ibis.memtable(features)
    tables = BrandTables(nothing, nothing, nothing, BRAND_LIST, consumers, snapshots)
    return drawn_consumers(tables, at_most, seed)


def test_asked_are_all_who_were_there_when_runs_learnt():
    asked = drawn(1000)
    expected = {True: set(range(40)) - {5}, False: set(range(40, 60)) - {45}}
    assert asked.groupby("member")["customer_id"].agg(set).to_dict() == expected
    assert not asked["customer_id"].is_monotonic_increasing


def test_at_most_so_many_of_each_kind_are_asked():
    asked = drawn(25)
    assert asked["member"].value_counts().to_dict() == {True: 25, False: 19}
    assert asked.equals(drawn(25))
    assert not asked.equals(drawn(25, seed=1))


def test_bau_stands_for_difficulty_then_popularity():
    models = {"p": {"model": "popularity"}, "b": {"model": "bau"}, "v": {"model": "varemb_v2"}}
    assert reference_among(models) == "b"
    assert reference_among({"v": models["v"], "p": models["p"]}) == "p"
    assert reference_among({"v": models["v"]}) is None


def test_memory_that_difficulty_hides_from_plain_losses_is_found():
    """A run that leans a little to what its members bought, for consumers of all habits."""
    rng = np.random.default_rng(5)
    n, leaning = 1200, 0.15
    chance = np.clip(rng.beta(0.6, 2, n)[:, None] * rng.uniform(0.5, 1, BRANDS), 0.01, 0.95)
    bought = rng.random((len(SNAPSHOTS), n, BRANDS)) < chance
    member = np.arange(n) < n // 2
    honest = np.repeat(np.log(chance / (1 - chance))[:, None], len(SNAPSHOTS), axis=1)
    lean = leaning * (2.0 * bought - 1).transpose(1, 0, 2)
    overfitted = honest + member[:, None, None] * lean
    wobbly = honest + 0.05 * rng.standard_normal(honest.shape)
    runs = {
        name: OfTable(torch.from_numpy(logits).float())
        for name, logits in {"simple": honest, "overfitted": overfitted, "wobbly": wobbly}.items()
    }
    asked = pd.DataFrame({"customer_id": np.arange(n) + 7_000_000, "member": member})
    looks = [look(*of) for of in zip(SNAPSHOTS, bought, strict=True)]

    table = losses(runs, looks, asked=asked).query("stratum == 'all'").set_index("run")

    def auc(run, column):
        return roc_auc_score(table.loc[run, "member"], -table.loc[run, column])

    assert auc("overfitted", "loss") < 0.6
    assert auc("overfitted", "loss_minus_reference") > 0.95
    assert auc("wobbly", "loss_minus_reference") == pytest.approx(0.5, abs=0.05)


def test_memory_adds_up_over_snapshots():
    """Noise of each look hides what their mean shows."""
    rng = np.random.default_rng(6)
    n = 1500
    bought = rng.random((len(SNAPSHOTS), n, BRANDS)) < 0.3
    member = np.arange(n) < n // 2
    honest = np.full((n, len(SNAPSHOTS), BRANDS), np.log(0.3 / 0.7))
    lean = 0.2 * member[:, None, None] * (2.0 * bought - 1).transpose(1, 0, 2)
    noisy = OfTable(
        torch.from_numpy(honest + lean + 0.8 * rng.standard_normal(honest.shape)).float()
    )
    runs = {"simple": OfTable(torch.from_numpy(honest).float()), "all": noisy, "one": noisy}
    asked = pd.DataFrame({"customer_id": np.arange(n) + 7_000_000, "member": member})
    looks = [look(*of) for of in zip(SNAPSHOTS, bought, strict=True)]
    table = losses(runs, looks, latest=["one"], asked=asked).query("stratum == 'all'")
    aucs = {
        run: roc_auc_score(of_run["member"], -of_run["loss_minus_reference"])
        for run, of_run in table.query("run != 'simple'").groupby("run")
    }
    assert aucs["all"] > aucs["one"] + 0.05


def test_calibration_is_part_of_what_is_attacked(runs, looks):
    from promo_kedro.pipelines.modelling.brands.calibration import BrandCalibration
    from promo_kedro.pipelines.modelling.brands.trained_run import TrainedRun

    @dataclass(frozen=True)
    class Model:
        table: OfTable

        def scores(self, inputs):
            return self.table(inputs)

        def logit(self, scores):
            return scores

    level = torch.tensor([0.1, 0.0, -0.2, 0.3, 0.0])
    trained = TrainedRun(
        Model(runs["v2"]), torch.full((BRANDS,), 0.5), BrandCalibration(0.8, level), {}
    )
    by_formula = replace(runs["v2"], logits=0.8 * (runs["v2"].logits + 0.5) + level)
    table = losses(runs | {"v2": trained.logit}, looks).query("run == 'v2' and stratum == 'all'")
    assert table["loss"].tolist() == pytest.approx(by_hand(by_formula, looks, "all"), rel=1e-5)
