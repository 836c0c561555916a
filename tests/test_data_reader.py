"""The reader: what it takes, what it refuses, and that every message names file, row, column, value and cure."""

import re
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.data.cells import parse_dates, parse_quantities
from bowerbird.data.reader import (
    ATTACHMENTS,
    ATTRIBUTES,
    SERIES_KEY,
    find_file,
    read_attachments,
    read_text_table,
)
from bowerbird.errors import DataError

KEY = list(SERIES_KEY)
SPECS = {spec.label: spec for spec in ATTACHMENTS}
FIRST, *_, FIFTH, SIXTH = ATTACHMENTS
MEASURES = ["附件1", "附件5", "附件6"]
LOOKUPS = ["附件2", "附件3", "附件4"]
HEADER = ["product_no", "category1"]
COLUMNS = tuple(HEADER)


def cells(*text: str, name: str = "date") -> pd.Series:
    return pd.Series(text, index=range(2, 2 + len(text)), name=name)


def equal(one, other) -> bool:
    return all(getattr(one, spec.name).equals(getattr(other, spec.name)) for spec in ATTACHMENTS)


@pytest.fixture
def refused(tables, write):
    """Read tables that must be refused; returns the message."""

    def refused(**options) -> str:
        with pytest.raises(DataError) as error:
            read_attachments(write(tables, **options))
        return str(error.value)

    return refused


def read_csv(tmp_path, text: str | bytes, encoding: str = "utf-8") -> pd.DataFrame:
    path = tmp_path / "附件2.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return read_text_table(path, COLUMNS)


def workbook(tmp_path, sheets: dict[str, list], hidden: str = ""):
    """A workbook of sheets given as rows."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        sheet.sheet_state = "hidden" if name == hidden else "visible"
    path = tmp_path / "附件2.xlsx"
    book.save(path)
    return path


# ---- finding a file


@pytest.mark.parametrize(
    "name",
    [
        "附件1.csv", "附件1.xlsx", "附件1.XLSX", "附件1.xls", "附件 1.csv", "附件1-商家历史出货量表.csv",
        "附件1-商家历史出货量表_new.xlsx", "附件1_商家历史出货量表 (1).csv",
        "attachment1.csv", "Attachment_1-shipments.xlsx",
    ],
)  # fmt: skip
def test_finds_a_file_by_its_number(tmp_path, name):
    (tmp_path / name).touch()
    for other in ("附件10.csv", "附件2.csv", "~$附件1.xlsx", "附件1.txt", "partial-附件1.csv", "truth.parquet"):
        (tmp_path / other).touch()
    assert find_file(tmp_path, FIRST) == tmp_path / name


def test_a_missing_file_or_folder_and_two_files_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"附件1 \(商家历史出货量表\) is missing; put 附件1-商家历史出货量表.csv or"):
        find_file(tmp_path, FIRST)
    assert find_file(tmp_path, FIFTH) is None
    assert find_file(tmp_path, SIXTH) is None
    with pytest.raises(DataError, match="nowhere: no such folder; give the folder that holds 附件1"):
        find_file(tmp_path / "nowhere", FIFTH)
    (tmp_path / "附件5.csv").touch()
    with pytest.raises(DataError, match=r"附件5.csv: a file, no folder; give the folder that holds 附件1"):
        find_file(tmp_path / "附件5.csv", FIFTH)
    (tmp_path / "附件1.csv").touch()
    (tmp_path / "附件1-商家历史出货量表_new.xlsx").touch()
    with pytest.raises(DataError, match=r"2 files for 附件1 \(附件1-商家历史出货量表_new.xlsx, 附件1.csv\); keep one"):
        find_file(tmp_path, FIRST)


@pytest.mark.parametrize(
    ("given", "there", "told"),
    [
        (".", "附件表/附件1.csv", "it lies in .*附件表: give that folder"),
        ("附件表", "附件1-商家历史出货量表.xlsx", "it lies in .*: give that folder"),
        (".", "附件1.txt", "附件1.txt is neither .csv nor .xlsx: save it as one of them"),
    ],
)
def test_a_file_that_lies_elsewhere_is_named(tmp_path, given, there, told):
    (tmp_path / "附件表").mkdir()
    (tmp_path / there).touch()
    with pytest.raises(DataError, match=rf"附件1 \(商家历史出货量表\) is missing; .*{told}"):
        find_file(tmp_path / given, FIRST)


# ---- csv: encodings, separators, header, rows


LABELS = {
    "gbk": "宠物生活 区域仓 手机通讯",
    "big5": "寵物生活 區域倉 手機通訊",
    "shift_jis": "家電製品 地域倉庫 化粧品",
    "euc_kr": "家電 中心倉庫 電話 食品",
    "hz": "宠物生活 区域仓",
    "utf-7": "宠物生活 区域仓",
    "iso2022_jp": "家電製品 地域倉庫",
}


@pytest.mark.parametrize("encoding", list(LABELS)[1:])
def test_labels_in_other_encodings_are_not_taken_for_chinese(tmp_path, encoding):
    rows = "".join(f"{row},{label}\n" for row, label in enumerate(LABELS[encoding].split()))
    with pytest.raises(DataError, match=r"附件2.csv, row 2: .*; save it as CSV UTF-8|EUC: save it as CSV UTF-8"):
        read_csv(tmp_path, "product_no,category1\n" + rows, encoding)


def test_what_is_read_as_gbk_is_shown(tmp_path):
    """Japanese in EUC-JP and Korean in EUC-KR use the bytes of common Chinese characters: only a reader can tell."""
    with pytest.warns(UserWarning, match="附件2.csv: not UTF-8, so read as GBK, with labels such as '食品', '数码'"):
        read_csv(tmp_path, "product_no,category1\n1,食品\n2,数码\n", "gbk")
    with pytest.warns(UserWarning, match="read as GBK, with labels such as '"):
        read_csv(tmp_path, "product_no,category1\n1,화장품\n2,식품\n", "euc_kr")


TOP = "product_no,category1\n"


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        *(('product_no@"category 1"@note\n1@"a,b"@\n2@c@1.5\n'.replace("@", sign),
           [["1", "a,b"], ["2", "c"]]) for sign in ";\t|"),
        (' Category 1 ,note,"Product _no"\n" 数码, 新 ",x, 007 \n', [["007", "数码, 新"]]),
        (TOP + "007,NA\n1e5,\nnull,1.50\n", [["007", "NA"], ["1e5", ""], ["null", "1.50"]]),
        # ASCII that looks like another encoding
        *((f"{TOP}1,{cell}\n", [["1", cell]])
          for cell in ["A+Pro", "+8613812345678", "C+plusminus-", "~{}~", "a~{b", "+-+-"]),
    ],
)  # fmt: skip
def test_cells_of_any_table_stay_text(tmp_path, text, cells):
    assert read_csv(tmp_path, text).to_numpy().tolist() == cells


@pytest.mark.parametrize(
    ("text", "told"),
    [
        *((text, ", row 1: the file is empty or begins with a blank row")
          for text in ["", "\n", " \n \n", f"\n{TOP}1,x\n", "\rproduct_no,category1\r1,x\r", "\r\r", "\ufeff"]),
        *((TOP + blank, ": no rows below the header; the file is empty or cut off, fetch it again")
          for blank in ["", "\n\n", ",\n , \n"]),
        *((f"{title}{TOP}1,x\n", f", row 1: the header stands in row {row}; delete the rows above it")
          for title, row in [("商品信息表\n", 2), ("sep=,\n", 2), ("表,,\n,,\n", 3)]),
        ("product_no,category 2\n1,x\n", ", row 1: column category1 is missing; the header is product_no, category2; "
         "needed are product_no, category1, each once"),
        ("product_no,category1,category 1\n1,x,y\n", ", row 1: column category1 stands 2 times"),
        ('p"roduct_no,category1\n1,x\n', ", row 1: column product_no is missing"),
        ("product_no;category1\n1;x\n1.500;y\n", ", row 3, column product_no: '1.500' may be thousands or a decimal"),
        *((TOP + k * "1,x\n" + bad + (3 - k) * "\n1,x", f", row {2 + k}: {bad!r} does not fit the columns of row 1")
          for k in range(4) for bad in ("2,x,", "2,x,extra")),
        (TOP + "1,x,\n2,y,", ", row 2: '1,x,' does not fit the columns of row 1"),
        (TOP + '1,x\n2,"y\n3,z\n', ", row 3: '2,\"y' does not fit the columns of row 1"),
        (b"\xff\xff" + np.random.default_rng(0).bytes(999), ", row 1: neither UTF-8 nor GBK; save it again as CSV"),
        # Even in number, so that GBK would take the bytes that are left
        (f"{TOP}1,宠物生活\n".encode().replace(b"\xa9\xe7", b"", 1), ", row 2: neither UTF-8 nor GBK"),
        *((f"{TOP}a,b\nc\0,d\n".replace("\n", end), ", row 3: holds the character '\\x00', so the file is damaged")
          for end in "\n\r"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_used_is_refused(tmp_path, text, told):
    with pytest.raises(DataError) as error:
        read_csv(tmp_path, text)
    message = str(error.value)
    assert message.startswith(f"附件2.csv{told}")
    assert "mend that row: a comma too many, or a quotation mark left open" in message or "does not fit" not in message


# ---- workbooks: sheets, day numbers, damage


def test_sheets_with_the_header_are_joined_and_blank_rows_counted(tmp_path):
    april = [HEADER, ["a", "x"], [None, None], [" ", None], [2, "y"], [3.0, None], [None, None]]
    sheets = {"四月": april, "五月": [["note", *HEADER[::-1]], [1, "z", "c"]], "空": []}
    rows = {2: ["a", "x"], 5: ["2", "y"], 6: ["3", ""]}
    table = read_text_table(workbook(tmp_path, {"四月": april}), COLUMNS)
    assert table.T.to_dict("list") == rows
    table = read_text_table(workbook(tmp_path, sheets), COLUMNS)
    assert list(table) == HEADER
    assert table.T.to_dict("list") == {f"{row} of sheet '四月'": cells for row, cells in rows.items()} | {
        "2 of sheet '五月'": ["c", "z"]
    }


def test_a_sheet_of_notes_is_left_out_and_told(tmp_path):
    path = workbook(tmp_path, {"说明": [["历史出货量"], ["2023"]], "data": [HEADER, ["a", "x"]]})
    with pytest.warns(UserWarning, match="附件2.xlsx, sheet '说明': left out, since it does not hold product_no"):
        assert read_text_table(path, COLUMNS).to_numpy().tolist() == [["a", "x"]]


@pytest.mark.parametrize("calendar", ["windows", "mac 1904"])
def test_day_numbers_are_those_of_the_workbooks_calendar(tmp_path, calendar):
    book, day_zero = openpyxl.Workbook(), pd.Timestamp("1899-12-30")
    if calendar == "mac 1904":
        book.epoch, day_zero = openpyxl.utils.datetime.CALENDAR_MAC_1904, pd.Timestamp("1904-01-01")
    day = pd.Timestamp("2023-05-01")
    for written in ["date", (day - day_zero).days, day.to_pydatetime(), "2023-05-01", 20230501]:
        book.active.append([written])
    book.save(tmp_path / "附件1.xlsx")
    assert parse_dates(read_text_table(tmp_path / "附件1.xlsx", ("date",))["date"], "f").to_list() == [day] * 4


def test_an_id_of_more_digits_than_a_number_of_a_workbook_holds(tmp_path):
    path = workbook(tmp_path, {"x": [HEADER, ["12345678901234567890", "x"], [9007199254740991, "y"]]})
    assert read_text_table(path, COLUMNS)["product_no"].to_list() == ["12345678901234567890", "9007199254740991"]
    path = workbook(tmp_path, {"x": [HEADER, [1, "x"], [9007199254740993, "y"]]})  # 2^53 + 1, of which the 1 is lost
    with pytest.raises(
        DataError, match=r"附件2.xlsx, row 3, column product_no: 90071992547409\d\d is a number of more"
    ):
        read_text_table(path, COLUMNS)


def test_a_workbook_with_a_lost_or_damaged_part(tmp_path):
    whole = workbook(tmp_path, {"April": [HEADER, ["a", "x"]], "May": [HEADER, ["b", "y"]]})
    with zipfile.ZipFile(whole) as parts:
        content = {name: parts.read(name) for name in parts.namelist()}
    book, sheet = "xl/workbook.xml", "xl/worksheets/sheet2.xml"
    spoilt = {
        "sheet lost": {sheet: None},
        "sheet not listed": {book: re.sub(rb"<sheet [^>]*May[^>]*>", b"", content[book])},
        "tag damaged": {sheet: content[sheet].replace(b"<sheetData>", b"<sheetDate>")},
        "half a sheet": {sheet: content[sheet][:200]},
    }
    for name, parts in spoilt.items():
        with zipfile.ZipFile(whole, "w") as copy:
            for part, raw in (content | parts).items():
                if raw is not None:
                    copy.writestr(part, raw)
        with pytest.raises(DataError, match=r"^附件2.xlsx"):
            pytest.fail(f"{name}: {read_text_table(whole, COLUMNS)}")


@pytest.mark.parametrize(
    ("sheets", "hidden", "told"),
    [
        ({"May": [["b", "y"], ["c", "z"]]}, "", "sheet 'May': may hold rows of the table, but no header"),
        ({"May": [["b", "y"], ["c", "z"]]}, "May", "sheet 'May': may hold rows of the table, but no header"),
        ({"May": [HEADER, ["b", "y"]]}, "May", "sheet 'May': is hidden and holds such a table; show it"),
        ({"May": [["出货量"], HEADER]}, "", "row 1 of sheet 'May': the header stands in row 2; delete the rows"),
        ({"May": [["出货量"], HEADER]}, "May", "row 1 of sheet 'May': the header stands in row 2; delete the rows"),
        ({"April": [["product_no"]], "May": [["x"]]}, "", "row 1 of sheet 'April': column category1 is missing"),
        ({"April": [["title"], HEADER, ["a", "x"]]}, "", "row 1: the header stands in row 2"),
        ({"April": [[*HEADER, "category1"], ["a", "x", "y"]]}, "", "row 1: column category1 stands 2 times"),
        ({"April": []}, "", "row 1: the file is empty"),
    ],
)
def test_a_workbook_that_cannot_be_used_is_refused(tmp_path, sheets, hidden, told):
    with pytest.raises(DataError, match=f"附件2.xlsx, {told}"):
        read_text_table(workbook(tmp_path, {"April": [HEADER, ["a", "x"]]} | sheets, hidden), COLUMNS)


@pytest.mark.parametrize("content", [b"", b"product_no,category1\n1,x\n", np.random.default_rng(0).bytes(5000)])
def test_what_is_no_workbook(tmp_path, content):
    path = tmp_path / "附件2.xlsx"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"^附件2.xlsx: not a readable Excel file \(.+\); open and save it again"):
        read_text_table(path, COLUMNS)


# ---- the six attachments: what is taken


def test_tiny_attachments(tiny):
    assert [len(getattr(tiny, spec.name)) for spec in ATTACHMENTS] == [40, 5, 3, 5, 3, 6]
    for spec in ATTACHMENTS:
        assert tuple(getattr(tiny, spec.name).columns) == spec.columns
        assert (getattr(tiny, spec.name).index == np.arange(len(getattr(tiny, spec.name)))).all()
    assert tiny.shipments.loc[23].to_list() == ["seller_2", "product_2", "wh_38", pd.Timestamp("2022-12-04"), 23]
    assert tiny.shipments["qty"].dtype == np.int64
    assert tiny.warehouses["warehouse_no"].to_list() == ["wh_1", "wh_29", "wh_38", "wh_29", "wh_38"]
    assert [tiny.files[label].name[:3] for label in SPECS] == list(SPECS)


@pytest.mark.filterwarnings("ignore:.*read as GBK")
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize(
    ("date_format", "encoding"),
    [
        ("%Y-%m-%d", "utf-8"), ("%Y/%m/%d", "utf-8-sig"), ("%Y%m%d", "gbk"), ("%Y-%m-%d 00:00:00", "utf-8"),
        ("%Y年%m月%d日", "gbk"), ("real", "utf-8"), ("number", "utf-8"),
    ],
)  # fmt: skip
def test_formats_encodings_dates_and_column_orders_read_alike(tables, write, tiny, kind, date_format, encoding):
    for path in tiny.files.values():
        path.unlink()
    for label in MEASURES:
        dates = pd.to_datetime(tables[label]["date"])
        written = {"real": dates, "number": (dates - pd.Timestamp("1899-12-30")).dt.days}
        tables[label]["date"] = written[date_format] if date_format in written else dates.dt.strftime(date_format)
    turned = {label: table[table.columns[::-1]].assign(note="x") for label, table in tables.items()}
    assert equal(read_attachments(write(turned, kind, encoding, tag="_new")), tiny)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_ids_written_as_numbers_match_ids_written_as_text(tables, write, kind):
    for label, table in tables.items():
        for column in table.columns.intersection(KEY):
            digits = table[column].str.extract(r"(\d+)$")[0]  # seller_2 -> 2
            table[column] = digits if label in LOOKUPS else digits.astype(float)  # 附件1, 5, 6 as csv: 2.0
    read = read_attachments(write(tables, kind))
    assert read.shipments.loc[23, KEY].to_list() == ["2", "2", "38"]
    assert set(read.warehouses["warehouse_no"]) == {"1", "29", "38"}


@given(day=st.dates(pd.Timestamp("2000-01-01").date(), pd.Timestamp("2099-12-31").date()))
def test_every_spelling_of_a_day_is_the_same_day(day):  # 45047 is Excel's =DATE(2023,5,1), shown as a number
    assert parse_dates(cells("45047"), "f").to_list() == [pd.Timestamp("2023-05-01")]
    stamp = pd.Timestamp(day)
    spellings = [
        f"{day:%Y-%m-%d}", f"{day:%Y/%m/%d}", f"{day:%Y%m%d}", f"{day.year}-{day.month}-{day.day}",
        f"{day.year}/{day.month}/{day.day} 0:00", f"{day:%Y-%m-%d} 00:00", f"{day:%Y-%m-%d}T00:00:00",
        f"{day.year}年{day.month}月{day.day}日", f"{(stamp - pd.Timestamp('1899-12-30')).days}",
        f"{(stamp - pd.Timestamp('1899-12-30')).days}.0",
    ]  # fmt: skip
    assert parse_dates(cells(*spellings), "f").to_list() == [stamp] * len(spellings)


# ---- what is refused


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("qty", "-3", "is negative"), ("qty", "2.5", "is fractional"), ("qty", "nan", "is not a number"),
        ("qty", "inf", "is infinite"), ("qty", "1,000", "is not a number"), ("qty", "", "is empty"),
        ("qty", "1e300", "is too large"),
        # What a float64 takes for a whole number, and is none; pandas' versions differ in what they make of some
        ("qty", "12.0000000000000000001", "is fractional"), ("qty", "-1e-400", "is "),
        ("qty", "1e-" + "9" * 30, "is "), ("date", "", "is no day"),
        ("seller_no", "seller_9", "is not in 附件3-商家信息表"), ("warehouse_no", "wh_9", "is not in 附件4-仓库信息表"),
        ("product_no", "product_9", "is not in 附件2-商品信息表"),
        ("warehouse_no", "", "is no id or label"), ("product_no", "nan", "is no id or label"),
        ("product_no", "#REF!", "is no id or label"), ("product_no", "#N/A", "is no id or label"),
        ("product_no", "1.23457E+19", "is a rounded number"), ("product_no", "4e+15", "is a rounded number"),
    ],
)  # fmt: skip
def test_refuses_a_bad_cell(tables, refused, kind, column, value, fault):
    tables["附件1"].loc[1, column] = value
    message = refused(kind=kind)
    shown = "" if kind == "xlsx" and value.startswith("#") else value  # a workbook's cell of an error holds no text
    assert message.startswith(f"附件1-商家历史出货量表.{kind}, row 3, column {column}: {shown!r} {fault}")
    cures = {"qty": "whole number of units", "date": "write it as 2023-05-01", "is not in": "add it there or delete"}
    cures |= {"is no id": "fill in the cell", "is a rounded": "format the column as text"}
    assert any(cure in message for begin, cure in cures.items() if column == begin or fault.startswith(begin))
    assert "more such rows" not in message


@pytest.mark.parametrize("label", MEASURES)
@pytest.mark.parametrize("qty", ["0", "77"])
def test_refuses_a_day_listed_twice_even_with_the_same_qty(tables, refused, label, qty):
    first = tables[label].iloc[0].copy()
    tables[label].loc[len(tables[label])] = [*first[:4], first["qty"] if qty == "0" else qty]
    message = refused()
    key = f"seller_no {first.iloc[0]}, product_no {first.iloc[1]}, warehouse_no {first.iloc[2]}, date {first['date']}"
    assert message.startswith(
        f"{label}-{SPECS[label].title}.csv, row {len(tables[label]) + 1}, "
        f"columns seller_no, product_no, warehouse_no, date: {key} stands already in row 2"
    )
    assert (f", there with qty '{first['qty']}', here '77'" in message) == (qty == "77")
    assert "(1 such rows in all); add up the rows of a day where each is a sale of its own" in message


@pytest.mark.parametrize("label", LOOKUPS)
def test_refuses_contradictory_repeats(tables, refused, label):
    key, *_, last = SPECS[label].columns
    row = tables[label].iloc[1].to_list()
    tables[label].loc[len(tables[label])] = [*row[:-1], "other"]
    message = refused()
    assert message.startswith(
        f"{label}-{SPECS[label].title}.csv, row {len(tables[label]) + 1}, columns {key}: {key} {row[0]} stands already "
        f"in row 3, there with {last} '{row[-1]}', here 'other' (1 such rows in all); keep one row a key"
    )


@pytest.mark.parametrize(
    "text",
    [
        "", "5/1/2023", "2023-05", "202305", "2023051", "23-05-01", "2023-13-01", "2023-02-30", "2023-05-01 08:00",
        "2023-5月1日",
        "2023年5-1", "2023/5-1", "2023年5/1日", "45047.5", "19999", "80001", "45040701", "99991231", "1999-12-31",
        "2100-01-01", "1e308", "nan", "NaT", "now",
    ],
)  # fmt: skip
def test_refuses_what_is_no_day(text):
    with pytest.raises(DataError) as error:
        parse_dates(cells("2023-05-01", text, text), "f.csv")
    assert str(error.value) == (
        f"f.csv, row 3, column date: {text!r} is no day (1 more such rows); write it as 2023-05-01, from 2000 to 2099"
    )


@given(number=st.floats(allow_nan=True, allow_infinity=True).filter(lambda x: not (0 <= x < 2**53 and x == int(x))))
def test_refuses_every_other_number(number):
    with pytest.raises(DataError, match="f, row 2, column qty: "):
        parse_quantities(cells(repr(number), name="qty"), "f")


# ---- the originals


def test_original_sizes_and_lookups(original):
    assert [len(getattr(original, spec.name)) for spec in ATTACHMENTS] == [331_336, 2302, 37, 56, 7429, 21_355]
    assert original.products["product_no"].is_unique
    assert original.products[list(ATTRIBUTES[:3])].nunique().to_list() == [23, 79, 291]
    assert original.sellers["seller_category"].nunique() == 17
    assert set(original.sellers["inventory_category"]) == set("ABCD")
    assert set(original.sellers["seller_level"]) == {"Large", "Medium", "Small", "Special", "New"}
    warehouses = original.warehouses["warehouse_no"]
    assert warehouses.nunique() == 54 and set(warehouses[warehouses.duplicated()]) == {"wh_29", "wh_38"}
