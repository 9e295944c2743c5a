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
    assert overall.endswith("There is no simpler model to compare it with.")


def test_one_category_is_no_crowd():
    rows = [row("in_use", 0.2), row("in_use", 0.2, category="Meat")]
    worse = [*rows, row("lightgbm", 0.21, 0.01, category="Meat")]
    assert verdicts(worse, set())[1] == "In the one category shown no simpler model is better."
    better = [*rows, row("lightgbm", 0.19, -0.01, category="Meat")]
    assert verdicts(better, set())[1].startswith("In the one category a simpler model is better: M")


def test_no_difference_is_written_as_the_same():
    assert figures(row("ours", 0.2, -1e-9, 1e-9))[-1] == "same"
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
