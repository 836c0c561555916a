"""How the forecaster forecasts: from the last day, or from every day as if it were the last."""

import numpy as np
import pandas as pd
import torch

from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError, TrainingFailed
from bowerbird.forecaster.forecast import Forecast
from bowerbird.forecaster.inputs import Inputs
from bowerbird.forecaster.network import Ahead
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
    ahead = Ahead(*(part[:, -1] for part in predict_rolling(forecaster, panel, panel.n_days)))
    dates = pd.date_range(panel.dates[-1] + pd.Timedelta(days=1), periods=ahead.mean.shape[1], name="date")
    return Forecast(dates, **ahead._asdict())


def predict_rolling(forecaster: Forecaster, panel: Panel, first_origin: int) -> Ahead:
    """Forecast from every origin, each from the days before it alone and without retraining.

    Parameters
    ----------
    forecaster : Forecaster
    panel : Panel
    first_origin : int
        Days known at the first origin; the last origin knows the whole panel.

    Returns
    -------
    Ahead: mean, dispersion, point, zero, each (n_series, n_origins, horizon)

    Raises
    ------
    ParameterError
        When no day, or more than there are, would be known at the first origin.
    TrainingFailed
        A forecast is not finite.
    """
    if not 0 < first_origin <= panel.n_days:
        raise ParameterError(f"first_origin is {first_origin}; give a number of known days from 1 to {panel.n_days}")
    return pooled(forecaster, forecaster.gather(panel), slice(first_origin - 1, panel.n_days))


def pooled(forecaster: Forecaster, data: Inputs, origins: slice) -> Ahead:
    """What all networks together forecast, each part (n_series, n_origins, horizon)."""
    with torch.no_grad():
        outputs = [
            [x.double().cpu().numpy() for x in net(data.daily, data.static, data.level, data.calendar, origins)]
            for net in forecaster.networks
        ]
    mean, dispersion, point, zero = (np.stack(part) for part in zip(*outputs, strict=True))  # (members, n, origins, h)
    if not (np.isfinite(mean).all() and np.isfinite(point).all()):
        raise TrainingFailed(
            "the networks forecast numbers that are not finite: their training went astray; fit again with a smaller "
            f"learning_rate than {forecaster.settings.learning_rate:g}"
        )
    # The members' mixture as one distribution of equal mean, variance and share of extra zeros:
    # E[y] = (1 - z) m,  E[y^2] = (1 - z) (m + (1 + d) m^2),  m the mean of the negative binomial alone
    selling, average = 1 - zero, mean.mean(axis=0)
    second_moment = (mean + (1 + dispersion) * mean**2 / selling).mean(axis=0)
    share = selling.mean(axis=0)
    excess = np.maximum((second_moment - average) * share / average**2 - 1, 1e-3)
    return Ahead(average, excess, point.mean(axis=0), 1 - share)
