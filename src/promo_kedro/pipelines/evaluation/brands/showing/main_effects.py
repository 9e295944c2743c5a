"""How much of the spread of F1 comes from the loss, and how much from the rule of size."""

import json
from dataclasses import dataclass

import pandas as pd

_PLAIN = ("none",)  # resampling of a run that differs in nothing but its loss


@dataclass(frozen=True)
class MainEffects:
    """Shares of the sum of squares of a loss × sizing grid; they add up to 1.

    Attributes:
        figure: Which F1 the grid holds.
        loss: Share that rows (losses) explain by themselves.
        sizing: Share that columns (rules of size) explain by themselves.
        together: Share that is left: a loss does better with one rule than with another.
        loss_range: Best minus worst mean of a loss over the rules.
        sizing_range: Best minus worst mean of a rule over the losses.
        left_out: Columns in which every row is 0.
    """

    figure: str
    loss: float
    sizing: float
    together: float
    loss_range: float
    sizing_range: float
    left_out: tuple[str, ...] = ()


def loss_runs(runs: pd.DataFrame) -> list[str]:
    """Runs of VarEmb V2 that differ in their loss alone: one network, trained one way."""
    plain = runs["resampling"].isna() | runs["resampling"].isin(_PLAIN)
    chosen = runs[(runs["model"] == "varemb_v2") & plain & runs["epsilon"].isna()]
    if chosen.empty:
        return []
    recipe = chosen["parameters"].map(lambda parameters: all_but(parameters, "loss"))
    return list(chosen.loc[recipe == recipe.mode()[0], "run"].astype(str))


def all_but(parameters: str, *names: str) -> str:
    """What a run was made with, as JSON, without these settings."""
    settings = json.loads(parameters)
    return json.dumps({name: settings[name] for name in sorted(settings) if name not in names})


def grid(assessment: pd.DataFrame, level: str, figure: str = "f1_median") -> pd.DataFrame:
    """F1 of all approved brands together, a row per run and a column per rule of size."""
    rows = assessment[(assessment["level"] == level) & (assessment["stratum"] == "all")]
    return rows.pivot(index="run", columns="sizing", values=figure)


def main_effects(cells: pd.DataFrame, figure: str) -> MainEffects | None:
    """Split the spread of a grid without gaps into losses, rules of size and what is left.

    Two-way analysis of variance with one figure per cell. A column of zeros takes no part: where a
    rule hits nobody whatever the loss, how low that lies says nothing of either. None where there
    are fewer than two rows or columns, or nothing that differs.
    """
    whole = cells.dropna(axis=1, how="all").dropna(how="any").astype(float)
    nothing = whole.columns[(whole == 0).all()]
    whole = whole.drop(columns=nothing)
    if min(whole.shape) < 2:
        return None
    centre = whole.to_numpy().mean()
    by_loss, by_sizing = whole.mean(axis=1), whole.mean(axis=0)
    total = float(((whole - centre) ** 2).to_numpy().sum())
    if total < 1e-12:
        return None
    loss = whole.shape[1] * float(((by_loss - centre) ** 2).sum()) / total
    sizing = whole.shape[0] * float(((by_sizing - centre) ** 2).sum()) / total
    return MainEffects(
        figure=figure,
        loss=loss,
        sizing=sizing,
        together=max(0.0, 1 - loss - sizing),
        loss_range=float(by_loss.max() - by_loss.min()),
        sizing_range=float(by_sizing.max() - by_sizing.min()),
        left_out=tuple(str(name) for name in nothing),
    )
