"""The ladder: every method forecasts from the same origins without a look at later days, once, and is kept.

A forecaster is called as `forecast(panel, horizon, seed)` with the panel as known at the origin. It returns a Forecast,
or its points alone as an array (n_series, horizon) in units a day.
"""

import re
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeRegressor
from tqdm import tqdm

from bowerbird.code import forecasters_digest
from bowerbird.data.panel import DAILY, WEEKLY, Frequency, Panel
from bowerbird.denoise import paper_denoise
from bowerbird.errors import BowerbirdError, ParameterError
from bowerbird.evaluation import baselines
from bowerbird.evaluation.regressions import Boosting, ForgettingFactors, Regression, Statsforecast
from bowerbird.forecaster.forecast import Forecast
from bowerbird.forecaster.inputs import panel_digest
from bowerbird.forecaster.level import fill_missing, flags, season_factors, weekday_factors
from bowerbird.forecaster.lstm import Settings
from bowerbird.forecaster.training import fit, predict

SEEDS = (0, 1, 2, 3, 4)
FEW = 2  # seeds of rows that no claim rests on: their scores differ by .01 at most, a third of the interval over series
ORACLE = "oracle (knows the mean)"
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)  # levels that are scored; the outer two bound the 80 % interval


@dataclass(frozen=True)
class Protocol:
    """Where forecasts start and how far they go; scores are averaged over the origins."""

    name: str
    origins: tuple[int, ...]  # days known at each
    horizon: int  # days ahead


LEAST_KNOWN = 28  # days, or weeks, that the first origin must know


def protocols(n_days: int = 166, horizon: int = 15) -> dict[str, Protocol]:
    """P15: the last 15 days. P25: the last 15 % of the days, as in the paper. R: 15 days from each of three origins.

    Where P25 is not of 25 days it is called P15%, and P15 after its days. Of a weekly panel days are weeks.
    """
    last = n_days - horizon
    if last - 2 * horizon < LEAST_KNOWN:
        raise ParameterError(
            f"the panel has {n_days} days or weeks; give at least {LEAST_KNOWN + 3 * horizon}, so that the first of "
            f"three origins, {horizon} apart, knows {LEAST_KNOWN}"
        )
    train = int(0.85 * n_days)  # section 4.4
    found = (
        Protocol(f"P{horizon}", (last,), horizon),
        Protocol("P25" if n_days - train == 25 else "P15%", (train,), n_days - train),
        Protocol("R", (last - 2 * horizon, last - horizon, last), horizon),
    )
    return {protocol.name: protocol for protocol in found}


@dataclass(frozen=True)
class Method:
    """One row of the ladder."""

    name: str
    forecast: Callable[..., Any]  # a forecaster; in hindsight a function of the actual demand (n_series, horizon)
    kind: str = "classical"
    seeds: tuple[int, ...] = (0,)  # one forecast each; scores are averaged over them
    version: str = ""  # part of the file's name: a forecaster's settings
    hindsight: bool = False  # True for oracles that use the actual demand; shown as an upper bound


class Key(NamedTuple):
    """Which forecast: by whom, from how many known days, how far, with which seed."""

    method: str
    origin: int
    horizon: int
    seed: int


Forecasts = dict[Key, Forecast]


def make_forecasts(
    panel: Panel,
    methods: Iterable[Method],
    protocols: Iterable[Protocol],
    folder: Path | None = None,
    executor: Executor | None = None,
    progress: bool = False,
) -> Forecasts:
    """Forecasts of all methods from all origins; those kept in `folder` are read, the others made and kept.

    A kept forecast is used only for the same method, version, origin, horizon, seed, series, known demand and code of
    the forecasters. With an executor, methods must be picklable.
    """
    cuts = sorted({(origin, protocol.horizon) for protocol in protocols for origin in protocol.origins})
    methods = list(methods)
    jobs = {
        Key(method.name, origin, horizon, seed): method
        for origin, horizon in cuts  # one after the other, so that a worker makes the networks' inputs once each
        for method in methods
        for seed in method.seeds
    }
    paths = {key: _path(folder, panel, key, method) for key, method in jobs.items()} if folder else {}
    found = {key: kept for key, path in paths.items() if path.is_file() and (kept := _kept(path))}
    todo = [key for key in jobs if key not in found]

    run = executor.map if executor else map
    made = run(_forecast, [jobs[key] for key in todo], [_known(panel, key, jobs[key]) for key in todo], todo)
    for key, forecast in zip(todo, tqdm(made, total=len(todo), disable=not progress, unit="forecast"), strict=True):
        found[key] = forecast
        if folder:
            forecast.save(paths[key])
    return {key: found[key] for key in jobs}


def average(forecasts: Forecasts, name: str, parts: Iterable[str]) -> Forecasts:
    """The mean of several methods' points as a method of its own, seeds averaged first, where all parts have one."""
    parts = list(parts)
    if missing := sorted(set(parts) - {key.method for key in forecasts}):
        raise ParameterError(f"parts names {', '.join(missing)}; choose methods that have forecasts")
    cuts = [{(k.origin, k.horizon) for k in forecasts if k.method == part} for part in parts]
    return {
        Key(name, *cut, 0): Forecast(np.mean([mean_point(forecasts, part, *cut) for part in parts], axis=0))
        for cut in sorted(set.intersection(*cuts))
    }


def oracle(truth: np.ndarray, protocols: Iterable[Protocol]) -> Forecasts:
    """Forecasts by the twin's true mean (n_series, n_days), which no method knows: an upper bound."""
    cuts = {(origin, protocol.horizon) for protocol in protocols for origin in protocol.origins}
    return {Key(ORACLE, o, h, 0): Forecast(truth[:, o : o + h]) for o, h in sorted(cuts)}


def actual_demand(panel: Panel, origin: int, horizon: int) -> np.ndarray:
    """Demand of the days after an origin (n_series, horizon)."""
    if origin + horizon > panel.n_days:
        raise ParameterError(f"origin {origin} and horizon {horizon} pass the panel's {panel.n_days} days; give fewer")
    return panel.demand[:, origin : origin + horizon]


def mean_point(forecasts: Forecasts, method: str, origin: int, horizon: int) -> np.ndarray:
    """A method's point forecast from one origin, its seeds averaged (n_series, horizon), units a day."""
    return np.mean([f.point for key, f in forecasts.items() if key[:3] == (method, origin, horizon)], axis=0)


def _known(panel: Panel, key: Key, method: Method) -> Panel | np.ndarray:
    return actual_demand(panel, key.origin, key.horizon) if method.hindsight else panel.until(key.origin)


def _forecast(method: Method, known: Panel | np.ndarray, key: Key) -> Forecast:
    answer = method.forecast(known) if method.hindsight else method.forecast(known, key.horizon, key.seed)
    forecast = answer if isinstance(answer, Forecast) else Forecast(np.asarray(answer, dtype=float))
    shape = (len(known) if method.hindsight else known.n_series, key.horizon)
    if forecast.point.shape != shape or np.isnan(forecast.point).any():
        raise ParameterError(
            f"{key.method}: the forecast has shape {forecast.point.shape} and {np.isnan(forecast.point).sum()} missing "
            f"numbers; give {shape[0]} series x {shape[1]} days, each a number"
        )
    return forecast


def _path(folder: Path, panel: Panel, key: Key, method: Method) -> Path:
    seen = key.origin + (key.horizon if method.hindsight else 0)
    digest = panel_digest(panel.until(seen), key, method.version, forecasters_digest())
    name = re.sub(r"\W+", "_", key.method).strip("_")
    return Path(folder) / name / f"{key.origin}+{key.horizon}_seed{key.seed}_{digest[:16]}.npz"


def _kept(path: Path) -> Forecast | None:
    try:
        return Forecast.load(path)
    except BowerbirdError:
        warnings.warn(f"{path} is no kept forecast; it is made again", stacklevel=2)
        return None


# ---- the rows -------------------------------------------------------------------------------------------------------


def on_demand(function: Callable, panel: Panel, horizon: int, seed: int):
    """A function of the known demand, f(demand, horizon), as a forecaster; `seed` is not used."""
    return function(panel.demand, horizon)


def denoised(forecast: Callable, panel: Panel, horizon: int, seed: int):
    """A forecast from filtered demand (Symlet-8, then Gaussian); the filter sees the days before the origin alone."""
    # The panel ends at the origin, so that the filter of the whole series is causal here; its dips become zero
    filtered = np.maximum(paper_denoise(fill_missing(panel.demand, panel.frequency)), 0)
    return forecast(replace(panel, demand=filtered), horizon, seed)


def by_weekday(forecast: Callable, panel: Panel, horizon: int, seed: int) -> Forecast:
    """A forecast from demand without each series' own weekday factors, which the days ahead then get back."""
    weekdays, sellers = panel.dates.day_of_week, panel.series.get("seller_no")
    factors = weekday_factors(panel.demand, weekdays, sellers)[:, -1]  # (n_series, 7)
    made = forecast(replace(panel, demand=panel.demand / factors[:, weekdays]), horizon, seed)
    made = made if isinstance(made, Forecast) else Forecast(made)
    ahead = factors[:, panel.dates_ahead(horizon).day_of_week]  # (n_series, horizon)
    known = {name: getattr(made, name) for name in ("point", "mean", "values")}
    return replace(made, **{name: part * ahead for name, part in known.items() if part is not None})


def recent_distribution(demand, horizon: int, days: int = 21) -> Forecast:
    """The last `days` known days as the distribution of every day ahead; the point forecast is their median."""
    recent = baselines.last_days(demand, days)
    unknown = np.isnan(recent).all(axis=1, keepdims=True)  # a series never observed is forecast as zero
    found = np.nanquantile(np.where(unknown, 0, recent), QUANTILES, axis=1)  # (n_levels, n_series)
    values = np.repeat(found[:, :, None], horizon, axis=2)
    return Forecast(values[QUANTILES.index(0.5)], levels=QUANTILES, values=values)


@dataclass(frozen=True)
class Rows:
    """Names of the rows that others refer to."""

    naive: str  # demand of a season ago
    mean: str
    median: str


def rows_of(frequency: Frequency = DAILY) -> Rows:
    """Their names: seasonal naive 7, mean 14 and median 21, or those of weeks.

    >>> from bowerbird.data.panel import WEEKLY
    >>> rows_of().median, rows_of(WEEKLY).median
    ('median 21', 'median 13 weeks')
    """
    weeks = "" if frequency == DAILY else " weeks"
    _, _, fortnight, three, _ = frequency.windows
    return Rows(f"seasonal naive {frequency.season}{weeks}", f"mean {fortnight}{weeks}", f"median {three}{weeks}")


def seasonal_smoothing(demand, horizon: int) -> np.ndarray:
    """Exponential smoothing (0.1) of weekly demand over the factor of the week of the year, times those ahead."""
    demand, season = np.asarray(demand, dtype=float), WEEKLY.season
    factors = season_factors(fill_missing(demand, WEEKLY).sum(axis=0), season)
    now, later = np.split(factors[np.arange(demand.shape[1] + horizon) % season], [demand.shape[1]])
    return baselines.exponential_smoothing(demand / now, horizon) * later


def simple_methods(frequency: Frequency = DAILY, horizon: int = 15) -> list[Method]:
    """Rows that need numpy alone and take seconds together; weights and windows validate on stretches of a horizon."""
    _, week, fortnight, three, month = windows = frequency.windows
    named, weeks = rows_of(frequency), "" if frequency == DAILY else " weeks"
    median, smoothing = partial(recent_distribution, days=three), baselines.exponential_smoothing
    functions = {
        "zero": baselines.zero,
        "all-history mean": baselines.historical_mean,
        f"mean {month}{weeks}": partial(baselines.recent_mean, days=month),
        named.mean: partial(baselines.recent_mean, days=fortnight),
        f"median {week}{weeks}": partial(baselines.recent_median, days=week),
        f"median {fortnight}{weeks}": partial(baselines.recent_median, days=fortnight),
        named.median: median,
        f"median {month}{weeks}": partial(recent_distribution, days=month),
        "best-window median": partial(baselines.best_window_median, windows=windows[1:], stretch=horizon),
        named.naive: partial(baselines.seasonal_naive, season=frequency.season),
        "seasonal mean": partial(baselines.seasonal_mean, season=frequency.season, days=month),
        "SES(.1)": smoothing,
        "SES(.2)": partial(smoothing, alpha=0.2),
        "Croston SBA": baselines.croston_sba,
        "TSB": baselines.tsb,
    }
    if frequency == WEEKLY:
        functions["SES(.1), week of the year"] = seasonal_smoothing
    rows = [Method(name, partial(on_demand, function), "simple") for name, function in functions.items()]
    combined = {
        f"mean of {named.median} and SES(.2)": partial(baselines.median_and_smoothing, days=three),
        STACK: partial(baselines.stack, parts=baselines.stacked(windows[1:]), stretch=horizon),
    }
    rows += [Method(name, partial(on_demand, function), "combination") for name, function in combined.items()]
    if frequency == DAILY:
        chosen = [row for row in rows if row.name in (named.median, "SES(.1)")]
        rows += [Method(f"{row.name}, weekday factors", partial(by_weekday, row.forecast), "simple") for row in chosen]
    rows.append(Method("forgetting factors (document 002)", ForgettingFactors(), "simple", version="1"))
    bounds = {"best constant in hindsight": baselines.best_constant, LEFT_OUT: baselines.left_out_constant}
    rows += [Method(name, bound, "hindsight", hindsight=True) for name, bound in bounds.items()]
    return rows


STACK = "L1 stack of simple forecasts"
LEFT_OUT = "constant in hindsight, day left out"


def by_flag(panel: Panel, horizon: int, seed: int) -> np.ndarray:
    """`median_by_flag`; a day counts as flagged where one of the columns known ahead of 0 and 1 is 1."""
    chosen = [name in flags(panel) for name in panel.ahead]
    flagged = (panel.known_ahead(horizon)[:, :, chosen] > 0).any(axis=2)
    return baselines.median_by_flag(panel.demand, horizon, flagged, panel.frequency.windows[3])


def flag_methods(panel: Panel) -> list[Method]:
    """The row for panels with columns known ahead of 0 and 1; none for others."""
    return [Method("median by flag", by_flag, "simple")] if flags(panel) else []


def denoised_methods(frequency: Frequency = DAILY, horizon: int = 15) -> list[Method]:
    """Some rows once more on filtered demand."""
    named = rows_of(frequency)
    chosen = (named.mean, named.median, "SES(.1)", "SES(.2)", named.naive, STACK)
    return [
        Method(f"{method.name}, denoised", partial(denoised, method.forecast), "denoised")
        for method in simple_methods(frequency, horizon)
        if method.name in chosen
    ]


def all_methods(seeds: tuple[int, ...] = SEEDS, frequency: Frequency = DAILY, horizon: int = 15) -> list[Method]:
    """Every row without a network; roughly half an hour of one core at full size, once."""
    arima = Statsforecast("ARIMA", {"order": (1, 1, 1)}, intervals=True)
    if frequency == DAILY:
        seasonal = {"order": (1, 0, 1), "seasonal_order": (1, 0, 0), "season_length": 7}
        statistical = {
            "ADIDA": Statsforecast("ADIDA"),
            "ETS": Statsforecast("AutoETS", {"season_length": 7}, intervals=True),
            "Holt-Winters": Statsforecast("HoltWinters", {"season_length": 7}),
            "ARIMA(1,1,1)": arima,
            "SARIMA(1,0,1)(1,0,0)7": Statsforecast("ARIMA", seasonal, intervals=True),
        }
        boosting, origins = {}, {}
    else:  # seasons of 52 are too long for ETS, and SARIMA would take minutes a series
        ets = Statsforecast("AutoETS", {"season_length": 1}, intervals=True)
        statistical = {"ADIDA": Statsforecast("ADIDA"), "ETS": ets, "ARIMA(1,1,1)": arima}
        origins = {"first_origin": frequency.windows[3], "every": 1}
        boosting = {**origins, "half_life": 2.0 * frequency.season}
    forest = RandomForestRegressor(30, min_samples_leaf=30, max_features=0.33, max_samples=0.25, n_jobs=1)
    learning = {  # Ridge, for some features are sums of others
        "linear regression": Regression(Ridge(copy_X=False), days_each=4, unknown=1.0, **origins),
        "decision tree": Regression(DecisionTreeRegressor(min_samples_leaf=500), **origins),
        "random forest": Regression(forest, **({"every": 6} | origins)),
        "LightGBM L1": Boosting(**boosting),
        "LightGBM Tweedie": Boosting(loss="Tweedie", **boosting),
    }
    rows = [Method(name, model, "statistical", version=repr(model)) for name, model in statistical.items()]
    for name, model in learning.items():
        own = seeds if name == "LightGBM L1" else seeds[:FEW]
        rows.append(Method(name, model, "learning", own, repr(model)))
    return [*simple_methods(frequency, horizon), *denoised_methods(frequency, horizon), *rows]


NAMES = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN", "transformer": "Transformer"}
TUNED = "SBO-LSTM"
CLUSTERS = 8  # DM clusters of the row with them


def ensembles(frequency: Frequency = DAILY) -> dict[str, tuple[str, ...]]:
    """Unlike forecasters averaged in equal parts, name -> methods; no weight is fitted to any score."""
    median = rows_of(frequency).median
    return {
        "SBO-LSTM, mean of seeds": (TUNED,),
        f"ensemble: SBO-LSTM, {median}": (TUNED, median),
        f"ensemble: SBO-LSTM, {median}, SES(.1)": (TUNED, median, "SES(.1)"),
        f"ensemble: SBO-LSTM, LightGBM, {median}, SES(.1)": (TUNED, "LightGBM L1", median, "SES(.1)"),
    }


@dataclass(frozen=True)
class Neural:
    """The global forecaster as a method of the ladder: one network a seed."""

    settings: Settings = Settings()
    device: str = "cpu"

    def __call__(self, panel: Panel, horizon: int, seed: int = 0) -> Forecast:
        """Train on the panel and forecast the days after it."""
        settings = replace(self.settings, horizon=horizon, members=1)
        return predict(fit(panel, settings, seed=seed, device=self.device), panel)


def neural_methods(
    tuned: Settings, seeds: tuple[int, ...] = SEEDS, device: str = "cpu", frequency: Frequency = DAILY
) -> list[Method]:
    """All rows with a network; the variants differ from the tuned settings, or from the defaults, in one thing each."""
    plain = Settings(batch_size=tuned.batch_size)
    if frequency != DAILY:
        plain = replace(plain, warm_up=frequency.windows[3])
    rows = {f"{name}, untuned": Neural(replace(plain, cell=cell), device) for cell, name in NAMES.items()}
    other = 0 if tuned.clusters else CLUSTERS
    rows[TUNED] = Neural(tuned, device)
    rows[f"{TUNED}, {'with' if other else 'without'} DM clusters"] = Neural(replace(tuned, clusters=other), device)
    rows[f"{TUNED}, without other series"] = Neural(replace(tuned, context=False), device)
    rows[f"{TUNED}, aimed at the median"] = Neural(replace(tuned, point_quantile=0.5), device)
    few = tuple(f"{NAMES[cell]}, untuned" for cell in ("rnn", "transformer"))
    methods = [
        Method(name, neural, "neural", seeds[:FEW] if name in few else seeds, repr(neural))
        for name, neural in rows.items()
    ]
    filtered = partial(denoised, rows[TUNED])
    return [*methods, Method(f"{TUNED}, denoised", filtered, "denoised", seeds, repr(rows[TUNED]))]


def with_ensembles(forecasts: Forecasts, frequency: Frequency = DAILY) -> Forecasts:
    """The forecasts, and those of `ensembles` whose parts are among them."""
    known = {key.method for key in forecasts}
    for name, parts in ensembles(frequency).items():
        if known.issuperset(parts):
            forecasts = forecasts | average(forecasts, name, parts)
    return forecasts
