"""A day's file: read right, or refused with file, row, column, value and cure."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bowerbird.data.panel import Panel
from bowerbird.errors import DataError, ParameterError
from bowerbird.operation.delivery import find_deliveries, read_day, write_deliveries

SERIES = pd.DataFrame(
    {
        "seller_no": ["seller_1", "seller_1", "seller_2"],
        "product_no": ["p1", "p2", "p1"],
        "warehouse_no": ["w1", "w1", "w2"],
    }
)
DATES = pd.date_range("2023-05-01", periods=3, name="date")
PANEL = Panel(SERIES, DATES, np.array([[1.0, 2, 3], [0, 0, 5], [7, 8, 9]]))


@pytest.fixture
def day(tmp_path):
    return write_deliveries(PANEL, tmp_path, "2023-05-02")[0]


def rewritten(path, change):
    table = pd.read_csv(path, dtype=str)
    change(table).to_csv(path, index=False)
    return path


def test_files_are_written_a_day_each_and_read_back(tmp_path):
    paths = write_deliveries(PANEL, tmp_path)
    assert [path.name for path in paths] == ["2023-05-01.csv", "2023-05-02.csv", "2023-05-03.csv"]
    assert paths[0].read_text().splitlines()[:2] == [
        "seller_no,product_no,warehouse_no,date,qty", "seller_1,p1,w1,2023-05-01,1",
    ]  # fmt: skip
    for column, path in enumerate(paths):
        delivery = read_day(path, SERIES)
        assert delivery.date == DATES[column] and delivery.file == path.name
        np.testing.assert_array_equal(delivery.demand, PANEL.demand[:, column])


def test_order_format_and_encoding_change_no_content(day, tmp_path):
    content = read_day(day, SERIES).content
    other = pd.read_csv(day).iloc[::-1][["qty", "date", "warehouse_no", "seller_no", "product_no"]]
    other.to_excel(tmp_path / "x.xlsx", index=False)
    other.assign(date="2023/5/2", 备注="好").to_csv(tmp_path / "x.csv", index=False, encoding="gbk")
    for name in ("x.xlsx", "x.csv"):
        again = read_day(tmp_path / name, SERIES)
        assert again.content == content and again.checksum != read_day(day, SERIES).checksum
    assert replace(again, demand=again.demand + 1).content != content
    assert replace(again, date=DATES[0]).content != content


def test_a_missing_day_of_a_series_has_no_row_and_means_what_is_asked(tmp_path):
    gap = replace(PANEL, demand=np.where(PANEL.demand == 8, np.nan, PANEL.demand))
    path = write_deliveries(gap, tmp_path, "2023-05-02")[0]
    np.testing.assert_array_equal(read_day(path, SERIES, "zero").demand, [2, 0, 0])
    np.testing.assert_array_equal(read_day(path, SERIES, "missing").demand, [2, 0, np.nan])
    with pytest.raises(
        DataError, match=r"2023-05-02\.csv, row 3, columns .*'seller_2/p1/w2' \(1 series of 3.*store with --fill-gaps"
    ):
        read_day(path, SERIES)
    with pytest.raises(ParameterError, match="fill_gaps is 'nan'"):
        read_day(path, SERIES, "nan")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.assign(qty=["1", "-2", "3"]), "row 3, column qty: '-2' is negative"),
        (lambda t: t.assign(qty=["1", "2.5", "3"]), "row 3, column qty: '2.5' is fractional"),
        (lambda t: t.assign(date=["2023-05-02", "2023-05-02", "tomorrow"]), "row 4, column date: 'tomorrow' is no day"),
        (
            lambda t: t.assign(date=["2023-05-02", "2023-05-02", "2023-05-03"]),
            "row 4, column date: '2023-05-03' is not the",
        ),
        (
            lambda t: t.assign(product_no=["p1", "p9", "p1"]),
            "row 4, columns .*without 'seller_1/p2/w1' .1 series of 3 have no row, and 1 rows are of no series of the",
        ),
        (lambda t: pd.concat([t, t.iloc[:1]]), "row 5, columns .*stands already in row 2"),
        (lambda t: t.drop(columns="qty"), "row 1: column qty is missing"),
        (lambda t: t.iloc[:0], "no rows below the header"),
        (lambda t: t.iloc[:2], "row 3, columns .*ends without 'seller_2/p1/w2'"),
    ],
)
def test_what_is_broken_is_refused_with_its_place(day, change, words):
    with pytest.raises(DataError, match=r"2023-05-02\.csv.*" + words):
        read_day(rewritten(day, change), SERIES)


@settings(max_examples=100)
@given(st.data())
@pytest.mark.drill("Daily operation")
def test_any_change_of_bytes_is_read_right_or_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("fuzz")
    path = write_deliveries(PANEL, folder, "2023-05-02")[0]
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    path.write_bytes(bytes(raw))
    try:
        delivery = read_day(path, SERIES, "missing")
    except DataError as error:
        assert str(error).startswith(path.name)
        return
    # Read right: the rows are those a plain reading of the text gives
    rows = [line.split(",") for line in raw.decode("gb18030").replace('"', "").splitlines()[1:] if line.strip(" ,")]
    assert len(delivery.unknown) <= len(rows)
    unknown = set(delivery.unknown)
    seen = sorted(float(row[4]) for row in rows if "/".join(map(str.strip, row[:3])) not in unknown)
    assert sorted(delivery.demand[~np.isnan(delivery.demand)]) == seen


def test_rows_of_unknown_series_are_told_and_kept_apart(day):
    path = rewritten(day, lambda t: pd.concat([t.iloc[:1].assign(product_no="new", qty="4"), t]))
    delivery = read_day(path, SERIES)
    np.testing.assert_array_equal(delivery.demand, [2, 0, 8])
    assert delivery.unknown.to_dict() == {2: "seller_1/new/w1"}


def test_days_on_several_sheets_are_refused(tmp_path):
    paths = write_deliveries(PANEL, tmp_path)
    with pd.ExcelWriter(tmp_path / "may.xlsx") as book:
        for path in paths[:2]:
            pd.read_csv(path).to_excel(book, sheet_name=path.stem, index=False)
    with pytest.raises(
        DataError, match=r"may.xlsx, row 2 of sheet '2023-05-02', column date: '2023-05-02' is not the day of the first"
    ):
        read_day(tmp_path / "may.xlsx", SERIES)


def test_only_whole_visible_tables_are_deliveries(tmp_path):
    for name in ("b.csv", "a.XLSX", ".hidden.csv", "~$a.xlsx", "x.csv.part", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.csv").mkdir()
    assert [path.name for path in find_deliveries(tmp_path)] == ["a.XLSX", "b.csv"]
    with pytest.raises(DataError, match="no such folder"):
        find_deliveries(tmp_path / "none")
