"""What is a better forecast worth? Every forecaster through the same policy on real held-out days.

A point forecast alone orders nothing well: what matters is how far demand may exceed it. So that every forecaster is
treated alike, its distribution is its point forecast plus errors that it made itself at earlier origins, on series of
like level. The levels s and S follow from that distribution, the walk from the demand that came.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.forecaster.inputs import running_level
from bowerbird.inventory.costs import ASSUMED_HOLDING_RATE, assumed_costs
from bowerbird.inventory.measures import summary
from bowerbird.inventory.policy import periodic_review_levels
from bowerbird.inventory.scorecard import cost_at_fill_rate
from bowerbird.inventory.simulate import simulate
from bowerbird.ladder import Key, actual_demand, mean_point
from bowerbird.ladder.quantile_forecast import QuantileForecast

RATIOS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
"""Critical ratios swept; p / h from 1 to 99."""

NEIGHBOURS = 201
"""Error paths, of series of like level, that make a distribution."""

PERFECT = "perfect foresight"


def past_errors(
    panel: Panel, forecasts: dict[Key, QuantileForecast], method: str, origins: Sequence[int], horizon: int
) -> tuple[np.ndarray, np.ndarray]:
    """A method's errors at earlier origins, relative to each series' level there.

    Parameters
    ----------
    panel : Panel
    forecasts : dict, Key -> QuantileForecast
        The ladder's.
    method : str
    origins : sequence of int
        Days known at each; all forecast days must have passed.
    horizon : int

    Returns
    -------
    level : array (n_paths,), units a day
    error : array (n_paths, horizon)
        (demand - forecast) / level of whole paths, so that the days of a path stay correlated; a path is a series after
        an origin, and one with an unknown day is left out.

    Raises
    ------
    ParameterError
        No path is known as a whole.
    """
    levels, errors = [], []
    for origin in origins:
        level = running_level(panel.demand[:, :origin])[:, -1]
        error = actual_demand(panel, origin, horizon) - mean_point(forecasts, method, origin, horizon)
        whole = ~np.isnan(error).any(axis=1)
        levels.append(level[whole])
        errors.append(error[whole] / level[whole, None])
    if not sum(map(len, levels)):
        raise ParameterError(f"origins {list(origins)}: no series has {horizon} known days after one of them")
    return np.concatenate(levels), np.concatenate(errors)


def error_paths(
    point: np.ndarray, level: np.ndarray, past: tuple[np.ndarray, np.ndarray], neighbours: int = NEIGHBOURS
) -> np.ndarray:
    """Demand paths: the point forecast plus each error path that series of like level have shown before.

    Parameters
    ----------
    point : array (n_series, horizon)
        Units a day.
    level : array (n_series,)
        Running level at the origin, units a day.
    past : (level, error)
        From `past_errors`.
    neighbours : int
        How many past paths, nearest in level, a series borrows; all of them if there are fewer.

    Returns
    -------
    array (n_series, neighbours, horizon), units, not negative.
    """
    order = np.argsort(past[0], kind="stable")
    neighbours = min(neighbours, len(order))
    middle = np.searchsorted(past[0][order], level)  # (n_series,)
    first = np.clip(middle - neighbours // 2, 0, len(order) - neighbours)
    chosen = order[first[:, None] + np.arange(neighbours)]  # (n_series, neighbours)
    return np.maximum(point[:, None] + level[:, None, None] * past[1][chosen], 0)


def worth_of_forecasts(
    panel: Panel,
    forecasts: dict[Key, QuantileForecast],
    methods: Iterable[str],
    origins: Sequence[int],
    own_paths: Mapping[str, Mapping[int, np.ndarray]] | None = None,
    *,
    horizon: int = 15,
    ratios: Sequence[float] = RATIOS,
    opening_stock=5,
    lead_time: int = 3,
    review: int = 1,
    lost_sales: bool = True,
    price=1.0,
) -> pd.DataFrame:
    """Walk each forecaster's levels through the days that came, at every critical ratio.

    A series with an unknown day after an origin is left out there.

    Parameters
    ----------
    panel : Panel
    forecasts : dict, Key -> QuantileForecast
        The ladder's, at the same origins for all methods.
    methods : iterable of str
        PERFECT is added, which knows the days to come.
    origins : sequence of int
        At least two; the walk starts at each but the first, with the errors of the origins before it.
    own_paths : mapping, optional
        Forecasters that bring a distribution of their own: name -> origin -> paths (n_series, n_samples, horizon).
    horizon : int
    ratios : sequence of float
        Critical ratios p / (p + h); h stays what `assumed_costs` says, p follows.
    opening_stock, lead_time, review, lost_sales : as in `simulate`
    price : float or array (n_series,)
        Assumed price of a unit.

    Returns
    -------
    DataFrame, one row a method, origin and ratio: the columns of `measures.summary`, and fill_rate_after_lead_time, of
    the days that an order can reach.
    """
    origins = sorted(origins)
    if len(origins) < 2:
        raise ParameterError(f"origins is {origins}; give two or more, the first for its errors alone")
    timing = {"lead_time": lead_time, "review": review}
    rows = []
    for position, origin in enumerate(origins[1:], 1):
        before = [earlier for earlier in origins[:position] if earlier + horizon <= origin]
        if not before:
            raise ParameterError(
                f"origins is {origins}: none lies horizon = {horizon} days before {origin}, so that its errors were "
                "known then; leave more days between them"
            )
        actual = actual_demand(panel, origin, horizon)
        whole = ~np.isnan(actual).any(axis=1)
        if not whole.any():
            raise ParameterError(f"origins hold {origin}: no series has {horizon} known days after it")
        opening, prices = (np.broadcast_to(values, len(whole))[whole] for values in (opening_stock, price))
        actual, level = actual[whole], running_level(panel.demand[:, :origin])[whole, -1]
        sellable = _sellable(actual, opening, lead_time) if lost_sales else actual
        paths = {PERFECT: sellable[:, None]}
        paths |= {name: by_origin[origin][whole] for name, by_origin in (own_paths or {}).items()}
        for method in methods:
            past = past_errors(panel, forecasts, method, before, horizon)
            point = mean_point(forecasts, method, origin, horizon)[whole]
            paths[method] = error_paths(point, level, past)
        for method, samples in paths.items():
            levels = periodic_review_levels(samples, service_level=np.array(ratios)[:, None], **timing)
            for ratio, s, S in zip(ratios, levels.s, levels.S, strict=True):
                walk = simulate(actual, s, S, opening_stock=opening, lost_sales=lost_sales, **timing)
                costs = assumed_costs(prices, shortage_rate=ratio / (1 - ratio) * ASSUMED_HOLDING_RATE)
                reached = actual[:, lead_time:].sum()
                rows.append({
                    "method": method, "origin": origin, "critical_ratio": ratio, **summary(walk, costs),
                    "fill_rate_after_lead_time": walk.sales[:, lead_time:].sum() / reached,
                })  # fmt: skip
    return pd.DataFrame(rows)


def _sellable(actual: np.ndarray, opening_stock, lead_time: int) -> np.ndarray:
    """The demand that stock can meet when nothing is ever short once the first order has arrived."""
    meetable = np.minimum(actual[:, :lead_time].cumsum(axis=1), np.asarray(opening_stock, float).reshape(-1, 1))
    sold = np.diff(meetable, axis=1, prepend=0)
    return np.concatenate([sold, actual[:, lead_time:]], axis=1)


def at_equal_service(table: pd.DataFrame, fill_rate: float, column: str = "fill_rate_after_lead_time") -> pd.DataFrame:
    """What each forecaster needs to reach one fill rate, between the critical ratios that were walked.

    Parameters
    ----------
    table : DataFrame
        From `worth_of_forecasts`.
    fill_rate : float in (0, 1)
    column : str
        Which fill rate.

    Returns
    -------
    DataFrame, one row a method, means over origins: mean_stock (units), holding_cost, turnover_days at that fill rate;
    NaN where no ratio reached it, the least of a method that passes it at every ratio.
    """
    found = []
    for (method, _), part in table.groupby(["method", "origin"], sort=False):
        measures = ("mean_stock", "holding_cost", "turnover_days")
        values = {name: cost_at_fill_rate(part[name], part[column], fill_rate) for name in measures}
        found.append({"method": method, **values})
    return pd.DataFrame(found).groupby("method", sort=False).agg(lambda values: values.mean(skipna=False)).reset_index()
