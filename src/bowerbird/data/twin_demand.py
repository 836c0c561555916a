"""How much each series of the synthetic twin sells: latent means, then counts around them.

The mean of a series is its level x a latent curve x a slow random walk about it x the calendar; the counts are negative
binomial around it, broken by stock-outs and a few flash sales. The constants were set by measuring a full-size twin
against figures of the original data; each comment names the figure.
"""

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from bowerbird.data.twin_structure import apportion

LEVELS = (
    (0, 0.15), (0.01, 0.3), (0.1, 1.65), (0.25, 2.8), (0.5, 5.2), (0.75, 11.4),
    (0.9, 28.8), (0.95, 49), (0.99, 150), (0.997, 290), (1, 860),
)  # fmt: skip
"""(Share of the series below, mean per day); series means q10/50/90 1.5/5.1/32, top 1 % and 10 % of volume .22 and .61.

Their log-sd of 1.9 counts in doublings (log2): with these quantiles the natural logarithm gives 1.3.
"""
CENTRAL_SHIFT = 0.92
"""Head start of the central warehouses in the ranking by level: median day 7.1 against 2.9."""
PRODUCT_SD, SELLER_SD = 0.5, 0.4
"""Series of one product, and of one seller, are alike; in units of a series' own standard deviation."""

CURVES = {  # latent class: (share of the series, log level at time x in [0, 1])
    "steady": (0.26, lambda x: 0 * x),
    "rising": (0.14, lambda x: 1.4 * x),
    "fading": (0.14, lambda x: -1.4 * x),
    "launch": (0.06, lambda x: 3.0 / (1 + np.exp((0.25 - x) / 0.04))),
    "phase-out": (0.06, lambda x: -3.0 / (1 + np.exp((0.78 - x) / 0.04))),
    "festival peak": (0.10, lambda x: 1.2 * np.exp(-(((x - 0.22) / 0.08) ** 2))),
    "spring": (0.12, lambda x: 1.1 * np.exp(-(((x - 0.65) / 0.16) ** 2))),
    "winter": (0.12, lambda x: -1.1 * np.exp(-(((x - 0.55) / 0.25) ** 2))),
}
"""What a mixture of polynomial curves should find."""
CURVE_SPREAD = 0.35
"""Log-sd of a series' amplitude about the curve of its class."""
WALK_MEMORY = 6.0
WALK_SD, WALK_SD_SPREAD = 0.30, 0.45
"""Memory in days, log-sd and its spread over the series: ACF .33 at lag 1 and .15 at lag 7, 14-day log steps sd .42."""
DISPERSION, DISPERSION_SLOPE, DISPERSION_SPREAD = 0.075, -0.4, 1.7
"""Median at level 1, power of the level, log-sd: a .19 within 14 days, .05-.52 (walk and flash sales add to it)."""

WEEKDAY = (1.04, 0.99, 1.03, 1.04, 0.94, 0.99, 0.97)
MONTH = {12: 0.99, 1: 0.94, 2: 1.05, 3: 0.97, 4: 0.99, 5: 1.13}
"""Factors of the weekdays, Monday first, and of the months, both on ordinary days."""
FESTIVAL = {
    "2023-01-19": 0.79, "2023-01-20": 0.44, "2023-01-21": 0.17, "2023-01-22": 0.46,
    "2023-01-23": 0.49, "2023-01-24": 0.72, "2023-01-25": 0.85, "2023-01-26": 0.93,
}  # fmt: skip
"""Spring Festival against the ordinary days of January; back to them by January 27."""

LONG_STOCKOUTS, LONG_DAYS = 0.07, 5.0
"""Mean number a series, mean days beyond 6: 19 % of series with mean > 2 hold an inner zero run of 7 days or more."""
SHORT_STOCKOUTS, SHORT_SLOPE, SHORT_DAYS = 15.0, -0.7, 2.0
"""Mean number at level 1, power of the level, mean days: P(0) .189, zero share q25/50/75 .03/.12/.29."""
FLASH_RATE, FLASH_LIFT = 0.0018, (4.0, 4.0)
"""Share of days, and factor: the first number plus an exponential of mean the second. .4 % of days over 5 x median."""
RECORD_LIFT = 21
"""The largest series sells this many times its level on one day: maximum 17,323."""

LIFT, LIFT_SLOPE, LIFT_SPREAD = 0.84, 0.09, 0.84
"""Median at level 1, power of the level, log-sd; Double 11 against Dec-May q10/50/90 .30/1.05/3.28, by volume 1.72."""
LIFT_BY_DAY = np.array([1.2, 1.05, 1.05, 0.65, 0.7, 0.75, 0.6, 0.55, 0.5, 2.4, 1.55])
"""November 1 to 11, mean 1: an opening rush and the festival itself."""
NEW_ITEM_HALFWAY = 12.0
"""Days until a new item has come half-way to its level."""


def draw_levels(series: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Mean demand per day of each series; the level distribution is met exactly, chance only deals it out.

    Parameters
    ----------
    series : DataFrame
        Keys of the series, with warehouse_category.
    rng : numpy Generator

    Returns
    -------
    array (n_series,), units per day; the largest stands in wh_1 if any series does.
    """
    score = rng.standard_normal(len(series)) + CENTRAL_SHIFT * (series["warehouse_category"] == "中心仓").to_numpy()
    for column, sd in (("product_no", PRODUCT_SD), ("seller_no", SELLER_SD)):
        code, names = pd.factorize(series[column])
        score += sd * rng.standard_normal(len(names))[code]
    main = (series["warehouse_no"] == "wh_1").to_numpy()
    if main.any():
        score[np.flatnonzero(main)[score[main].argmax()]] = np.inf
    share = (score.argsort().argsort() + 0.5) / len(series)
    below, mean = np.array(LEVELS).T
    return np.exp(np.interp(share, below, np.log(mean)))


def draw_means(levels: np.ndarray, dates: pd.DatetimeIndex, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Expected demand of every series and day before stock-outs, flash sales and counting noise.

    Parameters
    ----------
    levels : array (n_series,)
        Mean demand per day.
    dates : DatetimeIndex, n_days
    rng : numpy Generator

    Returns
    -------
    curve : str array (n_series,)
        Latent class of each series.
    means : array (n_series, n_days), each row with mean `levels`.
    """
    n_series, n_days = len(levels), len(dates)
    shares = np.array([share for share, _ in CURVES.values()])
    shapes = np.array([shape(np.linspace(0, 1, n_days)) for _, shape in CURVES.values()])  # (n_classes, n_days)
    shapes -= np.log(shares @ _relative(np.exp(shapes)))  # the classes together follow no trend
    code = rng.permutation(np.repeat(np.arange(len(shares)), apportion(n_series, shares)))
    amplitude = np.exp(CURVE_SPREAD * rng.standard_normal((n_series, 1)))

    keep = np.exp(-1 / WALK_MEMORY)  # walk: first-order autoregression, started in its stationary law
    steps = rng.standard_normal((n_series, n_days))
    steps[:, 1:] *= np.sqrt(1 - keep**2)
    walk = lfilter([1], [1, -keep], steps, axis=1)  # (n_series, n_days), unit variance
    walk *= WALK_SD * np.exp(WALK_SD_SPREAD * rng.standard_normal((n_series, 1)))

    means = np.exp(amplitude * shapes[code] + walk) * calendar(dates)
    return np.array(list(CURVES))[code], levels[:, None] * _relative(means)


def calendar(dates: pd.DatetimeIndex) -> np.ndarray:
    """Factor of each day, (n_days,): weekday x month x Spring Festival."""
    month = pd.Series(MONTH).reindex(dates.month, fill_value=1.0).to_numpy()
    festival = pd.Series(FESTIVAL).reindex(dates.strftime("%Y-%m-%d"), fill_value=1.0).to_numpy()
    return np.array(WEEKDAY)[dates.day_of_week] * month * festival


def draw_dispersion(levels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Dispersion a of each series, variance = m + a m^2; smaller where more is sold."""
    return DISPERSION * levels**DISPERSION_SLOPE * np.exp(DISPERSION_SPREAD * rng.standard_normal(len(levels)))


def draw_counts(means: np.ndarray, dispersion: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Negative binomial counts, int64 (n_series, n_days): Poisson with gamma-distributed mean."""
    shape = 1 / dispersion[:, None]
    return rng.poisson(rng.gamma(np.broadcast_to(shape, means.shape), means / shape))


def draw_flash_sales(means: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Factors (n_series, n_days) by which flash sales raise the means: 1 on nearly all days."""
    least, more = FLASH_LIFT
    factors = np.where(rng.random(means.shape) < FLASH_RATE, least + rng.exponential(more, means.shape), 1.0)
    largest = means.mean(axis=1).argmax()
    day = rng.integers(means.shape[1])
    factors[largest, day] = RECORD_LIFT * means[largest].mean() / means[largest, day]
    return factors


def draw_stockouts(levels: np.ndarray, n_days: int, rng: np.random.Generator) -> np.ndarray:
    """Days without stock, bool (n_series, n_days): a few long runs, many short ones among slow sellers."""
    n_series = len(levels)
    edges = np.zeros((n_series, n_days + 1), dtype=int)
    short_rate = SHORT_STOCKOUTS * levels**SHORT_SLOPE
    for rate, least, more in ((LONG_STOCKOUTS, 6, LONG_DAYS), (short_rate, 0, SHORT_DAYS)):
        row = np.repeat(np.arange(n_series), rng.poisson(rate, n_series))
        first = rng.integers(n_days, size=row.size)
        length = least + rng.geometric(1 / more, row.size)
        np.add.at(edges, (row, first), 1)
        np.add.at(edges, (row, np.minimum(first + length, n_days)), -1)
    return np.cumsum(edges, axis=1)[:, :-1] > 0


def draw_lifts(levels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mean of the Double 11 days over the level, (n_series,); large series gain more."""
    return LIFT * levels**LIFT_SLOPE * np.exp(LIFT_SPREAD * rng.standard_normal(len(levels)))


def new_item_means(ages: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Expected demand of new items at `ages` days on sale: a logistic climb to their levels."""
    return levels / (1 + np.exp(2 - 2 * ages / NEW_ITEM_HALFWAY))


def _relative(means: np.ndarray) -> np.ndarray:
    return means / means.mean(axis=-1, keepdims=True)
