"""Texts of a table as labels, days and numbers; one that cannot be read, or in two ways, is refused with its cure.

The contest's attachments are read strictly, by `parse_dates` and `parse_quantities`. Other tables may write a day or a
number in more ways, by `parse_days` and `parse_numbers`.
"""

import datetime
from decimal import Decimal, InvalidOperation

import numpy as np
import pandas as pd

from bowerbird.errors import DataError

EIGHT_DIGITS = r"^(\d{4})(\d\d)(\d\d)$"
CHINESE_DAY = r"^(\d{4})年(\d{1,2})月(\d{1,2})日?"
DAY = r"^(?P<year>\d{4})(?P<sign>[-/])(?P<month>\d{1,2})(?P=sign)(?P<day>\d{1,2})(?:[ T]0?0:00(?::00)?)?$"
NO_DAY = "write it as 2023-05-01, from 2000 to 2099"
EXCEL_ERRORS = ("#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!")
EXCEL_DAY_ZERO = pd.Timestamp("1899-12-30")
PLAUSIBLE_DATES = (pd.Timestamp("2000-01-01"), pd.Timestamp("2099-12-31"))
LARGEST_NUMBER = 2**53  # from there on a workbook's float64 does not tell neighbouring whole numbers apart
TRUE = {"true", "yes", "y", "t", "是", "有"}
FALSE = {"false", "no", "n", "f", "否", "无"}
TIME = r"[ T]+\d{1,2}:\d\d(:\d\d([.,]\d+)?)?\s*([AaPp]\.?[Mm]\.?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?$"
DAY_FIRST_OR_MONTH_FIRST = r"^(\d{1,2})([-/.])(\d{1,2})\2(\d{4})$"


def refuse(file: str, cells: pd.Series, bad: np.ndarray, fault: str, cure: str) -> None:
    """Raise DataError for the first bad cell of a column, and say how many more there are."""
    if bad.any():
        more = f" ({bad.sum() - 1} more such rows)" if bad.sum() > 1 else ""
        first = cells[bad].index[0]
        raise DataError(f"{file}, row {first}, column {cells.name}: {cells[first]!r} {fault}{more}; {cure}")


def how(rule: str) -> str:
    line = rule.replace("=", ": ")
    return f'give --rules "{rule}" (make: RULES="{rule}"), or the line {line} in a yaml beside the table'


def text_of(cells: pd.Series) -> pd.Series:
    """Cells as text, whole numbers without a decimal point, empty where missing."""
    if pd.api.types.is_float_dtype(cells.dtype):
        whole = cells.dropna()
        if (whole % 1 == 0).all() and (whole.abs() < LARGEST_NUMBER).all():
            return cells.map(lambda value: "" if pd.isna(value) else f"{value:.0f}")
    return cells.astype(object).where(cells.notna(), "").astype(str).str.strip()


def _distinct(text: pd.Series) -> tuple[np.ndarray, pd.Series]:
    """Number of each cell's text, and the different texts: a few thousand among 331,336 rows."""
    codes, distinct = pd.factorize(text)
    return codes, pd.Series(distinct, dtype=str)


def parse_labels(text: pd.Series, file: str) -> pd.Series:
    """Ids or labels, none of them empty."""
    codes, distinct = _distinct(text)
    empty = distinct.str.lower().isin(["", "nan", "none", "null"]) | distinct.isin(EXCEL_ERRORS)
    refuse(file, text, empty.to_numpy()[codes], "is no id or label", "fill in the cell or delete the row")
    rounded = distinct.str.contains(r"^\d\.?\d*[eE]\+\d\d+$").to_numpy(dtype=bool)
    refuse(file, text, rounded[codes], "is a rounded number", "format the column as text and enter the ids again")
    labels = distinct.str.replace(r"^(\d+)\.0$", r"\1", regex=True)  # the id 12, read as a number and written as 12.0
    return labels.iloc[codes].set_axis(text.index)


# ---- days -----------------------------------------------------------------------------------------------------------


def parse_dates(text: pd.Series, file: str) -> pd.Series:
    """Days at midnight of 2023-05-01, 2023/5/1, 20230501, 2023年5月1日 or Excel's day numbers."""
    codes, written = _distinct(text)
    return _days(text, file, codes, days_of(written))


def days_of(text: pd.Series) -> pd.Series:
    """The days that texts write, NaT where they write none."""
    for pattern in (EIGHT_DIGITS, CHINESE_DAY):
        text = text.str.replace(pattern, r"\1-\2-\3", regex=True)
    parts = text.str.extract(DAY)[["year", "month", "day"]]
    numbers = pd.to_numeric(text, errors="coerce").where(lambda n: n.between(20_000, 80_000))
    dates = pd.to_datetime(parts, errors="coerce").fillna(EXCEL_DAY_ZERO + pd.to_timedelta(numbers, unit="D"))
    return dates.where(dates.between(*PLAUSIBLE_DATES) & (dates == dates.dt.normalize()))


def parse_days(cells: pd.Series, file: str, order: str = "auto") -> pd.Series:
    """Days of a column, the time of day left out; refuses 03/04/2023 where day or month may come first."""
    if pd.api.types.is_datetime64_any_dtype(cells):
        days = cells.dt.tz_localize(None).dt.normalize()
        refuse(file, cells.astype(str), days.isna().to_numpy(), "is no day", NO_DAY)
        return days.astype("datetime64[ns]")
    text = text_of(cells)
    codes, written = _distinct(text)
    days, unsure = days_of_texts(written, order)
    cure = how("dates=dmy") + ", or dates=mdy where the month comes first"
    refuse(file, text, unsure[codes], "may be written day first or month first", cure)
    return _days(text, file, codes, days)


def _days(text: pd.Series, file: str, codes: np.ndarray, days: pd.Series) -> pd.Series:
    """The days of all cells from those of the distinct texts; a text that is no day is refused."""
    refuse(file, text, days.isna().to_numpy()[codes], "is no day", NO_DAY)
    return pd.Series(days.to_numpy(dtype="datetime64[ns]")[codes], index=text.index)


def days_of_texts(text: pd.Series, order: str) -> tuple[pd.Series, np.ndarray]:
    """The days that distinct texts write, NaT for none; and where day and month cannot be told apart."""
    text = text.str.replace(TIME, "", regex=True).str.replace(r"^(\d{5})\.\d+$", r"\1", regex=True)
    text = text.str.replace(r"^(\d{4})\.(\d{1,2})\.(\d{1,2})$", r"\1-\2-\3", regex=True)
    weeks = text.str.fullmatch(r"\d{4}-?W\d\d").to_numpy(dtype=bool)
    text = text.where(~weeks, text[weeks].map(_monday))
    parts = text.str.extract(DAY_FIRST_OR_MONTH_FIRST)
    two = parts[0].notna().to_numpy()
    unsure = np.zeros(len(text), dtype=bool)
    if two.any():
        first, second = (pd.to_numeric(parts[column]) for column in (0, 2))
        point = (parts[1] == ".").any()  # 03.04.2023 is day first everywhere
        day_first, month_first = point or (first > 12).any(), (second > 12).any()
        if order == "auto":
            unsure = two & (day_first == month_first)
            order = "mdy" if month_first else "dmy"
        day, month = (0, 2) if order == "dmy" else (2, 0)
        text = text.where(~two, parts[3] + "-" + parts[month] + "-" + parts[day])
    return days_of(text), unsure


def _monday(week: str) -> str:
    """The Monday of a week written 2023-W05."""
    try:
        return str(datetime.date.fromisocalendar(int(week[:4]), int(week[-2:]), 1))
    except ValueError:
        return week


# ---- numbers --------------------------------------------------------------------------------------------------------


def parse_quantities(text: pd.Series, file: str) -> pd.Series:
    """Turn text into whole units shipped, int64 from 0 to 2^53."""
    codes, distinct = _distinct(text)
    numbers = pd.to_numeric(distinct, errors="coerce").to_numpy(dtype=float)
    for bad, fault in (
        ((distinct == "").to_numpy(), "is empty"),
        (np.isnan(numbers), "is not a number"),
        (np.isinf(numbers), "is infinite"),
        (numbers < 0, "is negative"),
        # A float64 cannot tell 12.0000000000000000001 from 12, nor 1e-400 from 0: the digits can
        ((numbers != np.floor(numbers)) | ~distinct.map(_is_whole).to_numpy(dtype=bool), "is fractional"),
        (numbers >= LARGEST_NUMBER, "is too large"),
    ):
        refuse(file, text, bad[codes], fault, "qty is the whole number of units shipped that day, 0 or more")
    return pd.Series(numbers.astype(np.int64)[codes], index=text.index)


def _is_whole(number: str) -> bool:
    if number.isdecimal():
        return True
    try:
        return Decimal(number) == Decimal(number).to_integral_value()
    except InvalidOperation:  # no number, or an exponent beyond all others
        return False


def parse_numbers(cells: pd.Series, file: str, decimals: str = "auto", flags: bool = False) -> pd.Series:
    """Numbers of a column, NaN where a cell is empty; with `flags` also yes and no.

    1,234 or 1.234 is refused where nothing in the column shows whether its sign is a decimal or for thousands.
    """
    if pd.api.types.is_numeric_dtype(cells):
        numbers, text = cells.astype("Float64").to_numpy(dtype=float, na_value=np.nan), cells.astype(str)
        codes = np.arange(len(cells))
        wrong = np.zeros(len(cells), dtype=bool)
    else:
        text = text_of(cells)
        codes, written = _distinct(text)
        if flags:
            written = written.where(~written.str.lower().isin(TRUE), "1").where(~written.str.lower().isin(FALSE), "0")
        sign, unsure = _decimal_sign(written, decimals)
        cure = how("decimals=point") + ", or decimals=comma"
        refuse(file, text, unsure[codes], "may be thousands or a decimal", cure)
        other = "," if sign == "." else "."
        plain = rf"[+-]?(\d+(\{sign}\d*)?|\{sign}\d+)([eE][+-]?\d+)?"
        grouped = rf"[+-]?\d{{1,3}}(\{other}\d{{3}})+(\{sign}\d*)?"
        good = written.str.fullmatch(f"{plain}|{grouped}").to_numpy(dtype=bool)
        wrong = ~good & (written != "").to_numpy()
        digits = written.where(good, "").str.replace(other, "", regex=False).str.replace(sign, ".", regex=False)
        numbers = pd.to_numeric(digits, errors="coerce").to_numpy(dtype=float)
    refuse(
        file, text, wrong[codes], "is not a number", "write digits and a decimal sign alone, or leave the cell empty"
    )
    large = np.isinf(numbers) | (np.abs(numbers) >= LARGEST_NUMBER)
    refuse(file, text, large[codes], "is too large", "correct the number")
    return pd.Series(numbers[codes], index=cells.index)


def _decimal_sign(written: pd.Series, decimals: str) -> tuple[str, np.ndarray]:
    """The decimal sign of a column's distinct texts, and the texts that leave it open."""
    nothing = np.zeros(len(written), dtype=bool)
    if decimals != "auto":
        return {"point": ".", "comma": ","}[decimals], nothing
    holds = {sign: written.str.contains(sign, regex=False).to_numpy(dtype=bool) for sign in ".,"}
    both = holds["."] & holds[","]
    shown = {"." if text.rfind(".") > text.rfind(",") else "," for text in written[both]}  # 1,234.50
    for sign, other in ((".", ","), (",", ".")):
        groups = written.str.fullmatch(rf"[+-]?[1-9]\d{{0,2}}(\{sign}\d{{3}})+").to_numpy(dtype=bool)
        if (holds[sign] & ~both & ~groups).any():  # 0.5
            shown.add(sign)
        if (groups & (written.str.count(rf"\{sign}") > 1).to_numpy()).any():  # 1,234,567
            shown.add(other)
    if len(shown) == 1:
        return shown.pop(), nothing
    return ".", holds["."] | holds[","]
