"""What updating is worth, and the clock: each way of updating sees what it may see and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import panel_of

from bowerbird import metrics
from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.forecaster.lstm import Settings
from bowerbird.forecaster.training import fit, predict, update
from bowerbird.operation.store import Rules
from bowerbird.studies import operation as timing
from bowerbird.studies.operation import NEVER, STATE, WEEKLY, by_evening, compare_updates, update_table

N_KNOWN, AHEAD = 60, 3
HOW = {"ahead": AHEAD, "refit_days": 4, "epochs": 1, "seed": 2}


@pytest.fixture(scope="module")
def panel() -> Panel:
    rng = np.random.default_rng(0)
    return panel_of(rng.poisson(rng.gamma(2, 4, (9, 1)) * np.linspace(1, 3, 74), (9, 74)), "2023-03-01")


@pytest.fixture(scope="module")
def forecaster(panel):
    return fit(panel.until(N_KNOWN), Settings(hidden_size=4, epochs=1, horizon=5, warm_up=10), seed=0)


@pytest.fixture(scope="module")
def rolling(panel, forecaster):
    return compare_updates(panel, forecaster, N_KNOWN, **HOW)


def test_every_way_against_the_plain_calls(panel, forecaster, rolling):
    first = predict(forecaster, panel.until(N_KNOWN)).point
    repeated = np.concatenate([first, first, first], axis=1)  # the horizon of 5 is its last week here
    tuned = update(forecaster, panel.until(N_KNOWN + 4), seed=2 + 4)
    twice = update(tuned, panel.until(N_KNOWN + 8), seed=2 + 8)
    for evening in range(12):
        known = panel.until(N_KNOWN + evening)
        assert rolling.dates[evening] == known.dates[-1]
        np.testing.assert_array_equal(rolling.actual[:, evening], panel.demand[:, N_KNOWN + evening :][:, :AHEAD])
        np.testing.assert_array_equal(rolling.forecasts[NEVER][:, evening], repeated[:, evening : evening + AHEAD])
        expected = predict(forecaster, known).point[:, :AHEAD]
        np.testing.assert_allclose(rolling.forecasts[STATE][:, evening], expected, rtol=1e-5)
        network = forecaster if evening < 4 else tuned if evening < 8 else twice
        expected = predict(network, known).point[:, :AHEAD]
        np.testing.assert_allclose(rolling.forecasts[WEEKLY][:, evening], expected, rtol=1e-5)
    assert len(rolling.dates) == 12


def test_no_forecast_sees_a_later_day(panel, forecaster, rolling):
    demand = panel.demand.copy()
    demand[:, N_KNOWN + 5 :] += 50
    other = compare_updates(replace(panel, demand=demand), forecaster, N_KNOWN, **HOW)
    for name, forecast in rolling.forecasts.items():
        np.testing.assert_allclose(other.forecasts[name][:, :6], forecast[:, :6], rtol=1e-6, err_msg=name)
        if name != NEVER:
            assert (np.abs(other.forecasts[name][:, 6:] - forecast[:, 6:]) > 1e-3).any(), name


def test_without_fine_tuning_the_weekly_way_is_the_state_update(panel, forecaster, rolling):
    never_tuned = compare_updates(panel, forecaster, N_KNOWN, **HOW | {"refit_days": 0})
    np.testing.assert_array_equal(never_tuned.forecasts[WEEKLY], rolling.forecasts[STATE])


def test_table_and_interval(rolling):
    table = update_table(rolling, seed=1).set_index("updating")
    for name, forecast in rolling.forecasts.items():
        assert table.loc[name, "1-WMAPE"] == pytest.approx(metrics.one_minus_wmape(rolling.actual, forecast))
        assert table.loc[name, "difference"] == pytest.approx(table.loc[name, "1-WMAPE"] - table.loc[STATE, "1-WMAPE"])
        assert table.loc[name, "low"] <= table.loc[name, "difference"] <= table.loc[name, "high"]
    assert (table.loc[STATE, ["difference", "low", "high"]] == 0).all()
    curve = by_evening(rolling)
    assert curve.loc[rolling.dates[3], STATE] == metrics.one_minus_wmape(
        rolling.actual[:, 3], rolling.forecasts[STATE][:, 3]
    )


def test_what_does_not_fit_is_refused(panel, forecaster):
    for ahead in (0, 6, 15):
        with pytest.raises(ParameterError, match=f"ahead is {ahead}, with 14 days held out and a horizon of 5"):
            compare_updates(panel, forecaster, N_KNOWN, **HOW | {"ahead": ahead})


def test_the_clock_runs_over_all_days(panel, forecaster, tmp_path):
    table = timing.seconds_by_day(panel, forecaster, 71, tmp_path, Rules(n_samples=5, refit_days=2))
    assert table["fine-tuned"].tolist() == [False, True, False] and (table["update"] > 0).all()
    np.testing.assert_allclose(table["seconds"], table.iloc[:, 2:-1].sum(axis=1))
