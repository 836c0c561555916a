"""Notebook 14: alerts on planted events, counted as right or wrong, and a figure of one series."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bowerbird.data.panel import rows_of
from bowerbird.data.twin import FIRST_DAY, draw_counts, make_twin
from bowerbird.planning.alerts import (
    COVER_DAYS,
    RETURN_WEEKS,
    SHIFT,
    WARM_UP,
    Watch,
    demand_alerts,
    returns,
    stock_alerts,
)
from bowerbird.seeds import stream
from bowerbird.studies.style import BLUE, BROWN, GREEN, GREY, PURPLE, RED, format_days, new_figure


def alerts(dates, demand, seen: Watch, raised: pd.DataFrame, name: str):
    """One series with its expected level, its CUSUM and its alerts."""
    figure, (top, bottom) = new_figure(2, 1, width=9, height=4.6, sharex=True, height_ratios=[1.7, 1])
    top.plot(dates, demand, color=GREY, lw=1, label="demand")
    top.plot(dates, seen.expected[0], color=BLUE, lw=1.8, label="level expected from the days before")
    marks = {"demand anomaly": ("v", RED), "level shift": ("D", GREEN), "end of life": ("X", BROWN)}
    for kind, (marker, colour) in marks.items():
        days = raised.loc[raised["kind"] == kind, "date"]
        if len(days):
            top.plot(days, demand[dates.get_indexer(days)], marker, color=colour, ms=8, label=kind)
    top.set_title(f"{name}: expected and actual demand, with the alerts", parse_math=False)  # an id may hold a $
    top.set(ylabel="units a day")
    top.legend(frameon=False, fontsize=8, ncols=2)
    bottom.plot(dates, seen.shift[0], color=PURPLE)
    for limit in (SHIFT, -SHIFT):
        bottom.axhline(limit, color="black", ls="--", lw=0.8)
    bottom.set(title="CUSUM of the residuals, above and below; dashed: the limit", ylabel="deviations")
    format_days(bottom)
    return figure


FOUND_WITHIN = {"spike": 1, "stock-out": 14, "rise": 21, "fall": 21, "end of life": 98}  # days from its first day
SPIKE, STOCK_OUT_DAYS, RISE, FADE_DAYS = 8.0, 14, 3.0, 30
LEAST_MEAN = 3.0  # units a day in the four weeks before an event; below it most are not to be told from chance


@dataclass(frozen=True)
class Planted:
    """Demand with planted events."""

    series: pd.DataFrame
    dates: pd.DatetimeIndex
    demand: np.ndarray
    true_mean: np.ndarray
    factor: np.ndarray
    events: pd.DataFrame


def plant(n_series: int = 300, seed: int = 0) -> Planted:
    """Series of the twin without its own stock-outs and flash sales, and one planted event in each that sells well."""
    twin = make_twin(n_series, seed)
    for_events, for_counts = stream(seed, "alerts/events"), stream(seed, "alerts/counts")
    mean, factor = twin.truth_mean.copy(), np.ones(twin.truth_mean.shape)
    n_days = mean.shape[1]
    kinds = for_events.permutation(np.resize(list(FOUND_WITHIN), n_series))
    days = for_events.integers(2 * WARM_UP, n_days - np.array([FOUND_WITHIN[kind] for kind in kinds]))
    before = np.array([row[day - WARM_UP : day].mean() for row, day in zip(mean, days, strict=True)])
    rows = np.flatnonzero(before >= LEAST_MEAN)
    days, kinds = days[rows], kinds[rows]
    for row, day, kind in zip(rows, days, kinds, strict=True):
        if kind == "spike":
            factor[row, day] = SPIKE
        elif kind == "stock-out":
            factor[row, day : day + STOCK_OUT_DAYS] = 0
        elif kind == "end of life":
            mean[row, day:] *= np.exp(-np.arange(n_days - day) / (FADE_DAYS / 3))
        else:
            mean[row, day:] *= RISE if kind == "rise" else 1 / RISE
    demand = draw_counts(mean * factor, twin.truth["dispersion"].to_numpy(), for_counts)
    dates = pd.date_range(FIRST_DAY, periods=n_days, name="date")
    return Planted(twin.truth, dates, demand, mean, factor, pd.DataFrame({"row": rows, "day": days, "event": kinds}))


def precision_and_recall(planted: Planted, shift_limit: float = SHIFT) -> pd.DataFrame:
    """Precision of the alerts and recall of the planted events, one row an event."""
    alerts = demand_alerts(planted.series, planted.dates, planted.demand, shift_limit=shift_limit)
    alerts["row"] = rows_of(alerts, planted.series)
    alerts["day"] = (alerts["date"] - planted.dates[0]).dt.days
    alerts["right"] = [_right(planted, kind, row, day) for kind, row, day in alerts[["kind", "row", "day"]].to_numpy()]
    up, silent = alerts["value"] > 0, alerts["measure"] == "silence"
    finds = {  # kind of the alert that should find an event, and which alerts of that kind
        "spike": ("demand anomaly", up & ~silent),
        "stock-out": ("demand anomaly", silent | ~up),
        "rise": ("level shift", up),
        "fall": ("level shift", ~up),
        "end of life": ("end of life", True),
    }
    results = []
    for event, (kind, which) in finds.items():
        raised = alerts[(alerts["kind"] == kind) & which]
        events = planted.events[planted.events["event"] == event]
        pairs = events.merge(raised, on="row", suffixes=("", "_alert"))
        delay = pairs["day_alert"] - pairs["day"]
        found = delay[(delay >= 0) & (delay < FOUND_WITHIN[event])].groupby(pairs["row"]).min()
        results.append({
            "event": event, "kind": kind, "events": len(events), "found": len(found),
            "recall": _share(len(found), len(events)), "alerts": len(raised), "right": int(raised["right"].sum()),
            "precision": _share(raised["right"].sum(), len(raised)), "days": found.median(),
        })  # fmt: skip
    return pd.DataFrame(results)


def stock_precision_and_recall(n_series: int = 300, seed: int = 0, *, lead_time: int = 3) -> pd.DataFrame:
    """Precision and recall of stock alerts for random stocks on random days of the twin, with an oracle's samples."""
    twin = make_twin(n_series, seed)
    for_stock, for_samples, for_days = (stream(seed, f"alerts/{what}") for what in ("stock", "samples", "days"))
    horizon = max(COVER_DAYS, lead_time + 1)
    start = for_stock.integers(0, twin.truth_mean.shape[1] - horizon, n_series)
    mean = np.stack([row[day : day + horizon] for row, day in zip(twin.truth_mean, start, strict=True)])
    dispersion = twin.truth["dispersion"].to_numpy()
    paths = np.stack([draw_counts(mean, dispersion, for_samples) for _ in range(200)], axis=1)
    cover = np.exp(for_stock.uniform(0, np.log(2 * COVER_DAYS), n_series))  # days that the stock lasts
    on_hand = np.rint(mean.mean(axis=1) * cover)
    demand = draw_counts(mean, dispersion, for_days).cumsum(axis=1)

    alerts = stock_alerts(twin.truth, FIRST_DAY, paths, on_hand, lead_time=lead_time)
    rows = rows_of(alerts, twin.truth)
    happened = {
        "stockout risk": demand[:, lead_time] > on_hand,  # any of the next LT + 1 days was short
        "overstock": on_hand > demand[:, COVER_DAYS - 1],  # stock was left after that many days
    }
    results = []
    for kind, truth in happened.items():
        raised = np.isin(np.arange(n_series), rows[alerts["kind"] == kind])
        right = int((raised & truth).sum())
        results.append({
            "kind": kind, "alerts": int(raised.sum()), "right": right, "precision": _share(right, raised.sum()),
            "happened": int(truth.sum()), "recall": _share(right, truth.sum()),
        })  # fmt: skip
    return pd.DataFrame(results)


def returns_foretold(demand: np.ndarray, *, week: int = 7) -> pd.DataFrame:
    """Chance to sell again as learnt before, and the share that did, by chance; one count a pause and week of it."""
    learnt, ahead = returns(demand, week=week), RETURN_WEEKS * week
    sales = (demand > 0).cumsum(axis=1)
    again = sales[:, ahead:] > sales[:, :-ahead]  # (n_series, n_days - ahead)
    ends = (np.diff(learnt.weeks, axis=1, prepend=0) == 1)[:, :-ahead]  # a week without a sale ends
    found = pd.DataFrame({"chance": learnt.chance[:, :-ahead][ends], "sold again": again[ends]})
    bands = pd.cut(found["chance"], (0, 0.3, 0.6, 0.9, 1), include_lowest=True)
    parts = found.groupby(
        bands.cat.rename_categories(["to .3", "to .6", "to .9", "above"]).rename("band"), observed=True
    )
    return parts.mean().assign(pauses=parts.size()).reset_index()


def _share(part, whole) -> float:
    return part / whole if whole else np.nan


def _right(planted: Planted, kind: str, row: int, day: int) -> bool:
    """Whether an alert is true."""
    mean, factor = planted.true_mean[row], planted.factor[row]
    if kind == "demand anomaly":
        return bool(factor[day] != 1)
    if kind == "level shift":
        seen = (mean * factor)[max(day - 6, 0) : day + 1].mean()
        before = mean[max(day - 6 - WARM_UP, 0) : max(day - 13, 1)].mean()
        return bool(max(seen / before, before / max(seen, 1e-9)) >= 1.5)
    best = max(mean[first : first + WARM_UP].mean() for first in range(day - WARM_UP + 2))
    return bool(mean[day : day + WARM_UP].mean() < best / 3)
