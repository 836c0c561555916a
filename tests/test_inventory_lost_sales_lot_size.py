from itertools import product

import numpy as np
import pytest

from bowerbird.planning.dynamic_lot_size import wagner_whitin
from bowerbird.planning.lost_sales_lot_size import lost_sales_lot_sizes


def cost_of(orders, lost, demand, h, K, c, p):
    stock = np.cumsum(orders - demand + lost, axis=1)
    assert stock.min() > -1e-9
    given_up = (np.where(lost > 0, p[:, None], 0) * lost).sum(axis=1)
    return h * stock.sum(axis=1) + K * (orders > 0).sum(axis=1) + (c * orders).sum(axis=1) + given_up


def cheapest_by_trying_all(demand, h, K, c, p):
    """Every set of order days; each day's demand is met from the cheapest of them so far, or lost."""
    best = np.inf
    for days in product([False, True], repeat=len(demand)):
        cost = K * sum(days)
        for t, d in enumerate(demand):
            ways = [c[s] + h * (t - s) for s in range(t + 1) if days[s]] + [p]
            cost += d * min(ways) if d else 0
        best = min(best, cost)
    return best


@pytest.mark.parametrize("seed", range(4))
def test_random_small_problems_against_trying_every_set_of_order_days(seed):
    rng = np.random.default_rng(seed)
    n, n_days = 12, 7
    demand = rng.integers(0, 9, (n, n_days)).astype(float)
    h, K = rng.uniform(0, 2, n), rng.uniform(0, 30, n)
    c = rng.uniform(0, 8, (n, n_days))
    p = np.where(rng.random(n) < 0.3, np.inf, rng.uniform(0.5, 12, n))
    orders, lost = lost_sales_lot_sizes(demand, h, K, c, p)
    found = cost_of(orders, lost, demand, h, K, c, p)
    np.testing.assert_allclose(found, [cheapest_by_trying_all(*row) for row in zip(demand, h, K, c, p, strict=True)])
    assert ((lost > 0).any(axis=1) <= np.isfinite(p)).all() and (lost > 0).any() and (orders > 0).any()


def test_without_lost_sales_it_is_wagner_and_whitins_plan():
    rng = np.random.default_rng(9)
    demand = rng.poisson(4, (50, 30)).astype(float)
    h, K, c = rng.uniform(0.1, 2, 50), rng.uniform(1, 60, 50), rng.uniform(1, 3, (50, 30))
    orders, lost = lost_sales_lot_sizes(demand, h, K, c, np.full(50, np.inf))
    known = wagner_whitin(demand, order_cost=K[:, None], holding_cost=h[:, None], purchase_cost=c)
    np.testing.assert_allclose(cost_of(orders, lost, demand, h, K, c, np.full(50, np.inf)), known.cost)
    assert not lost.any()


def test_an_item_that_never_pays_is_never_ordered():
    orders, lost = lost_sales_lot_sizes(
        np.array([[3.0, 3.0]]), np.array([1.0]), np.array([100.0]), np.zeros((1, 2)), np.array([2.0])
    )
    assert not orders.any()
    np.testing.assert_array_equal(lost, [[3, 3]])
