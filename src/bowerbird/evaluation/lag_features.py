"""What a global regression sees of a series at an origin: causal features, one row for each series and day ahead.

Demand enters relative to the series' own recent level (its scale), so that one model serves series of a unit a week and
of a thousand a day. Everything but the calendar of the day forecast rests on days before the origin.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bowerbird.data.panel import EVENTS, Panel, calendar_features
from bowerbird.data.reader import ATTRIBUTES
from bowerbird.errors import ParameterError
from bowerbird.evaluation.baselines import exponential_smoothing, last_days, recent_mean, recent_median

WINDOWS = (3, 7, 14, 28, 56)
"""Days over which recent demand is summed up."""

LAGS = 7
SCALE_DAYS = 28
SMALLEST_SCALE = 0.05  # units a day; one unit in twenty days
GROUPS = ("product_no", "seller_no", "category1")
CATEGORIES = ("seller_no", "warehouse_no", *ATTRIBUTES)


@dataclass(frozen=True)
class Design:
    """Rows of a regression, n_rows = series x days ahead x origins.

    Attributes
    ----------
    features : DataFrame, n_rows
        One column a feature; attributes as integer codes.
    scale : array (n_rows,)
        Recent level of the series in units a day.
    target : array (n_rows,)
        Demand of the day in units; NaN where it is missing or not yet known.
    origin : int array (n_rows,)
        Days known when the row's forecast is made.
    """

    features: pd.DataFrame
    scale: np.ndarray
    target: np.ndarray
    origin: np.ndarray


def design_at(panel: Panel, origin: int, horizon: int, steps=None) -> Design:
    """Features of every series on the days after one origin.

    Parameters
    ----------
    panel : Panel
        May end at the origin or later; later demand goes to `target` alone.
    origin : int
        Days known.
    horizon : int
        Days ahead.
    steps : sequence of int in 1 ... horizon, optional
        The days ahead to give rows to; all of them otherwise.

    Returns
    -------
    Design, series by series, the days ahead in order.
    """
    if not 0 < origin <= panel.n_days:
        raise ParameterError(f"origin is {origin}; give a number of known days from 1 to {panel.n_days}")
    steps = np.arange(1, horizon + 1) if steps is None else np.asarray(steps)  # (n_steps,)
    known = panel.demand[:, :origin]
    level = recent_mean(known, 1, SCALE_DAYS)[:, 0]
    scale = np.maximum(level, SMALLEST_SCALE)  # (n_series,)

    by_series = pd.DataFrame(
        {"log scale": np.log(scale)} | _own(known, scale) | _others(panel.series, known) | _attributes(panel.series)
    )  # n_series rows
    rows = np.repeat(np.arange(panel.n_series), len(steps))
    features = by_series.take(rows).reset_index(drop=True)

    days = panel.dates[0] + pd.to_timedelta(origin - 1 + steps, unit="D")
    calendar = calendar_features(pd.DatetimeIndex(days))  # (n_steps, 7 + n_events)
    features["days ahead"] = np.tile(steps, panel.n_series)
    features["weekday"] = np.tile(days.day_of_week.to_numpy(), panel.n_series)
    for k, event in enumerate(EVENTS):
        features[event] = np.tile(calendar[:, 7 + k], panel.n_series)
    features["same weekday"] = (_same_weekday(known, steps) / scale[:, None]).reshape(-1)

    target = np.full((panel.n_series, len(steps)), np.nan)
    come = origin - 1 + steps < panel.n_days
    target[:, come] = panel.demand[:, origin - 1 + steps[come]]
    return Design(features, np.repeat(scale, len(steps)), target.reshape(-1), np.full(len(rows), origin))


def training_design(panel: Panel, origins, horizon: int, rng: np.random.Generator, days_each: int) -> Design:
    """Rows of many past origins, `days_each` random days ahead of each, only those whose demand is known.

    Parameters
    ----------
    panel : Panel
        Days up to the origin of the forecast.
    origins : sequence of int
        Earlier origins.
    horizon, days_each : int
        Days ahead; how many of them to draw for an origin.
    rng : numpy Generator

    Returns
    -------
    Design
    """
    parts = []
    for origin in origins:
        n_known = min(horizon, panel.n_days - origin)
        steps = np.sort(rng.choice(n_known, min(days_each, n_known), replace=False)) + 1
        parts.append(design_at(panel, origin, horizon, steps))
    known = ~np.isnan(np.concatenate([part.target for part in parts]))
    features = pd.concat([part.features for part in parts], ignore_index=True)[known]
    scale, target, origin = (
        np.concatenate([getattr(part, name) for part in parts])[known] for name in ("scale", "target", "origin")
    )
    return Design(features, scale, target, origin)


def _own(known: np.ndarray, scale: np.ndarray) -> dict[str, np.ndarray]:
    """The series' own past, relative to its scale."""
    n_series, n_days = known.shape
    recent = np.full((n_series, LAGS), np.nan)
    recent[:, : min(LAGS, n_days)] = known[:, ::-1][:, :LAGS]
    columns = {f"lag {lag + 1}": recent[:, lag] / scale for lag in range(LAGS)}
    for days in WINDOWS:
        columns[f"mean {days}"] = recent_mean(known, 1, days)[:, 0] / scale
        columns[f"median {days}"] = recent_median(known, 1, days)[:, 0] / scale
    for days in (14, 56):
        recent = last_days(known, days)
        seen = np.count_nonzero(~np.isnan(recent), axis=1)  # 0 for a series never observed
        columns[f"share without demand {days}"] = _share(recent == 0, seen)
    columns["SES 0.2"] = exponential_smoothing(known, 1, 0.2)[:, 0] / scale
    columns["spread 28"] = np.sqrt(recent_mean(np.square(known), 1, 28)[:, 0]) / scale
    columns["largest 28"] = np.fmax.reduce(last_days(known, 28), axis=1) / scale  # of the known days
    # known days without demand since the last sale; all of them if there was none
    since = np.maximum.accumulate((known > 0)[:, ::-1], axis=1)[:, ::-1]  # True up to the last sale
    columns["days since demand"] = np.count_nonzero(~since & ~np.isnan(known), axis=1)
    return columns


def _others(series: pd.DataFrame, known: np.ndarray) -> dict[str, np.ndarray]:
    """How the last week of the group's other series compares with their last four weeks, and the catalogue's."""
    week, month = (recent_mean(known, 1, days)[:, 0] for days in (7, 28))
    columns = {}
    for group in GROUPS:
        rest_week, rest_month = (
            pd.Series(level).groupby(series[group].to_numpy()).transform("sum").to_numpy() - level
            for level in (week, month)
        )
        known_group = rest_month > 1e-9  # a difference of sums: zero up to rounding
        columns[f"trend of others {group}"] = np.divide(
            rest_week, rest_month, out=np.full(len(week), np.nan), where=known_group
        )
    columns["trend of all"] = np.full(len(week), week.sum() / max(month.sum(), SMALLEST_SCALE))
    return columns


def _attributes(series: pd.DataFrame) -> dict[str, np.ndarray]:
    """Attributes as codes in sorted order of their labels."""
    present = [name for name in CATEGORIES if name in series]
    return {name: np.unique(series[name].astype(str), return_inverse=True)[1] for name in present}


def _same_weekday(known: np.ndarray, steps: np.ndarray, weeks: int = 4) -> np.ndarray:
    """Mean of the last four days of the weekday to come; (n_series, n_steps)."""
    means = np.full((len(known), len(steps)), np.nan)  # NaN where none of the four is known
    for column, step in enumerate(steps):
        days = np.arange((step - 1) % 7 - 7, -known.shape[1] - 1, -7)[:weeks]  # counted from the end
        seen = np.count_nonzero(~np.isnan(known[:, days]), axis=1)
        means[:, column] = _share(np.nan_to_num(known[:, days]), seen)
    return means


def _share(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Sum of each row over its number of known days; NaN where none is known."""
    return np.divide(values.sum(axis=1), seen, out=np.full(len(seen), np.nan), where=seen > 0)
