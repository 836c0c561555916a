"""The order quantity where a large order makes every unit cheaper; the economic one is in `inventory.policy`."""

import numpy as np

from bowerbird.checks import above, at_least
from bowerbird.errors import ParameterError
from bowerbird.inventory.policy import EconomicOrder, economic_order_quantity


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
