"""A day of demand as it arrives: one file a day, the columns of 附件1, read right or refused with place and cure.

Give a file its name once it is whole (write `x.part`, rename it to `x.csv`): a file read while it is being written
looks cut off, and is refused as such.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.data.panel import Panel
from bowerbird.data.reader import ATTACHMENTS, SERIES_KEY, SHIPMENT_COLUMNS, SUFFIXES, read_attachment, refuse
from bowerbird.errors import DataError, ParameterError
from bowerbird.files import atomic_path, sha256
from bowerbird.operation.pseudonyms import pseudonymise

KEY = list(SERIES_KEY)
SHIPMENTS = next(spec for spec in ATTACHMENTS if spec.name == "shipments")
FILL_GAPS = ("refuse", "zero", "missing")


@dataclass(frozen=True)
class Delivery:
    """One validated day."""

    date: pd.Timestamp
    demand: np.ndarray  # (n_series,) units, in the order of the store's series; NaN marks a missing one
    file: str  # name of the file; with pseudonyms the checksum's first 8 digits
    checksum: str = ""  # SHA-256 of the file's bytes
    # Names, by row of the file, of series that the store does not know; their quantities are not in `demand`
    unknown: pd.Series = field(default_factory=lambda: pd.Series(dtype=str))


def write_deliveries(panel: Panel, folder: Path | str, first_day=None) -> list[Path]:
    """Write a panel's days from `first_day` on as <folder>/2023-05-01.csv and so on; a missing day has no row."""
    paths = []
    for column in np.flatnonzero(panel.dates >= (panel.dates[0] if first_day is None else pd.Timestamp(first_day))):
        day, known = panel.dates[column], ~np.isnan(panel.demand[:, column])
        table = panel.series.loc[known, KEY].assign(date=f"{day:%Y-%m-%d}")
        table["qty"] = panel.demand[known, column].astype(np.int64)
        paths.append(Path(folder) / f"{day:%Y-%m-%d}.csv")
        with atomic_path(paths[-1]) as path:
            table[list(SHIPMENT_COLUMNS)].to_csv(path, index=False)
    return paths


def find_deliveries(folder: Path | str) -> list[Path]:
    """The .csv, .xlsx and .xls files of a folder by name, without hidden ones and Excel's locks (~$)."""
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give the one that the daily files arrive in")
    found = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path for path in found if not path.name.startswith((".", "~$")))


def read_day(path: Path | str, series: pd.DataFrame, fill_gaps: str = "refuse", key: bytes | None = None) -> Delivery:
    """Read and validate one day's file, with the columns of 附件1, for the series that are run.

    `fill_gaps` says what a series without a row means: a broken file (refuse), nothing shipped (zero) or unknown
    (missing). A `key` replaces the file's ids by their pseudonyms. DataError names file, row, column, value and cure.
    """
    if fill_gaps not in FILL_GAPS:
        raise ParameterError(f"fill_gaps is {fill_gaps!r}; choose {', '.join(FILL_GAPS)}")
    path = Path(path)
    table = read_attachment(path, SHIPMENTS)
    day = table["date"].iloc[0]
    other = (table["date"] != day).to_numpy()
    written = table["date"].dt.strftime("%Y-%m-%d")
    refuse(path.name, written, other, f"is not the day of the first row, {day:%Y-%m-%d}", "deliver one day a file")
    if key is not None:
        table = pseudonymise(table, key)
    rows = pd.MultiIndex.from_frame(series[KEY]).get_indexer(pd.MultiIndex.from_frame(table[KEY]))  # -1: unknown
    names = table[KEY].agg("/".join, axis=1).rename(", ".join(KEY))

    demand = np.full(len(series), np.nan)
    demand[rows[rows >= 0]] = table["qty"][rows >= 0]
    without = np.isnan(demand)
    if without.any() and fill_gaps == "refuse":
        first = "/".join(series[KEY].iloc[int(without.argmax())])
        others = "" if (rows >= 0).all() else f", and {(rows < 0).sum()} rows are of no series of the store"
        raise DataError(
            f"{path.name}, row {table.index[-1]}, columns {', '.join(KEY)}: the file ends without {first!r} "
            f"({without.sum()} series of {len(series)} have no row{others}); add them, or make another store with "
            "--fill-gaps zero (not listed means nothing shipped) or missing (unknown): rules are fixed when it is made"
        )
    checksum = sha256(path)
    file = path.name if key is None else checksum[:8]  # a file's name can hold an id
    demand = np.nan_to_num(demand) if fill_gaps == "zero" else demand
    return Delivery(day, demand, file, checksum, names[rows < 0])
