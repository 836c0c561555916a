"""What does a day cost? Seconds of each step, measured on as many series as are asked for."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.data.panel import Panel
from bowerbird.forecaster import Forecaster
from bowerbird.operation.day import STEPS, begin, finish_day
from bowerbird.operation.delivery import read_day, write_deliveries
from bowerbird.operation.forecasts import days_run
from bowerbird.operation.rules import Rules
from bowerbird.operation.store import open_store


def enlarged(panel: Panel, n_series: int) -> Panel:
    """A panel of `n_series` series: the panel's own again and again, each time as other products."""
    copy, rows = np.divmod(np.arange(n_series), panel.n_series)
    series = panel.series.iloc[rows].reset_index(drop=True)
    names = series["product_no"] + np.where(copy > 0, [f"_{number}" for number in copy], "")
    return replace(panel, series=series.assign(product_no=names), demand=panel.demand[rows])


def seconds_by_day(
    panel: Panel, forecaster: Forecaster, n_known: int, folder: Path | str, rules: Rules = Rules()
) -> pd.DataFrame:
    """Run the days after the first `n_known` from files, with a clock.

    Parameters
    ----------
    panel : Panel
    forecaster : Forecaster
        Trained on the first `n_known` days, of these series or of others.
    n_known : int
    folder : path
        For the files and the store; must hold no store.
    rules : Rules

    Returns
    -------
    DataFrame, one row a day: date, fine-tuned, read and append, update, decide, alert, report (seconds), and their sum.
    """
    folder = Path(folder)
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
            rows.append(
                {"date": f"{delivery.date:%Y-%m-%d}", "fine-tuned": tuned, **clock, "seconds": sum(clock.values())}
            )
    return pd.DataFrame(rows)
