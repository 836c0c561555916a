"""The contest's second question: items with some weeks of history. Which method, how good, and the forecast.

The methods of `analogues`, two more that use what was seen of other new items, and the hold-out that judges: old series
hidden but for 30 days, and the new items' own last days. A method is handed what was known at the origin, no more.
"""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bowerbird.contest import analogues
from bowerbird.contest.analogues import LEAST_DAYS, OFFSET, SEEN_DAYS, growth, weighted_quantile
from bowerbird.data.panel import Panel
from bowerbird.data.schema import SERIES_KEY
from bowerbird.errors import ParameterError
from bowerbird.metrics import scores
from bowerbird.seeds import spawn

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
    return analogues.mean_14(items, old, horizon) * np.exp(growth(items, old, horizon))[:, None]


def blend(items: Panel, old: Panel, horizon: int) -> np.ndarray:
    """The methods that know the item's level, weighted as was best on hidden old series, times a launch's growth."""
    mixed = _weigh(_members(items, old, horizon), learn_weights(old, horizon))
    return mixed * np.exp(growth(items, old, horizon))[:, None]


MEMBERS = {
    "mean 14": analogues.mean_14,
    "median 14": analogues.median_14,
    "smoothing": analogues.smoothing,
    "mixture": analogues.mixture,
    "nearest": analogues.nearest,
}
"""What `blend` blends."""

METHODS = {
    "mean 14": analogues.mean_14,
    "median 14": analogues.median_14,
    "category mean": analogues.category_mean,
    "category profile": analogues.category_profile,
    "smoothing": analogues.smoothing,
    "mixture, by date": analogues.mixture_by_date,
    "mixture, by age": analogues.mixture_by_age,
    "mixture, by days to the origin": analogues.mixture,
    "nearest series": analogues.nearest,
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
    for (population, parts), rng in zip(tasks.items(), spawn(seed, len(tasks)), strict=True):
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
