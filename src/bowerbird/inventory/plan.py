"""The contest's last table: s and S of every item and day, and the walk they lead to if the forecast comes true."""

import numpy as np
import pandas as pd

from bowerbird.checks import at_least
from bowerbird.data.reader import SERIES_KEY
from bowerbird.errors import ParameterError
from bowerbird.inventory.policy import periodic_review_levels
from bowerbird.inventory.simulate import simulate


def whole_units(mean: np.ndarray) -> np.ndarray:
    """Daily forecasts in whole units whose running totals stay within half a unit of the forecast's.

    Parameters
    ----------
    mean : array (n_items, n_days)
        Expected daily demand, not negative.

    Returns
    -------
    int64 array (n_items, n_days); rounding day by day would make 0.4 a day into nothing at all.
    """
    mean = at_least("mean", mean)
    if mean.ndim != 2:
        raise ParameterError(f"mean, shape {mean.shape}: give (n_items, n_days)")
    return np.diff(np.rint(np.cumsum(mean, axis=1)), axis=1, prepend=0).astype(np.int64)


def replenishment_plan(
    series: pd.DataFrame,
    dates: pd.DatetimeIndex,
    samples: np.ndarray,
    forecast_mean: np.ndarray,
    *,
    opening_stock=5,
    lead_time: int = 3,
    review: int = 1,
    lost_sales: bool = True,
    **service,
) -> pd.DataFrame:
    """The replenishment plan: levels from the forecast's distribution, walked through the expected demand.

    Parameters
    ----------
    series : DataFrame, n_items rows
        seller_no, product_no, warehouse_no of each item.
    dates : DatetimeIndex, n_days
        Days of the plan.
    samples : array (n_items, n_samples, horizon)
        Sampled daily demand from the first day of the plan on.
    forecast_mean : array (n_items, n_days)
        Expected daily demand.
    opening_stock : int or array (n_items,)
        On hand before the first day.
    lead_time, review : int
        Days from order to arrival [LT] and between reviews [NRT].
    lost_sales : bool
        Whether demand not met is lost; otherwise it is backordered.
    **service
        service_level, or holding_cost and shortage_cost [h, p], and order_cost [K], as in `periodic_review_levels`.

    Returns
    -------
    DataFrame, one row an item and day: seller_no, product_no, warehouse_no, date, s, S, opening_stock (before
    arrivals), arrivals, forecast_demand (`whole_units` of the mean), order, closing_stock; units are whole numbers.

    Raises
    ------
    ParameterError
        If shapes do not fit together, or as in `periodic_review_levels` and `simulate`.

    Source
    ------
    Table 4 of the contest's semi-final.
    """
    shape = (len(series), len(dates))
    if np.shape(forecast_mean) != shape or len(samples) != shape[0]:
        raise ParameterError(
            f"forecast_mean has shape {np.shape(forecast_mean)} and samples {np.shape(samples)}; "
            f"{shape[0]} series and {shape[1]} dates need {shape} and ({shape[0]}, n_samples, horizon)"
        )
    timing = {"lead_time": lead_time, "review": review}
    levels = periodic_review_levels(samples, n_days=len(dates), **timing, **service)
    demand = whole_units(forecast_mean)
    walk = simulate(demand, levels.s, levels.S, opening_stock=opening_stock, lost_sales=lost_sales, **timing)
    plan = series.loc[series.index.repeat(len(dates)), list(SERIES_KEY)].reset_index(drop=True)
    plan["date"] = np.tile(dates.to_numpy(), len(series))
    columns = {
        "s": levels.s,
        "S": levels.S,
        "opening_stock": walk.opening_stock,
        "arrivals": walk.arrivals,
        "forecast_demand": demand,
        "order": walk.orders,
        "closing_stock": walk.closing_stock,
    }
    return plan.assign(**{name: units.reshape(-1).astype(np.int64) for name, units in columns.items()})
