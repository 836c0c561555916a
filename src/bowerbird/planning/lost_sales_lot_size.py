"""When to order known demand that may also be given up? Wagner and Whitin's dynamic program with lost sales, batched.

As in `dynamic_lot_size`, stock is empty when an order arrives; a day's demand is met from the last order, or lost where
that costs less. Every item may have another price on every day, so that prices of a shared capacity fit in.
"""

import numpy as np

from bowerbird.checks import at_least, finite, spread_over
from bowerbird.errors import ParameterError


def lost_sales_lot_sizes(demand, holding_cost, order_cost, unit_cost, lost_sale_cost) -> tuple[np.ndarray, np.ndarray]:
    """Orders and lost sales of least cost, all items at once.

    Parameters
    ----------
    demand : array (n_items, n_days)
        Units asked for each day [d].
    holding_cost, order_cost, lost_sale_cost : array (n_items,)
        Per unit on hand at the end of a day [h], per order [K], per unit of demand not met [p], which may be infinite.
    unit_cost : array (n_items, n_days)
        Price of a unit by its day of arrival [c].

    Returns
    -------
    orders, lost : array (n_items, n_days)
        Units that arrive, and units of demand given up, each day.

    Source
    ------
    H. Wagner, T. Whitin, Management Science 5 (1958) 89-96; with lost sales D. Aksen, K. Altinkemer, S. Chand,
    European Journal of Operational Research 145 (2003) 617-637.
    """
    demand = at_least("demand", demand)
    if demand.ndim != 2 or not demand.size:
        raise ParameterError(f"demand, shape {demand.shape}: give (n_items, n_days), none of them 0")
    n_items, n_days = demand.shape
    holding_cost, order_cost, lost_sale_cost = (
        spread_over(name, at_least(name, cost, endless=name == "lost_sale_cost"), (n_items,))
        for name, cost in (
            ("holding_cost", holding_cost), ("order_cost", order_cost), ("lost_sale_cost", lost_sale_cost)
        )
    )  # fmt: skip
    unit_cost = spread_over("unit_cost", finite("unit_cost", unit_cost), demand.shape)
    days, h, p = np.arange(n_days), holding_cost[:, None], lost_sale_cost[:, None]
    lose = np.where(demand > 0, p, 0.0) * np.where(demand > 0, demand, 1.0)  # an infinite cost of no demand is none
    least = np.full((n_items, n_days + 1), np.inf)  # F(e): least cost of the days before e
    least[:, 0] = 0.0
    begin = np.zeros((n_items, n_days + 1), int)  # day of the order that serves day e - 1 in F(e), -1 if none is left
    for s in range(n_days):
        # F(s + 1) = F(s) + p d_s: nothing to sell from
        given_up = least[:, s] + lose[:, s]
        np.copyto(begin[:, s + 1], -1, where=given_up < least[:, s + 1])
        np.minimum(least[:, s + 1], given_up, out=least[:, s + 1])
        # F(e) = min_s F(s) + K + sum_{s<=t<e} min(p, c_s + h (t - s)) d_t
        unit = np.minimum(p, unit_cost[:, s, None] + h * (days[s:] - s))  # (n_items, n_days - s)
        cost = (least[:, s] + order_cost)[:, None] + np.cumsum(unit * demand[:, s:], axis=1)
        np.copyto(begin[:, s + 1 :], s, where=cost < least[:, s + 1 :])
        np.minimum(least[:, s + 1 :], cost, out=least[:, s + 1 :])

    opened, end = np.zeros(demand.shape, bool), np.full(n_items, n_days)
    for e in range(n_days, 0, -1):  # backwards: the block of days that ends at e began with an order, or was lost
        rows = np.flatnonzero(end == e)
        start = begin[rows, e]
        opened[rows[start >= 0], start[start >= 0]] = True
        end[rows] = np.where(start < 0, e - 1, start)

    source = np.maximum.accumulate(np.where(opened, days, -1), axis=1)  # day of the last order so far, -1 before one
    price = np.take_along_axis(unit_cost, np.maximum(source, 0), axis=1) + h * (days - source)
    met = (source >= 0) & (price < p) & (demand > 0)
    orders = np.zeros(demand.shape)
    item, day = np.nonzero(met)
    np.add.at(orders, (item, source[item, day]), demand[item, day])
    return orders, np.where(met, 0.0, demand)
