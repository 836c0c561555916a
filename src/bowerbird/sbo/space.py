"""The space a search looks through: real, whole and categorical dimensions, each on one real coordinate.

Each dimension has `bounds`, the limits of its coordinate, and `decode`: float coordinates (n,) within them to n values.
"""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from numbers import Real
from types import BuiltinFunctionType, FunctionType, ModuleType

import numpy as np

from bowerbird.errors import ParameterError

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


def lasting_name(value) -> str:
    """A text that is the same in another process: `repr`, but functions by module and name, sets in order."""
    match value:
        case Choice():
            return f"Choice(values={lasting_name(value.values)})"
        case partial():
            return f"partial{lasting_name((value.func, *value.args, value.keywords))}"
        case FunctionType() if "<" not in value.__qualname__:
            return f"{value.__module__}.{value.__qualname__}"
        case BuiltinFunctionType() if isinstance(value.__self__, ModuleType | type):
            return f"{value.__module__}.{value.__qualname__}"
    if type(value) in (set, frozenset):
        return f"{type(value).__name__}({sorted(map(lasting_name, value))})"
    if type(value) is list:
        return f"[{', '.join(map(lasting_name, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(lasting_name, value))}{',' if len(value) == 1 else ''})"
    if type(value) is dict:
        return f"{{{', '.join(f'{lasting_name(k)}: {lasting_name(v)}' for k, v in value.items())}}}"
    if " at 0x" in (text := repr(value)):
        raise ParameterError(
            f"space holds {text}, which a checkpoint cannot name; give a function of a module, a text or a number"
        )
    return text


def check_space(space: Space, reserved: Sequence[str] = ()) -> None:
    """Raise a ParameterError unless the space holds dimensions alone, under names that are not `reserved`."""
    if not isinstance(space, dict) or not space:
        raise ParameterError(f"space is {space!r}; give a dict of name -> Float, Integer or Choice")
    for name, dimension in space.items():
        if not isinstance(dimension, Float | Integer | Choice):
            raise ParameterError(f"space[{name!r}] is {dimension!r}; give a Float, an Integer or a Choice")
        if name in reserved:
            raise ParameterError(f"space holds {name!r}, a column of the history; choose another name")
        try:
            deepcopy(dimension)
        except Exception as error:
            raise ParameterError(f"space[{name!r}] holds what cannot be copied ({error}); give its name") from error
