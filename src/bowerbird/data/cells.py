"""Texts of a table as days and numbers; what can be read in two ways is refused, with the rule that decides."""

import datetime

import numpy as np
import pandas as pd

from bowerbird.data import reader
from bowerbird.data.reader import refuse

TRUE = {"true", "yes", "y", "t", "是", "有"}
FALSE = {"false", "no", "n", "f", "否", "无"}
TIME = r"[ T]+\d{1,2}:\d\d(:\d\d([.,]\d+)?)?\s*([AaPp]\.?[Mm]\.?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?$"
DAY_FIRST_OR_MONTH_FIRST = r"^(\d{1,2})([-/.])(\d{1,2})\2(\d{4})$"


def how(rule: str) -> str:
    line = rule.replace("=", ": ")
    return f'give --rules "{rule}" (make: RULES="{rule}"), or the line {line} in a yaml beside the table'


def text_of(cells: pd.Series) -> pd.Series:
    """Cells as text, whole numbers without a decimal point, empty where missing."""
    if pd.api.types.is_float_dtype(cells.dtype):
        whole = cells.dropna()
        if (whole % 1 == 0).all() and (whole.abs() < reader.LARGEST_NUMBER).all():
            return cells.map(lambda value: "" if pd.isna(value) else f"{value:.0f}")
    return cells.astype(object).where(cells.notna(), "").astype(str).str.strip()


def parse_days(cells: pd.Series, file: str, order: str = "auto") -> pd.Series:
    """Days of a column, the time of day left out; refuses 03/04/2023 where day or month may come first."""
    if pd.api.types.is_datetime64_any_dtype(cells):
        days = cells.dt.tz_localize(None).dt.normalize()
        refuse(file, cells.astype(str), days.isna().to_numpy(), "is no day", reader.NO_DAY)
        return days.astype("datetime64[ns]")
    text = text_of(cells)
    codes, distinct = pd.factorize(text)
    days, unsure = days_of_texts(pd.Series(distinct, dtype=str), order)
    cure = how("dates=dmy") + ", or dates=mdy where the month comes first"
    refuse(file, text, unsure[codes], "may be written day first or month first", cure)
    refuse(file, text, days.isna().to_numpy()[codes], "is no day", reader.NO_DAY)
    return pd.Series(days.to_numpy(dtype="datetime64[ns]")[codes], index=cells.index)


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
    return reader.days_of(text), unsure


def _monday(week: str) -> str:
    """The Monday of a week written 2023-W05."""
    try:
        return str(datetime.date.fromisocalendar(int(week[:4]), int(week[-2:]), 1))
    except ValueError:
        return week


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
        codes, distinct = pd.factorize(text)
        written = pd.Series(distinct, dtype=str)
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
    large = np.isinf(numbers) | (np.abs(numbers) >= reader.LARGEST_NUMBER)
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
