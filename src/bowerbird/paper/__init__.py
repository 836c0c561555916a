"""What the paper and its companions print, the slips in them, and what each document asks for."""

from bowerbird.paper.printed import (
    FIGURE_1,
    FORECAST_FIRST_DAY,
    FORECAST_LAST_DAY,
    PRINTED,
    SAID_TO_BE,
    TABLE_1,
    TABLE_1_TOTAL,
    TABLE_2,
    TABLE_2_HEADERS,
    TABLE_3,
    TABLE_3_HEADERS,
)

__all__ = [
    "FIGURE_1",
    "FORECAST_FIRST_DAY",
    "FORECAST_LAST_DAY",
    "PRINTED",
    "SAID_TO_BE",
    "TABLE_1",
    "TABLE_1_TOTAL",
    "TABLE_2",
    "TABLE_2_HEADERS",
    "TABLE_3",
    "TABLE_3_HEADERS",
]
