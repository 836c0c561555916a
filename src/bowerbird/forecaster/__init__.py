"""The global forecaster: one recurrent network for all series, a forecast at every day of every series in one pass.

`settings` says what can be chosen, `inputs` what the network reads, `network` what it is, `training` how it learns,
`prediction` how it forecasts, `forecast` what comes out (a distribution), `intervals` calibrates its intervals,
`explanation` asks what moved a forecast, `checkpoint` keeps it. `tuning` finds the settings by SBO; `population`, with
`stacked_network` and `stacked_lstm`, trains many networks at once. `lstm_cell` is eqs 11-17 written out.
"""

from bowerbird.forecaster.checkpoint import load, save
from bowerbird.forecaster.inputs import cluster_curves
from bowerbird.forecaster.prediction import predict, predict_rolling
from bowerbird.forecaster.settings import Settings
from bowerbird.forecaster.training import Forecaster, fit, update

__all__ = ["Forecaster", "Settings", "cluster_curves", "fit", "load", "predict", "predict_rolling", "save", "update"]
