"""Simple forecasters that every table must show: a model that does not beat them has learnt nothing.

Each is written for thousands of series at once: it takes the demand before the origin and returns the days after it,
`f(demand (n_series, n_days), horizon) -> (n_series, horizon)`, in units a day. They are causal because they are handed
nothing later. Missing days (NaN) are skipped: a window without a known day ends at the last known one. A series that
was never observed is forecast as zero.
"""

import numpy as np

from bowerbird.checks import finite_or_missing, whole
from bowerbird.errors import ParameterError

LONGEST = 10_000  # days of a forecast


def zero(demand, horizon: int) -> np.ndarray:
    """No demand at all: the forecast that scores exactly 0 in 1 - WMAPE."""
    return _flat(np.zeros(len(_table(demand))), horizon)


def historical_mean(demand, horizon: int) -> np.ndarray:
    """Mean of all known days."""
    return _flat(_mean(demand), horizon)


def recent_mean(demand, horizon: int, days: int = 28) -> np.ndarray:
    """Mean of the last `days` days."""
    return _flat(_mean(last_days(demand, days)), horizon)


def recent_median(demand, horizon: int, days: int = 21) -> np.ndarray:
    """Median of the last `days` days: best in absolute error and, on intermittent series, far too low in sum."""
    recent = last_days(demand, days)
    unknown = np.isnan(recent).all(axis=1, keepdims=True)  # never observed
    return _flat(np.nanmedian(np.where(unknown, 0, recent), axis=1), horizon)


def best_window_median(
    demand, horizon: int, windows=(7, 14, 21, 28), validation_days: int = 15, n_origins: int = 3
) -> np.ndarray:
    """Each series' median over the window that would have forecast its own last weeks best.

    Parameters
    ----------
    demand : array (n_series, n_days)
        Units a day.
    horizon : int
        Days to forecast.
    windows : sequence of int
        Windows to choose from, in days; the first of equals wins.
    validation_days, n_origins : int
        The absolute error is summed over this many stretches of so many days, the newest ending today, each forecast
        from the days before it.

    Returns
    -------
    float64 array (n_series, horizon)
    """
    demand, windows = _table(demand), [whole("windows", window, 1) for window in windows]
    if not windows:
        raise ParameterError("windows is empty; give at least one number of days")
    n_origins, validation_days = whole("n_origins", n_origins), whole("validation_days", validation_days, 1)
    errors = np.zeros((len(windows), len(demand)))
    for k in range(1, n_origins + 1):
        origin = demand.shape[1] - k * validation_days
        if origin < 1:
            break
        actual = demand[:, origin : origin + validation_days]
        for row, days in enumerate(windows):
            error = np.abs(actual - recent_median(demand[:, :origin], validation_days, days))
            errors[row] += np.nansum(error, axis=1)
    candidates = np.stack([recent_median(demand, horizon, days) for days in windows])  # (n_windows, n_series, horizon)
    return candidates[errors.argmin(axis=0), np.arange(len(demand))]


def seasonal_naive(demand, horizon: int, period: int = 7) -> np.ndarray:
    """The last known day of the same weekday; the historical mean when no such day is known."""
    cycles = _cycles(demand, period)
    last = np.repeat(_mean(demand)[:, None], cycles.shape[2], axis=1)  # (n_series, period)
    for cycle in np.moveaxis(cycles, 1, 0):
        last = np.where(np.isnan(cycle), last, cycle)
    return _repeat(last, horizon)


def seasonal_mean(demand, horizon: int, period: int = 7, days: int = 28) -> np.ndarray:
    """Each weekday's share of the historical mean, times the mean of the last `days` days."""
    cycles = _cycles(demand, period)
    overall = _mean(demand)[:, None]  # (n_series, 1)
    by_weekday = np.stack([_mean(cycles[:, :, day]) for day in range(cycles.shape[2])], axis=1)  # (n_series, period)
    known = ~np.isnan(cycles).all(axis=1) & (overall > 0)
    profile = np.divide(by_weekday, overall, out=np.ones_like(by_weekday), where=known)
    return _repeat(profile * _mean(last_days(demand, days))[:, None], horizon)


def exponential_smoothing(demand, horizon: int, alpha: float = 0.1) -> np.ndarray:
    """Simple exponential smoothing (SES): the level moves a share alpha towards each day's demand.

    Parameters
    ----------
    demand : array (n_series, n_days)
        Units a day.
    horizon : int
        Days to forecast.
    alpha : float in (0, 1]
        Smoothing constant; the level starts at the first known day.

    Returns
    -------
    float64 array (n_series, horizon), the last level on every day.

    Source
    ------
    Brown, Statistical Forecasting for Inventory Control, 1959.
    """
    return _flat(_smooth(_table(demand), alpha, "alpha"), horizon)


def croston_sba(demand, horizon: int, alpha: float = 0.1) -> np.ndarray:
    """Croston's method with the Syntetos-Boylan correction: smoothed size over smoothed interval, less alpha/2 of it.

    Parameters are those of `exponential_smoothing`. Sizes and intervals are updated on days with demand only, so a long
    run of zeros leaves the forecast where it was. The first interval counts from the first known day.

    Source
    ------
    Croston, Oper. Res. Quarterly 23, 1972; Syntetos & Boylan, Int. J. Forecasting 21, 2005.
    """
    demand = _table(demand)
    occurs = demand > 0  # False on missing days
    age = np.cumsum(~np.isnan(demand), axis=1)  # (n_series, n_days), known days so far
    last_age = np.maximum.accumulate(np.where(occurs, age, 0), axis=1)
    previous_age = np.concatenate([np.zeros_like(last_age[:, :1]), last_age[:, :-1]], axis=1)
    size = _smooth(np.where(occurs, demand, np.nan), alpha, "alpha")
    interval = _smooth(np.where(occurs, age - previous_age, np.nan), alpha, "alpha")
    rate = np.divide(size, interval, out=np.zeros_like(size), where=interval > 0)
    return _flat((1 - alpha / 2) * rate, horizon)


def tsb(demand, horizon: int, alpha: float = 0.1, beta: float = 0.1) -> np.ndarray:
    """Teunter-Syntetos-Babai: smoothed size times smoothed chance of any demand, which sinks on every empty day.

    Parameters are those of `exponential_smoothing`, with `beta` the smoothing constant of the chance of demand.

    Source
    ------
    Teunter, Syntetos & Babai, Eur. J. Operational Research 214, 2011.
    """
    demand = _table(demand)
    size = _smooth(np.where(demand > 0, demand, np.nan), alpha, "alpha")
    chance = _smooth(np.where(np.isnan(demand), np.nan, demand > 0), beta, "beta")
    return _flat(chance * size, horizon)


def median_and_smoothing(demand, horizon: int, days: int = 21, alpha: float = 0.2) -> np.ndarray:
    """Mean of the recent median and of exponential smoothing: too low and too high by turns, together neither."""
    return (recent_median(demand, horizon, days) + exponential_smoothing(demand, horizon, alpha)) / 2


def best_constant(actual) -> np.ndarray:
    """The flat forecast with the smallest absolute error in hindsight, each series' median; a bound, not a forecast.

    Parameters
    ----------
    actual : array (n_series, horizon)
        Demand of the very days to be forecast, units a day.

    Returns
    -------
    float64 array (n_series, horizon)
    """
    actual = _table(actual)
    return recent_median(actual, actual.shape[1], days=actual.shape[1])


def _table(demand) -> np.ndarray:
    demand = finite_or_missing("demand", demand)
    if demand.ndim != 2 or demand.size == 0:
        raise ParameterError(
            f"demand has shape {demand.shape}; give (n_series, n_days) with at least one series and day"
        )
    return demand


def _mean(values) -> np.ndarray:
    """Mean of each row's known days, 0 for a row without any; (n_series,)."""
    values = _table(values)
    return np.nansum(values, axis=1) / np.maximum(np.count_nonzero(~np.isnan(values), axis=1), 1)


def last_days(demand, days: int) -> np.ndarray:
    """The last `days` days of each series or, if none of them is known, those up to its last known day."""
    demand, days = _table(demand), whole("days", days, 1)
    recent = demand[:, -days:].copy()
    for row in np.flatnonzero(np.isnan(recent).all(axis=1)):
        known = np.flatnonzero(~np.isnan(demand[row]))
        if len(known):
            window = demand[row, max(known[-1] + 1 - days, 0) : known[-1] + 1]
            recent[row, -len(window) :] = window
    return recent


def _smooth(values: np.ndarray, constant: float, name: str) -> np.ndarray:
    """Smoothed level after the last day, started at the first known one; (n_series,), 0 where none is known."""
    if not 0 < constant <= 1:
        raise ParameterError(f"{name} is {constant}; give a number above 0 and up to 1")
    level = np.full(len(values), np.nan)
    for day in np.ascontiguousarray(values.T):  # (n_series,)
        # l_t = l_{t-1} + alpha (y_t - l_{t-1})
        moved = np.where(np.isnan(level), day, level + constant * (day - level))
        level = np.where(np.isnan(day), level, moved)
    return np.nan_to_num(level, nan=0.0)


def _cycles(demand, period: int) -> np.ndarray:
    """Demand cut into cycles that end on the last day, missing days before the first; (n_series, n_cycles, period)."""
    demand = _table(demand)
    period = whole("period", period, 1, LONGEST)
    padding = np.full((len(demand), -demand.shape[1] % period), np.nan)
    return np.concatenate([padding, demand], axis=1).reshape(len(demand), -1, period)


def _repeat(cycle: np.ndarray, horizon: int) -> np.ndarray:
    """One cycle, again and again; (n_series, horizon)."""
    return cycle[:, np.arange(whole("horizon", horizon, 1, LONGEST)) % cycle.shape[1]]


def _flat(level: np.ndarray, horizon: int) -> np.ndarray:
    return _repeat(level[:, None], horizon)
