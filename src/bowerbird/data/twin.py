"""The synthetic twin: six attachments like the contest's, with the truth behind every series kept beside them."""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.data import twin_demand as demand
from bowerbird.data.schema import ATTACHMENTS, SERIES_KEY, SHIPMENT_COLUMNS
from bowerbird.data.twin_structure import FULL_SERIES, make_structure
from bowerbird.errors import ParameterError
from bowerbird.seeds import spawn

FIRST_DAY = "2022-12-01"
PROMOTION_DAYS = pd.date_range("2022-11-01", "2022-11-11", name="date")
NEW_SERIES, LEAST_NEW_SERIES = 210, 3
"""New items at full size, and at any size."""
NEW_ITEM_DAYS = 23, 45
"""Fewest and most days a new item has been on sale when the data end."""
WITHOUT_PROMOTION, LATE_IN_PROMOTION = 39, 33
"""Of 1,996 series: not in 附件6 at all, or there from a later day on."""

WRITTEN_HEADERS = {"warehouse_category": "warehouse _category", "warehouse_region": "warehouse _region"}
"""The originals' headers in 附件4 really hold a blank."""
WRITTEN_ORDER = {"new_items": ["seller_no", "warehouse_no", "product_no", "date", "qty"]}


@dataclass(frozen=True)
class Twin:
    """Six attachments and the truth behind them.

    Attributes
    ----------
    shipments, products, sellers, warehouses, new_items, promotion : DataFrame
        As 附件1 to 附件6, columns as in `schema`; qty in units per day.
    truth : DataFrame, n_series rows sorted by key
        seller_no, product_no, warehouse_no, curve (latent class), level (mean units per day before stock-outs),
        dispersion (a in variance = m + a m^2), promotion_lift (NaN where not in 附件6), stockout_days, flash_days.
    truth_mean : array (n_series, n_days)
        Expected demand before stock-outs, flash sales and counting noise: the forecast of an oracle. Rows as `truth`.
    """

    shipments: pd.DataFrame
    products: pd.DataFrame
    sellers: pd.DataFrame
    warehouses: pd.DataFrame
    new_items: pd.DataFrame
    promotion: pd.DataFrame
    truth: pd.DataFrame
    truth_mean: np.ndarray


def make_twin(n_series: int = 300, seed: int = 0, n_days: int = 166) -> Twin:
    """Draw a twin.

    Parameters
    ----------
    n_series : int
        Series in 附件1, 1,996 at full size; products, new items and idle rows come in proportion.
    seed : int
    n_days : int
        Days from 2022-12-01 on, at least 45.

    Returns
    -------
    Twin

    Raises
    ------
    ParameterError
        Too few series or days.
    """
    if n_series < 1:
        raise ParameterError(f"n_series is {n_series}; give a whole number from 1 on (1996 is full size)")
    if n_days < NEW_ITEM_DAYS[1]:
        raise ParameterError(f"n_days is {n_days}; give {NEW_ITEM_DAYS[1]} or more, the days a new item may be on sale")
    for_structure, for_series, for_new_items, for_promotion = spawn(seed, 4)
    n_new = max(LEAST_NEW_SERIES, round(NEW_SERIES * n_series / FULL_SERIES))
    structure = make_structure(n_series, n_new, for_structure)
    dates = pd.date_range(FIRST_DAY, periods=n_days, name="date")

    rng = for_series
    places = structure["warehouses"].drop_duplicates()
    levels = demand.draw_levels(structure["series"].merge(places, how="left", on="warehouse_no"), rng)
    curve, means = demand.draw_means(levels, dates, rng)  # (n_series,), (n_series, n_days)
    dispersion = demand.draw_dispersion(levels, rng)
    flash = demand.draw_flash_sales(means, rng)
    stockout = demand.draw_stockouts(levels, n_days, rng)
    counts = np.where(stockout, 0, demand.draw_counts(means * flash, dispersion, rng))

    promotion, lift = _promotion(structure["series"], levels, curve, dispersion, for_promotion)
    truth = structure["series"].assign(
        curve=curve,
        level=levels,
        dispersion=dispersion,
        promotion_lift=lift,
        stockout_days=stockout.sum(axis=1),
        flash_days=(flash > 1).sum(axis=1),
    )
    return Twin(
        shipments=_long(structure["series"], dates, counts),
        products=structure["products"],
        sellers=structure["sellers"],
        warehouses=structure["warehouses"],
        new_items=_new_items(structure["new_series"], places, dates, for_new_items),
        promotion=promotion,
        truth=truth,
        truth_mean=means,
    )


def write_twin(folder, n_series: int = 300, seed: int = 0) -> Twin:
    """Draw a twin and write its six attachments, truth.parquet and truth_mean.parquet.

    Parameters
    ----------
    folder : path
        Made if it does not exist; files of the same names are replaced, each in one step.
    n_series, seed : int
        As in `make_twin`.

    Returns
    -------
    Twin, as written.
    """
    twin = make_twin(n_series, seed)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for spec in ATTACHMENTS:
        table = getattr(twin, spec.name)
        table = table[WRITTEN_ORDER.get(spec.name, list(spec.columns))].rename(columns=WRITTEN_HEADERS)
        suffix = ".csv" if spec.name == "shipments" else ".xlsx"
        _write(table, folder / f"{spec.label}-{spec.title}{suffix}")
    _write(twin.truth, folder / "truth.parquet")
    dates = pd.date_range(FIRST_DAY, periods=twin.truth_mean.shape[1])
    _write(pd.DataFrame(twin.truth_mean, columns=dates.strftime("%Y-%m-%d")), folder / "truth_mean.parquet")
    return twin


def _promotion(series, levels, curve, dispersion, rng) -> tuple[pd.DataFrame, np.ndarray]:
    """附件6, rows shuffled as in the original, and the lift of each series."""
    n_series = len(series)
    lift = demand.draw_lifts(levels, rng)
    counts = demand.draw_counts((levels * lift)[:, None] * demand.LIFT_BY_DAY, dispersion, rng)  # (n_series, 11)
    first_day = np.zeros(n_series, dtype=int)
    order = np.lexsort((rng.random(n_series), curve != "launch"))  # what is launched later was not on sale in November
    n_absent, n_late = (round(count * n_series / FULL_SERIES) for count in (WITHOUT_PROMOTION, LATE_IN_PROMOTION))
    absent, late = order[:n_absent], order[n_absent : n_absent + n_late]
    first_day[absent] = len(PROMOTION_DAYS)
    first_day[late] = rng.integers(1, len(PROMOTION_DAYS), size=len(late))
    lift[absent] = np.nan
    listed = (np.arange(len(PROMOTION_DAYS)) >= first_day[:, None]).ravel()
    return _long(series, PROMOTION_DAYS, counts)[listed].sample(frac=1, random_state=rng, ignore_index=True), lift


def _new_items(series, places, dates, rng) -> pd.DataFrame:
    """附件5: every new item is on sale to the last day; rows shuffled as in the original."""
    levels = demand.draw_levels(series.merge(places, how="left", on="warehouse_no"), rng)
    days_on_sale = rng.integers(NEW_ITEM_DAYS[0], NEW_ITEM_DAYS[1] + 1, size=len(series))
    days_on_sale[0] = NEW_ITEM_DAYS[1]  # one of them on sale from the first possible day, 2023-04-01
    window = dates[-NEW_ITEM_DAYS[1] :]
    ages = np.arange(len(window)) - (len(window) - days_on_sale)[:, None]  # (n_series, 45), negative before the launch
    means = demand.new_item_means(ages, levels[:, None]) * demand.calendar(window)
    counts = demand.draw_counts(means, demand.draw_dispersion(levels, rng), rng)
    table = _long(series, window, counts)[(ages >= 0).ravel()]
    return table.sample(frac=1, random_state=rng, ignore_index=True)


def _long(series: pd.DataFrame, dates: pd.DatetimeIndex, counts: np.ndarray) -> pd.DataFrame:
    """One row a series and day, columns as 附件1."""
    table = series[list(SERIES_KEY)].loc[series.index.repeat(len(dates))].reset_index(drop=True)
    return table.assign(date=np.tile(dates.to_numpy(), len(series)), qty=counts.ravel())[list(SHIPMENT_COLUMNS)]


def _write(table: pd.DataFrame, path: Path) -> None:
    """Write under a name no reader looks for, then rename: a broken run leaves no half file."""
    partial = path.with_name("partial-" + path.name)
    if path.suffix == ".csv":
        table.to_csv(partial, index=False, date_format="%Y-%m-%d", lineterminator="\n")
    elif path.suffix == ".xlsx":
        table.to_excel(partial, index=False, engine="openpyxl")
        _without_time_of_day(partial)
    else:
        table.to_parquet(partial, index=False)
    partial.replace(path)


def _without_time_of_day(path: Path) -> None:
    """A workbook notes when it was written; without that the same seed gives the same bytes, and checksums."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["docProps/core.xml"] = re.sub(
        rb"\d{4}-\d\d-\d\dT[\d:]+Z", b"2000-01-01T00:00:00Z", parts["docProps/core.xml"]
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
