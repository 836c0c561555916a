"""Simple replenishment rules that the companion articles name: periodic and dynamic replenishment, days of cover.

The rules of levels give `Levels` for `simulate`: a position below s is raised to S.
"""

import numpy as np

from bowerbird.checks import above, at_least, probabilities, spread_over, whole
from bowerbird.errors import ParameterError
from bowerbird.inventory.policy import Levels, order_up_to_level, over_next_days


def periodic_order_quantity(daily_demand, days) -> np.ndarray:
    """Units of an order if the next one comes after `days` days: Q = D t (document 003, section 4.2.1)."""
    return at_least("daily_demand", daily_demand) * above("days", days)


def mean_stock(daily_demand, orders, days) -> np.ndarray:
    """Mean units in stock under steady demand and `orders` evenly spaced orders in `days` days: half an order."""
    # Q / 2 = D t / 2, with t = days / orders
    return periodic_order_quantity(daily_demand, above("days", days) / above("orders", orders)) / 2


def stock_cost(stock, orders, stockouts, *, holding_cost, order_cost, stockout_cost) -> np.ndarray:
    """Total cost of a period as document 004, section 4.1, counts it: C = C_h I + C_p P + C_s S."""
    return (
        at_least("holding_cost", holding_cost) * at_least("stock", stock)
        + at_least("order_cost", order_cost) * at_least("orders", orders)
        + at_least("stockout_cost", stockout_cost) * at_least("stockouts", stockouts)
    )


def available_share(stock, demand) -> np.ndarray:
    """Service level of document 004, section 4.2: stock / demand, at most 1, and 1 without demand (a fill rate)."""
    stock, demand = np.broadcast_arrays(at_least("stock", stock), at_least("demand", demand))
    return np.divide(np.minimum(stock, demand), demand, out=np.ones(demand.shape), where=demand > 0)[()]


def periodic_levels(daily_mean: np.ndarray, days: int, *, lead_time: int, safety=0.0) -> Levels:
    """Periodic replenishment (documents 001, 003): every `days` days order up to expected demand and safety stock.

    `daily_mean` is (n_items, n_days); days beyond the last repeat it. `days` is the review period t of `simulate`.
    """
    # S = D (t + LT) + safety stock: what is asked for until the order after the next has come
    expected = over_next_days("daily_mean", daily_mean, whole("lead_time", lead_time) + whole("days", days, 1))
    level = _rounded_up(expected + spread_over("safety", at_least("safety", safety), (len(expected),))[:, None])
    return Levels(level, level)


def dynamic_levels(demand: np.ndarray, *, window: int, lead_time: int, service_level=0.95) -> Levels:
    """Dynamic replenishment (document 001): each day's level from mean and spread of the `window` days before it.

    `demand` is (n_items, n_days), as it came; the first `window` days get level 0.
    """
    demand = at_least("demand", demand, axes="n_items, n_days")
    n_items, n_days = demand.shape
    service_level = spread_over("service_level", probabilities("service_level", service_level), (n_items,))
    window, lead_time = whole("window", window, 2), whole("lead_time", lead_time)
    level = np.zeros((n_items, n_days))
    if n_days > window:
        before = np.lib.stride_tricks.sliding_window_view(demand[:, :-1], window, axis=1)
        # (n_items, n_days - window, window): the days before each day from `window` on
        mean, std = before.mean(axis=2), before.std(axis=2, ddof=1)
        level[:, window:] = order_up_to_level(service_level[:, None], mean, std, lead_time=lead_time, review=1)
    level = _rounded_up(np.maximum(level, 0))
    return Levels(level, level)


def days_of_cover_levels(daily_mean: np.ndarray, *, min_days: int, max_days: int) -> Levels:
    """Rule of thumb (document 004, RIO): if stock covers fewer than `min_days` days, order enough for `max_days`.

    `daily_mean` is (n_items, n_days); days beyond the last repeat it.
    """
    min_days, max_days = whole("min_days", min_days, 1), whole("max_days", max_days, 1)
    if max_days < min_days:
        raise ParameterError(f"max_days {max_days} is below min_days {min_days}; an order must reach at least as far")
    return Levels(*(_rounded_up(over_next_days("daily_mean", daily_mean, days)) for days in (min_days, max_days)))


def _rounded_up(units: np.ndarray) -> np.ndarray:
    # The small subtraction keeps six days of 7/6, 7.000000000000001, at 7.
    return np.ceil(units - 1e-9).astype(np.int64)
