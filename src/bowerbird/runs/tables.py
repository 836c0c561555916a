"""The tables a run leaves for its reports: which notebook makes each, and how they are read again.

A run's folder and its copy under reports/ hold them alike, so whatever is computed from tables can be computed again
from a committed report.
"""

import io
from pathlib import Path

import pandas as pd

from bowerbird.errors import MissingResult
from bowerbird.runs import Stage

MAKERS = {
    "merge_counts": "01_data",
    "cleaning_outliers": "01_data",
    "table_1": "02_dm_clustering",
    "table_2": "02_dm_clustering",
    "table_1_seeds": "02_dm_clustering",
    "as_run_demand": "02_dm_clustering",
    "as_run_stops": "02_dm_clustering",
    "as_run_stability": "02_dm_clustering",
    "dm_members": "02_dm_clustering",
    "dm_number_of_clusters": "02_dm_clustering",
    "dm_scales": "02_dm_clustering",
    "denoising_leak": "03_denoising",
    "sbo_win_rates": "04_sbo",
    "sbo_history": "05_sbo_lstm",
    "lstm_summary": "05_sbo_lstm",
    "table_3": "06_table_3",
    "table_3_seeds": "06_table_3",
    "table_3_families": "06_table_3",
    "table_3_protocols": "06_table_3",
    "forecast_scores": "07_forecast",
    "ladder_differences": "07_forecast",
    "ladder_rmse": "07_forecast",
    "levels": "07_forecast",
    "figure_1": "07_forecast",
    "inventory_summary": "08_inventory",
    "inventory_worth": "08_inventory",
}
"""Every table that the verdict, the claims or the list of deviations read, and the notebook that makes it."""


class Tables(dict[str, pd.DataFrame]):
    """Tables by name; one that is not there names the notebook that makes it."""

    def __missing__(self, name: str):
        raise MissingResult(f"the table {name!r} has not been made yet; run notebooks/{MAKERS[name]}.ipynb first")


def read_tables(folder: Path) -> Tables:
    """Read all tables of MAKERS that a run or a report has.

    Parameters
    ----------
    folder : Path
        A run's folder, or a report's.

    Returns
    -------
    Tables, by name.

    Raises
    ------
    MissingResult
        A table of a run has changed since its notebook wrote it.
    """
    folder, tables = Path(folder), Tables()
    for name, maker in MAKERS.items():
        place = f"tables/{name}.csv"
        if (folder / "records").is_dir():  # a run; a report has no records
            content = Stage(maker, folder).original(place)
        else:
            content = (folder / place).read_bytes() if (folder / place).is_file() else None
        if content is not None:
            tables[name] = pd.read_csv(io.BytesIO(content))
    return tables


def one(table: pd.DataFrame, column: str, where: str):
    """The first value of a column among the rows that are meant.

    Parameters
    ----------
    table : DataFrame
    column : str
    where : str
        A condition as `DataFrame.query` takes it, e.g. "protocol == 'R' and method == 'zero'".

    Returns
    -------
    The value.

    Raises
    ------
    MissingResult
        No row is so.
    """
    rows = table.query(where)
    if rows.empty:
        raise MissingResult(f"no row of the table has {where}; it may be made by a larger profile")
    return rows.iloc[0][column]
