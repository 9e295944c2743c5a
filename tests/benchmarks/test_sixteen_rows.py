"""Sixteen rows of the benchmark that rounding alone does not keep."""

import numpy as np
from offer_programs.instances import sixteen_rows

from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.route import shortfall, solve


def test_a_plan_is_found_at_raised_prices():
    program = sixteen_rows(3_000, 1, 1).program(1)
    plan = solve(program, SolverParameters(threads=1))
    assert plan.choice is not None
    np.testing.assert_array_equal(shortfall(program, program.options.totals(plan.choice)), 0)
    assert 0 <= plan.gap < 1e-3
