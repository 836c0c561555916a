"""How good a forecast is: errors over series and days.

Demand `actual` [y] and `forecast` [y-hat] are arrays of one shape in units a day, most often (n_series, horizon). Two
rules hold throughout. Days without a known demand (NaN in `actual`) are ignored. An error whose denominator is zero is
NaN, even for an exact forecast: where nothing was demanded there is no scale to judge by. Shapes that differ, and a
NaN forecast of a known day, raise a ParameterError.
"""

from numbers import Real

import numpy as np
from scipy.stats import poisson

from bowerbird.checks import at_least, finite_or_missing
from bowerbird.errors import ParameterError


def one_minus_wmape(actual, forecast) -> float:
    """1 - sum |y - y-hat| / sum |y|, the contest's score: 1 is exact, 0 is as good as forecasting zero.

    Source: MathorCup Big Data Challenge 2023, track B, with sum y below; demand is never negative.
    """
    actual, forecast = _known_days(actual, forecast)
    return 1 - _ratio(np.abs(actual - forecast).sum(), np.abs(actual).sum())


def bias(actual, forecast) -> float:
    """Total forecast error relative to total demand, sum(y-hat - y) / sum(y); below zero, the forecast is too low."""
    actual, forecast = _known_days(actual, forecast)
    return _ratio((forecast - actual).sum(), actual.sum())


def mse(actual, forecast) -> float:
    """Mean squared error in units²."""
    actual, forecast = _known_days(actual, forecast)
    return _ratio(np.square(actual - forecast).sum(), actual.size)


def rmse(actual, forecast) -> float:
    """Root mean squared error in units, over all series and days at once."""
    return float(np.sqrt(mse(actual, forecast)))


def mae(actual, forecast) -> float:
    """Mean absolute error in units."""
    actual, forecast = _known_days(actual, forecast)
    return _ratio(np.abs(actual - forecast).sum(), actual.size)


def r2(actual, forecast) -> float:
    """Coefficient of determination, 1 - sum(y - y-hat)² / sum(y - mean y)², the mean over all series and days.

    A forecast that only tells large series from small ones already scores high.
    """
    actual, forecast = _known_days(actual, forecast)
    if actual.size == 0 or np.ptp(actual) == 0:  # summed squares of a constant may miss zero by a rounding
        return np.nan
    return 1 - _ratio(np.square(actual - forecast).sum(), np.square(actual - actual.mean()).sum())


def rmsse(actual, forecast, train) -> float:
    """Root mean squared scaled error: each series' RMSE over that of the naive forecast in training, then the mean.

    `train` (n_series, n_days) is demand before the origin. The scale is the root mean squared change between
    neighbouring known days; a series without one is left out. Hyndman & Koehler, Int. J. Forecasting 22, 2006.
    """
    _known_days(actual, forecast)
    actual, forecast, train = (np.atleast_2d(finite_or_missing("train", a)) for a in (actual, forecast, train))
    if train.shape[:-1] != actual.shape[:-1]:
        raise ParameterError(f"train has shape {train.shape}, actual {actual.shape}; give both one row for each series")
    errors = np.square(actual - forecast)
    changes = np.square(np.diff(train, axis=-1))  # NaN where either day is missing
    n_errors, n_changes = (np.count_nonzero(~np.isnan(a), axis=-1) for a in (errors, changes))
    error = np.nansum(errors, axis=-1) / np.maximum(n_errors, 1)  # (n_series,)
    scale = np.nansum(changes, axis=-1) / np.maximum(n_changes, 1)  # (n_series,)
    scored = (n_errors > 0) & (scale > 0)
    return _ratio(np.sqrt(error[scored] / scale[scored]).sum(), np.count_nonzero(scored))


def weighted_quantile_loss(actual, forecasts, quantiles) -> float:
    """Twice the summed pinball loss over the total demand, averaged over quantiles; WMAPE when the only one is 0.5.

    `forecasts` (n_quantiles, n_series, horizon) holds a forecast for each of the levels `quantiles`.
    """
    if np.ndim(quantiles) != 1 or np.ndim(forecasts) < 1 or not 0 < len(quantiles) == len(forecasts):
        shapes = np.shape(forecasts), np.shape(quantiles)
        raise ParameterError(f"forecasts and quantiles have shapes {shapes}; give one forecast for each quantile")
    losses = []
    for forecast, quantile in zip(forecasts, quantiles, strict=True):
        if not isinstance(quantile, Real) or not 0 < quantile < 1:
            raise ParameterError(f"quantile is {quantile!r}; give a number between 0 and 1")
        known, forecast = _known_days(actual, forecast)
        short = known - forecast
        pinball = np.maximum(quantile * short, (quantile - 1) * short)  # a unit short costs q, a unit over 1 - q
        losses.append(2 * _ratio(pinball.sum(), np.abs(known).sum()))
    return float(np.mean(losses))


def coverage(actual, low, high) -> float:
    """Share of known days whose demand lies within the interval, its ends included.

    Demand counts in whole units, so a calibrated interval of whole units covers more than its nominal share.
    """
    known, low = _known_days(actual, low)
    _, high = _known_days(actual, high)
    return _ratio(np.count_nonzero((low <= known) & (known <= high)), known.size)


def scores(actual, forecast, train=None) -> dict[str, float]:
    """One table row: 1-WMAPE, which alone rewards low forecasts, bias, RMSE, MSE, MAE, R2 and, given `train`, RMSSE."""
    functions = {"1-WMAPE": one_minus_wmape, "bias": bias, "RMSE": rmse, "MSE": mse, "MAE": mae, "R2": r2}
    row = {name: function(actual, forecast) for name, function in functions.items()}
    return row if train is None else {**row, "RMSSE": rmsse(actual, forecast, train)}


def poisson_ceiling(means) -> float:
    """Best possible expected 1 - WMAPE for independent Poisson demand with known means, units a day.

    It is 1 - sum E|Y - median| / sum of means, as the median minimises the expected absolute error.
    """
    means = at_least("means", means)
    median = poisson.ppf(0.5, means)
    # E|Y - m| = mu (1 - 2 F(m - 1)) - m (1 - 2 F(m)), as E[Y; Y <= m] = mu F(m - 1)
    error = means * (1 - 2 * poisson.cdf(median - 1, means)) - median * (1 - 2 * poisson.cdf(median, means))
    return float(1 - _ratio(error.sum(), means.sum()))


def _known_days(actual, forecast) -> tuple[np.ndarray, np.ndarray]:
    """Demand and forecast of the days whose demand is known, in one line each."""
    actual, forecast = finite_or_missing("actual", actual), finite_or_missing("forecast", forecast)
    if actual.shape != forecast.shape:
        raise ParameterError(f"actual has shape {actual.shape}, forecast {forecast.shape}; give the same days of both")
    known = ~np.isnan(actual)
    missing = np.count_nonzero(np.isnan(forecast[known]))
    if missing:
        raise ParameterError(f"forecast is NaN on {missing} days whose demand is known; give a number for each")
    return actual[known], forecast[known]


def _ratio(numerator, denominator) -> float:
    """The module's rule: NaN when the denominator is zero."""
    return float(numerator / denominator) if denominator else np.nan
