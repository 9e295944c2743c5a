import re
from base64 import b64encode

import numpy as np
import pandas as pd
import pytest

from promo_kedro.pipelines.evaluation.brands.parameters import BrandAssessmentParameters
from promo_kedro.pipelines.evaluation.brands.showing import findings, nodes
from promo_kedro.pipelines.evaluation.brands.showing.pipeline import create_showing_pipeline
from promo_kedro.pipelines.evaluation.brands.showing.report import table_names

PARAMETERS = BrandAssessmentParameters(in_use="v2_bfc")
PNG = b"\x89PNG pretend"


def tables_of(made):
    return {
        "brand_snapshots": made.snapshots,
        "brand_list": made.brand_list,
        "brand_consumers": made.consumers,
        "brand_runs": made.runs,
        "brand_assessment": made.assessment,
        "brand_experiment": made.table,
        "brand_uplift": made.uplift,
        "brand_document": made.document,
        "brand_results": made.results,
        "brand_truth": made.truth,
        "brand_privacy": made.privacy,
        "brand_audiences": made.audiences,
    }


def write(made, parameters=PARAMETERS, **changed):
    plots = {"brand_f1_plot": PNG, "brand_grid_plot": PNG}
    return nodes.write_brand_report(parameters, **tables_of(made) | plots | changed)


def words(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.fixture(scope="module")
def page(experiment):
    return write(experiment)


def test_it_says_what_was_asked_and_of_whom(page):
    told = words(page)
    assert "For each of 120 approved brands (of 120 known ones)" in told
    assert "2019-05-20 to 2019-06-02" in told
    assert "60,000 consumers" in told
    assert "judged on 20,000 consumers they have never seen" in told
    assert "0f" * 32 in told


def test_both_tables_hold_every_run_and_the_document_marked_as_its_own(page, experiment):
    for title in ("User level", "Item level"):
        section = page.split(f"<h3>{title}")[1].split("</table>")[0]
        for run in experiment.runs["run"]:
            assert f"<td>{run}</td>" in section
        theirs = re.findall(r'<tr class="paper.*?</tr>', section, re.S)
        assert len(theirs) == 4
        assert all("The experiment document" in row for row in theirs)
    user = experiment.assessment.query(
        "run == 'v1' and level == 'user' and stratum == 'all' and sizing == 'prevalence'"
    ).iloc[0]
    section = page.split("<h3>User level")[1].split("</table>")[0]
    row = re.search(r"<td>v1</td>.*?</tr>", section, re.S)[0]
    figures = [user["precision"], user["recall"], user["f1_median"], user["f1_harmonic"]]
    assert re.findall(r"<td>([\d.]+)</td>", row)[:4] == [f"{100 * f:.1f}" for f in figures]
    assert "cannot be compared with ours" in words(page)


def test_the_best_run_is_marked_once_per_table(page, experiment):
    marked = re.findall(r'<tr class="total"><td>(\w+)</td>', page)
    assert marked == [experiment.runs["run"].iloc[-1]] * 2


def test_the_documents_uplift_stands_beside_ours(page):
    section = page.split("What the best run gains")[1].split("</table>")[0]
    assert "20.5 (51 %)" in section
    assert "10.3 (234 %)" in section


def test_plots_are_in_the_page_and_missing_ones_leave_no_gap(page):
    assert page.count("data:image/png;base64," + b64encode(PNG).decode()) == 2
    assert page.count("<img") == 2
    assert not re.search(r'(src|href)="(?!data:)', page)  # nothing is fetched


def test_no_customer_is_named(page):
    assert "7700" not in page
    assert not re.search(r"\bnan\b", words(page), re.I)


def test_the_sentence_about_the_grid_is_computed(experiment):
    rows = experiment.assessment
    sizes = dict(zip(rows["sizing"].unique(), (0.1, 0.2, 0.3, 0.4, 0.5), strict=True))
    by_size = rows.assign(f1_median=rows["sizing"].map(sizes))
    for sentence in findings.grid_sentences(by_size, experiment.runs):
        assert "the rule of size decides more" in sentence
        assert "100% goes with the rule of size alone, 0% with the loss alone" in sentence
        assert "on average 40.0 points" in sentence
    by_loss = rows.assign(
        f1_median=rows["run"].map({r: k / 100 for k, r in enumerate(rows["run"].unique())})
    )
    assert "the loss decides more" in findings.grid_sentences(by_loss, experiment.runs)[0]


def test_where_all_medians_are_zero_the_means_are_compared(experiment):
    zero = experiment.assessment.assign(f1_median=0.0)
    assert "spread of the mean F1" in findings.grid_sentences(zero, experiment.runs)[0]


def test_the_verdict_tells_where_another_run_is_ahead(experiment):
    table = experiment.table.copy()
    assert "above every other run at both levels" in findings.verdict(table, "f1_median")
    table.loc[table["run"] == "bau", "item_f1_median"] = 0.9
    told = findings.verdict(table, "f1_median")
    assert "at the item level “bau” does as well or better (90.0 %" in told
    assert "at the user level" not in told
    told = findings.against_simpler(table, "f1_median")
    best = table[table["winner"]].iloc[0]
    bau = table[table["run"] == "bau"].iloc[0]
    gain = 100 * (best["user_f1_median"] - bau["user_f1_median"])
    loss = 100 * (0.9 - best["item_f1_median"])
    assert f"BAU +{gain:.1f} and −{loss:.1f};" in told


def warned(made, in_use="v2_bfc", **changed):
    main = made.assessment.query("stratum == 'all' and sizing == 'prevalence'")
    given = {
        "experiment": made.table,
        "brand_list": made.brand_list,
        "main": main,
        "privacy": made.privacy.assign(auc=0.5),
        "audiences": made.audiences.query("sizing == 'prevalence'"),
        "in_use": in_use,
    } | changed
    return " ".join(findings.warnings(**given))


def test_it_warns_only_where_there_is_something_to_know(experiment):
    whole = experiment.assessment.query("stratum == 'all' and sizing == 'prevalence'")
    calm = whole.assign(empty_truth=0, empty_both=0)
    winner = experiment.runs["run"].iloc[-1]
    assert warned(experiment, in_use=winner, main=calm) == ""
    assert f"“{winner}”, is not the one in use" in warned(experiment)
    assert "Only 5 of 5 brands" in warned(experiment, brand_list=experiment.brand_list.head(5))
    zero = calm.assign(f1_median=calm["f1_median"].where(calm["run"] != "bau", 0.0))
    assert "0 in 1 of 16 runs" in warned(experiment, main=zero)
    empty = calm.assign(empty_both=1000, scored=10)
    assert "99% of the consumers buy no approved brand" in warned(experiment, main=empty)
    told = experiment.privacy.assign(auc=np.where(experiment.privacy["run"] == "v1", 0.6, 0.5))
    assert "above 0.55 on v1: such" in warned(experiment, privacy=told.assign(auc_low=0.51))
    few = warned(experiment, privacy=told.assign(auc_low=0.49))
    assert "above 0.55 on v1, but its interval holds 0.5" in few
    assert "should not leave the house" not in few
    chance = pd.DataFrame({"run": ["popularity"], "stratum": "all", "auc": 0.58, "auc_low": 0.57})
    lucky = pd.concat([told.assign(auc_low=0.56), chance])
    assert "interval holds 0.58" in warned(experiment, privacy=lucky)
    small = experiment.audiences.assign(limited_by="smallest_audience").query("sizing == 'fixed'")
    assert "120 of 120 audiences of the run in use" in warned(experiment, audiences=small)


def test_conventions_are_those_of_the_parameters():
    left = PARAMETERS.empty_for_brands.model_dump()
    one = {"truth": "left_out", "prediction": "zero", "both": "one"}
    what = ("an audience", "no buyer", "buyers", "no audience")
    assert findings.empty_words(left, "A brand", what)[0].endswith("precision and F1 of 0.")
    assert findings.empty_words(one, "A brand", what) == [
        "A brand with an audience but no buyer is left out.",
        "A brand with buyers but no audience counts as 0.",
        "A brand with neither counts as perfect.",
    ]


def test_without_truth_attack_or_resampling_it_says_so(small_experiment):
    made = small_experiment
    page = write(made, brand_truth=made.truth.iloc[:0], brand_privacy=made.privacy.iloc[:0])
    told = words(page)
    assert "Of the truth" not in told
    assert "No run resamples." in told
    assert "No run was attacked." in told
    assert "No run of this experiment was trained with differential privacy" in told


def test_small_groups_without_figures_are_dashes(small_experiment):
    rows = small_experiment.assessment.copy()
    figures = rows.select_dtypes("number").columns
    rows.loc[rows["run"] == "bau", figures] = pd.NA
    page = write(small_experiment, brand_assessment=rows)
    section = page.split("<h3>Item level")[1].split("</table>")[0]
    row = re.search(r"<td>bau</td>.*?</tr>", section, re.S)[0]
    assert re.findall(r"<td>(–)</td>", row)
    assert not re.search(r"\bnan\b|NA\b", words(row))


def test_the_pipeline_gives_the_page_what_it_needs():
    pipeline = create_showing_pipeline()
    report = next(node for node in pipeline.nodes if node.name == "write_brand_report")
    assert set(table_names()) <= set(report.inputs)
    drawn = {name for node in pipeline.nodes if node is not report for name in node.outputs}
    assert drawn <= set(report.inputs)
    assert all(node.tags == {"brands"} for node in pipeline.nodes)
