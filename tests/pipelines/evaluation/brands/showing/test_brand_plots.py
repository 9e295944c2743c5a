import numpy as np
import pandas as pd
import pytest

from promo_kedro.pipelines.evaluation.brands.parameters import BrandAssessmentParameters
from promo_kedro.pipelines.evaluation.brands.showing import nodes
from promo_kedro.pipelines.evaluation.brands.showing.main_effects import (
    grid,
    loss_runs,
    main_effects,
)
from promo_kedro.pipelines.evaluation.brands.showing.naming import (
    RULES,
    RULES_SAY,
    describe,
    runs_in_order,
)
from promo_kedro.pipelines.evaluation.brands.showing.plots_privacy import open_runs_like
from promo_kedro.pipelines.evaluation.brands.showing.plots_scores import spread
from promo_kedro.schemas.brands import SIZINGS

PARAMETERS = BrandAssessmentParameters(in_use="v2_bfc")
PLOTS = {
    "brand_f1": ("assessment", "truth", "runs", PARAMETERS),
    "brand_grid": ("assessment", "runs"),
    "brand_popularity": ("results", PARAMETERS),
    "brand_scores": ("histograms", "runs"),
    "brand_training": ("history", "runs"),
    "brand_privacy": ("privacy", "assessment", "runs", PARAMETERS),
    "brand_sizes": ("audiences", "totals", PARAMETERS),
}


def draw(name, made, **changed):
    inputs = [
        changed.get(part, getattr(made, part)) if isinstance(part, str) else part
        for part in PLOTS[name]
    ]
    return getattr(nodes, f"draw_{name}")(*inputs)


def texts(figure):
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))


@pytest.mark.parametrize("name", PLOTS)
@pytest.mark.parametrize("size", ["experiment", "small_experiment"])
def test_every_panel_has_data_and_no_word_runs_off_the_page(name, size, request):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = draw(name, request.getfixturevalue(size))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    assert all(axis.has_data() or axis.patches for axis in figure.axes)
    assert figure.axes
    page = figure.bbox
    for title in (figure._suptitle, figure._supxlabel, *figure.legends):
        if title is not None:
            box = title.get_window_extent(canvas.get_renderer())
            assert box.x0 >= page.x0 - 1
            assert box.x1 <= page.x1 + 1


@pytest.mark.parametrize("name", PLOTS)
def test_no_rows_are_said_in_words(name, small_experiment):
    table = PLOTS[name][0]
    figure = draw(
        name,
        small_experiment,
        **{
            table: getattr(small_experiment, table).iloc[:0],
            "truth": small_experiment.truth.iloc[:0],
        },
    )
    assert any(word in texts(figure) for word in ("No ", "no "))


def test_every_run_has_a_dot_and_the_best_stands_on_top(experiment):
    figure = draw("brand_f1", experiment)
    for axis, level in zip(figure.axes, ("user", "item"), strict=True):
        labels = [label.get_text() for label in axis.get_yticklabels()]
        rows = experiment.assessment[
            (experiment.assessment["level"] == level)
            & (experiment.assessment["stratum"] == "all")
            & (experiment.assessment["sizing"] == "prevalence")
        ].set_index("run")["f1_median"]
        assert labels[-1] == "truth"
        assert set(labels) == {"truth", *experiment.runs["run"]}
        assert (np.diff([rows[run] for run in labels[:-1]]) >= 0).all()


def test_the_consumers_who_choose_runs_are_not_shown_as_those_who_judge(small_experiment):
    rows = small_experiment.assessment
    other = rows.assign(sample="validation", f1_median=0.999)
    figure = draw("brand_f1", small_experiment, assessment=pd.concat([rows, other]))
    assert "99.9" not in texts(figure)


def test_the_grid_prints_every_cell_in_percent(small_experiment):
    figure = draw("brand_grid", small_experiment)
    for axis, level in zip(figure.axes, ("user", "item"), strict=True):
        printed = {text.get_text() for text in axis.texts}
        cells = grid(small_experiment.assessment, level).to_numpy().ravel()
        assert {f"{100 * value:.1f}" for value in cells} <= printed


def test_where_all_medians_are_zero_the_grid_shows_means(small_experiment):
    rows = small_experiment.assessment
    zero = rows.assign(f1_median=rows["f1_median"].where(rows["level"] == "user", 0.0))
    user, item = draw("brand_grid", small_experiment, assessment=zero).axes
    assert "mean" not in user.get_title(loc="left")
    assert "mean F1, as all medians are 0" in item.get_title(loc="left")
    means = grid(rows, "item", "f1_mean").to_numpy().ravel()
    assert {f"{100 * value:.1f}" for value in means} == {text.get_text() for text in item.texts}


def test_the_grid_has_a_column_for_every_rule_and_marks_who_is_alone_at_the_top(small_experiment):
    rows = small_experiment.assessment
    user, item = draw("brand_grid", small_experiment).axes
    labels = [label.get_text().replace("\n", " ") for label in user.get_xticklabels()]
    assert labels == list(RULES.values())
    tied = rows.assign(f1_median=np.where(rows["run"] == "bau", 0.30004, 0.3))
    user, item = draw("brand_grid", small_experiment, assessment=tied).axes
    assert not [text for text in (*user.texts, *item.texts) if text.get_fontweight() == "bold"]
    apart = rows.assign(f1_median=np.where(rows["run"] == "bau", 0.4, 0.3))
    user, item = draw("brand_grid", small_experiment, assessment=apart).axes
    bold = [text.get_text() for text in item.texts if text.get_fontweight() == "bold"]
    assert bold == ["40.0"] * len(RULES)


def test_audiences_that_are_too_small_are_counted_and_not_drawn(small_experiment):
    rows = small_experiment.audiences.query("run == 'v2_bfc' and sizing == 'prevalence'")
    rows = rows.assign(wanted=[7, 8, *[300] * (len(rows) - 2)], limited_by="nothing")
    rows["limited_by"] = ["smallest_audience", *rows["limited_by"].iloc[1:]]
    figure = draw("brand_sizes", small_experiment, audiences=rows)
    (axis,) = figure.axes
    drawn = np.concatenate([dots.get_offsets() for dots in axis.collections])
    buyers = small_experiment.totals.query("run == 'v2_bfc'")["buyers"].to_numpy()
    assert len(drawn) == (buyers[2:] >= 10).sum()
    assert drawn[:, 1].min() == 300
    assert "2 brands: too small an audience" in texts(figure)
    one = rows.assign(wanted=[7, *[300] * (len(rows) - 1)])
    assert "1 brand: too" in texts(draw("brand_sizes", small_experiment, audiences=one))


def test_the_dot_of_a_private_run_is_its_last_epoch(experiment):
    history = experiment.history[experiment.history["run"].isin(["v2_bce", "v2_bfc_private_3"])]
    best = history.assign(validation_loss=np.where(history["epoch"] == 4, 0.01, 0.02))
    figure = draw("brand_training", experiment, history=best)
    dots = {
        line.get_xdata()[0]
        for line in figure.axes[0].lines
        if line.get_marker() == "o" and len(line.get_xdata()) == 1
    }
    assert dots == {4, best["epoch"].max()}


def test_a_private_run_is_held_against_the_same_model_and_loss(experiment):
    runs = experiment.runs
    private = runs[runs["epsilon"].notna()]
    assert open_runs_like(private, runs) == ["v2_bfc"]
    figure = draw("brand_privacy", experiment)
    told = texts(figure)
    assert "v2_bfc, not private" in told
    assert "v2_wce, not private" not in told
    f1 = experiment.assessment.query(
        "run == 'v2_bfc' and level == 'user' and stratum == 'all' and sizing == 'prevalence'"
    )["f1_median"].item()
    lines = {line.get_label(): line.get_ydata()[0] for line in figure.axes[1].lines}
    assert lines["user level, v2_bfc, not private"] == pytest.approx(100 * f1)


def test_brands_with_few_buyers_are_left_out(small_experiment):
    rows = small_experiment.results.assign(buyers=[9, 10] * (len(small_experiment.results) // 2))
    figure = draw("brand_popularity", small_experiment, results=rows)
    drawn = sum(len(dots.get_offsets()) for dots in figure.axes[0].collections)
    assert drawn == 6  # half of twelve brands
    assert "6 brands" in texts(figure)


def test_score_bins_are_added_up_not_lost():
    histogram = pd.DataFrame(
        {
            "bin": [-7, -6, -5, -1, 0, 4],
            "probability": 1 / (1 + np.exp(-(np.array([-7, -6, -5, -1, 0, 4]) + 0.5) * 0.05)),
            "consumers": [10, 20, 30, 40, 50, 60],
            "buyers": pd.array([1, 2, 3, 4, 5, 6], dtype="Int64"),
        }
    )
    table = spread(histogram)
    np.testing.assert_allclose(table.index, [-0.5, -0.25, 0.0])
    np.testing.assert_array_equal(table["buyers"], [3, 7, 11])
    np.testing.assert_array_equal(table["others"], [27, 63, 99])
    expected = (histogram["probability"] * histogram["buyers"].astype(float)).sum()
    assert table["buyers_sum"].sum() == pytest.approx(expected)


def test_private_runs_get_a_curve_over_epsilon(experiment, small_experiment):
    assert "What privacy costs" in texts(draw("brand_privacy", experiment))
    assert "What privacy costs" not in texts(draw("brand_privacy", small_experiment))


def test_main_effects_of_a_grid_worked_out_by_hand():
    # Rows differ by 2, columns by 4, nothing else: sums of squares 4 × 1 and 4 × 4.
    cells = pd.DataFrame([[1.0, 5.0], [3.0, 7.0]], index=["a", "b"], columns=["x", "y"])
    effects = main_effects(cells, "f1_median")
    assert (effects.loss, effects.sizing) == pytest.approx((0.2, 0.8))
    assert effects.together == pytest.approx(0, abs=1e-12)
    assert (effects.loss_range, effects.sizing_range) == pytest.approx((2, 4))


def test_main_effects_are_those_of_least_squares():
    cells = pd.DataFrame(np.random.default_rng(3).random((5, 4)))
    effects = main_effects(cells, "f1_median")
    values = cells.to_numpy().ravel()
    rows, columns = (part.ravel() for part in np.indices(cells.shape))

    def explained(*factors):
        design = np.column_stack(
            [
                np.ones(20),
                *((f[:, None] == np.arange(1, f.max() + 1)).astype(float) for f in factors),
            ]
        )
        fitted = design @ np.linalg.lstsq(design, values, rcond=None)[0]
        return ((fitted - values.mean()) ** 2).sum() / ((values - values.mean()) ** 2).sum()

    assert effects.loss == pytest.approx(explained(rows))
    assert effects.sizing == pytest.approx(explained(columns))
    assert effects.together == pytest.approx(1 - explained(rows, columns))


def test_a_rule_under_which_no_loss_has_a_hit_takes_no_part():
    cells = pd.DataFrame([[1.0, 5.0, 0.0], [3.0, 7.0, 0.0]], columns=["x", "y", "z"])
    effects = main_effects(cells, "f1_median")
    assert (effects.loss, effects.sizing) == pytest.approx((0.2, 0.8))
    assert effects.left_out == ("z",)
    level = main_effects(cells.assign(z=4.0), "f1_median")  # equal, but telling of sizes
    assert level.left_out == ()


@pytest.mark.parametrize("cells", [np.zeros((3, 3)), np.ones((1, 4)), np.full((3, 2), np.nan)])
def test_what_does_not_differ_has_no_effects(cells):
    assert main_effects(pd.DataFrame(cells), "f1_median") is None


def test_losses_are_compared_on_one_network_only(experiment):
    assert loss_runs(experiment.runs) == [
        *("v2_bce", "v2_bfc", "v2_bfc_effective", "v2_wce", "v2_wce_positives"),
        *("v2_asymmetric", "v2_logit_adjusted"),
    ]
    other = experiment.runs.assign(
        parameters=['{"network": {"size": 8}, "loss": 1}']
        + [f'{{"loss": {place}}}' for place in range(1, len(experiment.runs))]
    ).iloc[::-1]
    other.loc[other["run"] == "v2_bce", "parameters"] = '{"network": {"size": 8}, "loss": 2}'
    assert "v2_bce" not in loss_runs(other)
    assert "v2_bfc" in loss_runs(other)


def test_runs_are_named_as_they_are_listed_and_told_in_words(experiment):
    assert runs_in_order(["truth", "v2_bce", "bau"], experiment.runs) == ["bau", "v2_bce", "truth"]
    words = describe(experiment.runs.set_index("run").loc["v2_bfc_private_3"])
    assert words.startswith("VarEmb V2, binary focal cross-entropy (BFC), brands weighted by")
    assert words.endswith("private, ε\u00a0=\u00a03")
    assert list(RULES) == list(RULES_SAY) == SIZINGS
