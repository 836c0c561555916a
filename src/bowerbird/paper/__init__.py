"""The paper: what it prints, what became of it, and where we depart from it.

`printed` holds every number and its place (what others use can be had from here: `paper.TABLE_1`), `comparison` sets
its tables and Figure 1 beside ours, `headline` is the table that a run ends with, `verdict` judges number by number,
`deviations` says what we did otherwise and its effect. `errata` and `companion_errata` list the slips of the five
documents, `documents` what each asks for and where that lives.
"""

from bowerbird.paper.printed import (
    DISAGREEMENTS,
    ERRATA,
    FIGURE_1,
    FORECAST_FIRST_DAY,
    FORECAST_LAST_DAY,
    PRINTED,
    TABLE_1,
    TABLE_1_TOTAL,
    TABLE_2,
    TABLE_3,
    TABLE_3_HEADERS,
)

__all__ = [
    "DISAGREEMENTS",
    "ERRATA",
    "FIGURE_1",
    "FORECAST_FIRST_DAY",
    "FORECAST_LAST_DAY",
    "PRINTED",
    "TABLE_1",
    "TABLE_1_TOTAL",
    "TABLE_2",
    "TABLE_3",
    "TABLE_3_HEADERS",
]
