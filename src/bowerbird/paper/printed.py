"""Every number the paper prints, once, with its place (printed.yaml).

Nothing here is computed from data: the rest of the package compares its results with these numbers.
"""

from pathlib import Path

import pandas as pd
import yaml

_READ = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))


def _table(name: str, index: str) -> pd.DataFrame:
    """A printed table with columns named as ours."""
    table = pd.DataFrame.from_dict(_READ[name]["rows"], orient="index", columns=list(_READ[name]["headers"]))
    return table.rename_axis(index)


TABLE_1 = _table("table_1", "cluster")
TABLE_1_TOTAL, TABLE_1_TOTAL_PERCENTAGE = _READ["table_1"]["total"]
TABLE_2 = _table("table_2", "cluster")
TABLE_3 = _table("table_3", "index")
TABLE_2_HEADERS, TABLE_3_HEADERS = (_READ[name]["headers"] for name in ("table_2", "table_3"))
SAID_TO_BE = _READ["said_to_be"]  # number in the text -> cell of a table
FORECAST_FIRST_DAY, FORECAST_LAST_DAY = map(pd.Timestamp, _READ["forecast_days"])
FIGURE_1 = pd.DataFrame(_READ["figure_1"]).assign(date=pd.date_range(FORECAST_FIRST_DAY, periods=3))


def _cells(name: str, table: pd.DataFrame, row_label: str, decimals: dict[str, int]) -> list[tuple]:
    """The rows of `PRINTED` for the cells of a table."""
    key, headers = name.lower().replace(" ", "_"), _READ[name.lower().replace(" ", "_")]["headers"]
    return [
        (f"{key}/{row_label}{row}/{column}", value, decimals.get(column, 0), name, f"{row_label}{row}", header, "")
        for row in table.index
        for (column, header), value in zip(headers.items(), table.loc[row], strict=True)
    ]


PRINTED = pd.DataFrame(
    [
        *_cells("Table 1", TABLE_1, "cluster_", {"percentage": 3}),
        ("table_1/total/frequency", TABLE_1_TOTAL, 0, "Table 1", "total", "Frequency", ""),
        ("table_1/total/percentage", TABLE_1_TOTAL_PERCENTAGE, 1, "Table 1", "total", "Percentage%", ""),
        *_cells("Table 2", TABLE_2, "cluster_", {}),
        *_cells("Table 3", TABLE_3, "", dict.fromkeys(TABLE_3, 3)),
        *((name, value, decimals, place, "", "", quote)
          for name, (value, decimals, place, quote) in _READ["text"].items()),
    ],
    columns=["id", "value", "decimals", "place", "row", "column", "quote"],
).astype({"value": float})  # fmt: skip
"""All printed numbers, tidy: id, value, decimals (the number agrees within half a unit of the last one), place (table
or sections), row and column (tables, printed header), quote (text). The two dates stand above."""
