"""A rule learnt by reinforcement (documents 001 and 004): tabular Q-learning on a small shop, and the exact optimum.

On a day with x units on hand the shop orders a units, which arrive the next morning. Demand D that finds no stock is
lost. The cost of the day and the stock of the next one are

    c = K [a > 0] + h (x - D)^+ + p (D - x)^+,    x' = (x - D)^+ + a,

and costs of later days are discounted by gamma a day. With Q(x, a) the cost of ordering a now and the best afterwards,

    Q(x, a) = E[c + gamma min over b of Q(x', b)]                          (Bellman)
    Q(x, a) <- Q(x, a) + rate (c + gamma min over b of Q(x', b) - Q(x, a))  after each day (Watkins)

Value iteration solves the first line and must know the distribution of demand. Q-learning sees only the days.
"""

from dataclasses import dataclass

import numpy as np

from bowerbird.inventory.demand import Demand

EXPLORE = 0.1  # share of days on which the learner orders at random
RATE = 0.6  # the n-th visit of (x, a) moves Q by a share 1 / n^RATE


@dataclass(frozen=True)
class Shop:
    """One item, its shelf and its costs; a shelf of n units allows orders of a with x + a <= n."""

    demand: Demand  # of a day, one item
    shelf: int  # most units on hand and on order
    holding_cost: float  # per unit left at the end of a day [h]
    lost_sale_cost: float  # per unit of demand that is lost [p]
    order_cost: float  # per order [K]
    discount: float = 0.95  # worth of tomorrow's money today [gamma], below 1

    def day(self, stock, order, demand) -> tuple[np.ndarray, np.ndarray]:
        """The cost of a day and the next morning's stock; numbers or arrays that fit each other."""
        left, lost = np.maximum(stock - demand, 0), np.maximum(demand - stock, 0)
        cost = self.order_cost * (order > 0) + self.holding_cost * left + self.lost_sale_cost * lost
        return cost, left + order


def model(shop: Shop) -> tuple[np.ndarray, np.ndarray]:
    """Expected cost of a day (n_stocks, n_orders), and chances of the next stock (n_stocks, n_orders, n_stocks).

    The cost is infinite where the shelf is too small for stock and order.
    """
    n, chance = shop.shelf + 1, shop.demand.probability[0]
    stock, order, units = np.ogrid[:n, :n, : len(chance)]
    cost, after = shop.day(stock, order, units)
    fits = (stock + order < n)[:, :, 0]
    expected = np.where(fits, cost @ chance, np.inf)
    moves = (np.minimum(after, n - 1)[..., None] == np.arange(n)) * chance[:, None]  # (stock, order, units, next stock)
    return expected, moves.sum(axis=2)


def value_iteration(shop: Shop) -> np.ndarray:
    """Q of the best orders (n_stocks, n_orders), exact up to 1e-9."""
    cost, chance = model(shop)
    q = cost
    while True:
        best = q.min(axis=1)
        q = cost + shop.discount * chance @ best
        # Each pass brings Q nearer to its limit by the factor gamma at least.
        if np.abs(q.min(axis=1) - best).max() * shop.discount < 1e-9 * (1 - shop.discount):
            return q


def cost_of_orders(shop: Shop, orders: np.ndarray) -> np.ndarray:
    """Expected discounted cost from each stock (n_stocks,) of a rule that orders `orders` (n_stocks,) there."""
    cost, chance = model(shop)
    stock = np.arange(shop.shelf + 1)
    # v = c + gamma P v
    return np.linalg.solve(np.eye(len(stock)) - shop.discount * chance[stock, orders], cost[stock, orders])


def q_learning(shop: Shop, demand: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Q (n_stocks, n_orders) as learnt from the days `demand` (n_days,) alone, infinite where the shelf is too small.

    The shop opens empty. It orders what looks cheapest, and on some days at random, to see what else might be.
    """
    n = shop.shelf + 1
    q = np.where(np.add.outer(np.arange(n), np.arange(n)) < n, 0.0, np.inf)  # 0 invites every order to be tried
    visits, stock = np.zeros((n, n)), 0
    explores, draws = rng.random(len(demand)) < EXPLORE, rng.random(len(demand))
    for units, explore, draw in zip(demand, explores, draws, strict=True):
        order = int(draw * (n - stock)) if explore else q[stock].argmin()
        cost, after = shop.day(stock, order, units)
        visits[stock, order] += 1
        target = cost + shop.discount * q[after].min()
        q[stock, order] += (target - q[stock, order]) / visits[stock, order] ** RATE
        stock = after
    return q
