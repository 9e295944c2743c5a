"""The whole pipeline on made-up categories, one of each kind."""

import ibis
import numpy as np
import pandas as pd
import pytest
from kedro.io import AbstractDataset, DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from scipy.special import expit

from promo_kedro import schemas
from promo_kedro.pipelines.optimization import create_pipeline
from promo_kedro.pipelines.optimization.parameters import OptimizationParameters

CATEGORIES = {"Bakery": 400, "Flowers": 30, "Meat": 120, "Seafood": 60}
NEXT = 26
SCHEMAS = {
    "offer_ranges": schemas.OfferRanges,
    "offer_decisions": schemas.OfferDecisions,
    "kept_offers": schemas.KeptOffers,
    "optimal_offers": schemas.OptimalOffers,
    "optimization_summary": schemas.OptimizationSummary,
    "optimization_rules": schemas.OptimizationRules,
    "optimization_conflicts": schemas.OptimizationConflicts,
    "offer_changes": schemas.OfferChanges,
    "plan_kpis": schemas.PlanKpis,
    "plan_comparison": schemas.PlanComparison,
    "revenue_retention_frontier": schemas.RevenueRetentionFrontier,
    "offers_to_send": schemas.OffersToSend,
    "rounding_cost": schemas.RoundingCost,
}


class Given(AbstractDataset):
    """An input as it is; that a table is absent is an answer, too."""

    def __init__(self, data: object) -> None:
        self._data = data

    def load(self) -> object:
        return self._data

    def save(self, data: object) -> None:
        raise NotImplementedError

    def _describe(self) -> dict[str, object]:
        return {}


class Kept(MemoryDataset):
    """An output that stays when the last node has read it."""

    def _release(self) -> None:
        return


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
    items["unit_cost"] = 0.4
    consumers = pd.DataFrame({"customer_id": elasticities["customer_id"].unique()})
    consumers["family_size"] = np.where(consumers["customer_id"] % 3, "2", None)
    receipts = elasticities[["item_id", "customer_id"]].assign(
        step=NEXT - 1, offer_percent=np.where(category == "Flowers", 0, rng.uniform(2, 50, n))
    )
    connection = ibis.duckdb.connect()
    return {
        "transactions": connection.create_table("transactions", receipts),
        "items": connection.create_table("items", items),
        "consumers": connection.create_table("consumers", consumers),
        "offer_exclusions": None,
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
    rules = {"rules": {"retention": {"rule": "Retention"}}}
    validated = OptimizationParameters.model_validate(rules | parameters)
    given = inputs | {"params:optimization": validated}
    catalog = DataCatalog({name: Given(data) for name, data in given.items()})
    made = {name: Kept() for name in SCHEMAS}
    passed_on = {"plans": MemoryDataset(copy_mode="assign")}
    for name, dataset in (made | passed_on).items():
        catalog[name] = dataset
    SequentialRunner().run(create_pipeline(), catalog)
    return {name: catalog.load(name) for name in SCHEMAS}


def requiring(**shares: float) -> dict[str, dict[str, object]]:
    """Return the rules with another retention required of some categories."""
    return {"retention": {"rule": "Retention", "categories": shares}}


@pytest.fixture(scope="module")
def inputs() -> dict[str, object]:
    """Return the pipeline's inputs."""
    return make_inputs()


@pytest.fixture(scope="module")
def outputs(inputs) -> dict[str, pd.DataFrame]:
    """Return the pipeline's outputs."""
    return run(inputs)


def test_outputs_keep_their_schemas(outputs):
    for name, schema in SCHEMAS.items():
        schema.validate(outputs[name])


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
        run(inputs, rules=requiring(Bakery=0.99, Meat=0.99))
    lines = [line for line in caplog.messages if "no plan meets" in line and "exact" in line]
    assert len(lines) == 1
    assert "Bakery (infeasible: at most " in lines[0]
    assert "Meat (infeasible: at most " in lines[0]


def test_infeasible_category_does_not_stop_the_others(inputs, outputs):
    strict = run(inputs, rules=requiring(Bakery=0.99))
    summary = strict["optimization_summary"].set_index(["mode", "category"])
    bakery = summary.loc[("exact", "Bakery")]
    assert bakery["status"] == f"infeasible: at most {100 * bakery['retention_attainable']:.6g} %"
    assert 0 < bakery["retention_attainable"] < 0.99
    offers = strict["optimal_offers"]
    kept = offers[(offers["mode"] == "exact") & (offers["category"] == "Bakery")]
    assert (kept["revenue_after"] == kept["revenue_before"]).all()
    others = (offers["mode"] == "paper") | (offers["category"] != "Bakery")
    pd.testing.assert_frame_equal(offers[others], outputs["optimal_offers"][others])


def test_required_retention_is_met_and_costs_revenue(inputs, outputs):
    before = (
        outputs["optimization_summary"].set_index(["mode", "category"]).loc[("exact", "Bakery")]
    )
    required = (before["retention"] + before["retention_attainable"]) / 2
    strict = run(inputs, rules=requiring(Bakery=required))
    after = strict["optimization_summary"].set_index(["mode", "category"]).loc[("exact", "Bakery")]
    assert after["retention"] >= required * (1 - 1e-9)
    assert after["revenue"] < before["revenue"]
    assert after["retention_shadow_price"] > before["retention_shadow_price"]


def test_rounded_offers_are_dated_multiples_inside_the_range(outputs):
    sent = outputs["offers_to_send"]
    assert len(sent)
    assert (sent["offer_percent"] % 1 == 0).all()
    assert (sent["offer_percent"] > 0).all()
    assert (sent["valid_from"] == pd.Timestamp("2026-01-15")).all()
    exact = outputs["optimal_offers"].query("mode == 'exact'").set_index(["customer_id", "item_id"])
    planned = exact["offer_percent"].reindex(
        pd.MultiIndex.from_frame(sent[["customer_id", "item_id"]])
    )
    assert (np.abs(sent["offer_percent"].to_numpy() - planned.to_numpy()) < 1).all()


def test_one_budget_makes_one_program_of_all(inputs, outputs):
    free = outputs["plan_kpis"].query("mode == 'exact' and category == 'All'").iloc[0]
    budget = 0.5 * (free["spend_before"] + free["spend_after"])
    rules = requiring() | {"budget": {"rule": "Budget", "at_most": budget}}
    joint = run(inputs, rules=rules)
    summary = joint["optimization_summary"].query("mode == 'exact'")
    assert (summary["program"] == "All").all()
    spent = joint["plan_kpis"].query("mode == 'exact' and category == 'All'").iloc[0]
    assert spent["spend_after"] <= budget * (1 + 1e-9)
    assert free["revenue_after"] > spent["revenue_after"]
    row = joint["optimization_rules"].query("mode == 'exact' and row == 'budget'").iloc[0]
    assert row["status"] == "binding"
    assert row["finite_difference"] == pytest.approx(row["shadow_price"], rel=0.05)


def test_a_category_that_cannot_keep_its_own_rule_is_set_aside_from_the_budget(inputs, outputs):
    free = outputs["plan_kpis"].query("mode == 'exact' and category == 'All'").iloc[0]
    rules = requiring(Bakery=0.99) | {"budget": {"rule": "Budget", "at_most": free["spend_after"]}}
    joint = run(inputs, rules=rules)
    summary = joint["optimization_summary"].query("mode == 'exact'").set_index("category")
    assert summary.loc["Bakery", "status"].startswith("infeasible")
    assert not summary["status"].drop("Bakery").str.startswith("infeasible").any()
    offers = joint["optimal_offers"].query("mode == 'exact'")
    bakery = offers[offers["category"] == "Bakery"]
    assert (bakery["revenue_after"] == bakery["revenue_before"]).all()
    assert offers.loc[offers["category"] == "Seafood", "change"].notna().any()
    conflicts = joint["optimization_conflicts"].query("mode == 'exact'")
    assert conflicts["row"].tolist() == ["retention: Bakery"]


def test_a_margin_plan_earns_more_margin(inputs, outputs):
    margin = run(inputs, objective="margin")["plan_kpis"].query("mode == 'exact'")
    revenue = outputs["plan_kpis"].query("mode == 'exact'")
    assert margin["margin_after"].iloc[0] > revenue["margin_after"].iloc[0]
    assert margin["revenue_after"].iloc[0] < revenue["revenue_after"].iloc[0]


@pytest.mark.parametrize("whole", [False, True])
def test_what_is_excluded_gets_no_offer(inputs, caplog, whole):
    """Seafood may not be discounted, and some of Bakery's consumers opted out."""
    elasticities = inputs["offer_elasticities"]
    seafood = elasticities.loc[elasticities["category"] == "Seafood", "item_id"].unique()
    consumers = elasticities.loc[elasticities["category"] == "Bakery", "customer_id"].unique()[:20]
    exclusions = pd.DataFrame(
        {
            "customer_id": ["" for _ in seafood] + [str(each) for each in consumers],
            "item_id": [str(each) for each in seafood] + ["" for _ in consumers],
            "reason": ["tobacco" for _ in seafood] + ["opted out" for _ in consumers],
        }
    )
    rules = requiring(Bakery=0.0, Seafood=0.0) | {"excluded": {"rule": "Exclusions"}}
    if whole:
        rules |= {"budget": {"rule": "Budget", "at_most": 1e6}}
    with caplog.at_level("WARNING"):
        outputs = run(inputs | {"offer_exclusions": ibis.memtable(exclusions)}, rules=rules)
    planned = outputs["optimal_offers"].query("mode == 'exact' and offer_percent > 0")
    for offers in (planned, outputs["offers_to_send"]):
        assert not offers["item_id"].isin(seafood).any()
        assert not offers["customer_id"].isin(consumers).any()
    summary = outputs["optimization_summary"].query("mode == 'exact'").set_index("category")
    assert summary.loc["Seafood", "status"] == "no offers: excluded: tobacco"
    lines = [line for line in caplog.messages if "excluded" in line and "offers are" in line]
    assert len(lines) == 2


def test_the_log_tells_retention_as_the_kpis_do(inputs, caplog):
    with caplog.at_level("INFO"):
        outputs = run(inputs, retention_measure="consumer_indicator")
    kpis = outputs["plan_kpis"].query("mode == 'exact' and category == 'All'").iloc[0]
    shares = (100 * kpis[f"retention_{when}"] for when in ("before", "after"))
    said = "retention {:.2f} % → {:.2f} %".format(*shares)
    (line,) = [each for each in caplog.messages if each.startswith("Offers by exact: revenue")]
    assert line.endswith(said)


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
