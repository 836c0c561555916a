"""The ladder's forecasts: every method from the same origins, without a look at later days, made once and kept.

A forecaster is anything callable as `forecast(panel, horizon, seed)`. It is handed the panel as known at the origin and
returns an array (n_series, horizon) in units a day, or an object with `point`, such an array, and
`quantile(probability)`; then its quantiles are scored too. What takes minutes is kept in a folder and not made twice.
"""

import hashlib
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from bowerbird.code import forecasters_digest
from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.evaluation.quantile_forecast import QuantileForecast, as_quantile_forecast
from bowerbird.files import atomic_path


@dataclass(frozen=True)
class Protocol:
    """Where forecasts start and how far they go.

    Attributes
    ----------
    name : str
    origins : tuple of int
        Days known at each origin; scores are averaged over origins.
    horizon : int
        Days ahead.
    """

    name: str
    origins: tuple[int, ...]
    horizon: int


def protocols(n_days: int = 166) -> dict[str, Protocol]:
    """The three protocols, for a panel of `n_days` days.

    P15: the last 15 days. P25: the last 15 % of the days, the paper's test days, from one origin. R: 15 days from each
    of three origins, 15 days apart.
    """
    last = n_days - 15
    if last - 30 < 28:
        raise ParameterError(f"the panel has {n_days} days; give at least 73, so that the first origin knows 28")
    train = int(0.85 * n_days)  # section 4.4
    found = (
        Protocol("P15", (last,), 15),
        Protocol("P25", (train,), n_days - train),
        Protocol("R", (last - 30, last - 15, last), 15),
    )
    return {protocol.name: protocol for protocol in found}


@dataclass(frozen=True)
class Method:
    """One row of the ladder.

    Attributes
    ----------
    name : str
        As in the table.
    forecast : callable (panel, horizon, seed) -> array or object with quantiles
        For `hindsight`, a function of the demand to come, actual (n_series, horizon) -> array.
    kind : str
        Family, for the figure and the table.
    seeds : tuple of int
        One forecast for each; scores are averaged over them.
    version : str
        Part of the cache's key; change it with the forecaster, or give its settings.
    hindsight : bool
        Whether it sees the days it forecasts: a bound, no competitor.
    """

    name: str
    forecast: Callable[..., Any]
    kind: str = "classical"
    seeds: tuple[int, ...] = (0,)
    version: str = ""
    hindsight: bool = False


class Key(NamedTuple):
    """Which forecast: by whom, from how many known days, how far, with which seed."""

    method: str
    origin: int
    horizon: int
    seed: int


def make_forecasts(
    panel: Panel,
    methods: Iterable[Method],
    protocols: Iterable[Protocol],
    folder: Path | None = None,
    executor: Executor | None = None,
    progress: bool = False,
) -> dict[Key, QuantileForecast]:
    """Forecasts of all methods from all origins, those kept in `folder` read, the others made and kept.

    Parameters
    ----------
    panel : Panel
        All days; a method is handed `panel.until(origin)`.
    methods : iterable of Method
    protocols : iterable of Protocol
    folder : Path, optional
        One file a forecast, written whole or not at all, so that an interrupted run resumes. A file is found again only
        for the same method, version, origin, horizon, seed, series and known demand, and the same code of forecasters.
    executor : concurrent.futures.Executor, optional
        Where the forecasts are made; here, one after the other, without it. Methods must then be picklable.
    progress : bool
        Show a bar.

    Returns
    -------
    dict, Key -> QuantileForecast
    """
    cuts = sorted({(origin, protocol.horizon) for protocol in protocols for origin in protocol.origins})
    jobs = {
        Key(method.name, origin, horizon, seed): method
        for method in methods
        for origin, horizon in cuts
        for seed in method.seeds
    }
    paths = {key: _path(folder, panel, key, method) for key, method in jobs.items()} if folder else {}
    found = {key: kept for key, path in paths.items() if path.is_file() and (kept := _load(path))}
    todo = [key for key in jobs if key not in found]

    run = executor.map if executor else map
    made = run(_forecast, [jobs[key] for key in todo], [_known(panel, key, jobs[key]) for key in todo], todo)
    for key, forecast in zip(todo, tqdm(made, total=len(todo), disable=not progress, unit="forecast"), strict=True):
        found[key] = forecast
        if folder:
            _save(paths[key], forecast)
    return {key: found[key] for key in jobs}


def average(
    forecasts: dict[Key, QuantileForecast], name: str, parts: Iterable[str], weights: Iterable[float] | None = None
) -> dict[Key, QuantileForecast]:
    """The mean of several methods' point forecasts as a method of its own, seeds of a part averaged first.

    Parameters
    ----------
    forecasts : dict, Key -> QuantileForecast
    name : str
        Of the new method; call an ensemble by its name.
    parts : iterable of str
        Methods to average.
    weights : iterable of float, optional
        One a part; equal by default.

    Returns
    -------
    dict, Key -> QuantileForecast, one for each origin and horizon all parts have, without quantiles.
    """
    parts = list(parts)
    if missing := sorted(set(parts) - {key.method for key in forecasts}):
        raise ParameterError(f"parts names {', '.join(missing)}; choose methods that have forecasts")
    weights = np.full(len(parts), 1 / len(parts)) if weights is None else np.asarray(list(weights), dtype=float)
    cuts = [{(k.origin, k.horizon) for k in forecasts if k.method == part} for part in parts]
    return {
        Key(name, origin, horizon, 0): QuantileForecast(
            sum(w * mean_point(forecasts, part, origin, horizon) for w, part in zip(weights, parts, strict=True))
        )
        for origin, horizon in sorted(set.intersection(*cuts))
    }


def actual_demand(panel: Panel, origin: int, horizon: int) -> np.ndarray:
    """What came after an origin; (n_series, horizon)."""
    if origin + horizon > panel.n_days:
        raise ParameterError(f"origin {origin} and horizon {horizon} pass the panel's {panel.n_days} days; give fewer")
    return panel.demand[:, origin : origin + horizon]


def _known(panel: Panel, key: Key, method: Method) -> Panel | np.ndarray:
    return actual_demand(panel, key.origin, key.horizon) if method.hindsight else panel.until(key.origin)


def _forecast(method: Method, known: Panel | np.ndarray, key: Key) -> QuantileForecast:
    answer = method.forecast(known) if method.hindsight else method.forecast(known, key.horizon, key.seed)
    n_series = len(known) if method.hindsight else known.n_series
    return as_quantile_forecast(answer, (n_series, key.horizon), key.method)


def mean_point(forecasts: dict[Key, QuantileForecast], method: str, origin: int, horizon: int) -> np.ndarray:
    """A method's point forecast from one origin, its seeds averaged; (n_series, horizon), units a day."""
    return np.mean([f.point for key, f in forecasts.items() if key[:3] == (method, origin, horizon)], axis=0)


def _path(folder: Path, panel: Panel, key: Key, method: Method) -> Path:
    seen = key.origin + (key.horizon if method.hindsight else 0)
    digest = hashlib.sha256(repr((key, method.version, panel.dates[0], forecasters_digest())).encode())
    digest.update(pd.util.hash_pandas_object(panel.series).to_numpy().tobytes())
    digest.update(np.ascontiguousarray(panel.demand[:, :seen]).tobytes())
    name = re.sub(r"\W+", "_", key.method).strip("_")
    return Path(folder) / name / f"{key.origin}+{key.horizon}_seed{key.seed}_{digest.hexdigest()[:16]}.npz"


def _save(path: Path, forecast: QuantileForecast) -> None:
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, point=forecast.point, levels=forecast.levels, values=forecast.values)


def _load(path: Path) -> QuantileForecast | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return QuantileForecast(stored["point"], tuple(stored["levels"].tolist()), stored["values"])
    except (OSError, ValueError, KeyError, AttributeError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        warnings.warn(f"{path} is no kept forecast; it is made again", stacklevel=2)
        return None
