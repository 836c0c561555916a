"""What can be chosen about daily operation; kept in the store, so that every day is run alike."""

from dataclasses import dataclass

from bowerbird.errors import ParameterError
from bowerbird.operation.delivery import FILL_GAPS
from bowerbird.operation.store import Store


@dataclass(frozen=True)
class Rules:
    """How the days are run; fixed when the store is made.

    Attributes
    ----------
    lead_time, review : int
        Days from order to arrival [LT] and between reviews [NRT].
    opening_stock : float
        Units of every item on hand before the first day.
    service_level : float
        Least probability of no shortage in a protection interval.
    n_samples : int
        Demand paths drawn to set s and S, and to judge the stock.
    correlation : float
        Correlation between the days of a path.
    refit_days, refit_epochs : int
        Days from one fine-tuning of the network to the next, 0 for none; passes over the series each time.
    fill_gaps : {"refuse", "zero", "missing"}
        What a series without a row in a day's file means.
    seed : int
    """

    lead_time: int = 3
    review: int = 1
    opening_stock: float = 5
    service_level: float = 0.9
    n_samples: int = 200
    correlation: float = 0.0
    refit_days: int = 7
    refit_epochs: int = 1
    fill_gaps: str = "refuse"
    seed: int = 0

    def __post_init__(self):
        least = {"lead_time": 0, "review": 1, "opening_stock": 0, "n_samples": 1, "refit_days": 0, "refit_epochs": 1}
        for name, lowest in least.items():
            if getattr(self, name) < lowest:
                raise ParameterError(f"{name} is {getattr(self, name)}; give at least {lowest}")
        if not 0 < self.service_level < 1:
            raise ParameterError(f"service_level is {self.service_level}; give a probability between 0 and 1")
        if self.fill_gaps not in FILL_GAPS:
            raise ParameterError(f"fill_gaps is {self.fill_gaps!r}; choose {', '.join(FILL_GAPS)}")

    @property
    def shortage_cost(self) -> float:
        """Cost of a unit short that makes the service level the cheapest, in the cost of holding a unit for a day."""
        return self.service_level / (1 - self.service_level)  # p / h where p / (p + h) is the service level

    @classmethod
    def of(cls, store: Store) -> "Rules":
        """The rules a store was made with."""
        return cls(**store.fact("rules"))
