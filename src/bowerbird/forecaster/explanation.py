"""What moved a forecast: which inputs matter over all series, and which for a single one."""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from bowerbird.data.panel import Panel
from bowerbird.forecaster.prediction import pooled
from bowerbird.forecaster.training import Forecaster
from bowerbird.metrics import one_minus_wmape


def permutation_importance(
    forecaster: Forecaster, panel: Panel, actual: np.ndarray, *, repeats: int = 3, seed: int = 0
) -> pd.DataFrame:
    """How much worse the point forecast gets when a group of inputs is swapped between series at random.

    Parameters
    ----------
    forecaster : Forecaster
    panel : Panel
        Days up to the origin.
    actual : array (n_series, horizon)
        Demand that came, in units.
    repeats, seed : int

    Returns
    -------
    DataFrame, most important first: input, loss of 1 - WMAPE (mean over the repeats), its sd.

    Source
    ------
    Breiman, Random forests, 2001.
    """
    data = forecaster.gather(panel)
    last = slice(panel.n_days - 1, panel.n_days)
    whole = one_minus_wmape(actual, pooled(forecaster, data, last)[2][:, 0])
    rng = np.random.default_rng(seed)
    rows = []
    for name in dict.fromkeys(data.names):
        columns = _columns(data, name)
        lost = []
        for _ in range(repeats):
            daily = data.daily.clone()
            daily[:, :, columns] = daily[torch.tensor(rng.permutation(panel.n_series))][:, :, columns]
            point = pooled(forecaster, replace(data, daily=daily), last)[2][:, 0]
            lost.append(whole - one_minus_wmape(actual, point))
        rows.append({"input": name, "loss of 1-WMAPE": np.mean(lost), "sd": np.std(lost)})
    return pd.DataFrame(rows).sort_values("loss of 1-WMAPE", ascending=False, ignore_index=True)


def explain(forecaster: Forecaster, panel: Panel, row: int) -> pd.DataFrame:
    """Which inputs moved one series' forecast: each group in turn set to what is usual over all series.

    Parameters
    ----------
    forecaster : Forecaster
    panel : Panel
        Days up to the origin.
    row : int
        The series.

    Returns
    -------
    DataFrame, strongest first: input, effect in units over the horizon (forecast less the forecast without it), effect
    in percent. Effects need not add up: inputs act together.
    """
    whole = forecaster.gather(panel)
    data = replace(whole, **{name: getattr(whole, name)[[row]] for name in ("demand", "daily", "static", "level")})
    last = slice(panel.n_days - 1, panel.n_days)
    total = pooled(forecaster, data, last)[2].sum()
    usual = forecaster.networks[0].mean
    rows = []
    for name in dict.fromkeys(data.names):
        columns = _columns(data, name)
        daily = data.daily.clone()
        daily[:, :, columns] = usual[columns]
        without = pooled(forecaster, replace(data, daily=daily), last)[2].sum()
        effect = total - without
        rows.append({"input": name, "effect, units": effect, "effect, %": 100 * effect / max(without, 1e-9)})
    return pd.DataFrame(rows).sort_values("effect, units", key=np.abs, ascending=False, ignore_index=True)


def _columns(data, name: str) -> list[int]:
    return [column for column, group in enumerate(data.names) if group == name]
