"""The designed experiment on Table 3: every protocol, and the filter widths that print 0.945.

A factorial over model, filter, order of filter and split, split and horizon; then, for every family of protocols that
differ only in the width of the Gaussian filter, the width at which 1 - WMAPE passes the printed figure, if there is
one. `verdict` reads the cells.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from bowerbird.data.panel import Panel
from bowerbird.metrics import one_minus_wmape
from bowerbird.table_3.protocols import Protocol, filtered, make_forecasts, n_train_days
from bowerbird.table_3.scores import FAMILY, PRINTED, score

SIGMAS = (0.5, 0.7, 1.0, 2.0, 3.0, 5.0, 10.0)  # days
OTHER_SIGMAS = (0.7, 1.5, 5.0)  # for filters after the split or causal


def design(sigmas: Iterable[float] = SIGMAS, other_sigmas: Iterable[float] = OTHER_SIGMAS) -> list[Protocol]:
    """The factorial of persistence and ridge, without the combinations that mean nothing or the same.

    Parameters
    ----------
    sigmas : floats
        Widths of the Gaussian filter run before the split, in days.
    other_sigmas : floats
        Widths for filters run after the split or causally; a few suffice to bracket what `crossings` solves.

    Returns
    -------
    list of Protocol
    """
    steps = [("persistence", 1, False), ("persistence", 15, False), ("ridge", 1, False), ("ridge", 15, False),
             ("ridge", 15, True)]  # fmt: skip
    filters = [("before", False, 0.0)]  # none at all
    for when, widths in (("before", sigmas), ("after", other_sigmas), ("causal", other_sigmas)):
        filters += [(when, *chosen) for chosen in product((False, True), (0.0, *widths)) if any(chosen)]
    return [
        Protocol(wavelet, sigma, when, split, horizon, recursive, model)
        for (when, wavelet, sigma), split, (model, horizon, recursive) in product(filters, ("last", "random"), steps)
        if when == "before" or (split == "last" and not (when == "causal" and recursive))
    ]


def lstm_design(one_day_sigmas: Iterable[float], long_sigmas: Iterable[float], horizon: int = 15) -> list[Protocol]:
    """A few cells of the LSTM: honest at one day and at `horizon`, and sym8 + Gaussian filters of these widths."""
    honest = [Protocol(False, 0.0, horizon=h, model="lstm") for h in (1, horizon)]
    widths = [(1, sigma) for sigma in one_day_sigmas] + [(horizon, sigma) for sigma in long_sigmas]
    return honest + [Protocol(True, sigma, horizon=h, model="lstm") for h, sigma in widths]


def run(panel: Panel, protocols: Iterable[Protocol], **options) -> pd.DataFrame:
    """Score many protocols on one panel; a filter shared by several is run once.

    Parameters
    ----------
    panel : Panel
    protocols : iterable of Protocol
    options : settings, seed, device, as for `protocols.make_forecasts`

    Returns
    -------
    DataFrame, the rows of `scores.score` of one protocol after the other ("cells" below).
    """
    series, rows = {}, []
    for protocol in protocols:
        first_test_day = n_train_days(panel.n_days, protocol.horizon) if protocol.when == "after" else None
        key = protocol.wavelet, protocol.sigma, protocol.when, first_test_day
        if key not in series:
            series[key] = filtered(panel, protocol)
        rows.append(score(panel, protocol, series=series[key], **options))
    return pd.concat(rows, ignore_index=True)


def crossings(panel: Panel, cells: pd.DataFrame, protocols: Iterable[Protocol], seed: int = 0) -> list[Protocol]:
    """For every family, the filter width at which the mean of training and test 1-WMAPE equals the printed mean.

    Parameters
    ----------
    panel : Panel
    cells : DataFrame
        What `run` made of the protocols; brackets the width.
    protocols : iterable of Protocol
        The design; only persistence and ridge are solved for.
    seed : int
        The seed of `run`.

    Returns
    -------
    list of Protocol, widths to a hundredth of a day; families whose scores stay on one side are left out.
    """
    printed = np.mean([row["one_minus_wmape"] for row in PRINTED.values()])
    fitted = cells[(cells["against"] == "denoised") & (cells["model"] != "lstm")]
    members = {_key(protocol): protocol for protocol in protocols}
    solved = []
    for key, family in fitted.groupby(list(FAMILY)):
        gap = family.groupby("sigma")["1-WMAPE"].mean() - printed  # mean of Train and Test, by width
        passed = np.flatnonzero(np.diff(np.sign(gap)))
        if len(passed):
            low, high = gap.index[passed[0]], gap.index[passed[0] + 1]
            width = brentq(_gap, low, high, args=(panel, members[key], printed, seed), xtol=0.005)
            solved.append(replace(members[key], sigma=round(width, 2)))
    return solved


def _key(protocol: Protocol) -> tuple:
    """The protocol's family, as in the columns `FAMILY`."""
    return protocol.model, protocol.wavelet, protocol.when, protocol.split, protocol.horizon_name


def _gap(sigma: float, panel: Panel, protocol: Protocol, printed: float, seed: int) -> float:
    """Mean of training and test 1-WMAPE against the filtered series, less the printed mean."""
    found = make_forecasts(panel, replace(protocol, sigma=sigma), seed=seed)
    scores = [one_minus_wmape(found.target[days], found.forecast[days]) for days in (found.train, found.test)]
    return float(np.mean(scores) - printed)
