"""The numbers that a paper prints, each with its place: the paper's own (printed.yaml), or those of a twin paper.

Nothing here is computed from data: the rest of the package compares its results with these numbers.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import yaml


@dataclass(frozen=True)
class Printed:
    """Tables 1-3, the numbers of the text and of Figure 1, as one paper prints them."""

    content: dict  # laid out as printed.yaml

    def headers(self, table: str) -> dict[str, str]:
        """Our name of each column of a table, "table_2" say, and its printed header."""
        return self.content[table]["headers"]

    def _table(self, name: str, index: str) -> pd.DataFrame:
        rows = {int(row) if str(row).isdigit() else row: cells for row, cells in self.content[name]["rows"].items()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(self.headers(name))).rename_axis(index)

    @cached_property
    def table_1(self) -> pd.DataFrame:
        return self._table("table_1", "cluster")

    @property
    def total(self) -> int:
        """Table 1's total of records."""
        return self.content["table_1"]["total"][0]

    @cached_property
    def table_2(self) -> pd.DataFrame:
        return self._table("table_2", "cluster")

    @cached_property
    def table_3(self) -> pd.DataFrame:
        return self._table("table_3", "index")

    @property
    def forecast_days(self) -> tuple[pd.Timestamp, ...]:
        """First and last day of the forecast."""
        return tuple(map(pd.Timestamp, self.content["forecast_days"]))

    @cached_property
    def figure_1(self) -> pd.DataFrame:
        forecast = pd.DataFrame(self.content["figure_1"])
        return forecast.assign(date=pd.date_range(self.forecast_days[0], periods=len(forecast)))

    @property
    def said_to_be(self) -> dict[str, str]:
        """Number in the text -> the cell of a table that it is said to be."""
        return self.content["said_to_be"]

    @cached_property
    def numbers(self) -> pd.DataFrame:
        """All printed numbers but the two dates, tidy.

        Columns: id, value, decimals (a number agrees within half a unit of the last one), place (table or sections),
        row and column (tables, printed header), quote (text).
        """
        total, percentage = self.content["table_1"]["total"]
        rows = [
            *self._cells("Table 1", self.table_1, "cluster_", {"percentage": 3}),
            ("table_1/total/frequency", total, 0, "Table 1", "total", "Frequency", ""),
            ("table_1/total/percentage", percentage, 1, "Table 1", "total", "Percentage%", ""),
            *self._cells("Table 2", self.table_2, "cluster_", {}),
            *self._cells("Table 3", self.table_3, "", dict.fromkeys(self.table_3, 3)),
            *(
                (name, value, decimals, place, "", "", quote)
                for name, (value, decimals, place, quote) in self.content["text"].items()
            ),
        ]
        columns = ["id", "value", "decimals", "place", "row", "column", "quote"]
        return pd.DataFrame(rows, columns=columns).astype({"value": float})

    def _cells(self, name: str, table: pd.DataFrame, row_label: str, decimals: dict[str, int]) -> list[tuple]:
        """The rows of `numbers` for the cells of a table."""
        key = name.lower().replace(" ", "_")
        return [
            (f"{key}/{row_label}{row}/{column}", value, decimals.get(column, 0), name, f"{row_label}{row}", header, "")
            for row in table.index
            for (column, header), value in zip(self.headers(key).items(), table.loc[row], strict=True)
        ]

    @cached_property
    def value(self) -> pd.Series:
        """Every printed number by its id."""
        return self.numbers.set_index("id")["value"]


PAPER = Printed(yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")))
"""What Meng, Zhao & Bi (2024) print."""
