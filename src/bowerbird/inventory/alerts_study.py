"""Can the alerts be trusted: precision and recall on the twin, where the truth is known.

The twin's true means carry slow walks, festivals, launches and phase-outs, so that not every alert is about a planted
event. An alert is right if the truth bears it out: the day's true mean was multiplied (anomaly), the true level moved
by half or more (shift), or the true mean stays below a third of its best four weeks (end of life). Recall counts the
planted events that were found in time.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bowerbird.data.twin import FIRST_DAY, make_twin
from bowerbird.data.twin_demand import draw_counts
from bowerbird.inventory.alerts import DEFAULTS, Thresholds, demand_alerts, stock_alerts
from bowerbird.inventory.demand_watch import WARM_UP
from bowerbird.seeds import spawn

FOUND_WITHIN = {"spike": 1, "stock-out": 14, "rise": 21, "fall": 21, "end of life": 42}
"""Days from an event's first day within which it must be found."""
SPIKE, STOCK_OUT_DAYS, SHIFT, FADE_DAYS = 8.0, 14, 3.0, 30
LEAST_MEAN = 3.0
"""Units a day in the four weeks before an event; below it most are not to be told from chance."""


@dataclass(frozen=True)
class Planted:
    """Demand with planted events.

    Attributes
    ----------
    series : DataFrame, n_series rows, seller_no, product_no, warehouse_no
    dates : DatetimeIndex, n_days
    demand : array (n_series, n_days), units
    true_mean : array (n_series, n_days), expected demand, events included
    factor : array (n_series, n_days), what the spikes and stock-outs multiply it by; 1 on other days
    events : DataFrame, columns row, day, event
    """

    series: pd.DataFrame
    dates: pd.DatetimeIndex
    demand: np.ndarray
    true_mean: np.ndarray
    factor: np.ndarray
    events: pd.DataFrame


def plant(n_series: int = 300, seed: int = 0) -> Planted:
    """A twin's series, drawn anew without its own stock-outs and flash sales, with one event in each that sells well.

    Parameters
    ----------
    n_series, seed : int
        As in `make_twin`.

    Returns
    -------
    Planted
    """
    twin = make_twin(n_series, seed)
    for_events, for_counts = spawn(seed, 2)
    mean, factor = twin.truth_mean.copy(), np.ones(twin.truth_mean.shape)
    n_days = mean.shape[1]
    days = for_events.integers(2 * WARM_UP, n_days - max(FOUND_WITHIN.values()), n_series)
    before = np.array([row[day - WARM_UP : day].mean() for row, day in zip(mean, days, strict=True)])
    rows = np.flatnonzero(before >= LEAST_MEAN)
    days = days[rows]
    kinds = for_events.permutation(np.resize(list(FOUND_WITHIN), rows.size))
    for row, day, kind in zip(rows, days, kinds, strict=True):
        if kind == "spike":
            factor[row, day] = SPIKE
        elif kind == "stock-out":
            factor[row, day : day + STOCK_OUT_DAYS] = 0
        elif kind == "end of life":
            mean[row, day:] *= np.exp(-np.arange(n_days - day) / (FADE_DAYS / 3))
        else:
            mean[row, day:] *= SHIFT if kind == "rise" else 1 / SHIFT
    demand = draw_counts(mean * factor, twin.truth["dispersion"].to_numpy(), for_counts)
    dates = pd.date_range(FIRST_DAY, periods=n_days, name="date")
    return Planted(twin.truth, dates, demand, mean, factor, pd.DataFrame({"row": rows, "day": days, "event": kinds}))


def precision_and_recall(planted: Planted, thresholds: Thresholds = DEFAULTS) -> pd.DataFrame:
    """How many alerts are right, and how many planted events were found.

    Parameters
    ----------
    planted : Planted
    thresholds : Thresholds

    Returns
    -------
    DataFrame, one row an event: kind of the alert that should find it, events, found, recall, alerts of that kind,
    right, precision, days (median delay of those found).
    """
    rows = planted.series.reset_index(drop=True)
    alerts = demand_alerts(rows, planted.dates, planted.demand, thresholds=thresholds)
    keys = list(rows.columns[:3])
    alerts["row"] = alerts.merge(rows[keys].reset_index(names="row"), on=keys, how="left")["row"].to_numpy()
    alerts["day"] = (alerts["date"] - planted.dates[0]).dt.days
    alerts["right"] = [_right(planted, kind, row, day) for kind, row, day in alerts[["kind", "row", "day"]].to_numpy()]

    results = []
    for event, within in FOUND_WITHIN.items():
        kind, side = {
            "spike": ("demand anomaly", alerts["value"] > 0),
            "stock-out": ("demand anomaly", (alerts["measure"] == "silence") | (alerts["value"] < 0)),
            "rise": ("level shift", alerts["value"] > 0),
            "fall": ("level shift", alerts["value"] < 0),
            "end of life": ("end of life", True),
        }[event]
        if event == "spike":
            side &= alerts["measure"] == "residual"
        raised = alerts[(alerts["kind"] == kind) & side]
        events = planted.events[planted.events["event"] == event]
        pairs = events.merge(raised, on="row", suffixes=("", "_alert"))
        delay = pairs["day_alert"] - pairs["day"]
        first = pairs.assign(delay=delay)[(delay >= 0) & (delay < within)].groupby("row")["delay"].min()
        results.append(
            {
                "event": event,
                "kind": kind,
                "events": len(events),
                "found": len(first),
                "recall": len(first) / len(events) if len(events) else np.nan,
                "alerts": len(raised),
                "right": int(raised["right"].sum()),
                "precision": raised["right"].mean() if len(raised) else np.nan,
                "days": first.median(),
            }
        )
    return pd.DataFrame(results)


def stock_precision_and_recall(
    n_series: int = 300,
    seed: int = 0,
    *,
    lead_time: int = 3,
    n_samples: int = 200,
    thresholds: Thresholds = DEFAULTS,
) -> pd.DataFrame:
    """Whether stock alerts come true: random stocks on a random day of the twin, an oracle's samples, the days after.

    Parameters
    ----------
    n_series, seed : int
        As in `make_twin`.
    lead_time, n_samples : int
        Days from order to arrival [LT], and paths of the forecast.
    thresholds : Thresholds

    Returns
    -------
    DataFrame, a row for stockout risk (was any of the next LT + 1 days short?) and one for overstock (was any of the
    stock left after `cover_days`?): kind, alerts, right, precision, happened, recall.
    """
    twin = make_twin(n_series, seed)
    for_stock, for_samples, for_days = spawn(seed, 3)
    horizon = max(thresholds.cover_days, lead_time + 1)
    start = for_stock.integers(0, twin.truth_mean.shape[1] - horizon, n_series)
    mean = np.stack([row[day : day + horizon] for row, day in zip(twin.truth_mean, start, strict=True)])
    dispersion = twin.truth["dispersion"].to_numpy()
    paths = np.stack([draw_counts(mean, dispersion, for_samples) for _ in range(n_samples)], axis=1)
    cover = np.exp(for_stock.uniform(0, np.log(2 * thresholds.cover_days), n_series))  # days that the stock lasts
    on_hand = np.rint(mean.mean(axis=1) * cover)
    demand = draw_counts(mean, dispersion, for_days).cumsum(axis=1)

    rows = twin.truth.reset_index(drop=True)
    alerts = stock_alerts(rows, FIRST_DAY, paths, on_hand, lead_time=lead_time, thresholds=thresholds)
    happened = {
        "stockout risk": demand[:, lead_time] > on_hand,
        "overstock": on_hand > demand[:, thresholds.cover_days - 1],
    }
    results = []
    for kind, truth in happened.items():
        keys = list(rows.columns[:3])
        raised = rows[keys].merge(alerts[alerts["kind"] == kind], on=keys, how="left")["kind"].notna().to_numpy()
        right = int((raised & truth).sum())
        results.append(
            {
                "kind": kind,
                "alerts": int(raised.sum()),
                "right": right,
                "precision": right / raised.sum() if raised.any() else np.nan,
                "happened": int(truth.sum()),
                "recall": right / truth.sum() if truth.any() else np.nan,
            }
        )
    return pd.DataFrame(results)


def _right(planted: Planted, kind: str, row: int, day: int) -> bool:
    """Whether the truth bears an alert out."""
    mean, factor = planted.true_mean[row], planted.factor[row]
    if kind == "demand anomaly":
        return bool(factor[day] != 1)
    if kind == "level shift":
        seen = (mean * factor)[max(day - 6, 0) : day + 1].mean()
        before = mean[max(day - 6 - WARM_UP, 0) : max(day - 13, 1)].mean()
        return bool(max(seen / before, before / max(seen, 1e-9)) >= 1.5)
    best = max(mean[first : first + WARM_UP].mean() for first in range(day - WARM_UP + 2))
    return bool(mean[day : day + WARM_UP].mean() < best / 3)
