"""Reorder points s and order-up-to levels S for every day of the plan, from the forecast's distribution.

An order of day t arrives at the start of day t + LT; the next order can only arrive at t + NRT + LT. What is in stock
or on order after the review of day t must therefore serve the days t + LT ... t + LT + NRT - 1; until the end of the
last one passes the protection interval. G(y) is the expected holding and shortage cost of these days for a position y.

* If an order costs nothing, s and S are both the y that makes G least, a base-stock policy: the critical ratio's
  quantile of the demand until the end of those days, the newsvendor's level.
* If it costs K, orders of about the economic quantity with backorders, Q = sqrt(2 K D / h x (p + h) / p), are placed,
  and s lies where the Q positions from s to S = s + Q - 1 are the cheapest in a row: G(s) = G(s + Q) (Zheng, Management
  Science 38, 1992). Between two reviews the position falls on, which lends an order (NRT - 1) / 2 days' demand.

For demand that does not change, `exact_levels` gives the best pair itself; these come within 3 % of its cost at daily
reviews, 5 % at weekly ones. They suppose that demand not met waits. Where it is lost, less is owed when orders arrive,
and they err upwards.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from bowerbird.checks import above, at_least, fits, inside, spread_over, whole
from bowerbird.errors import ParameterError
from bowerbird.inventory.demand_paths import SamplePaths
from bowerbird.inventory.newsvendor import critical_ratio, normal_shortage, sample_newsvendor


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
    service_level : float or array (n_items,) or (n_levels, 1 or n_items), optional
        Least probability that a day ends without a shortage, if every review orders up to s; several at once, in rows,
        where an order costs nothing.
    holding_cost, shortage_cost : float or array (n_items,), optional
        Cost per unit and day [h, p]; in place of a service level, which is then p / (p + h).
    order_cost : float or array (n_items,)
        Fixed cost of an order [K]; needs holding_cost.
    n_days : int, optional
        Length of the plan; the horizon by default. A horizon of n_days + LT + NRT - 1 leaves nothing to repeat.

    Returns
    -------
    Levels of int64, rounded up; arrays (n_levels, n_items, n_days) for several service levels.

    Raises
    ------
    ParameterError
        If costs and service level are missing, both given, or out of range, order_cost meets several service levels, or
        samples are negative, NaN, infinite or masked.

    Source
    ------
    The contest's statement of the (s, S) problem; Snyder & Shen, 2nd ed., chapter 4; Zheng (1992).
    """
    ratio = _service_level(service_level, holding_cost, shortage_cost, order_cost)
    if ratio.ndim > 1 and np.any(np.asarray(order_cost) > 0):
        raise ParameterError("order_cost is above 0 and service_level has rows; give one service level an item")
    samples = SamplePaths(samples).samples
    n_items, n_samples, horizon = samples.shape
    n_days = whole("n_days", horizon if n_days is None else n_days, 1)
    lead_time, review = whole("lead_time", lead_time), whole("review", review, 1)
    # A day costs some 100,000 steps beside the samples
    fits("n_days, lead_time and review", (n_items * n_samples + 1e5) * n_days * (lead_time + review), 1e11)
    ratio = spread_over("service_level or costs", ratio, (*ratio.shape[:-1], n_items) if ratio.ndim > 1 else (n_items,))
    beyond = max(n_days + lead_time + review - 1 - horizon, 0)
    last = samples[:, :, -1]
    days = np.concatenate([samples, *(np.roll(last, j, axis=1)[:, :, None] for j in range(1, beyond + 1))], axis=2)

    shape = (*np.broadcast_shapes(ratio.shape, (n_items,)), n_days)
    s, S = np.empty(shape, np.int64), np.empty(shape, np.int64)
    for day in range(n_days):
        until = days[:, :, day : day + lead_time + review].cumsum(axis=2)  # (n_items, n_samples, LT + NRT)
        demand = until[:, :, lead_time:].reshape(n_items, -1)  # until the end of each day that the order must serve
        daily_mean = until[:, :, -1].mean(axis=1) / (lead_time + review)
        quantity = np.round(_order_quantity(daily_mean, ratio, holding_cost, order_cost, review))
        quantity = np.maximum(quantity, 1).astype(np.int64)
        best = np.ceil(sample_newsvendor(demand, ratio)).astype(np.int64)

        def falls(y, demand=demand, quantity=quantity) -> np.ndarray:  # G(y) > G(y + Q)
            short, after = (np.maximum(demand - level[:, None], 0).mean(axis=1) for level in (y, y + quantity))
            return short - after > (1 - ratio) * quantity

        s[..., day] = best if quantity.max() == 1 else _first_false(falls, best - quantity, best)
        S[..., day] = s[..., day] + quantity - 1
    return Levels(np.maximum(s, 0), np.maximum(S, 0))


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
    mean = at_least("mean", mean)
    if mean.ndim != 2 or not mean.size:
        raise ParameterError(f"mean, shape {mean.shape}: give (n_items, n_days), none of them 0")
    n_items, n_days = mean.shape
    std = spread_over("std", at_least("std", std), mean.shape)
    lead_time, review = whole("lead_time", lead_time), whole("review", review, 1)
    fits("lead_time and review", n_items * n_days * float(lead_time + review), 1e7)
    z = spread_over("service_level or costs", norm.ppf(ratio), (n_items,))[:, None]
    beyond = ((0, 0), (0, lead_time + review - 1))
    mean, variance = np.pad(mean, beyond, mode="edge"), np.pad(np.square(std), beyond, mode="edge")

    s, S = np.empty((len(mean), n_days)), np.empty((len(mean), n_days))
    for day in range(n_days):
        interval = slice(day, day + lead_time + review)
        # sums over the days in place of mu (LT + j) and sigma sqrt(LT + j), as days differ; (n_items, NRT)
        total = mean[:, interval].cumsum(axis=1)[:, lead_time:]
        spread = np.sqrt(variance[:, interval].cumsum(axis=1)[:, lead_time:])
        single = total + z * spread  # the newsvendor's level for each of the days
        quantity = _order_quantity(total[:, -1] / (lead_time + review), ratio, holding_cost, order_cost, review)

        def short_days(y, total=total, spread=spread) -> np.ndarray:
            return norm.cdf((y[:, None] - total) / np.maximum(spread, 1e-12)).mean(axis=1) < ratio

        def falls(y, total=total, spread=spread, quantity=quantity) -> np.ndarray:  # G(y) > G(y + Q)
            short, after = (
                normal_shortage(level[:, None], total, np.maximum(spread, 1e-12)).mean(axis=1)
                for level in (y, y + quantity)
            )
            return short - after > (1 - ratio) * quantity

        best = single[:, 0] if review == 1 else _first_false(short_days, single.min(axis=1), single.max(axis=1))
        s[:, day] = best if not quantity.any() else _first_false(falls, best - quantity, best)
        S[:, day] = s[:, day] + quantity
    return Levels(s, S)


def _service_level(service_level, holding_cost, shortage_cost, order_cost) -> np.ndarray:
    """The service level asked for, or the one that the two costs make cheapest."""
    if (service_level is None) == (shortage_cost is None):
        raise ParameterError("give either service_level or holding_cost and shortage_cost")
    if holding_cost is None and (shortage_cost is not None or np.any(np.asarray(order_cost) > 0)):
        raise ParameterError("holding_cost is None; shortage_cost and order_cost need it")
    at_least("order_cost", order_cost)
    if shortage_cost is None:
        if holding_cost is not None:
            above("holding_cost", holding_cost)
        return inside("service_level", service_level)
    return critical_ratio(holding_cost, shortage_cost)


def _order_quantity(daily_mean, ratio, holding_cost, order_cost, review: int) -> np.ndarray:
    """Units [Q] between s and the position that sets off no order; 0 where an order costs nothing."""
    if not np.any(np.asarray(order_cost) > 0):
        return np.zeros(np.shape(daily_mean))
    # Q = sqrt(2 K D / h x (p + h) / p) - (NRT - 1) D / 2
    economic = np.sqrt(2 * np.asarray(order_cost) * daily_mean / (np.asarray(holding_cost) * ratio))
    return np.maximum(economic - (review - 1) / 2 * daily_mean, 0)


def _first_false(holds: Callable, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Where a condition that holds at low levels stops to hold, between low and high, by bisection, item by item.

    Whole numbers give the first one at which it does not hold; others are halved until doubles cannot be.
    """
    whole = np.issubdtype(low.dtype, np.integer)
    for _ in range(int((high - low).max()).bit_length() + 1 if whole else 60):
        middle = (low + high) // 2 if whole else (low + high) / 2
        still = holds(middle)
        low, high = np.where(still & (middle < high), middle + whole, low), np.where(still, high, middle)
    return high
