"""The panel: every demand series on one common grid of days."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bowerbird.checks import floats
from bowerbird.data.schema import SERIES_KEY
from bowerbird.errors import ParameterError


@dataclass(frozen=True)
class Panel:
    """Demand of many series on the same days; what everything downstream takes.

    Attributes
    ----------
    series : DataFrame, n_series rows
        seller_no, product_no, warehouse_no and the eight attributes of each series.
    dates : DatetimeIndex, n_days
        Consecutive calendar days.
    demand : float64 array (n_series, n_days)
        Units shipped per day, not negative; NaN marks a missing day, as does the mask of a masked array.
    filled_days : int
        How many series-days the source did not list when the panel was built; zero or NaN here, as was asked.
    """

    series: pd.DataFrame
    dates: pd.DatetimeIndex
    demand: np.ndarray
    filled_days: int = 0

    def __post_init__(self):
        object.__setattr__(self, "demand", floats("demand", self.demand))
        object.__setattr__(self, "dates", pd.DatetimeIndex(self.dates))
        if self.demand.shape != (len(self.series), len(self.dates)):
            raise ParameterError(
                f"demand has shape {self.demand.shape}, but there are {len(self.series)} series and {len(self.dates)} "
                "days; give it one row a series and one column a day"
            )
        steps = np.diff(self.dates.to_numpy(dtype="datetime64[ns]"))
        if len(uneven := np.flatnonzero(steps != np.timedelta64(1, "D"))):
            before, after = self.dates[uneven[0]], self.dates[uneven[0] + 1]
            raise ParameterError(
                f"dates go from {before:%Y-%m-%d} to {after:%Y-%m-%d}; give every calendar day once, in order, and "
                "NaN as the demand of a day that is missing"
            )
        named = set(SERIES_KEY) <= set(self.series.columns)
        if named and (twice := self.series.duplicated(list(SERIES_KEY)).to_numpy()).any():
            raise ParameterError(
                f"series {self.keys[int(twice.argmax())]} stands twice; give one row a series, its demand added up"
            )
        if (wrong := (self.demand < 0) | np.isinf(self.demand)).any():
            row, day = np.argwhere(wrong)[0]
            name = self.keys[row] if named else row
            raise ParameterError(
                f"demand of series {name} is {self.demand[row, day]:g} on {self.dates[day]:%Y-%m-%d}; give units "
                "from 0, or NaN if missing; take returns out first"
            )

    @property
    def n_series(self) -> int:
        return len(self.series)

    @property
    def n_days(self) -> int:
        return len(self.dates)

    @property
    def keys(self) -> list[str]:
        """One readable name a series: seller_6/product_1312/wh_43."""
        return ["/".join(map(str, row)) for row in self.series[list(SERIES_KEY)].itertuples(index=False)]

    def select(self, rows) -> "Panel":
        """The panel of some series only; `rows` is a boolean mask or row numbers."""
        rows = np.asarray(rows)
        return replace(self, series=self.series.iloc[rows].reset_index(drop=True), demand=self.demand[rows])

    def until(self, n_days: int) -> "Panel":
        """The panel as it was known after its first `n_days` days; nothing later is kept."""
        if not 0 < n_days <= self.n_days:
            raise ParameterError(f"n_days is {n_days}; give a number from 1 to {self.n_days}")
        return replace(self, dates=self.dates[:n_days], demand=self.demand[:, :n_days])

    def to_frame(self) -> pd.DataFrame:
        """The wide table: one row a series, its attributes, then one column a day (2022-12-01, ...)."""
        days = pd.DataFrame(self.demand, columns=[f"{day:%Y-%m-%d}" for day in self.dates])
        return pd.concat([self.series.reset_index(drop=True), days], axis=1)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> "Panel":
        """The panel that `to_frame` laid out."""
        days = [column for column in frame.columns if column[:1].isdigit()]
        dates = pd.DatetimeIndex(pd.to_datetime(days), freq="D", name="date")
        return cls(frame.drop(columns=days), dates, frame[days].to_numpy(dtype=float))
