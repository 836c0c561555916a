"""Finding and reading one attachment, whatever its name, format and encoding."""

import hashlib
import re
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.data.reader import ATTACHMENTS, find_file, parse_dates, read_text_table
from bowerbird.errors import DataError
from bowerbird.files import sha256

FIRST, *_, FIFTH, SIXTH = ATTACHMENTS
COLUMNS = ("product_no", "category1")


def read_csv(tmp_path, text: str, encoding: str = "utf-8") -> pd.DataFrame:
    path = tmp_path / "附件2.csv"
    path.write_bytes(text.encode(encoding))
    return read_text_table(path, COLUMNS)


def refusal(tmp_path, text: str) -> str:
    with pytest.raises(DataError) as error:
        read_csv(tmp_path, text)
    return str(error.value)


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


def test_two_files_for_one_attachment(tmp_path):
    (tmp_path / "附件1.csv").touch()
    (tmp_path / "附件1-商家历史出货量表_new.xlsx").touch()
    with pytest.raises(DataError, match=r"2 files for 附件1 \(附件1-商家历史出货量表_new.xlsx, 附件1.csv\); keep one"):
        find_file(tmp_path, FIRST)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match=r"附件1 \(商家历史出货量表\) is missing; put 附件1-商家历史出货量表.csv or"):
        find_file(tmp_path, FIRST)
    assert find_file(tmp_path, FIFTH) is None
    assert find_file(tmp_path, SIXTH) is None
    with pytest.raises(DataError, match="nowhere: no such folder; give the folder that holds 附件1"):
        find_file(tmp_path / "nowhere", FIFTH)
    (tmp_path / "附件5.csv").touch()
    with pytest.raises(DataError, match=r"附件5.csv: a file, no folder; give the folder that holds 附件1"):
        find_file(tmp_path / "附件5.csv", FIFTH)


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


@pytest.mark.filterwarnings("ignore:.*read as GBK")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb2312", "gb18030", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encodings_and_line_ends(tmp_path, encoding, newline):
    table = read_csv(tmp_path, f"product_no,category1{newline}product_1,家装建材{newline}", encoding)
    assert table.to_dict("list") == {"product_no": ["product_1"], "category1": ["家装建材"]}


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


@pytest.mark.parametrize("text", ["A+Pro", "+8613812345678", "C+plusminus-", "~{}~", "a~{b", "+-+-"])
def test_ascii_that_looks_like_another_encoding_stays(tmp_path, text):
    assert read_csv(tmp_path, f"product_no,category1\n1,{text}\n").loc[2, "category1"] == text


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators(tmp_path, separator):
    text = 'product_no,"category 1",note\nproduct_1,"a,b",\n2,c,1.5\n'.replace(",", separator).replace(
        "a" + separator, "a,"
    )
    table = read_csv(tmp_path, text)
    assert table.to_numpy().tolist() == [["product_1", "a,b"], ["2", "c"]]


def test_a_point_among_semicolons_may_part_thousands(tmp_path):
    message = refusal(tmp_path, "product_no;category1\n1;x\n1.500;y\n")
    assert message.startswith("附件2.csv, row 3: '1.500' may be thousands or a decimal")


@pytest.mark.parametrize("title", ["商品信息表\n", "sep=,\n", "表,,\n,,\n"])
def test_a_header_further_down_is_found(tmp_path, title):
    message = refusal(tmp_path, title + "product_no,category1\n1,x\n")
    row = 1 + title.count("\n")
    assert message == f"附件2.csv, row 1: the header stands in row {row}; delete the rows above it"


def test_headers_with_blanks_in_any_order_among_others(tmp_path):
    table = read_csv(tmp_path, ' Category 1 ,note,"Product _no"\n" 数码, 新 ",x, 007 \n')
    assert list(table.columns) == list(COLUMNS)
    assert table.loc[2].to_list() == ["007", "数码, 新"]


def test_cells_stay_text(tmp_path):
    table = read_csv(tmp_path, "product_no,category1\n007,NA\n1e5,\nnull,1.50\n")
    assert table.to_numpy().tolist() == [["007", "NA"], ["1e5", ""], ["null", "1.50"]]


@given(blank=st.lists(st.sampled_from(["", ",", " , "]), max_size=6), data=st.data())
def test_blank_rows_are_left_out_and_counted(tmp_path_factory, blank, data):
    full = [f"product_{k},数码" for k in range(4)]
    rows = data.draw(st.permutations(full + blank))
    table = read_csv(tmp_path_factory.mktemp("csv"), "\n".join(["product_no,category1", *rows]) + "\n")
    assert list(table.index) == [row for row, text in enumerate(rows, start=2) if text.strip(" ,")]
    assert list(table["product_no"]) == [text.split(",")[0] for text in rows if text.strip(" ,")]


def test_blank_rows_of_a_workbook_are_left_out_and_counted(tmp_path):
    rows = [("product_no", "category1"), (1, "a"), (None, None), (" ", None), (2, "b"), (None, None), (3.0, None)]
    path = tmp_path / "附件2.xlsx"
    pd.DataFrame([*rows, *[(None, None)] * 3]).to_excel(path, header=False, index=False)
    table = read_text_table(path, COLUMNS)
    assert table.to_dict("split") == {
        "index": [2, 5, 7],
        "columns": ["product_no", "category1"],
        "data": [["1", "a"], ["2", "b"], ["3", ""]],
    }


HEADER = ["product_no", "category1"]


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


def test_sheets_with_the_header_are_joined(tmp_path):
    sheets = {"四月": [HEADER, ["a", "x"], [], ["b", "y"]], "五月": [["note", *HEADER[::-1]], [1, "z", "c"]], "空": []}
    table = read_text_table(workbook(tmp_path, sheets), COLUMNS)
    assert table.to_dict("split") == {
        "index": ["2 of sheet '四月'", "4 of sheet '四月'", "2 of sheet '五月'"],
        "columns": HEADER,
        "data": [["a", "x"], ["b", "y"], ["c", "z"]],
    }


def test_a_sheet_of_notes_is_left_out_and_told(tmp_path):
    path = workbook(tmp_path, {"说明": [["历史出货量"], ["2023"]], "data": [HEADER, ["a", "x"]]})
    with pytest.warns(UserWarning, match="附件2.xlsx, sheet '说明': left out, since it does not hold product_no"):
        assert read_text_table(path, COLUMNS).to_numpy().tolist() == [["a", "x"]]


@pytest.mark.parametrize(
    ("second", "hidden", "told"),
    [
        ([["b", "y"], ["c", "z"]], "", "sheet 'May': may hold rows of the table, but no header"),
        ([["b", "y"], ["c", "z"]], "May", "sheet 'May': may hold rows of the table, but no header"),
        ([HEADER, ["b", "y"]], "May", "sheet 'May': is hidden and holds such a table; show it"),
        ([["出货量"], HEADER, ["b", "y"]], "", "row 1 of sheet 'May': the header stands in row 2; delete the rows"),
        ([["出货量"], HEADER, ["b", "y"]], "May", "row 1 of sheet 'May': the header stands in row 2; delete the rows"),
    ],
)
def test_a_sheet_that_may_hold_more_rows_is_refused(tmp_path, second, hidden, told):
    path = workbook(tmp_path, {"April": [HEADER, ["a", "x"]], "May": second}, hidden)
    with pytest.raises(DataError, match=f"附件2.xlsx, {told}"):
        read_text_table(path, COLUMNS)


def test_a_workbook_without_the_header(tmp_path):
    path = workbook(tmp_path, {"one": [["product_no"], ["a"]], "two": [["x", "y"]]})
    with pytest.raises(DataError, match=r"附件2.xlsx, row 1 of sheet 'one': column category1 is missing"):
        read_text_table(path, COLUMNS)
    path = workbook(tmp_path, {"one": [["title"], HEADER, ["a", "x"]]})
    with pytest.raises(DataError, match=r"附件2.xlsx, row 1: the header stands in row 2"):
        read_text_table(path, COLUMNS)


@pytest.mark.parametrize("calendar", ["windows", "mac 1904"])
def test_day_numbers_are_those_of_the_workbooks_calendar(tmp_path, calendar):
    book = openpyxl.Workbook()
    day_zero = pd.Timestamp("1899-12-30")
    if calendar == "mac 1904":
        book.epoch, day_zero = openpyxl.utils.datetime.CALENDAR_MAC_1904, pd.Timestamp("1904-01-01")
    day = pd.Timestamp("2023-05-01")
    for row in [
        ["date", "qty"],
        [(day - day_zero).days, 1],
        [day.to_pydatetime(), 2],
        ["2023-05-01", 3],
        [20230501, 4],
    ]:
        book.active.append(row)
    path = tmp_path / "附件1.xlsx"
    book.save(path)
    assert parse_dates(read_text_table(path, ("date", "qty"))["date"], "f").to_list() == [day] * 4


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


def test_missing_column(tmp_path):
    message = refusal(tmp_path, "product_no,category 2\nproduct_1,x\n")
    assert message == (
        "附件2.csv, row 1: column category1 is missing; the header is product_no, category2; "
        "needed are product_no, category1, each once"
    )


def test_repeated_column(tmp_path):
    message = refusal(tmp_path, "product_no,category1,category 1\nproduct_1,x,y\n")
    assert "附件2.csv, row 1: column category1 stands 2 times" in message
    path = tmp_path / "附件2.xlsx"
    pd.DataFrame([("product_no", "category1", "category1"), (1, 2, 3)]).to_excel(path, header=False, index=False)
    with pytest.raises(DataError, match=r"附件2.xlsx, row 1: column category1 stands 2 times"):
        read_text_table(path, COLUMNS)


@pytest.mark.parametrize("row", range(2, 6))
@pytest.mark.parametrize("surplus", [",extra", ","])
def test_a_surplus_field_is_refused_in_any_row(tmp_path, row, surplus):
    lines = ["product_no,category1", *(f"product_{k},x" for k in range(4))]
    lines[row - 1] += surplus
    message = refusal(tmp_path, "\n".join(lines))
    assert message.startswith(f"附件2.csv, row {row}: {lines[row - 1]!r} does not fit the columns of row 1")
    assert "mend that row: a comma too many" in message


def test_a_surplus_field_in_every_row_does_not_shift_the_columns(tmp_path):
    assert "row 2: '1,x,' does not fit" in refusal(tmp_path, "product_no,category1\n1,x,\n2,y,\n")


def test_an_open_quotation_mark(tmp_path):
    message = refusal(tmp_path, 'product_no,category1\n1,x\n2,"y\n3,z\n')
    assert message.startswith("附件2.csv, row 3: '2,\"y' does not fit the columns of row 1")
    assert "quotation mark left open" in message


@pytest.mark.parametrize("text", ["", "\n", " \n \n", "\nproduct_no,category1\n1,x\n", "\ufeff"])
def test_no_header(tmp_path, text):
    assert "附件2.csv, row 1: the file is empty or begins with a blank row" in refusal(tmp_path, text)


@pytest.mark.parametrize("rows", ["", "\n\n", ",\n , \n"])
def test_no_rows(tmp_path, rows):
    message = refusal(tmp_path, "product_no,category1\n" + rows)
    assert message == "附件2.csv: no rows below the header; the file is empty or cut off, fetch it again"


def test_an_empty_sheet(tmp_path):
    path = tmp_path / "附件2.xlsx"
    pd.DataFrame().to_excel(path, index=False)
    with pytest.raises(DataError, match=r"附件2.xlsx, row 1: the file is empty"):
        read_text_table(path, COLUMNS)


@pytest.mark.parametrize("content", [b"", b"product_no,category1\n1,x\n", np.random.default_rng(0).bytes(5000)])
def test_what_is_no_workbook(tmp_path, content):
    path = tmp_path / "附件2.xlsx"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"^附件2.xlsx: not a readable Excel file \(.+\); open and save it again"):
        read_text_table(path, COLUMNS)


def test_binary_garbage_named_csv(tmp_path):
    path = tmp_path / "附件2.csv"
    path.write_bytes(b"\xff\xff" + np.random.default_rng(0).bytes(5000))
    with pytest.raises(DataError, match=r"^附件2.csv, row 1: neither UTF-8 nor GBK; save it again as CSV UTF-8"):
        read_text_table(path, COLUMNS)


def test_a_nul_byte_ends_no_cell(tmp_path):
    path = tmp_path / "附件2.csv"
    path.write_bytes(b"product_no,category1\nproduct_1,a\nprod\0uct_2,b\n")
    with pytest.raises(
        DataError, match=r"^附件2.csv, row 3: holds the character '\\x00', so the file is damaged or no"
    ):
        read_text_table(path, COLUMNS)


def test_sha256(tmp_path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")  # the test vector of FIPS 180-2, appendix B.1
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path.write_bytes(bytes(3_000_000))
    assert sha256(path) == hashlib.sha256(bytes(3_000_000)).hexdigest()
