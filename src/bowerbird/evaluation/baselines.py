"""Simple forecasters that every table must show: a model that does not beat them has learnt nothing.

Each is a function f(demand (n_series, n_days), horizon) of the demand before the origin, and returns the days after it,
(n_series, horizon), in units a day. Missing days (NaN) are skipped: a window without a known day ends at the last known
one. A series that was never observed is forecast as zero. Of a weekly panel the days are weeks: the defaults are those
of days, and the ladder gives the others.
"""

from functools import partial

import bottleneck
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


def best_window_median(demand, horizon: int, windows=(7, 14, 21, 28), stretch: int = 15) -> np.ndarray:
    """Each series' median over the window that would have forecast its own last 45 days best, 15 days at a time."""
    demand = _table(demand)
    errors = np.zeros((len(windows), len(demand)))
    for origin, actual in past_stretches(demand, 3, 1, stretch):
        for row, days in enumerate(windows):
            error = np.abs(actual - recent_median(demand[:, :origin], stretch, days))
            errors[row] += np.nansum(error, axis=1)
    candidates = np.stack([recent_median(demand, horizon, days) for days in windows])  # (n_windows, n_series, horizon)
    return candidates[errors.argmin(axis=0), np.arange(len(demand))]


def seasonal_naive(demand, horizon: int, season: int = 7) -> np.ndarray:
    """The last known day of the same weekday; the historical mean when no such day is known."""
    last = np.repeat(_mean(demand)[:, None], season, axis=1)  # (n_series, season)
    for days in np.moveaxis(_seasons(demand, season), 1, 0):
        last = np.where(np.isnan(days), last, days)
    return _repeat(last, horizon)


def seasonal_mean(demand, horizon: int, season: int = 7, days: int = 28) -> np.ndarray:
    """Each weekday's share of the historical mean, times the mean of the last 28 days."""
    seasons, overall = _seasons(demand, season), _mean(demand)[:, None]  # (n_series, n_seasons, season), (n_series, 1)
    by_weekday = np.stack([_mean(seasons[:, :, day]) for day in range(season)], axis=1)  # (n_series, season)
    known = ~np.isnan(seasons).all(axis=1) & (overall > 0)
    profile = np.divide(by_weekday, overall, out=np.ones_like(by_weekday), where=known)
    return _repeat(profile * recent_mean(demand, 1, days), horizon)


def median_by_flag(demand, horizon: int, flagged, days: int = 21) -> np.ndarray:
    """The median of the last `days` days with a promotion for days with one, and of those without for the others.

    `flagged` (n_series, n_days + horizon) says which days have one. A series that never had one, or was never without,
    is forecast by the median of the last `days` days.
    """
    demand, flagged = _table(demand), np.asarray(flagged, dtype=bool)
    past, ahead = flagged[:, : demand.shape[1]], flagged[:, demand.shape[1] : demand.shape[1] + horizon]
    forecast = recent_median(demand, horizon, days)
    for kind in (False, True):
        for row in range(len(demand)):
            like = demand[row, past[row] == kind]
            like = like[~np.isnan(like)][-days:]
            if len(like):
                forecast[row, ahead[row] == kind] = np.median(like)
    return forecast


def exponential_smoothing(demand, horizon: int, alpha: float = 0.1) -> np.ndarray:
    """Simple exponential smoothing (SES; Brown, 1959): the level moves a share alpha towards each day's demand."""
    if not 0 < alpha <= 1:
        raise ParameterError(f"alpha is {alpha}; give a number above 0 and up to 1")
    return _flat(_smooth(_table(demand), alpha), horizon)


def croston_sba(demand, horizon: int) -> np.ndarray:
    """Croston's method (1972), smoothed size over smoothed interval, less alpha/2 of it (Syntetos & Boylan, 2005).

    Sizes and intervals are updated on days with demand only, with alpha = 0.1. The first interval counts from the first
    known day.
    """
    demand = _table(demand)
    occurs = demand > 0  # False on missing days
    age = np.cumsum(~np.isnan(demand), axis=1)  # (n_series, n_days), known days so far
    last_age = np.maximum.accumulate(np.where(occurs, age, 0), axis=1)
    previous_age = np.concatenate([np.zeros_like(last_age[:, :1]), last_age[:, :-1]], axis=1)
    size = _smooth(np.where(occurs, demand, np.nan), 0.1)
    interval = _smooth(np.where(occurs, age - previous_age, np.nan), 0.1)
    rate = np.divide(size, interval, out=np.zeros_like(size), where=interval > 0)
    return _flat((1 - 0.1 / 2) * rate, horizon)


def tsb(demand, horizon: int) -> np.ndarray:
    """Teunter, Syntetos & Babai (2011): smoothed size times smoothed chance of demand, which falls on empty days."""
    demand = _table(demand)
    size = _smooth(np.where(demand > 0, demand, np.nan), 0.1)
    chance = _smooth(np.where(np.isnan(demand), np.nan, demand > 0), 0.1)
    return _flat(chance * size, horizon)


def median_and_smoothing(demand, horizon: int, days: int = 21) -> np.ndarray:
    """Mean of the median of 21 days and of exponential smoothing (0.2), one too low and one too high in sum."""
    return (recent_median(demand, horizon, days) + exponential_smoothing(demand, horizon, 0.2)) / 2


def best_constant(actual) -> np.ndarray:
    """Each series' median of the very days to be forecast (n_series, horizon): an upper bound, not a forecast."""
    actual = _table(actual)
    return recent_median(actual, actual.shape[1], days=actual.shape[1])


def left_out_constant(actual) -> np.ndarray:
    """Each day's median of the series' other days to be forecast: hindsight that does not see the day scored."""
    actual = _table(actual)
    others = (np.delete(actual, day, axis=1) for day in range(actual.shape[1]))
    medians = np.stack([bottleneck.nanmedian(rest, axis=1) for rest in others], axis=1)
    return np.where(np.isnan(medians), 0, medians)  # (n_series, horizon)


def stacked(windows: tuple[int, ...]) -> tuple:
    """Simple forecasters for `stack` to weigh: medians and means over four windows, and others."""
    short, second, _, long = windows
    return (
        *(partial(recent_median, days=days) for days in (*windows, 2 * long)),
        *(partial(recent_mean, days=days) for days in (short, second, long)),
        *(partial(exponential_smoothing, alpha=alpha) for alpha in (0.1, 0.2)),
        croston_sba,
        historical_mean,
    )


STACKED = stacked((7, 14, 21, 28))


def stack(demand, horizon: int, parts: tuple = STACKED, stretch: int = 15) -> np.ndarray:
    """A weighted sum of simple forecasts, never below zero, with the weights of `stack_weights`."""
    forecasts = np.stack([part(demand, horizon) for part in parts], axis=-1)  # (n_series, horizon, n_parts)
    return np.maximum(forecasts @ stack_weights(demand, parts, stretch), 0)


def stack_weights(demand, parts: tuple = STACKED, stretch: int = 15) -> np.ndarray:
    """Weights that were best over the last five stretches of 15 days, drawn a little towards equal ones (n_parts,)."""
    demand = np.asarray(demand, dtype=float)
    equal = np.full(len(parts), 1 / len(parts))
    actual, forecasts = [np.empty(0)], [np.empty((0, len(parts)))]
    for origin, days in past_stretches(demand, 5, 28, stretch):
        known = ~np.isnan(days)
        actual.append(days[known])
        forecasts.append(np.column_stack([part(demand[:, :origin], stretch)[known] for part in parts]))
    if not np.concatenate(actual).any():  # the past is too short, or empty
        return equal
    return least_absolute_weights(np.concatenate(forecasts), np.concatenate(actual), equal, shrinkage=0.03)


def least_absolute_weights(forecasts, actual, prior, shrinkage: float) -> np.ndarray:
    """Weights w (n_parts,) that make sum |y - X w| small: least squares, reweighted by 1 / |y - X w|.

    X is `forecasts` (n_rows, n_parts), y is `actual` (n_rows,). `shrinkage` [lambda] draws w to the prior v, in mean
    diagonal elements of the normal equations. Schlossmacher, J. American Statistical Association 68, 1973.
    """
    if shrinkage < 0:
        raise ParameterError(f"shrinkage is {shrinkage}; give a number from 0")
    smallest = 0.01 * np.abs(actual).mean()  # an exact forecast must not weigh infinitely
    weights = prior.copy()
    for _ in range(60):
        row_weights = 1 / np.maximum(np.abs(actual - forecasts @ weights), smallest)  # (n_rows,)
        weighted = forecasts * row_weights[:, None]
        normal = weighted.T @ forecasts  # (n_parts, n_parts)
        ridge = shrinkage * np.trace(normal) / len(prior)
        # (X'RX + lambda I) w = X'R y + lambda v
        weights = np.linalg.solve(normal + ridge * np.eye(len(prior)), weighted.T @ actual + ridge * prior)
    return weights


def past_stretches(demand: np.ndarray, n: int, least: int, stretch: int):
    """The last n stretches of days, newest first, each with its origin, which must know `least` days."""
    for k in range(1, n + 1):
        origin = demand.shape[1] - k * stretch
        if origin < least:
            return
        yield origin, demand[:, origin : origin + stretch]


def _table(demand) -> np.ndarray:
    demand = finite_or_missing("demand", demand, axes="n_series, n_days")
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


def _smooth(values: np.ndarray, alpha: float) -> np.ndarray:
    """Smoothed level after the last day, started at the first known one; (n_series,), 0 where none is known."""
    level = np.full(len(values), np.nan)
    for day in np.ascontiguousarray(values.T):  # (n_series,)
        # l_t = l_{t-1} + alpha (y_t - l_{t-1})
        moved = np.where(np.isnan(level), day, level + alpha * (day - level))
        level = np.where(np.isnan(day), level, moved)
    return np.nan_to_num(level, nan=0.0)


def _seasons(demand, season: int) -> np.ndarray:
    """Demand cut into seasons that end on the last day, missing days before the first (n_series, n_seasons, season)."""
    demand = _table(demand)
    padding = np.full((len(demand), -demand.shape[1] % season), np.nan)
    return np.concatenate([padding, demand], axis=1).reshape(len(demand), -1, season)


def _repeat(cycle: np.ndarray, horizon: int) -> np.ndarray:
    """One week or level, again and again; (n_series, horizon)."""
    return cycle[:, np.arange(whole("horizon", horizon, 1, LONGEST)) % cycle.shape[1]]


def _flat(level: np.ndarray, horizon: int) -> np.ndarray:
    return _repeat(level[:, None], horizon)
