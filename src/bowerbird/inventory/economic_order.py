"""How much to order at a time when demand is steady and known? The economic order quantity and its relatives.

Each order costs K, each unit in stock h per unit of time: a large Q orders rarely and stocks much. All arguments take
arrays; time is any unit that demand rate and holding cost share.
"""

from dataclasses import dataclass

import numpy as np

from bowerbird.checks import above, at_least, together
from bowerbird.errors import ParameterError


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
