"""The comparison is fair: same problems, same budgets, true losses, and counts that can be checked by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from bowerbird.data.panel import Panel
from bowerbird.data.reader import ATTRIBUTES, SERIES_KEY
from bowerbird.forecaster import Settings, tuning
from bowerbird.sbo import minimize
from bowerbird.sbo.space import Choice, Float, Integer, decode, limits
from bowerbird.studies import search as study
from bowerbird.studies.search import (
    FUNCTIONS,
    METHODS,
    TUNED,
    TUNING,
    Problem,
    available,
    best_so_far,
    compare,
    ranks,
    shifted_problem,
    tuning_problem,
    wilson,
    win_rates,
)

PROBLEMS = {name: (lambda seed, name=name: shifted_problem(name, seed)) for name in FUNCTIONS} | {
    name: (lambda seed, name=name: tuning_problem(name, seed)) for name in TUNING
}
SPACE = {"rate": Float(1e-4, 1.0, log=True), "size": Integer(1, 9), "kind": Choice(("a", None, (1, 2)))}


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
    observed = METHODS[name](problem, 24, 1)
    assert len(asked) == len(observed) == 24
    for (x, value), seen in zip(observed, asked, strict=True):
        assert x == seen and 1e-4 <= x["rate"] <= 1 and x["size"] in range(1, 10) and x["kind"] in SPACE["kind"].values
        assert np.isinf(value) if x["rate"] > 0.3 else value >= 1
    again = METHODS[name](counted(0.3)[0], 24, 1)
    assert [x for x, _ in again] == [x for x, _ in observed], "the same seed makes the same search"
    assert [x for x, _ in METHODS[name](counted(0.3)[0], 24, 2)] != [x for x, _ in observed]


def test_smaller_budgets_are_the_beginnings_of_larger_ones():
    for name in (TUNED, "SBO, paper", "random search"):
        short, long = (METHODS[name](counted()[0], n, 0) for n in (20, 50))
        assert long[:20] == short, name


def test_sbo_in_the_comparison_is_sbo():
    problem = tuning_problem("network with noise", 4)
    observed = METHODS[TUNED](problem, 60, 4)
    result = minimize(problem.observe, problem.space, max_evaluations=60, variant="tuned", seed=4)
    assert min(observed, key=lambda pair: pair[1]) == (result.x, result.value)


def test_best_so_far_is_the_true_loss_of_the_candidate_one_would_hand_over():
    problem = Problem("noisy", SPACE, lambda x: x["size"], noise=0.5)
    observed = [({"size": 5}, np.inf), ({"size": 4}, 4.4), ({"size": 6}, 3.9), ({"size": 1}, 4.0), ({"size": 2}, 1.5)]
    assert best_so_far(problem, observed, 7).tolist() == [np.inf, 4, 6, 6, 2, 2, 2]


def runs_by_hand():
    """Two problems, two seeds, three methods, after 10 evaluations; the third ran on one problem only."""
    values = {"A": [1, 2, 3, 4], "B": [2, 2, 1, 5], "C": [0, 9, np.nan, np.nan]}
    rows = [
        {"problem": problem, "seed": seed, "method": method, "evaluation": 10, "best": values[method][2 * i + seed]}
        for method in values for i, problem in enumerate(("p", "q")) for seed in (0, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows).dropna()


def test_win_rates_by_hand():
    table = win_rates(runs_by_hand(), [10], "A").set_index("against")
    assert table.loc["B", "pairings"] == 4 and table.loc["B", "won"] == 2.5 / 4  # a win, a tie, a loss, a win
    assert table.loc["C", "pairings"] == 2 and table.loc["C", "won"] == 1 / 2
    assert (table["low"] < table["won"]).all() and (table["won"] < table["high"]).all()


def test_ranks_by_hand():
    table = ranks(runs_by_hand(), [10]).set_index("method")["10 evaluations"]
    # Only problem p was run by all: seed 0 ranks C A B, seed 1 ties A and B before C.
    assert table.to_dict() == {"A": 1.75, "B": 2.25, "C": 2.0}


@pytest.mark.parametrize(("k", "n"), [(0, 5), (3, 5), (5, 5), (47, 55), (110, 110)])
def test_wilson_is_scipys(k, n):
    theirs = binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert wilson(k / n, n) == pytest.approx((theirs.low, theirs.high), abs=1e-4)


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
    assert resumed.groupby(["method", "seed"]).size().tolist() == [20] * 8


def small_panel() -> Panel:
    rng = np.random.default_rng(0)
    series = pd.DataFrame({column: [f"{column}_{i % 3}" for i in range(16)] for column in (*SERIES_KEY, *ATTRIBUTES)})
    series["product_no"] = [f"product_{i}" for i in range(16)]
    dates = pd.date_range("2022-12-01", periods=70, name="date")
    return Panel(series, dates, rng.poisson(rng.gamma(2, 5, (16, 1)), (16, 70)).astype(float))


def target_problem(target):
    """The same name and space whatever the data."""
    return lambda seed: Problem("p", {"x": Float(0, 1)}, lambda x: float(np.abs(x["x"] - target).sum()))


@pytest.mark.parametrize(
    "other",
    [
        target_problem(np.array([0.8])),
        lambda seed: Problem("p", {"x": Float(0, 1)}, lambda x: (x["x"] - 0.2) ** 2),
        lambda seed: replace(target_problem(np.array([0.2]))(seed), space={"x": Float(0, 2)}),
        lambda seed: replace(target_problem(np.array([0.2]))(seed), noise=0.1),
    ],
    ids=["data", "objective", "space", "noise"],
)
def test_a_kept_search_is_found_for_its_own_problem_alone(tmp_path, other):
    method = {"random search": Counted("random search")}
    kept, again = (compare({"p": target_problem(np.array([0.2]))}, method, [0], 9, folder=tmp_path) for _ in "12")
    pd.testing.assert_frame_equal(kept, again)
    assert method["random search"].n == 1, "found again"
    fresh = compare({"p": other}, {"random search": METHODS["random search"]}, [0], 9)
    pd.testing.assert_frame_equal(compare({"p": other}, method, [0], 9, folder=tmp_path), fresh)
    assert method["random search"].n == 2, "searched anew"


def test_a_kept_search_of_the_network_is_found_for_its_own_panel_alone():
    """Other demand, other attributes of the series, other series drawn: each is another problem."""
    panel = small_panel()
    demand = panel.demand.copy()
    demand[3, 7] += 1
    others = [
        study.lstm_problem(replace(panel, demand=demand), 0),
        study.lstm_problem(replace(panel, series=panel.series.assign(**{ATTRIBUTES[0]: "other"})), 0),
        study.lstm_problem(panel, 1),
        study.lstm_problem(panel, 0, epochs=5),
    ]
    identities = [study._identity(problem) for problem in (study.lstm_problem(panel, 0), *others)]
    assert len(set(identities)) == len(identities)
    assert study._identity(study.lstm_problem(small_panel(), 0)) == identities[0]


def test_a_damaged_kept_search_is_made_again(tmp_path):
    problem, method = {"p": target_problem(np.array([0.2]))}, {"random search": METHODS["random search"]}
    whole = compare(problem, method, [0], 9, folder=tmp_path)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    for damaged in (b"", b"[]", content[: len(content) // 2], content.replace(b"0.", b"1.", 1)):
        path.write_bytes(damaged)
        with pytest.warns(UserWarning, match="is damaged; the search is made again"):
            pd.testing.assert_frame_equal(compare(problem, method, [0], 9, folder=tmp_path), whole)
        assert path.read_bytes() == content


def test_a_missing_package_leaves_its_methods_out_and_says_so(monkeypatch):
    monkeypatch.setattr(study, "find_spec", lambda name: None)
    methods, reason = available()
    assert list(methods) == [TUNED, "SBO, paper", "random search"]
    assert "CMA-ES is left out, optuna and cmaes not installed" in reason and "pip install" in reason
    monkeypatch.setattr(study, "find_spec", lambda name: None if name == "cmaes" else object())
    assert [name for name in METHODS if name not in available()[0]] == ["CMA-ES"]
    monkeypatch.setattr(study, "find_spec", lambda name: object())
    assert available() == (METHODS, "")


def test_tuned_sbo_beats_random_search_and_the_paper():
    """On seeds that neither the tuning nor the reported comparison used."""
    methods = {name: METHODS[name] for name in (TUNED, "SBO, paper", "random search")}
    table = win_rates(compare(PROBLEMS, methods, range(500, 505), 60), [60]).set_index("against")["won"]
    assert table["random search"] >= 0.85 and table["SBO, paper"] > 0.55


def test_at_length_both_find_the_sphere():
    table = study.at_length(1, 3000, 3).set_index("function")
    assert list(table.index) == list(FUNCTIONS)
    assert table.loc["sphere", "SBO"] < 0.01 and table.loc["sphere", "differential evolution"] < 1e-10


def test_the_real_loss_is_the_tuning_stages():
    panel = small_panel()
    problem = study.lstm_problem(panel, 3, n_series=10, epochs=1)
    low, high = limits(problem.space)
    x = decode(problem.space, ((low + high) / 2)[None])[0]
    rows = np.sort(np.random.default_rng(3).choice(16, 10, replace=False))
    settings = replace(Settings(epochs=1, batch_size=16), **x)
    assert problem.observe(x) == tuning.validation_loss(panel.select(rows), settings, seed=3)
    assert study.lstm_problem(panel, 3, tuning.SPACE).space == tuning.SPACE
