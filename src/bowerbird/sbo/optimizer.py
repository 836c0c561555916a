"""Satin Bowerbird Optimizer (section 4.2, eqs 18-24), which the paper uses to choose the LSTM's hyperparameters.

A population of bowers, points of the search space, is drawn towards the midpoint of a target bower, picked by roulette,
and the elite, the best bower so far; now and then a coordinate mutates.

Source: Moosavi & Khatibi Bardsiri, Engineering Applications of Artificial Intelligence 60, 2017. Where the paper is
silent, this follows their own code: a target and a step for every single coordinate, all bowers moved at once, and
parents and children merged with the best kept. Without that merge the search would lose what it found.
"""

import time
from collections.abc import Callable
from concurrent.futures import Executor
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import accumulate
from numbers import Real
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import qmc
from tqdm import tqdm

from bowerbird.checks import above, at_least, whole
from bowerbird.errors import ParameterError
from bowerbird.sbo.checkpoint import check_replay, load, save
from bowerbird.sbo.space import Choice, Float, Integer, Space, check_space, decode, identities, lasting_name, limits

__all__ = ["VARIANTS", "Choice", "Float", "Integer", "Result", "Variant", "minimize", "next_bowers"]

HISTORY_COLUMNS = ("evaluation", "generation", "value", "best", "failure")
MOST_BOWERS = 1_000_000
STALE = 100  # generations in a row without a new candidate, after which there is none to be expected


@dataclass(frozen=True)
class Variant:
    """How the bowers start and move.

    Attributes
    ----------
    n_bowers : int
        Size of the population [NB].
    alpha : float
        Greatest step size [alpha].
    mutation_rate : float
        Chance of each coordinate to mutate.
    z : float
        Standard deviation of a mutation as a share of the coordinate's range [z].
    selection : str
        "roulette" of eqs (18), (19), or "rank": chances fall with the bower's rank alone, however close the values.
    start : str
        First generation: "uniform" random points, or "Sobol" points, which leave no gaps.
    """

    n_bowers: int
    alpha: float
    mutation_rate: float
    z: float
    selection: str
    start: str

    def __post_init__(self):
        if whole("n_bowers", self.n_bowers, least=2) > MOST_BOWERS:
            raise ParameterError(f"n_bowers is {self.n_bowers}; give at most {MOST_BOWERS:,}")
        above("alpha", self.alpha)
        at_least("z", self.z)
        if at_least("mutation_rate", self.mutation_rate) > 1:
            raise ParameterError(f"mutation_rate is {self.mutation_rate}; give 0 to 1")
        if self.selection not in ("roulette", "rank") or self.start not in ("uniform", "Sobol"):
            raise ParameterError(
                f"selection is {self.selection!r}, start {self.start!r}; choose roulette or rank, uniform or Sobol"
            )


VARIANTS = {
    "paper": Variant(n_bowers=15, alpha=0.94, mutation_rate=0.05, z=0.02, selection="roulette", start="uniform"),
    "tuned": Variant(n_bowers=10, alpha=1.2, mutation_rate=0.4, z=0.1, selection="rank", start="Sobol"),
}
"""The paper's (alpha, mutation rate and z are its source's), and ours for budgets of 30 to 120 evaluations."""


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
        ""), and one column for each name of the space. A candidate met again is no evaluation and has no row.
    stopped : str
        What ended the search: "target", "evaluations", "patience", "time", or "repeats" when a hundred generations in a
        row held no new candidate.
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
    space: Space,
    *,
    max_evaluations: int = 300,
    variant: str = "paper",
    n_bowers: int | None = None,
    alpha: float | None = None,
    mutation_rate: float | None = None,
    z: float | None = None,
    selection: str | None = None,
    start: str | None = None,
    target: float | None = None,
    patience: int | None = None,
    time_limit: float | None = None,
    checkpoint: Path | str | None = None,
    seed: int = 0,
    executor: Executor | None = None,
    prepare: Callable[[list[dict]], None] | None = None,
    progress: bool = False,
) -> Result:
    """The candidate with the smallest objective value that SBO finds, by the loop of section 4.3, steps 2 to 5.

    Parameters
    ----------
    objective : callable
        Takes one candidate, a dict name -> value of its own, and returns its error. An exception, NaN or infinity is a
        failure: recorded, scored as worst, and the search goes on.
    space : dict of name -> Float, Integer or Choice
        What to search, D names.
    max_evaluations : int
        The search stops after exactly this many calls of the objective; the last generation is cut short if need be.
        A candidate met before takes its value from then: it is not evaluated again and does not count.
    variant : str
        "paper" or "tuned", see VARIANTS.
    n_bowers, alpha, mutation_rate, z, selection, start : optional
        As in `Variant`; what is given replaces the variant's value.
    target : float, optional
        Stop after the generation that reaches this value or less.
    patience : int, optional
        Stop after this many generations in a row without a smaller value.
    time_limit : float, optional
        Seconds of this call; stop after the generation in which they run out.
    checkpoint : Path or str, optional
        File written after every generation; if it exists, the search goes on from there, to the same bits. Only the
        rules for stopping may differ from the search that wrote it: with a larger `max_evaluations` it is prolonged.
        Choices between functions must be functions of a module, which have a name that lasts.
    seed : int
        All random numbers come from it and are drawn here: the result is the same to the bit with any executor.
    executor : concurrent.futures.Executor, optional
        Evaluates the candidates of a generation at once; None evaluates one after the other. For processes, the
        objective must be picklable: a function of a module, not a lambda.
    prepare : callable, optional
        Called with a generation's new candidates before they are evaluated, for work that they share.
    progress : bool
        Show a bar.

    Returns
    -------
    Result

    Raises
    ------
    ParameterError
        When a parameter does not fit, the checkpoint is another search's, or every candidate of the first generation
        failed.

    Source
    ------
    Eqs (18)-(24) and section 4.3; alpha, mutation rate and z are Moosavi & Khatibi Bardsiri's, the paper gives none.
    """
    check_space(space, HISTORY_COLUMNS)
    if variant not in VARIANTS:
        raise ParameterError(f"variant is {variant!r}; choose {' or '.join(VARIANTS)}")
    given = {"n_bowers": n_bowers, "alpha": alpha, "mutation_rate": mutation_rate, "z": z,
             "selection": selection, "start": start}  # fmt: skip
    rules = replace(VARIANTS[variant], **{name: value for name, value in given.items() if value is not None})
    max_evaluations, seed = whole("max_evaluations", max_evaluations), whole("seed", seed)
    if patience is not None:
        whole("patience", patience)
    if time_limit is not None:
        at_least("time_limit", time_limit)
    if target is not None and not (isinstance(target, Real) and np.isfinite(target)):
        raise ParameterError(f"target is {target!r}; give a finite number")
    if max_evaluations < rules.n_bowers:
        raise ParameterError(f"max_evaluations is {max_evaluations}; give at least n_bowers, {rules.n_bowers}")
    began = time.monotonic()
    stored = []
    if checkpoint:
        named = [f"{name}: {lasting_name(dimension)}" for name, dimension in space.items()]
        itself = {"seed": seed, "space": named, **asdict(rules)}
        stored = load(checkpoint, itself)

    rng = np.random.default_rng(seed)
    low, high = limits(space)  # (D,), (D,)
    bowers, values = np.empty((0, len(space))), np.empty(0)  # (n_bowers, D), (n_bowers,), sorted, best first
    children = first_bowers(rules, low, high, rng)
    outcomes = {}  # of every candidate so far: identity -> value, failure
    rows, generation, improved, renewed = [], 0, 0, 0  # the last generation with a better value, with a new candidate
    with tqdm(total=max_evaluations, disable=not progress, unit="evaluation") as bar:
        while True:
            met, new = _sort_out(space, children, outcomes, max_evaluations - len(rows))
            paid = stored[len(rows) : len(rows) + len(new)]  # by the search that is resumed
            for number, ((x_stored, _, _), x) in enumerate(zip(paid, new.values(), strict=False), len(rows) + 1):
                check_replay(checkpoint, number, x_stored, x)
            due = list(new.values())[len(paid) :]
            if prepare is not None and due:
                prepare(deepcopy(due))
            evaluated = map if executor is None else executor.map
            fresh = [outcome for _, *outcome in paid] + list(evaluated(partial(_evaluate, objective), due))
            outcomes.update(zip(new, fresh, strict=True))
            rows += [(generation, *outcome, x) for outcome, x in zip(fresh, new.values(), strict=True)]
            if checkpoint and due:
                save(checkpoint, itself, rows)

            # Parents and children compete and the best stay; the paper does not say so, its source's code does.
            best = values[0] if generation else np.inf
            values = np.concatenate([values, [outcomes[key][0] for key in met]])
            best_first = np.argsort(values, kind="stable")[: rules.n_bowers]
            bowers, values = np.concatenate([bowers, children[: len(met)]])[best_first], values[best_first]
            if values[0] == np.inf:
                raise ParameterError(
                    f"objective failed on all {len(met)} candidates of the first generation, on the first with "
                    f"{rows[0][2]!r}; call it by hand on {rows[0][3]}"
                )
            improved = generation if values[0] < best else improved
            renewed = generation if new else renewed
            bar.update(len(new))
            bar.set_postfix(best=f"{values[0]:.4g}")

            stops = {
                "target": target is not None and values[0] <= target,
                "evaluations": len(rows) == max_evaluations,
                "patience": patience is not None and generation - improved >= patience,
                "time": time_limit is not None and time.monotonic() - began >= time_limit,
                "repeats": generation - renewed >= STALE,
            }
            if any(stops.values()):
                break
            generation += 1
            children = next_bowers(bowers, values, low, high, rng, rules)

    stopped = next(reason for reason, holds in stops.items() if holds)
    return Result(
        x=deepcopy(decode(space, bowers[:1])[0]), value=float(values[0]), history=_history(rows, space), stopped=stopped
    )


def first_bowers(rules: Variant, low, high, rng) -> np.ndarray:
    """The first generation, (n_bowers, D), before it is evaluated."""
    if rules.start == "uniform":
        return rng.uniform(low, high, (rules.n_bowers, len(low)))
    power = int(np.ceil(np.log2(rules.n_bowers)))  # Sobol points come in powers of two
    return low + (high - low) * qmc.Sobol(len(low), rng=rng).random_base2(power)[: rules.n_bowers]


def chances(values: np.ndarray, selection: str) -> np.ndarray:
    """Chance of each bower to be the target [p], (n_bowers,), given the values [f], best first, inf for a failure."""
    if selection == "roulette":
        # Eq. (19): fit_i = 1/(1 + f_i) for f_i >= 0, 1 + |f_i| below; as printed "1/1 + f(x)" would favour the worst.
        fitness = np.where(values >= 0, 1 / (1 + np.maximum(values, 0)), 1 + np.abs(values))
    else:  # With f near 1, eq. (19) makes all bowers alike: best to worst 1.1 to 1. By rank it is n to 1.
        fitness = np.arange(len(values), 0.0, -1.0)
    # Eq. (18): p_i = fit_i / sum_n fit_n
    return fitness / fitness.sum()


def next_bowers(bowers, values, low, high, rng, rules: Variant) -> np.ndarray:
    """One generation's children, before they are evaluated.

    Parameters
    ----------
    bowers : array (n_bowers, D)
        Positions of the parents [x], best first; the first is the elite.
    values : array (n_bowers,)
        Their objective values [f], inf for a failure.
    low, high : arrays (D,)
        Limits of each coordinate [varmin, varmax].
    rng : numpy Generator
    rules : Variant

    Returns
    -------
    float64 array (n_bowers, D), clipped to the limits.
    """
    n_bowers, n_dimensions = bowers.shape
    probability = chances(values, rules.selection)
    # A target bower j for every coordinate k of every bower i.
    j = rng.choice(n_bowers, size=(n_bowers, n_dimensions), p=probability)
    # Eq. (21): lambda = alpha / (1 + p_j); as printed "alpha/1 + P_j" would make better targets overshoot.
    step = rules.alpha / (1 + probability[j])  # (n_bowers, D)
    # Eq. (20): x_ik <- x_ik + lambda ((x_jk + elite_k)/2 - x_ik);
    # the text calls x_ik^t the best position, but it is the bower's own.
    moved = bowers + step * ((bowers[j, np.arange(n_dimensions)] + bowers[0]) / 2 - bowers)
    # Eq. (24): sigma = z (varmax - varmin)
    sigma = rules.z * (high - low)  # (D,)
    # Eqs (22), (23): x_ik <- x_ik + sigma N(0, 1), for each coordinate with chance mutation_rate; as printed around
    # x_ik^t, which would undo the move, in the source's code around the moved position.
    mutates = rng.random(moved.shape) < rules.mutation_rate
    mutated = moved + np.where(mutates, sigma * rng.standard_normal(moved.shape), 0)
    return np.clip(mutated, low, high)


def _sort_out(space: Space, children, outcomes: dict, budget: int) -> tuple[list[tuple], dict[tuple, dict]]:
    """Identities of the children that can be scored, in order, and the candidates among them that are new."""
    met, new = [], {}
    candidates = decode(space, children)
    for key, x in zip(identities(space, candidates), candidates, strict=True):
        if key not in outcomes and key not in new:
            if len(new) == budget:
                break
            new[key] = x
        met.append(key)
    return met, new


def _evaluate(objective: Callable[[dict], float], x: dict) -> tuple[float, str]:
    """Objective value and "", or inf and what went wrong."""
    try:
        value = float(objective(deepcopy(x)))  # what the objective does to its candidate stays there
    except Exception as error:  # KeyboardInterrupt is none and passes through
        return np.inf, f"{type(error).__name__}: {error}"
    return (value, "") if np.isfinite(value) else (np.inf, f"objective returned {value}")


def _history(rows: list[tuple], space: Space) -> pd.DataFrame:
    generations, values, failures, candidates = zip(*rows, strict=True)
    columns = (range(1, len(rows) + 1), generations, values, accumulate(values, min), failures)
    table = {name: list(column) for name, column in zip(HISTORY_COLUMNS, columns, strict=True)}
    return pd.DataFrame(table | {name: [x[name] for x in candidates] for name in space})
