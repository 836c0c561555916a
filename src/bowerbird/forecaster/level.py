"""The running level of demand, and what weekdays, weeks and columns known ahead, such as promotions, do to it.

The effect of a column is learnt day by day, from that day and the days before it. Where a column holds numbers from 0,
no promotion, to 1, it is the log of demand under the usual promotion over demand without one; otherwise it is the
change of demand by one standard deviation of the column about its running mean.
"""

from dataclasses import dataclass

import bottleneck
import numpy as np
import pandas as pd

from bowerbird.data.panel import DAILY, Frequency, Panel

LEAST = 0.1  # units a day; no level is lower
SHRINKAGE = 8.0  # days with a promotion that weigh as much as the effect over all series
LARGEST_EFFECT = 3.0  # of the log
LARGEST_INPUT = 4.0  # spreads
WEEKDAY_DAYS = 56
OWN_DAYS, SELLER_DAYS = 8, 5  # that weigh as much as the weekday factor of the seller, and as that of all series
LEAST_FACTOR = 0.05  # of a weekday on which nothing is sold


def running_level(demand: np.ndarray, frequency: Frequency = DAILY) -> np.ndarray:
    """Level of demand up to each day: mean of the medians of 7, 14 and 21 days and of exponential smoothing (0.2).

    Medians do not follow a spike, smoothing sees the sales of a series that rarely sells. A missing day leaves the
    level where it was. (n_series, n_days), units a day, at least LEAST. Weekly the medians are of 4, 8 and 13 weeks.
    """
    parts = [moving(bottleneck.move_median, demand, window) for window in frequency.windows[1:4]]
    parts.append(pd.DataFrame(demand.T).ewm(alpha=0.2, ignore_na=True).mean().to_numpy().T)
    return np.maximum(held(sum(parts) / len(parts), ~np.isnan(demand)), LEAST)


def fill_missing(demand: np.ndarray, frequency: Frequency = DAILY) -> np.ndarray:
    """Demand with missing days at the running level: an unknown day is no day without sales (n_series, n_days)."""
    return np.where(np.isnan(demand), running_level(demand, frequency), demand)


def cluster_curves(panel: Panel) -> np.ndarray:
    """The curves handed to the DM mixture, log(1 + demand), missing days at the running level (n_series, n_days).

    >>> dates = pd.date_range("2023-03-01", periods=3)
    >>> cluster_curves(Panel(pd.DataFrame({"product_no": ["p"]}), dates, np.array([[3, 3, np.nan]]))).round(3)
    array([[1.386, 1.386, 1.386]])
    """
    return np.log1p(fill_missing(panel.demand, panel.frequency))


def moving(statistic, values: np.ndarray, window: int) -> np.ndarray:
    """A statistic of bottleneck over the known days among each day and the `window` - 1 days before it."""
    return statistic(values, min(window, values.shape[1]), min_count=1, axis=1)


def held(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values as on the last known day: nothing is learnt on a missing one; 0 before the first known day."""
    return np.nan_to_num(bottleneck.push(np.where(known, values, np.nan), axis=1))


def weekday_factors(demand: np.ndarray, weekdays, sellers=None) -> np.ndarray:
    """Each series' demand by weekday over its level, mean 1, as every day knows it (n_series, n_days, 7).

    It rests on the 56 days up to that day; `weekdays` (n_days,) counts from Monday, 0. The level of a day is the median
    of the seven days up to it, plus 0.3 units; demand beyond three levels counts as three. A series' mean is drawn to
    that of its seller, and the seller's to that of all series; without `sellers` (n_series,) to that of all series.
    """
    ratio = np.minimum(demand / (moving(bottleneck.move_median, demand, 7) + 0.3), 3)
    days = [np.where(np.asarray(weekdays) == weekday, ratio, np.nan) for weekday in range(7)]
    total = np.stack([moving(bottleneck.move_sum, np.nan_to_num(day), WEEKDAY_DAYS) for day in days], axis=2)
    count = np.stack([moving(bottleneck.move_sum, 1.0 * ~np.isnan(day), WEEKDAY_DAYS) for day in days], axis=2)
    total, count = total.clip(0).round(9), count.round()  # a moving sum leaves traces of what has passed
    of_all = total.sum(axis=0), count.sum(axis=0)
    prior = np.divide(*of_all, out=np.ones(total.shape[1:]), where=of_all[1] > 0)  # (n_days, 7)
    if sellers is not None:
        of_seller = (
            pd.DataFrame(part.reshape(len(part), -1)).groupby(np.asarray(sellers)).transform("sum").to_numpy()
            for part in (total, count)
        )
        seller_total, seller_count = (part.reshape(total.shape) for part in of_seller)
        prior = (seller_total + SELLER_DAYS * prior) / (seller_count + SELLER_DAYS)
    factors = np.maximum((total + OWN_DAYS * prior) / (count + OWN_DAYS), LEAST_FACTOR)
    return factors / factors.mean(axis=2, keepdims=True)


def weekday_effects(demand: np.ndarray, weekdays, horizon: int, sellers=None) -> tuple[np.ndarray, np.ndarray]:
    """Log factors as each day knows them: its own (n_series, n_days), the days ahead (n_series, n_days, horizon)."""
    log_factors, weekdays = np.log(weekday_factors(demand, weekdays, sellers)), np.asarray(weekdays)
    days = np.arange(len(weekdays))
    ahead = (weekdays[:, None] + np.arange(1, horizon + 1)) % 7  # (n_days, horizon)
    return log_factors[:, days, weekdays], log_factors[:, days[:, None], ahead]


def season_factors(total: np.ndarray, season: int) -> np.ndarray:
    """Factor of each week of the year from all series' demand so far, total (n_weeks,); 1 before a year is over.

    It is demand over the mean of the year about it, or of the nearest whole year, averaged over the years and, at half
    weight, over the weeks before and after; and drawn to 1 as by one year. Weeks count from the first; (season,).
    """
    n_weeks = len(total)
    if n_weeks < season:
        return np.ones(season)
    sums = np.concatenate([[0.0], np.cumsum(total)])
    first = np.clip(np.arange(n_weeks) - season // 2, 0, n_weeks - season)
    ratio = total * season / np.maximum(sums[first + season] - sums[first], 1e-9)
    weighted, weights = np.ones(season), np.ones(season)
    for shift, weight in ((-1, 0.5), (0, 1.0), (1, 0.5)):
        place = (np.arange(n_weeks) + shift) % season
        np.add.at(weighted, place, weight * ratio)
        np.add.at(weights, place, weight)
    return weighted / weights


def season_effects(total: np.ndarray, season: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Log factors as each week knows them: of itself (n_weeks,), and of the weeks ahead (n_weeks, horizon)."""
    weeks = np.arange(len(total))
    known = np.log([season_factors(total[: week + 1], season) for week in weeks])  # (n_weeks, season)
    ahead = (weeks[:, None] + np.arange(1, horizon + 1)) % season
    return known[weeks, weeks % season], np.take_along_axis(known, ahead, axis=1)


def earlier_years(demand: np.ndarray, level: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """Log of demand about the same week of earlier years, for each week ahead, over the level.

    "About" is the mean of that week and its neighbours, and then of the years; 0 where no such week is known. At most a
    factor of e^2. (n_series, n_weeks, horizon)
    """
    n_weeks = demand.shape[1]
    three = moving(bottleneck.move_mean, np.pad(demand, ((0, 0), (0, 1)), constant_values=np.nan), 3)[:, 1:]
    weeks = np.arange(n_weeks)[:, None]
    ahead = weeks + np.arange(1, horizon + 1)  # (n_weeks, horizon)
    total, years = np.zeros((2, len(demand), *ahead.shape))
    for place in (ahead - first for first in range(season, n_weeks + horizon, season)):
        passed = (place >= 0) & (place < weeks)  # and so has the neighbour after it
        before = np.where(passed, three[:, np.clip(place, 0, n_weeks - 1)], np.nan)
        total, years = total + np.nan_to_num(before), years + ~np.isnan(before)
    before = np.divide(total, years, out=np.full(total.shape, np.nan), where=years > 0)
    return np.clip(np.nan_to_num(np.log((before + 0.5) / (level[:, :, None] + 0.5))), -2, 2)


# ---- columns known ahead ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Effects:
    """A panel's columns known ahead and their effects; day t's effects rest on demand up to t alone."""

    values: np.ndarray  # (n_series, n_days + horizon, n_columns)
    usual: np.ndarray  # (n_series, n_days, n_columns) running mean of a column; 0 for a promotion
    spread: np.ndarray  # (n_days, n_columns) standard deviation about it so far; size of the promotions so far
    effect: np.ndarray  # (n_series, n_days, n_columns) of the log of demand, for a column one spread above usual

    def seen_from(self, day: int, steps) -> np.ndarray:
        """The columns `steps` days after a day, in spreads above usual (n_series, n_steps, n_columns)."""
        above = np.nan_to_num(self.values[:, day + np.asarray(steps)] - self.usual[:, day, None])
        return np.clip(above / self.spread[day], -LARGEST_INPUT, LARGEST_INPUT)

    def expected(self, day: int, steps) -> np.ndarray:
        """Factor of demand that the columns' past effects let expect (n_series, n_steps)."""
        return np.exp(self._bounded((self.effect[:, day, None] * self.seen_from(day, steps)).sum(axis=2)))

    def today(self) -> np.ndarray:
        """The columns of each day itself, in spreads above usual (n_series, n_days, n_columns)."""
        above = np.nan_to_num(self.values[:, : self.usual.shape[1]] - self.usual)
        return np.clip(above / self.spread, -LARGEST_INPUT, LARGEST_INPUT)

    def ahead(self, horizon: int) -> np.ndarray:
        """From every day, the columns of the days ahead and, after them, their log effects so far.

        Returns an array (n_series, n_days, horizon, 2 n_columns).
        """
        n_days, steps = self.usual.shape[1], np.arange(1, horizon + 1)
        columns = [np.stack([self.seen_from(day, steps) for day in range(n_days)], axis=1)]
        columns.append(self._bounded(columns[0] * self.effect[:, :, None]))
        return np.concatenate(columns, axis=3)

    def without(self, demand: np.ndarray) -> np.ndarray:
        """Demand as it would have been with all columns as usual (n_series, n_days)."""
        return demand / np.exp(self._bounded((self.effect * self.today()).sum(axis=2)))

    @staticmethod
    def _bounded(effect: np.ndarray) -> np.ndarray:
        return np.clip(effect, -LARGEST_EFFECT, LARGEST_EFFECT)


def flags(panel: Panel) -> list[str]:
    """The columns known ahead that hold 0 and 1 alone."""
    return [name for name, values in panel.ahead.items() if np.isin(np.nan_to_num(values), (0, 1)).all()]


def learn_effects(panel: Panel, horizon: int) -> Effects:
    """Learn the effects of a panel's columns, which must be known `horizon` days ahead."""
    demand, values = panel.demand, panel.known_ahead(horizon)
    whole = [np.nan_to_num(column) for column in panel.ahead.values()]
    promotes = np.array([column.min() == 0 and column.max() <= 1 for column in whole], dtype=bool)
    usual = np.zeros((*demand.shape, len(panel.ahead)))
    for column in np.flatnonzero(~promotes):
        past = values[:, : panel.n_days, column]
        usual[:, :, column] = bottleneck.move_mean(past, min(panel.frequency.windows[-1], panel.n_days), 1, axis=1)
    above = np.nan_to_num(values[:, : panel.n_days] - usual)
    counted = np.cumsum((~promotes | (above > 0)).sum(axis=0), axis=0)  # (n_days, n_columns) days of a promotion
    spread = np.sqrt((above**2).sum(axis=0).cumsum(axis=0) / np.maximum(counted, 1))
    spread = np.where(spread > 1e-9, spread, np.where(promotes, 1.0, np.inf))  # a constant column says nothing

    # Demand over the level before it; the level is that of the days without a promotion, once there has been one
    promoted = ((above > spread / 2) & promotes).any(axis=2)  # (n_series, n_days)
    level = running_level(np.where(promoted, np.nan, demand), panel.frequency)
    begun = np.cumsum(~promoted & ~np.isnan(demand), axis=1) > 0
    ratio = np.full(demand.shape, np.nan)
    ratio[:, 1:] = np.where(begun[:, :-1], demand[:, 1:] / level[:, :-1], np.nan)
    ratio = np.minimum(ratio, np.exp(LARGEST_EFFECT))
    effect = np.stack([_running_effect(above[:, :, c] / spread[:, c], ratio) for c in range(len(promotes))], axis=2)
    return Effects(values, usual, spread, np.where(promotes, np.log1p(effect), effect))


def _running_effect(x: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """Change of the ratio by one of x, over the ratio where x is 0, from the days so far (n_series, n_days).

    The slope of least squares, drawn to that of all series as by SHRINKAGE days.
    """
    known = ~np.isnan(ratio)
    n, sum_x, sum_xx, sum_r, sum_xr = (
        np.cumsum(np.where(known, part, 0.0), axis=1) for part in (1.0, x, x * x, ratio, x * ratio)
    )
    n = np.maximum(n, 1)
    s_xx, s_xr = sum_xx - sum_x**2 / n, sum_xr - sum_x * sum_r / n
    of_all = s_xr.sum(axis=0) / np.maximum(s_xx.sum(axis=0), 1.0)  # (n_days,)
    slope = (s_xr + SHRINKAGE * of_all) / (s_xx + SHRINKAGE)
    usual = np.maximum((sum_r - slope * sum_x) / n, 0.1)
    return np.clip(slope / usual, -0.95, np.exp(LARGEST_EFFECT))
