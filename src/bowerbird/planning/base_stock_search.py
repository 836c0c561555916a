"""Can a genetic algorithm find good base-stock levels by simulation alone? Yes, within a gap that can be known.

Candidates are levels in whole units, one a stage (or warehouse and product). All of them are simulated on the same
demand paths (common random numbers): differences between candidates are then the levels', not chance. Where an exact
optimum exists, as in `serial_system`, the search can be measured against it.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bowerbird.checks import at_least, finite, fits, one, whole
from bowerbird.errors import ParameterError
from bowerbird.planning.serial_system import SerialSystem


def simulated_serial_cost(levels, system: SerialSystem, demand: np.ndarray, warm_up: int = 50) -> float:
    """Mean cost a day of echelon base-stock levels, simulated on given demand.

    Parameters
    ----------
    levels : array (n_stages,)
        Order-up-to level of each echelon [S]; the customer's stage first.
    system : SerialSystem
        Holding cost, lead times and shortage cost; its demand distribution is not used.
    demand : array (n_paths, n_days)
        Units asked for each day.
    warm_up : int
        First days that are not counted; at the start all stock is where its level wants it.

    Returns
    -------
    float

    Source
    ------
    Snyder & Shen, 2nd ed., section 6.2.
    """
    demand = at_least("demand", demand)
    if demand.ndim != 2 or not demand.size or whole("warm_up", warm_up) >= demand.shape[1]:
        raise ParameterError(f"warm_up is {warm_up} and demand has shape {demand.shape}; count at least one day of it")
    before = int(system.lead_time.sum())
    # D(-before, t]: days without demand come first, as many as orders take through the whole system
    until = np.cumsum(np.pad(demand, ((0, 0), (before, 0))), axis=1)  # (n_paths, before + n_days)
    levels = finite("levels", levels)
    if levels.shape != system.lead_time.shape:
        raise ParameterError(f"levels has shape {levels.shape}; give one for each of {len(system.lead_time)} stages")
    position, cost = np.full_like(until, levels[-1]), 0.0
    for j in range(len(levels) - 1, -1, -1):
        lead_time = system.lead_time[j]
        # IP_j(t) = min(S_j, IL_{j+1}(t)): an order is filled as far as stock above reaches
        position = np.minimum(position, levels[j])
        # IL_j(t) = IP_j(t - L_j) - D(t - L_j, t]
        last = until.shape[1] - lead_time
        position = position[:, :last] - (until[:, lead_time:] - until[:, :last])
        until = until[:, lead_time:]
        cost += system.echelon_holding_cost[j] * position[:, warm_up - demand.shape[1] :].mean()
    short = np.maximum(-position[:, warm_up:], 0).mean()
    return float(cost + (system.shortage_cost + system.echelon_holding_cost.sum()) * short)


@dataclass(frozen=True)
class Search:
    """What the search found.

    Attributes
    ----------
    levels : int array (n_levels,)
        The best levels.
    cost : float
        Their cost on the paths of the search; judge them on fresh paths.
    history : DataFrame
        generation, best and mean cost of its candidates, evaluations so far.
    """

    levels: np.ndarray
    cost: float
    history: pd.DataFrame


def base_stock_search(
    cost: Callable[[np.ndarray], float],
    low,
    high,
    *,
    population: int = 40,
    generations: int = 40,
    mutation_rate: float = 0.3,
    seed: int = 0,
    executor: Executor | None = None,
) -> Search:
    """The levels with the smallest cost that a genetic algorithm finds.

    Each generation keeps its two best. The others are children: of two parents, each the better of two drawn at random,
    a child takes every level from one or the other, and changes it at times by a normal step that shrinks over the
    generations.

    Parameters
    ----------
    cost : callable
        Cost of int levels (n_levels,), the same at every call; `functools.partial` of a simulation on fixed demand.
    low, high : int array (n_levels,)
        Smallest and largest level of each.
    population : int
        Candidates of a generation, at least 4.
    generations : int
        Generations after the first, which is uniform between low and high.
    mutation_rate : float
        Chance of each level of a child to change, in [0, 1].
    seed : int
        All random numbers come from it and are drawn here: the result is the same to the bit with any executor.
    executor : concurrent.futures.Executor, optional
        Evaluates the candidates of a generation at once; for processes, cost must be picklable.

    Returns
    -------
    Search

    Raises
    ------
    ParameterError
        If an argument is out of range.
    """
    low, high = np.atleast_1d(finite("low", low)), np.atleast_1d(finite("high", high))
    if low.shape != high.shape or not (low <= high).all() or (low % 1).any() or (high % 1).any():
        raise ParameterError(f"low is {low} and high {high}; give whole numbers, low at most high, one of each a level")
    low, high = low.astype(int), high.astype(int)
    fits("population", whole("population", population, 4) * low.size * 1000.0)
    population = int(population)
    generations, seed = whole("generations", generations), whole("seed", seed)
    if not 0 <= one("mutation_rate", finite("mutation_rate", mutation_rate)) <= 1:
        raise ParameterError(f"mutation_rate is {mutation_rate}; give a chance in [0, 1]")
    rng, known, history = np.random.default_rng(seed), {}, []

    def costs_of(candidates: np.ndarray) -> np.ndarray:
        new = {tuple(levels): levels for levels in candidates.tolist() if tuple(levels) not in known}
        run = map if executor is None else executor.map
        known.update(zip(new, run(cost, [np.array(levels) for levels in new.values()]), strict=True))
        return np.array([known[tuple(levels)] for levels in candidates.tolist()])

    candidates = rng.integers(low, high, (population, len(low)), endpoint=True)
    for generation in range(generations + 1):
        if generation:
            step = np.maximum((high - low) / 4 * (1 - generation / (generations + 1)), 1)
            candidates = np.concatenate([candidates[:2], _children(candidates, low, high, step, mutation_rate, rng)])
        values = costs_of(candidates)
        best_first = np.argsort(values, kind="stable")
        candidates, values = candidates[best_first], values[best_first]
        history.append((generation, values[0], values.mean(), len(known)))
    table = pd.DataFrame(history, columns=["generation", "best", "mean", "evaluations"])
    return Search(candidates[0], float(values[0]), table)


def _children(candidates, low, high, step, mutation_rate: float, rng: np.random.Generator) -> np.ndarray:
    """Children (population - 2, n_levels) of candidates that are sorted, best first."""
    n, n_levels = len(candidates) - 2, len(low)
    parents = rng.integers(len(candidates), size=(2, n, 2)).min(axis=2)  # the better of two has the smaller rank
    from_first = rng.random((n, n_levels)) < 0.5
    children = np.where(from_first, candidates[parents[0]], candidates[parents[1]])
    change = np.rint(step * rng.standard_normal((n, n_levels))).astype(int)
    children = children + np.where(rng.random((n, n_levels)) < mutation_rate, change, 0)
    return np.clip(children, low, high)
