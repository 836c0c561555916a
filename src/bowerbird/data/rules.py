"""The rules for what a table of sales leaves open, such as gaps and returns, and the panel that results."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.data.cells import how, parse_days
from bowerbird.data.panel import Panel
from bowerbird.data.reader import SERIES_KEY
from bowerbird.errors import DataError, ParameterError
from bowerbird.files import sha256

LEAST_KNOWN = {"day": 60, "week": 40}
AHEAD = "ahead "  # begins the names of columns that are known ahead


@dataclass(frozen=True)
class Rules:
    """What to do where a table leaves something open; given as text, "fill_gaps=zero,returns=refuse"."""

    fill_gaps: str = "auto"  # a day without a row: zero where the table lists no zeros at all, otherwise refused
    leading: str = "missing"  # days before the first sale of a series
    returns: str = "drop"  # what is still negative after the rows of a day are added up becomes 0
    decimals: str = "auto"  # the decimal sign; what can be read in two ways is refused
    dates: str = "auto"  # 03/04/2023: day or month first; refused where the column does not show it
    closed_days: str = "none"  # unknown demand: "auto" for days on which nothing at all was sold, or days joined by +
    sheet: str = ""  # the one sheet to read
    exclude: str = ""  # items to leave out, joined by +
    holidays: str = ""  # a country of the package holidays, or its part: CN, GB, US-CA
    top: int = 0  # only so many series, those of most units; 0 for all
    least_known: int = 0  # series with fewer known days, or weeks, are left out; 0 for LEAST_KNOWN, or 3/4 of all

    @classmethod
    def read(cls, given: dict) -> "Rules":
        known = {field.name: field.type for field in fields(cls)}
        for name, value in given.items():
            if name not in known:
                raise ParameterError(f"rules: {name!r} is no rule; there are {', '.join(known)}")
            if isinstance(value, list):
                given[name] = "+".join(map(str, value))
            elif known[name] is int:
                if not str(value).isdecimal():
                    raise ParameterError(f"rules: {name} is {value!r}; give a whole number from 0")
                given[name] = int(value)
            else:
                given[name] = str(value)
            if name in CHOICES and given[name] not in CHOICES[name]:
                raise ParameterError(f"rules: {name} is {given[name]!r}; choose {', '.join(CHOICES[name])}")
        return cls(**given)


CHOICES = {
    "fill_gaps": ("auto", "zero", "missing", "refuse"),
    "leading": ("missing", "zero"),
    "returns": ("drop", "refuse"),
    "decimals": ("auto", "point", "comma"),
    "dates": ("auto", "dmy", "mdy"),
}


@dataclass(frozen=True)
class Sales:
    """A table of sales as a panel, and what was done to make it one.

    Parameters
    ----------
    panel : Panel
    rules : Rules  As given, with the defaults of the rest.
    files : dict  Label (table, columns, in_stock, attributes ...) -> the path that was read.
    columns : dict  Role -> the table's own header.
    unused : list of str  Headers that were not used.
    notes : list of str  What was added up, netted, filled or left out, with counts; one sentence each.
    """

    panel: Panel
    rules: Rules
    files: dict[str, Path]
    columns: dict[str, str]
    unused: list[str]
    notes: list[str]

    def manifest(self) -> dict[str, dict]:
        """File name and sha256 of every file that was read."""
        return {label: {"file": path.name, "sha256": sha256(path)} for label, path in self.files.items()}

    def form(self) -> dict:
        """How a later file of the same form is read: the headers of ids, date and qty, those known ahead, the rules."""
        wide = self.columns.get("qty") == "their cells"  # a column a day
        roles = ("item", "site", "seller", *(() if wide else ("date", "qty")))
        ahead = [header for role, header in self.columns.items() if role.startswith(AHEAD)]
        columns = {role: self.columns[role] for role in roles if role in self.columns}
        return {"columns": columns, "ahead": ahead, "rules": asdict(self.rules)}

    def describe(self) -> str:
        """The columns that were recognised, those that were not, and what was done to the rows, a line each."""
        given = [f"{field.name}={value}" for field in fields(Rules) if (value := getattr(self.rules, field.name))]
        lines = ["Recognised    " + ", ".join(f"{role}={name}" for role, name in self.columns.items())]
        lines += [f"Not used      {', '.join(self.unused)}"] if self.unused else []
        return "\n".join(
            [*lines, f"Rules         {', '.join(given)}", *(f"              {note}" for note in self.notes)]
        )


def text_pairs(given, what: str) -> dict:
    """A dict of "a=b,c=d", or of a yaml's mapping."""
    if isinstance(given, dict):
        return dict(given)
    pairs = [part.partition("=") for part in str(given).split(",") if part.strip()]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise ParameterError(f"{what}: {wrong[0]!r} has no value; write it as name=value,name=value")
    return {name.strip(): value.strip() for name, _, value in pairs}


# ---- the rules applied ----------------------------------------------------------------------------------------------


def sales_of(long: pd.DataFrame, rules: Rules, name: str, files: dict, columns: dict, unused=(), notes=()) -> Sales:
    """Apply the rules to rows of ids, labels, date, qty, price, in_stock and columns known ahead; `name` is the file's.

    `long` holds ids as text, Timestamps, qty with NaN where it is empty, and numbers known ahead as "ahead NAME".
    """
    notes = list(notes)
    if rules.exclude:
        out = long["product_no"].isin([item.strip() for item in rules.exclude.split("+")]).to_numpy()
        long, notes = long[~out], [*notes, f"{out.sum():,} rows of excluded items are left out"]
    if long["qty"].notna().sum() == 0:
        raise DataError(f'{name}: no row has a quantity; name the column that has it, give --columns "qty=NAME"')
    keys = [column for column in SERIES_KEY if column in long]
    grouped = long.groupby(keys, sort=True)
    series, row = grouped.size().index.to_frame(index=False), grouped.ngroup().to_numpy()
    dates, place = _periods(long, name)
    notes += ["dates lie on one weekday: weekly, each the first day of its week"] if dates.freq.n == 7 else []
    step = {True: "week", False: "day"}[dates.freq.n == 7]
    grid = _Grid(row, place, long, (len(series), len(dates)))

    listed = grid.sum(np.ones(len(long)))
    qty = long["qty"].to_numpy(dtype=float)
    demand = np.where((listed > 0) & (grid.sum(np.isnan(qty)) == 0), grid.sum(np.nan_to_num(qty)), np.nan)
    if several := int((listed > 1).sum()):
        notes.append(f"{several:,} series-{step}s have several rows, which are added up")
    if unknown := int((np.isnan(qty) & grid.inside).sum()):
        notes.append(f"{unknown:,} rows have an empty quantity: missing")
    demand = _take_returns_out(demand, qty, rules, name, series, dates, notes)
    closed = _closed(demand, dates, rules, notes, step)
    demand[:, closed] = np.nan

    sold = np.nan_to_num(demand) > 0
    begun = np.maximum.accumulate(sold, axis=1) | (rules.leading == "zero")  # from the first sale on
    gaps = (listed == 0) & begun & ~closed
    if gaps.any():
        _fill(demand, gaps, bool((qty == 0).any()), rules, name, series, dates, notes, step)
    demand[~begun] = np.nan
    if early := int((~begun & sold.any(axis=1, keepdims=True)).sum()):
        notes.append(f"{early:,} series-{step}s before a first sale are missing")
    if "in_stock" in long:
        out = grid.sum(~long["in_stock"].to_numpy(dtype=bool)) > 0
        units = f"{np.nansum(demand[out]):,.0f} units were sold on them"
        notes.append(f"{(out & begun).sum():,} series-{step}s out of stock are missing; {units}")
        demand[out] = np.nan

    kept = _kept(demand, series, rules, notes, step)
    prices = grid.price(qty, long["price"].to_numpy(dtype=float))[kept] if "price" in long else None
    ahead = {}
    for column in (column for column in long if column.startswith(AHEAD)):
        known = "price ahead" if column == f"{AHEAD}price" else column.removeprefix(AHEAD)
        ahead[known] = grid.ahead(long[column].to_numpy(dtype=float))[kept]
    for label in ("category1", "category2"):
        if label in long:
            series[label] = _last_label(long, row, label, notes)
    events = holiday_events(rules.holidays, dates) if rules.holidays else {}
    chosen = series.iloc[kept].reset_index(drop=True)
    panel = Panel(chosen, pd.DatetimeIndex(dates, freq=None, name="date"), demand[kept], prices, ahead, events)
    return Sales(panel, rules, files, columns, list(unused), notes)


def _periods(long: pd.DataFrame, name: str) -> tuple[pd.DatetimeIndex, np.ndarray]:
    """The days, or weeks, from the first to the last with a quantity, and the number of each row's."""
    known = long.loc[long["qty"].notna(), "date"]
    weekly = long["date"].dt.day_of_week.nunique() == 1 and known.nunique() > 1
    dates = pd.date_range(known.min(), known.max(), freq="7D" if weekly else "1D").as_unit("ns")
    share, what = known.nunique() / len(dates), "weeks" if weekly else "days"
    if share < 0.25:
        raise DataError(
            f"{name}: only {share:.0%} of the {len(dates):,} {what} from {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d} "
            "have a row; give daily or weekly sales, a week's on the same weekday, and correct wrong dates"
        )
    return dates, ((long["date"] - dates[0]).dt.days // dates.freq.n).to_numpy()


@dataclass
class _Grid:
    """The rows' places in a table of series and days; rows after the last day with a quantity lie beyond it."""

    row: np.ndarray
    place: np.ndarray
    long: pd.DataFrame
    shape: tuple[int, int]

    def __post_init__(self):
        self.inside = (self.place >= 0) & (self.place < self.shape[1])
        self.cell = self.row * self.shape[1] + self.place

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Sums of the rows' values (n_series, n_days), the same bits in any order of the rows."""
        return _sums(self.cell[self.inside], np.asarray(values, dtype=float)[self.inside], self.shape)

    def price(self, qty: np.ndarray, price: np.ndarray) -> np.ndarray:
        """Mean price of what was sold, weighted by quantity; where nothing was sold the mean listed; NaN if unknown."""
        listed = np.nan_to_num(price) > 0
        weight, plain = np.where(listed & (qty > 0), qty, 0.0), listed.astype(float)
        price = np.where(listed, price, 0.0)
        with np.errstate(invalid="ignore"):
            sold = self.sum(weight)
            return np.where(sold > 0, self.sum(weight * price) / sold, self.sum(plain * price) / self.sum(plain))

    def ahead(self, values: np.ndarray) -> np.ndarray:
        """A column known ahead, to the last day that has a row; filled where a series has no row.

        The value that all other series have that day; else 0 for a flag, the series' last value for other numbers.
        """
        known = ~np.isnan(values) & (self.place >= 0)
        shape = (self.shape[0], max(self.shape[1], int(self.place.max(initial=0)) + 1))
        cell = (self.row * shape[1] + self.place)[known]
        count = _sums(cell, np.ones(known.sum()), shape)
        flag = np.isin(values[known], (0, 1)).all()
        with np.errstate(invalid="ignore"):
            mean = _sums(cell, values[known], shape) / count
        table = pd.DataFrame(np.ceil(mean) if flag else mean)
        low, high = table.min(), table.max()
        table = table.fillna(low.where(low == high))
        return (table.fillna(0.0) if flag else table.ffill(axis=1).bfill(axis=1).fillna(0.0)).to_numpy()


def _sums(cell: np.ndarray, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    order = np.lexsort((values, cell))
    return np.bincount(cell[order], values[order], minlength=shape[0] * shape[1]).reshape(shape)


def _named(series: pd.DataFrame, rows) -> str:
    """Up to five series by name."""
    names = ["/".join(key) for key in series.iloc[rows, :].astype(str).itertuples(index=False)]
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


def _take_returns_out(demand, qty, rules: Rules, name: str, series, dates, notes: list[str]) -> np.ndarray:
    """Demand without what is still negative once the rows of a day are added up."""
    negative = np.nan_to_num(demand) < 0
    if (rows := qty < 0).any():
        notes.append(
            f"{rows.sum():,} rows of returns, {-qty[rows].sum():,.0f} units, are netted with the sales of their day"
        )
    if negative.any():
        k, day = np.argwhere(negative)[0]
        if rules.returns == "refuse":
            raise DataError(
                f"{name}: {_named(series, [k])} has {demand[k, day]:g} units on {dates[day]:%Y-%m-%d}, more "
                f"returns than sales ({negative.sum():,} such days); correct them, or {how('returns=drop')}"
            )
        notes.append(
            f"{negative.sum():,} series-days, {-demand[negative].sum():,.0f} units, stay negative and count as 0"
        )
    return np.where(negative, 0.0, demand)


def _closed(demand, dates, rules: Rules, notes: list[str], step: str) -> np.ndarray:
    """The days on which all demand is unknown (n_days)."""
    idle = np.nansum(demand, axis=0) == 0
    if rules.closed_days == "auto":
        notes.append(f"{idle.sum():,} {step}s on which nothing was sold are closed: missing")
        return idle
    if rules.closed_days == "none":
        if idle.any():
            day = dates[idle].day_name().value_counts().index[0]
            notes.append(
                f"{idle.sum():,} {step}s, most often {day}s, have no sale at all and count as 0; closed_days=auto "
                "makes them missing"
            )
        return np.zeros(len(dates), dtype=bool)
    texts = pd.Series([day.strip() for day in rules.closed_days.split("+")], name="closed_days")
    closed = np.isin(dates, parse_days(texts, "rules", rules.dates))
    notes.append(
        f"{closed.sum():,} closed {step}s are missing; {np.nansum(demand[:, closed]):,.0f} units were sold on them"
    )
    return closed


def _fill(demand, gaps, zeros_listed: bool, rules: Rules, name, series, dates, notes: list[str], step: str) -> None:
    """Fill the days without a row, in place."""
    become = rules.fill_gaps if rules.fill_gaps != "auto" else "refuse" if zeros_listed else "zero"
    if become == "refuse":
        k, day = np.argwhere(gaps)[0]
        raise DataError(
            f"{name}: {_named(series, [k])} has no row on {dates[day]:%Y-%m-%d}; {gaps.sum():,} {step}s are missing in "
            f"{gaps.any(axis=1).sum():,} series; if nothing was sold on them, {how('fill_gaps=zero')}; if their sales "
            "are not known, fill_gaps=missing"
        )
    if become == "zero":
        demand[gaps] = 0.0
    why = ", as the table lists no zeros" if rules.fill_gaps == "auto" else ""
    notes.append(f"{gaps.sum():,} series-{step}s without a row are {become}{why}")


def _kept(demand, series, rules: Rules, notes: list[str], step: str) -> np.ndarray:
    """Numbers of the series that stay."""
    sold, known = np.nansum(demand, axis=1), (~np.isnan(demand)).sum(axis=1)
    least = rules.least_known or min(LEAST_KNOWN[step], demand.shape[1] * 3 // 4)
    never, short = sold == 0, (sold > 0) & (known < least)
    for rows, what in ((never, "never sold"), (short, f"have fewer than {least} known {step}s")):
        if rows.any():
            notes.append(f"{rows.sum():,} series {what} and are left out: {_named(series, rows)}")
    kept = np.flatnonzero(~never & ~short)
    if not len(kept):
        raise DataError(f"no series is left: {notes[-1]}; add earlier {step}s, or {how('least_known=1')}")
    if 0 < rules.top < len(kept):
        notes.append(f"{rules.top:,} of {len(kept):,} series, those of most units, are taken")
        kept = np.sort(kept[np.argsort(-sold[kept], kind="stable")[: rules.top]])
    return kept


def _last_label(long: pd.DataFrame, row: np.ndarray, label: str, notes: list[str]) -> np.ndarray:
    """The label of each series on its last day."""
    labels = (
        long[[label]]
        .assign(row=row, date=long["date"].to_numpy())
        .drop_duplicates()
        .sort_values(["row", "date", label])
    )
    if several := int((labels.groupby("row")[label].nunique() > 1).sum()):
        notes.append(f"{several:,} series change their {label}; the last one counts")
    return labels.groupby("row")[label].last().to_numpy()


def holiday_events(country: str, dates: pd.DatetimeIndex) -> dict[str, list]:
    """The public holidays of a country, or a part of it (US-CA), in the years of the dates and the one after."""
    try:
        import holidays
    except ImportError as error:
        raise ParameterError(f"holidays={country} needs the package holidays: pip install holidays") from error
    country, _, part = country.partition("-")
    try:
        found = holidays.country_holidays(country, subdiv=part or None, years=range(dates[0].year, dates[-1].year + 2))
    except NotImplementedError as error:
        raise ParameterError(f"holidays: {error}") from error
    return {"holiday": [(str(day), str(day)) for day in sorted(found)]}
