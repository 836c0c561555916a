"""A forecast as a distribution: a negative binomial, with more zeros if need be, for every series and day ahead."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import nbinom


@dataclass(frozen=True)
class Forecast:
    """Demand ahead of one origin.

    Attributes
    ----------
    dates : DatetimeIndex, horizon
        The days forecast.
    mean : array (n_series, horizon)
        Expected demand in units per day [mu].
    dispersion : array (n_series, horizon)
        Excess of the negative binomial's variance, m + dispersion m^2.
    point : array (n_series, horizon)
        The forecast that is scored by absolute error: an estimate of the median.
    zero : array (n_series, horizon)
        Probability of a day without demand beyond the negative binomial's own [pi]; its mean is m = mu / (1 - pi).
    """

    dates: pd.DatetimeIndex
    mean: np.ndarray
    dispersion: np.ndarray
    point: np.ndarray
    zero: np.ndarray | float = 0.0

    def _size_and_chance(self) -> tuple[np.ndarray, np.ndarray]:
        """The negative binomial's parameters, each (n_series, horizon)."""
        size = 1 / np.maximum(self.dispersion, 1e-6)
        return size, size / (size + np.maximum(self.mean / (1 - self.zero), 1e-9))

    @property
    def variance(self) -> np.ndarray:
        """Variance of each day's demand (n_series, horizon), units squared."""
        # E[y^2] - mu^2 = (1 - pi) (m + (1 + d) m^2) - mu^2
        return self.mean + self.mean**2 * ((1 + self.dispersion) / (1 - self.zero) - 1)

    def quantile(self, probability: float) -> np.ndarray:
        """Quantile of each day's demand (n_series, horizon), whole units."""
        # F(y) = pi + (1 - pi) F_nb(y)
        among = np.clip((probability - self.zero) / (1 - self.zero), 0, 1)
        return np.maximum(nbinom(*self._size_and_chance()).ppf(among), 0)

    def sample(self, n_samples: int, rng: np.random.Generator, correlation: float = 0.0) -> np.ndarray:
        """Draw demand paths.

        Parameters
        ----------
        n_samples : int
        rng : numpy Generator
        correlation : float in [0, 1)
            Correlation of the normals behind any two days of a path (Gaussian copula): a series that sells above its
            forecast tomorrow tends to do so the day after as well.

        Returns
        -------
        array (n_series, n_samples, horizon), whole units. The days are drawn independently and then put in the order
        of correlated normals, which leaves each day's sample as it was (Iman & Conover, 1982). An order of few samples
        carries little of the correlation, and of one none: draw a hundred or more.
        """
        shape = (len(self.mean), n_samples, self.mean.shape[1])
        size, chance = (parameter[:, None] for parameter in self._size_and_chance())
        drawn = rng.negative_binomial(size, chance, shape).astype(float)
        drawn[rng.random(shape) < np.broadcast_to(self.zero, self.mean.shape)[:, None]] = 0
        if correlation == 0:
            return drawn
        common = rng.standard_normal((*shape[:2], 1))
        normal = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * rng.standard_normal(shape)
        ranks = normal.argsort(axis=1).argsort(axis=1)
        return np.take_along_axis(np.sort(drawn, axis=1), ranks, axis=1)

    def to_frame(self, series: pd.DataFrame) -> pd.DataFrame:
        """Long table with the contest's columns, one row a series and day.

        Parameters
        ----------
        series : DataFrame
            seller_no, product_no, warehouse_no of each series.

        Returns
        -------
        DataFrame: keys, date, forecast_qty (the point forecast), mean, dispersion, zero, q10, q90.
        """
        keys = series[["seller_no", "product_no", "warehouse_no"]]
        n_days = len(self.dates)
        frame = keys.loc[keys.index.repeat(n_days)].reset_index(drop=True)
        frame["date"] = np.tile(self.dates.to_numpy(), len(keys))
        columns = {
            "forecast_qty": self.point, "mean": self.mean, "dispersion": self.dispersion,
            "zero": np.broadcast_to(self.zero, self.mean.shape), "q10": self.quantile(0.1), "q90": self.quantile(0.9),
        }  # fmt: skip
        for name, values in columns.items():
            frame[name] = values.reshape(-1)
        return frame

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> "Forecast":
        """The forecast that `to_frame` laid out."""
        dates = pd.DatetimeIndex(frame["date"].unique(), name="date")
        columns = ("mean", "dispersion", "forecast_qty", "zero")
        return cls(dates, *(frame[column].to_numpy().reshape(-1, len(dates)) for column in columns))


def residual_correlation(forecast: Forecast, actual: np.ndarray) -> float:
    """Correlation between the days of a path that makes the spread of window totals right.

    Parameters
    ----------
    forecast : Forecast
        Made at an origin before the days of `actual`.
    actual : array (n_series, horizon)
        Demand on the days forecast; NaN marks a missing day.

    Returns
    -------
    float in [0, 0.95]: mean correlation, over series, of normalised errors on different days.
    """
    sd = np.maximum(np.sqrt(forecast.variance), 1e-9)
    z = np.clip((actual - forecast.mean) / sd, -4, 4)  # (n_series, horizon); a spike must not decide
    known = ~np.isnan(z)
    z, n = np.where(known, z, 0.0), known.sum(axis=1)
    within = (z**2).sum() / max(n.sum(), 1)
    between = (z.sum(axis=1) ** 2 - (z**2).sum(axis=1)).sum() / max((n * (n - 1)).sum(), 1)
    return float(np.clip(between / max(within, 1e-9), 0.0, 0.95))
