"""How the forecaster forecasts: from the last day, or from every day as if it were the last."""

import numpy as np
import pandas as pd
import torch

from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.forecast import Forecast
from bowerbird.forecaster.inputs import Inputs
from bowerbird.forecaster.training import Forecaster


def predict(forecaster: Forecaster, panel: Panel) -> Forecast:
    """Forecast the days after the panel's last one.

    Parameters
    ----------
    forecaster : Forecaster
    panel : Panel
        The days known; more of them than it was trained on are welcome, and nothing is trained again.

    Returns
    -------
    Forecast
    """
    mean, dispersion, point = (x[:, -1] for x in predict_rolling(forecaster, panel, panel.n_days))
    dates = pd.date_range(panel.dates[-1] + pd.Timedelta(days=1), periods=mean.shape[1], name="date")
    return Forecast(dates, mean, dispersion, point)


def predict_rolling(
    forecaster: Forecaster, panel: Panel, first_origin: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Forecast from every origin, each from the days before it alone and without retraining.

    Parameters
    ----------
    forecaster : Forecaster
    panel : Panel
    first_origin : int
        Days known at the first origin; the last origin knows the whole panel.

    Returns
    -------
    mean, dispersion, point : arrays (n_series, n_origins, horizon)

    Raises
    ------
    ParameterError
        When no day, or more than there are, would be known at the first origin.
    """
    if not 0 < first_origin <= panel.n_days:
        raise ParameterError(f"first_origin is {first_origin}; give a number of known days from 1 to {panel.n_days}")
    return pooled(forecaster, forecaster.gather(panel), slice(first_origin - 1, panel.n_days))


def pooled(forecaster: Forecaster, data: Inputs, origins: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, dispersion and point of all networks together, each (n_series, n_origins, horizon)."""
    with torch.no_grad():
        outputs = [
            [x.double().cpu().numpy() for x in net(data.daily, data.static, data.level, data.calendar, origins)]
            for net in forecaster.networks
        ]
    mean, dispersion, point = (np.stack(part) for part in zip(*outputs, strict=True))  # (members, n, origins, horizon)
    # The members' mixture as one negative binomial of equal mean and variance
    average, second_moment = mean.mean(axis=0), (mean + (1 + dispersion) * mean**2).mean(axis=0)
    variance_excess = np.maximum((second_moment - average) / average**2 - 1, 1e-3)
    return average, variance_excess, point.mean(axis=0)
