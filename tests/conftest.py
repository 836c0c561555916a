"""Fixtures: six small attachments made by hand, the folder of the original ones, and small notebooks to run."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as the Makefile does: two busy cores make threads spin

import nbformat
import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from nbformat.v4 import new_code_cell, new_notebook

from bowerbird.data.panel import EVENTS, Panel
from bowerbird.data.reader import ATTACHMENTS, ATTRIBUTES, SHIPMENT_COLUMNS, Attachments, read_attachments
from bowerbird.data.twin import make_twin, write_twin
from bowerbird.runs import runner

# The same examples on every machine, however slow it is: a run that passed passes again.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

VARIABLE = "BOWERBIRD_ATTACHMENTS"
collect_ignore = ["bench"]  # no tests


def pytest_collection_modifyitems(items):
    """Tell `make reliability` of every drill its section and what it shows."""
    for item in items:
        if drill := item.get_closest_marker("drill"):
            shown = " ".join((item.function.__doc__ or "").split())
            item.user_properties += [("section", drill.args[0]), ("shown", shown)]


SERIES = (
    ("seller_1", "product_1", "wh_1"),
    ("seller_1", "product_1", "wh_29"),
    ("seller_2", "product_2", "wh_38"),
    ("seller_2", "product_3", "wh_1"),
)
NEW_SERIES = ("seller_3", "product_4", "wh_1")


def shipments(series, days: pd.DatetimeIndex, qty) -> pd.DataFrame:
    rows = [(*key, f"{day:%Y-%m-%d}") for key in series for day in days]
    return pd.DataFrame(rows, columns=SHIPMENT_COLUMNS[:-1]).assign(qty=[str(q) for q in np.ravel(qty)])


def six_tables() -> dict[str, pd.DataFrame]:
    """Six small attachments, all cells text, so that a test can spoil any one.

    4 series x 10 days; wh_29 and wh_38, which hold one series each, stand twice; qty of series i on day j is 10 i + j.
    """
    warehouses = [("wh_1", "中心仓", "华东"), ("wh_29", "区域仓", "华东"), ("wh_38", "区域仓", "西南")]
    return {
        "附件1": shipments(SERIES, pd.date_range("2022-12-01", periods=10), np.arange(40)),
        "附件2": pd.DataFrame(
            [(f"product_{k}", "宠物生活", f"宠物生活_{k % 2}", f"宠物生活_{k}") for k in range(1, 6)],
            columns=["product_no", "category1", "category2", "category3"],
        ),
        "附件3": pd.DataFrame(
            [("seller_1", "宠物", "A", "Large"), ("seller_2", "宠物", "B", "Small"), ("seller_3", "宠物", "B", "New")],
            columns=["seller_no", "seller_category", "inventory_category", "seller_level"],
        ),
        "附件4": pd.DataFrame(
            [*warehouses, *warehouses[1:]], columns=["warehouse_no", "warehouse _category", "warehouse _region"]
        ),
        "附件5": shipments([NEW_SERIES], pd.date_range("2022-12-08", periods=3), [1, 2, 3]),
        "附件6": shipments(SERIES[:3], pd.date_range("2022-11-01", periods=2), [5, 6, 7, 8, 9, 10]),
    }


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    return six_tables()


@pytest.fixture
def write(tmp_path):
    """Write tables to a folder as csv or xlsx: write(tables, kind="csv", encoding="utf-8", tag="") -> folder."""

    def write(tables, kind: str = "csv", encoding: str = "utf-8", tag: str = "") -> Path:
        for spec in ATTACHMENTS:
            if spec.label in tables:
                path = tmp_path / f"{spec.label}-{spec.title}{tag}.{kind}"
                if kind == "csv":
                    tables[spec.label].to_csv(path, index=False, encoding=encoding)
                else:
                    tables[spec.label].to_excel(path, index=False)
        return tmp_path

    return write


@pytest.fixture
def tiny(tables, write) -> Attachments:
    """The small attachments, read."""
    return read_attachments(write(tables))


@pytest.fixture(scope="session")
def attachments_folder() -> Path:
    """The folder of the original attachments, which the project may not ship."""
    default = Path(__file__).parents[1] / "data" / "raw"
    folder = Path(os.environ.get(VARIABLE) or default)
    if not any(folder.glob("附件1*")):
        pytest.skip(f"no 附件1 in {folder}; set {VARIABLE} to the folder that holds the original attachments")
    return folder


@pytest.fixture(scope="session")
def original(attachments_folder) -> Attachments:
    """The original attachments, read once."""
    return read_attachments(attachments_folder)


def panel_of(demand, start="2022-12-01", **labels) -> Panel:
    """A panel of this demand: every series its own product; 3 sellers, 2 warehouses, 4 labels of each attribute."""
    demand = np.atleast_2d(np.asarray(demand, dtype=float))
    numbers = range(len(demand))
    series = {"seller_no": [f"seller_{i % 3}" for i in numbers], "product_no": [f"product_{i}" for i in numbers]}
    series["warehouse_no"] = [f"wh_{i % 2}" for i in numbers]
    series |= {column: [f"{column}_{i % 4}" for i in numbers] for column in ATTRIBUTES}
    dates = pd.date_range(start, periods=demand.shape[1], name="date")
    return Panel(pd.DataFrame(series | labels), dates, demand, events=EVENTS)


def promoted(n_days=180, horizon=10, n_series=24, seed=0) -> Panel:
    """Products that sell 1.6 to 3.5 times as much on days with a planted promotion, known ahead; no other attribute."""
    rng = np.random.default_rng(seed)
    flag = np.zeros((n_series, n_days + horizon))
    for row in flag:
        for first in np.cumsum(rng.integers(15, 40, n_days // 10)):
            row[first : first + rng.integers(4, 9)] = 1
    mean = rng.lognormal(1.5, 1, (n_series, 1)) * rng.uniform(1.6, 3.5, (n_series, 1)) ** flag
    demand = rng.negative_binomial(3, 3 / (3 + mean)).astype(float)
    series = pd.DataFrame({"product_no": [f"product_{i}" for i in range(n_series)]})
    return Panel(series, pd.date_range("2021-01-01", periods=n_days + horizon), demand, ahead={"promotion": flag})


def write_other_data(folder: Path, name: str) -> Path:
    """Data that the project was not built on, made from a twin: 2020, gaps, a constant series, and few series.

    "till.csv" has items alone, days of sale alone and a price; "weekly.csv" items and shops, and weeks; "onehouse" is a
    folder of attachments with one warehouse and without 附件5 and 附件6.
    """
    made, path = make_twin(n_series=40, seed=3), folder / name
    sales = made.shipments.assign(date=made.shipments["date"] - pd.Timedelta(days=900), warehouse_no="wh_1")
    sales = sales.groupby(["seller_no", "product_no", "warehouse_no", "date"], as_index=False)["qty"].sum()
    sales.loc[sales["product_no"] == sales["product_no"].iloc[0], "qty"] = 4
    known = np.random.default_rng(0).random(len(sales)) > 0.01
    if name == "onehouse":
        write_twin(path, 40, 3)
        for label in ("附件5", "附件6"):
            next(path.glob(f"{label}*")).unlink()
        sales[known].to_csv(next(path.glob("附件1*")), index=False)
        return path
    totals = sales.groupby(["product_no", "date"], as_index=False)["qty"].sum()
    busiest = totals.groupby("product_no")["qty"].sum().nlargest(14).index
    totals = totals[totals["product_no"].isin(busiest)]
    if name == "weekly.csv":
        day = (totals["date"] - totals["date"].min()).dt.days
        totals["date"] = pd.Timestamp("2019-01-07") + pd.to_timedelta(7 * day, unit="D")
        totals = pd.concat([totals.assign(shop=shop, price=2.5) for shop in ("east", "west")])
        totals[totals["date"] < "2021-06-01"].to_csv(path, index=False)
    else:
        sold = totals[(totals["qty"] > 0) & (totals["date"] < "2020-11-01")].assign(price=3.5)
        sold.rename(columns={"product_no": "SKU"}).to_csv(path, index=False)
    return path


PARAMETERS = 'out: str = ""  # folder\nseed: int = 0  # seed'


def write_notebook(folder: Path, name: str, *cells: str, parameters: str = PARAMETERS) -> Path:
    """A notebook whose first cells are its parameters and the beginning of its stage."""
    begin = f'from bowerbird.runs import Stage\nstage = Stage.begin("{name}", out)'
    first = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    python = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(cells=[first, *map(new_code_cell, (begin, *cells))], metadata={"kernelspec": python})
    nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder / f"{name}.ipynb"


@pytest.fixture
def one_notebook(tmp_path, monkeypatch):
    """Give the cells of 04_denoising; get what runs it alone into tmp_path/run."""

    def prepare(*cells: str):
        path = write_notebook(tmp_path, "04_denoising", *cells)
        monkeypatch.setattr(runner, "notebook_paths", lambda: [path])
        monkeypatch.setattr(runner, "load_profile", lambda profile: {})
        return lambda: runner.reproduce(profile="smoke", out=str(tmp_path / "run"), quiet=True)

    return prepare
