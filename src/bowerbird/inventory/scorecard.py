"""One scorecard for every plan: forecast accuracy, turnover, cost and satisfaction, the four sides of article 004."""

import numpy as np
import pandas as pd

from bowerbird import metrics
from bowerbird.checks import finite
from bowerbird.errors import ParameterError
from bowerbird.inventory.costs import Costs
from bowerbird.inventory.measures import Totals, summary, totals
from bowerbird.inventory.simulate import Walk

DAYS_A_YEAR = 365

SIDES = {
    "accuracy": ("1-WMAPE", "bias", "RMSE"),
    "turnover": ("turnover_days", "turns_a_year", "mean_stock", "orders"),
    "cost": ("holding_cost", "shortage_cost", "ordering_cost", "total_cost", "cost_per_unit"),
    "satisfaction": ("fill_rate", "cycle_service", "units_short"),
}
"""The measures of each side, in the order of the table's columns."""


def scorecard(walk: Walk | Totals, costs: Costs, *, actual=None, forecast=None) -> dict[tuple[str, str], float]:
    """The measures of one plan.

    Parameters
    ----------
    walk : Walk or Totals
    costs : Costs
        Cost coefficients; `assumed_costs` if no prices are known.
    actual, forecast : arrays (n_items, n_days), optional
        Units a day, for the side of accuracy; without a forecast it is NaN.

    Returns
    -------
    dict, (side, measure) -> value: bowerbird.metrics for accuracy, `measures.summary` for the rest, and turns_a_year
    (365 / turnover days), cost_per_unit (total cost / units demanded), units_short (not met on their day).

    Raises
    ------
    ParameterError
        If only one of actual and forecast is given, or their shapes differ.

    Source
    ------
    Article 004, question 9: how to evaluate such a system.
    """
    if (actual is None) != (forecast is None):
        raise ParameterError("one of actual and forecast is None; give both, or neither")
    total = totals(walk)
    values = dict.fromkeys(SIDES["accuracy"], np.nan) if forecast is None else metrics.scores(actual, forecast)
    values |= summary(total, costs)
    demand = float(total.demand.sum())
    with np.errstate(divide="ignore"):
        values["turns_a_year"] = float(np.divide(DAYS_A_YEAR, values["turnover_days"]))
    values["cost_per_unit"] = values["total_cost"] / demand if demand else np.nan
    values["units_short"] = demand - float(total.sales.sum())
    return {(side, name): values[name] for side, names in SIDES.items() for name in names}


def compare(cards: dict[str, dict], baseline: str | None = None) -> pd.DataFrame:
    """Scorecards of several plans in one table.

    Parameters
    ----------
    cards : dict
        Name of the plan -> its `scorecard`.
    baseline : str, optional
        The plan that the others are measured against.

    Returns
    -------
    DataFrame, one row a plan, columns (side, measure); with a baseline also (cost, saving), the share of the baseline's
    total cost that is saved, and (satisfaction, gain), the difference of the fill rates.

    Raises
    ------
    ParameterError
        If the baseline is none of the plans.
    """
    table = pd.DataFrame.from_dict(cards, orient="index")
    table.columns = pd.MultiIndex.from_tuples(table.columns, names=["side", "measure"])
    if baseline is None:
        return table
    if baseline not in table.index:
        raise ParameterError(f"baseline is {baseline!r}; choose one of {', '.join(table.index)}")
    cost, fill_rate = table["cost", "total_cost"], table["satisfaction", "fill_rate"]
    table["cost", "saving"] = 1 - cost / cost[baseline]
    table["satisfaction", "gain"] = fill_rate - fill_rate[baseline]
    return table[sorted(table.columns, key=lambda column: list(SIDES).index(column[0]))]


def pareto_front(cost, fill_rate) -> np.ndarray:
    """Which plans no other plan beats: none is as cheap with a higher fill rate, or cheaper with as high a one.

    Parameters
    ----------
    cost, fill_rate : arrays (n_plans,)

    Returns
    -------
    bool array (n_plans,); equal plans are all on the front or all off it.

    Raises
    ------
    ParameterError
        If the shapes differ or a number is missing.
    """
    cost, fill_rate = finite("cost", cost), finite("fill_rate", fill_rate)
    if cost.ndim != 1 or not cost.size or cost.shape != fill_rate.shape:
        raise ParameterError(
            f"cost, shape {cost.shape}, and fill_rate, shape {fill_rate.shape}: give a number of each a plan"
        )
    order = np.lexsort((-fill_rate, cost))  # cheapest first, of equal cost the highest fill rate first
    best_before = np.concatenate([[-np.inf], np.maximum.accumulate(fill_rate[order])[:-1]])
    ahead = fill_rate[order] > best_before
    leaders = np.flatnonzero(ahead)[
        np.cumsum(ahead) - 1
    ]  # the last plan that was ahead; twins of it are on the front too
    twins = (cost[order] == cost[order][leaders]) & (fill_rate[order] == fill_rate[order][leaders])
    front = np.empty(cost.shape, bool)
    front[order] = ahead | twins
    return front


def cost_at_fill_rate(cost, fill_rate, wanted) -> np.ndarray:
    """What a fill rate costs, by straight lines between the points of the Pareto front: plans at equal service.

    Parameters
    ----------
    cost, fill_rate : arrays (n_plans,)
        Of one method at several service levels.
    wanted : float or array
        Fill rates to compare at.

    Returns
    -------
    float or array; NaN above the highest fill rate reached, and below the front's lowest the cost of that plan, which
    is cheaper and serves better.
    """
    front = pareto_front(cost, fill_rate)
    points = np.unique(np.column_stack([fill_rate, cost])[front], axis=0)  # rising fill rate, and with it rising cost
    return np.interp(finite("wanted", wanted), points[:, 0], points[:, 1], right=np.nan)
