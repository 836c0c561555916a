"""The space a search looks through: real, whole and categorical dimensions, each on one real coordinate.

Each dimension has `bounds`, the limits of its coordinate, and `decode`: float coordinates (n,) within them to n values.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bowerbird.errors import ParameterError


@dataclass(frozen=True)
class Float:
    """A real number from `low` to `high`; with `log`, searched on a logarithmic scale (learning rates)."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self):
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
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
        if self.low != int(self.low) or self.high != int(self.high) or self.low > self.high:
            raise ParameterError(f"{self}: give whole numbers with low <= high")

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
        object.__setattr__(self, "values", tuple(self.values))
        if not self.values:
            raise ParameterError("Choice: values is empty; give at least one")

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, float(len(self.values))

    def decode(self, coordinates: np.ndarray) -> list:
        positions = np.clip(np.floor(coordinates), 0, len(self.values) - 1).astype(int)
        return [self.values[i] for i in positions]


Space = dict[str, Float | Integer | Choice]
"""Name -> dimension."""


def limits(space: Space) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest coordinate of each dimension, (D,) and (D,)."""
    low, high = np.array([dimension.bounds for dimension in space.values()]).T
    return low, high


def decode(space: Space, coordinates: np.ndarray) -> list[dict]:
    """The candidates at some coordinates (n, D), each a dict name -> value."""
    columns = [dimension.decode(column) for dimension, column in zip(space.values(), coordinates.T, strict=True)]
    return [dict(zip(space, values, strict=True)) for values in zip(*columns, strict=True)]


def identities(space: Space, candidates: list[dict]) -> list[tuple]:
    """What makes two candidates the same; choices are told apart by their text, for 1 == True == 1.0 to Python."""
    choices = [name for name, dimension in space.items() if isinstance(dimension, Choice)]
    if not choices:
        return [tuple(x.values()) for x in candidates]
    return [tuple((x | {name: repr(x[name]) for name in choices}).values()) for x in candidates]


def check_space(space: Space, reserved: Sequence[str] = ()) -> None:
    """Raise a ParameterError unless the space holds dimensions alone, under names that are not `reserved`."""
    if not space:
        raise ParameterError("space is empty; name at least one Float, Integer or Choice")
    for name, dimension in space.items():
        if not isinstance(dimension, Float | Integer | Choice):
            raise ParameterError(f"space[{name!r}] is {dimension!r}; give a Float, an Integer or a Choice")
        if name in reserved:
            raise ParameterError(f"space holds {name!r}, a column of the history; choose another name")
