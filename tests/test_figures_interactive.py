"""Sliders draw the figures of the package; without ipywidgets a sentence stands in their place."""

import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from bowerbird import sbo
from bowerbird.errors import ParameterError
from bowerbird.studies import interactive

RNG = np.random.default_rng(0)
HISTORY = [RNG.dirichlet(np.ones(3), size=20) for _ in range(7)]
SPACE = {"x1": sbo.Float(-5, 5), "x2": sbo.Float(-5, 5)}
DEMAND = np.array([2, 0, 3, 1, 0, 4, 2, 2, 0, 1, 5, 2.0])


def sphere(x):
    return sum(value**2 for value in x.values())


SEARCH = sbo.minimize(sphere, SPACE, n_bowers=4, max_evaluations=16)


@pytest.fixture(autouse=True)
def reader(monkeypatch):
    """As in a kernel that a Jupyter server has started."""
    monkeypatch.setenv(interactive.IN_JUPYTER, "/notebooks/04_sbo.ipynb")


def test_a_run_that_nobody_reads_has_no_sliders(monkeypatch, capsys):
    monkeypatch.delenv(interactive.IN_JUPYTER)
    assert interactive.em_steps(HISTORY) is None
    assert "JupyterLab" in capsys.readouterr().out


@pytest.fixture
def shown(monkeypatch):
    """The figures that were displayed, in order."""
    figures = []
    monkeypatch.setattr(interactive, "display", figures.append)
    return figures


def titles(figure):
    return [axis.get_title() for axis in figure.axes if axis.get_title()]


def test_em_at_the_sliders_iteration(shown):
    pytest.importorskip("ipywidgets")
    view = interactive.em_steps(HISTORY)
    (slider,) = view.children[:-1]
    assert (slider.min, slider.max, slider.value) == (1, 7, 5)
    slider.value = 3
    assert titles(shown[-1]) == ["iteration 1", "iteration 3", "iteration 7"]
    order = np.lexsort((-HISTORY[-1].max(axis=1), HISTORY[-1].argmax(axis=1)))
    assert np.array_equal(shown[-1].axes[1].images[0].get_array(), HISTORY[2][order])


def test_bowers_at_the_sliders_generation(shown):
    pytest.importorskip("ipywidgets")
    view = interactive.bowers(SEARCH.history, sphere, SPACE)
    (slider,) = view.children[:-1]
    assert (slider.min, slider.max) == (0, SEARCH.history["generation"].max())
    slider.value = 1
    assert titles(shown[-1])[1] == "generation 1"
    dots = shown[-1].axes[1].lines[0].get_xdata()
    assert np.array_equal(dots, SEARCH.history.query("generation == 1")["x1"])


def test_the_sawtooth_follows_its_sliders(shown):
    pytest.importorskip("ipywidgets")
    view = interactive.sawtooth(DEMAND, s=4, S=10, name="a pen", opening_stock=5, lead_time=2)
    sliders = {slider.description: slider for slider in view.children[:-1]}
    assert {name: slider.value for name, slider in sliders.items()} == {
        "reorder point": 4, "least order": 6, "lead time": 2,
    }  # fmt: skip
    sliders["reorder point"].value = 0  # nothing is ever ordered: a position is never below 0
    assert "fill rate 23%" in titles(shown[-1])[0], "the five units at hand, of 22 asked for"
    assert "orders 0" in titles(shown[-1])[0] and titles(shown[-1])[0].startswith("a pen, ")
    sliders["lead time"].value, sliders["reorder point"].value = 0, 9
    assert "fill rate 100%" in titles(shown[-1])[0], "an order of the morning serves the day"
    assert isinstance(shown[-1], Figure)
    assert interactive.sawtooth(DEMAND, 4, 10, "a pen", lead_time=20).children[2].value == 20


def test_without_ipywidgets_a_sentence(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert interactive.em_steps(HISTORY) is None
    assert interactive.bowers(SEARCH.history, sphere, SPACE) is None
    assert interactive.sawtooth(DEMAND, 4, 10, "a pen") is None
    assert capsys.readouterr().out.count("[interactive]") == 3


def test_wrong_input_is_named():
    with pytest.raises(ParameterError, match="history is empty"):
        interactive.em_steps([])
    with pytest.raises(ParameterError, match="space has 1 names"):
        interactive.bowers(SEARCH.history, sphere, {"x1": SPACE["x1"]})
    with pytest.raises(ParameterError, match=r"shape \(1, 12\)"):
        interactive.sawtooth(DEMAND[None], 4, 10, "a pen")
    with pytest.raises(ParameterError, match="s is 11, S is 10"):
        interactive.sawtooth(DEMAND, 11, 10, "a pen")
