"""The model beside simpler ones, on a retailer whose probabilities are known."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from promo_kedro.pipelines.modelling.nodes import compare_candidates
from promo_kedro.pipelines.modelling.roles import are_calibrators
from promo_kedro.schemas import CandidateProbabilities

from .retailer import as_table, changed

KEYS = ["window", "category", "customer_id", "item_id", "step"]
BASELINES = {"prevalence", "personal_frequency", "logistic_regression", "lightgbm"}
PARTS = {"ours", "paper", "stack", "stack_with_lightgbm", "in_use"}


@pytest.fixture(scope="module")
def candidates(ensemble):
    return compare_candidates(ensemble.models, ensemble.table, ensemble.parameters, 3)


def of(table, category, candidate):
    rows = (table["category"] == category) & (table["candidate"] == candidate)
    return table[rows].sort_values(KEYS)


def test_one_row_per_candidate_and_consumer_item(ensemble, candidates):
    CandidateProbabilities.validate(candidates)
    names = candidates.groupby("category")["candidate"].agg(set).to_dict()
    # Also where the pooled model itself is in use, so that all categories can be summed up.
    everyone = BASELINES | PARTS | {"pooled", "lightgbm_pooled"}
    assert names == {"Bakery": everyone, "Meat": everyone}
    test = ensemble.frame[ensemble.frame["split"] == "test"].sort_values(KEYS)
    for category, group in test.groupby("category"):
        for name in names[category]:
            rows = of(candidates, category, name)
            for column in (*KEYS, "split", "purchased"):
                assert rows[column].tolist() == group[column].tolist()


def test_the_model_in_use_is_the_one_that_predicted(ensemble, candidates):
    scored = ensemble.probabilities.query("split == 'test'").sort_values(KEYS)
    used = candidates.query("candidate == 'in_use'").sort_values(KEYS)
    assert used["probability"].tolist() == scored["probability"].tolist()


def test_who_reads_the_features_beats_who_does_not(ensemble, candidates):
    truth = ensemble.frame[ensemble.frame["split"] == "test"].sort_values(KEYS)
    true = expit(truth.loc[truth["category"] == "Bakery", "true_logit"].to_numpy())
    loss = {}
    for name in candidates["candidate"].unique():
        answer = of(candidates, "Bakery", name)["probability"].to_numpy()
        loss[name] = -(true * np.log(answer) + (1 - true) * np.log(1 - answer)).mean()
    best = -(true * np.log(true) + (1 - true) * np.log(1 - true)).mean()
    blind = {"prevalence", "personal_frequency"}
    for name in loss.keys() - blind:
        assert best < loss[name] < best + 0.4 * (loss["prevalence"] - best)
    # The planted truth is a logistic regression.
    assert min(loss, key=loss.__getitem__) in {"logistic_regression", *PARTS, "pooled"}
    assert loss["logistic_regression"] < best + 0.1 * (loss["prevalence"] - best)


def test_candidates_answer_what_they_are(ensemble, candidates):
    prevalence = of(candidates, "Bakery", "prevalence")["probability"]
    assert prevalence.nunique() == 1
    validation = ensemble.frame.query("category == 'Bakery' and split == 'validation'")
    calibrates = are_calibrators(validation["customer_id"].to_numpy(), 0.5)
    share = validation["purchased"][calibrates].mean()
    assert prevalence.iloc[0] == pytest.approx(share, abs=0.03)
    answers = {
        name: tuple(of(candidates, "Bakery", name)["probability"])
        for name in ("ours", "paper", "lightgbm", "pooled", "in_use")
    }
    assert len({answers[name] for name in ("ours", "paper", "lightgbm", "pooled")}) == 4
    # Trees are a member here, so the stack of all is the model in use.
    np.testing.assert_allclose(
        of(candidates, "Bakery", "stack_with_lightgbm")["probability"], answers["in_use"]
    )


def test_the_test_step_only_scores(ensemble, candidates):
    frame = ensemble.frame.copy()
    test = frame["split"] == "test"
    frame.loc[test, "purchased"] = 1 - frame.loc[test, "purchased"]
    again = compare_candidates(ensemble.models, as_table(frame), ensemble.parameters, 3)
    pd.testing.assert_frame_equal(
        again.drop(columns="purchased"), candidates.drop(columns="purchased"), check_exact=True
    )
    assert (again["purchased"] == 1 - candidates["purchased"]).all()


def test_a_single_network_without_trees_is_no_stack(run):
    parameters = changed(run.parameters, baselines={"models": ["prevalence"]})
    found = compare_candidates(run.models, run.table, parameters, 3)
    names = found.groupby("category")["candidate"].agg(set).to_dict()
    everyone = {"prevalence", "ours", "in_use", "pooled"}
    assert names == dict.fromkeys(["Bakery", "Meat", "Seafood"], everyone)
    assert not found.duplicated([*KEYS, "candidate"]).any()


def test_trees_join_a_stack_that_does_not_have_them(run):
    parameters = changed(run.parameters, baselines={"models": ["lightgbm"]}, trees={"rounds": 20})
    found = compare_candidates(run.models, run.table, parameters, 3)
    names = set(found.query("category == 'Bakery'")["candidate"])
    assert names == {"lightgbm", "ours", "in_use", "pooled", "stack_with_lightgbm"}
