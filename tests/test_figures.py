"""Figures: every axis says what it shows, and no text is cut off at the edge of the canvas."""

import numpy as np
import pandas as pd
import pytest
from canvas import assert_whole

from bowerbird.data.panel import Panel
from bowerbird.forecaster.forecast import Forecast
from bowerbird.studies import lstm as forecasting

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

FIGURES = {
    "fans": lambda: forecasting.fans(PANEL, AHEAD, [0, 1, 2, 3]),
    "calibration": lambda: forecasting.calibration(np.array([0.1, 0.9]), np.array([0.15, 0.88])),
}


@pytest.mark.parametrize("name", FIGURES)
def test_titled_labelled_and_whole(name):
    figure = FIGURES[name]()
    assert_whole(figure)
    axes = [axis for axis in figure.axes if axis.get_visible()]
    assert figure.get_suptitle() or any(axis.get_title() or axis.get_title(loc="left") for axis in axes), "no title"
    texts = [figure.get_supylabel(), *(axis.get_ylabel() for axis in axes), *(axis.get_xlabel() for axis in axes)]
    assert any(texts), "no axis says what it shows"
