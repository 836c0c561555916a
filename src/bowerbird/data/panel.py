"""The panel: one table of series and days, from the attachments or others; its calendar, scaling and aggregation."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from bowerbird.checks import floats
from bowerbird.data.cleaning import series_table
from bowerbird.data.reader import ATTRIBUTES, LABELS, SERIES_KEY, Attachments
from bowerbird.errors import DataError, ParameterError


@dataclass(frozen=True)
class Frequency:
    """What a period is, a day or a week, and what follows from it. All counts are in periods."""

    word: str
    step: pd.Timedelta
    season: int  # after which demand repeats
    windows: tuple[int, ...]  # of running means and medians, from short to long
    horizon: int  # of a forecast, where none is chosen
    features: tuple[str, ...]  # of the calendar

    def dates(self, first: pd.Timestamp, periods: int) -> pd.DatetimeIndex:
        """The first date and those after it."""
        return pd.date_range(first, periods=periods, freq=self.step, name="date")

    def calendar(self, dates: pd.DatetimeIndex) -> np.ndarray:
        """Indicators of the weekday, or two waves over the year (n_dates, n_features)."""
        if self.season == 7:
            return np.eye(7)[dates.day_of_week]
        angle = 2 * np.pi * (dates.day_of_year.to_numpy() + 3) / 365.25  # the middle of the week
        return np.column_stack([wave(k * angle) for k in (1, 2) for wave in (np.sin, np.cos)])


DAILY = Frequency("day", pd.Timedelta(days=1), 7, (3, 7, 14, 21, 28), 15, tuple(f"weekday_{day}" for day in range(7)))
WEEKLY = Frequency(
    "week", pd.Timedelta(days=7), 52, (2, 4, 8, 13, 26), 8, ("year_sin", "year_cos", "half_year_sin", "half_year_cos")
)


def key_columns(series: pd.DataFrame) -> list[str]:
    """The ids that name a series, those of SERIES_KEY that the data have."""
    return [column for column in SERIES_KEY if column in series]


def rows_of(table: pd.DataFrame, series: pd.DataFrame) -> np.ndarray:
    """The row of `series` that has the ids of each row of a table, -1 where none has."""
    keys = key_columns(series)
    return pd.MultiIndex.from_frame(series[keys]).get_indexer(pd.MultiIndex.from_frame(table[keys]))


def long_table(series: pd.DataFrame, dates: pd.DatetimeIndex, **columns: np.ndarray) -> pd.DataFrame:
    """One row a series and day: ids, date, and columns that are given as (n_series, n_days)."""
    table = series.loc[series.index.repeat(len(dates)), key_columns(series)].reset_index(drop=True)
    values = {name: part.ravel() for name, part in columns.items()}
    return table.assign(date=np.tile(dates.to_numpy(), len(series)), **values)


def named(series: pd.DataFrame) -> np.ndarray:
    """One readable name a row of ids: seller_6/product_1312/wh_43."""
    ids = series[key_columns(series)].itertuples(index=False)
    return np.array(["/".join(map(str, row)) for row in ids], dtype=object)


@dataclass(frozen=True)
class Panel:
    """Demand of many series on the same days, or in the same weeks, which count as days everywhere.

    Parameters
    ----------
    series : DataFrame, n_series rows  The ids seller_no, product_no, warehouse_no, and the eight attributes; other data
        may lack some of them.
    dates : DatetimeIndex, n_days  Consecutive calendar days, or first days of consecutive weeks.
    demand : array (n_series, n_days)  Units a day, at least 0; NaN or masked where a day is missing.
    prices : array (n_series, n_days), optional  Price of a unit; NaN where it is not known.
    ahead : dict of arrays (n_series, n_days or more), optional  Columns known ahead, such as promotions; `until` keeps
        their later days.
    events : dict of lists of first and last days, optional  Periods that are announced for all series, as `EVENTS`.

    >>> series = pd.DataFrame({"seller_no": ["s1", "s1"], "product_no": ["p1", "p2"], "warehouse_no": ["w1", "w1"]})
    >>> panel = Panel(series, pd.date_range("2023-05-01", periods=3), [[0, 2, 1], [5, np.nan, 4]])
    >>> panel.n_series, panel.n_days, panel.keys
    (2, 3, ['s1/p1/w1', 's1/p2/w1'])
    >>> panel.select([1]).until(2).demand
    array([[ 5., nan]])
    """

    series: pd.DataFrame
    dates: pd.DatetimeIndex
    demand: np.ndarray
    prices: np.ndarray | None = None
    ahead: Mapping[str, np.ndarray] = field(default_factory=dict)
    events: Mapping[str, list] = field(default_factory=dict)

    def __post_init__(self):
        object.__setattr__(self, "demand", floats("demand", self.demand))
        object.__setattr__(self, "dates", pd.DatetimeIndex(self.dates))
        if self.demand.shape != (len(self.series), len(self.dates)):
            raise ParameterError(
                f"demand has shape {self.demand.shape}, but there are {len(self.series)} series and {len(self.dates)} "
                "days; give it one row a series and one column a day"
            )
        steps = np.diff(self.dates.to_numpy(dtype="datetime64[ns]"))
        if len(uneven := np.flatnonzero(steps != self.frequency.step.to_timedelta64())):
            before, after = self.dates[uneven[0]], self.dates[uneven[0] + 1]
            raise ParameterError(
                f"dates go from {before:%Y-%m-%d} to {after:%Y-%m-%d}; give every calendar day once, in order, and "
                "NaN as the demand of a day that is missing"
            )
        for name, columns in {"prices": self.prices, **self.ahead}.items():
            if columns is not None and (len(columns) != self.n_series or columns.shape[1] < self.n_days):
                raise ParameterError(f"{name} has shape {columns.shape}; give {self.n_series} rows, a column a day")
        if self.key_columns and (twice := self.series.duplicated(self.key_columns).to_numpy()).any():
            raise ParameterError(
                f"series {self.keys[int(twice.argmax())]} stands twice; give one row a series, its demand added up"
            )
        if (wrong := (self.demand < 0) | np.isinf(self.demand)).any():
            row, day = np.argwhere(wrong)[0]
            name = self.keys[row] if self.key_columns else row
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
    def key_columns(self) -> list[str]:
        """The ids that name a series."""
        return key_columns(self.series)

    @property
    def keys(self) -> list[str]:
        """One readable name a series: seller_6/product_1312/wh_43."""
        return named(self.series).tolist()

    @property
    def frequency(self) -> Frequency:
        """WEEKLY where the first two dates lie a week apart, DAILY otherwise."""
        return WEEKLY if self.n_days > 1 and self.dates[1] - self.dates[0] == WEEKLY.step else DAILY

    @property
    def closed(self) -> np.ndarray:
        """Days on which the demand of every series is missing: the shop was closed (n_days,)."""
        return np.isnan(self.demand).all(axis=0)

    def dates_ahead(self, n_days: int) -> pd.DatetimeIndex:
        """The days after the panel's last."""
        return self.frequency.dates(self.dates[-1] + self.frequency.step, n_days)

    def calendar(self, n_ahead: int) -> np.ndarray:
        """What all series' days are known to be, those of the panel and after it (n_days + n_ahead, n_features)."""
        dates = self.frequency.dates(self.dates[0], self.n_days + n_ahead)
        return calendar_features(dates, self.events, self.frequency)

    def known_ahead(self, n_ahead: int) -> np.ndarray:
        """The columns known ahead on the panel's days and after it (n_series, n_days + n_ahead, n_columns)."""
        n_days = self.n_days + n_ahead
        for name, values in self.ahead.items():
            if values.shape[1] < n_days:
                raise DataError(
                    f"column {name} is known to {self.known_to(name):%Y-%m-%d}; a forecast of {n_ahead} "
                    f"{self.frequency.word}s needs {n_days - values.shape[1]} more: add rows of later dates with an "
                    f"empty qty, or leave {name} out"
                )
        empty = np.empty((self.n_series, n_days, 0))
        return np.dstack([values[:, :n_days] for values in self.ahead.values()]) if self.ahead else empty

    def known_to(self, name: str) -> pd.Timestamp:
        """The last day of a column known ahead."""
        return self.dates[0] + (self.ahead[name].shape[1] - 1) * self.frequency.step

    def select(self, rows) -> "Panel":
        """The panel of some series only; `rows` is a boolean mask or row numbers."""
        rows = np.asarray(rows)
        prices = None if self.prices is None else self.prices[rows]
        ahead = {name: values[rows] for name, values in self.ahead.items()}
        series = self.series.iloc[rows].reset_index(drop=True)
        return replace(self, series=series, demand=self.demand[rows], prices=prices, ahead=ahead)

    def until(self, n_days: int) -> "Panel":
        """The panel as it was known after its first `n_days` days."""
        if not 0 < n_days <= self.n_days:
            raise ParameterError(f"n_days is {n_days}; give a number from 1 to {self.n_days}")
        prices = None if self.prices is None else self.prices[:, :n_days]
        return replace(self, dates=self.dates[:n_days], demand=self.demand[:, :n_days], prices=prices)

    def to_frame(self) -> pd.DataFrame:
        """The wide table: one row a series, its attributes, then one column a day (2022-12-01, ...).

        Further columns hold prices and what is known ahead (price|2022-12-01, promotion|2022-12-01, ...); the events
        are the table's `attrs`.
        """
        tables = [self.series.reset_index(drop=True)]
        blocks = {"": self.demand, "price|": self.prices, **{f"{name}|": part for name, part in self.ahead.items()}}
        for name, values in blocks.items():
            if values is not None:
                dates = self.frequency.dates(self.dates[0], values.shape[1])
                tables.append(pd.DataFrame(values, columns=[f"{name}{date:%Y-%m-%d}" for date in dates]))
        frame = pd.concat(tables, axis=1)
        frame.attrs["events"] = {name: [list(map(str, days)) for days in found] for name, found in self.events.items()}
        return frame

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> "Panel":
        """The panel that `to_frame` laid out."""
        blocks: dict[str, list[str]] = {}
        for column in frame.columns:
            if found := re.fullmatch(r"(.+\||)\d{4}-\d\d-\d\d", column):
                blocks.setdefault(found[1].removesuffix("|"), []).append(column)
        series = frame.drop(columns=[column for columns in blocks.values() for column in columns])
        arrays = {name: frame[columns].to_numpy(dtype=float) for name, columns in blocks.items()}
        dates = pd.DatetimeIndex(pd.to_datetime(blocks[""]), name="date").as_unit("ns")
        events = frame.attrs.get("events", {})
        series.attrs = {}
        return cls(series, dates, arrays.pop(""), arrays.pop("price", None), arrays, events)


# ---- from attachments to a panel ------------------------------------------------------------------------------------


def naive_merge(attachments: Attachments) -> pd.DataFrame:
    """Join 附件1 to 附件2-4 as they stand: days of a warehouse that 附件4 lists twice appear twice.

    Returns one row a record: ids, date, qty and the eight attributes. wh_29 and wh_38 hold 57 of the 1,996 series. The
    table therefore has (1,996 + 57) x 166 = 340,798 rows, the total that Table 1 of the paper prints.

    The twin repeats the same two warehouses. Of its 60 series 2 are stored there:

    >>> from bowerbird.data.twin import make_twin
    >>> twin = make_twin(n_series=60)
    >>> len(naive_merge(twin)), len(correct_merge(twin))
    (10292, 9960)
    """
    lookups = attachments.products, attachments.sellers, attachments.warehouses
    return _join(attachments.shipments, lookups)[[*SERIES_KEY, "date", "qty", *ATTRIBUTES]]


def correct_merge(attachments: Attachments) -> pd.DataFrame:
    """Join 附件1 to 附件2-4 with repeated rows dropped, as `naive_merge` otherwise: one row a series and day."""
    return _join(attachments.shipments, _listed_once(attachments))[[*SERIES_KEY, "date", "qty", *ATTRIBUTES]]


def _listed_once(attachments: Attachments) -> list[pd.DataFrame]:
    return [getattr(attachments, name).drop_duplicates() for name in ("products", "sellers", "warehouses")]


def _join(table: pd.DataFrame, lookups) -> pd.DataFrame:
    for column, lookup in zip(("product_no", "seller_no", "warehouse_no"), lookups, strict=True):
        table = table.merge(lookup, on=column)
    return table


def build_panel(attachments: Attachments, source: str = "shipments", fill_gaps: str = "refuse") -> Panel:
    """Lay the shipments of an attachment out as a panel, series in order of their ids.

    Parameters
    ----------
    attachments : Attachments
    source : {"shipments", "new_items", "promotion"}  附件1, 附件5 or 附件6; DataError where it is absent.
    fill_gaps : {"refuse", "zero", "nan"}  What a day missing from a series becomes; DataError under "refuse".

    >>> from bowerbird.data.twin import make_twin
    >>> build_panel(make_twin(n_series=4)).demand.shape
    (4, 166)
    """
    if fill_gaps not in ("refuse", "zero", "nan"):
        raise ParameterError(f"fill_gaps is {fill_gaps!r}; choose 'refuse', 'zero' or 'nan'")
    if source not in ("shipments", "new_items", "promotion"):
        raise ParameterError(f"source is {source!r}; choose 'shipments', 'new_items' or 'promotion'")
    shipments = getattr(attachments, source)
    if shipments is None:
        raise DataError(f"{LABELS[source]} ({source}) is absent; put its file beside the others, see data/README.md")
    grouped = shipments.groupby(list(SERIES_KEY), sort=True)
    keys = grouped.size().index.to_frame(index=False)
    dates = pd.date_range(shipments["date"].min(), shipments["date"].max(), name="date")
    day = (shipments["date"] - dates[0]).dt.days.to_numpy()

    demand = np.full((len(keys), len(dates)), np.nan)  # (n_series, n_days)
    demand[grouped.ngroup().to_numpy(), day] = shipments["qty"]

    gaps = np.isnan(demand)
    if gaps.any() and fill_gaps == "refuse":
        row, column = np.argwhere(gaps)[0]
        raise DataError(
            f"{attachments.files[LABELS[source]].name}, column date: series {'/'.join(keys.iloc[row])} has no row for "
            f"{dates[column]:%Y-%m-%d}; {gaps.sum()} days are missing in {gaps.any(axis=1).sum()} series; "
            "add them, or, if a day that is not listed is one on which nothing was shipped, give bowerbird reproduce "
            "--set 01_data.fill_gaps=zero"
        )
    if fill_gaps == "zero":
        demand[gaps] = 0.0
    return Panel(_join(keys, _listed_once(attachments))[[*SERIES_KEY, *ATTRIBUTES]], dates, demand, events=EVENTS)


# ---- calendar -------------------------------------------------------------------------------------------------------

EVENTS = {
    "spring_festival": [("2022-01-29", "2022-02-05"), ("2023-01-19", "2023-01-26"), ("2024-02-07", "2024-02-14")],
    "labour_day": [("2022-04-30", "2022-05-04"), ("2023-04-29", "2023-05-03"), ("2024-05-01", "2024-05-05")],
    "promotion_618": [("2022-06-01", "2022-06-20"), ("2023-06-01", "2023-06-20"), ("2024-06-01", "2024-06-20")],
    "double_11": [("2022-11-01", "2022-11-11"), ("2023-11-01", "2023-11-11"), ("2024-11-01", "2024-11-11")],
    "double_12": [("2022-12-10", "2022-12-12"), ("2023-12-10", "2023-12-12"), ("2024-12-10", "2024-12-12")],
}
"""First and last day of each event from 2022 to 2024; announced long before, so a forecast may use them.

The Spring Festival is taken from three days before New Year, when parcels stop, to four days after.
"""


def calendar_features(
    dates: pd.DatetimeIndex, events: Mapping[str, list] = EVENTS, frequency: Frequency = DAILY
) -> np.ndarray:
    """What is known of a day before it comes: indicators of weekday and event; of a week, waves over the year.

    Returns an array (n_days, n_features), columns as `frequency.features` and then the events. Days outside the events'
    periods have none; a week has an event if one of its days has.

    January 20, 2023 was a Friday in the Spring Festival:

    >>> day = calendar_features(pd.DatetimeIndex(["2023-01-20"]))[0]
    >>> [name for name, value in zip((*DAILY.features, *EVENTS), day, strict=True) if value]
    ['weekday_4', 'spring_festival']
    """
    last = dates + frequency.step - pd.Timedelta(days=1)
    found = [
        np.any([(last >= begins) & (dates <= ends) for begins, ends in periods], axis=0) if periods else 0 * dates.year
        for periods in events.values()
    ]
    return np.column_stack([frequency.calendar(dates), *found]).astype(float)


# ---- scaling and aggregation ----------------------------------------------------------------------------------------

PERIODS = {"day": "D", "week": "W-MON", "month": "MS"}


@dataclass(frozen=True)
class Scaler:
    """Per-series scaling (demand - shift) / scale; both arrays (n_series, 1), in units per day."""

    shift: np.ndarray
    scale: np.ndarray


def fit_scaler(demand: np.ndarray, kind: str, n_train: int) -> Scaler:
    """Fit a scaler on the first `n_train` days; later days may lie outside its range. A constant series gets scale 1.

    Parameters
    ----------
    demand : array (n_series, n_days)  NaN is a missing day.
    kind : {"min-max", "z"}  To [0, 1], or to mean 0 and standard deviation 1, over the training days.
    n_train : int  Training days. Companion article 002 fits on all days: the test days then leak into training.

    The first eight days have mean 5 and standard deviation 2:

    >>> scaler = fit_scaler([[2, 4, 4, 4, 5, 5, 7, 9, 19]], "z", n_train=8)
    >>> scaler.shift.item(), scaler.scale.item()
    (5.0, 2.0)
    """
    train = series_table(demand, n_train)[:, :n_train]
    low, high = np.nanmin(train, axis=1, keepdims=True), np.nanmax(train, axis=1, keepdims=True)  # (n_series, 1)
    if kind == "min-max":
        shift, scale = low, high - low
    elif kind == "z":
        shift, scale = np.nanmean(train, axis=1, keepdims=True), np.nanstd(train, axis=1, keepdims=True)
    else:
        raise ParameterError(f"kind is {kind!r}; choose 'min-max' or 'z'")
    return Scaler(shift, np.where(high > low, scale, 1.0))  # rounding leaves a constant series a tiny deviation


def aggregate(panel: Panel, period: str) -> pd.DataFrame:
    """Sum demand to days, weeks (from Monday) or months; only complete periods are kept.

    Parameters
    ----------
    panel : Panel
    period : {"day", "week", "month"}

    Returns a DataFrame (n_series, n_periods) of units a period; columns are the first days of the periods. A period
    with a missing day is NaN.

    Eight days from a Sunday hold one whole week:

    >>> panel = Panel(pd.DataFrame({"name": ["a"]}), pd.date_range("2023-05-07", periods=8), [[9, 1, 2, 3, 4, 5, 6, 7]])
    >>> aggregate(panel, "week").to_numpy()
    array([[28.]])
    """
    if period not in PERIODS:
        raise ParameterError(f"period is {period!r}; choose {', '.join(PERIODS)}")
    days = pd.DataFrame(panel.demand.T, index=panel.dates)
    groups = days.resample(PERIODS[period], label="left", closed="left")
    sums, known = groups.sum(), groups.count()  # (n_periods, n_series)
    lengths = {"day": 1, "week": 7, "month": sums.index.days_in_month}[period]
    return sums.where(known.eq(lengths, axis=0))[groups.size() == lengths].T
