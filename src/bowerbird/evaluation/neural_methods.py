"""The ladder's rows with a neural network: the cells the documents name, the tuned LSTM, and ensembles with it."""

from dataclasses import dataclass, replace

from bowerbird.data.panel import Panel
from bowerbird.evaluation.ladder import Key, Method, average
from bowerbird.evaluation.methods import SEEDS, Denoised
from bowerbird.evaluation.quantile_forecast import QuantileForecast
from bowerbird.forecaster import Settings, fit, predict
from bowerbird.forecaster.forecast import Forecast

NAMES = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN", "transformer": "Transformer"}
TUNED = "SBO-LSTM"
CLUSTERS = 8  # DM clusters of the row with them, and of the row without them none
ENSEMBLES = {
    "SBO-LSTM, mean of seeds": (TUNED,),
    "ensemble: SBO-LSTM, median 21": (TUNED, "median 21"),
    "ensemble: SBO-LSTM, median 21, SES(.1)": (TUNED, "median 21", "SES(.1)"),
    "ensemble: SBO-LSTM, LightGBM, median 21, SES(.1)": (TUNED, "LightGBM L1", "median 21", "SES(.1)"),
}
"""Unlike forecasters averaged in equal parts, the seeds of a part first; no weight is fitted to any score."""


@dataclass(frozen=True)
class Neural:
    """The global forecaster as a method of the ladder.

    Attributes
    ----------
    settings : Settings
    device : str
    """

    settings: Settings = Settings()
    device: str = "cpu"

    def __call__(self, panel: Panel, horizon: int, seed: int = 0) -> Forecast:
        """Train on the panel and forecast the days after it."""
        settings = replace(self.settings, horizon=horizon, members=1)
        return predict(fit(panel, settings, seed=seed, device=self.device), panel)


@dataclass(frozen=True)
class PointOf:
    """The point forecast of a method alone, for a wrapper that hands arrays on."""

    method: Neural

    def __call__(self, panel: Panel, horizon: int, seed: int = 0):
        """(n_series, horizon), units a day."""
        return self.method(panel, horizon, seed).point


def neural_methods(tuned: Settings, seeds: tuple[int, ...] = SEEDS, device: str = "cpu") -> list[Method]:
    """All rows with a network.

    Parameters
    ----------
    tuned : Settings
        What SBO chose; the other cells and the variants differ from it, or from the defaults, in one thing each.
    seeds : tuple of int
        One network for each.
    device : str

    Returns
    -------
    list of Method
    """
    plain = Settings(batch_size=tuned.batch_size)
    rows = {f"{name}, untuned": Neural(replace(plain, cell=cell), device) for cell, name in NAMES.items()}
    other = 0 if tuned.clusters else CLUSTERS
    rows[TUNED] = Neural(tuned, device)
    rows[f"{TUNED}, {'with' if other else 'without'} DM clusters"] = Neural(replace(tuned, clusters=other), device)
    rows[f"{TUNED}, without other series"] = Neural(replace(tuned, context=False), device)
    rows[f"{TUNED}, aimed at the median"] = Neural(replace(tuned, point_quantile=0.5), device)
    methods = [Method(name, neural, "neural", seeds, repr(neural)) for name, neural in rows.items()]
    denoised = Denoised(PointOf(Neural(tuned, device)))
    return [*methods, Method(f"{TUNED}, denoised", denoised, "denoised", seeds, repr(denoised))]


def with_ensembles(forecasts: dict[Key, QuantileForecast]) -> dict[Key, QuantileForecast]:
    """The forecasts, and those of ENSEMBLES whose parts are among them."""
    known = {key.method for key in forecasts}
    for name, parts in ENSEMBLES.items():
        if known.issuperset(parts):
            forecasts = forecasts | average(forecasts, name, parts)
    return forecasts
