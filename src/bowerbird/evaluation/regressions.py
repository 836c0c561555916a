"""Regressions over all series, models of statsforecast series by series, and document 002's forgetting factors.

Each is a forecaster of the ladder, called as `forecast(panel, horizon, seed)`. LightGBM and statsforecast belong to the
optional extra `[baselines]` and are imported at the first forecast.
"""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin, clone

from bowerbird.checks import require
from bowerbird.data.panel import DAILY, Frequency, Panel, calendar_features
from bowerbird.errors import ParameterError
from bowerbird.evaluation.baselines import exponential_smoothing, last_days, recent_mean, recent_median
from bowerbird.forecaster.forecast import Forecast
from bowerbird.forecaster.level import Effects, learn_effects
from bowerbird.seeds import stream

LAGS = 7
SMALLEST_SCALE = 0.05  # units a day; one unit in twenty days
GROUPS = ("product_no", "seller_no", "category1")


# ---- features -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Design:
    """Rows of a regression, n_rows = series x days ahead x origins; features rest on days before the origin."""

    features: pd.DataFrame  # demand relative to the scale, and the calendar of the day forecast
    scale: np.ndarray  # (n_rows,) recent level of the series, times the past effect of columns known ahead, units a day
    target: np.ndarray  # (n_rows,) demand of the day, units; NaN where it is missing or not yet known
    origin: np.ndarray  # (n_rows,) days known


def design_at(panel: Panel, origin: int, horizon: int, steps=None, effects: Effects | None = None) -> Design:
    """Features of every series on the days after one origin, all or `steps` ahead; later demand is target alone.

    `effects` are those of a panel with columns known ahead; demand is then read without them.
    """
    if not 0 < origin <= panel.n_days:
        raise ParameterError(f"origin is {origin}; give a number of known days from 1 to {panel.n_days}")
    steps = np.arange(1, horizon + 1) if steps is None else np.asarray(steps)  # (n_steps,)
    frequency = panel.frequency
    if panel.ahead and effects is None:
        effects = learn_effects(panel, horizon)
    known = (effects.without(panel.demand) if effects else panel.demand)[:, :origin]
    scale = np.maximum(recent_mean(known, 1, frequency.windows[-1])[:, 0], SMALLEST_SCALE)  # (n_series,)

    own, others = _own(known, scale, frequency), _others(panel.series, known, frequency)
    by_series = pd.DataFrame({"log scale": np.log(scale)} | own | others)
    rows = np.repeat(np.arange(panel.n_series), len(steps))
    features = by_series.take(rows).reset_index(drop=True)

    days = pd.DatetimeIndex(panel.dates[0] + (origin - 1 + steps) * frequency.step)
    calendar = calendar_features(days, panel.events, frequency)  # (n_steps, n_features + n_events)
    features["days ahead"] = np.tile(steps, panel.n_series)
    season = {"weekday": days.day_of_week} if frequency == DAILY else {"day of the year": days.day_of_year}
    for name, values in season.items():
        features[name] = np.tile(values.to_numpy(), panel.n_series)
    for k, event in enumerate(panel.events, len(frequency.features)):
        features[_plain(event)] = np.tile(calendar[:, k], panel.n_series)
    features["same weekday"] = (_same_weekday(known, steps, frequency.season) / scale[:, None]).reshape(-1)
    scale = np.repeat(scale, len(steps))
    if effects:
        columns = effects.seen_from(origin - 1, steps)  # (n_series, n_steps, n_columns)
        for k, name in enumerate(panel.ahead):
            features[f"ahead {_plain(name)}"] = columns[:, :, k].reshape(-1)
        scale = scale * effects.expected(origin - 1, steps).reshape(-1)

    target = np.full((panel.n_series, len(steps)), np.nan)
    come = origin - 1 + steps < panel.n_days
    target[:, come] = panel.demand[:, origin - 1 + steps[come]]
    return Design(features, scale, target.reshape(-1), np.full(len(rows), origin))


def _plain(name: str) -> str:
    """A name without the signs that LightGBM refuses."""
    return re.sub(r"\W+", "_", name)


def training_design(panel: Panel, origins, horizon: int, rng: np.random.Generator, days_each: int) -> Design:
    """Rows of many past origins, `days_each` random days ahead of each, only those whose demand is known."""
    parts, effects = [], learn_effects(panel, horizon) if panel.ahead else None
    for origin in origins:
        n_known = min(horizon, panel.n_days - origin)
        steps = np.sort(rng.choice(n_known, min(days_each, n_known), replace=False)) + 1
        part = design_at(panel, origin, horizon, steps, effects)
        known = ~np.isnan(part.target)
        parts.append(Design(part.features[known], *(x[known] for x in (part.scale, part.target, part.origin))))
    features = pd.concat([part.features for part in parts], ignore_index=True)
    arrays = (np.concatenate([getattr(part, name) for part in parts]) for name in ("scale", "target", "origin"))
    return Design(features, *arrays)


def training_origins(panel: Panel, first_origin: int, every: int) -> np.ndarray:
    """Origins one in `every` days, from `first_origin` to the day before the panel's last."""
    origins = np.arange(panel.n_days - 1, first_origin - 1, -every)[::-1]
    if len(origins) == 0:
        raise ParameterError(f"first_origin is {first_origin}; give one below the panel's {panel.n_days} days")
    return origins


def _own(known: np.ndarray, scale: np.ndarray, frequency: Frequency) -> dict[str, np.ndarray]:
    """The series' own past, relative to its scale."""
    n_series, n_days = known.shape
    short, week, fortnight, _, month = frequency.windows
    recent = np.full((n_series, LAGS), np.nan)
    recent[:, : min(LAGS, n_days)] = known[:, ::-1][:, :LAGS]
    columns = {f"lag {lag + 1}": recent[:, lag] / scale for lag in range(LAGS)}
    for days in (short, week, fortnight, month, 2 * month):
        columns[f"mean {days}"] = recent_mean(known, 1, days)[:, 0] / scale
        columns[f"median {days}"] = recent_median(known, 1, days)[:, 0] / scale
    for days in (fortnight, 2 * month):
        recent = last_days(known, days)
        seen = np.count_nonzero(~np.isnan(recent), axis=1)  # 0 for a series never observed
        columns[f"share without demand {days}"] = _share(recent == 0, seen)
    columns["SES 0.2"] = exponential_smoothing(known, 1, 0.2)[:, 0] / scale
    columns[f"spread {month}"] = np.sqrt(recent_mean(np.square(known), 1, month)[:, 0]) / scale
    columns[f"largest {month}"] = np.fmax.reduce(last_days(known, month), axis=1) / scale  # of the known days
    # known days without demand since the last sale; all of them if there was none
    since = np.maximum.accumulate((known > 0)[:, ::-1], axis=1)[:, ::-1]  # True up to the last sale
    columns["days since demand"] = np.count_nonzero(~since & ~np.isnan(known), axis=1)
    return columns


def _others(series: pd.DataFrame, known: np.ndarray, frequency: Frequency) -> dict[str, np.ndarray]:
    """How the last week of the group's other series compares with their last four weeks, and the catalogue's."""
    week, month = (recent_mean(known, 1, frequency.windows[k])[:, 0] for k in (1, 4))
    columns = {}
    for group in [group for group in GROUPS if group in series]:
        rest_week, rest_month = (
            pd.Series(level).groupby(series[group].to_numpy()).transform("sum").to_numpy() - level
            for level in (week, month)
        )
        known_group = rest_month > 1e-9  # a difference of sums: zero up to rounding
        columns[f"trend of others {group}"] = np.divide(
            rest_week, rest_month, out=np.full(len(week), np.nan), where=known_group
        )
    columns["trend of all"] = np.full(len(week), week.sum() / max(month.sum(), SMALLEST_SCALE))
    return columns


def _same_weekday(known: np.ndarray, steps: np.ndarray, season: int) -> np.ndarray:
    """Mean of the last four days of the weekday to come, or of the week of the year (n_series, n_steps)."""
    means = np.full((len(known), len(steps)), np.nan)  # NaN where none of the four is known
    for column, step in enumerate(steps):
        days = np.arange((step - 1) % season - season, -known.shape[1] - 1, -season)[:4]  # counted from the end
        seen = np.count_nonzero(~np.isnan(known[:, days]), axis=1)
        means[:, column] = _share(np.nan_to_num(known[:, days]), seen)
    return means


def _share(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Sum of each row over its number of known days; NaN where none is known."""
    return np.divide(values.sum(axis=1), seen, out=np.full(len(seen), np.nan), where=seen > 0)


# ---- regressions ----------------------------------------------------------------------------------------------------


TWEEDIE_POWER = 1.5  # between Poisson (1) and gamma (2): a mass at zero, a long tail


@dataclass(frozen=True)
class Boosting:
    """Gradient-boosted trees: one LightGBM over all series, direct forecasts, the number of days ahead a feature.

    The target is demand relative to the recent level, y / s. With weights s the loss of the relative errors is the
    absolute error in units, sum s |y / s - f| = sum |y - s f|, which 1 - WMAPE asks for.
    """

    loss: str = "L1"  # "L1" for the median of each day's demand, "Tweedie" for the mean
    trees: int = 100
    leaves: int = 31
    learning_rate: float = 0.05
    smallest_leaf: int = 200  # rows
    first_origin: int = 28  # training origins: from here on
    every: int = 3  # one in so many days
    days_each: int = 4  # days ahead drawn for each
    half_life: float = 28.0  # days after which a training origin weighs half

    def __post_init__(self):
        if self.loss not in ("L1", "Tweedie"):
            raise ParameterError(f"loss is {self.loss!r}; choose one of 'L1', 'Tweedie'")

    def __call__(self, panel: Panel, horizon: int, seed: int = 0) -> np.ndarray:
        """Train on the panel and forecast the days after it (n_series, horizon), units a day."""
        origins = training_origins(panel, self.first_origin, self.every)
        design = training_design(panel, origins, horizon, stream(seed, "boosting/examples"), self.days_each)
        ahead = design_at(panel, panel.n_days, horizon)
        forecast = ahead.scale * self.fit(design, panel.n_days, seed).predict(ahead.features)
        return np.maximum(forecast, 0).reshape(panel.n_series, horizon)

    def fit(self, design: Design, now: int, seed: int):
        """The trained LGBMRegressor of relative demand; `now` is the number of days known."""
        recency = 0.5 ** ((now - design.origin) / self.half_life)
        # L1: |y - s f| = s |y/s - f|.  Tweedie deviance: D(y, s f) = s^(2-p) D(y/s, f)
        power = 1.0 if self.loss == "L1" else 2 - TWEEDIE_POWER
        tweedie = {"objective": "tweedie", "tweedie_variance_power": TWEEDIE_POWER}
        objective = {"objective": "l1"} if self.loss == "L1" else tweedie
        model = require("lightgbm").LGBMRegressor(
            n_estimators=self.trees, num_leaves=self.leaves, learning_rate=self.learning_rate,
            min_child_samples=self.smallest_leaf, colsample_bytree=0.7, subsample=0.7, subsample_freq=1, cat_smooth=50,
            random_state=seed, deterministic=True, force_row_wise=True, n_jobs=1, verbosity=-1, **objective,
        )  # fmt: skip
        return model.fit(design.features, design.target / design.scale, recency * design.scale**power)


@dataclass(frozen=True)
class Regression:
    """A regressor of scikit-learn on the features that LightGBM reads; it fits the mean.

    The target is relative demand y / s. Errors weigh s, for the variance of a count grows with its mean.
    """

    model: RegressorMixin
    first_origin: int = 28  # days known at the first training origin
    every: int = 3  # one training origin in so many days
    days_each: int = 2  # days ahead of each, drawn at random
    unknown: float = np.nan  # what an unknown feature is read as: most are relative to the level, so 1; trees take NaN

    def __call__(self, panel: Panel, horizon: int, seed: int = 0) -> np.ndarray:
        """Train on the panel and forecast the days after it (n_series, horizon), units a day."""
        origins = training_origins(panel, self.first_origin, self.every)
        rng = stream(seed, "trees/examples")  # of every regressor
        train = training_design(panel, origins, horizon, rng, self.days_each)
        model = clone(self.model)
        if "random_state" in model.get_params():
            model.set_params(random_state=seed)
        ahead = design_at(panel, panel.n_days, horizon)
        past, now = (np.nan_to_num(x.features.to_numpy(), copy=False, nan=self.unknown) for x in (train, ahead))
        model.fit(past, train.target / train.scale, train.scale)
        forecast = ahead.scale * model.predict(now)
        return np.maximum(forecast, 0).reshape(panel.n_series, horizon)


# ---- series by series -----------------------------------------------------------------------------------------------


NORMAL_75_OF_90 = 0.6745 / 1.2816  # the standard normal's 75 % quantile over its 90 % quantile


@dataclass(frozen=True)
class Statsforecast:
    """One model of `statsforecast.models`, fitted to each series by itself.

    A missing day takes the value of the known day before it; days before the first known one are left out. A constant
    series is forecast as it is. Where the library fails, exponential smoothing is used, and a warning says how often.
    """

    model: str
    options: Mapping = field(default_factory=dict)
    intervals: bool = False  # also its 80 % interval; quartiles follow from the normal law the library assumes

    def __call__(self, panel: Panel, horizon: int, seed: int = 0) -> Forecast:
        """Forecast the days after the panel, never below zero; `seed` is not used."""
        models = require("statsforecast.models")
        filled = pd.DataFrame(panel.demand.T).ffill().to_numpy().T  # (n_series, n_days), NaN before the first known day
        first = np.isnan(filled).sum(axis=1)
        point = np.repeat(np.nan_to_num(filled[:, -1:]), horizon, axis=1)  # a series never observed: zero
        low, high = point.copy(), point.copy()
        level = {"level": [80]} if self.intervals else {}
        smoothed = exponential_smoothing(panel.demand, horizon)
        failed = 0
        for row in np.flatnonzero(np.fmax.reduce(filled, axis=1) > np.fmin.reduce(filled, axis=1)):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # convergence, series by series
                    model = getattr(models, self.model)(**self.options)
                    found = model.forecast(filled[row, first[row] :], horizon, **level)
            except Exception:
                found = {}
            if not np.isfinite(found.get("mean", np.nan)).all():
                failed, found = failed + 1, {"mean": smoothed[row]}
            point[row] = found["mean"]
            low[row], high[row] = found.get("lo-80", point[row]), found.get("hi-80", point[row])
        if failed:
            warnings.warn(f"{self.model} failed on {failed} of {panel.n_series} series; SES stands in", stacklevel=2)
        if not self.intervals:
            return Forecast(np.maximum(point, 0))
        lower, upper = (point + NORMAL_75_OF_90 * (end - point) for end in (low, high))
        values = np.maximum(np.stack([low, lower, point, upper, high]), 0)
        return Forecast(np.maximum(point, 0), levels=(0.1, 0.25, 0.5, 0.75, 0.9), values=values)


@dataclass(frozen=True)
class ForgettingFactors:
    """Demand as document 002, section 4, has it: D = f(S, F, C), three factors smoothed by forgetting coefficients.

    S is the level of sales, F the effect of a promotion or festival, C the customers' habit, here the weekday:
    S_t = alpha S_{t-1} + (1 - alpha) S-hat_t, and so F with beta and C with gamma. The document leaves f, the factors'
    measurement and their start open. Ours: the product D = S F C; S for each series, F and C for the whole catalogue,
    where alone they can be told from noise. Of a weekly panel C is that of the month. The document's own example,
    S_t = 10 S_{t-1} + 2 F_{t-1} + 3 C_{t-1}, grows tenfold a day.
    """

    alpha: float = 0.8  # share of the past that a new day leaves
    beta: float = 0.95  # that a new day of an event leaves
    gamma: float = 0.95  # that a new day of the weekday leaves

    def __post_init__(self):
        for name in ("alpha", "beta", "gamma"):
            if not 0 <= (value := getattr(self, name)) < 1:
                raise ParameterError(f"{name} is {value}; give a number from 0 to below 1")

    def __call__(self, panel: Panel, horizon: int, seed: int = 0) -> np.ndarray:
        """Forecast the days after the panel (n_series, horizon), units a day; `seed` is not used."""
        dates = panel.frequency.dates(panel.dates[0], panel.n_days + horizon)
        weekday = (dates.day_of_week if panel.frequency == DAILY else dates.month - 1).to_numpy()
        event = panel.calendar(horizon)[:, len(panel.frequency.features) :]  # (n_days + horizon, n_events)
        level = np.full(panel.n_series, np.nan)  # S
        promotion, customers = np.ones(event.shape[1]), np.ones(12)  # F, C

        for day in range(panel.n_days):
            demand = panel.demand[:, day]
            known = ~np.isnan(demand)
            factor = _effect(promotion, event[day]) * customers[weekday[day]]
            started = known & ~np.isnan(level)
            expected = level[started].sum()
            if expected > 0:  # what the catalogue sold against what its levels said: the day's measured F and C
                ratio = demand[started].sum() / expected
                if event[day].any():
                    on = event[day] > 0
                    observed = ratio / customers[weekday[day]]
                    promotion[on] = self.beta * promotion[on] + (1 - self.beta) * observed
                else:
                    observed = ratio / _effect(promotion, event[day])
                    customers[weekday[day]] = self.gamma * customers[weekday[day]] + (1 - self.gamma) * observed
            # S_t = alpha S_{t-1} + (1 - alpha) S-hat_t, S-hat_t = y_t / (F_t C_t)
            observed = demand / max(factor, 1e-6)
            moved = self.alpha * level + (1 - self.alpha) * observed
            level = np.where(known, np.where(np.isnan(level), observed, moved), level)

        # D = S F C
        future = slice(panel.n_days, None)
        factors = [_effect(promotion, e) * customers[w] for e, w in zip(event[future], weekday[future], strict=True)]
        return np.nan_to_num(level, nan=0.0)[:, None] * np.array(factors)


def _effect(promotion: np.ndarray, events: np.ndarray) -> float:
    """Factor of the day's events together; 1 on a day without any."""
    return float(np.prod(np.where(events > 0, promotion, 1.0)))
