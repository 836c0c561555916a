"""The comparison of searches in notebook 05 with its problems, and the figures of notebooks 05 and 06."""

import warnings
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter
from scipy.optimize import differential_evolution
from tqdm import tqdm

from bowerbird import sbo
from bowerbird.code import code_digest
from bowerbird.data.panel import Panel
from bowerbird.files import digest, read_record, write_record
from bowerbird.sbo import VARIANTS, Choice, Float, Integer, Space, decode, limits, one_by_one
from bowerbird.seeds import stream
from bowerbird.studies.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, new_figure, with_sliders

WIDTHS = {"sphere": 100.0, "Rosenbrock": 30.0, "Rastrigin": 5.12, "Ackley": 32.0, "Griewank": 600.0}
"""Customary limits: each coordinate from minus this to this."""


@dataclass(frozen=True)
class Problem:
    """Something to minimize."""

    name: str
    space: Space
    loss: Callable[[dict], float]  # of a candidate, name -> value; NaN is a failure
    noise: float = 0.0  # relative standard deviation of what a search gets to see of the loss
    data: str = ""  # checksum of what the loss depends on beside the code; kept searches are found by it

    def observe(self, x: dict) -> float:
        """The loss as a search sees it; the same candidate has the same noise whoever asks, and when."""
        if not self.noise:
            return self.loss(x)
        draw = np.random.default_rng(zlib.crc32(repr(sorted(x.items())).encode()))
        return self.loss(x) * (1 + self.noise * draw.standard_normal())


def shifted(name: str, shift: np.ndarray) -> Callable[[dict], float]:
    """The loss of a dict name -> coordinate by one of FUNCTIONS, with its minimum, 0, at `shift` (n_dimensions,)."""
    function = FUNCTIONS[name]
    return lambda x: function(np.fromiter(x.values(), float) - shift)


def shifted_problem(name: str, seed: int, n_dimensions: int = 5, spread: float = 0.6) -> Problem:
    """One of FUNCTIONS within its limits; its minimum is drawn within a share `spread` of them about the centre."""
    width = WIDTHS[name]
    shift = np.random.default_rng([seed, n_dimensions]).uniform(-spread * width, spread * width, n_dimensions)
    return Problem(name, {f"x{k}": Float(-width, width) for k in range(1, n_dimensions + 1)}, shifted(name, shift))


def tuning_problem(name: str, seed: int) -> Problem:
    """A made-up problem of TUNING like those of a model's hyperparameters; the seed draws where its minimum lies."""
    place = np.random.default_rng([seed, list(TUNING).index(name)]).uniform(0.2, 0.8, 6)
    space, loss, noise = TUNING[name]
    return Problem(name, space, lambda x: loss(x, place), noise)


def dip(distance: float) -> float:
    """0 at distance 0, 1 far away: a valley in a plateau."""
    return 1 - np.exp(-(distance**2) / 2)


def rate_error(x: dict, place: np.ndarray) -> float:
    """By how many powers of ten the learning rate is too large; what is right depends on optimizer and batch."""
    best = -4.5 + 3 * place[0] + {"SGD": 1.0, "RMSprop": 0.2, "Adam": 0.0}[x["optimizer"]]
    return np.log10(x["learning_rate"]) - best - 0.3 * np.log2(x["batch_size"] / 64)


def network(x: dict, place: np.ndarray) -> float:
    """Error of a network that is too small or too large, learns too slowly or too fast."""
    size = np.log2(x["hidden_size"]) + 0.5 * x["layers"] - (4.5 + 3 * place[1])
    dropout = x["dropout"] - 0.4 * place[2] - 0.05 * size  # large networks want more of it
    category = {"SGD": 0.06, "RMSprop": 0.02, "Adam": 0.0}[x["optimizer"]]
    return 0.7 + 0.4 * dip(rate_error(x, place)) + 0.02 * size**2 + 0.5 * dropout**2 + category


def failing_network(x: dict, place: np.ndarray) -> float:
    """The network, which diverges where the learning rate is ten times too large."""
    return np.nan if rate_error(x, place) > 1 else network(x, place)


def boosted_trees(x: dict, place: np.ndarray) -> float:
    """Error of boosting: trees times rate must be right, and deep trees want fewer."""
    learnt = np.log10(x["learning_rate"] * x["trees"]) - (0.4 + 1.2 * place[0]) + 0.1 * (x["depth"] - 5)
    rate, depth = np.log10(x["learning_rate"]) + 1.5, x["depth"] - 2 - 8 * place[1]
    share, penalty = x["subsample"] - 0.3 - 0.6 * place[2], np.log10(x["penalty"]) + 3 - 5 * place[3]
    return 0.8 + 0.15 * learnt**2 + 0.03 * rate + 0.01 * depth**2 + 0.1 * share**2 + 0.02 * penalty**2


def support_vectors(x: dict, place: np.ndarray) -> float:
    """Error of a support vector machine: a narrow ridge where cost and width balance, a plateau elsewhere."""
    cost, width = np.log10(x["C"]) - 4 * place[0] + 1, np.log10(x["gamma"]) + 5 - 4 * place[1]
    kernel = {"linear": 0.2, "polynomial": 0.1, "radial": 0.0}[x["kernel"]]
    return 0.6 + 0.4 * dip(np.hypot((cost + width) / 0.7, (cost - width) / 2)) + kernel


def smoothing(x: dict, place: np.ndarray) -> float:
    """Error of exponential smoothing: flat, and the season's length a category."""
    season = {0: 0.05, 7: 0.0, 14: 0.02, 30: 0.06}[x["season"]]
    level, trend = x["alpha"] - place[0], x["beta"] - place[1] * x["alpha"]
    return 0.9 + 0.2 * level**2 + 0.1 * trend**2 + 0.1 * (x["damping"] - 0.8 - 0.2 * place[2]) ** 2 + season


NETWORK: Space = {
    "learning_rate": Float(1e-5, 1e-1, log=True),
    "hidden_size": Integer(8, 256),
    "layers": Integer(1, 4),
    "dropout": Float(0, 0.6),
    "optimizer": Choice(("SGD", "RMSprop", "Adam")),
    "batch_size": Choice((32, 64, 128, 256)),
}
TREES: Space = {
    "learning_rate": Float(1e-3, 1.0, log=True),
    "trees": Integer(10, 1000),
    "depth": Integer(2, 12),
    "subsample": Float(0.3, 1.0),
    "penalty": Float(1e-4, 1e2, log=True),
}
VECTORS: Space = {
    "C": Float(1e-3, 1e4, log=True),
    "gamma": Float(1e-6, 1e1, log=True),
    "kernel": Choice(("linear", "polynomial", "radial")),
}
SMOOTHING: Space = {
    "alpha": Float(0, 1),
    "beta": Float(0, 1),
    "damping": Float(0.8, 1.0),
    "season": Choice((0, 7, 14, 30)),
}
TUNING = {
    "network": (NETWORK, network, 0.0),
    "network with noise": (NETWORK, network, 0.01),
    "network that may fail": (NETWORK, failing_network, 0.0),
    "boosted trees": (TREES, boosted_trees, 0.0),
    "support vectors": (VECTORS, support_vectors, 0.0),
    "smoothing": (SMOOTHING, smoothing, 0.0),
}
"""Name -> space, loss of a candidate and the minimum's place, relative noise."""


LINES = {
    "SBO, tuned": (BLUE, "-"),
    "SBO, paper": (SKY, "--"),
    "random search": (GREY, "-"),
    "grid search": (RED, ":"),
    "TPE": (ORANGE, "-."),
    "CMA-ES": (GREEN, ":"),
    "Gaussian process": (PURPLE, "--"),
}
"""Method -> colour and dashes."""


def bowers(history: pd.DataFrame, objective, space: dict, generations: list[int]):
    """Bowers of a two-dimensional search over a map of its objective, at some generations."""
    (x_name, x_range), (y_name, y_range) = space.items()
    x, y = np.linspace(x_range.low, x_range.high, 80), np.linspace(y_range.low, y_range.high, 80)
    height = np.array([[objective({x_name: a, y_name: b}) for a in x] for b in y])
    row, column = np.unravel_index(height.argmin(), height.shape)
    lowest, extent = (x[column], y[row]), (x[0], x[-1], y[0], y[-1])
    figure, axes = new_figure(1, len(generations), width=10, height=3.1, sharey=True)
    for axis, generation in zip(axes, generations, strict=True):
        axis.imshow(np.log1p(height), origin="lower", aspect="auto", extent=extent, cmap="Greys", alpha=0.6)
        found = history[history["generation"] == generation]
        axis.plot(found[x_name], found[y_name], "o", ms=5, color=ORANGE, mec="black", mew=0.4)
        best = history[history["generation"] <= generation].nsmallest(1, "value")
        axis.plot(best[x_name], best[y_name], "*", ms=12, color=BLUE, mec="white", mew=0.6)
        axis.plot(*lowest, "P", ms=9, color=RED, mec="white", mew=0.8)
        axis.set(title=f"generation {generation}", xlabel=x_name)
        axis.grid(False)
    axes[0].set_ylabel(y_name)
    figure.suptitle("Bowers (dots), the elite (star) and the minimum (cross); dark is a large loss")
    return figure


def bowers_with_slider(history: pd.DataFrame, objective: Callable[[dict], float], space: dict):
    """Bowers of a two-dimensional search at its start, at the slider's generation, and at its end."""
    last = int(history["generation"].max())

    def draw(generation):
        return bowers(history, objective, space, [0, generation, last])

    return with_sliders(draw, generation=(min(2, last), 0, last))


def convergence(runs: pd.DataFrame):
    """Best value so far against evaluations: median over seeds, one panel a problem, one line a method."""
    problems = list(runs["problem"].unique())
    n_columns = min(len(problems), 4)
    n_rows = -(-len(problems) // n_columns)
    size = {"width": max(3.0 * n_columns, 6.0), "height": 0.6 + 2.3 * n_rows}  # room for the legend
    figure, axes = new_figure(n_rows, n_columns, squeeze=False, sharex=True, **size)
    for axis in axes.flat[len(problems) :]:
        axis.set_visible(False)
    for axis, problem in zip(axes.flat, problems, strict=False):
        here = runs[runs["problem"] == problem]
        for method in runs["method"].unique():
            best = here[here["method"] == method].groupby("evaluation")["best"].median()
            colour, dashes = LINES.get(method, (BLUE, "-"))
            axis.plot(best.index, best, color=colour, ls=dashes, lw=1.6, label=method)
        finite = here["best"][np.isfinite(here["best"])]
        wide = finite.max() > 20 * finite.min() > 0  # functions; the errors of models are all near 1
        axis.set(title=problem, yscale="log" if wide else "linear")
    figure.supxlabel("evaluations", fontsize="medium")
    figure.supylabel("best so far, median over seeds", fontsize="medium")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=6, frameon=False)
    return figure


def draw_win_rates(table: pd.DataFrame, method: str):
    """Share of pairings a method wins against each other one, with 95 % intervals, one panel a budget."""
    budgets, opponents = list(table["evaluations"].unique()), list(table["against"].unique())[::-1]
    figure, axes = new_figure(1, len(budgets), width=9, height=2.7, sharey=True, squeeze=False)
    for axis, budget in zip(axes[0], budgets, strict=True):
        for opponent, row in table[table["evaluations"] == budget].set_index("against").iterrows():
            place, colour = opponents.index(opponent), LINES.get(opponent, (BLUE, "-"))[0]
            axis.plot([row["low"], row["high"]], [place, place], color=colour, lw=2.5, solid_capstyle="butt")
            axis.plot(row["won"], place, "o", ms=7, color=colour, mec="white")
        axis.axvline(0.5, color="black", lw=0.8, ls=":")
        axis.set(
            title=f"after {budget} evaluations",
            xlabel="pairings won",
            xlim=(-0.02, 1.02),
            xticks=[0, 0.25, 0.5, 0.75, 1],
        )
        axis.set(yticks=range(len(opponents)), yticklabels=opponents, ylim=(-0.6, len(opponents) - 0.4))
        axis.xaxis.set_major_formatter(PercentFormatter(1.0))
    figure.suptitle(f"How often {method} ends below another method; bars are 95 % intervals")
    return figure


def tuning(histories: dict[str, pd.DataFrame]):
    """Validation error of every network that each search trained, in order, and the best so far."""
    figure, axis = new_figure(width=6.5, height=3.4)
    for name, history in histories.items():
        colour, dashes = LINES[name]
        finite = history[np.isfinite(history["value"])]
        axis.plot(finite["evaluation"], finite["value"], "o", ms=4, color=colour, alpha=0.5)
        axis.step(history["evaluation"], history["best"], where="post", color=colour, ls=dashes, lw=2,
                  label=f"{name}: best so far")  # fmt: skip
    starts = next(iter(histories.values()))["generation"].eq(0).sum()
    axis.axvline(starts + 0.5, color=GREY, lw=1, ls=":", label="end of the first generation")
    axis.set(title="SBO tunes the LSTM on validation origins", xlabel="networks trained", ylabel="WMAPE, validation")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


TUNED = "SBO, tuned"
NORMAL_95 = 1.96

Observed = list[tuple[dict, float]]  # candidates in order, and what was observed of each, inf for a failure
Method = Callable[[Problem, int, int], Observed]


def run_sbo(problem: Problem, max_evaluations: int, seed: int, variant: str = "paper") -> Observed:
    """SBO's candidates, in order; fewer than `max_evaluations` where it only repeats itself."""
    evaluate = one_by_one(problem.observe)
    history = sbo.minimize(
        evaluate, problem.space, VARIANTS[variant], max_evaluations=max_evaluations, seed=seed
    ).history
    return list(zip(history[list(problem.space)].to_dict("records"), history["value"], strict=True))


def run_random(problem: Problem, max_evaluations: int, seed: int) -> Observed:
    """Random search: candidates drawn uniformly, logarithmic dimensions on their logarithm."""
    low, high = limits(problem.space)
    points = stream(seed, "search/random search").uniform(low, high, (max_evaluations, len(problem.space)))
    return [(x, _finite(problem.observe(x))) for x in decode(problem.space, points)]


def run_grid(problem: Problem, max_evaluations: int, seed: int) -> Observed:
    """Grid search: the finest grid of at most `max_evaluations` candidates, in random order.

    The dimension with the fewest values gets the next one; values are the centres of equal parts of its limits.
    """
    low, high = limits(problem.space)
    continuous = [isinstance(dimension, Float) for dimension in problem.space.values()]
    most = np.where(continuous, np.inf, high - low)  # an integer or a choice has so many values
    n_values = np.ones(len(low), int)
    for _ in range(len(low) * max_evaluations):
        finer = n_values + np.eye(len(low), dtype=int)  # one row a dimension that gets one more value
        fits = (finer.prod(axis=1) <= max_evaluations) & (n_values < most)
        if not fits.any():
            break
        n_values = finer[np.where(fits, n_values, np.inf).argmin()]
    parts = zip(low, high, n_values, strict=True)
    values = [start + (end - start) * (np.arange(n) + 0.5) / n for start, end, n in parts]
    points = np.stack([axis.ravel() for axis in np.meshgrid(*values, indexing="ij")], axis=1)
    order = stream(seed, "search/grid search").permutation(len(points))
    return [(x, _finite(problem.observe(x))) for x in decode(problem.space, points[order])]


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
    "grid search": run_grid,
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
    "learning_rate": Float(1e-4, 1e-1, log=True),
    "epochs": Integer(1, 12),
    "dropout": Float(0.0, 0.6),
    "volume_weight": Float(0.0, 1.0),
    "clusters": Choice((0, 8)),
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
    folder: Path | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Run every method on every problem with every seed; each seeds the problem and the search.

    Smaller budgets are the beginnings of larger ones, for no method but the grid looks at the budget. The grid is laid
    out for all of it. Finished searches are kept in `folder`, so that an interrupted comparison goes on. "best" is the
    true loss of the candidate observed best so far, inf while there is none.
    """
    todo = [(seed, problem, method) for seed in seeds for problem in problems for method in methods]
    parts = []
    for seed, problem, method in tqdm(todo, disable=not progress, unit="search", mininterval=10):
        posed, kept = problems[problem](seed), {}
        if folder:
            key = digest([posed.space, posed.noise, posed.data, _code()])[:16]
            path = folder / f"{problem}-{method}-{seed}-{max_evaluations}-{key}.json"
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
def _code() -> str:
    """Checksum of the package's code that a search depends on."""
    return code_digest(["from bowerbird.studies import search"])


def best_so_far(problem: Problem, observed: Observed, max_evaluations: int) -> np.ndarray:
    """True loss of the candidate observed best so far (max_evaluations,); with noise it may rise."""
    best, loss, losses = np.inf, np.inf, []
    for x, value in observed:
        if value < best:
            best, loss = value, problem.loss(x) if problem.noise else value
        losses.append(loss)
    return np.array(losses + [loss] * (max_evaluations - len(losses)))


def win_rates(runs: pd.DataFrame, budgets: Iterable[int]) -> pd.DataFrame:
    """How often tuned SBO ends below each other one, ties half, with 95 % intervals (Wilson 1927); a row a budget."""
    rows = []
    for budget in budgets:
        final = runs[runs["evaluation"] == budget].pivot(index=["problem", "seed"], columns="method", values="best")
        for opponent in final.columns.drop(TUNED):
            pairs = final[[TUNED, opponent]].dropna()
            won = (pairs[TUNED] < pairs[opponent]) + 0.5 * (pairs[TUNED] == pairs[opponent])
            rows.append((budget, opponent, len(won), won.mean(), *wilson(won.mean(), len(won))))
    return pd.DataFrame(rows, columns=["evaluations", "against", "pairings", "won", "low", "high"])


def wilson(share: float, n: int) -> tuple[float, float]:
    """Limits of the 95 % interval of a share of n."""
    centre = share + NORMAL_95**2 / (2 * n)
    spread = NORMAL_95 * np.sqrt(share * (1 - share) / n + (NORMAL_95 / n / 2) ** 2)
    low, high = (centre - spread) / (1 + NORMAL_95**2 / n), (centre + spread) / (1 + NORMAL_95**2 / n)
    return float(low), float(high)


def ranks(runs: pd.DataFrame, budgets: Iterable[int]) -> pd.DataFrame:
    """Mean rank of each method (1 is best) over the problems and seeds all of them ran, a column a budget."""
    columns = {}
    for budget in budgets:
        final = runs[runs["evaluation"] == budget].pivot(index=["problem", "seed"], columns="method", values="best")
        columns[f"{budget} evaluations"] = final.dropna().rank(axis=1).mean()
    return pd.DataFrame(columns).sort_values(f"{budget} evaluations").rename_axis("method").reset_index()


def at_length(n_seeds: int, max_evaluations: int, seed: int = 0) -> pd.DataFrame:
    """SBO with 30 bowers and scipy's differential evolution where evaluations cost nothing: medians over seeds.

    `max_evaluations` is a multiple of the 150 of differential evolution's population, or a little more.
    """
    rows, thirty = [], replace(VARIANTS["paper"], n_bowers=30)
    for name in FUNCTIONS:
        found = []
        for k in range(seed, seed + n_seeds):
            problem = shifted_problem(name, k, 10, spread=0.4)  # Rastrigin's valleys make the spread matter
            ours = sbo.minimize(
                one_by_one(problem.loss), problem.space, thirty, max_evaluations=max_evaluations, seed=k
            )
            theirs = differential_evolution(
                lambda x, problem=problem: problem.loss(dict(zip(problem.space, x, strict=True))),
                [dimension.bounds for dimension in problem.space.values()],
                maxiter=max_evaluations // 150 - 1, popsize=15, tol=0, polish=False, rng=k,
            )  # fmt: skip
            found.append((ours.value, theirs.fun))
        sbo_median, de_median = np.median(found, axis=0)
        low, high = BAND[name]
        band = f"{low:g} to {high:g}" if low else f"{high:g}"
        rows.append({"function": name, "SBO": sbo_median, "SBO elsewhere": band, "differential evolution": de_median})
    return pd.DataFrame(rows)


LSTM_SERIES = 100


def lstm_problem(panel: Panel, seed: int) -> Problem:
    """Validation WMAPE of the forecaster on some of a panel's series, trained for about a second."""
    from bowerbird.forecaster.lstm import Settings  # torch is for those who train
    from bowerbird.forecaster.tuning import validation_loss

    rows = stream(seed, "search/series").choice(panel.n_series, min(LSTM_SERIES, panel.n_series), replace=False)
    few, fixed = panel.select(np.sort(rows)), Settings(batch_size=16, horizon=panel.frequency.horizon)
    data = digest([few.series.to_csv(), few.demand.tolist(), seed])
    return Problem("LSTM", WIDE_LSTM, lambda x: validation_loss(few, replace(fixed, **x), seed=seed), data=data)


def _suggest(trial, name: str, dimension):
    if isinstance(dimension, Float):
        return trial.suggest_float(name, dimension.low, dimension.high, log=dimension.log)
    if isinstance(dimension, Choice):  # Optuna stores numbers and texts alone
        return dimension.values[trial.suggest_categorical(name, list(range(len(dimension.values))))]
    return trial.suggest_int(name, dimension.low, dimension.high)


def _finite(value: float) -> float:
    return value if np.isfinite(value) else np.inf


FUNCTIONS: dict[str, Callable[[np.ndarray], float]] = {
    "sphere": lambda x: float((x**2).sum()),
    "Rosenbrock": lambda x: float((100 * (x[1:] + 1 - (x[:-1] + 1) ** 2) ** 2 + x[:-1] ** 2).sum()),
    "Rastrigin": lambda x: float((x**2 - 10 * np.cos(2 * np.pi * x) + 10).sum()),
    "Ackley": lambda x: float(
        -20 * np.exp(-0.2 * np.sqrt((x**2).mean())) - np.exp(np.cos(2 * np.pi * x).mean()) + 20 + np.e
    ),
    "Griewank": lambda x: float((x**2).sum() / 4000 - np.cos(x / np.sqrt(np.arange(1, len(x) + 1))).prod() + 1),
}
"""Each is 0 at the origin and positive elsewhere (Rosenbrock's minimum is moved there from (1, ..., 1))."""
