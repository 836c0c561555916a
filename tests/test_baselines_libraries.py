import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from bowerbird import metrics
from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.evaluation.baselines import recent_mean
from bowerbird.evaluation.ladder import all_methods, denoised, on_demand
from bowerbird.evaluation.regressions import (
    Boosting,
    Design,
    LinearLags,
    Statsforecast,
    TreeRegression,
    training_design,
)
from bowerbird.library import require

QUICK = {"first_origin": 30, "every": 10}
BOOSTING = Boosting(trees=40, smallest_leaf=20, **QUICK)
TREES = (TreeRegression(smallest_leaf=50, **QUICK), TreeRegression(5, 20, **QUICK))
SEEDED = (BOOSTING, replace(BOOSTING, loss="Tweedie"), *TREES)


def panel(n_series=60, n_days=100, seed=0) -> Panel:
    rng = np.random.default_rng(seed)
    series = pd.DataFrame({
        "seller_no": [f"seller_{k % 5}" for k in range(n_series)],
        "product_no": [f"product_{k}" for k in range(n_series)],
        "warehouse_no": "wh_1",
        "category1": [f"category_{k % 3}" for k in range(n_series)],
    })  # fmt: skip
    level = rng.gamma(1, 6, (n_series, 1)) * np.exp(np.cumsum(rng.normal(0, 0.08, (n_series, n_days)), axis=1))
    demand = rng.poisson(level).astype(float)
    demand[0] = 0
    return Panel(series, pd.date_range("2022-12-01", periods=n_days, name="date"), demand)


@pytest.mark.parametrize("model", [*SEEDED, LinearLags()], ids=lambda m: type(m).__name__)
def test_regressions_forecast_from_the_past_alone_with_the_seeds_own_bits(model):
    pytest.importorskip("lightgbm")
    data = panel()
    changed = data.demand.copy()
    changed[:, 85:] = 1e4
    one, again = (model(replace(data, demand=d).until(85), 15, seed=1) for d in (data.demand, changed))
    np.testing.assert_array_equal(one, again)
    assert one.shape == (60, 15) and (one >= 0).all()
    known, actual = data.demand[:, :85], data.demand[:, 85:]
    steady = metrics.one_minus_wmape(actual, recent_mean(known, 15, days=85))  # the best there is: demand is steady
    assert metrics.one_minus_wmape(actual, one) > steady - 0.05


@pytest.mark.parametrize("model", SEEDED[:2], ids=lambda m: m.loss)
def test_another_seed_is_another_forecast(model):
    pytest.importorskip("lightgbm")
    assert not np.array_equal(model(panel(), 5, seed=0), model(panel(), 5, seed=1))


def test_l1_trees_aim_at_the_median_and_tweedie_trees_at_the_mean():
    pytest.importorskip("lightgbm")
    rng = np.random.default_rng(0)
    demand = rng.binomial(1, 0.3, (80, 120)) * rng.poisson(10, (80, 120)) * 1.0  # mean 3, median 0
    data = replace(panel(80, 120), demand=demand)
    wide = replace(BOOSTING, smallest_leaf=500)  # 80 series of noise: small leaves would learn it by heart
    assert wide(data, 5).mean() < 0.1
    assert replace(wide, loss="Tweedie")(data, 5).mean() == pytest.approx(3, abs=0.3)


def test_the_weighted_relative_loss_is_the_absolute_error_in_units():
    # a single leaf must then be the weighted median of y / s with weights s, which minimises sum |y - s f|
    pytest.importorskip("lightgbm")
    data = panel()
    stump = replace(BOOSTING, trees=1, leaves=2, learning_rate=1.0, smallest_leaf=10**6, half_life=np.inf)
    design = training_design(data, [60, 70, 80], 15, np.random.default_rng(0), 5)
    f = stump.fit(design, 100, 0).predict(design.features)
    assert np.ptp(f) == 0
    loss = [np.abs(design.target - design.scale * c).sum() for c in (f[0], f[0] - 0.05, f[0] + 0.05)]
    assert loss[0] < min(loss[1:])


def test_a_training_origin_weighs_half_after_each_half_life():
    # a single leaf again: 70 rows of age 40 say 1, 30 rows of age 0 say 3; the weights decide whose median it is
    pytest.importorskip("lightgbm")
    old, new = np.ones(70), np.ones(30)
    features = pd.DataFrame({"log scale": np.zeros(100)})
    design = Design(features, np.ones(100), np.r_[old, 3 * new], np.r_[60 * old, 100 * new].astype(int))
    stump = replace(BOOSTING, trees=1, leaves=2, learning_rate=1.0, smallest_leaf=10**6)
    answer = {h: replace(stump, half_life=h).fit(design, 100, 0).predict(features)[0] for h in (np.inf, 40, 25)}
    # weights of the old rows: 70, 70 / 2 = 35, 70 / 2^1.6 = 23 against 30
    assert answer == {np.inf: pytest.approx(1), 40: pytest.approx(1), 25: pytest.approx(3)}


def test_statsforecast_series_by_series():
    models = pytest.importorskip("statsforecast.models")
    data = panel(8)
    found = Statsforecast("AutoETS", {"season_length": 1}, intervals=True)(data, 5)
    for row in range(1, 8):
        theirs = models.AutoETS(season_length=1).forecast(data.demand[row], 5, level=[80])
        np.testing.assert_allclose(found.point[row], np.maximum(theirs["mean"], 0))
        np.testing.assert_allclose(found.quantile(0.9)[row], np.maximum(theirs["hi-80"], 0))
    assert (found.values[:, 0] == 0).all()  # never any demand
    assert (np.diff(found.values, axis=0) >= -1e-12).all()


def test_quartiles_follow_the_normal_law():
    pytest.importorskip("statsforecast")
    from scipy.stats import norm

    found = Statsforecast("ARIMA", {"order": (1, 0, 0)}, intervals=True)(panel(30).select(np.arange(1, 30)), 3)
    far = (found.values[0] > 0).all(axis=1)  # where zero cut nothing off
    spread = (found.values[-1] - found.point)[far] / norm.ppf(0.9)
    np.testing.assert_allclose(found.quantile(0.75)[far], found.point[far] + norm.ppf(0.75) * spread, rtol=1e-4)


def test_a_failure_is_counted_and_constant_series_are_kept():
    pytest.importorskip("statsforecast")
    data = panel(4)
    data.demand[1] = 7
    with pytest.warns(UserWarning, match="NoSuchModel failed on 2 of 4 series"):
        found = Statsforecast("NoSuchModel")(data, 3)
    assert (found.point[0] == 0).all() and (found.point[1] == 7).all() and np.isfinite(found.point).all()


def test_linear_lags_finds_the_lag_that_repeats():
    # demand repeats every 28 days: day k ahead is exactly the lag 29 - k
    block = np.random.default_rng(0).poisson(9, (30, 28)).astype(float)
    data = replace(panel(30, 112), demand=np.tile(block, 4))
    np.testing.assert_allclose(LinearLags()(data, 15), block[:, :15], atol=1e-6)
    with pytest.raises(ParameterError, match="need 43"):
        LinearLags()(data.until(40), 15)


def test_denoising_sees_the_prefix_alone():
    data, forecast = panel(), partial(denoised, partial(on_demand, recent_mean))
    changed = data.demand.copy()
    changed[:, 80:] = 1e4
    np.testing.assert_array_equal(forecast(data.until(80), 5), forecast(replace(data, demand=changed).until(80), 5))
    assert not np.array_equal(forecast(data, 5), recent_mean(data.demand, 5))


def test_a_missing_library_is_named_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ParameterError, match=r"needs lightgbm.*pip install 'bowerbird\[baselines\]'"):
        BOOSTING(panel(), 5)
    with pytest.raises(ParameterError, match="no_such_library"):
        require("no_such_library")


def test_the_package_imports_without_the_extra(monkeypatch):
    import importlib

    for name in ("lightgbm", "statsforecast", "statsforecast.models", "hierarchicalforecast"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("regressions", "levels"):
        importlib.reload(importlib.import_module(f"bowerbird.evaluation.{name}"))


def test_every_row_of_the_table_is_there_once():
    names = [method.name for method in all_methods(seeds=(0,))]
    assert len(set(names)) == len(names)
    text = " ".join(names)
    asked = (
        "zero, mean 14, mean 28, median 21, seasonal naive, seasonal mean, SES, Holt-Winters, ETS, SBA, TSB, ADIDA, "
        "ARIMA, SARIMA, document 002, linear regression, decision tree, random forest, LightGBM L1, "
        "LightGBM Tweedie, stack, hindsight, denoised"
    )
    assert [row for row in asked.split(", ") if row not in text] == []


def test_wrong_settings():
    with pytest.raises(ParameterError, match="loss is 'L2'"):
        Boosting(loss="L2")
    with pytest.raises(ParameterError, match="first_origin is 28"):
        TreeRegression()(panel().until(20), 5)
    with pytest.raises(ParameterError, match="first_origin is 28"):
        Boosting()(panel().until(20), 5)


def test_linear_lags_learn_from_the_known_days_alone():
    rng = np.random.default_rng(0)
    flat = replace(panel(20, 120), demand=np.where(rng.random((20, 120)) < 0.5, np.nan, 10.0))
    np.testing.assert_allclose(LinearLags()(flat, 7), 10)  # every known day says so
    quiet = flat.demand.copy()
    quiet[:, -40:] = np.nan  # no known day among the last 28
    np.testing.assert_allclose(LinearLags()(replace(flat, demand=quiet), 7), 10)


def test_linear_lags_are_weighted_least_squares_day_by_day():
    data = panel(30, 60)
    found = LinearLags(lags=5, every=7)(data, 2)
    rows = [(row, origin) for row in range(30) for origin in range(58, 4, -7)]
    scale = np.array([max(data.demand[r, o - 5 : o].mean(), 0.05) for r, o in rows])
    inputs = np.array([[1, *data.demand[r, o - 5 : o] / s] for (r, o), s in zip(rows, scale, strict=True)])
    now = np.maximum(data.demand[:, -5:].mean(axis=1), 0.05)
    for day in range(2):
        target = np.array([data.demand[r, o + day] / s for (r, o), s in zip(rows, scale, strict=True)])
        root = np.sqrt(scale)
        weights = np.linalg.lstsq(inputs * root[:, None], target * root, rcond=None)[0]
        expected = now * (weights[0] + (data.demand[:, -5:] / now[:, None]) @ weights[1:])
        np.testing.assert_allclose(found[:, day], np.maximum(expected, 0), atol=1e-8)


def test_statsforecast_begins_at_the_first_known_day():
    pytest.importorskip("statsforecast")
    data = panel(6, 60)
    late = np.concatenate([np.full((6, 30), np.nan), data.demand], axis=1)
    dates = pd.date_range("2022-11-01", periods=90)
    model = Statsforecast("SimpleExponentialSmoothing", {"alpha": 0.3})
    again = model(Panel(data.series, dates, late), 3)
    np.testing.assert_array_equal(again.point, model(data, 3).point)
