"""The stricter checks of this package: an inventory argument is never unknown, nor too large to be computed with."""

import numpy as np

from bowerbird.checks import floats, spread_over
from bowerbird.checks import whole as whole_number
from bowerbird.errors import ParameterError

__all__ = ["MOST_STEPS", "above", "at_least", "finite", "fits", "inside", "one", "spread_over", "together", "whole"]

LARGEST = 10**15  # of a number; whole numbers beyond are not told apart, and products of them leave the range of floats
SMALLEST = 1e-100  # of a number that something is divided by
MOST_CELLS = 50_000_000  # of a table or grid: 400 MB of floats
MOST_STEPS = 5e10  # of a search: some minutes, for a whole catalogue


def finite(name: str, values, endless: bool = False) -> np.ndarray:
    """The values as floats, none of them masked, NaN, infinite or beyond 1e15; `endless` lets plus infinity pass."""
    numbers = floats(name, values)
    if np.ma.is_masked(values):
        raise ParameterError(f"{name} holds masked values; fill them, or leave their items out")
    wrong = ~((np.abs(numbers) <= LARGEST) | (endless & np.isposinf(numbers)))
    if wrong.any():
        raise ParameterError(f"{name} holds {numbers[wrong].flat[0]:g}; give values within +-{LARGEST:g}, without NaN")
    return numbers


def together(**values) -> None:
    """Raise a ParameterError unless the shapes of the named arguments fit each other."""
    try:
        np.broadcast_shapes(*map(np.shape, values.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {np.shape(value)}" for name, value in values.items())
        raise ParameterError(f"shapes do not fit: {shapes}; give one value, or as many of each") from None


def fits(name: str, n_cells: float, most: float = MOST_CELLS) -> None:
    """Raise a ParameterError if the tables that the named arguments ask for are too large to be made."""
    if not n_cells <= most:
        raise ParameterError(
            f"{name} would take {n_cells:.3g} cells to compute, above {most:.3g}; count in larger units or periods, or "
            "take fewer items at once"
        )


def one(name: str, value) -> float:
    """A single number that is checked already, as a float."""
    return float(spread_over(name, value, ()))


def inside(name: str, values) -> np.ndarray:
    """Probabilities as floats, each inside (0, 1)."""
    values = finite(name, values)
    if not ((values > 0) & (values < 1)).all():
        raise ParameterError(f"{name} runs from {values.min()} to {values.max()}; stay in (0, 1)")
    return values


def at_least(name: str, values, least: float = 0.0, endless: bool = False) -> np.ndarray:
    """The values as floats, none of them masked, NaN, infinite, beyond 1e15 or below the least.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    values : float or array
    least : float
        Smallest value allowed.
    endless : bool
        Whether plus infinity is allowed.

    Returns
    -------
    float64 array of the same shape.

    Raises
    ------
    ParameterError
        If a value is not allowed.
    """
    values = finite(name, values, endless)
    if (values < least).any():
        raise ParameterError(f"{name} holds {values[values < least].flat[0]:g}; give values of at least {least:g}")
    return values


def above(name: str, values, least: float = 0.0) -> np.ndarray:
    """As `at_least`, with the least value itself, and what lies within 1e-100 of 0, not allowed."""
    values = finite(name, values)
    wrong = (values <= least) | (np.abs(values) < SMALLEST)
    if wrong.any():
        raise ParameterError(f"{name} holds {values[wrong].flat[0]:g}; give values above {least:g}")
    return values


def whole(name: str, value, least: int = 0) -> int:
    """A count such as days or periods: a whole number of at least `least` that floats hold exactly."""
    return whole_number(name, value, least, most=LARGEST)
