"""Sliders draw the figures of notebooks 02, 05 and 10; without ipywidgets or a reader four frames stand there."""

import sys

import numpy as np
import pytest

from bowerbird import sbo
from bowerbird.studies import clustering, inventory, search, style

HISTORY = [np.random.default_rng(k).dirichlet(np.ones(3), size=20) for k in range(7)]
DEMAND = np.array([2, 0, 3, 1, 0, 4, 2, 2, 0, 1, 5, 2.0])


@pytest.fixture
def shown(monkeypatch):
    """The figures that were displayed, in a kernel that a Jupyter server has started."""
    pytest.importorskip("ipywidgets")
    figures = []
    monkeypatch.setenv(style.IN_JUPYTER, "/notebooks/05_bowerbird_search.ipynb")
    monkeypatch.setattr(style, "display", figures.append)
    return figures


def titles(figure):
    return [axis.get_title() for axis in figure.axes if axis.get_title()]


def test_em_at_the_sliders_iteration(shown):
    (slider,) = clustering.em_steps(HISTORY).children[:-1]
    assert (slider.min, slider.max, slider.value) == (1, 7, 5)
    slider.value = 3
    assert titles(shown[-1]) == ["iteration 1", "iteration 3", "iteration 7"]
    order = np.lexsort((-HISTORY[-1].max(axis=1), HISTORY[-1].argmax(axis=1)))
    assert np.array_equal(shown[-1].axes[1].images[0].get_array(), HISTORY[2][order])


def test_bowers_at_the_sliders_generation(shown):
    space = {"x1": sbo.Float(-5, 5), "x2": sbo.Float(-5, 5)}
    history = sbo.minimize(sbo.one_by_one(lambda x: x["x1"] ** 2 + x["x2"] ** 2), space, max_evaluations=45).history
    (slider,) = search.bowers_with_slider(history, lambda x: x["x1"] ** 2 + x["x2"] ** 2, space).children[:-1]
    assert (slider.min, slider.max) == (0, 2)
    slider.value = 1
    assert titles(shown[-1])[1] == "generation 1"
    assert np.array_equal(shown[-1].axes[1].lines[0].get_xdata(), history.query("generation == 1")["x1"])


def test_the_sawtooth_follows_its_sliders(shown):
    view = inventory.sawtooth_with_sliders(DEMAND, 4, 10, "a pen", opening_stock=5, lead_time=2)
    sliders = {slider.description: slider for slider in view.children[:-1]}
    assert [slider.value for slider in sliders.values()] == [4, 6, 2]
    sliders["reorder point"].value = 0  # nothing is ever ordered: a position is never below 0
    assert "fill rate 23%" in titles(shown[-1])[0], "the five units at hand, of 22 asked for"
    assert "orders 0" in titles(shown[-1])[0] and titles(shown[-1])[0].startswith("a pen, ")
    sliders["lead time"].value, sliders["reorder point"].value = 0, 9
    assert "fill rate 100%" in titles(shown[-1])[0], "an order of the morning serves the day"


@pytest.mark.parametrize("why", ["no reader", "no ipywidgets"])
def test_where_nobody_can_move_a_slider_four_frames_stand(shown, monkeypatch, why):
    if why == "no reader":
        monkeypatch.delenv(style.IN_JUPYTER)
    else:
        monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert clustering.em_steps(HISTORY) is None
    assert [titles(figure)[1] for figure in shown] == [f"iteration {k}" for k in (1, 3, 5, 7)]
