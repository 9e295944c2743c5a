"""The CVXPY statement, against scipy's solvers and every plan there is."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, linprog, milp

from promo_kedro.pipelines.optimization.options import OptionTable
from promo_kedro.pipelines.optimization.program import solve_program


def random_table(units: int, options: int, seed: int) -> tuple[OptionTable, float]:
    """Return a table whose retention and value have nothing to do with each other."""
    rng = np.random.default_rng(seed)
    value = rng.uniform(0, 10, (units, options))
    retention = rng.uniform(0, 1, (units, options))
    best = retention[np.arange(units), value.argmax(axis=1)].sum()
    needed = best + 0.6 * (retention.max(axis=1).sum() - best)
    return OptionTable(np.zeros_like(value), value, retention, np.zeros_like(value)), needed


def one_each(table: OptionTable) -> np.ndarray:
    units, options = table.value.shape
    return np.kron(np.eye(units), np.ones(options))


@pytest.mark.parametrize("seed", range(3))
def test_linear_program_agrees_with_scipy(seed):
    table, needed = random_table(30, 8, seed)
    expected = linprog(
        -table.value.ravel(),
        A_ub=-table.retention.reshape(1, -1),
        b_ub=[-needed],
        A_eq=one_each(table),
        b_eq=np.ones(30),
        bounds=(0, 1),
    )
    found = solve_program(table, needed)
    assert found.value == pytest.approx(-expected.fun, rel=1e-9)
    assert found.price == pytest.approx(-expected.ineqlin.marginals[0], rel=1e-6)
    assert (found.shares.max(axis=1) < 1 - 1e-6).sum() <= 1


@pytest.mark.parametrize("seed", range(3))
def test_integer_program_agrees_with_scipy(seed):
    table, needed = random_table(12, 6, seed)
    expected = milp(
        -table.value.ravel(),
        integrality=np.ones(72),
        bounds=(0, 1),
        constraints=[
            LinearConstraint(one_each(table), 1, 1),
            LinearConstraint(table.retention.reshape(1, -1), needed, np.inf),
        ],
        options={"mip_rel_gap": 0},
    )
    found = solve_program(table, needed, integer=True)
    assert found.value == pytest.approx(-expected.fun, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_integer_program_agrees_with_every_plan(seed):
    table, needed = random_table(5, 4, seed)
    unit = np.arange(5)
    plans = [np.array(plan) for plan in product(range(4), repeat=5)]
    best = max(
        table.value[unit, plan].sum()
        for plan in plans
        if table.retention[unit, plan].sum() >= needed
    )
    assert solve_program(table, needed, integer=True).value == pytest.approx(best, rel=1e-9)


def test_no_plan_is_no_solution():
    table, _ = random_table(5, 4, 0)
    assert solve_program(table, 5.1) is None
    assert solve_program(table, 5.1, integer=True) is None


def test_forbidden_options_are_never_chosen():
    table, _ = random_table(6, 4, 1)
    table.value[:, 2] = -np.inf
    table.retention[:, 2] = 0
    assert not solve_program(table, 0).shares[:, 2].any()
