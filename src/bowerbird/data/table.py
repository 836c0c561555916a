"""Read one table of sales, as a till, a shop system or a spreadsheet exports it, into a panel.

From top to bottom: the names of columns that are recognised; the entry point; the columns of one file; its cells.
Nothing is invented: a level or attribute that the table lacks is absent from the panel. `cells` turns texts into days
and numbers, `rules` says what gaps, returns and the like become.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from bowerbird.data.cells import days_of_texts, how, parse_days, parse_labels, parse_numbers, text_of
from bowerbird.data.reader import open_table, workbook_text
from bowerbird.data.rules import AHEAD, Rules, Sales, sales_of, text_pairs
from bowerbird.errors import DataError, ParameterError

IDS = {"seller": "seller_no", "item": "product_no", "site": "warehouse_no"}  # what the user says -> column of a panel
LABELS = {**IDS, "category": "category1", "subcategory": "category2"}
ROLES = (*LABELS, "date", "qty", "price", "in_stock")
NEEDED = ("item", "date", "qty")
BESIDE = ("price", "in_stock")  # may also be a file beside a table of one column a day
SUFFIXES = (".csv", ".xlsx", ".xls", ".parquet")

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
NO_LABEL = "none given"  # an empty cell of a category


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
    beside = next((p for ending in (".yaml", ".yml") if (p := path.with_suffix(ending)).is_file()), None)
    content = {} if beside is None else _read_yaml(beside)
    attributes = content.pop("attributes", None)
    given = {name: content.pop(name) for name in list(content) if name in (*ROLES, "ahead")}
    given |= text_pairs(content.pop("columns", {}), "columns") | text_pairs(columns, "columns")
    if unknown := [role for role in given if role not in (*ROLES, "ahead")]:
        raise ParameterError(f"columns: {unknown[0]!r} is no role; there are {', '.join(ROLES)}, ahead")
    chosen = Rules.read(content | text_pairs(rules, "rules"))

    ahead = given.pop("ahead", [])
    ahead = ahead if isinstance(ahead, list) else [name.strip() for name in str(ahead).split("+") if name.strip()]
    given = {role: str(name) for role, name in given.items()}
    own = {role: name for role, name in given.items() if not attributes or role not in ("category", "subcategory")}
    table = _Table(path, own | {f"{AHEAD}{name}": name for name in ahead}, chosen)
    long, files = table.read(), {"table": path} | ({"columns": beside} if beside else {}) | table.files
    if attributes:
        files["attributes"] = path.parent / str(attributes)
        long = _with_attributes(long, files["attributes"], given, chosen, table.columns)
    return sales_of(long, chosen, path.name, files, table.columns, table.unused, table.notes)


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


# ---- the columns of a file ------------------------------------------------------------------------------------------


def _simple(name) -> str:
    return re.sub(r"[\W_]+", "", str(name).lower())


@dataclass
class _Table:
    """One file: its header, its cells, and what the user has said about its columns."""

    path: Path
    given: dict[str, str]  # role, or "ahead NAME" -> header, or a file of the same shape; "" leaves the role out
    rules: Rules

    def __post_init__(self):
        self.columns: dict[str, str] = {}
        self.unused: list[str] = []
        self.notes: list[str] = []
        self.files = {
            role: self.path.parent / name
            for role, name in self.given.items()
            if (role in BESIDE or role.startswith(AHEAD)) and name.lower().endswith(SUFFIXES)
        }
        self.given = {role: name for role, name in self.given.items() if role not in self.files}

    def read(self) -> pd.DataFrame:
        """One row a sale or a day: ids and labels as text, date, qty (NaN where empty) and the other numbers."""
        _, sheets = open_table(self.path, self._is_header, NEEDED, self.rules.sheet)
        wide = [cells for cells in sheets.values() if self._is_wide(list(cells))]
        if wide and len(sheets) > 1:
            names = ", ".join(place.removeprefix(" of sheet ") for place in sheets)
            raise DataError(
                f"{self.path.name}: sheets {names} hold a column a day each; choose one, {how('sheet=NAME')}"
            )
        if wide:
            long = self._long_of_wide(wide[0])
            for role, path in self.files.items():
                long = self._beside(long, role, path)
            return long
        if self.files:
            role, path = next(iter(self.files.items()))
            raise DataError(f"{path.name}: {role} as a file goes with a table of one column a day; name a column")
        return self._parsed(pd.concat(map(self._chosen, sheets.values())))

    def _find(self, header: list[str], role: str) -> list[int]:
        """Positions of the columns that may have the role."""
        if (name := self.given.get(role)) is not None:
            exact = [k for k, cell in enumerate(header) if cell == name]
            return exact or [k for k, cell in enumerate(header) if name and _simple(cell) == _simple(name)]
        taken = {_simple(name) for role, name in self.given.items() if not role.startswith(AHEAD)}
        for names in (USUAL, SECOND):
            usual = set(names.get(role, "").split()) - taken
            if found := [k for k, cell in enumerate(header) if _simple(cell) in usual]:
                return found
        return []

    def _is_header(self, header: list[str]) -> bool:
        return bool(self._find(header, "item")) and (
            bool(self._find(header, "date") and self._find(header, "qty")) or self._is_wide(header)
        )

    def _is_wide(self, header: list[str]) -> bool:
        return not self._find(header, "date") and len(self._day_headers(header)) >= DAY_COLUMNS

    def _day_headers(self, header: list[str]) -> dict[int, pd.Timestamp]:
        days, unsure = days_of_texts(pd.Series(header, dtype=str), self.rules.dates)
        return {k: day for k, day in enumerate(days.mask(unsure)) if pd.notna(day)}

    def _places(self, header: list[str], roles) -> dict[str, int]:
        """Role -> position in the header; what is missing, stands twice or may be two columns is refused."""
        places, row_1 = {}, f"{self.path.name}, row 1"
        for role in dict.fromkeys([*roles, *(role for role in self.given if role.startswith(AHEAD))]):
            found, name = self._find(header, role), self.given.get(role)
            if len(found) > 1:
                names = " and ".join(repr(header[k]) for k in found)
                raise DataError(f"{row_1}: columns {names} may both be the {role}; {_name_it(role)}")
            if not found and (name or role in NEEDED):
                lacking = f"no column is called {name!r}" if name else f"no column is recognised as the {role}"
                raise DataError(f"{row_1}: {lacking}; the header is {', '.join(header)}; {_name_it(role)}")
            if found:
                places[role] = found[0]
        self.columns |= {role: header[k] for role, k in places.items()}
        self.unused += [cell for k, cell in enumerate(header) if k not in places.values() and cell not in self.unused]
        return places

    def _chosen(self, cells: pd.DataFrame) -> pd.DataFrame:
        """The columns that have a role, under the names of a panel."""
        places = self._places(list(cells), ROLES)
        table = cells.iloc[:, list(places.values())].set_axis([LABELS.get(role, role) for role in places], axis=1)
        return workbook_text(table, self.path) if self.path.suffix.lower() in (".xlsx", ".xls") else table

    def _parsed(self, table: pd.DataFrame) -> pd.DataFrame:
        """The columns as ids, days and numbers."""
        file, typed = self.path.name, (pd.api.types.is_numeric_dtype, pd.api.types.is_datetime64_any_dtype)
        table = table.apply(lambda cells: cells if any(holds(cells) for holds in typed) else text_of(cells))
        table = table[((table != "") & table.notna()).any(axis=1)]
        if table.empty:
            raise DataError(f"{file}: no rows below the header; the file is empty or cut off, export it again")
        if repeated := int(table.duplicated().sum()):
            self.notes.append(f"{repeated:,} rows repeat another row in all columns used; all count as sales")
        long = pd.DataFrame(index=table.index)
        for role, header in self.columns.items():
            column = LABELS.get(role, role)
            cells = table[column].rename(header)
            if role in LABELS:
                long[column] = self._labels(cells, role)
            elif role == "date":
                long[column] = parse_days(cells, file, self.rules.dates)
            else:
                flags = role == "in_stock" or role.startswith(AHEAD)
                numbers = parse_numbers(cells, file, self.rules.decimals, flags)
                long[column] = numbers.fillna(1) > 0 if role == "in_stock" else numbers
        return long

    def _labels(self, cells: pd.Series, role: str) -> pd.Series:
        """Ids, none of them empty, or categories."""
        text = text_of(cells)
        return parse_labels(text, self.path.name) if role in IDS else text.replace("", NO_LABEL)

    def _long_of_wide(self, table: pd.DataFrame, value: str = "qty") -> pd.DataFrame:
        """One row a series and day of a table of one column a day."""
        days, file, flags = self._day_headers(list(table)), self.path.name, value not in ("qty", "price")
        others = table.iloc[:, [k for k in range(table.shape[1]) if k not in days]]
        places = self._places(list(others), LABELS)
        ids = pd.DataFrame({LABELS[role]: self._labels(others.iloc[:, k], role) for role, k in places.items()})
        columns = (parse_numbers(table.iloc[:, k], file, self.rules.decimals, flags) for k in days)
        values = np.column_stack(list(columns))
        self.columns |= {"date": f"{len(days)} columns", value: "their cells"}
        long = ids.loc[ids.index.repeat(len(days))]
        return long.assign(date=pd.DatetimeIndex(np.tile(list(days.values()), len(table))), **{value: values.ravel()})

    def _beside(self, long: pd.DataFrame, role: str, path: Path) -> pd.DataFrame:
        """Join the cells of another file of the same shape; one that is known ahead may have later days."""
        other = _Table(path, {r: name for r, name in self.given.items() if r in IDS}, replace(self.rules, sheet=""))
        first, *_ = open_table(path, other._is_header, NEEDED)[1].values()
        cells = other._long_of_wide(first, role)
        ids = [column for column in IDS.values() if column in long and column in cells]
        keys, cells = [*ids, "date"], cells.merge(long[ids].drop_duplicates(), on=ids)
        if cells.duplicated(keys).any():
            raise DataError(f"{path.name}: a series stands in two rows; keep one row a series")
        self.columns[role] = path.name
        sides = "outer" if role.startswith(AHEAD) else "left"
        joined = long.reset_index().merge(cells[[*keys, role]], on=keys, how=sides).set_index("index")
        return joined.assign(in_stock=joined["in_stock"].fillna(1) > 0) if role == "in_stock" else joined


def _with_attributes(long: pd.DataFrame, path: Path, given: dict, rules: Rules, columns: dict) -> pd.DataFrame:
    """Join the categories of another file by the ids that it has."""
    table = _Table(path, {role: given[role] for role in LABELS if role in given}, rules)
    ids = [role for role in IDS if LABELS[role] in long]
    read, *_ = open_table(path, lambda header: any(table._find(header, role) for role in ids), NEEDED)[1].values()
    header = list(read)
    places = {role: k[0] for role in [*ids, "category", "subcategory"] if (k := table._find(header, role))}
    cells = pd.DataFrame({LABELS[role]: table._labels(read.iloc[:, k], role) for role, k in places.items()})
    keys, labels = [c for c in cells if c in IDS.values()], [c for c in cells if c not in IDS.values()]
    if not keys or not labels:
        needed = f"an id and a category are needed; the header is {', '.join(header)}"
        raise DataError(f"{path.name}, row 1: {needed}; {_name_it('category')}")
    columns |= {role: f"{header[k]} of {path.name}" for role, k in places.items() if role not in IDS}
    cells = cells.drop_duplicates()
    if (twice := cells.duplicated(keys)).any():
        again = "/".join(cells.loc[twice.idxmax(), keys])
        raise DataError(f"{path.name}, row {twice.idxmax()}: {again} stands twice with other labels; keep one row")
    joined = long.drop(columns=labels, errors="ignore").merge(cells, on=keys, how="left")
    if (lost := joined[labels[0]].isna().to_numpy()).any():
        raise DataError(f"{path.name}: {'/'.join(joined.loc[lost, keys].iloc[0])} of the table is not in it; add a row")
    return joined.set_axis(long.index)


def _name_it(role: str) -> str:
    role = "ahead" if role.startswith(AHEAD) else role
    return f'give --columns "{role}=NAME" (make: COLUMNS="{role}=NAME")'
