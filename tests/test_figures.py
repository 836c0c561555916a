"""Figures: every axis says what it shows, and no text is cut off at the edge of the canvas."""

import numpy as np
import pandas as pd
import pytest
from canvas import assert_whole

from bowerbird.data.panel import Panel
from bowerbird.forecaster.forecast import Forecast
from bowerbird.inventory.policy import Levels
from bowerbird.inventory.simulate import simulate
from bowerbird.sbo import Float, minimize
from bowerbird.studies import clustering as clusters
from bowerbird.studies import inventory, search
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


def sphere(x):
    return sum(value**2 for value in x.values())


SPACE = {"x1": Float(-5, 5), "x2": Float(-5, 5)}
SEARCH = minimize(sphere, SPACE, n_bowers=6, max_evaluations=36)
RUNS = pd.concat(
    SEARCH.history.assign(problem=f, method=m, seed=0) for f in ("sphere", "Ackley") for m in ("SBO", "random search")
)
LEVELS = Levels(np.full((12, 90), 30.0), np.full((12, 90), 40.0))
WALK = simulate(DEMAND, LEVELS.s, LEVELS.S)
SERVICE = pd.DataFrame({
    "method": ["perfect foresight", "SBO-LSTM", "SBO-LSTM"], "origin": 60, "critical_ratio": [0.9, 0.5, 0.9],
    "fill_rate_after_lead_time": [1.0, 0.8, 0.9], "mean_stock": [10.0, 40.0, 60.0], "holding_cost": [1.0, 4.0, 6.0],
    "turnover_days": [0.2, 2.0, 3.0],
})  # fmt: skip
RESPONSIBILITIES = [RNG.dirichlet(np.ones(3), 12) for _ in range(4)]

FIGURES = {
    "likelihood": lambda: clusters.likelihood({"corrected": [-9e3, -8e3, -7.9e3]}),
    "responsibilities": lambda: clusters.responsibilities(RESPONSIBILITIES, [1, 2, 4]),
    "mean curves": lambda: clusters.mean_curves(
        DATES, np.log1p(DEMAND), np.full((7, 90), 2.0), np.full(7, 0.2), np.arange(12) % 7
    ),
    "one curve": lambda: clusters.one_curve(DATES, DEMAND[0], {"degree 1": DEMAND[1], "degree 6": DEMAND[2]}),
    "criteria": lambda: clusters.criteria(
        pd.DataFrame({"K": [2, 4, 8], "BIC": [9e4, 8e4, 7e4], "AIC": [9e4, 7e4, 6e4], "ICL": [9e4, 8e4, 8e4]})
    ),
    "blind starts": lambda: clusters.draw_blind_starts(
        pd.DataFrame({"records off": np.r_[0, 4, 10 ** np.linspace(2, 5, 22)], "inertia": np.linspace(0.9, 1.6, 24)}),
        1.0,
    ),
    "code slices": lambda: clusters.code_slices(np.arange(500) % 120, np.arange(500) // 50, np.ones(500)),
    "bowers": lambda: search.bowers(SEARCH.history, sphere, SPACE, [0, 1, 2]),
    "convergence": lambda: search.convergence(RUNS),
    "win rates": lambda: search.draw_win_rates(
        pd.DataFrame({"evaluations": 60, "against": ["random", "TPE"], "won": 0.6, "low": 0.5, "high": 0.8}), "SBO"
    ),
    "tuning": lambda: search.tuning({"SBO, paper": SEARCH.history, "SBO, tuned": SEARCH.history}),
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
