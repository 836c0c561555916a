"""Scaling fitted on training days only, and aggregation to weeks and months."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bowerbird.checks import whole
from bowerbird.data.cleaning import series_table
from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError

PERIODS = {"day": "D", "week": "W-MON", "month": "MS"}


@dataclass(frozen=True)
class Scaler:
    """Per-series scaling (y - shift) / scale; both arrays (n_series, 1), in units per day."""

    shift: np.ndarray
    scale: np.ndarray

    def transform(self, demand: np.ndarray) -> np.ndarray:
        """Units a day -> scaled."""
        return (demand - self.shift) / self.scale

    def inverse(self, scaled: np.ndarray) -> np.ndarray:
        """Scaled -> units a day."""
        return scaled * self.scale + self.shift


def fit_scaler(demand: np.ndarray, kind: str, n_train: int) -> Scaler:
    """Fit a scaler on the first `n_train` days; later days may well fall outside its range.

    Parameters
    ----------
    demand : array (n_series, n_days)
    kind : {"min-max", "z"}
        To [0, 1], or to mean 0 and standard deviation 1, over the training days.
    n_train : int
        Training days. (Companion article 002 fits before the split: the test days then leak into training.)

    Returns
    -------
    Scaler. A constant series gets scale 1.
    """
    train = series_table(demand, whole("n_train", n_train, 1))[:, :n_train]
    low, high = np.nanmin(train, axis=1, keepdims=True), np.nanmax(train, axis=1, keepdims=True)  # (n_series, 1)
    if kind == "min-max":
        shift, scale = low, high - low
    elif kind == "z":
        shift, scale = np.nanmean(train, axis=1, keepdims=True), np.nanstd(train, axis=1, keepdims=True)
    else:
        raise ParameterError(f"kind is {kind!r}; choose 'min-max' or 'z'")
    return Scaler(shift, np.where(high > low, scale, 1.0))  # rounding leaves a constant series a tiny deviation


def aggregate(panel: Panel, period: str) -> pd.DataFrame:
    """Sum demand to days, weeks (from Monday) or months; only complete periods are kept.

    Parameters
    ----------
    panel : Panel
    period : {"day", "week", "month"}

    Returns
    -------
    DataFrame (n_series, n_periods) of units a period; columns are the first days of the periods. A period with a
    missing day (NaN) is NaN.
    """
    if period not in PERIODS:
        raise ParameterError(f"period is {period!r}; choose {', '.join(PERIODS)}")
    days = pd.DataFrame(panel.demand.T, index=panel.dates)
    groups = days.resample(PERIODS[period], label="left", closed="left")
    sums, known = groups.sum(), groups.count()  # (n_periods, n_series)
    lengths = {"day": 1, "week": 7, "month": sums.index.days_in_month}[period]
    return sums.where(known.eq(lengths, axis=0))[groups.size() == lengths].T
