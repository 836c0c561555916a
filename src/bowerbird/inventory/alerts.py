"""What is wrong, and what to do about it: overstock, stock-out risk, demand anomalies, level shifts, end of life.

`demand_alerts` watches the daily demand; every day is judged by the days before it alone. `stock_alerts` weighs the
stock of one day against the forecast's samples. Both give the same tidy table, one row an alert.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bowerbird.data.schema import SERIES_KEY
from bowerbird.errors import ParameterError
from bowerbird.inventory.demand_watch import Watch, watch

ALERT_COLUMNS = (*SERIES_KEY, "date", "kind", "measure", "value", "threshold", "reason", "action")
KINDS = ("overstock", "stockout risk", "demand anomaly", "level shift", "end of life")


@dataclass(frozen=True)
class Thresholds:
    """When an alert is raised.

    Attributes
    ----------
    cover_days : int
        Overstock: stock beyond the demand of so many days is excess.
    cover_quantile : float
        ... demand at this quantile, so that stock a good season could still sell is not called excess.
    stockout_probability : float
        Stock-out risk: chance of a shortage before an order placed today could help.
    anomaly : float
        Demand anomaly: standardised residuals of a day, either way.
    silence : float
        ... or units that should have been sold since the last sale, per unit of dispersion: e^-silence is the chance.
    shift : float
        Level shift: limit of the CUSUM of standardised residuals.
    fading : float
        End of life: mean of 28 days below this share of the best 28 days so far.
    """

    cover_days: int = 30
    cover_quantile: float = 0.9
    stockout_probability: float = 0.2
    anomaly: float = 4.5
    silence: float = 9.0
    shift: float = 7.0
    fading: float = 0.15

    def __post_init__(self):
        for name in ("cover_quantile", "stockout_probability", "fading"):
            if not 0 < getattr(self, name) < 1:
                raise ParameterError(f"{name} is {getattr(self, name)}; give a number between 0 and 1")
        for name in ("cover_days", "anomaly", "silence", "shift"):
            if not getattr(self, name) > 0:
                raise ParameterError(f"{name} is {getattr(self, name)}; give a number above 0")


DEFAULTS = Thresholds()


def demand_alerts(
    series: pd.DataFrame,
    dates: pd.DatetimeIndex,
    demand: np.ndarray,
    *,
    forecast: np.ndarray | None = None,
    thresholds: Thresholds = DEFAULTS,
) -> pd.DataFrame:
    """Demand anomalies, level shifts and ends of life on every day of a history.

    Parameters
    ----------
    series : DataFrame, n_series rows
        seller_no, product_no, warehouse_no.
    dates : DatetimeIndex, n_days
    demand : array (n_series, n_days)
        Units a day, NaN marking a missing day.
    forecast : array (n_series, n_days), optional
        Units forecast for each day from the days before it; by default the level that `demand_watch` follows.
    thresholds : Thresholds

    Returns
    -------
    DataFrame, one row an alert, columns ALERT_COLUMNS, by date.

    Raises
    ------
    ParameterError
        If shapes do not fit together.
    """
    demand = np.asarray(demand, float)
    if demand.shape != (len(series), len(dates)):
        raise ParameterError(
            f"demand has shape {demand.shape}; {len(series)} series and {len(dates)} dates need one row each"
        )
    seen = watch(demand, forecast, shift_limit=thresholds.shift)
    tables = [
        _spikes(series, dates, demand, seen, thresholds),
        _silences(series, dates, seen, thresholds),
        _shifts(series, dates, seen, thresholds),
        _fadings(series, dates, seen, thresholds),
    ]
    return _sorted(tables)


def _spikes(series, dates, demand, seen: Watch, thresholds: Thresholds) -> pd.DataFrame:
    z = seen.residual
    row, day = np.nonzero(np.abs(z) > thresholds.anomaly)
    reasons = [
        f"{demand[i, t]:g} units where {seen.expected[i, t]:.1f} were expected, {abs(z[i, t]):.1f} deviations "
        f"{'above' if z[i, t] > 0 else 'below'}"
        for i, t in zip(row, day, strict=True)
    ]
    action = (
        "look for a promotion, a bulk order or a wrong entry; leave the day out of the forecast if it will not recur"
    )
    return _table(
        series, row, dates[day], "demand anomaly", "residual", z[row, day], thresholds.anomaly, reasons, action
    )


def _silences(series, dates, seen: Watch, thresholds: Thresholds) -> pd.DataFrame:
    row, day = _first_days(seen.silence > thresholds.silence)
    reasons = [
        f"no sale since {dates[t - int(seen.silent_days[i, t])]:%Y-%m-%d}, though about {units:.0f} units were due"
        for i, t, units in zip(row, day, seen.units_due[row, day], strict=True)
    ]
    action = "check shelf, listing and stock record: demand may be hidden by a stock-out"
    values = seen.silence[row, day]
    return _table(series, row, dates[day], "demand anomaly", "silence", values, thresholds.silence, reasons, action)


def _shifts(series, dates, seen: Watch, thresholds: Thresholds) -> pd.DataFrame:
    row, day = np.nonzero(np.abs(seen.shift) > thresholds.shift)
    begun = dates[day - seen.shift_days[row, day].astype(int) + 1]
    reasons = [
        f"demand {'rose' if seen.shift[i, t] > 0 else 'fell'} to about {seen.new_level[i, t]:.1f} units a day from "
        f"{seen.expected[i, t]:.1f}, since {first:%Y-%m-%d}"
        for i, t, first in zip(row, day, begun, strict=True)
    ]
    action = "fit the forecast anew on the days since then and set s and S from it"
    values = seen.shift[row, day]
    return _table(series, row, dates[day], "level shift", "CUSUM", values, thresholds.shift, reasons, action)


def _fadings(series, dates, seen: Watch, thresholds: Thresholds) -> pd.DataFrame:
    row, day = _first_days(seen.fading < thresholds.fading)
    values = seen.fading[row, day]
    reasons = [f"the last 28 days sold {share:.0%} of the best 28 days, and less each fortnight" for share in values]
    action = "order no more; decide what to mark down, transfer or clear"
    return _table(
        series, row, dates[day], "end of life", "share of the best", values, thresholds.fading, reasons, action
    )


def stock_alerts(
    series: pd.DataFrame,
    date,
    samples: np.ndarray,
    on_hand,
    *,
    arrivals=None,
    lead_time: int = 3,
    review: int = 1,
    thresholds: Thresholds = DEFAULTS,
) -> pd.DataFrame:
    """Overstock and stock-out risk of one day, before its order.

    Parameters
    ----------
    series : DataFrame, n_series rows
        seller_no, product_no, warehouse_no.
    date : date
        The day that is judged.
    samples : array (n_series, n_samples, horizon)
        Sampled demand from that day on; a horizon short of `cover_days` is prolonged at its mean rate.
    on_hand : array (n_series,)
        Units on hand before the day's demand.
    arrivals : array (n_series, n_days), optional
        Units on order, by the day they arrive, today first.
    lead_time, review : int
        Days from order to arrival [LT] and between reviews [NRT].
    thresholds : Thresholds

    Returns
    -------
    DataFrame, one row an alert, columns ALERT_COLUMNS.

    Raises
    ------
    ParameterError
        If an argument is out of range or has the wrong shape.
    """
    samples, on_hand = np.asarray(samples, float), np.asarray(on_hand, float)
    if samples.ndim != 3 or len(samples) != len(series) or not (samples >= 0).all():
        raise ParameterError(
            f"samples, shape {samples.shape}: give ({len(series)}, n_samples, horizon), none below 0 or NaN"
        )
    if on_hand.shape != (len(series),) or not (on_hand >= 0).all():
        raise ParameterError(f"on_hand, shape {on_hand.shape}: give ({len(series)},), none below 0 or NaN")
    if lead_time < 0 or review < 1 or lead_time + review > samples.shape[2]:
        raise ParameterError(
            f"lead_time is {lead_time} and review {review}; give at least 0 and 1, together at most the "
            f"samples' horizon, {samples.shape[2]}"
        )
    arrivals = np.zeros((len(series), 0)) if arrivals is None else np.asarray(arrivals, float)
    tables = [
        _risks(series, date, samples, on_hand, arrivals, lead_time + review, thresholds),
        _excesses(series, date, samples, on_hand + arrivals.sum(axis=1), thresholds),
    ]
    return _sorted(tables)


def stockout_probability(samples: np.ndarray, on_hand: np.ndarray, arrivals: np.ndarray, days: int) -> np.ndarray:
    """Chance of a shortage on any of the next days, (n_series,), from sampled demand and what is under way."""
    due = np.zeros((len(samples), days))
    due[:, : arrivals.shape[1]] = arrivals[:, :days]
    supply = on_hand[:, None] + due.cumsum(axis=1)  # (n_series, days)
    short = (samples[:, :, :days].cumsum(axis=2) > supply[:, None]).any(axis=2)  # (n_series, n_samples)
    return short.mean(axis=1)


def _risks(series, date, samples, on_hand, arrivals, days: int, thresholds: Thresholds) -> pd.DataFrame:
    chance = stockout_probability(samples, on_hand, arrivals, days)
    row = np.flatnonzero(chance > thresholds.stockout_probability)
    needed = np.quantile(samples[row, :, :days].sum(axis=2), 1 - thresholds.stockout_probability, axis=1)
    missing = np.ceil(np.maximum(needed - on_hand[row] - arrivals[row, :days].sum(axis=1), 1))
    reasons = [
        f"{on_hand[i]:g} units on hand and {arrivals[i, :days].sum():g} due run short within {days} days with "
        f"{chance[i]:.0%} probability"
        for i in row
    ]
    actions = [f"order or transfer {units:.0f} units at once, faster than the usual lead time" for units in missing]
    limit = thresholds.stockout_probability
    return _table(series, row, date, "stockout risk", "probability of a shortage", chance[row], limit, reasons, actions)


def _excesses(series, date, samples, position, thresholds: Thresholds) -> pd.DataFrame:
    horizon = min(thresholds.cover_days, samples.shape[2])
    total = samples[:, :, :horizon].sum(axis=2)  # (n_series, n_samples)
    beyond = samples.mean(axis=(1, 2)) * (thresholds.cover_days - horizon)
    excess = position - (np.quantile(total, thresholds.cover_quantile, axis=1) + beyond)
    a_day = samples.mean(axis=(1, 2))
    cover = np.divide(position, a_day, out=np.full(len(position), np.inf), where=a_day > 0)
    row = np.flatnonzero((excess >= 1) & (cover > thresholds.cover_days))
    reasons = [
        f"{position[i]:g} units on hand and on order last {cover[i]:.0f} days; {excess[i]:.0f} exceed what "
        f"{thresholds.cover_days} good days would sell"
        for i in row
    ]
    actions = [f"stop ordering; promote, mark down or transfer {excess[i]:.0f} units" for i in row]
    return _table(series, row, date, "overstock", "days of cover", cover[row], thresholds.cover_days, reasons, actions)


def _first_days(condition: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and days on which a condition begins to hold."""
    before = np.pad(condition, ((0, 0), (1, 0)))[:, :-1]
    return np.nonzero(condition & ~before)


def _table(series, row, date, kind, measure, value, threshold, reason, action) -> pd.DataFrame:
    table = series[list(SERIES_KEY)].iloc[row].reset_index(drop=True)
    return table.assign(
        date=date, kind=kind, measure=measure, value=value, threshold=float(threshold), reason=reason, action=action
    )


def _sorted(tables: list[pd.DataFrame]) -> pd.DataFrame:
    table = pd.concat(tables, ignore_index=True)[list(ALERT_COLUMNS)]
    table["date"] = pd.to_datetime(table["date"])
    return table.sort_values(["date", *SERIES_KEY, "kind"], kind="stable", ignore_index=True)
