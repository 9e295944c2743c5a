"""What enters the program, what is kept out of it and why, and what is refused."""

import numpy as np
import pytest
from pandas import DataFrame

from promo_kedro.errors import InputError
from promo_kedro.pipelines.optimization.decisions import check_required, decisions_of
from promo_kedro.pipelines.optimization.parameters import OptimizationParameters


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


def test_mistyped_category_is_refused_with_the_nearest_name():
    parameters = OptimizationParameters.model_validate(
        {"retention_required": {"exact": {"Bakry": 0.3}}}
    )
    with pytest.raises(InputError, match=r"'Bakry'.*'Bakery'"):
        check_required(["Bakery", "Meat"], parameters)
    check_required(["Bakry"], parameters)
