"""ONNX Runtime must answer as the models themselves do."""

import json
import logging
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from kedro.io import DatasetError

from promo_kedro.datasets import OnnxModelsDataset
from promo_kedro.datasets.checkpoints import Checkpoints
from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.calibration import Beta, Calibration, Isotonic, Platt
from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.networks import Architecture, build
from promo_kedro.pipelines.modelling.nodes import predict_purchases, train_purchase_models
from promo_kedro.pipelines.modelling.onnx_export import export_onnx
from promo_kedro.pipelines.modelling.parameters import ComputeParameters, ModellingParameters
from promo_kedro.pipelines.modelling.purchase_model import (
    TREES,
    Member,
    PurchaseModel,
    from_saved,
    to_saved,
)
from promo_kedro.pipelines.modelling.stacking import Stack
from promo_kedro.pipelines.modelling.tensors import FeatureGroups
from promo_kedro.pipelines.modelling.vocabulary import Vocabulary

from .retailer import GROUPS, Retailer, as_table

PAGE = Path(__file__).parents[3] / "docs" / "onnx.md"
CPU = ComputeParameters(accelerator="cpu", threads=1)
FEATURES = FeatureGroups(
    static_categorical=["brand", "category"],
    temporal_categorical=["month"],
    static_continuous=["household"],
    temporal_continuous=["habit", "offer_percent", "noise"],
    offer_inputs=["offer_percent"],
)
VOCABULARIES = {
    "brand": Vocabulary(("Crème brûlée", "North", "South")),
    "category": Vocabulary(("Bakery",)),
    "month": Vocabulary(tuple(str(month) for month in range(1, 8))),
}
DESCRIPTIONS = {"offer_percent": "Offer percent of the cell in this step, 0 to 100"}
BETA = Beta(a=1.3, b=0.4, c=-0.2)
PLATT = Platt(slope=0.8, intercept=-0.5, source="validation")


def member(name: str, kernel_size: int, dilations: list[int], seed: int) -> Member:
    """Every weight drawn, also those that training finds at 0, so that none is left unread."""
    architecture = Architecture(
        name=name,
        static_levels=[4, 2],
        temporal_levels=[8],
        static_continuous=1,
        temporal_continuous=3,
        offers=[1],
        kernel_size=kernel_size,
        dilations=dilations,
        channels=6,
        dense_units=[8, 5],
        embedding_size=3,
        dropout=0.2,
        input_limit=4.0,
    )
    network = build(architecture)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for values in network.parameters():
            values.copy_(0.5 * torch.randn(values.shape, generator=draw))
        network.temporal_scale.mean.copy_(torch.tensor([0.3, 10.0, -0.1]))
        network.temporal_scale.scale.copy_(torch.tensor([1.5, 9.0, 0.0]))
    return Member(architecture, network.eval())


def model_of(
    networks: dict[str, Member], weights: dict[str, float], calibration: Calibration
) -> PurchaseModel:
    return PurchaseModel(
        kind="pooled",
        networks=networks,
        trees={},
        stack=Stack(weights, intercept=0.25),
        calibration=calibration,
        vocabularies=VOCABULARIES,
        groups=FEATURES,
        record={"raw_data_hash": "abc", "serves": {"Meat": "few purchases", "Bakery": "fewer"}},
    )


def inputs_of(count: int, steps: int, seed: int = 0) -> Inputs:
    """Known and unknown levels; continuous values within and beyond the limits."""
    draw = torch.Generator().manual_seed(seed)
    return Inputs(
        torch.stack([torch.randint(0, size, (count,), generator=draw) for size in (4, 2)], dim=1),
        torch.randint(0, 8, (count, steps, 1), generator=draw),
        torch.randn(count, 1, generator=draw),
        10 * torch.randn(count, steps, 3, generator=draw),
    )


def served(content: bytes, inputs: Inputs) -> np.ndarray:
    session = onnxruntime.InferenceSession(content)
    (probability,) = session.run(
        ["probability"], {name: tensor.numpy() for name, tensor in vars(inputs).items()}
    )
    return probability


def answered(model: PurchaseModel, inputs: Inputs) -> np.ndarray:
    """What the tables hold for the last step."""
    return model.calibration.smooth.probability(model.logits(inputs, 1, CPU)[:, 0])


@pytest.fixture(scope="module")
def models() -> dict[str, PurchaseModel]:
    figure1, ours = member("figure1", 3, [1, 2], 1), member("ours", 2, [1, 2, 4], 2)
    steps = Isotonic((0.1, 0.5, 0.9), (0.05, 0.05, 0.8))
    return {
        "window=0/category=Bread, rolls": model_of(
            {"paper": figure1, "wide": ours},
            {"paper": 1.0, "wide": 0.0, TREES: 0.0},
            Calibration(PLATT, PLATT),
        ),
        "window=0/category=Bakery": model_of(
            {"v1.5": ours}, {"v1.5": 1.0}, Calibration(BETA, BETA)
        ),
        "window=0/pooled": model_of(
            {"paper": figure1, "v1.5": ours},
            {"paper": 0.7, "v1.5": 0.4},
            Calibration(steps, BETA),
        ),
        "window=0/category=Beta": model_of(
            {"present": member("ours", 1, [1], 3)}, {"present": 1.0}, Calibration()
        ),
    }


@pytest.fixture(scope="module")
def saved(models):
    return {name: to_saved(model) for name, model in models.items()}


@pytest.fixture(scope="module")
def exported(saved):
    return export_onnx(saved, {"descriptions": DESCRIPTIONS})


@pytest.mark.parametrize("count", [1, 2, 300])
def test_onnx_runtime_gives_the_calibrated_probabilities(models, exported, count):
    for name, model in models.items():
        for steps in (model.receptive_field, model.receptive_field + 5, 1):
            inputs = inputs_of(count, steps)
            expected = answered(model, inputs)
            got = served(exported[name], inputs)
            assert got.shape == (count,)
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)
    assert count == 1 or np.ptp(expected) > 0.01


def test_levels_never_met_have_index_0(models, exported):
    known = inputs_of(50, 8)
    nothing = replace(
        known,
        static_categorical=torch.zeros_like(known.static_categorical),
        temporal_categorical=torch.zeros_like(known.temporal_categorical),
    )
    for name, model in models.items():
        got = served(exported[name], nothing)
        np.testing.assert_allclose(got, answered(model, nothing), rtol=0, atol=1e-5)
        assert np.abs(got - served(exported[name], known)).max() > 0.01


def test_no_value_is_too_far_out(models, exported):
    """Where e to the logit overflows, the probability must still be 0 or 1."""
    inputs = inputs_of(40, 8)
    inputs.temporal_continuous[..., 1] *= torch.linspace(-1e4, 1e4, 40)[:, None]
    met = set()
    for name, model in models.items():
        expected, got = answered(model, inputs), served(exported[name], inputs)
        sure = np.abs(model.logits(inputs, 1, CPU)[:, 0]) > 100
        met |= set(expected[sure].round(5))
        np.testing.assert_allclose(got[sure], expected[sure], rtol=0, atol=1e-5)
        assert np.isfinite(got).all()
    assert met == {0.0, 1.0}


def test_files_are_valid_and_small(models, saved, exported):
    for name, content in exported.items():
        onnx.checker.check_model(content, full_check=True)
        assert b".py" not in content  # no traces of the exporting computer
        used = models[name].stack.members
        weights = [
            values.nbytes
            for tensor, values in saved[name]["tensors"].items()
            if tensor.split("/")[0] in used
        ]
        assert len(content) < 40_000 + 2 * sum(weights)


def test_metadata_says_how_to_encode_rows(models, exported):
    for name, model in models.items():
        entries = onnxruntime.InferenceSession(exported[name]).get_modelmeta().custom_metadata_map
        about = {entry: json.loads(text) for entry, text in entries.items()}
        assert about["model"] == name
        assert about["raw_data_hash"] == "abc"
        assert about["serves"] == ["Bakery", "Meat"]
        assert about["receptive_field"] == model.receptive_field
        assert about["features"] == {
            "static_categorical": ["brand", "category"],
            "temporal_categorical": ["month"],
            "static_continuous": ["household"],
            "temporal_continuous": ["habit", "offer_percent", "noise"],
        }
        assert about["offer_inputs"] == ["offer_percent"]
        assert about["vocabularies"]["brand"] == ["Crème brûlée", "North", "South"]
        assert about["vocabularies"].keys() == {"brand", "category", "month"}
        assert about["descriptions"]["offer_percent"].endswith("0 to 100")
        assert Stack.from_card(about["stack"]) == model.stack
        assert about["calibration"] == model.calibration.smooth.to_card()


def test_one_line_a_model_and_nothing_else_is_said(saved, caplog, capfd):
    levels = [logging.getLogger(name).level for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    one = {"window=0/pooled": saved["window=0/pooled"]}
    with caplog.at_level(logging.INFO):
        export_onnx(one, {"descriptions": {}})
    assert [record.name.split(".")[0] for record in caplog.records] == ["promo_kedro"]
    assert "1/1 window=0/pooled" in caplog.text
    assert "beta calibration" in caplog.text
    assert not re.search("torch|onnxscript|onnx_ir", "".join(capfd.readouterr()))
    assert levels == [
        logging.getLogger(name).level for name in ("torch.onnx", "onnxscript", "onnx_ir")
    ]


class Restored:
    """Trees that are only there to be refused."""

    @classmethod
    def from_array(cls, array, threads):
        return cls()

    def to_array(self):
        return np.frombuffer(b"tree", np.uint8)


@pytest.mark.parametrize("trees", ["lightgbm", "lightgbm_pooled"])
def test_stacks_with_trees_are_left_out_and_named(models, saved, trees, monkeypatch, caplog):
    monkeypatch.setattr("promo_kedro.pipelines.modelling.purchase_model.Trees", Restored)
    model = models["window=0/category=Bakery"]
    stack = Stack({"v1.5": 0.5, trees: 0.5})
    model = replace(model, stack=stack, trees={trees: Restored()})
    mixed = {"window=0/category=Meat": to_saved(model)}
    with pytest.raises(InputError, match=r"category=Meat.*with_trees: false"):
        export_onnx(mixed, {"descriptions": {}})
    name = next(iter(saved))
    with caplog.at_level(logging.WARNING):
        older = {"window=1/pooled": saved[name]}  # nobody serves the models of a former window
        exported = export_onnx(mixed | older | {name: saved[name]}, {"descriptions": {}})
    assert list(exported) == [name]
    assert "1 models (window=0/category=Meat)" in caplog.text


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_missing_packages_are_named(package, saved, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"needs {package}, .*pip install 'promo_kedro\[onnx\]'"):
        export_onnx(saved, {"descriptions": {}})


def test_the_example_of_the_page_gives_the_probabilities_of_the_table(tmp_path, monkeypatch):
    parameters = ModellingParameters.model_validate(
        {
            "network": {"channels": 6, "dense_units": [8], "dilations": [1, 2]},
            "training": {"batch_size": 32, "max_epochs": 2, "learning_rate": 5e-3},
            "recipes": {"ours": {}, "paper": {"network": {"architecture": "figure1"}}},
            "calibration": {"candidates": ["platt", "beta"]},
            "compute": {"accelerator": "cpu", "threads": 1},
            "pooled": {"min_positives": 50, "max_consumer_items": 900},
        }
    )
    frame = Retailer({"Grocery": 300, "Meat": 12}).frame()
    # A brand that only comes up after training was over has no index.
    frame["quarter"] = frame["quarter"].mask(frame["split"] == "next", 9)
    features, manifest = as_table(frame), {"raw_data_hash": "abc"}
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    trained, _ = train_purchase_models(features, GROUPS, manifest, checkpoints, parameters, 3)
    grocery = "window=0/category=Grocery"
    content = export_onnx({grocery: trained[grocery]}, GROUPS)

    monkeypatch.chdir(tmp_path)
    OnnxModelsDataset("data/06_models/onnx_models").save(content)
    frame.to_parquet("data/04_feature/features", partition_cols=["window", "category"])
    page: dict = {}
    exec(re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[1], page)

    table = predict_purchases(trained, features, parameters)
    table = table[(table["category"] == "Grocery") & (table["split"] == "next")]
    table = table.sort_values(["customer_id", "item_id"])
    np.testing.assert_allclose(page["probability"], table["probability"], rtol=0, atol=1e-5)
    assert len(from_saved(trained[grocery], grocery).networks) == 2


def test_a_folder_of_files_is_replaced_whole(tmp_path):
    files = {"window=0/category=Bread, a/b": b"one", "window=0/pooled": b"two"}
    dataset = OnnxModelsDataset(str(tmp_path / "onnx"))
    with pytest.raises(DatasetError, match="--pipeline=export"):
        dataset.load()
    dataset.save({"window=7/pooled": b"old"})
    dataset.save(files)
    assert dataset.load() == files
    assert (tmp_path / "onnx/window=0/pooled.onnx").read_bytes() == b"two"
    with pytest.raises(DatasetError, match="bytes-like"):
        dataset.save({"window=0/pooled": b"new", "window=1/pooled": None})
    assert dataset.load() == files
    assert [path.name for path in tmp_path.iterdir()] == ["onnx"]
