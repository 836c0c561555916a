"""How good a walk was: service, turnover and cost, over all items together or for each."""

import numpy as np

from bowerbird.inventory.costs import Costs
from bowerbird.inventory.simulate import Walk


def _total(units: np.ndarray, per_item: bool) -> np.ndarray:
    """Sum over days, and over items unless each is asked for."""
    return units.sum(axis=1) if per_item else units.sum()


def _ratio(numerator, denominator, otherwise) -> np.ndarray:
    """numerator / denominator, and `otherwise` where the denominator is 0."""
    otherwise = np.array(np.broadcast_to(otherwise, np.shape(numerator)), float)
    return np.divide(numerator, denominator, out=otherwise, where=np.asarray(denominator) != 0)[()]


def fill_rate(walk: Walk, per_item: bool = False) -> np.ndarray:
    """The contest's service level: units satisfied on their day / units demanded; 1 where nothing is demanded.

    Parameters
    ----------
    walk : Walk
    per_item : bool
        Whether to return one value an item instead of one for all.

    Returns
    -------
    float, or array (n_items,), in [0, 1].
    """
    return _ratio(_total(walk.sales, per_item), _total(walk.demand, per_item), 1.0)


def cycle_service(walk: Walk, per_item: bool = False) -> np.ndarray:
    """Share of cycles without a shortage [alpha]; what the critical ratio of the newsvendor aims at.

    A cycle is the `review` days from one possible arrival to the next. Cycles start on day `lead_time`, as no order
    can help earlier days; days after the last whole cycle are left out.

    Parameters
    ----------
    walk : Walk
    per_item : bool
        Whether to return one value an item instead of one for all.

    Returns
    -------
    float, or array (n_items,), in [0, 1]; NaN if the walk is too short for a cycle.
    """
    n_items, n_days = walk.demand.shape
    n_cycles = max(n_days - walk.lead_time, 0) // walk.review
    days = walk.unmet[:, walk.lead_time : walk.lead_time + n_cycles * walk.review]
    met = (days.reshape(n_items, n_cycles, walk.review) == 0).all(axis=2)  # (n_items, n_cycles)
    return _ratio(_total(met, per_item).astype(float), _total(np.ones_like(met), per_item), np.nan)


def turnover_days(walk: Walk, per_item: bool = False) -> np.ndarray:
    """The contest's turnover: (opening + closing stock) / 2 x days / units sold.

    Parameters
    ----------
    walk : Walk
    per_item : bool
        Whether to return one value an item instead of one for all.

    Returns
    -------
    float, or array (n_items,), days; without sales infinite if stock lies there, else 0.
    """
    stock = (walk.opening_stock[:, :1] + walk.closing_stock[:, -1:]) / 2  # (n_items, 1)
    stock = _total(stock, per_item)
    # The mean stock of the period lasts so many days at the period's rate of sale.
    return _ratio(stock * walk.demand.shape[1], _total(walk.shipped, per_item), np.where(stock > 0, np.inf, 0.0))


def holding_cost(walk: Walk, costs: Costs) -> np.ndarray:
    """Cost of the units on hand at the end of each day, (n_items,)."""
    return costs.holding * walk.closing_stock.sum(axis=1)


def shortage_cost(walk: Walk, costs: Costs) -> np.ndarray:
    """Cost of the units short on each day, (n_items,): a lost unit counts once, a backorder every day it waits."""
    return costs.shortage * walk.unmet.sum(axis=1)


def ordering_cost(walk: Walk, costs: Costs) -> np.ndarray:
    """Fixed cost of the orders placed, (n_items,)."""
    return costs.order * (walk.orders > 0).sum(axis=1)


def summary(walk: Walk, costs: Costs) -> dict[str, float]:
    """One row of a table that compares policies.

    Parameters
    ----------
    walk : Walk
    costs : Costs
        Cost coefficients; `assumed_costs` if no prices are known.

    Returns
    -------
    dict: fill_rate, cycle_service, turnover_days, mean_stock (units on hand at the end of a day, all items together),
    orders (number placed), holding_cost, shortage_cost, ordering_cost, total_cost (over all items and days).
    """
    parts = {
        "holding_cost": float(holding_cost(walk, costs).sum()),
        "shortage_cost": float(shortage_cost(walk, costs).sum()),
        "ordering_cost": float(ordering_cost(walk, costs).sum()),
    }
    return {
        "fill_rate": float(fill_rate(walk)),
        "cycle_service": float(cycle_service(walk)),
        "turnover_days": float(turnover_days(walk)),
        "mean_stock": float(walk.closing_stock.sum(axis=0).mean()),
        "orders": int((walk.orders > 0).sum()),
        **parts,
        "total_cost": sum(parts.values()),
    }
