"""Where in a chain, or a tree, of stages should safety stock lie? Graves and Willems' guaranteed service times.

Each stage promises the next ones its units after an outbound service time [S], and keeps the promise as long as demand
stays below a bound: over tau days, mean tau + z sigma sqrt(tau). It waits the inbound service time [SI], the longest
promise of its suppliers, and its own processing time [T]; so its stock must last for a net replenishment time of

    tau = SI + T - S >= 0        with a safety stock of z sigma sqrt(tau)

A dynamic program over the tree finds the promises that make safety stock cheapest; a chain is a tree too.
"""

from dataclasses import dataclass

import numpy as np

from bowerbird.checks import at_least, fits, one, spread_over, whole
from bowerbird.errors import ParameterError


@dataclass(frozen=True)
class ServiceTree:
    """Stages 0, 1, ... and who supplies whom; without the directions of supply, the graph is a tree.

    Attributes
    ----------
    supplies : tuple of pairs
        (stage, stage that it supplies).
    processing_time : int array (n_stages,)
        Days from the arrival of all inputs to the finished unit [T].
    holding_cost : array (n_stages,)
        Per unit and day [h].
    demand_std : array (n_stages,)
        Standard deviation of customers' daily demand at each stage [sigma]; 0 where there are none. Stages that supply
        others must meet those's demand as well, independent of each other.
    safety_factor : float
        Demand bound in standard deviations [z].
    promise : int array (n_stages,)
        Longest outbound service time that a stage's customers accept [s].
    wait : int array (n_stages,)
        Days that outside suppliers take, before the processing time.
    """

    supplies: tuple
    processing_time: np.ndarray
    holding_cost: np.ndarray
    demand_std: np.ndarray
    safety_factor: float
    promise: np.ndarray = 0
    wait: np.ndarray = 0

    def __post_init__(self):
        n_stages = np.size(self.processing_time)
        for name in ("processing_time", "holding_cost", "demand_std", "promise", "wait"):
            values = spread_over(name, at_least(name, getattr(self, name)), (n_stages,))
            if name in ("processing_time", "promise", "wait"):
                values = np.array([whole(name, value) for value in values])
            object.__setattr__(self, name, values)
        one("safety_factor", at_least("safety_factor", self.safety_factor))
        if not isinstance(self.supplies, tuple | list) or any(np.shape(pair) != (2,) for pair in self.supplies):
            raise ParameterError(f"supplies is {self.supplies!r}; give pairs (stage, stage that it supplies)")
        seen = {0}
        for _ in range(n_stages):
            seen |= {b for a, b in self.supplies if a in seen} | {a for a, b in self.supplies if b in seen}
        if len(self.supplies) != n_stages - 1 or seen != set(range(n_stages)):
            raise ParameterError(
                f"supplies has {len(self.supplies)} pairs that join {len(seen)} of {n_stages} stages; a tree joins all "
                f"stages 0 to {n_stages - 1} with {n_stages - 1}"
            )

    def suppliers(self, stage: int) -> list[int]:
        """Stages that supply this one."""
        return [a for a, b in self.supplies if b == stage]

    def customers(self, stage: int) -> list[int]:
        """Stages that this one supplies."""
        return [b for a, b in self.supplies if a == stage]


@dataclass(frozen=True)
class ServicePlan:
    """Promises and the safety stock that keeps them; all arrays (n_stages,).

    Attributes
    ----------
    outbound, inbound : int array
        Service times [S, SI], days.
    net_time : int array
        Net replenishment time [tau], days.
    safety_stock : array
        Units; the base-stock level is this and the mean demand of the net replenishment time.
    cost : float
        Holding cost of all safety stock, per day.
    """

    outbound: np.ndarray
    inbound: np.ndarray
    net_time: np.ndarray
    safety_stock: np.ndarray
    cost: float


def guaranteed_service(tree: ServiceTree) -> ServicePlan:
    """The service times that make safety stock cheapest.

    Parameters
    ----------
    tree : ServiceTree

    Returns
    -------
    ServicePlan

    Source
    ------
    S. Graves, S. Willems, Manufacturing & Service Operations Management 2 (2000) 68-83; Snyder & Shen, 2nd ed., section
    6.3, examples 6.3 and 6.5.
    """
    n_stages = len(tree.processing_time)
    deviation = _deviation(tree)
    longest = int(tree.processing_time.sum() + tree.wait.max())  # no service time is longer
    fits("processing_time and wait", n_stages * float(longest + 1) ** 2)
    times = np.arange(longest + 1)
    tables, best = {}, {}  # of each stage: cost by (S, SI), and the best cost of its branch by what its parent sets

    def solve(stage: int, parent: int | None) -> None:
        tau = times[None, :] + tree.processing_time[stage] - times[:, None]  # (S, SI)
        # h z sigma sqrt(tau)
        safety = tree.holding_cost[stage] * tree.safety_factor * deviation[stage] * np.sqrt(np.maximum(tau, 0))
        cost = np.where(tau >= 0, safety, np.inf)
        if tree.demand_std[stage] > 0:
            cost[tree.promise[stage] + 1 :, :] = np.inf
        cost[:, : tree.wait[stage]] = np.inf
        for child in tree.suppliers(stage):
            if child != parent:
                solve(child, stage)
                cost += np.minimum.accumulate(best[child])[None, :]  # a promise of at most SI
        for child in tree.customers(stage):
            if child != parent:
                solve(child, stage)
                cost += np.minimum.accumulate(best[child][::-1])[::-1][:, None]  # a wait of at least S
        tables[stage] = cost
        best[stage] = cost.min(axis=0 if parent in tree.suppliers(stage) else 1)  # by its SI, or by its S

    outbound, inbound = np.zeros(n_stages, int), np.zeros(n_stages, int)

    def trace(stage: int, parent: int | None) -> None:
        cost = tables[stage].copy()
        if parent in tree.suppliers(stage):
            cost[:, : outbound[parent]] = np.inf
        elif parent is not None:
            cost[:, :] = np.where(times[:, None] <= inbound[parent], cost, np.inf)
        outbound[stage], inbound[stage] = np.unravel_index(cost.argmin(), cost.shape)
        for child in tree.suppliers(stage) + tree.customers(stage):
            if child != parent:
                trace(child, stage)

    solve(0, None)
    trace(0, None)
    tau = inbound + tree.processing_time - outbound
    safety_stock = tree.safety_factor * deviation * np.sqrt(tau)
    return ServicePlan(outbound, inbound, tau, safety_stock, float(tree.holding_cost @ safety_stock))


def _deviation(tree: ServiceTree) -> np.ndarray:
    """Standard deviation of the demand that reaches each stage, (n_stages,)."""
    variance = np.square(tree.demand_std)

    def reaching(stage: int) -> float:
        # sigma^2 = own customers' + all stages' that are supplied
        return variance[stage] + sum(reaching(customer) for customer in tree.customers(stage))

    return np.sqrt([reaching(stage) for stage in range(len(variance))])
