"""Who else can solve them: each takes a linear program and returns its objective.

Peers solve the linear relaxation, which is less than what is asked of ours: an integer plan and a
certificate. Only scipy's ``milp`` looks for an integer plan too.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from offer_programs.instances import Instance
from offer_programs.linear_programs import LinearProgram, choice_form, segment_form

INFEASIBLE = "infeasible"


@dataclass(frozen=True)
class Peer:
    """A way to solve a program.

    Attributes:
        form: how the program is written for it.
        solve: returns objective, or NaN and what it said instead.
        tight: whether its objective is exact enough to be compared closely.
        integer: whether it looks for an integer plan.
    """

    form: Callable[[Instance], LinearProgram]
    solve: Callable[[LinearProgram], tuple[float, str]]
    tight: bool = True
    integer: bool = False

    def takes(self, instance: str) -> bool:
        """Return whether it can state such an instance."""
        return self.form is choice_form or instance in {"one_row", "ties", "infeasible"}


def with_cvxpy(solver: str) -> Callable[[LinearProgram], tuple[float, str]]:
    """Return CVXPY's way with one of its solvers."""

    def solve(program: LinearProgram) -> tuple[float, str]:
        import cvxpy as cp

        x = cp.Variable(len(program.value), bounds=[0, 1])
        kept = [program.rows @ x >= program.least]
        if program.equal is not None:
            kept.append(program.equal @ x == 1)
        stated = cp.Problem(cp.Maximize(program.value @ x), kept)
        value = stated.solve(solver=solver)
        return _told(stated.status in {"optimal", "optimal_inaccurate"}, value, stated.status)

    return solve


def with_highspy(program: LinearProgram) -> tuple[float, str]:
    """Give arrays to HiGHS, with nothing between."""
    import highspy
    from scipy import sparse

    lp = highspy.HighsLp()
    parts = [program.rows] if program.equal is None else [program.rows, program.equal]
    matrix = sparse.csc_array(sparse.vstack(parts))
    equal = np.ones(matrix.shape[0] - len(program.least))
    lp.num_row_, lp.num_col_ = matrix.shape
    lp.sense_ = highspy.ObjSense.kMaximize
    lp.col_cost_ = program.value
    lp.col_lower_, lp.col_upper_ = np.zeros(lp.num_col_), np.ones(lp.num_col_)
    lp.row_lower_ = np.concatenate([program.least, equal])
    lp.row_upper_ = np.concatenate([np.full(len(program.least), highspy.kHighsInf), equal])
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = matrix.indptr, matrix.indices
    lp.a_matrix_.value_ = matrix.data
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.passModel(lp)
    highs.run()
    status = highs.getModelStatus()
    solved = status == highspy.HighsModelStatus.kOptimal
    return _told(
        solved, highs.getInfo().objective_function_value, highs.modelStatusToString(status)
    )


def with_linprog(program: LinearProgram) -> tuple[float, str]:
    """Minimise with scipy's ``linprog``, which calls HiGHS."""
    from scipy.optimize import linprog

    ones = None if program.equal is None else np.ones(program.equal.shape[0])
    found = linprog(
        -program.value,
        A_ub=-program.rows,
        b_ub=-program.least,
        A_eq=program.equal,
        b_eq=ones,
        bounds=(0, 1),
        method="highs",
    )
    return _told(found.status == 0, -(found.fun or 0.0), found.message)


def with_milp(program: LinearProgram) -> tuple[float, str]:
    """Look for an integer plan with scipy's ``milp``, up to the gap that is wanted of ours."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    kept = [LinearConstraint(program.rows, lb=program.least)]
    if program.equal is not None:
        kept.append(LinearConstraint(program.equal, lb=1, ub=1))
    found = milp(
        -program.value,
        integrality=np.ones(len(program.value)),
        bounds=Bounds(0, 1),
        constraints=kept,
        options={"mip_rel_gap": 1e-6},
    )
    return _told(found.status == 0, -(found.fun or 0.0), found.message)


def _told(solved: bool, value: float, said: str) -> tuple[float, str]:
    if solved:
        return float(value), "optimal"
    return np.nan, INFEASIBLE if "infeasible" in said.lower() else said.strip().splitlines()[0]


PEERS: dict[str, Peer] = {
    "CVXPY + HiGHS, choices": Peer(choice_form, with_cvxpy("HIGHS")),
    "CVXPY + HiGHS, segments": Peer(segment_form, with_cvxpy("HIGHS")),
    "CVXPY + Clarabel": Peer(choice_form, with_cvxpy("CLARABEL")),
    "CVXPY + SCS": Peer(choice_form, with_cvxpy("SCS"), tight=False),
    "highspy": Peer(choice_form, with_highspy),
    "scipy linprog": Peer(choice_form, with_linprog),
    "scipy milp": Peer(choice_form, with_milp, integer=True),
}
