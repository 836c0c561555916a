"""Sampled demand paths for `monte_carlo`: given samples, or whole units drawn from a distribution, a block at a time.

Poisson and other discrete demand is drawn by inversion: 32 random bits u, and the demand is the number of thresholds
2^32 P(D <= k) at or below u. A guide table of 4,096 cells answers at once wherever a cell holds no threshold; only the
few draws in the other cells are searched for. Each probability is met to 2^-32.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import poisson

from bowerbird.checks import at_least, fits, whole
from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import Demand

GUIDE_BITS = 12
LARGEST_MEAN = 2.0**23  # paths are drawn in float32, which is exact up to 2^24
NEGLIGIBLE = 2.0**-33
"""Probability of the tail left out of a table: less than what 32 bits can tell."""


@dataclass(frozen=True)
class SamplePaths:
    """Demand paths that are given.

    Attributes
    ----------
    samples : array (n_items, n_paths, n_days)
        Units asked for, not negative; fastest as integers.
    """

    samples: np.ndarray

    def __post_init__(self):
        at_least("samples", self.samples)
        samples = np.asarray(self.samples)  # integers stay integers
        if samples.ndim != 3 or 0 in samples.shape:
            raise ParameterError(f"samples, shape {samples.shape}: give (n_items, n_paths, n_days), none of them 0")
        object.__setattr__(self, "samples", samples)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.samples.shape

    def part(self, items: slice, paths: slice) -> "SamplePaths":
        """Some items and paths of it."""
        return SamplePaths(self.samples[items, paths])

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Contiguous (n_days, n_items, n_paths); float32 where that is exact."""
        fits = np.issubdtype(self.samples.dtype, np.integer) and self.samples.max() < 2**24
        block = np.empty((self.shape[2], *self.shape[:2]), np.float32 if fits else np.float64)
        np.copyto(block, self.samples.transpose(2, 0, 1), casting="unsafe")
        return block


def _check_paths(paths) -> None:
    for name in ("n_paths", "n_days"):
        object.__setattr__(paths, name, whole(name, getattr(paths, name), 1))
    fits("n_days", paths.n_days * 1000.0)  # days of a thousand paths are held at once


@dataclass(frozen=True)
class PoissonPaths:
    """Independent Poisson demand.

    Attributes
    ----------
    mean : array (n_items,), or (n_items, n_days) where days differ
        Expected units a day [lambda].
    n_paths, n_days : int
    """

    mean: np.ndarray
    n_paths: int
    n_days: int

    def __post_init__(self):
        mean = at_least("mean", self.mean)
        if not mean.size or (mean.ndim != 1 and mean.shape[1:] != (self.n_days,)):
            raise ParameterError(f"mean, shape {mean.shape}: give (n_items,) or (n_items, {self.n_days})")
        if mean.max() >= LARGEST_MEAN:
            raise ParameterError(f"mean holds {mean.max():g}; give units below {LARGEST_MEAN:g}, or larger units")
        _check_paths(self)
        object.__setattr__(self, "mean", mean)

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.mean), self.n_paths, self.n_days

    def part(self, items: slice, paths: slice) -> "PoissonPaths":
        """Some items and paths of it."""
        return replace(self, mean=self.mean[items], n_paths=paths.stop - paths.start)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Float32 (n_days, n_items, n_paths)."""
        block = np.empty((self.n_days, len(self.mean), self.n_paths), np.float32)
        for i, mean in enumerate(self.mean):
            if mean.ndim:
                block[:, i] = rng.poisson(mean[:, None], (self.n_days, self.n_paths))
            else:
                first, beyond = poisson.ppf(NEGLIGIBLE, mean), poisson.isf(NEGLIGIBLE, mean) + 1
                pmf = poisson.pmf(np.arange(max(first, 0), beyond), mean)
                block[:, i] = draw_discrete(pmf, (self.n_days, self.n_paths), rng, first=max(first, 0))
        return block


@dataclass(frozen=True)
class DiscretePaths:
    """Independent demand of any distribution over whole units.

    Attributes
    ----------
    demand : Demand
        Of one day.
    n_paths, n_days : int
    """

    demand: Demand
    n_paths: int
    n_days: int

    def __post_init__(self):
        _check_paths(self)

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.demand.probability), self.n_paths, self.n_days

    def part(self, items: slice, paths: slice) -> "DiscretePaths":
        """Some items and paths of it."""
        return replace(self, demand=Demand(self.demand.probability[items]), n_paths=paths.stop - paths.start)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Float32 (n_days, n_items, n_paths)."""
        block = np.empty((self.n_days, self.shape[0], self.n_paths), np.float32)
        for i, probability in enumerate(self.demand.probability):
            block[:, i] = draw_discrete(probability, (self.n_days, self.n_paths), rng)
        return block


def draw_discrete(pmf: np.ndarray, size, rng: np.random.Generator, first: float = 0) -> np.ndarray:
    """Draws from one distribution by inversion through a guide table.

    Parameters
    ----------
    pmf : array (n_outcomes,)
        Probabilities of first, first + 1, ...; scaled to a sum of 1.
    size : int or tuple
    rng : numpy Generator
    first : float
        The smallest outcome.

    Returns
    -------
    float32 array of the given size.

    Source
    ------
    Chen & Asau, AIIE Transactions 6, 1974 (the guide table).
    """
    cdf = np.cumsum(pmf)
    thresholds = np.rint(cdf / cdf[-1] * 2.0**32).astype(np.uint64)  # (n_outcomes,), the last is 2^32
    edges = np.arange(2**GUIDE_BITS + 1, dtype=np.uint64) << np.uint64(32 - GUIDE_BITS)
    lowest = np.searchsorted(thresholds, edges[:-1], side="right")
    highest = np.searchsorted(thresholds, edges[1:] - np.uint64(1), side="right")
    guide = np.where(lowest == highest, first + lowest, -1).astype(np.float32)
    u = rng.integers(2**32, size=size, dtype=np.uint32)
    drawn = guide.take(u >> np.uint32(32 - GUIDE_BITS))
    unsure = np.flatnonzero(drawn < 0)
    drawn.ravel()[unsure] = first + np.searchsorted(thresholds, u.ravel()[unsure], side="right")
    return drawn
