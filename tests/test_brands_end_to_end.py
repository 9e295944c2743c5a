"""The brand experiment as its users run it: whole, again, on newer data, with their own lists."""

import json
import shutil

import pandas as pd
import pytest
from bare_project import Project, bare_copy

pytestmark = pytest.mark.slow

RUNS = {"popularity", "bau", "one_vs_rest", "v1", "v2_bce", "v2_bfc", "v2_wce"}
TOLD = ["assessment", "uplift", "experiment", "document", "results", "truth", "privacy"]


@pytest.fixture(scope="module")
def retailer(project_path, tmp_path_factory) -> Project:
    project = bare_copy(project_path, tmp_path_factory.mktemp("brands"))
    project.run("--pipeline=simulation")
    project.run("--pipeline=brands")
    return project


def reported(project: Project, name: str) -> pd.DataFrame:
    return pd.read_csv(project.path / "data" / "08_reporting" / f"{name}.csv")


def test_every_run_is_trained_scored_sized_and_judged(retailer):
    runs = retailer.table("brand_runs")
    assert set(runs["run"]) > RUNS
    for name in TOLD:
        assert len(reported(retailer, f"brand_{name}")), name
    experiment = reported(retailer, "brand_experiment")
    assert set(experiment["run"]) == set(runs["run"])
    assert experiment["winner"].sum() == 1
    assert experiment["log_loss"].between(0, 1).all()
    assert set(reported(retailer, "brand_truth")["run"]) > {"truth", "bau"}
    assert (
        "data:image/png"
        in (retailer.path / "data" / "08_reporting" / "brand_report.html").read_text()
    )


def test_no_one_judged_has_trained(retailer):
    roles = retailer.table("brand_consumers").set_index("customer_id")["role"]
    judged = retailer.table("brand_judged_consumers")
    assert (roles[judged["customer_id"]].to_numpy() == judged["sample"].to_numpy()).all()
    snapshots = retailer.table("brand_snapshots").set_index("use")
    assert snapshots.loc["train", "last_day"].max() < snapshots.loc["test", "first_day"]


def test_a_second_run_trains_and_scores_nothing_and_says_the_same(retailer):
    before = reported(retailer, "brand_assessment")
    output = retailer.run("--pipeline=brands")
    trained = set(retailer.table("brand_runs")["run"])
    assert all(f"{run} is trained already" in output for run in trained)
    assert "epoch 1 of" not in output
    pd.testing.assert_frame_equal(reported(retailer, "brand_assessment"), before)


def test_saved_models_address_the_next_period_of_newer_data(retailer):
    shutil.copytree(retailer.path / "data", retailer.path / "newer")
    raw = retailer.path / "newer_raw"
    shutil.copytree(retailer.path / "data" / "01_raw", raw)
    lines = pd.read_csv(raw / "customer_transaction_data.csv.gz")
    latest = lines[lines["date"] > lines["date"].max()[:8] + "01"]
    days = pd.to_datetime(latest["date"]) + pd.Timedelta(days=14)
    later = latest.assign(date=days.dt.strftime("%Y-%m-%d"))
    pd.concat([lines, later]).to_csv(raw / "customer_transaction_data.csv.gz", index=False)

    output = retailer.run("--pipeline=brand_scoring", "--params=raw_dir=newer_raw,data_dir=newer")
    assert "Made from other raw data, and used as they are: brand_list, brand_models" in output
    assert "epoch" not in output
    old = retailer.table("brand_audience_members")
    new = retailer.table("brand_audience_members", "newer")
    last_day = days.max()
    assert old["valid_to"].max() < new["valid_from"].min()
    assert pd.Timestamp(new["valid_from"].min()) == last_day + pd.Timedelta(days=1)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("approved_brands", "brand\n", "names no brand"),
        ("approved_brands", "brand\nnobody\n", "nobody"),
        ("brand_weights", "brand,weight\n1,-2\n", "brand_weights"),
    ],
)
def test_lists_that_cannot_be_used_are_refused(retailer, name, text, said):
    path = retailer.path / "data" / "01_raw" / f"{name}.csv"
    path.write_text(text)
    try:
        code, output = retailer.kedro(
            "run",
            "--env=tiny",
            "--pipeline=brands",
            "--params=brand_modelling.runs.v2_bce.loss.weights=custom",
        )
    finally:
        path.unlink()
    assert code == 1
    assert said in output
    assert "Traceback" not in output


def test_kedro_viz_shows_the_plots_and_no_one(retailer):
    code, output = retailer.kedro("viz", "build", "--include-previews")
    assert code == 0, output[-4000:]
    nodes = [json.loads(path.read_text()) for path in (retailer.path / "build/api/nodes").iterdir()]
    previews = {(node.get("filepath") or "").split("/")[-1]: node.get("preview") for node in nodes}
    figures = [path.name for path in (retailer.path / "data").rglob("brand_*_plot.png")]
    assert len(figures) == 7
    assert all(previews[name] for name in figures)
    for table in ("brand_audience_members.parquet", "brand_scored_pairs", "brand_features.parquet"):
        assert previews[table]["data"], table
        assert "customer_id" not in previews[table]["columns"]


def test_results_say_which_data_they_come_from(retailer):
    recorded = json.loads((retailer.path / "data" / "provenance.json").read_text())
    manifest = json.loads(next((retailer.path / "data").rglob("raw_manifest.json")).read_text())
    assert set(recorded.values()) == {manifest["raw_data_hash"]}
    assert {"brand_models", "brand_selections", "brand_audience_members"} < set(recorded)
