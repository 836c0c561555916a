"""What moves in a supply network, and at what cost: suppliers, warehouses and merchants over days (SCOLLAB).

It is planned as a whole, and stage by stage, in `network_flow`; `network_policy` walks simple rules through it.
"""

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from bowerbird.checks import at_least, spread_over
from bowerbird.errors import ParameterError


@dataclass(frozen=True)
class Network:
    """A network of suppliers, warehouses and merchants over n_days; numbers may also be one for all.

    Attributes
    ----------
    demand : array (n_merchants, n_products, n_days)
        Units asked for each day [d].
    supply_cost : array (n_suppliers, n_warehouses)
        Price and transport of a unit [a]; infinite where there is no route, as for the other two.
    delivery_cost : array (n_warehouses, n_merchants)
        Transport of a unit [g].
    lost_sale_cost : array (n_merchants,)
        Per unit of demand not met [p].
    transhipment_cost : array (n_warehouses, n_warehouses)
        Transport of a unit from row to column [b]; infinite by default.
    supply_lead_time, delivery_lead_time, transhipment_lead_time : int arrays, of the shapes of the costs
        Days from departure to arrival [L]; with 0, units can go on the same day.
    supply_capacity : array (n_suppliers, n_days)
        Most units that a supplier sends on a day, all products together [U]; infinite for no limit.
    warehouse_capacity : array (n_warehouses,)
        Most units in stock at the end of a day, all products together [V]; infinite for no limit.
    holding_cost : array (n_warehouses,)
        Per unit in stock at the end of a day [h].
    opening_stock : array (n_warehouses, n_products)
        Units in stock before the first day.
    """

    demand: np.ndarray
    supply_cost: np.ndarray
    delivery_cost: np.ndarray
    lost_sale_cost: np.ndarray
    transhipment_cost: np.ndarray = np.inf
    supply_lead_time: np.ndarray = 0
    delivery_lead_time: np.ndarray = 0
    transhipment_lead_time: np.ndarray = 0
    supply_capacity: np.ndarray = np.inf
    warehouse_capacity: np.ndarray = np.inf
    holding_cost: np.ndarray = 0.0
    opening_stock: np.ndarray = 0.0

    def __post_init__(self):
        ranks = {"demand": 3, "supply_cost": 2, "delivery_cost": 2}
        for name, rank in ranks.items():
            if np.ndim(getattr(self, name)) != rank or np.size(getattr(self, name)) == 0:
                raise ParameterError(f"{name} has shape {np.shape(getattr(self, name))}; give {rank} axes, none empty")
        m, k, t = np.shape(self.demand)
        s, w = np.shape(self.supply_cost)
        shapes = {
            "demand": (m, k, t), "supply_cost": (s, w), "delivery_cost": (w, m), "transhipment_cost": (w, w),
            "supply_lead_time": (s, w), "delivery_lead_time": (w, m), "transhipment_lead_time": (w, w),
            "supply_capacity": (s, t), "warehouse_capacity": (w,), "holding_cost": (w,), "lost_sale_cost": (m,),
            "opening_stock": (w, k),
        }  # fmt: skip
        endless = {"supply_cost", "delivery_cost", "transhipment_cost", "supply_capacity", "warehouse_capacity"}
        for name in (field.name for field in fields(self)):
            value = at_least(name, getattr(self, name), endless=name in endless)
            if name.endswith("lead_time"):
                if (value % 1).any():
                    raise ParameterError(f"{name} holds {value[value % 1 > 0].flat[0]:g}; give whole days")
                value = value.astype(int)
            object.__setattr__(self, name, spread_over(name, value, shapes[name]))
        room, stock = self.warehouse_capacity, self.opening_stock.sum(axis=1)
        if (stock > room).any():
            full = int(np.argmax(stock - room))
            raise ParameterError(
                f"warehouse_capacity of warehouse {full} is {room[full]:g}, {stock[full] - room[full]:g} less than its "
                f"opening_stock; raise it"
            )


@dataclass(frozen=True)
class NetworkPlan:
    """What to move and hold, as tidy tables, and what the constraints cost.

    Attributes
    ----------
    flows : DataFrame
        route (supply, transhipment, delivery), origin, destination, product, day (of departure), arrival, units; only
        flows above 0.
    stock : DataFrame
        warehouse, product, day, units; only stock above 0.
    lost : DataFrame
        merchant, product, day, units; only sales lost.
    costs : dict
        supply, transhipment, delivery, holding and lost_sales.
    prices : DataFrame
        constraint (supply_capacity or warehouse_capacity), place, day, price: what a unit more would save.
    dual_cost : float
        Value of the dual program: equal to the cost, up to rounding, proves the plan optimal.
    """

    flows: pd.DataFrame
    stock: pd.DataFrame
    lost: pd.DataFrame
    costs: dict[str, float]
    prices: pd.DataFrame
    dual_cost: float

    @property
    def cost(self) -> float:
        """Total cost of the plan."""
        return sum(self.costs.values())
