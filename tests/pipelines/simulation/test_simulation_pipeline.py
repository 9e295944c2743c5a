from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from promo_kedro.datasets import RawFilesDataset, RawTableDataset, TruthDataset
from promo_kedro.pipelines.simulation import create_pipeline
from promo_kedro.pipelines.simulation.parameters import SimulationParameters
from promo_kedro.world import restore

FILES = {
    "raw_transactions": "customer_transaction_data",
    "raw_items": "item_data",
    "raw_demographics": "customer_demographics",
    "raw_campaigns": "campaign_data",
    "raw_coupon_items": "coupon_item_mapping",
    "raw_redemptions": "train",
    "raw_offer_log": "offer_log",
}


def simulated_into(folder: Path, **changes: Any) -> DataCatalog:
    settings = {"consumers": 60, "items": 96, "weeks": 8, **changes}
    catalog = DataCatalog(
        {
            "params:simulation": MemoryDataset(SimulationParameters.model_validate(settings)),
            "params:seed": MemoryDataset(3),
            "simulated_history": MemoryDataset(copy_mode="assign"),
            "raw_files": RawFilesDataset(str(folder)),
            "truth": TruthDataset(str(folder / "truth.safetensors")),
            **{
                dataset: RawTableDataset(
                    str(folder), name, file_format="parquet" if name == "offer_log" else "csv.gz"
                )
                for dataset, name in FILES.items()
            },
        }
    )
    SequentialRunner().run(create_pipeline(), catalog)
    return catalog


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("raw")


@pytest.fixture(scope="module")
def catalog(folder: Path) -> DataCatalog:
    return simulated_into(folder)


def test_files_hold_what_the_world_made(catalog: DataCatalog) -> None:
    log = catalog.load("raw_offer_log")
    assert log.count().execute() == 60 * 96 * 4
    assert set(log.columns) == {
        "date",
        "customer_id",
        "item_id",
        "offer_percent",
        "explored",
        "propensity",
        "row",
    }
    lines = catalog.load("raw_transactions").execute()
    assert (lines["row"] == np.arange(1, len(lines) + 1)).all()
    assert set(lines["item_id"]) <= set(catalog.load("raw_items").execute()["item_id"])


def test_truth_is_sealed_with_the_files(catalog: DataCatalog) -> None:
    world = restore(catalog.load("truth"))
    assert world.raw_data_hash == catalog.load("raw_files")["raw_data_hash"]
    assert world.purchase_probability(np.zeros((60, 96))).shape == (60, 96)


def test_same_seed_same_bytes(folder: Path, catalog: DataCatalog, tmp_path: Path) -> None:
    simulated_into(tmp_path)
    for path in sorted(folder.iterdir()):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_chunks_change_no_byte_of_the_receipts(
    folder: Path, catalog: DataCatalog, tmp_path: Path
) -> None:
    simulated_into(tmp_path, consumers_per_chunk=25)
    for name in FILES.values():
        if name != "offer_log":
            file = f"{name}.csv.gz"
            assert (folder / file).read_bytes() == (tmp_path / file).read_bytes(), file


def test_foreign_files_stay(tmp_path: Path) -> None:
    own = tmp_path / "item_data.csv"
    own.write_text("item_id,brand,brand_type,category\n1,1,Local,Bakery\n")
    with pytest.raises(Exception, match="does not write over files that it did not make"):
        simulated_into(tmp_path)
    assert own.read_text().endswith("Bakery\n")
    assert not (tmp_path / "truth.safetensors").exists()
