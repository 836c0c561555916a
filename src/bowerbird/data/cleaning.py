"""Cleaning as the companion articles list it: missing values, duplicates, outliers; and days that look sold out.

Statistics come from the first `n_train` days alone, so that what a forecast sees never depends on days after its
origin. "nearest" and "linear" look across a gap by their nature: give them `panel.until(origin)`.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from bowerbird.checks import finite_or_missing, whole
from bowerbird.errors import ParameterError

FAR_TIMES, FAR_UNITS = 5, 100
"""A quantity above 5 times what is usual at most, and above 100 units, is looked at by a person before it counts.

Of the contest's 331,336 series-days `check` points at 4. From day 29 on, 5 files of `daily` would have waited.
"""

MAD_TO_SIGMA = 1.4826  # standard deviation of a normal sample / its median absolute deviation
HAMPEL_DAYS, LEAST_HAMPEL_DAYS = 15, 5  # days of Hampel's window, and how many of them must be known
STOCK_OUT_DAYS, STOCK_OUT_MEAN = 7, 2.0  # shortest run of a stock-out; least mean of its series, units a day


@dataclass(frozen=True)
class Cleaned:
    """Cleaned demand (n_series, n_days) and the record of what was done: step, choice, cells changed."""

    demand: np.ndarray
    record: dict


def series_table(demand, n_train: int = 1) -> np.ndarray:
    """Demand as float64 (n_series, n_days), NaN where it is missing or masked; `n_train` is checked with it."""
    demand = finite_or_missing("demand", demand)
    if demand.ndim != 2 or not demand.size:
        raise ParameterError(f"demand, shape {demand.shape}: give (n_series, n_days), none of them 0")
    whole("n_train", n_train, 1)
    return demand


def fill_missing(demand: np.ndarray, how: str, n_train: int) -> Cleaned:
    """Fill missing days (NaN) of every series; a series without any known day stays NaN.

    Parameters
    ----------
    demand : array (n_series, n_days)
    how : {"mean", "median", "nearest", "linear"}
        Mean or median of the series' known training days; the nearest known day; a straight line across the gap.
    n_train : int  Days that the mean and the median are taken from.

    Source: companion articles 002 and 003, data preprocessing.

    >>> fill_missing([[2, np.nan, 4, 10]], "linear", n_train=4).demand
    array([[ 2.,  3.,  4., 10.]])
    """
    frame = pd.DataFrame(series_table(demand, n_train).T)  # (n_days, n_series): pandas fills along its first axis
    known = frame.iloc[:n_train]
    if how == "mean":
        filled = frame.fillna(known.mean())
    elif how == "median":
        filled = frame.fillna(known.median())
    elif how == "linear":
        filled = frame.interpolate("linear", limit_direction="both")
    elif how == "nearest":
        day = np.arange(len(frame))[:, None]
        known_day = pd.DataFrame(np.where(frame.notna(), day, np.nan))
        since, until = day - known_day.ffill(), known_day.bfill() - day  # days to the neighbours; the earlier wins ties
        filled = frame.ffill().where((since <= until) | until.isna(), frame.bfill())
    else:
        raise ParameterError(f"how is {how!r}; choose 'mean', 'median', 'nearest' or 'linear'")
    cells = int(frame.isna().sum().sum() - filled.isna().sum().sum())
    return Cleaned(filled.to_numpy().T.copy(), {"step": "missing values", "choice": how, "cells": cells})


def drop_duplicates(records: pd.DataFrame, key: list[str]) -> tuple[pd.DataFrame, dict]:
    """Keep the first record of each key, and say how many went."""
    unique = records.drop_duplicates(key, ignore_index=True)
    return unique, {"step": "duplicates", "choice": "first", "cells": len(records) - len(unique)}


def outlier_bounds(demand: np.ndarray, rule: str, n_train: int) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bound outside which a day's demand counts as an outlier.

    Parameters
    ----------
    demand : array (n_series, n_days)
    rule : {"3 sigma", "box plot", "Hampel"}
        mean +- 3 sd; quartiles -+ 1.5 interquartile ranges; median +- 3 scaled MAD of the last 15 days (causal).
        Where sales are rare, quartiles and MAD are 0 and every sale counts as an outlier.
    n_train : int  Days that the first two rules are fitted on.

    Returns arrays (n_series, 1), or (n_series, n_days) for Hampel. Where too few days are known they are NaN, for
    Hampel infinite, and no day is an outlier.

    Source: companion articles 002 (z-score, IQR) and 003 (box plot, 3 sigma).

    The first eight days have mean 5 and standard deviation 2:

    >>> low, high = outlier_bounds([[2, 4, 4, 4, 5, 5, 7, 9, 1000]], "3 sigma", n_train=8)
    >>> low.item(), high.item()
    (-1.0, 11.0)
    """
    demand = series_table(demand, n_train)
    train = pd.DataFrame(demand[:, :n_train].T)  # (n_train, n_series): pandas passes over NaN
    if rule == "3 sigma":
        centre, spread = train.mean().to_numpy()[:, None], train.std(ddof=0).to_numpy()[:, None]  # (n_series, 1)
        return centre - 3 * spread, centre + 3 * spread
    if rule == "box plot":
        q1, q3 = train.quantile([0.25, 0.75]).to_numpy()[..., None]  # each (n_series, 1)
        return q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    if rule == "Hampel":
        padded = np.pad(demand, ((0, 0), (HAMPEL_DAYS - 1, 0)), constant_values=np.nan)
        windows = sliding_window_view(padded, HAMPEL_DAYS, axis=1)  # (n_series, n_days, 15)
        enough = np.isfinite(windows).sum(axis=2) >= LEAST_HAMPEL_DAYS  # (n_series, n_days)
        centre = np.nanmedian(windows[enough], axis=1)
        spread = MAD_TO_SIGMA * np.nanmedian(np.abs(windows[enough] - centre[:, None]), axis=1)
        low, high = np.full(demand.shape, -np.inf), np.full(demand.shape, np.inf)
        low[enough], high[enough] = centre - 3 * spread, centre + 3 * spread
        return low, high
    raise ParameterError(f"rule is {rule!r}; choose '3 sigma', 'box plot' or 'Hampel'")


def treat_outliers(demand: np.ndarray, rule: str, treatment: str, n_train: int) -> Cleaned:
    """Cut outliers to the bound ("cut"), or replace them by the series' median of the training days ("replace")."""
    demand = series_table(demand, n_train)
    low, high = outlier_bounds(demand, rule, n_train)
    outlier = (demand < low) | (demand > high)  # NaN compares false: a missing day is no outlier
    if treatment == "cut":
        instead = np.clip(demand, low, high)
    elif treatment == "replace":
        instead = pd.DataFrame(demand[:, :n_train].T).median().to_numpy()[:, None]
    else:
        raise ParameterError(f"treatment is {treatment!r}; choose 'cut' or 'replace'")
    outlier &= ~np.isnan(instead)  # without a known training day there is no median to put in its place
    record = {"step": "outliers", "choice": f"{rule}, {treatment}", "cells": int(outlier.sum())}
    return Cleaned(np.where(outlier, instead, demand), record)


def far_outside(demand: np.ndarray, usual_most: np.ndarray) -> np.ndarray:
    """Whether quantities lie far above the most that is usual of their series; NaN is not far."""
    return demand > np.maximum(FAR_TIMES * usual_most, FAR_UNITS)


def stock_outs(demand: np.ndarray) -> np.ndarray:
    """Days that look sold out: at least 7 days without demand between sales, in series with a mean above 2 a day.

    Takes and returns (n_series, n_days). In slower series long runs of zeros are chance.
    """
    demand = series_table(demand)
    found = np.zeros(demand.shape, dtype=bool)
    for row in np.flatnonzero(pd.DataFrame(demand).mean(axis=1) > STOCK_OUT_MEAN):
        sold = np.flatnonzero(demand[row] > 0)
        for before, after in pairwise(sold):
            if after - before > STOCK_OUT_DAYS:
                found[row, before + 1 : after] = True
    return found & (demand == 0)  # a missing day within such a run is unknown
