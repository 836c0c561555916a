"""The panel, the two merges against a join by hand, calendar, scaling and aggregation."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from conftest import panel_of
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bowerbird.data.panel import (
    DAILY,
    EVENTS,
    WEEKLY,
    Panel,
    aggregate,
    build_panel,
    calendar_features,
    correct_merge,
    fit_scaler,
    naive_merge,
)
from bowerbird.data.reader import ATTRIBUTES, SERIES_KEY, Attachments, read_attachments
from bowerbird.errors import DataError, ParameterError

KEY = list(SERIES_KEY)
NAN = np.nan

NAMES = (*DAILY.features, *EVENTS)


@pytest.fixture
def panel() -> Panel:
    return panel_of([[0, 1, 2, 3], [10, NAN, 12, 13], [20, 21, 22, 23]], "2022-12-30")


# ---- the panel


def spoilt(value: float) -> np.ndarray:
    demand = np.zeros((3, 4))
    demand[1, 2] = value
    return demand


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *(({"demand": np.zeros(shape)}, r"demand has shape .*, but there are 3 series and 4 days; give it one")
          for shape in [(4, 3), (3, 5), (2, 4), (12,)]),
        ({"dates": pd.date_range("2023-01-02", periods=4, freq="3D")}, "go from 2023-01-02 to 2023-01-05; give"),
        ({"dates": ["2023-01-01", "2023-01-02", "2023-01-04", "2023-01-05"]}, "from 2023-01-02 to 2023-01-04"),
        ({"dates": ["2023-01-01", "2023-01-02", "2023-01-02", "2023-01-03"]}, "from 2023-01-02 to 2023-01-02"),
        ({"dates": pd.date_range("2023-01-04", periods=4, freq="-1D")}, "dates go from 2023-01-04 to 2023-01-03"),
        ({"demand": spoilt(-3)}, "demand of series seller_1/product_1/wh_1 is -3 on 2023-01-01; give units"),
        ({"demand": spoilt(np.inf)}, "demand of series seller_1/product_1/wh_1 is inf on 2023-01-01; give units"),
    ],
)  # fmt: skip
def test_what_a_panel_cannot_hold_is_refused(panel, change, message):
    with pytest.raises(ParameterError, match=message):
        replace(panel, **change)


def test_select_by_row_numbers_keeps_their_order_and_takes_a_mask(panel):
    chosen = panel.select([2, 0])
    assert chosen.demand.tolist() == [[20, 21, 22, 23], [0, 1, 2, 3]]
    assert chosen.keys == [panel.keys[2], panel.keys[0]] == ["seller_2/product_2/wh_0", "seller_0/product_0/wh_0"]
    assert chosen.series.index.to_list() == [0, 1] and chosen.dates.equals(panel.dates)
    assert panel.select(pd.Series([True, False, True])).keys == [panel.keys[0], panel.keys[2]]
    with pytest.raises(ParameterError, match="series seller_0/product_0/wh_0 stands twice; give one row a series"):
        panel.select([0, 1, 0])


def test_until_forgets_all_later_days(panel):
    early = panel.until(2)
    np.testing.assert_array_equal(early.demand, [[0, 1], [10, NAN], [20, 21]])
    assert early.dates.strftime("%m-%d").to_list() == ["12-30", "12-31"]
    for n_days in (0, -1, 5):
        with pytest.raises(ParameterError, match=f"n_days is {n_days}; give a number from 1 to 4"):
            panel.until(n_days)


@given(
    hnp.arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 9)), elements=st.floats(0, 1e9) | st.just(NAN)),
)
def test_to_frame_and_back(demand):
    panel = panel_of(demand)
    back = Panel.from_frame(panel.to_frame())
    np.testing.assert_array_equal(back.demand, demand)
    pd.testing.assert_frame_equal(back.series, panel.series)
    pd.testing.assert_index_equal(back.dates, panel.dates, exact=False, check_freq=False)


def test_the_wide_table_and_a_day_missing_from_it(panel):
    frame = panel.to_frame()
    assert list(frame.columns[-4:]) == ["2022-12-30", "2022-12-31", "2023-01-01", "2023-01-02"]
    assert frame.loc[1, ["product_no", "2023-01-01"]].to_list() == ["product_1", 12]
    with pytest.raises(ParameterError, match="dates go from 2022-12-30 to 2023-01-01"):
        Panel.from_frame(frame.drop(columns="2022-12-31"))


# ---- merges: 4 series x 10 days; the two series in wh_29 and wh_38 come twice: 40 + 20 rows


def joined_by_hand(data: Attachments) -> Counter:
    """Every row of 附件1 with every row of 附件2-4 that has its ids, in plain loops."""
    rows = Counter()
    for shipment in data.shipments.itertuples(index=False):
        for product in data.products.itertuples(index=False):
            for seller in data.sellers.itertuples(index=False):
                for warehouse in data.warehouses.itertuples(index=False):
                    if (product[0], seller[0], warehouse[0]) == (shipment[1], shipment[0], shipment[2]):
                        rows[(*shipment, *product[1:], *seller[1:], *warehouse[1:])] += 1
    return rows


def rows_of(merged: pd.DataFrame) -> Counter:
    return Counter(merged.itertuples(index=False, name=None))


def test_both_merges_against_the_join_by_hand(tiny):
    naive, correct = naive_merge(tiny), correct_merge(tiny)
    assert list(naive.columns) == list(correct.columns) == [*KEY, "date", "qty", *ATTRIBUTES]
    assert (len(naive), len(correct)) == (60, 40)
    assert rows_of(naive) == joined_by_hand(tiny)
    assert rows_of(correct) == Counter(set(joined_by_hand(tiny)))


def test_repeated_products_and_sellers_multiply_in_the_naive_merge_only(tiny):
    twice = replace(
        tiny,
        products=pd.concat([tiny.products, tiny.products.iloc[:1]]),  # product_1: two series, one of them in wh_29
        sellers=pd.concat([tiny.sellers, tiny.sellers.iloc[:1]]),  # seller_1: the same two series
    )
    assert len(naive_merge(twice)) == 10 * (2 * 2 + 2 * 2 * 2 + 2 + 1)
    assert rows_of(naive_merge(twice)) == joined_by_hand(twice)
    assert rows_of(correct_merge(twice)) == rows_of(correct_merge(tiny))


def test_panel_of_the_tiny_attachments(tiny):
    panel = build_panel(tiny)
    assert panel.demand.tolist() == [[10 * i + j for j in range(10)] for i in range(4)]
    assert (panel.dates == pd.date_range("2022-12-01", "2022-12-10")).all()
    assert panel.keys[:2] == ["seller_1/product_1/wh_1", "seller_1/product_1/wh_29"]
    assert list(panel.series.columns) == [*KEY, *ATTRIBUTES]
    expected = ["宠物生活", "宠物生活_0", "宠物生活_2", "宠物", "B", "Small", "区域仓", "西南"]
    assert panel.series.loc[2, list(ATTRIBUTES)].to_list() == expected
    assert build_panel(tiny, "new_items").demand.tolist() == [[1, 2, 3]]
    promotion = build_panel(tiny, "promotion")
    assert promotion.demand.tolist() == [[5, 6], [7, 8], [9, 10]]
    assert promotion.dates.strftime("%m-%d").to_list() == ["11-01", "11-02"]


@pytest.mark.parametrize("seed", range(5))
def test_panel_does_not_depend_on_the_order_of_rows(tiny, seed):
    tables = {name: getattr(tiny, name) for name in ("shipments", "products", "sellers", "warehouses")}
    turned = {name: table.sample(frac=1, random_state=seed) for name, table in tables.items()}
    pd.testing.assert_frame_equal(build_panel(replace(tiny, **turned)).to_frame(), build_panel(tiny).to_frame())


def test_gaps_are_refused_or_filled_on_demand(tables, write):
    tables["附件1"] = tables["附件1"].drop(index=[12, 13, 30])  # two days of the second series, the first of the last
    del tables["附件5"]
    with_gaps = read_attachments(write(tables))
    for fill_gaps, value in (("zero", 0.0), ("nan", NAN)):
        expected = np.arange(40.0).reshape(4, 10)
        expected[[1, 1, 3], [2, 3, 0]] = value
        np.testing.assert_array_equal(build_panel(with_gaps, fill_gaps=fill_gaps).demand, expected)
    with pytest.raises(DataError) as error:
        build_panel(with_gaps)
    assert str(error.value) == (
        "附件1-商家历史出货量表.csv, column date: series seller_1/product_1/wh_29 has no row for 2022-12-03; "
        "3 days are missing in 2 series; add them, or, if a day that is not listed is one on which nothing was "
        "shipped, give bowerbird reproduce --set 01_data.fill_gaps=zero"
    )
    with pytest.raises(DataError, match=r"附件5 \(new_items\) is absent; put its file beside the others"):
        build_panel(with_gaps, "new_items")
    with pytest.raises(ParameterError, match="fill_gaps is 'mean'; choose 'refuse', 'zero' or 'nan'"):
        build_panel(with_gaps, fill_gaps="mean")
    with pytest.raises(ParameterError, match="source is 'products'; choose 'shipments', 'new_items' or 'promotion'"):
        build_panel(with_gaps, "products")


def test_original_merges_give_the_total_of_table_1(original):
    naive, correct = naive_merge(original), correct_merge(original)
    assert (len(naive), len(correct)) == (340_798, 331_336)
    in_repeated = correct[correct["warehouse_no"].isin(["wh_29", "wh_38"])]
    assert len(in_repeated.drop_duplicates(KEY)) == 57
    assert naive["qty"].sum() == correct["qty"].sum() + in_repeated["qty"].sum()


def test_original_panels(original):
    panel = build_panel(original)
    assert panel.demand.shape == (1996, 166) and panel.demand.sum() == original.shipments["qty"].sum()
    of_one = original.shipments[(original.shipments[KEY] == panel.series.loc[700, KEY]).all(axis=1)]
    assert panel.demand[700].tolist() == of_one.sort_values("date")["qty"].to_list()
    assert aggregate(panel, "week").shape == (1996, 23)
    assert aggregate(panel, "month").to_numpy().sum() == panel.until(151).demand.sum()
    new = build_panel(original, "new_items", fill_gaps="nan").demand
    assert new.shape == (210, 45) and (~np.isnan(new)).sum() == 7429
    assert build_panel(original, "promotion", fill_gaps="zero").demand.shape == (1957, 11)
    with pytest.raises(DataError, match=r"附件6.*days are missing in"):
        build_panel(original, "promotion")


# ---- calendar

THREE_YEARS = pd.date_range("2022-01-01", "2024-12-31")


def test_weekdays_and_events_equal_a_slow_loop():
    features = calendar_features(THREE_YEARS)
    assert features.shape == (1096, len(NAMES)) == (1096, 12)
    assert set(np.unique(features)) == {0.0, 1.0} and (features[:, :7].sum(axis=1) == 1).all()
    assert [date.weekday(day) for day in THREE_YEARS] == features[:, :7].argmax(axis=1).tolist()
    for k, (name, periods) in enumerate(EVENTS.items()):
        days = set()
        for first, last in periods:
            day = date.fromisoformat(first)
            while day <= date.fromisoformat(last):
                days.add(day)
                day += timedelta(days=1)
        assert [day.date() in days for day in THREE_YEARS] == features[:, 7 + k].astype(bool).tolist(), name


@pytest.mark.parametrize("new_year", ["2022-02-01", "2023-01-22", "2024-02-10"])
def test_spring_festival_lies_around_the_lunar_new_year(new_year):
    around = pd.date_range(pd.Timestamp(new_year) - pd.Timedelta(days=20), periods=40)
    days = around[calendar_features(around)[:, NAMES.index("spring_festival")] == 1]
    assert len(days) == 8 and days[3] == pd.Timestamp(new_year)


@pytest.mark.parametrize(
    ("day", "events"),
    [
        ("2022-11-01", ["double_11"]), ("2022-11-11", ["double_11"]),  # 附件6
        ("2022-12-12", ["double_12"]), ("2023-01-18", []), ("2023-01-27", []), ("2023-05-03", ["labour_day"]),
        ("2023-05-16", []), ("2023-05-30", []),  # question 1
        ("2023-06-01", ["promotion_618"]), ("2023-06-20", ["promotion_618"]), ("2023-06-21", []),  # question 3
    ],
)  # fmt: skip
def test_days_of_the_contest(day, events):
    row = calendar_features(pd.DatetimeIndex([day]))[0]
    assert [name for name, value in zip(NAMES, row, strict=True) if value and name in EVENTS] == events


# ---- scaling: the first `n_train` days alone

demands = hnp.arrays(float, st.tuples(st.integers(1, 3), st.integers(2, 20)), elements=st.integers(0, 1000).map(float))


def test_scalers_by_hand():
    assert np.std([0.1, 0.1, 0.1]) > 0  # 0.1 + 0.1 + 0.1 is not 0.3
    demand = np.array([[2, 4, 4, 4, 5, 5, 7, 9, 19.0], [0.1, NAN, *[0.1] * 6, 3]])
    min_max, z = fit_scaler(demand, "min-max", 8), fit_scaler(demand, "z", 8)
    assert (min_max.shift.tolist(), min_max.scale.tolist()) == ([[2], [0.1]], [[7], [1]])
    np.testing.assert_allclose([z.shift, z.scale], [[[5], [0.1]], [[2], [1]]])  # a constant series gets scale 1
    with pytest.raises(ParameterError, match="kind is 'log'; choose 'min-max' or 'z'"):
        fit_scaler(demand, "log", 3)


@given(demand=demands, data=st.data())
def test_scaled_training_days_have_the_promised_range_and_moments(demand, data):
    n_train = data.draw(st.integers(1, demand.shape[1]))
    varies = np.ptp(demand[:, :n_train], axis=1) > 0
    scaled = {}
    for kind in ("min-max", "z"):
        scaler = fit_scaler(demand, kind, n_train)
        scaled[kind] = ((demand - scaler.shift) / scaler.scale)[varies, :n_train]
    np.testing.assert_array_equal(scaled["min-max"].min(axis=1), 0)
    np.testing.assert_array_equal(scaled["min-max"].max(axis=1), 1)
    np.testing.assert_allclose(scaled["z"].mean(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(scaled["z"].std(axis=1), 1, rtol=1e-9)


@given(kind=st.sampled_from(["min-max", "z"]), demand=demands, data=st.data())
def test_later_days_leave_the_scaler_bit_equal(kind, demand, data):
    n_train = data.draw(st.integers(1, demand.shape[1] - 1))
    changed = demand.copy()
    changed[:, n_train:] = 1e6
    first, second = fit_scaler(demand, kind, n_train), fit_scaler(changed, kind, n_train)
    np.testing.assert_array_equal([first.shift, first.scale], [second.shift, second.scale])
    changed[:, n_train - 1] = 1e6  # a change of a training day does show
    second = fit_scaler(changed, kind, n_train)
    assert ((first.shift != second.shift) | (first.scale != second.scale)).all()


# ---- aggregation


def test_a_period_with_a_missing_day_is_missing():
    demand = np.ones((2, 14))
    demand[0, 9] = NAN
    np.testing.assert_array_equal(aggregate(panel_of(demand, "2022-12-05"), "week"), [[7, NAN], [7, 7]])
    np.testing.assert_array_equal(aggregate(panel_of(demand, "2022-12-05"), "day"), demand)
    with pytest.raises(ParameterError, match="period is 'year'; choose day, week, month"):
        aggregate(panel_of(demand), "year")


@given(first=st.dates(date(2019, 12, 1), date(2024, 12, 31)), n_days=st.integers(1, 80))
def test_aggregates_equal_a_slow_loop(first, n_days):
    demand = np.arange(2.0 * n_days).reshape(2, n_days) ** 2
    days = [first + timedelta(days=k) for k in range(n_days)]
    starts = {"day": lambda day: True, "week": lambda day: day.weekday() == 0, "month": lambda day: day.day == 1}
    for period, starts_one in starts.items():
        begins = [k for k, day in enumerate(days) if starts_one(day)]
        if starts_one(days[-1] + timedelta(days=1)):  # the last period ends with the last day
            begins.append(n_days)
        expected = {days[a]: demand[:, a:b].sum(axis=1) for a, b in pairwise(begins)}
        got = aggregate(panel_of(demand, first), period)
        assert [day.date() for day in got.columns] == list(expected)
        np.testing.assert_allclose(got.to_numpy().T, np.array(list(expected.values())).reshape(-1, 2))


# ---- weeks, prices, columns known ahead -----------------------------------------------------------------------------


@pytest.fixture
def weekly() -> Panel:
    """Two products in three weeks from a Monday; a promotion known for two weeks more, and a holiday."""
    series = pd.DataFrame({"product_no": ["a", "b"]})
    promotion = {"promotion": np.array([[0.0, 1, 0, 1, 0], [0, 0, 0, 0, 1]])}
    days = {"holiday": [("2023-01-15", "2023-01-15")]}
    dates = pd.date_range("2023-01-02", periods=3, freq="7D")
    return Panel(series, dates, [[1.0, 2, 3], [4, np.nan, 6]], np.full((2, 3), 9.5), promotion, days)


def test_a_week_is_a_period_like_a_day(weekly):
    assert (weekly.frequency, weekly.keys, weekly.key_columns) == (WEEKLY, ["a", "b"], ["product_no"])
    assert [f"{date:%m-%d}" for date in weekly.dates_ahead(2)] == ["01-23", "01-30"]
    assert weekly.calendar(2)[:, -1].tolist() == [0, 1, 0, 0, 0]  # January 15 is the Sunday of the second week


def test_what_is_known_ahead_outlives_a_cut_and_prices_do_not(weekly):
    early = weekly.until(2)
    assert early.prices.shape == (2, 2)
    assert early.known_ahead(3)[:, :, 0].tolist() == weekly.ahead["promotion"].tolist()
    with pytest.raises(DataError, match="promotion is known to 2023-01-30; a forecast of 4 weeks needs 1 more"):
        early.known_ahead(4)
    assert weekly.select([1]).known_ahead(2)[:, :, 0].tolist() == [[0, 0, 0, 0, 1]]


def test_prices_promotions_and_holidays_come_back_from_a_file(weekly, tmp_path):
    weekly.to_frame().to_parquet(tmp_path / "panel.parquet", index=False)
    back = Panel.from_frame(pd.read_parquet(tmp_path / "panel.parquet"))
    np.testing.assert_array_equal(back.prices, weekly.prices)
    np.testing.assert_array_equal(back.known_ahead(2), weekly.known_ahead(2))
    np.testing.assert_array_equal(back.calendar(2), weekly.calendar(2))
