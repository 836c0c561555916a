"""The ladder's rows without a neural network, from zero to LightGBM, each with the settings it is scored with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from bowerbird.data.panel import Panel
from bowerbird.denoise import paper_denoise
from bowerbird.evaluation import baselines
from bowerbird.evaluation.boosting import Boosting
from bowerbird.evaluation.forgetting import ForgettingFactors
from bowerbird.evaluation.ladder import Method
from bowerbird.evaluation.libraries import LinearLags, Statsforecast, TreeRegression
from bowerbird.evaluation.quantile_forecast import recent_distribution
from bowerbird.evaluation.stacking import Stack

SEEDS = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class OnDemand:
    """A function of the demand known, f(demand, horizon), as a forecaster of the ladder."""

    function: Callable

    def __call__(self, panel: Panel, horizon: int, seed: int = 0):
        """`function` of the panel's demand; `seed` is not used."""
        return self.function(panel.demand, horizon)


@dataclass(frozen=True)
class Denoised:
    """A forecaster that is handed filtered demand: the filter sees the days before the origin alone.

    Attributes
    ----------
    forecast : forecaster f(panel, horizon, seed)
    sigma : float
        Of the Gaussian filter, in days; Symlet-8 shrinkage comes first.
    """

    forecast: Callable
    sigma: float = 1.0

    def __call__(self, panel: Panel, horizon: int, seed: int = 0) -> np.ndarray:
        """The forecast from the filtered prefix; the filter's dips below zero become zero."""
        # panel ends at the origin, so the whole-series filter is causal here
        filtered = np.maximum(paper_denoise(panel.demand, sigma=self.sigma), 0)
        return self.forecast(replace(panel, demand=filtered), horizon, seed)


def simple_methods() -> list[Method]:
    """Rows that need numpy alone and take seconds together."""
    functions = {
        "zero": baselines.zero,
        "all-history mean": baselines.historical_mean,
        "mean 28": baselines.recent_mean,
        "mean 14": partial(baselines.recent_mean, days=14),
        "median 7": partial(baselines.recent_median, days=7),
        "median 14": partial(baselines.recent_median, days=14),
        "median 21": recent_distribution,
        "median 28": partial(recent_distribution, days=28),
        "best-window median": baselines.best_window_median,
        "seasonal naive 7": baselines.seasonal_naive,
        "seasonal mean": baselines.seasonal_mean,
        "SES(.1)": baselines.exponential_smoothing,
        "SES(.2)": partial(baselines.exponential_smoothing, alpha=0.2),
        "Croston SBA": baselines.croston_sba,
        "TSB": baselines.tsb,
    }
    rows = [Method(name, OnDemand(function), "simple") for name, function in functions.items()]
    combined = {
        "mean of median 21 and SES(.2)": baselines.median_and_smoothing,
        "L1 stack of simple forecasts": Stack(),
    }
    rows += [Method(name, OnDemand(function), "combination") for name, function in combined.items()]
    rows.append(Method("forgetting factors (document 002)", ForgettingFactors(), "simple", version="1"))
    rows.append(Method("best constant in hindsight", baselines.best_constant, "hindsight", hindsight=True))
    return rows


def denoised_methods(sigma: float = 1.0) -> list[Method]:
    """Some rows once more on filtered demand, Symlet-8 and Gaussian, the filter kept before the origin."""
    chosen = ("mean 14", "median 21", "SES(.1)", "SES(.2)", "seasonal naive 7", "L1 stack of simple forecasts")
    return [
        Method(f"{method.name}, denoised", Denoised(method.forecast, sigma), "denoised", version=f"sigma {sigma}")
        for method in simple_methods()
        if method.name in chosen
    ]


def statistical_methods() -> list[Method]:
    """ETS, Holt-Winters, ARIMA, SARIMA and ADIDA of statsforecast: a minute an origin each at full size, ADIDA less."""
    ar, seasonal = {"order": (1, 1, 1)}, {"order": (1, 0, 1), "seasonal_order": (1, 0, 0), "season_length": 7}
    models = {
        "ADIDA": Statsforecast("ADIDA"),
        "ETS": Statsforecast("AutoETS", {"season_length": 7}, intervals=True),
        "Holt-Winters": Statsforecast("HoltWinters", {"season_length": 7}),
        "ARIMA(1,1,1)": Statsforecast("ARIMA", ar, intervals=True),
        "SARIMA(1,0,1)(1,0,0)7": Statsforecast("ARIMA", seasonal, intervals=True),
    }
    return [Method(name, model, "statistical", version=repr(model)) for name, model in models.items()]


def learning_methods(seeds: tuple[int, ...] = SEEDS) -> list[Method]:
    """Regressions over all series: linear, decision tree, random forest, LightGBM."""
    models = {
        "decision tree": TreeRegression(),
        "random forest": TreeRegression(trees=30, smallest_leaf=30, every=6),
        "LightGBM L1": Boosting(),
        "LightGBM Tweedie": Boosting(loss="Tweedie"),
    }
    rows = [Method(name, model, "learning", seeds, repr(model)) for name, model in models.items()]
    return [Method("linear regression on 28 lags", LinearLags(), "learning", version=repr(LinearLags())), *rows]


def all_methods(seeds: tuple[int, ...] = SEEDS) -> list[Method]:
    """Every row of this module; roughly half an hour of one core at full size, once."""
    return [*simple_methods(), *denoised_methods(), *statistical_methods(), *learning_methods(seeds)]
