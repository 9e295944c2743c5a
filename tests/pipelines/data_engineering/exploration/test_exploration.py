"""Each table of the first look is counted again with pandas, from the same rows."""

import ibis
import numpy as np
import pandas as pd
import pytest

from promo_kedro.pipelines.data_engineering.exploration import plots, tables
from promo_kedro.pipelines.data_engineering.parameters import ExplorationParameters

EVERYONE = ExplorationParameters(min_consumers=1, max_basket_size=3, max_steps=4)


@pytest.fixture(scope="module")
def lines():
    rng = np.random.default_rng(4)
    n = 600
    return pd.DataFrame(
        {
            "customer_id": rng.integers(1, 25, n),
            "item_id": rng.integers(1, 9, n),
            "date": pd.Timestamp("2013-01-01") + pd.to_timedelta(rng.integers(0, 60, n), "D"),
            "selling_price": rng.integers(1, 999, n) / 100,
            "offer_percent": rng.choice([0, 0, 0.01, 2.5, 2.51, 50, 99.99, 100], n),
            "basket_id": pd.array([pd.NA] * n, dtype="Int64"),
        }
    )


@pytest.fixture(scope="module")
def items():
    return pd.DataFrame({"item_id": range(1, 9), "category": list("aaabbbcc")})


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(5)
    pairs = pd.MultiIndex.from_product([range(1, 13), range(1, 5)])
    pairs = pairs[rng.random(len(pairs)) < 0.7]
    cells = pd.DataFrame(
        [(c, i, step) for c, i in pairs for step in range(3, 13)],
        columns=["customer_id", "item_id", "step"],
    )
    cells["purchased"] = pd.array((rng.random(len(cells)) < 0.3).astype("int8"), dtype="Int8")
    cells.loc[cells["step"] == 12, "purchased"] = pd.NA
    return cells


@pytest.fixture(scope="module")
def calendar():
    starts = pd.Timestamp("2012-12-24") + pd.to_timedelta(14 * np.arange(13), "D")
    return pd.DataFrame({"window": 0, "step": range(13), "start_date": starts.date})


def test_category_sales(lines, items):
    found = tables.category_sales(ibis.memtable(lines), ibis.memtable(items), EVERYONE)
    expected = lines.merge(items).groupby("category")["selling_price"].sum()
    found = found.set_index("category")
    pd.testing.assert_series_equal(
        found["sales"].sort_index(), expected, check_names=False, check_index_type=False
    )
    assert found["share"].sum() == pytest.approx(1)
    assert found["sales"].is_monotonic_decreasing


def test_offer_percent_density(lines):
    found = tables.offer_percent_density(ibis.memtable(lines), EVERYONE)
    for row in found.to_dict("records"):
        low, high = row["offer_from"], row["offer_to"]
        inside = lines["offer_percent"].gt(low) & lines["offer_percent"].le(high)
        inside = lines["offer_percent"].eq(0) if high == 0 else inside
        assert row["lines"] == inside.sum() > 0
        assert row["consumers"] == lines.loc[inside, "customer_id"].nunique()
    assert found["lines"].sum() == len(lines)
    area = found["density"] * (found["offer_to"] - found["offer_from"])
    assert area.sum() == pytest.approx(1)


def test_basket_size_density(lines):
    found = tables.basket_size_density(ibis.memtable(lines), EVERYONE)
    sizes = lines.groupby(["customer_id", "date"])["item_id"].nunique().clip(upper=3)
    expected = sizes.value_counts().sort_index()
    assert found["basket_size"].tolist() == expected.index.tolist()
    assert found["baskets"].tolist() == expected.tolist()


def brute_force_history(cells, key):
    """Return the four measures of each consumer or item before each step, one cell at a time."""
    bought = cells[cells["purchased"] == 1]
    rows = []
    for entity, step in cells[[key, "step"]].drop_duplicates().itertuples(index=False):
        before = bought[(bought[key] == entity) & (bought["step"] < step)]
        pairs = before[["customer_id", "item_id"]].drop_duplicates()
        steps = sorted(set(before["step"]))
        recency = min(step - steps[-1], 4) if steps else None
        gap = min(round(float(np.diff(steps).mean())), 4) if len(steps) > 1 else None
        rows.append((entity, step, len(before), len(before) - len(pairs), recency, gap))
    return pd.DataFrame(rows, columns=[key, "step", *tables.MEASURES])


@pytest.mark.parametrize(("level", "key"), tables.LEVELS.items())
def test_order_probability_by_what_went_before(panel, calendar, level, key):
    found = tables.order_probability(ibis.memtable(panel), calendar, EVERYONE)
    cells = panel.dropna().merge(brute_force_history(panel.dropna(), key), on=[key, "step"])
    found = found[found["level"] == level]
    assert set(found["measure"]) == set(tables.MEASURES)
    for measure in tables.MEASURES:
        rows = found[found["measure"] == measure]
        assert rows["cells"].sum() == cells[measure].notna().sum()
        for row in rows.to_dict("records"):
            chosen = cells[cells[measure].between(row["value_from"], row["value_to"])]
            if measure == "gap":  # halves may round either way
                continue
            assert row["cells"] == len(chosen)
            assert row["purchases"] == chosen["purchased"].sum()
            assert row["consumers"] == chosen["customer_id"].nunique()


def test_order_probability_by_season(panel, calendar):
    found = tables.order_probability(ibis.memtable(panel), calendar, EVERYONE)
    months = found[found["measure"] == "month"].set_index("value_from")["order_probability"]
    known = panel.dropna().merge(calendar, on="step")
    month = pd.to_datetime(known["start_date"]).dt.month
    expected = known["purchased"].astype(float).groupby(month).mean()
    assert months.to_dict() == pytest.approx(expected.to_dict())


def test_small_groups_are_left_out_of_tables_for_people(lines, items, caplog):
    few = lines[(lines["item_id"] > 3) | (lines["customer_id"] < 10)]
    found = tables.category_sales(ibis.memtable(few), ibis.memtable(items), ExplorationParameters())
    assert set(found["category"]) == {"b", "c"}
    assert (found["consumers"] >= 10).all()


def test_pictures_have_labelled_axes(lines, items, panel, calendar):
    table, empty = ibis.memtable(lines), ibis.memtable(panel).filter(ibis.literal(False))
    sales = tables.category_sales(table, ibis.memtable(items), EVERYONE)
    orders = tables.order_probability(ibis.memtable(panel), calendar, EVERYONE)
    offers = tables.offer_percent_density(table, EVERYONE)
    baskets = tables.basket_size_density(table, EVERYONE)
    figures = [
        plots.category_sales_plot(sales),
        plots.offer_percent_density_plot(offers),
        plots.basket_size_density_plot(baskets, 3),
        plots.order_probability_plot(orders),
        plots.order_probability_plot(tables.order_probability(empty, calendar, EVERYONE)),
    ]
    for figure in figures:
        shown = [axes for axes in figure.axes if axes.axison]
        assert shown
        assert all(axes.get_xlabel() and axes.get_title() for axes in shown)
