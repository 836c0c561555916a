"""The network's state, advanced a day at a time, against a pass over the whole panel."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bowerbird.data.panel import Panel
from bowerbird.data.reader import ATTRIBUTES
from bowerbird.errors import ParameterError
from bowerbird.forecaster import Settings, fit, predict
from bowerbird.operation.network_state import NetworkState, advance, start

SMALL = Settings(hidden_size=6, epochs=1, batch_size=16, horizon=5, warm_up=10)
VARIANTS = {
    "lstm": SMALL,
    "lstm, clusters, no context": replace(SMALL, clusters=3, context=False),
    "two layers, two members, embeddings, clusters": replace(SMALL, layers=2, members=2, embedding=3, clusters=2),
    "gru": replace(SMALL, cell="gru"),
    "rnn": replace(SMALL, cell="rnn", layers=2),
}


@pytest.fixture(scope="module")
def panel() -> Panel:
    rng = np.random.default_rng(3)
    demand = rng.poisson(rng.gamma(1, 5, (12, 1)), (12, 110)).astype(float)
    demand[rng.random(demand.shape) < 0.05] = np.nan
    demand[1, 50:85] = np.nan  # longer than every window
    demand[2] = np.nan  # never known
    demand[3, :61] = np.nan  # first known after the origin
    demand[4] = 0
    series = pd.DataFrame({"seller_no": [f"seller_{i % 3}" for i in range(12)]})
    series["product_no"] = [f"product_{i // 2}" for i in range(12)]
    series["warehouse_no"] = [f"wh_{i % 2}" for i in range(12)]
    for column in ATTRIBUTES:
        series[column] = [f"{column}_{i % 4}" for i in range(12)]
    return Panel(series, pd.date_range("2022-12-01", periods=110, name="date"), demand)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_day_it_forecasts_as_a_pass_over_all_days_does(panel, name):
    forecaster = fit(panel.until(60), VARIANTS[name], seed=1)
    state, forecast = start(forecaster, panel.until(60))
    for day in range(60, 110):
        if day in (60, 61, 66, 87, 109):  # series 1's gap ends on day 85
            whole = predict(forecaster, panel.until(day))
            for part in ("mean", "dispersion", "point", "zero"):
                one, other = getattr(forecast, part), getattr(whole, part)
                np.testing.assert_allclose(one, other, rtol=1e-4, err_msg=f"{part} {day}")
            assert forecast.dates.equals(whole.dates)
        state, forecast = advance(forecaster, state, panel.series, panel.dates[day], panel.demand[:, day])


def test_started_later_it_is_the_state_advanced_to(panel):
    forecaster = fit(panel.until(60), replace(SMALL, clusters=3), seed=1)
    state, _ = start(forecaster, panel.until(60))
    for day in range(60, 95):
        state, _ = advance(forecaster, state, panel.series, panel.dates[day], panel.demand[:, day])
    later, _ = start(forecaster, panel.until(95))
    for name, expected in later.to_arrays().items():
        np.testing.assert_allclose(state.to_arrays()[name], expected, rtol=1e-4, atol=1e-5, err_msg=name)


def test_from_a_panel_shorter_than_its_windows(panel):
    forecaster = fit(panel.until(60), SMALL, seed=1)
    state, _ = start(forecaster, panel.until(3))
    state, forecast = advance(forecaster, state, panel.series, panel.dates[3], panel.demand[:, 3])
    np.testing.assert_allclose(forecast.mean, predict(forecaster, panel.until(4)).mean, rtol=1e-4)
    assert state.demand.shape == (12, 4)


def test_the_state_matters_and_no_hook_is_left_behind(panel):
    forecaster = fit(panel.until(60), SMALL, seed=1)
    state, before = start(forecaster, panel.until(60))
    _, forecast = advance(forecaster, state, panel.series, panel.dates[60], panel.demand[:, 60])
    forgetful = replace(state, cells=np.zeros_like(state.cells))
    _, other = advance(forecaster, forgetful, panel.series, panel.dates[60], panel.demand[:, 60])
    assert np.abs(other.mean / forecast.mean - 1).max() > 1e-3
    np.testing.assert_array_equal(predict(forecaster, panel.until(60)).mean, before.mean)
    assert not forecaster.networks[0].cell._forward_hooks and not forecaster.networks[0].cell._forward_pre_hooks


def test_stored_and_read_again_it_goes_on_alike(panel):
    forecaster = fit(panel.until(60), SMALL, seed=1)
    state, _ = start(forecaster, panel.until(60))
    again = NetworkState.from_arrays(state.to_arrays())
    one, other = (advance(forecaster, s, panel.series, panel.dates[60], panel.demand[:, 60])[1] for s in (state, again))
    np.testing.assert_array_equal(one.mean, other.mean)


def test_what_cannot_be_advanced_is_refused(panel):
    forecaster = fit(panel.until(60), replace(SMALL, cell="transformer"), seed=1)
    with pytest.raises(ParameterError, match="transformer"):
        start(forecaster, panel)
    clustered = fit(panel.until(60), replace(SMALL, clusters=2), seed=1)
    with pytest.raises(ParameterError, match="50 days are fewer than the forecaster's 60"):
        start(clustered, panel.until(50))
    state, _ = start(clustered, panel.until(60))
    with pytest.raises(ParameterError, match="one day of 12 series"):
        advance(clustered, state, panel.series, panel.dates[60], np.ones(11))
