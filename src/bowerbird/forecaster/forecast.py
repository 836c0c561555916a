"""The one form of a forecast: points, quantiles and samples of the days after one origin, kept in a file."""

import zipfile
import zlib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import nbinom

from bowerbird.data.panel import key_columns
from bowerbird.errors import BowerbirdError, ParameterError
from bowerbird.files import atomic_path

UNREADABLE = (OSError, ValueError, KeyError, AttributeError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, eq=False)
class Forecast:
    """Demand of the days after one origin.

    The distribution is known in one of three ways: by `mean`, `dispersion` and `zero`, a negative binomial with more
    zeros; by `levels` and `values`, some of its quantiles; or not at all.

    Parameters
    ----------
    point : array (n_series, horizon)
        The forecast that is scored by absolute and squared error, units a day.
    mean : array (n_series, horizon), optional
        Expected demand, units a day [mu].
    dispersion : array (n_series, horizon), optional
        Excess of the negative binomial's variance, m + dispersion m².
    zero : array (n_series, horizon), optional
        Probability of a day without demand beyond the negative binomial's own [pi]; its mean is m = mu / (1 - pi).
    levels : tuple of float in (0, 1), increasing
        Levels of the quantiles kept.
    values : array (n_levels, n_series, horizon), optional
        These quantiles, units a day.
    dates : DatetimeIndex, horizon, optional
        The days forecast.

    Examples
    --------
    Without dispersion a day is Poisson: with a mean of 2, P(D <= 3) = 0.857 and P(D <= 4) = 0.947.

    >>> two = np.full((1, 1), 2.0)
    >>> forecast = Forecast(two, mean=two, dispersion=0 * two)
    >>> forecast.quantile(0.9), forecast.chance(low=np.zeros((1, 1)), high=np.full((1, 1), 3)).round(3)
    (array([[4.]]), array([[0.857]]))
    >>> Forecast(two, levels=(0.5, 0.9), values=np.array([[[2.0]], [[4.0]]])).quantile(0.7)
    array([[3.]])
    """

    point: np.ndarray
    mean: np.ndarray | None = None
    dispersion: np.ndarray | None = None
    zero: np.ndarray | float = 0.0
    levels: tuple[float, ...] = ()
    values: np.ndarray | None = None
    dates: pd.DatetimeIndex | None = None

    @property
    def is_distribution(self) -> bool:
        """True where quantiles can be given."""
        return self.mean is not None or len(self.levels) > 0

    @property
    def variance(self) -> np.ndarray:
        """Variance of each day's demand (n_series, horizon), units squared."""
        # E[y^2] - mu^2 = (1 - pi) (m + (1 + d) m^2) - mu^2
        return self.mean + self.mean**2 * ((1 + self.dispersion) / (1 - self.zero) - 1)

    def quantile(self, probability: float) -> np.ndarray:
        """Quantile of each day's demand (n_series, horizon): whole units, or interpolated between the levels kept."""
        if self.mean is not None:
            # F(y) = pi + (1 - pi) F_nb(y)
            among = np.clip((probability - self.zero) / (1 - self.zero), 0, 1)
            return negative_binomial_quantile(*self._size_and_chance(), among)
        if not self.levels or not self.levels[0] <= probability <= self.levels[-1]:
            raise ParameterError(f"probability is {probability}; this forecast knows the levels {self.levels}")
        upper = int(np.searchsorted(self.levels, probability))
        if self.levels[upper] == probability:
            return self.values[upper]
        low, high = self.levels[upper - 1], self.levels[upper]
        share = (probability - low) / (high - low)
        return (1 - share) * self.values[upper - 1] + share * self.values[upper]

    def chance(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Probability that a negative binomial forecast gives to low ... high, whole units, ends included."""
        below, up_to = (nbinom(*self._size_and_chance()).cdf(units) for units in (low - 1, high))
        # F(y) = pi + (1 - pi) F_nb(y) from y = 0 on
        return (1 - self.zero) * (up_to - below) + np.where(low <= 0, self.zero, 0)

    def sample(self, n_samples: int, rng: np.random.Generator, correlation: float = 0.0) -> np.ndarray:
        """Draw demand paths of a negative binomial forecast (n_series, n_samples, horizon), in whole units.

        The days are drawn independently and then put in the order of normals that have the given correlation between
        any two days, in [0, 1) (Iman & Conover, Communications in Statistics 11, 1982). Each day's sample stays as it
        was. The order of a few samples carries little of the correlation: draw a hundred or more.
        """
        if self.mean is None:
            raise ParameterError("this forecast knows no negative binomial to draw from; give mean and dispersion")
        shape = (len(self.mean), n_samples, self.mean.shape[1])
        size, chance = (parameter[:, None] for parameter in self._size_and_chance())
        drawn = rng.negative_binomial(size, chance, shape).astype(float)
        drawn[rng.random(shape) < np.broadcast_to(self.zero, self.mean.shape)[:, None]] = 0
        if correlation == 0:
            return drawn
        common = rng.standard_normal((*shape[:2], 1))
        normal = rng.standard_normal(shape)  # large arrays: changed in place
        normal *= np.sqrt(1 - correlation)
        normal += np.sqrt(correlation) * common
        order = normal.argsort(axis=1)
        drawn.sort(axis=1)
        np.put_along_axis(normal, order, drawn, axis=1)  # the smallest demand where the smallest normal was
        return normal

    def first(self, n_days: int) -> "Forecast":
        """The negative binomial forecast of the first days alone."""
        near = (part[:, :n_days] for part in (self.point, self.mean, self.dispersion, self._zeros()))
        return Forecast(*near, dates=self.dates[:n_days])

    def to_frame(self, series: pd.DataFrame) -> pd.DataFrame:
        """Long table, one row a series and day: keys, date, forecast_qty (point), mean, dispersion, zero, q10, q90."""
        keys = series[key_columns(series)]
        n_days = len(self.dates)
        frame = keys.loc[keys.index.repeat(n_days)].reset_index(drop=True)
        frame["date"] = np.tile(self.dates.to_numpy(), len(keys))
        columns = {
            "forecast_qty": self.point, "mean": self.mean, "dispersion": self.dispersion, "zero": self._zeros(),
            "q10": self.quantile(0.1), "q90": self.quantile(0.9),
        }  # fmt: skip
        for name, values in columns.items():
            frame[name] = values.reshape(-1)
        return frame

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> "Forecast":
        """The forecast that `to_frame` laid out."""
        dates = pd.DatetimeIndex(frame["date"].unique(), name="date")
        columns = ("forecast_qty", "mean", "dispersion", "zero")
        return cls(*(frame[column].to_numpy().reshape(-1, len(dates)) for column in columns), dates=dates)

    def save(self, path: Path | str) -> None:
        """Write the forecast to an npz file, atomically."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, **{name: part for name, part in parts.items() if part is not None})

    @classmethod
    def load(cls, path: Path | str) -> "Forecast":
        """Read what `save` wrote; a BowerbirdError where the file holds no forecast."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                parts = dict(stored)
            dates = pd.DatetimeIndex(parts["dates"], name="date") if "dates" in parts else None
            return cls(**parts | {"levels": tuple(parts["levels"].tolist()), "dates": dates})
        except UNREADABLE as error:
            raise BowerbirdError(f"{path} is no kept forecast; make it again") from error

    def _zeros(self) -> np.ndarray:
        return np.broadcast_to(self.zero, self.point.shape)

    def _size_and_chance(self) -> tuple[np.ndarray, np.ndarray]:
        """The negative binomial's parameters, each (n_series, horizon)."""
        size = 1 / np.maximum(self.dispersion, 1e-6)
        return size, size / (size + np.maximum(self.mean / (1 - self.zero), 1e-9))


def negative_binomial_quantile(size: np.ndarray, chance: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """The smallest count with F(count) >= probability, array by array.

    Counts below 64 are found by summing probabilities, which is several times faster than scipy; larger ones, where a
    sum would take longer, are left to scipy. With size 2 and chance 0.5, F(0) = 0.25 and F(1) = 0.5.

    >>> negative_binomial_quantile(np.array([2.0, 2.0]), np.array([0.5, 0.01]), 0.5)
    array([  1., 166.])
    """
    given = np.broadcast_arrays(size, chance, probability)
    size, chance, probability = (part.ravel() for part in given)
    quantile = np.full(len(size), np.nan)
    term = chance**size
    total = term.copy()
    left = np.flatnonzero(size * (1 - chance) < 64 * chance)  # a mean under 64
    for count in range(64):
        found = total[left] >= probability[left]
        quantile[left[found]] = count
        left = left[~found]
        term[left] *= (1 - chance[left]) * (size[left] + count) / (count + 1)
        total[left] += term[left]
    far = np.isnan(quantile)
    quantile[far] = np.maximum(nbinom.ppf(probability[far], size[far], chance[far]), 0)
    return quantile.reshape(given[0].shape)


def residual_correlation(forecast: Forecast, actual: np.ndarray) -> float:
    """Correlation between the days of a path that makes the spread of window totals right, in [0, 0.95].

    It is the mean correlation, over series, of normalised errors on different days. The forecast is a negative binomial
    one, and `actual` (n_series, horizon) the demand on the days forecast, NaN where a day is missing.

    Errors of 1 and 1 standard deviations: their product is as large as their squares, and the result is capped.

    >>> four = np.full((1, 2), 4.0)
    >>> residual_correlation(Forecast(four, mean=four, dispersion=0 * four), np.array([[6.0, 6.0]]))
    0.95
    """
    sd = np.maximum(np.sqrt(forecast.variance), 1e-9)
    z = np.clip((actual - forecast.mean) / sd, -4, 4)  # (n_series, horizon); a spike must not decide
    known = ~np.isnan(z)
    z, n = np.where(known, z, 0.0), known.sum(axis=1)
    within = (z**2).sum() / max(n.sum(), 1)
    between = (z.sum(axis=1) ** 2 - (z**2).sum(axis=1)).sum() / max((n * (n - 1)).sum(), 1)
    return float(np.clip(between / max(within, 1e-9), 0.0, 0.95))
