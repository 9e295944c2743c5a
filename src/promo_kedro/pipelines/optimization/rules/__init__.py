"""Business rules: each a class in a file of its own, and all of them in one union here.

A new rule is one class in one file, named in ``Kind`` below.
"""

from collections import Counter
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from promo_kedro.errors import InputError
from promo_kedro.pipelines.optimization.rules.base import Rule, Standing
from promo_kedro.pipelines.optimization.rules.budget import Budget
from promo_kedro.pipelines.optimization.rules.exclusions import Exclusions
from promo_kedro.pipelines.optimization.rules.fairness import Fairness
from promo_kedro.pipelines.optimization.rules.margin_floor import MarginFloor
from promo_kedro.pipelines.optimization.rules.max_offers import MaxOffersPerConsumer
from promo_kedro.pipelines.optimization.rules.no_offer import NoOffer
from promo_kedro.pipelines.optimization.rules.offer_range import OfferRange
from promo_kedro.pipelines.optimization.rules.offer_steps import OfferSteps
from promo_kedro.pipelines.optimization.rules.retention import Retention
from promo_kedro.pipelines.optimization.rules.return_on_spend import ReturnOnSpend
from promo_kedro.types import DataFrame

# Those that narrow options stand first, in the order in which they do: the range says which steps
# there are, the steps what can be changed, and a cap on offers comes after all that opens options.
Kind = (
    OfferRange
    | OfferSteps
    | NoOffer
    | Exclusions
    | MaxOffersPerConsumer
    | Retention
    | Budget
    | ReturnOnSpend
    | MarginFloor
    | Fairness
)
KINDS: tuple[type[Rule], ...] = get_args(Kind)


def _refuse_unknown_kind(given: Any) -> Any:
    if not isinstance(given, dict | Rule):
        raise ValueError(f"a rule is written such as {{rule: NoOffer}}, not {given!r}")
    names = [kind.__name__ for kind in KINDS]
    if isinstance(given, dict) and given.get("rule") not in names:
        listed = f"there are {', '.join(names)}"
        if "rule" not in given:
            raise ValueError(f"rule, the kind of rule, is missing; {listed}")
        close = get_close_matches(str(given["rule"]), names, n=1)
        meant = f"did you mean {close[0]!r}?" if close else f"{listed}."
        raise ValueError(f"there is no rule {given['rule']!r}; {meant}")
    return given


def _without_unset(rules: Any) -> Any:
    """Leave out rules written ``null``: how a local file takes out one of the base file."""
    if not isinstance(rules, dict):
        return rules
    return {name: rule for name, rule in rules.items() if rule is not None}


def _refuse_doubles(rules: dict[str, Any]) -> dict[str, Any]:
    counts = Counter(rule.rule for rule in rules.values() if rule.single)
    for kind, count in counts.items():
        if count > 1:
            raise ValueError(f"there are {count} rules {kind}, of which there can be one")
    return rules


AnyRule = Annotated[Kind, Field(discriminator="rule"), BeforeValidator(_refuse_unknown_kind)]
Rules = Annotated[
    dict[str, AnyRule], BeforeValidator(_without_unset), AfterValidator(_refuse_doubles)
]
"""Rules by their names in the parameters; one written ``null`` is none."""


def steps_of(rules: Mapping[str, Rule]) -> OfferSteps:
    """Return the steps that are set, or those of Eq. 13."""
    return next((rule for rule in rules.values() if isinstance(rule, OfferSteps)), OfferSteps())


def cap_of(rules: Mapping[str, Rule]) -> MaxOffersPerConsumer | None:
    """Return the cap on a consumer's offers, if one is set."""
    caps = (rule for rule in rules.values() if isinstance(rule, MaxOffersPerConsumer))
    return next(caps, None)


def narrowed(decisions: DataFrame, rules: Mapping[str, Rule]) -> DataFrame:
    """Return ``offer_decisions`` with the options that the rules leave.

    Args:
        decisions: ``offer_decisions``; ranges start from those read from receipts, and
            ``permitted``, ``adjustable`` and ``kept`` are made anew, so earlier rules leave no
            trace.
        rules: in any order.
    """
    ranges = {"offer_min": decisions["range_min"], "offer_max": decisions["range_max"]}
    decisions = decisions.assign(**ranges)
    others = [rule for rule in rules.values() if not isinstance(rule, OfferSteps)]
    for rule in sorted([*others, steps_of(rules)], key=lambda rule: KINDS.index(type(rule))):
        decisions = rule.narrow(decisions)
    return decisions


def check_categories(named: list[str], categories: list[str], where: str) -> None:
    """Refuse categories that the data does not have.

    Args:
        named: what the parameters name.
        categories: what the data has.
        where: which parameter names them.
    """
    for category in sorted(set(named) - set(categories)):
        nearest = get_close_matches(category, categories, n=1, cutoff=0)
        raise InputError(
            f"{where} names the category {category!r}, which no consumer-item has; "
            f"did you mean {', '.join(map(repr, nearest))}?"
        )


__all__ = [
    "KINDS",
    "AnyRule",
    "Budget",
    "Exclusions",
    "Fairness",
    "MarginFloor",
    "MaxOffersPerConsumer",
    "NoOffer",
    "OfferRange",
    "OfferSteps",
    "Retention",
    "ReturnOnSpend",
    "Rule",
    "Rules",
    "Standing",
    "cap_of",
    "check_categories",
    "narrowed",
    "steps_of",
]
