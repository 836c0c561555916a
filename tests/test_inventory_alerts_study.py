import numpy as np
import pandas as pd
import pytest

from bowerbird.planning.alerts import Thresholds
from bowerbird.planning.demand_watch import WARM_UP
from bowerbird.studies.planning import FOUND_WITHIN, Planted, plant, precision_and_recall, stock_precision_and_recall


@pytest.fixture(scope="module")
def planted():
    return plant(400, seed=3)


def test_events_are_in_the_demand(planted):
    events = planted.events
    assert set(events["event"]) == set(FOUND_WITHIN) and not events["row"].duplicated().any()
    ratios = {}
    for row, day, event in events[["row", "day", "event"]].to_numpy():
        before, after = planted.demand[row, day - WARM_UP : day].mean(), planted.demand[row, day : day + 14].mean()
        ratios.setdefault(event, []).append(after / before)
        if event == "stock-out":
            assert (planted.demand[row, day : day + 14] == 0).all()
        if event == "spike":
            assert planted.factor[row, day] > 1 and (planted.factor[row] != 1).sum() == 1
    assert np.median(ratios["rise"]) > 2 and np.median(ratios["fall"]) < 0.5 and np.median(ratios["end of life"]) < 0.8


def test_precision_and_recall_on_the_twin(planted):
    table = precision_and_recall(planted).set_index("event")
    assert (table["precision"] > [0.3, 0.6, 0.8, 0.75, 0.8]).all(), table
    assert (table["recall"] > [0.6, 0.7, 0.7, 0.4, 0.8]).all(), table
    assert table.loc["spike", "days"] == 0 and table.loc["stock-out", "days"] <= 5


def test_higher_thresholds_trade_recall_for_precision(planted):
    low, high = (
        precision_and_recall(planted, Thresholds(anomaly=a, shift=s)).set_index("event") for a, s in ((3.5, 5), (7, 10))
    )
    for event in ("spike", "rise", "fall"):
        assert low.loc[event, "recall"] > high.loc[event, "recall"]
        assert low.loc[event, "precision"] < high.loc[event, "precision"]


def test_counting_by_hand():
    # Two series of 10 a day; a spike in one, which is found; in the other one that nobody planted, before its own.
    rows = pd.DataFrame({"seller_no": ["a", "a"], "product_no": ["p", "q"], "warehouse_no": ["w", "w"]})
    demand, mean, factor = np.full((2, 90), 10.0), np.full((2, 90), 10.0), np.ones((2, 90))
    demand[:, 60], factor[0, 60] = 90, 8
    events = pd.DataFrame({"row": [0, 1], "day": [60, 70], "event": ["spike", "spike"]})
    planted = Planted(rows, pd.date_range("2023-01-01", periods=90), demand, mean, factor, events)
    table = precision_and_recall(planted).set_index("event")
    spike, missed = table.loc["spike"], table.loc["stock-out"]
    assert (spike["events"], spike["found"], spike["alerts"], spike["right"]) == (2, 1, 2, 1)
    assert spike["recall"] == 0.5 and spike["precision"] == 0.5 and spike["days"] == 0
    assert missed["events"] == missed["alerts"] == 0 and np.isnan(missed["recall"]) and np.isnan(missed["precision"])


def test_stock_alerts_come_true_as_often_as_they_say():
    table = stock_precision_and_recall(400, seed=1).set_index("kind")
    assert table.loc["stockout risk", "recall"] > 0.85 and table.loc["stockout risk", "precision"] > 0.5
    assert table.loc["overstock", "precision"] > 0.9 and table.loc["overstock", "recall"] > 0.6
    surer = stock_precision_and_recall(400, seed=1, thresholds=Thresholds(stockout_probability=0.8)).set_index("kind")
    assert surer.loc["stockout risk", "precision"] > 0.8
