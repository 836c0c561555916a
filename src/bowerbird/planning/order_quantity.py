"""Order quantities beyond the economic one: a quantity discount, and the (r, Q) policy.

The (r, Q) policy: stock is watched all the time, and Q units are ordered when the position falls to r, as textbooks
say; in `inventory.simulate` that is s = r + 1. Demand not met waits.
"""

import numpy as np

from bowerbird.checks import above, at_least, check_size, finite, spread_over
from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import Demand, level_cost
from bowerbird.inventory.policy import EconomicOrder, economic_order_quantity, economic_order_with_backorders


def all_units_discount(order_cost, holding_rate, demand_rate, breakpoints, unit_costs) -> EconomicOrder:
    """The best order quantity when a large order makes every unit of it cheaper (Snyder & Shen, example 3.6).

    Price c_j holds from b_j units on; holding costs the share `holding_rate` [i] of a unit's price per unit of time.
    The cost includes the units' price.
    """
    breakpoints, unit_costs = at_least("breakpoints", breakpoints), above("unit_costs", unit_costs)
    if breakpoints[0] != 0 or (np.diff(breakpoints) <= 0).any():
        raise ParameterError(f"breakpoints are {breakpoints}; start at 0 and let them rise")
    if (np.diff(unit_costs) >= 0).any():
        raise ParameterError(f"unit_costs are {unit_costs}; each must lie below the one before")
    holding = above("holding_rate", holding_rate) * unit_costs
    order_cost, demand_rate = above("order_cost", order_cost), above("demand_rate", demand_rate)
    # Below its breakpoint a price cannot be had. Past the next one the lower price costs less anyway.
    quantity = np.maximum(economic_order_quantity(order_cost, holding, demand_rate).quantity, breakpoints)
    # c D + K D / Q + i c Q / 2
    cost = unit_costs * demand_rate + order_cost * demand_rate / quantity + holding * quantity / 2
    return EconomicOrder(quantity[cost.argmin()], cost.min())


def exact_reorder_quantity(
    lead_time_demand: Demand, *, demand_rate, holding_cost, shortage_cost, order_cost
) -> tuple[np.ndarray, np.ndarray]:
    """The whole r and Q (n_items,) of least expected cost per unit of time, exact if units are asked for one at a time.

    The position passes r + 1 ... r + Q evenly, so with G(y) the holding and shortage cost per unit of time of lead-time
    demand met from position y,

        cost(r, Q) = (K D + sum_{y = r+1 ... r+Q} G(y)) / Q

    The best Q positions are the Q cheapest ones. They lie side by side, as G falls and then rises; so G is sorted, and
    the best Q is read off one running sum (Federgruen & Zheng, Operations Research 40, 1992; Snyder & Shen, example
    5.8).
    """
    n_items, n_units = lead_time_demand.probability.shape
    per_cycle = _per_cycle(n_items, demand_rate, order_cost)[:, None]  # K D
    costs = above("holding_cost", holding_cost), above("shortage_cost", shortage_cost)
    width = np.ceil(np.max(economic_order_with_backorders(order_cost, *costs, demand_rate).quantity)) + 2
    while True:
        cells = n_items * (n_units + 2 * width)
        check_size(f"order_cost and holding_cost: a search over {width:,.0f} units", cells)
        positions = np.arange(-int(width), n_units + int(width))
        G = level_cost(lead_time_demand, np.broadcast_to(positions, (n_items, len(positions))), *costs)
        order = np.argsort(G, axis=1, kind="stable")
        cheapest_first = np.take_along_axis(G, order, axis=1)
        cost = (per_cycle + np.cumsum(cheapest_first, axis=1)) / np.arange(1, len(positions) + 1)
        quantity = cost.argmin(axis=1) + 1
        # Positions left out cost more than both ends; what costs more than the mean cannot lower the mean.
        if (np.minimum(G[:, 0], G[:, -1]) >= cost.min(axis=1)).all():
            break
        width *= 2
    lowest = np.minimum.accumulate(order, axis=1)[np.arange(n_items), quantity - 1]
    return positions[lowest] - 1, quantity


def reorder_quantity_cost(
    reorder_point, quantity, lead_time_demand: Demand, *, demand_rate, holding_cost, shortage_cost, order_cost
) -> np.ndarray:
    """Exact expected cost per unit of time of any whole (r, Q), (n_items,), with the demand of a lead time."""
    shape = lead_time_demand.probability.shape[:1]
    quantity = spread_over("quantity", at_least("quantity", quantity, 1), shape)[:, None]
    reorder_point = spread_over("reorder_point", finite("reorder_point", reorder_point), shape)[:, None]
    check_size("quantity", quantity.size * quantity.max())
    steps = np.arange(1, quantity.max() + 1)
    G = level_cost(lead_time_demand, reorder_point + steps, holding_cost, shortage_cost)  # (n_items, largest Q)
    return (_per_cycle(shape[0], demand_rate, order_cost) + (G * (steps <= quantity)).sum(axis=1)) / quantity[:, 0]


def _per_cycle(n_items: int, demand_rate, order_cost) -> np.ndarray:
    """K D, (n_items,)."""
    return spread_over("order_cost", at_least("order_cost", order_cost), (n_items,)) * spread_over(
        "demand_rate", above("demand_rate", demand_rate), (n_items,)
    )
