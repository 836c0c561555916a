"""How good a walk was: service, turnover and cost, over all items together or for each.

Every measure needs no more than what the days add up to, so it takes a `Walk` or its `Totals`, which `monte_carlo`
makes without keeping the days.
"""

from dataclasses import dataclass

import numpy as np

from bowerbird.inventory.costs import Costs
from bowerbird.inventory.simulate import Walk


@dataclass(frozen=True)
class Totals:
    """What the days of a walk add up to; arrays (n_items,), or (n_paths, n_items) where many paths were walked.

    Attributes
    ----------
    demand, sales, shipped, unmet : Units, as in `Walk`.
    stock : Unit-days on hand, the closing stocks of all days.
    orders : Number of orders placed.
    met_cycles : Cycles without a shortage, of `n_cycles`.
    opening_stock, closing_stock : On hand before the first day and after the last.
    n_days, n_cycles : int
    """

    demand: np.ndarray
    sales: np.ndarray
    shipped: np.ndarray
    unmet: np.ndarray
    stock: np.ndarray
    orders: np.ndarray
    met_cycles: np.ndarray
    opening_stock: np.ndarray
    closing_stock: np.ndarray
    n_days: int
    n_cycles: int


def count_cycles(n_days: int, lead_time: int, review: int) -> int:
    """Whole cycles of a walk, `review` days each, from the first possible arrival on day `lead_time`."""
    return max(n_days - lead_time, 0) // review


def totals(walk: Walk | Totals) -> Totals:
    """Totals of a walk, one value an item."""
    if isinstance(walk, Totals):
        return walk
    n_items, n_days = walk.demand.shape
    n_cycles = count_cycles(n_days, walk.lead_time, walk.review)
    days = walk.unmet[:, walk.lead_time : walk.lead_time + n_cycles * walk.review]
    met = (days.reshape(n_items, n_cycles, walk.review) == 0).all(axis=2)  # (n_items, n_cycles)
    return Totals(
        demand=walk.demand.sum(axis=1),
        sales=walk.sales.sum(axis=1),
        shipped=walk.shipped.sum(axis=1),
        unmet=walk.unmet.sum(axis=1),
        stock=walk.closing_stock.sum(axis=1),
        orders=(walk.orders > 0).sum(axis=1),
        met_cycles=met.sum(axis=1),
        opening_stock=walk.opening_stock[:, 0],
        closing_stock=walk.closing_stock[:, -1],
        n_days=n_days,
        n_cycles=n_cycles,
    )


def _over(per_item: bool, *amounts: np.ndarray) -> list[np.ndarray]:
    """The amounts themselves, one an item (and path), or summed over all."""
    return [amount if per_item else amount.sum() for amount in amounts]


def _ratio(numerator, denominator, otherwise) -> np.ndarray:
    """numerator / denominator, and `otherwise` where the denominator is 0."""
    otherwise = np.array(np.broadcast_to(otherwise, np.shape(numerator)), float)
    return np.divide(numerator, denominator, out=otherwise, where=np.asarray(denominator) != 0)[()]


def fill_rate(walk: Walk | Totals, per_item: bool = False) -> np.ndarray:
    """The contest's service level: units satisfied on their day / units demanded; 1 where nothing is demanded.

    Parameters
    ----------
    walk : Walk or Totals
    per_item : bool
        Whether to return one value an item instead of one for all.

    Returns
    -------
    float, or array like the totals, in [0, 1].
    """
    total = totals(walk)
    return _ratio(*_over(per_item, total.sales, total.demand), 1.0)


def cycle_service(walk: Walk | Totals, per_item: bool = False) -> np.ndarray:
    """Share of cycles without a shortage [alpha]; what the critical ratio of the newsvendor aims at.

    A cycle is the `review` days from one possible arrival to the next. Cycles start on day `lead_time`, as no order
    can help earlier days; days after the last whole cycle are left out.

    Parameters
    ----------
    walk : Walk or Totals
    per_item : bool
        Whether to return one value an item instead of one for all.

    Returns
    -------
    float, or array like the totals, in [0, 1]; NaN if the walk is too short for a cycle.
    """
    total = totals(walk)
    return _ratio(*_over(per_item, total.met_cycles, np.full_like(total.met_cycles, total.n_cycles)), np.nan)


def turnover_days(walk: Walk | Totals, per_item: bool = False) -> np.ndarray:
    """The contest's turnover: (opening + closing stock) / 2 x days / units sold.

    Parameters
    ----------
    walk : Walk or Totals
    per_item : bool
        Whether to return one value an item instead of one for all.

    Returns
    -------
    float, or array like the totals, days; without sales infinite if stock lies there, else 0.
    """
    total = totals(walk)
    stock, shipped = _over(per_item, (total.opening_stock + total.closing_stock) / 2, total.shipped)
    # The mean stock of the period lasts so many days at the period's rate of sale.
    return _ratio(stock * total.n_days, shipped, np.where(stock > 0, np.inf, 0.0))


def holding_cost(walk: Walk | Totals, costs: Costs) -> np.ndarray:
    """Cost of the units on hand at the end of each day, for each item."""
    return costs.holding * totals(walk).stock


def shortage_cost(walk: Walk | Totals, costs: Costs) -> np.ndarray:
    """Cost of the units short on each day, for each item: a lost unit counts once, a backorder every day it waits."""
    return costs.shortage * totals(walk).unmet


def ordering_cost(walk: Walk | Totals, costs: Costs) -> np.ndarray:
    """Fixed cost of the orders placed, for each item."""
    return costs.order * totals(walk).orders


def summary(walk: Walk | Totals, costs: Costs) -> dict[str, float]:
    """One row of a table that compares policies.

    Parameters
    ----------
    walk : Walk or Totals
    costs : Costs
        Cost coefficients; `assumed_costs` if no prices are known.

    Returns
    -------
    dict: fill_rate, cycle_service, turnover_days, mean_stock (units on hand at the end of a day, all items together),
    orders (number placed), holding_cost, shortage_cost, ordering_cost, total_cost (over all items and days).
    """
    total = totals(walk)
    parts = {
        "holding_cost": float(holding_cost(total, costs).sum()),
        "shortage_cost": float(shortage_cost(total, costs).sum()),
        "ordering_cost": float(ordering_cost(total, costs).sum()),
    }
    return {
        "fill_rate": float(fill_rate(total)),
        "cycle_service": float(cycle_service(total)),
        "turnover_days": float(turnover_days(total)),
        "mean_stock": float(total.stock.sum() / total.n_days),
        "orders": int(total.orders.sum()),
        **parts,
        "total_cost": sum(parts.values()),
    }
