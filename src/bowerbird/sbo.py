"""Satin Bowerbird Optimizer (section 4.2, eqs 18-24), which the paper uses to choose the LSTM's hyperparameters.

A population of bowers, points of the search space, is drawn towards the midpoint of a target bower, picked by roulette,
and the elite, the best bower so far. Now and then a coordinate mutates.

Source: Moosavi & Khatibi Bardsiri, Engineering Applications of Artificial Intelligence 60, 2017. Where the paper is
silent, this follows their own code: a target and a step for every single coordinate, all bowers moved at once, and
parents and children merged with the best kept. Without that merge the search would lose what it found.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import partial
from itertools import accumulate
from numbers import Real
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import qmc
from tqdm import tqdm

from bowerbird.checks import above, at_least, finite, whole
from bowerbird.errors import ParameterError
from bowerbird.files import atomic_path

# ---- the space: every dimension stands on one real coordinate --------------------------------------------------------

LARGEST = 2**53  # of whole numbers; beyond, floats skip some


@dataclass(frozen=True)
class Float:
    """A real number from `low` to `high`; with `log`, searched on a logarithmic scale (learning rates)."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self):
        numbers = isinstance(self.low, Real) and isinstance(self.high, Real)
        if not (numbers and self.low < self.high and np.isfinite(float(self.high) - float(self.low))):
            raise ParameterError(f"{self}: give finite numbers with low < high")
        if self.log and self.low <= 0:
            raise ParameterError(f"{self}: a logarithmic scale needs low > 0")

    @property
    def bounds(self) -> tuple[float, float]:
        return (float(np.log(self.low)), float(np.log(self.high))) if self.log else (float(self.low), float(self.high))

    def decode(self, coordinates: np.ndarray) -> list[float]:
        if not self.log:
            return coordinates.tolist()
        return np.clip(np.exp(coordinates), self.low, self.high).tolist()  # exp(log(high)) may miss high by a rounding


@dataclass(frozen=True)
class Integer:
    """A whole number from `low` to `high`, both included; each takes up one unit of the coordinate."""

    low: int
    high: int

    def __post_init__(self):
        numbers = isinstance(self.low, Real) and isinstance(self.high, Real)
        if not (numbers and -LARGEST <= self.low <= self.high <= LARGEST and self.low % 1 == self.high % 1 == 0):
            raise ParameterError(f"{self}: give whole numbers with low <= high, within +-2**53")

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low - 0.5, self.high + 0.5

    def decode(self, coordinates: np.ndarray) -> list[int]:
        return np.clip(np.floor(np.asarray(coordinates) + 0.5), self.low, self.high).astype(int).tolist()


@dataclass(frozen=True)
class Choice:
    """One of `values`; each takes up one unit of the coordinate. SBO averages coordinates: put like beside like."""

    values: Sequence

    def __post_init__(self):
        if not isinstance(self.values, Iterable) or not (values := tuple(self.values)):
            raise ParameterError(f"Choice: values is {self.values!r}; give at least one, in a list")
        object.__setattr__(self, "values", values)

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, float(len(self.values))

    def decode(self, coordinates: np.ndarray) -> list[int]:
        """Places among the values."""
        return np.clip(np.floor(coordinates), 0, len(self.values) - 1).astype(int).tolist()


Space = dict[str, Float | Integer | Choice]
"""Name -> dimension."""


def limits(space: Space) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest coordinate of each dimension, (D,) and (D,)."""
    low, high = np.array([dimension.bounds for dimension in space.values()]).T
    return low, high


def decode(space: Space, coordinates: np.ndarray) -> list[dict]:
    """The candidates at some coordinates (n, D), each a dict name -> value.

    >>> space = {"rate": Float(0.01, 100, log=True), "layers": Integer(1, 2), "cell": Choice(["LSTM", "GRU"])}
    >>> decode(space, np.array([[np.log(1), 1.6, 0.3]]))
    [{'rate': 1.0, 'layers': 2, 'cell': 'LSTM'}]
    """
    return [_candidate(space, key) for key in _keys(space, coordinates)]


def _keys(space: Space, coordinates: np.ndarray) -> list[tuple]:
    """What tells candidates apart: the numbers, and the places of choices among their values."""
    columns = [dimension.decode(column) for dimension, column in zip(space.values(), coordinates.T, strict=True)]
    return list(zip(*columns, strict=True))


def _candidate(space: Space, key: tuple) -> dict:
    """Name -> value; a choice is a copy, so that who changes it changes neither the space nor the history."""
    return {
        name: deepcopy(dimension.values[place]) if isinstance(dimension, Choice) else place
        for (name, dimension), place in zip(space.items(), key, strict=True)
    }


# ---- the equations ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Variant:
    """How the bowers start and move; other values by `dataclasses.replace`.

    Parameters
    ----------
    n_bowers : int
        Size of the population [NB].
    alpha : float
        Greatest step size [alpha].
    mutation_rate : float
        Chance of each coordinate to mutate.
    z : float
        Standard deviation of a mutation as a share of the coordinate's range [z].
    selection : {"roulette", "rank"}
        The roulette of eqs (18), (19), or chances that fall with the bower's rank alone, however close the values.
    start : {"uniform", "Sobol"}
        First generation: uniform random points, or Sobol points, which leave no gaps.
    """

    n_bowers: int
    alpha: float
    mutation_rate: float
    z: float
    selection: str
    start: str

    def __post_init__(self):
        whole("n_bowers", self.n_bowers, least=2, most=1_000_000)
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


def first_bowers(variant: Variant, low, high, rng) -> np.ndarray:
    """The first generation, (n_bowers, D), before it is evaluated."""
    if variant.start == "uniform":
        return rng.uniform(low, high, (variant.n_bowers, len(low)))
    power = int(np.ceil(np.log2(variant.n_bowers)))  # Sobol points come in powers of two
    return low + (high - low) * qmc.Sobol(len(low), rng=rng).random_base2(power)[: variant.n_bowers]


def chances(values: np.ndarray, selection: str) -> np.ndarray:
    """Chance of each bower to be the target [p] (n_bowers,), given the values [f], best first, inf for a failure.

    Costs 0 and 1 have fitness 1 and 1/2, so the chances are 2/3 and 1/3:

    >>> chances(np.array([0.0, 1.0]), "roulette").round(3)
    array([0.667, 0.333])
    """
    if selection == "roulette":
        # Eq. (19): fit_i = 1/(1 + f_i) for f_i >= 0, 1 + |f_i| below; as printed "1/1 + f(x)" would favour the worst.
        fitness = np.where(values >= 0, 1 / (1 + np.maximum(values, 0)), 1 + np.abs(values))
    else:  # With f near 1, eq. (19) makes all bowers alike: best to worst 1.1 to 1. By rank it is n to 1.
        fitness = np.arange(len(values), 0.0, -1.0)
    # Eq. (18): p_i = fit_i / sum_n fit_n
    return fitness / fitness.sum()


def next_bowers(bowers, values, low, high, rng, variant: Variant) -> np.ndarray:
    """One generation's children (n_bowers, D), clipped to the limits, before they are evaluated; eqs (18)-(24).

    Parameters
    ----------
    bowers : array (n_bowers, D)
        Positions of the parents [x], best first; the first is the elite.
    values : array (n_bowers,)
        Their losses [f], inf for a failure.
    low, high : arrays (D,)
        Limits of each coordinate [varmin, varmax].
    rng : numpy Generator
    variant : Variant
    """
    n_bowers, n_dimensions = bowers.shape
    probability = chances(values, variant.selection)
    # A target bower j for every coordinate k of every bower i.
    j = rng.choice(n_bowers, size=(n_bowers, n_dimensions), p=probability)
    # Eq. (21): lambda = alpha / (1 + p_j); as printed "alpha/1 + P_j" would make better targets overshoot.
    step = variant.alpha / (1 + probability[j])  # (n_bowers, D)
    # Eq. (20): x_ik <- x_ik + lambda ((x_jk + elite_k)/2 - x_ik);
    # the text calls x_ik^t the best position, but it is the bower's own.
    moved = bowers + step * ((bowers[j, np.arange(n_dimensions)] + bowers[0]) / 2 - bowers)
    # Eq. (24): sigma = z (varmax - varmin)
    sigma = variant.z * (high - low)  # (D,)
    # Eqs (22), (23): x_ik <- x_ik + sigma N(0, 1), for each coordinate with chance mutation_rate; as printed around
    # x_ik^t, which would undo the move, in the source's code around the moved position.
    mutates = rng.random(moved.shape) < variant.mutation_rate
    mutated = moved + np.where(mutates, sigma * rng.standard_normal(moved.shape), 0)
    return np.clip(mutated, low, high)


# ---- the search ------------------------------------------------------------------------------------------------------

HISTORY_COLUMNS = ("evaluation", "generation", "value", "best", "failure")
STALE = 100  # generations in a row without a new candidate, after which there is none to be expected


@dataclass(frozen=True)
class Result:
    """What a search found.

    `history` has one row an evaluation: evaluation (from 1), generation (from 0), value (inf for a failure), best (so
    far), failure (its message, else ""), and a column for each name of the space. A candidate met again has no row.
    """

    x: dict  # the best candidate, name -> value
    value: float  # its loss
    history: pd.DataFrame
    stopped: str  # by "target", "evaluations" or "repeats": a hundred generations in a row held no new candidate

    @property
    def n_evaluations(self) -> int:
        return len(self.history)


def one_by_one(loss: Callable[[dict], float]) -> Callable[[list[dict]], list]:
    """`evaluate` for `minimize` from the loss of one candidate; an exception is that candidate's failure."""
    return lambda candidates: [_attempt(loss, x) for x in candidates]


def spread(loss: Callable[[dict], float], executor: Executor) -> Callable[[list[dict]], list]:
    """As `one_by_one`, in the processes of an executor (or of a Dask cluster); `loss` must then be picklable."""
    return lambda candidates: list(executor.map(partial(_attempt, loss), candidates))


def _attempt(loss: Callable[[dict], float], x: dict) -> float | str:
    try:
        return float(loss(x))
    except Exception as error:  # KeyboardInterrupt is none and passes through
        return f"{type(error).__name__}: {error}"


def minimize(
    evaluate: Callable[[list[dict]], Sequence[float | str]],
    space: Space,
    variant: Variant = VARIANTS["paper"],
    *,
    max_evaluations: int = 300,
    target: float | None = None,
    checkpoint: Path | str | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Result:
    """The candidate with the smallest loss that SBO finds, by the loop of section 4.3, steps 2 to 5.

    Parameters
    ----------
    evaluate : callable
        Takes the new candidates of a generation, a list of dicts name -> value, and returns their losses in order. NaN,
        an infinity, or a text that says what went wrong is a failure: it is recorded and scored as worst, and the
        search goes on. `one_by_one` and `spread` make such a function from the loss of one candidate.
    space : dict of name -> Float, Integer or Choice
        What to search, D names.
    variant : Variant
        One of VARIANTS, or `replace` of one.
    max_evaluations : int
        The search stops after exactly this many evaluations; the last generation is cut short if need be. A candidate
        met before takes its value from then: it is not evaluated again and does not count.
    target : float, optional
        Stop after the generation that reaches this value or less ("the given error value" of step 4).
    checkpoint : Path or str, optional
        File written after every generation. If it exists, the search goes on from there, to the same bits. Only
        `max_evaluations` and `target` may differ from the search that wrote it. Choices may be functions of a module.
    seed : int
        All random numbers come from it and are drawn here: the result does not depend on who evaluates.
    progress : bool
        Show a bar.

    Raises
    ------
    ParameterError
        A parameter does not fit, the checkpoint is another search's, or all candidates of the first generation failed.

    Source
    ------
    Eqs (18)-(24) and section 4.3; alpha, mutation rate and z are Moosavi & Khatibi Bardsiri's, the paper gives none.

    Examples
    --------
    >>> found = minimize(one_by_one(lambda x: (x["n"] - 3) ** 2), {"n": Integer(0, 9)}, max_evaluations=60)
    >>> found.x, found.value, found.stopped
    ({'n': 3}, 0.0, 'repeats')
    """
    _check_space(space)
    max_evaluations, seed = whole("max_evaluations", max_evaluations), whole("seed", seed)
    if target is not None:
        finite("target", target)
    if max_evaluations < variant.n_bowers:
        raise ParameterError(f"max_evaluations is {max_evaluations}; give at least n_bowers, {variant.n_bowers}")
    identity = {"seed": seed, "space": _description(space), **asdict(variant)} if checkpoint else {}
    known = _load(Path(checkpoint), identity) if checkpoint else {}  # key -> value, failure

    rng = np.random.default_rng(seed)
    low, high = limits(space)  # (D,), (D,)
    bowers, values = np.empty((0, len(space))), np.empty(0)  # (n_bowers, D), (n_bowers,), sorted, best first
    children = first_bowers(variant, low, high, rng)
    outcomes = {}  # of every candidate so far, in order: key -> generation, value, failure
    generation, renewed = 0, 0  # the last one with a new candidate
    with tqdm(total=max_evaluations, disable=not progress, unit="evaluation") as bar:
        while True:
            met, new = _sort_out(_keys(space, children), outcomes, max_evaluations - len(outcomes))
            due = [key for key in new if key not in known]
            losses = evaluate([_candidate(space, key) for key in due]) if due else []
            if len(losses) != len(due):
                raise ParameterError(f"evaluate returned {len(losses)} losses for {len(due)} candidates; give one each")
            known |= {key: _outcome(loss) for key, loss in zip(due, losses, strict=True)}
            outcomes |= {key: (generation, *known[key]) for key in new}
            if checkpoint and due:
                _save(Path(checkpoint), identity, known)
            bar.update(len(new))

            # Parents and children compete and the best stay; the paper does not say so, its source's code does.
            values = np.concatenate([values, [outcomes[key][1] for key in met]])
            best_first = np.argsort(values, kind="stable")[: variant.n_bowers]
            bowers, values = np.concatenate([bowers, children[: len(met)]])[best_first], values[best_first]
            if values[0] == np.inf:
                raise ParameterError(
                    f"objective failed on all {len(met)} candidates of the first generation, on the first with "
                    f"{outcomes[met[0]][2]!r}; call it by hand on {_candidate(space, met[0])}"
                )
            bar.set_postfix(best=f"{values[0]:.4g}")
            renewed = generation if new else renewed
            if target is not None and values[0] <= target:
                stopped = "target"
                break
            if len(outcomes) == max_evaluations or generation - renewed >= STALE:
                stopped = "evaluations" if len(outcomes) == max_evaluations else "repeats"
                break
            generation += 1
            children = next_bowers(bowers, values, low, high, rng, variant)

    return Result(decode(space, bowers[:1])[0], float(values[0]), _history(outcomes, space), stopped)


def _sort_out(keys: list[tuple], outcomes: dict, budget: int) -> tuple[list[tuple], list[tuple]]:
    """Of the children in order, those that can be scored within the budget, and those of them that are new."""
    met, new = [], {}
    for key in keys:
        if key not in outcomes and key not in new:
            if len(new) == budget:
                break
            new[key] = None
        met.append(key)
    return met, list(new)


def _outcome(loss: float | str) -> tuple[float, str]:
    """Value and "", or inf and what went wrong."""
    if isinstance(loss, str):
        return np.inf, loss
    return (float(loss), "") if np.isfinite(loss) else (np.inf, f"objective returned {float(loss)}")


def _history(outcomes: dict, space: Space) -> pd.DataFrame:
    generations, values, failures = zip(*outcomes.values(), strict=True)
    columns = (range(1, len(values) + 1), generations, values, accumulate(values, min), failures)
    table = {name: list(column) for name, column in zip(HISTORY_COLUMNS, columns, strict=True)}
    candidates = [_candidate(space, key) for key in outcomes]
    return pd.DataFrame(table | {name: [x[name] for x in candidates] for name in space})


def _check_space(space: Space) -> None:
    if not isinstance(space, dict) or not space:
        raise ParameterError(f"space is {space!r}; give a dict of name -> Float, Integer or Choice")
    for name, dimension in space.items():
        if not isinstance(dimension, Float | Integer | Choice):
            raise ParameterError(f"space[{name!r}] is {dimension!r}; give a Float, an Integer or a Choice")
        if name in HISTORY_COLUMNS:
            raise ParameterError(f"space holds {name!r}, a column of the history; choose another name")


# ---- the checkpoint --------------------------------------------------------------------------------------------------
# A search draws all its random numbers from one seed, so they need not be stored. Resumed, it runs again from its start
# and takes the losses that were evaluated before from here. It is then the search that was never interrupted.


def _description(space: Space) -> str:
    """The space as a text that is the same in another process."""
    return json.dumps({name: [type(d).__name__, vars(d)] for name, d in space.items()}, default=_lasting_name)


def _lasting_name(value) -> str:
    if callable(value) and "<" not in getattr(value, "__qualname__", "<"):
        return f"{value.__module__}.{value.__qualname__}"
    raise ParameterError(f"a checkpoint cannot name {value!r} of the space; give a text, number or module's function")


def _save(path: Path, identity: dict, known: dict) -> None:
    """Write a checkpoint, whole or not at all."""
    content = {"search": identity, "evaluations": [[key, *outcome] for key, outcome in known.items()]}
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _load(path: Path, identity: dict) -> dict[tuple, tuple[float, str]]:
    """Value and failure of every candidate that a checkpoint holds; none where there is no file."""
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_bytes())
        theirs = dict(content["search"])
        known = {tuple(key): (float(value), str(failure)) for key, value, failure in content["evaluations"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ParameterError(
            f"checkpoint {path} is not a search's, or damaged ({error!r}); give another file name, or remove it"
        ) from error
    for name, ours in identity.items():
        if theirs.get(name) != ours:
            raise ParameterError(
                f"checkpoint {path} belongs to another search: {name} is {theirs.get(name)!r} there and {ours!r} here; "
                "give another file name, or remove the file to start anew"
            )
    return known
