"""Is the model better than simpler ones? The answer in words, and the table it is read from."""

from typing import Any

from promo_kedro.pipelines.evaluation.comparison import (
    IN_USE,
    SIMPLER,
    TRUTH_OBSERVABLE,
    TRUTH_WHOLE,
)
from promo_kedro.pipelines.evaluation.suppression import TOTAL, Row
from promo_kedro.pipelines.evaluation.wording import aligned, written

LABELS = {
    IN_USE: "the model in use",
    "prevalence": "share bought",
    "personal_frequency": "personal frequency",
    "logistic_regression": "logistic regression",
    "lightgbm": "LightGBM",
    "lightgbm_pooled": "LightGBM over all categories",
    "stack": "stack of networks",
    "stack_with_lightgbm": "stack with LightGBM",
    "pooled": "pooled over categories",
    TRUTH_OBSERVABLE: "truth, observable",
    TRUTH_WHOLE: "truth, all known",
}
SAME = "says the same as the model in use"
# name, heading in the log, heading in the report, how it is written
COLUMNS = [
    ("rows", "rows", "Rows", "{:,.0f}"),
    ("positives", "bought", "Purchases", "{:,.0f}"),
    ("prevalence", "share %", "Share bought, %", "{:.2%}"),
    ("log_loss", "logloss", "Log loss", "{:.4f}"),
    ("skill_prevalence", "skill", "Skill", "{:.3f}"),
    ("skill_truth", "of truth", "Of the truth", "{:.2f}"),
    ("average_precision", "avg prec", "Average precision", "{:.3f}"),
    ("expected_calibration_error", "ECE", "Calibration error", "{:.4f}"),
    ("loss_above_in_use", "vs in use", "Log loss against the model in use", "{:+.4f}"),
]
_CLEAR = 2  # standard errors
_MIN_POSITIVES = 10  # with fewer purchases, hardly more than the level is compared
_NAMED = 5
_TO_USE = {
    "stack_with_lightgbm": "modelling.stacking.with_trees: true puts it to use",
    "pooled": "a larger modelling.pooled.min_positives lets it answer in more categories",
}
_TO_USE_RECIPE = "modelling.stacking.leave_out can name the other recipes"
_TO_USE_STACK = "modelling.stacking.with_trees: false puts it to use"


def label(candidate: str) -> str:
    """The candidate's name for people."""
    return LABELS.get(candidate, candidate)


def figures(row: Row) -> list[str]:
    """The candidate's figures as people read them."""
    cells = [written(row[name], form) for name, _, _, form in COLUMNS]
    if row["candidate"] == IN_USE:
        return [*cells[:-1], written(None, "")]
    if row["loss_above_in_use_se"] is not None:
        error = written(row["loss_above_in_use_se"], "{:.4f}")
        cells[-1] = "same" if row["in_use"] else f"{cells[-1]} ± {error}"
    return cells


def comparison_text(rows: list[Row], window: int = 0) -> str:
    """All candidates over all categories in aligned columns, the best log loss first."""
    total = [row for row in rows if row["category"] == TOTAL and row["window"] == window]
    table = [["candidate", *(short for _, short, _, _ in COLUMNS)]]
    for row in total:
        mark = "*" if says_the_same(row) else ""
        table.append([label(row["candidate"]) + mark, *figures(row)])
    footnote = f"\n* {SAME}" if any(map(says_the_same, total)) else ""
    return aligned(table) + footnote


def says_the_same(row: Row) -> bool:
    """Whether this is another candidate that says the same as the model in use."""
    return bool(row["in_use"]) and row["candidate"] != IN_USE


def verdicts(rows: list[Row], hidden: set[str]) -> list[str]:
    """Sentences that say whether a simpler model is better than the one in use, and where.

    The first is about all categories of the latest window together, the next about its single
    categories (those that may be shown and have enough purchases), further ones about all
    categories of earlier windows. Where another candidate that is no simpler, such as a stack, is
    clearly better than the model in use, that is said as well.
    """
    windows = sorted({row["window"] for row in rows})
    groups = _by_group([row for row in rows if row["category"] not in hidden])
    sentences = [
        *_overall(groups, windows[:1]),
        *_single(groups, windows[:1]),
        *_overall(groups, windows[1:]),
    ]
    return sentences


def _by_group(rows: list[Row]) -> dict[tuple[int, str], dict[str, Row]]:
    groups: dict[tuple[int, str], dict[str, Row]] = {}
    for row in rows:
        groups.setdefault((row["window"], row["category"]), {})[row["candidate"]] = row
    return groups


def _overall(groups: dict[tuple[int, str], dict[str, Row]], windows: list[int]) -> list[str]:
    return [_sentence(window, groups[window, TOTAL]) for window in windows]


def _sentence(window: int, group: dict[str, Row]) -> str:
    mine, rival = group[IN_USE], _best_simpler(group)
    where = "Over all categories" + (f" of window {window}" if window else "")
    scored = (
        f"{where} the model in use has a log loss of {mine['log_loss']:.4f} "
        f"({mine['rows']:,} rows, {mine['positives']:,} purchases, "
        f"{100 * mine['prevalence']:.2f} % bought)."
    )
    if rival is None:
        answer = "There is no simpler model to compare it with."
    elif _wins(rival):
        answer = f"{_capital(label(rival['candidate']))} is better: {_by_how_much(rival)}."
    else:
        answer = (
            f"No simpler model is better; the best, {label(rival['candidate'])}, has "
            f"{rival['log_loss']:.4f}: {_by_how_much(rival)}."
        )
    return " ".join([scored, answer, *_other(group)])


def _other(group: dict[str, Row]) -> list[str]:
    """The best of the networks that are not in use, alone or together, if it is clearly better."""
    others = [
        row
        for name, row in group.items()
        if name not in (IN_USE, TRUTH_OBSERVABLE, TRUTH_WHOLE, *SIMPLER)
        and not row["in_use"]
        and row["rows"] == group[IN_USE]["rows"]
        and _wins(row)
        and _clear(row)
    ]
    if not others:
        return []
    best = min(others, key=lambda row: row["loss_above_in_use"])
    to_use = _to_use(best["candidate"], group)
    return [
        f"Of the other candidates, {label(best['candidate'])} is better: {_by_how_much(best)}"
        + (f"; {to_use}." if to_use else ".")
    ]


def _to_use(candidate: str, group: dict[str, Row]) -> str:
    """The setting that would put the candidate to use; nothing where there is none."""
    if candidate == "stack":
        trees = group.get("stack_with_lightgbm")
        return _TO_USE_STACK if trees is not None and trees["in_use"] else ""
    if candidate in _TO_USE:
        return _TO_USE[candidate]
    return _TO_USE_RECIPE if "stack" in group else ""


def _single(groups: dict[tuple[int, str], dict[str, Row]], windows: list[int]) -> list[str]:
    of_window = {
        category: group
        for (window, category), group in groups.items()
        if window in windows and category != TOTAL
    }
    if not of_window:
        return []
    enough = {
        category: group
        for category, group in of_window.items()
        if group[IN_USE]["positives"] >= _MIN_POSITIVES
    }
    return [" ".join([*_where_lost(enough), *_left_out(len(of_window) - len(enough))])]


def _left_out(categories: int) -> list[str]:
    if not categories:
        return []
    are = "category is" if categories == 1 else "categories are"
    return [
        f"{categories} {are} left out: with fewer than {_MIN_POSITIVES} purchases in the test "
        "step, whatever predicts lower tends to win."
    ]


def _where_lost(groups: dict[str, dict[str, Row]]) -> list[str]:
    best = {category: _best_simpler(group) for category, group in groups.items()}
    lost = {name: row for name, row in best.items() if row is not None and _wins(row)}
    if not best:
        return []
    if not lost:
        if len(best) == 1:
            return ["In the one category shown no simpler model is better."]
        return [f"In none of the {len(best)} categories is a simpler model better."]
    worst_first = sorted(lost.items(), key=lambda item: _relative(item[1]))
    listed = "; ".join(
        f"{name} ({label(row['candidate'])}: {_by_how_much(row)})"
        for name, row in worst_first[:_NAMED]
    )
    if len(worst_first) > _NAMED:
        listed += f"; and {len(worst_first) - _NAMED} more"
    where = f"{len(lost)} of the {len(best)} categories" if len(best) > 1 else "the one category"
    return [f"In {where} a simpler model is better: {listed}."]


def _best_simpler(group: dict[str, Row]) -> Row | None:
    simpler = [group[name] for name in SIMPLER if name in group and not group[name]["in_use"]]
    return min(simpler, key=lambda row: row["loss_above_in_use"], default=None)


def _wins(row: Row) -> bool:
    return bool(row["loss_above_in_use"] < 0)


def _clear(row: Row) -> bool:
    return bool(abs(row["loss_above_in_use"]) > _CLEAR * row["loss_above_in_use_se"])


def _relative(row: Row) -> float:
    return float(row["loss_above_in_use"] / (row["log_loss"] - row["loss_above_in_use"]))


def _by_how_much(row: Row) -> str:
    """The difference in nats and percent, and whether chance alone could make it."""
    difference, error = row["loss_above_in_use"], row["loss_above_in_use_se"]
    side = "lower" if difference < 0 else "higher"
    return (
        f"{abs(difference):.4f} nats or {100 * abs(_relative(row)):.1f} % {side}, "
        f"{'more than chance' if _clear(row) else 'which may be chance'} (± {error:.4f})"
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def candidate_rows(rows: list[Row]) -> list[dict[str, Any]]:
    """Every candidate over all categories, per window, as the report shows it."""
    return [
        {
            "window": row["window"],
            "label": label(row["candidate"]),
            "in_use": row["candidate"] == IN_USE,
            "same": says_the_same(row),
            "figures": figures(row),
        }
        for row in rows
        if row["category"] == TOTAL
    ]
