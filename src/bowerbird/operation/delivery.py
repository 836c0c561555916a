"""A day of demand as it arrives: one file a day, the columns of 附件1, read right or refused with place and cure.

Give a file its name once it is whole (write `x.part`, rename it to `x.csv`): a file read while it is being written
looks cut off, and is refused as such.
"""

import hashlib
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
    """One validated day.

    Attributes
    ----------
    date : Timestamp
    demand : array (n_series,)
        Units shipped, in the order of the store's series; NaN marks a missing one.
    file, checksum : str
        Name of the file, and the sha256 of its bytes; with pseudonyms the name is the checksum's first 8 digits.
    unknown : Series of str
        Names of the series in the file that the store does not know, by row; their quantities are not in `demand`.
    """

    date: pd.Timestamp
    demand: np.ndarray
    file: str
    checksum: str = ""
    unknown: pd.Series = field(default_factory=lambda: pd.Series(dtype=str))

    @property
    def content(self) -> str:
        """Checksum of day and demand, whatever the file's format or order of rows."""
        demand = np.asarray(self.demand, dtype="<f8").tobytes()
        return hashlib.sha256(self.date.isoformat().encode() + demand).hexdigest()


def write_deliveries(panel: Panel, folder: Path | str, first_day=None) -> list[Path]:
    """Write days of a panel as deliveries, <folder>/2023-05-01.csv and so on.

    Parameters
    ----------
    panel : Panel
    folder : path
        Made if it does not exist.
    first_day : date, optional
        First day to write; the panel's first by default.

    Returns
    -------
    list of Path, a file a day. A missing day of a series (NaN) has no row.
    """
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
    """The files of a folder that can be deliveries, .csv, .xlsx or .xls, by name.

    Hidden ones are left alone, and the locks (~$) that Excel lays beside a file it has open.

    Raises
    ------
    DataError
        No such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give the one that the daily files arrive in")
    found = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path for path in found if not path.name.startswith((".", "~$")))


def read_day(path: Path | str, series: pd.DataFrame, fill_gaps: str = "refuse", key: bytes | None = None) -> Delivery:
    """Read and validate one day's file.

    Parameters
    ----------
    path : path
        A .csv (UTF-8 or GBK), .xlsx or .xls file with the columns of 附件1, in any order.
    series : DataFrame, n_series rows
        seller_no, product_no, warehouse_no of the series that are run; pseudonyms if there is a key.
    fill_gaps : {"refuse", "zero", "missing"}
        What a series without a row means: a broken file, nothing shipped, or unknown.
    key : bytes, optional
        Replaces the file's ids by their pseudonyms.

    Returns
    -------
    Delivery

    Raises
    ------
    DataError
        As `data.attachments.read_attachments`; several days in one file, a series without a row.
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
