"""What to ask for a stock that cannot be reordered: dynamic pricing over a selling season.

Customers arrive as a Poisson process whose intensity falls with the price. With n units and time t left, the best
price is the one that maximises intensity x (price - worth of a unit kept), and the worth of a unit kept is
J(n, t) - J(n - 1, t), J being the expected revenue to come. For exponential demand J has a closed form; for any other
curve the same equation is solved by numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import gammaln
from scipy.stats import poisson

from bowerbird.checks import MOST_STEPS, above, at_least, fits, one, whole
from bowerbird.errors import ParameterError

MOST_CUSTOMERS = 20_000


@dataclass(frozen=True)
class Pricing:
    """Expected revenue and best price for every number of units left; arrays (n_units + 1,).

    Attributes
    ----------
    revenue : Expected revenue to come with 0, 1, ..., n units left [J].
    price : Best price now, per unit [p*]; infinite for 0 units.
    """

    revenue: np.ndarray
    price: np.ndarray


def _season(n_units, time_left, scale=1.0, sensitivity=1.0) -> tuple[int, float, float, float]:
    """The arguments of a season, checked."""
    n_units = whole("n_units", n_units)
    fits("n_units", n_units)
    return (
        n_units,
        one("time_left", at_least("time_left", time_left)),
        one("scale", above("scale", scale)),
        one("sensitivity", above("sensitivity", sensitivity)),
    )


def exponential_pricing(n_units: int, time_left: float, *, scale: float, sensitivity: float = 1.0) -> Pricing:
    """Optimal prices where demand falls exponentially with the price, intensity a exp(-b p).

    Parameters
    ----------
    n_units : int
        Units in stock [n], at least 0.
    time_left : float
        Days until what is left is worthless [t], at least 0.
    scale : float
        Customers a day at price 0 [a], above 0.
    sensitivity : float
        Fall of the logarithm of demand per money unit [b], above 0.

    Returns
    -------
    Pricing

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Source
    ------
    Gallego & van Ryzin, Management Science 40, 1994, section 2.3 (there with b = 1).
    """
    n_units, time_left, scale, sensitivity = _season(n_units, time_left, scale, sensitivity)
    units = np.arange(n_units + 1)
    # J(n, t) = log( sum_{i=0..n} (a t / e)^i / i! ) / b, its terms as logarithms so that none overflows
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(units > 0, units * np.log(scale * time_left / np.e), 0.0) - gammaln(units + 1)
    revenue = np.logaddexp.accumulate(terms) / sensitivity
    # p*(n, t) = J(n, t) - J(n - 1, t) + 1 / b
    return Pricing(revenue, np.append(np.inf, np.diff(revenue) + 1 / sensitivity))


def intensity_pricing(n_units: int, time_left: float, intensity: Callable, prices: np.ndarray) -> Pricing:
    """Optimal prices from a list of allowed ones, for any demand curve that stays the same over time.

    Parameters
    ----------
    n_units, time_left
        As in `exponential_pricing`.
    intensity : callable
        Customers a day at each of an array of prices [lambda(p)], at least 0.
    prices : array (n_prices,)
        Allowed prices, at least 0; not to sell is always allowed. A fine grid stands for a continuum.

    Returns
    -------
    Pricing; a price is infinite where not selling now is best.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Source
    ------
    Gallego & van Ryzin 1994, eq. 5 (the Hamilton-Jacobi equation).
    """
    n_units, time_left, *_ = _season(n_units, time_left)
    prices = at_least("prices", prices)
    rates = at_least("intensity", intensity(prices))
    if prices.ndim != 1 or not prices.size or rates.shape != prices.shape:
        raise ParameterError(f"prices, shape {prices.shape}, or intensity, shape {rates.shape}: give one rate a price")
    customers = rates.max() * time_left  # the steps of the integration are about as many
    if customers > MOST_CUSTOMERS:
        raise ParameterError(
            f"intensity and time_left make {customers:.3g} customers, above {MOST_CUSTOMERS:,}; shorten time_left, or "
            "take fixed_price, which is as good for so many"
        )
    fits("n_units and prices", customers * n_units * len(prices), MOST_STEPS)

    def gain(revenue: np.ndarray) -> np.ndarray:
        """lambda(p) (p - (J(n) - J(n - 1))) for n = 1, 2, ... and every price, (n_units, n_prices)."""
        return rates * (prices - np.diff(revenue)[:, None])

    def growth(_, revenue: np.ndarray) -> np.ndarray:
        # dJ(n, t) / dt = max_p lambda(p) (p - (J(n, t) - J(n - 1, t))),  J(n, 0) = J(0, t) = 0
        return np.append(0.0, np.maximum(gain(revenue).max(axis=1), 0))

    start = np.zeros(n_units + 1)
    if n_units == 0:
        return Pricing(start, np.array([np.inf]))
    revenue = solve_ivp(growth, (0, time_left), start, rtol=1e-8, atol=1e-10).y[:, -1]
    now = gain(revenue)
    price = np.where(now.max(axis=1) > 0, prices[now.argmax(axis=1)], np.inf)
    return Pricing(revenue, np.append(np.inf, price))


@dataclass(frozen=True)
class FixedPrice:
    """One price for the whole season.

    Attributes
    ----------
    price : float
        Money per unit.
    revenue : float
        What it brings on average, demand being random.
    bound : float
        What it would bring if demand came exactly as expected: no pricing policy can do better on average.
    """

    price: float
    revenue: float
    bound: float


def fixed_price(n_units: int, time_left: float, *, scale: float, sensitivity: float = 1.0) -> FixedPrice:
    """The deterministic problem's price kept all season: within 1 / (2 sqrt(min(n, a t / e))) of the optimum.

    Parameters
    ----------
    n_units, time_left, scale, sensitivity
        As in `exponential_pricing`.

    Returns
    -------
    FixedPrice

    Source
    ------
    Gallego & van Ryzin 1994, theorems 2 and 3.
    """
    n_units, time_left, scale, sensitivity = _season(n_units, time_left, scale, sensitivity)
    if n_units == 0 or time_left == 0:
        return FixedPrice(1 / sensitivity, 0.0, 0.0)
    # The larger of the price 1 / b that earns most a day, and the run-out price log(a t / n) / b
    price = max(1.0, np.log(scale * time_left / n_units)) / sensitivity
    expected = scale * np.exp(-sensitivity * price) * time_left  # customers; at most n
    # E[min(N, n)] = n - sum_{k<n} P(N <= k)
    sold = n_units - poisson.cdf(np.arange(n_units), expected).sum()
    return FixedPrice(float(price), float(price * sold), float(price * expected))
