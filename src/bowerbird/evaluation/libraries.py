"""Baselines that libraries serve: exponential smoothing, ARIMA and ADIDA of statsforecast, regressions of scikit-learn.

Each is a forecaster of the ladder, called as `forecast(panel, horizon, seed)`. statsforecast belongs to the optional
extra `[baselines]` and is imported at the first forecast. LightGBM has a module of its own, `boosting`.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.evaluation.baselines import exponential_smoothing, last_days, recent_mean
from bowerbird.evaluation.lag_features import CATEGORIES, SMALLEST_SCALE, design_at, training_design
from bowerbird.evaluation.quantile_forecast import QuantileForecast
from bowerbird.library import require
from bowerbird.seeds import stream

NORMAL_75_OF_90 = 0.6745 / 1.2816  # the standard normal's 75 % quantile over its 90 % quantile


@dataclass(frozen=True)
class Statsforecast:
    """One model of statsforecast, fitted to each series by itself.

    Attributes
    ----------
    model : str
        Its class in `statsforecast.models`.
    options : mapping
        Its arguments.
    intervals : bool
        Whether to ask for its 80 % interval; the quantiles between come from the normal law the library assumes.

    A missing day takes the value of the known day before it; days before the first known one are left out. A constant
    series is forecast as it is. Where the library fails, simple exponential smoothing stands in, and a warning says how
    often.
    """

    model: str
    options: Mapping = field(default_factory=dict)
    intervals: bool = False

    def __call__(self, panel: Panel, horizon: int, seed: int = 0) -> np.ndarray | QuantileForecast:
        """Forecast the days after the panel, never below zero; `seed` is not used."""
        models = require("statsforecast.models")
        filled = pd.DataFrame(panel.demand.T).ffill().to_numpy().T  # (n_series, n_days), NaN before the first known day
        first = np.isnan(filled).sum(axis=1)
        point = np.repeat(np.nan_to_num(filled[:, -1:]), horizon, axis=1)  # a series never observed: zero
        low, high = point.copy(), point.copy()
        stand_in = exponential_smoothing(panel.demand, horizon)
        failed = 0
        for row in np.flatnonzero(np.fmax.reduce(filled, axis=1) > np.fmin.reduce(filled, axis=1)):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # convergence, series by series
                    model = getattr(models, self.model)(**self.options)
                    found = model.forecast(
                        filled[row, first[row] :], horizon, **({"level": [80]} if self.intervals else {})
                    )
            except Exception:
                found = {}
            if not np.isfinite(found.get("mean", np.nan)).all():
                failed, found = failed + 1, {"mean": stand_in[row]}
            point[row] = found["mean"]
            low[row], high[row] = found.get("lo-80", point[row]), found.get("hi-80", point[row])
        if failed:
            warnings.warn(f"{self.model} failed on {failed} of {panel.n_series} series; SES stands in", stacklevel=2)
        if not self.intervals:
            return np.maximum(point, 0)
        lower, upper = (point + NORMAL_75_OF_90 * (end - point) for end in (low, high))
        values = np.maximum(np.stack([low, lower, point, upper, high]), 0)
        return QuantileForecast(np.maximum(point, 0), (0.1, 0.25, 0.5, 0.75, 0.9), values)


@dataclass(frozen=True)
class LinearLags:
    """Linear regression of each day ahead on the last `lags` days, one set of coefficients for all series.

    Attributes
    ----------
    lags : int
        Days read.
    every : int
        One training origin in so many days.

    Demand is divided by the mean of the known days read, s; errors weigh s, for the variance of a count grows with its
    mean. A missing day is read as s; a missing target is left out.
    """

    lags: int = 28
    every: int = 3

    def __call__(self, panel: Panel, horizon: int, seed: int = 0) -> np.ndarray:
        """Forecast the days after the panel, never below zero; `seed` is not used."""
        if panel.n_days < self.lags + horizon:
            raise ParameterError(
                f"the panel has {panel.n_days} days; {self.lags} lags and {horizon} days ahead need "
                f"{self.lags + horizon}"
            )
        demand = panel.demand
        origins = np.arange(panel.n_days - horizon, self.lags - 1, -self.every)
        inputs = np.concatenate([demand[:, o - self.lags : o] for o in origins])  # (n_rows, lags)
        targets = np.concatenate([demand[:, o : o + horizon] for o in origins])  # (n_rows, horizon)
        observed = ~np.isnan(inputs).all(axis=1)
        (past, scale), targets = _relative(inputs[observed]), targets[observed]
        now, level = _relative(last_days(demand, self.lags))
        forecast = np.empty((panel.n_series, horizon))
        for day in range(horizon):
            known = ~np.isnan(targets[:, day])
            model = LinearRegression().fit(past[known], targets[known, day] / scale[known], scale[known])
            forecast[:, day] = level * model.predict(now)
        return np.maximum(forecast, 0)


def _relative(window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each row over the mean of its known days, s, missing days at s; and s (n_rows,), at least SMALLEST_SCALE."""
    mean = recent_mean(window, 1, window.shape[1])  # (n_rows, 1)
    scale = np.maximum(mean, SMALLEST_SCALE)
    return np.where(np.isnan(window), mean, window) / scale, scale[:, 0]


@dataclass(frozen=True)
class TreeRegression:
    """A decision tree or a random forest on the features of `lag_features`, attributes left out; it fits the mean.

    Attributes
    ----------
    trees : int
        1 for a single decision tree on all rows and features.
    smallest_leaf : int
        Training rows a leaf must hold.
    first_origin, every, days_each : int
        Training origins from the first on, one in so many days; days ahead drawn for each.
    """

    trees: int = 1
    smallest_leaf: int = 500
    first_origin: int = 28
    every: int = 3
    days_each: int = 2

    def __call__(self, panel: Panel, horizon: int, seed: int = 0) -> np.ndarray:
        """Train on the panel and forecast the days after it; (n_series, horizon), units a day."""
        origins = np.arange(panel.n_days - 1, self.first_origin - 1, -self.every)[::-1]
        if len(origins) == 0:
            raise ParameterError(f"first_origin is {self.first_origin}; give one below the panel's {panel.n_days} days")
        train = training_design(panel, origins, horizon, stream(seed, "trees/examples"), self.days_each)
        options = {"min_samples_leaf": self.smallest_leaf, "random_state": seed}
        if self.trees == 1:
            model = DecisionTreeRegressor(**options)
        else:
            model = RandomForestRegressor(self.trees, max_features=0.33, max_samples=0.25, n_jobs=1, **options)
        ahead = design_at(panel, panel.n_days, horizon)
        seen, now = (d.features.drop(columns=list(CATEGORIES), errors="ignore") for d in (train, ahead))
        model.fit(seen.to_numpy(np.float32), train.target / train.scale, train.scale)  # weights as in LinearLags
        return (ahead.scale * model.predict(now.to_numpy(np.float32))).reshape(panel.n_series, horizon)
