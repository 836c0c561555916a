"""What to ask, and where to sell, when a stock cannot be reordered (document 004: dynamic pricing, end of life).

Dynamic pricing: customers arrive as a Poisson process of intensity a exp(-b p) at price p. Markdowns: prices on a
ladder that may only be stepped down. Transfers: from warehouses with a surplus to those that are short, and at the end
of an item's life keep, move or clear; both are transport problems, with whole-number solutions for whole stocks.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import block_array, eye_array, kron
from scipy.special import gammaln
from scipy.stats import poisson

from bowerbird.checks import above, at_least, check_size, finite, single_number, spread_over, whole
from bowerbird.errors import ParameterError


@dataclass(frozen=True)
class Pricing:
    """Expected revenue to come and best price now for every number of units left."""

    revenue: np.ndarray  # (n_units + 1,) [J]
    price: np.ndarray  # (n_units + 1,), per unit [p*]; infinite for 0 units


def exponential_pricing(n_units: int, time_left: float, *, scale: float, sensitivity: float = 1.0) -> Pricing:
    """Optimal prices for n units and t days left, with `scale` customers a day at price 0 [a] and `sensitivity` [b].

    Source: Gallego & van Ryzin, Management Science 40, 1994, section 2.3 (there with b = 1).
    """
    n_units, time_left, scale, sensitivity = _season(n_units, time_left, scale, sensitivity)
    units = np.arange(n_units + 1)
    # J(n, t) = log( sum_{i=0..n} (a t / e)^i / i! ) / b, its terms as logarithms so that none overflows
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(units > 0, units * np.log(scale * time_left / np.e), 0.0) - gammaln(units + 1)
    revenue = np.logaddexp.accumulate(terms) / sensitivity
    # p*(n, t) = J(n, t) - J(n - 1, t) + 1 / b
    return Pricing(revenue, np.append(np.inf, np.diff(revenue) + 1 / sensitivity))


@dataclass(frozen=True)
class FixedPrice:
    """One price for the whole season."""

    price: float  # per unit
    revenue: float  # expected
    bound: float  # revenue if demand came exactly as expected: no pricing policy earns more on average


def fixed_price(n_units: int, time_left: float, *, scale: float) -> FixedPrice:
    """The price that is best if demand comes as expected: within 1 / (2 sqrt(min(n, a t / e))) of the optimum.

    Arguments as in `exponential_pricing`, with b = 1. Source: Gallego & van Ryzin 1994, theorems 2 and 3.
    """
    n_units, time_left, scale, _ = _season(n_units, time_left, scale, 1.0)
    if n_units == 0 or time_left == 0:
        return FixedPrice(1.0, 0.0, 0.0)
    # The larger of the price 1 that earns most a day, and the run-out price log(a t / n)
    price = max(1.0, np.log(scale * time_left / n_units))
    expected = scale * np.exp(-price) * time_left  # customers; at most n
    # E[min(N, n)] = n - sum_{k<n} P(N <= k)
    sold = n_units - poisson.cdf(np.arange(n_units), expected).sum()
    return FixedPrice(float(price), float(price * sold), float(price * expected))


def _season(n_units, time_left, scale, sensitivity) -> tuple[int, float, float, float]:
    n_units = whole("n_units", n_units)
    check_size("n_units", n_units)
    time_left = single_number("time_left", at_least("time_left", time_left))
    scale, sensitivity = above("scale", scale), above("sensitivity", sensitivity)
    return n_units, time_left, single_number("scale", scale), single_number("sensitivity", sensitivity)


@dataclass(frozen=True)
class Markdown:
    """The best markdown plan: for each period, units left and lowest price so far, where on the ladder to sell."""

    value: np.ndarray  # (n_periods + 1, n_units + 1, n_prices), expected revenue to come
    choice: np.ndarray  # (n_periods, n_units + 1, n_prices), place of the period's price on the ladder
    bound: float  # value if demand came as expected and prices could rise too: above value[0, n_units, 0]


def markdown_plan(n_units: int, prices: np.ndarray, mean_demand: np.ndarray, *, salvage: float = 0.0) -> Markdown:
    """Best prices for a stock that is sold off over periods of Poisson demand, by backward induction.

    `prices` (n_prices,) falls, `mean_demand` is (n_periods, n_prices), and each unit left in the end brings `salvage`.
    Source: Gallego & van Ryzin 1994, section 5, with discrete periods and falling prices.
    """
    prices, mean_demand = finite("prices", prices), at_least("mean_demand", mean_demand)
    n_units, salvage = whole("n_units", n_units), single_number("salvage", finite("salvage", salvage))
    if not (np.diff(prices) < 0).all():
        raise ParameterError(f"prices is {prices.tolist()}; give a falling ladder")
    check_size("n_units", float(n_units + 1) ** 2)
    n_periods, n_prices = mean_demand.shape
    units = np.arange(n_units + 1)

    value = np.empty((n_periods + 1, n_units + 1, n_prices))
    choice = np.empty((n_periods, n_units + 1, n_prices), int)
    value[-1] = salvage * units[:, None]
    for t in reversed(range(n_periods)):
        # Q_t(n, k) = E[ p_k sold + V_{t+1}(n - sold, k) ],  sold = min(D_k, n)
        quality = np.empty((n_units + 1, n_prices))
        for k in range(n_prices):
            left = _chances_left(n_units, mean_demand[t, k])  # (n before, n after)
            quality[:, k] = prices[k] * (units - left @ units) + left @ value[t + 1, :, k]
        # V_t(n, j) = max_{k >= j} Q_t(n, k); of equal ones the highest price
        for j in range(n_prices):
            choice[t, :, j] = j + quality[:, j:].argmax(axis=1)
            value[t, :, j] = np.take_along_axis(quality, choice[t, :, j, None], axis=1)[:, 0]

    # Bound: shares w of each period at each price, demand as expected, no more sold than there is.
    # max sum_tk lambda_tk w_tk (p_k - salvage) + n salvage
    fluid = linprog(
        -(mean_demand * (prices - salvage)).ravel(),
        A_ub=np.vstack([np.kron(np.eye(n_periods), np.ones(n_prices)), mean_demand.ravel()]),
        b_ub=np.append(np.ones(n_periods), n_units),
    )
    return Markdown(value, choice, float(-fluid.fun + n_units * salvage))


def _chances_left(n_units: int, mean: float) -> np.ndarray:
    """Chance of each number of units left after Poisson demand, rows: units before, (n_units + 1, n_units + 1)."""
    units = np.arange(n_units + 1)
    sold = units[:, None] - units  # what must be asked for to leave so many; leaving none takes at least that much
    chance = np.where(sold >= 0, poisson.pmf(np.maximum(sold, 0), mean), 0.0)
    chance[:, 0] = poisson.sf(units - 1, mean)
    return chance


@dataclass(frozen=True)
class Transfer:
    """Units to move, what that gains, and what one unit more would gain (dual prices)."""

    units: np.ndarray  # (n_from, n_to)
    gain: float
    surplus_worth: np.ndarray  # (n_from,), of one more unit of surplus there
    shortage_worth: np.ndarray  # (n_to,), of one more unit of shortage there


def transfer(surplus, shortage, transport_cost, *, worth) -> Transfer:
    """The transfers that gain most; a unit stays where moving it gains nothing.

    Units of surplus (n_from,) and of shortage (n_to,); transport cost per unit (n_from, n_to) [c], infinite without a
    way; worth of a unit of shortage made good (n_to,) [v].
    """
    surplus, shortage = at_least("surplus", surplus), at_least("shortage", shortage)
    shape = (surplus.size, shortage.size)
    cost = _checked_cost(transport_cost, shape)
    worth = spread_over("worth", finite("worth", worth), shape[1:])
    # max sum_ij (v_j - c_ij) x_ij,  sum_j x_ij <= surplus_i,  sum_i x_ij <= shortage_j,  x >= 0
    gain = (worth - cost).ravel()
    ways = np.isfinite(gain)
    leaves, arrives = _sums_of_ways(*shape)
    rows = block_array([[leaves], [arrives]], format="csc")[:, ways]
    units, duals = np.zeros(shape), np.zeros(sum(shape))
    if ways.any():
        solved = linprog(-gain[ways], A_ub=rows, b_ub=np.append(surplus, shortage), method="highs-ds")
        units.ravel()[ways] = solved.x
        duals = -solved.ineqlin.marginals
    return Transfer(units, float(units.ravel()[ways] @ gain[ways]), duals[: shape[0]], duals[shape[0] :])


@dataclass(frozen=True)
class EndOfLife:
    """What becomes of the last units of an item, by warehouse."""

    keep: np.ndarray  # (n_warehouses,), units sold where they are
    move: np.ndarray  # (n_warehouses, n_warehouses), units moved from row to column
    clear: np.ndarray  # (n_warehouses,), units cleared at once
    value: float  # expected revenue of it all, less transport


def end_of_life(stock, value, transport_cost, *, clearing_price=0.0) -> EndOfLife:
    """Keep, transfer or clear: where each of the last units of an item brings most.

    Stock is whole units (n_warehouses,). `value` (n_warehouses, n_units + 1) is the expected revenue of 0, 1, ..., n
    units there, concave as from `exponential_pricing`. Transport cost per unit is (n_warehouses, n_warehouses),
    infinite without a way. `clearing_price` is per unit, below 0 if disposal costs.
    """
    stock, value = at_least("stock", stock), finite("value", value)
    n = stock.size
    unit_worth = np.diff(value, axis=1)  # (n_warehouses, n_units), of the 1st, 2nd, ... unit there
    if (np.diff(unit_worth, axis=1) > 1e-9 * np.abs(value).max()).any():
        place = int(np.argmax(np.diff(unit_worth, axis=1).max(axis=1)))
        raise ParameterError(f"value of warehouse {place} is not concave: a unit is worth more than the one before it")
    cost = _checked_cost(transport_cost, (n, n))
    np.fill_diagonal(cost, 0.0)

    # max sum_ij -c_ij x_ij + sum_jk worth_jk y_jk + sum_i price_i z_i,
    # sum_j x_ij + z_i = stock_i,  sum_i x_ij - sum_k y_jk = 0,  0 <= y <= 1
    # Worth falls from unit to unit, so that the best y are the first.
    n_units = unit_worth.shape[1]
    leaves, arrives = _sums_of_ways(n, n)
    sold = kron(eye_array(n), np.ones((1, n_units)))
    upper = np.concatenate([np.where(np.isfinite(cost.ravel()), stock.sum(), 0), np.ones(n * n_units), stock])
    price = spread_over("clearing_price", finite("clearing_price", clearing_price), (n,))
    solved = linprog(
        np.concatenate([np.nan_to_num(cost.ravel(), posinf=0.0), -unit_worth.ravel(), -price]),
        A_eq=block_array([[leaves, None, eye_array(n)], [arrives, -sold, None]]),
        b_eq=np.append(stock, np.zeros(n)),
        bounds=np.column_stack([np.zeros_like(upper), upper]),
        method="highs-ds",
    )
    units = solved.x[: n * n].reshape(n, n)
    keep = np.diag(units).copy()
    return EndOfLife(keep, units - np.diag(keep), solved.x[-n:], float(value[:, 0].sum() - solved.fun))


def _sums_of_ways(n_from: int, n_to: int):
    """Sparse rows that add up what leaves each origin, (n_from, n_ways), and what arrives, (n_to, n_ways)."""
    return kron(eye_array(n_from), np.ones((1, n_to))), kron(np.ones((1, n_from)), eye_array(n_to))


def _checked_cost(transport_cost, shape: tuple[int, int]) -> np.ndarray:
    cost = at_least("transport_cost", transport_cost, endless=True).copy()
    if cost.shape != shape:
        raise ParameterError(f"transport_cost, shape {cost.shape}: give {shape}, money per unit")
    return cost
