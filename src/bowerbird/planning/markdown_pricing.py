"""When to mark down, and how far: the last stock of an item at its end of life, sold over a few periods.

The price steps down a ladder and never up again; what is left in the end brings its salvage value. Demand of a period
is Poisson with a mean that depends on the price and the period. Dynamic programming over (period, units left, rung)
gives the best rung at every turn.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.stats import poisson

from bowerbird.checks import at_least, finite, fits, one, whole
from bowerbird.errors import ParameterError


@dataclass(frozen=True)
class Markdown:
    """The best markdown plan.

    Attributes
    ----------
    value : array (n_periods + 1, n_units + 1, n_prices)
        Expected revenue to come, net of holding, from the start of a period with so many units left and the price on
        this rung before the period's decision; the last row is the salvage value.
    rung : int array (n_periods, n_units + 1, n_prices)
        Rung to sell at in that period.
    bound : float
        Value of the plan if demand came exactly as expected and the price could also rise: an upper bound of
        `value[0, n_units, 0]`.
    """

    value: np.ndarray
    rung: np.ndarray
    bound: float


def markdown_plan(
    n_units: int, prices: np.ndarray, mean_demand: np.ndarray, *, salvage: float = 0.0, holding_cost: float = 0.0
) -> Markdown:
    """Best prices for a stock that is to be sold off.

    Parameters
    ----------
    n_units : int
        Units in stock [n], at least 0.
    prices : array (n_prices,)
        The ladder, falling, money per unit [p].
    mean_demand : array (n_periods, n_prices)
        Expected units asked for in each period at each price [lambda], at least 0.
    salvage : float
        Money per unit left after the last period; below 0 if it costs to be rid of it.
    holding_cost : float
        Money per unit left at the end of a period [h], at least 0.

    Returns
    -------
    Markdown

    Raises
    ------
    ParameterError
        If an argument is out of range or has the wrong shape.

    Source
    ------
    Gallego & van Ryzin 1994, section 5, with discrete periods and monotone prices; backward induction.
    """
    prices, mean_demand = finite("prices", prices), at_least("mean_demand", mean_demand)
    n_units, holding_cost = (
        whole("n_units", n_units),
        one("holding_cost", at_least("holding_cost", holding_cost)),
    )
    if prices.ndim != 1 or not prices.size or not (np.diff(prices) < 0).all():
        raise ParameterError(f"prices is {prices.tolist()}; give a falling ladder of at least one price")
    if mean_demand.shape[1:] != prices.shape or not len(mean_demand):
        raise ParameterError(f"mean_demand, shape {mean_demand.shape}: give (n_periods, {prices.size})")
    salvage = one("salvage", finite("salvage", salvage))
    fits("n_units", float(n_units + 1) ** 2)
    n_periods, n_prices = mean_demand.shape

    value = np.empty((n_periods + 1, n_units + 1, n_prices))
    rung = np.empty((n_periods, n_units + 1, n_prices), int)
    value[-1] = salvage * np.arange(n_units + 1)[:, None]
    for t in reversed(range(n_periods)):
        # Q_t(n, k) = E[ p_k sold + V_{t+1}(n - sold, k) - h (n - sold) ],  sold = min(D_k, n)
        quality = np.empty((n_units + 1, n_prices))
        for k in range(n_prices):
            left = _chances_left(n_units, mean_demand[t, k])  # (n before, n after)
            units = np.arange(n_units + 1)
            sold = units - left @ units
            quality[:, k] = prices[k] * sold + left @ (value[t + 1, :, k] - holding_cost * units)
        # V_t(n, j) = max_{k >= j} Q_t(n, k); of equal ones the highest price
        for j in range(n_prices):
            rung[t, :, j] = j + quality[:, j:].argmax(axis=1)
            value[t, :, j] = np.take_along_axis(quality, rung[t, :, j, None], axis=1)[:, 0]
    return Markdown(value, rung, _deterministic_bound(n_units, prices, mean_demand, salvage, holding_cost))


def _chances_left(n_units: int, mean: float) -> np.ndarray:
    """Chance of each number of units left after Poisson demand, rows: units before, (n_units + 1, n_units + 1)."""
    units = np.arange(n_units + 1)
    sold = units[:, None] - units  # what must be asked for to leave so many; leaving none takes at least that much
    chance = np.where(sold >= 0, poisson.pmf(np.maximum(sold, 0), mean), 0.0)
    chance[:, 0] = poisson.sf(units - 1, mean)
    return chance


def _deterministic_bound(n_units: int, prices, mean_demand, salvage: float, holding_cost: float) -> float:
    """The fluid problem: shares w of each period at each price, demand as expected, no more sold than there is."""
    n_periods, n_prices = mean_demand.shape
    # max sum_tk lambda_tk w_tk (p_k - salvage + h (T - t)) + n (salvage - h T)
    saved = prices - salvage + holding_cost * (n_periods - np.arange(n_periods))[:, None]  # (n_periods, n_prices)
    shares_of_period = np.kron(np.eye(n_periods), np.ones(n_prices))
    plan = linprog(
        -(mean_demand * saved).ravel(),
        A_ub=np.vstack([shares_of_period, mean_demand.ravel()]),
        b_ub=np.append(np.ones(n_periods), n_units),
    )
    return float(-plan.fun + n_units * (salvage - holding_cost * n_periods))
