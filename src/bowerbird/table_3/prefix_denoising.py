"""Does denoising help without a leak? The paper's filters on the training days alone, 15 days ahead, raw demand scored.

One origin: what is known is filtered, whole or causally, fitted and forecast; the days after it are scored as they
came. The filter may blur the last known days, but it has seen none of the days that are scored.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from bowerbird.data.panel import Panel
from bowerbird.seeds import spawn
from bowerbird.table_3.protocols import Protocol, make_forecasts

NAMES = {"after": "known days, whole", "causal inputs": "each day from its past"}


def prefix_denoising(
    panel: Panel,
    sigmas: Sequence[float] = (0.7, 2.0, 5.0),
    *,
    horizon: int = 15,
    n_origins: int = 3,
    n_resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Ridge on 28 lags of filtered demand, leak-free, against the same on demand as it is.

    Parameters
    ----------
    panel : Panel
    sigmas : sequence of float
        Widths of the Gaussian filter in days; each alone and after Symlet-8.
    horizon : int
        Days ahead.
    n_origins : int
        Origins, `horizon` days apart, the last `horizon` days before the panel's end.
    n_resamples : int
        Bootstrap samples of series for the interval of the difference.
    seed : int

    Returns
    -------
    DataFrame, one row a filter, the unfiltered first: filter; filtered [what the filter sees]; 1-WMAPE against raw
    demand from each origin, named by its known days; mean; difference [of the means, to no filter]; low, high [its 95 %
    interval over series].
    """
    filters = [chosen for chosen in product((False, True), (0.0, *sigmas)) if any(chosen)]
    protocols = [Protocol(False, 0.0, horizon=horizon)]
    protocols += [Protocol(wavelet, sigma, when, horizon=horizon) for when in NAMES for wavelet, sigma in filters]
    panels = [panel.until(panel.n_days - horizon * step) for step in reversed(range(n_origins))]
    demand = np.stack([known.demand[:, -horizon:].sum(axis=1) for known in panels])  # (n_origins, n_series)
    errors = np.stack([[_error(known, p) for known in panels] for p in protocols])  # (n_filters, n_origins, n_series)
    scores = 1 - errors.sum(axis=2) / demand.sum(axis=1)  # (n_filters, n_origins)
    n = panel.n_series
    weights = spawn(seed, 1)[0].multinomial(n, np.full(n, 1 / n), n_resamples)  # how often each series is drawn
    resampled = 1 - errors @ weights.T / (demand @ weights.T)  # (n_filters, n_origins, n_resamples)
    means = resampled.mean(axis=1)  # (n_filters, n_resamples)
    low, high = np.quantile(means - means[0], [0.025, 0.975], axis=1)
    return pd.DataFrame(
        {
            "filter": [p.filter_name for p in protocols],
            "filtered": [NAMES[p.when] if p.is_filtered else "–" for p in protocols],
            **{f"day {known.n_days - horizon}": scores[:, i] for i, known in enumerate(panels)},
            "mean": scores.mean(axis=1),
            "difference": scores.mean(axis=1) - scores[0].mean(),
            "low": low,
            "high": high,
        }
    )


def _error(panel: Panel, protocol: Protocol) -> np.ndarray:
    """Summed absolute error of each series over the test days (n_series,)."""
    found = make_forecasts(panel, protocol)
    return np.abs(found.raw - found.forecast)[:, -1].sum(axis=1)  # the last origin is the test
