from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bowerbird.data.merge import build_panel
from bowerbird.data.panel import Panel
from bowerbird.data.schema import ATTRIBUTES
from bowerbird.denoise import gaussian, symlet
from bowerbird.errors import ParameterError
from bowerbird.forecaster import Settings
from bowerbird.metrics import CLASS_DEFINITIONS, one_minus_wmape
from bowerbird.table_3 import LAGS, Protocol, filtered, n_train_days, one_day_ahead, table_rows

SMALL = Settings(hidden_size=8, epochs=1, clusters=2)
RAW = Protocol(wavelet=False, sigma=0.0, leaky=False)
N_DAYS, N_TRAIN = 100, 85


@pytest.fixture(scope="module")
def panel() -> Panel:
    rng = np.random.default_rng(0)
    means = rng.gamma(2, 6, (10, 1)) * np.exp(np.cumsum(rng.normal(0, 0.1, (10, N_DAYS)), axis=1))
    series = pd.DataFrame({column: [f"{column}_{i % 3}" for i in range(10)] for column in ATTRIBUTES})
    for column in ("seller_no", "product_no", "warehouse_no"):
        series[column] = [f"{column}_{i}" for i in range(10)]
    dates = pd.date_range("2022-12-01", periods=N_DAYS, name="date")
    return Panel(series, dates, rng.poisson(means).astype(float))


def with_other_days(panel: Panel, first: int) -> Panel:
    demand = panel.demand.copy()
    demand[:, first:] = 200 - demand[:, first:]
    return replace(panel, demand=demand)


def slow_ridge(inputs, target, n_train):
    """Ridge with an unpenalised intercept on windows cut one by one, by its normal equations."""
    rows, values = [], []
    for i in range(len(inputs)):
        for day in range(28, n_train):
            rows.append(inputs[i, day - 28 : day])
            values.append(target[i, day])
    x, y = np.array(rows), np.array(values)
    centred = x - x.mean(axis=0)
    weights = np.linalg.solve(centred.T @ centred + np.eye(28), centred.T @ (y - y.mean()))
    forecast = np.empty((len(inputs), inputs.shape[1] - 28))
    for i in range(len(inputs)):
        for day in range(28, inputs.shape[1]):
            forecast[i, day - 28] = y.mean() + (inputs[i, day - 28 : day] - x.mean(axis=0)) @ weights
    return forecast


@pytest.mark.parametrize("protocol", [RAW, Protocol(sigma=0.7), Protocol(sigma=0.7, leaky=False)])
def test_ridge_is_the_slow_loop_over_windows(panel, protocol):
    demand, causal = panel.demand, not protocol.leaky
    inputs = demand if protocol is RAW else gaussian(symlet(demand, causal=causal), 0.7, causal=causal)
    target = inputs if protocol.leaky else demand
    found = one_day_ahead(panel, protocol)
    np.testing.assert_allclose(found["forecast"], slow_ridge(inputs, target, N_TRAIN), rtol=1e-8, atol=1e-8)
    np.testing.assert_array_equal(found["target"], target[:, 28:])
    np.testing.assert_array_equal(found["raw"], demand[:, 28:])


def test_persistence_is_the_day_before(panel):
    found = one_day_ahead(panel, replace(RAW, model="persistence"))
    for column, day in enumerate(range(28, N_DAYS)):
        np.testing.assert_array_equal(found["forecast"][:, column], panel.demand[:, day - 1])
        np.testing.assert_array_equal(found["target"][:, column], panel.demand[:, day])


def test_the_filters_are_those_of_the_protocol(panel):
    demand = panel.demand
    np.testing.assert_array_equal(filtered(panel, RAW), demand)
    np.testing.assert_array_equal(filtered(panel, Protocol(sigma=0.0)), symlet(demand))
    np.testing.assert_array_equal(filtered(panel, Protocol(wavelet=False, sigma=2.0)), gaussian(demand, 2.0))
    np.testing.assert_array_equal(
        filtered(panel, Protocol(sigma=0.5, leaky=False)), gaussian(symlet(demand, causal=True), 0.5, causal=True)
    )
    protocols = RAW, Protocol(sigma=0.0), Protocol(wavelet=False, sigma=2.0), Protocol(sigma=0.75)
    names = [protocol.filter_name for protocol in protocols]
    assert names == ["none", "sym8", "Gaussian 2 d", "sym8 + Gaussian 0.75 d"]


HONEST = [
    replace(RAW, model="persistence"),
    RAW,
    replace(RAW, model="lstm"),
    Protocol(leaky=False, model="persistence"),
    Protocol(leaky=False),
]


@pytest.mark.parametrize("protocol", HONEST, ids=lambda p: f"{p.model}, {p.filter_name}")
@pytest.mark.parametrize("origin", [N_TRAIN, 92])
def test_honest_forecasts_do_not_know_later_days(panel, protocol, origin):
    before, after = (
        one_day_ahead(p, protocol, settings=SMALL)["forecast"] for p in (panel, with_other_days(panel, origin))
    )
    known = origin - LAGS + 1  # the forecast of day `origin` still rests on the days before it
    np.testing.assert_array_equal(before[:, :known], after[:, :known])
    assert not np.isclose(before[:, known:], after[:, known:]).all(axis=1).any()


@pytest.mark.parametrize("model", ["persistence", "ridge", "lstm"])
def test_forecasts_of_the_papers_protocol_do_know_later_days(panel, model):
    protocol = Protocol(model=model)
    before, after = (one_day_ahead(p, protocol, settings=SMALL) for p in (panel, with_other_days(panel, N_TRAIN)))
    training_days = slice(0, N_TRAIN - LAGS)
    for name in ("forecast", "target"):  # even the training days move
        assert (np.abs(before[name] - after[name])[:, training_days].max(axis=1) > 0.01).all()


def test_the_split_lies_at_85_percent(panel):
    assert (n_train_days(166), n_train_days(100), n_train_days(20)) == (141, 85, 17)
    # a day of training moves the fit, a day of the test does not
    forecasts = [one_day_ahead(with_one_day_raised(panel, day), RAW)["forecast"][:, 0] for day in (None, 84, 85)]
    assert not np.isclose(forecasts[1], forecasts[0]).any()
    np.testing.assert_array_equal(forecasts[2], forecasts[0])


def with_one_day_raised(panel: Panel, day: int | None) -> Panel:
    demand = panel.demand.copy()
    if day is not None:
        demand[:, day] += 50
    return replace(panel, demand=demand)


def test_rows_score_the_days_before_and_after_the_split(panel):
    rows = table_rows(panel, Protocol(sigma=0.7)).set_index("Index")
    assert list(rows.index) == ["Train", "Test"]
    assert set(rows["protocol"]) == {"as the paper"} and set(rows["filter"]) == {"sym8 + Gaussian 0.7 d"}
    found = one_day_ahead(panel, Protocol(sigma=0.7))
    quartiles = np.quantile(found["target"][:, : N_TRAIN - LAGS], [0.25, 0.5, 0.75])
    for name, days in (("Train", slice(0, 57)), ("Test", slice(57, 72))):
        forecast, target, raw = (found[key][:, days] for key in ("forecast", "target", "raw"))
        row = rows.loc[name]
        assert row["1-WMAPE, own target"] == one_minus_wmape(target, forecast)
        assert row["1-WMAPE, raw demand"] == one_minus_wmape(raw, forecast)
        assert row["bias, raw demand"] == pytest.approx(forecast.sum() / raw.sum() - 1)
        assert row["RMSE, own target"] == pytest.approx(np.sqrt(np.mean((target - forecast) ** 2)))
        assert row["RMSE / mean, own target"] == pytest.approx(row["RMSE, own target"] / target.mean())
        same = np.searchsorted(quartiles, target) == np.searchsorted(quartiles, forecast)
        assert row["accuracy, quantile classes"] == pytest.approx(same.mean())
        assert row["recall, quantile classes"] == pytest.approx(same.mean())
    assert {f"F1, {definition}" for definition in CLASS_DEFINITIONS} <= set(rows)


def test_the_leaky_protocol_looks_better_than_it_is(panel):
    leaky, honest = (table_rows(panel, p).set_index("Index").loc["Test"] for p in (Protocol(), RAW))
    assert leaky["1-WMAPE, own target"] > leaky["1-WMAPE, raw demand"] + 0.1
    assert leaky["1-WMAPE, own target"] > honest["1-WMAPE, own target"] + 0.1


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        (Protocol(model="arima"), "model is 'arima'; choose"),
        (Protocol(leaky=False, model="lstm"), "honest LSTM reads and forecasts raw demand"),
    ],
)
def test_errors_name_the_cure(panel, protocol, message):
    with pytest.raises(ParameterError, match=message):
        one_day_ahead(panel, protocol, settings=SMALL)


@pytest.mark.parametrize(
    ("protocol", "score", "tolerance"),
    [
        (Protocol(wavelet=False, sigma=0.0), 0.597, 0.010),
        (Protocol(sigma=0.0), 0.896, 0.010),
        (Protocol(sigma=0.7), 0.948, 0.005),
        (Protocol(sigma=0.8, model="persistence"), 0.945, 0.005),
    ],
    ids=lambda p: f"{p.model}, {p.filter_name}" if isinstance(p, Protocol) else "",
)
def test_scores_on_the_original_data(original, protocol, score, tolerance):
    found = one_day_ahead(build_panel(original), protocol)
    test_days = slice(n_train_days(166) - LAGS, None)
    assert one_minus_wmape(found["target"][:, test_days], found["forecast"][:, test_days]) == pytest.approx(
        score, abs=tolerance
    )
