"""The page that tells the brand experiment: self-contained, in plain words, without ids."""

from base64 import b64encode
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.brands.parameters import BrandAssessmentParameters
from promo_kedro.pipelines.evaluation.brands.showing import findings
from promo_kedro.pipelines.evaluation.brands.showing import report_tables as tables
from promo_kedro.pipelines.evaluation.brands.showing.cautions import cautions
from promo_kedro.pipelines.evaluation.brands.showing.naming import (
    LEVELS,
    LIMITS,
    RULES_SAY,
    SAMPLE,
    TRUTH,
    judged,
    models_of,
)
from promo_kedro.pipelines.evaluation.brands.showing.plots_privacy import GOAL

_EMPTY_CONSUMER = (
    "an audience to be in", "nothing bought", "something bought", "no audience to be in",
)  # fmt: skip
_EMPTY_BRAND = ("an audience", "no buyer", "buyers", "no audience")


@dataclass(frozen=True)
class Tables:
    """What the page tells of, by the names of the catalog."""

    brand_snapshots: pd.DataFrame
    brand_list: pd.DataFrame
    brand_consumers: pd.DataFrame
    brand_judged_consumers: pd.DataFrame
    brand_runs: pd.DataFrame
    brand_assessment: pd.DataFrame
    brand_experiment: pd.DataFrame
    brand_uplift: pd.DataFrame
    brand_document: pd.DataFrame
    brand_results: pd.DataFrame
    brand_truth: pd.DataFrame
    brand_privacy: pd.DataFrame
    brand_audiences: pd.DataFrame
    brand_next_audiences: pd.DataFrame

    def main_rows(self, sizing: str) -> pd.DataFrame:
        """All approved brands together, under one rule of size, on consumers never seen."""
        rows = judged(self.brand_assessment)
        return rows[(rows["sizing"] == sizing) & (rows["stratum"] == "all")]

    def audiences(self, sizing: str) -> pd.DataFrame:
        """Sizes under one rule, on consumers never seen."""
        rows = judged(self.brand_audiences)
        return rows[rows["sizing"] == sizing]

    def rules(self) -> list[str]:
        """Every rule of size there is, in words."""
        there = dict.fromkeys(self.brand_assessment["sizing"].astype(str))
        return [f"{findings.rule(name)}: {RULES_SAY[name]}" for name in RULES_SAY if name in there]

    @property
    def consumers(self) -> int:
        """How many consumers judge."""
        return int((self.brand_judged_consumers["sample"] == SAMPLE).sum())

    @property
    def winner(self) -> str:
        """The best run; an empty name where there is none."""
        names = self.brand_experiment.loc[self.brand_experiment["winner"], "run"]
        return "" if names.empty else str(names.iloc[0])

    @property
    def shown(self) -> list[str]:
        """The winner and the best run of every other model."""
        return list(dict.fromkeys(self.brand_results["run"].astype(str)))


def render(told: Tables, parameters: BrandAssessmentParameters, plots: dict[str, bytes]) -> str:
    """The page as HTML text.

    Args:
        told: The tables; figures of small groups are missing in them already.
        parameters: The rule of size that compares runs, and the conventions.
        plots: PNG files by catalog name; those that are missing leave no gap.
    """
    from jinja2 import Environment, StrictUndefined

    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = files(__package__).joinpath("brand_report.html.j2").read_text(encoding="utf-8")
    return page.from_string(template).render(
        **_sentences(told, parameters),
        **_tables(told, parameters),
        plots={name: _data_uri(png) for name, png in plots.items()},
    )


def _sentences(told: Tables, parameters: BrandAssessmentParameters) -> dict[str, Any]:
    main = told.main_rows(parameters.sizing)
    assessment, models = judged(told.brand_assessment), models_of(told.brand_runs)
    consumers = parameters.empty_for_consumers.model_dump()
    brands = parameters.empty_for_brands.model_dump()
    return {
        "parameters": parameters,
        "rule": findings.rule(parameters.sizing),
        "rules": told.rules(),
        "winner": told.winner,
        "goal": GOAL,
        "limits": [words for words, _ in LIMITS.values()],
        "raw_data_hash": str(told.brand_runs["raw_data_hash"].iloc[0]),
        "truth_known": bool((told.brand_truth["run"] == TRUTH).any()),
        "private": bool(told.brand_runs["epsilon"].notna().any()),
        "verdict": findings.verdict(told.brand_experiment, parameters.winner_by),
        "against": findings.against_simpler(told.brand_uplift, told.shown, models),
        "equals": findings.within_chance(told.brand_uplift),
        "grid_sentences": findings.grid_sentences(assessment, told.brand_runs),
        "model_sentences": findings.model_sentences(assessment, told.shown),
        "size_alone": findings.size_alone(
            assessment, told.shown, models, told.winner, parameters.sizing
        ),
        "threshold": findings.threshold_sentence(assessment, told.brand_runs, parameters.sizing),
        "crossed": findings.crossed_loss(told.brand_experiment),
        "warnings": cautions(
            told.brand_experiment,
            told.brand_list,
            told.consumers,
            main,
            told.brand_privacy,
            told.brand_next_audiences[told.brand_next_audiences["sizing"] == parameters.sizing],
            parameters.in_use,
        ),
        "conventions": {
            "user": findings.empty_words(consumers, "A consumer", _EMPTY_CONSUMER),
            "item": findings.empty_words(brands, "A brand", _EMPTY_BRAND),
        },
    }


def _tables(told: Tables, parameters: BrandAssessmentParameters) -> dict[str, Any]:
    main, sizing = told.main_rows(parameters.sizing), parameters.sizing
    assessment, runs, experiment = (
        judged(told.brand_assessment), told.brand_runs, told.brand_experiment,
    )  # fmt: skip
    return {
        "asked": tables.asked(
            told.brand_snapshots,
            told.brand_consumers,
            told.brand_judged_consumers,
            told.brand_list,
        ),
        "levels": [
            {
                "title": title,
                "level": level,
                "rows": tables.level_rows(
                    main, runs, told.brand_truth, told.audiences(sizing), level, told.winner
                ),
                "document": tables.document_rows(told.brand_document, level),
                "strata": tables.strata_rows(
                    assessment[assessment["sizing"] == sizing],
                    runs,
                    told.brand_truth,
                    level,
                    told.winner,
                ),
            }
            for level, title in LEVELS.items()
        ],
        "uplift": tables.uplift_rows(told.brand_uplift, told.shown),
        "resampling": tables.resampling_rows(experiment, told.brand_privacy),
        "privacy": tables.privacy_rows(told.brand_privacy, runs),
        "audiences": tables.audience_rows(
            told.brand_next_audiences, parameters.min_group_consumers
        ),
        "counts": tables.count_rows(main, runs, parameters.min_group_consumers),
        "runs": tables.run_rows(experiment),
    }


def table_names() -> list[str]:
    """The tables that the page needs."""
    return [field.name for field in fields(Tables)]


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + b64encode(png).decode()
