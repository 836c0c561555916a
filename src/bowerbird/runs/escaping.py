"""Ids and labels come from files that anyone may have written: what may they do to a reader's spreadsheet or page?

Nothing: in a csv no text begins a formula, in a Markdown table no text is a tag, a link or a border of a cell. Pages in
HTML are escaped where they are made. Parquet files hold every text as it was read.
"""

import re

import pandas as pd

BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
MARKS = re.compile(r"\\|\||<(?=[A-Za-z/!?])|\[(?=[^\]]*\]\()")  # an escape, a cell's border, a tag, a link


def neutralised(table: pd.DataFrame) -> pd.DataFrame:
    """A copy for a csv, whose text a spreadsheet takes for text: what begins with = + - @ or a tab gets a ' in front.

    Source
    ------
    OWASP, CSV injection.
    """
    return _mapped(table, lambda text: f"'{text}" if text.startswith(BEGINS_FORMULA) else text)


def markdown_safe(table: pd.DataFrame) -> pd.DataFrame:
    """A copy for a Markdown table, whose text is shown as it is: the marks that would be obeyed get a backslash."""
    return _mapped(table, lambda text: MARKS.sub(r"\\\g<0>", " ".join(text.splitlines())))


def _mapped(table: pd.DataFrame, change) -> pd.DataFrame:
    """A copy with every text changed; numbers, dates and missing values stay as they are."""
    table = table.copy()
    for place, dtype in enumerate(table.dtypes):
        if not (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_datetime64_any_dtype(dtype)):
            column = table.iloc[:, place].astype(object)
            table.isetitem(place, column.map(lambda cell: change(cell) if isinstance(cell, str) else cell))
    return table
