"""Is this argument usable? Checks that name the argument, its value and the cure, before any work is done."""

import numpy as np

from bowerbird.errors import ParameterError


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


def whole(name: str, value, least: int = 0) -> int:
    """A count such as days or periods: a whole number of at least `least`."""
    try:
        fits = float(value) == int(value) and value >= least
    except (TypeError, ValueError, OverflowError):  # a text, NaN, infinity
        fits = False
    if not fits:
        raise ParameterError(f"{name} is {value!r}; give a whole number of at least {least}")
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
