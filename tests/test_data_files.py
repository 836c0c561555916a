"""Finding and reading one attachment, whatever its name, format and encoding."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.data.files import find_file, read_text_table, sha256
from bowerbird.data.schema import ATTACHMENTS
from bowerbird.errors import DataError

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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb2312", "gb18030"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encodings_and_line_ends(tmp_path, encoding, newline):
    table = read_csv(tmp_path, f"product_no,category1{newline}product_1,家装建材{newline}", encoding)
    assert table.to_dict("list") == {"product_no": ["product_1"], "category1": ["家装建材"]}


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


def test_first_sheet_is_read(tmp_path):
    path = tmp_path / "附件2.xlsx"
    with pd.ExcelWriter(path) as workbook:
        for sheet in ("right", "wrong"):
            pd.DataFrame({"product_no": [sheet], "category1": ["x"]}).to_excel(workbook, sheet_name=sheet, index=False)
    assert read_text_table(path, COLUMNS)["product_no"].to_list() == ["right"]


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
    with pytest.raises(DataError, match=r"^附件2.csv, row 3: a NUL byte, so the file is damaged or no text"):
        read_text_table(path, COLUMNS)


def test_sha256(tmp_path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")  # the test vector of FIPS 180-2, appendix B.1
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path.write_bytes(bytes(3_000_000))
    assert sha256(path) == hashlib.sha256(bytes(3_000_000)).hexdigest()
