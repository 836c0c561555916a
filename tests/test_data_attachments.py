"""The reader: what it takes, what it refuses and how it says so."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.data.reader import (
    ATTACHMENTS,
    ATTRIBUTES,
    SERIES_KEY,
    SHIPMENT_COLUMNS,
    parse_dates,
    parse_quantities,
    read_attachments,
)
from bowerbird.errors import DataError

KEY = list(SERIES_KEY)
SPECS = {spec.label: spec for spec in ATTACHMENTS}
MEASURES = ["附件1", "附件5", "附件6"]
LOOKUPS = ["附件2", "附件3", "附件4"]


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


def test_tiny_attachments(tiny):
    assert [len(getattr(tiny, spec.name)) for spec in ATTACHMENTS] == [40, 5, 3, 5, 3, 6]
    for spec in ATTACHMENTS:
        assert tuple(getattr(tiny, spec.name).columns) == spec.columns
        assert (getattr(tiny, spec.name).index == np.arange(len(getattr(tiny, spec.name)))).all()
    assert tiny.shipments.loc[23].to_list() == ["seller_2", "product_2", "wh_38", pd.Timestamp("2022-12-04"), 23]
    assert tiny.shipments["qty"].dtype == np.int64
    assert tiny.warehouses["warehouse_no"].to_list() == ["wh_1", "wh_29", "wh_38", "wh_29", "wh_38"]
    assert [tiny.files[label].name[:3] for label in SPECS] == list(SPECS)


# What is taken


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_formats_encodings_and_column_orders_read_alike(tables, write, tiny, tmp_path, kind, encoding):
    for path in tiny.files.values():
        path.unlink()
    turned = {label: table[table.columns[::-1]].assign(note="x") for label, table in tables.items()}
    assert equal(read_attachments(write(turned, kind, encoding, tag="_new")), tiny)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("date_format", ["%Y/%m/%d", "%Y%m%d", "%Y-%m-%d 00:00:00", "%Y年%m月%d日", "real", "number"])
def test_dates_as_text_excel_dates_and_day_numbers(tables, write, tiny, kind, date_format):
    for path in tiny.files.values():
        path.unlink()
    for label in MEASURES:
        dates = pd.to_datetime(tables[label]["date"])
        written = {"real": dates, "number": (dates - pd.Timestamp("1899-12-30")).dt.days}
        tables[label]["date"] = written[date_format] if date_format in written else dates.dt.strftime(date_format)
    assert equal(read_attachments(write(tables, kind)), tiny)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_ids_written_as_numbers_match_ids_written_as_text(tables, write, kind):
    for label, table in tables.items():
        for column in table.columns.intersection(KEY):
            digits = table[column].str.extract(r"(\d+)$")[0]  # seller_2 -> 2
            table[column] = digits if label in LOOKUPS else digits.astype(float)  # 附件1, 5, 6 as csv: 2.0
    read = read_attachments(write(tables, kind))
    assert read.shipments.loc[23, KEY].to_list() == ["2", "2", "38"]
    assert set(read.warehouses["warehouse_no"]) == {"1", "29", "38"}


def test_new_items_and_promotion_are_optional(tables, write):
    del tables["附件5"], tables["附件6"]
    read = read_attachments(write(tables))
    assert read.new_items is None
    assert read.promotion is None
    assert list(read.files) == list(read.manifest()) == ["附件1", *LOOKUPS]


def test_identical_repeats_of_a_lookup_row_are_taken(tables, write):
    for label in LOOKUPS:
        tables[label] = pd.concat([tables[label], tables[label]])
    read = read_attachments(write(tables))
    assert [len(table) for table in (read.products, read.sellers, read.warehouses)] == [10, 6, 10]


def test_manifest_names_file_and_checksum(tiny):
    entry = tiny.manifest()["附件1"]
    assert entry["file"] == "附件1-商家历史出货量表.csv"
    assert len(entry["sha256"]) == 64
    path = tiny.files["附件1"]
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert tiny.manifest()["附件1"]["sha256"] != entry["sha256"]


@given(day=st.dates(pd.Timestamp("2000-01-01").date(), pd.Timestamp("2099-12-31").date()))
def test_every_spelling_of_a_day_is_the_same_day(day):
    stamp = pd.Timestamp(day)
    spellings = [
        f"{day:%Y-%m-%d}", f"{day:%Y/%m/%d}", f"{day:%Y%m%d}", f"{day.year}-{day.month}-{day.day}",
        f"{day.year}/{day.month}/{day.day} 0:00", f"{day:%Y-%m-%d} 00:00", f"{day:%Y-%m-%d}T00:00:00",
        f"{day.year}年{day.month}月{day.day}日", f"{(stamp - pd.Timestamp('1899-12-30')).days}",
        f"{(stamp - pd.Timestamp('1899-12-30')).days}.0",
    ]  # fmt: skip
    parsed = parse_dates(cells(*spellings), "f")
    assert parsed.to_list() == [stamp] * len(spellings)
    assert parsed.index.to_list() == list(range(2, 2 + len(spellings)))


def test_day_numbers_are_those_of_excel():
    # =DATE(2023,5,1), =DATE(2000,1,1) and =DATE(2023,1,1), shown as numbers
    assert parse_dates(cells("45047", "36526", "44927"), "f").dt.strftime("%Y-%m-%d").to_list() == [
        "2023-05-01",
        "2000-01-01",
        "2023-01-01",
    ]


# What is refused: every message names file, row, column, value and cure


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize(
    ("column", "value", "fault", "cure"),
    [
        ("qty", "-3", "is negative", "whole number of units"),
        ("qty", "2.5", "is fractional", "whole number of units"),
        ("qty", "nan", "is not a number", "whole number of units"),
        ("qty", "inf", "is infinite", "whole number of units"),
        ("qty", "-inf", "is infinite", "whole number of units"),
        ("qty", "abc", "is not a number", "whole number of units"),
        ("qty", "1,000", "is not a number", "whole number of units"),
        ("qty", "", "is empty", "whole number of units"),
        ("qty", "1e300", "is too large", "whole number of units"),
        ("date", "", "is no day", "write it as 2023-05-01"),
        ("date", "2023-02-29", "is no day", "write it as 2023-05-01"),
        ("date", "1899-05-01", "is no day", "write it as 2023-05-01"),
        ("date", "yesterday", "is no day", "write it as 2023-05-01"),
        ("seller_no", "seller_9", "is not in 附件3-商家信息表", "add it there or delete the row"),
        ("product_no", "product_9", "is not in 附件2-商品信息表", "add it there or delete the row"),
        ("warehouse_no", "wh_9", "is not in 附件4-仓库信息表", "add it there or delete the row"),
        ("warehouse_no", "", "is no id or label", "fill in the cell"),
        ("product_no", "nan", "is no id or label", "fill in the cell"),
    ],
)
def test_refuses_a_bad_cell(tables, refused, kind, column, value, fault, cure):
    tables["附件1"].loc[1, column] = value
    message = refused(kind=kind)
    assert message.startswith(f"附件1-商家历史出货量表.{kind}, row 3, column {column}: {value!r} {fault}")
    assert cure in message
    assert "more such rows" not in message


@pytest.mark.parametrize("label", ["附件5", "附件6"])
@pytest.mark.parametrize(("column", "value"), [("qty", "2.5"), ("date", "yesterday"), ("seller_no", "seller_9")])
def test_refuses_a_bad_cell_of_new_items_and_promotion(tables, refused, label, column, value):
    tables[label].loc[1, column] = value
    assert f"{label}-{SPECS[label].title}.csv, row 3, column {column}: {value!r} is " in refused()


@pytest.mark.parametrize("label", LOOKUPS)
def test_refuses_an_empty_label_in_any_column(tables, refused, label):
    for column in tables[label].columns:
        kept, tables[label].loc[2, column] = tables[label].loc[2, column], " "
        message = refused()
        tables[label].loc[2, column] = kept
        name = column.replace(" ", "")
        assert f"{label}-{SPECS[label].title}.csv, row 4, column {name}: '' is no id or label; fill in" in message


@given(data=st.data())
def test_the_row_named_is_the_row_a_spreadsheet_shows(tmp_path_factory, data):
    """However many blank rows stand above it, in the middle and at the end."""
    rows = [f"seller_1,product_1,wh_1,2023-01-{day:02},{day}" for day in range(1, 10)]
    rows.insert(data.draw(st.integers(0, 9)), "seller_1,product_1,wh_1,2023-01-31,many")
    for place in data.draw(st.lists(st.integers(0, 10), max_size=5)):
        rows.insert(place, data.draw(st.sampled_from(["", ",,,,", " , ,,,"])))
    folder = tmp_path_factory.mktemp("rows")
    text = "\n".join([",".join(SHIPMENT_COLUMNS), *rows]) + "\n" * data.draw(st.integers(0, 3))
    (folder / "附件1.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as error:
        read_attachments(folder)
    row = 1 + text.split("\n").index("seller_1,product_1,wh_1,2023-01-31,many")
    assert f"附件1.csv, row {row}, column qty: 'many' is not a number" in str(error.value)


def test_blank_rows_of_a_workbook_keep_row_numbers_right(tables, refused):
    tables["附件1"] = tables["附件1"].reindex([0, 1, -1, -2, 2, 3, -3])
    tables["附件1"].loc[3, "qty"] = "many"
    assert "附件1-商家历史出货量表.xlsx, row 7, column qty: 'many' is not a number" in refused(kind="xlsx")


def test_counts_the_other_bad_rows(tables, refused):
    tables["附件1"].loc[[4, 7, 30], "qty"] = ["-1", "-2", "-3"]
    assert "row 6, column qty: '-1' is negative (2 more such rows); qty is" in refused()


@pytest.mark.parametrize("label", [*LOOKUPS, *MEASURES])
def test_refuses_a_missing_column(tables, refused, label):
    for column in SPECS[label].columns:
        written = next(name for name in tables[label].columns if name.replace(" ", "") == column)
        kept = tables[label]
        tables[label] = kept.drop(columns=written)
        message = refused()
        tables[label] = kept
        assert f"{label}-{SPECS[label].title}.csv, row 1: column {column} is missing; the header is " in message
        assert f"needed are {', '.join(SPECS[label].columns)}" in message


@pytest.mark.parametrize("label", ["附件1", *LOOKUPS])
def test_refuses_a_missing_file(tables, refused, label):
    del tables[label]
    assert f"{label} ({SPECS[label].title}) is missing; put {label}-{SPECS[label].title}.csv or .xlsx" in refused()


@pytest.mark.parametrize("label", list(SPECS))
def test_refuses_an_empty_table(tables, refused, label):
    tables[label] = tables[label].iloc[:0]
    assert f"{label}-{SPECS[label].title}.csv: no rows below the header; " in refused()


def test_refuses_two_files_for_one_attachment(tables, write):
    write(tables)
    with pytest.raises(DataError, match=r"2 files for 附件1 \(附件1-.*_new.xlsx\); keep one of them"):
        read_attachments(write(tables, "xlsx", tag="_new"))


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


@pytest.mark.parametrize("value", ["1.23457E+19", "4e+15", "#N/A", "#REF!"])
def test_refuses_ids_that_a_spreadsheet_has_spoilt(tables, refused, value):
    tables["附件2"].loc[1, "product_no"] = value
    assert f"附件2-商品信息表.csv, row 3, column product_no: {value!r} is " in refused()


@given(quantities=st.lists(st.integers(0, 2**53 - 1), min_size=1))
def test_whole_numbers_are_read_exactly(quantities):
    parsed = parse_quantities(cells(*map(str, quantities), name="qty"), "f")
    assert parsed.to_list() == quantities
    assert parsed.dtype == np.int64


@given(number=st.floats(allow_nan=True, allow_infinity=True).filter(lambda x: not (0 <= x < 2**53 and x == int(x))))
def test_refuses_every_other_number(number):
    with pytest.raises(DataError, match="f, row 2, column qty: "):
        parse_quantities(cells(repr(number), name="qty"), "f")


# The originals


def test_original_sizes(original):
    assert [len(getattr(original, spec.name)) for spec in ATTACHMENTS] == [331_336, 2302, 37, 56, 7429, 21_355]


def test_original_shipments_are_a_complete_grid(original):
    days = original.shipments.groupby(KEY)["date"].agg(["size", "nunique", "min", "max"])
    assert len(days) == 1996
    assert (days[["size", "nunique"]] == 166).all(axis=None)
    assert (days["min"] == pd.Timestamp("2022-12-01")).all()
    assert (days["max"] == pd.Timestamp("2023-05-15")).all()
    assert (original.shipments["qty"] >= 0).all()


def test_original_lookups(original):
    assert original.products["product_no"].is_unique
    assert original.products[list(ATTRIBUTES[:3])].nunique().to_list() == [23, 79, 291]
    assert original.sellers["seller_category"].nunique() == 17
    assert set(original.sellers["inventory_category"]) == set("ABCD")
    assert set(original.sellers["seller_level"]) == {"Large", "Medium", "Small", "Special", "New"}
    warehouses = original.warehouses["warehouse_no"]
    assert warehouses.nunique() == 54
    assert set(warehouses[warehouses.duplicated()]) == {"wh_29", "wh_38"}


def test_original_new_items(original):
    days = original.new_items.groupby(KEY)["date"].agg(["size", "min", "max"])
    assert len(days) == 210
    assert (days["size"].min(), days["size"].max()) == (23, 45)
    assert (days["min"].min(), days["max"].max()) == (pd.Timestamp("2023-04-01"), pd.Timestamp("2023-05-15"))
    assert not days.index.isin(original.shipments.set_index(KEY).index).any()


def test_original_promotion(original):
    promoted = original.promotion.groupby(KEY).size()
    assert len(promoted) == 1957
    assert promoted.index.isin(original.shipments.set_index(KEY).index).all()
    assert original.promotion["date"].agg(["min", "max"]).to_list() == [
        pd.Timestamp("2022-11-01"),
        pd.Timestamp("2022-11-11"),
    ]
