"""The global forecaster: one recurrent network for all series, a forecast at every day of every series in one pass.

Read in this order: `lstm` (eqs 11-17, the settings, the network), `inputs` (what it reads), `training` (fit, predict,
update, save, load), `forecast` (the distribution that results), `tuning` (settings found by SBO). `population` trains
many networks at once.
"""

from bowerbird.forecaster.forecast import Forecast
from bowerbird.forecaster.inputs import cluster_curves
from bowerbird.forecaster.lstm import Settings
from bowerbird.forecaster.training import Forecaster, fit, load, predict, predict_rolling, save, update

__all__ = [
    "Forecast", "Forecaster", "Settings", "cluster_curves", "fit", "load", "predict", "predict_rolling", "save",
    "update",
]  # fmt: skip
