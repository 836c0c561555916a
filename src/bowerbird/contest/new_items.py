"""What past days of old series say about the next days of an item with a short history: mixture of curves, neighbours.

Every method is `f(items, old, horizon) -> (n_items, horizon)` in units a day. Both panels end on the day before the
forecast, so no method can see a later one; `items.demand` is NaN before a launch. Old series cannot be met on the days
to be forecast, and the age of most is unknown. So they are cut into windows that end, as the item's does, with
`horizon` days to come, all of them past: the curves are aligned by days to the origin.
"""

import itertools
import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bowerbird.data.panel import Panel
from bowerbird.data.reader import ATTRIBUTES, SERIES_KEY
from bowerbird.dm import PolynomialRegressionMixture
from bowerbird.errors import ParameterError
from bowerbird.evaluation.baselines import exponential_smoothing, recent_mean, recent_median
from bowerbird.metrics import scores
from bowerbird.seeds import streams

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


LEVEL_CLASSES = (0.5, 2.0, 8.0)
"""Bounds of the forecast, units a day, between which errors are pooled for the quantiles."""


def align(items: Panel, old: Panel) -> Panel:
    """The items' panel on the days of the old series', NaN where it has no day; both must end on the same day."""
    if items.dates[-1] != old.dates[-1]:
        raise ParameterError(
            f"items end on {items.dates[-1]:%Y-%m-%d}, old series on {old.dates[-1]:%Y-%m-%d}; cut both to one last day"
        )
    demand = pd.DataFrame(items.demand, columns=items.dates).reindex(columns=old.dates).to_numpy()
    return replace(items, dates=old.dates, demand=demand)


def launch_growth(items: Panel, old: Panel, horizon: int) -> np.ndarray:
    """Mean of the last 14 days times what items of that age have been seen to grow; see `growth`."""
    return mean_14(items, old, horizon) * np.exp(growth(items, old, horizon))[:, None]


def blend(items: Panel, old: Panel, horizon: int) -> np.ndarray:
    """The methods that know the item's level, weighted as was best on hidden old series, times a launch's growth."""
    mixed = _weigh(_members(items, old, horizon), learn_weights(old, horizon))
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


def learn_weights(
    old: Panel, horizon: int, n_origins: int = 2, penalty: float = 0.02, seed: int = 0
) -> dict[str, float]:
    """Weights of MEMBERS that did best on old series hidden like new items, held towards equal ones.

    Least WMAPE + penalty x (squared distance from equal weights), over all weights in tenths.

    Parameters
    ----------
    old : Panel
    horizon : int
        The last day scored is the panel's last.
    n_origins : int
        Past origins, `horizon` days apart.
    penalty : float
        0 believes two origins wholly; large, nothing is learnt.
    seed : int
        Which products are hidden.

    Returns
    -------
    dict name -> weight, adding up to 1; equal weights where the panel is too short to try any.
    """
    origins = range(old.n_days - n_origins * horizon, old.n_days, horizon)
    tried = [hidden_old(old, o, horizon, seed)[0] for o in origins if o >= SEEN_DAYS + horizon]
    tried = [part for part in tried if part.items.n_series and part.old.n_series]
    n = len(MEMBERS)
    if not tried:
        return dict.fromkeys(MEMBERS, 1 / n)
    actual = np.concatenate([part.actual.ravel() for part in tried])
    members = [_members(part.items, part.old, horizon).values() for part in tried]
    members = np.concatenate([np.stack([f.ravel() for f in part]) for part in members], axis=1)  # (n, n_series-days)
    tenths = np.diff([(-1, *bars, 9 + n) for bars in itertools.combinations(range(9 + n), n - 1)], axis=1) - 1
    candidates = tenths / 10  # (n_candidates, n), every way to share out ten tenths
    loss = [np.abs(actual - w @ members).sum() / max(actual.sum(), 1) for w in candidates]
    loss += penalty * np.square(candidates - 1 / n).sum(axis=1)
    return dict(zip(MEMBERS, candidates[np.argmin(loss)].tolist(), strict=True))


@dataclass(frozen=True)
class HeldOut:
    """A forecast task whose answer is known: items, old series, both up to the origin, and demand after it."""

    items: Panel
    old: Panel
    actual: np.ndarray


def hidden_old(old: Panel, origin: int, horizon: int, seed: int = 0) -> list[HeldOut]:
    """Old series hidden like new items, half of the products at a time: all but their last 30 days before `origin`.

    A product's series are hidden together, since a new item's product is found among no old series.
    """
    codes, products = pd.factorize(old.series["product_no"])
    half = (np.random.default_rng(seed).permutation(len(products)) % 2)[codes]
    parts = []
    for side in (0, 1):
        items = old.select(half == side)
        known = items.demand[:, :origin].copy()
        known[:, : origin - SEEN_DAYS] = np.nan
        rest = old.select(half != side).until(origin)
        parts.append(
            HeldOut(replace(items, dates=rest.dates, demand=known), rest, items.demand[:, origin : origin + horizon])
        )
    return parts


def hidden_days(items: Panel, old: Panel, origin: int, horizon: int) -> HeldOut:
    """New items without their days from `origin` on, those that had 8 days by then, beside old series as known then."""
    items = items.select(np.count_nonzero(~np.isnan(items.demand[:, :origin]), axis=1) >= LEAST_DAYS)
    return HeldOut(items.until(origin), old.until(origin), items.demand[:, origin : origin + horizon])


def _members(items: Panel, old: Panel, horizon: int) -> dict[str, np.ndarray]:
    return {name: method(items, old, horizon) for name, method in MEMBERS.items()}


def _weigh(members: dict[str, np.ndarray], weights: dict[str, float]) -> np.ndarray:
    return sum(weights[name] * forecast for name, forecast in members.items())


# ---- what a notebook calls ------------------------------------------------------------------------------------------


def hold_outs(
    new: Panel, old: Panel, horizon: int, old_origins, new_origins, seed: int = 0
) -> dict[str, list[HeldOut]]:
    """The two populations of hold-outs: hidden old series, and the new items' own days.

    Parameters
    ----------
    new, old : Panel
        Of 附件5 and 附件1; the new items' days become those of the old series.
    horizon : int
        Days to forecast.
    old_origins, new_origins : sequence of int
        Days of the old series' panel that are known, one number a forecast.
    seed : int
        Which products are hidden.

    Returns
    -------
    dict population -> hold-outs; one without any item to score is left out, and so is a population without any.
    """
    items = align(new, old)
    tasks = {
        "hidden old series": [part for o in old_origins for part in hidden_old(old, o, horizon, seed)],
        "new items": [hidden_days(items, old, o, horizon) for o in new_origins],
    }
    held_out = {name: [part for part in parts if part.items.n_series] for name, parts in tasks.items()}
    return {name: parts for name, parts in held_out.items() if parts}


def compare(
    tasks: dict[str, list[HeldOut]], methods=METHODS, against: str = "mean 14", n_draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Score every method on every population, with a paired bootstrap over series for the gain on one of them.

    Parameters
    ----------
    tasks : dict
        Of `hold_outs`.
    methods : dict name -> method
    against : str
        The method that the gains are measured against.
    n_draws, seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame, one row a population and method: series, 1-WMAPE, bias, RMSE over all its origins; gain in 1-WMAPE on
    `against` with the 5 % and 95 % quantiles of the bootstrap.
    """
    if against not in methods:
        raise ParameterError(f"against is {against!r}; choose one of {', '.join(methods)}")
    rows = []
    for (population, parts), rng in zip(tasks.items(), streams(seed, "new items/bootstrap", len(tasks)), strict=True):
        actual = np.concatenate([part.actual for part in parts])
        name_of = pd.concat([part.items.series for part in parts], ignore_index=True)
        unit = name_of.groupby(list(SERIES_KEY)).ngroup().to_numpy()
        n_units = unit.max() + 1
        times = rng.multinomial(n_units, np.full(n_units, 1 / n_units), n_draws)  # (n_draws, n_units)
        demand = times @ np.bincount(unit, actual.sum(axis=1))
        forecasts = {
            name: np.concatenate([method(part.items, part.old, part.actual.shape[1]) for part in parts])
            for name, method in methods.items()
        }
        errors = {
            name: np.bincount(unit, np.abs(actual - forecast).sum(axis=1)) for name, forecast in forecasts.items()
        }
        for name, forecast in forecasts.items():
            known = scores(actual, forecast)
            drawn = times @ (errors[against] - errors[name]) / demand
            row = {"population": population, "method": name, "series": n_units}
            row |= {key: known[key] for key in ("1-WMAPE", "bias", "RMSE")}
            row |= {"gain": (errors[against] - errors[name]).sum() / actual.sum()}
            rows.append(row | dict(zip(("gain, 5 %", "gain, 95 %"), np.quantile(drawn, [0.05, 0.95]), strict=True)))
    return pd.DataFrame(rows)


def interval(items: Panel, old: Panel, point: np.ndarray, method=blend, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """10 % and 90 % quantiles beside a point forecast, from the method's own errors one horizon ago.

    Errors of the last hold-out that ends at the origin, old series and items each with half of the weight, as ratios
    of demand to forecast, pooled over series of a level class.

    Parameters
    ----------
    items, old : Panel
        Both up to the origin.
    point : array (n_items, horizon)
        Units a day.
    method : callable
        That made it.
    seed : int
        Which products are hidden.

    Returns
    -------
    low, high : arrays (n_items, horizon), units a day; never on the wrong side of the point.
    """
    horizon = point.shape[1]
    origin = old.n_days - horizon
    parts = [hidden_old(old, origin, horizon, seed)[0], hidden_days(items, old, origin, horizon)]
    ratios, sizes, weights = [], [], []
    for part in parts:
        if part.items.n_series:
            forecast = method(part.items, part.old, horizon)
            ratios.append(((part.actual + OFFSET) / (forecast + OFFSET)).ravel())
            sizes.append(np.digitize(forecast, LEVEL_CLASSES).ravel())
            weights.append(np.full(forecast.size, 1 / forecast.size))
    ratios, sizes, weights = map(np.concatenate, (ratios, sizes, weights))
    size = np.digitize(point, LEVEL_CLASSES)
    bounds = []
    for probability in (0.1, 0.9):
        factor = np.ones(len(LEVEL_CLASSES) + 1)
        for k in np.unique(sizes):
            factor[k] = weighted_quantile(ratios[sizes == k], weights[sizes == k], probability)
        bounds.append(np.maximum(factor[size] * (point + OFFSET) - OFFSET, 0))
    return np.minimum(bounds[0], point), np.maximum(bounds[1], point)


def coverage(tasks: dict[str, list[HeldOut]], method=blend) -> pd.DataFrame:
    """Share of held-out days within, below and above the 80 % interval of each population."""
    rows = []
    for population, parts in tasks.items():
        below, above = [], []
        for part in parts:
            point = method(part.items, part.old, part.actual.shape[1])
            low, high = interval(part.items, part.old, point, method)
            below.append((part.actual < low).ravel())
            above.append((part.actual > high).ravel())
        below, above = np.concatenate(below).mean(), np.concatenate(above).mean()
        rows.append({"population": population, "within": 1 - below - above, "below": below, "above": above})
    return pd.DataFrame(rows)


def forecast(new: Panel, old: Panel, horizon: int = 15, method=blend, seed: int = 0) -> pd.DataFrame:
    """Forecast the days after the last one known.

    Parameters
    ----------
    new, old : Panel
        Of 附件5 (NaN before the launch) and 附件1; both end on the same day.
    horizon : int
    method : callable
        One of METHODS.
    seed : int
        Of the intervals' hold-out.

    Returns
    -------
    DataFrame, one row a series and day: seller_no, product_no, warehouse_no, date, forecast_qty, q10, q90.
    """
    items = align(new, old)
    low = high = point = np.zeros((0, horizon))  # without any item an empty table
    if items.n_series:
        point = method(items, old, horizon)
        low, high = interval(items, old, point, method, seed)
    dates = pd.date_range(old.dates[-1] + pd.Timedelta(days=1), periods=horizon, name="date")
    return contest_table(items.series, dates, point, low, high)


def contest_table(series: pd.DataFrame, dates, point: np.ndarray, low: np.ndarray, high: np.ndarray) -> pd.DataFrame:
    """Forecasts (n_series, n_days) as the contest asks: key, date, forecast_qty; the quantiles beside them."""
    keys = series[list(SERIES_KEY)].reset_index(drop=True)
    frame = keys.loc[keys.index.repeat(len(dates))].reset_index(drop=True)
    return frame.assign(
        date=np.tile(np.asarray(dates), len(keys)), forecast_qty=point.ravel(), q10=low.ravel(), q90=high.ravel()
    )
