"""Cleaning as the companion articles list it: missing values, duplicates, outliers. Every step returns its own record.

Statistics come from the first `n_train` days alone, so that what a forecast sees never depends on days after its
origin; "nearest" and "linear" look across a gap by their nature: give them `panel.until(origin)`.
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

Of the contest's 331,336 series-days `check` points at 4; day by day from day 29 on, `daily` would have held 5.
"""

MAD_TO_SIGMA = 1.4826  # standard deviation of a normal sample / its median absolute deviation
HAMPEL_DAYS, LEAST_HAMPEL_DAYS = 15, 5  # days of Hampel's window, and how many of them must be known


@dataclass(frozen=True)
class Cleaned:
    """Cleaned demand (n_series, n_days) and the record of what was done: step, choice, cells changed."""

    demand: np.ndarray
    record: dict


def series_table(demand, n_train: int | None = None) -> np.ndarray:
    """Demand as float64 (n_series, n_days), NaN where it is missing or masked; `n_train` is checked with it."""
    demand = finite_or_missing("demand", demand)
    if demand.ndim != 2 or not demand.size:
        raise ParameterError(f"demand, shape {demand.shape}: give (n_series, n_days), none of them 0")
    if n_train is not None:
        whole("n_train", n_train, 1)
    return demand


def fill_missing(demand: np.ndarray, how: str, n_train: int | None = None) -> Cleaned:
    """Fill missing days (NaN) of every series.

    Parameters
    ----------
    demand : array (n_series, n_days)
    how : {"mean", "median", "nearest", "linear"}
        Mean or median of the series' known training days; the nearest known day; a straight line across the gap.
    n_train : int, optional
        Days the mean and the median are taken from; all of them by default.

    Returns
    -------
    Cleaned. A series without any known day stays NaN.

    Source
    ------
    Companion articles 002 and 003, data preprocessing.
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


def drop_duplicates(records: pd.DataFrame, key: list[str], keep: str = "first") -> tuple[pd.DataFrame, dict]:
    """Leave one record a key.

    Parameters
    ----------
    records : DataFrame
        Long table, one row a record.
    key : list of str
        Columns that name a record.
    keep : {"first", "last"}

    Returns
    -------
    DataFrame and the step's record.
    """
    unique = records.drop_duplicates(key, keep=keep, ignore_index=True)
    return unique, {"step": "duplicates", "choice": keep, "cells": len(records) - len(unique)}


def outlier_bounds(demand: np.ndarray, rule: str, n_train: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bound outside which a day's demand counts as an outlier.

    Parameters
    ----------
    demand : array (n_series, n_days)
    rule : {"3 sigma", "box plot", "Hampel"}
        mean +- 3 sd; quartiles -+ 1.5 interquartile ranges; median +- 3 scaled MAD of the last 15 days (causal).
        Where sales are rare, quartiles and MAD are 0 and every sale counts as an outlier.
    n_train : int, optional
        Days the first two rules are fitted on; all by default.

    Returns
    -------
    low, high : arrays (n_series, 1), or (n_series, n_days) for Hampel
        NaN, or infinite for Hampel, where too few days are known; no day is an outlier there.

    Source
    ------
    Companion articles 002 (z-score, IQR) and 003 (box plot, 3 sigma).
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
        padded = np.pad(demand.astype(float), ((0, 0), (HAMPEL_DAYS - 1, 0)), constant_values=np.nan)
        windows = sliding_window_view(padded, HAMPEL_DAYS, axis=1)  # (n_series, n_days, 15)
        enough = np.isfinite(windows).sum(axis=2) >= LEAST_HAMPEL_DAYS  # (n_series, n_days)
        centre = np.nanmedian(windows[enough], axis=1)
        spread = MAD_TO_SIGMA * np.nanmedian(np.abs(windows[enough] - centre[:, None]), axis=1)
        low, high = np.full(demand.shape, -np.inf), np.full(demand.shape, np.inf)
        low[enough], high[enough] = centre - 3 * spread, centre + 3 * spread
        return low, high
    raise ParameterError(f"rule is {rule!r}; choose '3 sigma', 'box plot' or 'Hampel'")


def treat_outliers(demand: np.ndarray, rule: str, treatment: str = "cut", n_train: int | None = None) -> Cleaned:
    """Cut outliers to the bound, or replace them by the series' training median.

    Parameters
    ----------
    demand : array (n_series, n_days)
    rule : {"3 sigma", "box plot", "Hampel"}
    treatment : {"cut", "replace"}
    n_train : int, optional
        Days the bounds and the median come from; all by default.

    Returns
    -------
    Cleaned
    """
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


def stock_outs(demand: np.ndarray, least_days: int = 7, least_mean: float = 2.0) -> np.ndarray:
    """Days that look like stock-outs: long runs without demand, with sales before and after, in series that sell well.

    Parameters
    ----------
    demand : array (n_series, n_days)
    least_days : int
        Shortest run that counts.
    least_mean : float
        Least mean demand of a series, units a day; in slower series long runs of zeros are chance.

    Returns
    -------
    bool array (n_series, n_days)
    """
    demand = series_table(demand)
    whole("least_days", least_days), finite_or_missing("least_mean", least_mean)
    found = np.zeros(demand.shape, dtype=bool)
    for row in np.flatnonzero(pd.DataFrame(demand).mean(axis=1) > least_mean):
        sold = np.flatnonzero(demand[row] > 0)
        for before, after in pairwise(sold):
            if after - before > least_days:
                found[row, before + 1 : after] = True
    return found & (demand == 0)  # a missing day within such a run is unknown
