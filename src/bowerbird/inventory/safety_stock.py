"""How much stock on top of expected demand? Safety stock when demand and lead times vary, for normal demand.

Document 001 asks for "a certain amount of safety stock against uncertain demand"; this is how much a service level
takes. Demand is independent from day to day. For demand that is not normal take a quantile of
`demand_over_random_days`.
"""

import numpy as np
from scipy.stats import norm

from bowerbird.checks import at_least, inside, together


def safety_stock(service_level, daily_std, *, lead_time, review=0, daily_mean=0.0, lead_time_std=0.0) -> np.ndarray:
    """Stock on top of expected demand, against demand and lead times that vary.

    Parameters
    ----------
    service_level : float or array
        Probability of no shortage until the next arrival, in (0, 1).
    daily_std : float or array
        Standard deviation of a day's demand [sigma].
    lead_time, review : float or array
        Mean days from order to arrival [LT], and days between reviews [NRT]; 0 if stock is watched all the time.
    daily_mean : float or array
        Mean of a day's demand [mu]; matters where lead times vary.
    lead_time_std : float or array
        Standard deviation of the lead time, days [sigma_L].

    Returns
    -------
    float or array, units.

    Raises
    ------
    ParameterError
        If a service level is not inside (0, 1), or another argument is negative.

    Source
    ------
    Silver, Pyke & Thomas, Inventory and Production Management in Supply Chains, 4th ed., section 6.10.
    """
    service_level = inside("service_level", service_level)
    together(
        service_level=service_level, daily_std=daily_std, lead_time=lead_time, review=review, daily_mean=daily_mean,
        lead_time_std=lead_time_std,
    )  # fmt: skip
    days = at_least("lead_time", lead_time) + at_least("review", review)
    # z sqrt((LT + NRT) sigma^2 + mu^2 sigma_L^2)
    variance = (
        days * at_least("daily_std", daily_std) ** 2
        + (at_least("daily_mean", daily_mean) * at_least("lead_time_std", lead_time_std)) ** 2
    )
    return norm.ppf(service_level) * np.sqrt(variance)


def order_up_to_level(service_level, daily_mean, daily_std, *, lead_time, review=0, lead_time_std=0.0) -> np.ndarray:
    """Expected demand over lead time and review period, and safety stock on top; with review = 0 the reorder point.

    Parameters
    ----------
    service_level, daily_mean, daily_std, lead_time, review, lead_time_std
        As in `safety_stock`.

    Returns
    -------
    float or array, units.

    Source
    ------
    Snyder & Shen, 2nd ed., example 4.4.
    """
    stock = safety_stock(
        service_level, daily_std, lead_time=lead_time, review=review, daily_mean=daily_mean, lead_time_std=lead_time_std
    )
    return np.asarray(daily_mean) * (np.asarray(lead_time) + review) + stock
