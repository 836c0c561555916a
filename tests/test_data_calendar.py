"""Weekdays and events of a day, known before it comes."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from bowerbird.data.panel import CALENDAR_FEATURES, EVENTS, calendar_features

THREE_YEARS = pd.date_range("2022-01-01", "2024-12-31")


def events_of(day: str) -> list[str]:
    row = calendar_features(pd.DatetimeIndex([day]))[0]
    return [name for name, value in zip(CALENDAR_FEATURES, row, strict=True) if value and name in EVENTS]


def test_shape_and_weekday():
    features = calendar_features(THREE_YEARS)
    assert features.shape == (len(THREE_YEARS), len(CALENDAR_FEATURES)) == (1096, 12)
    assert set(np.unique(features)) == {0.0, 1.0}
    monday = pd.DatetimeIndex(["2022-12-05"])
    assert calendar_features(monday)[0, :7].tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert [date.weekday(day) for day in THREE_YEARS] == features[:, :7].argmax(axis=1).tolist()
    assert (features[:, :7].sum(axis=1) == 1).all()


def test_events_equal_a_slow_loop():
    features = calendar_features(THREE_YEARS)
    for k, (name, periods) in enumerate(EVENTS.items()):
        days = set()
        for first, last in periods:
            day = date.fromisoformat(first)
            while day <= date.fromisoformat(last):
                days.add(day)
                day += timedelta(days=1)
        assert [day.date() in days for day in THREE_YEARS] == features[:, 7 + k].astype(bool).tolist(), name


@pytest.mark.parametrize(
    ("new_year", "first", "last"),
    [("2022-02-01", "2022-01-29", "2022-02-05"), ("2023-01-22", "2023-01-19", "2023-01-26"),
     ("2024-02-10", "2024-02-07", "2024-02-14")],
)  # fmt: skip
def test_spring_festival_lies_around_the_lunar_new_year(new_year, first, last):
    around = pd.date_range(pd.Timestamp(new_year) - pd.Timedelta(days=20), periods=40)
    column = calendar_features(around)[:, CALENDAR_FEATURES.index("spring_festival")].astype(bool)
    assert [f"{day:%Y-%m-%d}" for day in around[column][[0, -1]]] == [first, last]
    assert column.sum() == 8
    assert around[column][3] == pd.Timestamp(new_year)


def test_every_event_stands_once_a_year():
    for periods in EVENTS.values():
        assert [first[:4] for first, _ in periods] == ["2022", "2023", "2024"]
        assert all(first <= last and first[:4] == last[:4] for first, last in periods)


def test_days_of_the_contest():
    assert events_of("2022-11-01") == events_of("2022-11-11") == ["double_11"]  # 附件6
    assert events_of("2022-12-12") == ["double_12"]
    assert events_of("2023-01-18") == events_of("2023-01-27") == []
    assert events_of("2023-05-03") == ["labour_day"]
    assert events_of("2023-05-16") == events_of("2023-05-30") == []  # question 1
    assert events_of("2023-06-01") == events_of("2023-06-20") == ["promotion_618"]  # question 3
    assert events_of("2023-06-21") == []
