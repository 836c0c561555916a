"""What is wrong, and what to do: demand anomalies, level shifts, end of life, stock-out risk, overstock.

`watch` follows the daily demand; each day is judged by the days before it alone. `demand_alerts` names what it sees.
An anomaly or an end of life is one alert an episode, however many days it lasts, and an item that has ended raises
nothing more until its demand has risen again. An item has ended where little of its demand is left and `returns`, the
pauses of like items so far, makes another sale unlikely. `stock_alerts` weighs the stock of one day against sampled
forecasts. Both give the same table, one row an alert.

The worth of an alert is the cost at stake, in the cost of holding one unit for one day; a unit short costs
`shortage_cost` of these [p / h]. An order helps after LT + NRT days at the latest.

==============  =======================================  ==========================================================
kind            units                                    worth
==============  =======================================  ==========================================================
stockout risk   to order or transfer at once             expected units short before an order helps x shortage_cost
overstock       beyond the demand of COVER_DAYS          units x COVER_DAYS
demand anomaly  above or below what was expected         units x shortage_cost
level shift     more or fewer before an order helps      rise: units x shortage_cost; fall: units x those days
end of life     sold in as many days at the last rate    units x COVER_DAYS
==============  =======================================  ==========================================================
"""

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from bowerbird.checks import above, at_least, spread_over, whole
from bowerbird.data.panel import WEEKLY, key_columns
from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import check_samples

WARM_UP = 28  # known days of a series that set its first level and spread; none of them is judged
MEMORY = 28  # days over which level and spread are smoothed (exponentially, weight 2 / (MEMORY + 1))
CUT = 2.5  # standardised residuals beyond it count as this much
DRIFT = 0.5  # what the CUSUM forgives each day [k]: half of the shift, in deviations, that it is tuned to find
SILENT = 5.0  # units due per unit of dispersion since the last sale, by chance e^-5, beyond which days count as missing
LIFE_DAYS = 28  # known days whose mean is compared with the best so far
SALE_RATES = (0.1, 0.25, 0.5)  # series are alike if their share of known days with a sale lies between the same two
RETURN_WEEKS = 8  # weeks within which a series may sell again
LEAST_PAUSES = 10  # like pauses that a chance is learnt from at least
PRIOR_PAUSES = 5.0  # weight, in pauses, of the chance of the week before on that of a week

# When an alert is raised
COVER_DAYS = 30  # overstock: stock beyond the demand of so many days is excess ...
COVER_QUANTILE = 0.9  # ... demand at this quantile, which a good season could still sell
STOCKOUT = 0.2  # chance of a shortage before an order placed today could help
ANOMALY = 4.5  # standardised residual of a day, either way; the episode lasts while it exceeds CUT
SILENCE = 9.0  # ... or units due since the last sale per unit of dispersion: e^-SILENCE is the chance
SHIFT = 7.0  # limit of the CUSUM [h]
FADING = 0.15  # end of life: 28 days below this share of the best; until twice that share, or a rise ...
RETURNING = 0.3  # ... and the chance that it sells again within RETURN_WEEKS is below this

NUMBERS, TEXTS = ("value", "threshold", "units", "worth"), ("kind", "measure", "reason", "action")
ALERT_COLUMNS = ("date", "kind", "measure", *NUMBERS, "reason", "action")


@dataclass(frozen=True)
class Watch:
    """What each day looked like from the days before it, (n_series, n_days), NaN or 0 in the warm-up.

    On an unknown day the residual is 0 and the rest stands as after the last known day.
    """

    expected: np.ndarray  # units a day
    residual: np.ndarray  # standardised
    silence: np.ndarray  # since the last sale: units due per unit of dispersion, on known days
    units_due: np.ndarray  # since the last sale, on known days
    silent_days: np.ndarray  # since the last sale
    shift: np.ndarray  # CUSUM above (+) or below (-) zero, the larger; it starts anew after the day it passes the limit
    shift_days: np.ndarray  # days since that CUSUM was last zero
    new_level: np.ndarray  # mean demand of those known
    recent: np.ndarray  # mean of the last 28 known days
    fading: np.ndarray  # recent / the highest such mean so far; 1 unless it falls, after 56 days, from a unit a day
    share: np.ndarray  # as fading, no day counted above that highest mean: a sell-off raises it by little


def anscombe(units) -> np.ndarray:
    """g(y) = 2 sqrt(y + 3/8): the scale on which Poisson noise has a variance near 1 at any level."""
    return 2 * np.sqrt(np.maximum(units, 0) + 0.375)


def watch(demand: np.ndarray, *, shift_limit: float = SHIFT) -> Watch:
    """Follow every series (n_series, n_days) through its days; NaN marks an unknown day, which changes nothing.

    Level and spread are smoothed from residuals that are cut, so that one wild day moves neither by much; `shift_limit`
    is that of the CUSUM [h]. Source: Anscombe, Biometrika 35, 1948; Page, Biometrika 41, 1954 (CUSUM); Gelper, Fried &
    Croux, J. Forecasting 29, 2010 (smoothing of cut residuals).
    """
    above("shift_limit", shift_limit)
    demand = np.asarray(demand, float)
    if demand.ndim != 2 or demand.shape[1] <= WARM_UP or (demand < 0).any() or np.isinf(demand).any():
        raise ParameterError(
            f"demand, shape {demand.shape}: give (n_series, more than {WARM_UP} days), none negative or infinite"
        )
    n_series, n_days = demand.shape
    known = ~np.isnan(demand)
    order = np.argsort(~known, axis=1, kind="stable")  # each series' known days first, in their order
    demand = np.take_along_axis(demand, order, axis=1)
    weight = 2 / (MEMORY + 1)
    first = np.nan_to_num(demand[:, :WARM_UP])  # a series that knows fewer days is not judged at all
    level = first.mean(axis=1)  # (n_series,)
    # Mean absolute deviation x sqrt(pi / 2) is a normal sample's standard deviation; cut, and Poisson's 1 at least.
    deviation = np.minimum(np.abs(anscombe(first) - anscombe(level[:, None])), 3 * CUT)
    spread = np.maximum(deviation.mean(axis=1) * np.sqrt(np.pi / 2), 1.0)  # (n_series,)

    names = [field.name for field in fields(Watch) if field.name not in ("recent", "fading", "share")]
    record = {name: np.zeros(demand.shape) for name in names} | {"expected": np.full(demand.shape, np.nan)}
    now = {name: np.zeros(n_series) for name in ("silence", "units_due", "silent_days")}
    cusum, since, sold_since = np.zeros((3, 2, n_series))  # upwards, downwards: sum, days, units
    for day in range(WARM_UP, n_days):
        asked = demand[:, day]
        error = anscombe(asked) - anscombe(level)
        residual = error / spread
        cut = np.clip(residual, -CUT, CUT)

        # Chance of no sale where m units are due: exp(-m / dispersion), dispersion = variance / mean = spread^2.
        for name, step in (("silence", level / spread**2), ("units_due", level), ("silent_days", 1.0)):
            now[name] = np.where(asked == 0, now[name] + step, 0.0)
            record[name][:, day] = now[name]

        # A run without sales too long for chance tells of the shelf, not of demand: nothing is learnt from it.
        learnt = now["silence"] < SILENT

        # C+ = max(0, C+ + z - k),  C- = max(0, C- - z - k)
        cusum = np.where(learnt, np.maximum(cusum + np.stack([cut, -cut]) - DRIFT, 0), cusum)
        since = np.where(cusum > 0, since + 1, 0)
        sold_since = np.where(cusum > 0, sold_since + np.where(learnt, asked, level), 0)
        way = cusum.argmax(axis=0)
        larger, days, sold = (both[way, np.arange(n_series)] for both in (cusum, since, sold_since))
        new_level = sold / np.maximum(days, 1)
        record["expected"][:, day], record["residual"][:, day] = level, residual
        record["shift"][:, day], record["shift_days"][:, day] = larger * (1 - 2 * way), days
        record["new_level"][:, day] = new_level

        shifted = larger > shift_limit
        smoothed = np.square(anscombe(level) + weight * cut * spread) / 4 - 0.375
        level = np.where(shifted, new_level, np.where(learnt, np.maximum(smoothed, 0), level))
        size = np.minimum(np.abs(error), CUT * spread) * np.sqrt(np.pi / 2)
        spread = np.where(learnt & ~shifted, np.maximum(spread + weight * (size - spread), 1.0), spread)
        cusum, since, sold_since = (np.where(shifted, 0.0, both) for both in (cusum, since, sold_since))
    record |= _fading(demand)
    return Watch(**_on_the_calendar(record, known, order, shift_limit))


def _fading(demand: np.ndarray) -> dict[str, np.ndarray]:
    """`recent`, `fading` and `share` of a Watch, each series' known days first."""

    def mean_of_last(days: int, units: np.ndarray) -> np.ndarray:  # days before the first count as 0
        total = np.pad(units.cumsum(axis=1), ((0, 0), (days, 0)))
        return (total[:, days:] - total[:, :-days]) / days

    units = np.nan_to_num(demand)  # days beyond the known ones are not read
    recent = mean_of_last(LIFE_DAYS, units)
    best = np.maximum.accumulate(recent, axis=1)
    falling = (mean_of_last(LIFE_DAYS // 2, units) <= recent) & (best >= 1)
    falling[:, : 2 * LIFE_DAYS - 1] = False
    cut = mean_of_last(LIFE_DAYS, np.minimum(units, best))
    fading, share = (np.divide(part, best, out=np.ones_like(best), where=best > 0) for part in (recent, cut))
    return {"recent": recent, "fading": np.where(falling, fading, 1.0), "share": share}


def _on_the_calendar(record: dict, known, order, shift_limit: float) -> dict[str, np.ndarray]:
    """The record of each series' known days, laid out by all days."""
    n_known, today = known.cumsum(axis=1), np.arange(known.shape[1])
    last = np.maximum(n_known - 1, 0)  # place of the last known day among the known ones
    days = {name: np.take_along_axis(values, last, axis=1) for name, values in record.items()}

    def days_since(n_days):  # since so many known days before the last one
        return today - np.take_along_axis(order, last - n_days.astype(int), axis=1)

    silent, moved = days["silent_days"], days["shift_days"]
    days["silent_days"] = np.where(silent > 0, days_since(silent), 0)
    days["shift_days"] = np.where(moved > 0, days_since(np.maximum(moved - 1, 0)) + 1, 0)
    # What was expected of an unknown day follows from the known days before it
    days["expected"] = np.take_along_axis(record["expected"], n_known - known, axis=1)
    days["residual"] = np.where(known, days["residual"], 0)
    days["shift"] = np.where(known | (np.abs(days["shift"]) <= shift_limit), days["shift"], 0)  # it has started anew
    return days


@dataclass(frozen=True)
class Returns:
    """The chance of each series and day (n_series, n_days) to sell again, learnt from the pauses known on that day."""

    chance: np.ndarray  # that it sells within RETURN_WEEKS; 1 before its first sale
    weeks: np.ndarray  # whole weeks without a sale
    pauses: np.ndarray  # like pauses that it is learnt from ...
    lasted: np.ndarray  # ... and how many weeks these lasted: as many, or fewer if too few lasted as long


def returns(demand: np.ndarray, *, week: int = 7) -> Returns:
    """How often series (n_series, n_days) that stopped selling sold again, by length of pause and rate of sale.

    A pause is counted in known days, of which `week` make a week. Each pause tells of every week that it lasted, and
    of the week in which it ended; those that still last count too (Kaplan & Meier, J. Am. Stat. Assoc. 53, 1958).
    Where fewer than LEAST_PAUSES lasted as long, the longest pauses of which there are so many stand for them.
    """
    known, sold = ~np.isnan(demand), demand > 0
    quiet, n_sold = (known & ~sold).cumsum(axis=1), sold.cumsum(axis=1)
    pause = quiet - np.maximum.accumulate(np.where(sold, quiet, 0), axis=1)  # known days since the last sale
    rate = n_sold / np.maximum(known.cumsum(axis=1) - pause, 1)  # share of the days up to the last sale
    like, weeks = np.digitize(rate, SALE_RATES), pause // week

    # Of the pauses that had lasted w weeks, how many ended in the next week and how many did not, by day t
    shape = (demand.shape[1], len(SALE_RATES) + 1, weeks.max() + 1)
    ended, lasted = np.zeros(shape), np.zeros(shape)
    row, day = np.nonzero(sold[:, 1:] & (n_sold[:, :-1] > 0))
    np.add.at(ended, (day + 1, like[row, day], weeks[row, day]), 1)
    row, day = np.nonzero(known & ~sold & (pause % week == 0) & (n_sold > 0))
    np.add.at(lasted, (day, like[row, day], weeks[row, day] - 1), 1)
    ended, pauses = ended.cumsum(axis=0), (ended + lasted).cumsum(axis=0)

    # Chance of a week: h_w = (ended + m h_{w-1}) / (pauses + m), h = 1 before the first
    hazard, before = np.empty((*shape[:2], shape[2] + RETURN_WEEKS)), 1.0
    for w in range(hazard.shape[2]):
        if w < shape[2]:
            before = (ended[..., w] + PRIOR_PAUSES * before) / (pauses[..., w] + PRIOR_PAUSES)
        hazard[..., w] = before
    # Chance of the weeks to come: 1 - product over j < RETURN_WEEKS of (1 - h_{w+j})
    chance = 1 - np.prod([1 - hazard[..., j : j + shape[2]] for j in range(RETURN_WEEKS)], axis=0)

    enough = np.where(pauses >= LEAST_PAUSES, np.arange(shape[2]), 0)
    enough = np.maximum.accumulate(enough, axis=2)  # (n_days, n_rates, n_weeks), the week that stands for each
    today = np.arange(shape[0])
    place = today, like, enough[today, like, weeks]
    return Returns(np.where(n_sold > 0, chance[place], 1.0), weeks, pauses[place], place[2])


def demand_alerts(
    series: pd.DataFrame,
    dates: pd.DatetimeIndex,
    demand: np.ndarray,
    *,
    lead_time: int = 3,
    review: int = 1,
    shortage_cost: float = 9.0,
    shift_limit: float = SHIFT,
) -> pd.DataFrame:
    """Demand anomalies, level shifts and ends of life on every day of demand (n_series, n_days), sorted by date.

    `series` holds seller_no, product_no and warehouse_no. NaN marks an unknown day, which raises no alert and ends no
    episode. `shift_limit` is that of the CUSUM [h].
    """
    above("shortage_cost", shortage_cost)
    demand = np.asarray(demand, float)
    seen, days = watch(demand, shift_limit=shift_limit), lead_time + review
    known, z, shift = ~np.isnan(demand), seen.residual, seen.shift
    silent = seen.silence > SILENCE
    alive = (seen.share < 2 * FADING) & ~(shift > shift_limit)  # an end of life lasts while this holds
    word, week = ("week", 1) if dates[1] - dates[0] == WEEKLY.step else ("day", 7)
    back = returns(demand, week=week)
    ended = _episodes((seen.fading < FADING) & (back.chance < RETURNING), alive, known)
    high = _begins(_episodes(z > ANOMALY, z > CUT, known)) & ~ended
    low = _begins(_episodes((z < -ANOMALY) | silent, (z < -CUT) | silent, known)) & ~ended

    def raised(where, kind, measure, value, threshold, units, weight, reason, action) -> pd.DataFrame:
        row, day = np.nonzero(where)
        units = units[row, day]
        return _table(
            series, row, date=dates[day], kind=kind, measure=measure, value=value[row, day], threshold=threshold,
            units=units, worth=units * np.broadcast_to(weight, where.shape)[row, day],
            reason=[reason(i, t) for i, t in zip(row, day, strict=True)], action=action,
        )  # fmt: skip

    spikes = raised(
        high | (low & ~silent), "demand anomaly", "residual", z, ANOMALY,
        np.abs(demand - seen.expected), shortage_cost,
        lambda i, t: f"{demand[i, t]:g} units where {seen.expected[i, t]:.1f} were expected, {abs(z[i, t]):.1f} "
        f"deviations {'above' if z[i, t] > 0 else 'below'}",
        "look for a promotion, a bulk order or a wrong entry; leave the day out of the forecast if it will not recur",
    )  # fmt: skip
    silences = raised(
        low & silent, "demand anomaly", "silence", seen.silence, SILENCE, seen.units_due, shortage_cost,
        lambda i, t: f"no sale since {dates[t - int(seen.silent_days[i, t])]:%Y-%m-%d}, though about "
        f"{seen.units_due[i, t]:.0f} units were due",
        "check shelf, listing and stock record: demand may be hidden by a stock-out",
    )  # fmt: skip
    shifts = raised(
        (np.abs(shift) > shift_limit) & ~ended, "level shift", "CUSUM", shift, shift_limit,
        np.abs(seen.new_level - seen.expected) * days, np.where(shift > 0, shortage_cost, days),
        lambda i, t: f"demand {'rose' if shift[i, t] > 0 else 'fell'} to about {seen.new_level[i, t]:.1f} units a "
        f"{word} from {seen.expected[i, t]:.1f}, since {dates[t - int(seen.shift_days[i, t]) + 1]:%Y-%m-%d}",
        "fit the forecast anew on the days since then and set s and S from it",
    )  # fmt: skip
    ends = raised(
        _begins(ended), "end of life", "share of the best", seen.fading, FADING,
        seen.recent * days, COVER_DAYS,
        lambda i, t: f"the last {LIFE_DAYS} known {word}s sold {seen.fading[i, t]:.0%} of the best {LIFE_DAYS} known "
        f"{word}s; of {back.pauses[i, t]:.0f} like pauses of {back.lasted[i, t]} weeks or more, "
        f"{back.chance[i, t]:.0%} ended within {RETURN_WEEKS} weeks",
        "order no more unless it sells again; decide what to mark down, transfer or clear",
    )  # fmt: skip
    return _sorted([spikes, silences, shifts, ends])


def _episodes(begins: np.ndarray, lasts: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Days of an episode: from one on which it begins until `lasts` fails; unknown days leave it as it is."""
    within, now = np.zeros_like(begins), np.zeros(len(begins), bool)
    for day in range(begins.shape[1]):
        now = np.where(known[:, day], begins[:, day] | (now & lasts[:, day]), now)
        within[:, day] = now
    return within


def _begins(within: np.ndarray) -> np.ndarray:
    """The first day of every episode."""
    return within & ~np.pad(within, ((0, 0), (1, 0)))[:, :-1]


def stock_alerts(
    series: pd.DataFrame,
    date,
    samples: np.ndarray,
    on_hand,
    *,
    arrivals=None,
    lead_time: int = 3,
    review: int = 1,
    shortage_cost: float = 9.0,
) -> pd.DataFrame:
    """Stock-out risk and overstock of one day, before its demand.

    Samples of demand from that day on are (n_series, n_samples, horizon), stock on hand is (n_series,), units on order
    by day of arrival, today first, are (n_series, n_days). A horizon short of COVER_DAYS is prolonged at its mean
    rate. A stock-out risk's units are the fewest that, in stock today, bring the chance of a shortage down to STOCKOUT.
    """
    samples, n_series = check_samples(samples).astype(float), len(series)
    days = whole("lead_time", lead_time) + whole("review", review, 1)
    if len(samples) != n_series or samples.shape[2] < days:
        raise ParameterError(
            f"samples, shape {samples.shape}: give {n_series} series and at least lead_time + review = {days} days"
        )
    on_hand = spread_over("on_hand", at_least("on_hand", on_hand), (n_series,))
    above("shortage_cost", shortage_cost)
    arrivals = np.zeros((n_series, 0)) if arrivals is None else at_least("arrivals", arrivals)

    short = largest_shortfall(samples, on_hand, arrivals, days)
    chance = (short > 0).mean(axis=1)
    row = np.flatnonzero(chance > STOCKOUT)
    units = np.ceil(np.quantile(short[row], 1 - STOCKOUT, axis=1, method="inverted_cdf"))
    reasons = [
        f"{on_hand[i].round(1):g} units on hand and {arrivals[i, :days].sum():g} due run short within {days} days with "
        f"{chance[i]:.0%} probability"
        for i in row
    ]
    actions = [f"order or transfer {missing:.0f} units at once, faster than the usual lead time" for missing in units]
    risks = _table(
        series, row, date=date, kind="stockout risk", measure="probability of a shortage", value=chance[row],
        threshold=STOCKOUT, units=units, worth=short[row].mean(axis=1) * shortage_cost, reason=reasons, action=actions,
    )  # fmt: skip

    horizon, position = min(COVER_DAYS, samples.shape[2]), on_hand + arrivals.sum(axis=1)
    a_day = samples.mean(axis=(1, 2))
    sells = np.quantile(samples[:, :, :horizon].sum(axis=2), COVER_QUANTILE, axis=1)
    excess = np.floor(position - (sells + a_day * (COVER_DAYS - horizon)))
    cover = np.divide(position, a_day, out=np.full(len(position), np.inf), where=a_day > 0)
    row = np.flatnonzero((excess >= 1) & (cover > COVER_DAYS))
    units = excess[row]
    reasons = [
        f"{position[i].round(1):g} units on hand and on order last {cover[i]:.0f} days; {excess[i]:.0f} exceed what "
        f"{COVER_DAYS} good days would sell"
        for i in row
    ]
    actions = [f"stop ordering; promote, mark down or transfer {more:.0f} units" for more in units]
    excesses = _table(
        series, row, date=date, kind="overstock", measure="days of cover", value=cover[row],
        threshold=COVER_DAYS, units=units, worth=units * COVER_DAYS, reason=reasons, action=actions,
    )  # fmt: skip
    return _sorted([risks, excesses])


def largest_shortfall(samples: np.ndarray, on_hand: np.ndarray, arrivals: np.ndarray, days: int) -> np.ndarray:
    """Most units by which demand so far exceeds the supply so far on any of the next days, (n_series, n_samples).

    It is what a path loses in these days, and what must be in stock today so that nothing is lost.
    """
    due = np.zeros((len(samples), days))
    due[:, : arrivals.shape[1]] = arrivals[:, :days]
    supply = on_hand[:, None] + due.cumsum(axis=1)  # (n_series, days)
    # max over t <= days of (D_1 + ... + D_t - supply_t), at least 0
    return np.maximum(samples[:, :, :days].cumsum(axis=2) - supply[:, None], 0).max(axis=2)


def _table(series: pd.DataFrame, row: np.ndarray, **columns) -> pd.DataFrame:
    return series[key_columns(series)].iloc[row].reset_index(drop=True).assign(**columns)


def _sorted(tables: list[pd.DataFrame]) -> pd.DataFrame:
    table = pd.concat(tables, ignore_index=True)
    keys = key_columns(table)
    table = table[[*keys, *ALERT_COLUMNS]]
    table = table.assign(date=pd.to_datetime(table["date"]))
    table = table.astype(dict.fromkeys(NUMBERS, float) | dict.fromkeys(TEXTS, str))  # also where no alert is of a kind
    return table.sort_values(["date", *keys, "kind"], kind="stable", ignore_index=True)
