"""The data that a run is given by name: a folder of attachments, a table file, or the groceries."""

from pathlib import Path

from bowerbird.data.groceries import read_groceries
from bowerbird.data.reader import Attachments, read_attachments
from bowerbird.data.rules import Sales
from bowerbird.data.table import read_table
from bowerbird.errors import ParameterError

NAMED_DATA = ("synthetic", "groceries")  # data that are no path


def open_data(data: str, columns: str = "", rules: str = "") -> Attachments | Sales:
    """Read what `data` names; `columns` and `rules` are those of `read_table`, and refused for a folder."""
    if data == "groceries":
        if columns:
            raise ParameterError("columns are for a table of your own; groceries take rules alone")
        return read_groceries(rules)
    if Path(data).is_dir() or not Path(data).suffix:
        if columns or rules:
            raise ParameterError(f"{data} is a folder of attachments; columns and rules are for a table, a file")
        return read_attachments(data)
    return read_table(data, columns, rules)
