"""What the network reads at the end of every day: numbers of the days so far, on the scale of the series itself."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache, partial

import bottleneck
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from bowerbird.data.panel import Panel

CONTEXT = ("product_no", "seller_no", "category1", "warehouse_no")  # those of them that the data have
LEAST = 0.1  # units a day; no level is lower
N_OWN = 10  # daily inputs of the series itself


@dataclass(frozen=True)
class Inputs:
    """Everything about a panel that the network needs; day t's inputs are made of days up to t alone."""

    demand: Tensor  # (n_series, n_days) units, NaN = missing
    daily: Tensor  # (n_series, n_days, n_daily): own, context, clusters
    level: Tensor  # (n_series, n_days) running level, units a day
    calendar: Tensor  # (n_days + horizon, n_features) of the days read and of the days after them
    names: tuple[str, ...]  # the group of each daily input


def running_level(demand: np.ndarray) -> np.ndarray:
    """Level of demand up to each day: mean of the medians of 7, 14 and 21 days and of exponential smoothing (0.2).

    Medians do not follow a spike, smoothing sees the sales of a series that rarely sells. A missing day leaves the
    level where it was. (n_series, n_days), units a day, at least LEAST.
    """
    parts = [_moving(bottleneck.move_median, demand, window) for window in (7, 14, 21)]
    parts.append(pd.DataFrame(demand.T).ewm(alpha=0.2, ignore_na=True).mean().to_numpy().T)
    return np.maximum(_held(sum(parts) / len(parts), ~np.isnan(demand)), LEAST)


def fill_missing(demand: np.ndarray) -> np.ndarray:
    """Demand with missing days at the running level: an unknown day is no day without sales (n_series, n_days)."""
    return np.where(np.isnan(demand), running_level(demand), demand)


def cluster_curves(panel: Panel) -> np.ndarray:
    """The curves handed to the DM mixture, log(1 + demand), missing days at the running level (n_series, n_days).

    >>> dates = pd.date_range("2023-03-01", periods=3)
    >>> cluster_curves(Panel(pd.DataFrame({"product_no": ["p"]}), dates, np.array([[3, 3, np.nan]]))).round(3)
    array([[1.386, 1.386, 1.386]])
    """
    return np.log1p(fill_missing(panel.demand))


def own_inputs(demand: np.ndarray, level: np.ndarray) -> dict[str, list[np.ndarray]]:
    """Each series' own known days relative to its level: name of the group -> arrays (n_series, n_days)."""

    def relative(values) -> np.ndarray:
        return np.log1p(values / level)

    mean = {window: relative(_moving(bottleneck.move_mean, demand, window)) for window in (3, 7, 28)}
    median = {window: relative(_moving(bottleneck.move_median, demand, window)) for window in (7, 28)}
    deviation = _moving(partial(bottleneck.move_std, ddof=1), demand, 14)
    constant = _moving(bottleneck.move_max, demand, 14) == _moving(bottleneck.move_min, demand, 14)
    spread = relative(np.where(constant, 0.0, deviation))  # exactly 0, where rounding would leave a trace
    known = ~np.isnan(demand)
    idle = _moving(bottleneck.move_mean, np.where(known, demand == 0, np.nan), 14)
    groups = {
        "last days": [relative(demand), mean[3]],
        "last week": [mean[7], median[7]],
        "last month": [mean[28], median[28]],
        "level": [np.log(level)],
        "idle and missing days": [idle],
        "spread": [spread],
    }
    groups = {name: [_held(array, known) for array in arrays] for name, arrays in groups.items()}
    groups["idle and missing days"].append(known * 1.0)
    return groups


def context_inputs(series: pd.DataFrame, demand: np.ndarray, level: np.ndarray) -> dict[str, list[np.ndarray]]:
    """How the *other* series of the same product, seller, category and warehouse move: arrays (n_series, n_days)."""
    known = ~np.isnan(demand)
    filled = np.where(known, demand, level)
    groups = {}
    for column in [column for column in CONTEXT if column in series]:
        totals = pd.DataFrame(filled).groupby(series[column].to_numpy()).transform("sum").to_numpy()
        others = np.maximum((totals - filled).round(6), 0.0)
        mean = {w: np.maximum(_moving(bottleneck.move_mean, others, w), 0.0) + LEAST for w in (3, 7, 14, 28)}
        ratios = (others + LEAST) / mean[14], mean[3] / mean[14], mean[7] / mean[28]
        groups[f"others of {column.removesuffix('_no')}"] = [
            _held(np.clip(np.log(ratio), -2, 2), known) for ratio in ratios
        ]
    return groups


def gather(panel: Panel, horizon: int, mixture=None, context: bool = True, device="cpu") -> Inputs:
    """The panel's inputs as tensors on the device; all but the clusters' are made once a panel."""
    level, daily, names = _own_and_context(_ByContent(panel))
    if not context:
        daily, names = daily[:, :, :N_OWN], names[:N_OWN]
    if mixture is not None:
        curves = np.log1p(np.where(np.isnan(panel.demand), level, panel.demand))
        posterior = mixture.predict_proba_by_day(curves)  # (n_series, n_days, K)
        means = mixture.mean_curves()
        # The cluster's curve relative to the series' level, and its mean level, as the posterior of the day weighs them
        days = np.minimum(np.arange(panel.n_days), means.shape[1] - 1)
        curve = np.einsum("ntk,kt->nt", posterior, means[:, days]) - np.log1p(level)
        clusters = np.dstack([posterior, curve, posterior @ means.mean(axis=1)])
        daily = np.concatenate([daily, clusters], axis=2, dtype=np.float32)
        names = (*names, *["clusters"] * clusters.shape[2])

    def single(array) -> Tensor:
        return torch.tensor(array, dtype=torch.float32, device=device)

    return Inputs(single(panel.demand), single(daily), single(level), single(panel.calendar(horizon)), names)


def panel_digest(panel: Panel, *more) -> str:
    """Checksum of a panel, and of anything else that has a `repr`."""
    digest = hashlib.sha256(repr((more, panel.dates[0], panel.frequency.word, panel.demand.shape)).encode())
    digest.update(repr((list(panel.ahead), dict(panel.events))).encode())
    digest.update(pd.util.hash_pandas_object(panel.series).to_numpy())
    for values in (panel.demand, *panel.ahead.values(), *([] if panel.prices is None else [panel.prices])):
        digest.update(np.ascontiguousarray(values))
    return digest.hexdigest()


class _ByContent:
    """A panel that equals every other of the same demand and groups, so that what was made of it is found again."""

    def __init__(self, panel: Panel):
        self.panel, self.digest = panel, panel_digest(panel)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other) -> bool:
        return self.digest == other.digest


@lru_cache(maxsize=4)  # the ladder forecasts from four origins
def _own_and_context(known: _ByContent) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Running level (n_series, n_days), inputs (n_series, n_days, n_inputs) in single precision, names."""
    demand = known.panel.demand
    level = running_level(demand)
    groups = own_inputs(demand, level) | context_inputs(known.panel.series, demand, level)
    daily = np.stack([array for arrays in groups.values() for array in arrays], axis=2, dtype=np.float32)
    return level, daily, tuple(name for name, arrays in groups.items() for _ in arrays)


def _moving(statistic, values: np.ndarray, window: int) -> np.ndarray:
    """A statistic of bottleneck over the known days among each day and the `window` - 1 days before it."""
    return statistic(values, min(window, values.shape[1]), min_count=1, axis=1)


def _held(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values as on the last known day: nothing is learnt on a missing one; 0 before the first known day."""
    return np.nan_to_num(bottleneck.push(np.where(known, values, np.nan), axis=1))
