"""Newton's method on the dual of many units: where it is nearly smooth, few passes suffice.

A unit changes its option at a kink of the dual; the kinks of many units make a curve. Its second
derivative is reckoned on a few units with each choice smeared over the options that are nearly as
good, about as far as the next two: the covariance of what the options measure, over what smears
them. Rows that depend on each other then have exactly the curvature 0 they should have, and a
quadratic program says which of their prices are 0.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import lsq_linear

from promo_kedro.pipelines.optimization.knapsack.local_dual import Sample
from promo_kedro.pipelines.optimization.knapsack.options import OptionTable
from promo_kedro.pipelines.optimization.knapsack.program import Program
from promo_kedro.types import Array

SMEARED = 0.05
FLATTEST = 1e-9
BELIEVED = 0.1, 10.0


@dataclass(frozen=True)
class Bend:
    """Units from which the second derivative of the dual is told.

    Attributes:
        program: whose dual it is; without a consumer rule.
        table: options of these units.
        factor: how many units each stands for, (units,).
        unit: of each price, (rows,); derivatives are by prices over these.
    """

    program: Program
    table: OptionTable
    factor: Array
    unit: Array

    @classmethod
    def of(cls, program: Program, sample: Sample, unit: Array) -> "Bend":
        """Write out the options of a sample, each for many."""
        part = sample.rest(program.options, np.zeros(0, dtype=np.int64))
        table = program.options.tabulate(sample.units)
        return cls(program, table, part.factor[table.cell, 0], unit)

    def at(self, prices: Array) -> Array:
        """Return the second derivative at these prices, (rows, rows)."""
        program, table = self.program, self.table
        used = np.flatnonzero(program.coefficients.any(axis=(0, 1)))
        weights, coefficients = program.weights(prices), program.coefficients[:, :, used]
        scores = np.einsum("uom,um->uo", table.measures, weights[table.cell])
        share, width = _smeared(np.where(table.allowed, scores, -np.inf))
        measures = table.measures[..., used]
        mean = np.einsum("uo,uom->um", share, measures)
        beside = (measures - mean[:, None]) * np.sqrt(share * (self.factor / width)[:, None])[
            ..., None
        ]
        spread = np.matmul(beside.transpose(0, 2, 1), beside)
        by_cell = np.zeros((table.cells, used.size, used.size))
        np.add.at(by_cell, table.cell, spread)
        scaled = coefficients * self.unit[:, None, None]
        return np.einsum("rci,cij,scj->rs", scaled, by_cell, scaled, optimize=True)


def _smeared(scores: Array) -> tuple[Array, Array]:
    """Return how much of a unit is at each option, and the money it is smeared over, (units,)."""
    best = scores.max(axis=1, keepdims=True)
    third = min(3, scores.shape[1])
    width = SMEARED * (best[:, 0] - np.partition(scores, -third, axis=1)[:, -third])
    usable = np.isfinite(width) & (width > 0)
    usual = width[usable].mean() if usable.any() else 1.0
    width = np.where(usable, width, usual)
    share = np.exp((scores - best) / width[:, None])
    return share / share.sum(axis=1, keepdims=True), width


def newton_step(curvature: Array, slope: Array, prices: Array, box: tuple[Array, Array]) -> Array:
    """Return where the quadratic model of the dual is least in a box; all in units of prices."""
    size, direction = np.linalg.eigh(curvature)
    size = np.maximum(size, max(FLATTEST * size[-1], np.finfo(float).tiny))
    root = np.sqrt(size)[:, None] * direction.T
    wanted = root @ prices - (direction.T @ slope) / np.sqrt(size)
    low, high = box
    found = lsq_linear(root, wanted, (low, np.maximum(high, low + 1e-12)), method="bvls")
    return np.clip(found.x, low, high)


def corrected(curvature: Array, step: Array, change: Array) -> Array:
    """Return the curvature that a step bears out (BFGS): the slope changed by so much.

    Not where that is far from what was thought, as beyond a bend.
    """
    thought = float(step @ curvature @ step)
    if not BELIEVED[0] * thought < step @ change < BELIEVED[1] * thought:
        return curvature
    along = curvature @ step
    return curvature + np.outer(change, change) / (step @ change) - np.outer(along, along) / thought
