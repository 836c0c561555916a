"""Notebook 16: what updating a forecast is worth, and what a day of operation costs in seconds."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird import metrics
from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.evaluation.baselines import exponential_smoothing, recent_median, tsb
from bowerbird.evaluation.bootstrap import estimate, samples
from bowerbird.forecaster import Forecaster, predict, predict_rolling, update
from bowerbird.operation.day import STEPS, begin, finish_day
from bowerbird.operation.delivery import read_day, write_deliveries
from bowerbird.operation.forecasts import days_run
from bowerbird.operation.store import Rules, open_store
from bowerbird.seeds import stream
from bowerbird.studies.style import BLUE, COLOURS, GREY, format_days, new_figure

NEVER, STATE, WEEKLY = "no update", "state update", "weekly fine-tuning"
SIMPLE = {"SES": exponential_smoothing, "TSB": tsb, "median 21": recent_median}


@dataclass(frozen=True)
class Rolling:
    """Forecasts from every evening of the held-out days, by way of updating."""

    dates: pd.DatetimeIndex  # the evenings: last day known to the forecast
    actual: np.ndarray  # (n_series, n_origins, ahead) demand of the days after each evening, units
    forecasts: dict[str, np.ndarray]  # (n_series, n_origins, ahead) points in units


def compare_updates(
    panel: Panel, forecaster: Forecaster, n_known: int, *, ahead: int, refit_days: int, epochs: int, seed: int
) -> Rolling:
    """Forecast the `ahead` days after every evening with a forecaster of the first `n_known` days, by each way."""
    n_origins = panel.n_days - n_known - ahead + 1
    horizon = forecaster.settings.horizon
    if n_origins < 1 or not 1 <= ahead <= horizon:
        raise ParameterError(
            f"ahead is {ahead}, with {panel.n_days - n_known} days held out and a horizon of {horizon}; "
            "give at least 1 and at most both"
        )
    if refit_days < 0:
        raise ParameterError(f"refit_days is {refit_days}; give at least 0, which is for no fine-tuning")
    origins = range(n_known, n_known + n_origins)  # days known

    # Beyond its horizon the first evening's forecast repeats its last week
    path = predict(forecaster, panel.until(n_known)).point  # (n_series, horizon)
    week = min(7, horizon)
    days = np.arange(n_origins + ahead - 1)
    days = np.where(days < horizon, days, horizon - week + (days - horizon) % week)
    never = np.stack([path[:, days[o - n_known : o - n_known + ahead]] for o in origins], axis=1)

    known = panel.until(origins[-1])
    state = predict_rolling(forecaster, known, n_known).point[..., :ahead]
    weekly, tuned = state.copy(), forecaster
    for start in range(refit_days, n_origins, refit_days) if refit_days else ():
        tuned = update(tuned, panel.until(n_known + start), epochs=epochs, seed=seed + start)
        evenings = slice(start, min(start + refit_days, n_origins))
        until = panel.until(n_known + evenings.stop - 1)
        weekly[:, evenings] = predict_rolling(tuned, until, n_known + start).point[..., :ahead]

    forecasts = {NEVER: never, STATE: state, WEEKLY: weekly}
    for name, method in SIMPLE.items():
        daily = np.stack([method(panel.demand[:, :o], ahead) for o in origins], axis=1)
        forecasts[f"{name}, updated daily"] = daily
    actual = np.stack([panel.demand[:, o : o + ahead] for o in origins], axis=1)
    return Rolling(panel.dates[n_known - 1 : n_known - 1 + n_origins], actual, forecasts)


def update_table(rolling: Rolling, seed: int) -> pd.DataFrame:
    """Scores of every way, and the difference of its 1 - WMAPE to the state update's with its 95 % interval."""
    flat = {name: forecast.reshape(len(forecast), -1) for name, forecast in rolling.forecasts.items()}
    actual = rolling.actual.reshape(len(rolling.actual), -1)
    error = {name: np.nansum(np.abs(actual - forecast), axis=1) for name, forecast in flat.items()}  # (n_series,)
    total = np.nansum(actual, axis=1)
    weights = samples(len(actual), 500, stream(seed, "operation/bootstrap"))
    rows = []
    for name, forecast in flat.items():
        scores = metrics.scores(actual, forecast)
        # difference of two 1 - WMAPE on the same series: sum of the differences of their errors / sum of demand
        gain = error[STATE] - error[name]
        difference, low, high = estimate(weights @ gain / np.maximum(weights @ total, 1))
        row = {"updating": name} | {key: scores[key] for key in ("1-WMAPE", "bias", "RMSE")}
        rows.append(row | {"difference": difference, "low": low, "high": high})
    return pd.DataFrame(rows)


def by_evening(rolling: Rolling) -> pd.DataFrame:
    """1 - WMAPE of the days after each evening, a column a way of updating, indexed by the evening's date."""
    scores = {
        name: [metrics.one_minus_wmape(rolling.actual[:, k], forecast[:, k]) for k in range(len(rolling.dates))]
        for name, forecast in rolling.forecasts.items()
    }
    return pd.DataFrame(scores, index=rolling.dates)


def enlarged(panel: Panel, n_series: int) -> Panel:
    """A panel of `n_series` series: the panel's own again and again, each time as other products."""
    copy, rows = np.divmod(np.arange(n_series), panel.n_series)
    series = panel.series.iloc[rows].reset_index(drop=True)
    names = series["product_no"] + np.where(copy > 0, [f"_{number}" for number in copy], "")
    return replace(panel, series=series.assign(product_no=names), demand=panel.demand[rows])


def seconds_by_day(panel: Panel, forecaster: Forecaster, n_known: int, folder: Path, rules: Rules) -> pd.DataFrame:
    """Seconds of each step of every day after the first `n_known`, run from files into an empty folder."""
    paths = write_deliveries(panel, folder / "deliveries", panel.dates[n_known])
    begin(folder / "store", panel.until(n_known), forecaster, rules)
    rows = []
    with open_store(folder / "store") as store:
        finish_day(store)
        series = store.series
        for path in paths:
            started = time.perf_counter()
            delivery = read_day(path, series, rules.fill_gaps)
            with store.step(delivery.date, "append"):
                store.add_day(delivery)
            clock = {"read and append": time.perf_counter() - started}
            for name, work in STEPS.items():
                started = time.perf_counter()
                with store.step(delivery.date, name):
                    work(store, delivery.date)
                clock[name] = time.perf_counter() - started
            tuned = bool(rules.refit_days) and days_run(store, delivery.date) % rules.refit_days == 0
            day = {"date": f"{delivery.date:%Y-%m-%d}", "fine-tuned": tuned}
            rows.append(day | clock | {"seconds": sum(clock.values())})
    return pd.DataFrame(rows)


def updates(scores: pd.DataFrame, table: pd.DataFrame):
    """Left, 1 - WMAPE of the days after each evening; right, the difference to the state update with its interval."""
    figure, (left, right) = new_figure(1, 2, width=10.5, height=3.6, width_ratios=[3, 2])
    for name, colour in zip(scores, COLOURS, strict=False):
        simple, style = name.endswith("daily"), "--" if name.startswith("weekly") else "-"  # two lines may coincide
        look = {"marker": "" if simple else "o", "ms": 3, "lw": 1 if simple else 1.8, "color": colour, "label": name}
        left.plot(scores.index, scores[name], style, **look)
    left.set(title="Accuracy of the days ahead, by evening", ylabel="1 − WMAPE")
    format_days(left)
    others = table[table["difference"] != 0]
    place = np.arange(len(others))[::-1]
    centre = others["difference"].to_numpy()
    spread = np.abs(np.stack([centre - others["low"], others["high"] - centre]))
    right.errorbar(centre, place, xerr=spread, fmt="o", color=BLUE, capsize=3)
    right.axvline(0, color=GREY, ls="--")
    right.set_yticks(place, others["updating"])
    right.set(title="Against the state update", xlabel="difference in 1 − WMAPE; right of 0: better")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def seconds_a_day(table: pd.DataFrame):
    """Seconds of every day's run, step on step; the days on which the network was fine-tuned carry a star."""
    figure, axis = new_figure(width=7.2, height=3.2)
    days, below = np.arange(1, len(table) + 1), np.zeros(len(table))
    for name, colour in zip(table.columns[2:-1], COLOURS, strict=False):
        axis.bar(days, table[name], bottom=below, color=colour, label=name)
        below = below + table[name].to_numpy()
    tuned = table["fine-tuned"].to_numpy()
    axis.plot(days[tuned], below[tuned] * 1.03, "*", color=GREY, ms=10, label="fine-tuned")
    axis.set(title="What a day costs", xlabel="day of operation", ylabel="seconds", xticks=days)
    figure.legend(loc="outside lower center", ncols=6, frameon=False)
    return figure
