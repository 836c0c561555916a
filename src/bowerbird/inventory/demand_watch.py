"""Following demand day by day: what was expected, how far off the day was, and whether the level has moved.

Counts are compared on Anscombe's scale, g(y) = 2 sqrt(y + 3/8), on which Poisson noise has a variance near 1 at any
level; what is left of it, the spread, is estimated on the way. Residuals are cut before anything learns from them, so
that one wild day moves neither level nor CUSUM by much.
"""

from dataclasses import dataclass

import numpy as np

from bowerbird.errors import ParameterError

WARM_UP = 28
"""Days that set the first level and spread; none of them is judged."""
MEMORY = 28
"""Days over which level and spread are smoothed (exponentially, weight 2 / (MEMORY + 1))."""
CUT = 2.5
"""Standardised residuals beyond it count as this much."""
DRIFT = 0.5
"""What the CUSUM forgives each day [k]: half of the shift, in deviations, that it is tuned to find."""
SILENT = 5.0
"""Units due per unit of dispersion since the last sale, by chance e^-5 = 0.7 %, beyond which days count as missing."""
LIFE_DAYS = 28
"""Days whose mean is compared with the best so far."""


@dataclass(frozen=True)
class Watch:
    """What each day looked like from the days before it; arrays (n_series, n_days), NaN or 0 in the warm-up.

    Attributes
    ----------
    expected : Units a day.
    residual : Standardised residual.
    silence, units_due, silent_days : Since the last sale: units due per unit of dispersion, units due, days.
    shift : CUSUM above (+) or below (-) zero, the larger of the two; on the day it passes the limit it is reported and
        starts anew.
    shift_days, new_level : Days since that CUSUM was last zero, and their mean demand.
    fading : Mean of the last 28 days / the highest such mean so far; 1 while the last 14 days sold more than the 14
        before them, and where the best is below a unit a day.
    """

    expected: np.ndarray
    residual: np.ndarray
    silence: np.ndarray
    units_due: np.ndarray
    silent_days: np.ndarray
    shift: np.ndarray
    shift_days: np.ndarray
    new_level: np.ndarray
    fading: np.ndarray


def anscombe(units) -> np.ndarray:
    """g(y) = 2 sqrt(y + 3/8)."""
    return 2 * np.sqrt(np.maximum(units, 0) + 0.375)


def watch(demand: np.ndarray, forecast: np.ndarray | None = None, *, shift_limit: float = 7.0) -> Watch:
    """Follow every series through its days.

    Parameters
    ----------
    demand : array (n_series, n_days)
        Units a day, NaN marking a missing day.
    forecast : array (n_series, n_days), optional
        Units forecast for each day from the days before it; by default a smoothed level that starts anew at a shift.
    shift_limit : float
        Limit of the CUSUM [h].

    Returns
    -------
    Watch

    Raises
    ------
    ParameterError
        If demand is negative or no longer than the warm-up, or the forecast has another shape.

    Source
    ------
    Anscombe, Biometrika 35, 1948; Page, Biometrika 41, 1954 (CUSUM); Gelper, Fried & Croux, J. Forecasting 29, 2010
    (smoothing of cut residuals).
    """
    demand = np.asarray(demand, float)
    if demand.ndim != 2 or demand.shape[1] <= WARM_UP or (demand < 0).any():
        raise ParameterError(f"demand, shape {demand.shape}: give (n_series, more than {WARM_UP} days), none negative")
    if forecast is not None and np.shape(forecast) != demand.shape:
        raise ParameterError(
            f"forecast has shape {np.shape(forecast)}; give one for each day of demand, {demand.shape}"
        )
    n_series, n_days = demand.shape
    weight = 2 / (MEMORY + 1)
    first = np.where(np.isnan(demand[:, :WARM_UP]).all(axis=1, keepdims=True), 0, demand[:, :WARM_UP])
    level = np.nanmean(first, axis=1)  # (n_series,)
    reference = level[:, None] if forecast is None else np.asarray(forecast, float)[:, :WARM_UP]
    # Mean absolute deviation x sqrt(pi / 2) is a normal sample's standard deviation; cut, and Poisson's 1 at least.
    deviation = np.minimum(np.abs(anscombe(first) - anscombe(reference)), 3 * CUT)
    spread = np.maximum(np.nanmean(deviation, axis=1) * np.sqrt(np.pi / 2), 1.0)  # (n_series,)

    names = [name for name in Watch.__dataclass_fields__ if name != "fading"]
    record = {name: np.zeros(demand.shape) for name in names} | {"expected": np.full(demand.shape, np.nan)}
    now = {name: np.zeros(n_series) for name in ("silence", "units_due", "silent_days")}
    cusum, since, sold_since = np.zeros((3, 2, n_series))  # upwards, downwards: sum, days, units
    for day in range(WARM_UP, n_days):
        asked, known = demand[:, day], ~np.isnan(demand[:, day])
        expected = level if forecast is None else np.asarray(forecast, float)[:, day]
        error = np.where(known, anscombe(asked) - anscombe(expected), 0.0)
        residual = error / spread
        cut = np.clip(residual, -CUT, CUT)

        # Chance of no sale where m units are due: exp(-m / dispersion), dispersion = variance / mean = spread^2.
        silent = known & (asked == 0)
        for name, step in (("silence", expected / spread**2), ("units_due", expected), ("silent_days", 1.0)):
            now[name] = np.where(silent, now[name] + step, np.where(known, 0.0, now[name]))
            record[name][:, day] = now[name]

        # A run without sales too long for chance tells of the shelf, not of demand: nothing is learnt from it.
        known &= now["silence"] < SILENT

        # C+ = max(0, C+ + z - k),  C- = max(0, C- - z - k)
        cusum = np.where(known, np.maximum(cusum + np.stack([cut, -cut]) - DRIFT, 0), cusum)
        since = np.where(cusum > 0, since + 1, 0)
        sold_since = np.where(cusum > 0, sold_since + np.where(known, asked, expected), 0)
        way = cusum.argmax(axis=0)
        larger, days, sold = (both[way, np.arange(n_series)] for both in (cusum, since, sold_since))
        new_level = sold / np.maximum(days, 1)
        record["expected"][:, day], record["residual"][:, day] = expected, residual
        record["shift"][:, day], record["shift_days"][:, day] = larger * (1 - 2 * way), days
        record["new_level"][:, day] = new_level

        shifted = larger > shift_limit
        smoothed = np.square(anscombe(level) + weight * cut * spread) / 4 - 0.375
        level = np.where(shifted, new_level, np.where(known, np.maximum(smoothed, 0), level))
        size = np.minimum(np.abs(error), CUT * spread) * np.sqrt(np.pi / 2)
        spread = np.where(known & ~shifted, np.maximum(spread + weight * (size - spread), 1.0), spread)
        cusum, since, sold_since = (np.where(shifted, 0.0, both) for both in (cusum, since, sold_since))
    return Watch(**record, fading=_fading(demand))


def _fading(demand: np.ndarray) -> np.ndarray:
    """Mean of the last 28 days / the highest such mean so far, 1 where demand is not falling; (n_series, n_days)."""
    filled = np.nan_to_num(demand)
    total = np.pad(filled.cumsum(axis=1), ((0, 0), (LIFE_DAYS, 0)))  # total[:, t + LIFE_DAYS]: units up to day t
    mean = (total[:, LIFE_DAYS:] - total[:, :-LIFE_DAYS]) / LIFE_DAYS  # (n_series, n_days)
    fortnight = (total[:, LIFE_DAYS:] - total[:, LIFE_DAYS // 2 : -LIFE_DAYS // 2]) / (LIFE_DAYS / 2)
    best = np.maximum.accumulate(mean, axis=1)
    falling = (fortnight <= mean) & (best >= 1)
    falling[:, : 2 * LIFE_DAYS - 1] = False
    return np.divide(mean, best, out=np.ones_like(mean), where=falling)
