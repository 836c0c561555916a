"""When to order and how much: order quantity, safety stock, and the levels s and S of the (s, S) policy.

From simple to exact: the economic order quantity for known demand; safety stock for normal demand; s and S of every
day from a forecast's sampled paths, as the plan uses them; the exact s and S for demand that is the same every day.

A position below s is raised to S. Textbooks order at or below s: their s is one less.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter
from scipy.stats import norm

from bowerbird import checks
from bowerbird.checks import above, at_least, check_shapes, check_size, finite, probabilities, spread_over, whole
from bowerbird.errors import ParameterError
from bowerbird.inventory.calibration import Correction
from bowerbird.inventory.demand import (
    Demand,
    check_samples,
    critical_ratio,
    demand_over_days,
    level_cost,
    sample_newsvendor,
)

CHUNK = 64
"""Items solved side by side by `exact_levels`: as many as keep their arrays in the processor's cache."""

MOST_STEPS_OF_ALL = 5e10
"""Steps of the exact search for a whole catalogue: some minutes."""


@dataclass(frozen=True)
class EconomicOrder:
    """An order quantity [Q] and its cost per unit of time; floats or arrays (n_items,)."""

    quantity: np.ndarray
    cost: np.ndarray


def order_quantity_cost(quantity, order_cost, holding_cost, demand_rate) -> np.ndarray:
    """Ordering and holding cost per unit of time of any order quantity [Q], for `economic_order_quantity`'s arguments.

    >>> float(order_quantity_cost(250, 8, 0.225, 1300))  # 41.6 + 28.125
    69.725
    """
    quantity = above("quantity", quantity)
    check_shapes(quantity=quantity, order_cost=order_cost, holding_cost=holding_cost, demand_rate=demand_rate)
    # K D / Q + h Q / 2
    ordering = at_least("order_cost", order_cost) * at_least("demand_rate", demand_rate) / quantity
    return ordering + at_least("holding_cost", holding_cost) * quantity / 2


def economic_order_quantity(order_cost, holding_cost, demand_rate) -> EconomicOrder:
    """The order quantity of least ordering and holding cost when demand is steady and known.

    Parameters
    ----------
    order_cost : float or array  Of an order, whatever its size [K], at least 0.
    holding_cost : float or array  Per unit in stock and unit of time [h], above 0.
    demand_rate : float or array  Units per unit of time [D], at least 0.

    Source: Snyder & Shen, Fundamentals of Supply Chain Theory, 2nd ed., example 3.1.

    >>> order = economic_order_quantity(8, 0.225, 1300)
    >>> round(float(order.quantity), 4), round(float(order.cost), 4)
    (304.0468, 68.4105)
    """
    order_cost, demand_rate = at_least("order_cost", order_cost), at_least("demand_rate", demand_rate)
    holding_cost = above("holding_cost", holding_cost)
    check_shapes(order_cost=order_cost, holding_cost=holding_cost, demand_rate=demand_rate)
    # Q = sqrt(2 K D / h),  cost = sqrt(2 K D h) = h Q
    quantity = np.sqrt(2 * order_cost * demand_rate / holding_cost)
    return EconomicOrder(quantity, holding_cost * quantity)


def economic_order_with_backorders(order_cost, holding_cost, shortage_cost, demand_rate) -> EconomicOrder:
    """The best order quantity when demand may wait, at a cost per unit and unit of time [p], above 0.

    The other arguments are those of `economic_order_quantity`. Source: Snyder & Shen, example 3.8.

    >>> order = economic_order_with_backorders(8, 0.225, 5, 1300)
    >>> round(float(order.quantity), 4), round(float(order.cost), 4)
    (310.8126, 66.9214)
    """
    # The share h / (h + p) of demand waits, so a unit of Q costs h p / (h + p) in place of h.
    ratio = critical_ratio(holding_cost, shortage_cost)
    return economic_order_quantity(order_cost, np.asarray(holding_cost) * ratio, demand_rate)


def safety_stock(service_level, daily_std, *, lead_time, review=0) -> np.ndarray:
    """Units on top of expected demand that a service level takes, for normal demand and independent days.

    Parameters
    ----------
    service_level : float or array  Probability of no shortage until the next arrival, in (0, 1).
    daily_std : float or array  Standard deviation of a day's demand [sigma].
    lead_time : float or array  Days from order to arrival [LT].
    review : float or array  Days between reviews [NRT]; 0 if stock is watched all the time.

    Source: Silver, Pyke & Thomas, Inventory and Production Management in Supply Chains, 4th ed., section 6.10.

    Four days with a standard deviation of 15 units have one of 30; the 95 % quantile lies 1.645 of them above the mean.

    >>> round(float(safety_stock(0.95, 15, lead_time=4)), 2)
    49.35
    """
    service_level = probabilities("service_level", service_level)
    check_shapes(service_level=service_level, daily_std=daily_std, lead_time=lead_time, review=review)
    days = at_least("lead_time", lead_time) + at_least("review", review)
    # z sigma sqrt(LT + NRT)
    return norm.ppf(service_level) * at_least("daily_std", daily_std) * np.sqrt(days)


def order_up_to_level(service_level, daily_mean, daily_std, *, lead_time, review=0) -> np.ndarray:
    """Expected demand over lead time and review period, and `safety_stock` on top; with review = 0 the reorder point.

    `daily_mean` is a day's demand [mu]; the rest as in `safety_stock`. Source: Snyder & Shen, example 4.4.

    >>> round(float(order_up_to_level(0.70 / 0.88, 50, 8, lead_time=4, review=1)), 4)
    264.7669
    """
    safety = safety_stock(service_level, daily_std, lead_time=lead_time, review=review)
    return np.asarray(daily_mean) * (np.asarray(lead_time) + review) + safety


@dataclass(frozen=True)
class Levels:
    """Reorder point [s] and order-up-to level [S] of each item on each day, units (n_items, n_days), s <= S."""

    s: np.ndarray
    S: np.ndarray


def over_next_days(name: str, values, days: int) -> np.ndarray:
    """Sum of each day's value and of the days - 1 after it, (n_items, n_days); days beyond the last repeat it."""
    values = at_least(name, values, axes="n_items, n_days")
    check_size("days", len(values) * (values.shape[1] + days))
    check_size("days", values.size * days, checks.MOST_STEPS)
    longer = np.pad(values, ((0, 0), (0, days - 1)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(longer, days, axis=1).sum(axis=2)


def normal_levels(mean: np.ndarray, std: np.ndarray, *, lead_time: int = 3, review: int = 1, service_level) -> Levels:
    """`order_up_to_level` of every day, for days that differ; s = S, not rounded.

    Parameters
    ----------
    mean, std : array (n_items, n_days)  Of each day's demand, independent from day to day; the last day is repeated.
    lead_time, review : int  Days from order to arrival [LT] and between reviews [NRT].
    service_level : float or array (n_items,)  As in `safety_stock`.

    >>> normal_levels(np.full((1, 1), 50.0), np.full((1, 1), 8.0), lead_time=4, service_level=0.70 / 0.88).s.round(4)
    array([[264.7669]])
    """
    days = whole("lead_time", lead_time) + whole("review", review, 1)
    # The sums over the next LT + NRT days take the place of mu (LT + NRT) and sigma^2 (LT + NRT).
    expected = over_next_days("mean", mean, days)
    std = spread_over("std", at_least("std", std), expected.shape)
    z = norm.ppf(spread_over("service_level", probabilities("service_level", service_level), expected.shape[:1]))
    level = expected + z[:, None] * np.sqrt(over_next_days("std", np.square(std), days))
    return Levels(level, level)


def periodic_review_levels(
    samples: np.ndarray,
    *,
    lead_time: int = 3,
    review: int = 1,
    service_level,
    order_cost=0.0,
    n_days: int | None = None,
    correction: Correction | None = None,
) -> Levels:
    """Whole-number levels of every day from sampled demand paths, rounded up.

    An order of day t arrives at the start of day t + LT; the next one can only arrive at t + NRT + LT. What is in stock
    or on order after the review of day t must serve the days t + LT ... t + LT + NRT - 1. G(y) is the expected holding
    and shortage cost at the ends of these days for a position y, with all demand from day t on.

    * If an order costs nothing, s = S is the y that makes G least: the critical ratio's quantile, as in the newsvendor.
    * If it costs K, orders have about the economic quantity with backorders [Q], and s lies where the Q positions from
      s to S = s + Q - 1 are the cheapest in a row: G(s) = G(s + Q). Between two reviews the position falls on, which
      lends an order (NRT - 1) / 2 days' demand.

    For steady demand this costs at most 4 % more than `exact_levels` at daily reviews, 6 % at weekly ones. Demand not
    met is taken to wait. Where it is lost, the levels err upwards.

    Parameters
    ----------
    samples : array (n_items, n_samples, horizon)  Daily demand; a path is one sample over all days. Days beyond the
        horizon have the last day's distribution, independent of the days before.
    lead_time, review : int  Days from order to arrival [LT] and between reviews [NRT].
    service_level : float or array (n_items,) or (n_levels, 1 or n_items)  Critical ratio p / (p + h): the least
        probability that a day ends without a shortage, if every review orders up to s. Several at once, in rows, where
        an order costs nothing; the levels are then (n_levels, n_items, n_days).
    order_cost : float or array (n_items,)  Of an order, in units of the cost of holding one unit for a day [K / h].
    n_days : int, optional  Length of the plan; the horizon by default.
    correction : Correction, optional  Of `learn_correction` for the same service level and timing, one number each.
        Levels are then rounded down, as demand comes in whole units.

    Source: the contest's statement of the (s, S) problem; Snyder & Shen, chapter 4; Zheng, Management Science 38
    (1992).

    Two days must be covered; of five paths, four ask for at most 7 units on them.

    >>> paths = np.array([[[1, 2], [3, 4], [0, 1], [5, 5], [2, 2]]])
    >>> periodic_review_levels(paths, lead_time=1, service_level=0.8, n_days=1).s
    array([[7]])
    """
    ratio, order_cost = probabilities("service_level", service_level), at_least("order_cost", order_cost)
    if ratio.ndim > 1 and (order_cost > 0).any():
        raise ParameterError("order_cost is above 0 and service_level has rows; give one service level an item")
    samples = check_samples(samples)
    n_items, n_samples, horizon = samples.shape
    n_days = whole("n_days", horizon if n_days is None else n_days, 1)
    lead_time, review = whole("lead_time", lead_time), whole("review", review, 1)
    # A day costs some 100,000 steps beside the samples
    check_size("n_days, lead_time and review", (n_items * n_samples + 1e5) * n_days * (lead_time + review), 1e11)
    ratio = spread_over("service_level", ratio, (*ratio.shape[:-1], n_items) if ratio.ndim > 1 else (n_items,))
    beyond = max(n_days + lead_time + review - 1 - horizon, 0)
    last = samples[:, :, -1]
    days = np.concatenate([samples, *(np.roll(last, j, axis=1)[:, :, None] for j in range(1, beyond + 1))], axis=2)

    shape = (*np.broadcast_shapes(ratio.shape, (n_items,)), n_days)
    s, S = np.empty(shape, np.int64), np.empty(shape, np.int64)
    for day in range(n_days):
        until = days[:, :, day : day + lead_time + review].cumsum(axis=2)  # (n_items, n_samples, LT + NRT)
        demand = until[:, :, lead_time:].reshape(n_items, -1)  # until the end of each day that the order must serve
        best = np.ceil(sample_newsvendor(demand, ratio)).astype(np.int64)
        quantity = np.ones(n_items, np.int64)
        if (order_cost > 0).any():
            # Q = sqrt(2 K D / h x (p + h) / p) - (NRT - 1) D / 2
            daily_mean = until[:, :, -1].mean(axis=1) / (lead_time + review)
            economic = np.sqrt(2 * order_cost * daily_mean / ratio)
            quantity = np.maximum(np.round(economic - (review - 1) / 2 * daily_mean), 1).astype(np.int64)
            best = _cheapest_window(demand, ratio, best, quantity)
        if correction is not None:
            best = np.floor(np.maximum(best + correction.units(demand), 0) + 1e-9).astype(np.int64)
        s[..., day] = best
        S[..., day] = best + quantity - 1
    return Levels(np.maximum(s, 0), np.maximum(S, 0))


def _cheapest_window(demand: np.ndarray, ratio: np.ndarray, best: np.ndarray, quantity: np.ndarray) -> np.ndarray:
    """The least s with G(s) <= G(s + Q), (n_items,): by bisection between y* - Q and y*, the least-cost position."""
    low, high = best - quantity, best
    while (low < high).any():
        middle = (low + high) // 2
        short, after = (np.maximum(demand - y[:, None], 0).mean(axis=1) for y in (middle, middle + quantity))
        falls = (short - after > (1 - ratio) * quantity) & (middle < high)  # G(y) > G(y + Q), in units of h + p
        low, high = np.where(falls, middle + 1, low), np.where(falls, high, middle)
    return high


@dataclass(frozen=True)
class ExactLevels:
    """The cheapest (s, S) policy of each item, whole units (n_items,), and its expected cost per day."""

    s: np.ndarray
    S: np.ndarray
    cost: np.ndarray


def exact_levels(
    demand: Demand, *, holding_cost, shortage_cost, order_cost, lead_time: int = 0, review: int = 1
) -> ExactLevels:
    """The (s, S) policy of least expected cost per day, for all items at once; demand not met waits.

    Once raised to S, the position falls with demand until it lies below s and the next order starts the cycle anew.
    With m(j) the expected number of reviews that find the position j below S, and G(y) the expected holding and
    shortage cost of a review period that starts from position y,

        cost(s, S) = (K + sum_j m(j) G(S - j)) / sum_j m(j),  j = 0 ... S - s        (renewal-reward theorem)

    A best s lies at or below y*, the minimum of G, and a best S at or above it. An S with G(S) above the best cost so
    far cannot improve on it, nor can any S beyond. So S climbs from y* until that stops it, and the best s of each S is
    read off one running sum.

    Parameters
    ----------
    demand : Demand  Of one day, the same every day and independent from day to day; n_items rows.
    holding_cost, shortage_cost : float or array (n_items,)  Per unit on hand, and per unit backordered, at the end of a
        day [h, p], above 0.
    order_cost : float or array (n_items,)  Of an order [K], at least 0; with 0 the result is base stock, s = S.
    lead_time, review : int  Days from order to arrival [LT] and between reviews [NRT].

    An item without demand is never ordered: s = S = 0. The search grows like sqrt(2 K D / h); one that would not end
    within some seconds is refused.

    Source: Y.-S. Zheng, A. Federgruen, Operations Research 39 (1991) 654-665; Snyder & Shen, section 4.4.

    Printed for a mean of 10: order at or below 6, up to 40, cost 35.022.

    >>> from bowerbird.inventory.demand import poisson_demand
    >>> best = exact_levels(poisson_demand(10.0), holding_cost=1, shortage_cost=9, order_cost=64)
    >>> best.s, best.S, best.cost.round(3)
    (array([7]), array([40]), array([35.022]))
    """
    h, p, K, lead_time, review = _rates(demand, holding_cost, shortage_cost, order_cost, lead_time, review)
    n_items, n_units = demand.probability.shape
    s, S = np.zeros(n_items, np.int64), np.zeros(n_items, np.int64)
    cost = np.zeros(n_items)
    # A first guess of how far s and S lie from y*: the order quantity under backorders, and some of demand's spread.
    quantity = economic_order_with_backorders(K, h, p, demand.mean).quantity
    width = np.ceil(1.1 * quantity + 3 * np.sqrt((lead_time + review) * demand.variance)) + 3
    left = np.flatnonzero(demand.probability[:, 0] < 1)
    while len(left):
        steps = 12 * width[left] * (width[left] + n_units)  # for each S and s, some passes
        searched = f"order_cost and holding_cost: a search over {width[left].max():,.0f} units"
        check_size(searched, steps.max(), checks.MOST_STEPS)
        check_size(f"{searched} for {len(left)} items", steps.sum(), MOST_STEPS_OF_ALL)
        left = left[np.argsort(width[left], kind="stable")]
        found = []
        for rows in np.split(left, range(CHUNK, len(left), CHUNK)):
            some = Demand(demand.probability[rows])
            *best, complete = _search(some, h[rows], p[rows], K[rows], lead_time, review, int(width[rows[-1]]))
            s[rows], S[rows], cost[rows] = best
            found.append(complete)
        left = left[~np.concatenate(found)]
        width[left] *= 2
    return ExactLevels(s, S, cost / review)


def _search(demand: Demand, h, p, K, lead_time: int, review: int, width: int) -> tuple[np.ndarray, ...]:
    """Best s, S and cost per review within `width` units of y*, and whether nothing outside can be better."""
    ends = _ends(demand, lead_time, review)
    n_items, n_units = ends[-1].probability.shape
    levels = np.broadcast_to(np.arange(n_units), (n_items, n_units))
    cheapest = _review_cost(ends, levels, h, p).argmin(axis=1)[:, None]  # y*, (n_items, 1)
    # G, (n_items, 2 width + 1), y* in column `width`
    G = _review_cost(ends, cheapest + np.arange(-width, width + 1), h, p)
    visits = _visits(demand_over_days(demand, review), 2 * width)
    reviews = np.cumsum(visits, axis=1)

    best = np.full(n_items, np.inf)
    s, S = np.zeros(n_items, np.int64), np.zeros(n_items, np.int64)
    for climb in range(width + 1):  # S = y* + climb
        if not (G[:, width + climb] <= best).any():
            break
        fall = climb + width  # positions S, S - 1, ... down to y* - width + 1
        # cost(s, S) = (K + sum_j m(j) G(S - j)) / sum_j m(j) for every s at once; those at or below y* are kept
        costs = (K[:, None] + np.cumsum(visits[:, :fall] * G[:, fall:0:-1], axis=1)) / reviews[:, :fall]
        costs = costs[:, climb:]
        row = costs.argmin(axis=1)
        lowest = np.take_along_axis(costs, row[:, None], axis=1)[:, 0]
        better = lowest < best
        best = np.where(better, lowest, best)
        S = np.where(better, cheapest[:, 0] + climb, S)
        s = np.where(better, cheapest[:, 0] - row, s)
    # A better S beyond the grid would need G(S) <= best, and a better s below it G(s) <= best; G only rises outwards.
    return s, S, best, (G[:, 0] > best) & (G[:, -1] > best)


def _rates(demand: Demand, holding_cost, shortage_cost, order_cost, lead_time, review) -> tuple:
    """The checked costs [h, p, K], (n_items,), and days [LT, NRT]."""
    shape = demand.probability.shape[:1]
    return (
        spread_over("holding_cost", above("holding_cost", holding_cost), shape),
        spread_over("shortage_cost", above("shortage_cost", shortage_cost), shape),
        spread_over("order_cost", at_least("order_cost", order_cost), shape),
        whole("lead_time", lead_time),
        whole("review", review, 1),
    )


def _ends(demand: Demand, lead_time: int, review: int) -> list[Demand]:
    """Demand over LT + 1 ... LT + NRT days: until the end of each day that an order must serve."""
    return [demand_over_days(demand, lead_time + day) for day in range(1, review + 1)]


def _review_cost(ends: list[Demand], levels: np.ndarray, h, p) -> np.ndarray:
    """Expected holding and shortage cost of a review period that starts from each position [G(y)]."""
    return sum(level_cost(end, levels, h, p) for end in ends)


def _visits(demand: Demand, n_steps: int) -> np.ndarray:
    """Expected number of reviews that find the position j below S [m(j)], (n_items, n_steps)."""
    start = np.zeros(n_steps)
    start[0] = 1.0
    # m(j) = [j = 0] + sum_{d=0..j} P(D = d) m(j - d): what a recursive filter with these weights answers to an impulse.
    filters = -demand.probability
    filters[:, 0] += 1
    return np.array([lfilter([1.0], weights, start) for weights in filters])


def levels_cost(
    demand: Demand, s, S, *, holding_cost, shortage_cost, order_cost, lead_time: int = 0, review: int = 1
) -> np.ndarray:
    """Exact expected cost per day of any whole s <= S (n_items,), to compare a rule with the best.

    The other arguments are those of `exact_levels`. An item without demand keeps S for ever.

    One unit is asked for every day. An order of two comes every other day; one unit is held on half of the days.

    >>> levels_cost(Demand([[0.0, 1.0]]), 1, 2, holding_cost=1, shortage_cost=9, order_cost=64)
    array([32.5])
    """
    h, p, K, lead_time, review = _rates(demand, holding_cost, shortage_cost, order_cost, lead_time, review)
    n_items, n_units = demand.probability.shape
    s, S = (spread_over(name, finite(name, level), (n_items,)) for name, level in (("s", s), ("S", S)))
    if not (s <= S).all():
        raise ParameterError(f"s exceeds S by {np.max(s - S):g}; every reorder point must be at most its S")
    steps = int((S - s).max(initial=0)) + 1
    check_size("S - s", n_items * float(steps) * n_units, checks.MOST_STEPS)
    check_size("S - s", n_items * float(steps))
    below = np.arange(steps)  # j
    G = _review_cost(_ends(demand, lead_time, review), S[:, None] - below, h, p)
    cost = G[:, 0].copy()
    moves = np.flatnonzero(demand.probability[:, 0] < 1)
    visits = _visits(demand_over_days(Demand(demand.probability[moves]), review), steps) if len(moves) else 0
    visits = visits * (below <= (S - s)[moves, None])
    cost[moves] = (K[moves] + (visits * G[moves]).sum(axis=1)) / visits.sum(axis=1)
    return cost / review
