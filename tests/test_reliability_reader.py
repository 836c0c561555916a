"""Drill: thousands of damaged attachments. Each is read as it stands or refused with its place, and nothing else."""

import ast
import csv
import datetime
import io
import re
from collections import Counter
from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from conftest import six_tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bowerbird.data.reader import (
    ATTACHMENTS,
    Attachments,
    AttachmentSpec,
    read_attachment,
    read_attachments,
)
from bowerbird.errors import DataError

pytestmark = [pytest.mark.drill("Damaged attachments"), pytest.mark.filterwarnings("ignore:.*read as GBK")]

SPECS = {spec.label: spec for spec in ATTACHMENTS}
MEASURES = ("附件1", "附件5", "附件6")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
UNCHANGED = settings(suppress_health_check=list(HealthCheck))


def clean_tables() -> dict[str, pd.DataFrame]:
    """The six small attachments under the headers that the reader asks for."""
    return {label: table.set_axis(list(SPECS[label].columns), axis=1) for label, table in six_tables().items()}


# Damaged bytes, against a second, plain reading of the same bytes


class Refused(Exception):
    """The plain reading finds a fault."""


def plain_text(raw: bytes) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError:
            pass
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        guess = raw.decode("utf-8", errors="replace")
    foreign, lost = sum(sign > "\x7f" for sign in guess), guess.count("\ufffd")
    if foreign - lost >= lost:  # more Chinese signs than broken ones: UTF-8, damaged
        raise Refused
    try:
        text = raw.decode("gb18030")
    except UnicodeDecodeError:
        raise Refused from None
    # GB2312 holds 3,755 common characters in its rows 16 to 55, signs of print in its rows 1 and 3
    rows = [(sign.encode("gb2312", "replace")[0] - 160) for sign in text if sign > "\x7f"]
    if sum(16 <= row <= 55 or row in (1, 3) for row in rows) < 0.6 * len(rows):
        raise Refused
    return text


def plain_records(text: str) -> list[list[str]]:
    """Comma-separated fields, one sign at a time: a quotation mark counts at the beginning of a field only."""
    records, record, cell, quoted, place = [], [], "", False, 0
    fresh = True  # at the beginning of a field
    while place < len(text):
        sign, following = text[place], text[place + 1 : place + 2]
        place += 1
        if quoted:
            if sign == '"' and following == '"':
                cell, place = cell + '"', place + 1
            elif sign == '"':
                quoted = False
            else:
                cell += sign
        elif sign == '"' and fresh:
            quoted, fresh = True, False
        elif sign == ",":
            record, cell, fresh = [*record, cell], "", True
        elif sign in "\r\n":
            place += sign == "\r" and following == "\n"
            records.append([*record, cell])
            record, cell, fresh = [], "", True
        else:
            cell, fresh = cell + sign, False
    if quoted:
        raise Refused
    return records if fresh and not record else [*records, [*record, cell]]


def plain_cell(column: str, cell: str):
    if column == "date":
        midnight = r"(?:[ T]0?0:00(?::00)?)?"
        forms = [r"(\d{4})(\d\d)(\d\d)", r"(\d{4})年(\d{1,2})月(\d{1,2})日?" + midnight]
        forms += [rf"(\d{{4}}){sign}(\d{{1,2}}){sign}(\d{{1,2}})" + midnight for sign in "-/"]
        if found := next(filter(None, (re.fullmatch(form, cell, re.ASCII) for form in forms)), None):
            try:
                day = datetime.date(*map(int, found.groups()))
            except ValueError:
                raise Refused from None
        elif NUMBER.fullmatch(cell) and float(cell) == int(float(cell)) and 20_000 <= float(cell) <= 80_000:
            day = datetime.date(1899, 12, 30) + datetime.timedelta(days=int(float(cell)))
        else:
            raise Refused
        if not 2000 <= day.year <= 2099:
            raise Refused
        return pd.Timestamp(day)
    if column == "qty":
        if not NUMBER.fullmatch(cell):
            raise Refused
        number = Decimal(cell)
        if not 0 <= number < 2**53 or number != int(number):
            raise Refused
        return int(number)
    if cell.lower() in ("", "nan", "none", "null") or re.fullmatch(r"\d\.?\d*[eE]\+\d\d+", cell):
        raise Refused
    return re.sub(r"^(\d+)\.0$", r"\1", cell)


def plain_reading(raw: bytes, spec: AttachmentSpec) -> list[tuple]:
    """Rows of (row number, cells in the attachment's order), or Refused."""
    text = plain_text(raw)
    records = plain_records(text)
    too_long = any(len(record) > len(records[0]) for record in records)
    if set("\0\x1b\ufffd") & set(text) or not re.split("[\r\n]", text)[0].strip() or too_long:
        raise Refused
    header = [re.sub(r"\s+", "", name).lower() for name in records[0]]
    if any(header.count(column) != 1 for column in spec.columns):
        raise Refused
    rows = []
    for number, record in enumerate(records[1:], 2):
        record = [*record, *[""] * (len(header) - len(record))]
        cells = [record[header.index(column)].strip() for column in spec.columns]
        if any(cells):
            read = (plain_cell(column, cell) for column, cell in zip(spec.columns, cells, strict=True))
            rows.append((number, *read))
    counted = [row[1:] for row in rows] if "qty" in spec.columns else list(dict.fromkeys(row[1:] for row in rows))
    keys = Counter(tuple(row[spec.columns.index(name)] for name in spec.key) for row in counted)
    if not rows or max(keys.values()) > 1:
        raise Refused
    return rows


FRAGMENTS = st.sampled_from(
    [b"", b",", b'"', b'""', b"\n", b"\r", b"\r\n", b"\x00", b"\xff", b"\xe5", b"\xef\xbb\xbf", b" ", b"\t", b"-", b".",
     b"0", b"1", b"9", b"e", b"e-400", b"nan", b"inf", b"1_0", b"0x1", b"None", b"\n\n", b",,,,\n", b";", b"\xa0",
     "，".encode(), "１".encode(), "\u2028".encode(), "年".encode(), "宠".encode("gbk")]
) | st.binary(max_size=3)  # fmt: skip


def damaged_bytes(folder: Path, base: Attachments, data) -> str:
    """One file damaged at a few places, read twice; "read" or "refused"."""
    label = data.draw(st.sampled_from(list(SPECS)))
    spec, encoding = SPECS[label], data.draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "gbk"]))
    raw = clean_tables()[label].to_csv(index=False).encode(encoding)
    for _ in range(data.draw(st.integers(1, 3))):
        kind = data.draw(st.sampled_from(["bytes", "bytes", "bytes", "bytes", "line", "end"]))
        if kind == "bytes":
            at, lost = data.draw(st.integers(0, len(raw))), data.draw(st.sampled_from([0, 0, 1, 1, 2, 9]))
            raw = raw[:at] + data.draw(FRAGMENTS) + raw[at + lost :]
        elif kind == "line":
            lines = raw.splitlines(keepends=True)
            moved = lines.pop(data.draw(st.integers(0, len(lines) - 1))) if lines else b""
            for _ in range(data.draw(st.integers(0, 2))):  # lost, moved or doubled
                lines.insert(data.draw(st.integers(0, len(lines))), moved)
            raw = b"".join(lines)
        else:
            raw = raw[: data.draw(st.integers(0, len(raw)))]
    path = folder / "damaged.csv"
    path.write_bytes(raw)
    try:
        expected = plain_reading(raw, spec)
    except Refused:
        expected = None
    try:
        table = read_attachment(path, spec)
    except DataError as error:
        assert expected is None, (str(error), raw)
        message = str(error)
        assert re.match(rf"{path.name}(, row \d+[,:]|: no rows below the header)", message), message
        place = re.match(rf"{path.name}, row (\d+), column (\w+): ('.*?'|\".*?\") is ", message)
        if place:  # what the message says stands there, stands there
            record = dict(zip(_header(raw), plain_records(plain_text(raw))[int(place[1]) - 1], strict=False))
            assert record.get(place[2], "").strip() == ast.literal_eval(place[3]), message
        return "refused"
    assert expected is not None, (table, raw)
    assert list(table.itertuples(name=None)) == expected, raw
    return "read"


def _header(raw: bytes) -> list[str]:
    return [re.sub(r"\s+", "", name).lower() for name in plain_records(plain_text(raw))[0]]


def damaged_workbook(folder: Path, base: Attachments, data) -> str:
    """An Excel file damaged at a few places: its checksums tell, or the content is what it was; "read" or "refused"."""
    raw = bytearray((folder / "whole.xlsx").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.sampled_from([0, 1, 1, 4]))] = data.draw(st.binary(max_size=4))
    path = folder / "damaged.xlsx"
    path.write_bytes(bytes(raw[: data.draw(st.sampled_from([None, None, None, len(raw) // 2]))]))
    try:
        table = read_attachment(path, SPECS["附件3"])
    except DataError as error:
        assert str(error).startswith(path.name), error
        return "refused"
    pd.testing.assert_frame_equal(table.reset_index(drop=True), base.sellers)
    return "read"


# Damaged cells, whose right answer is known beforehand


QTY_SPELLED = ("{0}", "{0}.0", "+{0}", "0{0}", "{0}.", " {0} ", "{0}e0", '"{0}"')
DATE_SPELLED = ("%Y/%m/%d", "%Y%m%d", "%Y-%m-%d 00:00:00", "%Y年%m月%d日", " %Y-%m-%d", '"%Y-%m-%d"')
BAD = {
    "qty": ("", "-1", "1.5", "abc", "1,0", "nan", "inf", "1e17", "12.0000000000000000001", "1e-400", "１", "0x1"),
    "date": ("", "2023-02-29", "2023-13-01", "1899-01-01", "01/02/2023", "45047.5", "today", "2023-05-01 06:00", "nan"),
    "label": ("", " ", "NaN", "none", "NULL"),
}


def changed_cells(folder: Path, base: Attachments, data) -> str:
    """A folder with one cell spelled otherwise, changed to another valid value, or spoilt; "read" or "refused"."""
    tables = clean_tables()
    label = data.draw(st.sampled_from(list(SPECS)))
    spec, table = SPECS[label], tables[label]
    row = data.draw(st.integers(0, len(table) - 1))
    column = data.draw(st.sampled_from(["qty", "date", *spec.columns] if label in MEASURES else list(spec.columns)))
    kind = column if column in ("qty", "date") else "label"
    cell, change = table.loc[row, column], data.draw(st.sampled_from(["spelling", "value", "fault"]))
    expected = {spec.name: getattr(base, spec.name).copy() for spec in SPECS.values()}
    refused = None
    if change == "spelling":
        respelled = {
            "qty": st.sampled_from(QTY_SPELLED).map(lambda form: form.format(cell)),
            "date": st.sampled_from(DATE_SPELLED).map(lambda form: pd.Timestamp(cell).strftime(form)),
            "label": st.sampled_from(["{}", " {}", "{}\t", '"{}"']).map(lambda form: form.format(cell)),
        }
        table.loc[row, column] = data.draw(respelled[kind])
    elif change == "value" and kind == "label" and column not in spec.key:
        rows = table.index[table[spec.key[0]] == table.loc[row, spec.key[0]]]  # wh_2 stands twice
        value = data.draw(st.text("犬粮Ab9_-<>&=|' ", min_size=1, max_size=6).map(str.strip).filter(bool))
        table.loc[rows, column] = value
        expected[spec.name].loc[rows, column] = value
    elif change == "value" and kind != "label":
        first = pd.Timestamp("2024-01-01")
        value = data.draw(st.integers(0, 2**53 - 1) if kind == "qty" else st.integers(0, 20_000))
        value = value if kind == "qty" else first + pd.Timedelta(days=value)
        table.loc[row, column] = str(value) if kind == "qty" else f"{value:%Y-%m-%d}"
        expected[spec.name].loc[row, column] = value
    else:
        value = data.draw(st.sampled_from(BAD[kind]))
        table.loc[row, column] = value
        refused = f"row {row + 2}, column {column}: {value.strip()!r} is "
    path = folder / f"{label}.csv"
    spread = data.draw(st.sampled_from(["as it was", "columns turned", "one more column", "blank rows at the end"]))
    written = table[table.columns[::-1]] if spread == "columns turned" else table
    written = written.assign(note="x") if spread == "one more column" else written
    quoting = csv.QUOTE_NONE if change == "spelling" else data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    newline = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text = written.to_csv(index=False, quoting=quoting, quotechar="" if quoting == csv.QUOTE_NONE else '"')
    text += ",,\n\n" if spread == "blank rows at the end" else ""
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]))
    path.write_bytes(text.replace("\n", newline).encode(encoding))
    try:
        read = read_attachments(folder)
    except DataError as error:
        assert refused and str(error).startswith(f"{path.name}, {refused}"), (str(error), text)
        return "refused"
    finally:
        clean_tables()[label].to_csv(path, index=False)
    assert refused is None, text
    for name, frame in expected.items():
        pd.testing.assert_frame_equal(getattr(read, name), frame)
    return "read"


@pytest.fixture
def clean(tmp_path) -> tuple[Path, Attachments]:
    for label, table in clean_tables().items():
        table.to_csv(tmp_path / f"{label}.csv", index=False)
    clean_tables()["附件3"].to_excel(tmp_path / "whole.xlsx", index=False)
    return tmp_path, read_attachments(tmp_path)


def test_the_plain_reading_reads_what_is_whole(clean):
    """The yardstick of the drill below: equal to the reader on whole files, and to Python's csv on quoted ones."""
    folder, base = clean
    assert {field.name for field in fields(base)} == {*(spec.name for spec in ATTACHMENTS), "files"}
    for label, spec in SPECS.items():
        rows = plain_reading((folder / f"{label}.csv").read_bytes(), spec)
        assert [row[1:] for row in rows] == list(getattr(base, spec.name).itertuples(index=False, name=None))
    for line in ('a,"b""c",d\n', 'a"b,"c\nd",\n', '"a"b,,"c"\n'):
        assert plain_records(line) == list(csv.reader(io.StringIO(line)))


@pytest.mark.parametrize("sizes", [(50, 80, 20), pytest.param((500, 2000, 300), marks=pytest.mark.slow)], ids=str)
def test_damaged_attachments_are_read_right_or_refused_with_their_place(sizes, clean, record_property):
    """Cells and bytes of the attachments changed at random, against a second reading written for this test."""
    outcomes = Counter()
    for damage, n_examples in zip((changed_cells, damaged_bytes, damaged_workbook), sizes, strict=True):

        @settings(UNCHANGED, max_examples=n_examples)
        @given(st.just(damage), st.data())
        def drill(damage, data):
            outcomes[damage(*clean, data)] += 1

        drill()
    read, refused = outcomes["read"], outcomes["refused"]
    record_property("measured", f"{outcomes.total():,} files: {read:,} read, {refused:,} refused")
    assert min(read, refused) > 0.2 * outcomes.total(), "both happen often"
