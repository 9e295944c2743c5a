"""What enters the program, what is kept out of it and why, and what is refused."""

import ibis
import numpy as np
import pytest
from pandas import DataFrame

from promo_kedro.errors import InputError
from promo_kedro.pipelines.optimization.decisions import Aim, decisions_of
from promo_kedro.pipelines.optimization.nodes import gather_decisions
from promo_kedro.pipelines.optimization.parameters import OptimizationParameters
from promo_kedro.pipelines.optimization.rules import (
    Exclusions,
    Fairness,
    MarginFloor,
    NoOffer,
    OfferRange,
    Retention,
)


@pytest.fixture
def tables() -> dict[str, DataFrame]:
    """Return four categories: usable, not identified, without a range, with a tiny range."""
    categories = ["Bakery", "Meat", "Seafood", "Flowers"]
    elasticities = DataFrame(
        {
            "customer_id": [2, 1, 1, 1, 1, 1],
            "item_id": [1, 2, 1, 3, 4, 5],
            "category": ["Bakery", "Bakery", "Bakery", "Meat", "Seafood", "Flowers"],
            "reference_offer": [20.0, 20.0, 0.0, 20.0, 20.0, 20.0],
            "reference_source": ["own last 4 weeks"] * 6,
            "offer_today": 10.0,
            "probability": 0.2,
            "elasticity": [0.8, 0.8, 0.0, 0.8, 0.8, 0.8],
            "price": 3.0,
            "quantity": 1.5,
            "unit_price": 2.0,
        }
    )
    return {
        "elasticities": elasticities,
        "slopes": DataFrame(
            {
                "category": categories,
                "slope": [0.05, np.nan, 0.05, 0.05],
                "status": ["ok", "not identified: offers do not vary", "ok", "ok"],
            }
        ),
        "cutoffs": elasticities[["customer_id", "category"]].drop_duplicates().assign(cutoff=0.3),
        "ranges": DataFrame(
            {
                "category": categories,
                "offer_min": [5.0, 5.0, np.nan, 20.1],
                "offer_max": [50.0, 50.0, np.nan, 20.2],
            }
        ),
    }


def test_each_kept_offer_has_its_reason(tables):
    decisions = decisions_of(**tables).set_index(["category", "customer_id", "item_id"])
    assert decisions["kept"].to_dict() == {
        ("Bakery", 1, 1): "reference offer is 0",
        ("Bakery", 1, 2): "",
        ("Bakery", 2, 1): "",
        ("Flowers", 1, 5): "no change stays inside the range",
        ("Meat", 1, 3): "response to offers not identified",
        ("Seafood", 1, 4): "too few offers for a range",
    }
    assert (decisions["adjustable"] == (decisions["kept"] == "")).all()


@pytest.mark.parametrize("slope", [0.0, -0.02])
def test_offers_without_effect_are_not_moved(tables, slope):
    tables["slopes"].loc[0, "slope"] = slope
    bakery = decisions_of(**tables).query("category == 'Bakery'")
    assert (bakery["kept"] == "response to offers not identified").all()
    assert (bakery[["slope", "elasticity"]] == 0).all(axis=None)


def test_category_without_a_curve_keeps_its_offers(tables):
    tables["slopes"] = tables["slopes"].iloc[1:]
    bakery = decisions_of(**tables).query("category == 'Bakery'")
    assert (bakery["kept"] == "response to offers not identified").all()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("price", np.nan),
        ("price", -1.0),
        ("price", np.inf),
        ("probability", 1.2),
        ("reference_offer", 101.0),
        ("offer_today", np.nan),
        ("elasticity", np.inf),
    ],
)
def test_numbers_out_of_bounds_are_refused(tables, column, value):
    tables["elasticities"].loc[1, column] = value
    with pytest.raises(InputError, match=f"{column} in 1 of 6 rows"):
        decisions_of(**tables)


def test_all_problems_are_listed_at_once(tables):
    tables["elasticities"].loc[1, "price"] = np.nan
    tables["elasticities"].loc[0, "customer_id"] = 1
    with pytest.raises(InputError, match=r"price in 1 of 6 rows.*1 repeated"):
        decisions_of(**tables)


def test_empty_table_is_refused(tables):
    tables["elasticities"] = tables["elasticities"].iloc[:0]
    with pytest.raises(InputError, match="no rows"):
        decisions_of(**tables)


def test_missing_cutoff_is_refused_and_an_infinite_one_accepted(tables):
    tables["cutoffs"]["cutoff"] = np.inf
    assert np.isinf(decisions_of(**tables)["cutoff"]).all()
    tables["cutoffs"] = tables["cutoffs"].iloc[1:]
    with pytest.raises(InputError, match=r"no cut-off .* 1 of 6 .* Bakery"):
        decisions_of(**tables)


def test_elasticities_of_another_curve_are_refused(tables):
    tables["slopes"].loc[0, "slope"] = 0.02
    with pytest.raises(InputError, match=r"elasticity in 2 of 5 .*Bakery.*relation"):
        decisions_of(**tables)


COLUMNS = [
    "category",
    "customer_id",
    "item_id",
    "price",
    "quantity",
    "cost",
    "reference_offer",
    "offer_today",
    "probability",
    "elasticity",
    "slope",
    "cutoff",
    "offer_min",
    "offer_max",
    "range_min",
    "range_max",
    "permitted",
    "adjustable",
    "kept",
    "excluded",
    "cost_known",
]


def test_columns_stand_in_their_order(tables):
    consumers = DataFrame({"customer_id": [1], "age_range": ["26-35"], "other": [1]})
    aim = Aim(rules={"fair": Fairness(by="age_range", at_most=2)})
    decisions = decisions_of(**tables, consumers=consumers, aim=aim)
    assert list(decisions.columns) == [*COLUMNS, "age_range"]
    assert list(decisions_of(**tables).columns) == COLUMNS


def test_cost_is_of_the_quantity_bought_or_by_the_margin_share(tables):
    items = DataFrame({"item_id": [1, 2, 3, 4], "unit_cost": [1.2, np.nan, -1.0, 0.0]})
    aim = Aim(margin_share={"Bakery": 0.25, "Meat": 0.4})
    decisions = decisions_of(**tables, items=items, aim=aim)
    found = decisions.set_index(["category", "customer_id", "item_id"])[["cost", "cost_known"]]
    assert found["cost"].to_dict() == pytest.approx(
        {
            ("Bakery", 1, 1): 1.2 * 1.5,
            ("Bakery", 1, 2): 0.75 * 3.0,
            ("Bakery", 2, 1): 1.2 * 1.5,
            ("Flowers", 1, 5): 0.0,
            ("Meat", 1, 3): 0.6 * 3.0,
            ("Seafood", 1, 4): 0.0,
        }
    )
    assert found.index[~found["cost_known"]].tolist() == [("Flowers", 1, 5)]


@pytest.mark.parametrize(
    ("aim", "named"),
    [
        (Aim(objective="margin"), "optimization.objective: margin"),
        (Aim(rules={"floor": MarginFloor(at_least=0.2)}), "optimization.rules.floor"),
    ],
)
def test_unknown_costs_are_refused_where_they_count(tables, aim, named):
    items = DataFrame({"item_id": [1, 2, 3, 4], "unit_cost": 1.0})
    message = rf"{named} needs .*unit_cost.* 1 of 6 .* item 5\. .*margin_share.*Flowers"
    with pytest.raises(InputError, match=message):
        decisions_of(**tables, items=items, aim=aim)
    shares = {"Flowers": 0.3}
    told = Aim(aim.objective, shares, aim.rules)
    assert decisions_of(**tables, items=items, aim=told)["cost_known"].all()
    assert not decisions_of(**tables)["cost_known"].any()


def test_groups_of_consumers_and_those_unknown(tables):
    consumers = DataFrame(
        {"customer_id": [1, 7], "age_range": ["26-35", "36-45"], "family_size": [np.nan, 2.0]}
    )
    rules = {
        "age": Fairness(by="age_range", at_most=2),
        "family": Fairness(by="family_size", at_most=2),
    }
    decisions = decisions_of(**tables, consumers=consumers, aim=Aim(rules=rules))
    age = decisions.groupby("customer_id")["age_range"].unique().str.join("").to_dict()
    assert age == {1: "26-35", 2: "unknown"}
    assert (decisions["family_size"] == "unknown").all()


def test_unknown_column_of_consumers_is_refused(tables):
    consumers = DataFrame({"customer_id": [1], "age_range": ["26-35"]})
    aim = Aim(rules={"fair": Fairness(by="age_rnge", at_most=2)})
    with pytest.raises(InputError, match="'age_rnge', no column of consumers; did you mean 'age_r"):
        decisions_of(**tables, consumers=consumers, aim=aim)
    with pytest.raises(InputError, match="no column of consumers"):
        decisions_of(**tables, aim=aim)


def test_misspelt_group_is_told_by_the_node_with_the_nearest_name(tables):
    consumers = ibis.memtable(DataFrame({"customer_id": [1], "age_range": ["26-35"]}))
    rules = {"fair": {"rule": "Fairness", "by": "age_rnge", "at_most": 2}}
    with pytest.raises(InputError, match="did you mean 'age_range'"):
        gather_decisions(
            tables["elasticities"],
            tables["slopes"].assign(relation="response"),
            tables["cutoffs"].assign(split="next"),
            tables["ranges"],
            ibis.memtable(DataFrame({"item_id": [1], "unit_cost": [1.0]})),
            consumers,
            None,
            OptimizationParameters.model_validate({"rules": rules}),
        )


def test_exclusions_take_effect_by_their_rule_and_are_never_lost_in_silence(tables, caplog):
    exclusions = DataFrame({"customer_id": [2], "item_id": [None], "reason": ["opted out"]})
    without = decisions_of(**tables, exclusions=exclusions)
    assert "lists 1 of 6 consumer-items, which get offers all the same" in caplog.text
    assert without["adjustable"].sum() == 2
    aim = Aim(rules={"out": Exclusions()})
    excluded = decisions_of(**tables, exclusions=exclusions, aim=aim).query("customer_id == 2")
    assert excluded["kept"].tolist() == ["excluded: opted out"]
    assert excluded["permitted"].tolist() == [2]
    with pytest.raises(InputError, match="no list offer_exclusions"):
        decisions_of(**tables, aim=aim)


@pytest.mark.parametrize(
    ("aim", "where"),
    [
        (Aim(rules={"keep": Retention(categories={"Bakry": 0.3})}), "optimization.rules.keep"),
        (Aim(margin_share={"Bakry": 0.3}), "optimization.margin_share"),
    ],
)
def test_mistyped_categories_are_refused_wherever_they_are_named(tables, aim, where):
    with pytest.raises(InputError, match=rf"{where} names .*'Bakry'.*'Bakery'"):
        decisions_of(**tables, aim=aim)


def test_a_category_called_as_all_of_them_together_is_refused(tables):
    for name in ("elasticities", "slopes", "cutoffs", "ranges"):
        tables[name] = tables[name].replace({"category": {"Meat": "All"}})
    with pytest.raises(InputError, match=r"a category is called 'All'.*another name in item_data"):
        decisions_of(**tables)


def test_ranges_of_receipts_are_kept_beside_those_that_rules_set(tables):
    aim = Aim(rules={"range": OfferRange(highest=30)})
    bakery = decisions_of(**tables, aim=aim).query("category == 'Bakery'").iloc[0]
    columns = ["offer_min", "offer_max", "range_min", "range_max"]
    assert bakery[columns].tolist() == [5, 30, 5, 50]


def test_rules_narrow_what_is_permitted(tables):
    aim = Aim(rules={"range": OfferRange(categories={"Seafood": (5, 50)}), "drop": NoOffer()})
    decisions = decisions_of(**tables, aim=aim).set_index("category")
    assert decisions.loc["Seafood", "permitted"] == 6
    assert decisions.loc["Seafood", "kept"] == ""
    assert decisions.loc["Flowers", "permitted"] == 1
