"""What the network reads at the end of every day: numbers of the days so far, on the scale of the series itself."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from bowerbird.data.calendar import calendar_features
from bowerbird.data.panel import Panel
from bowerbird.data.schema import ATTRIBUTES

STATIC_COLUMNS = ("seller_no", "warehouse_no", *(a for a in ATTRIBUTES if a != "category3"))
CONTEXT = ("product_no", "seller_no", "category1", "warehouse_no")
LEAST = 0.1  # units a day; no level is lower


@dataclass(frozen=True)
class Inputs:
    """Everything about a panel that the network needs.

    Attributes
    ----------
    demand : (n_series, n_days)               units, NaN = missing
    daily : (n_series, n_days, n_daily)       see `daily_inputs`
    static : (n_series, n_attributes)         label codes, 0 = unknown
    level : (n_series, n_days)                running level in units a day
    calendar : (n_days + horizon, n_features) of the days read and of the days after them
    names : n_daily names, the group of each daily input
    """

    demand: Tensor
    daily: Tensor
    static: Tensor
    level: Tensor
    calendar: Tensor
    names: tuple[str, ...]


def running_level(demand: np.ndarray) -> np.ndarray:
    """Level of demand up to each day: mean of the medians of 7, 14 and 21 days and of exponential smoothing (0.2).

    Medians do not follow a spike, smoothing sees the sales of a series that rarely sells. (n_series, n_days), units a
    day, at least LEAST.
    """
    days = pd.DataFrame(demand.T)
    parts = [days.rolling(window, min_periods=1).median() for window in (7, 14, 21)]
    parts.append(days.ewm(alpha=0.2, ignore_na=True).mean())
    level = sum(part.ffill().fillna(0.0) for part in parts) / len(parts)
    return np.maximum(level.to_numpy().T, LEAST)


def cluster_curves(panel: Panel) -> np.ndarray:
    """The curves handed to the DM mixture, log(1 + demand), missing days at the running level (n_series, n_days)."""
    return np.log1p(np.where(np.isnan(panel.demand), running_level(panel.demand), panel.demand))


def own_inputs(demand: np.ndarray, level: np.ndarray) -> dict[str, list[np.ndarray]]:
    """Each series' own days relative to its level: name of the group -> arrays (n_series, n_days)."""
    known = ~np.isnan(demand)
    filled = np.where(known, demand, level)
    days = pd.DataFrame(filled.T)

    def relative(values) -> np.ndarray:
        return np.log1p(np.asarray(values).T / level)

    mean = {window: relative(days.rolling(window, min_periods=1).mean()) for window in (3, 7, 28)}
    median = {window: relative(days.rolling(window, min_periods=1).median()) for window in (7, 28)}
    spread = relative(days.rolling(14, min_periods=2).std().fillna(0.0))
    idle = (days == 0).astype(float).rolling(14, min_periods=1).mean().to_numpy().T
    return {
        "last days": [relative(days), mean[3]],
        "last week": [mean[7], median[7]],
        "last month": [mean[28], median[28]],
        "level": [np.log(level)],
        "idle and missing days": [idle, known * 1.0],
        "spread": [spread],
    }


def context_inputs(panel: Panel) -> dict[str, list[np.ndarray]]:
    """How the *other* series of the same product, seller, category and warehouse move: arrays (n_series, n_days)."""
    demand = np.nan_to_num(panel.demand)
    groups = {}
    for column in CONTEXT:
        totals = pd.DataFrame(demand).groupby(panel.series[column].to_numpy()).transform("sum").to_numpy()
        days = pd.DataFrame((totals - demand).T.round(6))
        mean = {w: days.rolling(w, min_periods=1).mean().to_numpy().T + LEAST for w in (3, 7, 14, 28)}
        ratios = (days.to_numpy().T + LEAST) / mean[14], mean[3] / mean[14], mean[7] / mean[28]
        groups[f"others of {column.removesuffix('_no')}"] = [np.clip(np.log(ratio), -2, 2) for ratio in ratios]
    return groups


def daily_inputs(panel: Panel, level: np.ndarray, mixture=None, context: bool = True) -> dict[str, list[np.ndarray]]:
    """All daily inputs, name of the group -> arrays (n_series, n_days); day t's are made of days up to t alone."""
    groups = own_inputs(panel.demand, level)
    if context:
        groups |= context_inputs(panel)
    if mixture is not None:
        posterior = mixture.predict_proba_by_day(cluster_curves(panel))  # (n_series, n_days, K)
        means = mixture.mean_curves()
        # The cluster's curve relative to the series' level, and its mean level, as the posterior of the day weighs them
        days = np.minimum(np.arange(panel.n_days), means.shape[1] - 1)
        curve = np.einsum("ntk,kt->nt", posterior, means[:, days]) - np.log1p(level)
        groups["clusters"] = [*np.moveaxis(posterior, 2, 0), curve, posterior @ means.mean(axis=1)]
    return groups


def label_codes(panel: Panel) -> dict[str, dict[str, int]]:
    """Code of every label of the static attributes, from 1; 0 is for labels never seen."""
    return {
        column: {label: code for code, label in enumerate(sorted(panel.series[column].unique()), 1)}
        for column in STATIC_COLUMNS
    }


def gather(panel: Panel, horizon: int, codes: dict, mixture=None, context: bool = True, device="cpu") -> Inputs:
    """The panel's inputs as tensors on the device."""
    level = running_level(panel.demand)
    groups = daily_inputs(panel, level, mixture, context)
    daily = np.stack([array for arrays in groups.values() for array in arrays], axis=2)
    names = tuple(name for name, arrays in groups.items() for _ in arrays)
    static = np.column_stack([panel.series[c].map(codes[c]).fillna(0).astype(int) for c in STATIC_COLUMNS])
    calendar = calendar_features(pd.date_range(panel.dates[0], periods=panel.n_days + horizon))

    def single(array) -> Tensor:
        return torch.tensor(array, dtype=torch.float32, device=device)

    return Inputs(
        single(panel.demand), single(daily), torch.tensor(static, device=device), single(level), single(calendar), names
    )


def n_daily(clusters: int, context: bool) -> int:
    """Number of daily inputs."""
    return 10 + 3 * len(CONTEXT) * context + (clusters + 2 if clusters else 0)
