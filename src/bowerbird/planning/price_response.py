"""How demand answers to price, learnt from history: an elasticity for each series, shrunk to that of its category.

The elasticity is the change of demand, in percent, for one percent more of price. `pricing` takes it as demand at other
prices than today's: demand x (price / today's price) ^ elasticity.

Each series' own estimate is a Poisson regression, which days without a sale take part in:

    log E(demand) = level of these weeks + weekday + columns known ahead + elasticity x log price

It is then averaged with its category's (empirical Bayes): the less it says, the more the category counts.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError

MOVED = 0.005  # standard deviation of log price, half a percent, below which a price has not moved
LEAST_DAYS = 20  # days with a sale, or weeks, below which there is no estimate
LEAST_SERIES = 5  # estimates below which a category is taken together with all series
NORMAL = 1.959964  # 97.5 % quantile: 95 % of a normal distribution lie within so many deviations


@dataclass(frozen=True)
class PriceResponse:
    """Elasticity of each series (n_series,), NaN where `reason` says why there is none."""

    own: np.ndarray  # from the series alone
    own_error: np.ndarray  # its standard error
    elasticity: np.ndarray  # shrunk to the category
    error: np.ndarray  # its standard error
    reason: np.ndarray  # why there is no number; empty where there is one

    @property
    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """The 95 % interval of the elasticity."""
        return self.elasticity - NORMAL * self.error, self.elasticity + NORMAL * self.error


def price_response(panel: Panel, category: str | None = None) -> PriceResponse:
    """The elasticities of a panel's series from all its days; give `panel.until(origin)` to know no later ones.

    A day without a known price has the last known one. `category` is the column of `panel.series` whose series are
    alike; None takes all together. What comes with a lower price and is no column, such as a leaflet, counts as price.
    Prices that are averages of what was paid make demand look too elastic where large orders have a discount.
    """
    if panel.prices is None:
        raise ParameterError("the panel holds no prices; give a table with a column price")
    if np.nanmin(panel.prices, initial=np.inf) <= 0:
        raise ParameterError(
            f"prices reach down to {np.nanmin(panel.prices):g}; give prices above 0, or NaN if unknown"
        )
    prices = pd.DataFrame(panel.prices[:, : panel.n_days].T).ffill().to_numpy().T
    frequency, days = panel.frequency, np.arange(panel.n_days)
    levels = days[:, None] // frequency.windows[-1] == np.arange(days[-1] // frequency.windows[-1] + 1)
    common = np.column_stack([levels, frequency.calendar(panel.dates)]).astype(float)  # (n_days, n_controls)
    ahead = panel.known_ahead(0)  # (n_series, n_days, n_columns)
    found = [
        _own(demand, price, np.column_stack([common, known]), days // 7)
        for demand, price, known in zip(panel.demand, prices, ahead, strict=True)
    ]
    own, own_error, reason = map(np.array, zip(*found, strict=True))
    groups = np.zeros(len(own)) if category is None else pd.factorize(panel.series[category])[0]
    return PriceResponse(own, own_error, *shrink(own, own_error, groups), reason)


def _own(demand, price, controls, week) -> tuple[float, float, str]:
    """Elasticity and standard error of one series, or NaN and why not."""
    known = ~np.isnan(demand) & ~np.isnan(price)
    for column in controls.T:  # days that have a level or weekday on which nothing was ever sold tell nothing
        if set(np.unique(column)) <= {0, 1} and not demand[known & (column > 0)].sum():
            known &= column == 0
    demand, week = demand[known], week[known]
    if np.isnan(price).all():
        return np.nan, np.nan, "price not known"
    if (demand > 0).sum() < LEAST_DAYS:
        return np.nan, np.nan, "too few sales"
    log_price, controls = np.log(price[known]), controls[known]
    if log_price.std() < MOVED:
        return np.nan, np.nan, "price never moved"
    moved = log_price - controls @ np.linalg.lstsq(controls, log_price)[0]
    if moved.std() < MOVED:
        return np.nan, np.nan, "price moved with level or weekday alone"
    return *_poisson(demand, np.column_stack([moved, controls]), week), ""


def _poisson(demand, inputs, week) -> tuple[float, float]:
    """First coefficient of a Poisson regression and its standard error, robust within weeks (Liang & Zeger 1986)."""
    log_mean = np.log(demand + 0.5)
    for _ in range(50):  # iteratively reweighted least squares
        mean = np.exp(log_mean)
        target = log_mean + (demand - mean) / mean
        root = np.sqrt(mean)[:, None]
        coefficients = np.linalg.lstsq(root * inputs, root[:, 0] * target)[0]
        before, log_mean = log_mean, np.clip(inputs @ coefficients, -10, 20)
        if np.abs(log_mean - before).max() < 1e-8:
            break
    mean = np.exp(log_mean)
    bread = np.linalg.pinv(inputs.T * mean @ inputs)
    free = max(len(demand) - np.linalg.matrix_rank(inputs), 1)
    dispersion = max(((demand - mean) ** 2 / mean).sum() / free, 1)
    scores = pd.DataFrame(inputs * (demand - mean)[:, None]).groupby(week).sum().to_numpy()  # (n_weeks, n_inputs)
    robust = bread[0] @ scores.T @ scores @ bread[0] * len(scores) / max(len(scores) - 1, 1)
    return coefficients[0], np.sqrt(max(dispersion * bread[0, 0], robust))


def shrink(own: np.ndarray, error: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Estimates averaged with their group's, and the standard errors (n_series,); NaN where a group has no estimate.

    Those of a group differ by a deviation t beside their errors. Given t, an estimate becomes

        m + t^2 / (t^2 + error^2) (own - m),  m the mean of the group with weights 1 / (t^2 + error^2).

    t is not known: the results for many t are averaged by how likely each makes the estimates. Source: Rubin, J. Educ.
    Stat. 6, 1981; Gelman et al., Bayesian Data Analysis, section 5.4.
    """
    there = ~np.isnan(own)
    shrunk, shrunk_error = np.full((2, len(own)), np.nan)
    for group in np.unique(groups):
        wanted = (groups == group) & there
        alike = wanted if wanted.sum() >= LEAST_SERIES else there
        if wanted.any():
            found = _averaged(own[alike], error[alike])
            shrunk[wanted], shrunk_error[wanted] = (values[wanted[alike]] for values in found)
    return shrunk, shrunk_error


def _averaged(own, error) -> tuple[np.ndarray, np.ndarray]:
    """Estimates of one group and their errors, averaged with its mean."""
    between = np.linspace(0, 2 * own.std() + 1e-9, 60)[:, None]  # t, (n_grid, 1)
    weight = 1 / (error**2 + between**2)  # (n_grid, n_series)
    mean, mean_variance = (weight * own).sum(axis=1) / weight.sum(axis=1), 1 / weight.sum(axis=1)
    fit = np.log(weight).sum(axis=1) - (weight * (own - mean[:, None]) ** 2).sum(axis=1) + np.log(mean_variance)
    likely = np.exp((fit - fit.max()) / 2)
    likely = (likely / likely.sum())[:, None]
    share = between**2 * weight  # of the series' own estimate
    given = mean[:, None] + share * (own - mean[:, None])
    variance = share * error**2 + (1 - share) ** 2 * mean_variance[:, None]
    estimate = (likely * given).sum(axis=0)
    return estimate, np.sqrt((likely * (variance + (given - estimate) ** 2)).sum(axis=0))
