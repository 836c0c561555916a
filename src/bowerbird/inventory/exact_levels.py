"""Which s and S cost least when every order has a fixed cost? The exact answer, by Zheng and Federgruen.

Once raised to S, the position falls with demand until it lies below s and the next order starts the cycle anew. With
m(j) the expected number of reviews that find the position exactly j below S, and G(y) the expected holding and shortage
cost of a review period that starts from position y,

    cost(s, S) = (K + sum_j m(j) G(S - j)) / sum_j m(j),  j = 0 ... S - s        (renewal-reward theorem)

Zheng and Federgruen: a best s lies at or below y*, the minimum of G, and a best S at or above it; an S with G(S) above
the best cost so far cannot improve on it, nor can any S beyond. So S climbs from y* until that stops it, and the best s
of each S is read off one running sum.

Here an order is placed if the position is below s, as in `simulate`. Textbooks order at or below s: their s is one
less. Demand not met waits. An order that takes LT days must cover LT further days, so G looks at the demand of LT + 1
... LT + NRT days (the protection interval) while the position moves by the demand between two reviews.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from bowerbird.checks import MOST_STEPS, above, at_least, finite, fits, spread_over, whole
from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import Demand, demand_over_days
from bowerbird.inventory.economic_order import economic_order_with_backorders
from bowerbird.inventory.newsvendor import level_cost

CHUNK = 64
"""Items solved side by side: as many as keep their arrays in the processor's cache."""

MOST_STEPS_OF_ALL = 5e10
"""Steps of the search for a whole catalogue: some minutes."""


@dataclass(frozen=True)
class ExactLevels:
    """The cheapest (s, S) policy of each item; arrays (n_items,).

    Attributes
    ----------
    s, S : Reorder point and order-up-to level, whole units: a position below s is raised to S.
    cost : Expected ordering, holding and shortage cost per day in the long run.
    """

    s: np.ndarray
    S: np.ndarray
    cost: np.ndarray


@dataclass(frozen=True)
class _Problem:
    """The arguments, checked and spread over the items; costs (n_items,), money per unit and day or per order."""

    demand: Demand  # of a review period, which moves the position
    ends: tuple[Demand, ...]  # over LT + 1 ... LT + NRT days: what the end of each day depends on
    holding_cost: np.ndarray
    shortage_cost: np.ndarray
    order_cost: np.ndarray

    def items(self, rows) -> "_Problem":
        """The same problem for some of the items."""
        demand, *ends = (Demand(table.probability[rows]) for table in (self.demand, *self.ends))
        return _Problem(demand, tuple(ends), self.holding_cost[rows], self.shortage_cost[rows], self.order_cost[rows])

    def review_cost(self, level: np.ndarray) -> np.ndarray:
        """Expected holding and shortage cost of a review period that starts from position `level` [G(y)]."""
        return sum(level_cost(end, level, self.holding_cost, self.shortage_cost) for end in self.ends)


def _problem(demand: Demand, holding_cost, shortage_cost, order_cost, lead_time, review) -> _Problem:
    lead_time, review = whole("lead_time", lead_time), whole("review", review, 1)
    shape = demand.probability.shape[:1]
    return _Problem(
        demand_over_days(demand, review),
        tuple(demand_over_days(demand, lead_time + day) for day in range(1, review + 1)),
        spread_over("holding_cost", above("holding_cost", holding_cost), shape),
        spread_over("shortage_cost", above("shortage_cost", shortage_cost), shape),
        spread_over("order_cost", at_least("order_cost", order_cost), shape),
    )


def _visits(demand: Demand, n_steps: int) -> np.ndarray:
    """Expected number of reviews that find the position j below S [m(j)], (n_items, n_steps)."""
    start = np.zeros(n_steps)
    start[0] = 1.0
    # m(j) = [j = 0] + sum_{d=0..j} P(D = d) m(j - d): what a recursive filter with these weights answers to an impulse.
    filters = -demand.probability
    filters[:, 0] += 1
    return np.array([lfilter([1.0], weights, start) for weights in filters])


def exact_levels(
    demand: Demand, *, holding_cost, shortage_cost, order_cost, lead_time: int = 0, review: int = 1
) -> ExactLevels:
    """The (s, S) policy of least expected cost per day, for all items at once.

    Parameters
    ----------
    demand : Demand
        Demand of one day, the same every day and independent from day to day; n_items rows.
    holding_cost, shortage_cost : float or array (n_items,)
        Cost per unit on hand, and per unit backordered, at the end of a day [h, p], above 0.
    order_cost : float or array (n_items,)
        Fixed cost of an order [K], at least 0; with 0 the result is the base-stock policy s = S.
    lead_time, review : int
        Days from order to arrival [LT] and between reviews [NRT], as in `simulate`.

    Returns
    -------
    ExactLevels; an item without demand is never ordered: s = S = 0.

    Raises
    ------
    ParameterError
        If a cost or a number of days is out of range, or the search would not end within some seconds: the width of it
        grows like sqrt(2 K D / h).

    Source
    ------
    Y.-S. Zheng, A. Federgruen, Operations Research 39 (1991) 654-665; Snyder & Shen, 2nd ed., section 4.4.
    """
    problem = _problem(demand, holding_cost, shortage_cost, order_cost, lead_time, review)
    s, S = (np.zeros(len(demand.probability), np.int64) for _ in range(2))
    cost = np.zeros(len(s))
    # A first guess of how far s and S lie from y*: the order quantity under backorders, and some of demand's spread.
    quantity = economic_order_with_backorders(
        problem.order_cost, problem.holding_cost, problem.shortage_cost, demand.mean
    ).quantity
    width = np.ceil(1.1 * quantity + 3 * np.sqrt(problem.ends[-1].variance)) + 3
    left = np.flatnonzero(demand.probability[:, 0] < 1)
    while len(left):
        steps = 12 * width[left] * (width[left] + demand.probability.shape[1])  # for each S and s, some passes
        searched = f"order_cost and holding_cost: a search over {width[left].max():,.0f} units"
        fits(searched, steps.max(), MOST_STEPS)
        fits(f"{searched} for {len(left)} items", steps.sum(), MOST_STEPS_OF_ALL)
        left = left[np.argsort(width[left], kind="stable")]
        found = []
        for rows in np.split(left, range(CHUNK, len(left), CHUNK)):
            s[rows], S[rows], cost[rows], complete = _search(problem.items(rows), int(width[rows[-1]]))
            found.append(complete)
        left = left[~np.concatenate(found)]
        width[left] *= 2
    return ExactLevels(s, S, cost / review)


def _search(problem: _Problem, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Best s, S and cost per review within `width` units of y*, and whether nothing outside can be better."""
    n_items = len(problem.demand.probability)
    levels = np.broadcast_to(np.arange(problem.ends[-1].probability.shape[1]), problem.ends[-1].probability.shape)
    cheapest = problem.review_cost(levels).argmin(axis=1)[:, None]  # y*, (n_items, 1)
    G = problem.review_cost(cheapest + np.arange(-width, width + 1))  # (n_items, 2 width + 1), y* in column `width`
    visits = _visits(problem.demand, 2 * width)
    reviews = np.cumsum(visits, axis=1)
    order_cost = problem.order_cost[:, None]

    best = np.full(n_items, np.inf)
    s, S = np.zeros(n_items, np.int64), np.zeros(n_items, np.int64)
    for climb in range(width + 1):  # S = y* + climb
        if not (G[:, width + climb] <= best).any():
            break
        fall = climb + width  # positions S, S - 1, ... down to y* - width + 1
        # cost(s, S) = (K + sum_j m(j) G(S - j)) / sum_j m(j) for every s at once; those at or below y* are kept
        costs = (order_cost + np.cumsum(visits[:, :fall] * G[:, fall:0:-1], axis=1)) / reviews[:, :fall]
        costs = costs[:, climb:]
        row = costs.argmin(axis=1)
        lowest = np.take_along_axis(costs, row[:, None], axis=1)[:, 0]
        better = lowest < best
        best = np.where(better, lowest, best)
        S = np.where(better, cheapest[:, 0] + climb, S)
        s = np.where(better, cheapest[:, 0] - row, s)
    # A better S beyond the grid would need G(S) <= best, and a better s below it G(s) <= best; G only rises outwards.
    complete = (G[:, 0] > best) & (G[:, -1] > best)
    return s, S, best, complete


def levels_cost(
    demand: Demand, s, S, *, holding_cost, shortage_cost, order_cost, lead_time: int = 0, review: int = 1
) -> np.ndarray:
    """Exact expected cost per day of any whole (s, S), to hold a rule against the best.

    Parameters
    ----------
    demand, holding_cost, shortage_cost, order_cost, lead_time, review
        As in `exact_levels`.
    s, S : int or array (n_items,)
        A position below s is raised to S; s <= S.

    Returns
    -------
    array (n_items,); an item without demand keeps S for ever.

    Raises
    ------
    ParameterError
        As in `exact_levels`, or if s exceeds S.
    """
    problem = _problem(demand, holding_cost, shortage_cost, order_cost, lead_time, review)
    n_items = len(demand.probability)
    s, S = (spread_over(name, finite(name, level), (n_items,)) for name, level in (("s", s), ("S", S)))
    if not (s <= S).all():
        raise ParameterError(f"s exceeds S by {np.max(s - S):g}; every reorder point must be at most its S")
    fits("S - s", n_items * (S - s).max(initial=0) * demand.probability.shape[1], MOST_STEPS)
    fits("S - s", n_items * (S - s).max(initial=0))
    cost = problem.review_cost(S)
    moves = np.flatnonzero(demand.probability[:, 0] < 1)
    if len(moves):
        problem, s, S = problem.items(moves), s[moves], S[moves]
        below = np.arange((S - s).max() + 1)  # j
        visits = _visits(problem.demand, len(below)) * (below <= (S - s)[:, None])
        G = problem.review_cost(S[:, None] - below)
        cost[moves] = (problem.order_cost + (visits * G).sum(axis=1)) / visits.sum(axis=1)
    return cost / review
