"""Checks that an argument or an optional library can be used, with the cure, before any work is done."""

import importlib
from types import ModuleType

import numpy as np

from bowerbird.errors import ParameterError

LARGEST = 1e150  # of data; the square of a larger one leaves the range of floats
MOST = 10**15  # of a number; whole numbers beyond are not told apart, and products of them leave the range of floats
SMALLEST = 1e-100  # of a number that something is divided by
MOST_CELLS = 50_000_000  # of a table or grid: 400 MB of floats
MOST_STEPS = 4e9  # of a search: some ten seconds


def floats(name: str, values, axes: str = "") -> np.ndarray:
    """The values as float64, NaN where they are masked; what is no array of real numbers is refused.

    With `axes`, such as "n_items, n_days", so is an array of another number of axes, or an empty one.
    """
    try:
        numbers = np.asarray(values)
        if numbers.dtype.kind not in "biufO":
            raise TypeError
        numbers = np.asarray(numbers, dtype=float)
    except (TypeError, ValueError):
        raise ParameterError(f"{name} must be an array of real numbers, NaN if missing") from None
    if axes and (numbers.ndim != len(axes.split(",")) or not numbers.size):
        raise ParameterError(f"{name}, shape {numbers.shape}: give ({axes}), none of them 0")
    return np.where(np.ma.getmaskarray(values), np.nan, numbers) if np.ma.isMaskedArray(values) else numbers


def finite_or_missing(name: str, values, axes: str = "") -> np.ndarray:
    """As `floats`, without infinities and values whose squares are infinite; NaN, missing, is allowed."""
    values = floats(name, values, axes)
    if (wrong := np.abs(values) > LARGEST).any():
        raise ParameterError(f"{name} holds {values[wrong].flat[0]:g}; give numbers up to {LARGEST:g}, NaN if missing")
    return values


def finite(name: str, values, endless: bool = False, axes: str = "") -> np.ndarray:
    """The values as floats, none of them masked, NaN, infinite or beyond 1e15; `endless` lets plus infinity pass."""
    numbers = floats(name, values, axes)
    if np.ma.is_masked(values):
        raise ParameterError(f"{name} holds masked values; fill them, or leave their items out")
    wrong = ~((np.abs(numbers) <= MOST) | (endless & np.isposinf(numbers)))
    if wrong.any():
        raise ParameterError(f"{name} holds {numbers[wrong].flat[0]:g}; give values within +-{MOST:g}, without NaN")
    return numbers


def at_least(name: str, values, least: float = 0.0, endless: bool = False, axes: str = "") -> np.ndarray:
    """As `finite`, and none below the least."""
    values = finite(name, values, endless, axes)
    if (values < least).any():
        raise ParameterError(f"{name} holds {values[values < least].flat[0]:g}; give values of at least {least:g}")
    return values


def above(name: str, values) -> np.ndarray:
    """As `finite`, and all above 0, by 1e-100 or more."""
    values = finite(name, values)
    if (wrong := values < SMALLEST).any():
        raise ParameterError(f"{name} holds {values[wrong].flat[0]:g}; give values above 0")
    return values


def probabilities(name: str, values) -> np.ndarray:
    """Probabilities as floats, each inside (0, 1)."""
    values = finite(name, values)
    if not ((values > 0) & (values < 1)).all():
        raise ParameterError(f"{name} runs from {values.min()} to {values.max()}; stay in (0, 1)")
    return values


def whole(name: str, value, least: int = 0, most: float = MOST) -> int:
    """A count such as days or periods: a whole number from `least` to `most`."""
    try:
        good = float(value) == int(value) and least <= value <= most
    except (TypeError, ValueError, OverflowError):  # a text, NaN, infinity
        good = False
    if not good:
        limit = "" if most == MOST else f" and at most {most:,}"
        raise ParameterError(f"{name} is {value!r}; give a whole number of at least {least}{limit}")
    return int(value)


def spread_over(name: str, values, shape: tuple[int, ...]) -> np.ndarray:
    """The values stretched to (n_items,) or (n_items, n_days), read only: one for all, or one an item (and day)."""
    try:
        return np.broadcast_to(values, shape)
    except ValueError:
        raise ParameterError(f"{name} has shape {np.shape(values)}; give one value, or what fits {shape}") from None


def single_number(name: str, value) -> float:
    """The float in a value of one element that was checked before; an array of more is refused."""
    return float(spread_over(name, value, ()))


def check_shapes(**values) -> None:
    """Raise a ParameterError unless the shapes of the named arguments fit each other."""
    try:
        np.broadcast_shapes(*map(np.shape, values.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {np.shape(value)}" for name, value in values.items())
        raise ParameterError(f"shapes do not fit: {shapes}; give one value, or as many of each") from None


def check_size(name: str, n_cells: float, most: float = MOST_CELLS) -> None:
    """Raise a ParameterError if the tables that an argument asks for are too large to be made."""
    if not n_cells <= most:
        raise ParameterError(
            f"{name} would take {n_cells:.3g} cells to compute, above {most:.3g}; count in larger units or periods, or "
            "take fewer items at once"
        )


def require(name: str) -> ModuleType:
    """Import a module of the optional extra `[baselines]`, or say how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.split(".")[0]
        raise ParameterError(
            f"this forecaster needs {package}, which is not installed; run pip install 'bowerbird[baselines]'"
        ) from error
