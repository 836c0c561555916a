"""The contest's third question: 618, forecast from what Double 11 did to each series, and the orders for it.

A lift is the mean of the promotion's days over the mean of ordinary days. 附件6 holds November 1 to 11 alone and 附件1
begins on December 1. So the only days to compare with come after: those of December without Double 12. A ratio then
holds three things: the lift, counting noise, and what the series would have drifted in six weeks anyway. The last two
are measured on stretches without a promotion (`placebo_noise`), and empirical Bayes takes the lift out (`shrink`).
Demand that the promotion drew forward from December is counted as lift, for no attachment tells it apart.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from bowerbird.checks import probabilities, single_number, whole
from bowerbird.contest.new_items import contest_table
from bowerbird.data.panel import Panel, long_table, rows_of
from bowerbird.data.reader import SERIES_KEY
from bowerbird.errors import ParameterError
from bowerbird.inventory.plan import whole_units
from bowerbird.inventory.policy import periodic_review_levels
from bowerbird.inventory.simulate import Costs, cost_parts, fill_rate, simulate, simulate_paths
from bowerbird.seeds import streams

DOUBLE_12 = pd.date_range("2022-12-10", "2022-12-13")
"""Days of December that are not ordinary: the last orders of December 12 leave on the 13th."""
DAYS_618 = pd.date_range("2023-06-01", "2023-06-20", name="date")
LULL, FESTIVAL = (4, 5, 6, 7, 8, 9), (10, 11)
CALENDARS = {
    "short peak": [(1,), (2,), (3,), *[LULL] * 13, (10,), (11,), LULL, LULL],
    "long peak": [(1,), (2,), (3,), *[LULL] * 11, (10,), FESTIVAL, FESTIVAL, (11,), LULL, LULL],
}
"""For each day of June 1 to 20 the days of November whose mean it takes: the assumption about 618's course.

Both open on the first three days, as Double 11, and have their festival on the 18th, as November 11. The peak begins
the day before it, as in November, or on the 15th. No day after a festival is in 附件6: June 19 and 20 take the lull.
"""
HALF = 0.5  # added to counts of units before their logarithm
DISTANCE, ORDINARY_DAYS = 39, 27  # days from November 6 to mid-December; ordinary days of December
PLACEBO_EVERY = 5  # days between one placebo and the next
SHAPE_PRIOR = 100.0  # units a day that the course of all series is worth beside the group's own
DISPERSION = 0.2  # of the counts, variance m + dispersion m^2
BEFORE, AFTER = 1, 10  # days of the plan before the first order for 618, and after 618
RATIOS = 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95  # critical ratios that the plan tries on the days of 618


# ---- empirical Bayes ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shrunk:
    """Estimates of many true values, each shrunk to its group's mean, and that to the mean of all.

    `mean` and `sd` (n,) of the posterior, `group_mean` (n,); standard deviations of true values `within` groups [tau]
    and of groups `between` each other [omega]; the mean of all, `overall`.
    """

    mean: np.ndarray
    sd: np.ndarray
    group_mean: np.ndarray
    within: float
    between: float
    overall: float


def shrink(observed: np.ndarray, variance: np.ndarray, group: np.ndarray) -> Shrunk:
    """Empirical Bayes for normal observations, of known variance, of normal values in groups; all arrays (n,).

    observed_i ~ N(theta_i, variance_i), theta_i ~ N(gamma_g, tau^2), gamma_g ~ N(overall, omega^2). A value that was
    not observed (NaN) is its group's. Morris, J. American Statistical Association 78, 1983; Paule & Mandel, 1982.
    """
    code = pd.factorize(group)[0]
    known = ~np.isnan(observed)
    if known.sum() < 2:
        raise ParameterError(f"{known.sum()} of {len(known)} values were observed; give at least 2")
    y, v = np.where(known, observed, 0), np.where(known, variance, np.inf)

    def group_means(tau2: float) -> tuple[np.ndarray, np.ndarray]:
        precision = np.maximum(np.bincount(code, 1 / (v + tau2)), 1e-300)  # of a group that nobody observed: none
        return np.bincount(code, y / (v + tau2)) / precision, 1 / precision

    n_groups = len(np.unique(code[known]))
    # Paule & Mandel: sum (y - gamma_g)^2 / (v + tau^2) = n - number of groups
    freedom = known.sum() - n_groups
    tau2 = _solve(lambda t: ((y - group_means(t)[0][code]) ** 2 / (v + t)).sum() - freedom, np.var(y))
    estimate, error = group_means(tau2)

    def overall_of(omega2: float) -> float:
        return np.average(estimate, weights=1 / (error + omega2))

    def excess(omega2: float) -> float:
        return ((estimate - overall_of(omega2)) ** 2 / (error + omega2)).sum() - (n_groups - 1)

    omega2 = _solve(excess, np.var(y)) if n_groups > 1 else 0.0
    overall = overall_of(omega2)
    trust = omega2 / (omega2 + error)
    gamma, gamma_variance = trust * estimate + (1 - trust) * overall, trust * error  # (n_groups,)
    own = tau2 / (tau2 + v)  # share of the series' own ratio
    mean = own * y + (1 - own) * gamma[code]
    spread = tau2 / (1 + tau2 / v) + (1 - own) ** 2 * gamma_variance[code]
    return Shrunk(mean, np.sqrt(spread), gamma[code], float(np.sqrt(tau2)), float(np.sqrt(omega2)), float(overall))


def _solve(decreasing, scale: float) -> float:
    """Root of a decreasing function on [0, inf); 0 where it is negative from the start."""
    if decreasing(0.0) <= 1e-9:  # rounding, where every group has one value
        return 0.0
    high = max(scale, 1e-6)
    while decreasing(high) > 0:
        high *= 2
    return float(brentq(decreasing, 0.0, high, xtol=1e-10))


# ---- lifts ----------------------------------------------------------------------------------------------------------


def ordinary_december(panel: Panel) -> np.ndarray:
    """Mask (n_days,) of the days of December without Double 12."""
    return (panel.dates.year == 2022) & (panel.dates.month == 12) & ~panel.dates.isin(DOUBLE_12)


def placebo_noise(panel: Panel, event_days: int = 11) -> tuple[float, float]:
    """How far the log ratio of two stretches strays without a promotion: drift^2 + factor x (1/units + 1/units).

    Returns the standard deviation of what a series drifts over 39 days, and the variance of a count over its mean (1 is
    Poisson). Each pair is a stretch of 27 days, as the ordinary December, and one of `event_days` days 39 days later.
    The first pair is from February on, after the Spring Festival.
    """
    after_festival = int((panel.dates < "2023-02-01").sum())
    to_event = ORDINARY_DAYS // 2 + DISTANCE - event_days // 2  # days from the start of the first to that of the other
    squares, inverses = [], []
    for start in range(after_festival, panel.n_days - ORDINARY_DAYS // 2 - DISTANCE - event_days // 2, PLACEBO_EVERY):
        long = panel.demand[:, start : start + ORDINARY_DAYS]
        short = panel.demand[:, start + to_event : start + to_event + event_days]
        ratio, inverse = log_ratio(short.sum(axis=1), event_days, long.sum(axis=1), ORDINARY_DAYS)
        squares.append((ratio - np.median(ratio)) ** 2)
        inverses.append(inverse)
    if not squares:
        raise ParameterError(f"the panel ends on {panel.dates[-1]:%Y-%m-%d}; it must go on to the end of March 2023")
    square, inverse = np.concatenate(squares), np.concatenate(inverses)
    # Weighted least squares: a squared normal has a variance in proportion to its squared mean
    weight = 1 / (0.3 + 2 * inverse)
    design = np.column_stack([np.ones_like(inverse), inverse]) * weight[:, None]
    drift2, factor = np.linalg.lstsq(design, square * weight, rcond=None)[0]
    return float(np.sqrt(max(drift2, 0))), float(max(factor, 1))


def lifts(
    panel: Panel,
    promotion: Panel,
    group: str = "category2",
    surroundings: np.ndarray | None = None,
    noise: tuple[float, float] | None = None,
) -> pd.DataFrame:
    """The lift of Double 11 for every series: as the ratio says, as its group says, and shrunk between them.

    Takes the panels of 附件1 and 附件6 (NaN where a series was not on sale), the column of the series to group by, a
    mask (n_days,) of ordinary days and the result of `placebo_noise`. Returns a row a series of `panel`: key, group;
    units promoted and ordinary; raw (NaN where not in 附件6), group_lift, lift (median of the posterior), and log_lift,
    log_sd of the posterior. `attrs` holds drift, factor, within, between, overall and group.
    """
    mask = ordinary_december(panel) if surroundings is None else surroundings
    if not mask.any():
        raise ParameterError("surroundings hold no day; the panel must hold ordinary days of December 2022")
    row = rows_of(panel.series, promotion.series)
    days = np.where(row[:, None] >= 0, promotion.demand[row], np.nan)  # (n_series, 11)
    shape = day_shape(promotion, panel.series, group)  # (n_series, 11)
    exposure = np.where(np.isnan(days), 0, shape).sum(axis=1)  # mean promotion days that the known ones stand for
    promoted, ordinary = np.nansum(days, axis=1), panel.demand[:, mask].sum(axis=1)
    drift, factor = placebo_noise(panel) if noise is None else noise
    ratio, inverse = log_ratio(promoted, np.where(exposure > 0, exposure, np.nan), ordinary, mask.sum())
    shrunk = shrink(ratio, drift**2 + factor * inverse, panel.series[group].to_numpy())
    table = panel.series[[*SERIES_KEY, group]].reset_index(drop=True)
    table = table.assign(
        promoted=promoted, ordinary=ordinary, raw=np.exp(ratio), group_lift=np.exp(shrunk.group_mean),
        lift=np.exp(shrunk.mean), log_lift=shrunk.mean, log_sd=shrunk.sd,
    )  # fmt: skip
    table.attrs |= {"drift": drift, "factor": factor, "within": shrunk.within, "between": shrunk.between}
    table.attrs |= {"overall": float(np.exp(shrunk.overall)), "group": group}
    return table


def day_shape(promotion: Panel, series: pd.DataFrame, group: str = "category2") -> np.ndarray:
    """Course of the promotion in the group of each series, mean 1 over its days, (n_series, n_promotion_days).

    Only series of 附件6 that are known on all its days are used. A small group's course is drawn to that of all.
    """
    whole = ~np.isnan(promotion.demand).any(axis=1)
    units = pd.DataFrame(promotion.demand[whole]).groupby(promotion.series[group].to_numpy()[whole]).sum()
    total = units.sum().to_numpy() + 1e-9
    shape = units.reindex(series[group]).fillna(0).to_numpy() + SHAPE_PRIOR * total / total.mean()
    return shape / shape.mean(axis=1, keepdims=True)


def log_ratio(promoted, promoted_days, ordinary, ordinary_days) -> tuple[np.ndarray, np.ndarray]:
    """Log ratio of daily means, and the sum of inverse counts that its variance grows with."""
    promoted, ordinary = promoted + HALF, ordinary + HALF
    return np.log(promoted / promoted_days) - np.log(ordinary / ordinary_days), 1 / promoted + 1 / ordinary


# ---- the forecast ---------------------------------------------------------------------------------------------------


def course_618(shape: np.ndarray, calendar: str = "short peak") -> np.ndarray:
    """June 1 to 20 relative to the mean day of November's promotion (n_series, 20), of `day_shape`."""
    columns = [shape[:, np.array(november) - 1].mean(axis=1) for november in CALENDARS[calendar]]
    return np.stack(columns, axis=1)


def forecast(
    panel: Panel,
    base: np.ndarray,
    table: pd.DataFrame,
    shape: np.ndarray,
    calendar: str = "short peak",
    strength: float = 1.0,
    event_sd: float = 0.0,
    base_sd: float = 0.0,
    n_samples: int = 400,
    seed: int = 0,
) -> pd.DataFrame:
    """Forecast 2023-06-01 to 06-20 as `contest_table`: base x lift x course of the promotion, each with its error.

    `base` (n_series, 20) is units a day without a promotion; `table` is of `lifts`, `shape` of `day_shape`. `strength`
    is 618's lift over Double 11's; 1 is an assumption, for no attachment knows it. `event_sd` and `base_sd` are
    standard deviations of logs: of a lift from event to event, and of the base. forecast_qty is for the median lift.
    """
    course = strength * course_618(shape, calendar)  # (n_series, 20)
    point = base * table["lift"].to_numpy()[:, None] * course
    spread = np.sqrt(table["log_sd"].to_numpy() ** 2 + event_sd**2 + base_sd**2)  # (n_series,)
    low, high = np.empty_like(point), np.empty_like(point)
    for row, rng in enumerate(streams(seed, "promotion/samples", panel.n_series)):
        level = np.exp(spread[row] * rng.standard_normal((n_samples, 1)))  # one for all days of a sample
        mean = point[row] * level * rng.gamma(1 / DISPERSION, DISPERSION, (n_samples, len(DAYS_618)))
        low[row], high[row] = np.quantile(rng.poisson(mean), [0.1, 0.9], axis=0, method="inverted_cdf")
    return contest_table(panel.series, DAYS_618, point, np.minimum(low, point), np.maximum(high, point))


# ---- the orders -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PromotionPlan:
    """Orders for 618 and the ordinary days about it, and what the tried critical ratios cost."""

    orders: pd.DataFrame  # a row a series and day: key, date, S, forecast_demand, order, arrivals, closing_stock
    tried: pd.DataFrame  # levels, cost of all series, share served, mean stock in units
    ratio: float  # the cheapest of those tried on 618
    units_before: int  # stock of all series on the plan's first morning


def plan_618(
    series: pd.DataFrame,
    base: np.ndarray,
    point: np.ndarray,
    lift_sd: np.ndarray,
    base_sd: float,
    *,
    lead_time: int = 3,
    service_level: float = 0.9,
    n_samples: int = 400,
    seed: int = 0,
) -> PromotionPlan:
    """Order proposals from the lead time before June 1 to ten days after June 20, reviewed daily.

    `base` (n_series,) is units an ordinary day, `point` (n_series, 20) the forecast of 618; `lift_sd` (n_series,) and
    `base_sd` are standard deviations of their logs. The level of a day is the critical ratio's quantile of the demand
    until its order is on the shelf. On ordinary days the ratio is `service_level`, p / (p + h). Where that demand holds
    a day of 618 it is the ratio of RATIOS that costs least, because what is left over waits for many days. Half of the
    sampled paths set the levels and half judge them. Each series opens at its ordinary level.
    """
    lead_time, n_samples = whole("lead_time", lead_time), whole("n_samples", n_samples, 4)
    usual = single_number("service_level", probabilities("service_level", service_level))
    before = BEFORE + lead_time
    n_days = before + len(DAYS_618) + AFTER
    mean = np.repeat(base[:, None], n_days + lead_time, axis=1)
    mean[:, before : before + len(DAYS_618)] = point
    samples = _promotion_paths(mean, before, lift_sd, base_sd, n_samples, seed)
    decide, judge = samples[:, : n_samples // 2], samples[:, n_samples // 2 :, :n_days]

    ratios = sorted({*RATIOS, usual})
    rows = np.array(ratios)[:, None]
    S = periodic_review_levels(decide, lead_time=lead_time, service_level=rows, n_days=n_days).S
    ordinary = S[ratios.index(usual)]  # (n_series, n_days)
    sees_618 = np.isin(np.arange(n_days), BEFORE + np.arange(lead_time + len(DAYS_618)))  # June 1 - LT to June 20
    levels = {"no plan: levels of ordinary days": np.repeat(ordinary[:, :1], n_days, axis=1)}
    levels |= {f"ratio {ratio:g} on 618": np.where(sees_618, S[i], ordinary) for i, ratio in enumerate(ratios)}
    opening, costs = ordinary[:, 0], Costs(1.0, usual / (1 - usual), 0.0)
    tried = []
    for name, level in levels.items():
        totals = simulate_paths(judge, level, level, opening_stock=opening, lead_time=lead_time)
        cost = cost_parts(totals, costs)["total_cost"].sum(axis=1).mean()
        tried.append((name, cost, fill_rate(totals), totals.stock.sum(axis=1).mean() / n_days))
    tried = pd.DataFrame(tried, columns=["levels", "cost", "served", "mean stock"])
    best = int(tried["cost"][1:].argmin())
    chosen = levels[tried["levels"][best + 1]]

    run = simulate(whole_units(mean[:, :n_days]), chosen, chosen, opening_stock=opening, lead_time=lead_time)
    dates = pd.date_range(DAYS_618[0] - pd.Timedelta(days=before), periods=n_days)
    columns = {"S": chosen, "forecast_demand": run.demand, "order": run.orders, "arrivals": run.arrivals}
    columns["closing_stock"] = run.closing_stock
    orders = long_table(series, dates, **{name: units.astype(np.int64) for name, units in columns.items()})
    return PromotionPlan(orders, tried, ratios[best], int(opening.sum()))


def _promotion_paths(mean, before: int, lift_sd, base_sd: float, n_samples: int, seed: int) -> np.ndarray:
    """Sampled demand (n_series, n_samples, n_days): one error of the base a path, one of the lift on 618's days."""
    n_series, n_days = mean.shape
    samples, event = np.empty((n_series, n_samples, n_days), np.int32), np.zeros(n_days)
    event[before : before + len(DAYS_618)] = 1.0
    for row, rng in enumerate(streams(seed, "promotion/plan", n_series)):
        of_base, of_lift = rng.standard_normal((2, n_samples, 1))
        level = np.exp(base_sd * of_base + lift_sd[row] * of_lift * event)
        samples[row] = rng.poisson(mean[row] * level * rng.gamma(1 / DISPERSION, DISPERSION, level.shape))
    return samples
