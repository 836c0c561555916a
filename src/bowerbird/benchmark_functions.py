"""Functions with a known minimum, to try an optimizer on."""

from collections.abc import Callable

import numpy as np

FUNCTIONS: dict[str, Callable[[np.ndarray], float]] = {
    "sphere": lambda x: float((x**2).sum()),
    "Rosenbrock": lambda x: float((100 * (x[1:] + 1 - (x[:-1] + 1) ** 2) ** 2 + x[:-1] ** 2).sum()),
    "Rastrigin": lambda x: float((x**2 - 10 * np.cos(2 * np.pi * x) + 10).sum()),
    "Ackley": lambda x: float(
        -20 * np.exp(-0.2 * np.sqrt((x**2).mean())) - np.exp(np.cos(2 * np.pi * x).mean()) + 20 + np.e
    ),
}
"""Each is 0 at the origin and positive elsewhere (Rosenbrock's minimum is moved there from (1, ..., 1))."""


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
