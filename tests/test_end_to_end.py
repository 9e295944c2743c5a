"""The project as its users run it: on a bare copy, on a tiny world, on the real tables."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from bare_project import Project, bare_copy

PIPELINES = [
    "data_engineering",
    "modelling",
    "thresholding",
    "elasticity",
    "optimization",
    "evaluation",
]
RESULTS = ["optimal_offers", "purchase_probabilities", "consumer_cutoffs", "offer_elasticities"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bare(project_path, tmp_path_factory):
    return bare_copy(project_path, tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="module")
def retailer(project_path, tmp_path_factory):
    """The tiny world, simulated and run once."""
    project = bare_copy(project_path, tmp_path_factory.mktemp("retailer"))
    project.run("--pipeline=simulation")
    project.run()
    return project


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "kedro run --pipeline=simulation"),
        (("--pipeline=optimization",), "kedro run --pipeline=data_engineering"),
        (("--params=simulatoin.n=3",), "did you mean 'simulation'"),
        (("--params=modelling.epohcs=3",), "epohcs"),
    ],
    ids=["no data", "nothing ran yet", "misspelt parameter", "misspelt nested parameter"],
)
def test_a_run_that_cannot_start_says_why(bare, arguments, said):
    code, output = bare.kedro("run", *arguments)
    assert code != 0
    assert said in output
    assert "Traceback" not in output


def test_the_whole_flow_gives_an_offer_for_each_consumer_item(retailer):
    offers = retailer.table("optimal_offers")
    relevant = retailer.table("relevant_consumer_items").query("window == 0")
    assert set(offers["mode"]) == {"paper", "linear", "exact"}
    keys = ["customer_id", "item_id"]
    wanted = set(map(tuple, relevant[keys].to_numpy()))
    for _, plan in offers.groupby("mode"):
        assert set(map(tuple, plan[keys].to_numpy())) == wanted
        assert not plan.duplicated(keys).any()
    assert offers["offer_percent"].between(0, 100).all()


def test_every_program_keeps_its_promise_or_says_that_it_cannot(retailer):
    summary = retailer.table("optimization_summary")
    solved = summary[summary["status"] == "optimal"]
    assert len(solved)
    assert (solved["retention"] >= solved["retention_required"] - 1e-9).all()
    assert (solved["gap"] >= -1e-9).all()
    other = summary[summary["status"] != "optimal"]
    assert (other["message"].str.len() > 0).all()


def test_the_results_table_has_every_category_and_a_total(retailer):
    results = pd.read_csv(retailer.path / "data" / "08_reporting" / "model_results.csv")
    categories = set(retailer.table("relevant_consumer_items")["category"])
    assert len(categories) == 12
    assert categories < set(results["category"])
    assert len(results) == len(categories) + 1


def test_every_dataset_knows_its_raw_data(retailer):
    recorded = json.loads((retailer.path / "data" / "provenance.json").read_text())
    manifest = json.loads(next(retailer.path.rglob("raw_manifest.json")).read_text())
    assert set(recorded.values()) == {manifest["raw_data_hash"]}
    assert set(RESULTS) < set(recorded)


@pytest.mark.parametrize("pipeline", PIPELINES[2:])
def test_each_pipeline_runs_alone_and_repeats_itself(retailer, pipeline):
    before = {name: retailer.table(name) for name in RESULTS}
    retailer.run(f"--pipeline={pipeline}")
    for name, table in before.items():
        pd.testing.assert_frame_equal(retailer.table(name), table)


def test_a_killed_run_leaves_nothing_that_a_rerun_would_trust(retailer):
    arguments = ("run", "--env=tiny", "--params=data_dir=killed,raw_dir=data/01_raw")
    process = retailer.start(*arguments)
    wait_for(retailer.path / "killed", "panel.parquet", process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    for table in (retailer.path / "killed").rglob("[!.]*.parquet"):
        pd.read_parquet(table)
    retailer.run("--params=data_dir=killed,raw_dir=data/01_raw")
    for name in RESULTS:
        pd.testing.assert_frame_equal(retailer.table(name, "killed"), retailer.table(name))


def test_an_interrupted_simulation_is_not_taken_for_a_retailer(retailer):
    simulation = ("--pipeline=simulation", "--params=raw_dir=halved")
    process = retailer.start("run", "--env=tiny", *simulation)
    wait_for(retailer.path / "halved", "item_data.csv.gz", process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    code, output = retailer.kedro("run", "--env=tiny", "--params=raw_dir=halved,data_dir=halves")
    assert code != 0
    assert "--pipeline=simulation" in output
    retailer.run(*simulation)
    for path in (retailer.path / "data" / "01_raw").glob("*.*"):
        assert (retailer.path / "halved" / path.name).read_bytes() == path.read_bytes()


def test_results_of_two_retailers_are_not_mixed(retailer):
    retailer.run("--pipeline=simulation", "--params=raw_dir=other,seed=2")
    code, output = retailer.kedro(
        "run", "--env=tiny", "--pipeline=optimization", "--params=raw_dir=other"
    )
    assert code != 0
    assert "other raw files" in output
    assert "Traceback" not in output


def test_without_the_truth_nothing_but_the_value_of_offers_changes(retailer):
    truth = retailer.path / "data" / "01_raw" / "truth.safetensors"
    before = {name: retailer.table(name) for name in RESULTS}
    hidden = truth.rename(retailer.path / "truth")
    try:
        retailer.run("--params=data_dir=untold,raw_dir=data/01_raw")
    finally:
        hidden.rename(truth)
    for name, table in before.items():
        pd.testing.assert_frame_equal(retailer.table(name, "untold"), table)
    value = pd.read_csv(retailer.path / "untold" / "08_reporting" / "offer_value.csv")
    assert value.empty


@pytest.mark.parametrize("name", ["offers", "what_if"])
def test_the_notebooks_run(retailer, name):
    import nbformat
    from nbclient import NotebookClient

    path = retailer.path / "notebooks" / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert all(outputs[1:])


def test_kedro_viz_builds_with_previews(retailer):
    code, output = retailer.kedro("viz", "build", "--include-previews")
    assert code == 0, output[-4000:]
    nodes = [json.loads(path.read_text()) for path in (retailer.path / "build/api/nodes").iterdir()]
    previews = {(node.get("filepath") or "").split("/")[-1]: node.get("preview") for node in nodes}
    figures = [path.name for path in (retailer.path / "data").rglob("*_plot.png")]
    assert len(figures) >= 11
    assert all(previews[name] for name in figures)
    assert previews["optimal_offers.parquet"]["data"]
    assert "customer_id" not in previews["optimal_offers.parquet"]["columns"]


def test_the_wheel_runs_without_the_project(retailer, tmp_path):
    code, output = retailer.kedro("package")
    assert code == 0, output[-4000:]
    dist = retailer.path / "dist"
    wheel, conf = next(dist.glob("*.whl")), next(dist.glob("conf*.tar.gz"))
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run([*install, str(tmp_path / "site"), str(wheel)], check=True)
    shutil.copytree(retailer.path / "data", tmp_path / "data")
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "promo_kedro",
            f"--conf-source={conf}",
            "--env=tiny",
            "--pipeline=optimization",
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    pd.testing.assert_frame_equal(
        Project(tmp_path).table("optimal_offers"), retailer.table("optimal_offers")
    )


def test_without_any_offers_nothing_is_identified_and_offers_stay(retailer):
    """Also: a category that nobody bought in the validation step."""
    lines, items = (
        raw_table(retailer, "customer_transaction_data"),
        raw_table(retailer, "item_data"),
    )
    lines["selling_price"] = lines["selling_price"] - lines["other_discount"]
    lines[["other_discount", "coupon_discount"]] = 0.0
    ends = pd.to_datetime(lines["date"]).max() - pd.Timedelta(days=14)
    in_validation = pd.to_datetime(lines["date"]).between(ends - pd.Timedelta(days=13), ends)
    bakery = lines["item_id"].isin(items.loc[items["category"] == "Bakery", "item_id"])
    write_raw(retailer, "zero", lines[~(in_validation & bakery)], items)

    output = retailer.run("--params=raw_dir=zero,data_dir=zero_results")
    curves = retailer.table("elasticity_curves", "zero_results")
    assert curves["status"].str.startswith("not identified").all()
    summary = retailer.table("optimization_summary", "zero_results")
    assert summary["status"].str.startswith("offers kept").all()
    offers = retailer.table("optimal_offers", "zero_results")
    assert (offers["offer_percent"] == 0).all()
    probabilities = retailer.table("purchase_probabilities", "zero_results")
    assert set(probabilities.query("category == 'Bakery'")["model"]) == {"pooled"}
    assert "Bakery" in output
    assert probabilities["probability"].notna().all()


def test_one_category_alone(retailer):
    items = raw_table(retailer, "item_data").query("category == 'Pharmaceutical'")
    lines = raw_table(retailer, "customer_transaction_data")
    write_raw(retailer, "one", lines[lines["item_id"].isin(items["item_id"])], items)

    retailer.run("--params=raw_dir=one,data_dir=one_results")
    offers = retailer.table("optimal_offers", "one_results")
    assert set(offers["category"]) == {"Pharmaceutical"}
    assert offers.drop(columns="change").notna().all(axis=None)
    results = pd.read_csv(retailer.path / "one_results" / "08_reporting" / "model_results.csv")
    assert len(results) == 2


@pytest.mark.parametrize("folder", ["online_retail", "amexpert_partial"])
def test_real_tables_run_to_the_end(bare, real_data, folder):
    output = bare.run(
        f"--params=raw_dir={real_data / folder},data_dir={folder},"
        "data_engineering.panel.min_orders=3"
    )
    assert "Traceback" not in output
    offers = bare.table("optimal_offers", folder)
    assert len(offers)
    assert offers.notna().drop(columns="change").all(axis=None)


def raw_table(project: Project, name: str) -> pd.DataFrame:
    return pd.read_csv(project.path / "data" / "01_raw" / f"{name}.csv.gz")


def write_raw(project: Project, folder: str, lines: pd.DataFrame, items: pd.DataFrame) -> None:
    (project.path / folder).mkdir()
    lines.to_csv(project.path / folder / "customer_transaction_data.csv", index=False)
    items.to_csv(project.path / folder / "item_data.csv", index=False)


def wait_for(folder: Path, name: str, process: subprocess.Popen) -> None:
    while not list(folder.rglob(name)):
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.05)
