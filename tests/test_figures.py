"""Figures: every axis says what it shows, and no text is cut off at the edge of the canvas."""

import numpy as np
import pandas as pd
import pytest
from canvas import assert_whole

from bowerbird.data.panel import Panel
from bowerbird.forecaster.forecast import Forecast
from bowerbird.inventory.policy import Levels
from bowerbird.inventory.simulate import simulate
from bowerbird.studies import inventory
from bowerbird.studies import lstm as forecasting
from bowerbird.studies.inventory import at_equal_service

RNG = np.random.default_rng(0)
DATES = pd.date_range("2022-12-01", periods=90, name="date")
DEMAND = RNG.poisson(8, (12, 90)).astype(float)
KEYS = {"seller_no": "seller_12", "product_no": [f"product_{k}" for k in range(1200, 1212)], "warehouse_no": "wh_43"}
PANEL = Panel(pd.DataFrame(KEYS), DATES, DEMAND)
AHEAD = Forecast(
    np.full((12, 15), 7.5),
    mean=np.full((12, 15), 8.0),
    dispersion=np.full((12, 15), 0.1),
    dates=pd.date_range(DATES[75], periods=15, name="date"),
)


LEVELS = Levels(np.full((12, 90), 30.0), np.full((12, 90), 40.0))
WALK = simulate(DEMAND, LEVELS.s, LEVELS.S)
SERVICE = pd.DataFrame({
    "method": ["perfect foresight", "SBO-LSTM", "SBO-LSTM"], "origin": 60, "critical_ratio": [0.9, 0.5, 0.9],
    "fill_rate_after_lead_time": [1.0, 0.8, 0.9], "mean_stock": [10.0, 40.0, 60.0], "holding_cost": [1.0, 4.0, 6.0],
    "turnover_days": [0.2, 2.0, 3.0],
})  # fmt: skip

FIGURES = {
    "fans": lambda: forecasting.fans(PANEL, AHEAD, [0, 1, 2, 3]),
    "calibration": lambda: forecasting.calibration(np.array([0.1, 0.9]), np.array([0.15, 0.88])),
    "sawtooth": lambda: inventory.sawtooth(WALK, 3, LEVELS, PANEL.keys[3]),
    "cost of service": lambda: inventory.cost_of_service(SERVICE, at_equal_service(SERVICE, 0.85), 0.85),
}


@pytest.mark.parametrize("name", FIGURES)
def test_titled_labelled_and_whole(name):
    figure = FIGURES[name]()
    assert_whole(figure)
    axes = [axis for axis in figure.axes if axis.get_visible()]
    assert figure.get_suptitle() or any(axis.get_title() or axis.get_title(loc="left") for axis in axes), "no title"
    texts = [figure.get_supylabel(), *(axis.get_ylabel() for axis in axes), *(axis.get_xlabel() for axis in axes)]
    assert any(texts), "no axis says what it shows"
