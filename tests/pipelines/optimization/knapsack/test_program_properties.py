"""What holds of every program, on programs drawn at random, judged in plain numpy."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from promo_kedro.pipelines.optimization.knapsack import offers as offers_module
from promo_kedro.pipelines.optimization.knapsack.frontier import trace_frontier
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.priorities import solve_by_priority
from promo_kedro.pipelines.optimization.knapsack.program import Program, Row
from promo_kedro.pipelines.optimization.knapsack.route import solve

from .written_programs import lacking, programs, weights, worth

WHOLE = SolverParameters(threads=1)
BY_PRICES = SolverParameters(whole_program_size=0, sample_size=100, core_size=20, threads=1)
ROUTES = st.sampled_from([WHOLE, BY_PRICES])


def drawn(examples):
    """Repeatable examples, the same in every run."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),  # failing programs are small as they are
        suppress_health_check=list(HealthCheck),
    )


def assert_is_as_it_says(case, program, plan):
    """A plan's options are open, its figures are those recomputed, and it keeps the hard rows."""
    written = case.written
    assert written.is_allowed(plan.choice)
    totals = written.totals(plan.choice)
    np.testing.assert_allclose(plan.totals, totals, rtol=1e-9, atol=1e-9)
    for index, row in enumerate(program.rows):
        parts = row.coefficients * totals
        close = 1e-9 * (1 + np.abs(parts).sum())
        assert plan.activity[index] == pytest.approx(parts.sum(), abs=close)
        assert plan.slack[index] == pytest.approx(parts.sum() - row.least, abs=close)
        if np.isinf(row.penalty):
            assert lacking(row, totals) <= 0
    assert (plan.prices >= 0).all()
    size = 1 + np.abs(program.objective * totals).sum()
    assert plan.value == pytest.approx(worth(program, totals), abs=1e-8 * size)
    assert plan.value <= plan.upper_bound


@drawn(60)
@given(case=programs(), parameters=ROUTES)
def test_a_plan_keeps_its_word_and_its_bound_holds(case, parameters):
    program = case.program()
    plan = solve(program, parameters)

    assert plan.choice is not None  # the witness keeps every row
    assert_is_as_it_says(case, program, plan)
    known = worth(program, case.written.totals(case.witness))
    assert known <= plan.upper_bound + 1e-9 * (1 + abs(known))


@drawn(60)
@given(case=programs(), seed=st.integers(0, 1_000))
def test_any_prices_bound_every_plan(case, seed):
    program, draw = case.program(), np.random.default_rng(seed)
    for size in (0.01, 1, 100):
        prices = np.minimum(size * draw.exponential(1, len(program.rows)), program.penalties)
        priced = program.weights(prices)
        chosen = program.options.choose(priced)
        bound = program.bound(chosen.score, prices)

        assert case.written.is_allowed(chosen.option)
        own = case.written.totals(chosen.option)
        terms = np.abs(priced * own).sum() + prices @ np.abs(program.least)
        assert chosen.score == pytest.approx((priced * own).sum(), abs=1e-9 * (1 + terms))
        assert bound >= worth(program, case.written.totals(case.witness)) - 1e-9 * (1 + terms)
        if case.written.rule is None:
            best = case.written.totals(case.written.best(priced))
            assert chosen.score == pytest.approx((priced * best).sum(), abs=1e-9 * (1 + terms))


@drawn(40)
@given(case=programs(units=(1, 25), keepable=False), parameters=ROUTES, seed=st.integers(0, 99))
def test_no_rule_is_broken_in_silence(case, parameters, seed):
    draw = np.random.default_rng(seed)
    rows = tuple(
        replace(row, hard=bool(draw.random() < 0.4), priority=int(draw.integers(1, 4)))
        for row in case.rows
    )
    program = replace(case.program(), rows=rows)
    outcome = solve_by_priority(program, parameters)

    if outcome.plan.choice is None:
        assert any(row.hard and np.isinf(row.penalty) for row in rows)
        assert outcome.message
        assert outcome.relaxations is not None
        return
    totals = case.written.totals(outcome.plan.choice)
    assert case.written.is_allowed(outcome.plan.choice)
    np.testing.assert_allclose(outcome.plan.totals, totals, rtol=1e-9, atol=1e-9)
    missed = {row.name: row.scale * lacking(row, totals) for row in rows}
    missed = {name: short for name, short in missed.items() if short > 0}
    assert set(outcome.broken) == set(missed)
    for name, short in missed.items():
        assert outcome.broken[name] == pytest.approx(short, rel=1e-6, abs=1e-8)
        assert name in outcome.message
    may_miss = {row.name for row in rows if not row.hard or row.penalty < np.inf}
    assert set(missed) <= may_miss


@drawn(25)
@given(case=programs(units=(5, 60), penalties=False, most_rows=3))
def test_the_frontier_falls_and_is_concave(case):
    retention = Row("retention", "retention", weights(case.written.cells, retention=1), 0.0)
    program = replace(case.program(), rows=(retention, *case.rows))
    frontier = trace_frontier(program, 0, 8, WHOLE)

    required, value = frontier["retention_required"].to_numpy(), frontier["objective"].to_numpy()
    size = 1 + np.abs(value).max(initial=0)
    assert len(frontier) >= 1
    assert (np.diff(required) > 0).all()
    assert (np.diff(value) <= 1e-9 * size).all()
    rise = np.diff(required)
    chords = value[:-2] * rise[1:] + value[2:] * rise[:-1]
    assert (value[1:-1] * (rise[1:] + rise[:-1]) >= chords - 1e-9 * size * np.ptp(required)).all()


@drawn(25)
@given(case=programs(consumers=False), parameters=ROUTES, seed=st.integers(0, 99))
def test_the_order_of_units_is_nothing(case, parameters, seed):
    order = np.random.default_rng(seed).permutation(len(case.written))
    mixed = case.written.ordered(order)
    plan = solve(case.program(), parameters)
    other = solve(replace(case, written=mixed).program(), parameters)

    size = 1 + abs(plan.upper_bound)
    assert other.upper_bound == pytest.approx(plan.upper_bound, abs=1e-8 * size)
    back = np.empty_like(other.choice)
    back[order] = other.choice
    same = worth(case.program(), case.written.totals(back))
    assert same == pytest.approx(other.value, abs=1e-9 * size)
    distance = max(plan.upper_bound - plan.value, other.upper_bound - other.value)
    assert other.value == pytest.approx(plan.value, abs=distance + 1e-8 * size)


@drawn(25)
@given(case=programs(), parameters=ROUTES)
def test_every_unit_twice_is_worth_twice(case, parameters):
    twice = case.written.twice()
    rows = tuple(replace(row, least=2 * row.least) for row in case.rows)
    plan = solve(case.program(), parameters)
    both = solve(Program(twice.options(), case.objective, rows), parameters)

    size = 1 + abs(plan.upper_bound)
    assert both.upper_bound == pytest.approx(2 * plan.upper_bound, abs=1e-7 * size)
    assert 2 * plan.value <= both.upper_bound + 1e-8 * size
    assert both.value <= 2 * plan.upper_bound + 1e-8 * size
    if plan.gap < 1e-6:
        loss = both.upper_bound - both.value
        assert both.value == pytest.approx(2 * plan.value, abs=loss + 1e-5 * size)
    if not rows:
        assert both.value == pytest.approx(2 * plan.value, abs=1e-9 * size)


@drawn(25)
@given(case=programs(), seed=st.integers(0, 99))
def test_where_prices_start_does_not_matter(case, seed):
    program = case.program()
    cold = solve(program, BY_PRICES)
    factor = np.random.default_rng(seed).uniform(0, 3, len(program.rows))
    for start in (cold.prices, cold.prices * factor):
        warm = solve(program, BY_PRICES, start=start)
        assert_is_as_it_says(case, program, warm)
        size = 1 + abs(cold.upper_bound)
        assert warm.upper_bound == pytest.approx(cold.upper_bound, abs=1e-7 * size)
        distance = max(cold.upper_bound - cold.value, warm.upper_bound - warm.value)
        assert warm.value == pytest.approx(cold.value, abs=distance + 1e-8 * size)


@drawn(20)
@given(case=programs(), parameters=ROUTES)
def test_threads_change_no_bit(case, parameters):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(offers_module, "CHUNK", 7)
        one, two = (solve(case.program(threads), parameters) for threads in (1, 2))
    np.testing.assert_array_equal(one.choice, two.choice)
    np.testing.assert_array_equal(one.totals, two.totals)
    np.testing.assert_array_equal(one.prices, two.prices)
    assert (one.value, one.upper_bound) == (two.value, two.upper_bound)
