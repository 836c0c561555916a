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
from bowerbird.forecaster.training import Forecaster, predict, predict_rolling, update
from bowerbird.operation.day import STEPS, begin, finish_day
from bowerbird.operation.delivery import Delivery, read_day, write_deliveries
from bowerbird.operation.forecasts import days_run
from bowerbird.operation.store import NONE_CAME, Rules, open_store
from bowerbird.seeds import stream
from bowerbird.studies.style import GREY, METHOD_COLOURS, PINK, RED, format_days, new_figure

NEVER, STATE, WEEKLY = "no update", "state update", "weekly fine-tuning"
SIMPLE = {"SES": exponential_smoothing, "TSB": tsb, "median 21": recent_median}
LOOK = {
    NEVER: GREY, STATE: METHOD_COLOURS["SBO-LSTM"], WEEKLY: RED, "SES, updated daily": METHOD_COLOURS["SES(.1)"],
    "TSB, updated daily": PINK, "median 21, updated daily": METHOD_COLOURS["median 21"],
}  # fmt: skip


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
    ahead = {name: values[rows] for name, values in panel.ahead.items()}
    return replace(panel, series=series.assign(product_no=names), demand=panel.demand[rows], prices=None, ahead=ahead)


def seconds_by_day(panel: Panel, forecaster: Forecaster, n_known: int, folder: Path, rules: Rules) -> pd.DataFrame:
    """Seconds of each step of every day after the first `n_known`, run from files into an empty folder."""
    write_deliveries(panel, folder / "deliveries", panel.dates[n_known])
    begin(folder / "store", panel.until(n_known), forecaster, rules)
    rows = []
    with open_store(folder / "store") as store:
        finish_day(store)
        series = store.series
        for date in panel.dates[n_known:]:
            started, path = time.perf_counter(), folder / "deliveries" / f"{date:%Y-%m-%d}.csv"
            unknown = Delivery(date, np.full(len(series), np.nan), NONE_CAME)
            delivery = read_day(path, series, rules.fill_gaps) if path.exists() else unknown
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
    """Difference in 1 - WMAPE to the state update: left, by evening; right, over all evenings with its interval."""
    figure, (left, right) = new_figure(1, 2, width=9.6, height=3.2, width_ratios=[3, 2])
    for name in (NEVER, WEEKLY, "SES, updated daily"):
        left.plot(scores.index, scores[name] - scores[STATE], "o-", ms=3, color=LOOK[name], label=name)
    left.axhline(0, color=LOOK[STATE], ls="--", label=STATE)
    left.set(title="By evening", ylabel="difference in 1 − WMAPE")
    format_days(left)
    others = table[table["updating"] != STATE].iloc[::-1]
    for place, row in enumerate(others.itertuples()):
        right.plot([row.low, row.high], [place, place], "|-", color=LOOK[row.updating])
        right.plot(row.difference, place, "o", color=LOOK[row.updating])
    right.axvline(0, color=LOOK[STATE], ls="--")
    right.locator_params(axis="x", nbins=5)
    right.set_yticks(range(len(others)), others["updating"])
    right.set(title="All evenings, with 95 % intervals", xlabel="difference; right of 0: better")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure
