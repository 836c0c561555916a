"""A lot-sizing problem and a plan for it: who asks for what, what it costs, what it takes in space (MINCOST).

The problem is solved in `lot_sizing` (exactly) and in `lot_sizing_relaxation` (hundreds and thousands of items).
"""

from dataclasses import dataclass, fields

import numpy as np

from bowerbird.checks import at_least, spread_over
from bowerbird.errors import ParameterError


@dataclass(frozen=True)
class LotSizing:
    """A lot-sizing problem. Days are days of arrival, before demand: place each order its lead time earlier.

    Every number by item may also be one for all. Units may be split.

    Attributes
    ----------
    demand : array (n_items, n_days)
        Units asked for each day [d].
    holding_cost : array (n_items,)
        Per unit on hand at the end of a day [h].
    order_cost : array (n_items,)
        Fixed cost of an order [K].
    unit_cost : array (n_items, 1) or (n_items, n_days)
        Purchase cost of a unit [c].
    lost_sale_cost : array (n_items,)
        Cost of a unit of demand that is not met [p]; infinite where all demand must be met.
    capacity : float or array (n_days,), optional
        Most space that may arrive on a day, all items together [C]; None: nothing is shared.
    space : array (n_items,)
        Space of a unit [v]; with 1, capacity counts units.
    order_minimum : array (n_items,)
        Least units of an order [m].
    opening_stock : array (n_items,)
        Units on hand before the first day; they meet the first demand.
    """

    demand: np.ndarray
    holding_cost: np.ndarray
    order_cost: np.ndarray
    unit_cost: np.ndarray = 0.0
    lost_sale_cost: np.ndarray = np.inf
    capacity: np.ndarray | None = None
    space: np.ndarray = 1.0
    order_minimum: np.ndarray = 0.0
    opening_stock: np.ndarray = 0.0

    def __post_init__(self):
        demand = at_least("demand", self.demand)
        if demand.ndim != 2 or demand.size == 0:
            raise ParameterError(f"demand has shape {demand.shape}; give (n_items, n_days), at least one of each")
        shapes = {"demand": demand.shape, "unit_cost": demand.shape, "capacity": demand.shape[1:]}
        for name in (field.name for field in fields(self)):
            if name == "capacity" and self.capacity is None:
                continue
            value = at_least(name, getattr(self, name), endless=name == "lost_sale_cost")
            object.__setattr__(self, name, spread_over(name, value, shapes.get(name, demand.shape[:1])))
        self._check_capacity()

    def _check_capacity(self) -> None:
        """Demand that must be met has to fit into the capacity up to its day."""
        if self.capacity is None:
            return
        needed = np.where(np.isinf(self.lost_sale_cost), self.space, 0) @ self.net_demand  # (n_days,)
        excess = needed.cumsum() - self.capacity.cumsum()
        if (excess > 1e-9 * needed.sum()).any():
            day = int(excess.argmax())
            raise ParameterError(
                f"capacity of days 0 to {day} is {self.capacity[: day + 1].sum():g}, {excess[day]:g} less than the "
                f"demand up to then needs; raise capacity, or give a finite lost_sale_cost"
            )

    @property
    def net_demand(self) -> np.ndarray:
        """Demand left for orders once the opening stock has met the first of it, (n_items, n_days)."""
        beyond = np.maximum(self.demand.cumsum(axis=1) - self.opening_stock[:, None], 0)
        return np.minimum(np.diff(beyond, axis=1, prepend=0), self.demand)

    @property
    def opening_stock_cost(self) -> float:
        """Holding cost of the opening stock until demand has used it up; no order changes it."""
        left = np.maximum(self.opening_stock[:, None] - self.demand.cumsum(axis=1), 0)
        return float(self.holding_cost @ left.sum(axis=1))

    def items(self, rows) -> "LotSizing":
        """The same problem for some items and without the capacity."""
        parts = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "capacity"}
        return LotSizing(**{name: values[rows] for name, values in parts.items()})


@dataclass(frozen=True)
class LotPlan:
    """A feasible plan, and how far at most it is from the best one.

    Attributes
    ----------
    orders : array (n_items, n_days)
        Units that arrive each day [q].
    lost : array (n_items, n_days)
        Units of demand not met.
    stock : array (n_items, n_days)
        Units on hand at the end of each day.
    costs : dict
        holding, ordering, purchase and lost_sales, over all items and days.
    lower_bound : float
        No plan costs less.
    """

    orders: np.ndarray
    lost: np.ndarray
    stock: np.ndarray
    costs: dict[str, float]
    lower_bound: float

    @property
    def cost(self) -> float:
        """Total cost of the plan."""
        return sum(self.costs.values())

    @property
    def gap(self) -> float:
        """Proven distance from the least cost, as a share of the plan's cost."""
        return max(self.cost - self.lower_bound, 0.0) / self.cost if self.cost else 0.0


def plan_of(problem: LotSizing, orders: np.ndarray, lost: np.ndarray, lower_bound: float = -np.inf) -> LotPlan:
    """The plan that given orders and lost sales make, with its stock and costs.

    Parameters
    ----------
    problem : LotSizing
    orders, lost : array (n_items, n_days)
        Units that arrive, and units of demand given up, each day.
    lower_bound : float
        Cost that no plan can undercut, where known.

    Returns
    -------
    LotPlan
    """
    tiny = 1e-9 * (1 + problem.demand.sum(axis=1, keepdims=True))  # a solver's rounding is no order
    orders, lost = np.where(orders > tiny, orders, 0), np.where(lost > tiny, lost, 0)
    # I_t = I_0 + sum_{s<=t} (q_s - d_s + u_s)
    stock = problem.opening_stock[:, None] + np.cumsum(orders - problem.demand + lost, axis=1)
    stock = np.where(np.abs(stock) > 100 * tiny, stock, 0)
    costs = {
        "holding": float(problem.holding_cost @ stock.sum(axis=1)),
        "ordering": float(problem.order_cost @ (orders > 0).sum(axis=1)),
        "purchase": float((problem.unit_cost * orders).sum()),
        "lost_sales": float((np.where(lost > 0, problem.lost_sale_cost[:, None], 0) * lost).sum()),
    }
    return LotPlan(orders, lost, stock, costs, min(lower_bound, sum(costs.values())))
