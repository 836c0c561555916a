"""The newsvendor: how high a stock level must be when demand is uncertain."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, poisson

from bowerbird.errors import ParameterError


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
    holding_cost, shortage_cost = np.asarray(holding_cost, float), np.asarray(shortage_cost, float)
    for name, cost in (("holding_cost", holding_cost), ("shortage_cost", shortage_cost)):
        if not (cost > 0).all():
            raise ParameterError(f"{name} holds {cost.min()}; every cost must be above 0")
    return shortage_cost / (shortage_cost + holding_cost)


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

    Source
    ------
    Snyder & Shen, examples 4.3 (one period) and 4.4 (base stock, periods = 4 + 1).
    """
    z = norm.ppf(critical_ratio(holding_cost, shortage_cost))
    spread = np.sqrt(periods) * np.asarray(std, float)
    # S = mu L + z sigma sqrt(L),  cost = (h + p) phi(z) sigma sqrt(L)
    level = periods * np.asarray(mean, float) + z * spread
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
    total = periods * np.asarray(mean, float)
    level = poisson.ppf(critical_ratio(holding_cost, shortage_cost), total)
    # E[(S - D)+] = sum_{d<S} P(D <= d) = S P(D <= S) - lambda P(D <= S - 1)
    left_over = level * poisson.cdf(level, total) - total * poisson.cdf(level - 1, total)
    # E[(D - S)+] = lambda - S + E[(S - D)+]
    short = total - level + left_over
    return Newsvendor(level, np.asarray(holding_cost) * left_over + np.asarray(shortage_cost) * short)


def sample_newsvendor(samples: np.ndarray, service_level) -> np.ndarray:
    """Best level against a sampled demand distribution: the smallest sample that enough of the samples do not exceed.

    Parameters
    ----------
    samples : array (n_items, n_samples)
        Draws of each item's demand.
    service_level : float or array (n_items,)
        Least probability of no shortage, in (0, 1); the critical ratio for least cost.

    Returns
    -------
    array (n_items,)

    Raises
    ------
    ParameterError
        If a service level is not inside (0, 1).
    """
    service_level = np.broadcast_to(np.asarray(service_level, float), samples.shape[:1])
    if not ((service_level > 0) & (service_level < 1)).all():
        raise ParameterError(f"service_level runs from {service_level.min()} to {service_level.max()}; stay in (0, 1)")
    # The k-th smallest, k = ceil(ratio n); the small subtraction keeps 0.55 * 100 = 55.000...01 at k = 55.
    rank = np.ceil(service_level * samples.shape[1] - 1e-9).astype(int) - 1  # (n_items,), counted from 0
    ordered = np.partition(samples, np.unique(rank), axis=1)
    return np.take_along_axis(ordered, rank[:, None], axis=1)[:, 0]
