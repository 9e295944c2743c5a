"""What a planner may change in a word: levels of rules, by the names that they are known by."""

import re
from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

from promo_kedro.errors import InputError
from promo_kedro.parameters import no_such_name
from promo_kedro.pipelines.optimization.parameters import OptimizationParameters
from promo_kedro.pipelines.optimization.rules import KINDS, Rule

UPSTREAM = ("relation", "offer_range", "margin_share")
DOWNSTREAM = ("rounding",)
LEVELS = ("at_least", "at_most")


def with_changes(
    parameters: OptimizationParameters, changes: dict[str, Any], categories: Collection[str] = ()
) -> OptimizationParameters:
    """Return parameters with some of them changed, validated as those of a run are.

    Args:
        parameters: as they are set.
        changes: by the name of a rule, its level, its levels by category (the others keep
            theirs), any of its fields, or None to leave it out. A kind of rule in small letters,
            such as ``margin_floor``, is the one rule of that kind, or a new one. Other parameters
            by their names.
        categories: that rules may name.

    Raises:
        InputError: there is no such rule, parameter or category, or it decides nothing here.
        pydantic.ValidationError: a value that ``parameters.yml`` may not hold, either.
    """
    given = parameters.model_dump()
    for name, change in changes.items():
        rule = _rule_named(name, change, parameters)
        if rule is None:
            given[_parameter_named(name, parameters)] = change
        elif change is not None:
            known = given["rules"].get(rule)
            given["rules"][rule] = _changed_rule(name, known, change, categories)
        elif given["rules"].pop(rule, None) is None:
            raise InputError(f"There is no rule {name!r} that could be left out.")
    return OptimizationParameters.model_validate(given)


def _rule_named(name: str, change: Any, parameters: OptimizationParameters) -> str | None:
    """Return the rule that a name means, be it a new one; none where it means no rule."""
    if name in parameters.rules or _names_a_kind(change):
        return name
    if name not in _kinds():
        return None
    same = [each for each, rule in parameters.rules.items() if type(rule) is _kinds()[name]]
    if len(same) > 1:
        raise InputError(f"There are several rules that {name!r} may mean: {', '.join(same)}.")
    return same[0] if same else name


def _parameter_named(name: str, parameters: OptimizationParameters) -> str:
    if name in UPSTREAM:
        raise InputError(
            f"{name!r} decides what the options are read from: set it in parameters.yml and run "
            "the pipeline again."
        )
    if name in DOWNSTREAM:
        raise InputError(
            f"{name!r} decides how offers are sent, not which are planned: set it in "
            "parameters.yml and run the pipeline again."
        )
    known = set(OptimizationParameters.model_fields) - {*UPSTREAM, *DOWNSTREAM, "rules"}
    if name not in known:
        raise InputError(no_such_name(name, {*known, *parameters.rules, *_kinds()}))
    return name


def _changed_rule(
    name: str, rule: dict[str, Any] | None, change: Any, categories: Collection[str]
) -> dict[str, Any]:
    """Return the fields of a rule, or of a new one, with a change.

    Args:
        name: as the planner wrote it.
        rule: its fields; none for a new one.
        change: fields, levels by category, or its one level.
        categories: that it may name.
    """
    is_new = rule is None
    fields = rule or {"rule": change["rule"] if _names_a_kind(change) else _kinds()[name].__name__}
    kind = next((kind for kind in KINDS if kind.__name__ == fields["rule"]), Rule)
    known = set(kind.model_fields)
    if not isinstance(change, dict):
        level = next((each for each in LEVELS if each in known), None)
        if level is None:
            raise InputError(f"The rule {name!r} has no one level: give its fields, {name}={{…}}.")
        return fields | {level: change}
    levels = {each: level for each, level in change.items() if each not in known}
    if not levels or "categories" not in known:
        return fields | change
    for each in set(levels).difference(categories):
        if categories or get_close_matches(str(each), known, n=1):
            raise InputError(_neither_field_nor_category(name, str(each), {*known, *categories}))
    if is_new and "scope" in known:
        fields["scope"] = "category"
    fields |= {each: level for each, level in change.items() if each in known}
    return fields | {"categories": {**fields.get("categories", {}), **levels}}


def _neither_field_nor_category(name: str, given: str, known: set[str]) -> str:
    nearest = get_close_matches(given, known, n=1, cutoff=0)
    return (
        f"{name!r} has no field {given!r}, nor is there such a category; "
        f"did you mean {nearest[0]!r}?"
    )


def _names_a_kind(change: Any) -> bool:
    return isinstance(change, dict) and "rule" in change


def _kinds() -> dict[str, type[Rule]]:
    """Return the kinds of rules by their names in small letters, such as ``margin_floor``."""
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower(): kind for kind in KINDS}
