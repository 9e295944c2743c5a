import pytest

from promo_kedro.pipelines.evaluation.verdict import comparison_text, figures, verdicts


def row(candidate, loss, above=0.0, error=0.001, category="All", window=0):
    return {
        "window": window,
        "category": category,
        "candidate": candidate,
        "rows": 12_345,
        "positives": 678,
        "prevalence": 678 / 12_345,
        "log_loss": loss,
        "skill_prevalence": 0.1,
        "average_precision": 0.2,
        "expected_calibration_error": 0.01,
        "skill_truth": None,
        "loss_above_in_use": above,
        "loss_above_in_use_se": error,
        "in_use": candidate == "in_use",
    }


ROWS = [
    row("in_use", 0.2),
    row("lightgbm", 0.19, -0.01, 0.002),
    row("prevalence", 0.25, 0.05),
    row("in_use", 0.1, category="Meat"),
    row("personal_frequency", 0.0995, -0.0005, 0.001, category="Meat"),
    row("in_use", 0.1, category="Bakery"),
    row("lightgbm", 0.12, 0.02, category="Bakery"),
    row("in_use", 0.1, category="Tiny"),
    row("lightgbm", 0.05, -0.05, category="Tiny"),
    row("in_use", 0.3, window=1),
    row("lightgbm", 0.33, 0.03, window=1),
]


def test_a_simpler_model_that_wins_is_named_with_where_and_by_how_much():
    overall, categories, earlier = verdicts(ROWS, {"Tiny"})
    assert overall == (
        "Over all categories the model in use has a log loss of 0.2000 (12,345 rows, 678 "
        "purchases, 5.49 % bought). LightGBM is better: 0.0100 nats or 5.0 % lower, more than "
        "chance (± 0.0020)."
    )
    assert categories == (
        "In 1 of the 2 categories a simpler model is better: Meat (personal frequency: 0.0005 "
        "nats or 0.5 % lower, which may be chance (± 0.0010))."
    )
    assert earlier.startswith("Over all categories of window 1 the model in use has")
    assert "No simpler model is better; the best, LightGBM, has 0.3300" in earlier


def test_trees_over_all_categories_are_a_simpler_model():
    rows = [row("in_use", 0.2), row("lightgbm_pooled", 0.19, -0.01)]
    assert "LightGBM over all categories is better" in verdicts(rows, set())[0]


def test_hidden_categories_are_not_named():
    assert "Tiny" not in " ".join(verdicts(ROWS, {"Tiny"}))
    assert "Tiny (LightGBM" in " ".join(verdicts(ROWS, set()))


def test_the_truth_and_our_own_candidates_are_no_simpler_models():
    rows = [row("in_use", 0.2), row("truth_whole", 0.1, -0.1), row("stack", 0.15, -0.05)]
    (overall,) = verdicts(rows, set())
    assert "There is no simpler model to compare it with." in overall
    assert "truth" not in overall


@pytest.mark.parametrize(
    ("candidate", "setting"),
    [
        ("stack_with_lightgbm", "; modelling.stacking.with_trees: true puts it to use."),
        ("pooled", "; a larger modelling.pooled.min_positives lets it answer in more categories."),
        ("figure1", "more than chance (± 0.0020)."),
    ],
)
def test_another_candidate_that_is_clearly_better_is_named_with_its_setting(candidate, setting):
    rows = [
        row("in_use", 0.2),
        row("lightgbm", 0.21, 0.01),
        row(candidate, 0.19, -0.01, 0.002),
        row("ours", 0.195, -0.005, 0.001),
    ]
    (overall,) = verdicts(rows, set())
    assert "No simpler model is better; the best, LightGBM" in overall
    other = overall.split("Of the other candidates, ")[1]
    assert "is better: 0.0100 nats or 5.0 % lower" in other
    assert other.endswith(setting)


def test_what_may_be_chance_or_covers_less_is_no_better_candidate():
    chance, part = row("pooled", 0.199, -0.001, 0.002), row("figure1", 0.1, -0.1)
    same = row("ours", 0.199, -0.001, 0.0001) | {"in_use": True}
    rows = [row("in_use", 0.2), chance, part | {"rows": 100}, same]
    assert "other candidates" not in verdicts(rows, set())[0]


def in_category(category, positives, above):
    rows = [row("in_use", 0.1, category=category)]
    rows += [row("lightgbm", 0.1 + above, above, category=category)]
    return [one | {"positives": positives} for one in rows]


def test_categories_with_few_purchases_are_left_out_and_counted():
    rows = [row("in_use", 0.2), *in_category("Meat", 10, 0.01)]
    rows += in_category("Garden", 0, -0.09) + in_category("Salads", 9, -0.05)
    assert verdicts(rows, set())[1] == (
        "In the one category shown no simpler model is better. 2 categories are left out: with "
        "fewer than 10 purchases in the test step, whatever predicts lower tends to win."
    )
    few = [row("in_use", 0.2), *in_category("Garden", 0, -0.09)]
    assert verdicts(few, set())[1].startswith("1 category is left out: with fewer than 10")


def test_at_most_five_categories_are_named_the_worst_first():
    rows = [row("in_use", 0.2)]
    for place in range(7):
        rows += in_category(f"Shelf {place}", 50, -0.001 * (place + 1))
    sentence = verdicts(rows, set())[1]
    assert sentence.startswith("In 7 of the 7 categories a simpler model is better: Shelf 6 (")
    assert [f"Shelf {place} (" in sentence for place in range(7)] == [False] * 2 + [True] * 5
    assert sentence.endswith("; and 2 more.")


def test_the_star_is_explained_where_there_is_one():
    assert "*" not in comparison_text(ROWS)
    starred = [row("in_use", 0.2), row("ours", 0.2) | {"in_use": True}]
    text = comparison_text(starred)
    assert "\nours*" in text
    assert text.endswith("\n* says the same as the model in use")
    assert figures(starred[1])[-1] == "same"


def test_one_category_is_no_crowd():
    rows = [row("in_use", 0.2), row("in_use", 0.2, category="Meat")]
    worse = [*rows, row("lightgbm", 0.21, 0.01, category="Meat")]
    assert verdicts(worse, set())[1] == "In the one category shown no simpler model is better."
    better = [*rows, row("lightgbm", 0.19, -0.01, category="Meat")]
    assert verdicts(better, set())[1].startswith("In the one category a simpler model is better: M")


def test_no_difference_is_written_as_the_same():
    same = row("ours", 0.2, -1e-13, 1e-13) | {"in_use": True}
    assert figures(same)[-1] == "same"
    assert figures(row("ours", 0.2, -1e-5, 3e-5))[-1] == "0.0000 ± 0.0000"
    assert figures(row("ours", 0.2, -1e-9, 0.002))[-1] == "0.0000 ± 0.0020"
    assert figures(row("ours", 0.2, -0.001, 0.002))[-1] == "−0.0010 ± 0.0020"
    assert figures(row("in_use", 0.2, 0.0, 0.0))[-1] == "–"


def test_the_logged_table_fits_one_screen():
    lines = comparison_text(ROWS).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines[0]) <= 160 - len("[11/22/25 17:09:04] INFO     ") - len(" nodes.py:1000")
    assert [line.split("  ")[0] for line in lines[2:]] == [
        "the model in use",
        "LightGBM",
        "share bought",
    ]
