from functools import partial

import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.evaluation.baselines import (
    best_constant,
    best_window_median,
    croston_sba,
    exponential_smoothing,
    historical_mean,
    median_and_smoothing,
    recent_mean,
    recent_median,
    seasonal_mean,
    seasonal_naive,
    tsb,
    zero,
)
from bowerbird.evaluation.ladder import recent_distribution

NAN = np.nan
BASELINES = {
    "zero": zero,
    "mean": historical_mean,
    "mean 28": recent_mean,
    "mean 14": partial(recent_mean, days=14),
    "median 7": partial(recent_median, days=7),
    "median 14": partial(recent_median, days=14),
    "median 21": recent_median,
    "median 28": partial(recent_median, days=28),
    "best-window median": best_window_median,
    "seasonal naive": seasonal_naive,
    "seasonal mean": seasonal_mean,
    "SES": exponential_smoothing,
    "SES(.2)": partial(exponential_smoothing, alpha=0.2),
    "SBA": croston_sba,
    "TSB": tsb,
    "mean of median 21 and SES(.2)": median_and_smoothing,
}

all_baselines = pytest.mark.parametrize("forecast", BASELINES.values(), ids=BASELINES)


def demand(n_series=30, n_days=61, missing=0.1, seed=0):
    rng = np.random.default_rng(seed)
    series = rng.poisson(rng.gamma(1, 2, (n_series, 1)), (n_series, n_days)).astype(float)
    series[rng.random(series.shape) < missing] = NAN
    series[0], series[1], series[2, :-1] = 0, NAN, NAN
    return series


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


@pytest.mark.parametrize("alpha", [0.1, 0.4, 1.0])
def test_smoothers_are_the_slow_loop(alpha):
    series = demand()
    for fast, slow in (
        (exponential_smoothing(series, 2, alpha), [ses_slow(row, alpha) for row in series]),
        (croston_sba(series, 2, alpha), [sba_slow(row, alpha) for row in series]),
        (tsb(series, 2, alpha, 0.2), [tsb_slow(row, alpha, 0.2) for row in series]),
    ):
        np.testing.assert_allclose(fast, np.column_stack([slow, slow]), rtol=1e-12)


@pytest.mark.parametrize("n_days", [5, 7, 61])
def test_seasonal_naive_is_the_slow_loop(n_days):
    series = demand(n_days=n_days, missing=0.4)
    np.testing.assert_allclose(seasonal_naive(series, 10), [seasonal_slow(row, 10, 7) for row in series], rtol=1e-12)


def test_hand_worked_smoothing():
    # level 2 -> 2.4 -> 2.16, the missing day skipped
    assert exponential_smoothing([[2, 6, NAN, 0]], 2, 0.1).tolist() == [[pytest.approx(2.16)] * 2]


def test_hand_worked_intermittent():
    series = [[0, 4, 0, 0, 8, 0]]
    # sizes 4 -> 4.4; intervals 2 -> 2.1; the last zero changes nothing
    assert croston_sba(series, 1)[0, 0] == pytest.approx(0.95 * 4.4 / 2.1)
    assert croston_sba([[*series[0], 0, 0]], 1) == croston_sba(series, 1)
    # chances 0 -> .1 -> .09 -> .081 -> .1729 -> .15561
    assert tsb(series, 1)[0, 0] == pytest.approx(4.4 * 0.15561)


def test_hand_worked_averages():
    series = [[9, 1, 2, 3, NAN, 4, 11]]
    assert zero(series, 2).tolist() == [[0, 0]]
    assert historical_mean(series, 2).tolist() == [[5, 5]]
    assert recent_mean(series, 1, days=4).tolist() == [[6]]  # of 3, 4, 11
    assert recent_median(series, 1, days=6).tolist() == [[3]]  # of 1, 2, 3, 4, 11
    assert seasonal_naive(series, 5, period=3).tolist() == [
        [1, 4, 11, 1, 4]
    ]  # the 1 is 6 days old, for 3 days ago is missing
    # a window without a known day ends at the last known one; a series never observed is forecast as zero
    quiet = [[3, 1, 7, NAN, NAN], [NAN] * 5]
    assert recent_mean(quiet, 1, days=2).tolist() == [[4], [0]]
    assert recent_median(quiet, 1, days=1).tolist() == [[7], [0]]
    assert recent_distribution(quiet, 1, days=2).point.tolist() == [[4], [0]]


def test_masked_days_are_missing_days():
    masked = np.ma.masked_equal(np.array([[5.0, 99, 7, 5, 99, 6, 7]]), 99)
    for forecast in (historical_mean, recent_median, seasonal_naive, exponential_smoothing, tsb):
        np.testing.assert_array_equal(forecast(masked, 3), forecast(masked.filled(NAN), 3))


def test_hand_worked_seasonal_mean():
    # positions of the period 2: mean 2 (1, 3) and 6 (5, 7), overall 4; level of the last two days 5
    assert seasonal_mean([[1, 5, 3, 7]], 3, period=2, days=2) == pytest.approx(np.array([[2.5, 7.5, 2.5]]))
    # a day of the period never seen takes the level as it is: mean 6, shares (unseen), 4/6, 8/6 of the last day's 8
    assert seasonal_mean([[4, 8]], 3, period=3, days=1) == pytest.approx(np.array([[8, 16 / 3, 32 / 3]]))


def test_best_window_is_chosen_on_the_past_alone():
    # The last 15 days at 9 decide: a window of 7 knew of the jump to 9 before them, one of 28 did not.
    quiet, jump = np.full(40, 1.0), np.full(22, 9.0)
    series = np.array([[*quiet, *jump], [*quiet, *jump]])
    series[1, -3:] = 500  # three days do not move the medians, nor the choice
    forecast = best_window_median(series, 4, windows=(28, 7))
    np.testing.assert_array_equal(forecast, 9)

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


def test_mean_of_median_and_smoothing():
    series = demand()
    np.testing.assert_allclose(
        median_and_smoothing(series, 3), (recent_median(series, 3) + exponential_smoothing(series, 3, 0.2)) / 2
    )


def test_no_constant_beats_the_best_one_in_hindsight():
    actual = demand(n_days=15)
    best = np.nansum(np.abs(actual - best_constant(actual)), axis=1)
    for constant in np.linspace(0, 12, 121):
        assert (best <= np.nansum(np.abs(actual - constant), axis=1) + 1e-9).all()


@pytest.mark.parametrize(
    ("model", "options", "ours"),
    [
        ("SimpleExponentialSmoothing", {"alpha": 0.2}, lambda y: exponential_smoothing(y, 5, 0.2)),
        ("CrostonSBA", {}, lambda y: croston_sba(y, 5)),
        ("TSB", {"alpha_d": 0.3, "alpha_p": 0.1}, lambda y: tsb(y, 5, alpha=0.3, beta=0.1)),
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


@pytest.mark.parametrize("days", [14, 21, 28])
def test_recent_days_only(days):
    series, other = demand(), demand(seed=1)
    other[:, -days:] = series[:, -days:]
    for forecast in (recent_mean, recent_median):
        np.testing.assert_array_equal(forecast(series, 3, days=days), forecast(other, 3, days=days))
        assert not np.array_equal(forecast(series, 3, days=days + 10), forecast(other, 3, days=days + 10))


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


@all_baselines
def test_constant_demand(forecast):
    level = forecast(np.full((1, 40), 3.0), 9)
    factor = {BASELINES["zero"]: 0, BASELINES["SBA"]: 0.95}.get(forecast, 1)  # SBA takes alpha/2 off, whatever comes
    np.testing.assert_allclose(level, 3 * factor)


def test_seasonal_forecasts_repeat_a_weekly_pattern():
    week = np.array([1, 2, 3, 4, 5, 6, 14])
    series = np.tile(week, 6)[None, 4:]
    for forecast in (seasonal_naive, seasonal_mean):
        np.testing.assert_allclose(forecast(series, 10)[0], np.tile(week, 2)[:10], rtol=0.12)
    np.testing.assert_array_equal(seasonal_naive(series, 10)[0], np.tile(week, 2)[:10])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: zero([1, 2, 3], 5), "demand has shape"),
        (lambda: recent_mean([[1, 2]], 0), "horizon is 0"),
        (lambda: recent_mean([[1, 2]], 5, days=0), "days is 0"),
        (lambda: seasonal_naive([[1, 2]], 5, period=0), "period is 0"),
        (lambda: exponential_smoothing([[1, 2]], 5, alpha=0), "alpha is 0"),
        (lambda: tsb([[1, 2]], 5, beta=2), "beta is 2"),
    ],
)
def test_errors_name_the_cure(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


def test_no_window_to_choose_from_is_refused():
    with pytest.raises(ParameterError, match="windows is empty; give at least one number of days"):
        best_window_median([[1, 2, 3]], 1, windows=())
