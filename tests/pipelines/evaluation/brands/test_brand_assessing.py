"""All rows of the assessment against scikit-learn on whole matrices, and its borders."""

import json

import ibis
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import precision_recall_fscore_support

from promo_kedro.datasets import TableDataset
from promo_kedro.errors import InputError
from promo_kedro.pipelines.evaluation.brands.assessing import nodes
from promo_kedro.pipelines.evaluation.brands.assessing.brand_results import runs_to_show
from promo_kedro.pipelines.evaluation.brands.assessing.pipeline import create_assessing_pipeline
from promo_kedro.pipelines.evaluation.brands.parameters import (
    BrandAssessmentParameters,
    EmptyParameters,
)
from promo_kedro.schemas.brands import SIZINGS, STRATA, BrandAssessment

APPROVED, TRAIN, TEST = 8, 5, 6
SAMPLES = {"validation": TRAIN, "out_of_training": TEST}
RUNS = ["bau", "v2"]
MANIFEST = {"raw_data_hash": "abc"}
NO_ONE_BOUGHT = "brand 6"
FIRST = {"validation": 1000, "out_of_training": 2000}
CONSUMERS = 40


@pytest.fixture(scope="module")
def world():
    """Matrices (consumers, approved brands) and the tables that say the same."""
    rng = np.random.default_rng(11)
    bought, selected = {}, {}
    for sample in SAMPLES:
        bought[sample] = rng.random((CONSUMERS, APPROVED)) < 0.25
        bought[sample][:, 6] = False
        bought[sample][:12] = False
        for run in RUNS:
            for sizing in SIZINGS:
                selected[sample, run, sizing] = rng.random((CONSUMERS, APPROVED)) < 0.2
    return bought, selected


@pytest.fixture(scope="module")
def parameters():
    # With everything scored that can be, figures are scikit-learn's with zero_division=nan.
    return BrandAssessmentParameters(in_use="v2", empty_for_consumers=EmptyParameters())


@pytest.fixture(scope="module")
def brand_list():
    """A brand that is not approved stands among the others."""
    names = [f"brand {place}" for place in range(APPROVED)]
    return pd.DataFrame(
        {
            "position": range(APPROVED + 1),
            "brand": [*names[:3], "not approved", *names[3:]],
            "approved": [place != 3 for place in range(APPROVED + 1)],
            "stratum": ["head", "head", "mid", "mid", "mid", *["niche"] * 4],
        }
    )


@pytest.fixture(scope="module")
def tables(world, brand_list):
    bought, selected = world
    names = brand_list.loc[brand_list["approved"], "brand"].to_numpy()
    return {
        "brand_selections": _selections(selected, names),
        "brand_audiences": _audiences(selected, names),
        "brand_purchases": _purchases(bought, names),
        "brand_judged_consumers": nodes.find_judged_consumers(*_population()),
        "brand_list": brand_list,
    }


def _ids(sample):
    return FIRST[sample] + np.arange(CONSUMERS)


def _population():
    """Everyone has features at both snapshots, but for a newcomer; roles tell who is judged."""
    everyone = np.concatenate([_ids(sample) for sample in SAMPLES])
    features = [
        {"snapshot": snapshot, "customer_id": customer}
        for snapshot in (4, TRAIN, TEST, 7)
        for customer in [*everyone, 1]
    ]
    newcomer = 2999
    roles = [{"customer_id": i, "role": sample} for sample in SAMPLES for i in _ids(sample)]
    roles += [
        {"customer_id": newcomer, "role": "out_of_training"},
        {"customer_id": 1, "role": "training"},
    ]
    uses = {4: "train", TRAIN: "train", TEST: "test", 7: "next"}
    snapshots = pd.DataFrame({"snapshot": uses.keys(), "use": uses.values()})
    return ibis.memtable(pd.DataFrame(features)), pd.DataFrame(roles), snapshots


def _selections(selected, names):
    parts = []
    for sample in SAMPLES:
        for run in RUNS:
            rules = np.stack([selected[sample, run, sizing] for sizing in SIZINGS])
            consumer, brand = np.nonzero(rules.any(axis=0))
            parts.append(
                pd.DataFrame(
                    {
                        **{"sample": sample, "run": run, "probability": 0.5},
                        "customer_id": _ids(sample)[consumer],
                        "brand": names[brand],
                        **{
                            sizing: rules[place, consumer, brand]
                            for place, sizing in enumerate(SIZINGS)
                        },
                    }
                ).sample(frac=1, random_state=1)
            )
    return ibis.memtable(pd.concat(parts, ignore_index=True))


def _audiences(selected, names):
    rows = [
        {"sample": sample, "run": run, "sizing": sizing, "brand": brand, "size": size}
        for (sample, run, sizing), matrix in selected.items()
        for brand, size in zip(names, matrix.sum(axis=0), strict=True)
    ]
    return pd.DataFrame(rows)


def _purchases(bought, names):
    """What is not asked for lies beside it: other brands, other snapshots, a newcomer."""
    rows = [{"snapshot": TEST, "customer_id": 2999, "brand": names[0]}]
    for sample, snapshot in SAMPLES.items():
        consumer, brand = np.nonzero(bought[sample])
        for i, j in zip(consumer, brand, strict=True):
            rows.append({"snapshot": snapshot, "customer_id": _ids(sample)[i], "brand": names[j]})
        rows += [
            {"snapshot": snapshot, "customer_id": i, "brand": "not approved"} for i in _ids(sample)
        ]
        rows += [{"snapshot": 4, "customer_id": i, "brand": names[6]} for i in _ids(sample)]
    return ibis.memtable(pd.DataFrame(rows))


@pytest.fixture(scope="module")
def assessed(tables, parameters):
    return nodes.assess_brands(**tables, raw_manifest=MANIFEST, parameters=parameters)


@pytest.mark.parametrize("stratum", ["all", *STRATA])
@pytest.mark.parametrize("level", ["user", "item"])
@pytest.mark.parametrize("sample", SAMPLES)
def test_every_row_is_what_scikit_learn_says(world, assessed, brand_list, sample, level, stratum):
    bought, selected = world
    strata = brand_list.loc[brand_list["approved"], "stratum"].to_numpy()
    chosen = np.ones(APPROVED, dtype=bool) if stratum == "all" else strata == stratum
    rows = pd.DataFrame(assessed[1]["rows"]).set_index(
        ["sample", "run", "sizing", "level", "stratum"]
    )
    for run in RUNS:
        for sizing in SIZINGS:
            truth = bought[sample][:, chosen]
            told = selected[sample, run, sizing][:, chosen]
            if level == "user":
                truth, told = truth.T, told.T
            precision, recall, f1 = precision_recall_fscore_support(
                truth, told, average=None, zero_division=np.nan
            )[:3]
            row = rows.loc[(sample, run, sizing, level, stratum)]
            assert row["precision"] == pytest.approx(np.nanmedian(precision))
            assert row["recall"] == pytest.approx(np.nanmedian(recall))
            assert row["f1_median"] == pytest.approx(np.nanmedian(f1))
            assert row["f1_mean"] == pytest.approx(np.nanmean(f1))
            assert row["recall_q3"] == pytest.approx(np.nanquantile(recall, 0.75))
            assert row["scored"] == np.isfinite(f1).sum()
            assert row["empty_both"] == np.isnan(f1).sum()


def test_the_table_is_in_the_schema_and_its_document_says_of_what_it_is(assessed):
    table, document, counts = assessed
    BrandAssessment.validate(table)
    assert len(table) == len(SAMPLES) * len(RUNS) * len(SIZINGS) * 2 * 4 == len(document["rows"])
    assert document["raw_data_hash"] == "abc"
    assert document["winner"] in RUNS
    assert json.loads(json.dumps(document)) == document
    assert len(counts) == len(SAMPLES) * len(RUNS) * len(SIZINGS) * APPROVED


def test_counts_add_up(world, assessed):
    bought, selected = world
    counts = assessed[2].query("sample == 'out_of_training' and sizing == 'fixed' and run == 'v2'")
    matrix = selected["out_of_training", "v2", "fixed"]
    assert counts["size"].to_list() == matrix.sum(axis=0).tolist()
    assert counts["buyers"].to_list() == bought["out_of_training"].sum(axis=0).tolist()
    hits = (matrix & bought["out_of_training"]).sum(axis=0)
    assert counts["hits"].to_list() == hits.tolist()


@pytest.mark.parametrize("level", ["user", "item"])
def test_the_error_against_the_winner_is_that_of_pairs(world, assessed, level):
    bought, selected = world
    winner, other = sorted(RUNS, key=lambda run: run != assessed[1]["winner"])
    truth, f1 = bought["out_of_training"], {}
    for run in RUNS:
        told = selected["out_of_training", run, "prevalence"]
        both = (truth.T, told.T) if level == "user" else (truth, told)
        f1[run] = precision_recall_fscore_support(*both, average=None, zero_division=np.nan)[2]
    scored = np.isfinite(f1[winner]) & np.isfinite(f1[other])
    difference = f1[winner][scored] - f1[other][scored]
    rows = pd.DataFrame(assessed[1]["against_winner"]).set_index(["name", "level"])
    assert len(rows) == 2
    expected = difference.std(ddof=1) / np.sqrt(scored.sum())
    # At the user level a few are scored in one run alone.
    tolerance = 1e-6 if scored.sum() == len(scored) else 0.1
    assert rows["f1_mean_se"][other, level] == pytest.approx(expected, rel=tolerance)


def test_a_table_in_partitions_gives_the_same(tables, parameters, assessed, tmp_path):
    dataset = TableDataset(
        filepath=str(tmp_path / "selections"),
        connection={"backend": "duckdb"},
        save_args={"partition_by": ["sample", "run"]},
    )
    dataset.save(tables["brand_selections"].to_pandas())
    stored = {**tables, "brand_selections": dataset.load()}
    again = nodes.assess_brands(**stored, raw_manifest=MANIFEST, parameters=parameters)
    pd.testing.assert_frame_equal(again[0], assessed[0])
    pd.testing.assert_frame_equal(again[2], assessed[2])


def test_a_brand_no_one_bought_scores_nothing_but_counts(assessed):
    brand = assessed[2].query("brand == @NO_ONE_BOUGHT and sample == 'out_of_training'")
    assert (brand["buyers"] == 0).all()
    assert (brand["hits"] == 0).all()
    rows = assessed[0].query("level == 'item' and stratum == 'all' and sample == 'out_of_training'")
    assert (rows["empty_truth"] == 1).all()
    assert (rows["scored"] == APPROVED).all()


def test_a_run_that_selects_no_one(tables, parameters):
    nobody = tables["brand_selections"].filter(ibis._.run != "bau")
    sizes = tables["brand_audiences"]
    sizes = sizes.assign(size=sizes["size"].where(sizes["run"] != "bau", 0))
    changed = {**tables, "brand_selections": nobody, "brand_audiences": sizes}
    table, document, _ = nodes.assess_brands(
        **changed, raw_manifest=MANIFEST, parameters=parameters
    )
    rows = table[(table["run"] == "bau") & (table["stratum"] == "all")]
    assert (rows["f1_median"] == 0).all()
    assert (rows["recall"] == 0).all()
    assert rows["precision"].isna().all()
    assert (rows["empty_prediction"] == rows["scored"]).all()
    assert document["winner"] == "v2"


def test_consumers_who_bought_nothing_are_not_scored_by_default(tables, world):
    by_default = BrandAssessmentParameters(in_use="v2")
    table = nodes.assess_brands(**tables, raw_manifest=MANIFEST, parameters=by_default)[0]
    rows = table.query("sample == 'out_of_training' and stratum == 'all' and level == 'user'")
    assert (rows["scored"] == world[0]["out_of_training"].any(axis=1).sum()).all()
    assert (rows["scored"] + rows["empty_truth"] + rows["empty_both"] == CONSUMERS).all()


def test_people_see_no_figures_of_few_consumers(tables, assessed):
    many = BrandAssessmentParameters(in_use="v2", min_group_consumers=CONSUMERS + 1)
    table, document, _ = nodes.assess_brands(**tables, raw_manifest=MANIFEST, parameters=many)
    figures = [name for name in table if name not in ("sample", "run", "sizing", "level")]
    assert table[figures].drop(columns="stratum").isna().all().all()
    assert len(table) == len(assessed[0])
    assert pd.DataFrame(document["rows"])["f1_median"].notna().all()


def test_selections_of_other_sizes_are_refused(tables, parameters):
    other = tables["brand_audiences"].assign(size=lambda rows: rows["size"] + 1)
    changed = {**tables, "brand_audiences": other}
    with pytest.raises(InputError, match="not of the size in brand_audiences"):
        nodes.assess_brands(**changed, raw_manifest=MANIFEST, parameters=parameters)


def test_selected_strangers_are_refused(tables, parameters):
    judged = tables["brand_judged_consumers"].query("customer_id != 2020")
    with pytest.raises(InputError, match="not in brand_features"):
        nodes.assess_brands(
            **{**tables, "brand_judged_consumers": judged},
            raw_manifest=MANIFEST,
            parameters=parameters,
        )


def test_without_an_approved_brand_there_is_nothing_to_judge(tables, parameters):
    none = tables["brand_list"].assign(approved=False)
    with pytest.raises(InputError, match="none of 9 brands is approved"):
        nodes.assess_brands(
            **{**tables, "brand_list": none}, raw_manifest=MANIFEST, parameters=parameters
        )


def test_without_a_validation_sample_no_run_is_the_best(tables, parameters):
    judged = tables["brand_judged_consumers"].query("sample != 'validation'")
    with pytest.raises(InputError, match="none can be called the best"):
        nodes.assess_brands(
            **{**tables, "brand_judged_consumers": judged},
            raw_manifest=MANIFEST,
            parameters=parameters,
        )


@pytest.fixture
def runs():
    return pd.DataFrame(
        {
            "run": [*RUNS, "v2 failed to be judged"],
            "model": ["bau", "varemb_v2", "varemb_v2"],
            "loss": [None, "focal", "bce"],
            "resampling": [None, "none", "none"],
            "epsilon": np.nan,
            "parameters": "{}",
            "seed": 1,
            "raw_data_hash": "abc",
            "epochs": 3,
            "weights": 10,
            "seconds": 1.5,
        }
    )


@pytest.fixture
def totals():
    return pd.DataFrame(
        {
            "sample": ["out_of_training", "out_of_training", "validation"],
            "run": "v2",
            "consumers": [10, 30, 99],
            "log_loss": [0.1, 0.3, 0.9],
        }
    )


def test_the_experiment_has_a_row_for_every_run(assessed, runs, totals, parameters):
    table = nodes.tabulate_brand_experiment(runs, *assessed[:2], totals, parameters)
    rows = table.set_index("run")
    assert list(table["run"]) == list(runs["run"])
    assert rows["log_loss"]["v2"] == pytest.approx((10 * 0.1 + 30 * 0.3) / 40)
    told = assessed[0].query(
        "sample == 'out_of_training' and run == 'bau' and sizing == 'prevalence' "
        "and stratum == 'all' and level == 'item'"
    )
    assert rows["item_f1_median"]["bau"] == told["f1_median"].iloc[0]
    assert rows["winner"].sum() == 1
    assert rows.loc[rows["winner"]].index[0] == assessed[1]["winner"]
    assert np.isnan(rows["user_recall"].iloc[-1])
    beside = nodes.place_document_beside(table)
    assert len(beside) == 8 + 2 * len(runs)


def test_brands_are_told_by_themselves_without_small_ones(assessed, brand_list, runs):
    parameters = BrandAssessmentParameters(in_use="v2", min_group_consumers=4)
    told = nodes.tell_brand_results(
        assessed[2], assessed[0], brand_list, runs, assessed[1], parameters
    )
    assert set(told["run"]) == set(RUNS)
    assert len(told) == 2 * APPROVED
    hidden = told.loc[told["f1"].isna() & told["buyers"].isna(), "brand"]
    assert NO_ONE_BOUGHT in set(hidden)
    # One hidden brand alone would follow from the others.
    assert hidden.nunique() >= 2
    shown = told[~told["brand"].isin(hidden)]
    assert (shown[["buyers", "size"]] >= 4).all().all()
    row = shown.iloc[0]
    counts = (
        assessed[2]
        .query(
            "sample == 'out_of_training' and sizing == 'prevalence' "
            f"and run == {row['run']!r} and brand == {row['brand']!r}"
        )
        .iloc[0]
    )
    assert row["precision"] == pytest.approx(counts["hits"] / counts["size"])


def test_the_best_run_of_each_model_is_shown():
    models = pd.DataFrame({"run": ["a", "b", "c"], "model": ["v2", "v2", "bau"]})
    assert runs_to_show(models, {"b": 0.5, "a": 0.4, "c": 0.1}) == ["b", "c"]


def test_the_parameters_file_is_understood(base_parameters):
    given = BrandAssessmentParameters.model_validate(base_parameters["brand_assessment"])
    assert given.model_dump(exclude={"in_use"}) == BrandAssessmentParameters(
        in_use="any"
    ).model_dump(exclude={"in_use"})


def test_the_pipeline_makes_every_table(tables, parameters, assessed, runs, totals):
    """All but the judged consumers comes in; the truth and the losses of members are absent."""
    features, roles, snapshots = _population()
    columns = ["run", "stratum", "member", "loss", "loss_minus_reference"]
    members = pd.DataFrame(columns=columns)
    given = {
        **{name: table for name, table in tables.items() if name != "brand_judged_consumers"},
        **{"brand_features": features, "brand_consumers": roles, "brand_snapshots": snapshots},
        **{"raw_manifest": MANIFEST, "params:brand_assessment": parameters, "truth": None},
        **{"brand_runs": runs, "brand_score_totals": totals, "brand_membership": members},
    }
    pipeline = create_assessing_pipeline()
    assert all(node.tags == {"brands"} for node in pipeline.nodes)
    made = dict(given)
    for node in pipeline.nodes:
        made |= node.run({name: made[name] for name in node.inputs})
    pd.testing.assert_frame_equal(made["brand_assessment"], assessed[0])
    assert made["brand_truth"].empty
    assert made["brand_privacy"].empty
    assert set(made["brand_uplift"]["source"]) == {"ours", "the document"}
    assert len(made["brand_experiment"]) == len(runs)
    assert len(made["brand_document"]) == 8 + 2 * len(runs)
    assert len(made["brand_results"]) == 2 * APPROVED
