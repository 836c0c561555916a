"""What do the simple rules order? Periodic ordering, min-max, moving levels, days of cover: not the best, but at hand.

The companion articles name these rules (001: periodic and dynamic replenishment; 003: Q = D t; 004: stock cost, service
level, rule-based optimisation). Each rule gives `Levels` that `simulate` walks, so that it can be held against
`exact_levels` at equal cost or service: a position below s is raised to S.
"""

import numpy as np

from bowerbird.checks import MOST_STEPS, above, at_least, finite, fits, inside, spread_over, together, whole
from bowerbird.errors import ParameterError
from bowerbird.inventory.policy import Levels, order_up_to_level


def periodic_order_quantity(daily_demand, days) -> np.ndarray:
    """What an order must hold if the next one comes after some days: Q = D t.

    Parameters
    ----------
    daily_demand : float or array
        Mean units a day [D].
    days : float or array
        Days from order to order [t], above 0.

    Returns
    -------
    float or array, units.

    Source
    ------
    Document 003, section 4.2.1.
    """
    together(daily_demand=daily_demand, days=days)
    return at_least("daily_demand", daily_demand) * above("days", days)


def mean_stock(daily_demand, orders, days) -> np.ndarray:
    """The stock that steady demand and evenly spaced orders leave on average: half an order.

    Parameters
    ----------
    daily_demand : float or array
        Units a day [D].
    orders : float or array
        Number of orders in the period, above 0.
    days : float or array
        Length of the period.

    Returns
    -------
    float or array, units; any safety stock comes on top.
    """
    # Q / 2 = D t / 2, with t = days / orders
    together(orders=orders, days=days)
    return periodic_order_quantity(daily_demand, above("days", days) / above("orders", orders)) / 2


def stock_cost(stock, orders, stockouts, *, holding_cost, order_cost, stockout_cost) -> np.ndarray:
    """Total cost as document 004 counts it: C = C_h I + C_p P + C_s S.

    Parameters
    ----------
    stock : float or array
        Mean units in stock [I].
    orders, stockouts : float or array
        Number of orders and of stock-outs in the period [P, S].
    holding_cost : float or array
        Cost per unit in stock for the whole period [C_h].
    order_cost, stockout_cost : float or array
        Cost per order and per stock-out [C_p, C_s].

    Returns
    -------
    float or array

    Source
    ------
    Document 004, section 4.1.
    """
    together(
        stock=stock, orders=orders, stockouts=stockouts, holding_cost=holding_cost, order_cost=order_cost,
        stockout_cost=stockout_cost,
    )  # fmt: skip
    return (
        at_least("holding_cost", holding_cost) * at_least("stock", stock)
        + at_least("order_cost", order_cost) * at_least("orders", orders)
        + at_least("stockout_cost", stockout_cost) * at_least("stockouts", stockouts)
    )


def available_share(stock, demand) -> np.ndarray:
    """Document 004's "service level", stock available / demand: a fill rate, so at most 1; 1 where nothing is asked.

    Parameters
    ----------
    stock, demand : float or array
        Units available and units asked for in the period.

    Returns
    -------
    float or array, in [0, 1].

    Source
    ------
    Document 004, section 4.2.
    """
    together(stock=stock, demand=demand)
    stock, demand = np.broadcast_arrays(at_least("stock", stock), at_least("demand", demand))
    return np.divide(np.minimum(stock, demand), demand, out=np.ones(demand.shape), where=demand > 0)[()]


def min_max_levels(reorder_point, quantity) -> Levels:
    """The min-max rule in whole units: at or below the reorder point, fill up to reorder point + quantity.

    Parameters
    ----------
    reorder_point : array (n_items,) or (n_items, n_days)
        Position at or below which an order is placed [r], rounded up to whole units.
    quantity : float or array
        Units from r to the maximum [Q], above 0, rounded up.

    Returns
    -------
    Levels with s = r + 1, as `simulate` orders below s, and S = r + Q.
    """
    point = np.ceil(np.atleast_1d(finite("reorder_point", reorder_point)))
    S = point + spread_over("quantity", np.ceil(above("quantity", quantity)), point.shape)
    if point.ndim == 1:
        point, S = point[:, None], S[:, None]
    return Levels((point + 1).astype(np.int64), S.astype(np.int64))


def periodic_levels(daily_mean: np.ndarray, days: int, *, lead_time: int, safety=0.0) -> Levels:
    """Periodic replenishment: every `days` days order what is missing until the order after the next has come.

    Parameters
    ----------
    daily_mean : array (n_items, n_days)
        Expected demand of each day; days beyond the last repeat it.
    days, lead_time : int
        Days between orders [t], the review period of `simulate`, and from order to arrival [LT].
    safety : float or array (n_items,)
        Safety stock, units.

    Returns
    -------
    Levels with s = S: D t to order on average, D (t + LT) + safety stock to order up to.

    Source
    ------
    Documents 001 (periodic replenishment) and 003 (Q = D t).
    """
    expected = _over_next_days(daily_mean, whole("lead_time", lead_time) + whole("days", days, 1))
    level = np.ceil(expected + spread_over("safety", at_least("safety", safety), (len(expected),))[:, None])
    return Levels(level.astype(np.int64), level.astype(np.int64))


def dynamic_levels(demand: np.ndarray, *, window: int, lead_time: int, review: int = 1, service_level=0.95) -> Levels:
    """Dynamic replenishment: each day's level from the demand of the last days only, mean and spread.

    Parameters
    ----------
    demand : array (n_items, n_days)
        Demand as it came; the level of a day sees the days before it, never the day itself.
    window : int
        Days looked back, at least 2. The first `window` days have nothing to look back on and get level 0.
    lead_time, review : int
        Days from order to arrival [LT] and between reviews [NRT].
    service_level : float or array (n_items,)
        Probability of no shortage until the next arrival.

    Returns
    -------
    Levels with s = S, (n_items, n_days).

    Source
    ------
    Document 001 (dynamic replenishment, moving averages over a sliding window).
    """
    demand = at_least("demand", demand)
    if demand.ndim != 2:
        raise ParameterError(f"demand, shape {demand.shape}: give (n_items, n_days)")
    n_items, n_days = demand.shape
    service_level = spread_over("service_level", inside("service_level", service_level), (n_items,))
    window = whole("window", window, 2)
    level = np.zeros((n_items, n_days))
    if n_days > window:
        # (n_items, n_days - window, window): the days before each day from `window` on
        before = np.lib.stride_tricks.sliding_window_view(demand[:, :-1], window, axis=1)
        level[:, window:] = order_up_to_level(
            service_level[:, None],
            before.mean(axis=2),
            before.std(axis=2, ddof=1),
            lead_time=whole("lead_time", lead_time),
            review=whole("review", review, 1),
        )
    level = np.ceil(np.maximum(level, 0)).astype(np.int64)
    return Levels(level, level)


def days_of_cover_levels(daily_mean: np.ndarray, *, min_days: int, max_days: int, events=1.0) -> Levels:
    """A rule of thumb: order if the stock covers fewer than so many days, enough to cover so many.

    Parameters
    ----------
    daily_mean : array (n_items, n_days)
        Expected demand of each day; days beyond the last repeat it.
    min_days, max_days : int
        Cover below which an order is placed, and up to which it reaches; the lead time must be thought of by hand.
    events : float or array (n_days,) or (n_items, n_days)
        Factor on expected demand by a planner's rule: 3 before a promotion, 0 at the end of a life.

    Returns
    -------
    Levels

    Raises
    ------
    ParameterError
        If max_days is below min_days.

    Source
    ------
    Document 004 (rule-based optimisation, RIO).
    """
    min_days, max_days = whole("min_days", min_days, 1), whole("max_days", max_days, 1)
    if max_days < min_days:
        raise ParameterError(f"max_days {max_days} is below min_days {min_days}; an order must reach at least as far")
    daily_mean = at_least("daily_mean", daily_mean)
    expected = daily_mean * spread_over("events", at_least("events", events), daily_mean.shape)
    return Levels(*(np.ceil(_over_next_days(expected, days)).astype(np.int64) for days in (min_days, max_days)))


def _over_next_days(daily_mean: np.ndarray, days: int) -> np.ndarray:
    """Expected demand from each day on over some days, the last day repeated beyond the end, (n_items, n_days)."""
    daily_mean = at_least("daily_mean", daily_mean)
    if daily_mean.ndim != 2 or not daily_mean.size:
        raise ParameterError(f"daily_mean, shape {daily_mean.shape}: give (n_items, n_days), none of them 0")
    fits("days", len(daily_mean) * (daily_mean.shape[1] + days))
    fits("days", daily_mean.size * days, MOST_STEPS)
    longer = np.pad(daily_mean, ((0, 0), (0, days - 1)), mode="edge")
    # The small subtraction keeps six days of 7/6, 7.000000000000001, at 7 when they are rounded up.
    return np.lib.stride_tricks.sliding_window_view(longer, days, axis=1).sum(axis=2) - 1e-9
