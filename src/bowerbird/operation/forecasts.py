"""What comes next? States moved on by a day, the network fine-tuned when a week is over, and the forecast they make."""

import copy
import io
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.data.reader import SERIES_KEY
from bowerbird.forecaster import Forecaster, load, save, update
from bowerbird.forecaster.forecast import Forecast
from bowerbird.operation import network_state, states
from bowerbird.operation.network_state import NetworkState
from bowerbird.operation.pseudonyms import check_key, pseudonym
from bowerbird.operation.states import SimpleState
from bowerbird.operation.store import Rules, Store

PARTS = ("mean", "dispersion", "point", "zero")


def write(store: Store, day: pd.Timestamp) -> None:
    """Move the states on by a day, or start them on the store's first; write the forecasts of the days after it.

    Parameters
    ----------
    store : Store
        With the day's demand.
    day : Timestamp
    """
    rules, age = Rules.of(store), days_run(store, day)
    forecaster = load(io.BytesIO(store.recall("forecaster")))
    if age == 0 or store.recall("network state") is None:  # a day of before was changed: all begins anew
        panel = store.panel()
        simple = states.start(panel.demand)
        network, forecast = network_state.start(forecaster, panel)
    else:
        demand = store.demand_of(day)
        simple = SimpleState.from_arrays(store.recall_arrays("simple state")).advance(demand)
        if rules.refit_days and age % rules.refit_days == 0:
            panel = store.panel()
            forecaster = update(forecaster, panel, epochs=rules.refit_epochs, seed=rules.seed + age)
            store.remember("forecaster", packed(forecaster))
            network, forecast = network_state.start(forecaster, panel)  # other weights make other states
        else:
            before = NetworkState.from_arrays(store.recall_arrays("network state"))
            network, forecast = network_state.advance(forecaster, before, store.series, day, demand)
    store.remember("simple state", simple.to_arrays())
    store.remember("network state", network.to_arrays())
    n_series, horizon = forecast.mean.shape
    for method, units in simple.forecasts().items():
        store.insert("simple_forecasts", origin=day, row=np.arange(n_series), method=method, units=units)
    rows, dates = np.repeat(np.arange(n_series), horizon), np.tile(forecast.dates.to_numpy(), n_series)
    parts = {name: getattr(forecast, name).ravel() for name in PARTS}
    store.insert("forecasts", origin=day, date=dates, row=rows, **parts)


def days_run(store: Store, day: pd.Timestamp) -> int:
    """Days since the one the store was made with."""
    return (day - pd.Timestamp(store.fact("opened"))).days


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


def pseudonymised(forecaster: Forecaster, key: bytes) -> Forecaster:
    """The forecaster with pseudonyms among the labels it knows; it forecasts as before.

    A label's code is its rank among the ids, so codes are given anew, by pseudonym, and embeddings moved along.
    """
    check_key(key)
    codes, networks = {}, tuple(copy.deepcopy(network) for network in forecaster.networks)
    for number, (column, known) in enumerate(forecaster.codes.items()):
        if column not in SERIES_KEY:
            codes[column] = known
            continue
        hidden = {pseudonym(column.removesuffix("_no"), label, key): code for label, code in known.items()}
        codes[column] = {label: code for code, label in enumerate(sorted(hidden), 1)}
        old = [0] + [hidden[label] for label in codes[column]]  # the old code of each new one; 0 stays unknown
        for network in networks:
            if len(network.embeddings):
                weight = network.embeddings[number].weight
                weight.data = weight.data[old]
    return replace(forecaster, codes=codes, networks=networks)
