"""The contest's last table: s and S of every item and day, and the orders they lead to if the forecast comes true."""

import numpy as np
import pandas as pd

from bowerbird.checks import at_least
from bowerbird.data.panel import long_table
from bowerbird.errors import ParameterError
from bowerbird.inventory.calibration import Correction
from bowerbird.inventory.policy import periodic_review_levels
from bowerbird.inventory.simulate import simulate


def whole_units(mean: np.ndarray) -> np.ndarray:
    """Expected daily demand (n_items, n_days) in whole units whose running totals stay within half a unit of its own.

    Rounding day by day would make 0.4 a day into nothing at all.

    >>> whole_units(np.full((1, 5), 0.4))
    array([[0, 1, 0, 1, 0]])
    """
    mean = at_least("mean", mean, axes="n_items, n_days")
    return np.diff(np.rint(np.cumsum(mean, axis=1)), axis=1, prepend=0).astype(np.int64)


def replenishment_plan(
    series: pd.DataFrame,
    dates: pd.DatetimeIndex,
    samples: np.ndarray,
    forecast_mean: np.ndarray,
    *,
    service_level,
    opening_stock=5,
    lead_time: int = 3,
    review: int = 1,
    correction: Correction | None = None,
) -> pd.DataFrame:
    """Table 4 of the contest's semi-final: levels from the forecast's distribution, simulated on the expected demand.

    Parameters
    ----------
    series : DataFrame, n_items rows  seller_no, product_no, warehouse_no of each item.
    dates : DatetimeIndex, n_days  Days of the plan.
    samples : array (n_items, n_samples, horizon)  Daily demand from the first day of the plan on.
    forecast_mean : array (n_items, n_days)  Expected daily demand.
    service_level : float or array (n_items,)  Critical ratio p / (p + h), in (0, 1).
    opening_stock : int or array (n_items,)  On hand before the first day.
    lead_time, review : int  Days from order to arrival [LT] and between reviews [NRT].
    correction : Correction, optional  As in `periodic_review_levels`.

    Returns
    -------
    DataFrame, one row an item and day: seller_no, product_no, warehouse_no, date, s, S, opening_stock (before
    arrivals), arrivals, forecast_demand (`whole_units` of the mean), order, closing_stock; units are whole numbers.

    Two units a day for sure: with one day to order, four must be in stock or on order.

    >>> item = pd.DataFrame({"seller_no": ["s"], "product_no": ["p"], "warehouse_no": ["w"]})
    >>> two = np.full((1, 3), 2.0)
    >>> plan = replenishment_plan(item, pd.date_range("2023-05-16", periods=3), two[:, None], two, service_level=0.9,
    ...                           opening_stock=3, lead_time=1)
    >>> plan[["S", "opening_stock", "arrivals", "order", "closing_stock"]].to_numpy().tolist()
    [[4, 3, 0, 1, 1], [4, 1, 1, 2, 0], [4, 0, 2, 2, 0]]
    """
    shape = (len(series), len(dates))
    if np.shape(forecast_mean) != shape or len(samples) != shape[0]:
        raise ParameterError(
            f"forecast_mean has shape {np.shape(forecast_mean)} and samples {np.shape(samples)}; "
            f"{shape[0]} series and {shape[1]} dates need {shape} and ({shape[0]}, n_samples, horizon)"
        )
    timing = {"lead_time": lead_time, "review": review}
    levels = periodic_review_levels(
        samples, n_days=len(dates), service_level=service_level, correction=correction, **timing
    )
    demand = whole_units(forecast_mean)
    run = simulate(demand, levels.s, levels.S, opening_stock=opening_stock, **timing)
    columns = {
        "s": levels.s, "S": levels.S, "opening_stock": run.opening_stock, "arrivals": run.arrivals,
        "forecast_demand": demand, "order": run.orders, "closing_stock": run.closing_stock,
    }  # fmt: skip
    return long_table(series, dates, **{name: units.astype(np.int64) for name, units in columns.items()})
