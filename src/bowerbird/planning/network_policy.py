"""What does a base-stock policy cost in a network, day by day and without foresight?

The network is that of `network`, walked by simple rules in place of a program that knows all demand: each day every
warehouse orders each product up to its level from its cheapest supplier, and serves the merchants whose nearest
warehouse it is. What the rules cost beyond `network_plan` on the same demand is the worth of foresight and planning.
"""

import numpy as np

from bowerbird.checks import at_least
from bowerbird.errors import ParameterError
from bowerbird.planning.network import Network


def base_stock_cost(levels: np.ndarray, network: Network) -> float:
    """Total cost of base-stock levels in a network, over its days; never below the cost of `network_plan`.

    A day runs: orders due arrive; every warehouse orders its position, on hand and on order, up to its level, and a
    supplier over its capacity sends all the same share; merchants ask for the demand of their day of arrival, all of a
    warehouse's get the same share of what it has; what they do not get is lost.

    Parameters
    ----------
    levels : array (n_warehouses, n_products), or of as many entries in that order
        Order-up-to levels [S]; those of a warehouse may not add up to more than its capacity.
    network : Network

    Returns
    -------
    float

    Raises
    ------
    ParameterError
        If the levels do not fit the network.
    """
    n_warehouses, n_products = network.opening_stock.shape
    n_merchants, _, n_days = network.demand.shape
    levels = at_least("levels", levels)
    if levels.size != n_warehouses * n_products:
        raise ParameterError(f"levels has shape {levels.shape}; give ({n_warehouses}, {n_products})")
    levels = levels.reshape(n_warehouses, n_products)
    beyond = levels.sum(axis=1) - network.warehouse_capacity
    if (beyond > 0).any():
        raise ParameterError(f"levels of warehouse {beyond.argmax()} add up to {beyond.max():g} more than its capacity")

    w, m = np.arange(n_warehouses), np.arange(n_merchants)
    supplier, nearest = network.supply_cost.argmin(axis=0), network.delivery_cost.argmin(axis=0)
    price, fare = network.supply_cost[supplier, w], network.delivery_cost[nearest, m]
    lead_time, days_ahead = network.supply_lead_time[supplier, w], network.delivery_lead_time[nearest, m]
    reached = np.isfinite(fare)
    arrivals = np.zeros((n_warehouses, n_products, n_days + lead_time.max() + 1))
    stock, on_order = network.opening_stock.astype(float), np.zeros(levels.shape)
    cost = 0.0
    for day in range(n_days):
        wanted = np.where(np.isfinite(price)[:, None], np.maximum(levels - stock - on_order, 0), 0)
        asked = np.bincount(supplier, wanted.sum(axis=1), len(network.supply_cost))  # (n_suppliers,)
        limit = network.supply_capacity[:, day]
        share = np.divide(limit, asked, out=np.ones(len(asked)), where=asked > limit)
        orders = wanted * share[supplier, None]
        cost += (np.where(np.isfinite(price), price, 0)[:, None] * orders).sum()
        arrivals[w, :, day + lead_time] += orders
        on_order += orders - arrivals[:, :, day]
        stock = stock + arrivals[:, :, day]

        due = day + days_ahead
        here = reached & (due < n_days)
        wishes = np.where(
            here[:, None], network.demand[m, :, np.minimum(due, n_days - 1)], 0
        )  # (n_merchants, n_products)
        total = np.zeros(levels.shape)
        np.add.at(total, nearest, wishes)
        filled = np.divide(stock, total, out=np.ones_like(total), where=total > stock)  # (n_warehouses, n_products)
        sent = wishes * filled[nearest]
        stock = np.maximum(stock - total * filled, 0)
        cost += (np.where(reached, fare, 0) @ sent).sum() + network.lost_sale_cost @ (wishes - sent).sum(axis=1)
        cost += network.holding_cost @ stock.sum(axis=1)
    # Demand that no delivery can reach: before the first arrival, or of a merchant without a route.
    unreachable = ~reached[:, None] | (np.arange(n_days) < days_ahead[:, None])  # (n_merchants, n_days)
    lost = (network.demand * unreachable[:, None, :]).sum(axis=(1, 2))
    return float(cost + network.lost_sale_cost @ lost)
