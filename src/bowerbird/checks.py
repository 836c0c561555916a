"""Is this argument usable? Checks that name the argument, its value and the cure, before any work is done."""

import numpy as np

from bowerbird.errors import ParameterError

LARGEST = 1e150
"""Of a value; the square of a larger one leaves the range of floats."""


def floats(name: str, values) -> np.ndarray:
    """The values as float64, NaN where they are masked; what is no array of real numbers is refused."""
    try:
        numbers = np.asarray(values)
        if numbers.dtype.kind not in "biufO":
            raise TypeError
        numbers = np.asarray(numbers, dtype=float)
    except (TypeError, ValueError):
        raise ParameterError(f"{name} must be an array of real numbers, NaN if missing") from None
    return np.where(np.ma.getmaskarray(values), np.nan, numbers) if np.ma.isMaskedArray(values) else numbers


def finite(name: str, values) -> np.ndarray:
    """As `floats`, without infinities and values whose squares are infinite; NaN, missing, is allowed."""
    values = floats(name, values)
    if (wrong := np.abs(values) > LARGEST).any():
        raise ParameterError(f"{name} holds {values[wrong].flat[0]:g}; give numbers up to {LARGEST:g}, NaN if missing")
    return values


def at_least(name: str, values, least: float = 0.0) -> np.ndarray:
    """The values as floats, none of them NaN, infinite or below the least.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    values : float or array
    least : float
        Smallest value allowed.

    Returns
    -------
    float64 array of the same shape.

    Raises
    ------
    ParameterError
        If a value is not allowed.
    """
    values = np.asarray(values, float)
    wrong = ~(np.isfinite(values) & (values >= least))
    if wrong.any():
        raise ParameterError(f"{name} holds {values[wrong].flat[0]:g}; give values of at least {least:g}")
    return values


def above(name: str, values, least: float = 0.0) -> np.ndarray:
    """As `at_least`, with the least value itself not allowed."""
    values = np.asarray(values, float)
    wrong = ~(np.isfinite(values) & (values > least))
    if wrong.any():
        raise ParameterError(f"{name} holds {values[wrong].flat[0]:g}; give values above {least:g}")
    return values


def whole(name: str, value, least: int = 0, most: float = np.inf) -> int:
    """A count such as days or periods: a whole number of at least `least` and at most `most`."""
    try:
        fits = float(value) == int(value) and least <= value <= most
    except (TypeError, ValueError, OverflowError):  # a text, NaN, infinity
        fits = False
    if not fits:
        limit = "" if np.isinf(most) else f" and at most {most:,}"
        raise ParameterError(f"{name} is {value!r}; give a whole number of at least {least}{limit}")
    return int(value)


def spread_over(name: str, values, shape: tuple[int, ...]) -> np.ndarray:
    """The values stretched to a shape: one for all, or one for each item (and day).

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    values : float or array
    shape : tuple of int
        (n_items,) or (n_items, n_days). For the latter, one value an item may also come as (n_items, 1).

    Returns
    -------
    array of that shape, read only.

    Raises
    ------
    ParameterError
        If the values do not fit the shape.
    """
    try:
        return np.broadcast_to(values, shape)
    except ValueError:
        raise ParameterError(f"{name} has shape {np.shape(values)}; give one value, or what fits {shape}") from None
