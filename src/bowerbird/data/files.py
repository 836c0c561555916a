"""Find one attachment in a folder and read it as text, whatever its format, encoding and column order."""

import contextlib
import hashlib
import io
import re
from pathlib import Path

import pandas as pd

from bowerbird.data.schema import AttachmentSpec
from bowerbird.errors import DataError

SUFFIXES = (".csv", ".xlsx", ".xls")
UTF_8, GBK = "utf-8-sig", "gb18030"  # gb18030 holds GBK and GB2312
AS_TEXT = {"dtype": str, "keep_default_na": False, "na_filter": False}


def find_file(folder: Path, spec: AttachmentSpec) -> Path | None:
    """Find the one file of an attachment: 附件1.csv, 附件1-商家历史出货量表_new.xlsx, attachment1.xlsx, ...

    Parameters
    ----------
    folder : Path
        Folder of attachments.
    spec : AttachmentSpec
        Which attachment.

    Returns
    -------
    Path, or None when an optional attachment is absent.

    Raises
    ------
    DataError
        No such folder, no such file, or more than one.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give the folder that holds 附件1 to 附件4 (see data/README.md)")
    pattern = re.compile(rf"(附件|attachment)[\s_-]*{spec.number}(?!\d)", re.IGNORECASE)
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and pattern.match(p.name))
    if len(found) > 1:
        names = ", ".join(p.name for p in found)
        raise DataError(f"{folder}: {len(found)} files for {spec.label} ({names}); keep one of them")
    if not found and not spec.optional:
        raise DataError(
            f"{folder}: {spec.label} ({spec.title}) is missing; put {spec.label}-{spec.title}.csv or .xlsx there, "
            "see data/README.md for where to get it"
        )
    return found[0] if found else None


def read_text_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read a csv or Excel file with every cell as text; the index is the row number seen in a spreadsheet.

    Parameters
    ----------
    path : Path
        A .csv (UTF-8 or GBK), .xlsx or .xls file; of a workbook the first sheet.
    columns : tuple of str
        The columns wanted, in the order wanted; blanks and case in the file's headers do not matter.

    Returns
    -------
    DataFrame of str, stripped of blanks around; an empty cell is "". Blank rows are left out, but counted in the index.

    Raises
    ------
    DataError
        Unreadable or empty file, missing or repeated column.
    """
    table = _read_csv(path) if path.suffix.lower() == ".csv" else _read_excel(path)
    if table.empty:
        raise DataError(f"{path.name}, row 1: the file is empty or begins with a blank row; put the header there")
    table.columns = [re.sub(r"\s+", "", name).lower() for name in table.iloc[0]]
    for column in columns:
        count = list(table.columns).count(column)
        if count != 1:
            fault = "is missing" if count == 0 else f"stands {count} times"
            raise DataError(
                f"{path.name}, row 1: column {column} {fault}; the header is {', '.join(table.columns)}; "
                f"needed are {', '.join(columns)}, each once"
            )
    table.index = pd.RangeIndex(1, len(table) + 1)
    table = table[list(columns)].iloc[1:].apply(lambda cells: cells.str.strip())
    table = table[(table != "").any(axis=1)]
    if table.empty:
        raise DataError(f"{path.name}: no rows below the header; the file is empty or cut off, fetch it again")
    return table


def sha256(path: Path) -> str:
    """Checksum of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_csv(path: Path) -> pd.DataFrame:
    text = _decode(path.read_bytes(), path.name)
    if not re.match(r"[^\r\n]*", text)[0].strip():
        return pd.DataFrame()
    if "\0" in text:  # at which some versions of pandas end the cell without a word
        row = 1 + text.partition("\0")[0].count("\n")
        raise DataError(f"{path.name}, row {row}: a NUL byte, so the file is damaged or no text; save it as CSV UTF-8")
    try:
        # The header is read as a row like others: pandas would take the first of six fields under five headers for an
        # index, and rename the second of two equal headers.
        return pd.read_csv(io.StringIO(text), header=None, skip_blank_lines=False, **AS_TEXT)
    except pd.errors.ParserError as error:
        # "Expected 5 fields in line 3, saw 6" counts from 1, "EOF inside string starting at row 2" from 0.
        line, row = re.search(r"line (\d+)|row (\d+)|$", str(error)).groups()
        number = int(line) if line else int(row or 0) + 1
        lines = re.split(r"\r\n|\r|\n", text)
        raise DataError(
            f"{path.name}, row {number}: {lines[number - 1]!r} does not fit the columns of row 1 "
            f"({str(error).strip()}); mend that row: a comma too many, or a quotation mark left open"
        ) from error


def _decode(raw: bytes, file: str) -> str:
    try:
        return raw.decode(UTF_8)
    except UnicodeDecodeError:
        guess = raw.decode("utf-8", errors="replace")
    # Taken for GBK, a UTF-8 file with one byte lost would turn all its labels into others without a word
    broken = guess.count("\N{REPLACEMENT CHARACTER}")
    if len(re.sub(r"[\x00-\x7f]+", "", guess)) < 2 * broken:
        with contextlib.suppress(UnicodeDecodeError):
            return raw.decode(GBK)
    row = 1 + guess.partition("\N{REPLACEMENT CHARACTER}")[0].count("\n")
    raise DataError(f"{file}, row {row}: neither UTF-8 nor GBK; save it again as CSV UTF-8")


def _read_excel(path: Path) -> pd.DataFrame:
    try:
        return pd.read_excel(path, header=None, engine="calamine", **AS_TEXT)
    except Exception as error:  # calamine raises its own kinds for broken archives
        raise DataError(f"{path.name}: not a readable Excel file ({error}); open and save it again as .xlsx") from error
