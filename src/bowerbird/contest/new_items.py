"""The contest's second question: forecast items with some weeks of history.

Every method is `f(items, old, horizon) -> (n_items, horizon)` in units a day. Both panels end on the day before the
forecast, so no method can see a later one; `items.demand` is NaN before a launch. The days to be forecast are known of
no old series, and the age of most old series is unknown. So old series are cut into windows that end, as the item's
does, with `horizon` days to come, all of them past: curves are aligned by days to the origin.

The hold-outs that judge the methods are old series hidden but for 30 days, and the new items' own last days.
"""

import itertools
import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bowerbird.data.panel import Panel, long_table
from bowerbird.data.reader import ATTRIBUTES, SERIES_KEY
from bowerbird.dm import PolynomialRegressionMixture
from bowerbird.errors import ParameterError
from bowerbird.evaluation import bootstrap
from bowerbird.evaluation.baselines import exponential_smoothing, recent_mean, recent_median
from bowerbird.metrics import scores
from bowerbird.seeds import stream, streams

SEEN_DAYS, LEVEL_DAYS = 30, 14  # days of a window that a method is shown, days its level is taken from
N_WINDOWS = 4  # windows a series, `horizon` days apart
OFFSET = 0.25  # units a day added on both sides of a ratio, so that a day without demand has a logarithm
UNSOLD_DAYS = 10  # an old series that sold nothing for so long at first is taken as launched with its first sale
LEAST_DAYS = 8  # fewest days an item must have before its growth is measured, or its forecast scored
LARGEST_LOG = 15.0  # a continued polynomial is cut here, at some three million
N_CLUSTERS, N_NEIGHBOURS = 10, 50
GROWTH_EVERY, AGE_SD, NO_GROWTH = 5, 7.0, 5.0
"""Days between past origins of `growth`, days by which ages may differ, comparisons that "no growth" is worth."""
WEIGHT_ORIGINS, WEIGHT_PENALTY = 2, 0.02  # past origins that weights are learnt on, and what holds them to equal ones
LEVEL_CLASSES = (0.5, 2.0, 8.0)
"""Bounds of the forecast, units a day, between which errors are pooled for the quantiles."""
ALIKE = ("seller_no", *ATTRIBUTES)  # what makes two series alike, each counted equally


@dataclass(frozen=True)
class Windows:
    """Past windows of the old series, scaled: `seen` (n, 30) is log of demand over level, `ahead` (n, horizon) demand
    over level on the days after it, `scale` (n,) what demand was divided by, `series` their attributes.
    """

    seen: np.ndarray
    ahead: np.ndarray
    scale: np.ndarray
    series: pd.DataFrame


def windows(old: Panel, horizon: int) -> Windows:
    """Cut windows of 30 days seen and `horizon` days ahead out of the old series; the last of them ends the panel."""
    last = [old.n_days - k * horizon for k in range(1, N_WINDOWS + 1)]
    origins = [origin for origin in last if origin >= SEEN_DAYS]
    if not origins:
        raise ParameterError(f"old series have {old.n_days} days; give at least {SEEN_DAYS + horizon}")
    seen = np.concatenate([old.demand[:, o - SEEN_DAYS : o] for o in origins])
    ahead = np.concatenate([old.demand[:, o : o + horizon] for o in origins])
    series = pd.concat([old.series] * len(origins), ignore_index=True)
    scale = level_and_offset(seen)
    return Windows(np.log((seen + OFFSET) / scale), ahead / scale, scale[:, 0], series)


# ---- methods --------------------------------------------------------------------------------------------------------


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
    recent = pd.Series(recent_mean(old.demand, 1, LEVEL_DAYS)[:, 0])
    by_category = recent.groupby(old.series["category1"].to_numpy()).mean()
    level = items.series["category1"].map(by_category).fillna(recent.mean()).to_numpy()
    return np.repeat(level[:, None], horizon, axis=1)


def category_profile(items: Panel, old: Panel, horizon: int) -> np.ndarray:
    """The item's level times its category's profile: mean demand over level on the days ahead of past windows."""
    past = windows(old, horizon)
    profile = pd.DataFrame(past.ahead).groupby(past.series["category1"].to_numpy()).mean()
    own = profile.reindex(items.series["category1"]).fillna(profile.mean())  # (n_items, horizon)
    return own.to_numpy() * level_and_offset(items.demand)


def mixture(items: Panel, old: Panel, horizon: int) -> np.ndarray:
    """The mixture of curves, aligned by days to the origin: each cluster's median growth, weighted by the posterior.

    A mixture of cubic curves is fitted to past windows of the old series. The seen days of a window, and of an item,
    give its posterior (eq. 6 on a partial curve). The item grows as its clusters did next, relative to their level.
    """
    past = windows(old, horizon)
    unknown = np.full((len(past.seen), horizon), np.nan)
    whole = np.concatenate([past.seen, np.log(past.ahead + OFFSET / past.scale[:, None])], axis=1)
    fitted = _fit(whole, 3, N_CLUSTERS)
    posterior = fitted.predict_proba(np.concatenate([past.seen, unknown], axis=1))  # (n_windows, K)
    medians = [weighted_quantile(past.ahead.mean(axis=1), weights) for weights in posterior.T]
    seen = np.log((items.demand[:, -SEEN_DAYS:] + OFFSET) / level_and_offset(items.demand))
    w = fitted.predict_proba(np.concatenate([seen, np.full((len(seen), horizon), np.nan)], axis=1))
    return np.repeat((w @ np.array(medians))[:, None] * level_and_offset(items.demand), horizon, axis=1)


def mixture_by_date(items: Panel, old: Panel, horizon: int) -> np.ndarray:
    """The mixture aligned by date: no series is known on the days ahead, so cubics are continued into them."""
    curves = [np.pad(np.log1p(p.demand), ((0, 0), (0, horizon)), constant_values=np.nan) for p in (old, items)]
    fitted = _fit(curves[0], 3, N_CLUSTERS)
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
    fitted = _fit(scaled, 1, 2)
    mean = fitted.forecast(scaled[: items.n_series])[0]  # (n_items, n_ages)
    ahead = np.array([curve[len(row) :][:horizon] for curve, row in zip(mean, rows, strict=False)])
    return np.maximum(np.exp(np.minimum(ahead, LARGEST_LOG)) * scale[: items.n_series] - OFFSET, 0)


def _fit(curves: np.ndarray, degree: int, most: int) -> PolynomialRegressionMixture:
    n_clusters = min(most, max(2, len(curves) // 30))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # small clusters and a slow end of EM are no concern of a forecast
        return PolynomialRegressionMixture(n_clusters, degree, tol=1e-5, max_iter=100).fit(curves)


def nearest(items: Panel, old: Panel, horizon: int) -> np.ndarray:
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
    chosen = np.argsort(distance, axis=1, kind="stable")[:, :N_NEIGHBOURS]
    return np.median(past.ahead[chosen], axis=1) * level_and_offset(items.demand)


def growth(items: Panel, old: Panel, horizon: int) -> np.ndarray:
    """Log growth of new items over the horizon by age, beyond that of old series on the same days (n_items,).

    At every fifth past origin each item that had 8 days is compared, mean of the next `horizon` days against mean of
    the last 14. The old series' median on those days is taken off, for a festival is no launch. The median over items
    of about the same age, shrunk towards no growth, is what an item of that age expects; 0 where nothing was seen yet.
    """
    ratios, ages = [], []
    for origin in range(items.n_days - horizon, LEAST_DAYS - 1, -GROWTH_EVERY):
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
        weights = np.exp(-0.5 * ((ages - age) / AGE_SD) ** 2)
        by_age[age] = weighted_quantile(ratios, weights) * weights.sum() / (weights.sum() + NO_GROWTH)
    return np.array([by_age[age] for age in now])


def log_growth(demand: np.ndarray, origin: int, horizon: int) -> np.ndarray:
    """Log of the mean of `horizon` days from `origin` on over the mean of the last 14 before it, (n_series,)."""
    ahead = demand[:, origin : origin + horizon].mean(axis=1)
    return np.log((ahead + OFFSET) / level_and_offset(demand[:, :origin])[:, 0])


def level_and_offset(demand: np.ndarray) -> np.ndarray:
    """What demand is divided by, (n_series, 1): the mean of the last 14 known days and a quarter of a unit."""
    return recent_mean(demand, 1, LEVEL_DAYS) + OFFSET


def weighted_quantile(values: np.ndarray, weights: np.ndarray, probability: float = 0.5) -> float:
    """Least value with at least this share of the weight at or below it."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(below, probability * below[-1])])


def launch_growth(items: Panel, old: Panel, horizon: int) -> np.ndarray:
    """Mean of the last 14 days times what items of that age have been seen to grow; see `growth`."""
    return mean_14(items, old, horizon) * np.exp(growth(items, old, horizon))[:, None]


def blend(items: Panel, old: Panel, horizon: int) -> np.ndarray:
    """The methods that know the item's level, weighted as was best on hidden old series, times a launch's growth."""
    weights = learn_weights(old, horizon)
    mixed = sum(weights[name] * method(items, old, horizon) for name, method in MEMBERS.items())
    return mixed * np.exp(growth(items, old, horizon))[:, None]


MEMBERS = {
    "mean 14": mean_14,
    "median 14": median_14,
    "smoothing": smoothing,
    "mixture": mixture,
    "nearest": nearest,
}
"""What `blend` blends."""

METHODS = {
    "mean 14": mean_14,
    "median 14": median_14,
    "category mean": category_mean,
    "category profile": category_profile,
    "smoothing": smoothing,
    "mixture, by date": mixture_by_date,
    "mixture, by age": mixture_by_age,
    "mixture, by days to the origin": mixture,
    "nearest series": nearest,
    "launch growth": launch_growth,
    "blend": blend,
}
"""Name in the tables -> method."""


def learn_weights(old: Panel, horizon: int) -> dict[str, float]:
    """Weights of MEMBERS, in tenths, that did best on old series hidden like new items at the last origins.

    Least WMAPE + penalty x (squared distance from equal weights). Equal weights where the panel is too short to try.
    """
    origins = range(old.n_days - WEIGHT_ORIGINS * horizon, old.n_days, horizon)
    tried = [hidden_old(old, origin, horizon)[0] for origin in origins if origin >= SEEN_DAYS + horizon]
    tried = [part for part in tried if part.items.n_series and part.old.n_series]
    n = len(MEMBERS)
    if not tried:
        return dict.fromkeys(MEMBERS, 1 / n)
    actual = np.concatenate([part.actual.ravel() for part in tried])
    members = np.stack([
        np.concatenate([method(part.items, part.old, horizon).ravel() for part in tried]) for method in MEMBERS.values()
    ])  # (n, n_series-days)  # fmt: skip
    tenths = np.diff([(-1, *bars, 9 + n) for bars in itertools.combinations(range(9 + n), n - 1)], axis=1) - 1
    candidates = tenths / 10  # (n_candidates, n), every way to share out ten tenths
    loss = [np.abs(actual - w @ members).sum() / max(actual.sum(), 1) for w in candidates]
    loss += WEIGHT_PENALTY * np.square(candidates - 1 / n).sum(axis=1)
    return dict(zip(MEMBERS, candidates[np.argmin(loss)].tolist(), strict=True))


# ---- hold-outs, scores, the forecast --------------------------------------------------------------------------------


@dataclass(frozen=True)
class HeldOut:
    """A forecast task whose answer is known: items, old series, both up to the origin, and demand after it."""

    items: Panel
    old: Panel
    actual: np.ndarray


def align(items: Panel, old: Panel) -> Panel:
    """The items' panel on the days of the old series', NaN where it has no day; both must end on the same day."""
    if items.dates[-1] != old.dates[-1]:
        raise ParameterError(
            f"items end on {items.dates[-1]:%Y-%m-%d}, old series on {old.dates[-1]:%Y-%m-%d}; cut both to one last day"
        )
    demand = pd.DataFrame(items.demand, columns=items.dates).reindex(columns=old.dates).to_numpy()
    return replace(items, dates=old.dates, demand=demand)


def hidden_old(old: Panel, origin: int, horizon: int, seed: int = 0) -> list[HeldOut]:
    """Old series hidden like new items, half of the products at a time: all but their last 30 days before `origin`.

    A product's series are hidden together, since a new item's product is found among no old series.
    """
    codes, products = pd.factorize(old.series["product_no"])
    half = (stream(seed, "new items/hidden half").permutation(len(products)) % 2)[codes]
    parts = []
    for side in (0, 1):
        items, rest = old.select(half == side), old.select(half != side).until(origin)
        known = items.demand[:, :origin].copy()
        known[:, : origin - SEEN_DAYS] = np.nan
        ahead = items.demand[:, origin : origin + horizon]
        parts.append(HeldOut(replace(items, dates=rest.dates, demand=known), rest, ahead))
    return parts


def hidden_days(items: Panel, old: Panel, origin: int, horizon: int) -> HeldOut:
    """New items without their days from `origin` on, those that had 8 days by then, beside old series as known then."""
    items = items.select(np.count_nonzero(~np.isnan(items.demand[:, :origin]), axis=1) >= LEAST_DAYS)
    return HeldOut(items.until(origin), old.until(origin), items.demand[:, origin : origin + horizon])


def hold_outs(
    new: Panel, old: Panel, horizon: int, old_origins, new_origins, seed: int = 0
) -> dict[str, list[HeldOut]]:
    """The two populations of hold-outs, hidden old series and the new items' own days, at origins counted in old days.

    A hold-out without any item to score is left out, and so is a population without any.
    """
    items = align(new, old)
    tasks = {
        "hidden old series": [part for o in old_origins for part in hidden_old(old, o, horizon, seed)],
        "new items": [hidden_days(items, old, o, horizon) for o in new_origins],
    }
    held_out = {name: [part for part in parts if part.items.n_series] for name, parts in tasks.items()}
    return {name: parts for name, parts in held_out.items() if parts}


def compare(tasks: dict[str, list[HeldOut]], n_draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Score every method on every population: 1-WMAPE, bias, RMSE, and the gain in 1-WMAPE on the mean of 14 days.

    The gain stands with the 5 % and 95 % quantiles of a paired bootstrap over series.
    """
    rows = []
    for (population, parts), rng in zip(tasks.items(), streams(seed, "new items/bootstrap", len(tasks)), strict=True):
        actual = np.concatenate([part.actual for part in parts])
        name_of = pd.concat([part.items.series for part in parts], ignore_index=True)
        unit = name_of.groupby(list(SERIES_KEY)).ngroup().to_numpy()
        drawn = bootstrap.samples(unit.max() + 1, n_draws, rng)  # (1 + n_draws, n_units)
        forecasts = {
            name: np.concatenate([method(part.items, part.old, part.actual.shape[1]) for part in parts])
            for name, method in METHODS.items()
        }
        errors = {name: drawn @ np.bincount(unit, np.abs(actual - x).sum(axis=1)) for name, x in forecasts.items()}
        demand = drawn @ np.bincount(unit, actual.sum(axis=1))
        for name, forecast in forecasts.items():
            known = scores(actual, forecast)
            gain, low, high = bootstrap.estimate((errors["mean 14"] - errors[name]) / demand, 0.9)
            row = {"population": population, "method": name, "series": unit.max() + 1}
            row |= {key: known[key] for key in ("1-WMAPE", "bias", "RMSE")}
            rows.append(row | {"gain": gain, "gain, 5 %": low, "gain, 95 %": high})
    return pd.DataFrame(rows)


def interval(items: Panel, old: Panel, point: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """10 % and 90 % quantiles beside `blend`'s point forecast (n_items, horizon), from its errors one horizon ago.

    Errors of the last hold-out that ends at the origin, old series and items each with half of the weight, are ratios
    of demand to forecast, pooled over series of a level class. The quantiles enclose the point.
    """
    horizon = point.shape[1]
    origin = old.n_days - horizon
    ratios, sizes, weights = [], [], []
    for part in (hidden_old(old, origin, horizon, seed)[0], hidden_days(items, old, origin, horizon)):
        if part.items.n_series:
            earlier = blend(part.items, part.old, horizon)
            ratios.append(((part.actual + OFFSET) / (earlier + OFFSET)).ravel())
            sizes.append(np.digitize(earlier, LEVEL_CLASSES).ravel())
            weights.append(np.full(earlier.size, 1 / earlier.size))
    ratios, sizes, weights = map(np.concatenate, (ratios, sizes, weights))
    size = np.digitize(point, LEVEL_CLASSES)
    bounds = []
    for probability in (0.1, 0.9):
        factor = np.ones(len(LEVEL_CLASSES) + 1)
        for k in np.unique(sizes):
            factor[k] = weighted_quantile(ratios[sizes == k], weights[sizes == k], probability)
        bounds.append(np.maximum(factor[size] * (point + OFFSET) - OFFSET, 0))
    return np.minimum(bounds[0], point), np.maximum(bounds[1], point)


def coverage(tasks: dict[str, list[HeldOut]]) -> pd.DataFrame:
    """Share of held-out days within, below and above the 80 % interval of each population."""
    rows = []
    for population, parts in tasks.items():
        outside = []
        for part in parts:
            point = blend(part.items, part.old, part.actual.shape[1])
            low, high = interval(part.items, part.old, point)
            outside.append(np.stack([part.actual < low, part.actual > high]).reshape(2, -1))
        below, above = np.concatenate(outside, axis=1).mean(axis=1)
        rows.append({"population": population, "within": 1 - below - above, "below": below, "above": above})
    return pd.DataFrame(rows)


def forecast(new: Panel, old: Panel, horizon: int = 15, seed: int = 0) -> pd.DataFrame:
    """Forecast the days after the last one known by `blend`, as `contest_table`; without items the table is empty."""
    items = align(new, old)
    low = high = point = np.zeros((0, horizon))
    if items.n_series:
        point = blend(items, old, horizon)
        low, high = interval(items, old, point, seed)
    return contest_table(items.series, old.dates_ahead(horizon), point, low, high)


def contest_table(series: pd.DataFrame, dates, point: np.ndarray, low: np.ndarray, high: np.ndarray) -> pd.DataFrame:
    """Forecasts (n_series, n_days) as the contest asks: key, date, forecast_qty; the quantiles beside them."""
    return long_table(series, dates, forecast_qty=point, q10=low, q90=high)
