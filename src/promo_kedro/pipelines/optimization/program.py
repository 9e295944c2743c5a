"""Eq. 13's family, stated in CVXPY and solved by HiGHS.

::

    maximise    Σ_i Σ_j value_ij · x_ij
    subject to  Σ_j x_ij = 1                            one option per unit
                Σ_i Σ_j retention_ij · x_ij ≥ needed    the retention row
                x_ij ∈ {0, 1}, or in [0, 1] in the linear program

With value price · (1 − o/100) · 1[clears] and retention 1[clears] this is Eq. 13 as printed;
with the probability in the indicator's place, expected revenue under expected retention.
"""

import warnings
from dataclasses import dataclass

import cvxpy as cp
import numpy as np
from scipy.sparse import csr_array

from promo_kedro.pipelines.optimization.options import OptionTable
from promo_kedro.types import Array

TOLERANCE = 1e-10


@dataclass(frozen=True)
class ProgramSolution:
    """What the solver found.

    Attributes:
        shares: x of the program, (units, options).
        value: the objective, in money.
        price: the retention row's multiplier, money per unit of retention (linear program).
    """

    shares: Array
    value: float
    price: float


def solve_program(
    table: OptionTable, needed: float, *, integer: bool = False, max_nodes: int = 2_000
) -> ProgramSolution | None:
    """Choose one option per unit.

    Args:
        table: the options.
        needed: retention to reach, summed over the units.
        integer: whole options only; else the linear program, which has a multiplier.
        max_nodes: branches that the integer search may explore; it then gives the best so far.

    Returns:
        The solution; none where no plan retains so much, or none was found in ``max_nodes``.
    """
    allowed = table.allowed
    unit, _ = np.nonzero(allowed)
    value, retention = table.value[allowed], table.retention[allowed]
    money, share = _largest(value), _largest(retention)

    chosen = cp.Variable(len(unit), boolean=True) if integer else _share(len(unit))
    options_of_unit = csr_array((np.ones(len(unit)), (unit, np.arange(len(unit)))))
    one_each = options_of_unit @ chosen == 1
    retention_row = retention / share @ chosen >= needed / share
    program = cp.Problem(cp.Maximize(value / money @ chosen), [one_each, retention_row])
    if not _solved(program, _settings(integer, max_nodes)):
        return None
    shares = np.zeros(allowed.shape)
    shares[allowed] = chosen.value
    price = 0.0 if integer else max(float(retention_row.dual_value) * money / share, 0.0)
    return ProgramSolution(shares, float(value @ chosen.value), price)


def _share(count: int) -> cp.Variable:
    """Bounds on the variable reach HiGHS as such; as constraints they would be rows."""
    return cp.Variable(count, bounds=[0, 1])


def _largest(numbers: Array) -> float:
    """Return what to divide by, so that the solver's tolerances mean the same at any size."""
    return float(np.abs(numbers).max(initial=0)) or 1.0


def _solved(program: cp.Problem, settings: dict[str, float]) -> bool:
    """Solve in place; a search cut short counts where it has a plan, which callers certify."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Solution may be inaccurate")
        try:
            program.solve(solver=cp.HIGHS, warm_start=False, **settings)
        except (cp.SolverError, ValueError):  # cut short, or undecided, before there was one
            return False
    return all(variable.value is not None for variable in program.variables())


def _settings(integer: bool, max_nodes: int) -> dict[str, float]:
    tolerances = {
        "primal_feasibility_tolerance": TOLERANCE,
        "dual_feasibility_tolerance": TOLERANCE,
    }
    if not integer:
        return tolerances
    search = {"mip_rel_gap": 0.0, "mip_abs_gap": TOLERANCE, "mip_max_nodes": max_nodes}
    return tolerances | search | {"mip_feasibility_tolerance": TOLERANCE}
