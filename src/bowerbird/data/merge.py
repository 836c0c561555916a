"""Join the attachments: the merge that gives the paper's total, the correct one, and the panels."""

import numpy as np
import pandas as pd

from bowerbird.data.attachments import Attachments
from bowerbird.data.panel import Panel
from bowerbird.data.schema import ATTRIBUTES, LABELS, SERIES_KEY
from bowerbird.errors import DataError, ParameterError


def naive_merge(attachments: Attachments) -> pd.DataFrame:
    """Join 附件1 to 附件2-4 as they stand: every day of a warehouse listed twice in 附件4 appears twice.

    wh_29 and wh_38 hold 57 of the 1,996 series, so the table has (1,996 + 57) x 166 = 340,798 rows, the total that
    Table 1 of the paper prints.

    Parameters
    ----------
    attachments : Attachments

    Returns
    -------
    DataFrame, one row a record: series key, date, qty and the eight attributes.

    Source
    ------
    Table 1, "Total".
    """
    merged = _join(attachments.shipments, attachments.products, attachments.sellers, attachments.warehouses)
    return merged[[*SERIES_KEY, "date", "qty", *ATTRIBUTES]]


def correct_merge(attachments: Attachments) -> pd.DataFrame:
    """Join 附件1 to 附件2-4 with repeated rows dropped: one row a series and day (331,336 at full size).

    Parameters
    ----------
    attachments : Attachments

    Returns
    -------
    DataFrame, as `naive_merge`.
    """
    merged = _with_attributes(attachments.shipments, attachments)
    return merged[[*SERIES_KEY, "date", "qty", *ATTRIBUTES]]


def _join(table: pd.DataFrame, products: pd.DataFrame, sellers: pd.DataFrame, warehouses: pd.DataFrame) -> pd.DataFrame:
    return table.merge(products, on="product_no").merge(sellers, on="seller_no").merge(warehouses, on="warehouse_no")


def _with_attributes(table: pd.DataFrame, attachments: Attachments) -> pd.DataFrame:
    listed_once = [getattr(attachments, name).drop_duplicates() for name in ("products", "sellers", "warehouses")]
    return _join(table, *listed_once)


def build_panel(attachments: Attachments, source: str = "shipments", fill_gaps: str = "refuse") -> Panel:
    """Lay the shipments of an attachment out as a panel, series in order of their key.

    Parameters
    ----------
    attachments : Attachments
    source : {"shipments", "new_items", "promotion"}
        附件1, 附件5 or 附件6.
    fill_gaps : {"refuse", "zero", "nan"}
        What a day missing from a series becomes; "refuse" takes no panel with gaps.

    Returns
    -------
    Panel, with the number of filled days in `filled_days`.

    Raises
    ------
    DataError
        The attachment is absent, or a series has gaps and `fill_gaps` is "refuse".
    ParameterError
        Unknown `source` or `fill_gaps`.
    """
    if fill_gaps not in ("refuse", "zero", "nan"):
        raise ParameterError(f"fill_gaps is {fill_gaps!r}; choose 'refuse', 'zero' or 'nan'")
    if source not in ("shipments", "new_items", "promotion"):
        raise ParameterError(f"source is {source!r}; choose 'shipments', 'new_items' or 'promotion'")
    shipments = getattr(attachments, source)
    if shipments is None:
        raise DataError(f"{LABELS[source]} ({source}) is absent; put its file beside the others, see data/README.md")
    grouped = shipments.groupby(list(SERIES_KEY), sort=True)
    keys = grouped.size().index.to_frame(index=False)
    dates = pd.date_range(shipments["date"].min(), shipments["date"].max(), name="date")
    day = (shipments["date"] - dates[0]).dt.days.to_numpy()

    demand = np.full((len(keys), len(dates)), np.nan)  # (n_series, n_days)
    demand[grouped.ngroup().to_numpy(), day] = shipments["qty"]

    gaps = np.isnan(demand)
    if gaps.any() and fill_gaps == "refuse":
        row, column = np.argwhere(gaps)[0]
        raise DataError(
            f"{attachments.files[LABELS[source]].name}, column date: series {'/'.join(keys.iloc[row])} has no row for "
            f"{dates[column]:%Y-%m-%d}; {gaps.sum()} days are missing in {gaps.any(axis=1).sum()} series; "
            "add them, or, if a day that is not listed is one on which nothing was shipped, give bowerbird reproduce "
            "--set 01_data.fill_gaps=zero"
        )
    if fill_gaps == "zero":
        demand[gaps] = 0.0
    series = _with_attributes(keys, attachments)[[*SERIES_KEY, *ATTRIBUTES]]
    return Panel(series, dates, demand, filled_days=int(gaps.sum()))
