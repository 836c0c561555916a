"""A point forecast with quantiles beside it, or without: what the evaluation ladder keeps of any method."""

from dataclasses import dataclass, field

import numpy as np

from bowerbird.errors import ParameterError
from bowerbird.evaluation.baselines import last_days

KEPT_LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Levels of the quantiles that are kept and scored; the outer two bound the 80 % interval."""


@dataclass(frozen=True)
class QuantileForecast:
    """Demand ahead of one origin.

    Attributes
    ----------
    point : array (n_series, horizon)
        The forecast scored by absolute and squared error, units a day.
    levels : tuple of float in (0, 1), increasing
        Levels of the quantiles; empty when the method gives none.
    values : array (n_levels, n_series, horizon)
        Their quantiles, units a day.
    """

    point: np.ndarray
    levels: tuple[float, ...] = ()
    values: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 0)))

    def __post_init__(self):
        if len(self.levels) and self.values.shape != (len(self.levels), *self.point.shape):
            raise ParameterError(
                f"values has shape {self.values.shape} for {len(self.levels)} levels and a point forecast of shape "
                f"{self.point.shape}; give one array like the point forecast for each level"
            )

    def quantile(self, probability: float) -> np.ndarray:
        """Quantile of each day's demand (n_series, horizon), by linear interpolation between the known levels."""
        if not self.levels or not self.levels[0] <= probability <= self.levels[-1]:
            raise ParameterError(f"probability is {probability}; this forecast knows the levels {self.levels}")
        upper = max(1, int(np.searchsorted(self.levels, probability)))
        if len(self.levels) == 1:
            return self.values[0]
        low, high = self.levels[upper - 1], self.levels[upper]
        share = (probability - low) / (high - low)
        return (1 - share) * self.values[upper - 1] + share * self.values[upper]


def as_quantile_forecast(forecast, shape: tuple[int, int], name: str) -> QuantileForecast:
    """Any method's answer in one form: an array, or an object with `point` and `quantile(probability)`.

    Parameters
    ----------
    forecast : array (n_series, horizon), or object
    shape : (n_series, horizon)
        What was asked for.
    name : str
        The method, for the message.

    Returns
    -------
    QuantileForecast at KEPT_LEVELS, or without quantiles where the answer is an array.

    Raises
    ------
    ParameterError
        When the shape is another, or a number is missing.
    """
    has_quantiles = hasattr(forecast, "quantile") and getattr(forecast, "levels", True) != ()
    point = np.asarray(forecast.point if hasattr(forecast, "point") else forecast, dtype=float)
    if point.shape != shape or np.isnan(point).any():
        raise ParameterError(
            f"{name}: the forecast has shape {point.shape} and {np.isnan(point).sum()} missing numbers; "
            f"give {shape[0]} series x {shape[1]} days, each a number"
        )
    if not has_quantiles:
        return QuantileForecast(point)
    return QuantileForecast(point, KEPT_LEVELS, np.stack([forecast.quantile(level) for level in KEPT_LEVELS]))


def recent_distribution(demand, horizon: int, days: int = 21) -> QuantileForecast:
    """The last `days` days as the distribution of every day to come; the point forecast is their median.

    Parameters
    ----------
    demand : array (n_series, n_days)
        Units a day, NaN marking a missing day. A window without a known day ends at the last known one; a series never
        observed is forecast as zero.
    horizon : int
    days : int

    Returns
    -------
    QuantileForecast
    """
    recent = last_days(demand, days)
    unknown = np.isnan(recent).all(axis=1, keepdims=True)
    found = np.nanquantile(np.where(unknown, 0, recent), KEPT_LEVELS, axis=1)  # (n_levels, n_series)
    values = np.repeat(found[:, :, None], horizon, axis=2)
    return QuantileForecast(values[KEPT_LEVELS.index(0.5)], KEPT_LEVELS, values)
