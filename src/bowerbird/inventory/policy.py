"""Reorder points s and order-up-to levels S for every day of the plan, from the forecast's distribution.

An order of day t arrives at the start of day t + LT; the next order can only arrive at t + NRT + LT. What is in stock
or on order after the review of day t must therefore last through the protection interval [t, t + LT + NRT).

* s is the newsvendor level for demand over that interval: a position at or above s needs no order today.
* S = s + Q, with Q the demand expected in the review period after the interval, or sqrt(2 K D / h) if a fixed cost of
  an order makes that larger (D: expected daily demand). Without a fixed cost S = s, a base-stock policy, costs least
  (Snyder & Shen, chapter 4); a review period's demand on top keeps the two levels apart and spares small orders.
  Q and s are set one after the other, a heuristic; `exact_levels` has the optimum. For base stock walk s and s.

The levels suppose that demand not met waits. Where it is lost, less is owed when orders arrive, and they err upwards.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from bowerbird.errors import ParameterError
from bowerbird.inventory.economic_order import economic_order_quantity
from bowerbird.inventory.newsvendor import critical_ratio, sample_newsvendor


@dataclass(frozen=True)
class Levels:
    """The two levels of each item on each day: a position below s is raised to S.

    Attributes
    ----------
    s, S : array (n_items, n_days)
        Reorder point and order-up-to level, units, s <= S.
    """

    s: np.ndarray
    S: np.ndarray


def _service_level(service_level, holding_cost, shortage_cost, order_cost) -> np.ndarray:
    """The service level asked for, or the one that the two costs make cheapest."""
    if (service_level is None) == (shortage_cost is None):
        raise ParameterError("give either service_level or holding_cost and shortage_cost")
    if holding_cost is None and (shortage_cost is not None or np.any(np.asarray(order_cost) > 0)):
        raise ParameterError("holding_cost is None; shortage_cost and order_cost need it")
    return np.asarray(service_level, float) if shortage_cost is None else critical_ratio(holding_cost, shortage_cost)


def _order_quantity(next_review_mean, daily_mean, holding_cost, order_cost) -> np.ndarray:
    """Units [Q] between s and S: the next review period's demand, or the economic order quantity if that is larger."""
    if not np.any(np.asarray(order_cost) > 0):
        return next_review_mean
    return np.maximum(next_review_mean, economic_order_quantity(order_cost, holding_cost, daily_mean).quantity)


def periodic_review_levels(
    samples: np.ndarray,
    *,
    lead_time: int = 3,
    review: int = 1,
    service_level=None,
    holding_cost=None,
    shortage_cost=None,
    order_cost=0.0,
    n_days: int | None = None,
) -> Levels:
    """Levels in whole units from sampled demand paths.

    Parameters
    ----------
    samples : array (n_items, n_samples, horizon)
        Sampled daily demand; a path is one sample over all days. Days beyond the horizon repeat the last day's
        distribution, independent of the days before: the samples of the last day in another order.
    lead_time, review : int
        Days from order to arrival [LT] and between reviews [NRT].
    service_level : float or array (n_items,), optional
        Least probability of no shortage in a protection interval.
    holding_cost, shortage_cost : float or array (n_items,), optional
        Cost per unit and day [h, p]; in place of a service level, which is then p / (p + h).
    order_cost : float or array (n_items,)
        Fixed cost of an order [K]; needs holding_cost.
    n_days : int, optional
        Length of the plan; the horizon by default. A horizon of n_days + LT + 2 NRT - 1 leaves nothing to repeat.

    Returns
    -------
    Levels of int64, rounded up.

    Raises
    ------
    ParameterError
        If costs and service level are missing, both given, or out of range.

    Source
    ------
    The contest's statement of the (s, S) problem; Snyder & Shen, 2nd ed., chapter 4.
    """
    ratio = _service_level(service_level, holding_cost, shortage_cost, order_cost)
    n_items, _, horizon = samples.shape
    n_days = horizon if n_days is None else n_days
    protection = lead_time + review
    beyond = max(n_days + protection + review - 1 - horizon, 0)
    last = samples[:, :, -1]
    days = np.concatenate([samples, *(np.roll(last, j, axis=1)[:, :, None] for j in range(1, beyond + 1))], axis=2)

    s, S = np.empty((n_items, n_days), np.int64), np.empty((n_items, n_days), np.int64)
    for day in range(n_days):
        demand = days[:, :, day : day + protection].sum(axis=2)  # (n_items, n_samples)
        next_review_mean = days[:, :, day + protection : day + protection + review].sum(axis=2).mean(axis=1)
        quantity = _order_quantity(next_review_mean, demand.mean(axis=1) / protection, holding_cost, order_cost)
        s[:, day] = np.ceil(sample_newsvendor(demand, ratio))
        S[:, day] = s[:, day] + np.ceil(quantity)
    return Levels(s, S)


def normal_levels(
    mean: np.ndarray,
    std: np.ndarray,
    *,
    lead_time: int = 3,
    review: int = 1,
    service_level=None,
    holding_cost=None,
    shortage_cost=None,
    order_cost=0.0,
) -> Levels:
    """Levels from the textbook's normal formula, for comparison with those from samples.

    Parameters
    ----------
    mean, std : array (n_items, n_days)
        Mean and standard deviation of each day's demand, taken as independent from day to day; days beyond the last
        repeat it.
    lead_time, review, service_level, holding_cost, shortage_cost, order_cost
        As in `periodic_review_levels`.

    Returns
    -------
    Levels of float64, not rounded.

    Raises
    ------
    ParameterError
        As in `periodic_review_levels`.

    Source
    ------
    Snyder & Shen, 2nd ed., example 4.4.
    """
    ratio = _service_level(service_level, holding_cost, shortage_cost, order_cost)
    z = np.broadcast_to(norm.ppf(ratio), mean.shape[:1])
    n_items, n_days = mean.shape
    protection = lead_time + review
    beyond = ((0, 0), (0, protection + review - 1))
    mean, variance = np.pad(mean, beyond, mode="edge"), np.pad(np.square(std), beyond, mode="edge")

    s, S = np.empty((n_items, n_days)), np.empty((n_items, n_days))
    for day in range(n_days):
        interval = slice(day, day + protection)
        next_review_mean = mean[:, day + protection : day + protection + review].sum(axis=1)
        quantity = _order_quantity(next_review_mean, mean[:, interval].mean(axis=1), holding_cost, order_cost)
        # s = mu (LT + NRT) + z sigma sqrt(LT + NRT), with sums in place of products as days differ
        s[:, day] = mean[:, interval].sum(axis=1) + z * np.sqrt(variance[:, interval].sum(axis=1))
        S[:, day] = s[:, day] + quantity
    return Levels(s, S)
