"""Which options the rules leave each consumer-item, and why offers stay as they are."""

import numpy as np
import pytest
from pandas import DataFrame

from promo_kedro.pipelines.optimization.rules import (
    KINDS,
    Exclusions,
    MaxOffersPerConsumer,
    NoOffer,
    OfferRange,
    OfferSteps,
    cap_of,
    narrowed,
    steps_of,
)

TODAY, NO_OFFER, STEPS = 1, 2, 4
UNIDENTIFIED = "response to offers not identified"
NO_RANGE = "too few offers for a range"
NO_REFERENCE = "reference offer is 0"
NOTHING_INSIDE = "no change stays inside the range"


def narrow(facts: DataFrame, *rules) -> DataFrame:
    """Narrow by rules in this order, and check that the three columns agree."""
    decisions = narrowed(facts, {str(place): rule for place, rule in enumerate(rules)})
    assert (decisions["adjustable"] == (decisions["permitted"] & STEPS > 0)).all()
    assert ((decisions["kept"] == "") == decisions["adjustable"]).all()
    assert (decisions["permitted"] > 0).all()
    assert decisions["permitted"].dtype == np.int8
    return decisions


def test_without_rules_the_steps_of_eq_13_are_open(facts):
    decisions = narrow(facts)
    assert decisions["permitted"].tolist() == [STEPS, TODAY, STEPS, STEPS, TODAY, TODAY]
    assert decisions["kept"].tolist() == ["", NO_REFERENCE, "", "", UNIDENTIFIED, NO_RANGE]


def test_default_steps_are_those_of_eq_13():
    steps = steps_of({"other": NoOffer()})
    assert steps.relative
    assert steps.values == pytest.approx([j / 20 for j in range(-19, 20)])
    assert steps_of({"mine": OfferSteps(changes=[0.5, -0.5])}).values.tolist() == [-0.5, 0.5]


@pytest.mark.parametrize(
    "steps",
    [OfferSteps(), OfferSteps(changes=[-0.9, 0.1]), OfferSteps(offers=[0, 5, 10, 40])],
)
def test_adjustable_is_having_a_step_strictly_inside(steps):
    rng = np.random.default_rng(3)
    n = 500
    lowest = rng.integers(0, 40, n).astype(float)
    facts = DataFrame(
        {
            "category": "Bakery",
            "reference_offer": rng.integers(0, 6, n) * 10.0,
            "slope": 0.05,
            "range_min": lowest,
            "range_max": lowest + rng.integers(0, 12, n),
        }
    )
    decisions = narrow(facts, steps)
    for _, unit in decisions.iloc[:200].iterrows():
        offers = unit["reference_offer"] * (1 + steps.values) if steps.relative else steps.values
        some = any(unit["offer_min"] < round(offer, 8) < unit["offer_max"] for offer in offers)
        open_ = some and not (steps.relative and unit["reference_offer"] == 0)
        assert unit["adjustable"] == open_
    assert 0 < decisions["adjustable"].sum() < n


def test_a_step_on_an_open_bound_is_not_inside_whatever_rounding_does_to_it():
    steps, percents = OfferSteps(), np.arange(-95, 100, 5)
    reference = np.repeat(np.arange(1.0, 101), len(percents) - 1)
    lowest = (np.arange(1, 101)[:, None] * (100 + percents[:-1]) / 100).ravel()
    highest = (np.arange(1, 101)[:, None] * (100 + percents[1:]) / 100).ravel()
    assert not steps.any_inside(reference, lowest, highest).any()
    assert steps.any_inside(reference, lowest, highest + 1e-6).all()
    assert steps.any_inside(reference, lowest - 1e-6, highest).all()


def test_a_menu_moves_what_has_no_reference_and_its_0_is_no_offer(facts):
    menu = narrow(facts, OfferSteps(offers=[0, 5, 10]))
    assert menu["permitted"].tolist() == [6, 6, 6, 6, TODAY, TODAY]
    assert not OfferSteps(offers=[10, 0, 5]).relative
    assert OfferSteps(offers=[10, 0, 5]).values.tolist() == [5, 10]
    above = narrow(facts, OfferSteps(offers=[40, 60]))
    assert above["kept"].iloc[0] == NOTHING_INSIDE


def test_range_replaces_what_was_read(facts):
    decisions = narrow(facts, OfferRange(highest=30, categories={"Toys": (1, 9)}))
    assert decisions["offer_min"].tolist() == [4.0] * 5 + [1.0]
    assert decisions["offer_max"].tolist() == [30.0] * 5 + [9.0]
    assert decisions["kept"].tolist() == ["", NO_REFERENCE, "", "", UNIDENTIFIED, ""]


def test_one_bound_is_no_range_where_none_was_read(facts):
    decisions = narrow(facts, OfferRange(lowest=19.5, highest=None))
    assert decisions["offer_min"].tolist() == [19.5] * 6
    assert decisions["kept"].iloc[5] == NO_RANGE
    nothing = narrow(facts, OfferRange(lowest=39.9))
    assert nothing["kept"].iloc[0] == NOTHING_INSIDE


def test_no_offer_opens_only_what_can_be_changed(facts):
    decisions = narrow(facts, NoOffer())
    assert decisions["permitted"].tolist() == [6, TODAY, 6, 6, TODAY, TODAY]


def test_excluded_is_left_no_offer_alone_whatever_else_is_set(facts):
    facts.loc[4, "excluded"] = "tobacco"
    rules = [Exclusions(), MaxOffersPerConsumer(at_most=9), NoOffer(), OfferSteps(offers=[0, 9])]
    decisions = narrow(facts, *rules)
    assert decisions["permitted"].tolist() == [6, 6, 6, NO_OFFER, NO_OFFER, TODAY]
    assert decisions["kept"].iloc[3] == "excluded: opted out"
    assert decisions["kept"].iloc[4] == "excluded: tobacco"
    assert (narrow(facts)["permitted"].iloc[3:5] == [STEPS, TODAY]).all()


def test_a_cap_drops_fixed_offers_only_beyond_it(facts, caplog):
    # Consumer 1 has fixed offers: item 2 (Bakery), 4 (Meat), 5 (Toys).
    enough = narrow(facts, MaxOffersPerConsumer(at_most=3))
    assert enough["permitted"].tolist() == [6, TODAY, 6, 6, TODAY, TODAY]
    assert not caplog.messages
    beyond = narrow(facts, MaxOffersPerConsumer(at_most=2))
    assert beyond["permitted"].tolist() == [6, 3, 6, 6, 3, 3]
    assert "3 consumer-items" in caplog.text
    apart = narrow(facts, MaxOffersPerConsumer(at_most=1, scope="category"))
    assert apart["permitted"].tolist() == [6, TODAY, 6, 6, TODAY, TODAY]


def test_a_cap_of_none_can_always_be_kept(facts):
    decisions = narrow(facts, MaxOffersPerConsumer(at_most=0))
    can_go_without = decisions["permitted"] & NO_OFFER > 0
    assert (can_go_without | (decisions["offer_today"] == 0)).all()


def test_cap_says_who_counts_as_one_consumer():
    assert cap_of({"other": NoOffer()}) is None
    whole = cap_of({"cap": MaxOffersPerConsumer(at_most=2)})
    assert whole.consumer_key == ["customer_id"]
    assert whole.spans_categories
    apart = MaxOffersPerConsumer(at_most=2, scope="category")
    assert apart.consumer_key == ["category", "customer_id"]
    assert not apart.spans_categories


def test_order_of_rules_and_earlier_narrowing_change_nothing(facts):
    rules = [Exclusions(), NoOffer(), MaxOffersPerConsumer(at_most=1), OfferRange(highest=15)]
    once = narrow(facts, *rules)
    assert narrow(facts, *reversed(rules)).equals(once)
    assert narrow(once, *rules).equals(once)
    assert narrow(once).equals(narrow(facts)[list(narrow(once))])


def test_a_range_that_is_taken_out_leaves_the_one_of_the_receipts(facts):
    ranged = narrow(facts, OfferRange(highest=15))
    columns = ["offer_min", "offer_max"]
    assert narrow(ranged)[columns].equals(narrow(facts)[columns])
    assert narrow(ranged, OfferRange(lowest=9))["offer_max"].tolist()[:5] == [40] * 5


def test_kinds_that_narrow_stand_in_the_order_in_which_they_do():
    names = [kind.__name__ for kind in KINDS[:5]]
    assert names == ["OfferRange", "OfferSteps", "NoOffer", "Exclusions", "MaxOffersPerConsumer"]
