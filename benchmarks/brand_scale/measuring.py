"""Training, scoring, sizing and assessing by the project's own run, each with its cost."""

import sys
from pathlib import Path

import pandas as pd
from contest.memory import run_measured
from contest.project_runs import ENVIRONMENT, PROJECT, ProjectRun

PARTS = {
    "training": ["modelling.train_brand_models"],
    "scoring": ["modelling.score_brands"],
    "sizing": ["thresholding.size_brand_audiences"],
    "assessment": ["evaluation.find_judged_consumers", "evaluation.assess_brands"],
}
JUDGED = ["scoring", "sizing", "assessment"]
MOST_SECONDS, MOST_GB = 300.0, 4.0
RUN = "v2_bfc"


def configure(run: ProjectRun, threads: int, seed: int, epochs: int) -> None:
    """Leave one run of the experiment, the network with the document's winning loss."""
    run.configure({})
    others = [name for name in run.parameters()["brand_modelling"]["runs"] if name != RUN]
    modelling = {
        "runs": dict.fromkeys(others),
        "in_use": RUN,
        "threads": threads,
        "accelerator": "cpu",
        "training": {"max_epochs": epochs},
    }
    # Rare brands count as well: the benchmark is about as many as asked for.
    run.configure({"seed": seed, "brand_modelling": modelling, "brand_data": {"min_buyers": 1}})
    # As globals, not as parameters of the run: there is no raw folder to compare the tables with.
    folders = f"data_dir: {run.data_dir}\nraw_dir: {run.raw_dir}\n"
    (run.folder / "conf" / ENVIRONMENT / "globals.yml").write_text(folders)


def measure(run: ProjectRun, nodes: list[str], log: Path) -> dict[str, float]:
    """Run nodes of the brand pipeline in a process of its own; its start is part of the cost."""
    cost = run_measured(
        [
            sys.executable,
            "-m",
            "kedro",
            "run",
            f"--conf-source={run.folder / 'conf'}",
            f"--env={ENVIRONMENT}",
            "--pipeline=brands",
            f"--nodes={','.join(nodes)}",
        ],
        log,
        cwd=PROJECT,
        threads=run.threads,
    )
    return {"seconds": cost.seconds, "peak_gb": cost.peak_gb}


def measure_parts(run: ProjectRun, trained: bool) -> pd.DataFrame:
    """Measure each part of the run; training is left out where it was done before.

    Returns:
        part, seconds, peak_gb (of anonymous memory); the last row sums up what goals are about.
    """
    rows = []
    for part, nodes in PARTS.items():
        if part == "training" and trained:
            continue
        print(f"{part} …", flush=True)
        rows.append({"part": part, **measure(run, nodes, run.folder / "logs" / f"{part}.log")})
    table = pd.DataFrame(rows)
    return pd.concat([table, _summed(table[table["part"].isin(JUDGED)])], ignore_index=True)


def _summed(table: pd.DataFrame) -> pd.DataFrame:
    whole = {
        "part": " + ".join(table["part"]),
        "seconds": table["seconds"].sum(),
        "peak_gb": table["peak_gb"].max(),
    }
    return pd.DataFrame([whole])


def goals_of_scale(table: pd.DataFrame, consumers: int, brands: int) -> pd.DataFrame:
    """Whether scoring, sizing and assessment stay within what was wanted of a million × 500.

    Returns:
        what, wanted, measured and whether it was met, misses first; of a smaller retailer nothing
        is judged.
    """
    whole = table.iloc[-1]
    large = consumers >= 1_000_000 and brands >= 500
    size = f"{consumers:,} consumers × {brands} brands"
    goals = pd.DataFrame(
        {
            "what": [f"seconds, {size}", f"peak memory (GB), {size}"],
            "wanted": [MOST_SECONDS, MOST_GB],
            "measured": [round(float(whole["seconds"]), 1), round(float(whole["peak_gb"]), 2)],
        }
    )
    met = (goals["measured"] <= goals["wanted"]).map({True: "met", False: "missed"})
    goals["goal"] = met if large else "smaller than the goal's size"
    return goals.sort_values("goal", ascending=False, kind="stable", ignore_index=True)
