from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import nbinom

from bowerbird import forecaster as module
from bowerbird.baselines import historical_mean
from bowerbird.data.panel import Panel
from bowerbird.data.schema import ATTRIBUTES
from bowerbird.errors import ParameterError
from bowerbird.forecaster import (
    STATIC_COLUMNS,
    Forecaster,
    Network,
    Settings,
    fit,
    negative_binomial_loss,
    predict,
    predict_rolling,
    running_level,
)
from bowerbird.metrics import one_minus_wmape

SMALL = Settings(hidden_size=8, epochs=2, batch_size=16, clusters=3, horizon=5, warm_up=10)
ORIGIN = 60
OUTPUTS = ("mean", "dispersion", "point")


def panel_of(demand) -> Panel:
    n_series, n_days = np.shape(demand)
    series = pd.DataFrame({"seller_no": [f"seller_{i % 3}" for i in range(n_series)]})
    series["product_no"] = [f"product_{i}" for i in range(n_series)]
    series["warehouse_no"] = [f"wh_{i % 2}" for i in range(n_series)]
    for column in ATTRIBUTES:
        series[column] = [f"{column}_{i % 4}" for i in range(n_series)]
    dates = pd.date_range("2022-12-01", periods=n_days, name="date")
    return Panel(series, dates, np.asarray(demand, dtype=float))


def random_panel(n_series=24, n_days=80, missing=0.05, seed=0) -> Panel:
    rng = np.random.default_rng(seed)
    means = rng.gamma(1, 6, (n_series, 1)) * np.exp(np.cumsum(rng.normal(0, 0.05, (n_series, n_days)), axis=1))
    demand = rng.poisson(means).astype(float)
    demand[rng.random(demand.shape) < missing] = np.nan
    return panel_of(demand)


def with_other_future(panel: Panel, origin: int) -> Panel:
    demand = panel.demand.copy()
    demand[:, origin:] = 1000 - np.nan_to_num(demand[:, origin:])
    demand[::3, origin:] = np.nan
    return replace(panel, demand=demand)


def untrained(panel: Panel, settings: Settings) -> Forecaster:
    """A forecaster whose head is still zero: it forecasts the running level times the calendar's effect."""
    codes = {column: dict.fromkeys(panel.series[column], 1) for column in STATIC_COLUMNS}
    network = Network(settings, [1] * len(STATIC_COLUMNS)).eval()
    return Forecaster(settings, (network,), codes, None, (), torch.device("cpu"))


def arrays(forecast):
    return [getattr(forecast, name) for name in OUTPUTS]


def assert_same_bits(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return random_panel()


@pytest.fixture(scope="module")
def trained(panel) -> Forecaster:
    return fit(panel.until(ORIGIN), SMALL, seed=1)


# ---- loss and level -------------------------------------------------------------------------------------------------


def test_loss_is_minus_scipys_log_probability():
    actual, mean, dispersion = np.meshgrid([0.0, 1, 7, 300, 17323], [0.01, 1, 8, 250, 9000], [1e-3, 0.2, 1, 30])
    size = 1 / dispersion
    expected = -nbinom.logpmf(actual, size, size / (size + mean))
    double = negative_binomial_loss(*(torch.tensor(x) for x in (actual, mean, dispersion)))
    np.testing.assert_allclose(double, expected, rtol=1e-8, atol=1e-8)
    single = negative_binomial_loss(*(torch.tensor(x, dtype=torch.float32) for x in (actual, mean, dispersion)))
    np.testing.assert_allclose(single, expected, rtol=1e-3, atol=0.02)


def test_loss_is_least_at_the_mean():
    counts = torch.tensor([0.0, 3, 4, 13])
    mean = torch.tensor(2.0, requires_grad=True)
    for _ in range(400):
        (gradient,) = torch.autograd.grad(negative_binomial_loss(counts, mean, torch.tensor(0.5)).mean(), mean)
        mean = (mean - 2 * gradient).detach().requires_grad_()
    assert mean.item() == pytest.approx(5.0, rel=1e-3)


def test_running_level_reads_the_past_alone_and_skips_missing_days():
    demand = random_panel().demand
    level = running_level(demand)
    assert (level >= 0.1).all()
    for day in (1, 30, 79):
        np.testing.assert_array_equal(running_level(demand[:, :day]), level[:, :day])
    without = running_level(np.array([[4.0, 9.0, 1.0]]))
    with_gap = running_level(np.array([[4.0, np.nan, 9.0, 1.0]]))
    np.testing.assert_allclose(with_gap[0, [0, 2, 3]], without[0])
    assert with_gap[0, 1] == with_gap[0, 0]  # kept over the gap
    np.testing.assert_allclose(running_level(np.full((1, 50), 7.0)), 7.0)
    np.testing.assert_array_equal(running_level(np.full((1, 9), np.nan)), 0.1)


# ---- which day is which ---------------------------------------------------------------------------------------------


def test_an_untrained_network_forecasts_the_running_level(panel):
    mean, dispersion, point = predict_rolling(untrained(panel, replace(SMALL, clusters=0)), panel, 1)
    assert mean.shape == dispersion.shape == point.shape == (24, 80, 5)
    np.testing.assert_allclose(mean, np.repeat(running_level(panel.demand)[:, :, None], 5, axis=2), rtol=1e-5)
    np.testing.assert_array_equal(mean, point)


def test_horizon_column_h_of_origin_o_is_day_o_plus_h(panel):
    forecaster = untrained(panel, replace(SMALL, clusters=0))
    torch.nn.init.zeros_(forecaster.networks[0].calendar.weight)
    with torch.no_grad():  # Mondays sell double
        forecaster.networks[0].calendar.weight[0, module.CALENDAR_FEATURES.index("weekday_0")] = np.log(2)
    first = 7
    mean = predict_rolling(forecaster, panel, first)[0]
    level = running_level(panel.demand)
    for column, origin in enumerate(range(first, panel.n_days + 1)):  # days 0 ... origin - 1 are known
        for h in range(5):
            day = panel.dates[0] + pd.Timedelta(days=origin + h)
            factor = 2 if day.day_name() == "Monday" else 1
            np.testing.assert_allclose(mean[:, column, h], factor * level[:, origin - 1], rtol=1e-5)
    forecast = predict(forecaster, panel)
    assert list(forecast.dates) == list(pd.date_range("2023-02-19", periods=5))  # 80 days from 2022-12-01
    np.testing.assert_array_equal(forecast.mean, mean[:, -1])
    doubled = forecast.mean[0] / level[0, -1] > 1.5
    assert list(forecast.dates[doubled]) == [pd.Timestamp("2023-02-20")]


def test_targets_are_the_days_after_the_origin(monkeypatch):
    # Demand says which series and day it is: 1000 i + t. What the loss is given must be the days after each origin.
    n_series, n_days = 6, 30
    demand = 1000.0 * np.arange(n_series)[:, None] + np.arange(n_days)
    demand[2, 17] = np.nan
    batches = []

    def spy(actual, mean, dispersion):
        batches.append((actual, mean.detach()))
        return negative_binomial_loss(actual, mean, dispersion)

    monkeypatch.setattr(module, "negative_binomial_loss", spy)
    fit(panel_of(demand), replace(SMALL, clusters=0, epochs=1, batch_size=4))
    actual, mean = (torch.cat(part).double().numpy() for part in zip(*batches, strict=True))
    assert [len(batch) for batch, _ in batches] == [4, 2]
    seen = set()
    for rows, forecast in zip(actual, mean, strict=True):
        i = int(rows.max() // 1000)
        seen.add(i)
        for column, t in enumerate(range(SMALL.warm_up, n_days - SMALL.horizon)):  # the last day known is t
            expected = demand[i, t + 1 : t + 1 + SMALL.horizon]
            np.testing.assert_array_equal(rows[column], np.nan_to_num(expected))
        assert rows.shape == (n_days - SMALL.horizon - SMALL.warm_up, SMALL.horizon)
        level = running_level(demand)[i, SMALL.warm_up : n_days - SMALL.horizon]
        np.testing.assert_allclose(forecast / level[:, None], 1, atol=0.3)  # hardly trained: the level of the same day
    assert seen == set(range(n_series))


# ---- no leak --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clusters", [0, 3])
def test_days_after_the_origin_change_nothing(panel, clusters):
    settings = replace(SMALL, clusters=clusters, layers=2)
    forecasts = []
    for known in (panel, with_other_future(panel, ORIGIN)):
        known = known.until(ORIGIN)
        forecasts.append(arrays(predict(fit(known, settings, seed=2), known)))
    assert_same_bits(*forecasts)


@pytest.mark.parametrize("origin", [12, 40, ORIGIN, 70, 80])
def test_rolling_forecasts_are_those_of_each_origin_alone(panel, trained, origin):
    rolling = predict_rolling(trained, panel, 12)
    alone = predict(trained, panel.until(origin))
    for of_all, of_one in zip(rolling, arrays(alone), strict=True):
        np.testing.assert_allclose(of_all[:, origin - 12], of_one, rtol=2e-5)


@pytest.mark.parametrize("origin", [12, 40, ORIGIN, 70])
def test_rolling_forecasts_know_no_later_day(panel, trained, origin):
    before = predict_rolling(trained, panel, 5)
    after = predict_rolling(trained, with_other_future(panel, origin), 5)
    assert_same_bits([x[:, : origin - 4] for x in before], [x[:, : origin - 4] for x in after])
    assert not np.allclose(before[0][:, origin - 3], after[0][:, origin - 3])  # and do notice what they may know


def test_series_do_not_touch_each_other(panel, trained):
    together = arrays(predict(trained, panel))
    alone = arrays(predict(trained, panel.select([5, 17])))
    for of_all, of_two in zip(together, alone, strict=True):
        np.testing.assert_allclose(of_all[[5, 17]], of_two, rtol=2e-5)


# ---- randomness -----------------------------------------------------------------------------------------------------


def test_same_seed_same_bits_other_seed_other_network(panel):
    known = panel.until(ORIGIN)
    torch.manual_seed(11)
    first = fit(known, SMALL, seed=1)
    following = torch.rand(1)
    torch.manual_seed(12)
    again, other = fit(known, SMALL, seed=1), fit(known, SMALL, seed=2)
    assert first.losses == again.losses != other.losses
    assert_same_bits(arrays(predict(first, known)), arrays(predict(again, known)))
    assert not np.allclose(predict(first, known).mean, predict(other, known).mean, rtol=1e-4)
    torch.manual_seed(11)
    assert torch.rand(1) == following  # torch's own generator is left alone


def test_members_are_pooled_to_the_mixtures_mean_and_variance(panel):
    known = panel.until(ORIGIN)
    pooled = fit(known, replace(SMALL, members=3, learning_rate=0.05), seed=1)
    assert len(pooled.networks) == len(pooled.losses) == 3
    single = [predict(replace(pooled, networks=(network,)), known) for network in pooled.networks]
    means = np.array([f.mean for f in single])
    assert not np.allclose(means[0], means[1], rtol=1e-2)
    variances = np.array([f.mean + f.dispersion * f.mean**2 for f in single])
    found = predict(pooled, known)
    np.testing.assert_allclose(found.mean, means.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.point, np.mean([f.point for f in single], axis=0), rtol=1e-12)
    expected = variances.mean(axis=0) + means.var(axis=0)  # of a mixture in equal parts
    np.testing.assert_allclose(found.mean + found.dispersion * found.mean**2, expected, rtol=1e-9)


def test_more_members_leave_the_first_ones_as_they_were(panel):
    known = panel.until(ORIGIN)
    one, two = (fit(known, replace(SMALL, members=n), seed=1) for n in (1, 2))
    assert one.losses == two.losses[:1]


# ---- missing days, unknown labels -----------------------------------------------------------------------------------


def test_missing_days_are_no_targets_and_harm_nobody():
    panel = random_panel(n_series=6, missing=0.2)
    panel.demand[0] = np.nan  # never known
    panel.demand[1, 5:] = np.nan  # no target at all
    panel.demand[2, :50] = np.nan  # a new item
    forecaster = fit(panel, replace(SMALL, batch_size=1))  # so some batches hold no target
    assert np.isfinite(forecaster.losses).all()
    for part in predict_rolling(forecaster, panel, 1):
        assert np.isfinite(part).all() and (part > 0).all()


def test_unknown_labels_carry_no_information(panel, trained):
    strangers = replace(panel, series=panel.series.assign(**dict.fromkeys(STATIC_COLUMNS, "never seen")))
    forecast = predict(trained, strangers)
    assert np.isfinite(forecast.mean).all()
    for embedding in trained.networks[0].embeddings:
        assert not embedding.weight[0].any()  # rather than a random vector that no training has moved
        assert embedding.weight[1:].abs().min() > 0
    others = replace(panel, series=panel.series.assign(**dict.fromkeys(STATIC_COLUMNS, "another one")))
    assert_same_bits(arrays(forecast), arrays(predict(trained, others)))
    assert not np.array_equal(forecast.mean, predict(trained, panel).mean)


# ---- does it learn --------------------------------------------------------------------------------------------------

LEARNING = Settings(hidden_size=16, epochs=25, batch_size=8, clusters=0, horizon=7, warm_up=14, learning_rate=0.01)


def wmape_of_level_and_forecast(demand, n_test=14):
    """WMAPE of the running level and of the point forecast over all origins of the last days, not trained on."""
    panel, horizon = panel_of(demand), LEARNING.horizon
    first = panel.n_days - n_test - horizon + 1
    point = predict_rolling(fit(panel.until(first), LEARNING), panel.until(panel.n_days - horizon), first)[2]
    actual = np.stack([demand[:, o : o + horizon] for o in range(first, panel.n_days - horizon + 1)], axis=1)
    level = running_level(panel.demand)[:, first - 1 : panel.n_days - horizon, None] + np.zeros(horizon)
    return [1 - one_minus_wmape(actual, forecast) for forecast in (level, point)]


def test_a_weekly_pattern_is_learned():
    week = np.tile([2.0, 3, 8, 12, 6, 1, 1], 17)  # 2022-12-01 is a Thursday
    level, point = wmape_of_level_and_forecast(np.outer(np.linspace(1, 10, 24), week))
    assert level > 0.5 and point < 0.2 * level


def test_a_trend_is_learned():
    growth = 20 * 1.02 ** np.arange(120)
    level, point = wmape_of_level_and_forecast(np.outer(np.linspace(1, 5, 24), growth))
    assert level > 0.15 and point < 0.4 * level


def test_level_shifts_are_followed():
    rng = np.random.default_rng(4)
    n_series, n_days = 40, 110
    shift = rng.integers(30, 100, (n_series, 1))
    before, after = rng.gamma(2, 5, (2, n_series, 1))
    demand = rng.poisson(np.where(np.arange(n_days) < shift, before, after)).astype(float)
    known, actual = panel_of(demand).until(n_days - 7), demand[:, -7:]
    forecast = predict(fit(known, LEARNING), known)
    of_mean = one_minus_wmape(actual, historical_mean(known.demand, 7))
    assert one_minus_wmape(actual, forecast.point) > of_mean + 0.1
    inside = (actual >= forecast.quantile(0.1)) & (actual <= forecast.quantile(0.9))
    assert 0.65 < inside.mean() < 0.97


def test_recorded_losses_fall():
    demand = np.outer(np.linspace(1, 10, 24), np.tile([2.0, 3, 8, 12, 6, 1, 1], 9))
    losses = fit(panel_of(demand), replace(LEARNING, epochs=6)).losses[0]
    assert len(losses) == 6
    assert (np.diff(losses) < 0).all()


# ---- errors ---------------------------------------------------------------------------------------------------------


def test_the_fewest_days():
    panel = random_panel(n_days=16)
    assert np.isfinite(predict(fit(panel, SMALL), panel).mean).all()  # warm_up 10 + horizon 5 + 1
    with pytest.raises(ParameterError, match="15 days are too few to train on: warm_up 10"):
        fit(panel.until(15), SMALL)


@pytest.mark.parametrize("first_origin", [0, -3, 81])
def test_origins_lie_within_the_panel(panel, trained, first_origin):
    with pytest.raises(
        ParameterError, match=f"first_origin is {first_origin}; give a number of known days from 1 to 80"
    ):
        predict_rolling(trained, panel, first_origin)
