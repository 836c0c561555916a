from itertools import product

import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.planning.markdown_pricing import markdown_plan
from bowerbird.planning.transfer import end_of_life, transfer

INF = np.inf


def test_two_by_two_by_hand():
    # A spares 10, B spares 5; C is short of 8, D of 12. All 15 units move: A-C 8 at 1, A-D 2 at 4, B-D 5 at 2.
    best = transfer([10, 5], [8, 12], [[1, 4], [3, 2]], worth=9)
    np.testing.assert_array_equal(best.units, [[8, 2], [0, 5]])
    assert best.gain == pytest.approx(8 * (9 - 1) + 2 * (9 - 4) + 5 * (9 - 2))
    np.testing.assert_allclose(best.surplus_worth, [5, 7])  # one more unit of either serves D
    np.testing.assert_allclose(best.shortage_worth, [3, 0])  # one more short at C: 8 gained, 5 given up at D


def test_a_unit_stays_where_moving_it_does_not_pay():
    best = transfer([10, 10], [8, 8], [[1, 4], [3, 2]], worth=[3, 3], worth_at_origin=[0, 2])
    np.testing.assert_array_equal(best.units, [[8, 0], [0, 0]])  # A-D costs 4 for a worth of 3, B-D 2 for 3 - 2
    assert best.gain == 16
    assert transfer([3], [3], [[5.0]], worth=5).gain == 0


def test_more_surplus_than_shortage_and_the_other_way_round():
    spare = transfer([100, 1], [3], [[2.0], [1.0]], worth=10)
    np.testing.assert_array_equal(spare.units, [[2], [1]])
    np.testing.assert_allclose(spare.surplus_worth, [0, 1])
    assert spare.shortage_worth[0] == pytest.approx(8)
    short = transfer([3], [100, 1], [[2.0, 1.0]], worth=10)
    np.testing.assert_array_equal(short.units, [[2, 1]])


def test_ways_that_do_not_exist_are_not_used():
    best = transfer([5, 5], [6, 6], [[1, INF], [INF, INF]], worth=9)
    np.testing.assert_array_equal(best.units, [[5, 0], [0, 0]])
    nowhere = transfer([5], [6], [[INF]], worth=9)
    assert nowhere.gain == 0 and nowhere.surplus_worth.tolist() == [0]


@pytest.mark.parametrize("seed", range(15))
def test_transfer_against_trying_all_whole_numbers(seed):
    rng = np.random.default_rng(seed)
    surplus, shortage = rng.integers(0, 4, 2), rng.integers(0, 4, 2)
    cost, worth, stays = rng.integers(0, 6, (2, 2)), rng.integers(1, 9, 2), rng.integers(0, 3, 2)
    best = transfer(surplus, shortage, cost, worth=worth, worth_at_origin=stays)
    gains = []
    for flat in product(range(4), repeat=4):
        units = np.reshape(flat, (2, 2))
        if (units.sum(axis=1) <= surplus).all() and (units.sum(axis=0) <= shortage).all():
            gains.append((units * (worth - stays[:, None] - cost)).sum())
    assert best.gain == pytest.approx(max(gains))
    np.testing.assert_array_equal(best.units, np.rint(best.units))
    # Strong duality: the gain is what surplus and shortage are worth together.
    assert best.gain == pytest.approx(best.surplus_worth @ surplus + best.shortage_worth @ shortage)


def test_end_of_life_by_hand():
    # A holds 4 units, worth 5, 2, 1, 0 there; at B two would bring 6 and 4. Moving costs 1, clearing brings 1.5.
    value = np.array([[0, 5, 7, 8, 8], [0, 6, 10, 10, 10]])
    best = end_of_life([4, 0], value, [[0, 1], [1, 0]], clearing_price=1.5)
    np.testing.assert_array_equal(best.keep, [2, 0])
    np.testing.assert_array_equal(best.move, [[0, 2], [0, 0]])
    np.testing.assert_array_equal(best.clear, [0, 0])
    assert best.value == pytest.approx(7 + 10 - 2)
    dear = end_of_life([4, 0], value, [[0, 4.4], [1, 0]], clearing_price=1.5)
    np.testing.assert_array_equal([dear.keep[0], dear.move[0, 1], dear.clear[0]], [2, 1, 1])  # 6 - 4.4 > 1.5 > 1
    assert end_of_life([4, 0], value + 2, [[0, 1], [1, 0]]).value == pytest.approx(
        15 + 2 + 2
    )  # worth of no units at all
    apart = end_of_life([4, 0], value, [[0, INF], [INF, 0]], clearing_price=1.5)
    np.testing.assert_array_equal([apart.keep[0], apart.clear[0]], [2, 2])


def test_disposal_that_costs_is_put_off_and_a_worth_below_zero_is_cleared():
    value = np.array([[0, 3, 2, 1]])  # from the second unit on, each costs 1 to be rid of later
    best = end_of_life([3], value, [[0]], clearing_price=-0.5)
    assert best.keep[0] == 1 and best.clear[0] == 2 and best.value == pytest.approx(3 - 1)
    later = end_of_life([3], value, [[0]], clearing_price=-2)
    assert later.keep[0] == 3 and later.value == pytest.approx(1)


@pytest.mark.parametrize("seed", range(8))
def test_end_of_life_against_trying_everything(seed):
    rng = np.random.default_rng(seed)
    stock = rng.integers(0, 4, 2)
    worth = -np.sort(-rng.uniform(-1, 6, (2, 6)), axis=1)
    value = np.concatenate([np.zeros((2, 1)), worth.cumsum(axis=1)], axis=1)
    cost, price = rng.uniform(0, 3, (2, 2)), rng.uniform(-1, 3, 2)
    options = []
    for moved_a, moved_b in product(range(stock[0] + 1), range(stock[1] + 1)):
        for clear_a, clear_b in product(range(stock[0] - moved_a + 1), range(stock[1] - moved_b + 1)):
            kept = (stock[0] - moved_a - clear_a + moved_b, stock[1] - moved_b - clear_b + moved_a)
            transport = moved_a * cost[0, 1] + moved_b * cost[1, 0]
            cleared = clear_a * price[0] + clear_b * price[1]
            options.append(value[0, kept[0]] + value[1, kept[1]] + cleared - transport)
    best = end_of_life(stock, value, cost, clearing_price=price)
    assert best.value == pytest.approx(max(options))
    np.testing.assert_allclose(best.keep + best.move.sum(axis=1) + best.clear, stock)


def test_markdown_values_feed_the_decision():
    # The same item sells well at B and hardly at A: units move until a unit is worth as much here as there.
    slow, fast = (markdown_plan(12, [10, 6], np.tile(mean, (4, 1)), salvage=0.5) for mean in ([0.2, 0.4], [2.0, 3.5]))
    value = np.stack([slow.value[0, :, 0], fast.value[0, :, 0]])
    best = end_of_life([12, 0], value, [[0, 1.0], [1.0, 0]], clearing_price=0.6)
    kept, moved = int(best.keep[0]), int(best.move[0, 1])
    worth = np.diff(value, axis=1)
    assert 0 < kept < moved and kept + moved + best.clear[0] == 12
    assert worth[1, moved - 1] - 1 >= worth[0, kept] - 1e-9 and worth[0, kept - 1] >= worth[1, moved] - 1 - 1e-9


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"surplus": [-1, 2]}, "surplus"),
        ({"shortage": [np.nan]}, "shortage"),
        ({"transport_cost": [[1.0, 1.0]]}, "transport_cost"),
        ({"transport_cost": [[1.0], [-1.0]]}, "transport_cost"),
    ],
)
def test_transfers_that_do_not_fit_are_refused(wrong, named):
    with pytest.raises(ParameterError, match=named):
        transfer(**({"surplus": [1, 2], "shortage": [3], "transport_cost": [[1.0], [2.0]], "worth": 5} | wrong))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"stock": [-1]}, "stock"),
        ({"stock": [1.5]}, "stock"),
        ({"value": [[0, 1, 3.0]]}, "not concave"),
        ({"value": [[0, np.nan]]}, "value"),
        ({"transport_cost": [[0, 1.0]]}, "transport_cost"),
    ],
)
def test_end_of_life_that_does_not_fit_is_refused(wrong, named):
    with pytest.raises(ParameterError, match=named):
        end_of_life(**({"stock": [2], "value": [[0, 2.0, 3.0]], "transport_cost": [[0.0]]} | wrong))
