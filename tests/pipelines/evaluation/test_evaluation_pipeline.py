import json
from pathlib import Path

import ibis
import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from pydantic import ValidationError

from promo_kedro import schemas
from promo_kedro.datasets import (
    CSVDataset,
    FigureDataset,
    InteractiveFigureDataset,
    JSONDataset,
    ParquetDataset,
    TextDataset,
)
from promo_kedro.pipelines.evaluation import create_pipeline
from promo_kedro.pipelines.evaluation.parameters import EvaluationParameters


def test_the_parameters_file_and_the_defaults_agree(base_parameters):
    assert EvaluationParameters(**base_parameters["evaluation"]) == EvaluationParameters()
    assert set(base_parameters["evaluation"]) == set(EvaluationParameters.model_fields)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "best"},
        {"horizons": []},
        {"horizons": [{"weeks": 3, "draws": 4}]},
        {"horizons": [{"weeks": 2, "draws": 1}]},
        {"uniform_offers": [100]},
        {"selection_draws": 1},
        {"modus": "exact"},
        {"cutoff_method": "best"},
        {"truth_draws": 0},
    ],
)
def test_parameters_out_of_bounds_are_refused(wrong):
    with pytest.raises(ValidationError):
        EvaluationParameters(**wrong)


def test_the_folder_for_people_has_no_table_that_names_consumers_or_small_categories():
    base = Path(__file__).parents[3] / "conf" / "base"
    entries = {}
    for pipeline in ("modelling", "evaluation"):
        entries |= yaml.safe_load((base / pipeline / "catalog.yml").read_text())
    for name in ("training_history", "feature_importance", "true_probabilities"):
        assert "/07_model_output/" in entries[name]["filepath"]


def test_only_scoring_nodes_read_the_truth():
    readers = [node.name for node in create_pipeline().nodes if "truth" in node.inputs]
    assert sorted(readers) == ["ask_the_truth", "value_offers"]


def test_a_run_without_truth_writes_everything(tmp_path, made_up_run, evaluation_parameters):
    pipeline = create_pipeline()
    no_rows = pd.DataFrame({"table": ["x"], "row": [1], "reason": ["y"], "values": ["{}"]})[:0]
    known = {
        **vars(made_up_run),
        "truth": None,
        "rejected_rows": ibis.memtable(no_rows),
        "params:evaluation": evaluation_parameters,
        "params:seed": 1,
    }
    inputs = {
        name: MemoryDataset(known[name], copy_mode="assign")
        for name in pipeline.inputs() - {"truth"}
    }
    outputs = {name: _output(tmp_path, name) for name in pipeline.all_outputs()}
    catalog = DataCatalog({**inputs, **outputs, "truth": _Absent()})
    SequentialRunner().run(pipeline, catalog)

    assert len(list(tmp_path.glob("*_plot.png"))) == 11
    results = json.loads((tmp_path / "model_results.json").read_text())
    written = pd.read_csv(tmp_path / "model_results.csv")
    assert len(results["rows"]) == len(written)
    assert written.query("category == 'Tiny'").drop(columns=["window", "category"]).isna().all(None)
    assert written.query("category == 'Grocery'")["sample_size"].tolist() == [360, 360]
    tiny = [row for row in results["rows"] if row["category"] == "Tiny"]
    assert [row["consumers"] for row in tiny] == [4, 4]
    comparison = json.loads((tmp_path / "model_comparison.json").read_text())
    assert not comparison["truth_known"]
    assert {row["skill_truth"] for row in comparison["rows"]} == {None}
    cutoffs = pd.read_csv(tmp_path / "cutoff_comparison.csv")
    assert cutoffs.query("category == 'Tiny'")["f1"].isna().all()
    assert cutoffs.query("category == 'All' and chosen")["method"].tolist() == ["expected_f1"]
    assert "## Grocery" in (tmp_path / "model_cards.md").read_text()
    for name, schema in _SCHEMAS.items():
        schema.validate(catalog.load(name))
    value = json.loads((tmp_path / "offer_value.json").read_text())
    assert value["rows"] == []
    interactive = json.loads(
        (tmp_path / "revenue_retention_frontier_interactive_plot.json").read_text()
    )
    assert "Tiny" not in json.dumps(interactive)
    assert "Grocery" in (tmp_path / "revenue_retention_frontier_page.html").read_text()
    assert (tmp_path / "report.html").read_text().count("data:image/png;base64,iVBOR") == 11


_SCHEMAS = {
    "model_comparison": schemas.ModelComparison,
    "cutoff_comparison": schemas.CutoffComparison,
    "model_results_spread": schemas.ModelResultsSpread,
    "true_probabilities": schemas.TrueProbabilities,
}


class _Absent(MemoryDataset):
    """Loads None, as the truth does where there is none."""

    def load(self):
        return None

    def exists(self):
        return True


def _output(folder, name):
    if name.endswith("_interactive_plot"):
        return InteractiveFigureDataset(filepath=str(folder / f"{name}.json"))
    if name.endswith("_plot"):
        return FigureDataset(filepath=str(folder / f"{name}.png"), save_args={"format": "png"})
    if name in ("report", "model_cards", "revenue_retention_frontier_page"):
        ending = "md" if name == "model_cards" else "html"
        return TextDataset(filepath=str(folder / f"{name}.{ending}"))
    if name == "true_probabilities":
        return ParquetDataset(filepath=str(folder / f"{name}.parquet"))
    if name.endswith("_json"):
        return JSONDataset(filepath=str(folder / f"{name.removesuffix('_json')}.json"))
    return CSVDataset(filepath=str(folder / f"{name}.csv"), save_args={"index": False})
