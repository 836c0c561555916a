"""One table of sales as shops export it: what is recognised, what each rule does, what is refused."""

import numpy as np
import pandas as pd
import pytest

from bowerbird.data.table import read_table

ALL = "least_known=1"


def csv(tmp_path, text: str, name: str = "sales.csv"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def slow_demand(rows: pd.DataFrame, dates: pd.DatetimeIndex, keys: list[str]) -> dict:
    """Series -> demand by a loop over days: returns netted, days without a row zero, before the first sale NaN."""
    found = {}
    for key, part in rows.groupby(keys):
        begun, demand = False, []
        for day in dates:
            units = max(part.loc[part["date"].dt.normalize() == day, "qty"].sum(), 0)
            begun = begun or units > 0
            demand.append(units if begun else np.nan)
        if begun:
            found["/".join(key)] = demand
    return found


def as_dict(panel) -> dict:
    return dict(zip(panel.keys, panel.demand.tolist(), strict=True))


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
    np.testing.assert_equal(as_dict(sales.panel), slow_demand(rows, dates, ["sku", "shop"]))
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
