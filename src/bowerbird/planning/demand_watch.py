"""Following demand day by day: what was expected, how far off the day was, and whether the level has moved.

Counts are compared on Anscombe's scale, g(y) = 2 sqrt(y + 3/8), on which Poisson noise has a variance near 1 at any
level; what is left of it, the spread, is estimated on the way. Residuals are cut before anything learns from them, so
that one wild day moves neither level nor CUSUM by much. Only known days count: windows and the warm-up are of known
days, and an unknown day (NaN) changes nothing.
"""

from dataclasses import dataclass

import numpy as np

from bowerbird.errors import ParameterError

WARM_UP = 28
"""Known days of a series that set its first level and spread; none of them is judged."""
MEMORY = 28
"""Days over which level and spread are smoothed (exponentially, weight 2 / (MEMORY + 1))."""
CUT = 2.5
"""Standardised residuals beyond it count as this much."""
DRIFT = 0.5
"""What the CUSUM forgives each day [k]: half of the shift, in deviations, that it is tuned to find."""
SILENT = 5.0
"""Units due per unit of dispersion since the last sale, by chance e^-5 = 0.7 %, beyond which days count as missing."""
LIFE_DAYS = 28
"""Known days whose mean is compared with the best so far."""


@dataclass(frozen=True)
class Watch:
    """What each day looked like from the days before it; arrays (n_series, n_days), NaN or 0 in the warm-up.

    On an unknown day the residual is 0 and the rest stands as after the last known day.

    Attributes
    ----------
    expected : Units a day.
    residual : Standardised residual.
    silence, units_due, silent_days : Since the last sale: units due per unit of dispersion and units due, both on known
        days, and days.
    shift : CUSUM above (+) or below (-) zero, the larger of the two; on the day it passes the limit it is reported and
        starts anew.
    shift_days, new_level : Days since that CUSUM was last zero, and the mean demand of those known.
    recent : Mean of the last 28 known days.
    fading : That mean / the highest such mean so far; 1 before 56 days are known, while the last 14 known days sold
        more than the 14 before them, and where the highest is below a unit a day.
    share : Mean of the last 28 known days, none counted above the highest mean, / that highest mean: what is sold off
        on a single day raises it by little.
    """

    expected: np.ndarray
    residual: np.ndarray
    silence: np.ndarray
    units_due: np.ndarray
    silent_days: np.ndarray
    shift: np.ndarray
    shift_days: np.ndarray
    new_level: np.ndarray
    recent: np.ndarray
    fading: np.ndarray
    share: np.ndarray


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
        Units forecast for each day from the days before it, NaN where there is none: the day then counts as unknown; by
        default a smoothed level that starts anew at a shift.
    shift_limit : float
        Limit of the CUSUM [h].

    Returns
    -------
    Watch

    Raises
    ------
    ParameterError
        If demand is negative, infinite or no longer than the warm-up, or the forecast has another shape.

    Source
    ------
    Anscombe, Biometrika 35, 1948; Page, Biometrika 41, 1954 (CUSUM); Gelper, Fried & Croux, J. Forecasting 29, 2010
    (smoothing of cut residuals).
    """
    demand = np.asarray(demand, float)
    if demand.ndim != 2 or demand.shape[1] <= WARM_UP or (demand < 0).any() or np.isinf(demand).any():
        raise ParameterError(
            f"demand, shape {demand.shape}: give (n_series, more than {WARM_UP} days), none negative or infinite"
        )
    if forecast is not None and np.shape(forecast) != demand.shape:
        raise ParameterError(
            f"forecast has shape {np.shape(forecast)}; give one for each day of demand, {demand.shape}"
        )
    n_series, n_days = demand.shape
    known = ~np.isnan(demand if forecast is None else demand + forecast)
    order = np.argsort(~known, axis=1, kind="stable")  # each series' known days first, in their order
    demand = np.take_along_axis(demand, order, axis=1)
    given = None if forecast is None else np.take_along_axis(np.asarray(forecast, float), order, axis=1)
    weight = 2 / (MEMORY + 1)
    first = np.nan_to_num(demand[:, :WARM_UP])  # a series that knows fewer days is not judged at all
    level = first.mean(axis=1)  # (n_series,)
    reference = level[:, None] if given is None else given[:, :WARM_UP]
    # Mean absolute deviation x sqrt(pi / 2) is a normal sample's standard deviation; cut, and Poisson's 1 at least.
    deviation = np.minimum(np.abs(anscombe(first) - anscombe(reference)), 3 * CUT)
    spread = np.maximum(deviation.mean(axis=1) * np.sqrt(np.pi / 2), 1.0)  # (n_series,)

    names = [name for name in Watch.__dataclass_fields__ if name not in ("recent", "fading", "share")]
    record = {name: np.zeros(demand.shape) for name in names} | {"expected": np.full(demand.shape, np.nan)}
    now = {name: np.zeros(n_series) for name in ("silence", "units_due", "silent_days")}
    cusum, since, sold_since = np.zeros((3, 2, n_series))  # upwards, downwards: sum, days, units
    for day in range(WARM_UP, n_days):
        asked = demand[:, day]
        expected = level if given is None else given[:, day]
        error = anscombe(asked) - anscombe(expected)
        residual = error / spread
        cut = np.clip(residual, -CUT, CUT)

        # Chance of no sale where m units are due: exp(-m / dispersion), dispersion = variance / mean = spread^2.
        silent = asked == 0
        for name, step in (("silence", expected / spread**2), ("units_due", expected), ("silent_days", 1.0)):
            now[name] = np.where(silent, now[name] + step, 0.0)
            record[name][:, day] = now[name]

        # A run without sales too long for chance tells of the shelf, not of demand: nothing is learnt from it.
        learnt = now["silence"] < SILENT

        # C+ = max(0, C+ + z - k),  C- = max(0, C- - z - k)
        cusum = np.where(learnt, np.maximum(cusum + np.stack([cut, -cut]) - DRIFT, 0), cusum)
        since = np.where(cusum > 0, since + 1, 0)
        sold_since = np.where(cusum > 0, sold_since + np.where(learnt, asked, expected), 0)
        way = cusum.argmax(axis=0)
        larger, days, sold = (both[way, np.arange(n_series)] for both in (cusum, since, sold_since))
        new_level = sold / np.maximum(days, 1)
        record["expected"][:, day], record["residual"][:, day] = expected, residual
        record["shift"][:, day], record["shift_days"][:, day] = larger * (1 - 2 * way), days
        record["new_level"][:, day] = new_level

        shifted = larger > shift_limit
        smoothed = np.square(anscombe(level) + weight * cut * spread) / 4 - 0.375
        level = np.where(shifted, new_level, np.where(learnt, np.maximum(smoothed, 0), level))
        size = np.minimum(np.abs(error), CUT * spread) * np.sqrt(np.pi / 2)
        spread = np.where(learnt & ~shifted, np.maximum(spread + weight * (size - spread), 1.0), spread)
        cusum, since, sold_since = (np.where(shifted, 0.0, both) for both in (cusum, since, sold_since))
    record |= _fading(demand)
    return Watch(**_on_the_calendar(record, known, order, forecast, shift_limit))


def _fading(demand: np.ndarray) -> dict[str, np.ndarray]:
    """`recent`, `fading` and `share` of a Watch, each series' known days first."""
    units = np.nan_to_num(demand)  # days beyond the known ones are not read
    mean, fortnight = _mean_of_last(LIFE_DAYS, units), _mean_of_last(LIFE_DAYS // 2, units)
    best = np.maximum.accumulate(mean, axis=1)
    falling = (fortnight <= mean) & (best >= 1)
    falling[:, : 2 * LIFE_DAYS - 1] = False
    cut = _mean_of_last(LIFE_DAYS, np.minimum(units, best))
    fading, share = (np.divide(part, best, out=np.ones_like(best), where=best > 0) for part in (mean, cut))
    return {"recent": mean, "fading": np.where(falling, fading, 1.0), "share": share}


def _mean_of_last(days: int, units: np.ndarray) -> np.ndarray:
    """Mean of each day and those before it, so many together, (n_series, n_days); days before the first count as 0."""
    total = np.pad(units.cumsum(axis=1), ((0, 0), (days, 0)))
    return (total[:, days:] - total[:, :-days]) / days


def _on_the_calendar(record: dict, known, order, forecast, shift_limit: float) -> dict[str, np.ndarray]:
    """The record of each series' known days, laid out by all days."""
    n_known, today = known.cumsum(axis=1), np.arange(known.shape[1])
    last = np.maximum(n_known - 1, 0)  # place of the last known day among the known ones
    days = {name: np.take_along_axis(values, last, axis=1) for name, values in record.items()}

    def days_since(n_days):  # since so many known days before the last one
        return today - np.take_along_axis(order, last - n_days.astype(int), axis=1)

    silent, moved = days["silent_days"], days["shift_days"]
    days["silent_days"] = np.where(silent > 0, days_since(silent), 0)
    days["shift_days"] = np.where(moved > 0, days_since(np.maximum(moved - 1, 0)) + 1, 0)
    # What was expected of an unknown day follows from the known days before it
    days["expected"] = np.take_along_axis(record["expected"], n_known - known, axis=1)
    if forecast is not None:
        days["expected"] = np.where(np.isnan(days["expected"]), np.nan, forecast)
    days["residual"] = np.where(known, days["residual"], 0)
    days["shift"] = np.where(known | (np.abs(days["shift"]) <= shift_limit), days["shift"], 0)  # it has started anew
    return days
