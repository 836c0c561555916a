"""s and S searched for, not derived: SBO on the simulated cost, where no exact answer is at hand, as with lost sales.

Every candidate is walked through the same sampled paths, so that candidates differ by their levels alone.
"""

from concurrent.futures import Executor
from functools import partial

import numpy as np

from bowerbird import sbo
from bowerbird.checks import above, spread_over
from bowerbird.inventory.policy import Levels
from bowerbird.inventory.simulate import (
    Costs,
    SamplePaths,
    check_policy,
    holding_cost,
    ordering_cost,
    shortage_cost,
    walk_totals,
)


def search_levels(
    samples: np.ndarray,
    costs: Costs,
    *,
    opening_stock=5,
    lead_time: int = 3,
    review: int = 1,
    lost_sales: bool = True,
    max_evaluations: int = 150,
    seed: int = 0,
    executor: Executor | None = None,
) -> Levels:
    """The s and S of each item, kept for all days, with the least mean cost that SBO finds.

    Parameters
    ----------
    samples : array (n_items, n_paths, n_days)
        Sampled daily demand.
    costs : Costs
    opening_stock, lead_time, review, lost_sales
        As in `simulate`.
    max_evaluations : int
        Candidates tried for each item.
    seed : int
    executor : concurrent.futures.Executor, optional
        Walks the candidates of a generation at once; the result does not depend on it.

    Returns
    -------
    Levels of int64 arrays (n_items, 1).

    Raises
    ------
    ParameterError
        If an argument is out of range or has the wrong shape.
    """
    paths = SamplePaths(samples)
    n_items, _, n_days = paths.shape
    check_policy(0, 0, opening_stock, lead_time, review, (n_items, n_days))
    opening_stock = spread_over("opening_stock", opening_stock, (n_items,))
    above("holding of costs", costs.holding)
    each = [spread_over("costs", cost, (n_items,)) for cost in (costs.holding, costs.shortage, costs.order)]
    rules = {"lead_time": lead_time, "review": review, "lost_sales": lost_sales}
    s, S = np.empty((2, n_items, 1), np.int64)
    for i in range(n_items):
        demand = paths.part(slice(i, i + 1), slice(None)).draw(None)  # (n_days, 1, n_paths)
        one = Costs(*(cost[i : i + 1] for cost in each))
        objective = partial(_mean_cost, demand, one, opening_stock[i : i + 1], rules)
        space = _space(demand, one, lead_time + review)
        best = sbo.minimize(
            objective, space, variant="tuned", max_evaluations=max_evaluations, seed=seed, executor=executor
        )
        s[i], S[i] = best.x["s"], best.x["s"] + best.x["Q"]
    return Levels(s, S)


def _mean_cost(demand, costs: Costs, opening_stock, rules: dict, candidate: dict) -> float:
    """Mean cost over all paths of a candidate {s, Q}."""
    s = np.full((len(demand), 1), float(candidate["s"]))
    total = walk_totals(demand, s, s + candidate["Q"], opening_stock, **rules)
    return sum(float(cost(total, costs).mean()) for cost in (holding_cost, shortage_cost, ordering_cost))


def _space(demand: np.ndarray, costs: Costs, protection: int) -> sbo.Space:
    """Where the best levels can lie: s up to what the worst protection interval asked for, Q up to thrice the EOQ."""
    totals = np.concatenate([np.zeros((1, *demand.shape[1:])), demand.cumsum(axis=0, dtype=float)])
    worst = (totals[protection:] - totals[:-protection]).max() if len(totals) > protection else totals[-1].max()
    economic = np.sqrt(2 * costs.order[0] * demand.mean() / costs.holding[0])  # Q = sqrt(2 K D / h)
    return {"s": sbo.Integer(0, int(np.ceil(worst))), "Q": sbo.Integer(0, int(np.ceil(3 * economic)))}
