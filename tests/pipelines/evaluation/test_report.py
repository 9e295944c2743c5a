import re
from base64 import b64encode

import ibis
import pandas as pd
import pytest

from promo_kedro.pipelines.evaluation import nodes
from promo_kedro.pipelines.evaluation.documents import json_rows
from promo_kedro.pipelines.evaluation.report import cutoffs_text, results_text, set_aside
from promo_kedro.pipelines.evaluation.truth import no_truth
from promo_kedro.pipelines.evaluation.wording import written

RAW_HASH = "0f" * 32
PNG = b"\x89PNG pretend"


@pytest.fixture(scope="module")
def documents(made_up_run, made_up_value, evaluation_parameters):
    _, results = nodes.make_model_results(
        made_up_run.purchase_predictions,
        made_up_run.offer_elasticities,
        made_up_run.optimal_offers,
        made_up_run.elasticity_curves,
        made_up_run.calendar,
        made_up_run.raw_manifest,
        evaluation_parameters,
    )
    _, comparison = nodes.compare_models(
        made_up_run.candidate_probabilities,
        made_up_run.purchase_probabilities,
        no_truth(),
        results,
        evaluation_parameters,
    )
    _, cutoffs = nodes.compare_cutoffs(
        made_up_run.purchase_probabilities,
        made_up_run.cutoff_candidates,
        results,
        evaluation_parameters,
    )
    value = {"raw_data_hash": RAW_HASH, "note": None, "rows": json_rows(made_up_value)}
    plans = nodes.overview_plans(
        made_up_run.optimal_offers,
        made_up_run.optimization_summary,
        made_up_run.plan_kpis,
        made_up_run.plan_comparison,
        evaluation_parameters,
    )
    return results, comparison, cutoffs, value, plans


@pytest.fixture(scope="module")
def rejected():
    return ibis.memtable(
        pd.DataFrame(
            {
                "table": ["transactions"] * 3,
                "row": [1, 2, 3],
                "reason": ["quantity <= 0", "quantity <= 0", "offer above 100 %"],
                "values": ["{}"] * 3,
            }
        )
    )


@pytest.fixture(scope="module")
def page(made_up_run, evaluation_parameters, documents, rejected):
    return nodes.write_report(
        *documents,
        made_up_run.elasticity_curves,
        rejected,
        evaluation_parameters,
        elasticity_plot=PNG,
        reliability_plot=PNG,
    )


def test_it_names_the_data_and_every_category(page, made_up_run):
    assert RAW_HASH in page
    assert "customer_transaction_data.csv.gz" in page
    for category in made_up_run.pairs["category"].unique():
        assert category.replace("&", "&amp;") in page
    assert "2019-07-01" in page


def test_the_papers_figures_stand_beside_ours_and_are_marked(page):
    assert page.count('class="paper"') == 3
    paper = re.search(r'<tr class="paper"><td>the paper</td>(.*?)</tr>', page).group(1)
    assert "<td>1,628</td>" in paper
    assert "<td>0.367</td>" in paper


def test_it_holds_no_customer_ids(page, made_up_run):
    ids = {str(number) for number in made_up_run.pairs["customer_id"].unique()}
    assert "770001" in ids
    text = re.sub(r"data:image/png;base64,\S+", "", page)
    assert ids.isdisjoint(re.findall(r"\d+", text))


def test_small_categories_have_no_figures(page):
    rows = re.findall(r"<tr><td>Tiny.*?</tr>", page, flags=re.DOTALL)
    scores = [row for row in rows if row.count("<td>") > 8]
    assert len(scores) == 2
    for row in scores:
        assert set(re.findall(r"<td>([^<]*)</td>", row)) <= {"Tiny", "–"}
    assert "fewer than 10 consumers have no" in page
    assert "Hidden are Small, too; Tiny." in page


def test_it_compares_with_simpler_models(page):
    section = page[page.index("<h2>Is the model better") : page.index("<h2>Which cut-off")]
    assert "No simpler model is better; the best, LightGBM" in section
    assert "known on the simulated retailer only" in section
    rows = re.findall(r"<td>([^<]+)</td><td>360", section)
    assert rows == []  # all categories together only
    bold = re.findall(r'<tr class="total"><td>([^<]*)</td>', section)
    assert bold == ["the model in use"]
    assert "<td>ours*</td>" in section
    order = re.findall(r"<tr[^>]*><td>([^<]+)</td>", section)
    assert order.index("LightGBM") < order.index("personal frequency")


def test_it_compares_the_cutoffs_and_marks_the_one_in_use(page):
    section = page[page.index("<h2>Which cut-off") : page.index("<h2>The plan")]
    assert re.findall(r'<tr class="total"><td>([^<]*)</td>', section) == ["expected F1"]


def test_the_log_compares_the_cutoffs_on_one_screen(documents):
    lines = cutoffs_text(documents[2]["rows"]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines[0]) <= 160 - len("[11/22/25 17:09:04] INFO     ") - len(" nodes.py:1000")
    assert [line.split("  ")[0] for line in lines[2:]] == ["expected F1*", "one per category"]
    # 3 categories of 60 consumers and two of 4 of them
    assert lines[2].split()[2] == "60"
    assert lines[2].split()[4] == "188"


def test_the_spread_over_windows_is_shown_where_there_are_two(page):
    section = page[page.index("<h3>Over the windows") : page.index("<h2>Is the model")]
    assert re.findall(r"<td>F1</td><td>(\d)</td>", section) == ["2"]
    assert "Average elasticity" not in section  # of the latest window only


def test_it_says_what_failed_and_why(page):
    assert "infeasible: at most 0.12" in page
    assert "offers stay as today" in page
    assert "not identified: the slope is not positive" in page
    assert "quantity &lt;= 0" in page


def test_plots_are_inside_the_page(page):
    assert b64encode(PNG).decode() in page
    links = re.findall(r'(?:src|href)="(?!data:)([^"]*)', page)
    assert links == ["revenue_retention_frontier.html"]  # too large to be inside


def test_it_says_what_calibration_did_under_its_plot(page, documents):
    section = page[page.index("Can the probabilities be believed?</h3>") :]
    loss = documents[1]["calibration"]["log_loss"]
    assert f"the log loss from {loss['before']:.4f} to {loss['after']:.4f}" in section
    assert page.count("On the test step calibration") == 1


def test_spend_margin_and_the_exact_curve_stand_beside_the_promises(page, made_up_run):
    kpis = made_up_run.plan_kpis
    told = kpis[kpis["mode"].eq("exact") & kpis["category"].eq("All")].iloc[0]
    section = page[page.index("The three plans side by side") :]
    row = section[section.index("<tr><td>exact</td>") :]
    row = row[: row.index("</tr>")]
    for figure in ("spend_before", "spend_after", "margin_before", "margin_after"):
        assert f"<td>{told[figure]:.2f}</td>" in row
    assert "<td>108.25</td>" in row


def test_without_a_value_the_note_stands_there(
    made_up_run, evaluation_parameters, documents, rejected
):
    page = nodes.write_report(
        *documents[:3],
        {"raw_data_hash": RAW_HASH, "note": "there is no truth", "rows": []},
        documents[4],
        made_up_run.elasticity_curves,
        rejected,
        evaluation_parameters,
    )
    assert "<p>there is no truth</p>" in page


def test_rows_set_aside_are_counted_by_reason(rejected):
    assert set_aside(rejected) == [
        {"table": "transactions", "reason": "quantity <= 0", "rows": 2},
        {"table": "transactions", "reason": "offer above 100 %", "rows": 1},
    ]


def test_the_logged_table_is_aligned_and_ends_with_the_total(documents):
    lines = results_text(documents[0]["rows"], {"Small, too", "Tiny"}).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[-1].startswith("All ")
    tiny = next(line for line in lines if line.startswith("Tiny"))
    assert set(tiny.split()[1:]) == {"–"}


def test_the_log_prints_the_papers_figures_beneath_ours(documents):
    header, _, *lines = results_text(documents[0]["rows"], set()).splitlines()
    names = re.split(r"\s{2,}", header)
    place = next(i for i, line in enumerate(lines) if line.startswith("Bakery"))
    ours, paper = (
        dict(zip(names, re.split(r"\s{2,}", line.strip()), strict=True))
        for line in lines[place : place + 2]
    )
    row = next(row for row in documents[0]["rows"] if row["category"] == "Bakery")
    assert (ours["category"], ours["F1"]) == ("Bakery", f"{row['f1']:.3f}")
    assert (paper["category"], paper["logloss"], paper["F1"]) == ("paper", "0.0415", "0.367")
    assert (paper["elast"], paper["offer %"], paper["R²"]) == ("1.06", "22.15", "–")
    assert sum(line.startswith("  paper") for line in lines) == 3


def test_the_logged_table_leaves_room_for_time_and_place_in_160_characters(documents):
    row = next(row for row in documents[0]["rows"] if row["category"] == "Bakery")
    large = {"category": "Household " * 12, "sample_size": 10**6, "positives": 10**5}
    lines = results_text([row, {**row, **large}], set()).splitlines()
    assert {len(line) for line in lines} == {len(lines[0])}
    assert len(lines[0]) <= 160 - len("[11/22/25 17:09:04] INFO     ") - len(" nodes.py:1000")


def test_the_document_says_what_it_is_about(documents):
    results = documents[0]
    assert results["raw_data_hash"] == RAW_HASH
    assert results["split"] == "test"
    test = next(w for w in results["windows"] if w["window"] == 0 and w["split"] == "test")
    assert (test["steps"], test["start_date"], test["end_date"]) == (1, "2019-06-17", "2019-06-30")


def test_figures_are_written_for_people():
    assert written(None, "{:.2f}") == written(float("nan"), "{:.2f}") == "–"
    assert written(-0.31, "{:.2f}") == "−0.31"
    assert written(0.0123, "{:.2%}") == "1.23"
    assert written(-0.00001, "{:+.4f}") == written(0.0, "{:.4f}") == "0.0000"
    assert written(10.0, "{:+.0f}") == "+10"
