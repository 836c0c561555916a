"""A day of demand as it arrives: one file a day, or a week, read right or refused with place and cure.

A file has the store's own id columns, date and qty: of the contest's data the columns of 附件1. Where the store has
columns that are known ahead, it may have these too, and rows of later days with an empty qty. Where the run was made
from one table, a file may also have that table's own form: its headers, several rows a series, returns.

Give a file its name once it is whole (write `x.part`, rename it to `x.csv`): a file read while it is being written
looks cut off, and is refused as such.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.data.cells import refuse
from bowerbird.data.panel import Panel, key_columns, long_table, named, rows_of
from bowerbird.data.reader import ATTACHMENTS, SUFFIXES, parse_table, read_text_table
from bowerbird.data.table import read_table
from bowerbird.errors import DataError
from bowerbird.files import sha256, write_csv
from bowerbird.operation.pseudonyms import pseudonymise

SHIPMENTS = next(spec for spec in ATTACHMENTS if spec.name == "shipments")
FILL_GAPS = ("refuse", "zero", "missing")


@dataclass(frozen=True)
class Delivery:
    """One validated day."""

    date: pd.Timestamp
    demand: np.ndarray  # (n_series,) units, in the order of the store's series; NaN marks a missing one
    file: str  # name of the file; with pseudonyms the checksum's first 8 digits
    checksum: str = ""  # SHA-256 of the file's bytes
    # Ids and qty, by row of the file, of series that the store does not know; they are not in `demand`
    unknown: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"qty": []}))
    # Ids, date and a column each of what is known ahead, of this day and later ones
    ahead: pd.DataFrame = field(default_factory=pd.DataFrame)


def write_deliveries(panel: Panel, folder: Path | str, first_day=None) -> list[Path]:
    """Write a panel's days from `first_day` on as <folder>/2023-05-01.csv and so on.

    A missing day of a series has no row, and a day that is missing for all of them no file.
    """
    paths = []
    for column in np.flatnonzero(panel.dates >= (panel.dates[0] if first_day is None else pd.Timestamp(first_day))):
        day, known = panel.dates[column], ~np.isnan(panel.demand[:, column])
        if not known.any():
            continue
        table = panel.series.loc[known, panel.key_columns].assign(date=f"{day:%Y-%m-%d}")
        table["qty"] = panel.demand[known, column].astype(np.int64)
        paths.append(write_csv(Path(folder) / f"{day:%Y-%m-%d}.csv", table))
    return paths


def find_deliveries(folder: Path | str) -> list[Path]:
    """The .csv, .xlsx and .xls files of a folder by name, without hidden ones and Excel's locks (~$)."""
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give the one that the daily files arrive in")
    found = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path for path in found if not path.name.startswith((".", "~$")))


def read_day(
    path: Path | str,
    series: pd.DataFrame,
    fill_gaps: str = "refuse",
    key: bytes | None = None,
    first_days: np.ndarray | None = None,
    ahead: Sequence[str] = (),
    own_table: dict | None = None,
) -> Delivery:
    """Read and validate one day's file for the series that are run.

    `fill_gaps` says what a series without a row means: a broken file (refuse), nothing shipped (zero) or unknown
    (missing). A `key` replaces the file's ids by their pseudonyms. `first_days` (n_series,) are those of series that
    came later than the store; before its first day a series is unknown and its demand NaN. `ahead` are the columns
    known ahead that it may have, and `own_table` is the form of the run's own table (`Sales.form`). DataError names
    file, row, column, value and cure.
    """
    path, keys = Path(path), key_columns(series)
    table, known_ahead = _read(path, keys, ahead, own_table)
    day = table["date"].iloc[0]
    other = (table["date"] != day).to_numpy()
    written = table["date"].dt.strftime("%Y-%m-%d")
    refuse(path.name, written, other, f"is not the day of the first row, {day:%Y-%m-%d}", "deliver one day a file")
    if key is not None:
        table, known_ahead = pseudonymise(table, key), pseudonymise(known_ahead, key)
    rows = rows_of(table, series)
    due = np.full(len(series), True) if first_days is None else first_days <= np.datetime64(day)
    rows = np.where(due[rows], rows, -1)

    demand = np.full(len(series), np.nan)
    demand[rows[rows >= 0]] = table["qty"][rows >= 0]
    without = np.isnan(demand) & due
    if without.any() and fill_gaps == "refuse":
        first = named(series)[without.argmax()]
        others = "" if (rows >= 0).all() else f", and {(rows < 0).sum()} rows are of no series of the store"
        raise DataError(
            f"{path.name}, row {table.index[-1]}, columns {', '.join(keys)}: the file ends without {first!r} "
            f"({without.sum()} series of {due.sum()} have no row{others}); add them, or make another store with "
            "--fill-gaps zero (not listed means nothing shipped) or missing (unknown): rules are fixed when it is made"
        )
    checksum = sha256(path)
    file = path.name if key is None else checksum[:8]  # a file's name can hold an id
    if fill_gaps == "zero":
        demand[without] = 0.0
    return Delivery(day, demand, file, checksum, table.loc[rows < 0, [*keys, "qty"]], known_ahead)


def _read(path: Path, keys: list[str], ahead: Sequence[str], own_table: dict | None):
    """The rows with a quantity, and what all rows tell of the columns known ahead, where the file has these."""
    spec = replace(SHIPMENTS, columns=(*keys, "date", "qty"), key=(*keys, "date"))
    try:
        text = read_text_table(path, spec.columns, ahead)
    except DataError:
        if own_table is None:
            raise
        return _read_own(path, keys, own_table)
    if not ahead or not set(ahead) <= set(text):
        return parse_table(text[list(spec.columns)], spec, path.name), pd.DataFrame()
    known = parse_table(text[[*keys, "date"]], replace(spec, columns=(*keys, "date")), path.name)
    for name in ahead:
        numbers = pd.to_numeric(text[name], errors="coerce")
        refuse(path.name, text[name], ~np.isfinite(numbers).to_numpy(), "is no number", "give one in every row")
        known[name] = numbers
    return parse_table(text.loc[text["qty"] != "", list(spec.columns)], spec, path.name), known


def _read_own(path: Path, keys: list[str], own_table: dict) -> tuple[pd.DataFrame, pd.DataFrame]:
    """As `_read`, of a file in the form of the run's own table."""
    rules = own_table["rules"] | {"leading": "zero", "least_known": 1, "top": 0}
    try:
        panel = read_table(path, own_table["columns"] | {"ahead": own_table["ahead"]}, rules).panel
    except DataError:
        panel = read_table(path, own_table["columns"], rules).panel
    if panel.n_days > 1 or panel.key_columns != keys:
        raise DataError(
            f"{path.name}: holds {', '.join(panel.key_columns)} of {panel.dates[0]:%Y-%m-%d} to "
            f"{panel.dates[-1]:%Y-%m-%d}; deliver {', '.join(keys)} of one day a file"
        )
    table = panel.series[keys].assign(date=panel.dates[0], qty=panel.demand[:, 0])
    if not panel.ahead:
        return table, pd.DataFrame()
    n_days = min(values.shape[1] for values in panel.ahead.values())
    return table, long_table(panel.series, panel.frequency.dates(panel.dates[0], n_days), **panel.ahead)
