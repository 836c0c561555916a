"""Satin Bowerbird Optimizer (section 4.2, eqs 18-24), which the paper uses to choose the LSTM's hyperparameters.

A population of bowers, points of the search space, is drawn towards the midpoint of a target bower, picked by roulette,
and the elite, the best bower so far; now and then a coordinate mutates.

Source: Moosavi & Khatibi Bardsiri, Engineering Applications of Artificial Intelligence 60, 2017. Where the paper is
silent, this follows their own code: a target and a step for every single coordinate, all bowers moved at once, and
parents and children merged with the best kept. Without that merge the search would lose what it found.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

import numpy as np
import pandas as pd
from tqdm import tqdm

from bowerbird.errors import ParameterError

HISTORY_COLUMNS = ("evaluation", "generation", "value", "best", "failure")


@dataclass(frozen=True)
class Float:
    """A real number from `low` to `high`; with `log`, searched on a logarithmic scale (learning rates)."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self):
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise ParameterError(f"{self}: give finite numbers with low < high")
        if self.log and self.low <= 0:
            raise ParameterError(f"{self}: a logarithmic scale needs low > 0")

    @property
    def bounds(self) -> tuple[float, float]:
        return (float(np.log(self.low)), float(np.log(self.high))) if self.log else (float(self.low), float(self.high))

    def value(self, coordinate: float) -> float:
        number = float(np.exp(coordinate)) if self.log else float(coordinate)
        return min(max(number, float(self.low)), float(self.high))  # exp(log(high)) may miss high by a rounding


@dataclass(frozen=True)
class Integer:
    """A whole number from `low` to `high`, both included; each takes up one unit of the coordinate."""

    low: int
    high: int

    def __post_init__(self):
        if self.low != int(self.low) or self.high != int(self.high) or self.low > self.high:
            raise ParameterError(f"{self}: give whole numbers with low <= high")

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low - 0.5, self.high + 0.5

    def value(self, coordinate: float) -> int:
        return min(max(int(np.floor(coordinate + 0.5)), int(self.low)), int(self.high))


@dataclass(frozen=True)
class Choice:
    """One of `values`; each takes up one unit of the coordinate. SBO averages coordinates: put like beside like."""

    values: Sequence

    def __post_init__(self):
        object.__setattr__(self, "values", tuple(self.values))
        if not self.values:
            raise ParameterError("Choice: values is empty; give at least one")

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, float(len(self.values))

    def value(self, coordinate: float):
        return self.values[min(int(coordinate), len(self.values) - 1)]


@dataclass(frozen=True)
class Result:
    """What a search found.

    Attributes
    ----------
    x : dict
        The best candidate, name -> value.
    value : float
        Its objective value.
    history : DataFrame, one row an evaluation
        evaluation (from 1), generation (from 0), value (inf for a failure), best (so far), failure (its message, else
        ""), and one column for each name of the space.
    stopped : str
        "target" or "evaluations": what ended the search.
    """

    x: dict
    value: float
    history: pd.DataFrame
    stopped: str

    @property
    def n_evaluations(self) -> int:
        return len(self.history)


def minimize(
    objective: Callable[[dict], float],
    space: dict[str, Float | Integer | Choice],
    *,
    n_bowers: int = 15,
    max_evaluations: int = 300,
    alpha: float = 0.94,
    mutation_rate: float = 0.05,
    z: float = 0.02,
    target: float | None = None,
    seed: int = 0,
    executor: Executor | None = None,
    progress: bool = False,
) -> Result:
    """The candidate with the smallest objective value that SBO finds, by the loop of section 4.3, steps 2 to 5.

    Parameters
    ----------
    objective : callable
        Takes one candidate, a dict name -> value, and returns its error. An exception, NaN or infinity is a failure:
        recorded, scored as worst, and the search goes on.
    space : dict of name -> Float, Integer or Choice
        What to search, D names.
    n_bowers : int
        Size of the population [NB].
    max_evaluations : int
        The search stops after exactly this many; the last generation is cut short if need be.
    alpha : float
        Greatest step size [alpha].
    mutation_rate : float
        Chance of each coordinate to mutate.
    z : float
        Standard deviation of a mutation as a share of the coordinate's range [z].
    target : float, optional
        Stop after the generation that reaches this value or less.
    seed : int
        All random numbers come from it and are drawn here: the result is the same to the bit with any executor.
    executor : concurrent.futures.Executor, optional
        Evaluates the candidates of a generation at once; None evaluates one after the other. For processes, the
        objective must be picklable: a function of a module, not a lambda.
    progress : bool
        Show a bar.

    Returns
    -------
    Result

    Raises
    ------
    ParameterError
        When a parameter does not fit, or every candidate of the first generation failed.

    Source
    ------
    Eqs (18)-(24) and section 4.3; alpha, mutation rate and z are Moosavi & Khatibi Bardsiri's, the paper gives none.
    """
    _check(space, n_bowers, max_evaluations, alpha, mutation_rate, z)
    rng = np.random.default_rng(seed)
    low, high = np.array([dimension.bounds for dimension in space.values()]).T  # (D,), (D,)
    bowers, values = np.empty((0, len(space))), np.empty(0)  # (n_bowers, D), (n_bowers,), sorted, best first
    children = rng.uniform(low, high, (n_bowers, len(space)))
    evaluate_all = map if executor is None else executor.map
    rows, generation, stopped = [], 0, "evaluations"

    with tqdm(total=max_evaluations, disable=not progress, unit="evaluation") as bar:
        while True:
            children = children[: max_evaluations - len(rows)]
            candidates = [decode(space, child) for child in children]
            outcomes = list(evaluate_all(partial(_evaluate, objective), candidates))
            rows += [(generation, *outcome, x) for outcome, x in zip(outcomes, candidates, strict=True)]
            # Parents and children compete and the best stay; the paper does not say so, its source's code does.
            values = np.concatenate([values, [value for value, _ in outcomes]])
            best_first = np.argsort(values, kind="stable")[:n_bowers]
            bowers, values = np.concatenate([bowers, children])[best_first], values[best_first]

            bar.update(len(candidates))
            bar.set_postfix(best=f"{values[0]:.4g}")
            if values[0] == np.inf:
                raise ParameterError(
                    f"objective failed on all {n_bowers} candidates of the first generation, on the first with "
                    f"{outcomes[0][1]!r}; call it by hand on {candidates[0]}"
                )
            if target is not None and values[0] <= target:
                stopped = "target"
                break
            if len(rows) == max_evaluations:
                break
            generation += 1
            children = next_bowers(bowers, values, low, high, rng, alpha=alpha, mutation_rate=mutation_rate, z=z)

    return Result(x=decode(space, bowers[0]), value=float(values[0]), history=_history(rows, space), stopped=stopped)


def next_bowers(bowers, values, low, high, rng, *, alpha: float, mutation_rate: float, z: float) -> np.ndarray:
    """One generation's children, before they are evaluated.

    Parameters
    ----------
    bowers : array (n_bowers, D)
        Positions of the parents [x]; the first is the elite.
    values : array (n_bowers,)
        Their objective values [f], inf for a failure.
    low, high : arrays (D,)
        Limits of each coordinate [varmin, varmax].
    rng : numpy Generator
    alpha, mutation_rate, z : float
        As in `minimize`.

    Returns
    -------
    float64 array (n_bowers, D), clipped to the limits.
    """
    n_bowers, n_dimensions = bowers.shape
    # Eq. (19): fit_i = 1/(1 + f_i) for f_i >= 0, 1 + |f_i| below; as printed "1/1 + f(x)" would favour the worst.
    fitness = np.where(values >= 0, 1 / (1 + np.maximum(values, 0)), 1 + np.abs(values))
    # Eq. (18): p_i = fit_i / sum_n fit_n
    probability = fitness / fitness.sum()
    # Roulette: a target bower j for every coordinate k of every bower i.
    j = rng.choice(n_bowers, size=(n_bowers, n_dimensions), p=probability)
    # Eq. (21): lambda = alpha / (1 + p_j); as printed "alpha/1 + P_j" would make better targets overshoot.
    step = alpha / (1 + probability[j])  # (n_bowers, D)
    # Eq. (20): x_ik <- x_ik + lambda ((x_jk + elite_k)/2 - x_ik);
    # the text calls x_ik^t the best position, but it is the bower's own.
    moved = bowers + step * ((bowers[j, np.arange(n_dimensions)] + bowers[0]) / 2 - bowers)
    # Eq. (24): sigma = z (varmax - varmin)
    sigma = z * (high - low)  # (D,)
    # Eqs (22), (23): x_ik <- x_ik + sigma N(0, 1), for each coordinate with chance mutation_rate; as printed around
    # x_ik^t, which would undo the move, in the source's code around the moved position.
    mutates = rng.random(moved.shape) < mutation_rate
    mutated = moved + np.where(mutates, sigma * rng.standard_normal(moved.shape), 0)
    return np.clip(mutated, low, high)


def decode(space: dict[str, Float | Integer | Choice], coordinates) -> dict:
    """The candidate at a bower's coordinates, name -> value."""
    return {name: dimension.value(c) for (name, dimension), c in zip(space.items(), coordinates, strict=True)}


def _evaluate(objective: Callable[[dict], float], x: dict) -> tuple[float, str]:
    """Objective value and "", or inf and what went wrong."""
    try:
        value = float(objective(dict(x)))
    except Exception as error:  # KeyboardInterrupt is none and passes through
        return np.inf, f"{type(error).__name__}: {error}"
    return (value, "") if np.isfinite(value) else (np.inf, f"objective returned {value}")


def _history(rows: list[tuple], space: dict) -> pd.DataFrame:
    generations, values, failures, candidates = zip(*rows, strict=True)
    columns = (range(1, len(rows) + 1), generations, values, accumulate(values, min), failures)
    table = {name: list(column) for name, column in zip(HISTORY_COLUMNS, columns, strict=True)}
    return pd.DataFrame(table | {name: [x[name] for x in candidates] for name in space})


def _check(space, n_bowers, max_evaluations, alpha, mutation_rate, z):
    if not space:
        raise ParameterError("space is empty; name at least one Float, Integer or Choice")
    for name, dimension in space.items():
        if not isinstance(dimension, Float | Integer | Choice):
            raise ParameterError(f"space[{name!r}] is {dimension!r}; give a Float, an Integer or a Choice")
        if name in HISTORY_COLUMNS:
            raise ParameterError(f"space holds {name!r}, a column of the history; choose another name")
    if n_bowers < 2:
        raise ParameterError(f"n_bowers is {n_bowers}; give at least 2")
    if max_evaluations < n_bowers:
        raise ParameterError(f"max_evaluations is {max_evaluations}; give at least n_bowers, {n_bowers}")
    if not (alpha > 0 and 0 <= mutation_rate <= 1 and z >= 0):
        raise ParameterError(
            f"alpha is {alpha}, mutation_rate {mutation_rate}, z {z}; give alpha > 0, mutation_rate from 0 to 1, z >= 0"
        )
