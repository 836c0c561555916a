"""What is known of a day before it comes: its weekday, the festivals and the platforms' promotions."""

import numpy as np
import pandas as pd

EVENTS = {
    "spring_festival": [("2022-01-29", "2022-02-05"), ("2023-01-19", "2023-01-26"), ("2024-02-07", "2024-02-14")],
    "labour_day": [("2022-04-30", "2022-05-04"), ("2023-04-29", "2023-05-03"), ("2024-05-01", "2024-05-05")],
    "promotion_618": [("2022-06-01", "2022-06-20"), ("2023-06-01", "2023-06-20"), ("2024-06-01", "2024-06-20")],
    "double_11": [("2022-11-01", "2022-11-11"), ("2023-11-01", "2023-11-11"), ("2024-11-01", "2024-11-11")],
    "double_12": [("2022-12-10", "2022-12-12"), ("2023-12-10", "2023-12-12"), ("2024-12-10", "2024-12-12")],
}
"""First and last day of each event from 2022 to 2024; announced long before, so a forecast may use them.

The Spring Festival is taken from three days before New Year, when parcels stop, to four days after.
"""

CALENDAR_FEATURES = tuple(f"weekday_{day}" for day in range(7)) + tuple(EVENTS)


def calendar_features(dates: pd.DatetimeIndex) -> np.ndarray:
    """Indicators of weekday and event.

    Parameters
    ----------
    dates : DatetimeIndex, n_days

    Returns
    -------
    array (n_days, 12) of 0.0 and 1.0, columns as CALENDAR_FEATURES; days outside 2022 to 2024 carry no event.
    """
    weekday = np.eye(7)[dates.day_of_week]  # (n_days, 7)
    events = [
        np.any([(dates >= first) & (dates <= last) for first, last in periods], axis=0) for periods in EVENTS.values()
    ]
    return np.column_stack([weekday, *events]).astype(float)
