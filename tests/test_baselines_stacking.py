from functools import partial

import numpy as np
import pytest
from sklearn.linear_model import QuantileRegressor

from bowerbird.errors import ParameterError
from bowerbird.evaluation.baselines import (
    STACKED,
    historical_mean,
    least_absolute_weights,
    recent_mean,
    recent_median,
    stack,
    stack_weights,
)

EQUAL = np.full(3, 1 / 3)


def demand(n_series=40, n_days=120, seed=0):
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.gamma(1, 4, (n_series, 1)), (n_series, n_days)).astype(float)


def test_least_absolute_weights_are_those_of_a_linear_program():
    rng = np.random.default_rng(0)
    forecasts = rng.gamma(2, 3, (400, 3))
    actual = forecasts @ [0.5, 0.1, 0.3] + rng.laplace(0, 1, 400)
    found = least_absolute_weights(forecasts, actual, EQUAL, 0.0, n_iterations=300)
    exact = QuantileRegressor(quantile=0.5, alpha=0, fit_intercept=False).fit(forecasts, actual).coef_
    loss = [np.abs(actual - forecasts @ w).sum() for w in (found, exact)]
    # not closer: residuals below 1 % of the mean demand weigh as if they were that large
    assert loss[1] <= loss[0] <= 1.001 * loss[1]
    np.testing.assert_allclose(found, exact, atol=0.01)


def test_shrinkage_draws_to_the_prior():
    rng = np.random.default_rng(1)
    forecasts = rng.gamma(2, 3, (400, 3))
    actual = forecasts[:, 0]
    away = [np.abs(least_absolute_weights(forecasts, actual, EQUAL, s) - EQUAL).sum() for s in (0, 0.1, 1, 1e9)]
    assert sorted(away, reverse=True) == away and away[-1] < 1e-6
    np.testing.assert_allclose(least_absolute_weights(forecasts, actual, EQUAL, 0), [1, 0, 0], atol=1e-9)
    with pytest.raises(ParameterError, match="shrinkage is -1"):
        least_absolute_weights(forecasts, actual, EQUAL, -1)


def test_a_stack_finds_the_part_that_is_right():
    rng = np.random.default_rng(2)
    level = np.repeat(rng.gamma(2, 20, (60, 8)), 15, axis=1)  # a new level every 15 days: only the last days know it
    parts = (partial(recent_mean, days=5), historical_mean)
    known = level[:, :110]  # origins lie five days after a change
    weights = stack_weights(known, parts)
    assert weights[0] > 0.75 and weights[1] < 0.2


def test_weights_rest_on_days_before_the_origin_and_the_forecast_is_their_sum():
    known = demand()
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


def test_a_short_or_empty_past_gets_equal_weights():
    parts = (recent_median, historical_mean)
    np.testing.assert_array_equal(stack_weights(demand(n_days=30), parts), [0.5, 0.5])
    np.testing.assert_array_equal(stack_weights(np.zeros((3, 100)), parts), [0.5, 0.5])


def test_missing_days_do_not_count():
    known = demand()
    known[5, 100:110] = np.nan
    known[6] = np.nan
    forecast = stack(known, 3)
    assert np.isfinite(forecast).all() and (forecast[6] == 0).all()
