"""The rules for what a table of sales leaves open, such as gaps and returns, and the panel that results."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.data.cells import how, parse_days
from bowerbird.data.panel import Panel, key_columns, named
from bowerbird.data.reader import FromFiles
from bowerbird.errors import DataError, ParameterError

LEAST_KNOWN = {"day": 60, "week": 40}
LEAST_DATES = 0.25  # share of the days from the first to the last that have a row
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
            if known[name] is int and not str(value).isdecimal():
                raise ParameterError(f"rules: {name} is {value!r}; give a whole number from 0")
            given[name] = "+".join(map(str, value)) if isinstance(value, list) else known[name](value)
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
class Sales(FromFiles):
    """A table of sales as a panel, and what was done to make it one."""

    panel: Panel
    rules: Rules  # as given, with the defaults of the rest
    files: dict[str, Path]  # label (table, columns, in_stock, attributes ...) -> the path that was read
    columns: dict[str, str]  # role -> the table's own header
    unused: list[str]  # headers that were not used
    notes: list[str]  # what was added up, netted, filled or left out, with counts; one sentence each

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
    rows = _Rows(long, rules, name, list(notes))
    demand = rows.demand()
    kept = rows.kept(demand)
    prices = rows.prices()[kept] if "price" in long else None
    ahead = {}
    for column in (column for column in long if column.startswith(AHEAD)):
        known = "price ahead" if column == f"{AHEAD}price" else column.removeprefix(AHEAD)
        ahead[known] = rows.ahead(column)[kept]
    labels = {label: rows.last_label(label) for label in ("category1", "category2") if label in long}
    series = rows.series.assign(**labels).iloc[kept].reset_index(drop=True)
    events = holiday_events(rules.holidays, rows.dates) if rules.holidays else {}
    panel = Panel(series, pd.DatetimeIndex(rows.dates, freq=None, name="date"), demand[kept], prices, ahead, events)
    return Sales(panel, rules, files, columns, list(unused), rows.notes)


class _Rows:
    """Rows of a table on their way to series and days, or weeks; `notes` say what was done to them."""

    def __init__(self, long: pd.DataFrame, rules: Rules, name: str, notes: list[str]):
        self.rules, self.name, self.notes = rules, name, notes
        if rules.exclude:
            out = long["product_no"].isin(_parts(rules.exclude)).to_numpy()
            long = long[~out]
            notes.append(f"{out.sum():,} rows of excluded items are left out")
        if long["qty"].isna().all():
            raise DataError(f'{name}: no row has a quantity; name the column that has it, give --columns "qty=NAME"')
        grouped = long.groupby(key_columns(long), sort=True)
        self.series, self.row = grouped.size().index.to_frame(index=False), grouped.ngroup().to_numpy()
        self.long, self.qty = long, long["qty"].to_numpy(dtype=float)

        known = long.loc[long["qty"].notna(), "date"]
        weekly = long["date"].dt.day_of_week.nunique() == 1 and known.nunique() > 1
        self.dates = pd.date_range(known.min(), known.max(), freq="7D" if weekly else "1D").as_unit("ns")
        self.word = "week" if weekly else "day"
        if (share := known.nunique() / len(self.dates)) < LEAST_DATES:
            raise DataError(
                f"{name}: only {share:.0%} of the {len(self.dates):,} {self.word}s from {self.dates[0]:%Y-%m-%d} to "
                f"{self.dates[-1]:%Y-%m-%d} have a row; give daily or weekly sales, a week's on the same weekday, and "
                "correct wrong dates"
            )
        if weekly:
            notes.append("dates lie on one weekday: weekly, each the first day of its week")
        # Rows known ahead may lie after the last day with a quantity, beyond the table
        self.place = ((long["date"] - self.dates[0]).dt.days // (7 if weekly else 1)).to_numpy()
        self.shape = len(self.series), len(self.dates)
        self.inside = (self.place >= 0) & (self.place < self.shape[1])

    def note(self, count: int, text: str) -> None:
        if count:
            self.notes.append(f"{count:,} {text}")

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sums of the rows' values (n_series, n_days)."""
        return _sums(self.row[self.inside], self.place[self.inside], values[self.inside], self.shape)

    def demand(self) -> np.ndarray:
        """Demand (n_series, n_days) by the rules, NaN where it is unknown."""
        rules, qty, days = self.rules, self.qty, f"series-{self.word}s"
        listed = self.sums(np.ones(len(qty)))
        demand = np.where((listed > 0) & (self.sums(np.isnan(qty)) == 0), self.sums(np.nan_to_num(qty)), np.nan)
        self.note((listed > 1).sum(), f"{days} have several rows, which are added up")
        self.note((np.isnan(qty) & self.inside).sum(), "rows have an empty quantity: missing")
        demand = self.without_returns(demand)
        closed = self.closed(demand)
        demand[:, closed] = np.nan

        sold = np.nan_to_num(demand) > 0
        begun = np.maximum.accumulate(sold, axis=1) | (rules.leading == "zero")  # from the first sale on
        self.fill(demand, (listed == 0) & begun & ~closed)
        demand[~begun] = np.nan
        self.note((~begun & sold.any(axis=1, keepdims=True)).sum(), f"{days} before a first sale are missing")
        if "in_stock" in self.long:
            out = self.sums(~self.long["in_stock"].to_numpy(dtype=bool)) > 0
            units = f"{np.nansum(demand[out]):,.0f} units were sold on them"
            self.notes.append(f"{(out & begun).sum():,} {days} out of stock are missing; {units}")
            demand[out] = np.nan
        return demand

    def without_returns(self, demand: np.ndarray) -> np.ndarray:
        """Demand without what is still negative once the rows of a day are added up."""
        returned, negative = self.qty < 0, demand < 0
        units = f"{-self.qty[returned].sum():,.0f} units"
        self.note(returned.sum(), f"rows of returns, {units}, are netted with the sales of their day")
        if negative.any() and self.rules.returns == "refuse":
            k, day = np.argwhere(negative)[0]
            raise DataError(
                f"{self.name}: {self.named([k])} has {demand[k, day]:g} units on {self.dates[day]:%Y-%m-%d}, more "
                f"returns than sales ({negative.sum():,} such days); correct them, or {how('returns=drop')}"
            )
        units = f"{-demand[negative].sum():,.0f} units"
        self.note(negative.sum(), f"series-days, {units}, stay negative and count as 0")
        return np.where(negative, 0.0, demand)

    def closed(self, demand: np.ndarray) -> np.ndarray:
        """The days on which all demand is unknown (n_days)."""
        idle, chosen = np.nansum(demand, axis=0) == 0, self.rules.closed_days
        if chosen == "auto":
            self.notes.append(f"{idle.sum():,} {self.word}s on which nothing was sold are closed: missing")
            return idle
        if chosen == "none":
            often = ", ".join(self.dates[idle].day_name().value_counts().index[:1])
            which = f"{self.word}s, most often {often}s"
            self.note(idle.sum(), f"{which}, have no sale at all and count as 0; closed_days=auto makes them missing")
            return np.zeros(len(idle), dtype=bool)
        days = parse_days(pd.Series(_parts(chosen), name="closed_days"), "rules", self.rules.dates)
        closed = np.isin(self.dates, days)
        units = f"{np.nansum(demand[:, closed]):,.0f} units were sold on them"
        self.notes.append(f"{closed.sum():,} closed {self.word}s are missing; {units}")
        return closed

    def fill(self, demand: np.ndarray, gaps: np.ndarray) -> None:
        """Fill the days without a row, in place."""
        become = self.rules.fill_gaps
        if become == "auto":
            become = "refuse" if (self.qty == 0).any() else "zero"
        if gaps.any() and become == "refuse":
            k, day = np.argwhere(gaps)[0]
            raise DataError(
                f"{self.name}: {self.named([k])} has no row on {self.dates[day]:%Y-%m-%d}; {gaps.sum():,} {self.word}s "
                f"are missing in {gaps.any(axis=1).sum():,} series; if nothing was sold on them, "
                f"{how('fill_gaps=zero')}; if their sales are not known, fill_gaps=missing"
            )
        if become == "zero":
            demand[gaps] = 0.0
        why = ", as the table lists no zeros" if self.rules.fill_gaps == "auto" else ""
        self.note(gaps.sum(), f"series-{self.word}s without a row are {become}{why}")

    def kept(self, demand: np.ndarray) -> np.ndarray:
        """Numbers of the series that stay."""
        sold, known = np.nansum(demand, axis=1), (~np.isnan(demand)).sum(axis=1)
        least = self.rules.least_known or min(LEAST_KNOWN[self.word], demand.shape[1] * 3 // 4)
        never, short = sold == 0, (sold > 0) & (known < least)
        for out, what in ((never, "never sold"), (short, f"have fewer than {least} known {self.word}s")):
            self.note(out.sum(), f"series {what} and are left out: {self.named(out)}")
        kept = np.flatnonzero(~never & ~short)
        if not len(kept):
            raise DataError(f"no series is left: {self.notes[-1]}; add earlier {self.word}s, or {how('least_known=1')}")
        if 0 < (top := self.rules.top) < len(kept):
            self.notes.append(f"{top:,} of {len(kept):,} series, those of most units, are taken")
            kept = np.sort(kept[np.argsort(-sold[kept], kind="stable")[:top]])
        return kept

    def prices(self) -> np.ndarray:
        """Mean price of what was sold, weighted by quantity; where nothing was sold the mean listed; NaN if unknown."""
        price = self.long["price"].to_numpy(dtype=float)
        listed = np.nan_to_num(price) > 0
        price, weight = np.where(listed, price, 0.0), np.where(listed & (self.qty > 0), self.qty, 0.0)
        with np.errstate(invalid="ignore"):
            sold, paid = self.sums(weight), self.sums(weight * price)
            return np.where(sold > 0, paid / sold, self.sums(listed * price) / self.sums(listed))

    def ahead(self, column: str) -> np.ndarray:
        """A column known ahead, to the last day that has a row; filled where a series has no row.

        The value that all other series have that day; else 0 for a flag, the series' last value for other numbers.
        """
        values = self.long[column].to_numpy(dtype=float)
        known = ~np.isnan(values) & (self.place >= 0)
        row, place, values = self.row[known], self.place[known], values[known]
        shape = self.shape[0], max(self.shape[1], int(self.place.max(initial=0)) + 1)
        flag = np.isin(values, (0, 1)).all()
        with np.errstate(invalid="ignore"):
            mean = _sums(row, place, values, shape) / _sums(row, place, np.ones(len(values)), shape)
        table = pd.DataFrame(np.ceil(mean) if flag else mean)
        low, high = table.min(), table.max()
        table = table.fillna(low.where(low == high))
        return (table if flag else table.ffill(axis=1).bfill(axis=1)).fillna(0.0).to_numpy()

    def last_label(self, label: str) -> np.ndarray:
        """The label of each series on its last day."""
        labels = self.long[[label, "date"]].assign(row=self.row).drop_duplicates()
        by_row = labels.sort_values(["row", "date", label]).groupby("row")[label]
        self.note((by_row.nunique() > 1).sum(), f"series change their {label}; the last one counts")
        return by_row.last().to_numpy()

    def named(self, rows) -> str:
        """Up to five series by name."""
        names = named(self.series.iloc[rows])
        return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


def _sums(row: np.ndarray, place: np.ndarray, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Sums by series and day, the same bits in any order of the rows."""
    cell = row * shape[1] + place
    order = np.lexsort((values, cell))
    return np.bincount(cell[order], values[order], minlength=shape[0] * shape[1]).reshape(shape)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split("+")]


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
