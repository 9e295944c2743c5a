"""Can one tell from a run's losses who was trained on, and what does hiding it cost?"""

from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.brands.showing.naming import (
    LEVELS,
    LOSSES,
    STRATUM_COLOURS,
    epsilon,
    runs_in_order,
)
from promo_kedro.pipelines.evaluation.plot_style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    RED,
    legend,
    message_figure,
    new_figure,
    tidy,
)
from promo_kedro.types import Figure

TITLE = "Do the models give away who they were trained on?"
GOAL = 0.55  # AUC of the attack
_NOTE = (
    "Attacks that call consumers trained on where their loss is low; the stronger of two. AUC 0.5: "
    "it does no better than a coin.\nLines: its interval. Dotted: the goal, at most 0.55."
)
_COST = (
    "\nRight: private runs beside the run with the same model and loss. They also learn from the "
    "latest training period alone, one row per consumer."
)
_COLOURS = {"all": INK, **STRATUM_COLOURS}
_OFFSETS = {"all": 0.24, "head": 0.08, "mid": -0.08, "niche": -0.24}


def plot_brand_privacy(
    privacy: pd.DataFrame, assessment: pd.DataFrame, runs: pd.DataFrame, sizing: str
) -> Figure:
    """AUC of the attack per run and stratum; ε against F1 where there are private runs.

    Args:
        privacy: ``brand_privacy``.
        assessment: ``brand_assessment`` of the sample that judges.
        runs: ``brand_runs``.
        sizing: The rule of size under which runs are compared.
    """
    attacked = privacy.dropna(subset=["auc"])
    names = runs_in_order(sorted(set(attacked["run"].astype(str))), runs)
    if not names:
        return message_figure(TITLE, "No run was attacked.")
    private = runs.dropna(subset=["epsilon"]).sort_values("epsilon")
    width = 13.0 if len(private) else 10.8
    note = _NOTE + _COST if len(private) else _NOTE
    figure = new_figure(width, 1.9 + 0.42 * max(len(names), 5), TITLE, note)
    columns = 2 if len(private) else 1
    axes = figure.subplots(1, columns, squeeze=False)[0]
    _attacks(tidy(axes[0]), attacked, names)
    if len(private):
        _curve(tidy(axes[1]), private, assessment[assessment["sizing"] == sizing], runs)
    strata = [name for name in _COLOURS if (attacked["stratum"] == name).any()]
    legend(figure, [_handle(name) for name in strata], columns=4)
    return figure


def _attacks(axis: Any, attacked: pd.DataFrame, names: list[str]) -> None:
    axis.axvline(0.5, color=MUTED, linewidth=1)
    axis.axvline(GOAL, color=RED, linewidth=1.1, linestyle=":")
    for _, row in attacked.iterrows():
        stratum = str(row["stratum"])
        height = len(names) - 1 - names.index(str(row["run"])) + _OFFSETS[stratum]
        look = {"color": _COLOURS[stratum], "alpha": 1.0 if stratum == "all" else 0.8}
        axis.plot([row["auc_low"], row["auc_high"]], 2 * [height], linewidth=1.5, **look)
        axis.plot([row["auc"]], [height], marker="o", markersize=4.5, **look)
    axis.set_yticks(range(len(names)), names[::-1])
    axis.set_ylim(-0.6, len(names) - 0.4)
    low, high = axis.get_xlim()
    axis.set_xlim(min(low, 0.44), max(high, 0.58))
    axis.grid(visible=False, axis="y")
    axis.set_title("The attack", loc="left", fontsize=10.5, fontweight="bold", color=INK)
    axis.set_xlabel("AUC of the attack")


def _curve(axis: Any, private: pd.DataFrame, assessment: pd.DataFrame, runs: pd.DataFrame) -> None:
    """F1 of private runs over their ε, and the run that differs in being open alone."""
    whole = assessment[assessment["stratum"] == "all"]
    references = open_runs_like(private, runs)
    for level, colour in zip(LEVELS, (BLUE, ORANGE), strict=True):
        f1 = 100 * whole[whole["level"] == level].set_index("run")["f1_median"].astype(float)
        for place, (loss, group) in enumerate(private.groupby("loss", sort=False)):
            words = LOSSES.get(str(loss).split(", ")[0], str(loss))
            axis.plot(
                group["epsilon"], f1.reindex(group["run"]).to_numpy(),
                color=colour, marker="os^D"[place % 4], markersize=5, linewidth=1.6,
                label=f"{level} level, private, {words}",
            )  # fmt: skip
        for place, run in enumerate(references):
            axis.axhline(
                f1.get(run, float("nan")),
                color=colour, linewidth=1.1, linestyle=(":", "--", "-.")[place % 3],
                label=f"{level} level, {run}, not private",
            )  # fmt: skip
    axis.set_xscale("log")
    axis.set_xticks(private["epsilon"], list(map(epsilon, private["epsilon"])))
    axis.minorticks_off()
    axis.set_ylim(bottom=0)
    axis.set_title("What privacy costs", loc="left", fontsize=10.5, fontweight="bold", color=INK)
    axis.set_xlabel("ε: smaller is more private (logarithmic)")
    axis.set_ylabel("median F1 (%)")
    axis.legend(frameon=False, fontsize=8.5, labelcolor=INK)


def open_runs_like(private: pd.DataFrame, runs: pd.DataFrame) -> list[str]:
    """Runs without privacy that have the model and the loss of a private one, and no resampling."""
    kinds = set(zip(private["model"], private["loss"], strict=True))
    plain = runs["resampling"].isna() | (runs["resampling"] == "none")
    chosen = runs[runs["epsilon"].isna() & plain]
    alike = [kind in kinds for kind in zip(chosen["model"], chosen["loss"], strict=True)]
    return list(chosen.loc[alike, "run"].astype(str))


def _handle(stratum: str) -> object:
    from matplotlib.lines import Line2D

    words = "all brands" if stratum == "all" else stratum
    return Line2D([], [], color=_COLOURS[stratum], marker="o", markersize=4.5, label=words)
