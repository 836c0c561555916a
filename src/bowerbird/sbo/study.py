"""SBO beside the searches people use, at equal budgets: random search and Optuna's TPE, CMA-ES and Gaussian process.

Every method gets the same problems with the same seeds and the same number of evaluations. What counts is the true loss
of the candidate that a method would hand over, the best it has observed so far.
"""

import hashlib
import warnings
from collections.abc import Callable, Iterable
from dataclasses import is_dataclass, replace
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, FunctionType, MethodType

import numpy as np
import pandas as pd
from scipy.optimize import differential_evolution
from tqdm import tqdm

from bowerbird import sbo
from bowerbird.data.panel import Panel
from bowerbird.files import digest, read_record, write_record
from bowerbird.runs.code import code_digest, forecasters_digest
from bowerbird.sbo.benchmark_functions import FUNCTIONS, Problem, shifted_problem
from bowerbird.sbo.space import Choice, Float, Integer, Space, decode, limits

TUNED = "SBO, tuned"
NORMAL_95 = 1.96

Observed = list[tuple[dict, float]]  # candidates in order, and what was observed of each, inf for a failure
Method = Callable[[Problem, int, int], Observed]


def run_sbo(problem: Problem, max_evaluations: int, seed: int, variant: str = "paper") -> Observed:
    """SBO's candidates, in order; fewer than `max_evaluations` where it only repeats itself."""
    history = sbo.minimize(
        problem.observe, problem.space, max_evaluations=max_evaluations, variant=variant, seed=seed
    ).history
    return list(zip(history[list(problem.space)].to_dict("records"), history["value"], strict=True))


def run_random(problem: Problem, max_evaluations: int, seed: int) -> Observed:
    """Random search: candidates drawn uniformly, logarithmic dimensions on their logarithm."""
    low, high = limits(problem.space)
    points = np.random.default_rng(seed).uniform(low, high, (max_evaluations, len(problem.space)))
    return [(x, _finite(problem.observe(x))) for x in decode(problem.space, points)]


def run_optuna(problem: Problem, max_evaluations: int, seed: int, sampler: str) -> Observed:
    """One of Optuna's samplers with its own defaults: TPESampler, CmaEsSampler or GPSampler."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a notebook without widgets for a progress bar that is not used
        import optuna
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    options = {"warn_independent_sampling": False} if sampler == "CmaEsSampler" else {}
    study = optuna.create_study(sampler=getattr(optuna.samplers, sampler)(seed=seed, **options))
    observed = []
    for _ in range(max_evaluations):
        trial = study.ask()
        x = {name: _suggest(trial, name, dimension) for name, dimension in problem.space.items()}
        value = problem.observe(x)
        observed.append((x, _finite(value)))
        if np.isfinite(value):
            study.tell(trial, value)
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return observed


METHODS: dict[str, Method] = {
    TUNED: partial(run_sbo, variant="tuned"),
    "SBO, paper": partial(run_sbo, variant="paper"),
    "random search": run_random,
    "TPE": partial(run_optuna, sampler="TPESampler"),
    "CMA-ES": partial(run_optuna, sampler="CmaEsSampler"),
    "Gaussian process": partial(run_optuna, sampler="GPSampler"),
}
"""Name -> a function of problem, evaluations and seed."""


NEEDS = {"TPE": ("optuna",), "CMA-ES": ("optuna", "cmaes"), "Gaussian process": ("optuna",)}
"""Packages of the optional extra `[search]` that a method needs."""

BAND = {
    "sphere": (0, 2e-4), "Rosenbrock": (0, 5), "Rastrigin": (10, 14), "Ackley": (0, 0.005), "Griewank": (0.06, 0.13),
}  # fmt: skip
"""Median best of other correct implementations of SBO: 30 bowers, 10 dimensions, 30,030 evaluations."""


WIDE_LSTM: Space = {
    "hidden_size": Integer(8, 64),
    "layers": Integer(1, 2),
    "learning_rate": Float(1e-4, 1e-1, log=True),
    "dropout": Float(0.0, 0.6),
    "point_weight": Float(0.1, 10.0, log=True),
    "clusters": Choice((0, 4, 8)),
}
"""The forecaster's settings, in ranges one might give them who has not trained it before."""


def available() -> tuple[dict[str, Method], str]:
    """The methods that can be run here, and why the others cannot, "" where all can."""
    missing = {name: [package for package in NEEDS.get(name, ()) if find_spec(package) is None] for name in METHODS}
    reasons = [
        f"{name} is left out, {' and '.join(packages)} not installed" for name, packages in missing.items() if packages
    ]
    cure = ": pip install 'bowerbird[search]'" if reasons else ""
    return {name: method for name, method in METHODS.items() if not missing[name]}, "; ".join(reasons) + cure


def compare(
    problems: dict[str, Callable[[int], Problem]],
    methods: dict[str, Method],
    seeds: Iterable[int],
    max_evaluations: int = 60,
    *,
    folder: Path | str | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Run every method on every problem with every seed.

    Parameters
    ----------
    problems : dict of name -> callable
        Takes a seed, returns the problem.
    methods : dict of name -> Method
        Such as `available` gives.
    seeds : iterable of int
        Each seeds the problem and the search.
    max_evaluations : int
        Budget of each search; smaller budgets are its beginnings, for none of the methods looks at the budget.
    folder : Path or str, optional
        Where finished searches are kept, so that an interrupted comparison goes on. A search is found again only for
        the same problem (its space, data and code) and method.
    progress : bool
        Show a bar.

    Returns
    -------
    DataFrame: problem, method, seed, evaluation (from 1), best: the true loss of the candidate observed best so far,
    inf while there is none.
    """
    todo = [(seed, problem, method) for seed in seeds for problem in problems for method in methods]
    parts = []
    for seed, problem, method in tqdm(todo, disable=not progress, unit="search", mininterval=10):
        posed, kept = problems[problem](seed), {}
        if folder:
            key = _identity([posed, methods[method], _code()])[:16]
            path = Path(folder) / f"{problem}-{method}-{seed}-{max_evaluations}-{key}.json"
            kept = read_record(path)
            if path.is_file() and not kept:
                warnings.warn(f"{path} is damaged; the search is made again", stacklevel=2)
        if kept:
            best = np.array(kept["best"], dtype=float)
        else:
            best = best_so_far(posed, methods[method](posed, max_evaluations, seed), max_evaluations)
            if folder:
                write_record(path, {"best": best.tolist()})
        evaluation = np.arange(1, max_evaluations + 1)
        part = {"problem": problem, "method": method, "seed": seed, "evaluation": evaluation, "best": best}
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


@cache
def _code() -> list[str]:
    """Checksums of the package's code that a search depends on."""
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return [forecasters_digest(), *(code_digest(path.read_text(encoding="utf-8")) for path in modules)]


def _identity(thing, within: tuple[int, ...] = ()) -> str:
    """Checksum of what a problem or a method is: its numbers, tables and functions, with all that they hold."""
    if id(thing) in within:  # a function that names itself
        return ""
    match thing:
        case np.ndarray() if thing.dtype != object:
            parts = [thing.dtype.str, thing.shape, hashlib.sha256(thing.tobytes()).hexdigest()]
        case pd.DataFrame() | pd.Series() | pd.Index():
            parts = [list(getattr(thing, "columns", ())), pd.util.hash_pandas_object(thing).to_numpy()]
        case FunctionType():
            cells = [cell.cell_contents for cell in thing.__closure__ or ()]
            ours = thing.__module__.startswith("bowerbird.")  # its globals are in `_code`
            used = {} if ours else {name: thing.__globals__.get(name) for name in thing.__code__.co_names}
            parts = [thing.__code__, cells, thing.__defaults__, thing.__kwdefaults__, used]
        case CodeType():
            parts = [thing.co_code, thing.co_names, thing.co_consts]
        case MethodType():
            parts = [thing.__func__, thing.__self__]
        case partial():
            parts = [thing.func, thing.args, thing.keywords]
        case dict():
            parts = list(thing.items())
        case list() | tuple():
            parts = thing
        case set() | frozenset():
            parts = sorted(map(repr, thing))
        case _ if is_dataclass(thing) and not isinstance(thing, type):
            parts = [type(thing).__qualname__, vars(thing)]
        case _:
            return repr(thing)
    return digest([type(thing).__name__, *(_identity(part, (*within, id(thing))) for part in parts)])


def best_so_far(problem: Problem, observed: Observed, max_evaluations: int) -> np.ndarray:
    """True loss of the candidate observed best so far (max_evaluations,); with noise it may rise."""
    best, loss, losses = np.inf, np.inf, []
    for x, value in observed:
        if value < best:
            best, loss = value, problem.loss(x) if problem.noise else value
        losses.append(loss)
    return np.array(losses + [loss] * (max_evaluations - len(losses)))


def win_rates(runs: pd.DataFrame, budgets: Iterable[int], method: str = TUNED) -> pd.DataFrame:
    """How often one method ends below each other one.

    Parameters
    ----------
    runs : DataFrame
        From `compare`.
    budgets : iterable of int
        Evaluations after which to look.
    method : str

    Returns
    -------
    DataFrame, a row an opponent and budget: number of pairings (same problem, same seed), share that `method` wins,
    ties half, and the limits of its 95 % interval (Wilson 1927).
    """
    rows = []
    for budget in budgets:
        final = runs[runs["evaluation"] == budget].pivot(index=["problem", "seed"], columns="method", values="best")
        for opponent in final.columns.drop(method):
            pairs = final[[method, opponent]].dropna()
            won = (pairs[method] < pairs[opponent]) + 0.5 * (pairs[method] == pairs[opponent])
            low, high = wilson(won.mean(), len(won))
            rows.append(
                {
                    "evaluations": budget,
                    "against": opponent,
                    "pairings": len(won),
                    "won": won.mean(),
                    "low": low,
                    "high": high,
                }
            )
    return pd.DataFrame(rows)


def wilson(share: float, n: int) -> tuple[float, float]:
    """Limits of the 95 % interval of a share of n."""
    centre, spread = (
        share + NORMAL_95**2 / (2 * n),
        NORMAL_95 * np.sqrt(share * (1 - share) / n + (NORMAL_95 / n / 2) ** 2),
    )
    return float((centre - spread) / (1 + NORMAL_95**2 / n)), float((centre + spread) / (1 + NORMAL_95**2 / n))


def ranks(runs: pd.DataFrame, budgets: Iterable[int]) -> pd.DataFrame:
    """Mean rank of each method (1 is best) over the problems and seeds all of them ran, a column a budget."""
    columns = {}
    for budget in budgets:
        final = runs[runs["evaluation"] == budget].pivot(index=["problem", "seed"], columns="method", values="best")
        columns[f"{budget} evaluations"] = final.dropna().rank(axis=1).mean()
    return pd.DataFrame(columns).sort_values(f"{budget} evaluations").rename_axis("method").reset_index()


def at_length(
    n_seeds: int = 5, max_evaluations: int = 30_030, n_dimensions: int = 10, spread: float = 0.4, seed: int = 0
) -> pd.DataFrame:
    """SBO as in the paper, with 30 bowers, and differential evolution where evaluations cost nothing.

    Parameters
    ----------
    n_seeds : int
        Shifts of each function, and searches.
    max_evaluations : int
        Of each search; a multiple of the 15 `n_dimensions` of differential evolution's population, or a little more.
    n_dimensions : int
        [D]
    spread : float
        How far from the centre the minimum may lie, as a share of the limits; Rastrigin's valleys make it matter.
    seed : int

    Returns
    -------
    DataFrame, a row a function: median best of SBO and of scipy's differential evolution, and the band of SBO.
    """
    rows = []
    for name in FUNCTIONS:
        found = []
        for k in range(seed, seed + n_seeds):
            problem = shifted_problem(name, k, n_dimensions, spread)
            ours = sbo.minimize(problem.loss, problem.space, n_bowers=30, max_evaluations=max_evaluations, seed=k)
            theirs = differential_evolution(
                lambda x, problem=problem: problem.loss(dict(zip(problem.space, x, strict=True))),
                [dimension.bounds for dimension in problem.space.values()],
                maxiter=max_evaluations // (15 * n_dimensions) - 1, popsize=15, tol=0, polish=False, rng=k,
            )  # fmt: skip
            found.append((ours.value, theirs.fun))
        sbo_median, de_median = np.median(found, axis=0)
        low, high = BAND[name]
        band = f"{low:g} to {high:g}" if low else f"{high:g}"
        rows.append({"function": name, "SBO": sbo_median, "SBO elsewhere": band, "differential evolution": de_median})
    return pd.DataFrame(rows)


def lstm_problem(
    panel: Panel, seed: int, space: Space = WIDE_LSTM, *, n_series: int = 200, epochs: int = 4, batch_size: int = 16
) -> Problem:
    """The real thing, small: validation WMAPE of the forecaster on some of a panel's series.

    Parameters
    ----------
    panel : Panel
        Training days only.
    seed : int
        Draws the series, and seeds the training.
    space : dict
        Names of `forecaster.Settings` and what to search.
    n_series, epochs, batch_size : int
        Small, so that an evaluation takes about a second, but steps enough for training to help.

    Returns
    -------
    Problem
    """
    from bowerbird.forecaster import Settings  # torch is for those who train
    from bowerbird.forecaster.tuning import validation_loss

    rows = np.random.default_rng(seed).choice(panel.n_series, min(n_series, panel.n_series), replace=False)
    few, fixed = panel.select(np.sort(rows)), Settings(epochs=epochs, batch_size=batch_size)
    return Problem("LSTM", space, lambda x: validation_loss(few, replace(fixed, **x), seed=seed))


def _suggest(trial, name: str, dimension):
    if isinstance(dimension, Float):
        return trial.suggest_float(name, dimension.low, dimension.high, log=dimension.log)
    if isinstance(dimension, Choice):  # Optuna stores numbers and texts alone
        return dimension.values[trial.suggest_categorical(name, list(range(len(dimension.values))))]
    return trial.suggest_int(name, dimension.low, dimension.high)


def _finite(value: float) -> float:
    return value if np.isfinite(value) else np.inf
