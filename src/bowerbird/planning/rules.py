"""Simple replenishment rules that the companion articles name: periodic and dynamic replenishment, days of cover.

The rules give `Levels` for `simulate`: a position below s is raised to S.
"""

import numpy as np

from bowerbird.checks import at_least, probabilities, spread_over, whole
from bowerbird.inventory.policy import Levels, order_up_to_level, over_next_days


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
    return Levels(*(_rounded_up(over_next_days("daily_mean", daily_mean, days)) for days in (min_days, max_days)))


def _rounded_up(units: np.ndarray) -> np.ndarray:
    # The small subtraction keeps six days of 7/6, 7.000000000000001, at 7.
    return np.ceil(units - 1e-9).astype(np.int64)
