"""How much stock should each stage of a serial system hold, when demand is random? Clark and Scarf's optimum.

Stage 1 serves customers, stage j is supplied by stage j + 1 after a lead time, the last stage by a source that never
runs out. The echelon of stage j is its stock and all that is on its way to, or on hand at, the stages below, less
backorders. An echelon base-stock policy [S_j] is optimal. Cost a day, at its end:

    sum_j h_j (echelon stock of j) + (p + sum_j h_j) (backorders),     h_j: what holding costs more at j than at j + 1

A stage orders after the day's demand, and what it orders arrives L_j days later, before that day's demand: the demand
that a level must last for is that of L_j days. (Where stage 1 orders before the day's demand, as in `simulate`, add a
day to L_1.) Stages are numbered from the customer, index 0 in the arrays.
"""

from dataclasses import dataclass

import numpy as np

from bowerbird.checks import above, at_least, finite, fits, one, whole
from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import Demand, demand_over_days


@dataclass(frozen=True)
class SerialSystem:
    """A serial system with independent daily demand.

    Attributes
    ----------
    demand : Demand
        Of a day, of one item. For fractions of a unit, measure all units, and costs, in such fractions.
    echelon_holding_cost : array (n_stages,)
        What a unit costs a day more at a stage than at the one above [h], above 0; first the customer's stage.
    lead_time : int array (n_stages,)
        Days from order to arrival [L].
    shortage_cost : float
        Per unit backordered at the end of a day [p].
    """

    demand: Demand
    echelon_holding_cost: np.ndarray
    lead_time: np.ndarray
    shortage_cost: float

    def __post_init__(self):
        if len(self.demand.probability) != 1:
            raise ParameterError(f"demand is of {len(self.demand.probability)} items; give one, a system for each item")
        cost = np.atleast_1d(above("echelon_holding_cost", self.echelon_holding_cost))
        lead_time = np.atleast_1d(at_least("lead_time", self.lead_time))
        lead_time = np.array([whole("lead_time", days) for days in lead_time])
        if cost.shape != lead_time.shape:
            raise ParameterError(
                f"echelon_holding_cost of shape {cost.shape}, lead_time of {lead_time.shape}; equal them"
            )
        one("shortage_cost", above("shortage_cost", self.shortage_cost))
        object.__setattr__(self, "echelon_holding_cost", cost)
        object.__setattr__(self, "lead_time", lead_time)

    @property
    def local_holding_cost(self) -> np.ndarray:
        """What a unit on hand costs a day at each stage, (n_stages,): h_j + h_j+1 + ..."""
        return np.cumsum(self.echelon_holding_cost[::-1])[::-1]


@dataclass(frozen=True)
class SerialPlan:
    """Echelon base-stock levels and their expected cost.

    Attributes
    ----------
    echelon_levels : int array (n_stages,)
        Order-up-to level of each echelon [S].
    cost : float
        Expected cost a day, stock on its way between stages included.
    """

    echelon_levels: np.ndarray
    cost: float


def serial_cost(system: SerialSystem, echelon_levels) -> float:
    """Expected cost a day of given echelon base-stock levels.

    Parameters
    ----------
    system : SerialSystem
    echelon_levels : int array (n_stages,)
        Order-up-to level of each echelon [S], whole units; the customer's stage first.

    Returns
    -------
    float

    Raises
    ------
    ParameterError
        If the levels are not one whole number a stage.
    """
    levels = finite("echelon_levels", echelon_levels)
    fits("echelon_levels", np.abs(levels).max(initial=0))
    if levels.shape != system.lead_time.shape or not (levels % 1 == 0).all():
        raise ParameterError(f"echelon_levels is {echelon_levels}; give a whole number for each of the "
                             f"{len(system.lead_time)} stages")  # fmt: skip
    return _recursion(system, levels.astype(int)).cost


def serial_optimum(system: SerialSystem) -> SerialPlan:
    """The echelon base-stock levels of least expected cost.

    Parameters
    ----------
    system : SerialSystem

    Returns
    -------
    SerialPlan

    Source
    ------
    A. Clark, H. Scarf, Management Science 6 (1960) 475-490; F. Chen, Y.-S. Zheng, Management Science 40 (1994)
    1426-1443; Snyder & Shen, 2nd ed., section 6.2 and example 6.1.
    """
    return _recursion(system, None)


def _recursion(system: SerialSystem, levels: np.ndarray | None) -> SerialPlan:
    """The cost functions from the customer upwards, on a grid of echelon stock; the best levels unless given."""
    demands = [demand_over_days(system.demand, days).probability[0] for days in system.lead_time]
    most = sum(len(demand) - 1 for demand in demands)
    given = np.zeros(1, int) if levels is None else levels
    stock = np.arange(min(0, given.min()) - most, max(most, given.max()) + 1)  # x
    # C_0(x) = (p + sum_j h_j) max(-x, 0)
    passed_on = (system.shortage_cost + system.echelon_holding_cost.sum()) * np.maximum(-stock, 0)
    chosen = np.empty(len(demands), int)
    for j, demand in enumerate(demands):
        # C_j(y) = E[h_j (y - D_j) + C_{j-1}(min(S_{j-1}, y - D_j))]
        cost = np.convolve(system.echelon_holding_cost[j] * stock + passed_on, demand, mode="valid")
        stock = stock[len(demand) - 1 :]
        level = int(cost.argmin()) if levels is None else levels[j] - stock[0]
        chosen[j] = stock[level]
        passed_on = cost[np.minimum(np.arange(len(cost)), level)]
    return SerialPlan(chosen, float(passed_on[-1]))


def newsvendor_bounds(system: SerialSystem) -> tuple[np.ndarray, np.ndarray]:
    """Levels that the optimal ones lie between, each a newsvendor's; their mean is a good rule.

    Parameters
    ----------
    system : SerialSystem

    Returns
    -------
    lower, upper : int array (n_stages,)
        Echelon levels.

    Source
    ------
    K. Shang, J.-S. Song, Management Science 49 (2003) 618-638; Snyder & Shen, 2nd ed., eq. (6.32).
    """
    h, p = system.echelon_holding_cost, system.shortage_cost
    beyond = np.append(np.cumsum(h[::-1])[::-1], 0)  # sum of h_i for i >= j
    bounds = np.empty((2, len(h)), int)
    for j, days in enumerate(np.cumsum(system.lead_time)):
        demand = demand_over_days(system.demand, days)
        # S_j = F^-1 of (p + sum_{i>j} h_i) / (p + sum_i h_i), and of (p + sum_{i>j} h_i) / (p + sum_{i>=j} h_i)
        for side, total in enumerate((beyond[0], beyond[j])):
            bounds[side, j] = demand.quantile((p + beyond[j + 1]) / (p + total))[0]
    return bounds[0], bounds[1]
