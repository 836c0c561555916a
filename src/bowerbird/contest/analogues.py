"""What past days of old series say about the next days of an item with a short history: mixture of curves, neighbours.

Every method is `f(items, old, horizon) -> (n_items, horizon)` in units a day. Both panels end on the day before the
forecast, so no method can see a later one; `items.demand` is NaN before a launch. Old series cannot be met on the days
to be forecast, and the age of most is unknown. So they are cut into windows that end, as the item's does, with
`horizon` days to come, all of them past: the curves are aligned by days to the origin.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bowerbird.data.panel import Panel
from bowerbird.data.schema import ATTRIBUTES
from bowerbird.dm import PolynomialRegressionMixture
from bowerbird.errors import ParameterError
from bowerbird.evaluation.baselines import exponential_smoothing, recent_mean, recent_median

SEEN_DAYS, LEVEL_DAYS = 30, 14
"""Days of a window that a method is shown, days its level is taken from."""
OFFSET = 0.25
"""Units a day added on both sides of a ratio, so that a day without demand has a logarithm."""
UNSOLD_DAYS = 10
"""An old series that sold nothing for so long at first is taken as launched with its first sale."""
LEAST_DAYS = 8
"""Fewest days an item must have before its growth is measured, or its forecast scored."""
LARGEST_LOG = 15.0
"""A continued polynomial is cut here, at some three million."""
ALIKE = ("seller_no", *ATTRIBUTES)
"""What makes two series alike, each counted equally."""


@dataclass(frozen=True)
class Windows:
    """Past windows of the old series, scaled: `seen` (n, 30) is log of demand over level, `ahead` (n, horizon) demand
    over level on the days after it, `scale` (n,) what demand was divided by, `series` their attributes.
    """

    seen: np.ndarray
    ahead: np.ndarray
    scale: np.ndarray
    series: pd.DataFrame


def windows(old: Panel, horizon: int, n_origins: int = 4) -> Windows:
    """Cut past windows out of the old series: 30 days seen and `horizon` days ahead, the last of them ending the panel.

    Parameters
    ----------
    old : Panel
    horizon : int
        Days ahead; the windows of a series are as many days apart.
    n_origins : int
        Windows a series, fewer where the panel is short.

    Returns
    -------
    Windows

    Raises
    ------
    ParameterError
        The panel is shorter than one window.
    """
    origins = [old.n_days - k * horizon for k in range(1, n_origins + 1) if old.n_days - k * horizon >= SEEN_DAYS]
    if not origins:
        raise ParameterError(f"old series have {old.n_days} days; give at least {SEEN_DAYS + horizon}")
    seen = np.concatenate([old.demand[:, o - SEEN_DAYS : o] for o in origins])
    ahead = np.concatenate([old.demand[:, o : o + horizon] for o in origins])
    series = pd.concat([old.series] * len(origins), ignore_index=True)
    scale = level_and_offset(seen)
    return Windows(np.log((seen + OFFSET) / scale), ahead / scale, scale[:, 0], series)


def mean_14(items: Panel, old: Panel, horizon: int) -> np.ndarray:
    """Mean of the item's last 14 days; the yardstick."""
    return recent_mean(items.demand, horizon, LEVEL_DAYS)


def median_14(items: Panel, old: Panel, horizon: int) -> np.ndarray:
    """Median of the item's last 14 days."""
    return recent_median(items.demand, horizon, LEVEL_DAYS)


def smoothing(items: Panel, old: Panel, horizon: int) -> np.ndarray:
    """Simple exponential smoothing (0.2) of the item's own days."""
    return exponential_smoothing(items.demand, horizon, 0.2)


def category_mean(items: Panel, old: Panel, horizon: int) -> np.ndarray:
    """Mean of the last 14 days of all old series in the item's category1: what is known before the first sale."""
    recent = pd.Series(_level(old.demand))
    by_category = recent.groupby(old.series["category1"].to_numpy()).mean()
    level = items.series["category1"].map(by_category).fillna(recent.mean()).to_numpy()
    return np.repeat(level[:, None], horizon, axis=1)


def category_profile(items: Panel, old: Panel, horizon: int) -> np.ndarray:
    """The item's level times its category's profile: mean demand over level on the days ahead of past windows."""
    past = windows(old, horizon)
    profile = pd.DataFrame(past.ahead).groupby(past.series["category1"].to_numpy()).mean()
    own = profile.reindex(items.series["category1"]).fillna(profile.mean())  # (n_items, horizon)
    return own.to_numpy() * level_and_offset(items.demand)


def mixture(items: Panel, old: Panel, horizon: int, n_clusters: int = 10) -> np.ndarray:
    """The mixture of curves, aligned by days to the origin: each cluster's median growth, weighted by the posterior.

    A mixture of cubic curves is fitted to past windows of the old series. A window's seen days give its posterior, and
    so do the item's (eq. 6 on a partial curve); what the item's clusters did next, relative to their level, it does.
    """
    past = windows(old, horizon)
    unknown = np.full((len(past.seen), horizon), np.nan)
    whole = np.concatenate([past.seen, np.log(past.ahead + OFFSET / past.scale[:, None])], axis=1)
    fitted = _fit(whole, min(n_clusters, max(2, len(whole) // 30)), degree=3)
    posterior = fitted.predict_proba(np.concatenate([past.seen, unknown], axis=1))  # (n_windows, K)
    medians = [weighted_quantile(past.ahead.mean(axis=1), weights) for weights in posterior.T]
    seen = np.log((items.demand[:, -SEEN_DAYS:] + OFFSET) / level_and_offset(items.demand))
    w = fitted.predict_proba(np.concatenate([seen, np.full((len(seen), horizon), np.nan)], axis=1))
    return np.repeat((w @ np.array(medians))[:, None] * level_and_offset(items.demand), horizon, axis=1)


def mixture_by_date(items: Panel, old: Panel, horizon: int, n_clusters: int = 10) -> np.ndarray:
    """The mixture aligned by date: no series is known on the days ahead, so cubics are continued into them."""
    curves = [np.pad(np.log1p(p.demand), ((0, 0), (0, horizon)), constant_values=np.nan) for p in (old, items)]
    fitted = _fit(curves[0], min(n_clusters, max(2, old.n_series // 30)), degree=3)
    return np.maximum(np.expm1(np.minimum(fitted.forecast(curves[1])[0][:, -horizon:], LARGEST_LOG)), 0)


def mixture_by_age(items: Panel, old: Panel, horizon: int) -> np.ndarray:
    """The mixture aligned by age: fitted to the items and to the few old series first sold after the panel began."""
    first_sale = np.where((old.demand > 0).any(axis=1), np.argmax(old.demand > 0, axis=1), 0)
    rows = [row[~np.isnan(row)] for row in items.demand]
    longest = max(map(len, rows))
    rows += [old.demand[i, first_sale[i] :] for i in np.flatnonzero(first_sale >= UNSOLD_DAYS)]
    curves = np.full((len(rows), longest + horizon), np.nan)  # column 0 is the first day
    for curve, row in zip(curves, rows, strict=True):
        curve[: len(row)] = row[: longest + horizon]
    scale = np.array([row[:longest][-LEVEL_DAYS:].mean() for row in rows])[:, None] + OFFSET
    scaled = np.log((curves + OFFSET) / scale)
    fitted = _fit(scaled, 2, degree=1)
    mean = fitted.forecast(scaled[: items.n_series])[0]  # (n_items, n_ages)
    ahead = np.array([curve[len(row) :][:horizon] for curve, row in zip(mean, rows, strict=False)])
    return np.maximum(np.exp(np.minimum(ahead, LARGEST_LOG)) * scale[: items.n_series] - OFFSET, 0)


def nearest(items: Panel, old: Panel, horizon: int, n_neighbours: int = 50) -> np.ndarray:
    """The nearest past windows of old series, by attributes and scaled recent curve; the median of their next days."""
    past = windows(old, horizon)
    bank = past.seen[:, -LEVEL_DAYS:]
    curve = np.log((items.demand[:, -LEVEL_DAYS:] + OFFSET) / level_and_offset(items.demand))
    known = ~np.isnan(curve)
    curve = np.where(known, curve, 0)
    squared = (curve**2).sum(axis=1)[:, None] - 2 * curve @ bank.T + known @ (bank**2).T  # (n_items, n_windows)
    distance = squared / known.sum(axis=1, keepdims=True)
    unlike = [items.series[name].to_numpy()[:, None] != past.series[name].to_numpy() for name in ALIKE]
    distance = distance / max(np.median(distance), 1e-9) + np.mean(unlike, axis=0)
    chosen = np.argsort(distance, axis=1, kind="stable")[:, : min(n_neighbours, len(bank))]
    return np.median(past.ahead[chosen], axis=1) * level_and_offset(items.demand)


def growth(
    items: Panel, old: Panel, horizon: int, every: int = 5, age_sd: float = 7.0, prior: float = 5.0
) -> np.ndarray:
    """Log growth of new items over the horizon, by age, beyond that of old series on the same days.

    At every fifth past origin, each item that had 8 days is compared, mean of the next `horizon` days against mean of
    the last 14, and the old series' median on those days is taken off, for a festival is no launch. The median over
    items of about the same age, shrunk towards no growth, is what an item of that age expects.

    Parameters
    ----------
    items, old : Panel
        On the same days.
    horizon, every : int
        Days.
    age_sd : float
        Days by which ages may differ (standard deviation of a Gaussian weight).
    prior : float
        Comparisons that "no growth" is worth.

    Returns
    -------
    array (n_items,); zero where nothing has been seen yet.
    """
    ratios, ages = [], []
    for origin in range(items.n_days - horizon, LEAST_DAYS - 1, -every):
        age = np.count_nonzero(~np.isnan(items.demand[:, :origin]), axis=1)
        if not (age >= LEAST_DAYS).any():
            break
        usual = np.median(log_growth(old.demand, origin, horizon))
        ratios.append(log_growth(items.demand[age >= LEAST_DAYS], origin, horizon) - usual)
        ages.append(age[age >= LEAST_DAYS])
    now = np.count_nonzero(~np.isnan(items.demand), axis=1)
    if not ratios:
        return np.zeros(len(now))
    ratios, ages = np.concatenate(ratios), np.concatenate(ages)
    by_age = {}
    for age in np.unique(now):
        weights = np.exp(-0.5 * ((ages - age) / age_sd) ** 2)
        by_age[age] = weighted_quantile(ratios, weights) * weights.sum() / (weights.sum() + prior)
    return np.array([by_age[age] for age in now])


def log_growth(demand: np.ndarray, origin: int, horizon: int) -> np.ndarray:
    """Log of the mean of `horizon` days from `origin` on over the mean of the last 14 before it, (n_series,)."""
    ahead = demand[:, origin : origin + horizon].mean(axis=1)
    return np.log((ahead + OFFSET) / level_and_offset(demand[:, :origin])[:, 0])


def level_and_offset(demand: np.ndarray) -> np.ndarray:
    """What demand is divided by, (n_series, 1): the mean of the last 14 known days and a quarter of a unit."""
    return _level(demand)[:, None] + OFFSET


def weighted_quantile(values: np.ndarray, weights: np.ndarray, probability: float = 0.5) -> float:
    """Least value with at least this share of the weight at or below it; without more said, the median."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(below, probability * below[-1])])


def _level(demand: np.ndarray) -> np.ndarray:
    return recent_mean(demand, 1, LEVEL_DAYS)[:, 0]


def _fit(curves: np.ndarray, n_clusters: int, degree: int) -> PolynomialRegressionMixture:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # small clusters and a slow end of EM are no concern of a forecast
        return PolynomialRegressionMixture(n_clusters, degree, tol=1e-5, max_iter=100).fit(curves)
