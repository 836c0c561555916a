"""Read one table of sales, as a till, a shop system or a spreadsheet exports it, into a panel.

From top to bottom: which columns are recognised; the rules for what a table leaves open; the entry points; the cells of
a file; texts as days, numbers and flags; the rules applied. Nothing is invented: a level or attribute that the table
lacks is absent from the panel. What was filled, added up or left out is counted in `Sales.notes`.
"""

import datetime
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from bowerbird.data import reader
from bowerbird.data.panel import Panel
from bowerbird.data.reader import SERIES_KEY, refuse
from bowerbird.errors import DataError, ParameterError
from bowerbird.files import sha256

IDS = {"seller": "seller_no", "item": "product_no", "site": "warehouse_no"}  # what the user says -> column of a panel
LABELS = {**IDS, "category": "category1", "subcategory": "category2"}
ROLES = (*LABELS, "date", "qty", "price", "in_stock")

USUAL = {
    "item": "item itemid itemno itemcode itemnumber sku skuid skucode product productid productno productcode "
    "productnumber stockcode article articleno articleid ean upc gtin 商品 商品编码 商品编号 商品代码 货号 产品",
    "site": "site siteid store storeid storeno storenbr shop shopid shopno warehouse warehouseid warehouseno location "
    "locationid outlet branch 仓库 仓库编码 门店 店铺",
    "seller": "seller sellerid sellerno merchant merchantid merchantno 商家 商家编码",
    "date": "date datum ds day saledate salesdate orderdate invoicedate transactiondate timestamp datetime "
    "transactiontimestamp 日期 销售日期",
    "qty": "qty quantity units unitssold unitsales quantitysold qtysold soldqty salesqty 销量 数量 销售数量 出货量",
    "price": "price unitprice sellprice sellingprice salesprice 单价 价格 售价",
    "in_stock": "instock isinstock 有货 是否有货",
    "category": "category category1 productcategory itemcategory 品类 类别 分类",
    "subcategory": "subcategory category2 productsubcategory",
}
SECOND = {  # taken where none of the names above is there
    "item": "itemname productname name 商品名称",
    "date": "week weekstart weekbeginning weekstarting weekending weekcommencing 周",
    "qty": "sales sold demand y volume 销售量",
    "category": "productgroup itemgroup group family department class",
    "site": "channel region",
}
DAY_COLUMNS = 14  # so many headers that are days make a table wide: one row a series, one column a day
TRUE = {"true", "yes", "y", "t", "是", "有"}
FALSE = {"false", "no", "n", "f", "否", "无"}
TIME = r"[ T]+\d{1,2}:\d\d(:\d\d([.,]\d+)?)?\s*([AaPp]\.?[Mm]\.?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?$"
DAY_FIRST_OR_MONTH_FIRST = r"^(\d{1,2})([-/.])(\d{1,2})\2(\d{4})$"
PLAIN_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
NO_LABEL = "none given"  # an empty cell of a category


@dataclass(frozen=True)
class Rules:
    """What to do where a table leaves something open; given as text, "fill_gaps=zero,returns=refuse"."""

    fill_gaps: str = "auto"  # a day without a row: zero where the table lists no zeros at all, otherwise refused
    leading: str = "missing"  # days before the first sale of a series
    returns: str = "drop"  # what is still negative after the rows of a day are added up becomes 0
    decimals: str = "auto"  # the decimal sign; what can be read in two ways is refused
    dates: str = "auto"  # 03/04/2023: day or month first; refused where the column does not show it
    closed_days: str = "none"  # unknown demand: "auto" for days on which nothing at all was sold, or days joined by +
    sheet: str = ""  # the one sheet to read
    exclude: str = ""  # items to leave out, joined by +
    holidays: str = ""  # a country of the package holidays, or its part: CN, GB, US-CA
    top: int = 0  # only so many series, those of most units; 0 for all
    least_known: int = 60  # series with fewer known days, or weeks, are left out

    @classmethod
    def read(cls, given: dict) -> "Rules":
        known = {field.name: field.type for field in fields(cls)}
        for name, value in given.items():
            if name not in known:
                raise ParameterError(f"rules: {name!r} is no rule; there are {', '.join(known)}")
            if isinstance(value, list):
                given[name] = "+".join(map(str, value))
            elif known[name] is int:
                if not str(value).isdecimal():
                    raise ParameterError(f"rules: {name} is {value!r}; give a whole number from 0")
                given[name] = int(value)
            else:
                given[name] = str(value)
            if name in CHOICES and given[name] not in CHOICES[name]:
                raise ParameterError(f"rules: {name} is {given[name]!r}; choose {', '.join(CHOICES[name])}")
        return cls(**given)


CHOICES = {
    "fill_gaps": ("auto", "zero", "missing", "refuse"),
    "leading": ("missing", "zero"),
    "returns": ("drop", "refuse"),
    "decimals": ("auto", "point", "comma"),
    "dates": ("auto", "dmy", "mdy"),
}


@dataclass(frozen=True)
class Sales:
    """A table of sales as a panel, and what was done to make it one.

    Parameters
    ----------
    panel : Panel
    rules : Rules  As given, with the defaults of the rest.
    files : dict  Label (table, columns, in_stock, attributes ...) -> the path that was read.
    columns : dict  Role -> the table's own header.
    unused : list of str  Headers that were not used.
    notes : list of str  What was added up, netted, filled or left out, with counts; one sentence each.
    """

    panel: Panel
    rules: Rules
    files: dict[str, Path]
    columns: dict[str, str]
    unused: list[str]
    notes: list[str]

    def manifest(self) -> dict[str, dict]:
        """File name and sha256 of every file that was read."""
        return {label: {"file": path.name, "sha256": sha256(path)} for label, path in self.files.items()}

    def describe(self) -> str:
        """The columns that were recognised, those that were not, and what was done to the rows, a line each."""
        given = [f"{field.name}={value}" for field in fields(Rules) if (value := getattr(self.rules, field.name)) != ""]
        lines = ["Recognised    " + ", ".join(f"{role}={name}" for role, name in self.columns.items())]
        lines += [f"Not used      {', '.join(self.unused)}"] if self.unused else []
        return "\n".join(
            [*lines, f"Rules         {', '.join(given)}", *(f"              {note}" for note in self.notes)]
        )


# ---- entry points ---------------------------------------------------------------------------------------------------


def read_table(path, columns: str = "", rules: str = "") -> Sales:
    """Read a csv, xlsx or parquet file of sales: one row a sale or a day, or one row a series and one column a day.

    Parameters
    ----------
    path : the file. Beside sales.csv a file sales.yaml may hold `columns` and rules by name, and `attributes`.
    columns : "item=sku,site=shop,date=day,qty=units,price=price,ahead=promo+index", over those of the yaml
        item, site, seller name a series, item is needed. Usual names are recognised; "site=" leaves a column out.
    rules : "fill_gaps=zero,closed_days=auto", over those of the yaml; see `Rules`.

    Raises DataError with file, row, column, value and cure.

    Two sales on one day are added up, and a day without a row is a day without a sale, as no zero is listed:

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "sales.csv"
    ...     _ = path.write_text("SKU,Date,Quantity\\na,2023-05-01,2\\na,2023-05-01,1\\na,2023-05-03,4\\n")
    ...     sales = read_table(path, rules="least_known=1")
    >>> sales.panel.demand
    array([[3., 0., 4.]])
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file; give a csv, xlsx or parquet file, or a folder of attachments")
    beside = _yaml_beside(path)
    content = {} if beside is None else _read_yaml(beside)
    attributes = content.pop("attributes", None)
    given = text_pairs(content.pop("columns", {}), "columns") | text_pairs(columns, "columns")
    given |= {name: content.pop(name) for name in list(content) if name in (*ROLES, "ahead") and name not in given}
    if unknown := [role for role in given if role not in (*ROLES, "ahead")]:
        raise ParameterError(f"columns: {unknown[0]!r} is no role; there are {', '.join(ROLES)}, ahead")
    chosen = Rules.read(content | text_pairs(rules, "rules"))

    table = _Table(path, {role: str(name) for role, name in given.items() if role != "ahead"}, _ahead(given), chosen)
    long, files = table.read(), {"table": path} | ({"columns": beside} if beside else {})
    files |= table.files
    if attributes:
        files["attributes"] = path.parent / str(attributes)
        long = _with_attributes(long, files["attributes"], given, chosen)
    return sales_of(long, chosen, path.name, files, table.columns, table.unused, table.notes)


def _yaml_beside(path: Path) -> Path | None:
    return next((p for s in (".yaml", ".yml") if (p := path.with_suffix(s)).is_file()), None)


def _read_yaml(path: Path) -> dict:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path.name}: no readable yaml ({error}); write a line a role or rule, `fill_gaps: zero`"
        ) from error
    if not isinstance(content, dict):
        raise DataError(f"{path.name}: holds no names; write a line a role or rule, such as `fill_gaps: zero`")
    return content


def text_pairs(given, what: str) -> dict:
    """A dict of "a=b,c=d", or of a yaml's mapping."""
    if isinstance(given, dict):
        return dict(given)
    pairs = [part.partition("=") for part in str(given).split(",") if part.strip()]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise ParameterError(f"{what}: {wrong[0]!r} has no value; write it as name=value,name=value")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _ahead(given: dict) -> list[str]:
    names = given.get("ahead", [])
    return names if isinstance(names, list) else [name.strip() for name in str(names).split("+") if name.strip()]


# ---- the cells of a file --------------------------------------------------------------------------------------------


def _simple(name) -> str:
    return re.sub(r"[\W_]+", "", str(name).lower())


@dataclass
class _Table:
    """One file: its header, its cells, and what the user has said about its columns."""

    path: Path
    given: dict[str, str]  # role -> header, or the name of a file of the same wide shape; "" leaves the role out
    ahead: list[str]
    rules: Rules

    def __post_init__(self):
        self.columns: dict[str, str] = {}
        self.unused: list[str] = []
        self.notes: list[str] = []
        self.files = {}
        for role in [*self.given, *self.ahead]:
            name = self.given.get(role, role)
            if name.lower().endswith((".csv", ".xlsx", ".xls", ".parquet")) and role not in IDS:
                self.files[role] = self.path.parent / name
        self.given = {role: name for role, name in self.given.items() if role not in self.files}
        self.ahead = [name for name in self.ahead if name not in self.files]

    def read(self) -> pd.DataFrame:
        """One row a sale or a day: ids and labels as text, date, qty (NaN where empty) and the other numbers."""
        sheets = load(self.path, self._is_header, self.rules.sheet)
        wide = [self._is_wide(header) for _, header, _ in sheets]
        if any(wide) and len(sheets) > 1:
            names = ", ".join(sheet for sheet, _, _ in sheets)
            raise DataError(
                f"{self.path.name}: a column a day on several sheets ({names}); choose one, {_how('sheet=NAME')}"
            )
        if wide[0]:
            long = self._long_of_wide(*sheets[0][1:])
            for role, path in self.files.items():
                long = self._beside(long, role, path)
            return long
        if self.files:
            role, path = next(iter(self.files.items()))
            raise DataError(f"{path.name}: {role} as a file goes with a table of one column a day; name a column")
        return self._parsed(pd.concat([self._chosen(header, body, sheet) for sheet, header, body in sheets]))

    def _find(self, header: list[str], role: str) -> list[int]:
        """Positions of the columns that may have the role."""
        if role in self.given or role in self.ahead:
            name = self.given.get(role, role)
            exact = [k for k, cell in enumerate(header) if cell == name]
            return exact or [k for k, cell in enumerate(header) if name and _simple(cell) == _simple(name)]
        taken = {_simple(name) for name in self.given.values()}
        for names in (USUAL, SECOND):
            usual = set(names.get(role, "").split()) - taken
            if found := [k for k, cell in enumerate(header) if _simple(cell) in usual]:
                return found
        return []

    def _is_header(self, cells) -> bool:
        header = [str(cell).strip() for cell in cells]
        return bool(self._find(header, "item")) and (
            bool(self._find(header, "date") and self._find(header, "qty")) or self._is_wide(header)
        )

    def _is_wide(self, header: list[str]) -> bool:
        return not self._find(header, "date") and len(self._day_headers(header)) >= DAY_COLUMNS

    def _day_headers(self, header: list[str]) -> dict[int, pd.Timestamp]:
        days = days_of_texts(pd.Series(header, dtype=str), self.rules.dates)[0]
        return {k: day for k, day in enumerate(days) if pd.notna(day)}

    def _places(self, header: list[str], roles) -> dict[str, int]:
        """Role -> position in the header; what is missing, stands twice or may be two columns is refused."""
        places = {}
        for role in [*roles, *self.ahead]:
            found, name = self._find(header, role), self.given.get(role, role)
            if len(found) > 1:
                names = " and ".join(repr(header[k]) for k in found)
                raise DataError(f"{self.path.name}, row 1: columns {names} may both be the {role}; {_name_it(role)}")
            needed = role in self.ahead or (role in self.given and name) or role in ("item", "date", "qty")
            if needed and not found:
                what = (
                    f"no column is called {name!r}"
                    if role in (*self.given, *self.ahead)
                    else f"no column is the {role}"
                )
                raise DataError(f"{self.path.name}, row 1: {what}; the header is {', '.join(header)}; {_name_it(role)}")
            if found:
                places[role] = found[0]
        self.columns |= {role: header[k] for role, k in places.items()}
        self.unused += [cell for k, cell in enumerate(header) if k not in places.values() and cell not in self.unused]
        return places

    def _chosen(self, header: list[str], body: pd.DataFrame, sheet: str) -> pd.DataFrame:
        """The columns that have a role, under the names of a panel."""
        places = self._places(header, ROLES)
        table = body.iloc[:, list(places.values())].set_axis([LABELS.get(role, role) for role in places], axis=1)
        return reader.workbook_text(table, self.path) if self.path.suffix.lower() in (".xlsx", ".xls") else table

    def _parsed(self, table: pd.DataFrame) -> pd.DataFrame:
        file = self.path.name
        table = table.dropna(how="all")
        for column in table.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]]:
            if not pd.api.types.is_datetime64_any_dtype(table[column]):
                table[column] = table[column].astype(object).where(table[column].notna(), "").astype(str).str.strip()
        table = table[(table != "").any(axis=1)]
        if table.empty:
            raise DataError(f"{file}: no rows below the header; the file is empty or cut off, export it again")
        if repeated := int(table.duplicated().sum()):
            self.notes.append(f"{repeated:,} rows repeat another row in every column; each counts as a sale of its own")
        long = pd.DataFrame(index=table.index)
        for column in table.columns:
            role = next((role for role, name in LABELS.items() if name == column), column)
            cells = table[column].rename(self.columns[role])
            if column in IDS.values():
                long[column] = reader.parse_labels(_text(cells), file)
            elif column in LABELS.values():
                long[column] = _text(cells).replace("", NO_LABEL)
            elif column == "date":
                long[column] = parse_days(cells, file, self.rules.dates)
            elif column == "in_stock":
                long[column] = parse_numbers(cells, file, self.rules.decimals, flags=True).fillna(1) > 0
            else:
                long[column] = parse_numbers(cells, file, self.rules.decimals, flags=column in self.ahead)
        return long

    def _long_of_wide(self, header: list[str], body: pd.DataFrame, value: str = "qty") -> pd.DataFrame:
        """One row a series and day of a table of one column a day."""
        days = self._day_headers(header)
        places = {r: k for r, k in self._places(header, LABELS).items() if k not in days}
        self.unused = [cell for cell in self.unused if cell not in [header[k] for k in days]]
        file, flags = self.path.name, value not in ("qty", "price")
        ids = pd.DataFrame(index=body.index)
        for role, k in places.items():
            cells = _text(body.iloc[:, k].rename(header[k]))
            ids[LABELS[role]] = reader.parse_labels(cells, file) if role in IDS else cells.replace("", NO_LABEL)
        values = np.column_stack(
            [parse_numbers(body.iloc[:, k].rename(header[k]), file, self.rules.decimals, flags) for k in days]
        )
        self.columns |= {"date": f"{len(days)} columns", "qty": "their cells"}
        long = ids.loc[ids.index.repeat(len(days))]
        return long.assign(date=pd.DatetimeIndex(np.tile(list(days.values()), len(body))), **{value: values.ravel()})

    def _beside(self, long: pd.DataFrame, role: str, path: Path) -> pd.DataFrame:
        """Join the cells of another file of the same shape."""
        other = _Table(path, {r: n for r, n in self.given.items() if r in IDS}, [], replace(self.rules, sheet=""))
        ((_, header, body), *_more) = load(path, other._is_header, "")
        cells = other._long_of_wide(header, body, role)
        keys = [column for column in (*IDS.values(), "date") if column in long and column in cells]
        if cells.duplicated(keys).any():
            raise DataError(f"{path.name}: a series stands in two rows; keep one row a series")
        self.columns[role] = path.name
        joined = long.reset_index().merge(cells[[*keys, role]], on=keys, how="outer").set_index("index")
        return joined.assign(in_stock=joined["in_stock"].fillna(1) > 0) if role == "in_stock" else joined


def load(path: Path, is_header, sheet: str) -> list[tuple[str, list[str], pd.DataFrame]]:
    """Sheet, header and cells of a file, a csv and a parquet file being one sheet; the index is the row."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; put it beside the table, or correct its name")
    kind = path.suffix.lower()
    if kind == ".parquet":
        try:
            table = pd.read_parquet(path)
        except Exception as error:  # pyarrow raises its own kinds
            raise DataError(f"{path.name}: not a readable parquet file ({error}); write it again") from error
        return [("", [str(name).strip() for name in table.columns], table.set_axis(range(1, len(table) + 1)))]
    if kind == ".csv":
        text = reader.csv_text(path)
        separator = reader.csv_separator(text, is_header, path.name) or max(reader.SEPARATORS, key=text[:2000].count)
        sheets = {"": reader.csv_cells(text, separator, path.name)}
    elif kind in (".xlsx", ".xls"):
        sheets = reader.sheets_of_table(path, is_header, ("item", "date", "qty"), sheet)
    else:
        raise DataError(f"{path.name}: neither .csv, .xlsx nor .parquet; save it as one of them")
    found = []
    for name, cells in sheets.items():
        if cells.empty:
            raise DataError(f"{path.name}, row 1: the file is empty or begins with a blank row; put the header there")
        of_sheet, rows = f" of sheet {name!r}" if name else "", pd.RangeIndex(2, len(cells) + 1)
        header = [str(cell).strip() for cell in cells.iloc[0]]
        found.append((name, header, cells.iloc[1:].set_axis([f"{r}{of_sheet}" for r in rows] if name else rows)))
    return found


def _with_attributes(long: pd.DataFrame, path: Path, given: dict, rules: Rules) -> pd.DataFrame:
    """Join the categories of another file by the ids that it has."""
    table = _Table(path, {role: str(given[role]) for role in LABELS if role in given}, [], rules)
    ids = [role for role in IDS if IDS[role] in long]

    def is_header(cells):
        header = [str(cell).strip() for cell in cells]
        return any(table._find(header, role) for role in ids)

    ((_, header, body), *_more) = load(path, is_header, "")
    places = {role: k[0] for role in LABELS if (k := table._find(header, role)) and (role not in IDS or role in ids)}
    labels = [LABELS[role] for role in places if role not in IDS]
    if not labels or len(labels) == len(places):
        raise DataError(
            f"{path.name}, row 1: an id and a category are needed; the header is {', '.join(header)}; "
            f"{_name_it('category')}"
        )
    cells = body.iloc[:, list(places.values())].set_axis([LABELS[role] for role in places], axis=1).map(str)
    cells = cells.apply(lambda column: column.str.strip().str.replace(r"^(\d+)\.0$", r"\1", regex=True))
    keys = [column for column in cells if column not in labels]
    cells = cells.drop_duplicates().replace({column: {"": NO_LABEL} for column in labels})
    if (twice := cells.duplicated(keys)).any():
        again = "/".join(cells.loc[twice.idxmax(), keys])
        raise DataError(f"{path.name}, row {twice.idxmax()}: {again} stands twice with other labels; keep one row")
    joined = long.drop(columns=labels, errors="ignore").merge(cells, on=keys, how="left")
    if (lost := joined[labels[0]].isna().to_numpy()).any():
        raise DataError(f"{path.name}: {'/'.join(joined.loc[lost, keys].iloc[0])} of the table is not in it; add a row")
    return joined.set_axis(long.index)


def _how(rule: str) -> str:
    line = rule.replace("=", ": ")
    return f'give --rules "{rule}" (make: RULES="{rule}"), or the line {line} in a yaml beside the table'


def _name_it(role: str) -> str:
    return f'give --columns "{role}=NAME" (make: COLUMNS="{role}=NAME")'


# ---- texts as days, numbers and flags -------------------------------------------------------------------------------


def _text(cells: pd.Series) -> pd.Series:
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
    text = _text(cells)
    codes, distinct = pd.factorize(text)
    days, unsure = days_of_texts(pd.Series(distinct, dtype=str), order)
    cure = _how("dates=dmy") + ", or dates=mdy where the month comes first"
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
        text = _text(cells)
        codes, distinct = pd.factorize(text)
        written = pd.Series(distinct, dtype=str)
        if flags:
            written = written.where(~written.str.lower().isin(TRUE), "1").where(~written.str.lower().isin(FALSE), "0")
        sign, unsure = _decimal_sign(written, decimals)
        cure = _how("decimals=point") + ", or decimals=comma"
        refuse(file, text, unsure[codes], "may be thousands or a decimal", cure)
        other = "," if sign == "." else "."
        grouped = written.str.fullmatch(rf"[+-]?\d{{1,3}}(\{other}\d{{3}})+(\{sign}\d*)?").to_numpy(dtype=bool)
        plain = written.where(~grouped, written.str.replace(other, "", regex=False))
        stray = plain.str.contains(other, regex=False)
        plain = plain.str.replace(sign, ".", regex=False).where(~stray, "?")
        good = plain.str.fullmatch(PLAIN_NUMBER).to_numpy(dtype=bool)
        wrong = ~good & (written != "").to_numpy()
        numbers = pd.to_numeric(plain.where(good, ""), errors="coerce").to_numpy(dtype=float)
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


# ---- the rules applied ----------------------------------------------------------------------------------------------


def sales_of(long: pd.DataFrame, rules: Rules, name: str, files: dict, columns: dict, unused=(), notes=()) -> Sales:
    """Apply the rules to rows of ids, labels, date, qty, price, in_stock and columns known ahead; `name` is the file's.

    `long` holds text ids, Timestamps, qty with NaN where it is empty; further columns of numbers are known ahead.
    """
    notes = list(notes)
    if rules.exclude:
        out = long["product_no"].isin([item.strip() for item in rules.exclude.split("+")]).to_numpy()
        long, notes = long[~out], [*notes, f"{out.sum():,} rows of excluded items are left out"]
    if long["qty"].notna().sum() == 0:
        raise DataError(f"{name}: no row has a quantity; name the column that has it, {_name_it('qty')}")
    keys = [column for column in SERIES_KEY if column in long]
    grouped = long.groupby(keys, sort=True)
    series, row = grouped.size().index.to_frame(index=False), grouped.ngroup().to_numpy()
    dates, place = _periods(long, name)
    notes += ["dates lie on one weekday: weekly, each the first day of its week"] if dates.freq.n == 7 else []
    step = {True: "week", False: "day"}[dates.freq.n == 7]
    grid = _Grid(row, place, long, (len(series), len(dates)))

    listed = grid.sum(np.ones(len(long)))
    qty = long["qty"].to_numpy(dtype=float)
    demand = np.where((listed > 0) & (grid.sum(np.isnan(qty)) == 0), grid.sum(np.nan_to_num(qty)), np.nan)
    if several := int((listed > 1).sum()):
        notes.append(f"{several:,} series-{step}s have several rows, which are added up")
    demand = _take_returns_out(demand, qty, rules, name, series, dates, notes)
    closed = _closed(demand, dates, rules, notes, step)
    demand[:, closed] = np.nan

    sold = np.nan_to_num(demand) > 0
    begun = np.maximum.accumulate(sold, axis=1) | (rules.leading == "zero")  # from the first sale on
    gaps = (listed == 0) & begun & ~closed
    if gaps.any():
        _fill(demand, gaps, bool((qty == 0).any()), rules, name, series, dates, notes, step)
    demand[~begun] = np.nan
    if early := int((~begun & sold.any(axis=1, keepdims=True)).sum()):
        notes.append(f"{early:,} series-{step}s before a first sale are missing")
    if "in_stock" in long:
        out = grid.sum(~long["in_stock"].to_numpy(dtype=bool)) > 0
        units = f"{np.nansum(demand[out]):,.0f} units were sold on them"
        notes.append(f"{(out & begun).sum():,} series-{step}s out of stock are missing; {units}")
        demand[out] = np.nan

    kept = _kept(demand, series, rules, notes, step)
    prices = grid.price(qty, long["price"].to_numpy(dtype=float))[kept] if "price" in long else None
    named = [*SERIES_KEY, *LABELS.values(), "date", "qty", "price", "in_stock"]
    ahead = {column: grid.ahead(long[column].to_numpy(dtype=float))[kept] for column in long if column not in named}
    for label in ("category1", "category2"):
        if label in long:
            series[label] = _last_label(long, row, label, notes)
    events = holiday_events(rules.holidays, dates) if rules.holidays else {}
    chosen = series.iloc[kept].reset_index(drop=True)
    panel = Panel(chosen, pd.DatetimeIndex(dates, freq=None, name="date"), demand[kept], prices, ahead, events)
    return Sales(panel, rules, files, columns, list(unused), notes)


def _periods(long: pd.DataFrame, name: str) -> tuple[pd.DatetimeIndex, np.ndarray]:
    """The days, or weeks, from the first to the last with a quantity, and the number of each row's."""
    known = long.loc[long["qty"].notna(), "date"]
    weekly = long["date"].dt.day_of_week.nunique() == 1 and known.nunique() > 1
    dates = pd.date_range(known.min(), known.max(), freq="7D" if weekly else "1D").as_unit("ns")
    share, what = known.nunique() / len(dates), "weeks" if weekly else "days"
    if share < 0.25:
        raise DataError(
            f"{name}: only {share:.0%} of the {len(dates):,} {what} from {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d} "
            "have a row; give daily or weekly sales, a week's on the same weekday, and correct wrong dates"
        )
    return dates, ((long["date"] - dates[0]).dt.days // dates.freq.n).to_numpy()


@dataclass
class _Grid:
    """The rows' places in a table of series and days; rows after the last day with a quantity lie beyond it."""

    row: np.ndarray
    place: np.ndarray
    long: pd.DataFrame
    shape: tuple[int, int]

    def __post_init__(self):
        self.inside = (self.place >= 0) & (self.place < self.shape[1])
        self.cell = self.row * self.shape[1] + self.place

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Sums of the rows' values (n_series, n_days), the same bits in any order of the rows."""
        return _sums(self.cell[self.inside], np.asarray(values, dtype=float)[self.inside], self.shape)

    def price(self, qty: np.ndarray, price: np.ndarray) -> np.ndarray:
        """Mean price of what was sold, weighted by quantity; where nothing was sold the mean listed; NaN if unknown."""
        listed = np.nan_to_num(price) > 0
        weight, plain = np.where(listed & (qty > 0), qty, 0.0), listed.astype(float)
        price = np.where(listed, price, 0.0)
        with np.errstate(invalid="ignore"):
            sold = self.sum(weight)
            return np.where(sold > 0, self.sum(weight * price) / sold, self.sum(plain * price) / self.sum(plain))

    def ahead(self, values: np.ndarray) -> np.ndarray:
        """A column known ahead, to the last day that has a row; filled where a series has no row.

        The value that all other series have that day; else 0 for a flag, the series' last value for other numbers.
        """
        known = ~np.isnan(values) & (self.place >= 0)
        shape = (self.shape[0], max(self.shape[1], int(self.place.max(initial=0)) + 1))
        cell = (self.row * shape[1] + self.place)[known]
        count = _sums(cell, np.ones(known.sum()), shape)
        flag = np.isin(values[known], (0, 1)).all()
        with np.errstate(invalid="ignore"):
            mean = _sums(cell, values[known], shape) / count
        table = pd.DataFrame(np.ceil(mean) if flag else mean)
        low, high = table.min(), table.max()
        table = table.fillna(low.where(low == high))
        return (table.fillna(0.0) if flag else table.ffill(axis=1).bfill(axis=1).fillna(0.0)).to_numpy()


def _sums(cell: np.ndarray, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    order = np.lexsort((values, cell))
    return np.bincount(cell[order], values[order], minlength=shape[0] * shape[1]).reshape(shape)


def _named(series: pd.DataFrame, rows) -> str:
    """Up to five series by name."""
    names = ["/".join(key) for key in series.iloc[rows, :].astype(str).itertuples(index=False)]
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


def _take_returns_out(demand, qty, rules: Rules, name: str, series, dates, notes: list[str]) -> np.ndarray:
    """Demand without what is still negative once the rows of a day are added up."""
    negative = np.nan_to_num(demand) < 0
    if (rows := qty < 0).any():
        notes.append(
            f"{rows.sum():,} rows of returns, {-qty[rows].sum():,.0f} units, are netted with the sales of their day"
        )
    if negative.any():
        k, day = np.argwhere(negative)[0]
        if rules.returns == "refuse":
            raise DataError(
                f"{name}: {_named(series, [k])} has {demand[k, day]:g} units on {dates[day]:%Y-%m-%d}, more "
                f"returns than sales ({negative.sum():,} such days); correct them, or {_how('returns=drop')}"
            )
        notes.append(
            f"{negative.sum():,} series-days, {-demand[negative].sum():,.0f} units, stay negative and count as 0"
        )
    return np.where(negative, 0.0, demand)


def _closed(demand, dates, rules: Rules, notes: list[str], step: str) -> np.ndarray:
    """The days on which all demand is unknown (n_days)."""
    idle = np.nansum(demand, axis=0) == 0
    if rules.closed_days == "auto":
        notes.append(f"{idle.sum():,} {step}s on which nothing was sold are closed: missing")
        return idle
    if rules.closed_days == "none":
        if idle.any():
            day = dates[idle].day_name().value_counts().index[0]
            notes.append(
                f"{idle.sum():,} {step}s have no sale at all, most often {day}s; if closed, {_how('closed_days=auto')}"
            )
        return np.zeros(len(dates), dtype=bool)
    texts = pd.Series([day.strip() for day in rules.closed_days.split("+")], name="closed_days")
    closed = np.isin(dates, parse_days(texts, "rules", rules.dates))
    notes.append(
        f"{closed.sum():,} closed {step}s are missing; {np.nansum(demand[:, closed]):,.0f} units were sold on them"
    )
    return closed


def _fill(demand, gaps, zeros_listed: bool, rules: Rules, name, series, dates, notes: list[str], step: str) -> None:
    """Fill the days without a row, in place."""
    how = rules.fill_gaps if rules.fill_gaps != "auto" else "refuse" if zeros_listed else "zero"
    if how == "refuse":
        k, day = np.argwhere(gaps)[0]
        raise DataError(
            f"{name}: {_named(series, [k])} has no row on {dates[day]:%Y-%m-%d}; {gaps.sum():,} {step}s are missing in "
            f"{gaps.any(axis=1).sum():,} series; if nothing was sold on them, {_how('fill_gaps=zero')}; if their sales "
            "are not known, fill_gaps=missing"
        )
    if how == "zero":
        demand[gaps] = 0.0
    why = ", as the table lists no zeros" if rules.fill_gaps == "auto" else ""
    notes.append(f"{gaps.sum():,} series-{step}s without a row are {how}{why}")


def _kept(demand, series, rules: Rules, notes: list[str], step: str) -> np.ndarray:
    """Numbers of the series that stay."""
    sold, known = np.nansum(demand, axis=1), (~np.isnan(demand)).sum(axis=1)
    never, short = sold == 0, (sold > 0) & (known < rules.least_known)
    for rows, what in ((never, "never sold"), (short, f"have fewer than {rules.least_known} known {step}s")):
        if rows.any():
            notes.append(f"{rows.sum():,} series {what} and are left out: {_named(series, rows)}")
    kept = np.flatnonzero(~never & ~short)
    if not len(kept):
        raise DataError(f"no series is left: {notes[-1]}; add earlier {step}s, or {_how('least_known=1')}")
    if 0 < rules.top < len(kept):
        notes.append(f"{rules.top:,} of {len(kept):,} series, those of most units, are taken")
        kept = np.sort(kept[np.argsort(-sold[kept], kind="stable")[: rules.top]])
    return kept


def _last_label(long: pd.DataFrame, row: np.ndarray, label: str, notes: list[str]) -> np.ndarray:
    """The label of each series on its last day."""
    labels = (
        long[[label]]
        .assign(row=row, date=long["date"].to_numpy())
        .drop_duplicates()
        .sort_values(["row", "date", label])
    )
    if several := int((labels.groupby("row")[label].nunique() > 1).sum()):
        notes.append(f"{several:,} series change their {label}; the last one counts")
    return labels.groupby("row")[label].last().to_numpy()


def holiday_events(country: str, dates: pd.DatetimeIndex) -> dict[str, list]:
    """The public holidays of a country, or a part of it (US-CA), in the years of the dates and the one after."""
    try:
        import holidays
    except ImportError as error:
        raise ParameterError(f"holidays={country} needs the package holidays: pip install holidays") from error
    country, _, part = country.partition("-")
    try:
        found = holidays.country_holidays(country, subdiv=part or None, years=range(dates[0].year, dates[-1].year + 2))
    except NotImplementedError as error:
        raise ParameterError(f"holidays: {error}") from error
    return {"holiday": [(str(day), str(day)) for day in sorted(found)]}
