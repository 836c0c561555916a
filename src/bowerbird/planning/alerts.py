"""What is wrong, and what to do about it: overstock, stock-out risk, demand anomalies, level shifts, end of life.

`demand_alerts` watches the daily demand; every day is judged by the days before it alone. An anomaly or an end of life
is one alert an episode, however many days it lasts, and an item that has ended raises nothing more until its demand has
risen again. `stock_alerts` weighs the stock of one day against the forecast's samples. Both give the same tidy table,
one row an alert.

The worth of an alert is the cost at stake. It is counted in the cost of holding one unit for one day; a unit short
costs `shortage_cost` of these. An order helps after LT + NRT days at the latest.

==============  =======================================  ==========================================================
kind            units                                    worth
==============  =======================================  ==========================================================
stockout risk   to order or transfer at once             expected units short before an order helps x shortage_cost
overstock       beyond the demand of cover_days          units x cover_days
demand anomaly  above or below what was expected         units x shortage_cost
level shift     more or fewer before an order helps      rise: units x shortage_cost; fall: units x those days
end of life     sold in as many days at the last rate    units x cover_days
==============  =======================================  ==========================================================
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bowerbird.checks import above, at_least
from bowerbird.data.reader import SERIES_KEY
from bowerbird.errors import ParameterError
from bowerbird.planning.demand_watch import CUT, LIFE_DAYS, Watch, watch

ALERT_COLUMNS = (*SERIES_KEY, "date", "kind", "measure", "value", "threshold", "units", "worth", "reason", "action")
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
        Demand anomaly: standardised residuals of a day, either way; the episode lasts while they exceed 2.5.
    silence : float
        ... or units that should have been sold since the last sale, per unit of dispersion: e^-silence is the chance.
    shift : float
        Level shift: limit of the CUSUM of standardised residuals.
    fading : float
        End of life: mean of 28 known days below this share of the best such mean so far, and falling; it lasts until
        the item sells twice that share again, or its level shifts upwards.
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
    lead_time: int = 3,
    review: int = 1,
    shortage_cost: float = 9.0,
    thresholds: Thresholds = DEFAULTS,
) -> pd.DataFrame:
    """Demand anomalies, level shifts and ends of life on every day of a history.

    Parameters
    ----------
    series : DataFrame, n_series rows
        seller_no, product_no, warehouse_no.
    dates : DatetimeIndex, n_days
    demand : array (n_series, n_days)
        Units a day, NaN marking an unknown day, which raises no alert and ends no episode.
    forecast : array (n_series, n_days), optional
        Units forecast for each day from the days before it; by default the level that `demand_watch` follows.
    lead_time, review : int
        Days from order to arrival [LT] and between reviews [NRT].
    shortage_cost : float
        Cost of a unit short, in the cost of holding a unit for a day [p / h].
    thresholds : Thresholds

    Returns
    -------
    DataFrame, one row an alert, columns ALERT_COLUMNS, by date.

    Raises
    ------
    ParameterError
        If shapes do not fit together, or shortage_cost is not above 0.
    """
    demand = np.asarray(demand, float)
    if demand.shape != (len(series), len(dates)):
        raise ParameterError(
            f"demand has shape {demand.shape}; {len(series)} series and {len(dates)} dates need one row each"
        )
    above("shortage_cost", shortage_cost)
    seen, days = watch(demand, forecast, shift_limit=thresholds.shift), lead_time + review
    known = ~np.isnan(demand if forecast is None else demand + forecast)
    z, silent, risen = seen.residual, seen.silence > thresholds.silence, seen.shift > thresholds.shift
    ended = _episodes(seen.fading < thresholds.fading, (seen.share < 2 * thresholds.fading) & ~risen, known)
    high = _begins(_episodes(z > thresholds.anomaly, z > CUT, known)) & ~ended
    low = _begins(_episodes((z < -thresholds.anomaly) | silent, (z < -CUT) | silent, known)) & ~ended
    tables = [
        _spikes(series, dates, demand, high | (low & ~silent), seen, shortage_cost, thresholds),
        _silences(series, dates, low & silent, seen, shortage_cost, thresholds),
        _shifts(series, dates, (np.abs(seen.shift) > thresholds.shift) & ~ended, seen, days, shortage_cost, thresholds),
        _fadings(series, dates, _begins(ended), seen, days, thresholds),
    ]
    return _sorted(tables)


def _episodes(begins: np.ndarray, lasts: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Days of an episode: from one on which it begins until `lasts` fails; unknown days leave it as it is."""
    within, now = np.zeros_like(begins), np.zeros(len(begins), bool)
    for day in range(begins.shape[1]):
        now = np.where(known[:, day], begins[:, day] | (now & lasts[:, day]), now)
        within[:, day] = now
    return within


def _begins(within: np.ndarray) -> np.ndarray:
    """The first day of every episode."""
    return within & ~np.pad(within, ((0, 0), (1, 0)))[:, :-1]


def _spikes(series, dates, demand, days, seen: Watch, shortage_cost, thresholds: Thresholds) -> pd.DataFrame:
    row, day = np.nonzero(days)
    z, units = seen.residual[row, day], np.abs(demand - seen.expected)[row, day]
    reasons = [
        f"{demand[i, t]:g} units where {seen.expected[i, t]:.1f} were expected, {abs(residual):.1f} deviations "
        f"{'above' if residual > 0 else 'below'}"
        for i, t, residual in zip(row, day, z, strict=True)
    ]
    action = (
        "look for a promotion, a bulk order or a wrong entry; leave the day out of the forecast if it will not recur"
    )
    about = {"measure": "residual", "value": z, "threshold": thresholds.anomaly}
    worth = units * shortage_cost
    return _table(series, row, dates[day], "demand anomaly", units, worth, reasons, action, **about)


def _silences(series, dates, days, seen: Watch, shortage_cost, thresholds: Thresholds) -> pd.DataFrame:
    row, day = np.nonzero(days)
    units = seen.units_due[row, day]
    reasons = [
        f"no sale since {dates[t - int(seen.silent_days[i, t])]:%Y-%m-%d}, though about {due:.0f} units were due"
        for i, t, due in zip(row, day, units, strict=True)
    ]
    action = "check shelf, listing and stock record: demand may be hidden by a stock-out"
    about = {"measure": "silence", "value": seen.silence[row, day], "threshold": thresholds.silence}
    worth = units * shortage_cost
    return _table(series, row, dates[day], "demand anomaly", units, worth, reasons, action, **about)


def _shifts(series, dates, moved, seen: Watch, days: int, shortage_cost, thresholds: Thresholds) -> pd.DataFrame:
    row, day = np.nonzero(moved)
    begun = dates[day - seen.shift_days[row, day].astype(int) + 1]
    reasons = [
        f"demand {'rose' if seen.shift[i, t] > 0 else 'fell'} to about {seen.new_level[i, t]:.1f} units a day from "
        f"{seen.expected[i, t]:.1f}, since {first:%Y-%m-%d}"
        for i, t, first in zip(row, day, begun, strict=True)
    ]
    action = "fit the forecast anew on the days since then and set s and S from it"
    units = np.abs(seen.new_level - seen.expected)[row, day] * days
    worth = units * np.where(seen.shift[row, day] > 0, shortage_cost, days)
    about = {"measure": "CUSUM", "value": seen.shift[row, day], "threshold": thresholds.shift}
    return _table(series, row, dates[day], "level shift", units, worth, reasons, action, **about)


def _fadings(series, dates, begun, seen: Watch, days: int, thresholds: Thresholds) -> pd.DataFrame:
    row, day = np.nonzero(begun)
    share = seen.fading[row, day]
    span = f"{LIFE_DAYS} known days"
    reasons = [f"the last {span} sold {part:.0%} of the best {span}, and less each fortnight" for part in share]
    action = "order no more; decide what to mark down, transfer or clear"
    about = {"measure": "share of the best", "value": share, "threshold": thresholds.fading}
    units = seen.recent[row, day] * days
    worth = units * thresholds.cover_days
    return _table(series, row, dates[day], "end of life", units, worth, reasons, action, **about)


def stock_alerts(
    series: pd.DataFrame,
    date,
    samples: np.ndarray,
    on_hand,
    *,
    arrivals=None,
    lead_time: int = 3,
    review: int = 1,
    shortage_cost: float = 9.0,
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
    shortage_cost : float
        Cost of a unit short, in the cost of holding a unit for a day [p / h].
    thresholds : Thresholds

    Returns
    -------
    DataFrame, one row an alert, columns ALERT_COLUMNS. A stock-out risk's units are the fewest that, in stock today,
    bring the chance of a shortage down to `stockout_probability`.

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
    above("shortage_cost", shortage_cost)
    arrivals = np.zeros((len(series), 0)) if arrivals is None else at_least("arrivals", arrivals)
    if arrivals.ndim != 2 or len(arrivals) != len(series):
        raise ParameterError(f"arrivals has shape {arrivals.shape}; give ({len(series)}, n_days)")
    tables = [
        _risks(series, date, samples, on_hand, arrivals, lead_time + review, shortage_cost, thresholds),
        _excesses(series, date, samples, on_hand + arrivals.sum(axis=1), thresholds),
    ]
    return _sorted(tables)


def largest_shortfall(samples: np.ndarray, on_hand: np.ndarray, arrivals: np.ndarray, days: int) -> np.ndarray:
    """Most units by which demand so far exceeds the supply so far on any of the next days, (n_series, n_samples).

    It is what a path loses in these days, and what must be in stock today so that nothing is lost.
    """
    due = np.zeros((len(samples), days))
    due[:, : arrivals.shape[1]] = arrivals[:, :days]
    supply = on_hand[:, None] + due.cumsum(axis=1)  # (n_series, days)
    # max over t <= days of (D_1 + ... + D_t - supply_t), at least 0
    return np.maximum(samples[:, :, :days].cumsum(axis=2) - supply[:, None], 0).max(axis=2)


def _risks(series, date, samples, on_hand, arrivals, days: int, shortage_cost, thresholds: Thresholds) -> pd.DataFrame:
    short, limit = largest_shortfall(samples, on_hand, arrivals, days), thresholds.stockout_probability
    chance = (short > 0).mean(axis=1)
    row = np.flatnonzero(chance > limit)
    units = np.ceil(np.quantile(short[row], 1 - limit, axis=1, method="inverted_cdf"))
    worth = short[row].mean(axis=1) * shortage_cost
    reasons = [
        f"{on_hand[i].round(1):g} units on hand and {arrivals[i, :days].sum():g} due run short within {days} days with "
        f"{chance[i]:.0%} probability"
        for i in row
    ]
    actions = [f"order or transfer {missing:.0f} units at once, faster than the usual lead time" for missing in units]
    about = {"measure": "probability of a shortage", "value": chance[row], "threshold": limit}
    return _table(series, row, date, "stockout risk", units, worth, reasons, actions, **about)


def _excesses(series, date, samples, position, thresholds: Thresholds) -> pd.DataFrame:
    horizon = min(thresholds.cover_days, samples.shape[2])
    total = samples[:, :, :horizon].sum(axis=2)  # (n_series, n_samples)
    beyond = samples.mean(axis=(1, 2)) * (thresholds.cover_days - horizon)
    excess = np.floor(position - (np.quantile(total, thresholds.cover_quantile, axis=1) + beyond))
    a_day = samples.mean(axis=(1, 2))
    cover = np.divide(position, a_day, out=np.full(len(position), np.inf), where=a_day > 0)
    row = np.flatnonzero((excess >= 1) & (cover > thresholds.cover_days))
    reasons = [
        f"{position[i].round(1):g} units on hand and on order last {cover[i]:.0f} days; {excess[i]:.0f} exceed what "
        f"{thresholds.cover_days} good days would sell"
        for i in row
    ]
    actions = [f"stop ordering; promote, mark down or transfer {excess[i]:.0f} units" for i in row]
    about = {"measure": "days of cover", "value": cover[row], "threshold": thresholds.cover_days}
    worth = excess[row] * thresholds.cover_days
    return _table(series, row, date, "overstock", excess[row], worth, reasons, actions, **about)


def _table(series, row, date, kind, units, worth, reason, action, *, measure, value, threshold) -> pd.DataFrame:
    table = series[list(SERIES_KEY)].iloc[row].reset_index(drop=True)
    return table.assign(
        date=date, kind=kind, measure=measure, value=value, threshold=float(threshold), units=units, worth=worth,
        reason=reason, action=action,
    )  # fmt: skip


def _sorted(tables: list[pd.DataFrame]) -> pd.DataFrame:
    table = pd.concat(tables, ignore_index=True)[list(ALERT_COLUMNS)]
    table["date"] = pd.to_datetime(table["date"])
    return table.sort_values(["date", *SERIES_KEY, "kind"], kind="stable", ignore_index=True)
