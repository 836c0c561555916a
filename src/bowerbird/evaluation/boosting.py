"""Gradient-boosted trees over all series: one LightGBM, direct forecasts, the number of days ahead a feature.

The target is demand relative to the series' recent level, y / s. With weights s the loss of the relative errors is the
absolute error in units, sum s |y / s - f| = sum |y - s f|: what 1 - WMAPE asks for.
"""

from dataclasses import dataclass

import numpy as np

from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.evaluation.lag_features import CATEGORIES, Design, design_at, training_design
from bowerbird.library import require
from bowerbird.seeds import stream

LOSSES = ("L1", "Tweedie")
TWEEDIE_POWER = 1.5  # between Poisson (1) and gamma (2): a mass at zero, a long tail


@dataclass(frozen=True)
class Boosting:
    """Settings of the trees; an instance is a forecaster of the ladder.

    Attributes
    ----------
    loss : {"L1", "Tweedie"}
        Median or mean of each day's demand.
    trees, leaves : int
    learning_rate : float
    smallest_leaf : int
        Rows a leaf must hold.
    first_origin, every : int
        Training origins: from the first on, one in so many days.
    days_each : int
        Days ahead drawn for each training origin.
    half_life : float
        Days after which a training origin weighs half; infinite for equal weights.
    attributes : bool
        Whether the trees see seller, warehouse and categories; on five months of demand they learn them by heart.
    """

    loss: str = "L1"
    trees: int = 100
    leaves: int = 31
    learning_rate: float = 0.05
    smallest_leaf: int = 200
    first_origin: int = 28
    every: int = 3
    days_each: int = 4
    half_life: float = 28.0
    attributes: bool = False

    def __post_init__(self):
        if self.loss not in LOSSES:
            raise ParameterError(f"loss is {self.loss!r}; choose one of {', '.join(map(repr, LOSSES))}")

    def __call__(self, panel: Panel, horizon: int, seed: int = 0) -> np.ndarray:
        """Train on the panel and forecast the days after it; (n_series, horizon), units a day."""
        origins = np.arange(panel.n_days - 1, self.first_origin - 1, -self.every)[::-1]
        if len(origins) == 0:
            raise ParameterError(
                f"the panel has {panel.n_days} days and first_origin is {self.first_origin}; give more days, or an "
                "earlier first origin"
            )
        rng = stream(seed, "boosting/examples")
        model = self.fit(training_design(panel, origins, horizon, rng, self.days_each), panel.n_days, seed)
        ahead = design_at(panel, panel.n_days, horizon)
        forecast = ahead.scale * model.predict(self._seen(ahead))
        return np.maximum(forecast, 0).reshape(panel.n_series, horizon)

    def fit(self, design: Design, now: int, seed: int):
        """The trained LGBMRegressor of relative demand."""
        age = now - design.origin  # days
        recency = 0.5 ** (age / self.half_life)
        # L1: |y - s f| = s |y/s - f|.  Tweedie deviance: D(y, s f) = s^(2-p) D(y/s, f)
        power = 1.0 if self.loss == "L1" else 2 - TWEEDIE_POWER
        tweedie = {"objective": "tweedie", "tweedie_variance_power": TWEEDIE_POWER}
        objective = {"objective": "l1"} if self.loss == "L1" else tweedie
        model = require("lightgbm").LGBMRegressor(
            n_estimators=self.trees, num_leaves=self.leaves, learning_rate=self.learning_rate,
            min_child_samples=self.smallest_leaf, colsample_bytree=0.7, subsample=0.7, subsample_freq=1, cat_smooth=50,
            random_state=seed, deterministic=True, force_row_wise=True, n_jobs=1, verbosity=-1, **objective,
        )  # fmt: skip
        categories = [name for name in CATEGORIES if self.attributes and name in design.features]
        weights = recency * design.scale**power
        return model.fit(self._seen(design), design.target / design.scale, weights, categorical_feature=categories)

    def _seen(self, design: Design):
        return design.features if self.attributes else design.features.drop(columns=list(CATEGORIES), errors="ignore")
