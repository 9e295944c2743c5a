"""The whole pipeline on made-up categories, one of each kind."""

import ibis
import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from scipy.special import expit

from promo_kedro import schemas
from promo_kedro.pipelines.optimization import create_pipeline
from promo_kedro.pipelines.optimization.parameters import OptimizationParameters

CATEGORIES = {"Bakery": 400, "Flowers": 30, "Meat": 120, "Seafood": 60}
NEXT = 26


def make_inputs() -> dict[str, object]:
    """Return the pipeline's inputs: Meat has no identified response, Flowers no range."""
    rng = np.random.default_rng(12)
    n = sum(CATEGORIES.values())
    category = np.repeat(list(CATEGORIES), list(CATEGORIES.values()))
    reference, probability = rng.uniform(5, 40, n), expit(rng.normal(-2, 1, n))
    identified = category != "Meat"
    unit_price, quantity = rng.uniform(1, 9, n).round(2), rng.uniform(1, 3, n)
    elasticities = pd.DataFrame(
        {
            "customer_id": np.arange(n) // 3,
            "item_id": np.arange(n) % 3 + 10 * np.unique(category, return_inverse=True)[1],
            "category": category,
            "reference_offer": reference,
            "reference_source": np.where(identified, "own last 4 weeks", "not identified"),
            "offer_today": np.where(identified, reference * rng.uniform(0, 1.2, n), reference),
            "probability": probability,
            "elasticity": np.where(identified, 0.05 * reference * (1 - probability), 0),
            "price": unit_price * quantity,
            "quantity": quantity,
            "unit_price": unit_price,
        }
    )
    curves = pd.DataFrame({"category": list(CATEGORIES), "slope": 0.05, "status": "ok"})
    curves.loc[curves["category"] == "Meat", "status"] = "not identified: slope is not positive"
    cutoffs = elasticities[["customer_id", "category"]].drop_duplicates()
    cutoffs["cutoff"] = np.where(rng.random(len(cutoffs)) < 0.1, np.inf, 0.15)
    items = elasticities[["item_id", "category"]].drop_duplicates()
    receipts = elasticities[["item_id", "customer_id"]].assign(
        step=NEXT - 1, offer_percent=np.where(category == "Flowers", 0, rng.uniform(2, 50, n))
    )
    connection = ibis.duckdb.connect()
    return {
        "transactions": connection.create_table("transactions", receipts),
        "items": connection.create_table("items", items),
        "calendar": pd.DataFrame(
            {
                "window": 0,
                "step": [NEXT - 1, NEXT],
                "start_date": pd.to_datetime(["2026-01-01", "2026-01-15"]),
                "end_date": pd.to_datetime(["2026-01-14", "2026-01-28"]),
                "split": ["test", "next"],
            }
        ),
        "offer_elasticities": elasticities,
        "elasticity_curves": pd.concat(
            [curves.assign(relation="response"), curves.assign(relation="observed", slope=-1.0)]
        ),
        "consumer_cutoffs": pd.concat(
            [cutoffs.assign(split="next"), cutoffs.assign(split="test", cutoff=0.0)]
        ),
    }


def run(inputs: dict[str, object], **parameters: object) -> dict[str, pd.DataFrame]:
    """Run the pipeline in memory."""
    outputs = ["optimal_offers", "optimization_summary", "revenue_retention_frontier"]
    given = inputs | {"params:optimization": OptimizationParameters.model_validate(parameters)}
    assign = {name: MemoryDataset(data, copy_mode="assign") for name, data in given.items()}
    catalog = DataCatalog(assign | {name: MemoryDataset() for name in outputs})
    SequentialRunner().run(create_pipeline(), catalog)
    return {name: catalog.load(name) for name in outputs}


@pytest.fixture(scope="module")
def inputs() -> dict[str, object]:
    """Return the pipeline's inputs."""
    return make_inputs()


@pytest.fixture(scope="module")
def outputs(inputs) -> dict[str, pd.DataFrame]:
    """Return the pipeline's outputs."""
    return run(inputs)


def test_outputs_keep_their_schemas(outputs):
    schemas.OptimalOffers.validate(outputs["optimal_offers"])
    schemas.OptimizationSummary.validate(outputs["optimization_summary"])
    schemas.RevenueRetentionFrontier.validate(outputs["revenue_retention_frontier"])


def test_every_consumer_item_has_one_offer_per_mode(inputs, outputs):
    offers = outputs["optimal_offers"]
    keys = ["customer_id", "item_id"]
    expected = inputs["offer_elasticities"].sort_values(["category", *keys])[keys]
    for mode in schemas.MODES:
        found = offers.loc[offers["mode"] == mode, keys]
        assert found.to_numpy().tolist() == expected.to_numpy().tolist()
    assert (offers["valid_from"] == pd.Timestamp("2026-01-15")).all()
    assert (offers["valid_to"] == pd.Timestamp("2026-01-28")).all()


def test_summary_adds_up_the_offers(outputs):
    summary = outputs["optimization_summary"].set_index(["mode", "category"])
    groups = outputs["optimal_offers"].groupby(["mode", "category"])
    assert groups["revenue_after"].sum().to_dict() == pytest.approx(summary["revenue"].to_dict())
    assert groups["retained_after"].mean().to_dict() == pytest.approx(
        summary["retention"].to_dict()
    )
    solved = summary[summary["gap"].notna()]
    assert (solved["retention"] >= solved["retention_required"] * (1 - 1e-9)).all()
    assert (solved["upper_bound"] >= solved["revenue"] * (1 - 1e-12)).all()


def test_money_is_price_less_offer_times_retention(outputs):
    offers = outputs["optimal_offers"]
    expected = offers["price"] * (1 - offers["offer_percent"] / 100) * offers["retained_after"]
    assert offers["revenue_after"].to_numpy() == pytest.approx(expected.to_numpy())
    chosen = offers[offers["change"].notna()]
    moved = chosen["reference_offer"] * (1 + chosen["change"])
    assert chosen["offer_percent"].to_numpy() == pytest.approx(moved.to_numpy())


def test_kept_categories_are_as_today(inputs, outputs):
    summary = outputs["optimization_summary"].set_index(["mode", "category"])
    offers = outputs["optimal_offers"]
    today = inputs["offer_elasticities"].set_index(["customer_id", "item_id"])["offer_today"]
    for category, reason in {
        "Meat": "response to offers not identified",
        "Flowers": "too few offers for a range",
    }.items():
        assert (summary.xs(category, level=1)["status"] == f"offers kept: {reason}").all()
        kept = offers[offers["category"] == category].set_index(["customer_id", "item_id"])
        assert kept["change"].isna().all()
        assert (kept["offer_percent"] == today.reindex(kept.index)).all()
        assert (kept["revenue_after"] == kept["revenue_before"]).all()


def test_infeasible_categories_are_named_in_one_line(inputs, caplog):
    with caplog.at_level("WARNING"):
        run(inputs, retention_required={"exact": {"Bakery": 0.99, "Meat": 0.99}})
    lines = [line for line in caplog.messages if "no plan reaches" in line]
    assert len(lines) == 1
    assert "Bakery (at most 0." in lines[0]
    assert "Meat (at most 0." in lines[0]


def test_infeasible_category_does_not_stop_the_others(inputs, outputs):
    strict = run(inputs, retention_required={"exact": {"Bakery": 0.99}})
    summary = strict["optimization_summary"].set_index(["mode", "category"])
    bakery = summary.loc[("exact", "Bakery")]
    assert bakery["status"] == f"infeasible: at most {bakery['retention_attainable']:.6g}"
    assert 0 < bakery["retention_attainable"] < 0.99
    offers = strict["optimal_offers"]
    kept = offers[(offers["mode"] == "exact") & (offers["category"] == "Bakery")]
    assert (kept["revenue_after"] == kept["revenue_before"]).all()
    others = (offers["mode"] != "exact") | (offers["category"] != "Bakery")
    pd.testing.assert_frame_equal(offers[others], outputs["optimal_offers"][others])


def test_required_retention_is_met_and_costs_revenue(inputs, outputs):
    before = (
        outputs["optimization_summary"].set_index(["mode", "category"]).loc[("exact", "Bakery")]
    )
    required = (before["retention"] + before["retention_attainable"]) / 2
    strict = run(inputs, retention_required={"exact": {"Bakery": required}})
    after = strict["optimization_summary"].set_index(["mode", "category"]).loc[("exact", "Bakery")]
    assert after["retention"] >= required * (1 - 1e-9)
    assert after["revenue"] < before["revenue"]
    assert after["retention_shadow_price"] > before["retention_shadow_price"]


def test_order_of_rows_changes_nothing(inputs, outputs):
    shuffled = {
        name: table.sample(frac=1, random_state=5) if isinstance(table, pd.DataFrame) else table
        for name, table in inputs.items()
    }
    again = run(shuffled)
    for name, table in outputs.items():
        columns = [column for column in table if column != "seconds"]
        pd.testing.assert_frame_equal(table[columns], again[name][columns])


def test_curve_in_use_is_a_parameter(inputs):
    observed = run(inputs, relation="observed")["optimal_offers"]
    assert observed["change"].isna().all()  # its slopes are negative


def test_calendar_without_a_next_step_is_refused(inputs):
    calendar = inputs["calendar"].query("split != 'next'")
    with pytest.raises(ValueError, match="split 'next'"):
        run(inputs | {"calendar": calendar})
