import re
from base64 import b64encode

import pandas as pd
import pytest

from promo_kedro.pipelines.evaluation.brands.parameters import BrandAssessmentParameters
from promo_kedro.pipelines.evaluation.brands.showing import cautions, findings, nodes
from promo_kedro.pipelines.evaluation.brands.showing.naming import models_of
from promo_kedro.pipelines.evaluation.brands.showing.pipeline import create_showing_pipeline
from promo_kedro.pipelines.evaluation.brands.showing.report import table_names

PARAMETERS = BrandAssessmentParameters(in_use="v2_bfc")
PNG = b"\x89PNG pretend"


def tables_of(made):
    return {
        "brand_snapshots": made.snapshots,
        "brand_list": made.brand_list,
        "brand_consumers": made.consumers,
        "brand_judged_consumers": made.judged_consumers,
        "brand_runs": made.runs,
        "brand_assessment": made.assessment,
        "brand_experiment": made.table,
        "brand_uplift": made.uplift,
        "brand_document": made.document,
        "brand_results": made.results,
        "brand_truth": made.truth,
        "brand_privacy": made.privacy,
        "brand_audiences": made.audiences,
        "brand_next_audiences": coming(made),
    }


def coming(made):
    """The audiences of the run in use, as if they were of the coming period."""
    return made.audiences.query("run == 'v2_bfc'").assign(sample="next")


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
    assert "up to 60,000 consumers; 9,995 others" in told
    assert "judged on 19,990 consumers they have never seen" in told
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
    assert marked == [experiment.runs["run"].iloc[-1]] * 4  # results, and results by popularity


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
    sizes = dict(zip(rows["sizing"].unique(), (0.1, 0.2, 0.3, 0.4, 0.5, 0.6), strict=True))
    by_size = rows.assign(f1_median=rows["sizing"].map(sizes))
    for sentence in findings.grid_sentences(by_size, experiment.runs):
        assert "the rule of size decides more" in sentence
        assert "100 % goes with the rule of size alone, 0 % with the loss alone" in sentence
        assert "on average 50.0 points" in sentence
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


def test_gains_are_of_the_mean_and_chance_is_named(experiment):
    shown = ["v2_bfc_private_10", "bau", "v1", "popularity"]
    told = findings.against_simpler(experiment.uplift, shown, models_of(experiment.runs))
    rows = experiment.uplift[experiment.uplift["source"] == "ours"].set_index(["name", "level"])
    for run, words in (("bau", "BAU"), ("v1", "VarEmb V1")):
        parts = []
        for level in ("user", "item"):
            row = rows.loc[(run, level)]
            points = f"{row['f1_mean_points']:+.1f} ± 6.0".replace("-", "−")
            chance = " (within chance)" if abs(row["f1_mean_points"]) < 6 else ""
            parts.append(points + chance)
        assert f"{words} {' and '.join(parts)}" in told
    assert "Points of mean F1" in told
    equal = rows["within_chance"].astype(bool).groupby("name").all()
    told = findings.within_chance(experiment.uplift)
    assert 0 < equal.sum() < len(equal)
    assert {name for name in equal.index if f"“{name}”" in told} == set(equal.index[equal])


def test_size_alone_against_figures_worked_out_by_hand():
    mean = {
        ("bau", "prevalence"): 0.10,
        ("bau", "f1_cutoff"): 0.15,
        ("best", "prevalence"): 0.20,
        ("best", "f1_cutoff"): 0.30,
    }
    rows = pd.DataFrame(
        [
            {"run": run, "sizing": sizing, "level": level, "stratum": "all", "f1_mean": value}
            for (run, sizing), value in mean.items()
            for level in ("user", "item")
        ]
    )
    given = (["best", "bau"], {"bau": "bau", "best": "varemb_v2"}, "best", "prevalence")
    (told,) = findings.size_alone(rows, *given)
    assert told.startswith("BAU (“bau”): at the user level its best rule, F1 cut-off, gives")
    assert told.count("50 % of the gap is a matter of size") == 2
    assert "(30.0 % under its own best)" in told
    higher = rows.assign(f1_mean=rows["f1_mean"].replace(0.15, 0.25))
    assert "makes up for the gap" in findings.size_alone(higher, *given)[0]
    lower = rows.assign(f1_mean=rows["f1_mean"].replace(0.20, 0.05))
    assert "no gap for a rule to close" in findings.size_alone(lower, *given)[0]


def test_the_threshold_of_plain_cross_entropy_stands_beside_its_rule_of_size(experiment):
    rows = experiment.assessment
    whole = rows["level"].eq("item") & rows["stratum"].eq("all") & rows["run"].eq("v2_bce")
    figures = rows["f1_median"].mask(whole & rows["sizing"].eq("threshold"), 0.0)
    figures = figures.mask(whole & rows["sizing"].eq("prevalence"), 0.25)
    told = findings.threshold_sentence(
        rows.assign(f1_median=figures), experiment.runs, "prevalence"
    )
    assert "“v2_bce” (plain cross-entropy) has a median F1 of 0.0 % per brand" in told
    assert "prevalence have 25.0 %" in told


def test_resampling_is_compared_on_the_same_network_and_loss(page, experiment):
    section = page.split("<h2>Resampling")[1].split("<h2>")[0]
    names = ["v2_bfc", "v2_bfc_square_root", "v2_bfc_over", "v2_bfc_under"]
    assert re.findall(r"<tr><td>(\w+)</td>", section) == names
    assert "Resampling is crossed with" not in section  # it is the loss of the best run
    best = experiment.table["run"] == "v2_wce"
    told = findings.crossed_loss(experiment.table.assign(winner=best))
    assert "the best run learns with weighted cross-entropy" in told
    other = experiment.table.copy()
    other.loc[other["run"] == "v2_bfc", "parameters"] = '{"network": 1}'
    section = write(experiment, brand_experiment=other).split("<h2>Resampling")[1].split("<h2>")[0]
    assert re.findall(r"<tr><td>(\w+)</td>", section) == names[1:]


def test_the_item_table_says_how_many_brands_address_anybody(experiment):
    rows = experiment.audiences.copy()
    emptied = rows["run"].eq("v1") & rows["brand"].isin(["Brand 1", "Brand 2", "Brand 3"])
    rows.loc[emptied, "size"] = 0
    page = write(experiment, brand_audiences=rows)
    section = page.split("<h3>Item level")[1].split("</table>")[0]
    row = re.search(r"<td>v1</td>.*?</tr>", section, re.S)[0]
    assert "<td>117 of 120</td>" in row


def test_the_size_of_a_suppressed_audience_is_not_left_over_from_sums(experiment):
    rows = coming(experiment)
    one = rows["sizing"].eq("prevalence") & rows["brand"].eq("Brand 9")
    rows.loc[one, ["wanted", "size", "limited_by"]] = [7, 0, "smallest_audience"]
    page = write(experiment, brand_next_audiences=rows)
    section = page.split("What became of the sizes")[1].split("</table>")[0]
    wanted, addressed = re.search(
        r"<td>120</td><td>([\d,]+)</td><td>([\d,]+)</td>", section
    ).groups()
    assert wanted == addressed


def test_both_levels_are_told_by_popularity(page, experiment):
    section = page.split("<h2>Popular and niche brands")[1].split("<h2>")[0]
    for level, table in zip(("user", "item"), section.split("<h3>")[1:], strict=True):
        cells = experiment.assessment.query(
            f"run == 'v1' and level == '{level}' and sizing == 'prevalence'"
        ).set_index("stratum")
        row = re.search(r"<td>v1</td>.*?</tr>", table, re.S)[0]
        assert re.findall(r">([\d.]+)</td>", row) == [
            f"{100 * cells.at[stratum, figure]:.1f}"
            for stratum in ("head", "mid", "niche")
            for figure in ("precision", "recall", "f1_median", "f1_mean")
        ]


def test_counts_of_a_few_consumers_are_not_printed(experiment):
    rows = experiment.assessment.assign(empty_truth=9, empty_prediction=10, empty_both=0)
    section = write(experiment, brand_assessment=rows).split("How often that happens")[1]
    user, item = re.findall(r"<tr><td>v1</td>.*?</tr>", section, re.S)[:2]
    assert re.findall(r"<td>([^<]*)</td>", user)[-3:] == ["–", "10", "0"]
    assert re.findall(r"<td>([^<]*)</td>", item)[-3:] == ["9", "10", "0"]  # brands, not people


def warned(made, in_use="v2_bfc", **changed):
    main = made.assessment.query("stratum == 'all' and sizing == 'prevalence'")
    given = {
        "experiment": made.table,
        "brand_list": made.brand_list,
        "consumers": len(made.judged_consumers),
        "main": main,
        "privacy": made.privacy.assign(auc=0.5),
        "audiences": coming(made).query("sizing == 'prevalence'"),
        "in_use": in_use,
    } | changed
    return " ".join(cautions.cautions(**given))


@pytest.fixture(scope="module")
def calm(experiment):
    """What there is nothing to warn of in; what is given replaces it."""
    whole = experiment.assessment.query("stratum == 'all' and sizing == 'prevalence'")
    brands = experiment.brand_list
    tables = {
        "in_use": experiment.runs["run"].iloc[-1],
        "main": whole.assign(empty_truth=0, empty_both=0),
        "brand_list": brands.assign(approved=brands["position"] < 0.8 * len(brands)),
    }
    return lambda **changed: warned(experiment, **tables | changed)


def test_it_warns_only_where_there_is_something_to_know(experiment, calm):
    assert calm() == ""
    winner = experiment.runs["run"].iloc[-1]
    assert f"“{winner}”, is not the one in use" in calm(in_use="v2_bfc")
    assert "Only 5 of 5 brands" in calm(brand_list=experiment.brand_list.head(5))
    small = coming(experiment).assign(limited_by="smallest_audience").query("sizing == 'fixed'")
    assert "120 of 120 audiences of the coming period" in calm(audiences=small)


def test_it_warns_of_zero_medians_and_of_those_who_buy_nothing(experiment, calm):
    whole = experiment.assessment.query("stratum == 'all' and sizing == 'prevalence'")
    zero = whole.assign(f1_median=whole["f1_median"].where(whole["run"] != "bau", 0.0))
    told = calm(main=zero.assign(empty_truth=0, empty_both=0))
    assert "0 in 1 of 16 runs: at least half of the consumers scored" in told
    # 700 of 1,000 buy nothing, whether or not the 600 addressed among them are scored.
    for scored in (300, 900):
        empty = whole.assign(empty_truth=600, empty_both=100, scored=scored)
        assert "70 % of the consumers buy no approved brand" in calm(main=empty, consumers=1000)
    hidden = whole.assign(empty_truth=pd.NA, empty_both=100)
    assert "buy no approved brand" not in calm(main=hidden, consumers=100)


def test_it_warns_where_the_weight_on_approved_brands_tells_none_apart(experiment, calm):
    told = calm(brand_list=experiment.brand_list)
    assert "100 % of all brands are approved" in told
    assert "v2_wce, v2_wce_positives can show little" in told
    plain = experiment.table[~experiment.table["run"].str.startswith("v2_wce")]
    assert calm(brand_list=experiment.brand_list, experiment=plain) == ""


def test_it_warns_of_private_runs_that_know_less_than_popularity(experiment, calm):
    table = experiment.table.assign(log_loss=0.02)
    table.loc[table["run"] == "v2_bfc_private_3", "log_loss"] = 0.03
    assert "v2_bfc_private_3, trained privately, has a larger log loss" in calm(experiment=table)
    table.loc[table["run"] == "popularity", "log_loss"] = 0.04
    assert calm(experiment=table) == ""


def attacked(run, stratum, auc, wide):
    one = {
        "run": run,
        "stratum": stratum,
        "auc": auc,
        "auc_low": auc - wide,
        "auc_high": auc + wide,
    }
    return pd.DataFrame([one])


def test_an_attack_counts_where_its_interval_excludes_a_coin(calm):
    sure = calm(privacy=attacked("v1", "all", 0.58, 0.03))
    assert "above 0.55 on v1: such a model should not leave the house" in sure
    assert "popularity" not in sure
    unsure = calm(privacy=attacked("v1", "all", 0.58, 0.09))
    assert "above 0.55 on v1, but its interval holds 0.5" in unsure
    assert "should not leave the house" not in unsure
    niche = calm(privacy=attacked("v1", "niche", 0.58, 0.03))
    assert "above 0.55 on v1 (niche brands): such" in niche


def test_chance_is_named_only_where_even_popularity_is_no_coin(calm):
    sure = attacked("v1", "all", 0.58, 0.03)
    uneven = calm(privacy=pd.concat([sure, attacked("popularity", "all", 0.56, 0.04)]))
    assert "on popularity, which remembers nobody, it is no coin either" in uneven
    assert "should not leave the house" not in uneven
    for even in (
        attacked("popularity", "all", 0.53, 0.04),
        attacked("popularity", "mid", 0.6, 0.04),
    ):
        told = calm(privacy=pd.concat([sure, even]))
        assert "should not leave the house" in told
        assert "popularity" not in told


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
