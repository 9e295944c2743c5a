"""Options in a table, against every plan of a consumer."""

from itertools import product

import numpy as np
import pytest

from promo_kedro.errors import InputError
from promo_kedro.pipelines.optimization.knapsack.measures import MEASURES, Measure
from promo_kedro.pipelines.optimization.knapsack.options import ConsumerRule, OptionTable
from promo_kedro.pipelines.optimization.knapsack.tabulated import TabulatedOptions

RETENTION, OFFER, OFFERED = Measure.RETENTION, Measure.OFFER, Measure.OFFERED


def random_table(units, options, seed, *, consumers=None, most_offers=None, any_retained=False):
    """Return a table of two cells in which every unit has one to all options, the first free."""
    rng = np.random.default_rng(seed)
    allowed = rng.random((units, options)) < 0.8
    allowed[:, 0] = True
    measures = rng.uniform(0, 1, (units, options, MEASURES))
    measures[..., OFFER] = np.where(np.arange(options) > 0, rng.uniform(1, 9, (units, options)), 0)
    measures[..., OFFERED] = measures[..., OFFER] > 0
    measures[~allowed] = np.nan
    rule = None
    if consumers is not None:
        if any_retained:
            retained = rng.random((units, options)) < 0.3
            measures[..., RETENTION] = np.where(allowed, retained, np.nan)
        consumer = np.sort(np.arange(units) % consumers)
        rule = ConsumerRule(consumer, most_offers, any_retained)
    return OptionTable(allowed, measures, rng.integers(0, 2, units), 2, rule)


def plans(table):
    """Yield every plan that keeps to the table and its offers per consumer."""
    rule = table.consumer_rule
    for plan in product(*(np.flatnonzero(row) for row in table.allowed)):
        choice = np.array(plan)
        if rule is not None and rule.most_offers is not None:
            offered = table.measures[np.arange(len(choice)), choice, OFFER] > 0
            if np.bincount(rule.consumer, offered).max() > rule.most_offers:
                continue
        yield choice


def plain_totals(table, choice):
    """Sum unit by unit, in plain Python."""
    totals, seen = np.zeros((table.cells, MEASURES)), {}
    for unit, option in enumerate(choice):
        measures = table.measures[unit, option].copy()
        if table.consumer_rule is not None and table.consumer_rule.any_retained:
            consumer = table.consumer_rule.consumer[unit]
            first, retained = seen.get(consumer, (table.cell[unit], False))
            seen[consumer] = first, retained or measures[RETENTION] > 0
            measures[RETENTION] = 0
        totals[table.cell[unit]] += measures
    for cell, retained in seen.values():
        totals[cell, RETENTION] += retained
    return totals


RULES = [
    {},
    {"consumers": 2, "most_offers": 1},
    {"consumers": 2, "most_offers": 2},
    {"consumers": 2, "any_retained": True},
    {"consumers": 2, "most_offers": 1, "any_retained": True},
    {"consumers": 1, "most_offers": 0, "any_retained": True},
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(8))
def test_the_best_options_are_the_best_of_all_plans(rule, seed):
    table = random_table(5, 4, seed, **rule)
    weights = np.random.default_rng(seed).normal(size=(2, MEASURES))
    scores = {tuple(plan): (weights * plain_totals(table, plan)).sum() for plan in plans(table)}
    best = max(scores.values())

    found = TabulatedOptions(table).choose(weights, regret=True)

    assert scores[tuple(found.option)] == pytest.approx(best, abs=1e-12)
    assert found.score == pytest.approx(best, abs=1e-12)
    np.testing.assert_allclose(found.totals, plain_totals(table, found.option))
    for unit, chosen in enumerate(found.option):
        others = [score for plan, score in scores.items() if plan[unit] != chosen]
        lost = best - max(others) if others else np.inf
        assert found.regret[unit] == pytest.approx(lost, rel=1e-5, abs=1e-6)


def test_ties_go_to_retention_then_to_the_lower_offer_then_to_the_first():
    measures = np.zeros((1, 5, MEASURES))
    measures[0, :, RETENTION] = [0, 1, 1, 1, 1]
    measures[0, :, OFFER] = [0, 9, 5, 5, 7]
    table = OptionTable(np.ones((1, 5), bool), measures, np.zeros(1, int), 1)
    weights = np.zeros((1, MEASURES))
    assert TabulatedOptions(table).choose(weights).option.tolist() == [2]


def test_options_that_measure_the_same_are_not_different():
    table = OptionTable(np.ones((1, 3), bool), np.ones((1, 3, MEASURES)), np.zeros(1, int), 1)
    assert TabulatedOptions(table).choose(np.ones((1, 7)), regret=True).regret.tolist() == [np.inf]


@pytest.mark.parametrize("rule", [{}, {"consumers": 3_000, "most_offers": 1, "any_retained": True}])
def test_chunks_change_nothing(rule):
    table = random_table(9_000, 4, 1, **rule)
    weights = np.random.default_rng(1).normal(size=(2, MEASURES))
    whole = TabulatedOptions(table)
    found = whole.choose(weights)
    halves = [np.arange(4_500), np.arange(4_500, 9_000)]
    parts = [whole.take(half).choose(weights) for half in halves]
    np.testing.assert_array_equal(found.option, np.concatenate([part.option for part in parts]))
    assert found.score == pytest.approx(sum(part.score for part in parts))
    np.testing.assert_allclose(found.totals, whole.totals(found.option))
    np.testing.assert_allclose(found.totals, sum(part.totals for part in parts))


def test_no_units_are_no_trouble():
    table = OptionTable(np.ones((0, 3), bool), np.ones((0, 3, MEASURES)), np.zeros(0, int), 2)
    found = TabulatedOptions(table).choose(np.ones((2, MEASURES)), regret=True)
    assert (len(found.option), found.score, found.totals.sum()) == (0, 0, 0)


def test_more_forced_offers_than_allowed_are_refused():
    table = random_table(4, 3, 0, consumers=2, most_offers=1)
    table.allowed[:2] = [False, True, False]
    table.measures[:2] = 1.0
    with pytest.raises(InputError, match="1 consumers have more units"):
        TabulatedOptions(table).choose(np.zeros((2, MEASURES)))


def test_bad_tables_are_refused():
    table = random_table(4, 3, 0, consumers=2)
    with pytest.raises(InputError, match="no option"):
        TabulatedOptions(OptionTable(table.allowed & False, table.measures, table.cell, 2))
    with pytest.raises(InputError, match="not finite"):
        TabulatedOptions(OptionTable(table.allowed, table.measures * np.nan, table.cell, 2))
    mixed = ConsumerRule(np.array([0, 1, 0, 1]))
    with pytest.raises(InputError, match="sort"):
        TabulatedOptions(OptionTable(table.allowed, table.measures, table.cell, 2, mixed))
