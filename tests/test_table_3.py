"""Table 3's protocols: each option against a slow, obvious loop, and who has seen the future."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bowerbird.data.panel import Panel, build_panel
from bowerbird.data.reader import ATTRIBUTES
from bowerbird.denoise import gaussian, symlet
from bowerbird.errors import ParameterError
from bowerbird.forecaster import Settings
from bowerbird.metrics import one_minus_wmape
from bowerbird.table_3.protocols import (
    LAGS,
    Protocol,
    filtered,
    make_forecasts,
    n_train_days,
    split_windows,
    trailing_mean,
)

SMALL = Settings(hidden_size=8, epochs=1, clusters=2)
RAW = Protocol(wavelet=False, width=0.0)
N_DAYS, N_TRAIN = 100, 85


def panel_of(demand) -> Panel:
    n_series, n_days = np.shape(demand)
    series = pd.DataFrame({column: [f"{column}_{i % 3}" for i in range(n_series)] for column in ATTRIBUTES})
    for column in ("seller_no", "product_no", "warehouse_no"):
        series[column] = [f"{column}_{i}" for i in range(n_series)]
    return Panel(series, pd.date_range("2022-12-01", periods=n_days, name="date"), np.asarray(demand, dtype=float))


@pytest.fixture(scope="module")
def panel() -> Panel:
    rng = np.random.default_rng(0)
    means = rng.gamma(2, 6, (10, 1)) * np.exp(np.cumsum(rng.normal(0, 0.1, (10, N_DAYS)), axis=1))
    return panel_of(rng.poisson(means))


def with_other_days(panel: Panel, first: int) -> Panel:
    demand = panel.demand.copy()
    demand[:, first:] = 200 - demand[:, first:]
    return replace(panel, demand=demand)


def slow_ridge(rows, values):
    """Ridge with an unpenalised intercept by its normal equations; returns a function of one window."""
    x, y = np.array(rows), np.array(values)
    centred = x - x.mean(axis=0)
    weights = np.linalg.solve(centred.T @ centred + np.eye(x.shape[1]), centred.T @ (y - y.mean(axis=0)))
    return lambda window: y.mean(axis=0) + (window - x.mean(axis=0)) @ weights


def slow_forecasts(panel, protocol, inputs, target):
    """Windows cut one by one, every option an if: forecasts, targets, raw demand, train and test of scored origins."""
    h, n_days = protocol.horizon, panel.n_days
    train, test = split_windows(panel.n_series, n_days, protocol)
    rows, values = [], []
    for i in range(panel.n_series):
        for known in range(28, n_days - h + 1):
            if train[i, known - 28]:
                rows.append(inputs[i, known - 28 : known])
                values.append(target[i, known : known + (1 if protocol.recursive else h)])
    fitted = slow_ridge(rows, values) if protocol.model == "ridge" else None
    scored = sorted(range(n_days - h, 27, -h))
    found = {name: [] for name in ("forecast", "target", "raw", "train", "test")}
    for i in range(panel.n_series):
        for known in scored:
            window = inputs[i, known - 28 : known]
            if protocol.model == "persistence":
                forecast = [window[-1]] * h
            elif protocol.recursive:
                history = list(window)
                for _ in range(h):
                    history.append(fitted(np.array(history[-28:]))[0])
                forecast = history[28:]
            else:
                forecast = fitted(window)
            found["forecast"].append(forecast)
            found["target"].append(target[i, known : known + h])
            found["raw"].append(panel.demand[i, known : known + h])
            found["train"].append(train[i, known - 28])
            found["test"].append(test[i, known - 28])
    shape = panel.n_series, len(scored)
    return {name: np.array(x).reshape(*shape, *np.shape(x)[1:]) for name, x in found.items()}


OPTIONS = [
    RAW,
    Protocol(width=0.7),
    Protocol(width=0.7, when="after"),
    Protocol(width=0.7, when="causal inputs"),
    Protocol(width=0.7, when="causal"),
    Protocol(False, 3.0, "causal", kernel="mean"),
    Protocol(False, 3.0, "causal", "random", 5, True, kernel="mean"),
    Protocol(width=0.7, split="random"),
    Protocol(width=2.0, horizon=5),
    Protocol(width=2.0, horizon=5, recursive=True),
    Protocol(width=2.0, horizon=5, when="after"),
    Protocol(width=2.0, horizon=5, split="random", recursive=True),
    Protocol(width=2.0, horizon=5, split="random", model="persistence"),
    Protocol(width=2.0, when="after", model="persistence"),
]


@pytest.mark.parametrize("protocol", OPTIONS, ids=repr)
def test_every_option_is_the_slow_loop(panel, protocol):
    demand, causal = panel.demand, protocol.when in ("causal", "causal inputs")
    if protocol is RAW:
        inputs = demand
    elif protocol.when == "after":
        cut = 95 if protocol.horizon == 5 else 85
        parts = demand[:, :cut], demand[:, cut:]
        inputs = np.hstack([gaussian(symlet(part), protocol.width) for part in parts])
    elif protocol.kernel == "mean":
        inputs = np.array([[np.mean(row[max(0, day - 2) : day + 1]) for day in range(N_DAYS)] for row in demand])
    else:
        inputs = gaussian(symlet(demand, causal=causal), protocol.width, causal=causal)
    expected = slow_forecasts(panel, protocol, inputs, demand if protocol.when == "causal inputs" else inputs)
    found = make_forecasts(panel, protocol)
    np.testing.assert_allclose(found.forecast, expected["forecast"], rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(found.target, expected["target"], rtol=1e-12)
    for name in ("raw", "train", "test"):
        np.testing.assert_array_equal(getattr(found, name), expected[name])
    np.testing.assert_array_equal(make_forecasts(panel, protocol, series=inputs).forecast, found.forecast)


def test_direct_and_recursive_on_series_made_by_hand():
    """Steady growth is one weight, and fed back it stays right; so does a pulse whose weight lies 15 days back."""
    doubling = np.array([[1.0], [3.0]]) * 2.0 ** (np.arange(60) / 10)
    for recursive in (False, True):
        found = make_forecasts(panel_of(doubling), replace(RAW, horizon=15, recursive=recursive))
        np.testing.assert_allclose(found.forecast, found.raw, rtol=2e-3)
    # an impulse every 15 days lies 15 days back: weights of one day ahead must carry it through the feedback
    impulse = np.tile(np.where(np.arange(90) % 15 == 0, 1000.0, 0.0), (2, 1))
    recursive = make_forecasts(panel_of(impulse), replace(RAW, horizon=15, recursive=True)).forecast[:, -1]
    np.testing.assert_allclose(recursive, impulse[:, -15:], atol=0.1)


def test_direct_and_recursive_differ_where_the_best_weights_do():
    rng = np.random.default_rng(1)
    panel = panel_of(rng.gamma(1, 20, (20, 90)))
    direct, recursive = (make_forecasts(panel, replace(RAW, horizon=5, recursive=r)).forecast for r in (False, True))
    np.testing.assert_allclose(direct[..., 0], recursive[..., 0])  # the first day is the same regression
    assert not np.isclose(direct[..., 1:], recursive[..., 1:]).any()


def test_persistence_is_the_day_before(panel):
    found = make_forecasts(panel, replace(RAW, model="persistence"))
    np.testing.assert_array_equal(found.forecast[:, :, 0], panel.demand[:, 27:-1])
    np.testing.assert_array_equal(found.raw[:, :, 0], panel.demand[:, 28:])


def test_the_filters_are_those_of_the_protocol(panel):
    demand = panel.demand
    np.testing.assert_array_equal(filtered(panel, RAW), demand)
    np.testing.assert_array_equal(filtered(panel, Protocol(width=0.0)), symlet(demand))
    np.testing.assert_array_equal(filtered(panel, Protocol(wavelet=False, width=2.0)), gaussian(demand, 2.0))
    apart = filtered(panel, Protocol(False, 2.0, when="after"))
    np.testing.assert_array_equal(apart[:, :85], gaussian(demand[:, :85], 2.0))
    np.testing.assert_array_equal(apart[:, 85:], gaussian(demand[:, 85:], 2.0))
    protocols = RAW, Protocol(width=0.0), Protocol(wavelet=False, width=2.0), Protocol(width=0.75)
    assert [p.filter_name for p in protocols] == ["none", "sym8", "Gaussian 2 d", "sym8 + Gaussian 0.75 d"]
    mean = Protocol(False, 9.0, "causal", kernel="mean")
    assert mean.filter_name == "trailing mean 9 d"
    known = Protocol(width=2.0, when="after")  # the wavelet's output, given, is not computed again
    np.testing.assert_array_equal(
        filtered(panel, known, filtered(panel, replace(known, width=0.0))), filtered(panel, known)
    )


def test_a_trailing_mean_by_hand():
    series = np.array([[4.0, 8.0, 0.0, 12.0]])
    np.testing.assert_allclose(trailing_mean(series, 2), [[4, 6, 4, 6]])
    np.testing.assert_allclose(trailing_mean(series, 9), np.cumsum(series, axis=1) / np.arange(1, 5))


LEAK_FREE = [
    replace(RAW, model="persistence"),
    RAW,
    replace(RAW, model="lstm"),
    Protocol(when="causal inputs", model="persistence"),
    Protocol(when="causal inputs"),
    Protocol(when="causal"),
    Protocol(when="causal", model="lstm"),
    Protocol(False, 9.0, "causal", kernel="mean", model="persistence"),
]


@pytest.mark.parametrize("protocol", LEAK_FREE, ids=repr)
@pytest.mark.parametrize("origin", [N_TRAIN, 92])
def test_leak_free_forecasts_are_the_same_bits_whatever_comes_later(panel, protocol, origin):
    assert protocol.leak_free
    before, after = (
        make_forecasts(p, protocol, settings=SMALL).forecast[..., 0] for p in (panel, with_other_days(panel, origin))
    )
    known = origin - LAGS + 1  # the forecast of day `origin` still rests on the days before it
    np.testing.assert_array_equal(before[:, :known], after[:, :known])
    assert not np.isclose(before[:, known:], after[:, known:]).all(axis=1).any()


LONG = [
    replace(protocol, horizon=15, recursive=recursive)
    for protocol in (RAW, Protocol(when="causal inputs"), Protocol(width=5.0, when="after"))
    for recursive in (False, True)
    if not (recursive and protocol.when == "causal inputs")
] + [replace(RAW, horizon=15, model="lstm"), Protocol(when="after", horizon=15, model="lstm")]


@pytest.mark.parametrize("protocol", LONG, ids=repr)
def test_leak_free_forecasts_of_15_days_are_the_same_bits_whatever_comes(panel, protocol):
    assert protocol.leak_free
    before, after = (
        make_forecasts(p, protocol, settings=SMALL).forecast for p in (panel, with_other_days(panel, N_DAYS - 15))
    )
    np.testing.assert_array_equal(before, after)


LEAKY = [Protocol(model=model) for model in ("persistence", "ridge", "lstm")]
LEAKY += [Protocol(width=5.0, horizon=15), Protocol(width=5.0, horizon=15, recursive=True)]


@pytest.mark.parametrize("protocol", LEAKY, ids=repr)
def test_forecasts_of_the_papers_protocol_do_know_later_days(panel, protocol):
    assert not protocol.leak_free
    first = n_train_days(N_DAYS, protocol.horizon)
    before, after = (make_forecasts(p, protocol, settings=SMALL) for p in (panel, with_other_days(panel, first)))
    for name in ("forecast", "target"):  # even the training days move
        moved = np.abs(getattr(before, name) - getattr(after, name))
        assert (moved * before.train[:, :, None]).max(axis=(1, 2)).min() > 0.01


def test_a_day_filtered_after_the_split_still_sees_later_test_days(panel):
    protocol = Protocol(False, 2.0, when="after", model="persistence")
    before, after = (make_forecasts(p, protocol).forecast for p in (panel, with_other_days(panel, 95)))
    np.testing.assert_array_equal(before[:, : 85 - LAGS + 1], after[:, : 85 - LAGS + 1])  # made on training days alone
    assert not np.isclose(before[:, 94 - LAGS], after[:, 94 - LAGS]).any()  # day 93 has seen day 95
    assert not protocol.leak_free


def test_the_split_lies_at_85_percent_or_a_horizon_before_the_end(panel):
    assert (n_train_days(166), n_train_days(100), n_train_days(20), n_train_days(166, 15)) == (141, 85, 17, 151)
    # a day of training moves the fit, a day of the test does not
    forecasts = [make_forecasts(with_one_day_raised(panel, day), RAW).forecast[:, 0] for day in (None, 84, 85)]
    assert not np.isclose(forecasts[1], forecasts[0]).any()
    np.testing.assert_array_equal(forecasts[2], forecasts[0])
    train, test = split_windows(3, 100, replace(RAW, horizon=15))
    assert train.shape == (3, 58) and not (train & test).any()
    assert np.flatnonzero(test[0]).tolist() == [57]  # day 85 is the one origin
    assert np.flatnonzero(train[0]).tolist() == list(range(43))  # the last training window forecasts days 70 to 84


def with_one_day_raised(panel: Panel, day: int | None) -> Panel:
    demand = panel.demand.copy()
    if day is not None:
        demand[:, day] += 50
    return replace(panel, demand=demand)


@pytest.mark.parametrize("horizon", [1, 15])
def test_random_rows_are_disjoint_a_share_and_drawn_by_the_seed(horizon):
    protocol = replace(RAW, split="random", horizon=horizon)
    train, test = split_windows(40, 100, protocol, seed=3)
    assert not (train & test).any() and (train | test).all()
    assert test.sum() == round(0.15 * test.size)
    assert test.any(axis=0).all() and not test.all(axis=0).any()  # every origin has test rows, none only those
    np.testing.assert_array_equal(test, split_windows(40, 100, protocol, seed=3)[1])
    assert (test != split_windows(40, 100, protocol, seed=4)[1]).any()


@pytest.mark.parametrize("horizon", [1, 15])
@pytest.mark.parametrize("split", ["last", "random"])
def test_no_day_of_a_series_is_scored_twice(panel, horizon, split):
    days = replace(panel, demand=np.arange(1000.0).reshape(10, 100))
    found = make_forecasts(days, replace(RAW, horizon=horizon, split=split))
    assert len(np.unique(found.raw)) == found.raw.size
    assert found.raw[0, -1, -1] == 99 and (found.train.any() and found.test.any())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "arima"}, "model is 'arima'; choose"),
        ({"when": "never"}, "when is 'never'; choose"),
        ({"split": "first"}, "split is 'first'; choose"),
        ({"horizon": 0}, "horizon is 0; give"),
        ({"recursive": True}, "recursive is True; only ridge"),
        ({"recursive": True, "horizon": 15, "model": "persistence"}, "recursive is True; only ridge"),
        ({"recursive": True, "horizon": 15, "when": "causal inputs"}, "do not fit among causally filtered days"),
        ({"when": "after", "split": "random"}, "no stretch of days"),
        ({"model": "lstm", "split": "random"}, "trained on a panel of days"),
        ({"model": "lstm", "when": "causal inputs"}, "the LSTM reads and forecasts one series"),
        ({"kernel": "mean"}, "give wavelet=False, when='causal', width >= 1"),
        ({"kernel": "mean", "wavelet": False, "when": "causal", "width": 0.5}, "width >= 1"),
        ({"kernel": "median"}, "kernel is 'median'; choose"),
    ],
)
def test_errors_name_the_cure(change, message):
    with pytest.raises(ParameterError, match=message):
        Protocol(**change)


def test_too_few_days_are_refused(panel):
    with pytest.raises(ParameterError, match="40 days leave 25 to train on"):
        make_forecasts(panel.until(40), replace(RAW, horizon=15))


@pytest.mark.parametrize(
    ("protocol", "own", "raw"),
    [
        (RAW, 0.597, 0.597),
        (Protocol(width=0.0), 0.894, 0.662),
        (Protocol(width=0.7), 0.948, 0.682),
        (Protocol(width=1.0), 0.978, 0.692),
        (Protocol(width=0.8, model="persistence"), 0.945, 0.680),
        (Protocol(width=10.0, horizon=25), 0.985, 0.632),
        (replace(RAW, horizon=15, recursive=True), 0.541, 0.541),
        (Protocol(False, 9.0, "causal", kernel="mean"), 0.947, 0.596),
        (Protocol(False, 11.0, "causal", kernel="mean", model="persistence"), 0.948, 0.590),
        (Protocol(False, 6.0, "causal", model="persistence"), 0.948, 0.601),
    ],
    ids=repr,
)
def test_scores_on_the_original_data(original, protocol, own, raw):
    found = make_forecasts(build_panel(original), protocol)
    target, demand, forecast = (x[found.test] for x in (found.target, found.raw, found.forecast))
    assert one_minus_wmape(target, forecast) == pytest.approx(own, abs=0.003)
    assert one_minus_wmape(demand, forecast) == pytest.approx(raw, abs=0.003)
