"""Simple forecasters, regressions, statsforecast, document 002: slow loops, hand-worked days, peers, no leak."""

import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from conftest import panel_of, promoted
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import QuantileRegressor, Ridge
from sklearn.tree import DecisionTreeRegressor

from bowerbird import metrics
from bowerbird.checks import require
from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.evaluation import baselines
from bowerbird.evaluation.baselines import (
    STACKED,
    best_window_median,
    croston_sba,
    exponential_smoothing,
    historical_mean,
    least_absolute_weights,
    median_and_smoothing,
    recent_mean,
    recent_median,
    seasonal_mean,
    seasonal_naive,
    stack,
    stack_weights,
    tsb,
    zero,
)
from bowerbird.evaluation.ladder import by_weekday, on_demand, recent_distribution
from bowerbird.evaluation.regressions import (
    Boosting,
    Design,
    ForgettingFactors,
    Regression,
    Statsforecast,
    design_at,
    training_design,
)
from bowerbird.forecaster.level import weekday_effects, weekday_factors
from bowerbird.seeds import stream

NAN = np.nan
BASELINES = {
    "zero": zero, "mean": historical_mean, "mean 28": recent_mean, "median 7": partial(recent_median, days=7),
    "median 21": recent_median, "best-window median": best_window_median, "seasonal naive": seasonal_naive,
    "seasonal mean": seasonal_mean, "SES": exponential_smoothing, "SBA": croston_sba, "TSB": tsb,
    "mean of median 21 and SES(.2)": median_and_smoothing,
}  # fmt: skip
QUICK = {"first_origin": 30, "every": 10}
BOOSTING = Boosting(trees=40, smallest_leaf=20, **QUICK)
TREE = Regression(DecisionTreeRegressor(min_samples_leaf=50), **QUICK)
LINEAR = Regression(Ridge(), unknown=1.0, **QUICK)
SEEDED = (
    BOOSTING, replace(BOOSTING, loss="Tweedie"), TREE, LINEAR,
    Regression(RandomForestRegressor(5, min_samples_leaf=20, max_features=0.33, max_samples=0.25), **QUICK),
)  # fmt: skip

all_baselines = pytest.mark.parametrize("forecast", BASELINES.values(), ids=BASELINES)


def demand(n_series=30, n_days=61, missing=0.1, seed=0):
    rng = np.random.default_rng(seed)
    series = rng.poisson(rng.gamma(1, 2, (n_series, 1)), (n_series, n_days)).astype(float)
    series[rng.random(series.shape) < missing] = NAN
    series[0], series[1], series[2, :-1] = 0, NAN, NAN
    return series


def panel(n_series=60, n_days=100, seed=0) -> Panel:
    rng = np.random.default_rng(seed)
    level = rng.gamma(1, 6, (n_series, 1)) * np.exp(np.cumsum(rng.normal(0, 0.08, (n_series, n_days)), axis=1))
    units = rng.poisson(level).astype(float)
    units[0] = 0
    return panel_of(units)


# ---- simple forecasters ---------------------------------------------------------------------------------------------


def ses_slow(series, alpha):
    level = None
    for y in series:
        if not np.isnan(y):
            level = y if level is None else alpha * y + (1 - alpha) * level
    return level or 0.0


def sba_slow(series, alpha):
    size = interval = None
    waited = 0
    for y in series:
        if np.isnan(y):
            continue
        waited += 1
        if y > 0:
            if size is None:
                size, interval = y, waited
            else:
                size, interval = alpha * y + (1 - alpha) * size, alpha * waited + (1 - alpha) * interval
            waited = 0
    return 0.0 if size is None else (1 - alpha / 2) * size / interval


def tsb_slow(series, alpha, beta):
    size = chance = None
    for y in series:
        if np.isnan(y):
            continue
        chance = float(y > 0) if chance is None else beta * (y > 0) + (1 - beta) * chance
        if y > 0:
            size = y if size is None else alpha * y + (1 - alpha) * size
    return 0.0 if size is None else size * chance


def seasonal_slow(series, horizon, period):
    """The last known day a whole number of periods before each forecast day."""
    known = [y for y in series if not np.isnan(y)]
    forecast = []
    for step in range(horizon):
        day = len(series) + step
        past = [series[d] for d in range(day % period, len(series), period) if not np.isnan(series[d])]
        forecast.append(past[-1] if past else np.mean(known) if known else 0.0)
    return forecast


@pytest.mark.parametrize(
    ("fast", "slow"),
    [
        *((partial(exponential_smoothing, alpha=a), partial(ses_slow, alpha=a)) for a in (0.1, 0.4, 1.0)),
        (croston_sba, partial(sba_slow, alpha=0.1)),
        (tsb, partial(tsb_slow, alpha=0.1, beta=0.1)),
    ],
)
def test_smoothers_are_the_slow_loop(fast, slow):
    series = demand()
    one = [slow(row) for row in series]
    np.testing.assert_allclose(fast(series, 2), np.column_stack([one, one]), rtol=1e-12)


@pytest.mark.parametrize("n_days", [5, 7, 61])
def test_seasonal_naive_is_the_slow_loop(n_days):
    series = demand(n_days=n_days, missing=0.4)
    np.testing.assert_allclose(seasonal_naive(series, 10), [seasonal_slow(row, 10, 7) for row in series], rtol=1e-12)


def test_hand_worked_averages():
    series = [[9, 1, 2, 3, NAN, 4, 11]]
    assert zero(series, 2).tolist() == [[0, 0]]
    assert historical_mean(series, 2).tolist() == [[5, 5]]
    assert recent_mean(series, 1, days=4).tolist() == [[6]]  # of 3, 4, 11
    assert recent_median(series, 1, days=6).tolist() == [[3]]  # of 1, 2, 3, 4, 11
    # the weekday missing in the last week is that of the week before
    assert seasonal_naive([[9, 1, 2, 3, 5, 4, 11], [0] * 7], 3).tolist() == [[9, 1, 2], [0, 0, 0]]
    assert seasonal_naive([[9, 1, 2, 3, 5, 4, 11, 8, NAN]], 8).tolist() == [[2, 3, 5, 4, 11, 8, 1, 2]]
    # a window without a known day ends at the last known one; a series never observed is forecast as zero
    quiet = [[3, 1, 7, NAN, NAN], [NAN] * 5]
    assert recent_mean(quiet, 1, days=2).tolist() == [[4], [0]]
    assert recent_median(quiet, 1, days=1).tolist() == [[7], [0]]
    assert recent_distribution(quiet, 1, days=2).point.tolist() == [[4], [0]]
    # the last five days 0 ... 4: quartiles 1, 2, 3
    recent = recent_distribution([[9, 9, 0, 1, 2, 3, 4], [NAN] * 7], 2, days=5)
    np.testing.assert_allclose(recent.values[1:4, 0, 1], [1, 2, 3])
    assert recent.point.tolist() == [[2, 2], [0, 0]]


def test_hand_worked_seasonal_mean():
    # five weeks: means of the weekdays 2.4 and 8, overall 3.2; shares 0.75 and 2.5 of the last 28 days' 4
    assert seasonal_mean([[0] * 7 + [3, 3, 3, 3, 3, 3, 10] * 4], 8)[0] == pytest.approx([3] * 6 + [10, 3])
    # a weekday never seen takes the level, 6, as it is
    assert seasonal_mean([[4, 8, 4, 8, 4, 8]], 7)[0] == pytest.approx([6, 4, 8, 4, 8, 4, 8])


def test_best_window_is_chosen_on_the_past_alone():
    rows = demand(n_days=100)
    chosen = []
    for row in rows:
        errors = {}
        for days in (7, 14, 21, 28):
            parts = [(row[: 100 - 15 * k], row[100 - 15 * k : 115 - 15 * k]) for k in (1, 2, 3)]
            medians = [np.nanmedian(past[-days:]) if not np.isnan(past[-days:]).all() else 0 for past, _ in parts]
            errors[days] = sum(np.nansum(abs(days_ - m)) for (_, days_), m in zip(parts, medians, strict=True))
        chosen.append(recent_median(row[None], 1, days=min(errors, key=errors.get))[0, 0])
    np.testing.assert_allclose(best_window_median(rows, 1)[:, 0], chosen)


@pytest.mark.parametrize(
    ("model", "options", "ours"),
    [
        ("SimpleExponentialSmoothing", {"alpha": 0.2}, lambda y: exponential_smoothing(y, 5, 0.2)),
        ("CrostonSBA", {}, lambda y: croston_sba(y, 5)),
        ("TSB", {"alpha_d": 0.1, "alpha_p": 0.1}, lambda y: tsb(y, 5)),
        ("SeasonalNaive", {"season_length": 7}, lambda y: seasonal_naive(y, 5)),
        ("HistoricAverage", {}, lambda y: historical_mean(y, 5)),
        ("WindowAverage", {"window_size": 14}, lambda y: recent_mean(y, 5, days=14)),
    ],
)
def test_same_as_statsforecast(model, options, ours):
    models = pytest.importorskip("statsforecast.models")
    series = demand(missing=0)[3:]  # it takes no missing days
    series[:5] *= np.random.default_rng(2).random(series[:5].shape) < 0.2  # some intermittent ones
    series = series[series.any(axis=1)]
    theirs = [getattr(models, model)(**options).forecast(row, 5)["mean"] for row in series]
    np.testing.assert_allclose(ours(series), theirs, rtol=1e-8)


@all_baselines
def test_each_series_by_itself_and_in_proportion(forecast):
    series = demand()
    together = forecast(series, 15)
    assert together.shape == (30, 15)
    assert (together >= 0).all()  # and so no NaN
    np.testing.assert_array_equal(together[[5, 3]], forecast(series[[5, 3]], 15))
    np.testing.assert_allclose(forecast(10 * series, 15), 10 * together, rtol=1e-12)
    np.testing.assert_array_equal(forecast(series, 4), together[:, :4])
    np.testing.assert_array_equal(together[:2], 0)  # no demand, no known day
    masked = np.ma.masked_invalid(series)  # masked days are missing days
    np.testing.assert_array_equal(forecast(masked, 15), together)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: zero([1, 2, 3], 5), "demand, shape"),
        (lambda: recent_mean([[1, 2]], 0), "horizon is 0"),
        (lambda: exponential_smoothing([[1, 2]], 5, alpha=0), "alpha is 0"),
        (lambda: Boosting(loss="L2"), "loss is 'L2'"),
        (lambda: Boosting()(panel().until(20), 5), "first_origin is 28"),
        (lambda: design_at(panel(), 0, 5), "origin is 0"),
    ],
)
def test_errors_name_the_cure(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


# ---- the stack ------------------------------------------------------------------------------------------------------

EQUAL = np.full(3, 1 / 3)


def test_least_absolute_weights_are_those_of_a_linear_program():
    rng = np.random.default_rng(0)
    forecasts = rng.gamma(2, 3, (400, 3))
    actual = forecasts @ [0.5, 0.1, 0.3] + rng.laplace(0, 1, 400)
    found = least_absolute_weights(forecasts, actual, EQUAL, 0.0)
    exact = QuantileRegressor(quantile=0.5, alpha=0, fit_intercept=False).fit(forecasts, actual).coef_
    loss = [np.abs(actual - forecasts @ w).sum() for w in (found, exact)]
    # not closer: residuals below 1 % of the mean demand weigh as if they were that large
    assert loss[1] <= loss[0] <= 1.001 * loss[1]
    np.testing.assert_allclose(found, exact, atol=0.01)


def test_shrinkage_draws_to_the_prior():
    forecasts = np.random.default_rng(1).gamma(2, 3, (400, 3))
    actual = forecasts[:, 0]
    away = [np.abs(least_absolute_weights(forecasts, actual, EQUAL, s) - EQUAL).sum() for s in (0, 0.1, 1, 1e9)]
    assert sorted(away, reverse=True) == away and away[-1] < 1e-6
    np.testing.assert_allclose(least_absolute_weights(forecasts, actual, EQUAL, 0), [1, 0, 0], atol=1e-9)
    with pytest.raises(ParameterError, match="shrinkage is -1"):
        least_absolute_weights(forecasts, actual, EQUAL, -1)


@pytest.mark.parametrize("sellers", [None, np.arange(30) % 4])
@pytest.mark.parametrize("today", [4, 57, 60])
def test_weekday_factors_are_the_slow_loop(sellers, today):
    units, n_days = demand(), 61
    units[:, 5::7] = NAN  # a weekday on which the shop is closed
    weekdays = (np.arange(n_days) + 3) % 7
    ratios = [[[] for _ in range(7)] for _ in units]
    for row, series in enumerate(units):
        for day in range(max(0, today - 55), today + 1):
            if not np.isnan(series[day]):
                level = np.nanmedian(series[max(day - 6, 0) : day + 1]) + 0.3
                ratios[row][weekdays[day]].append(min(series[day], 3 * level) / level)
    expected = np.empty((len(units), 7))
    for row, weekday in np.ndindex(expected.shape):
        everyone = [ratio for other in ratios for ratio in other[weekday]]
        prior = np.mean(everyone) if everyone else 1
        if sellers is not None:
            same = [r for k, other in enumerate(ratios) if sellers[k] == sellers[row] for r in other[weekday]]
            prior = (sum(same) + 5 * prior) / (len(same) + 5)
        own = ratios[row][weekday]
        expected[row, weekday] = max((sum(own) + 8 * prior) / (len(own) + 8), 0.05)
    expected /= expected.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(weekday_factors(units, weekdays, sellers)[:, today], expected)
    now, ahead = weekday_effects(units, weekdays, 9, sellers)
    np.testing.assert_allclose(np.exp(now[:, today]), expected[:, weekdays[today]])
    later = [(weekdays[today] + j) % 7 for j in range(1, 10)]
    np.testing.assert_allclose(np.exp(ahead[:, today]), expected[:, later])


def test_a_forecast_that_knows_no_weekdays_gets_them():
    level, week = np.array([[40.0], [80], [200]]), np.array([1, 1, 1, 1, 1, 2, 0.5])
    data = panel_of(level * np.tile(week, 12), start="2023-01-02")  # a Monday
    for plain in (baselines.recent_mean, recent_distribution):
        found = by_weekday(partial(on_demand, plain), data.until(70), 10, seed=0)
        np.testing.assert_allclose(found.point, data.demand[:, 70:80])
    np.testing.assert_allclose(found.quantile(0.9), data.demand[:, 70:80])


def test_weights_of_the_stack_rest_on_days_before_the_origin():
    known = panel(40, 120).demand
    weights = stack_weights(known)
    expected = sum(w * part(known, 4) for w, part in zip(weights, STACKED, strict=True))
    np.testing.assert_allclose(stack(known, 4), np.maximum(expected, 0))
    slow = []  # the five stretches, by hand
    for k in range(1, 6):
        past, days = known[:, : 120 - 15 * k], known[:, 120 - 15 * k : 135 - 15 * k]
        slow.append((np.column_stack([part(past, 15).ravel() for part in STACKED]), days.ravel()))
    by_hand = least_absolute_weights(
        np.concatenate([x for x, _ in slow]), np.concatenate([y for _, y in slow]), np.full(12, 1 / 12), 0.03
    )
    np.testing.assert_allclose(weights, by_hand)
    known[5, 100:110], known[6] = NAN, NAN  # missing days do not count
    forecast = stack(known, 3)
    assert np.isfinite(forecast).all() and (forecast[6] == 0).all()
    for short in (known[:, :30], np.zeros((3, 100))):  # too short, or empty: equal weights
        np.testing.assert_array_equal(stack_weights(short), np.full(12, 1 / 12))


# ---- features and regressions ---------------------------------------------------------------------------------------


def few(n_days=80, seed=0) -> Panel:
    units = np.random.default_rng(seed).poisson([[2], [8], [1], [30], [0.2]], (5, n_days)).astype(float)
    of = {"seller_no": list("aabbc"), "product_no": list("pppqr"), "category1": list("xxxyy")}
    return panel_of(units, **of, warehouse_no=["w1", "w2", "w1", "w1", "w1"])


def test_no_feature_sees_the_days_after_the_origin():
    data = few()
    later = data.demand.copy()
    later[:, 60:] = 1e6
    one, other = (design_at(each, 60, 15) for each in (data, replace(data, demand=later)))
    pd.testing.assert_frame_equal(one.features, other.features)
    np.testing.assert_array_equal(one.scale, other.scale)
    pd.testing.assert_frame_equal(design_at(data, 60, 15).features, design_at(data.until(60), 60, 15).features)
    later[:, 59] = 1e6
    assert not design_at(replace(data, demand=later), 60, 15).features.equals(design_at(data, 60, 15).features)


def test_hand_worked_features():
    data = few()
    known = data.demand[:, :60]
    found = design_at(data, 60, 15)
    features = found.features.assign(row=np.repeat(np.arange(5), 15))
    for row, part in features.groupby("row"):
        scale = max(known[row, -28:].mean(), 0.05)
        np.testing.assert_allclose(found.scale[features["row"] == row], scale)
        np.testing.assert_allclose(part["lag 7"] * scale, known[row, -7])
        np.testing.assert_allclose(part["mean 14"] * scale, known[row, -14:].mean())
        np.testing.assert_allclose(part["median 56"] * scale, np.median(known[row, -56:]))
        np.testing.assert_allclose(part["share without demand 14"], (known[row, -14:] == 0).mean())
        np.testing.assert_array_equal(part["days since demand"], 59 - np.flatnonzero(known[row])[-1])
        np.testing.assert_array_equal(part["days ahead"], np.arange(1, 16))
        for step, value in zip(part["days ahead"], part["same weekday"], strict=True):
            same = [d for d in range(60) if (60 + step - 1 - d) % 7 == 0][-4:]
            assert value * scale == pytest.approx(known[row, same].mean())
        np.testing.assert_array_equal(found.target[features["row"] == row], data.demand[row, 60:75])
    np.testing.assert_array_equal(features.loc[features["row"] == 0, "weekday"], data.dates[60:75].day_of_week)

    first = design_at(data, 60, 1).features
    week, month = known[:, -7:].mean(axis=1), known[:, -28:].mean(axis=1)
    # product p is sold in series 0, 1, 2; seller b sells series 2, 3; category y holds 3, 4
    assert first.loc[0, "trend of others product_no"] == pytest.approx((week[1] + week[2]) / (month[1] + month[2]))
    assert first.loc[3, "trend of others seller_no"] == pytest.approx(week[2] / month[2])
    assert first.loc[4, "trend of others category1"] == pytest.approx(week[3] / month[3])
    assert np.isnan(first.loc[3, "trend of others product_no"]) and np.isnan(first.loc[4, "trend of others seller_no"])


def test_training_rows_have_known_targets_drawn_days_ahead():
    data = few()
    data.demand[0, 70] = NAN
    design = training_design(data, [40, 60, 78], 15, np.random.default_rng(0), 4)
    assert not np.isnan(design.target).any()
    ahead = design.features["days ahead"].to_numpy()
    assert (design.origin + ahead <= 80).all()
    assert (pd.Series(ahead).groupby(design.origin).nunique() == pd.Series({40: 4, 60: 4, 78: 2})).all()
    unknown = np.isnan(design_at(few(), 78, 5).target.reshape(5, 5))
    assert unknown[:, 2:].all() and not unknown[:, :2].any()
    assert design_at(few(), 3, 2).features["lag 7"].isna().all()


def test_missing_days_are_no_days_without_demand():
    data = few()
    data.demand[3, 30:] = NAN  # nothing known since day 30
    data.demand[1, 55:58] = NAN
    features = design_at(data, 60, 1).features
    for row in (1, 3):
        known = data.demand[row, :60][~np.isnan(data.demand[row, :60])]
        month = data.demand[row, 2:30] if row == 3 else data.demand[row, 32:60]  # ends at the last known day
        window, found = month[-14:], features.iloc[row]
        assert found["share without demand 14"] == np.nanmean(np.where(np.isnan(window), NAN, window == 0))
        assert found["days since demand"] == len(known) - 1 - np.flatnonzero(known)[-1]
        assert found["log scale"] == pytest.approx(np.log(np.nanmean(month)))
        assert found["largest 28"] * np.exp(found["log scale"]) == pytest.approx(np.nanmax(month))
    assert np.isnan(features.iloc[3]["lag 1"])


@pytest.mark.parametrize("model", SEEDED, ids=lambda m: type(getattr(m, "model", m)).__name__)
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
    assert not np.array_equal(one, model(data.until(85), 15, seed=0))


def test_l1_trees_aim_at_the_median_and_tweedie_trees_at_the_mean():
    pytest.importorskip("lightgbm")
    rng = np.random.default_rng(0)
    data = panel_of(rng.binomial(1, 0.3, (80, 120)) * rng.poisson(10, (80, 120)))  # mean 3, median 0
    wide = replace(BOOSTING, smallest_leaf=500)  # 80 series of noise: small leaves would learn it by heart
    assert wide(data, 5).mean() < 0.1
    assert replace(wide, loss="Tweedie")(data, 5).mean() == pytest.approx(3, abs=0.3)


def test_the_weighted_relative_loss_is_the_absolute_error_in_units():
    # a single leaf must then be the weighted median of y / s with weights s, which minimises sum |y - s f|
    pytest.importorskip("lightgbm")
    stump = replace(BOOSTING, trees=1, leaves=2, learning_rate=1.0, smallest_leaf=10**6, half_life=np.inf)
    design = training_design(panel(), [60, 70, 80], 15, np.random.default_rng(0), 5)
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


def test_a_linear_regression_is_weighted_ridge_regression_of_relative_demand():
    data = panel(30, 60)
    train = training_design(data, range(39, 60, 10), 5, stream(1, "trees/examples"), LINEAR.days_each)
    ahead = design_at(data, 60, 5)
    X, now = (np.column_stack([np.ones(len(d.scale)), d.features.fillna(1)]) for d in (train, ahead))
    penalty = np.diag(np.arange(X.shape[1]) > 0)  # 1 on each coefficient, none on the constant
    weights = np.linalg.solve(X.T * train.scale @ X + penalty, X.T @ train.target)  # X'W X, X'W (y / s), W = s
    expected = np.maximum(ahead.scale * (now @ weights), 0).reshape(30, 5)
    np.testing.assert_allclose(LINEAR(data, 5, seed=1), expected, rtol=1e-6, atol=1e-9)


def test_a_linear_regression_learns_from_the_known_days_alone():
    flat = np.where(np.random.default_rng(0).random((20, 120)) < 0.5, NAN, 10.0)
    quiet = flat.copy()
    quiet[:, -40:] = NAN  # no known day among the last 28
    for units in (flat, quiet):
        np.testing.assert_allclose(LINEAR(panel_of(units), 7), 10)  # every known day says so


@pytest.mark.parametrize("model", [BOOSTING, TREE, LINEAR])
def test_regressions_that_know_the_promotion_beat_themselves_without_it(model):
    pytest.importorskip("lightgbm")
    whole = promoted()
    known, actual = whole.until(180), whole.demand[:, 180:]
    with_it, without = (
        metrics.one_minus_wmape(actual, model(each, 10, seed=0)) for each in (known, replace(known, ahead={}))
    )
    assert with_it > without + 0.05
    later = replace(whole, demand=np.where(np.arange(190) < 180, whole.demand, 1e4)).until(180)
    np.testing.assert_array_equal(model(later, 10, seed=0), model(known, 10, seed=0))
    flag = whole.ahead["promotion"].copy()
    flag[:, 184] = 1 - flag[:, 184]
    moved = model(replace(known, ahead={"promotion": flag}), 10, seed=0) != model(known, 10, seed=0)
    assert moved[:, 4].mean() > 0.8 and not np.delete(moved, 4, axis=1).any()


# ---- statsforecast, optional libraries, document 002 ----------------------------------------------------------------


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
    far = (found.values[0] > 0).all(axis=1)  # where zero cut nothing off, quartiles follow the normal law
    spread = (found.values[-1] - found.point)[far] * 0.6745 / 1.2816
    np.testing.assert_allclose(found.quantile(0.75)[far], found.point[far] + spread, rtol=1e-4)

    late = panel_of(np.concatenate([np.full((8, 30), NAN), data.demand], axis=1), start="2022-11-01")
    model = Statsforecast("SimpleExponentialSmoothing", {"alpha": 0.3})  # begins at the first known day
    np.testing.assert_array_equal(model(late, 3).point, model(data, 3).point)


def test_a_failure_is_counted_and_constant_series_are_kept():
    pytest.importorskip("statsforecast")
    data = panel(4)
    data.demand[1] = 7
    with pytest.warns(UserWarning, match="NoSuchModel failed on 2 of 4 series"):
        found = Statsforecast("NoSuchModel")(data, 3).point
    assert (found[0] == 0).all() and (found[1] == 7).all() and np.isfinite(found).all()


def test_a_missing_library_is_named_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ParameterError, match=r"needs lightgbm.*pip install 'bowerbird\[baselines\]'"):
        BOOSTING(panel(), 5)
    with pytest.raises(ParameterError, match="no_such_library"):
        require("no_such_library")


def test_document_2_by_hand():
    # S: 10; day 2 sells 14 where S says 10: C of Tuesday = 0.5 x 1 + 0.5 x 1.4 = 1.2, S = 0.5 x 10 + 0.5 x 14 = 12
    forecast = ForgettingFactors(alpha=0.5, gamma=0.5)(panel_of([10, 14], start="2023-03-06"), 7)[0]
    assert forecast == pytest.approx([12, 12, 12, 12, 12, 12, 12 * 1.2])  # Wednesday ... Monday, Tuesday
    units = np.random.default_rng(0).poisson(5, (4, 30)).astype(float)
    units[1, 7:9] = NAN
    fixed = ForgettingFactors(alpha=0.7, gamma=1 - 1e-12)  # C stays at its start, 1; March has no event
    smoothed = exponential_smoothing(units, 5, 0.3)
    np.testing.assert_allclose(fixed(panel_of(units, start="2023-03-06"), 5), smoothed, rtol=1e-9)


def test_an_event_moves_the_promotion_factor_and_is_forecast_when_it_returns():
    # Labour Day 2023 runs from 04-29 to 05-03. Twice the demand on its first three days, seen from 05-01.
    days = pd.date_range("2023-03-06", "2023-05-01")
    units = np.where(days >= "2023-04-29", 20.0, 10.0)
    promoted = ForgettingFactors(alpha=0.999, beta=0.0)  # beta 0: the last day of the event counts
    forecast = promoted(panel_of(units, start="2023-03-06"), 4)[0]
    assert forecast[:2] == pytest.approx([20, 20], rel=0.01)  # 05-02 and 05-03 still belong to it
    assert forecast[2:] == pytest.approx([10, 10], rel=0.02)


def test_document_2_learns_a_weekly_pattern_from_the_catalogue_and_the_past_alone():
    week = np.array([1, 1, 1, 1, 1, 2, 4]) / (11 / 7)
    units = np.tile(week, 20)[None] * np.array([[3.0], [30]])
    forecast = ForgettingFactors(gamma=0.7)(panel_of(units, start="2023-03-06"), 7)  # 0.7^20: no start is left
    np.testing.assert_allclose(forecast, week * [[3], [30]], rtol=0.02)
    whole = panel(3, 40)
    whole.demand[2] = NAN
    before = ForgettingFactors()(whole.until(30), 5)
    whole.demand[:, 30:] = 77
    np.testing.assert_array_equal(before, ForgettingFactors()(whole.until(30), 5))
    assert (before[2] == 0).all() and (before >= 0).all()


def test_the_documents_own_example_is_no_smoothing():
    # S_t = 10 S + 2 F + 3 C: arithmetically right, and tenfold a day; a coefficient of 10 is refused
    s = [100]
    for _ in range(2):
        s.append(10 * s[-1] + 2 * 50 + 3 * 30)
    assert s == [100, 1190, 12090]
    with pytest.raises(ParameterError, match="alpha is 10"):
        ForgettingFactors(alpha=10)
