"""Figures of daily operation: titled, labelled, nothing cut off."""

import numpy as np
import pandas as pd
import pytest
from canvas import assert_whole

from bowerbird.studies import operation

WAYS = [
    "no update",
    "state update",
    "weekly fine-tuning",
    "SES, updated daily",
    "TSB, updated daily",
    "median 21, updated daily",
]
SCORES = pd.DataFrame(np.linspace(0.4, 0.6, 60).reshape(10, 6), pd.date_range("2023-05-01", periods=10), WAYS)
TABLE = pd.DataFrame({"updating": WAYS, "difference": [-0.1, 0, 0.01, -0.02, -0.03, -0.01]})
TABLE = TABLE.assign(low=TABLE["difference"] - 0.02, high=TABLE["difference"] + 0.02)
SECONDS = pd.DataFrame(
    {"date": SCORES.index[:8], "fine-tuned": [False] * 7 + [True], "update": 0.5, "report": 0.2, "seconds": 0.7}
)
FIGURES = {
    "updates": lambda: operation.updates(SCORES, TABLE),
    "seconds_a_day": lambda: operation.seconds_a_day(SECONDS),
}


def test_every_figure_function_is_tried():
    made = {name for name, value in vars(operation).items() if getattr(value, "__module__", "") == operation.__name__}
    assert made == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_titled_labelled_and_whole(name):
    figure = FIGURES[name]()
    assert_whole(figure)
    assert all(axis.get_title() and (axis.get_ylabel() or axis.get_xlabel()) for axis in figure.axes)
