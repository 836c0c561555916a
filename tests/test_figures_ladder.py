"""The ladder's figures: every axis says what it shows, nothing is cut off, and the marks are where the numbers are."""

import numpy as np
import pandas as pd
import pytest
from canvas import assert_whole

from bowerbird.errors import ParameterError
from bowerbird.evaluation.levels import LEVELS, PERIODS
from bowerbird.studies import forecasts as figures

METHODS = {
    "zero": ("simple", 0.0), "SES(.1)": ("simple", 0.54), "forgetting factors (document 002)": ("simple", 0.52),
    "L1 stack of simple forecasts, denoised": ("denoised", 0.55), "LightGBM L1": ("learning", 0.56),
    "SBO-LSTM": ("neural", 0.57), "best constant in hindsight": ("hindsight", 0.66),
}  # fmt: skip
TABLE = pd.DataFrame([
    {"protocol": p, "method": m, "kind": k, "1-WMAPE": s, "low": s - 0.03, "high": s + 0.03, "bias": s - 0.6}
    for p in ("P15", "P25", "R") for m, (k, s) in METHODS.items()
])  # fmt: skip
DIFFERENCES = pd.DataFrame([
    {"protocol": p, "method": "SBO-LSTM", "other": o, "difference": d, "low": d - 0.01, "high": d + 0.01}
    for p in ("P15", "R") for o, d in (("SES(.1)", 0.03), ("LightGBM L1", 0.002), ("median 21", -0.02))
])  # fmt: skip
BY_LEVEL = pd.DataFrame([
    {"method": m, "level": level, "period": p, "1-WMAPE": 0.5 + 0.08 * k + shift, "bias": 5 * shift}
    for m, shift in (("SES(.1)", 0.0), ("median 21", -0.02)) for k, level in enumerate(LEVELS) for p in PERIODS
])  # fmt: skip
FIGURES = {
    "ladder": lambda: figures.ladder(TABLE),
    "differences": lambda: figures.differences(DIFFERENCES),
    "levels": lambda: figures.levels(BY_LEVEL),
}


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_labelled_and_nothing_cut_off(make):
    figure = make()
    assert_whole(figure)
    for axis in figure.axes:
        assert axis.get_title()


def test_points_stand_at_their_scores_in_order_of_the_last_protocol():
    figure = figures.ladder(TABLE)
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names[0] == "zero" and names[-1] == "SBO-LSTM" and "best constant in hindsight" not in names
    points = figure.axes[2].collections[-1].get_offsets()
    expected = [max(METHODS[name][1], 0.4) for name in names]  # zero stands at the left edge
    np.testing.assert_allclose(np.asarray(points)[:, 0], expected)
    assert next(line.get_xdata()[0] for line in figure.axes[2].lines if line.get_linestyle() == "--") == 0.66


def test_only_a_difference_beyond_chance_is_coloured():
    figure = figures.differences(DIFFERENCES)
    colours = figure.axes[0].collections[-1].get_facecolors()[:, :3]
    expected = [figures.RED, figures.GREY, figures.GREEN]  # from below: median 21, LightGBM L1, SES(.1)
    np.testing.assert_allclose(colours, np.array(expected), atol=0.01)


def test_the_bias_stands_beside_the_levels():
    bars = figures.levels(BY_LEVEL).axes[-1].patches
    assert [bar.get_width() for bar in bars] == pytest.approx([0.0, -0.1])


def test_too_many_methods_for_one_figure():
    many = pd.concat(BY_LEVEL.assign(method=f"m{k}") for k in range(8))
    with pytest.raises(ParameterError, match="choose 7 or fewer"):
        figures.levels(many)
