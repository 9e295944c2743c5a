"""The attack on membership against scikit-learn, counting, and repeated draws."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm
from sklearn.metrics import roc_auc_score, roc_curve

from promo_kedro.pipelines.evaluation.brands.privacy import attack, auc_and_error, found_at

few_losses = st.lists(st.integers(0, 8).map(float), min_size=2, max_size=30).map(np.array)


def membership(members, strangers, run="v2", stratum="all", more=np.nan):
    return pd.DataFrame(
        {
            "run": run,
            "stratum": stratum,
            "member": [True] * len(members) + [False] * len(strangers),
            "loss": [*members, *strangers],
            "loss_minus_reference": more,
        }
    )


@given(few_losses, few_losses)
def test_auc_is_scikit_learns(members, strangers):
    truth = np.repeat([1, 0], [len(members), len(strangers)])
    expected = roc_auc_score(truth, -np.concatenate([members, strangers]))
    assert auc_and_error(members, strangers)[0] == pytest.approx(expected)


@given(few_losses, few_losses, st.sampled_from([0.0, 0.01, 0.1, 0.25, 0.5, 1.0]))
def test_the_share_found_is_the_highest_of_the_curve(members, strangers, allowed):
    truth = np.repeat([1, 0], [len(members), len(strangers)])
    scores = -np.concatenate([members, strangers])
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    assert found_at(members, strangers, allowed) == pytest.approx(
        true[false <= allowed + 1e-12].max()
    )


def test_the_standard_error_is_the_spread_over_repeated_draws():
    rng = np.random.default_rng(0)
    drawn = [auc_and_error(rng.normal(-0.4, 1, 150), rng.normal(0, 1.5, 90)) for _ in range(2000)]
    auc, error = np.array(drawn).T
    assert auc.mean() == pytest.approx(norm.cdf(0.4 / np.hypot(1, 1.5)), abs=0.003)
    assert error.mean() == pytest.approx(auc.std(), rel=0.05)


def test_losses_that_tell_all_and_losses_that_tell_nothing():
    table = pd.concat(
        [
            membership([1.0] * 40, [2.0] * 50, "leaks"),
            membership([1.0] * 40, [1.0] * 50, "silent"),
        ]
    )
    leaks, silent = attack(table).to_dict("records")
    assert (leaks["run"], leaks["auc"], leaks["tpr_at_1_percent_fpr"]) == ("leaks", 1.0, 1.0)
    assert (silent["auc"], silent["auc_low"], silent["auc_high"]) == (0.5, 0.5, 0.5)
    assert silent["tpr_at_1_percent_fpr"] == 0.0
    assert (leaks["members"], leaks["non_members"]) == (40, 50)


def test_every_run_and_stratum_is_attacked_by_itself():
    rng = np.random.default_rng(1)
    keys = [(run, stratum) for run in ["v1", "v2"] for stratum in ["all", "head", "niche"]]
    parts = {key: (rng.gamma(2, size=300), rng.gamma(2.5, size=200)) for key in keys}
    shuffled = pd.concat(membership(*losses, *key) for key, losses in parts.items())
    attacked = attack(shuffled).set_index(["run", "stratum"])
    assert attacked.index.tolist() == keys
    for key, (members, strangers) in parts.items():
        row = attacked.loc[key]
        auc, error = auc_and_error(members, strangers)
        assert row["auc"] == auc
        assert row["auc_low"] == pytest.approx(auc - 1.96 * error, abs=1e-4)
        assert row["auc_high"] == pytest.approx(auc + 1.96 * error, abs=1e-4)
        found = int(row["tpr_at_1_percent_fpr"] * 300 + 0.5)
        interval = binomtest(found, 300).proportion_ci(method="wilson")
        assert row[["tpr_low", "tpr_high"]].tolist() == pytest.approx([*interval])


@pytest.mark.parametrize("stronger", ["loss", "loss_minus_reference"])
def test_the_stronger_attack_is_told_of(stronger):
    rng = np.random.default_rng(2)
    member = np.repeat([True, False], [200, 100])
    columns = {name: rng.normal(-0.2 * member) for name in ("loss", "loss_minus_reference")}
    columns[stronger] = rng.normal(-1.0 * member)
    table = membership(columns["loss"][member], columns["loss"][~member])
    table["loss_minus_reference"] = columns["loss_minus_reference"]
    row = attack(table).iloc[0]
    by_scikit = {name: roc_auc_score(member, -column) for name, column in columns.items()}
    assert row["attack"] == stronger
    assert row["auc"] == pytest.approx(by_scikit.pop(stronger))
    assert row["auc_other"] == pytest.approx(*by_scikit.values())
    of_members = columns[stronger][member]
    assert row["tpr_at_1_percent_fpr"] == found_at(of_members, columns[stronger][~member], 0.01)


def test_without_a_reference_losses_are_attacked_as_they_are():
    row = attack(membership([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])).iloc[0]
    assert row["attack"] == "loss"
    assert np.isnan(row["auc_other"])


@pytest.mark.parametrize(("members", "counted"), [(0, 0), (1, None), (3, None), (9, None)])
def test_of_too_few_nothing_is_said_nor_how_few_they_are(members, counted):
    losses = membership(np.arange(members), np.arange(12.0))
    row = attack(losses, fewest=10).iloc[0]
    assert row["non_members"] == 12
    assert row["members"] == counted if counted is not None else pd.isna(row["members"])
    assert np.isnan(row["auc"])
    assert np.isfinite(attack(membership(np.arange(10.0), np.arange(12.0)), 10)["auc"].iloc[0])


def test_one_alone_has_no_variance_however_few_are_enough():
    assert np.isnan(attack(membership([1.0], [1.0, 2.0, 3.0]), fewest=1)["auc"].iloc[0])


def test_without_runs_the_table_is_empty_but_whole():
    empty = attack(membership([], []))
    assert empty.empty
    assert {"auc", "auc_low", "auc_high", "tpr_at_1_percent_fpr"} <= set(empty)
