from math import exp, log

import numpy as np
import pytest

from promo_kedro.pipelines.optimization.offer_tables import (
    OFFER_COLUMNS,
    kept_offers,
    offers_table,
)

from .small_plans import (
    KEPT,
    MENU,
    PlainOptions,
    make_items,
    plan_at,
    without_plan,
)


def worth(item, offer, mode):
    """Return probability, retained and revenue of one consumer-item, by the book."""
    f, k = item.probability, item.reference_offer
    if mode == "exact":
        p = 1 / (1 + exp(-(log(f / (1 - f)) + item.slope * (offer - k))))
    else:
        p = min(max(f + (offer / k - 1) * item.elasticity * f, 0), 1)
    q = float(p >= item.cutoff) if mode == "paper" else p
    return p, q, item.price * (1 - offer / 100) * q


@pytest.mark.parametrize("mode", ["paper", "linear", "exact"])
def test_before_is_today_and_after_is_the_plan(mode):
    items = make_items(80, 1)
    planned = plan_at(PlainOptions(items, mode), [], [])
    table = offers_table(planned)
    assert list(table) == OFFER_COLUMNS
    assert (table["mode"] == mode).all()
    for item, line, offer in zip(
        items.itertuples(), table.itertuples(), planned.offer, strict=True
    ):
        before = line.probability_before, line.retained_before, line.revenue_before
        after = line.probability_after, line.retained_after, line.revenue_after
        assert before == pytest.approx(worth(item, item.offer_today, mode))
        assert after == pytest.approx(worth(item, offer, mode))
        if item.adjustable:
            assert line.change == pytest.approx(offer / item.reference_offer - 1)
        else:
            assert np.isnan(line.change)
            assert line.offer_percent == item.offer_today


def test_a_menu_has_no_change_and_no_plan_changes_nothing():
    items = make_items(60, 2)
    menu = offers_table(plan_at(PlainOptions(items, steps=MENU), [], []))
    assert menu["change"].isna().all()
    assert set(menu.loc[items["adjustable"], "offer_percent"]) <= set(MENU.values)
    kept = offers_table(without_plan(plan_at(PlainOptions(items), [], [])))
    assert kept["change"].isna().all()
    assert (kept["offer_percent"] == items["offer_today"]).all()
    for figure in ("probability", "retained", "revenue"):
        assert (kept[f"{figure}_after"] == kept[f"{figure}_before"]).all()


def test_kept_offers_are_counted_by_category_and_reason():
    items = make_items(200, 3)
    items.loc[~items["adjustable"] & (items["item_id"] == 0), "kept"] = "excluded"
    table = kept_offers(items)
    assert list(table) == ["category", "reason", "n"]
    assert table["n"].sum() == (~items["adjustable"]).sum()
    for line in table.itertuples():
        same = (items["category"] == line.category) & (items["kept"] == line.reason)
        assert line.n == same.sum() > 0
    assert set(table["reason"]) == {KEPT, "excluded"}
    assert kept_offers(items[items["adjustable"]]).empty
