"""How does the network take in one more day? By one step of its cell from the state it had, not a pass over all days.

The cell's input on day t is made of days up to t. Most of them are needed no longer than 28 days; what reaches further
back is carried on exactly: the exponential smoothing of the running level as two sums, level and inputs of a series
over days that are missing, the cluster posterior, which no longer moves after the days the mixture was fitted on. The
forecast is that of a pass over the whole panel, but for rounding in float32 (a test holds it to 1e-4).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
import torch

from bowerbird.data.panel import Panel, calendar_features
from bowerbird.errors import ParameterError
from bowerbird.forecaster import Forecaster
from bowerbird.forecaster.forecast import Forecast
from bowerbird.forecaster.inputs import CONTEXT, LEAST, Inputs, cluster_curves, fill_missing, n_daily, running_level
from bowerbird.forecaster.training import pooled

LONGEST_WINDOW = 28  # days that own and context inputs look back
LEVEL_WINDOWS, LEVEL_ALPHA = (7, 14, 21), 0.2  # as in `forecaster.inputs.running_level`
KNOWN = 8  # column of the inputs that says whether the day is known


@dataclass(frozen=True)
class NetworkState:
    """All that the next day's forecast needs of the days before it.

    Attributes
    ----------
    demand, filled : arrays (n_series, at most 28)
        Demand of the last days, NaN = missing, and the same with missing days at the running level, units a day.
    level : array (n_series,)
        Running level, units a day.
    inputs : array (n_series, n_inputs)
        The network's own and context inputs; a missing day leaves them where they were.
    weighted, weight : arrays (n_series,)
        Sums of 0.8^age y and of 0.8^age over the known days: their ratio is the exponential smoothing.
    posterior : array (n_series, K)
        Cluster posterior; K = 0 without clusters.
    n_days : int
        Days taken in so far.
    cells : array (n_networks, n_parts, n_layers, n_series, hidden_size)
        State of each network's cell: h, and C for an LSTM.
    """

    demand: np.ndarray
    filled: np.ndarray
    level: np.ndarray
    inputs: np.ndarray
    weighted: np.ndarray
    weight: np.ndarray
    posterior: np.ndarray
    n_days: int
    cells: np.ndarray

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The state as named arrays, to be stored."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "NetworkState":
        """The state that `to_arrays` laid out."""
        return cls(**{**arrays, "n_days": int(arrays["n_days"])})


def start(forecaster: Forecaster, panel: Panel) -> tuple[NetworkState, Forecast]:
    """One pass over all days so far: the state after the last of them, and the forecast from it.

    Parameters
    ----------
    forecaster : Forecaster
        With a recurrent cell; a transformer keeps no state.
    panel : Panel
        The days known.

    Returns
    -------
    NetworkState, Forecast

    Raises
    ------
    ParameterError
        The cell is a transformer, or the panel shorter than the days the DM mixture was fitted on.
    """
    check(forecaster, panel)
    demand, mixture = panel.demand, forecaster.mixture
    with _cells(forecaster, None) as after:
        inputs = forecaster.gather(panel)
        ahead = pooled(forecaster, inputs, slice(panel.n_days - 1, panel.n_days))
    weighted = weight = np.zeros(panel.n_series)
    for day in demand.T:
        weighted, weight = _smoothed(weighted, weight, day)
    posterior = np.empty((panel.n_series, 0))
    if mixture is not None:
        posterior = mixture.predict_proba_by_day(cluster_curves(panel))[:, -1]
    last = slice(-LONGEST_WINDOW, None)
    state = NetworkState(
        demand[:, last], fill_missing(demand)[:, last], running_level(demand)[:, -1],
        inputs.daily[:, -1, : n_daily(0, forecaster.settings.context)].cpu().numpy().astype(float),
        weighted, weight, posterior, panel.n_days, np.stack(after),
    )  # fmt: skip
    return state, _forecast(panel.dates[-1], ahead)


def check(forecaster: Forecaster, panel: Panel) -> None:
    """Refuse a forecaster whose state cannot be kept, as `start` does."""
    if forecaster.settings.cell == "transformer":
        raise ParameterError("cell is 'transformer', which keeps no state; use 'lstm', 'gru' or 'rnn', or predict anew")
    mixture = forecaster.mixture
    if mixture is not None and panel.n_days < mixture.n_days_:
        raise ParameterError(f"{panel.n_days} days are fewer than the forecaster's {mixture.n_days_}; give them all")


def advance(
    forecaster: Forecaster, state: NetworkState, series: pd.DataFrame, day: pd.Timestamp, demand: np.ndarray
) -> tuple[NetworkState, Forecast]:
    """One more day.

    Parameters
    ----------
    forecaster : Forecaster
        The one that made the state; after fine-tuning, `start` anew.
    state : NetworkState
        After the day before.
    series : DataFrame, n_series rows
        As in the panel.
    day : Timestamp
    demand : array (n_series,)
        The day's demand, units; NaN = missing.

    Returns
    -------
    NetworkState, Forecast of the days after `day`
    """
    if np.shape(demand) != state.weight.shape:
        raise ParameterError(f"demand has shape {np.shape(demand)}; give one day of {len(state.weight)} series")
    known = ~np.isnan(demand)
    window = np.column_stack([state.demand, demand])[:, -LONGEST_WINDOW:]
    weighted, weight = _smoothed(state.weighted, state.weight, demand)
    # Mean of the medians of 7, 14, 21 days and of the smoothing, as `running_level` has it
    today, inputs = state.level.copy(), state.inputs.copy()
    medians = [np.nanmedian(window[known, -days:], axis=1) for days in LEVEL_WINDOWS]
    parts = [*medians, weighted[known] / weight[known]]
    today[known] = np.maximum(sum(parts) / len(parts), LEAST)
    filled = np.column_stack([state.filled, np.where(known, demand, today)])[:, -LONGEST_WINDOW:]
    fresh = _own_inputs(window[known], today[known])
    if forecaster.settings.context:
        fresh += [column[known] for column in _context_inputs(series, filled)]
    inputs[known] = np.column_stack(fresh)
    inputs[:, KNOWN] = known
    columns = list(inputs.T)
    if forecaster.mixture is not None:
        means = forecaster.mixture.mean_curves()  # (K, n_days it was fitted on)
        curve = state.posterior @ means[:, min(state.n_days, means.shape[1] - 1)] - np.log1p(today)
        columns += [*state.posterior.T, curve, state.posterior @ means.mean(axis=1)]
    with _cells(forecaster, state.cells) as after:
        ahead = pooled(forecaster, _one_day(forecaster, series, day, demand, today, columns), slice(0, 1))
    new = NetworkState(
        window, filled, today, inputs, weighted, weight, state.posterior, state.n_days + 1, np.stack(after)
    )
    return new, _forecast(day, ahead)


def _smoothed(weighted: np.ndarray, weight: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # l_t = sum 0.8^age y / sum 0.8^age over the known days; a missing day ages none of them
    known, keep = ~np.isnan(day), 1 - LEVEL_ALPHA
    return np.where(known, keep * weighted + day, weighted), np.where(known, keep * weight + 1, weight)


def _own_inputs(window: np.ndarray, today: np.ndarray) -> list[np.ndarray]:
    """The last day of `forecaster.inputs.own_inputs` of series known on it, a column (n_series,) each."""

    def relative(values: np.ndarray) -> np.ndarray:
        return np.log1p(values / today)

    mean = {days: relative(np.nanmean(window[:, -days:], axis=1)) for days in (3, 7, 28)}
    median = {days: relative(np.nanmedian(window[:, -days:], axis=1)) for days in (7, 28)}
    fortnight = window[:, -14:]
    n_known = np.count_nonzero(~np.isnan(fortnight), axis=1)
    idle = np.count_nonzero(fortnight == 0, axis=1) / n_known
    deviation = np.nanstd(fortnight, axis=1) * np.sqrt(n_known / np.maximum(n_known - 1, 1))
    return [
        relative(window[:, -1]), mean[3], mean[7], median[7], mean[28], median[28], np.log(today), idle,
        np.ones(len(today)), relative(deviation),
    ]  # fmt: skip


def _context_inputs(series: pd.DataFrame, demand: np.ndarray) -> list[np.ndarray]:
    """The last day of `forecaster.inputs.context_inputs`, a column (n_series,) each, from the days filled."""
    columns = []
    for column in CONTEXT:
        totals = pd.DataFrame(demand).groupby(series[column].to_numpy()).transform("sum").to_numpy()
        days = (totals - demand).round(6)  # the others' (n_series, n_days)
        mean = {w: days[:, -w:].mean(axis=1) + LEAST for w in (3, 7, 14, 28)}
        ratios = (days[:, -1] + LEAST) / mean[14], mean[3] / mean[14], mean[7] / mean[28]
        columns += [np.clip(np.log(ratio), -2, 2) for ratio in ratios]
    return columns


def _one_day(forecaster: Forecaster, series: pd.DataFrame, day, demand, level, columns: list[np.ndarray]) -> Inputs:
    """The last day's inputs, as `forecaster.inputs.gather` lays them out for all days."""

    def single(array) -> torch.Tensor:
        return torch.tensor(np.asarray(array), dtype=torch.float32, device=forecaster.device)

    codes = [series[c].map(known).fillna(0).astype(int) for c, known in forecaster.codes.items()]
    return Inputs(
        single(demand)[:, None],
        single(np.column_stack(columns))[:, None],  # (n_series, 1, n_daily)
        torch.tensor(np.column_stack(codes), device=forecaster.device),
        single(level)[:, None],
        single(calendar_features(pd.date_range(day, periods=1 + forecaster.settings.horizon))),
        (),
    )


@contextmanager
def _cells(forecaster: Forecaster, before: np.ndarray | None) -> Iterator[list[np.ndarray]]:
    """Let every network's cell begin from its state `before`; yields a list that fills with the states after."""
    after: list[np.ndarray] = []

    def begin(cell, arguments):
        if before is None:
            return arguments
        parts = torch.tensor(before[len(after)], dtype=torch.float32, device=forecaster.device)
        return arguments[0], tuple(parts) if len(parts) > 1 else parts[0]  # (h, C) of an LSTM, h of others

    def end(cell, arguments, output):
        state = output[1] if isinstance(output[1], tuple) else (output[1],)
        after.append(torch.stack(state).cpu().numpy())  # (n_parts, n_layers, n_series, hidden_size)

    hooks = []
    for network in forecaster.networks:  # `pooled` runs them in this order
        hooks += [network.cell.register_forward_pre_hook(begin), network.cell.register_forward_hook(end)]
    try:
        yield after
    finally:
        for hook in hooks:
            hook.remove()


def _forecast(last_day: pd.Timestamp, ahead) -> Forecast:
    dates = pd.date_range(last_day + pd.Timedelta(days=1), periods=ahead.mean.shape[2], name="date")
    return Forecast(**{name: part[:, 0] for name, part in ahead._asdict().items()}, dates=dates)
