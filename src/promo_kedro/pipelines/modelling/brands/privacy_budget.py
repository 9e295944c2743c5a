"""How much noise keeps private training within its ε, by opacus' accountant."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.brands.parameters import PrivateParameters

COUNTING_SHARE = 0.25
"""Of ε, what counting buyers would spend if it were all that is told of the consumers."""

ORDERS = [
    *(1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.75),
    *(order / 4 for order in range(8, 16)),
    *map(float, range(4, 64)),
    *map(float, (72, 96, 128, 192, 256, 512, 1024)),
]
"""Orders of Rényi divergence to choose from; the high ones serve a small ε."""

_MOST_NOISE, _PRECISION = 1e6, 1e-3

B = TypeVar("B", bound="PrivacyBudget")


@dataclass(frozen=True)
class PrivacyBudget:
    """Two things that are told of consumers: noisy counts of buyers, then noisy gradients.

    Noise is in units of what one consumer can change. Both together are one composition in Rényi
    terms (Mironov, 2017), tighter than adding two values of ε.

    Attributes:
        counting_noise: on the counts, once, of everybody.
        training_noise: on the gradients of each step.
        sample_rate: chance of a consumer to be in a step.
        steps: steps of training in all.
        delta: δ.
    """

    counting_noise: float
    training_noise: float
    sample_rate: float
    steps: int
    delta: float

    @classmethod
    def for_target(cls, private: PrivateParameters, sample_rate: float, steps: int) -> Self:
        """Return the least noise with which counts and all steps stay within ε.

        Raises:
            InputError: No noise is enough.
        """
        start = cls(1.0, 1.0, sample_rate, 0, private.delta)
        share = COUNTING_SHARE * private.epsilon
        counted = _least(lambda noise: replace(start, counting_noise=noise), share)
        whole = replace(counted, steps=steps)
        return _least(lambda noise: replace(whole, training_noise=noise), private.epsilon)

    def spent(self, steps: int) -> float:
        """Return ε after so many steps of training."""
        accountant = load_opacus().accountants.RDPAccountant()
        accountant.history = [(self.counting_noise, 1.0, 1)]
        if steps:
            accountant.history.append((self.training_noise, self.sample_rate, steps))
        with warnings.catch_warnings():
            # Of a best order at either end of the list: the bound holds all the same.
            warnings.simplefilter("ignore", UserWarning)
            return float(accountant.get_epsilon(self.delta, alphas=ORDERS))


def load_opacus() -> Any:
    """Return opacus, of the extra ``privacy``.

    Raises:
        InputError: It is not installed.
    """
    try:
        import opacus
    except ImportError:
        raise InputError(
            "a run with `private` needs opacus: install it with "
            '`pip install "promo_kedro[privacy]"`, or take `private` out of that run.'
        ) from None
    return opacus


def _least(with_noise: Callable[[float], B], epsilon: float) -> B:
    """Return the budget with the least noise that keeps all of its steps within ε."""

    def within(noise: float) -> bool:
        budget = with_noise(noise)
        return budget.spent(budget.steps) <= epsilon

    low, high = 0.0, 1.0
    while not within(high):
        low, high = high, 2 * high
        if high > _MOST_NOISE:
            raise InputError(
                f"private: an ε of {epsilon:g} at δ = {with_noise(1.0).delta:g} cannot be kept; "
                "raise `private.epsilon` or `private.delta`."
            )
    # To a thousandth: a little more noise than the least costs nothing.
    while high - low > _PRECISION * high:
        middle = (low + high) / 2
        low, high = (low, middle) if within(middle) else (middle, high)
    return with_noise(high)
