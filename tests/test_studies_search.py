"""The comparison of notebook 05 is fair: same problems, same budgets, true losses, counts worked by hand."""

import pickle
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import panel_of
from scipy.optimize import rosen
from scipy.stats import binomtest

from bowerbird.data.panel import ATTRIBUTES
from bowerbird.forecaster.lstm import Settings
from bowerbird.forecaster.tuning import validation_loss
from bowerbird.sbo import VARIANTS, Choice, Float, Integer, decode, limits, minimize, one_by_one
from bowerbird.seeds import stream
from bowerbird.studies import search as study
from bowerbird.studies.search import FUNCTIONS, METHODS, TUNED, TUNING, WIDTHS, Problem, compare

PROBLEMS = {name: (lambda seed, name=name: study.shifted_problem(name, seed)) for name in FUNCTIONS} | {
    name: (lambda seed, name=name: study.tuning_problem(name, seed)) for name in TUNING
}
SPACE = {"rate": Float(1e-4, 1.0, log=True), "size": Integer(1, 9), "kind": Choice(("a", None, (1, 2)))}


# ---- problems -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_minimum_is_zero_at_the_shift_and_within_the_limits(name):
    rng = np.random.default_rng(0)
    shift = rng.uniform(-3, 3, 6)
    function = study.shifted(name, shift)
    assert function({f"x{k}": value for k, value in enumerate(shift)}) == pytest.approx(0, abs=1e-12)
    assert all(function({f"x{k}": value for k, value in enumerate(rng.uniform(-5, 5, 6))}) > 0 for _ in range(50))
    found = [study.shifted_problem(name, seed, 4) for seed in range(20)]
    assert all(list(p.space.values()) == [Float(-WIDTHS[name], WIDTHS[name])] * 4 for p in found)
    centre = [p.loss(dict.fromkeys(p.space, 0.0)) for p in found]
    assert len(set(centre)) == 20 and min(centre) > 0
    middle = study.shifted_problem(name, 0, 4, spread=0.0)
    assert middle.loss(dict.fromkeys(middle.space, 0.0)) == pytest.approx(0, abs=1e-12)


def test_textbook_values_of_the_functions():
    x = np.array([0.3, -1.2, 2.0, 0.1])
    assert FUNCTIONS["Rosenbrock"](x) == pytest.approx(rosen(x + 1))  # moved to the origin
    # Griewank at (pi, 0): pi^2/4000 - cos(pi) cos(0) + 1
    assert FUNCTIONS["Griewank"](np.array([np.pi, 0.0])) == pytest.approx(np.pi**2 / 4000 + 2)


def test_noise_belongs_to_the_candidate_and_has_the_stated_size():
    problem = Problem("flat", {"x": Float(0, 1)}, lambda x: 2.0, noise=0.05)
    seen = np.array([problem.observe({"x": x}) for x in np.linspace(0, 1, 4000)])
    assert seen.mean() == pytest.approx(2.0, abs=0.005) and seen.std() == pytest.approx(0.1, rel=0.05)
    assert problem.observe({"x": 0.3}) == problem.observe({"x": 0.3})
    assert replace(problem, noise=0.0).observe({"x": 0.3}) == 2.0


def test_the_real_loss_is_the_tuning_stages_and_known_by_its_data(monkeypatch):
    monkeypatch.setattr(study, "LSTM_SERIES", 10)
    rng = np.random.default_rng(0)
    panel = panel_of(rng.poisson(rng.gamma(2, 5, (16, 1)), (16, 70)))
    problem = study.lstm_problem(panel, 3)
    x = decode(problem.space, (sum(limits(problem.space)) / 2)[None])[0]
    rows = np.sort(stream(3, "search/series").choice(16, 10, replace=False))
    settings = replace(Settings(batch_size=16), **x)
    assert problem.observe(x) == validation_loss(panel.select(rows), settings, seed=3)
    demand = panel.demand.copy()
    demand[3, 7] += 1
    others = [
        study.lstm_problem(replace(panel, demand=demand), 0),
        study.lstm_problem(replace(panel, series=panel.series.assign(**{ATTRIBUTES[0]: "other"})), 0),
        study.lstm_problem(panel, 1),
    ]
    assert len({problem.data for problem in (study.lstm_problem(panel, 0), *others)}) == 4
    assert study.lstm_problem(replace(panel), 0).data == study.lstm_problem(panel, 0).data


# ---- methods --------------------------------------------------------------------------------------------------------


def counted(fails_above: float = 2.0):
    """A problem and the list of the candidates it was asked for."""
    asked = []

    def loss(x):
        asked.append(x)
        return np.nan if x["rate"] > fails_above else abs(np.log10(x["rate"]) + 2) + x["size"] + (x["kind"] != "a")

    return Problem("counted", SPACE, loss), asked


@pytest.mark.parametrize("name", METHODS)
def test_a_method_gets_its_budget_and_no_more_and_failures_end_nothing(name):
    pytest.importorskip("optuna")
    pytest.importorskip("cmaes")
    problem, asked = counted(fails_above=0.3)
    observed = METHODS[name](problem, 16, 1)
    assert len(asked) == len(observed) == 16
    for (x, value), seen in zip(observed, asked, strict=True):
        assert x == seen and 1e-4 <= x["rate"] <= 1 and x["size"] in range(1, 10) and x["kind"] in SPACE["kind"].values
        assert np.isinf(value) if x["rate"] > 0.3 else value >= 1
    again = METHODS[name](counted(0.3)[0], 16, 1)
    assert [x for x, _ in again] == [x for x, _ in observed], "the same seed makes the same search"
    assert [x for x, _ in METHODS[name](counted(0.3)[0], 16, 2)] != [x for x, _ in observed]


def test_smaller_budgets_are_the_beginnings_of_larger_ones():
    for name in (TUNED, "SBO, paper", "random search"):
        short, long = (METHODS[name](counted()[0], n, 0) for n in (20, 50))
        assert long[:20] == short, name


def test_a_grid_by_hand():
    space = {"x": Float(0, 1), "rate": Float(0.01, 100, log=True), "n": Integer(1, 2), "kind": Choice(("a",))}
    observed = study.run_grid(Problem("p", space, lambda x: x["x"]), 13, 0)
    # Two values each make 8; a third of x makes 12, one more of anything too many. A choice of one has one value.
    expected = product((1 / 6, 1 / 2, 5 / 6), (0.1, 10), (1, 2), ("a",))
    found = {tuple(np.round(v, 9) if isinstance(v, float) else v for v in x.values()) for x, _ in observed}
    assert found == {(round(x, 9), rate, n, kind) for x, rate, n, kind in expected} and len(observed) == 12


def test_sbo_in_the_comparison_is_sbo():
    problem = study.tuning_problem("network with noise", 4)
    observed = METHODS[TUNED](problem, 60, 4)
    result = minimize(one_by_one(problem.observe), problem.space, VARIANTS["tuned"], max_evaluations=60, seed=4)
    assert min(observed, key=lambda pair: pair[1]) == (result.x, result.value)


def test_tuned_sbo_beats_random_search_and_the_paper():
    """On seeds that neither the tuning nor the reported comparison used."""
    methods = {name: METHODS[name] for name in (TUNED, "SBO, paper", "random search")}
    table = study.win_rates(compare(PROBLEMS, methods, range(500, 505), 60), [60]).set_index("against")["won"]
    assert table["random search"] >= 0.85 and table["SBO, paper"] > 0.55


# ---- counts ---------------------------------------------------------------------------------------------------------


def test_best_so_far_is_the_true_loss_of_the_candidate_one_would_hand_over():
    problem = Problem("noisy", SPACE, lambda x: x["size"], noise=0.5)
    observed = [({"size": 5}, np.inf), ({"size": 4}, 4.4), ({"size": 6}, 3.9), ({"size": 1}, 4.0), ({"size": 2}, 1.5)]
    assert study.best_so_far(problem, observed, 7).tolist() == [np.inf, 4, 6, 6, 2, 2, 2]


def runs_by_hand():
    """Two problems, two seeds, three methods, after 10 evaluations; the third ran on one problem only."""
    values = {"A": [1, 2, 3, 4], "B": [2, 2, 1, 5], "C": [0, 9, np.nan, np.nan]}
    rows = [
        {"problem": problem, "seed": seed, "method": method, "evaluation": 10, "best": values[method][2 * i + seed]}
        for method in values for i, problem in enumerate(("p", "q")) for seed in (0, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows).dropna()


def test_win_rates_and_ranks_by_hand():
    table = study.win_rates(runs_by_hand().replace("A", TUNED), [10]).set_index("against")
    assert table.loc["B", "pairings"] == 4 and table.loc["B", "won"] == 2.5 / 4  # a win, a tie, a loss, a win
    assert table.loc["C", "pairings"] == 2 and table.loc["C", "won"] == 1 / 2
    assert (table["low"] < table["won"]).all() and (table["won"] < table["high"]).all()
    ranks = study.ranks(runs_by_hand(), [10]).set_index("method")["10 evaluations"]
    # Only problem p was run by all: seed 0 ranks C A B, seed 1 ties A and B before C.
    assert ranks.to_dict() == {"A": 1.75, "B": 2.25, "C": 2.0}


@pytest.mark.parametrize(("k", "n"), [(0, 5), (3, 5), (5, 5), (47, 55), (110, 110)])
def test_wilson_is_scipys(k, n):
    theirs = binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert study.wilson(k / n, n) == pytest.approx((theirs.low, theirs.high), abs=1e-4)


# ---- kept searches --------------------------------------------------------------------------------------------------


class Counted:
    """A method that counts its searches, and is interrupted in one of them."""

    def __init__(self, method, stop=None):
        self.method, self.stop, self.n = METHODS[method], stop, 0

    def __call__(self, problem, max_evaluations, seed):
        self.n += 1
        if self.n == self.stop:
            raise KeyboardInterrupt
        return self.method(problem, max_evaluations, seed)


def test_an_interrupted_comparison_goes_on(tmp_path):
    tuned, drawn = Counted(TUNED), Counted("random search", stop=3)
    problems, methods = {"sphere": PROBLEMS["sphere"]}, {TUNED: tuned, "random search": drawn}
    with pytest.raises(KeyboardInterrupt):
        compare(problems, methods, range(4), 20, folder=tmp_path)
    resumed = compare(problems, methods, range(4), 20, folder=tmp_path)
    assert (tuned.n, drawn.n) == (4, 5), "five searches were kept, one was lost, three were left"
    pd.testing.assert_frame_equal(resumed, compare(problems, {name: METHODS[name] for name in methods}, range(4), 20))


def kept(folder: Path, problem: Problem, method: Counted) -> pd.DataFrame:
    return compare({"p": lambda seed: problem}, {"random search": method}, [0], 9, folder=folder)


@pytest.mark.parametrize("other", [{"data": "other"}, {"space": {"x": Float(0, 2)}}, {"noise": 0.1}])
def test_a_kept_search_is_found_for_its_own_problem_alone(tmp_path, other):
    problem = Problem("p", {"x": Float(0, 1)}, lambda x: abs(x["x"] - 0.2), data="mine")
    method = Counted("random search")
    pd.testing.assert_frame_equal(kept(tmp_path, problem, method), kept(tmp_path, problem, method))
    assert method.n == 1, "found again"
    kept(tmp_path, replace(problem, **other), method)
    assert method.n == 2, "searched anew"


def test_a_damaged_kept_search_is_made_again(tmp_path):
    problem, method = Problem("p", {"x": Float(0, 1)}, lambda x: abs(x["x"] - 0.2)), Counted("random search")
    whole = kept(tmp_path, problem, method)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    for damaged in (b"", b"[]", pickle.dumps({}), content[: len(content) // 2], content.replace(b"0.", b"1.", 1)):
        path.write_bytes(damaged)
        with pytest.warns(UserWarning, match="is damaged; the search is made again"):
            pd.testing.assert_frame_equal(kept(tmp_path, problem, method), whole)
        assert path.read_bytes() == content
