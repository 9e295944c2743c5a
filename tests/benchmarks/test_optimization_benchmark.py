"""The parts of the offer program's benchmark, on programs small enough for a test."""

import argparse
import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from offer_programs import checks
from offer_programs.checks import check_frontier, check_printed, checked
from offer_programs.children import OUT_OF_MEMORY, OUT_OF_TIME, Limits, measured
from offer_programs.clocked import of_frontier, of_peer, of_printed, of_solve
from offer_programs.columns import GRID, KEPT_EVERY, bytes_of, draw, repeated
from offer_programs.goals import BESIDE, REFERENCE, goals
from offer_programs.instances import INSTANCES
from offer_programs.linear_programs import choice_form, chosen_pairs, open_pairs, segment_form
from offer_programs.peers import INFEASIBLE, PEERS

from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.printed import solve_printed
from promo_kedro.pipelines.optimization.knapsack.route import solve

# By its path: folders of the tests go by the name of optimization too.
_WHERE = Path(__file__).parents[2] / "benchmarks" / "optimization.py"
_SPEC = importlib.util.spec_from_file_location("offer_benchmark", _WHERE)
optimization = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(optimization)

SIZE, SEED = 200, 3
RACED = [name for name in INSTANCES if name != "printed"]


def task(instance: str, **more) -> dict:
    common = {"size": SIZE, "seed": SEED, "threads": 1, "repeats": 1, "warmed_on": SIZE}
    return {"instance": instance, **common, **more}


def test_chosen_pairs_are_among_the_open_ones():
    columns = draw(SIZE, SEED)
    kept = chosen_pairs(columns.take(slice(0, 1)), np.zeros(1, np.int8))
    assert kept.offer == columns.offer_today[0]
    with pytest.raises(AssertionError, match="not open"):
        chosen_pairs(columns.take(slice(1, 2)), np.zeros(1, np.int8))


def made(instance: str, size: int = SIZE):
    return INSTANCES[instance](size, SEED, 1)


def solved_by(peer: str, instance) -> tuple[float, str]:
    program = PEERS[peer].form(instance)
    value, said = PEERS[peer].solve(program)
    return value + program.constant, said


def test_consumer_items_are_like_a_retailers_and_drawn_alike_again():
    columns, again = draw(20_000, SEED), draw(20_000, SEED)
    for name in ("price", "probability", "cutoff", "cell"):
        np.testing.assert_array_equal(getattr(columns, name), getattr(again, name))
    assert 0.05 < columns.probability.mean() < 0.15
    assert 5 <= columns.reference_offer.min() < columns.reference_offer.max() <= 45
    assert len(np.unique(columns.slope)) == 12
    # Sorted by category, both groups of consumers in each.
    assert (np.diff(columns.cell // 2) >= 0).all()
    assert len(np.unique(columns.cell)) == 24
    assert bytes_of(columns) == 20_000 * (10 * 8 + 1 + 4)


def test_by_consumer_each_has_twenty_items_of_all_categories():
    columns = draw(200, SEED, by_consumer=True)
    categories = (columns.cell // 2).reshape(10, 20)
    assert all(len(np.unique(one)) == 12 for one in categories)
    groups = (columns.cell % 2).reshape(10, 20)
    assert (groups == groups[:, :1]).all()


def test_few_consumer_items_are_repeated_up_to_the_size():
    columns = repeated(draw(40, SEED), 100)
    np.testing.assert_array_equal(columns.price[:20], columns.price[80:])
    assert len(columns.price) == 100


@pytest.mark.parametrize(("size", "distinct"), [(200, 20), (1_000, 100), (20_000, 1_000)])
def test_ties_are_ties_in_every_size(size, distinct):
    assert len(np.unique(made("ties", size).columns.price)) == distinct


def test_offers_are_open_within_the_range_or_kept_as_today():
    pairs = open_pairs(draw(SIZE, SEED))
    kept = pairs.unit % KEPT_EVERY == 0
    assert ((pairs.offer > 3) & (pairs.offer < 60))[~kept].all()
    assert (np.bincount(pairs.unit)[::KEPT_EVERY] == 1).all()
    np.testing.assert_array_equal(np.unique(pairs.unit), np.arange(SIZE))
    # The curve goes through the item's own point.
    f = pairs.columns.probability[pairs.unit]
    at_reference = np.isclose(pairs.offer, pairs.columns.reference_offer[pairs.unit])
    np.testing.assert_allclose(pairs.probability[at_reference], f[at_reference], rtol=1e-12)


@pytest.mark.parametrize("name", RACED)
def test_programs_are_feasible_or_not_as_they_say(name):
    instance = made(name)
    _, said = solved_by("scipy linprog", instance)
    assert said == ("optimal" if instance.feasible else INFEASIBLE)


def test_sixteen_rows_nearly_all_cost_something():
    from scipy.optimize import linprog

    program = choice_form(made("sixteen_rows", 1_000))
    assert len(program.least) == 16
    found = linprog(
        -program.value,
        A_ub=-program.rows,
        b_ub=-program.least,
        A_eq=program.equal,
        b_eq=np.ones(1_000),
        bounds=(0, 1),
    )
    assert (found.ineqlin.marginals < -1e-9).sum() >= 12


def test_no_consumer_gets_more_than_three_offers_in_the_relaxation():
    program = choice_form(made("offers_cap"))
    assert program.rows.shape[0] == 1 + SIZE // 20
    assert (program.least[1:] == -3).all()


@pytest.mark.parametrize("name", RACED)
def test_peers_agree_with_each_other(name):
    instance = made(name)
    answers = {
        peer: solved_by(peer, instance)
        for peer, how in PEERS.items()
        if how.takes(name) and how.tight and not how.integer
    }
    assert len(answers) >= 4
    value, said = answers.pop("highspy")
    for peer, (other, heard) in answers.items():
        assert heard == said, peer
        assert other == pytest.approx(value, rel=1e-7, nan_ok=True), peer


def test_segments_are_fewer_than_choices_and_worth_the_same():
    instance = made("one_row")
    segments, choices = segment_form(instance), choice_form(instance)
    assert 0 < len(segments.value) < len(choices.value)
    assert segments.rows.data.min() > 0


@pytest.mark.parametrize("size", [SIZE, 600])  # whole, and by prices of the rows
@pytest.mark.parametrize("name", RACED)
def test_ours_agrees_with_a_peer(name, size):
    ours = {**of_solve(task(name, size=size)), "outcome": "ok"}
    assert "whole" not in ours["solver"] or size == SIZE
    highs = PEERS["highspy"]
    theirs = {**of_peer(task(name, size=size, peer="highspy")), "outcome": "ok"}
    found = optimization.compared(theirs, ours, highs)
    assert found["agrees"] == "yes"
    if ours["status"] == "feasible":
        assert abs(found["difference"]) < 1e-6
        assert ours["value"] <= theirs["objective"] * (1 + 1e-9)


def test_a_whole_plan_of_a_peer_is_below_our_bound_and_no_better_than_the_gap():
    ours = {**of_solve(task("one_row")), "outcome": "ok"}
    theirs = {**of_peer(task("one_row", peer="scipy milp")), "outcome": "ok"}
    assert optimization.compared(theirs, ours, PEERS["scipy milp"])["agrees"] == "yes"


def test_points_of_the_frontier_are_measured():
    assert of_frontier(task("one_row", size=5_000, points=10))["points"] == 10


def answered(name: str):
    instance = made(name)
    return instance, solve(instance.program(1), SolverParameters(threads=1))


@pytest.mark.parametrize("name", ["sixteen_rows", "offers_cap"])
def test_a_plan_that_is_not_what_it_says_fails(name):
    instance, plan = answered(name)
    assert checked(instance, plan, 1)["status"] == "feasible"
    for change in ({"value": 1.001 * plan.value}, {"upper_bound": 0.999 * plan.upper_bound}):
        with pytest.raises(AssertionError, match="is said"):
            checked(instance, replace(plan, **change), 1)
    free = replace(instance, consumer_rule=None).program(1).options.choose(instance.objective)
    with pytest.raises(AssertionError, match=r"a row is broken|more than 3 offers"):
        checked(instance, replace(plan, choice=free.option), 1)
    with pytest.raises(AssertionError, match="no plan found"):
        checked(instance, replace(plan, choice=None, solver="no plan found"), 1)


def test_that_there_is_no_plan_must_be_proved():
    instance, plan = answered("infeasible")
    assert checked(instance, plan, 1)["status"] == "infeasible"
    for change in ({"solver": "no plan found"}, {"prices": 0 * plan.prices}):
        with pytest.raises(AssertionError, match=r"no plan found|no proof"):
            checked(instance, replace(plan, **change), 1)


@pytest.mark.parametrize("name", RACED)
def test_bounds_looked_up_in_every_option_are_the_engines(name, monkeypatch):
    instance = made(name)
    prices = np.linspace(0.3, 0.7, len(instance.rows))
    enumerated = checks.bound_at(instance, prices, 1)
    monkeypatch.setattr(checks, "ENUMERATED", 0)
    assert checks.bound_at(instance, prices, 1) == pytest.approx(enumerated, rel=1e-12)


@pytest.mark.parametrize(
    ("asked", "revenue", "wrong"),
    [
        ([1.0, 2.0], [3.0, 2.0], "2 points of 3"),
        ([1.0, 3.0, 2.0], [3.0, 2.0, 1.0], "do not rise"),
        ([1.0, 2.0, 3.0], [3.0, 1.0, 0.0], "not concave"),
        ([1.0, 2.0, 3.0], [3.0, 3.5, 3.6], "not concave, or rises"),
        ([1.0, 2.0, 3.0], [3.0, 2.0, 0.0], "point 0: 3.0, a solve finds 9.0"),
    ],
)
def test_a_frontier_that_is_none_fails(asked, revenue, wrong):
    table = pd.DataFrame({"retention_required": asked, "revenue": revenue})
    with pytest.raises(AssertionError, match=wrong):
        check_frontier(table, 3, lambda _: 9.0)


def test_an_answer_to_eq_13_that_is_not_the_best_fails():
    instance = made("printed")
    plan = solve_printed(instance.columns, GRID, compiled=False)
    assert check_printed(instance, plan, plan) > 0
    changed = int(np.where(plan.retained & (plan.choice > 1), plan.choice, 100).argmin())
    worse = replace(plan, choice=plan.choice + (np.arange(SIZE) == changed).astype(np.int8))
    with pytest.raises(AssertionError, match="choose differently"):
        check_printed(instance, plan, worse)
    with pytest.raises(AssertionError, match="the best"):
        check_printed(instance, worse, worse)
    asking = instance.asking((replace(instance.rows[0], least=float(SIZE)),))
    with pytest.raises(AssertionError, match="are retained of"):
        check_printed(asking, plan, plan)


@pytest.mark.parametrize("way", ["numba", "numpy"])
def test_eq_13_as_printed_by_enumeration(way):
    found = of_printed(task("printed", way=f"printed, {way}"))
    pairs = open_pairs(made("printed").columns)
    c, unit = pairs.columns, pairs.unit
    change = pairs.offer / c.reference_offer[unit] - 1
    p = np.clip(c.probability[unit] * (1 + change * c.elasticity[unit]), 0, 1)
    clears = p >= c.cutoff[unit]
    best, kept = np.zeros(SIZE), np.zeros(SIZE, bool)
    np.maximum.at(best, unit, c.price[unit] * (1 - pairs.offer / 100) * clears)
    np.logical_or.at(kept, unit, clears)
    assert found["status"] == "feasible"
    assert found["value"] == pytest.approx(best.sum(), rel=1e-12)
    assert found["attainable"] == pytest.approx(kept.mean(), abs=1e-12)


def test_an_answer_that_differs_is_said_aloud(tmp_path):
    ours = {
        "instance": "one_row",
        "size": 10,
        "outcome": "ok",
        "status": "feasible",
        "seconds": 0.5,
        "gap": 0.0,
        "bound_again": 100.0,
    }
    theirs = {"outcome": "ok", "status": "optimal", "seconds": 5.0, "objective": 100.01}
    found = optimization.compared(theirs, ours, PEERS["highspy"])
    assert found == {"times_ours": 10.0, "difference": pytest.approx(1e-4), "agrees": "NO"}
    assert optimization.compared(theirs, ours, PEERS["CVXPY + SCS"])["agrees"] == "loosely"
    stopped = {"outcome": "ok", "status": "user_limit", "seconds": 5.0, "objective": np.nan}
    assert optimization.compared(stopped, ours, PEERS["CVXPY + SCS"])["agrees"] == "loosely"
    assert optimization.compared(stopped, ours, PEERS["highspy"])["agrees"] == "NO: user_limit"
    rows = pd.DataFrame([{**theirs, **found, "instance": "one_row", "size": 10, "peer": "highspy"}])
    with pytest.raises(SystemExit, match="1 answers of peers disagree"):
        optimization.write(tmp_path, pd.DataFrame([ours]), rows)
    assert "missed" not in (tmp_path / "goals.csv").read_text().replace("not measured", "")
    assert "| one_row | 10 | highspy |" in (tmp_path / "report.md").read_text()


def test_processes_that_take_too_much_are_ended(tmp_path):
    endless = task("one_row", what="peer", peer="highspy", size=100_000)
    assert measured(endless, tmp_path, Limits(0.1, 10, 1))["outcome"] == OUT_OF_TIME
    assert measured(endless, tmp_path, Limits(60, 0.01, 1))["outcome"] == OUT_OF_MEMORY


def test_a_process_brings_back_what_it_measured_or_why_not(tmp_path):
    asked = task("one_row", what="peer", peer="highspy")
    found = measured(asked, tmp_path, Limits(60, 10, 1))
    assert (found["outcome"], found["status"], found["runs"]) == ("ok", "optimal", 1)
    assert 0 <= found["of_it_writing"] <= found["seconds"]
    wrong = measured({**asked, "peer": "nobody"}, tmp_path, Limits(60, 10, 1))
    assert wrong["outcome"] == "failed: KeyError: 'nobody'"


@pytest.mark.parametrize(
    ("outcome", "tried", "last"),
    [(OUT_OF_TIME, [10], "ran out on fewer"), ("failed: no", [10, 100], "failed: no")],
)
def test_who_ran_out_on_fewer_is_not_tried_on_more(
    outcome, tried, last, tmp_path, monkeypatch, capsys
):
    calls = []

    def ran_out(asked: dict, *_: object) -> dict:
        calls.append(asked["size"])
        return {**asked, "outcome": outcome}

    monkeypatch.setattr(optimization, "measured", ran_out)
    asked = argparse.Namespace(
        peers=["highspy"], repeats=1, threads=1, seed=1, output=tmp_path, peer_seconds=1, peer_gb=1
    )
    worn_out: set[str] = set()
    for size in (10, 100):
        ours = {"instance": "one_row", "size": size, "outcome": "ok"}
        (row,) = optimization.run_peers(asked, ours, worn_out)
    assert calls == tried
    assert row["outcome"] == last
    assert outcome in capsys.readouterr().out


@pytest.mark.parametrize(
    ("instance", "what", "of"),
    [
        ("ties", "solve", "ties"),
        ("frontier", "frontier", "one_row"),
        ("printed, numpy", "printed", "printed"),
    ],
)
def test_each_program_is_measured_on_its_own_instance(instance, what, of, tmp_path, monkeypatch):
    monkeypatch.setattr(optimization, "measured", lambda asked, *_: {**asked, "outcome": "no"})
    asked = argparse.Namespace(
        repeats=1, threads=1, seed=1, output=tmp_path, seconds=1, profile=False
    )
    found = optimization.run_ours(asked, instance, 10)
    assert (found["what"], found["instance"]) == (what, instance)
    assert found["drawn_as"] == of


@pytest.fixture
def ours() -> pd.DataFrame:
    rows = [
        ("one_row", 10**6, "ok", 0.39, 1e-8, 2.1),
        ("one_row", 10**7, "failed: no", np.nan, np.nan, np.nan),
        ("printed, numba", 10**7, "ok", 0.2, np.nan, np.nan),
    ]
    names = ["instance", "size", "outcome", "seconds", "gap", "memory_over_inputs"]
    return pd.DataFrame(rows, columns=names)


def judged(ours: pd.DataFrame, peers: pd.DataFrame) -> dict:
    return {goal.what: (goal.measured, goal.met) for goal in goals(ours, peers)}


def test_goals_are_met_missed_or_not_measured(ours):
    found = judged(ours, pd.DataFrame())
    assert found["one row, 1e6: seconds"] == ("0.39 s", True)
    assert found["one row, 1e6: gap"] == ("1.0e-08", True)
    assert found["one row, 1e6: memory over inputs"] == ("2.10 × inputs", False)
    assert found["one row, 1e7: seconds"] == ("failed: no", False)
    assert found["Eq. 13 as printed, with numba, 1e7: seconds"] == ("0.2 s", True)
    assert found["sixteen rows, 1e6: gap"] == ("", None)


@pytest.mark.parametrize(
    ("outcome", "times", "said", "met"),
    [
        ("ok", 500.0, "500 ×", True),
        ("ok", 499.0, "499 ×", False),
        # Whoever was ended would have taken longer: enough is enough, too little says nothing.
        (OUT_OF_TIME, 501.0, "over 501 ×", True),
        (OUT_OF_TIME, 499.0, "over 499 ×", None),
        (OUT_OF_MEMORY, np.nan, OUT_OF_MEMORY, None),
    ],
)
def test_times_faster_are_over_the_choice_form(ours, outcome, times, said, met):
    peers = pd.DataFrame(
        {
            "peer": ["highspy", REFERENCE],
            "instance": "one_row",
            "size": 100_000,
            "outcome": ["ok", outcome],
            "times_ours": [1.0, times],
        }
    )
    found = judged(ours, peers)
    assert found[f"one row, 1e5: {REFERENCE}, seconds over ours"] == (said, met)


def test_what_the_segments_give_is_said_beside(ours):
    peers = pd.DataFrame(
        {
            "peer": [REFERENCE, BESIDE],
            "instance": "one_row",
            "size": 100_000,
            "outcome": [OUT_OF_TIME, "ok"],
            "times_ours": [600.0, 40.0],
        }
    )
    found = judged(ours, peers)[f"one row, 1e5: {REFERENCE}, seconds over ours"]
    assert found == ("over 600 ×; segments 40 ×", True)
