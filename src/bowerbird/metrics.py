"""How good a forecast is: errors over series and days.

Two rules hold throughout. Days without a known demand (NaN in `actual`) are ignored. An error whose denominator is
zero is nan, even for an exact forecast: where nothing was demanded there is no scale to judge by.
"""

from numbers import Real

import numpy as np
from scipy.stats import poisson

from bowerbird.checks import at_least, finite_or_missing
from bowerbird.errors import ParameterError


def one_minus_wmape(actual, forecast) -> float:
    """1 - WMAPE, the contest's score: 1 is exact, 0 is as good as forecasting zero, and there is no lower limit.

    Parameters
    ----------
    actual : array (n_series, horizon), or any shape
        Units demanded a day [y]; NaN marks a missing day.
    forecast : array of the same shape
        Units forecast a day [y-hat].

    Returns
    -------
    float, 1 - sum |y - y-hat| / sum |y|; nan when the total demand is zero.

    Raises
    ------
    ParameterError
        When the shapes differ, or the forecast of a known day is NaN. So do all functions here.

    Source
    ------
    MathorCup Big Data Challenge 2023, track B, with sum y below: the same for demand, which is never negative.
    """
    actual, forecast = _known_days(actual, forecast)
    return 1 - _ratio(np.abs(actual - forecast).sum(), np.abs(actual).sum())


def bias(actual, forecast) -> float:
    """Total forecast error relative to total demand, sum(y-hat - y) / sum(y); below zero, the forecast is too low."""
    actual, forecast = _known_days(actual, forecast)
    return _ratio((forecast - actual).sum(), actual.sum())


def mse(actual, forecast) -> float:
    """Mean squared error in units²; nan without a known day."""
    actual, forecast = _known_days(actual, forecast)
    return _ratio(np.square(actual - forecast).sum(), actual.size)


def rmse(actual, forecast) -> float:
    """Root mean squared error in units, over all series and days at once; nan without a known day."""
    return float(np.sqrt(mse(actual, forecast)))


def mae(actual, forecast) -> float:
    """Mean absolute error in units; nan without a known day."""
    actual, forecast = _known_days(actual, forecast)
    return _ratio(np.abs(actual - forecast).sum(), actual.size)


def r2(actual, forecast) -> float:
    """Coefficient of determination, 1 - sum(y - y-hat)² / sum(y - mean y)²; nan when the demand is constant.

    The mean is that of all series and days together, so a forecast that only tells large series from small ones
    already scores high.
    """
    actual, forecast = _known_days(actual, forecast)
    if actual.size == 0 or np.ptp(actual) == 0:  # summed squares of a constant may miss zero by a rounding
        return np.nan
    return 1 - _ratio(np.square(actual - forecast).sum(), np.square(actual - actual.mean()).sum())


def rmsse(actual, forecast, train) -> float:
    """Root mean squared scaled error: each series' RMSE over that of the naive forecast in training, then the mean.

    Parameters
    ----------
    actual, forecast : arrays (n_series, horizon)
        Units a day.
    train : array (n_series, n_days)
        Units a day before the origin; the scale is the root mean squared change between neighbouring known days.

    Returns
    -------
    float, the mean over the series that have a scale: a series with constant or unknown training demand, or without a
    known day in `actual`, is left out; nan when none remains.

    Source
    ------
    Hyndman & Koehler, Int. J. Forecasting 22, 2006; M5 Accuracy competition, 2020 (there with weights over series).
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


def quantile_loss(actual, forecast, quantile: float) -> float:
    """Mean pinball loss in units: a unit short costs `quantile`, a unit over costs 1 - `quantile`.

    Parameters
    ----------
    actual, forecast : arrays of one shape
        Units a day; `forecast` is the forecast quantile.
    quantile : float in (0, 1)
        Its level [q].

    Returns
    -------
    float, half the mean absolute error at q = 0.5; nan without a known day.

    Source
    ------
    Koenker & Bassett, Econometrica 46, 1978.
    """
    total, _, n_days = _pinball(actual, forecast, quantile)
    return _ratio(total, n_days)


def weighted_quantile_loss(actual, forecasts, quantiles) -> float:
    """Twice the summed pinball loss over the total demand, averaged over quantiles; WMAPE when the only one is 0.5.

    Parameters
    ----------
    actual : array (n_series, horizon)
        Units a day.
    forecasts : array (n_quantiles, n_series, horizon)
        One forecast for each quantile.
    quantiles : sequence of float in (0, 1), length n_quantiles
        Their levels.

    Returns
    -------
    float; nan when the total demand is zero.
    """
    if np.ndim(quantiles) != 1 or np.ndim(forecasts) < 1 or not 0 < len(quantiles) == len(forecasts):
        shapes = np.shape(forecasts), np.shape(quantiles)
        raise ParameterError(f"forecasts and quantiles have shapes {shapes}; give one forecast for each quantile")
    parts = [_pinball(actual, forecast, q) for forecast, q in zip(forecasts, quantiles, strict=True)]
    return float(np.mean([2 * _ratio(total, demand) for total, demand, _ in parts]))


def coverage(actual, low, high) -> float:
    """Share of known days whose demand lies within the interval, its ends included; nan without a known day.

    Parameters
    ----------
    actual, low, high : arrays of one shape
        Units a day; the ends of a central interval, such as the 0.1 and 0.9 quantiles for one of 80 %. Demand counts
        in whole units, so a calibrated interval of whole units covers more than its nominal share.

    Returns
    -------
    float in [0, 1]
    """
    known, low = _known_days(actual, low)
    _, high = _known_days(actual, high)
    return _ratio(np.count_nonzero((low <= known) & (known <= high)), known.size)


def interval_score(actual, low, high, share: float = 0.8) -> float:
    """Mean width of the interval plus a fine for each day outside, in units; a wide interval cannot buy a good score.

    Parameters
    ----------
    actual, low, high : arrays of one shape
        Units a day.
    share : float in (0, 1)
        Nominal share of days within [1 - alpha].

    Returns
    -------
    float, mean of (u - l) + 2/alpha (l - y)⁺ + 2/alpha (y - u)⁺; nan without a known day.

    Source
    ------
    Gneiting & Raftery, J. American Statistical Association 102, 2007, eq. 43.
    """
    _check_share("share", share)
    known, low = _known_days(actual, low)
    _, high = _known_days(actual, high)
    outside = np.maximum(low - known, 0) + np.maximum(known - high, 0)
    return _ratio((high - low + 2 / (1 - share) * outside).sum(), known.size)


def scores(actual, forecast, train=None) -> dict[str, float]:
    """One table row: 1-WMAPE never stands without the bias and the squared errors, for alone it rewards low forecasts.

    Parameters
    ----------
    actual, forecast : arrays (n_series, horizon)
        Units a day.
    train : array (n_series, n_days), optional
        Units a day before the origin; RMSSE is given only with it.

    Returns
    -------
    dict with keys 1-WMAPE, bias, RMSE, MSE, MAE, R2 and, given `train`, RMSSE.
    """
    functions = {"1-WMAPE": one_minus_wmape, "bias": bias, "RMSE": rmse, "MSE": mse, "MAE": mae, "R2": r2}
    row = {name: function(actual, forecast) for name, function in functions.items()}
    return row if train is None else {**row, "RMSSE": rmsse(actual, forecast, train)}


def poisson_ceiling(means) -> float:
    """Best possible expected 1 - WMAPE for independent Poisson demand with known means.

    Parameters
    ----------
    means : array
        Mean demand, units a day.

    Returns
    -------
    float: 1 - sum E|Y - median| / sum of means; the median minimises the expected absolute error.
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


def _check_share(name: str, value) -> None:
    if not isinstance(value, Real) or not 0 < value < 1:
        raise ParameterError(f"{name} is {value!r}; give a number between 0 and 1")


def _ratio(numerator, denominator) -> float:
    """The module's rule: nan when the denominator is zero."""
    return float(numerator / denominator) if denominator else np.nan


def _pinball(actual, forecast, quantile) -> tuple[float, float, int]:
    """Summed pinball loss, total demand, number of known days."""
    _check_share("quantile", quantile)
    actual, forecast = _known_days(actual, forecast)
    short = actual - forecast
    return np.maximum(quantile * short, (quantile - 1) * short).sum(), np.abs(actual).sum(), actual.size
