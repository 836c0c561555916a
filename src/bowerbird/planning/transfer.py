"""For whom: move stock from warehouses with too much to those with too little, and what to do with it at end of life.

Both are transport problems. Their linear programs have whole-number solutions whenever stock and demand are whole.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import block_array, eye_array, kron

from bowerbird.checks import at_least, finite, spread_over
from bowerbird.errors import ParameterError


@dataclass(frozen=True)
class Transfer:
    """Units to move and what that gains.

    Attributes
    ----------
    units : array (n_from, n_to)
        Units moved on each way.
    gain : float
        Worth of the units at their destination less their worth at the origin and the transport cost.
    surplus_worth : array (n_from,)
        What one more unit of surplus there would gain (dual price).
    shortage_worth : array (n_to,)
        What one more unit of shortage there would gain.
    """

    units: np.ndarray
    gain: float
    surplus_worth: np.ndarray
    shortage_worth: np.ndarray


def transfer(surplus, shortage, transport_cost, *, worth, worth_at_origin=0.0) -> Transfer:
    """The transfers that gain most; a unit stays where moving it gains nothing, and the two sides need not balance.

    Parameters
    ----------
    surplus : array (n_from,)
        Units that each warehouse can spare.
    shortage : array (n_to,)
        Units that each warehouse is short of.
    transport_cost : array (n_from, n_to)
        Money per unit [c]; infinite where there is no way.
    worth : float or array (n_to,)
        Money per unit of shortage made good [v], such as the shortage cost saved.
    worth_at_origin : float or array (n_from,)
        Money per unit that stays [w], such as later sales less the holding cost.

    Returns
    -------
    Transfer

    Raises
    ------
    ParameterError
        If an argument is out of range or has the wrong shape.
    """
    surplus, shortage = at_least("surplus", surplus), at_least("shortage", shortage)
    for name, units in (("surplus", surplus), ("shortage", shortage)):
        if units.ndim != 1 or not units.size:
            raise ParameterError(f"{name} is {units.tolist()}; give units for each warehouse")
    shape = (surplus.size, shortage.size)
    cost = _check_cost(transport_cost, shape)
    worth = spread_over("worth", finite("worth", worth), shape[1:])
    worth_at_origin = spread_over("worth_at_origin", finite("worth_at_origin", worth_at_origin), shape[:1])
    # max sum_ij (v_j - w_i - c_ij) x_ij,  sum_j x_ij <= surplus_i,  sum_i x_ij <= shortage_j,  x >= 0
    gain = (worth - worth_at_origin[:, None] - cost).ravel()
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
    """What becomes of the last stock of an item, by warehouse.

    Attributes
    ----------
    keep : array (n_warehouses,)
        Units that stay to be sold where they are.
    move : array (n_warehouses, n_warehouses)
        Units moved from (row) to (column), to be sold there.
    clear : array (n_warehouses,)
        Units cleared at once.
    value : float
        Expected revenue of it all, less transport.
    """

    keep: np.ndarray
    move: np.ndarray
    clear: np.ndarray
    value: float


def end_of_life(stock, value, transport_cost, *, clearing_price=0.0) -> EndOfLife:
    """Keep, transfer or clear: where each of the last units of an item brings most.

    Parameters
    ----------
    stock : int array (n_warehouses,)
        Units on hand.
    value : array (n_warehouses, n_units + 1)
        Expected revenue from 0, 1, ..., n units at each warehouse, such as `exponential_pricing` gives: concave, each
        unit worth no more than the one before. No warehouse keeps more than n units.
    transport_cost : array (n_warehouses, n_warehouses)
        Money per unit [c]; infinite where there is no way; the diagonal is not used.
    clearing_price : float or array (n_warehouses,)
        Money per unit cleared at once; below 0 if disposal costs.

    Returns
    -------
    EndOfLife

    Raises
    ------
    ParameterError
        If an argument is out of range, has the wrong shape, or a value is not concave.
    """
    stock, value = at_least("stock", stock), finite("value", value)
    if stock.ndim != 1 or not stock.size or (stock != np.rint(stock)).any():
        raise ParameterError(f"stock is {stock.tolist()}; give whole units for each warehouse, at least 0")
    n = stock.size
    if value.ndim != 2 or len(value) != n or value.shape[1] < 2:
        raise ParameterError(f"value, shape {value.shape}: give ({n}, n_units + 1), one unit at least")
    unit_worth = np.diff(value, axis=1)  # (n_warehouses, n_units), of the 1st, 2nd, ... unit there
    if (np.diff(unit_worth, axis=1) > 1e-9 * np.abs(value).max()).any():
        place = int(np.argmax(np.diff(unit_worth, axis=1).max(axis=1)))
        raise ParameterError(f"value of warehouse {place} is not concave: a unit is worth more than the one before it")
    cost = _check_cost(transport_cost, (n, n))
    np.fill_diagonal(cost, 0.0)

    # max sum_ij -c_ij x_ij + sum_jk worth_jk y_jk + sum_i price_i z_i,
    # sum_j x_ij + z_i = stock_i,  sum_i x_ij - sum_k y_jk = 0,  0 <= y <= 1
    # Worth falls from unit to unit, so that the best y are the first.
    n_units = unit_worth.shape[1]
    leaves, arrives = _sums_of_ways(n, n)
    sold = kron(eye_array(n), np.ones((1, n_units)))
    balance = block_array([[leaves, None, eye_array(n)], [arrives, -sold, None]])
    upper = np.concatenate([np.where(np.isfinite(cost.ravel()), stock.sum(), 0), np.ones(n * n_units), stock])
    price = spread_over("clearing_price", finite("clearing_price", clearing_price), (n,))
    objective = np.concatenate([np.nan_to_num(cost.ravel(), posinf=0.0), -unit_worth.ravel(), -price])
    solved = linprog(
        objective,
        A_eq=balance,
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


def _check_cost(transport_cost, shape: tuple[int, int]) -> np.ndarray:
    cost = at_least("transport_cost", transport_cost, endless=True).copy()
    if cost.shape != shape:
        raise ParameterError(f"transport_cost, shape {cost.shape}: give {shape}, money per unit")
    return cost
