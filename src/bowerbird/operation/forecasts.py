"""The forecasts of a day: the network fine-tuned when a week is over, a pass over all days known, simple methods."""

import io
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.evaluation.baselines import exponential_smoothing, recent_median, tsb
from bowerbird.forecaster.forecast import Forecast
from bowerbird.forecaster.training import Forecaster, load, predict, save, update
from bowerbird.operation.store import Rules, Store

PARTS = ("mean", "dispersion", "point", "zero")


def write(store: Store, day: pd.Timestamp) -> None:
    """Forecast the days after the store's last one; fine-tune the network first when `refit_days` are over."""
    rules, age, panel = Rules.of(store), days_run(store, day), store.panel()
    forecaster = load(io.BytesIO(store.recall("forecaster")))
    if age and rules.refit_days and age % rules.refit_days == 0:
        forecaster = update(forecaster, panel, epochs=rules.refit_epochs, seed=rules.seed + age)
        store.remember("forecaster", packed(forecaster))
    forecast = predict(forecaster, panel)
    n_series, horizon = forecast.mean.shape
    simple = {"SES": exponential_smoothing(panel.demand, 1), "TSB": tsb(panel.demand, 1)}
    simple |= {f"median {days}": recent_median(panel.demand, 1, days) for days in store.frequency.windows[1:]}
    for method, units in simple.items():
        store.insert("simple_forecasts", origin=day, row=np.arange(n_series), method=method, units=units[:, 0])
    rows, dates = np.repeat(np.arange(n_series), horizon), np.tile(forecast.dates.to_numpy(), n_series)
    parts = {name: getattr(forecast, name).ravel() for name in PARTS}
    store.insert("forecasts", origin=day, date=dates, row=rows, **parts)


def days_run(store: Store, day: pd.Timestamp) -> int:
    """Days, or weeks, since the one the store was made with."""
    return (day - pd.Timestamp(store.fact("opened"))) // store.frequency.step


def forecast_after(store: Store, day: pd.Timestamp) -> Forecast:
    """The network's forecast made after a day."""
    made = store.connection.execute(
        f"SELECT date, {', '.join(PARTS)} FROM forecasts WHERE origin = ? ORDER BY row, date", [day]
    ).fetchnumpy()
    dates = pd.DatetimeIndex(np.unique(made.pop("date")), name="date").as_unit("ns")
    parts = {name: np.asarray(values).reshape(-1, len(dates)) for name, values in made.items()}
    return Forecast(**parts, dates=dates)


def sample_paths(forecast: Forecast, rules: Rules, n_days: int | None = None) -> np.ndarray:
    """Demand paths of a forecast's first days (n_items, n_samples, n_days); a day run again draws the same."""
    near = forecast.first(n_days or len(forecast.dates))
    rng = np.random.default_rng(np.random.SeedSequence([rules.seed, forecast.dates[0].toordinal()]))
    return near.sample(rules.n_samples, rng, rules.correlation)


def packed(forecaster: Forecaster) -> bytes:
    """A forecaster's checkpoint as bytes, to be kept in the store."""
    with tempfile.TemporaryDirectory() as folder:
        return save(forecaster, Path(folder) / "forecaster.zip").read_bytes()
