"""Read the six attachments and refuse what cannot be used, naming file, row, column, value and cure."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.data.files import LARGEST_NUMBER, find_file, read_text_table
from bowerbird.data.schema import ATTACHMENTS, LABELS, AttachmentSpec
from bowerbird.errors import DataError
from bowerbird.files import sha256

EIGHT_DIGITS = r"^(\d{4})(\d\d)(\d\d)$"
CHINESE_DAY = r"^(\d{4})年(\d{1,2})月(\d{1,2})日?"
DAY = r"^(?P<year>\d{4})(?P<sign>[-/])(?P<month>\d{1,2})(?P=sign)(?P<day>\d{1,2})(?:[ T]0?0:00(?::00)?)?$"
EXCEL_ERRORS = ("#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!")
EXCEL_DAY_ZERO = pd.Timestamp("1899-12-30")
PLAUSIBLE_DATES = (pd.Timestamp("2000-01-01"), pd.Timestamp("2099-12-31"))


@dataclass(frozen=True)
class Attachments:
    """The validated attachments of one folder; 附件5 and 附件6 are None where absent.

    Ids are str, dates Timestamps, qty int64. `warehouses` keeps the rows that stand twice in the original, since the
    paper's merge depends on them. `files` maps 附件1 ... to the path read.
    """

    shipments: pd.DataFrame
    products: pd.DataFrame
    sellers: pd.DataFrame
    warehouses: pd.DataFrame
    new_items: pd.DataFrame | None
    promotion: pd.DataFrame | None
    files: dict[str, Path]

    def manifest(self) -> dict[str, dict]:
        """File name and sha256 of every attachment read; a run stores it to say which data it used."""
        return {label: {"file": path.name, "sha256": sha256(path)} for label, path in self.files.items()}


def read_attachments(folder) -> Attachments:
    """Read and validate a folder of attachments.

    Parameters
    ----------
    folder : path
        Holds 附件1 to 附件4, and 附件5 and 附件6 if there are any, each as csv or Excel.

    Returns
    -------
    Attachments

    Raises
    ------
    DataError
        Missing file or column, empty file, unknown id, unreadable date, qty that is no whole number >= 0, repeated
        key, contradictory rows.
    """
    tables, files = {}, {}
    for spec in ATTACHMENTS:
        path = find_file(Path(folder), spec)
        tables[spec.name] = None if path is None else read_attachment(path, spec)
        if path is not None:
            files[spec.label] = path
    for name in ("shipments", "new_items", "promotion"):
        if tables[name] is not None:
            _check_ids(tables, name, files)
    renumbered = {name: table if table is None else table.reset_index(drop=True) for name, table in tables.items()}
    return Attachments(**renumbered, files=files)


def read_attachment(path: Path, spec: AttachmentSpec) -> pd.DataFrame:
    """Read and validate one attachment's file by itself; the index is the row number seen in a spreadsheet.

    Raises
    ------
    DataError
        As `read_attachments`, but for unknown ids, which only the other attachments tell.
    """
    table = read_text_table(path, spec.columns)
    for column in spec.columns:
        if column == "date":
            table[column] = parse_dates(table[column], path.name)
        elif column == "qty":
            table[column] = parse_quantities(table[column], path.name)
        else:
            table[column] = _parse_labels(table[column], path.name)
    _check_keys(table, spec, path.name)
    return table


def refuse(file: str, cells: pd.Series, bad: np.ndarray, fault: str, cure: str) -> None:
    """Raise DataError for the first bad cell of a column, and say how many more there are."""
    if not bad.any():
        return
    more = f" ({bad.sum() - 1} more such rows)" if bad.sum() > 1 else ""
    first = cells[bad].index[0]
    raise DataError(f"{file}, row {first}, column {cells.name}: {cells[first]!r} {fault}{more}; {cure}")


def _parse_labels(text: pd.Series, file: str) -> pd.Series:
    bad = (text.str.lower().isin(["", "nan", "none", "null"]) | text.isin(EXCEL_ERRORS)).to_numpy()
    refuse(file, text, bad, "is no id or label", "fill in the cell or delete the row")
    rounded = text.str.contains(r"^\d\.?\d*[eE]\+\d\d+$").to_numpy(dtype=bool)
    refuse(file, text, rounded, "is a rounded number", "format the column as text and enter the ids again")
    return text.str.replace(r"^(\d+)\.0$", r"\1", regex=True)  # the id 12, read as a number and written again: 12.0


def parse_dates(text: pd.Series, file: str) -> pd.Series:
    """Turn text or Excel day numbers into Timestamps at midnight.

    Parameters
    ----------
    text : Series of str
        2023-05-01, 2023/5/1, 20230501, 2023-05-01 00:00:00, 2023年5月1日 or an Excel day number such as 45047;
        no blanks around.
    file : str
        Name for the message.

    Returns
    -------
    Series of Timestamps.

    Raises
    ------
    DataError
        A cell that is none of these, has a time of day, or lies outside 2000 to 2099.
    """
    codes, unique = pd.factorize(text)  # some hundred different days among 331,336 rows
    unique = pd.Series(unique, dtype=str)
    for written in (EIGHT_DIGITS, CHINESE_DAY):
        unique = unique.str.replace(written, r"\1-\2-\3", regex=True)
    parts = unique.str.extract(DAY)[["year", "month", "day"]]
    numbers = pd.to_numeric(unique, errors="coerce").where(lambda n: n.between(20_000, 80_000))
    dates = pd.to_datetime(parts, errors="coerce").fillna(EXCEL_DAY_ZERO + pd.to_timedelta(numbers, unit="D"))
    good = dates.between(*PLAUSIBLE_DATES) & (dates == dates.dt.normalize())
    refuse(file, text, ~good.to_numpy()[codes], "is no day", "write it as 2023-05-01, from 2000 to 2099")
    return pd.Series(dates.to_numpy(dtype="datetime64[ns]")[codes], index=text.index, name=text.name)


def parse_quantities(text: pd.Series, file: str) -> pd.Series:
    """Turn text into whole units shipped.

    Parameters
    ----------
    text : Series of str, no blanks around
    file : str
        Name for the message.

    Returns
    -------
    Series of int64.

    Raises
    ------
    DataError
        Empty, text, NaN, infinite, negative, fractional, or 2^53 and more.
    """
    cure = "qty is the whole number of units shipped that day, 0 or more"
    codes, unique = pd.factorize(text)  # some thousand different counts among 331,336 rows
    unique = pd.Series(unique, dtype=str)
    numbers = pd.to_numeric(unique, errors="coerce").to_numpy(dtype=float)
    for bad, fault in (
        ((unique == "").to_numpy(), "is empty"),
        (np.isnan(numbers), "is not a number"),
        (np.isinf(numbers), "is infinite"),
        (numbers < 0, "is negative"),
        # A float64 cannot tell 12.0000000000000000001 from 12, nor 1e-400 from 0: the digits can
        ((numbers != np.floor(numbers)) | ~unique.map(_is_whole).to_numpy(dtype=bool), "is fractional"),
        (numbers >= LARGEST_NUMBER, "is too large"),
    ):
        refuse(file, text, bad[codes], fault, cure)
    return pd.Series(numbers.astype(np.int64)[codes], index=text.index, name=text.name)


def _is_whole(number: str) -> bool:
    if number.isdecimal():
        return True
    try:
        return Decimal(number) == Decimal(number).to_integral_value()
    except InvalidOperation:  # no number, or an exponent beyond all others
        return False


def _check_keys(table: pd.DataFrame, spec: AttachmentSpec, file: str) -> None:
    # A row repeated whole, as wh_29 and wh_38 in 附件4, says nothing false; among shipments it might count twice.
    key = list(spec.key)
    unique = table if "qty" in spec.columns else table.drop_duplicates()
    repeated = unique.duplicated(key).to_numpy()
    if not repeated.any():
        return
    row = unique.index[repeated][0]
    first = unique.index[(unique[key] == unique.loc[row, key]).all(axis=1)][0]
    told = ", ".join(f"{column} {_show(unique.loc[row, column])}" for column in key)
    contradiction = "".join(
        f", there with {column} {_show(unique.loc[first, column])!r}, here {_show(unique.loc[row, column])!r}"
        for column in unique.columns[unique.loc[first] != unique.loc[row]]
    )
    cure = "keep one row a key"
    if "qty" in spec.columns:
        cure = (
            "add up the rows of a day where each is a sale of its own, delete one only where it repeats the same sale"
        )
    raise DataError(
        f"{file}, row {row}, columns {', '.join(key)}: {told} stands already in row {first}{contradiction} "
        f"({repeated.sum()} such rows in all); {cure}"
    )


def _show(value) -> str:
    return f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else str(value)


def _check_ids(tables: dict, name: str, files: dict[str, Path]) -> None:
    for column, source in (("product_no", "products"), ("seller_no", "sellers"), ("warehouse_no", "warehouses")):
        cells, other = tables[name][column], files[LABELS[source]].name
        unknown = ~cells.isin(tables[source][column]).to_numpy()
        refuse(files[LABELS[name]].name, cells, unknown, f"is not in {other}", "add it there or delete the row")
