"""Functions with a known minimum, and made-up tuning problems, to try an optimizer on."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bowerbird.sbo.space import Choice, Float, Integer, Space

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

WIDTHS = {"sphere": 100.0, "Rosenbrock": 30.0, "Rastrigin": 5.12, "Ackley": 32.0, "Griewank": 600.0}
"""Customary limits: each coordinate from minus this to this."""


@dataclass(frozen=True)
class Problem:
    """Something to minimise.

    Attributes
    ----------
    name : str
    space : dict of name -> Float, Integer or Choice
    loss : callable
        Takes a candidate, a dict name -> value; NaN is a failure.
    noise : float
        Relative standard deviation of what a search gets to see of the loss.
    """

    name: str
    space: Space
    loss: Callable[[dict], float]
    noise: float = 0.0

    def observe(self, x: dict) -> float:
        """The loss as a search sees it; the same candidate has the same noise whoever asks, and when."""
        if not self.noise:
            return self.loss(x)
        draw = np.random.default_rng(zlib.crc32(repr(sorted(x.items())).encode()))
        return self.loss(x) * (1 + self.noise * draw.standard_normal())


def shifted(name: str, shift: np.ndarray) -> Callable[[dict], float]:
    """An objective for `sbo.minimize` with its minimum, 0, at `shift`.

    Parameters
    ----------
    name : str
        One of FUNCTIONS.
    shift : array (n_dimensions,)

    Returns
    -------
    callable: dict name -> coordinate, in order of dimension, to float.
    """
    function = FUNCTIONS[name]
    return lambda x: function(np.fromiter(x.values(), float) - shift)


def shifted_problem(name: str, seed: int, n_dimensions: int = 5, spread: float = 0.6) -> Problem:
    """One of FUNCTIONS within its customary limits, its minimum drawn at random.

    Parameters
    ----------
    name : str
        One of FUNCTIONS.
    seed, n_dimensions : int
    spread : float
        How far from the centre the minimum may lie, as a share of the limits.

    Returns
    -------
    Problem
    """
    width = WIDTHS[name]
    shift = np.random.default_rng([seed, n_dimensions]).uniform(-spread * width, spread * width, n_dimensions)
    return Problem(name, {f"x{k}": Float(-width, width) for k in range(1, n_dimensions + 1)}, shifted(name, shift))


def tuning_problem(name: str, seed: int) -> Problem:
    """A made-up problem like those a model's hyperparameters pose; where its minimum lies is drawn from the seed.

    Parameters
    ----------
    name : str
        One of TUNING: a network (mixed dimensions, a category that moves the valley), the same with noise, the same
        where large learning rates fail, boosted trees (a curved valley), a support vector machine (a plateau, and a
        ridge between two logarithmic scales), exponential smoothing (flat, few dimensions, a category).
    seed : int

    Returns
    -------
    Problem, with a loss near 1 as errors of models are.
    """
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
