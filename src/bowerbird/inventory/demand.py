"""How likely is each whole number of units? Demand as a table of probabilities, the one input the exact methods share.

A table comes from a named distribution, from history or sampled forecasts, or from forecast quantiles; tables of single
days add up to tables over lead time and review by convolution. Every function takes all items at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import nbinom, norm, poisson

from bowerbird.checks import above, at_least, finite, fits, inside, spread_over, together, whole
from bowerbird.errors import ParameterError

TAIL = 1e-12
"""Probability left out beyond the last unit of a table made from a distribution without an upper end."""


@dataclass(frozen=True)
class Demand:
    """Demand of each item: the probability of each whole number of units.

    Attributes
    ----------
    probability : array (n_items, n_units)
        Column d is P(D = d), d = 0, 1, ...; every row sums to 1.
    """

    probability: np.ndarray

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
        level = spread_over("level", inside("level", level), self.probability.shape[:1])
        # The small subtraction keeps P(D <= 8) = 0.7999...9 at the level 0.8.
        return np.minimum((self.cdf < level[:, None] - TAIL).sum(axis=1), self.probability.shape[1] - 1)

    def sample(self, generator: np.random.Generator, n_days: int) -> np.ndarray:
        """Independent draws, int (n_items, n_days)."""
        fits("n_days", len(self.probability) * whole("n_days", n_days))
        uniform = generator.random((len(self.probability), int(n_days)))
        columns = [np.searchsorted(cdf, u, side="right") for cdf, u in zip(self.cdf, uniform, strict=True)]
        return np.minimum(columns, self.probability.shape[1] - 1)


def _normalised(probability: np.ndarray) -> Demand:
    """A table without the columns that no item reaches, each row scaled to sum to 1."""
    beyond = 1 - np.cumsum(probability, axis=1)
    n_units = 1 + np.count_nonzero((beyond > TAIL).any(axis=0))
    probability = np.maximum(probability[:, :n_units], 0)
    return Demand(probability / probability.sum(axis=1, keepdims=True))


def _items(name: str, values: np.ndarray, others: np.ndarray | float = 0.0) -> np.ndarray:
    """The values as (n_items,): one an item, or one for as many items as the others have."""
    values = np.atleast_1d(values)
    if values.shape == (1,) and np.ndim(others) == 1:
        values = np.repeat(values, len(others))
    if values.ndim != 1 or not values.size:
        raise ParameterError(f"{name} has shape {values.shape}; give one number, or one for each item")
    return values


def _units(name: str, largest: float, n_items: int) -> np.ndarray:
    """0, 1, ... up to the largest whole number that a table must hold, and one more."""
    fits(name, n_items * (largest + 2))
    return np.arange(largest + 2)


def poisson_demand(mean) -> Demand:
    """Poisson demand.

    Parameters
    ----------
    mean : float or array (n_items,)
        Expected units [lambda], at least 0.

    Returns
    -------
    Demand
    """
    mean = _items("mean", at_least("mean", mean))
    units = _units("mean", poisson.isf(TAIL, mean.max()), len(mean))
    return _normalised(poisson.pmf(units, mean[:, None]))


def negative_binomial_demand(mean, variance) -> Demand:
    """Negative binomial demand: counts that spread wider than Poisson.

    Parameters
    ----------
    mean : float or array (n_items,)
        Expected units [mu], above 0.
    variance : float or array (n_items,)
        Variance of the units, above the mean.

    Returns
    -------
    Demand

    Raises
    ------
    ParameterError
        If a variance is not above its mean; demand is then Poisson, or narrower.
    """
    mean, size, chance = (column[:, None] for column in negative_binomial_parameters(mean, variance))
    units = _units("mean and variance", nbinom.isf(TAIL, size, chance).max(), len(mean))
    return _normalised(nbinom.pmf(units, size, chance))


def negative_binomial_parameters(mean, variance) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, size [r] and chance [q] of the negative binomial with a given mean and variance, each (n_items,)."""
    mean = _items("mean", above("mean", mean), at_least("variance", variance))
    variance = spread_over("variance", at_least("variance", variance), mean.shape)
    if not (variance > mean).all():
        raise ParameterError(
            f"variance {variance[variance <= mean][0]:g} is not above the mean {mean[variance <= mean][0]:g}; "
            "take Poisson demand where they are equal"
        )
    # q = mu / variance,  r = mu^2 / (variance - mu)
    return mean, mean**2 / (variance - mean), mean / variance


def normal_demand(mean, std) -> Demand:
    """Normal demand rounded to whole units; what would be negative counts as 0.

    Parameters
    ----------
    mean, std : float or array (n_items,)
        Mean and standard deviation [mu, sigma]; the latter above 0.

    Returns
    -------
    Demand
    """
    mean = _items("mean", at_least("mean", mean), above("std", std))
    std = spread_over("std", above("std", std), mean.shape)
    units = _units("mean and std", np.ceil((mean + norm.isf(TAIL) * std).max()), len(mean))
    # P(D = d) = Phi((d + 1/2 - mu) / sigma) - Phi((d - 1/2 - mu) / sigma)
    cdf = norm.cdf(units + 0.5, mean[:, None], std[:, None])
    return _normalised(np.diff(cdf, axis=1, prepend=0))


def sampled_demand(samples: np.ndarray) -> Demand:
    """Demand as seen: the share of each number of units among past days, or among sampled forecasts.

    Parameters
    ----------
    samples : array (n_items, n_samples)
        Whole units, not negative, no NaN.

    Returns
    -------
    Demand

    Raises
    ------
    ParameterError
        If the samples are empty, negative, NaN or not whole.
    """
    samples = at_least("samples", samples)
    if samples.ndim != 2 or samples.size == 0 or not (samples == np.floor(samples)).all():
        raise ParameterError(f"samples, shape {samples.shape}: give (n_items, n_samples) of whole units, none negative")
    n_items, n_samples = samples.shape
    n_units = int(samples.max()) + 1
    fits("samples", n_items * n_units)
    cells = samples.astype(np.int64) + n_units * np.arange(n_items)[:, None]
    counts = np.bincount(cells.reshape(-1), minlength=n_items * n_units).reshape(n_items, n_units)
    return Demand(counts / n_samples)


def quantile_demand(levels, quantiles: np.ndarray) -> Demand:
    """Demand whose distribution passes through forecast quantiles, rounded to whole units.

    Between two quantiles the distribution function is a straight line, below the first it comes straight from 0 units,
    and beyond the last it follows the exponential tail through the last two.

    Parameters
    ----------
    levels : array (n_levels,)
        Probabilities of the quantiles, rising, in (0, 1), at least two.
    quantiles : array (n_items, n_levels)
        Units not exceeded with those probabilities, not negative, not falling along a row.

    Returns
    -------
    Demand

    Raises
    ------
    ParameterError
        If levels or quantiles are out of range or out of order.
    """
    levels, quantiles = inside("levels", levels), at_least("quantiles", quantiles)
    if levels.ndim != 1 or len(levels) < 2 or not (np.diff(levels) > 0).all():
        raise ParameterError(f"levels are {levels}; give at least two, rising, inside (0, 1)")
    if (
        quantiles.ndim != 2
        or not len(quantiles)
        or quantiles.shape[1] != len(levels)
        or (np.diff(quantiles, axis=1) < 0).any()
    ):
        raise ParameterError(f"quantiles, shape {quantiles.shape}: give (n_items, {len(levels)}), each row sorted")
    last = quantiles[:, -1:]
    # 1 - F(x) = (1 - tau_n) exp(-(x - q_n) / scale), with the scale at which it also passes through (q_n-1, tau_n-1)
    scale = (last - quantiles[:, -2:-1]) / np.log((1 - levels[-2]) / (1 - levels[-1])) + 1e-9
    largest = np.ceil((last + scale * np.log((1 - levels[-1]) / TAIL)).max())
    edges = _units("quantiles", largest, len(quantiles)) + 0.5
    tail = 1 - (1 - levels[-1]) * np.exp(-np.maximum(edges - last, 0) / scale)
    known = np.concatenate([[0.0], levels])
    within = np.array([np.interp(edges, np.append(0.0, row), known) for row in quantiles])
    return _normalised(np.diff(np.where(edges > last, tail, within), axis=1, prepend=0))


def total_demand(days: Sequence[Demand]) -> Demand:
    """Demand summed over days that may differ, independent of each other.

    Parameters
    ----------
    days : sequence of Demand
        One a day, all of the same items; at least one.

    Returns
    -------
    Demand
    """
    if len(days) == 0 or len({len(day.probability) for day in days}) > 1:
        raise ParameterError("days is empty, or its tables differ in the number of items; give one table a day")
    n_units = sum(day.probability.shape[1] - 1 for day in days) + 1
    fits("days", len(days) * len(days[0].probability) * n_units)
    # The transform of a sum's distribution is the product of the transforms.
    transform = np.prod([np.fft.rfft(day.probability, n_units) for day in days], axis=0)
    return _normalised(np.fft.irfft(transform, n_units))


def demand_over_days(demand: Demand, days: int) -> Demand:
    """Demand summed over days that are alike and independent; over lead time + review for a protection interval.

    Parameters
    ----------
    demand : Demand
        Demand of one day.
    days : int
        Number of days, at least 0; over no days demand is 0.

    Returns
    -------
    Demand
    """
    days = whole("days", days)
    if days == 1:
        return demand
    n_units = days * (demand.probability.shape[1] - 1) + 1
    fits("days", len(demand.probability) * n_units)
    return _normalised(np.fft.irfft(np.fft.rfft(demand.probability, n_units) ** days, n_units))


def demand_over_random_days(demand: Demand, days_probability) -> Demand:
    """Demand over a number of days that is itself random, as under a lead time that varies.

    Parameters
    ----------
    demand : Demand
        Demand of one day.
    days_probability : array (n_days,) or (n_items, n_days)
        P(the interval lasts k days), k = 0, 1, ...; rows sum to 1. Independent of demand.

    Returns
    -------
    Demand
    """
    chances = Demand(np.atleast_2d(finite("days_probability", days_probability))).probability
    n_items, n_days = len(demand.probability), chances.shape[1]
    chances = spread_over("days_probability", chances, (n_items, n_days))
    fits("days_probability", n_days * n_items * n_days * demand.probability.shape[1])
    sums = [demand_over_days(demand, days).probability for days in range(n_days)]
    # P(D = d) = sum over k of P(k days) P(D_1 + ... + D_k = d)
    mixture = np.zeros((n_items, sums[-1].shape[1]))
    for days, table in enumerate(sums):
        mixture[:, : table.shape[1]] += chances[:, days : days + 1] * table
    return _normalised(mixture)


@dataclass(frozen=True)
class Newsvendor:
    """The best level and its expected cost.

    Attributes
    ----------
    level : float or array
        Units in stock before demand [S].
    cost : float or array
        Expected holding and shortage cost at that level.
    """

    level: np.ndarray
    cost: np.ndarray


def critical_ratio(holding_cost, shortage_cost) -> np.ndarray:
    """The probability of no shortage at which holding one unit more costs as much as it saves.

    Parameters
    ----------
    holding_cost : float or array
        Cost of a unit left over [h], above 0.
    shortage_cost : float or array
        Cost of a unit short [p], above 0.

    Returns
    -------
    float or array, p / (p + h), in (0, 1).

    Raises
    ------
    ParameterError
        If a cost is not above 0.

    Source
    ------
    Snyder & Shen, Fundamentals of Supply Chain Theory, 2nd ed., section 4.3.
    """
    holding_cost, shortage_cost = above("holding_cost", holding_cost), above("shortage_cost", shortage_cost)
    together(holding_cost=holding_cost, shortage_cost=shortage_cost)
    return shortage_cost / (shortage_cost + holding_cost)


def normal_shortage(level, mean, std) -> np.ndarray:
    """Expected units short of a level under normal demand, E[(D - y)+].

    Parameters
    ----------
    level, mean, std : float or array
        Units before demand [y]; mean and standard deviation of demand [mu, sigma], the latter above 0.

    Returns
    -------
    float or array

    Source
    ------
    The standard normal loss function; Snyder & Shen, appendix C.
    """
    std = above("std", std)
    together(level=level, mean=mean, std=std)
    z = (finite("level", level) - finite("mean", mean)) / std
    # E[(D - y)+] = sigma (phi(z) - z (1 - Phi(z)))
    return std * (norm.pdf(z) - z * norm.sf(z))


def normal_newsvendor(mean, std, holding_cost, shortage_cost, *, periods: int = 1) -> Newsvendor:
    """Best level against normal demand, summed over several periods.

    Parameters
    ----------
    mean, std : float or array
        Mean and standard deviation of one period's demand [mu, sigma].
    holding_cost, shortage_cost : float or array
        Cost per unit and period [h, p].
    periods : int
        Periods the level must last; lead time + review for a base-stock level.

    Returns
    -------
    Newsvendor

    Raises
    ------
    ParameterError
        If a cost is not above 0, or the mean or the standard deviation below it.

    Source
    ------
    Snyder & Shen, examples 4.3 (one period) and 4.4 (base stock, periods = 4 + 1).
    """
    z = norm.ppf(critical_ratio(holding_cost, shortage_cost))
    together(mean=mean, std=std, costs=z)
    periods = whole("periods", periods, 1)
    spread = np.sqrt(periods) * at_least("std", std)
    # S = mu L + z sigma sqrt(L),  cost = (h + p) phi(z) sigma sqrt(L)
    level = periods * at_least("mean", mean) + z * spread
    cost = (np.asarray(holding_cost) + np.asarray(shortage_cost)) * norm.pdf(z) * spread
    return Newsvendor(level, cost)


def poisson_newsvendor(mean, holding_cost, shortage_cost, *, periods: int = 1) -> Newsvendor:
    """Best whole-number level against Poisson demand, summed over several periods.

    Parameters
    ----------
    mean : float or array
        Mean of one period's demand [lambda].
    holding_cost, shortage_cost : float or array
        Cost per unit and period [h, p].
    periods : int
        Periods the level must last.

    Returns
    -------
    Newsvendor; level is the smallest S with P(demand <= S) >= p / (p + h).

    Source
    ------
    Snyder & Shen, section 4.3 (discrete demand).
    """
    total = whole("periods", periods, 1) * at_least("mean", mean)
    ratio = critical_ratio(holding_cost, shortage_cost)
    together(mean=total, costs=ratio)
    level = poisson.ppf(ratio, total)
    # E[(S - D)+] = sum_{d<S} P(D <= d) = S P(D <= S) - lambda P(D <= S - 1)
    left_over = level * poisson.cdf(level, total) - total * poisson.cdf(level - 1, total)
    # E[(D - S)+] = lambda - S + E[(S - D)+]
    short = total - level + left_over
    return Newsvendor(level, np.asarray(holding_cost) * left_over + np.asarray(shortage_cost) * short)


def negative_binomial_newsvendor(mean, variance, holding_cost, shortage_cost, *, periods: int = 1) -> Newsvendor:
    """Best whole-number level against negative binomial demand, summed over several independent periods.

    Parameters
    ----------
    mean, variance : float or array
        Mean and variance of one period's demand, variance above mean.
    holding_cost, shortage_cost : float or array
        Cost per unit and period [h, p].
    periods : int
        Periods the level must last.

    Returns
    -------
    Newsvendor; level is the smallest S with P(demand <= S) >= p / (p + h).

    Source
    ------
    Snyder & Shen, section 4.3 (discrete demand).
    """
    ratio = critical_ratio(holding_cost, shortage_cost)
    mean, size, chance = negative_binomial_parameters(mean, variance)
    together(mean=mean, costs=ratio)
    periods = whole("periods", periods, 1)
    total, size = periods * mean, periods * size  # the sum of such demands keeps its chance
    level = nbinom.ppf(ratio, size, chance)
    # E[(S - D)+] = S P(D <= S) - mu P(D' <= S - 1), with one more in the size of D'
    left_over = level * nbinom.cdf(level, size, chance) - total * nbinom.cdf(level - 1, size + 1, chance)
    short = total - level + left_over
    return Newsvendor(level, np.asarray(holding_cost) * left_over + np.asarray(shortage_cost) * short)


def level_cost(demand: Demand, level, holding_cost, shortage_cost) -> np.ndarray:
    """Expected cost of any whole level [G(y)], good or bad, against any table of demand.

    Parameters
    ----------
    demand : Demand
        Demand of the time the level must last, n_items rows.
    level : int, array (n_items,), or array (n_items, n_levels)
        Units in stock before demand [y], of either sign.
    holding_cost, shortage_cost : float or array (n_items,)
        Cost per unit left over and per unit short [h, p].

    Returns
    -------
    array (n_items,), or (n_items, n_levels) if the levels are.
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


def table_newsvendor(demand: Demand, holding_cost, shortage_cost) -> Newsvendor:
    """Best whole-number level against any table of demand.

    Parameters
    ----------
    demand : Demand
        Demand of the time the level must last, as by `demand_over_days`; n_items rows.
    holding_cost, shortage_cost : float or array (n_items,)
        Cost per unit left over and per unit short [h, p].

    Returns
    -------
    Newsvendor; level, int (n_items,), is the smallest S with P(demand <= S) >= p / (p + h).
    """
    level = demand.quantile(critical_ratio(holding_cost, shortage_cost))
    return Newsvendor(level, level_cost(demand, level, holding_cost, shortage_cost))


def sample_newsvendor(samples: np.ndarray, service_level) -> np.ndarray:
    """Best level against a sampled demand distribution: the smallest sample that enough of the samples do not exceed.

    Parameters
    ----------
    samples : array (n_items, n_samples)
        Draws of each item's demand.
    service_level : float or array (n_items,) or (n_levels, 1 or n_items)
        Least probability of no shortage, in (0, 1); the critical ratio for least cost.

    Returns
    -------
    array (n_items,), or (n_levels, n_items)

    Raises
    ------
    ParameterError
        If a service level is not inside (0, 1), or a sample is NaN, infinite or masked.
    """
    service_level = inside("service_level", service_level)
    finite("samples", samples)
    samples = np.asarray(samples)
    if samples.ndim != 2 or 0 in samples.shape:
        raise ParameterError(f"samples, shape {samples.shape}: give (n_items, n_samples), none of them 0")
    shape = (*service_level.shape[:-1], len(samples)) if service_level.ndim == 2 else (len(samples),)
    service_level = spread_over("service_level", service_level, shape)
    # The k-th smallest, k = ceil(ratio n); the small subtraction keeps 0.55 * 100 = 55.000...01 at k = 55.
    rank = np.ceil(service_level * samples.shape[1] - 1e-9).astype(int) - 1  # counted from 0
    ordered = np.partition(samples, np.unique(rank), axis=1)
    return np.take_along_axis(ordered, np.atleast_2d(rank).T, axis=1).T.reshape(rank.shape)
