"""Intervals that hold what they promise: split-conformal correction of a forecast's quantiles.

On an origin before the one forecast, how far did demand lie outside the interval? The quantile of that distance, by
volume class and part of the horizon, is added to later intervals (conformalized quantile regression).
"""

from dataclasses import dataclass

import numpy as np

from bowerbird.errors import ParameterError


@dataclass(frozen=True)
class Correction:
    """What is added on both sides of an interval.

    Attributes
    ----------
    coverage : float            nominal share of days inside
    edges : (n_classes - 1,)    level of demand between volume classes, in units a day
    width : (n_classes, horizon) relative to the square root of the level, as the noise of counts is
    """

    coverage: float
    edges: np.ndarray
    width: np.ndarray

    def apply(self, low: np.ndarray, high: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Corrected interval: low, high (n_series, horizon), level (n_series,); never below zero, never reversed."""
        by = self.width[np.searchsorted(self.edges, level)] * np.sqrt(level)[:, None]
        middle = (low + high) / 2
        return np.clip(low - by, 0, middle), np.maximum(high + by, middle)


def calibrate(
    actual: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    level: np.ndarray,
    coverage: float = 0.8,
    n_classes: int = 4,
    days_together: int = 5,
) -> Correction:
    """Learn the correction on an origin that lies before the one to be forecast.

    Parameters
    ----------
    actual, low, high : arrays (n_series, horizon)
        Demand that came (NaN = missing) and the interval forecast for it, in units.
    level : array (n_series,)
        Level of demand at the origin, units a day, above 0.
    coverage : float
        Share of days that shall lie inside [1 - alpha].
    n_classes : int
        Volume classes of equally many series.
    days_together : int
        Days ahead that share a correction.

    Returns
    -------
    Correction

    Source
    ------
    Romano, Patterson & Candes, Conformalized quantile regression, NeurIPS 2019.
    """
    if not 0 < coverage < 1:
        raise ParameterError(f"coverage is {coverage}; give a share between 0 and 1")
    edges = np.quantile(level, np.arange(1, n_classes) / n_classes)
    member = np.searchsorted(edges, level)
    score = np.maximum(low - actual, actual - high) / np.sqrt(level)[:, None]  # (n_series, horizon)
    width = np.zeros((n_classes, actual.shape[1]))
    for k in range(n_classes):
        for start in range(0, actual.shape[1], days_together):
            scores = score[member == k, start : start + days_together]
            scores = np.sort(scores[~np.isnan(scores)])
            if len(scores):
                rank = min(int(np.ceil((len(scores) + 1) * coverage)), len(scores))
                width[k, start : start + days_together] = scores[rank - 1]
    return Correction(coverage, edges, width)
