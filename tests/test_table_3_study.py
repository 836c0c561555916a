"""The experiment on Table 3: a complete factorial, and widths that print the figure."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from test_table_3 import panel_of

from bowerbird.studies.table_3 import crossings, design, lstm_design, run
from bowerbird.table_3.protocols import Protocol
from bowerbird.table_3.scores import score


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(0)
    return panel_of(rng.poisson(rng.gamma(2, 6, (10, 1)) * np.exp(np.cumsum(rng.normal(0, 0.1, (10, 100)), axis=1))))


@pytest.fixture(scope="module")
def experiment(panel):
    protocols = design((0.5, 2.0, 10.0), (0.7,), (2.0, 40.0))
    cells = run(panel, protocols)
    return cells, crossings(panel, cells, protocols)


def test_the_factorial_is_complete_and_repeats_nothing():
    protocols = design((1.0, 2.0), (0.7,), (5.0,))
    assert len(set(protocols)) == len(protocols)
    assert all(p.is_filtered or p.when == "before" for p in protocols)
    # filters: none; before 2 x 3 - 1; after, causal and causal inputs 2 x 2 - 1 each; one trailing mean; five steps, of
    # which causal inputs have no recursive one
    count = Counter((p.when, p.is_filtered, p.split) for p in protocols)
    assert count == {
        ("before", False, "last"): 5, ("before", False, "random"): 5, ("before", True, "last"): 25,
        ("before", True, "random"): 25, ("after", True, "last"): 15, ("causal inputs", True, "last"): 12,
        ("causal", True, "last"): 20, ("causal", True, "random"): 20,
    }  # fmt: skip
    steps = {(p.model, p.horizon, p.recursive) for p in protocols}
    assert steps == {
        ("persistence", 1, False), ("persistence", 15, False), ("ridge", 1, False), ("ridge", 15, False),
        ("ridge", 15, True),
    }  # fmt: skip


def test_the_lstm_has_a_leak_free_cell_at_each_horizon():
    protocols = lstm_design([0.7], [5.0])
    assert [(p.horizon, p.filter_name, p.leak_free) for p in protocols] == [
        (1, "none", True), (15, "none", True), (1, "sym8 + Gaussian 0.7 d", False),
        (15, "sym8 + Gaussian 5 d", False),
    ]  # fmt: skip
    assert all(p.model == "lstm" for p in protocols)


def test_filters_run_once_give_the_same_cells(panel):
    protocols = [
        Protocol(), Protocol(model="persistence"), Protocol(when="after"), Protocol(when="after", horizon=15),
        Protocol(split="random"), Protocol(when="causal"), Protocol(when="causal inputs"),
        Protocol(False, 3.0, "causal", kernel="mean"),
    ]  # fmt: skip
    one_by_one = pd.concat([score(panel, p, seed=2) for p in protocols], ignore_index=True)
    pd.testing.assert_frame_equal(run(panel, protocols, seed=2), one_by_one)


def test_the_width_solved_for_gives_the_printed_mean(panel, experiment):
    cells, solved = experiment
    assert solved and len(set(solved)) == len(solved)
    for protocol in solved:
        values = score(panel, protocol).query("against == 'denoised'")["1-WMAPE"]
        # widths are rounded to a hundredth of a day, trailing means to a day
        assert values.mean() == pytest.approx(0.9455, abs=0.03 if protocol.kernel == "mean" else 0.004)
    # a family is left out only if no neighbouring widths lie on both sides
    key = ["model", "kind", "filtered", "split", "horizon"]
    found = {(p.model, p.kind, p.when, p.split, p.horizon_name) for p in solved}
    for family, rows in cells[cells["against"] == "denoised"].groupby(key):
        means = rows.groupby("width")["1-WMAPE"].mean()
        assert (family in found) == (means.min() < 0.9455 < means.max())
