"""The panel: shapes, selection, and the ways to tables and back."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bowerbird.data.panel import Panel
from bowerbird.data.reader import ATTRIBUTES, SERIES_KEY
from bowerbird.errors import ParameterError


def panel_of(demand: np.ndarray, first_day: str = "2022-12-30") -> Panel:
    n_series, n_days = demand.shape
    keys = [(f"seller_{i}", f"product_{10 - i}", "wh_1") for i in range(n_series)]
    series = pd.DataFrame(keys, columns=SERIES_KEY).assign(**{name: f"{name} 甲" for name in ATTRIBUTES})
    return Panel(series, pd.date_range(first_day, periods=n_days, name="date"), demand)


@pytest.fixture
def panel() -> Panel:
    return panel_of(np.array([[0.0, 1, 2, 3], [10, np.nan, 12, 13], [20, 21, 22, 23]]))


def test_sizes_and_keys(panel):
    assert (panel.n_series, panel.n_days) == (3, 4)
    assert panel.keys == ["seller_0/product_10/wh_1", "seller_1/product_9/wh_1", "seller_2/product_8/wh_1"]


@pytest.mark.parametrize("shape", [(4, 3), (3, 5), (2, 4), (12,)])
def test_refuses_demand_of_another_shape(panel, shape):
    with pytest.raises(
        ParameterError, match=r"demand has shape .*, but there are 3 series and 4 days; give it one row"
    ):
        Panel(panel.series, panel.dates, np.zeros(shape))


@pytest.mark.parametrize("rows", [[2, 0], np.array([2, 0])])
def test_select_by_row_numbers_keeps_their_order(panel, rows):
    chosen = panel.select(rows)
    assert chosen.demand.tolist() == [[20, 21, 22, 23], [0, 1, 2, 3]]
    assert chosen.keys == [panel.keys[2], panel.keys[0]]
    assert chosen.series.index.to_list() == [0, 1]
    assert chosen.dates.equals(panel.dates)


@pytest.mark.parametrize("mask", [[True, False, True], np.array([True, False, True]), pd.Series([True, False, True])])
def test_select_by_mask(panel, mask):
    assert panel.select(mask).keys == [panel.keys[0], panel.keys[2]]


def test_until_forgets_all_later_days(panel):
    early = panel.until(2)
    np.testing.assert_array_equal(early.demand, [[0, 1], [10, np.nan], [20, 21]])
    assert early.dates.strftime("%m-%d").to_list() == ["12-30", "12-31"]
    assert panel.until(4).demand.shape == (3, 4)
    for n_days in (0, -1, 5):
        with pytest.raises(ParameterError, match=f"n_days is {n_days}; give a number from 1 to 4"):
            panel.until(n_days)


def test_wide_table(panel):
    frame = panel.to_frame()
    assert list(frame.columns[-4:]) == ["2022-12-30", "2022-12-31", "2023-01-01", "2023-01-02"]
    assert frame.loc[1, "2023-01-01"] == 12
    assert frame.loc[1, "product_no"] == "product_9"


@given(
    demand=hnp.arrays(
        float, st.tuples(st.integers(1, 4), st.integers(1, 9)), elements=st.floats(0, 1e9) | st.just(np.nan)
    )
)
def test_to_frame_and_back(demand):
    panel = panel_of(demand)
    back = Panel.from_frame(panel.to_frame())
    np.testing.assert_array_equal(back.demand, demand)
    pd.testing.assert_frame_equal(back.series, panel.series)
    pd.testing.assert_index_equal(back.dates, panel.dates, exact=False)
    assert back.dates.freq == panel.dates.freq


def test_to_parquet_and_back(panel, tmp_path):
    panel.select([2, 1]).to_frame().to_parquet(tmp_path / "panel.parquet")
    back = Panel.from_frame(pd.read_parquet(tmp_path / "panel.parquet"))
    np.testing.assert_array_equal(back.demand, panel.demand[[2, 1]])
    assert back.keys == [panel.keys[2], panel.keys[1]]
    assert (back.dates == panel.dates).all()


def test_a_wide_table_with_a_day_missing_is_refused(panel):
    with pytest.raises(ValueError, match="frequency"):
        Panel.from_frame(panel.to_frame().drop(columns="2022-12-31"))


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        (pd.date_range("2023-01-02", periods=4, freq="W-MON"), "dates go from 2023-01-02 to 2023-01-09; give every"),
        (pd.to_datetime(["2023-01-01", "2023-01-02", "2023-01-04", "2023-01-05"]), "from 2023-01-02 to 2023-01-04"),
        (pd.to_datetime(["2023-01-01", "2023-01-02", "2023-01-02", "2023-01-03"]), "from 2023-01-02 to 2023-01-02"),
        (pd.date_range("2023-01-04", periods=4, freq="-1D"), "dates go from 2023-01-04 to 2023-01-03"),
    ],
)
def test_days_that_are_not_consecutive_are_refused(panel, dates, message):
    with pytest.raises(ParameterError, match=message):
        Panel(panel.series, dates, panel.demand)


def test_a_series_that_stands_twice_is_refused(panel):
    with pytest.raises(ParameterError, match="series seller_0/product_10/wh_1 stands twice; give one row a series"):
        panel.select([0, 1, 0])


@pytest.mark.parametrize(("value", "said"), [(-3, "-3"), (np.inf, "inf")])
def test_demand_that_no_day_can_have_is_refused(panel, value, said):
    demand = panel.demand.copy()
    demand[1, 2] = value
    with pytest.raises(ParameterError, match=f"demand of series seller_1/product_9/wh_1 is {said} on 2023-01-01; give"):
        Panel(panel.series, panel.dates, demand)


def test_a_mask_marks_missing_days(panel):
    masked = np.ma.masked_array(np.arange(12.0).reshape(3, 4), np.eye(3, 4, dtype=bool))
    np.testing.assert_array_equal(Panel(panel.series, panel.dates, masked).demand, masked.filled(np.nan))
