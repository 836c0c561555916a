"""Find one attachment in a folder and read it as text, whatever its format, encoding and column order."""

import codecs
import contextlib
import io
import re
import warnings
import zipfile
from collections import Counter
from pathlib import Path
from xml.parsers import expat

import pandas as pd

from bowerbird.data.schema import AttachmentSpec
from bowerbird.errors import DataError

SUFFIXES = (".csv", ".xlsx", ".xls")
UTF_8, GBK = "utf-8-sig", "gb18030"  # gb18030 holds GBK and GB2312
ALL_CELLS = {"header": None, "keep_default_na": False, "na_filter": False}
SEPARATORS, LINE_END = ",;\t|", re.compile(r"\r\n|\r|\n")
HEADER_ROWS = 50  # how far down a header is looked for, to say where it stands
DAYS_TO_1904 = 1462  # from 1899-12-30, day zero of most workbooks, to 1904-01-01, day zero of the others
LARGEST_NUMBER = 2**53  # from there on the float64 of a workbook no longer tells neighbouring whole numbers apart
LEAST_COMMON = 0.6
"""Least share of a GBK text's Chinese characters in GB2312's table of the 3,755 common ones.

Of the labels of the contest 0.98 to 1; of the same labels in Big5, Shift-JIS or EUC-KR, taken for GBK, at most 0.49.
"""


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
        what = "a file, no folder" if folder.exists() else "no such folder"
        raise DataError(f"{folder}: {what}; give the folder that holds 附件1 to 附件4 (see data/README.md)")
    pattern = re.compile(rf"(附件|attachment)[\s_-]*{spec.number}(?!\d)", re.IGNORECASE)
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and pattern.match(p.name))
    if len(found) > 1:
        names = ", ".join(p.name for p in found)
        raise DataError(f"{folder}: {len(found)} files for {spec.label} ({names}); keep one of them")
    if not found and not spec.optional:
        around = [*folder.glob("*"), *folder.glob("*/*"), *folder.resolve().parent.glob("*")]
        elsewhere = next((p for p in sorted(around) if p.is_file() and pattern.match(p.name)), None)
        cure = f"put {spec.label}-{spec.title}.csv or .xlsx there, see data/README.md for where to get it"
        if elsewhere is not None and elsewhere.suffix.lower() in SUFFIXES:
            cure = f"it lies in {elsewhere.parent}: give that folder"
        elif elsewhere is not None:
            cure = f"{elsewhere} is neither .csv nor .xlsx: save it as one of them"
        raise DataError(f"{folder}: {spec.label} ({spec.title}) is missing; {cure}")
    return found[0] if found else None


def read_text_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read a csv or Excel file with every cell as text; the index is the row seen in a spreadsheet.

    Parameters
    ----------
    path : Path
        A .csv (UTF-8, GBK, or UTF-16 with its mark; separated by comma, semicolon, tab or bar), .xlsx or .xls file. The
        sheets of a workbook that hold the columns are joined.
    columns : tuple of str
        The columns wanted, in the order wanted; blanks and case in the file's headers do not matter.

    Returns
    -------
    DataFrame of str, stripped of blanks around; an empty cell is "". Blank rows are left out, but counted in the index:
    5, or "5 of sheet 'May'" where there are more sheets.

    Raises
    ------
    DataError
        Unreadable or empty file, missing or repeated column, header that is not in the first row, a sheet that may
        hold rows of the table but is hidden or has no header.
    """
    if path.suffix.lower() == ".csv":
        table = _below_header(_read_csv(path, columns), columns, path.name)
    else:
        sheets = _sheets_of_table(path, columns)
        table = pd.concat([_below_header(cells, columns, path.name, sheet) for sheet, cells in sheets.items()])
        table = _as_text(table, path)
    table = table.apply(lambda cells: cells.str.strip())
    table = table[(table != "").any(axis=1)]
    if table.empty:
        raise DataError(f"{path.name}: no rows below the header; the file is empty or cut off, fetch it again")
    return table


def _below_header(cells: pd.DataFrame, columns: tuple[str, ...], file: str, sheet: str = "") -> pd.DataFrame:
    """The wanted columns below the header of row 1."""
    if cells.empty:
        raise DataError(f"{file}, row 1: the file is empty or begins with a blank row; put the header there")
    of_sheet = f" of sheet {sheet!r}" if sheet else ""
    names = [_plain(cell) for cell in cells.iloc[0]]
    for column in columns:
        if (count := names.count(column)) != 1:
            fault = "is missing" if count == 0 else f"stands {count} times"
            raise DataError(
                f"{file}, row 1{of_sheet}: column {column} {fault}; the header is {', '.join(names)}; "
                f"needed are {', '.join(columns)}, each once"
            )
    below = cells.iloc[1:, [names.index(column) for column in columns]].set_axis(list(columns), axis=1)
    rows = range(2, len(cells) + 1)
    return below.set_axis([f"{row}{of_sheet}" for row in rows] if sheet else pd.RangeIndex(2, len(cells) + 1))


def _plain(name) -> str:
    return re.sub(r'[\s"]+', "", str(name)).lower()


def _header_row(rows, columns: tuple[str, ...]) -> int | None:
    """Number of the first row that holds all the columns, None where none does."""
    return next((row for row, cells in enumerate(rows, 1) if set(columns) <= {_plain(cell) for cell in cells}), None)



def _read_csv(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    text = _decode(path.read_bytes(), path.name)
    top = LINE_END.split(text, HEADER_ROWS)
    if not top[0].strip():
        return pd.DataFrame()
    if damage := re.search("[\0\x1b\N{REPLACEMENT CHARACTER}]", text):  # a NUL ends the cell in some versions of pandas
        row = 1 + text[: damage.start()].count("\n")
        raise DataError(
            f"{path.name}, row {row}: holds the character {damage[0]!r}, so the file is damaged or no text; "
            "save it as CSV UTF-8"
        )
    header = _header_row((re.split(f"[{SEPARATORS}]", line) for line in top[:HEADER_ROWS]), columns)
    if header not in (None, 1):
        raise DataError(f"{path.name}, row 1: the header stands in row {header}; delete the rows above it")
    separator = next((sign for sign in SEPARATORS if _header_row([top[0].split(sign)], columns)), ",")
    if separator == ";" and (thousands := re.search(r'(?<=[;\r\n"])\d{1,3}(\.\d{3})+(?=[;\r\n"]|$)', text)):
        row = len(LINE_END.split(text[: thousands.start()]))
        raise DataError(
            f"{path.name}, row {row}: {thousands[0]!r} may be thousands or a decimal; write numbers without a point"
        )
    try:
        # The header is read as a row like others: pandas would take the first of six fields under five headers for an
        # index, and rename the second of two equal headers.
        return pd.read_csv(io.StringIO(text), dtype=str, sep=separator, skip_blank_lines=False, **ALL_CELLS)
    except pd.errors.ParserError as error:
        # "Expected 5 fields in line 3, saw 6" counts from 1, "EOF inside string starting at row 2" from 0.
        line, row = re.search(r"line (\d+)|row (\d+)|$", str(error)).groups()
        number = int(line) if line else int(row or 0) + 1
        lines = LINE_END.split(text)
        raise DataError(
            f"{path.name}, row {number}: {lines[number - 1]!r} does not fit the columns of row 1 "
            f"({str(error).strip()}); mend that row: a comma too many, or a quotation mark left open"
        ) from error


def _decode(raw: bytes, file: str) -> str:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        with contextlib.suppress(UnicodeDecodeError):
            return raw.decode("utf-16")
    try:
        text = raw.decode(UTF_8)
    except UnicodeDecodeError:
        guess = raw.decode("utf-8", errors="replace")
    else:
        _refuse_disguised(text, file)
        return text
    # Taken for GBK, a UTF-8 file with one byte lost would turn all its labels into others without a word
    broken = guess.count("\N{REPLACEMENT CHARACTER}")
    if len(_foreign(guess)) < 2 * broken:
        with contextlib.suppress(UnicodeDecodeError):
            text = raw.decode(GBK)
            sample = ", ".join(map(repr, list(dict.fromkeys(re.findall(r"[^\x00-\x7f]+", text)))[:5]))
            if _common_share(text) < LEAST_COMMON:
                row = 1 + re.split(r"[^\x00-\x7f]", text, maxsplit=1)[0].count("\n")
                raise DataError(
                    f"{file}, row {row}: not UTF-8, and taken for GBK its labels are hardly Chinese ({sample}); it may "
                    "be Big5, Shift-JIS or EUC: save it as CSV UTF-8"
                )
            warnings.warn(
                f"{file}: not UTF-8, so read as GBK, with labels such as {sample}; if they are not the file's, "
                "save it as CSV UTF-8",
                stacklevel=2,
            )
            return text
    row = 1 + guess.partition("\N{REPLACEMENT CHARACTER}")[0].count("\n")
    raise DataError(f"{file}, row {row}: neither UTF-8 nor GBK; save it again as CSV UTF-8")


def _foreign(text: str) -> str:
    return re.sub(r"[\x00-\x7f]+", "", text)


def _common_share(text: str) -> float:
    """Share of the characters beyond ASCII that are common Chinese ones, or signs of Chinese print."""
    counts = Counter(_foreign(text))
    lead = {sign: sign.encode("gb2312", errors="ignore")[:1] for sign in counts}
    common = sum(
        n for sign, n in counts.items() if lead[sign] in (b"\xa1", b"\xa3") or b"\xb0" <= lead[sign] <= b"\xd7"
    )
    return common / max(counts.total(), 1)


def _refuse_disguised(text: str, file: str) -> None:
    """Refuse Chinese written in ASCII, as ~{VPND~} (HZ) or +Ti1lhw- (UTF-7)."""
    for name, written in (("hz", r"~\{(?:[!-}][!-~])+~\}"), ("utf-7", r"\+[A-Za-z0-9+/]{6,}-?")):
        for found in re.finditer(written, text):
            with contextlib.suppress(UnicodeDecodeError):
                meant = found[0].encode().decode(name)
                if _foreign(meant) and _common_share(meant) == 1:
                    row = 1 + text[: found.start()].count("\n")
                    raise DataError(
                        f"{file}, row {row}: {found[0]!r} is {meant!r} written in {name.upper()}; save it as CSV UTF-8"
                    )


def _sheets_of_table(path: Path, columns: tuple[str, ...]) -> dict[str, pd.DataFrame]:
    """Cells of the sheets to join, by name; "" where the workbook has one sheet alone."""
    sheets, hidden = _read_excel(path)
    filled = {name: cells for name, cells in sheets.items() if (cells != "").any(axis=None)}
    if len(filled) < 2 and not hidden & set(filled):
        filled = {"": next(iter(filled.values()), pd.DataFrame())}
    header = {name: _header_row(cells.head(HEADER_ROWS).to_numpy(), columns) for name, cells in filled.items()}
    for name, cells in filled.items():
        place = f"{path.name}, sheet {name!r}" if name else path.name
        if header[name] not in (None, 1):
            of_sheet = f" of sheet {name!r}" if name else ""
            raise DataError(
                f"{path.name}, row 1{of_sheet}: the header stands in row {header[name]}; delete the rows above it"
            )
        if name in hidden and header[name]:
            raise DataError(
                f"{place}: is hidden and holds such a table; show it if it belongs to the data, or delete it"
            )
        if any(header.values()) and not header[name]:
            if (cells != "").any(axis=0).sum() >= len(columns):
                raise DataError(
                    f"{place}: may hold rows of the table, but no header; give it the header of the other sheets "
                    f"({', '.join(columns)}), or delete it"
                )
            warnings.warn(f"{place}: left out, since it does not hold {', '.join(columns)}", stacklevel=2)
    return {name: cells for name, cells in filled.items() if header[name]} or dict([next(iter(filled.items()))])


def _read_excel(path: Path) -> tuple[dict[str, pd.DataFrame], set[str]]:
    """Cells of every sheet, as the workbook's own kinds of values, and the names of hidden sheets."""
    try:
        kept = 0
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as parts:
                for name in parts.namelist():  # calamine passes over a checksum or a tag that is wrong
                    part = parts.read(name)
                    if name.endswith(".xml"):
                        expat.ParserCreate().Parse(part, True)
                    kept += "/worksheets/sheet" in name
        with pd.ExcelFile(path, engine="calamine") as book:
            told = [sheet for sheet in book.book.sheets_metadata if str(sheet.typ).endswith("WorkSheet")]
            if len(told) < kept:
                raise DataError(f"it keeps {kept} sheets and lists {len(told)}")
            sheets = pd.read_excel(book, sheet_name=[sheet.name for sheet in told], dtype=object, **ALL_CELLS)
            return sheets, {sheet.name for sheet in told if not str(sheet.visible).endswith(".Visible")}
    except Exception as error:  # calamine raises its own kinds for broken archives
        raise DataError(f"{path.name}: not a readable Excel file ({error}); open and save it again as .xlsx") from error


def _as_text(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """A workbook's cells as text, days counted from 1904 made days counted from 1899-12-30."""
    for column in table.columns.difference(["date", "qty"]):
        long = table[column].map(lambda cell: isinstance(cell, int | float) and abs(cell) >= LARGEST_NUMBER)
        if long.any():
            row = long.idxmax()
            raise DataError(
                f"{path.name}, row {row}, column {column}: {table[column][row]} is a number of more digits than a "
                "workbook keeps, so its last ones are lost; format the column as text and enter the ids again"
            )
    text = table.map(str)
    if "date" in text and _counts_from_1904(path):
        numbers = pd.to_numeric(text["date"], errors="coerce")
        days = (numbers % 1 == 0) & numbers.between(0, 99_999)  # not the number 20230501
        text.loc[days, "date"] = (numbers[days] + DAYS_TO_1904).astype(int).astype(str)
    return text


def _counts_from_1904(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return b"\x22\x00\x02\x00\x01\x00" in path.read_bytes()  # record DATEMODE of an .xls
    with zipfile.ZipFile(path) as parts:
        books = [parts.read(name) for name in parts.namelist() if re.search(r"workbook\w*\.xml$", name)]
    return any(re.search(rb"date1904\s*=\s*[\"'](1|true)", book) for book in books)
