import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from bowerbird import metrics
from bowerbird.errors import ParameterError

# Errors -1, 0, 2 and 0, 2; demand 10 in all; the day without demand known must not count.
ACTUAL = np.array([[2, 0, 4], [1, 3, np.nan]])
FORECAST = np.array([[1, 0, 6], [1, 5, 100]])
TRAIN = np.array([[1, 3, 1, 3], [2, np.nan, 1, 2]])  # mean squared changes 4 and 1

ERRORS = (metrics.one_minus_wmape, metrics.bias, metrics.mse, metrics.rmse, metrics.mae, metrics.r2)


def test_hand_worked_errors():
    expected = (0.5, 0.3, 9 / 5, np.sqrt(9 / 5), 1.0, 1 - 9 / 10)
    assert [error(ACTUAL, FORECAST) for error in ERRORS] == pytest.approx(expected)


def test_hand_worked_rmsse():
    # series 1: errors (1 + 0 + 4)/3 over 4; series 2: (0 + 4)/2 over 1
    assert metrics.rmsse(ACTUAL, FORECAST, TRAIN) == pytest.approx((np.sqrt(5 / 12) + np.sqrt(2)) / 2)


def test_hand_worked_quantile_losses():
    actual, forecast = [10, 10], [8, 13]  # 2 short, 3 over
    assert metrics.weighted_quantile_loss(actual, [forecast], [0.9]) == pytest.approx(2 * 2.1 / 20)
    # at 0.1: 0.1 x 2 + 0.9 x 3 = 2.9
    expected = (2 * 2.1 / 20 + 2 * 2.9 / 20) / 2
    assert metrics.weighted_quantile_loss(actual, [forecast, forecast], [0.9, 0.1]) == pytest.approx(expected)


def test_hand_worked_intervals():
    actual, low, high = [[1, 4, 9, np.nan, 0]], [[1, 5, 2, 0, 0]], [[3, 8, 5, 9, 0]]
    # 1 and 0 lie on an end, 4 is one below, 9 is four above; the unknown day is left out
    assert metrics.coverage(actual, low, high) == pytest.approx(2 / 4)


def test_the_best_score_for_poisson_demand_of_the_papers_example():
    # The paper forecasts 2, 2, 3. With these means known exactly, the median forecast scores 0.497, not 0.946.
    means = np.array([2, 2, 3])
    demand = np.random.default_rng(0).poisson(means, (100_000, 3))
    forecast = np.broadcast_to(stats.poisson(means).median(), demand.shape)
    assert metrics.one_minus_wmape(demand, forecast) == pytest.approx(0.497, abs=0.003)


def test_same_as_scikit_learn():
    rng = np.random.default_rng(1)
    actual, forecast = rng.poisson(3, (20, 15)).astype(float), rng.gamma(3, 1, (20, 15))
    flat = actual.ravel(), forecast.ravel()
    assert metrics.r2(actual, forecast) == pytest.approx(sk.r2_score(*flat))
    assert metrics.rmse(actual, forecast) == pytest.approx(sk.root_mean_squared_error(*flat))
    assert metrics.mae(actual, forecast) == pytest.approx(sk.mean_absolute_error(*flat))
    loss = 2 * sk.mean_pinball_loss(*flat, alpha=0.8) / actual.mean()
    assert metrics.weighted_quantile_loss(actual, [forecast], [0.8]) == pytest.approx(loss)


def test_anchors_of_the_scale():
    demand = np.array([[1.0, 4, 2]])
    assert metrics.one_minus_wmape(demand, demand) == 1
    assert metrics.one_minus_wmape(demand, 0 * demand) == 0
    assert metrics.one_minus_wmape(demand, 3 * demand) == -1
    assert metrics.bias(demand, 0 * demand) == -1
    assert metrics.one_minus_wmape([[-1, 4]], [[0, 4]]) == pytest.approx(4 / 5)  # denoised demand may be negative
    assert metrics.r2(demand, np.full((1, 3), demand.mean())) == pytest.approx(0)


@pytest.mark.parametrize("forecast", [0.0, 1.0])
def test_zero_denominators_are_nan_even_for_an_exact_forecast(forecast):
    nothing, forecast = np.zeros((2, 3)), np.full((2, 3), forecast)
    assert np.isnan(metrics.one_minus_wmape(nothing, forecast))
    assert np.isnan(metrics.bias(nothing, forecast))
    assert np.isnan(metrics.r2(nothing, forecast))
    assert np.isnan(metrics.r2(np.full((1, 3), 0.1), np.full((1, 3), 0.1)))  # its mean is not exactly 0.1
    assert np.isnan(metrics.rmsse(nothing, forecast, np.full((2, 9), 5)))
    assert np.isnan(metrics.weighted_quantile_loss(nothing, [forecast], [0.5]))
    assert metrics.rmse(nothing, forecast) == forecast[0, 0]


def test_rmsse_leaves_out_series_without_a_scale():
    for no_scale in ([7, 7, 7, 7], [np.nan, 2, np.nan, 9]):
        train = np.array([TRAIN[0], no_scale])
        assert metrics.rmsse(ACTUAL, FORECAST, train) == pytest.approx(np.sqrt(5 / 12))


def test_no_known_day_is_nan_everywhere():
    unknown, forecast = np.full((2, 3), np.nan), np.ones((2, 3))
    assert all(np.isnan(error(unknown, forecast)) for error in ERRORS)
    assert np.isnan(metrics.rmsse(unknown, forecast, TRAIN))
    assert np.isnan(metrics.weighted_quantile_loss(unknown, [forecast], [0.5]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.mae([1, 2], [1, 2, 3]), r"\(2,\), forecast \(3,\)"),
        (lambda: metrics.mae([1, 2], [1, np.nan]), "NaN on 1 day"),
        (lambda: metrics.rmsse(ACTUAL, FORECAST, TRAIN[:1]), "train has shape"),
        (lambda: metrics.weighted_quantile_loss([1], [[1]], [1.0]), "quantile is 1.0"),
        (lambda: metrics.weighted_quantile_loss([1], [[1], [2]], [0.5]), "give one forecast for each quantile"),
        (lambda: metrics.mae([np.inf], [1]), "actual holds inf; give numbers up to"),
    ],
)
def test_errors_name_the_cure(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
