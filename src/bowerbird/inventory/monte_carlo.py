"""What a policy costs on average: the walk of `simulate` over many sampled demand paths, keeping totals alone.

Items and paths are cut into blocks that fit a processor's cache; each block has a generator of its own, spawned from
the seed, so that the result is the same to the bit with any executor. Standard errors are over paths.
"""

from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
import pandas as pd

from bowerbird.checks import fits, spread_over, whole
from bowerbird.inventory.costs import Costs
from bowerbird.inventory.demand_paths import SamplePaths
from bowerbird.inventory.measures import (
    Totals,
    count_cycles,
    cycle_service,
    holding_cost,
    ordering_cost,
    shortage_cost,
)
from bowerbird.inventory.simulate import check_policy, walk_days

BLOCK = 8192
"""Items x paths walked at once: a dozen float32 arrays of this length fit the second-level cache."""
MEASURES = (
    "demand", "sales", "short", "unmet", "mean_stock", "orders", "cycle_service",
    "holding_cost", "shortage_cost", "ordering_cost", "total_cost",
)  # fmt: skip
"""Of each path: units asked for, sold and not sold on their day, unmet (as in `Walk`, summed), units on hand at the end
of a day, number of orders, share of cycles without a shortage, and money over all days; `fill_rate` comes with them."""
BLOCKS_A_TASK = 16
"""Blocks an executor is handed at once, a fifth of a second of work for half a year of days."""


def walk_totals(
    demand: np.ndarray, s, S, opening_stock, *, lead_time: int = 3, review: int = 1, lost_sales: bool = True
) -> Totals:
    """Totals of many paths; arguments are not checked.

    Parameters
    ----------
    demand : float array (n_days, n_items, n_paths)
        Units asked for.
    s, S : arrays (n_days, n_items)
    opening_stock : array (n_items,)
    lead_time, review, lost_sales
        As in `simulate`.

    Returns
    -------
    Totals of arrays (n_paths, n_items).
    """
    n_days = len(demand)
    asked = demand.sum(axis=0)  # (n_items, n_paths)
    # Whole numbers below 2^24 are exact in float32, which is twice as fast; the bound holds for every total.
    bound = n_days * max(S.max(), opening_stock.max(), float(asked.max()))
    whole = all((values == np.rint(values)).all() for values in (s, S, opening_stock))
    demand = demand.astype(np.float64 if bound >= 2**24 or not whole else demand.dtype, copy=False)
    s, S, opening = (values[..., None].astype(demand.dtype) for values in (s, S, opening_stock))

    n_cycles = count_cycles(n_days, lead_time, review)
    sales, stock, orders, unmet, met_cycles, unmet_in_cycle, unmet_today = np.zeros((7, *asked.shape), demand.dtype)
    for day, books in enumerate(walk_days(demand, s, S, opening, lead_time, review, lost_sales)):
        sales += books.sales
        stock += books.closing_stock
        orders += books.ordered
        if lost_sales:
            np.subtract(demand[day], books.sales, out=unmet_today)
        else:
            unmet_today = books.backorders
        unmet += unmet_today
        if lead_time <= day < lead_time + n_cycles * review:
            np.maximum(unmet_in_cycle, unmet_today, out=unmet_in_cycle)
            if (day - lead_time + 1) % review == 0:
                met_cycles += unmet_in_cycle == 0
                unmet_in_cycle.fill(0)
    shipped = sales if lost_sales else asked - books.backorders
    arrays = (asked, sales, shipped, unmet, stock, orders, met_cycles, opening, books.closing_stock)
    return Totals(*(array.T.astype(np.float64) for array in arrays), n_days=n_days, n_cycles=n_cycles)


def monte_carlo(
    demand,
    s: np.ndarray,
    S: np.ndarray,
    costs: Costs,
    *,
    opening_stock=5,
    lead_time: int = 3,
    review: int = 1,
    lost_sales: bool = True,
    seed: int = 0,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """Means of a policy's measures over sampled demand paths, with standard errors.

    Parameters
    ----------
    demand : array (n_items, n_paths, n_days), SamplePaths, PoissonPaths or DiscretePaths
        Units asked for each day.
    s, S : array (n_items, n_days), or anything that broadcasts to it
        Reorder point and order-up-to level of each day, s <= S.
    costs : Costs
    opening_stock, lead_time, review, lost_sales
        As in `simulate`.
    seed : int
        Of the drawn demand; given samples need none.
    executor : concurrent.futures.Executor, optional
        Shares out the blocks; the result does not depend on it.

    Returns
    -------
    DataFrame, one row an item: for each of `MEASURES` its mean over paths and, as `<measure>_se`, the standard error
    (NaN for a single path).

    Raises
    ------
    ParameterError
        If an argument is out of range or has the wrong shape.
    """
    paths = demand if hasattr(demand, "draw") else SamplePaths(demand)
    n_items, n_paths, n_days = paths.shape
    fits("items, n_paths and n_days", n_items * n_paths * n_days, 1e10)  # a few minutes
    s, S, opening_stock = check_policy(s, S, opening_stock, lead_time, review, (n_items, n_days))
    holding, shortage, order = (
        spread_over(f"{name} of costs", getattr(costs, name), (n_items,)) for name in ("holding", "shortage", "order")
    )
    seed = whole("seed", seed)

    places = _places(n_items, n_paths)
    blocks = [
        _Block(
            paths.part(items, some),
            s[:, items],
            S[:, items],
            opening_stock[items],
            Costs(holding[items], shortage[items], order[items]),
            child,
        )
        for (items, some), child in zip(places, np.random.SeedSequence(seed).spawn(len(places)), strict=True)
    ]
    tasks = [blocks[first : first + BLOCKS_A_TASK] for first in range(0, len(blocks), BLOCKS_A_TASK)]
    walk_tasks = partial(_walk_blocks, lead_time=lead_time, review=review, lost_sales=lost_sales)
    results = (map if executor is None else executor.map)(walk_tasks, tasks)

    count = np.zeros(n_items)
    mean, squares = np.zeros((2, len(MEASURES), n_items))
    for (items, _), (n, block_mean, block_squares) in zip(places, chain.from_iterable(results), strict=True):
        # Pooled sum of squared deviations: Q = Q1 + Q2 + (m2 - m1)^2 n1 n2 / (n1 + n2)  (Chan et al. 1983)
        total, step = count[items] + n, block_mean - mean[:, items]
        squares[:, items] += block_squares + np.square(step) * count[items] * n / total
        mean[:, items] += step * n / total
        count[items] = total
    return _table(n_paths, mean, squares)


@dataclass(frozen=True)
class _Block:
    """Some items and paths, and all that is needed to walk them."""

    paths: SamplePaths
    s: np.ndarray
    S: np.ndarray
    opening_stock: np.ndarray
    costs: Costs
    seed: np.random.SeedSequence


def _places(n_items: int, n_paths: int) -> list[tuple[slice, slice]]:
    """Items and paths of each block: several items with all their paths, or some paths of one item."""
    rows, columns = max(BLOCK // n_paths, 1), min(BLOCK, n_paths)
    return [
        (slice(item, min(item + rows, n_items)), slice(path, min(path + columns, n_paths)))
        for item in range(0, n_items, rows)
        for path in range(0, n_paths, columns)
    ]


def _walk_blocks(blocks: list[_Block], **rules) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Number of paths of each block, its measures' means and summed squared deviations (n_measures, n_items)."""
    results = []
    for block in blocks:
        demand = block.paths.draw(np.random.default_rng(block.seed))
        total = walk_totals(demand, block.s, block.S, block.opening_stock, **rules)
        parts = [cost(total, block.costs) for cost in (holding_cost, shortage_cost, ordering_cost)]
        units = [total.demand, total.sales, total.demand - total.sales, total.unmet]
        others = [total.stock / total.n_days, total.orders, cycle_service(total, per_item=True)]
        values = np.stack([*units, *others, *parts, sum(parts)])  # (n_measures, n_paths, n_items)
        mean = values.mean(axis=1)
        results.append((values.shape[1], mean, np.square(values - mean[:, None]).sum(axis=1)))
    return results


def _table(n_paths: int, mean: np.ndarray, squares: np.ndarray) -> pd.DataFrame:
    variance = squares / (n_paths - 1) if n_paths > 1 else np.full_like(squares, np.nan)
    means = pd.DataFrame(mean.T, columns=MEASURES)
    errors = pd.DataFrame(np.sqrt(variance / n_paths).T, columns=[f"{name}_se" for name in MEASURES])
    # Fill rate f = sales / demand, a ratio of means: var f = var(sales - f demand) / (n demand^2), and the variance of
    # short = demand - sales tells their covariance.
    demand, sales, short = variance[:3]
    share = np.divide(mean[1], mean[0], out=np.ones_like(mean[0]), where=mean[0] > 0)
    spread = np.sqrt(np.maximum(sales + share**2 * demand - share * (sales + demand - short), 0) / n_paths)
    means.insert(0, "fill_rate", share)
    errors.insert(0, "fill_rate_se", np.divide(spread, mean[0], out=np.zeros_like(spread), where=mean[0] > 0))
    return means.join(errors)
