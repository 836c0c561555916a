"""Cost coefficients: an assumption, since the contest never published prices.

The contest says only that holding and shortage cost are low and rise with the item's price. Here both are proportional
to an assumed price. The critical ratio p / (p + h) is then free of the price: prices weigh the items in a total
cost, and move the levels only through a fixed cost of an order.
"""

from dataclasses import dataclass

import numpy as np

from bowerbird.checks import above, at_least
from bowerbird.inventory.newsvendor import critical_ratio

ASSUMED_PRICE = 1.0
"""Money per unit, the same for every item."""

ASSUMED_HOLDING_RATE = 0.30 / 365
"""Share of the price per day; 30 % a year, a common textbook rate."""

ASSUMED_SHORTAGE_RATE = 19 * ASSUMED_HOLDING_RATE
"""Share of the price per unit short and day; 19 times holding makes the critical ratio 0.95."""


@dataclass(frozen=True)
class Costs:
    """Cost coefficients of each item, floats or arrays (n_items,).

    Attributes
    ----------
    holding : Per unit on hand at the end of a day [h].
    shortage : Per unit short and day [p].
    order : Per order [K].
    """

    holding: np.ndarray
    shortage: np.ndarray
    order: np.ndarray

    def __post_init__(self):
        for name in ("holding", "shortage", "order"):
            at_least(f"{name} of costs", getattr(self, name))

    @property
    def critical_ratio(self) -> np.ndarray:
        """The service level that these costs make cheapest, p / (p + h)."""
        return critical_ratio(self.holding, self.shortage)


def assumed_costs(
    price=ASSUMED_PRICE,
    *,
    holding_rate: float = ASSUMED_HOLDING_RATE,
    shortage_rate: float = ASSUMED_SHORTAGE_RATE,
    order_cost=0.0,
) -> Costs:
    """Cost coefficients proportional to an assumed price.

    Parameters
    ----------
    price : float or array (n_items,)
        Assumed price of a unit, above 0.
    holding_rate, shortage_rate : float
        Share of the price per unit and day, above 0.
    order_cost : float or array (n_items,)
        Fixed cost of an order [K], at least 0; the contest names none.

    Returns
    -------
    Costs

    Raises
    ------
    ParameterError
        If a price, rate or cost is out of range.
    """
    price, order_cost = above("price", price), at_least("order_cost", order_cost)
    return Costs(above("holding_rate", holding_rate) * price, above("shortage_rate", shortage_rate) * price, order_cost)
