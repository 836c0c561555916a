"""Table 3's protocols: each choice between a panel and a score is one field of `Protocol`.

The paper filters, then divides 85 : 15. A score against a smoothed series rewards predicting the filter, whether or not
the filter uses later days. A filter over the whole series also carries test days into the training days, and test rows
drawn at random have later days among the training rows.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.linear_model import Ridge

from bowerbird.data.panel import Panel
from bowerbird.denoise import gaussian, symlet
from bowerbird.errors import ParameterError
from bowerbird.seeds import stream

TRAIN_SHARE = 0.85  # section 4.4
LAGS = 28
KERNELS = ("gaussian", "mean")
WHEN = ("before", "after", "causal", "causal inputs")
SPLITS = ("last", "random")
MODELS = ("persistence", "ridge", "lstm")


@dataclass(frozen=True)
class Protocol:
    """How forecasts are made. The filtered series is read, fitted and forecast, but for "causal inputs"."""

    wavelet: bool = True  # Symlet-8 filtering of the series
    width: float = 0.7  # days: standard deviation of the Gaussian filter, or length of the trailing mean; 0 for none
    # the whole series filtered before it is split, as section 4.3 says; training and test days filtered apart, after
    # the split; each day filtered from the days up to it; the same, but raw demand fitted and forecast
    when: str = "before"  # "before", "after", "causal" or "causal inputs"
    # test on the last 15 % of the days (from one origin, the last `horizon` days, if the horizon is longer than a day);
    # or on 15 % of all windows, drawn at random
    split: str = "last"  # "last" or "random"
    horizon: int = 1  # days ahead
    recursive: bool = False  # ridge only: forecast the next day and feed it back; otherwise each day has its weights
    model: str = "ridge"  # "persistence", the last day's value; "ridge" on 28 lags over all series; the global "lstm"
    kernel: str = "gaussian"  # the "gaussian" filter, or the trailing "mean", which is causal and takes no wavelet

    def __post_init__(self):
        for name, choices in (("when", WHEN), ("split", SPLITS), ("model", MODELS), ("kernel", KERNELS)):
            if getattr(self, name) not in choices:
                raise ParameterError(f"{name} is {getattr(self, name)!r}; choose {', '.join(map(repr, choices))}")
        if self.horizon < 1:
            raise ParameterError(f"horizon is {self.horizon}; give a number of days from 1")
        if self.recursive and (self.model != "ridge" or self.horizon == 1):
            raise ParameterError("recursive is True; only ridge over more than one day can feed its forecasts back")
        if self.recursive and self.when == "causal inputs" and self.is_filtered:
            raise ParameterError("forecasts of raw demand do not fit among causally filtered days; use recursive=False")
        if self.split == "random" and self.when == "after" and self.is_filtered:
            raise ParameterError("random windows leave no stretch of days to filter after the split; use 'before'")
        if self.model == "lstm" and self.split == "random":
            raise ParameterError("the LSTM is trained on a panel of days, not on windows; give split='last'")
        if self.model == "lstm" and self.when == "causal inputs" and self.is_filtered:
            raise ParameterError("the LSTM reads and forecasts one series; give when='causal', or no filter")
        if self.kernel == "mean" and (self.wavelet or self.when != "causal" or self.width < 1 or self.width % 1):
            raise ParameterError("a trailing mean takes whole past days; give wavelet=False, when='causal', width >= 1")

    @property
    def is_filtered(self) -> bool:
        return self.wavelet or self.width > 0

    @property
    def filters_target(self) -> bool:
        """Whether the filtered series is what is fitted and forecast, not raw demand."""
        return self.is_filtered and self.when != "causal inputs"

    @property
    def targets(self) -> tuple[str, ...]:
        """What its forecasts can be scored against."""
        return ("denoised", "raw") if self.filters_target else ("raw",)

    @property
    def kind(self) -> str:
        """The filter without its width."""
        if self.kernel == "mean":
            return "trailing mean"
        return "sym8 + Gaussian" if self.wavelet else "Gaussian"

    @property
    def filter_name(self) -> str:
        if not self.is_filtered:
            return "none"
        return f"{self.kind} {self.width:g} d" if self.width else "sym8"

    @property
    def horizon_name(self) -> str:
        if self.horizon == 1:
            return "1 day"
        return f"{self.horizon} days, recursive" if self.recursive else f"{self.horizon} days"

    @property
    def leak_free(self) -> bool:
        """Whether no forecast rests on a day after its origin, in what it reads or in what it was fitted to."""
        prefix_only = self.when == "after" and self.horizon > 1  # one origin: what it reads ends where the test begins
        causal = self.when.startswith("causal")
        return self.split == "last" and (not self.is_filtered or causal or prefix_only)


@dataclass(frozen=True)
class Forecasts:
    """The forecasts of a protocol at every `horizon`-th origin, so that no day of a series is scored twice."""

    forecast: np.ndarray  # (n_series, n_origins, horizon), units a day
    target: np.ndarray  # the same days of what was fitted: the filtered series, or raw demand with causal inputs
    raw: np.ndarray  # the same days of raw demand
    train: np.ndarray  # (n_series, n_origins), whether a forecast is that of a training window
    test: np.ndarray  # whether it is that of a test window


def n_train_days(n_days: int, horizon: int = 1) -> int:
    """Days before the split: the first 85 % (section 4.4), or all but the last `horizon` when that is above one."""
    return int(n_days * TRAIN_SHARE) if horizon == 1 else n_days - horizon


def filtered(panel: Panel, protocol: Protocol, shrunk: np.ndarray | None = None) -> np.ndarray:
    """Filter demand as the protocol says (n_series, n_days); `shrunk` is the wavelet's output where it is known."""
    cuts = [n_train_days(panel.n_days, protocol.horizon)] if protocol.when == "after" else []
    causal = protocol.when.startswith("causal")
    series = panel.demand
    if protocol.wavelet:
        parts = [symlet(part, causal=causal) for part in np.split(series, cuts, axis=1)] if shrunk is None else [shrunk]
        series = np.concatenate(parts, axis=1)
    if not protocol.width:
        return series
    if protocol.kernel == "mean":
        return trailing_mean(series, int(protocol.width))
    return np.concatenate([gaussian(p, protocol.width, causal=causal) for p in np.split(series, cuts, axis=1)], axis=1)


def trailing_mean(series: np.ndarray, days: int) -> np.ndarray:
    """Mean of each day and the days before it, `days` in all; the first days are means of the days there are."""
    n_days = series.shape[1]
    total = np.cumsum(series, axis=1)
    total[:, days:] -= total[:, :-days].copy()
    return total / np.minimum(np.arange(1, n_days + 1), days)


def split_windows(n_series: int, n_days: int, protocol: Protocol, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Which windows are fitted and which tested: two bool arrays (n_series, n_origins); the seed draws random ones.

    Origin o knows o + 28 days; the last one leaves `horizon` days. A training window ends, forecast days included,
    before the split; windows across it are neither.
    """
    n_train, horizon = n_train_days(n_days, protocol.horizon), protocol.horizon
    if n_train < LAGS + horizon:
        raise ParameterError(f"{n_days} days leave {n_train} to train on; {LAGS} lags + {horizon} days ahead need more")
    shape = n_series, n_days - LAGS - horizon + 1
    if protocol.split == "random":
        order = stream(seed, "table 3/random split").permutation(shape[0] * shape[1]).reshape(shape)
        test = order < round((1 - TRAIN_SHARE) * order.size)
        return ~test, test
    known_days = LAGS + np.arange(shape[1])
    return tuple(np.broadcast_to(rows, shape) for rows in (known_days + horizon <= n_train, known_days >= n_train))


def make_forecasts(
    panel: Panel,
    protocol: Protocol,
    *,
    series: np.ndarray | None = None,
    settings=None,
    seed: int = 0,
    device="cpu",
) -> Forecasts:
    """Fit the protocol's model on its training windows and forecast training and test days.

    The panel has no missing days. `series` is `filtered(panel, protocol)`, where it is known already; `settings` and
    `device` are the LSTM's (`Settings()` unless given), whose horizon is the protocol's.
    """
    horizon, n_days = protocol.horizon, panel.n_days
    inputs = filtered(panel, protocol) if series is None else series
    target_days = inputs if protocol.filters_target else panel.demand
    train, test = split_windows(panel.n_series, n_days, protocol, seed)
    windows = sliding_window_view(inputs[:, : n_days - horizon], LAGS, axis=1)  # (n_series, n_origins, 28)
    target, raw = (sliding_window_view(x[:, LAGS:], horizon, axis=1) for x in (target_days, panel.demand))
    scored = slice((train.shape[1] - 1) % horizon, None, horizon)

    if protocol.model == "persistence":
        forecast = np.repeat(windows[:, scored, -1:], horizon, axis=2)
    elif protocol.model == "ridge":
        n_fitted = 1 if protocol.recursive else horizon
        model = Ridge(1.0, solver="cholesky").fit(windows[train], target[train][:, :n_fitted])
        forecast = apply_ridge(model, windows[:, scored], horizon)
    else:
        from bowerbird.forecaster.lstm import Settings  # torch is for those who train
        from bowerbird.forecaster.training import fit, predict_rolling

        settings = replace(settings or Settings(), horizon=horizon)
        seen = replace(panel, demand=np.maximum(target_days, 0.0))  # a likelihood of counts: filtered dips become 0
        n_train = n_train_days(n_days, horizon)
        forecaster = fit(seen.until(n_train), settings, seed=seed, device=device)
        forecast = predict_rolling(forecaster, seen.until(n_days - horizon), LAGS).point[:, scored]
    return Forecasts(forecast, target[:, scored], raw[:, scored], train[:, scored], test[:, scored])


def apply_ridge(model: Ridge, windows: np.ndarray, horizon: int) -> np.ndarray:
    """Forecast from windows (n_series, n_origins, 28), days that the model does not reach by feeding forecasts back."""
    known, days = windows.reshape(-1, LAGS), []
    while sum(day.shape[1] for day in days) < horizon:
        days.append(model.predict(known).reshape(len(known), -1))  # (n_windows, 1) when recursive, else all days
        known = np.concatenate([known[:, days[-1].shape[1] :], days[-1]], axis=1)
    return np.concatenate(days, axis=1).reshape(*windows.shape[:2], horizon)
