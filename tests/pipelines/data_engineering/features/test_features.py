"""Every group of features against another library, or the definition spelled out."""

import logging
from dataclasses import replace

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from data_engineering.shop import (
    CELL,
    N_STEPS,
    PARAMETERS,
    Shop,
    chance_shop,
    features_of,
    fit,
    panel_of,
)
from promo_kedro.pipelines.data_engineering.features import lag_features
from promo_kedro.pipelines.data_engineering.features.datetime_features import datetime_features
from promo_kedro.pipelines.data_engineering.features.feature_groups import feature_groups
from promo_kedro.pipelines.data_engineering.features.static_features import fold_of, middle_of
from promo_kedro.pipelines.data_engineering.parameters import LagWindow, PanelParameters

GROUPS = feature_groups(PARAMETERS.panel)
KEYS = ["window", *CELL]


@pytest.fixture(scope="module")
def shop() -> Shop:
    # Few and rare shoppers, so that there are gaps and first orders to be seen.
    return chance_shop(seed=4, n_consumers=15, n_items=6, busiest=0.2)


@pytest.fixture(scope="module")
def features(shop) -> pd.DataFrame:
    """The features of the latest window, by cell."""
    features = features_of(shop, fit(shop)).reset_index()
    return features[features["window"] == 0].set_index(CELL)


@pytest.fixture(scope="module")
def panel(shop) -> pd.DataFrame:
    return panel_of(shop, fit(shop)).astype({"purchased": "Int64"}).reset_index()


@pytest.fixture(scope="module")
def cells(features) -> pd.DataFrame:
    return features.sample(120, random_state=9)


# ── what comes out ───────────────────────────────────────────────────────────────────────────


def test_every_feature_is_there_described_and_never_missing(features):
    names = [name for group in list(GROUPS)[:4] for name in GROUPS[group]]
    assert len(names) == len(set(names))
    assert set(names) == set(GROUPS["descriptions"])
    columns = features.reset_index().columns
    assert set(columns) == {*names, *KEYS, "category", "split", "purchased"}
    continuous = features[GROUPS["static_continuous"] + GROUPS["temporal_continuous"]]
    assert set(continuous.dtypes.astype(str)) == {"float32"}
    assert np.isfinite(continuous.to_numpy()).all()
    assert not features[[n for n in names if n in features]].isna().any().any()


def test_default_features_are_few_enough_to_train_on_quickly():
    assert len(feature_groups(PanelParameters())["temporal_continuous"]) <= 48


def test_splits_and_labels_are_those_of_the_calendar_and_the_receipts(shop, features):
    bought = set(shop.transactions[CELL].itertuples(index=False, name=None))
    past = features[features["split"] != "next"]
    assert past["purchased"].tolist() == [int(cell in bought) for cell in past.index]
    assert features.loc[features["split"] == "next", "purchased"].isna().all()
    steps = features.reset_index().groupby("split")["step"].unique().map(list).to_dict()
    assert steps["test"] == [N_STEPS - 1]
    assert steps["next"] == [N_STEPS]


@pytest.mark.parametrize("logged", [False, True])
def test_features_of_a_category_are_the_same_alone_and_among_all(logged):
    shop = chance_shop(seed=4, n_consumers=15, n_items=6, busiest=0.2, logged=logged)
    together = features_of(shop, fit(shop))
    found = []
    for category in sorted(set(shop.items["category"])):
        alone = PARAMETERS.model_copy(update={"categories": [category]})
        found.append(features_of(shop, fit(shop, alone), alone))
        assert set(found[-1]["category"]) == {category}
    assert len(found) == 2
    pd.testing.assert_frame_equal(pd.concat(found).sort_index(), together, check_exact=True)


def test_items_of_other_categories_are_counted_in_the_log(shop, caplog):
    with caplog.at_level(logging.INFO):
        fit(shop, PARAMETERS.model_copy(update={"categories": ["Bakery"]}))
    assert "3 of 6 items in the chosen categories (Bakery)" in caplog.text


def test_windows_of_the_same_cell_agree_on_everything_but_position_and_encodings(shop):
    features = features_of(shop, fit(shop))
    of_window = [features.loc[window] for window in (0, 1)]
    shared = of_window[0].index.intersection(of_window[1].index)
    same = [
        name
        for name in GROUPS["temporal_continuous"] + GROUPS["temporal_categorical"]
        if name != "window_position"
    ]
    assert len(shared) > 200
    pd.testing.assert_frame_equal(*(rows.loc[shared, same] for rows in of_window))


# ── lagged offsets ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("statistic", ["mean", "median", "variance"])
@pytest.mark.parametrize(("regressor", "steps"), [("quantity", 5), ("offer_percent", 5)])
def test_rolling_statistics_agree_with_pandas(features, panel, regressor, steps, statistic):
    values = panel[regressor].astype(float)
    if regressor == "offer_percent":
        values = (values * 10 + 1e-9).round() / 10
    past = values.groupby([panel["customer_id"], panel["item_id"]]).shift(1)
    rolling = past.groupby([panel["customer_id"], panel["item_id"]]).rolling(steps, min_periods=1)
    rolled = {
        "mean": rolling.mean,
        "median": rolling.median,
        "variance": lambda: rolling.var(ddof=0),
    }[statistic]()
    expected = pd.Series(rolled.to_numpy(), pd.MultiIndex.from_frame(panel[CELL])).fillna(0)
    np.testing.assert_allclose(
        features[f"{regressor}_{statistic}_{steps}"],
        expected.loc[features.index],
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize("regressor", ["quantity", "offer_percent"])
@pytest.mark.parametrize(
    ("statistic", "oracle"), [("skewness", stats.skew), ("kurtosis", stats.kurtosis)]
)
def test_rolling_shapes_agree_with_scipy(features, panel, cells, regressor, statistic, oracle):
    values = panel.set_index(CELL)[regressor].astype(float)
    if regressor == "offer_percent":
        values = (values * 10 + 1e-9).round()
    found = cells[f"{regressor}_{statistic}_5"]
    assert (found != 0).sum() > 10
    for (consumer, item, step), value in found.items():
        past = values.loc[consumer, item].loc[max(0, step - 5) : step - 1].to_numpy()
        expected = oracle(past) if len(set(past)) > 1 else 0.0
        assert value == pytest.approx(expected, abs=1e-5)


def test_shapes_stay_exact_for_the_largest_values_in_the_longest_window():
    """1,000 and 999: fourth powers cancel to the last digit, which floats would lose."""
    random = np.random.default_rng(0)
    x = np.where(random.random(27) < 0.2, 999, 1000)
    cells = pd.DataFrame({"customer_id": 1, "item_id": 1, "step": np.arange(27)})
    cells = cells.assign(**{f"x_{name}": x for name in lag_features.UNITS})
    lag = LagWindow(steps=26, statistics=["variance", "skewness", "kurtosis"])
    parameters = PanelParameters(lag_windows=[lag])
    table = ibis.memtable(cells)
    known = table.select("step", **lag_features.windows_of(table, parameters))
    features = known.select("step", **lag_features.features_of(known, parameters)).to_pandas()
    last = features.set_index("step").loc[26]
    past = x[:26].astype(float)
    assert last["quantity_variance_26"] == pytest.approx(past.var(), rel=1e-12)
    assert last["quantity_skewness_26"] == pytest.approx(stats.skew(past), rel=1e-9)
    assert last["quantity_kurtosis_26"] == pytest.approx(stats.kurtosis(past), rel=1e-9)


def test_an_unknown_quantity_stays_unknown():
    table = ibis.memtable(pd.DataFrame({"quantity": [3.0, None, 5000.0]})).cast(
        {"quantity": "int64"}
    )
    cells = table.mutate(purchased=ibis.literal(1), offer_percent=ibis.literal(0.0))
    found = cells.select(x=lag_features.regressors_of(cells)["quantity"]).to_pyarrow()
    assert sorted(found["x"].to_pylist(), key=str) == [1000, 3, None]


def test_the_mean_of_purchases_is_the_share_of_steps_bought(features, panel, cells):
    bought = panel.set_index(CELL)["purchased"]
    for (consumer, item, step), row in cells.iterrows():
        past = bought.loc[consumer, item].loc[max(0, step - 2) : step - 1].astype(float)
        assert row["purchased_mean_2"] == pytest.approx(past.mean())


# ── profiles ─────────────────────────────────────────────────────────────────────────────────


def profile(lines: pd.DataFrame, consumer: int, item: int, step: int) -> dict[str, float]:
    """Spell out the profiles of one cell from the receipts before its step."""
    past = lines[lines["step"] < step]
    of_consumer = past[past["customer_id"] == consumer]
    of_item = past[past["item_id"] == item]
    own = of_consumer[of_consumer["item_id"] == item]
    category = lines.loc[lines["item_id"] == item, "category"].iloc[0]
    in_category = of_consumer[of_consumer["category"] == category]
    steps, shopped = sorted(set(own["step"])), sorted(set(of_consumer["step"]))
    sold = sorted(set(of_item["step"]))
    streak = next(n for n in range(step + 1) if step - 1 - n not in steps)

    def since(when: list[int], position: int) -> int:
        return step - when[position] if when else 0

    def gap(when: list[int]) -> float:
        return float(np.diff(when).mean()) if len(when) > 1 else 0.0

    def share(part: float, whole: float) -> float:
        return part / whole if whole else 0.0

    def repeats(of: pd.DataFrame) -> tuple[int, int]:
        bought = of[CELL].drop_duplicates()
        return int(bought.duplicated(["customer_id", "item_id"]).sum()), len(bought)

    return {
        "steps_since_first_order": since(steps, 0),
        "steps_since_last_order": since(steps, -1),
        "mean_gap": gap(steps),
        "orders": len(steps),
        "reorder_frequency": share(len(steps), since(steps, 0)),
        "reorder_rate": share(len(steps) - 1, sum(s > steps[0] for s in shopped) if steps else 0),
        "streak": streak,
        "mean_cart_position": own["cart_position"].mean() if len(own) else 0,
        "consumer_steps_since_first_order": since(shopped, 0),
        "consumer_steps_since_last_order": since(shopped, -1),
        "consumer_mean_gap": gap(shopped),
        "consumer_orders": of_consumer["date"].nunique(),
        "consumer_basket_size": share(len(of_consumer), of_consumer["date"].nunique()),
        "consumer_reorder_rate": share(*repeats(of_consumer)),
        "consumer_mean_offer": of_consumer["offer_percent"].mean() if shopped else 0,
        "consumer_category_steps_since_last_order": since(sorted(set(in_category["step"])), -1),
        "consumer_category_order_rate": share(in_category["step"].nunique(), step),
        "consumer_orders_mean_2": of_consumer[of_consumer["step"] >= step - 2]["date"].nunique()
        / 2,
        "item_steps_since_first_order": since(sold, 0),
        "item_steps_since_last_order": since(sold, -1),
        "item_reorder_rate": share(*repeats(of_item)),
        "item_buyers_mean_5": repeats(of_item[of_item["step"] >= step - 5])[1] / 5,
    }


def test_profiles_agree_with_their_definitions(shop, cells):
    lines = shop.transactions.merge(shop.items[["item_id", "category"]])
    lines = lines[lines["step"] >= 0].sort_values("step")
    expected = pd.DataFrame([profile(lines, *cell) for cell in cells.index], cells.index)
    for name in expected:
        np.testing.assert_allclose(cells[name], expected[name], rtol=1e-5, atol=1e-6, err_msg=name)
        assert expected[name].nunique() > 1, f"{name} does not vary: the comparison is blind"


# ── prices, coupons, dates, statics ──────────────────────────────────────────────────────────


def test_relative_prices_compare_with_the_mean_price_of_earlier_receipts(shop, panel, cells):
    lines = shop.transactions.merge(shop.items[["item_id", "category"]])
    prices = panel.set_index(CELL)["list_price"].astype(float)
    for (consumer, item, step), row in cells.iterrows():
        past = lines[lines["step"] < step]
        for level, same in (
            ("item", past["item_id"] == item),
            ("category", past["category"] == row["category"]),
        ):
            before = past.loc[same, "list_price"].mean()
            expected = np.log(prices[consumer, item, step] / before) if same.any() else 0.0
            assert row[f"relative_price_{level}"] == pytest.approx(expected, abs=1e-5)


def test_past_offers_are_those_of_the_panel(panel, cells):
    offers = panel.set_index(CELL)["offer_percent"]
    for (consumer, item, step), row in cells.iterrows():
        past = offers.loc[consumer, item].loc[: step - 1]
        assert row["offer_percent"] == pytest.approx(offers[consumer, item, step])
        assert row["offer_percent_last"] == pytest.approx(past.iloc[-1])
        made = past[past > 0]
        expected = step - made.index[-1] if len(made) else 0
        assert row["steps_since_last_offer"] == expected


def test_coupons_are_in_force_by_membership_and_dates(shop, features):
    coupons = shop.issued_coupons.merge(shop.campaigns).merge(shop.coupon_items)
    # The first campaign touches steps 3 to 5, the second 9 to 12.
    steps = {1: {3, 4, 5}, 2: {9, 10, 11, 12}}
    held = {
        (row.customer_id, row.item_id, step)
        for row in coupons.itertuples()
        for step in steps[row.campaign_id]
    }
    in_force = features["coupon_in_force"]
    assert in_force.tolist() == [int(cell in held) for cell in features.index]
    assert 0 < in_force.mean() < 1


def test_dates_are_those_of_the_steps_first_day():
    calendar = pd.DataFrame(
        {
            "window": 0,
            "step": [10, 11, 12],
            "start_date": pd.to_datetime(["2012-12-24", "2013-01-07", "2013-07-02"]),
            "split": ["train", "test", "next"],
        }
    )
    dates = datetime_features(calendar)
    assert dates["week"].tolist() == [52, 2, 27]
    assert dates["month"].tolist() == [12, 1, 7]
    assert dates["quarter"].tolist() == [4, 1, 3]
    assert dates["window_position"].tolist() == [0, 1, 2]
    np.testing.assert_allclose(np.hypot(dates["season_sin"], dates["season_cos"]), 1)
    # The year's middle lies opposite its turn.
    assert dates["season_cos"].round(1).tolist() == [1.0, 1.0, -1.0]


def fold_by_hand(customer_id: int, folds: int) -> int:
    """Hash an id in Python's integers, which never overflow."""
    low_bits = int(customer_id) % (2**31 - 1) * 2654435761 & 0xFFFFFFFF
    return (low_bits >> 16) % folds


def folds_of(ids: list[int], folds: int) -> pd.Series:
    table = ibis.memtable(pd.DataFrame({"id": ids}))
    found = table.mutate(fold=fold_of(table.id, folds)).to_pandas()
    return found.set_index("id")["fold"]


@pytest.mark.parametrize("ids", [range(1, 2001), range(5, 10001, 5), range(10, 20001, 10)])
def test_consumers_are_dealt_evenly_whatever_their_ids_are_multiples_of(ids):
    sizes = folds_of(list(ids), 5).value_counts()
    assert len(sizes) == 5
    assert sizes.between(0.8 * 400, 1.2 * 400).all()


def test_the_largest_ids_are_dealt_without_overflow():
    ids = [0, 1, 2**31 - 2, 2**31, 2**32, 10**17 + 3, 999_999_999_999_999_999]
    for folds in (2, 5, 100):
        assert folds_of(ids, folds).tolist() == [fold_by_hand(number, folds) for number in ids]


@pytest.mark.parametrize("factor", [5, 10])
def test_items_are_encoded_where_all_ids_are_multiples_of_the_folds(shop, factor):
    tables = {
        name: getattr(shop, name).assign(customer_id=lambda t: t["customer_id"] * factor)
        for name in ("transactions", "consumers", "issued_coupons", "offers")
    }
    multiplied = replace(shop, **tables)
    features = features_of(multiplied, fit(multiplied))
    assert (features["item_purchase_rate"] > 0).all()
    assert (features["item_price_level"] > 0).mean() > 0.9


def test_encodings_read_the_training_steps_of_other_folds_only(shop, features):
    folds, prior = PARAMETERS.panel.encoding.folds, PARAMETERS.panel.encoding.prior_cells
    train = features[features["split"] == "train"].reset_index()
    train["fold"] = train["customer_id"].map(lambda consumer: fold_by_hand(consumer, folds))
    lines = shop.transactions.merge(train.loc[train["purchased"] == 1, [*CELL, "fold"]], on=CELL)
    for (consumer, item, _), row in features.sample(40, random_state=2).iterrows():
        others = train[train["fold"] != fold_by_hand(consumer, folds)]
        of_item = others[others["item_id"] == item]["purchased"].astype(int)
        share = others[others["category"] == row["category"]]["purchased"].astype(int).mean()
        rate = (of_item.sum() + prior * share) / (len(of_item) + prior)
        assert row["item_purchase_rate"] == pytest.approx(rate, rel=1e-5)
        others = lines[
            (lines["fold"] != fold_by_hand(consumer, folds)) & (lines["item_id"] == item)
        ]
        level = np.log1p(others["list_price"].mean()) if len(others) else 0.0
        assert row["item_price_level"] == pytest.approx(level, rel=1e-4)


def test_encodings_of_a_consumer_do_not_move_with_its_own_purchases(shop):
    less = shop.without(shop.transactions["customer_id"] == 103)
    relevant = fit(shop).relevant
    encodings = []
    for tables in (shop, less):
        frozen = fit(tables)
        fold = fold_by_hand(103, PARAMETERS.panel.encoding.folds)
        own = frozen.encodings[frozen.encodings["fold"] == fold]
        encodings.append(own.sort_values(["window", "item_id"]).reset_index(drop=True))
    assert len(relevant) > len(fit(less).relevant)
    pd.testing.assert_frame_equal(*encodings, check_exact=True)


def test_demographics_are_unknown_where_they_are_missing(shop, features):
    person = features.reset_index().drop_duplicates("customer_id").set_index("customer_id")
    known, blank = person.loc[100], person.loc[102]
    assert (known["age_range"], known["age_years"], known["family_members"]) == ("46-55", 50.5, 2)
    assert (blank["age_range"], blank["age_years"], blank["income_level"]) == ("unknown", 0, 0)


@pytest.mark.parametrize(
    ("text", "middle"), [("46-55", 50.5), ("70+", 70), ("3", 3), ("18 - 25", 21.5), ("many", None)]
)
def test_the_middle_of_a_range_written_as_text(text, middle):
    table = ibis.memtable(pd.DataFrame({"text": [text, "1"]}))
    found = table.mutate(middle=middle_of(table.text)).to_pandas().set_index("text")["middle"]
    assert found[text] == middle if middle is not None else np.isnan(found[text])


def test_the_page_on_features_names_each_one_as_it_is(project_path):
    page = (project_path / "docs" / "features.md").read_text()
    for name, text in feature_groups(PanelParameters())["descriptions"].items():
        assert f"| `{name}` | {text} |" in page


def test_families_follow_the_headings_of_the_page(project_path):
    groups = feature_groups(PanelParameters())
    families = groups["families"]
    kinds = ("static_categorical", "temporal_categorical", "static_continuous")
    assert sorted(families) == sorted(
        name for kind in (*kinds, "temporal_continuous") for name in groups[kind]
    )
    page = (project_path / "docs" / "features.md").read_text()
    temporal = page.split("## Temporal features")[1].split("## Static features")[0]
    named = {
        "Datetime: categorical": "datetime",
        "Datetime: continuous": "datetime",
        "Consumer-item profile": "consumer-item profile",
        "Consumer profile": "consumer-item profile",
        "Item profile": "consumer-item profile",
        "Prices and promotions": "prices and promotions",
        "Lagged offsets": "lagged offsets",
    }
    for part in temporal.split("\n### ")[1:]:
        heading, *lines = part.splitlines()
        names = [line.split("`")[1] for line in lines if line.startswith("| `")]
        assert names
        assert {families[name] for name in names} == {named[heading]}


def test_families_of_static_features_part_items_from_consumers():
    groups = feature_groups(PanelParameters())
    for name in groups["static_categorical"] + groups["static_continuous"]:
        of_item = name in ("category", "brand", "brand_type") or name.startswith("item_")
        family = "item attributes" if of_item else "consumer attributes"
        assert groups["families"][name] == family
