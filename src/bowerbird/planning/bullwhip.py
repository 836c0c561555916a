"""Why do orders vary more than the demand behind them? The bullwhip effect of forecasts, along a supply chain.

Each stage forecasts a day's demand from the past and orders up to what its lead time needs:

    y_t = L forecast_t,    q_t = y_t - y_{t-1} + (demand of its customer on day t)

An order below 0 returns units. The ratio var(q) / var(demand) is above 1, and grows with the lead time and with how
fast the forecast follows demand. If all stages see the customers' demand, the last one's ratio grows by sums of lead
times; if each forecasts the orders it receives, by products.
"""

import numpy as np

from bowerbird.checks import at_least, finite, one, together, whole
from bowerbird.errors import ParameterError


def moving_average_bullwhip(lead_time, window: int, *, correlation: float = 0.0):
    """Bullwhip ratio of order-up-to with a moving-average forecast.

    Parameters
    ----------
    lead_time : int or array
        Days that an order must last for, the review day included [L].
    window : int
        Days of the moving average [p].
    correlation : float
        Of demand from day to day, in (-1, 1) [rho].

    Returns
    -------
    float or array; exact for the orders above, a lower bound if safety stock follows the forecast errors too.

    Source
    ------
    F. Chen, Z. Drezner, J. Ryan, D. Simchi-Levi, Management Science 46 (2000) 436-443, theorem 2.2.
    """
    lead_time, window = at_least("lead_time", lead_time), whole("window", window, 1)
    correlation = finite("correlation", correlation)
    together(lead_time=lead_time, correlation=correlation)
    if not (np.abs(correlation) < 1).all():
        raise ParameterError(f"correlation is {correlation}; stay in (-1, 1)")
    # 1 + (2 L / p + 2 L^2 / p^2) (1 - rho^p)
    return 1 + (2 * lead_time / window + 2 * lead_time**2 / window**2) * (1 - correlation**window)


def exponential_smoothing_bullwhip(lead_time, smoothing: float):
    """Bullwhip ratio of order-up-to with exponential smoothing of independent demand.

    Parameters
    ----------
    lead_time : int or array
        Days that an order must last for [L].
    smoothing : float
        Weight of the last day, in (0, 1] [alpha].

    Returns
    -------
    float or array

    Source
    ------
    F. Chen, J. Ryan, D. Simchi-Levi, Naval Research Logistics 47 (2000) 269-286.
    """
    lead_time = at_least("lead_time", lead_time)
    _check_smoothing(smoothing)
    # 1 + 2 L alpha + 2 L^2 alpha^2 / (2 - alpha)
    return 1 + 2 * lead_time * smoothing + 2 * lead_time**2 * smoothing**2 / (2 - smoothing)


def _check_smoothing(smoothing: float) -> None:
    if not 0 < one("smoothing", finite("smoothing", smoothing)) <= 1:
        raise ParameterError(f"smoothing is {smoothing}; stay in (0, 1]")


def chain_orders(
    demand: np.ndarray, lead_times, *, window: int | None = None, smoothing: float | None = None, shared: bool = False
) -> np.ndarray:
    """Orders of every stage of a chain, from the one that customers buy from upwards.

    Parameters
    ----------
    demand : array (n_paths, n_days)
        Customers' demand.
    lead_times : sequence of int, n_stages
        Days that each stage's orders must last for [L].
    window : int, optional
        Days of a moving average [p]; or
    smoothing : float, optional
        Weight of the last day in exponential smoothing [alpha], which starts at the first day's demand.
    shared : bool
        Whether all stages forecast from the customers' demand; otherwise each from the orders it receives.

    Returns
    -------
    array (n_stages, n_paths, n_days); NaN on the first days, where the forecasts are not complete.

    Raises
    ------
    ParameterError
        If not exactly one of window and smoothing is given, or an argument is out of range.
    """
    demand = _paths(demand)
    if (window is None) == (smoothing is None):
        raise ParameterError("give either window, for a moving average, or smoothing")
    if window is not None:
        window = whole("window", window, 1)
    else:
        _check_smoothing(smoothing)
    lead_times = np.atleast_1d(at_least("lead_times", lead_times))
    received, orders = demand, np.empty((len(lead_times), *demand.shape))
    for stage, lead_time in enumerate(lead_times):
        forecast = _forecast(demand if shared else received, window, smoothing)
        # q_t = L (forecast_t - forecast_{t-1}) + demand of the stage below
        change = np.diff(forecast, axis=1, prepend=np.nan)
        received = orders[stage] = whole("lead_time", lead_time) * change + received
    return orders


def _forecast(seen: np.ndarray, window: int | None, smoothing: float | None) -> np.ndarray:
    """Forecast of a day's demand after each day, (n_paths, n_days); NaN until the window is full."""
    forecast = np.full(seen.shape, np.nan)
    if window is not None:
        if window <= seen.shape[1]:
            forecast[:, window - 1 :] = np.lib.stride_tricks.sliding_window_view(seen, window, axis=1).mean(axis=2)
        return forecast
    start = int(np.isnan(seen).sum(axis=1).max())  # orders below may begin late
    forecast[:, start] = seen[:, start]
    for day in range(start + 1, seen.shape[1]):
        # F_t = alpha D_t + (1 - alpha) F_{t-1}
        forecast[:, day] = smoothing * seen[:, day] + (1 - smoothing) * forecast[:, day - 1]
    return forecast


def bullwhip_ratios(demand: np.ndarray, orders: np.ndarray, *, warm_up: int = 0) -> np.ndarray:
    """Variance of each stage's orders / variance of customers' demand, measured.

    Parameters
    ----------
    demand : array (n_paths, n_days)
    orders : array (n_stages, n_paths, n_days)
        As from `chain_orders`; days on which a stage's orders are NaN are left out for all.
    warm_up : int
        First days to leave out as well.

    Returns
    -------
    array (n_stages,)
    """
    demand, orders = _paths(demand), np.asarray(orders, float)
    if orders.shape[1:] != demand.shape:
        raise ParameterError(f"orders, shape {orders.shape}: give (n_stages, {demand.shape[0]}, {demand.shape[1]})")
    days = ~np.isnan(orders).any(axis=(0, 1))
    days[: whole("warm_up", warm_up)] = False
    if days.sum() < 2:
        raise ParameterError(f"warm_up is {warm_up} and leaves {days.sum()} of {demand.shape[1]} days; leave two")
    finite("orders", orders[:, :, days])
    spread = demand[:, days].var(axis=1).mean()
    if not spread:
        raise ParameterError("demand does not vary; there is nothing to hold the orders' variance against")
    return orders[:, :, days].var(axis=2).mean(axis=1) / spread


def _paths(demand) -> np.ndarray:
    demand = at_least("demand", demand)
    if demand.ndim != 2 or not demand.size:
        raise ParameterError(f"demand, shape {demand.shape}: give (n_paths, n_days), none of them 0")
    return demand
