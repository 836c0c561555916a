"""Empirical Bayes: many noisy numbers, each believed as far as its noise allows, the rest taken from its group."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from bowerbird.errors import ParameterError


@dataclass(frozen=True)
class Shrunk:
    """Estimates of many true values, each shrunk to its group's, that to the mean of all.

    Attributes
    ----------
    mean, sd : array (n,)
        Of the posterior of each true value.
    group_mean : array (n,)
        The posterior mean of its group.
    within, between : float
        Standard deviation of true values within groups, of groups about the mean of all [tau, omega].
    overall : float
    """

    mean: np.ndarray
    sd: np.ndarray
    group_mean: np.ndarray
    within: float
    between: float
    overall: float


def shrink(observed: np.ndarray, variance: np.ndarray, group: np.ndarray) -> Shrunk:
    """Empirical Bayes for normal observations of normal values in groups.

    observed_i ~ N(theta_i, variance_i), theta_i ~ N(gamma_g, tau^2), gamma_g ~ N(overall, omega^2).

    Parameters
    ----------
    observed : array (n,)
        NaN where nothing was observed: such a value is its group's.
    variance : array (n,)
        Known variance of each observation.
    group : array (n,)
        Group of each value, any labels.

    Returns
    -------
    Shrunk

    Source
    ------
    Morris, J. American Statistical Association 78, 1983; tau^2 and omega^2 by Paule & Mandel, 1982.
    """
    code, names = pd.factorize(group)
    known = ~np.isnan(observed)
    if known.sum() < 2:
        raise ParameterError(f"{known.sum()} of {len(known)} values were observed; give at least 2")
    y, v, g = observed[known], variance[known], code[known]

    def group_means(tau2: float) -> tuple[np.ndarray, np.ndarray]:
        weight = np.bincount(g, 1 / (v + tau2), len(names))
        mean = np.bincount(g, y / (v + tau2), len(names)) / np.where(weight > 0, weight, 1)
        return mean, np.where(weight > 0, 1 / np.where(weight > 0, weight, 1), np.inf)

    n_groups = len(np.unique(g))
    # Paule & Mandel: sum (y - gamma_g)^2 / (v + tau^2) = n - number of groups
    tau2 = _solve(lambda t: ((y - group_means(t)[0][g]) ** 2 / (v + t)).sum() - (len(y) - n_groups), np.var(y))
    estimate, error = group_means(tau2)
    seen = np.isfinite(error)

    def overall_of(omega2: float) -> float:
        return np.average(estimate[seen], weights=1 / (error[seen] + omega2))

    def excess(omega2: float) -> float:
        return ((estimate[seen] - overall_of(omega2)) ** 2 / (error[seen] + omega2)).sum() - (n_groups - 1)

    omega2 = _solve(excess, np.var(estimate[seen])) if n_groups > 1 else 0.0
    overall = overall_of(omega2)
    trust = np.where(seen, omega2 / np.maximum(omega2 + np.where(seen, error, 0), 1e-12), 0)
    gamma = trust * np.where(seen, estimate, 0) + (1 - trust) * overall  # (n_groups,)
    gamma_variance = np.where(seen, trust * np.where(seen, error, 0), omega2)
    own = np.where(known, tau2 / np.maximum(tau2 + variance, 1e-12), 0)  # share of the series' own ratio
    mean = own * np.where(known, observed, 0) + (1 - own) * gamma[code]
    spread = own * np.where(known, variance, 0) + (1 - own) ** 2 * gamma_variance[code] + np.where(known, 0, tau2)
    return Shrunk(mean, np.sqrt(spread), gamma[code], float(np.sqrt(tau2)), float(np.sqrt(omega2)), float(overall))


def _solve(decreasing, scale: float) -> float:
    """Root of a decreasing function on [0, inf); 0 where it is negative from the start."""
    if decreasing(0.0) <= 0:
        return 0.0
    high = max(scale, 1e-6)
    while decreasing(high) > 0:
        high *= 2
    return float(brentq(decreasing, 0.0, high, xtol=1e-10))
