"""How rules are written in the parameters, and what is said of those that are not."""

import inspect
import re
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from promo_kedro.errors import InputError
from promo_kedro.pipelines.optimization.rules import (
    KINDS,
    Budget,
    Fairness,
    MaxOffersPerConsumer,
    OfferRange,
    Retention,
    Rules,
    check_categories,
)

RULES = TypeAdapter(Rules)
EXAMPLE = re.compile(r"^ *(\w+: \{rule: .*\})$", re.MULTILINE)
DOCS = Path(__file__).parents[4] / "docs" / "offer-rules.md"


def read(text: str) -> dict:
    """Read rules as the parameters file does."""
    return RULES.validate_python(yaml.safe_load(text))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_shows_an_example_that_works(kind):
    (example,) = EXAMPLE.findall(inspect.getdoc(kind))
    (rule,) = read(example).values()
    assert type(rule) is kind
    assert example in DOCS.read_text(encoding="utf-8")


def test_every_example_in_the_page_works():
    page = DOCS.read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(blocks) >= len(KINDS)
    for block in blocks:
        given = yaml.safe_load(block)
        rules = given["optimization"]["rules"] if "optimization" in given else given
        assert RULES.validate_python(rules)


def test_a_rule_written_null_is_none():
    assert read("{retention: null, spring: {rule: Budget, at_most: 5000}}") == {
        "spring": Budget(at_most=5000)
    }
    assert read("{retention: null}") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("keep: {rule: Retenton}", "no rule 'Retenton'; did you mean 'Retention'"),
        ("keep: {rule: xyz}", "there are OfferRange, OfferSteps"),
        ("keep: {at_least: today}", "the kind of rule, is missing"),
        ("keep: Retention", "written such as {rule: NoOffer}, not 'Retention'"),
        ("keep: {rule: Retention, at_lest: 0.1}", "'at_lest'; did you mean 'at_least'"),
        ("keep: {rule: Retention, at_least: 30}", "less than or equal to 1"),
        ("keep: {rule: Retention, priority: 0}", "greater than or equal to 1"),
        (
            "keep: {rule: Retention, scope: whole, categories: {Bakery: 0.1}}",
            "no category has a level of its own",
        ),
        ("money: {rule: Budget}", "Budget needs at_most"),
        ("money: {rule: Budget, at_most: -1}", "greater than or equal to 0"),
        ("money: {rule: Budget, at_most: .nan}", "greater than or equal to 0|finite"),
        ("range: {rule: OfferRange}", "needs lowest, highest or categories"),
        ("range: {rule: OfferRange, lowest: 9, highest: 5}", "no offer lies between"),
        ("range: {rule: OfferRange, categories: {Bakery: [9, 9]}}", "Bakery: no offer lies"),
        ("steps: {rule: OfferSteps, changes: [0.1], offers: [5]}", "not both"),
        ("steps: {rule: OfferSteps, offers: [0]}", "no offer above 0"),
        ("steps: {rule: OfferSteps, changes: [-1]}", "greater than -1"),
        ("go: {rule: NoOffer, hard: false}", "cannot be soft"),
        ("go: {rule: NoOffer, priority: 2}", "NoOffer is hard .*priority 2 says nothing"),
        ("keep: {rule: Retention, priority: 3}", "Retention is hard .*priority 3 says nothing"),
        (
            "few: {rule: MaxOffersPerConsumer, at_most: 1, hard: false, priority: 2}",
            "given up last: leave out priority 2",
        ),
        ("keep: {rule: Retention, at_least: true}", "a number is needed, not true"),
        ("keep: {rule: Retention, categories: {Meat: no}}", "a number is needed, not false"),
        ("few: {rule: MaxOffersPerConsumer, at_most: yes}", "a number is needed, not true"),
        ("steps: {rule: OfferSteps, offers: [5, yes]}", "a number is needed, not true"),
        ("one: {rule: NoOffer}\ntwo: {rule: NoOffer}", "2 rules NoOffer, of which there can be"),
        ("few: {rule: MaxOffersPerConsumer}", "Field required"),
        ("fair: {rule: Fairness, by: age, at_most: 1, of: price}", "'probability' or 'offer'"),
    ],
)
def test_mistakes_are_told_plainly(text, message):
    with pytest.raises(ValidationError, match=message):
        read(text)


def test_soft_rules_may_be_ranked_and_a_cap_may_be_soft():
    rules = read(
        "keep: {rule: Retention, hard: false, priority: 2}\n"
        "few: {rule: MaxOffersPerConsumer, at_most: 1, hard: false}"
    )
    assert [(rule.hard, rule.priority) for rule in rules.values()] == [(False, 2), (False, 1)]
    assert RULES.validate_python(RULES.dump_python(rules)) == rules


def test_two_budgets_may_stand_side_by_side():
    rules = read(
        "spring: {rule: Budget, at_most: 5000}\nmeat: {rule: Budget, scope: category, "
        "categories: {Meat: 9}}"
    )
    assert [rule.at_most for rule in rules.values()] == [5000, None]


def test_rules_come_back_as_they_were_written():
    rules = read("keep: {rule: Retention, at_least: 0.2}\nfew: {rule: OfferRange, highest: 30}")
    assert RULES.validate_python(RULES.dump_python(rules)) == rules
    assert RULES.validate_python(rules) == rules


@pytest.mark.parametrize(
    ("rule", "spans"),
    [
        (Retention(), False),
        (Retention(scope="whole"), True),
        (Budget(at_most=5), True),
        (Budget(scope="category", at_most=5), False),
        (OfferRange(highest=5), False),
        (MaxOffersPerConsumer(at_most=5), True),
        (Fairness(by="age", at_most=1), True),
    ],
)
def test_rules_over_all_categories_make_one_program(rule, spans):
    assert rule.spans_categories is spans


def test_what_a_rule_names_is_known():
    assert Fairness(by="age", at_most=1).consumer_columns == ("age",)
    assert Retention().consumer_columns == ()
    assert OfferRange(categories={"Meat": (1, 2), "Bakery": (1, 2)}).named_categories == [
        "Bakery",
        "Meat",
    ]
    assert Fairness(by="age", at_most=1).named_categories == []


def test_categories_that_the_data_lacks_are_refused():
    with pytest.raises(InputError, match=r"rules.keep names .*'Bakry'.*did you mean 'Bakery'"):
        check_categories(["Bakry"], ["Bakery", "Meat"], "optimization.rules.keep")
    check_categories(["Meat"], ["Bakery", "Meat"], "optimization.rules.keep")
