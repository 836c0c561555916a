"""The newsvendor: how high a stock level must be when demand is uncertain."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import nbinom, norm, poisson

from bowerbird.checks import above, at_least, finite, inside, spread_over, together, whole
from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import Demand, negative_binomial_parameters


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
