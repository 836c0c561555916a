"""Order quantity, safety stock and levels, against textbook values, brute force and simulation."""

import numpy as np
import pytest
from scipy.stats import norm, poisson

from bowerbird import checks
from bowerbird.errors import ParameterError
from bowerbird.inventory import policy
from bowerbird.inventory.calibration import learn_correction
from bowerbird.inventory.demand import (
    Demand,
    demand_over_days,
    negative_binomial_demand,
    newsvendor,
    poisson_demand,
    sample_newsvendor,
)
from bowerbird.inventory.lost_sales import lost_sales_order, stock_at_arrival
from bowerbird.inventory.policy import (
    EconomicOrder,
    economic_order_quantity,
    economic_order_with_backorders,
    exact_levels,
    levels_cost,
    normal_levels,
    order_quantity_cost,
    periodic_review_levels,
    safety_stock,
)

COSTS = {"holding_cost": 1.0, "shortage_cost": 9.0}

# ---- order quantity and safety stock --------------------------------------------------------------------------------


def test_example_3_8_and_the_stock_followed_through_a_cycle():
    K, h, p, demand = 8, 0.225, 5, 1300
    order = economic_order_with_backorders(K, h, p, demand)
    assert (order.quantity, order.cost) == pytest.approx((310.8125552, 66.9213636), abs=5e-8)

    def cycle_cost(quantity, waiting):
        stock = quantity - waiting - quantity * (np.arange(20_000) + 0.5) / 20_000
        return (h * np.maximum(stock, 0) + p * np.maximum(-stock, 0)).mean() + K * demand / quantity

    waiting = order.quantity * h / (h + p)
    assert cycle_cost(order.quantity, waiting) == pytest.approx(order.cost, rel=1e-6)
    for factor in (0.97, 1.03):
        assert cycle_cost(factor * order.quantity, waiting) > order.cost
        assert cycle_cost(order.quantity, factor * waiting) > order.cost


def test_safety_stock_of_document_001():
    # Document 001's series 100, 120, 130, 110, 140: mean 120, standard deviation sqrt(250); 3 days' lead time.
    stock = safety_stock(0.95, np.std([100, 120, 130, 110, 140], ddof=1), lead_time=3)
    assert stock == pytest.approx(1.644854 * np.sqrt(3 * 250), rel=1e-6)


# ---- levels of a day from samples -----------------------------------------------------------------------------------


@pytest.mark.parametrize("review", [1, 2])
def test_levels_against_a_slow_loop_over_items_days_and_samples(review):
    rng = np.random.default_rng(0)
    samples = rng.poisson(3.0, size=(4, 25, 9))
    holding, shortage, order_cost = rng.uniform(0.5, 2, 4), rng.uniform(4, 9, 4), np.array([0.0, 1.0, 20.0, 90.0])
    lead_time, n_days = 2, 4  # a horizon of n_days + 2 + 2 - 1: nothing to repeat
    costs = {"service_level": shortage / (shortage + holding), "order_cost": order_cost / holding}
    levels = periodic_review_levels(samples, lead_time=lead_time, review=review, **costs, n_days=n_days)
    for i in range(4):
        h, p = holding[i], shortage[i]
        for t in range(n_days):

            def cost(y, i=i, t=t, h=h, p=p):
                """Of the days the order must serve, one after the other, from a position y."""
                ends = [sum(path[t : t + lead_time + j]) for path in samples[i] for j in range(1, review + 1)]
                return sum(h * max(y - d, 0) + p * max(d - y, 0) for d in ends)

            daily = np.mean([sum(path[t : t + lead_time + review]) for path in samples[i]]) / (lead_time + review)
            economic = (2 * order_cost[i] * daily / h * (p + h) / p) ** 0.5 - (review - 1) / 2 * daily
            quantity = max(round(economic), 1)
            windows = {s: sum(cost(y) for y in range(s, s + quantity)) for s in range(40)}
            assert windows[levels.s[i, t]] == pytest.approx(min(windows.values()))
            assert levels.S[i, t] == levels.s[i, t] + quantity - 1


@pytest.mark.parametrize(("lead_time", "review", "worst"), [(0, 1, 0.035), (3, 1, 0.02), (2, 7, 0.055)])
@pytest.mark.parametrize("order_cost", [0, 4, 16, 64, 256])
def test_steady_demand_costs_little_more_than_under_the_exact_policy(lead_time, review, worst, order_cost):
    mean = np.exp(np.linspace(np.log(0.3), np.log(40), 25))
    demand = negative_binomial_demand(mean, mean + 0.3 * mean**2)
    costs, timing = COSTS | {"order_cost": float(order_cost)}, {"lead_time": lead_time, "review": review}
    exact = exact_levels(demand, **costs, **timing).cost.sum()
    paths = demand.sample(np.random.default_rng(0), 2000, 9)
    levels = periodic_review_levels(paths, n_days=1, service_level=0.9, order_cost=order_cost, **timing)
    cost = levels_cost(demand, levels.s[:, 0], levels.S[:, 0], **costs, **timing).sum()
    assert exact <= cost <= (1 + worst) * exact


def test_levels_of_many_poisson_samples_are_the_poisson_quantile_on_every_day():
    # The last days reach beyond the horizon. Their demand must spread like independent days: repeating each path's own
    # last day would make the last s 36 in place of 28.
    samples = np.random.default_rng(1).poisson(5.0, size=(1, 40_000, 6))
    levels = periodic_review_levels(samples, lead_time=3, review=1, service_level=0.96)
    exact = poisson.ppf(0.96, 4 * 5.0)
    assert poisson.cdf(exact - 1, 20) < 0.955 and poisson.cdf(exact, 20) > 0.965  # so sampling cannot tip the quantile
    np.testing.assert_array_equal(levels.s, np.full((1, 6), exact))
    np.testing.assert_array_equal(levels.S, levels.s)


def test_items_without_demand_are_never_ordered():
    levels = periodic_review_levels(np.zeros((2, 10, 5)), service_level=0.99)
    assert not levels.s.any() and not levels.S.any()


def test_normal_levels_follow_days_that_differ():
    rng = np.random.default_rng(3)
    mean, std = rng.uniform(5, 20, (2, 8)), rng.uniform(1, 3, (2, 8))
    levels = normal_levels(mean, std, lead_time=2, service_level=np.array([0.8, 0.95]))
    for i, z in enumerate(norm.ppf([0.8, 0.95])):
        spread = np.sqrt(std[i, 1] ** 2 + std[i, 2] ** 2 + std[i, 3] ** 2)
        assert levels.s[i, 1] == pytest.approx(mean[i, 1:4].sum() + z * spread)
        assert levels.s[i, 7] == pytest.approx(3 * mean[i, 7] + z * np.sqrt(3) * std[i, 7])  # that day again


def test_several_service_levels_at_once_are_each_alone():
    samples = np.random.default_rng(5).negative_binomial(2, 0.2, size=(7, 41, 6))
    ratios = np.array([0.5, 0.55, 0.9, 0.99])
    together = periodic_review_levels(samples, service_level=ratios[:, None], lead_time=1)
    assert together.s.shape == together.S.shape == (4, 7, 6)
    for ratio, s, S in zip(ratios, together.s, together.S, strict=True):
        alone = periodic_review_levels(samples, service_level=ratio, lead_time=1)
        np.testing.assert_array_equal(s, alone.s)
        np.testing.assert_array_equal(S, alone.S)
    with pytest.raises(ParameterError, match="service_level has rows"):
        periodic_review_levels(samples, service_level=ratios[:, None], order_cost=5.0)


# ---- exact (s, S) ----------------------------------------------------------------------------------------------------

# Zheng & Federgruen (1991), h = 1, p = 9, K = 64: Poisson mean, s of the textbook (order at or below it), S, cost.
PUBLISHED = np.array(
    [
        (10, 6, 40, 35.022), (15, 10, 49, 42.698), (20, 14, 62, 49.173), (21, 15, 65, 50.406), (22, 16, 68, 51.632),
        (23, 17, 52, 52.757), (24, 18, 54, 53.518), (25, 19, 56, 54.262), (30, 23, 66, 57.819), (35, 28, 77, 61.215),
        (40, 33, 87, 64.512), (45, 37, 97, 67.776), (50, 42, 108, 70.975), (51, 43, 110, 71.611), (52, 44, 112, 72.246),
        (55, 47, 118, 74.149), (59, 51, 126, 76.679), (60, 52, 129, 77.306), (61, 52, 131, 77.929),
        (63, 54, 73, 78.287), (64, 55, 74, 78.402), (65, 56, 75, 78.518), (70, 62, 81, 79.037), (75, 67, 86, 79.554),
    ]
)  # fmt: skip


def test_all_published_instances_of_zheng_and_federgruen():
    best = exact_levels(poisson_demand(PUBLISHED[:, 0]), holding_cost=1, shortage_cost=9, order_cost=64)
    np.testing.assert_array_equal(best.s - 1, PUBLISHED[:, 1])
    np.testing.assert_array_equal(best.S, PUBLISHED[:, 2])
    np.testing.assert_allclose(best.cost, PUBLISHED[:, 3], atol=6e-4)


def test_example_4_7_and_problem_4_31():
    best = exact_levels(poisson_demand([6, 4]), holding_cost=[1, 40], shortage_cost=[4, 125], order_cost=[5, 150])
    assert best.s.tolist() == [4 + 1, 2 + 1] and best.S.tolist() == [10, 7]
    np.testing.assert_allclose(best.cost, [8.0341116, 223.5748296], atol=5e-8)


def test_costs_of_other_levels_in_the_textbook():
    demand = poisson_demand([6, 6, 4, 4])
    cost = levels_cost(
        demand,
        np.array([4, 6, 4, 2]) + 1,
        [10, 18, 10, 7],
        holding_cost=[1, 1, 40, 40],
        shortage_cost=[4, 4, 125, 125],
        order_cost=[5, 5, 150, 150],
    )
    np.testing.assert_allclose(cost, [8.034111561, 10.193798672, 262.2755613773, 223.5748295670], rtol=1e-9)


def stationary_cost(table, s, S, h, p, K, lead_time, review):
    """Cost per day by the stationary distribution of the position after review, a Markov chain on s ... S."""
    between = demand_over_days(Demand(table[None]), review).probability[0]
    states = np.arange(s, S + 1)
    move = np.zeros((len(states), len(states)))
    ordering = np.zeros(len(states))
    for row, position in enumerate(states):
        for units, chance in enumerate(between):
            if position - units < s:
                move[row, -1] += chance
                ordering[row] += chance * K
            else:
                move[row, position - units - s] += chance
    balance = np.vstack([move.T - np.eye(len(states)), np.ones(len(states))])
    share = np.linalg.lstsq(balance, np.append(np.zeros(len(states)), 1), rcond=None)[0]
    daily = ordering / review
    for days in range(lead_time + 1, lead_time + review + 1):
        ends = demand_over_days(Demand(table[None]), days).probability[0]
        net = states[:, None] - np.arange(len(ends))
        daily += (h * np.maximum(net, 0) + p * np.maximum(-net, 0)) @ ends / review
    return share @ daily


@pytest.mark.parametrize(("lead_time", "review"), [(0, 1), (2, 1), (1, 2)])
def test_brute_force_over_every_s_and_S_on_small_random_tables(lead_time, review):
    rng = np.random.default_rng(lead_time + 10 * review)
    table = rng.dirichlet(np.full(4, 0.6), size=6)
    h, p, K = rng.uniform(0.5, 2, 6), rng.uniform(2, 12, 6), rng.uniform(0, 6, 6)
    timing = {"lead_time": lead_time, "review": review}
    best = exact_levels(Demand(table), holding_cost=h, shortage_cost=p, order_cost=K, **timing)
    given = levels_cost(Demand(table), best.s, best.S, holding_cost=h, shortage_cost=p, order_cost=K, **timing)
    np.testing.assert_allclose(given, best.cost, rtol=1e-12)
    for i in range(6):
        costs = {
            (s, S): stationary_cost(table[i], s, S, h[i], p[i], K[i], lead_time, review)
            for S in range(14)
            for s in range(max(S - 9, -3), S + 1)
        }
        assert best.cost[i] == pytest.approx(min(costs.values()), rel=1e-9)
        assert costs[best.s[i], best.S[i]] == pytest.approx(best.cost[i], rel=1e-9)


def test_without_an_order_cost_the_best_policy_is_base_stock():
    demand = negative_binomial_demand([0.4, 3.0, 20.0], [0.9, 9.0, 50.0])
    best = exact_levels(demand, holding_cost=1, shortage_cost=[9, 19, 4], order_cost=0, lead_time=3)
    base_stock = newsvendor(demand_over_days(demand, 4), 1, [9, 19, 4])
    np.testing.assert_array_equal(best.S, base_stock.level)
    np.testing.assert_array_equal(best.s, best.S)
    np.testing.assert_allclose(best.cost, base_stock.cost)


def test_known_demand_is_ordered_for_the_best_number_of_days():
    # 5 a day, K 64, h 1: an order for n days costs 64 / n + 5 (n - 1) / 2 a day, least for n = 5.
    five = Demand(np.eye(6)[[5]])
    best = exact_levels(five, holding_cost=1, shortage_cost=1e4, order_cost=64, lead_time=2)
    assert best.S.tolist() == [2 * 5 + 25] and 10 < best.s[0] <= 15
    assert best.cost[0] == pytest.approx(min(64 / n + 5 * (n - 1) / 2 for n in range(1, 20)))


def test_item_without_demand_is_never_ordered_and_keeps_what_it_has():
    demand = poisson_demand([0.0, 6.0])
    costs = {"holding_cost": 1, "shortage_cost": 4, "order_cost": 5}
    best = exact_levels(demand, **costs)
    assert (best.s[0], best.S[0], best.cost[0]) == (0, 0, 0) and best.S[1] == 10
    np.testing.assert_allclose(levels_cost(demand, [2, 5], [3, 10], **costs), [3, best.cost[1]])
    assert exact_levels(poisson_demand(0), **costs).S.tolist() == [0]
    np.testing.assert_allclose(levels_cost(poisson_demand(0), 0, 7, **costs), [7])


def test_first_guess_of_the_width_and_the_chunk_do_not_matter(monkeypatch):
    rng = np.random.default_rng(3)
    demand = poisson_demand(rng.uniform(0.05, 20, 30))
    shortage = np.exp(rng.uniform(np.log(0.1), np.log(99), 30))
    costs = {"holding_cost": 1.0, "shortage_cost": shortage, "order_cost": rng.uniform(0, 900, 30)}
    best = exact_levels(demand, **costs)
    narrow = EconomicOrder(np.zeros(30), np.zeros(30))
    monkeypatch.setattr(policy, "economic_order_with_backorders", lambda *_: narrow)
    monkeypatch.setattr(policy, "CHUNK", 1)  # every item alone
    again = exact_levels(demand, **costs)
    np.testing.assert_array_equal(best.s, again.s)
    np.testing.assert_array_equal(best.S, again.S)
    np.testing.assert_allclose(best.cost, again.cost, rtol=1e-12)


def test_many_items_may_take_longer_than_one_may(monkeypatch):
    """Ordinary items are solved by the thousand; one item whose search is as long as all of theirs is refused."""
    costs = {"holding_cost": 1.0, "shortage_cost": 9.0}
    with monkeypatch.context() as limits:
        limits.setattr(checks, "MOST_STEPS", checks.MOST_STEPS / 100)
        limits.setattr(policy, "MOST_STEPS_OF_ALL", policy.MOST_STEPS_OF_ALL / 100)
        assert len(exact_levels(poisson_demand(np.full(140, 50.0)), order_cost=64.0, **costs).s) == 140
    with pytest.raises(ParameterError, match=r"order_cost and holding_cost: a search over .* units would take"):
        exact_levels(poisson_demand(5.0), order_cost=1e8, **costs)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"holding_cost": 0}, "holding_cost holds 0"),
        ({"shortage_cost": -1}, "shortage_cost holds -1"),
        ({"order_cost": np.nan}, "order_cost holds nan"),
        ({"order_cost": [1, 2, 3]}, "order_cost has shape"),
        ({"lead_time": -1}, "lead_time is -1"),
        ({"review": 0}, "review is 0"),
    ],
)
def test_exact_levels_and_their_cost_refuse_wrong_input_by_name(wrong, named):
    arguments = COSTS | {"order_cost": 5} | wrong
    with pytest.raises(ParameterError, match=named):
        exact_levels(poisson_demand([1, 2]), **arguments)
    with pytest.raises(ParameterError, match=named):
        levels_cost(poisson_demand([1, 2]), 1, 2, **arguments)


SAMPLES = np.ones((1, 5, 3))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: economic_order_quantity(-8, 0.2, 1300), "order_cost holds -8"),
        (lambda: economic_order_quantity(8, 0, 1300), "holding_cost holds 0"),
        (lambda: economic_order_quantity(8, 0.2, np.nan), "demand_rate"),
        (lambda: economic_order_quantity([1, 2], [1, 2, 3], 5), r"order_cost \(2,\), holding_cost \(3,\)"),
        (lambda: economic_order_with_backorders(8, 0.2, 0, 1300), "shortage_cost"),
        (lambda: order_quantity_cost(0, 8, 0.2, 1300), "quantity"),
        (lambda: safety_stock(1.0, 1, lead_time=3), "service_level"),
        (lambda: safety_stock(0.9, -1, lead_time=3), "daily_std"),
        (lambda: safety_stock(0.9, 1, lead_time=-1), "lead_time"),
        (lambda: safety_stock(0.9, 1, lead_time=3, review=-1), "review"),
        (lambda: normal_levels(np.ones((1, 3)), -np.ones((1, 3)), service_level=0.9), "std holds -1"),
        (lambda: normal_levels(np.ones((1, 3)), np.ones((1, 3)), service_level=1.0), "service_level runs from"),
        (lambda: periodic_review_levels(SAMPLES, service_level=0.9, order_cost=-5.0), "order_cost holds -5"),
        (lambda: periodic_review_levels(SAMPLES, service_level=1.0), "service_level"),
        (lambda: periodic_review_levels(-SAMPLES, service_level=0.9), "samples holds -1"),
        (lambda: periodic_review_levels(SAMPLES, service_level=0.9, lead_time=2.5), "lead_time is 2.5"),
        (lambda: periodic_review_levels(SAMPLES, service_level=0.9, n_days=10**7), "n_days, lead_time and review"),
        (lambda: exact_levels(poisson_demand(3), order_cost=1e10, **COSTS), "order_cost and holding_cost: a search"),
        (lambda: levels_cost(poisson_demand(3), 0, 1e9, order_cost=64, **COSTS), "S - s would take"),
        (lambda: levels_cost(poisson_demand(1), 5, 3, order_cost=5, **COSTS), "s exceeds S by 2"),
    ],
)
def test_unusable_arguments_are_refused_by_name(call, named):
    with pytest.raises(ParameterError, match=named):
        call()


# ---- an order from live stock, sales lost ---------------------------------------------------------------------------


@pytest.mark.parametrize(("lead_time", "review"), [(0, 1), (2, 1), (2, 3)])
def test_lost_sales_order_against_a_slow_loop_over_orders_and_paths(lead_time, review):
    rng = np.random.default_rng(1)
    samples = rng.poisson(2.0, size=(6, 15, lead_time + review)) * rng.choice([1.0, 1.3], size=(6, 1, 1))
    on_hand, on_order = rng.integers(0, 6, 6), rng.integers(0, 4, (6, lead_time))
    h, p = rng.uniform(0.1, 1, 6), rng.uniform(1, 5, 6)
    orders = lost_sales_order(samples, on_hand, on_order, holding_cost=h, shortage_cost=p, review=review)
    left = stock_at_arrival(samples, on_hand, on_order)
    for i in range(6):

        def cost(order, i=i):
            """Of the days that the order serves, one after the other, on every path."""
            total = 0.0
            for k, path in enumerate(samples[i]):
                stock = on_hand[i]
                for day in range(lead_time):
                    stock = max(stock + on_order[i, day] - path[day], 0)
                assert stock == left[i, k]
                stock += order
                for asked in path[lead_time:]:
                    total += p[i] * max(asked - stock, 0)
                    stock = max(stock - asked, 0)
                    total += h[i] * stock
            return total

        assert cost(orders[i]) == pytest.approx(min(map(cost, range(40))))


def test_lost_sales_order_at_its_limits():
    samples = np.random.default_rng(2).poisson(4.0, size=(1, 500, 3))
    costs = {"holding_cost": 1.0, "shortage_cost": 4.0}
    nothing = np.zeros((1, 0))
    newsvendor_level = sample_newsvendor(samples[:, :, 0], 0.8)
    assert lost_sales_order(samples, 0, nothing, **costs) == newsvendor_level  # no lead time: the newsvendor
    assert lost_sales_order(samples, 3, nothing, **costs) == newsvendor_level - 3
    assert lost_sales_order(samples, 1000, np.zeros((1, 2)), **costs) == 0  # stock without end: no order
    # Where every unit on the way is sold out before, only the last day counts; waiting demand would need all three.
    assert lost_sales_order(samples, 0, np.zeros((1, 2)), **costs) == sample_newsvendor(samples[:, :, 2], 0.8)
    waits = periodic_review_levels(samples, lead_time=2, service_level=0.8, n_days=1).S[0, 0]
    assert lost_sales_order(samples, 0, np.zeros((1, 2)), **costs) < waits


def test_lost_sales_order_says_what_it_lacks():
    with pytest.raises(ParameterError, match="lead time and review need 4"):
        lost_sales_order(np.ones((1, 5, 3)), 0, np.zeros((1, 3)), holding_cost=1, shortage_cost=1)
    with pytest.raises(ParameterError, match="on_order has shape"):
        stock_at_arrival(np.ones((2, 5, 3)), 0, np.zeros((1, 3)))


# ---- levels that keep their promise ---------------------------------------------------------------------------------


@pytest.mark.parametrize("review", [1, 2])
def test_corrected_levels_cover_as_much_as_promised_where_the_samples_are_too_narrow(review):
    rng = np.random.default_rng(3)
    timing = {"lead_time": 2, "review": review, "service_level": 0.9}
    mean = rng.gamma(2, 4, (900, 1))

    def forecast_and_demand():
        size = rng.gamma(2, 0.5, mean.shape)  # all days of an origin share it, and the samples do not know it
        return rng.poisson(mean[:, :, None], (900, 100, 6)), rng.poisson(mean * size, (900, 6))

    def covered(samples, came, correction):
        S = periodic_review_levels(samples, **timing, correction=correction).S
        ends = [came[:, t : t + 2 + j].sum(axis=1) <= S[:, t] for t in range(5 - review) for j in range(1, review + 1)]
        return np.mean(ends)

    past = [forecast_and_demand() for _ in range(4)]
    correction = learn_correction(past, **timing)
    new = [forecast_and_demand() for _ in range(4)]
    before, after = (np.mean([covered(*pair, fix) for pair in new]) for fix in (None, correction))
    assert before < 0.8 and abs(after - 0.9) < 0.015


def test_a_correction_without_need_changes_little_and_unknown_days_teach_nothing():
    rng = np.random.default_rng(4)
    timing = {"lead_time": 1, "service_level": 0.9}
    mean = rng.gamma(2, 20, (400, 1))
    samples, came = rng.poisson(mean[:, :, None], (400, 400, 4)), rng.poisson(mean, (400, 4)).astype(float)
    plain, fixed = (
        periodic_review_levels(samples, **timing, correction=fix).S
        for fix in (None, learn_correction([(samples, came)], **timing))
    )
    assert abs((fixed / plain).mean() - 1) < 0.02
    some = came.copy()
    some[200:] = np.nan
    only = learn_correction([(samples[:200], came[:200])], **timing)
    assert (learn_correction([(samples, some)], **timing).shift == only.shift).all()
    with pytest.raises(ParameterError, match="no item whose demand is known"):
        learn_correction([(samples, np.full_like(came, np.nan))], **timing)
