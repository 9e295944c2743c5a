"""Where a program is solved whole, and how hard its core is worked on."""

from pydantic import Field

from promo_kedro.parameters import Parameters


class SolverParameters(Parameters):
    """The route by size; values of plans found by other routes differ within the certified gaps.

    Attributes:
        whole_program_size: programs of at most so many units go whole to the solver.
        sample_size: units that the prices are first sought on.
        passes: passes over all units that may refine the prices.
        core_size: units still undecided at those prices that the solver settles.
        max_nodes: branches that the integer search may explore; a count, not a time, so that a
            slower machine finds the same plan.
        gap: certified distance from the best plan, as a share, that is close enough; of programs
            with several rows ten times that.
        threads: of the passes; the plan is the same for any number.
    """

    whole_program_size: int = Field(default=300, ge=0, le=20_000)
    sample_size: int = Field(default=20_000, ge=100)
    passes: int = Field(default=12, ge=1)
    core_size: int = Field(default=1_000, ge=1, le=20_000)
    max_nodes: int = Field(default=200, ge=1)
    gap: float = Field(default=1e-7, gt=0)
    threads: int = Field(default=2, ge=1)
