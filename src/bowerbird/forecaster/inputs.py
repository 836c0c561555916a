"""What the network reads at the end of every day: numbers of the days so far, on the scale of the series itself."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache, partial

import bottleneck
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from bowerbird.data.panel import DAILY, WEEKLY, Frequency, Panel
from bowerbird.forecaster.level import (
    LEAST,
    earlier_years,
    fill_missing,
    held,
    learn_effects,
    moving,
    running_level,
    season_effects,
    weekday_effects,
)

CONTEXT = ("product_no", "seller_no", "category1", "warehouse_no")  # those of them that the data have
SPANS = {"day": ("last days", "last week", "last month"), "week": ("last weeks", "last month", "last half-year")}


@dataclass(frozen=True)
class Inputs:
    """Everything about a panel that the network needs; day t's inputs are made of days up to t alone."""

    demand: Tensor  # (n_series, n_days) units, NaN = missing
    daily: Tensor  # (n_series, n_days, n_daily): own, context, clusters
    level: Tensor  # (n_series, n_days) running level, units a day
    recent: Tensor  # (n_series, n_days, 2) mean and standard deviation of the last month, units a day
    calendar: Tensor  # (n_days + horizon, n_features) of the days read and of the days after them
    ahead: Tensor  # (n_series, n_days, horizon, n_ahead) columns known ahead, and as many log effects of them so far
    names: tuple[str, ...]  # the group of each daily input


def own_inputs(demand: np.ndarray, level: np.ndarray, frequency: Frequency = DAILY) -> dict[str, list[np.ndarray]]:
    """Each series' own known days relative to its level: name of the group -> arrays (n_series, n_days)."""

    def relative(values) -> np.ndarray:
        return np.log1p(values / level)

    few, week, fortnight, _, month = frequency.windows  # 3, 7, 14, 21 and 28 days
    mean = {window: relative(moving(bottleneck.move_mean, demand, window)) for window in (few, week, month)}
    median = {window: relative(moving(bottleneck.move_median, demand, window)) for window in (week, month)}
    deviation = moving(partial(bottleneck.move_std, ddof=1), demand, fortnight)
    constant = moving(bottleneck.move_max, demand, fortnight) == moving(bottleneck.move_min, demand, fortnight)
    spread = relative(np.where(constant, 0.0, deviation))  # exactly 0, where rounding would leave a trace
    known = ~np.isnan(demand)
    idle = moving(bottleneck.move_mean, np.where(known, demand == 0, np.nan), fortnight)
    names = SPANS[frequency.word]
    groups = {
        names[0]: [relative(demand), mean[few]],
        names[1]: [mean[week], median[week]],
        names[2]: [mean[month], median[month]],
        "level": [np.log(level)],
        "idle and missing days": [idle],
        "spread": [spread],
    }
    groups = {name: [held(array, known) for array in arrays] for name, arrays in groups.items()}
    groups["idle and missing days"].append(known * 1.0)
    return groups


def context_inputs(
    series: pd.DataFrame, demand: np.ndarray, level: np.ndarray, frequency: Frequency = DAILY
) -> dict[str, list[np.ndarray]]:
    """How the *other* series of the same product, seller, category and warehouse move: arrays (n_series, n_days)."""
    few, week, fortnight, _, month = frequency.windows
    known = ~np.isnan(demand)
    filled = np.where(known, demand, level)
    groups = {}
    for column in [column for column in CONTEXT if column in series]:
        totals = pd.DataFrame(filled).groupby(series[column].to_numpy()).transform("sum").to_numpy()
        others = np.maximum((totals - filled).round(6), 0.0)
        mean = {w: np.maximum(moving(bottleneck.move_mean, others, w), 0.0) + LEAST for w in frequency.windows}
        ratios = (others + LEAST) / mean[fortnight], mean[few] / mean[fortnight], mean[week] / mean[month]
        groups[f"others of {column.removesuffix('_no')}"] = [
            held(np.clip(np.log(ratio), -2, 2), known) for ratio in ratios
        ]
    return groups


def gather(panel: Panel, horizon: int, mixture=None, context: bool = True, device="cpu") -> Inputs:
    """The panel's inputs as tensors on the device; all but the clusters' are made once a panel."""
    level, recent, daily, names, ahead = _own_and_context(_ByContent(panel), horizon)
    if not context:
        n_own = sum(not name.startswith("others of") for name in names)
        daily, names = daily[:, :, :n_own], names[:n_own]
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

    arrays = (single(array) for array in (panel.demand, daily, level, recent, panel.calendar(horizon), ahead))
    return Inputs(*arrays, names)


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


@lru_cache(maxsize=2)  # training on a panel, forecasting from a longer one
def _own_and_context(known: _ByContent, horizon: int) -> tuple[np.ndarray, ...]:
    """Running level, recent mean and spread, inputs (n_series, n_days, n_inputs), names, and `ahead`.

    All are of demand without each series' own weekdays or, of a weekly panel, the week of the year; level and inputs
    also without the effects of columns known ahead. Weekday or week is the last of the columns, its log factor so far
    the effect.
    """
    panel, demand, frequency = known.panel, known.panel.demand, known.panel.frequency
    columns, ahead = {}, np.empty((*demand.shape, horizon, 0))
    if panel.ahead:
        effects = learn_effects(panel, horizon)
        demand, ahead = effects.without(demand), effects.ahead(horizon)
        columns["known ahead"] = [*np.moveaxis(effects.today(), 2, 0), *np.moveaxis(effects.effect, 2, 0)]
    if frequency == WEEKLY:
        now, later = season_effects(fill_missing(demand, frequency).sum(axis=0), frequency.season, horizon)
    else:
        sellers = panel.series.get("seller_no")
        now, later = weekday_effects(demand, panel.dates.day_of_week, horizon, sellers)
    factor = np.exp(now)
    recent, demand = recent_moments(panel.demand / factor, frequency), demand / factor
    columns["week of the year" if frequency == WEEKLY else "weekday"] = [np.broadcast_to(now, demand.shape)]
    level, season = running_level(demand, frequency), np.broadcast_to(later, (*demand.shape, horizon))[..., None]
    values, log_effects = np.split(ahead, 2, axis=3)
    if frequency == WEEKLY:  # what the network makes of it is learnt: without an effect of its own
        past = earlier_years(demand, level, frequency.season, horizon)[..., None]
        values, log_effects = np.concatenate([values, past], axis=3), np.concatenate([log_effects, 0 * past], axis=3)
    ahead = np.concatenate([values, season, log_effects, season], axis=3, dtype=np.float32)
    groups = own_inputs(demand, level, frequency) | columns
    groups |= context_inputs(panel.series, demand, level, frequency)
    daily = np.stack([array for arrays in groups.values() for array in arrays], axis=2, dtype=np.float32)
    names = tuple(name for name, arrays in groups.items() for _ in arrays)
    return level, recent, daily, names, ahead


def recent_moments(demand: np.ndarray, frequency: Frequency = DAILY) -> np.ndarray:
    """Mean and standard deviation of the last month of known days, or half-year of weeks (n_series, n_days, 2)."""
    month = frequency.windows[-1]
    parts = moving(bottleneck.move_mean, demand, month), moving(partial(bottleneck.move_std, ddof=1), demand, month)
    return np.stack([held(np.nan_to_num(part), ~np.isnan(demand)) for part in parts], axis=2)
