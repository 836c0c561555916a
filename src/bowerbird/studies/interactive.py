"""Sliders for three things that are understood by moving them: EM, the bowers, the (s, S) sawtooth.

They need ipywidgets (`pip install -e ".[interactive]"`) and somebody who moves them, in JupyterLab or on Binder;
elsewhere they say so. Nothing of a run depends on them, and its pages show the still figures: a notebook that papermill
runs has no sliders, as their messages can leave kernel and client waiting for each other.
"""

import os
from collections.abc import Callable

import numpy as np
import pandas as pd
from IPython.display import display

from bowerbird.errors import ParameterError
from bowerbird.inventory.policy import Levels
from bowerbird.inventory.simulate import simulate
from bowerbird.runs import IN_JUPYTER
from bowerbird.studies import clustering as clusters
from bowerbird.studies import inventory, search


def em_steps(history: list[np.ndarray]):
    """Responsibilities at the first iteration of EM, at the slider's, and at the last.

    Parameters
    ----------
    history : list of arrays (n_series, n_clusters)
        Responsibilities at every iteration [w_ik], as the callback of `PolynomialRegressionMixture.fit` is given them.

    Returns
    -------
    ipywidgets.interactive, or None without ipywidgets or a reader.
    """
    if not history:
        raise ParameterError("history is empty; gather the responsibilities by the callback of fit")
    n = len(history)

    def draw(iteration):
        return clusters.responsibilities(history, [1, iteration, n])

    return _sliders(draw, iteration=(min(5, n), 1, n))


def bowers(history: pd.DataFrame, objective: Callable[[dict], float], space: dict):
    """Bowers of a two-dimensional search at its start, at the slider's generation, and at its end.

    Parameters
    ----------
    history : DataFrame
        `sbo.Result.history`.
    objective : callable
        What was minimized; it is evaluated on a grid, so it should be cheap.
    space : dict
        Two names, each a `sbo.Float`.

    Returns
    -------
    ipywidgets.interactive, or None without ipywidgets or a reader.
    """
    if len(space) != 2:
        raise ParameterError(f"space has {len(space)} names; bowers can be shown in a plane, so give two")
    last = int(history["generation"].max())

    def draw(generation):
        return search.bowers(history, objective, space, [0, generation, last])

    return _sliders(draw, generation=(min(2, last), 0, last))


def sawtooth(demand: np.ndarray, s: int, S: int, name: str, opening_stock: int = 5, lead_time: int = 3):
    """One item's stock under an (s, S) policy of constant levels, with sliders for s, the least order S - s, and LT.

    Parameters
    ----------
    demand : array (n_days,)
        Units asked for a day.
    s, S : int
        Where the sliders begin: the reorder point and the order-up-to level.
    name : str
        The item's, for the title.
    opening_stock : int
        Units on hand at the start.
    lead_time : int
        Where its slider begins: days from order to arrival [LT].

    Returns
    -------
    ipywidgets.interactive, or None without ipywidgets or a reader.
    """
    demand = np.asarray(demand, dtype=float)
    if demand.ndim != 1:
        raise ParameterError(f"demand has shape {demand.shape}; give one item's days, (n_days,)")
    if not 0 <= s <= S:
        raise ParameterError(f"s is {s}, S is {S}; give 0 <= s <= S")

    def draw(reorder_point, least_order, lead_time):
        levels = [np.full((1, len(demand)), level, float) for level in (reorder_point, reorder_point + least_order)]
        walk = simulate(demand[None], *levels, opening_stock=opening_stock, lead_time=lead_time)
        filled, n_orders = walk.sales.sum() / max(demand.sum(), 1), (walk.orders > 0).sum()
        happened = f"fill rate {filled:.0%}, mean stock {walk.closing_stock.mean():.0f}, orders {n_orders}"
        return inventory.sawtooth(walk, 0, Levels(*levels), f"{name}, {happened}")

    high = int(3 * max(S, demand.max(), 1))
    ranges = {"reorder_point": (s, 0, high), "least_order": (S - s, 0, high)}
    return _sliders(draw, **ranges, lead_time=(lead_time, 0, max(14, lead_time)))


def _sliders(draw: Callable, **ranges: tuple[int, int, int]):
    """A view that draws the figure again when a slider, (value, low, high), is let go."""
    if IN_JUPYTER not in os.environ:
        print("A slider stands here when the notebook is run in JupyterLab.")
        return None
    try:
        from ipywidgets import IntSlider, interactive
    except ImportError:
        print('A slider stands here with ipywidgets: pip install -e ".[interactive]", and run this cell again.')
        return None
    sliders = {
        name: IntSlider(value, low, high, description=name.replace("_", " "), continuous_update=False)
        for name, (value, low, high) in ranges.items()
    }
    return interactive(lambda **values: display(draw(**values)), **sliders)
