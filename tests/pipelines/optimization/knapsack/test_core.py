"""The core, against the whole program and every plan of its open units."""

import numpy as np
import pytest

from promo_kedro.pipelines.optimization.knapsack.core import Core, Narrowing
from promo_kedro.pipelines.optimization.knapsack.measures import MEASURES, Measure
from promo_kedro.pipelines.optimization.knapsack.options import OptionTable
from promo_kedro.pipelines.optimization.knapsack.program import Program, Row
from promo_kedro.pipelines.optimization.knapsack.statement import solve_statement
from promo_kedro.pipelines.optimization.knapsack.tabulated import TabulatedOptions

from .test_statement import REVENUE, best_of_all_plans, random_rows
from .test_tabulated import RULES, plain_totals, plans, random_table


def stated(table, coefficients, least, penalty=np.inf):
    """Return the program over a table."""
    rows = tuple(
        Row(str(number), "rule", a, b, penalty=penalty)
        for number, (a, b) in enumerate(zip(coefficients, least, strict=True))
    )
    return Program(TabulatedOptions(table), REVENUE, rows)


def random_program(units, options, seed, *, rows=2, tightness=0.8, **rule):
    """Return a program whose rows all ask for more than the best options by themselves give."""
    table = random_table(units, options, seed, **rule)
    coefficients = np.random.default_rng(seed).uniform(0, 1, (rows, 2, MEASURES))
    free = TabulatedOptions(table)
    most = np.array([(a * free.choose(a).totals).sum() for a in coefficients])
    return stated(table, coefficients, tightness * most)


def broken(program, choice):
    """Return by how much a plan breaks its worst row, as a share of the row."""
    activity = program.activity(plain_totals(program.options.table, choice))
    return ((program.least - activity) / np.maximum(np.abs(program.least), 1)).max(initial=0)


def solved_whole(program, **settings):
    rows = program.coefficients, program.least, program.penalties
    return solve_statement(program.options.table, program.objective, *rows, **settings)


@pytest.mark.parametrize("rule", RULES[:5])
@pytest.mark.parametrize("penalty", [np.inf, 0.3])
def test_a_core_of_all_units_is_the_program(rule, penalty):
    table = random_table(12, 4, 1, **(rule | ({"consumers": 4} if rule else {})))
    program = stated(table, *random_rows(table, 2, 1), penalty)
    core = Core(program, np.zeros(12, np.int8), np.arange(12))
    relaxed, expected = core.relaxed(), solved_whole(program)
    assert relaxed.value == pytest.approx(expected.value, rel=1e-9)
    np.testing.assert_allclose(relaxed.slack, expected.slack, atol=1e-8)
    choice = core.integer(2_000)
    short = program.activity(plain_totals(table, choice)) - program.least
    fined = 0 if np.isinf(penalty) else penalty * np.maximum(-short, 0).sum()
    value = program.value(plain_totals(table, choice)) - fined
    assert value == pytest.approx(solved_whole(program, integer=True).value, rel=1e-9)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(4))
def test_closed_units_keep_their_options(rule, seed):
    table = random_table(6, 3, seed, **(rule | ({"consumers": 3} if rule else {})))
    start = next(iter(plans(table)))
    program = stated(table, *random_rows(table, 2, seed))
    core = Core(program, start, np.array([3, 2]))
    assert core.open.tolist() == [2, 3]

    only = table.allowed.copy()
    closed = np.setdiff1d(np.arange(6), core.open)
    only[closed] = np.arange(3) == start[closed, None]
    rest = OptionTable(only, table.measures, table.cell, 2, table.consumer_rule)
    best = best_of_all_plans(rest, REVENUE, program.coefficients, program.least, np.full(2, np.inf))
    found = core.integer(2_000)
    assert (found is None) == (best is None)
    if found is not None:
        assert (found[closed] == start[closed]).all()
        assert program.value(plain_totals(table, found)) == pytest.approx(best, rel=1e-9)
        assert broken(program, found) <= 1e-9


def test_whole_consumers_are_opened():
    program = random_program(6, 3, 0, consumers=2, most_offers=1, tightness=0)
    assert Core(program, np.zeros(6, np.int8), np.array([4])).open.tolist() == [3, 4, 5]


@pytest.mark.parametrize("rule", [{}, *RULES[1:5]])
@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("seed", range(3))
def test_rounding_breaks_no_row(rule, rows, seed):
    rule = rule | ({"consumers": 30} if rule else {})
    program = random_program(120, 4, seed, rows=rows, **rule)
    core = Core(program, np.zeros(120, np.int8), np.arange(120))
    solution = core.relaxed()
    choice = core.rounded(solution)
    assert broken(program, choice) <= 1e-9
    assert program.options.table.allowed[np.arange(120), choice].all()
    if rule.get("most_offers"):
        offered = choice > 0
        consumer = program.options.consumer_rule.consumer
        assert np.bincount(consumer, offered).max() <= rule["most_offers"]
    value = program.value(plain_totals(program.options.table, choice))
    assert 0.98 * solution.value <= value <= solution.value * (1 + 1e-9)


def repeated(table, times):
    """Return the units of a table over and over, one after the other."""
    return TabulatedOptions(table).tabulate(np.arange(len(table.cell) * times) % len(table.cell))


def test_identical_units_are_one_group_and_change_nothing():
    table = repeated(random_table(5, 4, 2), 40)
    coefficients = np.random.default_rng(0).uniform(0, 1, (2, 2, MEASURES))
    most = [(a * TabulatedOptions(table).choose(a).totals).sum() for a in coefficients]
    program = stated(table, coefficients, 0.8 * np.array(most))
    core = Core(program, np.zeros(200, np.int8), np.arange(200))

    assert core.counts.tolist() == [40] * 5
    assert core.group.tolist() == list(range(5)) * 40
    assert core.relaxed().value == pytest.approx(solved_whole(program).value, rel=1e-9)
    choice = core.integer(500)
    assert broken(program, choice) <= 1e-9
    assert (np.diff(choice.reshape(40, 5), axis=0) >= 0).all()  # dealt in the order of units
    value = program.value(plain_totals(table, choice))
    best = solved_whole(program, integer=True, max_nodes=500).value
    assert value == pytest.approx(best, rel=1e-6)
    rounded = program.value(plain_totals(table, core.rounded(core.relaxed())))
    assert rounded == pytest.approx(best, rel=1e-3)


def test_a_hundred_thousand_identical_units_are_solved_and_rounded_at_once():
    units = 100_000
    table = repeated(random_table(1, 3, 6), units)
    retention = table.measures[0, :, Measure.RETENTION]
    needed = units * (retention.min() + 0.12345678 * np.ptp(retention))
    value = table.measures[0, :, Measure.SALES] - table.measures[0, :, Measure.SPEND]
    program = stated(table, [measure(Measure.RETENTION)], [needed])
    core = Core(program, np.zeros(units, np.int8), np.arange(units))
    assert len(core.counts) == 1
    totals = program.options.totals(core.rounded(core.relaxed()))
    assert program.activity(totals)[0] >= needed * (1 - 1e-9)
    assert program.value(totals) >= core.relaxed().value - np.ptp(value)


def measure(one):
    weights = np.zeros((2, MEASURES))
    weights[:, one] = 1
    return weights


@pytest.mark.parametrize("rule", [{}, {"consumers": 60, "most_offers": 2}])
def test_few_options_suffice_near_the_prices(rule):
    program = random_program(300, 12, 4, **rule)
    start, units = np.zeros(300, np.int8), np.arange(300)
    whole = Core(program, start, units).relaxed()
    narrow = Core(program, start, units, narrowing=Narrowing(whole.prices * 1.001, 3, 1.0))
    assert narrow.table.allowed.sum() < 0.5 * program.options.table.allowed.sum()
    assert narrow.relaxed().value == pytest.approx(whole.value, rel=1e-9)


@pytest.mark.parametrize("rule", RULES[:5])
@pytest.mark.parametrize("seed", range(3))
def test_no_better_plan_needs_an_option_further_behind_than_the_gap(rule, seed):
    rule = rule | ({"consumers": 8} if rule else {})
    program = random_program(24, 6, seed, rows=1, **rule)
    start, units = np.zeros(24, np.int8), np.arange(24)
    best = Core(program, start, units).integer(10_000)
    prices = Core(program, start, units).relaxed().prices
    score = program.options.choose(program.weights(prices)).score
    distance = program.bound(score, prices) - program.value(program.options.totals(best))
    near = Narrowing(prices, options_kept=6, tolerance=distance * (1 + 1e-9) + 1e-9)
    narrow = Core(program, start, units, narrowing=near)
    assert narrow.table.allowed.sum() < program.options.table.allowed.sum()
    assert narrow.table.allowed[units, best].all()


def test_what_is_known_of_the_plan_is_not_reckoned_again():
    program = random_program(50, 4, 0, tightness=0.7)
    start = program.options.choose(REVENUE)
    units = np.arange(5, 45)
    again = Core(program, start.option, units).relaxed()
    known = Core(program, start.option, units, totals=start.totals).relaxed()
    assert known.value == pytest.approx(again.value, rel=1e-12)


def test_a_core_that_cannot_meet_the_rows_has_no_plan():
    program = random_program(50, 4, 0, tightness=0.95)
    start = program.options.choose(REVENUE).option
    assert Core(program, start, np.arange(2)).relaxed() is None
    assert Core(program, start, np.arange(2)).integer(10) is None
    assert Core(program, start, np.array([], int)).integer(10) is None
    easy = random_program(50, 4, 0, tightness=0)
    np.testing.assert_array_equal(Core(easy, start, np.array([], int)).integer(10), start)


def test_what_only_halves_can_meet_is_not_rounded():
    measures = np.zeros((1, 2, MEASURES))
    measures[0, 1, Measure.RETENTION] = 1
    table = repeated(OptionTable(np.ones((1, 2), bool), measures, np.zeros(1, int), 2), 3)
    retention = measure(Measure.RETENTION)
    core = Core(stated(table, [retention, -retention], [1.5, -1.5]), np.zeros(3, int), np.arange(3))
    assert core.relaxed().shares.sum() == pytest.approx(3)
    assert core.rounded(core.relaxed()) is None
