"""A stack of simple forecasts: weights that would have been best over past origins, drawn towards equal ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bowerbird.errors import ParameterError
from bowerbird.evaluation.baselines import (
    croston_sba,
    exponential_smoothing,
    historical_mean,
    recent_mean,
    recent_median,
)

PARTS = (
    *(partial(recent_median, days=days) for days in (7, 14, 21, 28, 56)),
    *(partial(recent_mean, days=days) for days in (7, 14, 28)),
    *(partial(exponential_smoothing, alpha=alpha) for alpha in (0.1, 0.2)),
    croston_sba,
    historical_mean,
)
"""The simple forecasters stacked, each f(demand, horizon)."""


@dataclass(frozen=True)
class Stack:
    """Weighted sum of simple forecasts, one set of weights for all series.

    Attributes
    ----------
    shrinkage : float
        Pull towards equal weights, relative to the data's own; 0 for none.
    n_origins, validation_days : int
        The weights are fitted on this many stretches of so many days, the newest ending today, each forecast from the
        days before it.
    shortest_past : int
        Days a past origin must know.
    parts : sequence of forecasters f(demand, horizon)
    """

    shrinkage: float = 0.03
    n_origins: int = 5
    validation_days: int = 15
    shortest_past: int = 28
    parts: Sequence = PARTS

    def __call__(self, demand, horizon: int) -> np.ndarray:
        """Forecast the days after `demand` (n_series, n_days), NaN marking a missing day; (n_series, horizon)."""
        forecasts = np.stack([part(demand, horizon) for part in self.parts], axis=-1)  # (n_series, horizon, n_parts)
        return np.maximum(forecasts @ self.weights(demand), 0)

    def weights(self, demand) -> np.ndarray:
        """Weight of each part; (n_parts,), equal when the past is too short to learn from."""
        demand = np.asarray(demand, dtype=float)
        equal = np.full(len(self.parts), 1 / len(self.parts))
        actual, forecasts = [], []
        for k in range(1, self.n_origins + 1):
            origin = demand.shape[1] - k * self.validation_days
            if origin < self.shortest_past:
                break
            days = demand[:, origin : origin + self.validation_days]
            known = ~np.isnan(days)
            actual.append(days[known])
            parts = [part(demand[:, :origin], self.validation_days)[known] for part in self.parts]
            forecasts.append(np.column_stack(parts))
        if not actual or not np.concatenate(actual).any():
            return equal
        return least_absolute_weights(np.concatenate(forecasts), np.concatenate(actual), equal, self.shrinkage)


def least_absolute_weights(
    forecasts: np.ndarray, actual: np.ndarray, prior: np.ndarray, shrinkage: float, n_iterations: int = 60
) -> np.ndarray:
    """Weights w that make sum |y - X w| small, drawn towards a prior: least squares, reweighted by 1 / |y - X w|.

    Parameters
    ----------
    forecasts : array (n_rows, n_parts)
        Units a day [X].
    actual : array (n_rows,)
        Units a day [y].
    prior : array (n_parts,)
        Weights to be drawn to [v].
    shrinkage : float
        Weight of ||w - v||², in mean diagonal elements of the normal equations [lambda].

    Returns
    -------
    float64 array (n_parts,)

    Source
    ------
    Schlossmacher, J. American Statistical Association 68, 1973.
    """
    if shrinkage < 0:
        raise ParameterError(f"shrinkage is {shrinkage}; give a number from 0")
    smallest = 0.01 * np.abs(actual).mean()  # an exact forecast must not weigh infinitely
    weights = prior.copy()
    for _ in range(n_iterations):
        row_weights = 1 / np.maximum(np.abs(actual - forecasts @ weights), smallest)  # (n_rows,)
        weighted = forecasts * row_weights[:, None]
        normal = weighted.T @ forecasts  # (n_parts, n_parts)
        ridge = shrinkage * np.trace(normal) / len(prior)
        # (X'RX + lambda I) w = X'R y + lambda v
        weights = np.linalg.solve(normal + ridge * np.eye(len(prior)), weighted.T @ actual + ridge * prior)
    return weights
