import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bowerbird.errors import ParameterError
from bowerbird.inventory.plan import replenishment_plan, whole_units
from bowerbird.inventory.policy import periodic_review_levels

SERIES = pd.DataFrame(
    {
        "seller_no": ["seller_6", "seller_6", "seller_1"],
        "product_no": ["product_1312", "product_1314", "product_9"],
        "warehouse_no": ["wh_43", "wh_43", "wh_1"],
        "category1": ["a", "b", "c"],
    },
    index=[12, 5, 7],
)
DATES = pd.date_range("2023-05-16", "2023-05-30")


def inputs():
    rng = np.random.default_rng(7)
    mean = np.array([[2.4], [0.3], [17.0]]) * rng.uniform(0.8, 1.2, (3, 15))
    return rng.poisson(mean[:, None, :], size=(3, 200, 15)), mean


def test_plan_has_the_contests_columns_and_one_row_an_item_and_day():
    samples, mean = inputs()
    plan = replenishment_plan(SERIES, DATES, samples, mean, service_level=0.95)
    assert list(plan) == [
        "seller_no", "product_no", "warehouse_no", "date", "s", "S",
        "opening_stock", "arrivals", "forecast_demand", "order", "closing_stock",
    ]  # fmt: skip
    assert len(plan) == 3 * 15 and not plan.duplicated(["seller_no", "product_no", "warehouse_no", "date"]).any()
    assert plan["product_no"].tolist() == ["product_1312"] * 15 + ["product_1314"] * 15 + ["product_9"] * 15
    assert plan["date"].tolist() == list(DATES) * 3
    levels = periodic_review_levels(samples, service_level=0.95)
    np.testing.assert_array_equal(plan["s"].to_numpy().reshape(3, 15), levels.s)
    np.testing.assert_array_equal(plan["S"].to_numpy().reshape(3, 15), levels.S)
    assert (plan.dtypes.iloc[4:] == np.int64).all()


def test_plan_can_be_followed_row_by_row():
    samples, mean = inputs()
    plan = replenishment_plan(SERIES, DATES, samples, mean, service_level=0.95)
    for _, item in plan.groupby("product_no", sort=False):
        stock, pending = 5, [0] * 3
        for row in item.itertuples():
            assert row.opening_stock == stock and row.arrivals == pending[0]
            stock += pending.pop(0)
            position = stock + sum(pending)
            assert row.order == (row.S - position if position < row.s else 0)
            pending.append(row.order)
            stock = max(stock - row.forecast_demand, 0)
            assert row.closing_stock == stock


def test_plan_looks_beyond_its_last_day_where_the_samples_do():
    samples, mean = inputs()
    longer = np.concatenate([samples, samples[:, :, :4] + 50], axis=2)
    short, long = (replenishment_plan(SERIES, DATES, x, mean, service_level=0.95) for x in (samples, longer))
    unchanged = (short["s"] == long["s"]).to_numpy().reshape(3, 15)
    assert unchanged[:, :12].all() and not unchanged[:, 12:].any()  # day 12 is the last whose 4 days end in the plan


@given(hnp.arrays(float, (2, 15), elements=st.floats(0, 50)))
def test_whole_units_keep_the_running_total(mean):
    units = whole_units(mean)
    assert (units >= 0).all()
    assert (np.abs(units.cumsum(axis=1) - mean.cumsum(axis=1)) <= 0.5 + 1e-9).all()


def test_shapes_that_do_not_fit_are_refused():
    samples, mean = inputs()
    with pytest.raises(ParameterError, match="forecast_mean"):
        replenishment_plan(SERIES, DATES, samples, mean[:, :14], service_level=0.95)
