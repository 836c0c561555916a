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

from bowerbird.baselines import exponential_smoothing
from bowerbird.baselines.lag_features import CATEGORIES, SMALLEST_SCALE, design_at, training_design
from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.ladder.quantile_forecast import QuantileForecast
from bowerbird.library import require
from bowerbird.seeds import spawn

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

    A missing day takes the value of the known day before it. A constant series is forecast as it is: there is nothing
    to estimate. Where the library fails, simple exponential smoothing stands in, and a warning says how often.
    """

    model: str
    options: Mapping = field(default_factory=dict)
    intervals: bool = False

    def __call__(self, panel: Panel, horizon: int, seed: int = 0) -> np.ndarray | QuantileForecast:
        """Forecast the days after the panel, never below zero; `seed` is not used."""
        models = require("statsforecast.models")
        filled = pd.DataFrame(panel.demand.T).ffill().fillna(0.0).to_numpy().T  # (n_series, n_days)
        point = np.repeat(filled[:, -1:], horizon, axis=1)
        low, high = point.copy(), point.copy()
        stand_in = exponential_smoothing(panel.demand, horizon)
        failed = 0
        for row in np.flatnonzero(np.ptp(filled, axis=1) > 0):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # convergence, series by series
                    model = getattr(models, self.model)(**self.options)
                    found = model.forecast(filled[row], horizon, **({"level": [80]} if self.intervals else {}))
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

    Demand is divided by the mean of the days read, s; errors weigh s, for the variance of a count grows with its mean.
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
        demand = np.nan_to_num(panel.demand, nan=0.0)
        origins = np.arange(panel.n_days - horizon, self.lags - 1, -self.every)
        inputs = np.concatenate([demand[:, o - self.lags : o] for o in origins])  # (n_rows, lags)
        targets = np.concatenate([demand[:, o : o + horizon] for o in origins])  # (n_rows, horizon)
        scale = np.maximum(inputs.mean(axis=1, keepdims=True), SMALLEST_SCALE)  # (n_rows, 1)
        model = LinearRegression().fit(inputs / scale, targets / scale, scale[:, 0])
        recent = demand[:, -self.lags :]
        scale = np.maximum(recent.mean(axis=1, keepdims=True), SMALLEST_SCALE)  # (n_series, 1)
        return np.maximum(scale * model.predict(recent / scale), 0)


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
        train = training_design(panel, origins, horizon, spawn(seed, 1)[0], self.days_each)
        options = {"min_samples_leaf": self.smallest_leaf, "random_state": seed}
        if self.trees == 1:
            model = DecisionTreeRegressor(**options)
        else:
            model = RandomForestRegressor(self.trees, max_features=0.33, max_samples=0.25, n_jobs=1, **options)
        ahead = design_at(panel, panel.n_days, horizon)
        seen, now = (d.features.drop(columns=list(CATEGORIES), errors="ignore") for d in (train, ahead))
        model.fit(seen.to_numpy(np.float32), train.target / train.scale, train.scale)  # weights as in LinearLags
        return (ahead.scale * model.predict(now.to_numpy(np.float32))).reshape(panel.n_series, horizon)
