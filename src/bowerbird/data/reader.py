"""Read the six attachments and refuse what cannot be used, naming file, row, column, value and cure.

From top to bottom: what the attachments hold; the entry points; finding a file; opening a csv, a workbook or a parquet
file; repeated keys. `cells` turns texts into ids, days and units.
"""

import codecs
import contextlib
import io
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

import pandas as pd

from bowerbird.data.cells import LARGEST_NUMBER, parse_dates, parse_labels, parse_quantities, refuse
from bowerbird.errors import DataError
from bowerbird.files import sha256

SERIES_KEY = ("seller_no", "product_no", "warehouse_no")  # the columns that name one demand series

SHIPMENT_COLUMNS = (*SERIES_KEY, "date", "qty")
PRODUCT_ATTRIBUTES = ("category1", "category2", "category3")
SELLER_ATTRIBUTES = ("seller_category", "inventory_category", "seller_level")
WAREHOUSE_ATTRIBUTES = ("warehouse_category", "warehouse_region")
ATTRIBUTES = (*PRODUCT_ATTRIBUTES, *SELLER_ATTRIBUTES, *WAREHOUSE_ATTRIBUTES)
"""The eight attributes of a series, after the attachments are joined."""


@dataclass(frozen=True)
class AttachmentSpec:
    """One attachment of the contest: its number, its name in `Attachments`, its Chinese title, columns and key."""

    number: int
    name: str
    title: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    optional: bool = False

    @property
    def label(self) -> str:
        return f"附件{self.number}"


ATTACHMENTS = (
    AttachmentSpec(1, "shipments", "商家历史出货量表", SHIPMENT_COLUMNS, (*SERIES_KEY, "date")),
    AttachmentSpec(2, "products", "商品信息表", ("product_no", *PRODUCT_ATTRIBUTES), ("product_no",)),
    AttachmentSpec(3, "sellers", "商家信息表", ("seller_no", *SELLER_ATTRIBUTES), ("seller_no",)),
    AttachmentSpec(4, "warehouses", "仓库信息表", ("warehouse_no", *WAREHOUSE_ATTRIBUTES), ("warehouse_no",)),
    AttachmentSpec(5, "new_items", "新品历史出货量表", SHIPMENT_COLUMNS, (*SERIES_KEY, "date"), optional=True),
    AttachmentSpec(6, "promotion", "促销期间商家出货量表", SHIPMENT_COLUMNS, (*SERIES_KEY, "date"), optional=True),
)
LABELS = {spec.name: spec.label for spec in ATTACHMENTS}  # shipments -> 附件1, ...

SUFFIXES = (".csv", ".xlsx", ".xls")
UTF_8, GBK = "utf-8-sig", "gb18030"  # gb18030 holds GBK and GB2312
ALL_CELLS = {"header": None, "keep_default_na": False, "na_filter": False}
SEPARATORS, LINE_END = ",;\t|", re.compile(r"\r\n|\r|\n")
HEADER_ROWS = 50  # how many rows are searched for the header, to say where it stands
DAYS_TO_1904 = 1462  # from 1899-12-30, day zero of most workbooks, to 1904-01-01, day zero of the others
LEAST_COMMON = 0.6
"""Least share of a GBK text's Chinese characters in GB2312's table of the 3,755 common ones.

The contest's labels have 0.98 to 1. The same labels in Big5, Shift-JIS or EUC-KR, read as GBK, have at most 0.49.
"""


class FromFiles:
    """Data that were read from files."""

    files: dict[str, Path]  # label -> the path that was read

    def manifest(self) -> dict[str, dict]:
        """File name and sha256 of every file that was read."""
        return {label: {"file": path.name, "sha256": sha256(path)} for label, path in self.files.items()}


@dataclass(frozen=True)
class Attachments(FromFiles):
    """The validated attachments of one folder: ids are str, dates Timestamps, qty int64 (units per day).

    Attributes
    ----------
    shipments, products, sellers, warehouses : DataFrame
        附件1 to 附件4. Rows that stand twice in `warehouses` are kept, since the paper's merge depends on them.
    new_items, promotion : DataFrame or None
        附件5 and 附件6; None where absent.
    files : dict
        附件1, ... -> the path that was read.
    """

    shipments: pd.DataFrame
    products: pd.DataFrame
    sellers: pd.DataFrame
    warehouses: pd.DataFrame
    new_items: pd.DataFrame | None
    promotion: pd.DataFrame | None
    files: dict[str, Path]


def read_attachments(folder) -> Attachments:
    """Read and validate a folder that holds 附件1 to 附件4, and 附件5 and 附件6 if there are any, each as csv or Excel.

    DataError names a missing file or column, an empty file, an unknown id, an unreadable date, a qty that is no whole
    number from 0 on, a repeated key, and rows that contradict each other.

    A synthetic folder of 4 series and 166 days:

    >>> from tempfile import TemporaryDirectory
    >>> from bowerbird.data.twin import write_twin
    >>> with TemporaryDirectory() as folder:
    ...     twin = write_twin(folder, n_series=4)
    ...     attachments = read_attachments(folder)
    >>> len(attachments.shipments), list(attachments.files)
    (664, ['附件1', '附件2', '附件3', '附件4', '附件5', '附件6'])
    """
    tables, files = {}, {}
    for spec in ATTACHMENTS:
        path = find_file(folder, spec)
        tables[spec.name] = None if path is None else read_attachment(path, spec)
        if path is not None:
            files[spec.label] = path
    for name in ("shipments", "new_items", "promotion"):
        if tables[name] is not None:
            _check_ids(tables, name, files)
    renumbered = {name: table if table is None else table.reset_index(drop=True) for name, table in tables.items()}
    return Attachments(**renumbered, files=files)


def read_attachment(path: Path, spec: AttachmentSpec) -> pd.DataFrame:
    """Read and validate one attachment by itself; the index is the row number that a spreadsheet shows."""
    return parse_table(read_text_table(path, spec.columns), spec, path.name)


def parse_table(table: pd.DataFrame, spec: AttachmentSpec, file: str) -> pd.DataFrame:
    """Turn a table of texts into ids, days and units, and refuse keys that stand twice."""
    for column in spec.columns:
        parse = {"date": parse_dates, "qty": parse_quantities}.get(column, parse_labels)
        table[column] = parse(table[column], file)
    _check_keys(table, spec, file)
    return table


# ---- files ----------------------------------------------------------------------------------------------------------


def find_file(folder, spec: AttachmentSpec) -> Path | None:
    """Find the one file of an attachment (附件1.csv, attachment1.xlsx, ...); None if an optional one is absent."""
    folder = Path(folder)
    if not folder.is_dir():
        what = "a file, no folder" if folder.exists() else "no such folder"
        raise DataError(f"{folder}: {what}; give the folder that holds 附件1 to 附件4 (see data/README.md)")
    pattern = re.compile(rf"(附件|attachment)[\s_-]*{spec.number}(?!\d)", re.IGNORECASE)
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and pattern.match(p.name))
    if len(found) > 1:
        names = ", ".join(p.name for p in found)
        raise DataError(f"{folder}: {len(found)} files for {spec.label} ({names}); keep one of them")
    if found or spec.optional:
        return found[0] if found else None
    cure = f"put {spec.label}-{spec.title}.csv or .xlsx there, see data/README.md for where to get it"
    around = [*folder.glob("*"), *folder.glob("*/*"), *folder.resolve().parent.glob("*")]
    if elsewhere := next((p for p in sorted(around) if p.is_file() and pattern.match(p.name)), None):
        cure = f"it lies in {elsewhere.parent}: give that folder"
        if elsewhere.suffix.lower() not in SUFFIXES:
            cure = f"{elsewhere} is neither .csv nor .xlsx: save it as one of them"
    raise DataError(f"{folder}: {spec.label} ({spec.title}) is missing; {cure}")


def read_text_table(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> pd.DataFrame:
    """Read the wanted columns of a csv or Excel file, and optional ones, with every cell as text without blanks around.

    The index is the row that a spreadsheet shows, such as 5, or "5 of sheet 'May'" where sheets are joined. Blank rows
    are left out, but counted. Blanks and case in the file's headers do not matter.
    """
    separator, sheets = open_table(path, lambda cells: set(columns) <= {_plain(cell) for cell in cells}, columns)
    table = pd.concat([_wanted(f"{path.name}, row 1{at}", cells, columns, optional) for at, cells in sheets.items()])
    if path.suffix.lower() != ".csv":
        table = workbook_text(table, path)
    table = table.apply(lambda cells: cells.str.strip())
    table = table[(table != "").any(axis=1)]
    if table.empty:
        raise DataError(f"{path.name}: no rows below the header; the file is empty or cut off, fetch it again")
    for column in columns if separator == ";" else ():
        unsure = table[column].str.fullmatch(r"\d{1,3}(\.\d{3})+").to_numpy(dtype=bool)
        refuse(path.name, table[column], unsure, "may be thousands or a decimal", "write numbers without a point")
    return table


def _wanted(row_1: str, cells: pd.DataFrame, columns: Sequence[str], optional: Sequence[str]) -> pd.DataFrame:
    """The wanted columns, and the optional ones that are there; `row_1` is where the header stands."""
    names = [_plain(name) for name in cells]
    for column in columns:
        if (count := names.count(column)) != 1:
            fault = "is missing" if count == 0 else f"stands {count} times"
            raise DataError(
                f"{row_1}: column {column} {fault}; the header is {', '.join(names)}; needed are {', '.join(columns)}, "
                "each once"
            )
    chosen = [*columns, *(column for column in optional if names.count(_plain(column)) == 1)]
    return cells.iloc[:, [names.index(_plain(column)) for column in chosen]].set_axis(chosen, axis=1)


def _plain(name) -> str:
    return re.sub(r"\s+", "", str(name)).lower()


def open_table(path: Path, is_header, needed: tuple[str, ...], sheet: str = "") -> tuple[str, dict[str, pd.DataFrame]]:
    """Read a csv, Excel or parquet file: the separator of a csv, and the cells of each sheet by its place.

    `is_header` tells the texts of a header from those of other rows, and `needed` names its columns to the user. The
    place is "" where there is one sheet, else " of sheet 'May'". Columns are called as in the header, which may repeat
    a name; the index is the row that a spreadsheet shows, and of a parquet file counts from 1.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; put it there, or correct its name")
    separator, kind = "", path.suffix.lower()
    if kind == ".parquet":
        return separator, {"": _read_parquet(path)}
    if kind == ".csv":
        text = csv_text(path)
        separator = csv_separator(text, is_header, path.name)
        sheets = {"": csv_cells(text, separator, path.name)}
    elif kind in SUFFIXES:
        sheets = sheets_of_table(path, is_header, needed, sheet)
    else:
        raise DataError(f"{path.name}: neither .csv, .xlsx nor .parquet; save it as one of them")
    opened = {}
    for name, cells in sheets.items():
        if cells.empty:
            raise DataError(f"{path.name}, row 1: the file is empty or begins with a blank row; put the header there")
        place, rows = f" of sheet {name!r}" if name else "", pd.RangeIndex(2, len(cells) + 1)
        header = [str(cell).strip() for cell in cells.iloc[0]]
        opened[place] = cells.iloc[1:].set_axis([f"{row}{place}" for row in rows] if name else rows)
        opened[place].columns = header
    return separator, opened


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except Exception as error:  # pyarrow raises its own kinds
        raise DataError(f"{path.name}: not a readable parquet file ({error}); write it again") from error
    return table.set_axis(range(1, len(table) + 1)).rename(columns=lambda name: str(name).strip())


def _begins_with_header(rows, is_header, file: str, of_sheet: str = "") -> bool:
    """Whether the first of some rows is a header; one further down is refused."""
    row = next((row for row, cells in enumerate(rows, 1) if is_header([str(cell).strip() for cell in cells])), None)
    if row not in (None, 1):
        raise DataError(f"{file}, row 1{of_sheet}: the header stands in row {row}; delete the rows above it")
    return row == 1


def _row_at(text: str, place: int) -> int:
    """Number of the row in which a character of a text stands."""
    return len(LINE_END.split(text[:place]))


def csv_text(path: Path) -> str:
    """The text of a csv file; DataError where it is damaged or in an unknown encoding."""
    text = _decode(path.read_bytes(), path.name)
    if damage := re.search("[\0\x1b\N{REPLACEMENT CHARACTER}]", text):  # a NUL ends the cell in some versions of pandas
        raise DataError(
            f"{path.name}, row {_row_at(text, damage.start())}: holds the character {damage[0]!r}, so the file is "
            "damaged or no text; save it as CSV UTF-8"
        )
    return text


def csv_separator(text: str, is_header, file: str) -> str:
    """The sign that makes row 1 a header, or the most frequent where none does; a header further down is refused."""
    unquoted = [line.replace('"', "") for line in LINE_END.split(text, HEADER_ROWS)[:HEADER_ROWS]]
    if unquoted[0].strip():
        _begins_with_header((re.split(f"[{SEPARATORS}]", line) for line in unquoted), is_header, file)
    usual = max(SEPARATORS, key=text[:2000].count)
    return next((sign for sign in SEPARATORS if is_header([c.strip() for c in unquoted[0].split(sign)])), usual)


def csv_cells(text: str, separator: str, file: str) -> pd.DataFrame:
    """All cells of a csv as text, the header as the first row; empty where row 1 is blank."""
    if not LINE_END.split(text, 1)[0].strip():
        return pd.DataFrame()
    try:
        # The header is read as a row like others: pandas would take the first of six fields under five headers for an
        # index, and rename the second of two equal headers.
        return pd.read_csv(io.StringIO(text), dtype=str, sep=separator, skip_blank_lines=False, **ALL_CELLS)
    except pd.errors.ParserError as error:
        # "Expected 5 fields in line 3, saw 6" counts from 1, "EOF inside string starting at row 2" from 0.
        line, row = re.search(r"line (\d+)|row (\d+)|$", str(error)).groups()
        number = int(line) if line else int(row or 0) + 1
        raise DataError(
            f"{file}, row {number}: {LINE_END.split(text)[number - 1]!r} does not fit the columns of row 1 "
            f"({str(error).strip()}); mend that row: a comma too many, or a quotation mark left open"
        ) from error


def _decode(raw: bytes, file: str) -> str:
    """The text of a csv in UTF-8, in UTF-16 with its mark, or in GBK, with a warning."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        with contextlib.suppress(UnicodeDecodeError):
            return raw.decode("utf-16")
    with contextlib.suppress(UnicodeDecodeError):
        text = raw.decode(UTF_8)
        _refuse_disguised(text, file)
        return text
    guess = raw.decode("utf-8", errors="replace")
    # If most other characters are whole, it is UTF-8 that lost a byte: read as GBK, all its labels would be wrong.
    if len(_foreign(guess)) < 2 * guess.count("\N{REPLACEMENT CHARACTER}"):
        with contextlib.suppress(UnicodeDecodeError):
            text = raw.decode(GBK)
            sample = ", ".join(map(repr, list(dict.fromkeys(re.findall(r"[^\x00-\x7f]+", text)))[:5]))
            if _common_share(text) < LEAST_COMMON:
                row = _row_at(text, re.search(r"[^\x00-\x7f]", text).start())
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
    row = _row_at(guess, guess.find("\N{REPLACEMENT CHARACTER}"))
    raise DataError(f"{file}, row {row}: neither UTF-8 nor GBK; save it again as CSV UTF-8")


def _foreign(text: str) -> str:
    return re.sub(r"[\x00-\x7f]+", "", text)


def _common_share(text: str) -> float:
    """Share of the characters beyond ASCII that are common Chinese ones, or Chinese punctuation."""
    counts = Counter(_foreign(text))
    lead = {sign: sign.encode("gb2312", errors="ignore")[:1] for sign in counts}
    common = (n for sign, n in counts.items() if lead[sign] in (b"\xa1", b"\xa3") or b"\xb0" <= lead[sign] <= b"\xd7")
    return sum(common) / max(counts.total(), 1)


def _refuse_disguised(text: str, file: str) -> None:
    """Refuse Chinese written in ASCII, as ~{VPND~} (HZ) or +Ti1lhw- (UTF-7)."""
    for name, written in (("hz", r"~\{(?:[!-}][!-~])+~\}"), ("utf-7", r"\+[A-Za-z0-9+/]{6,}-?")):
        for found in re.finditer(written, text):
            with contextlib.suppress(UnicodeDecodeError):
                meant = found[0].encode().decode(name)
                if _foreign(meant) and _common_share(meant) == 1:
                    raise DataError(
                        f"{file}, row {_row_at(text, found.start())}: {found[0]!r} is {meant!r} written in "
                        f"{name.upper()}; save it as CSV UTF-8"
                    )


def sheets_of_table(path: Path, is_header, columns: tuple[str, ...], chosen: str = "") -> dict[str, pd.DataFrame]:
    """Cells of the sheets to join, by name; "" where the workbook has one sheet alone, or one is chosen."""
    sheets, hidden = _read_excel(path)
    if chosen:
        if chosen not in sheets:
            raise DataError(f"{path.name}: no sheet is called {chosen!r}; there are {', '.join(sheets)}")
        sheets, hidden = {chosen: sheets[chosen]}, set()
    filled = {name: cells for name, cells in sheets.items() if (cells != "").any(axis=None)}
    if len(filled) < 2 and not hidden & set(filled):
        filled = {"": next(iter(filled.values()), pd.DataFrame())}
    header = {}
    for name, cells in filled.items():
        rows, of_sheet = cells.head(HEADER_ROWS).to_numpy(), f" of sheet {name!r}" if name else ""
        header[name] = _begins_with_header(rows, is_header, path.name, of_sheet)
    for name, cells in filled.items():
        place = f"{path.name}, sheet {name!r}" if name else path.name
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
        stored = 0
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as parts:
                for name in parts.namelist():  # calamine passes over a checksum or a tag that is wrong
                    part = parts.read(name)
                    if name.endswith(".xml"):
                        expat.ParserCreate().Parse(part, True)
                    stored += "/worksheets/sheet" in name
        with pd.ExcelFile(path, engine="calamine") as book:
            listed = [sheet for sheet in book.book.sheets_metadata if str(sheet.typ).endswith("WorkSheet")]
            if len(listed) < stored:
                raise DataError(f"it keeps {stored} sheets and lists {len(listed)}")
            sheets = pd.read_excel(book, sheet_name=[sheet.name for sheet in listed], dtype=object, **ALL_CELLS)
            return sheets, {sheet.name for sheet in listed if not str(sheet.visible).endswith(".Visible")}
    except Exception as error:  # calamine raises its own kinds for broken archives
        raise DataError(f"{path.name}: not a readable Excel file ({error}); open and save it again as .xlsx") from error


def workbook_text(table: pd.DataFrame, path: Path) -> pd.DataFrame:
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


# ---- keys ----------------------------------------------------------------------------------------------------------


def _check_keys(table: pd.DataFrame, spec: AttachmentSpec, file: str) -> None:
    """Refuse a key that stands twice; a lookup row repeated whole, as wh_29 and wh_38 in 附件4, is taken."""
    key, of_sales = list(spec.key), "qty" in spec.columns
    unique = table if of_sales else table.drop_duplicates()
    repeated = unique.duplicated(key).to_numpy()
    if not repeated.any():
        return
    row = unique.index[repeated][0]
    first = unique.index[(unique[key] == unique.loc[row, key]).all(axis=1)][0]
    named = ", ".join(f"{column} {_show(unique.loc[row, column])}" for column in key)
    contradiction = "".join(
        f", there with {column} {_show(unique.loc[first, column])!r}, here {_show(unique.loc[row, column])!r}"
        for column in unique.columns[unique.loc[first] != unique.loc[row]]
    )
    cure = "keep one row a key"
    if of_sales:
        cure = (
            "add up the rows of a day where each is a sale of its own, delete one only where it repeats the same sale"
        )
    raise DataError(
        f"{file}, row {row}, columns {', '.join(key)}: {named} stands already in row {first}{contradiction} "
        f"({repeated.sum()} such rows in all); {cure}"
    )


def _show(value) -> str:
    return f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else str(value)


def _check_ids(tables: dict, name: str, files: dict[str, Path]) -> None:
    for column, source in zip(SERIES_KEY, ("sellers", "products", "warehouses"), strict=True):
        cells, other = tables[name][column], files[LABELS[source]].name
        unknown = ~cells.isin(tables[source][column]).to_numpy()
        refuse(files[LABELS[name]].name, cells, unknown, f"is not in {other}", "add it there or delete the row")
