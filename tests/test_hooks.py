"""What surrounds a run, on a catalog made for the test."""

import json
from types import SimpleNamespace

import pytest
from kedro.framework.project import pipelines
from kedro.io import DataCatalog
from kedro.validation import DataValidationError

from promo_kedro.datasets import CheckpointsDataset, JSONDataset
from promo_kedro.errors import InputError, MissingRunError
from promo_kedro.hooks import FinishedTraining, PlainErrors, Provenance, RuntimeParameters


def context(tmp_path, **runtime_params):
    loader = SimpleNamespace(runtime_params=runtime_params)
    return SimpleNamespace(config_loader=loader, project_path=tmp_path, params={})


@pytest.mark.parametrize(
    ("given", "nearest"), [("simulatoin", "simulation"), ("raw_dri", "raw_dir")]
)
def test_a_misspelt_parameter_is_refused_with_the_nearest_name(tmp_path, given, nearest):
    with pytest.raises(InputError, match=nearest):
        RuntimeParameters().after_context_created(context(tmp_path, **{given: 1}))


@pytest.mark.parametrize("given", ["seed", "raw_dir", "data_dir", "optimization"])
def test_a_known_parameter_passes(tmp_path, given):
    RuntimeParameters().after_context_created(context(tmp_path, **{given: 1}))


@pytest.fixture
def provenance(tmp_path):
    hook = Provenance()
    hook._path = tmp_path / "provenance.json"
    return hook


@pytest.fixture
def catalog(tmp_path):
    """Every input of `optimization`, made from raw data with the hash `ours`."""
    names = sorted(
        name
        for name in pipelines["optimization"].inputs() | {"raw_manifest"}
        if not name.startswith("params:")
    )
    catalog = DataCatalog(
        {name: JSONDataset(filepath=str(tmp_path / f"{name}.json")) for name in names}
    )
    for name in names:
        catalog.save(name, {"raw_data_hash": "ours"})
    (tmp_path / "provenance.json").write_text(json.dumps(dict.fromkeys(names, "ours")))
    return catalog


def start(provenance, catalog):
    provenance.before_pipeline_run({}, pipelines["optimization"], catalog)


def test_inputs_of_one_origin_pass(provenance, catalog):
    start(provenance, catalog)


def test_a_missing_input_names_the_command_that_makes_it(provenance, catalog, tmp_path):
    (tmp_path / "offer_elasticities.json").unlink()
    with pytest.raises(MissingRunError) as caught:
        start(provenance, catalog)
    assert "offer_elasticities" in caught.value.message
    assert "kedro run --pipeline=elasticity" in caught.value.message
    assert "\n" not in caught.value.message


def test_inputs_of_two_origins_are_refused(provenance, catalog, tmp_path):
    recorded = json.loads((tmp_path / "provenance.json").read_text())
    (tmp_path / "provenance.json").write_text(json.dumps(recorded | {"consumer_cutoffs": "theirs"}))
    with pytest.raises(MissingRunError, match=r"consumer_cutoffs.*--pipeline=thresholding"):
        start(provenance, catalog)


def test_saved_datasets_are_recorded_with_their_origin(provenance, catalog, tmp_path):
    start(provenance, catalog)
    provenance.after_dataset_saved("optimal_offers")
    provenance.after_dataset_saved("a dataset of no pipeline")
    recorded = json.loads((tmp_path / "provenance.json").read_text())
    assert recorded["optimal_offers"] == "ours"
    assert "a dataset of no pipeline" not in recorded


def test_errors_written_for_the_user_come_without_what_surrounds_them():
    wrapped = RuntimeError("failed while loading")
    wrapped.__cause__ = InputError("item_data: 3 duplicate keys")
    with pytest.raises(InputError, match="3 duplicate keys"):
        PlainErrors().on_pipeline_error(wrapped)
    with pytest.raises(InputError, match="offer_percent"):
        PlainErrors().on_pipeline_error(DataValidationError("offer_percent: not in 0–100"))
    assert PlainErrors().on_pipeline_error(KeyError("a mistake of ours")) is None


def test_checkpoints_stay_until_the_models_are_saved(tmp_path):
    kept = tmp_path / "training_checkpoints"
    catalog = DataCatalog({"training_checkpoints": CheckpointsDataset(path=str(kept))})
    catalog.load("training_checkpoints").part("window=0/pooled", "f").save({"epoch": 1})
    hook = FinishedTraining()
    hook.after_catalog_created(catalog)
    hook.after_dataset_saved("training_history")
    assert list(kept.rglob("*.safetensors"))
    hook.after_dataset_saved("purchase_models")
    assert not kept.exists()
