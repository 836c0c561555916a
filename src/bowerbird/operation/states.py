"""How do the simple forecasters take in one more day? Each keeps a few numbers a series, and moves them in one step.

SES and TSB need their last levels alone; a median needs the days of its window. Nothing is computed again from the
whole history, and the forecasts are the same bits as those of `bowerbird.evaluation.baselines` on all days.
"""

from dataclasses import dataclass, fields

import numpy as np

from bowerbird.errors import ParameterError
from bowerbird.evaluation.baselines import recent_median

WINDOWS = (7, 14, 21, 28)
"""Days of the median windows."""


@dataclass(frozen=True)
class SimpleState:
    """What SES, TSB and the median windows remember after a day.

    Attributes
    ----------
    level : array (n_series,)
        SES level [l_t]; NaN before the first known day. So are the next two.
    size, chance : array (n_series,)
        TSB: smoothed demand of a day with any, and smoothed chance of such a day [z_t, p_t].
    window : array (n_series, at most 28)
        The last days, units; NaN marks a missing one.
    alpha, beta : float in (0, 1]
        Smoothing constants of level and size, and of the chance.
    """

    level: np.ndarray
    size: np.ndarray
    chance: np.ndarray
    window: np.ndarray
    alpha: float = 0.1
    beta: float = 0.1

    def advance(self, demand: np.ndarray) -> "SimpleState":
        """The state one day later.

        Parameters
        ----------
        demand : array (n_series,)
            The day's demand, units; NaN leaves levels where they are.

        Returns
        -------
        SimpleState
        """
        demand = np.asarray(demand, dtype=float)
        if demand.shape != self.level.shape:
            raise ParameterError(f"demand has shape {demand.shape}; give one day of {len(self.level)} series")
        return SimpleState(
            _moved(self.level, demand, self.alpha),
            # TSB moves the size on days with demand, the chance on every known day
            _moved(self.size, np.where(demand > 0, demand, np.nan), self.alpha),
            _moved(self.chance, np.where(np.isnan(demand), np.nan, demand > 0), self.beta),
            np.column_stack([self.window, demand])[:, -max(WINDOWS) :],
            self.alpha,
            self.beta,
        )

    def forecasts(self) -> dict[str, np.ndarray]:
        """Each method's forecast of any day ahead: name -> array (n_series,), units a day; 0 where nothing is known."""
        medians = {f"median {days}": recent_median(self.window, 1, days)[:, 0] for days in WINDOWS}
        return {
            "SES": np.nan_to_num(self.level),
            "TSB": np.nan_to_num(self.chance) * np.nan_to_num(self.size),
            **medians,
        }

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The state as named arrays, to be stored."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "SimpleState":
        """The state that `to_arrays` laid out."""
        return cls(**{name: array if array.ndim else float(array) for name, array in arrays.items()})


def start(demand: np.ndarray, alpha: float = 0.1, beta: float = 0.1) -> SimpleState:
    """The state after the days known so far.

    Parameters
    ----------
    demand : array (n_series, n_days)
        Units a day; NaN marks a missing day.
    alpha, beta : float in (0, 1]

    Returns
    -------
    SimpleState
    """
    for name, constant in (("alpha", alpha), ("beta", beta)):
        if not 0 < constant <= 1:
            raise ParameterError(f"{name} is {constant}; give a number above 0 and up to 1")
    unknown = np.full(len(demand), np.nan)
    state = SimpleState(unknown, unknown, unknown, np.empty((len(demand), 0)), alpha, beta)
    for day in np.asarray(demand, dtype=float).T:
        state = state.advance(day)
    return state


def _moved(level: np.ndarray, value: np.ndarray, constant: float) -> np.ndarray:
    # l_t = l_{t-1} + alpha (y_t - l_{t-1}), from the first known day on; (n_series,)
    moved = np.where(np.isnan(level), value, level + constant * (value - level))
    return np.where(np.isnan(value), level, moved)
