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
from scipy.signal import lfilter
from scipy.stats import norm

from bowerbird.checks import MOST_STEPS, above, at_least, finite, fits, inside, spread_over, together, whole
from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import (
    Demand,
    critical_ratio,
    demand_over_days,
    level_cost,
    normal_newsvendor,
    normal_shortage,
    sample_newsvendor,
)
from bowerbird.inventory.simulate import SamplePaths


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


@dataclass(frozen=True)
class EconomicOrder:
    """An order quantity and what it costs; floats or arrays (n_items,).

    Attributes
    ----------
    quantity : Units an order [Q].
    cost : Cost per unit of time.
    backordered_share : Share of demand that waits for the next order [x]; 0 where nothing may wait.
    price_level : Index of the discount that the quantity earns; 0 where there is none.
    """

    quantity: np.ndarray
    cost: np.ndarray
    backordered_share: np.ndarray | float = 0.0
    price_level: np.ndarray | int = 0


def order_quantity_cost(quantity, order_cost, holding_cost, demand_rate) -> np.ndarray:
    """Ordering and holding cost per unit of time of any order quantity.

    Parameters
    ----------
    quantity : float or array
        Units an order [Q], above 0.
    order_cost, holding_cost, demand_rate : float or array
        As in `economic_order_quantity`.

    Returns
    -------
    float or array
    """
    # K D / Q + h Q / 2
    quantity = above("quantity", quantity)
    together(quantity=quantity, order_cost=order_cost, holding_cost=holding_cost, demand_rate=demand_rate)
    ordering = at_least("order_cost", order_cost) * at_least("demand_rate", demand_rate) / quantity
    return ordering + at_least("holding_cost", holding_cost) * quantity / 2


def economic_order_quantity(order_cost, holding_cost, demand_rate) -> EconomicOrder:
    """The order quantity of least ordering and holding cost.

    Parameters
    ----------
    order_cost : float or array
        Fixed cost of an order [K], at least 0.
    holding_cost : float or array
        Cost per unit in stock and unit of time [h], above 0.
    demand_rate : float or array
        Units per unit of time [D], at least 0.

    Returns
    -------
    EconomicOrder

    Raises
    ------
    ParameterError
        If a cost or rate is out of range.

    Source
    ------
    Snyder & Shen, Fundamentals of Supply Chain Theory, 2nd ed., example 3.1.
    """
    order_cost, demand_rate = at_least("order_cost", order_cost), at_least("demand_rate", demand_rate)
    holding_cost = above("holding_cost", holding_cost)
    together(order_cost=order_cost, holding_cost=holding_cost, demand_rate=demand_rate)
    # Q = sqrt(2 K D / h),  cost = sqrt(2 K D h) = h Q
    quantity = np.sqrt(2 * order_cost * demand_rate / holding_cost)
    return EconomicOrder(quantity, holding_cost * quantity)


def economic_order_quantity_as_printed(stock_cost, shortage_cost, demand_rate) -> np.ndarray:
    """The formula with the labels of document 003: Q = sqrt(2 C D / H), C "unit stock cost", H "unit shortage cost".

    The formula is right, its labels are not: C must be the cost of an order and H the cost of holding a unit.
    Taken at its word it orders more the dearer stock is, and has no cost of an order at all.

    Parameters
    ----------
    stock_cost, shortage_cost, demand_rate : float or array
        C, H and D as labelled.

    Returns
    -------
    float or array, units.
    """
    together(stock_cost=stock_cost, shortage_cost=shortage_cost, demand_rate=demand_rate)
    numerator = 2 * at_least("stock_cost", stock_cost) * at_least("demand_rate", demand_rate)
    return np.sqrt(numerator / above("shortage_cost", shortage_cost))


def economic_order_with_backorders(order_cost, holding_cost, shortage_cost, demand_rate) -> EconomicOrder:
    """The best order quantity when demand may wait for the next order, at a cost.

    Parameters
    ----------
    order_cost, holding_cost, demand_rate : float or array
        As in `economic_order_quantity` [K, h, D].
    shortage_cost : float or array
        Cost per unit waiting and unit of time [p], above 0.

    Returns
    -------
    EconomicOrder

    Source
    ------
    Snyder & Shen, example 3.8.
    """
    holding_cost, shortage_cost = above("holding_cost", holding_cost), above("shortage_cost", shortage_cost)
    together(holding_cost=holding_cost, shortage_cost=shortage_cost)
    # A unit of Q costs h p / (h + p) in place of h: part of it is stocked, the share x = h / (h + p) waits.
    share = holding_cost / (holding_cost + shortage_cost)
    order = economic_order_quantity(order_cost, share * shortage_cost, demand_rate)
    return EconomicOrder(order.quantity, order.cost, share)


def economic_production_quantity(order_cost, holding_cost, demand_rate, production_rate) -> EconomicOrder:
    """The best batch when it arrives bit by bit, at a finite rate of production.

    Parameters
    ----------
    order_cost, holding_cost, demand_rate : float or array
        As in `economic_order_quantity` [K, h, D].
    production_rate : float or array
        Units made per unit of time [mu], above the demand rate.

    Returns
    -------
    EconomicOrder

    Raises
    ------
    ParameterError
        If production is too slow for demand.

    Source
    ------
    Snyder & Shen, problem 3.22.
    """
    holding_cost, demand_rate = above("holding_cost", holding_cost), at_least("demand_rate", demand_rate)
    production_rate = above("production_rate", production_rate)
    together(holding_cost=holding_cost, demand_rate=demand_rate, production_rate=production_rate)
    if not (production_rate > demand_rate).all():
        short = np.max(demand_rate - production_rate)
        raise ParameterError(f"production_rate falls {short:g} short of demand_rate; it must be above it")
    # Stock peaks at Q (1 - D / mu): a unit of Q costs that share of h.
    return economic_order_quantity(order_cost, holding_cost * (1 - demand_rate / production_rate), demand_rate)


def _prices(breakpoints, unit_costs) -> tuple[np.ndarray, np.ndarray]:
    """Price list as arrays (..., n_prices), checked."""
    breakpoints, unit_costs = at_least("breakpoints", breakpoints), above("unit_costs", unit_costs)
    if not breakpoints.size or breakpoints.shape[-1:] != unit_costs.shape[-1:]:
        raise ParameterError(
            f"breakpoints has shape {breakpoints.shape} and unit_costs {unit_costs.shape}; give one breakpoint a price"
        )
    if (breakpoints[..., 0] != 0).any() or (np.diff(breakpoints) <= 0).any():
        raise ParameterError(f"breakpoints are {breakpoints}; start at 0 and let them rise")
    if (np.diff(unit_costs) >= 0).any():
        raise ParameterError(f"unit_costs are {unit_costs}; each must lie below the one before")
    return breakpoints, unit_costs


def _cheapest_price(quantity: np.ndarray, cost: np.ndarray) -> EconomicOrder:
    """The candidate of least cost; both arrays (..., n_prices)."""
    level = cost.argmin(axis=-1)
    quantity, cost = (np.take_along_axis(x, level[..., None], axis=-1)[..., 0] for x in (quantity, cost))
    return EconomicOrder(quantity[()], cost[()], price_level=level[()])


def all_units_discount(order_cost, holding_rate, demand_rate, breakpoints, unit_costs) -> EconomicOrder:
    """The best order quantity when a large order makes every unit of it cheaper.

    Parameters
    ----------
    order_cost : float or array (n_items,)
        Fixed cost of an order [K].
    holding_rate : float or array (n_items,)
        Holding cost as a share of a unit's price per unit of time [i], above 0.
    demand_rate : float or array (n_items,)
        Units per unit of time [D].
    breakpoints : array (n_prices,) or (n_items, n_prices)
        Units from which each price holds [b], rising from 0.
    unit_costs : array (n_prices,) or (n_items, n_prices)
        Price of a unit at each [c], falling.

    Returns
    -------
    EconomicOrder; the cost includes the units' price.

    Raises
    ------
    ParameterError
        If a cost is out of range or the price list out of order.

    Source
    ------
    Snyder & Shen, example 3.6.
    """
    breakpoints, unit_costs = _prices(breakpoints, unit_costs)
    order_cost, rate = at_least("order_cost", order_cost)[..., None], above("holding_rate", holding_rate)[..., None]
    demand_rate = at_least("demand_rate", demand_rate)[..., None]
    unconstrained = economic_order_quantity(order_cost, rate * unit_costs, demand_rate).quantity
    # Below its breakpoint a price cannot be had. Past the next one the lower price costs less anyway.
    quantity = np.maximum(unconstrained, breakpoints)
    # c D + K D / Q + i c Q / 2, with the orders counted as none where there is no demand
    orders = np.divide(demand_rate, quantity, out=np.zeros_like(quantity), where=quantity > 0)
    cost = unit_costs * demand_rate + order_cost * orders + rate * unit_costs * quantity / 2
    return _cheapest_price(quantity, cost)


def incremental_discount(order_cost, holding_rate, demand_rate, breakpoints, unit_costs) -> EconomicOrder:
    """The best order quantity when only the units beyond a breakpoint are cheaper.

    Parameters
    ----------
    order_cost, holding_rate, demand_rate, breakpoints, unit_costs
        As in `all_units_discount`.

    Returns
    -------
    EconomicOrder; the cost includes the units' price.

    Raises
    ------
    ParameterError
        If a cost is out of range or the price list out of order.

    Source
    ------
    Snyder & Shen, section 3.4 (example 3.7).
    """
    breakpoints, unit_costs = _prices(breakpoints, unit_costs)
    order_cost, rate = at_least("order_cost", order_cost)[..., None], above("holding_rate", holding_rate)[..., None]
    demand_rate = at_least("demand_rate", demand_rate)[..., None]
    # At price j an order of Q units pays e_j + c_j Q, with e_j = sum_{i<j} c_i (b_i+1 - b_i) - c_j b_j
    #                                                           = sum_{i<=j} b_i (c_i-1 - c_i)
    extra = np.cumsum(breakpoints * -np.diff(unit_costs, axis=-1, prepend=unit_costs[..., :1]), axis=-1)
    order = economic_order_quantity(order_cost + extra, rate * unit_costs, demand_rate)
    # What Q really pays is the least of these lines, so the least of their minima is the minimum.
    return _cheapest_price(order.quantity, unit_costs * demand_rate + rate * extra / 2 + order.cost)


def safety_stock(service_level, daily_std, *, lead_time, review=0, daily_mean=0.0, lead_time_std=0.0) -> np.ndarray:
    """Stock on top of expected demand, against demand and lead times that vary.

    Parameters
    ----------
    service_level : float or array
        Probability of no shortage until the next arrival, in (0, 1).
    daily_std : float or array
        Standard deviation of a day's demand [sigma].
    lead_time, review : float or array
        Mean days from order to arrival [LT], and days between reviews [NRT]; 0 if stock is watched all the time.
    daily_mean : float or array
        Mean of a day's demand [mu]; matters where lead times vary.
    lead_time_std : float or array
        Standard deviation of the lead time, days [sigma_L].

    Returns
    -------
    float or array, units.

    Raises
    ------
    ParameterError
        If a service level is not inside (0, 1), or another argument is negative.

    Source
    ------
    Silver, Pyke & Thomas, Inventory and Production Management in Supply Chains, 4th ed., section 6.10.
    """
    service_level = inside("service_level", service_level)
    together(
        service_level=service_level, daily_std=daily_std, lead_time=lead_time, review=review, daily_mean=daily_mean,
        lead_time_std=lead_time_std,
    )  # fmt: skip
    days = at_least("lead_time", lead_time) + at_least("review", review)
    # z sqrt((LT + NRT) sigma^2 + mu^2 sigma_L^2)
    variance = (
        days * at_least("daily_std", daily_std) ** 2
        + (at_least("daily_mean", daily_mean) * at_least("lead_time_std", lead_time_std)) ** 2
    )
    return norm.ppf(service_level) * np.sqrt(variance)


def order_up_to_level(service_level, daily_mean, daily_std, *, lead_time, review=0, lead_time_std=0.0) -> np.ndarray:
    """Expected demand over lead time and review period, and safety stock on top; with review = 0 the reorder point.

    Parameters
    ----------
    service_level, daily_mean, daily_std, lead_time, review, lead_time_std
        As in `safety_stock`.

    Returns
    -------
    float or array, units.

    Source
    ------
    Snyder & Shen, 2nd ed., example 4.4.
    """
    stock = safety_stock(
        service_level, daily_std, lead_time=lead_time, review=review, daily_mean=daily_mean, lead_time_std=lead_time_std
    )
    return np.asarray(daily_mean) * (np.asarray(lead_time) + review) + stock


CHUNK = 64
"""Items solved side by side: as many as keep their arrays in the processor's cache."""

MOST_STEPS_OF_ALL = 5e10
"""Steps of the search for a whole catalogue: some minutes."""


@dataclass(frozen=True)
class ExactLevels:
    """The cheapest (s, S) policy of each item; arrays (n_items,).

    Attributes
    ----------
    s, S : Reorder point and order-up-to level, whole units: a position below s is raised to S.
    cost : Expected ordering, holding and shortage cost per day in the long run.
    """

    s: np.ndarray
    S: np.ndarray
    cost: np.ndarray


@dataclass(frozen=True)
class _Problem:
    """The arguments, checked and spread over the items; costs (n_items,), money per unit and day or per order."""

    demand: Demand  # of a review period, which moves the position
    ends: tuple[Demand, ...]  # over LT + 1 ... LT + NRT days: what the end of each day depends on
    holding_cost: np.ndarray
    shortage_cost: np.ndarray
    order_cost: np.ndarray

    def items(self, rows) -> "_Problem":
        """The same problem for some of the items."""
        demand, *ends = (Demand(table.probability[rows]) for table in (self.demand, *self.ends))
        return _Problem(demand, tuple(ends), self.holding_cost[rows], self.shortage_cost[rows], self.order_cost[rows])

    def review_cost(self, level: np.ndarray) -> np.ndarray:
        """Expected holding and shortage cost of a review period that starts from position `level` [G(y)]."""
        return sum(level_cost(end, level, self.holding_cost, self.shortage_cost) for end in self.ends)


def _problem(demand: Demand, holding_cost, shortage_cost, order_cost, lead_time, review) -> _Problem:
    lead_time, review = whole("lead_time", lead_time), whole("review", review, 1)
    shape = demand.probability.shape[:1]
    return _Problem(
        demand_over_days(demand, review),
        tuple(demand_over_days(demand, lead_time + day) for day in range(1, review + 1)),
        spread_over("holding_cost", above("holding_cost", holding_cost), shape),
        spread_over("shortage_cost", above("shortage_cost", shortage_cost), shape),
        spread_over("order_cost", at_least("order_cost", order_cost), shape),
    )


def _visits(demand: Demand, n_steps: int) -> np.ndarray:
    """Expected number of reviews that find the position j below S [m(j)], (n_items, n_steps)."""
    start = np.zeros(n_steps)
    start[0] = 1.0
    # m(j) = [j = 0] + sum_{d=0..j} P(D = d) m(j - d): what a recursive filter with these weights answers to an impulse.
    filters = -demand.probability
    filters[:, 0] += 1
    return np.array([lfilter([1.0], weights, start) for weights in filters])


def exact_levels(
    demand: Demand, *, holding_cost, shortage_cost, order_cost, lead_time: int = 0, review: int = 1
) -> ExactLevels:
    """The (s, S) policy of least expected cost per day, for all items at once.

    Parameters
    ----------
    demand : Demand
        Demand of one day, the same every day and independent from day to day; n_items rows.
    holding_cost, shortage_cost : float or array (n_items,)
        Cost per unit on hand, and per unit backordered, at the end of a day [h, p], above 0.
    order_cost : float or array (n_items,)
        Fixed cost of an order [K], at least 0; with 0 the result is the base-stock policy s = S.
    lead_time, review : int
        Days from order to arrival [LT] and between reviews [NRT], as in `simulate`.

    Returns
    -------
    ExactLevels; an item without demand is never ordered: s = S = 0.

    Raises
    ------
    ParameterError
        If a cost or a number of days is out of range, or the search would not end within some seconds: the width of it
        grows like sqrt(2 K D / h).

    Source
    ------
    Y.-S. Zheng, A. Federgruen, Operations Research 39 (1991) 654-665; Snyder & Shen, 2nd ed., section 4.4.
    """
    problem = _problem(demand, holding_cost, shortage_cost, order_cost, lead_time, review)
    s, S = (np.zeros(len(demand.probability), np.int64) for _ in range(2))
    cost = np.zeros(len(s))
    # A first guess of how far s and S lie from y*: the order quantity under backorders, and some of demand's spread.
    quantity = economic_order_with_backorders(
        problem.order_cost, problem.holding_cost, problem.shortage_cost, demand.mean
    ).quantity
    width = np.ceil(1.1 * quantity + 3 * np.sqrt(problem.ends[-1].variance)) + 3
    left = np.flatnonzero(demand.probability[:, 0] < 1)
    while len(left):
        steps = 12 * width[left] * (width[left] + demand.probability.shape[1])  # for each S and s, some passes
        searched = f"order_cost and holding_cost: a search over {width[left].max():,.0f} units"
        fits(searched, steps.max(), MOST_STEPS)
        fits(f"{searched} for {len(left)} items", steps.sum(), MOST_STEPS_OF_ALL)
        left = left[np.argsort(width[left], kind="stable")]
        found = []
        for rows in np.split(left, range(CHUNK, len(left), CHUNK)):
            s[rows], S[rows], cost[rows], complete = _search(problem.items(rows), int(width[rows[-1]]))
            found.append(complete)
        left = left[~np.concatenate(found)]
        width[left] *= 2
    return ExactLevels(s, S, cost / review)


def _search(problem: _Problem, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Best s, S and cost per review within `width` units of y*, and whether nothing outside can be better."""
    n_items = len(problem.demand.probability)
    levels = np.broadcast_to(np.arange(problem.ends[-1].probability.shape[1]), problem.ends[-1].probability.shape)
    cheapest = problem.review_cost(levels).argmin(axis=1)[:, None]  # y*, (n_items, 1)
    G = problem.review_cost(cheapest + np.arange(-width, width + 1))  # (n_items, 2 width + 1), y* in column `width`
    visits = _visits(problem.demand, 2 * width)
    reviews = np.cumsum(visits, axis=1)
    order_cost = problem.order_cost[:, None]

    best = np.full(n_items, np.inf)
    s, S = np.zeros(n_items, np.int64), np.zeros(n_items, np.int64)
    for climb in range(width + 1):  # S = y* + climb
        if not (G[:, width + climb] <= best).any():
            break
        fall = climb + width  # positions S, S - 1, ... down to y* - width + 1
        # cost(s, S) = (K + sum_j m(j) G(S - j)) / sum_j m(j) for every s at once; those at or below y* are kept
        costs = (order_cost + np.cumsum(visits[:, :fall] * G[:, fall:0:-1], axis=1)) / reviews[:, :fall]
        costs = costs[:, climb:]
        row = costs.argmin(axis=1)
        lowest = np.take_along_axis(costs, row[:, None], axis=1)[:, 0]
        better = lowest < best
        best = np.where(better, lowest, best)
        S = np.where(better, cheapest[:, 0] + climb, S)
        s = np.where(better, cheapest[:, 0] - row, s)
    # A better S beyond the grid would need G(S) <= best, and a better s below it G(s) <= best; G only rises outwards.
    complete = (G[:, 0] > best) & (G[:, -1] > best)
    return s, S, best, complete


def levels_cost(
    demand: Demand, s, S, *, holding_cost, shortage_cost, order_cost, lead_time: int = 0, review: int = 1
) -> np.ndarray:
    """Exact expected cost per day of any whole (s, S), to hold a rule against the best.

    Parameters
    ----------
    demand, holding_cost, shortage_cost, order_cost, lead_time, review
        As in `exact_levels`.
    s, S : int or array (n_items,)
        A position below s is raised to S; s <= S.

    Returns
    -------
    array (n_items,); an item without demand keeps S for ever.

    Raises
    ------
    ParameterError
        As in `exact_levels`, or if s exceeds S.
    """
    problem = _problem(demand, holding_cost, shortage_cost, order_cost, lead_time, review)
    n_items = len(demand.probability)
    s, S = (spread_over(name, finite(name, level), (n_items,)) for name, level in (("s", s), ("S", S)))
    if not (s <= S).all():
        raise ParameterError(f"s exceeds S by {np.max(s - S):g}; every reorder point must be at most its S")
    fits("S - s", n_items * (S - s).max(initial=0) * demand.probability.shape[1], MOST_STEPS)
    fits("S - s", n_items * (S - s).max(initial=0))
    cost = problem.review_cost(S)
    moves = np.flatnonzero(demand.probability[:, 0] < 1)
    if len(moves):
        problem, s, S = problem.items(moves), s[moves], S[moves]
        below = np.arange((S - s).max() + 1)  # j
        visits = _visits(problem.demand, len(below)) * (below <= (S - s)[:, None])
        G = problem.review_cost(S[:, None] - below)
        cost[moves] = (problem.order_cost + (visits * G).sum(axis=1)) / visits.sum(axis=1)
    return cost / review


@dataclass(frozen=True)
class ReorderQuantity:
    """An (r, Q) policy of each item; arrays (n_items,).

    Attributes
    ----------
    reorder_point : An order is placed when the position falls to it [r].
    quantity : Units an order [Q].
    cost : Expected ordering, holding and shortage cost per unit of time.
    """

    reorder_point: np.ndarray
    quantity: np.ndarray
    cost: np.ndarray


def exact_reorder_quantity(
    lead_time_demand: Demand, *, demand_rate, holding_cost, shortage_cost, order_cost
) -> ReorderQuantity:
    """The (r, Q) policy of least expected cost, for any whole-number lead-time demand, all items at once.

    Parameters
    ----------
    lead_time_demand : Demand
        Demand between an order and its arrival; n_items rows. Exact if units are asked for one at a time.
    demand_rate : float or array (n_items,)
        Expected units per unit of time [D], above 0.
    holding_cost, shortage_cost : float or array (n_items,)
        Cost per unit in stock, and per unit backordered, and unit of time [h, p], above 0.
    order_cost : float or array (n_items,)
        Fixed cost of an order [K], at least 0.

    Returns
    -------
    ReorderQuantity, whole units.

    Raises
    ------
    ParameterError
        If a cost or rate is out of range.

    Source
    ------
    A. Federgruen, Y.-S. Zheng, Operations Research 40 (1992) 808-813; Snyder & Shen, 2nd ed., example 5.8.
    """
    n_items, n_units = lead_time_demand.probability.shape
    rate = spread_over("demand_rate", above("demand_rate", demand_rate), (n_items,))
    holding_cost, shortage_cost, order_cost = (
        spread_over(name, check(name, cost), (n_items,))
        for name, check, cost in (
            ("holding_cost", above, holding_cost), ("shortage_cost", above, shortage_cost),
            ("order_cost", at_least, order_cost),
        )
    )  # fmt: skip
    per_cycle = (order_cost * rate)[:, None]  # K D
    economic = economic_order_with_backorders(order_cost, holding_cost, shortage_cost, rate).quantity
    width = np.ceil(economic.max()) + 2
    while True:
        cells = n_items * (n_units + 2 * width)
        fits(f"order_cost and holding_cost: a search over {width:,.0f} units", cells)
        positions = np.arange(-int(width), n_units + int(width))
        G = level_cost(
            lead_time_demand, np.broadcast_to(positions, (n_items, len(positions))), holding_cost, shortage_cost
        )
        order = np.argsort(G, axis=1, kind="stable")
        cheapest_first = np.take_along_axis(G, order, axis=1)
        costs = (per_cycle + np.cumsum(cheapest_first, axis=1)) / np.arange(1, len(positions) + 1)
        quantity = costs.argmin(axis=1) + 1
        cost = costs[np.arange(n_items), quantity - 1]
        # Positions left out cost more than both ends; what costs more than the mean cannot lower the mean.
        if (np.minimum(G[:, 0], G[:, -1]) >= cost).all():
            break
        width *= 2
    lowest = np.minimum.accumulate(order, axis=1)[np.arange(n_items), quantity - 1]
    return ReorderQuantity(positions[lowest] - 1, quantity, cost)


def reorder_quantity_cost(
    reorder_point, quantity, lead_time_demand: Demand, *, demand_rate, holding_cost, shortage_cost, order_cost
) -> np.ndarray:
    """Exact expected cost per unit of time of any whole (r, Q), to hold a rule against the best.

    Parameters
    ----------
    reorder_point, quantity : int or array (n_items,)
        r, of either sign, and Q, at least 1.
    lead_time_demand, demand_rate, holding_cost, shortage_cost, order_cost
        As in `exact_reorder_quantity`.

    Returns
    -------
    array (n_items,)
    """
    shape = lead_time_demand.probability.shape[:1]
    quantity = spread_over("quantity", at_least("quantity", quantity, 1), shape)[:, None]
    reorder_point = spread_over("reorder_point", finite("reorder_point", reorder_point), shape)[:, None]
    fits("quantity", quantity.size * quantity.max())
    steps = np.arange(1, quantity.max() + 1)
    G = level_cost(lead_time_demand, reorder_point + steps, holding_cost, shortage_cost)  # (n_items, largest Q)
    ordering = spread_over("order_cost", at_least("order_cost", order_cost), shape) * spread_over(
        "demand_rate", above("demand_rate", demand_rate), shape
    )
    return (ordering + (G * (steps <= quantity)).sum(axis=1)) / quantity[:, 0]


def normal_reorder_quantity_cost(
    reorder_point, quantity, *, demand_rate, mean, std, holding_cost, shortage_cost, order_cost
) -> np.ndarray:
    """Exact expected cost per unit of time of any (r, Q) under normal lead-time demand.

    Parameters
    ----------
    reorder_point, quantity : float or array
        r and Q, the latter above 0.
    demand_rate : float or array
        Expected units per unit of time [D].
    mean, std : float or array
        Mean and standard deviation of lead-time demand [mu, sigma].
    holding_cost, shortage_cost, order_cost : float or array
        As in `exact_reorder_quantity` [h, p, K].

    Returns
    -------
    float or array

    Source
    ------
    Snyder & Shen, example 5.1.
    """
    quantity, std, mean = above("quantity", quantity), above("std", std), at_least("mean", mean)
    reorder_point, demand_rate = finite("reorder_point", reorder_point), at_least("demand_rate", demand_rate)
    holding_cost, shortage_cost = above("holding_cost", holding_cost), above("shortage_cost", shortage_cost)
    order_cost = at_least("order_cost", order_cost)
    together(
        reorder_point=reorder_point, quantity=quantity, demand_rate=demand_rate, mean=mean, std=std,
        holding_cost=holding_cost, shortage_cost=shortage_cost, order_cost=order_cost,
    )  # fmt: skip

    def second_loss(level):
        # integral over y > level of E[(D - y)+] = sigma^2 ((z^2 + 1) (1 - Phi(z)) - z phi(z)) / 2
        z = (level - mean) / std
        return std**2 * ((z**2 + 1) * norm.sf(z) - z * norm.pdf(z)) / 2

    top = reorder_point + quantity
    # integral over r < y < r + Q of G(y) = h (y - mu) + (h + p) E[(D - y)+]
    in_stock = holding_cost * quantity * (reorder_point + quantity / 2 - mean)
    short = (holding_cost + shortage_cost) * (second_loss(reorder_point) - second_loss(top))
    return (order_cost * demand_rate + in_stock + short) / quantity


def normal_reorder_point(quantity, *, mean, std, holding_cost, shortage_cost) -> np.ndarray:
    """The best reorder point for a given order quantity under normal lead-time demand: G(r) = G(r + Q).

    Parameters
    ----------
    quantity : float or array
        Units an order [Q], above 0.
    mean, std, holding_cost, shortage_cost : float or array
        As in `normal_reorder_quantity_cost` [mu, sigma, h, p].

    Returns
    -------
    float or array

    Source
    ------
    Snyder & Shen, example 5.2.
    """
    quantity, std = above("quantity", quantity), above("std", std)
    holding_cost, shortage_cost = above("holding_cost", holding_cost), above("shortage_cost", shortage_cost)
    together(quantity=quantity, mean=mean, std=std, holding_cost=holding_cost, shortage_cost=shortage_cost)

    # G(r + Q) - G(r) = h Q + (h + p) (n(r + Q) - n(r)) rises with r; its zero lies where r is below and r + Q above y*.
    high = normal_newsvendor(mean, std, holding_cost, shortage_cost).level
    low = high - quantity
    for _ in range(100):  # bisection, to the last digit
        middle = (low + high) / 2
        less_short = normal_shortage(middle, mean, std) - normal_shortage(middle + quantity, mean, std)
        rises = holding_cost * quantity > (holding_cost + shortage_cost) * less_short
        low, high = np.where(rises, low, middle), np.where(rises, middle, high)
    return high[()]


def eoq_with_safety_stock(*, demand_rate, mean, std, holding_cost, shortage_cost, order_cost) -> ReorderQuantity:
    """The common approximation: Q of known demand, r of the newsvendor, as if they had nothing to do with each other.

    Parameters
    ----------
    demand_rate, mean, std, holding_cost, shortage_cost, order_cost : float or array
        As in `normal_reorder_quantity_cost` [D, mu, sigma, h, p, K].

    Returns
    -------
    ReorderQuantity with its exact cost.

    Source
    ------
    Snyder & Shen, example 5.5.
    """
    costs = {"holding_cost": holding_cost, "shortage_cost": shortage_cost}
    quantity = economic_order_quantity(order_cost, holding_cost, demand_rate).quantity
    point = normal_newsvendor(mean, std, holding_cost, shortage_cost).level
    cost = normal_reorder_quantity_cost(
        point, quantity, demand_rate=demand_rate, mean=mean, std=std, order_cost=order_cost, **costs
    )
    return ReorderQuantity(point, quantity, cost)


def eoq_with_backorders(*, demand_rate, mean, std, holding_cost, shortage_cost, order_cost) -> ReorderQuantity:
    """The better approximation: Q of known demand that may wait, then the best r for that Q.

    Parameters
    ----------
    demand_rate, mean, std, holding_cost, shortage_cost, order_cost : float or array
        As in `normal_reorder_quantity_cost` [D, mu, sigma, h, p, K].

    Returns
    -------
    ReorderQuantity with its exact cost, at most 1/8 above the best.

    Source
    ------
    Y.-S. Zheng, Management Science 38 (1992) 87-103; Snyder & Shen, example 5.4.
    """
    costs = {"holding_cost": holding_cost, "shortage_cost": shortage_cost}
    quantity = economic_order_with_backorders(order_cost, holding_cost, shortage_cost, demand_rate).quantity
    point = normal_reorder_point(quantity, mean=mean, std=std, **costs)
    cost = normal_reorder_quantity_cost(
        point, quantity, demand_rate=demand_rate, mean=mean, std=std, order_cost=order_cost, **costs
    )
    return ReorderQuantity(point, quantity, cost)
