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


def membership(members, strangers, run="v2", stratum="all"):
    return pd.DataFrame(
        {
            "run": run,
            "stratum": stratum,
            "member": [True] * len(members) + [False] * len(strangers),
            "loss": [*members, *strangers],
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


def test_too_few_of_a_kind_are_counted_but_not_judged():
    row = attack(membership([1.0], [1.0, 2.0, 3.0])).iloc[0]
    assert (row["members"], row["non_members"]) == (1, 3)
    assert np.isnan(row["auc"])


def test_without_runs_the_table_is_empty_but_whole():
    empty = attack(membership([], []))
    assert empty.empty
    assert {"auc", "auc_low", "auc_high", "tpr_at_1_percent_fpr"} <= set(empty)
