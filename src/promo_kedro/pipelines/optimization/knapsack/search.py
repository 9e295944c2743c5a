"""The best plan and the best bound found so far, and what counts as keeping a row."""

import logging
from dataclasses import dataclass, field

import numpy as np

from promo_kedro.pipelines.optimization.knapsack.program import Plan, Program
from promo_kedro.types import Array

TOLERANCE = 1e-9
ROUNDING = 1e-12

logger = logging.getLogger(__name__)


@dataclass
class Search:
    """The best plan and the best bound so far.

    Attributes:
        program: what is solved.
        choice: of the best plan that keeps the rows, (units,).
        value: what it is worth, less penalties; −∞ while there is none.
        totals: its measures, (cells, 7).
        bound: what no plan can exceed.
        prices: that the bound was certified at, (rows,).
    """

    program: Program
    choice: Array | None = None
    value: float = -np.inf
    totals: Array = field(init=False)
    bound: float = np.inf
    prices: Array = field(init=False)

    def __post_init__(self) -> None:
        """Start with nothing known."""
        self.totals = np.zeros_like(self.program.objective)
        self.prices = np.zeros(len(self.program.rows))

    def consider(self, choice: Array, totals: Array | None = None) -> bool:
        """Keep a plan if it is the best so far; return whether it keeps the hard rows."""
        totals = self.program.options.totals(choice) if totals is None else totals
        worth = worth_of(self.program, totals)
        if worth > self.value:
            self.choice, self.value, self.totals = choice, worth, totals
        return bool(worth > -np.inf)

    def keeps_all(self, totals: Array) -> bool:
        """Return whether these totals keep every row, those with a penalty too."""
        return bool((shortfall(self.program, totals) == 0).all())

    def certify(self, bound: float, prices: Array) -> None:
        """Keep the bound of a pass at these prices if it is the lowest so far."""
        if bound < self.bound:
            self.bound, self.prices = bound, prices

    def is_close(self, gap: float) -> bool:
        """Return whether the plan is certified to be within this share of the best."""
        if self.choice is None:
            return False
        return self.bound - self.value <= gap * max(abs(self.bound), abs(self.value))

    def plan(self, solver: str) -> Plan:
        """Return what is known."""
        activity = self.program.activity(self.totals)
        found = self.choice is not None
        return Plan(
            choice=self.choice,
            value=self.value if found else np.nan,
            upper_bound=self._upper_bound() if found else self.bound,
            totals=self.totals,
            activity=activity,
            slack=activity - self.program.least,
            prices=self.prices,
            solver=solver,
            seconds=0.0,
        )

    def _upper_bound(self) -> float:
        """Return what no plan can exceed that keeps the rows as this one does.

        The bound is of plans that keep every row to the letter. A plan that is short of some by
        the tolerance may be worth more: by no more than the prices of what is tolerated, by weak
        duality, and that is then part of the bound. What is beyond that and rounding would be a
        mistake: it is reported, and left to be seen.
        """
        if self.value <= self.bound:
            return self.bound
        bound = self.bound + float(self.prices @ tolerated(self.program, self.totals))
        terms = float(np.abs(self.program.objective * self.totals).sum())
        terms += float(self.prices @ np.abs(self.program.least))
        if bound < self.value <= bound + ROUNDING * terms:
            return self.value
        if bound < self.value:
            logger.warning("A plan is worth %.17g, above its bound of %.17g.", self.value, bound)
        return bound


def shortfall(program: Program, totals: Array) -> Array:
    """Return what each row lacks, (rows,); 0 up to 1e-9 of what it asks or adds up."""
    lacking = program.least - program.activity(totals)
    return np.where(lacking <= tolerated(program, totals), 0.0, lacking)


def tolerated(program: Program, totals: Array) -> Array:
    """Return what each row may lack and count as kept, (rows,)."""
    terms = np.tensordot(np.abs(program.coefficients), np.abs(totals), axes=2)
    return TOLERANCE * np.maximum(np.abs(program.least), terms)


def worth_of(program: Program, totals: Array) -> float:
    """Return what a plan earns less the penalties it pays; −∞ if it breaks a hard row."""
    lacking = shortfall(program, totals)
    hard = np.isinf(program.penalties)
    if (lacking[hard] > 0).any():
        return -np.inf
    return program.value(totals) - float(program.penalties[~hard] @ lacking[~hard])
