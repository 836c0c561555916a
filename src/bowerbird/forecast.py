"""A forecast as a distribution: a negative binomial for every series and day ahead."""

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
        Excess of the variance, mu + dispersion mu^2.
    point : array (n_series, horizon)
        The forecast that is scored by absolute error: an estimate of the median.
    """

    dates: pd.DatetimeIndex
    mean: np.ndarray
    dispersion: np.ndarray
    point: np.ndarray

    def _distribution(self):
        size = 1 / np.maximum(self.dispersion, 1e-6)
        return nbinom(size, size / (size + np.maximum(self.mean, 1e-9)))

    def quantile(self, probability: float) -> np.ndarray:
        """Quantile of each day's demand (n_series, horizon), whole units."""
        return self._distribution().ppf(probability)

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
        size = 1 / np.maximum(self.dispersion, 1e-6)[:, None]
        drawn = rng.negative_binomial(size, size / (size + np.maximum(self.mean, 1e-9)[:, None]), shape).astype(float)
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
        DataFrame: keys, date, forecast_qty (the point forecast), mean, dispersion, q10, q90.
        """
        keys = series[["seller_no", "product_no", "warehouse_no"]]
        n_days = len(self.dates)
        frame = keys.loc[keys.index.repeat(n_days)].reset_index(drop=True)
        frame["date"] = np.tile(self.dates.to_numpy(), len(keys))
        columns = {
            "forecast_qty": self.point, "mean": self.mean, "dispersion": self.dispersion,
            "q10": self.quantile(0.1), "q90": self.quantile(0.9),
        }  # fmt: skip
        for name, values in columns.items():
            frame[name] = values.reshape(-1)
        return frame

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> "Forecast":
        """The forecast that `to_frame` laid out."""
        dates = pd.DatetimeIndex(frame["date"].unique(), name="date")
        return cls(
            dates, *(frame[c].to_numpy().reshape(-1, len(dates)) for c in ("mean", "dispersion", "forecast_qty"))
        )


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
    sd = np.sqrt(forecast.mean + forecast.dispersion * forecast.mean**2)
    z = np.clip((actual - forecast.mean) / np.maximum(sd, 1e-9), -4, 4)  # (n_series, horizon); a spike must not decide
    known = ~np.isnan(z)
    z, n = np.where(known, z, 0.0), known.sum(axis=1)
    within = (z**2).sum() / max(n.sum(), 1)
    between = (z.sum(axis=1) ** 2 - (z**2).sum(axis=1)).sum() / max((n * (n - 1)).sum(), 1)
    return float(np.clip(between / max(within, 1e-9), 0.0, 0.95))
