"""Table 3's protocols: the paper's leaky one, under its own name, beside the honest one.

The paper denoises, then splits 85 : 15. A filter run over the whole series hands every training day a share of the test
days, and a score against the filtered series rewards predicting the filter. Both choices are named here and compared.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge

from bowerbird.data.panel import Panel
from bowerbird.denoise import gaussian, symlet
from bowerbird.errors import ParameterError
from bowerbird.forecaster import Settings, fit, predict_rolling
from bowerbird.metrics import CLASS_DEFINITIONS, bias, classification_scores, one_minus_wmape, rmse

TRAIN_SHARE = 0.85  # section 4.4
LAGS = 28


@dataclass(frozen=True)
class Protocol:
    """How forecasts are made and scored.

    Attributes
    ----------
    wavelet : bool
        Symlet-8 filtering of the series.
    sigma : float
        Standard deviation of the Gaussian filter in days; 0 for none.
    leaky : bool
        Filter the whole series before the split, as the paper; otherwise inputs are filtered causally and the target is
        raw.
        The LSTM has one series for both and takes no filter then.
    model : {"persistence", "ridge", "lstm"}
        Last day's value; ridge regression on 28 lags over all series; the global LSTM.
    """

    wavelet: bool = True
    sigma: float = 0.7
    leaky: bool = True
    model: str = "ridge"

    @property
    def filter_name(self) -> str:
        names = (["sym8"] if self.wavelet else []) + ([f"Gaussian {self.sigma:g} d"] if self.sigma else [])
        return " + ".join(names) or "none"


def n_train_days(n_days: int) -> int:
    """Days of the first 85 % (section 4.4)."""
    return int(n_days * TRAIN_SHARE)


def filtered(panel: Panel, protocol: Protocol) -> np.ndarray:
    """Filter demand as the protocol says (n_series, n_days)."""
    series, causal = panel.demand, not protocol.leaky
    if protocol.wavelet:
        series = symlet(series, causal=causal)
    return gaussian(series, protocol.sigma, causal=causal) if protocol.sigma else series


def one_day_ahead(
    panel: Panel, protocol: Protocol, *, settings: Settings = Settings(), seed: int = 0, device="cpu"
) -> dict[str, np.ndarray]:
    """Forecast every day from the day before, fitted on the first 85 % of the days.

    Parameters
    ----------
    panel : Panel
    protocol : Protocol
    settings : Settings
        For the LSTM only; its horizon is set to 1.
    seed : int
    device : torch.device or str

    Returns
    -------
    dict of arrays (n_series, n_days - 28): "forecast", "target" (what was fitted: the filtered series under the leaky
    protocol, else raw demand) and "raw", from day 28 on.
    """
    inputs = filtered(panel, protocol)
    target = inputs if protocol.leaky else panel.demand
    n_train = n_train_days(panel.n_days)
    if protocol.model == "persistence":
        forecast = inputs[:, LAGS - 1 : -1]
    elif protocol.model == "ridge":
        windows = np.lib.stride_tricks.sliding_window_view(inputs[:, :-1], LAGS, axis=1)  # (n_series, n_days - 28, 28)
        train = slice(0, n_train - LAGS)
        model = Ridge(1.0).fit(windows[:, train].reshape(-1, LAGS), target[:, LAGS:n_train].reshape(-1))
        forecast = model.predict(windows.reshape(-1, LAGS)).reshape(windows.shape[:2])
    elif protocol.model == "lstm":
        if not protocol.leaky and protocol.filter_name != "none":
            raise ParameterError("the honest LSTM reads and forecasts raw demand; give wavelet=False and sigma=0")
        one_day = replace(settings, horizon=1)
        seen = replace(panel, demand=np.maximum(target, 0.0))  # the likelihood is one of counts: filtered dips become 0
        forecaster = fit(seen.until(n_train), one_day, seed=seed, device=device)
        forecast = predict_rolling(forecaster, seen.until(panel.n_days - 1), LAGS)[2][:, :, 0]
    else:
        raise ParameterError(f"model is {protocol.model!r}; choose 'persistence', 'ridge' or 'lstm'")
    return {"forecast": forecast, "target": target[:, LAGS:], "raw": panel.demand[:, LAGS:]}


def table_rows(panel: Panel, protocol: Protocol, **options) -> pd.DataFrame:
    """Scores of one protocol in the shape of Table 3, train and test.

    Parameters
    ----------
    panel, protocol, options : see `one_day_ahead`

    Returns
    -------
    DataFrame, rows Train and Test: the protocol's choices; 1-WMAPE against its own target and against raw demand; bias;
    RMSE in units and as a share of mean demand; accuracy, recall, precision, F1 under every named definition.
    """
    result = one_day_ahead(panel, protocol, **options)
    boundary = n_train_days(panel.n_days) - LAGS
    rows = []
    for name, days in (("Train", slice(0, boundary)), ("Test", slice(boundary, None))):
        forecast, target, raw = (result[key][:, days] for key in ("forecast", "target", "raw"))
        row = {
            "Index": name,
            "model": protocol.model,
            "filter": protocol.filter_name,
            "protocol": "as the paper" if protocol.leaky else "honest",
            "1-WMAPE, own target": one_minus_wmape(target, forecast),
            "1-WMAPE, raw demand": one_minus_wmape(raw, forecast),
            "bias, raw demand": bias(raw, forecast),
            "RMSE, own target": rmse(target, forecast),
            "RMSE / mean, own target": rmse(target, forecast) / target.mean(),
        }
        quartiles = np.unique(np.quantile(result["target"][:, :boundary], [0.25, 0.5, 0.75]))
        for definition in CLASS_DEFINITIONS:
            edges = quartiles if definition == "quantile classes" else None
            found = classification_scores(target, forecast, definition, edges=edges)
            row |= {f"{measure}, {definition}": value for measure, value in found.items()}
        rows.append(row)
    return pd.DataFrame(rows)
