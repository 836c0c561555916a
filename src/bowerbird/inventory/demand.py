"""Uncertain demand as a table of probabilities, and the newsvendor: the best stock level against such demand.

A table comes from a named distribution, from past days, or from sampled forecasts. Tables of single days add up to
tables over lead time and review by convolution. Every function takes all items at once.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import nbinom, norm, poisson
from scipy.stats.sampling import DiscreteGuideTable

from bowerbird.checks import above, at_least, check_shapes, check_size, finite, probabilities, spread_over, whole
from bowerbird.errors import ParameterError

TAIL = 1e-12
"""Probability left out beyond the last unit of a table made from a distribution without an upper end."""


@dataclass(frozen=True)
class Demand:
    """Demand of each item as the probability of each whole number of units.

    >>> half = Demand([[0.5, 0.3, 0.2]])
    >>> half.mean.round(2), half.quantile(0.8)
    (array([0.7]), array([1]))
    """

    probability: np.ndarray  # (n_items, n_units), column d holds P(D = d), d = 0, 1, ...; every row sums to 1

    def __post_init__(self):
        table = finite("probability", self.probability)
        object.__setattr__(self, "probability", table)
        if table.ndim != 2 or not ((table >= 0).all() and np.allclose(table.sum(axis=1), 1, rtol=0, atol=1e-9)):
            raise ParameterError(
                f"probability, shape {np.shape(table)}: give (n_items, n_units), none negative, each row summing to 1"
            )

    @cached_property
    def cdf(self) -> np.ndarray:
        """P(D <= d), (n_items, n_units)."""
        return np.cumsum(self.probability, axis=1)

    @property
    def mean(self) -> np.ndarray:
        """Expected units, (n_items,)."""
        return self.probability @ np.arange(self.probability.shape[1])

    @property
    def variance(self) -> np.ndarray:
        """Variance of the units, (n_items,)."""
        units = np.arange(self.probability.shape[1])
        return (self.probability * np.square(units - self.mean[:, None])).sum(axis=1)

    def quantile(self, level) -> np.ndarray:
        """The smallest units that demand stays at or below with probability `level` in (0, 1), int (n_items,)."""
        level = spread_over("level", probabilities("level", level), self.probability.shape[:1])
        # The small subtraction keeps P(D <= 8) = 0.7999...9 at the level 0.8.
        return np.minimum((self.cdf < level[:, None] - TAIL).sum(axis=1), self.probability.shape[1] - 1)

    def sample(self, generator: np.random.Generator, *shape: int) -> np.ndarray:
        """Independent draws, int32 (n_items, *shape)."""
        shape = tuple(whole("shape", n, 1) for n in shape)
        check_size("shape", len(self.probability) * np.prod(shape, dtype=float))
        return np.array([DiscreteGuideTable(row, random_state=generator).rvs(shape) for row in self.probability])


def _normalised(probability: np.ndarray) -> Demand:
    """A table without the columns that no item reaches, each row scaled to sum to 1."""
    beyond = 1 - np.cumsum(probability, axis=1)
    n_units = 1 + np.count_nonzero((beyond > TAIL).any(axis=0))
    probability = np.maximum(probability[:, :n_units], 0)
    return Demand(probability / probability.sum(axis=1, keepdims=True))


def _items(**values) -> list[np.ndarray]:
    """The values as columns (n_items, 1), each given once an item or once for all."""
    check_shapes(**values)
    columns = np.broadcast_arrays(*map(np.atleast_1d, values.values()))
    if columns[0].ndim != 1 or not columns[0].size:
        raise ParameterError(f"{' and '.join(values)}, shape {columns[0].shape}: give one number, or one for each item")
    return [column[:, None] for column in columns]


def _tabulated(name: str, distribution, *parameters: np.ndarray) -> Demand:
    """A distribution of scipy.stats, its parameters (n_items, 1), as a table."""
    largest = distribution.isf(TAIL, *parameters).max()
    check_size(name, len(parameters[0]) * (largest + 2))
    return _normalised(distribution.pmf(np.arange(largest + 2), *parameters))


def poisson_demand(mean) -> Demand:
    """Poisson demand, from its mean in units [lambda], a float or an array (n_items,), at least 0.

    >>> poisson_demand(2.0).probability[0, :3].round(4)
    array([0.1353, 0.2707, 0.2707])
    """
    return _tabulated("mean", poisson, *_items(mean=at_least("mean", mean)))


def negative_binomial_demand(mean, variance) -> Demand:
    """Negative binomial demand: counts that spread wider than Poisson.

    Parameters
    ----------
    mean : float or array (n_items,)  Expected units [mu], above 0.
    variance : float or array (n_items,)  Of the units, above the mean.

    Failures before the 4th head of a fair coin have mean 4 and variance 8; none with probability 1/16.

    >>> negative_binomial_demand(4, 8).probability[0, :2].round(4)
    array([0.0625, 0.125 ])
    """
    mean, variance = _items(mean=above("mean", mean), variance=at_least("variance", variance))
    if not (variance > mean).all():
        raise ParameterError(
            f"variance {variance[variance <= mean][0]:g} is not above the mean {mean[variance <= mean][0]:g}; "
            "take Poisson demand where they are equal"
        )
    # r = mu^2 / (variance - mu),  q = mu / variance
    return _tabulated("mean and variance", nbinom, mean**2 / (variance - mean), mean / variance)


def sampled_demand(samples: np.ndarray) -> Demand:
    """The share of each number of units among samples (n_items, n_samples) of past days or of forecasts, whole units.

    >>> sampled_demand([[0, 3, 0, 1]]).probability
    array([[0.5 , 0.25, 0.  , 0.25]])
    """
    samples = at_least("samples", samples, axes="n_items, n_samples")
    if (samples % 1).any():
        raise ParameterError(f"samples holds {samples[samples % 1 > 0][0]:g}; give whole units")
    n_items, n_samples = samples.shape
    n_units = int(samples.max()) + 1
    check_size("samples", n_items * n_units)
    cells = samples.astype(np.int64) + n_units * np.arange(n_items)[:, None]
    counts = np.bincount(cells.reshape(-1), minlength=n_items * n_units).reshape(n_items, n_units)
    return Demand(counts / n_samples)


def demand_over_days(demand: Demand, days: int) -> Demand:
    """Demand summed over `days` days that are alike and independent, as over lead time and review.

    >>> demand_over_days(Demand([[0.5, 0.5]]), 2).probability
    array([[0.25, 0.5 , 0.25]])
    """
    days = whole("days", days)
    if days == 1:
        return demand
    n_units = days * (demand.probability.shape[1] - 1) + 1
    check_size("days", len(demand.probability) * n_units)
    # The transform of a sum's distribution is the product of the transforms.
    return _normalised(np.fft.irfft(np.fft.rfft(demand.probability, n_units) ** days, n_units))


def check_samples(samples) -> np.ndarray:
    """Sampled demand (n_items, n_paths, n_days) as an array, refused if a value is negative, NaN or masked."""
    at_least("samples", samples, axes="n_items, n_paths, n_days")
    return np.asarray(samples)  # integers stay integers


@dataclass(frozen=True)
class Newsvendor:
    """The best level [S], units in stock before demand, and its expected holding and shortage cost."""

    level: np.ndarray
    cost: np.ndarray


def critical_ratio(holding_cost, shortage_cost) -> np.ndarray:
    """The probability of no shortage at which one unit more costs as much as it saves, p / (p + h).

    The costs, above 0, are of a unit left over and of a unit short [h, p], floats or arrays. Source: Snyder & Shen,
    Fundamentals of Supply Chain Theory, 2nd ed., section 4.3.

    >>> float(critical_ratio(1.0, 9.0))
    0.9
    """
    holding_cost, shortage_cost = above("holding_cost", holding_cost), above("shortage_cost", shortage_cost)
    check_shapes(holding_cost=holding_cost, shortage_cost=shortage_cost)
    return shortage_cost / (shortage_cost + holding_cost)


def normal_newsvendor(mean, std, holding_cost, shortage_cost) -> Newsvendor:
    """Best level against normal demand of mean and standard deviation [mu, sigma], floats or arrays, in units.

    The costs are those of `critical_ratio`. Source: Snyder & Shen, example 4.3.

    >>> best = normal_newsvendor(50, 8, 0.18, 0.70)
    >>> round(float(best.level), 4), round(float(best.cost), 4)
    (56.604, 1.9976)
    """
    z = norm.ppf(critical_ratio(holding_cost, shortage_cost))
    check_shapes(mean=mean, std=std, costs=z)
    mean, std = at_least("mean", mean), at_least("std", std)
    # S = mu + z sigma,  cost = (h + p) phi(z) sigma
    return Newsvendor(mean + z * std, (np.asarray(holding_cost) + np.asarray(shortage_cost)) * norm.pdf(z) * std)


def newsvendor(demand: Demand, holding_cost, shortage_cost) -> Newsvendor:
    """Best whole-number level against any table of demand: the smallest S with P(demand <= S) >= `critical_ratio`.

    The demand is that of the time the level must last, as by `demand_over_days`.

    >>> best = newsvendor(poisson_demand(6.0), 1, 4)
    >>> best.level, best.cost.round(4)
    (array([8]), array([3.5701]))
    """
    level = demand.quantile(critical_ratio(holding_cost, shortage_cost))
    return Newsvendor(level, level_cost(demand, level, holding_cost, shortage_cost))


def sample_newsvendor(samples: np.ndarray, service_level) -> np.ndarray:
    """Best level against sampled demand: the smallest sample that enough of the samples do not exceed.

    Parameters
    ----------
    samples : array (n_items, n_samples)  Draws of each item's demand, units.
    service_level : float or array (n_items,) or (n_levels, 1 or n_items)  Least probability of no shortage, in (0, 1);
        the critical ratio for least cost. Levels in rows give the result a row each.

    >>> sample_newsvendor(np.array([[7, 1, 9, 3, 5]]), 0.8)
    array([7])
    """
    service_level = probabilities("service_level", service_level)
    finite("samples", samples, axes="n_items, n_samples")
    samples = np.asarray(samples)  # integers stay integers
    shape = (*service_level.shape[:-1], len(samples)) if service_level.ndim == 2 else (len(samples),)
    service_level = spread_over("service_level", service_level, shape)
    # The k-th smallest, k = ceil(ratio n); the small subtraction keeps 0.55 * 100 = 55.000...01 at k = 55.
    rank = np.ceil(service_level * samples.shape[1] - 1e-9).astype(int) - 1  # counted from 0
    ordered = np.partition(samples, np.unique(rank), axis=1)
    return np.take_along_axis(ordered, np.atleast_2d(rank).T, axis=1).T.reshape(rank.shape)


def level_cost(demand: Demand, level, holding_cost, shortage_cost) -> np.ndarray:
    """Expected cost of any whole level [G(y)] against any table of demand, in the shape of the levels.

    Parameters
    ----------
    demand : Demand  Of the time that the level must last, n_items rows.
    level : int, array (n_items,) or (n_items, n_levels)  Units in stock before demand [y], of either sign.
    holding_cost, shortage_cost : float or array (n_items,)  As in `critical_ratio` [h, p].

    A coin decides between no unit and two; at level 1 a unit is left over or short, each half of the time.

    >>> level_cost(Demand([[0.5, 0.0, 0.5]]), 1, 1.0, 9.0)
    array([5.])
    """
    n_items, n_units = demand.probability.shape
    finite("level", level)
    levels = np.asarray(level) if np.ndim(level) == 2 else spread_over("level", level, (n_items,))[:, None]
    h, p = (
        spread_over(name, above(name, cost), (n_items,))[:, None]
        for name, cost in (("holding_cost", holding_cost), ("shortage_cost", shortage_cost))
    )
    # E[(y - D)+] = sum_{d<y} P(D <= d); beyond the table every further level is left over whole.
    left_over_at = np.pad(np.cumsum(demand.cdf, axis=1), ((0, 0), (1, 0)))  # (n_items, n_units + 1)
    inside = np.clip(levels, 0, n_units).astype(np.int64)
    left_over = np.take_along_axis(left_over_at, inside, axis=1) + np.maximum(levels - n_units, 0)
    # E[(D - y)+] = mu - y + E[(y - D)+]
    short = demand.mean[:, None] - levels + left_over
    cost = h * left_over + p * short
    return cost if np.ndim(level) == 2 else cost[:, 0]
