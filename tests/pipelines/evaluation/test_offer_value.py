import numpy as np
import pandas as pd
import pytest

from promo_kedro.pipelines.evaluation import nodes
from promo_kedro.pipelines.evaluation.offer_value import (
    COLUMNS,
    best_uniform,
    headlines,
    plan_matrices,
    summarise,
    value_of_policies,
    why_not,
)
from promo_kedro.schemas import OfferValue


def _offers(world, percent, modes=("paper", "linear", "exact")):
    """A plan that offers ``percent`` on the first item to everyone."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "mode": mode,
                    "customer_id": world.customer_ids,
                    "item_id": world.item_ids[0],
                    "category": world.categories[0],
                    "offer_percent": float(percent),
                    "probability_after": 0.2,
                }
            )
            for mode in modes
        ]
    )


@pytest.fixture
def value(fake_world, evaluation_parameters):
    return value_of_policies(fake_world, _offers(fake_world, 20), evaluation_parameters, seed=5)


def _total(value, policy, horizon=2):
    rows = value[(value["category"] == "All") & (value["horizon"] == horizon)]
    return rows.set_index("policy").loc[policy]


def test_policies_come_out_in_the_known_order(value):
    revenue = {p: _total(value, p)["revenue"] for p in value["policy"].unique()}
    assert set(revenue) == {"paper", "linear", "exact", "today", "none", "best_uniform"}
    assert revenue["best_uniform"] > revenue["exact"] > revenue["today"] > revenue["none"]
    assert _total(value, "best_uniform")["uniform_offer_percent"] == 20


def test_differences_are_paired_so_shared_luck_cancels(value, fake_world):
    plan = _total(value, "exact")
    consumers, items = len(fake_world.customer_ids), len(fake_world.item_ids)
    gain = 2 * consumers * (10 / 50) ** 2
    assert plan["revenue_vs_today"] == pytest.approx(gain)
    assert plan["revenue_vs_today_se"] == pytest.approx(0, abs=1e-9)
    assert plan["revenue_se"] > 1
    assert plan["retention_vs_today"] == pytest.approx(10 / items / 1000)
    base = _total(value, "today")["revenue"]
    assert plan["revenue_vs_today_percent"] == pytest.approx(100 * gain / base)


def test_the_headline_says_what_the_plan_changes(value):
    first, second = headlines(value, "exact")
    percent = _total(value, "exact")["revenue_vs_today_percent"]
    assert first.startswith(f"Over 2 weeks the offers of the plan 'exact' earn {percent:+.1f} %")
    assert second.startswith("Over 26 weeks")
    assert headlines(value, "unheard of") == []


def test_today_differs_from_itself_by_nothing(value):
    today = value[value["policy"] == "today"]
    assert (today["revenue_vs_today"] == 0).all()
    assert (today["revenue_vs_today_high"] == 0).all()


def test_the_table_fits_its_schema_and_covers_categories_and_horizons(value, made_up_run):
    OfferValue.validate(value)
    assert list(value.columns) == COLUMNS
    assert set(value["category"]) == {*made_up_run.pairs["category"], "All"}
    assert set(value["horizon"]) == {2, 26}
    assert not value.duplicated(["policy", "category", "horizon"]).any()


def test_promises_stand_beside_the_truth(value):
    plan = _total(value, "exact")
    assert plan["promised_probability"] == pytest.approx(0.2)
    assert plan["true_probability"] == pytest.approx(0.12)
    assert plan["planned_consumer_items"] == 60
    assert np.isnan(_total(value, "none")["promised_probability"])


def test_plans_leave_todays_offers_elsewhere(fake_world):
    today = fake_world.offers_as_today(0)
    matrices = plan_matrices(fake_world, _offers(fake_world, 35, modes=("paper",)), today)
    assert set(matrices) == {"today", "none", "paper"}
    assert (matrices["paper"][:, 0] == 35).all()
    assert (matrices["paper"][:, 1:] == 10).all()
    assert (today == 10).all()


def test_the_best_uniform_offer_is_chosen_on_draws_of_its_own(fake_world, evaluation_parameters):
    horizon = evaluation_parameters.horizons[0]
    assert best_uniform(fake_world, horizon, evaluation_parameters, seed=5) == 20
    assert {seed for _, _, seed in fake_world.calls} == {6}


def test_intervals_are_students():
    draws = pd.DataFrame(
        {"draw": [0, 1, 2], "category": "All", "revenue": [9.0, 10, 11], "retention": 0.5}
    )
    row = summarise({"today": draws}, confidence=0.95).iloc[0]
    half_width = 4.302652729911275 / np.sqrt(3)
    assert row["revenue_se"] == pytest.approx(1 / np.sqrt(3))
    assert row["revenue_high"] - row["revenue"] == pytest.approx(half_width)


def test_without_truth_the_table_is_empty_and_says_why(made_up_run, evaluation_parameters):
    for truth, why in (
        (None, "simulated retailer only"),
        ({"metadata": {"raw_data_hash": "another"}, "arrays": {}}, "hashes differ"),
    ):
        value, document = nodes.value_offers(
            truth,
            made_up_run.optimal_offers,
            made_up_run.raw_manifest,
            {"rows": []},
            evaluation_parameters,
            1,
        )
        assert value.empty
        assert list(value.columns) == COLUMNS
        OfferValue.validate(value)
        assert why in document["note"]
        assert document["rows"] == []


def test_the_truth_of_these_raw_tables_is_accepted():
    assert why_not({"metadata": {"raw_data_hash": "same"}}, "same") is None


@pytest.fixture(scope="module")
def simulated_truth():
    from promo_kedro.world import SimulationParameters, simulate
    from promo_kedro.world.truth import end_state, sealed

    parameters = SimulationParameters(consumers=150, items=100, weeks=20)
    return sealed(end_state(simulate(parameters, seed=4)), "same")


def test_on_the_simulated_retailer_a_plan_that_is_today_is_worth_today(
    simulated_truth, evaluation_parameters
):
    from promo_kedro.world import restore

    world = restore(simulated_truth)
    today = world.offers_as_today(3)
    row, column = np.indices(today.shape)
    plan = pd.DataFrame(
        {
            "mode": "exact",
            "customer_id": world.customer_ids[row.ravel()],
            "item_id": world.item_ids[column.ravel()],
            "category": world.categories[column.ravel()],
            "offer_percent": today.ravel(),
            "probability_after": world.purchase_probability(today).ravel(),
        }
    )
    parameters = evaluation_parameters.model_copy(
        update={"horizons": evaluation_parameters.horizons[:1]}
    )
    results = {"rows": [{"window": 0, "category": "Seafood", "consumers": 9}]}
    value, document = nodes.value_offers(
        simulated_truth, plan, {"raw_data_hash": "same"}, results, parameters, 3
    )
    OfferValue.validate(value)
    exact = _total(value, "exact")
    assert exact["revenue_vs_today"] == pytest.approx(0)
    assert exact["revenue"] > 0
    assert exact["promised_probability"] == pytest.approx(exact["true_probability"])
    assert document["note"] is None
    assert len(document["rows"]) == len(value)
    small = value[value["category"] == "Seafood"]
    assert len(small) == value["policy"].nunique()
    assert small[["revenue", "retention", "true_probability"]].isna().all(axis=None)
    whole = [row for row in document["rows"] if row["category"] == "Seafood"]
    assert all(row["revenue"] >= 0 for row in whole)
