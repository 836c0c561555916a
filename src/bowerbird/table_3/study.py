"""The designed experiment on Table 3: every protocol, and the filter widths at which 0.945 is attained.

A factorial over model, filter, order of filter and split, split and horizon; then, for every family of protocols that
differ only in the width of the filter, the width at which 1 - WMAPE passes the printed figure, if there is one.
`verdict` reads the cells.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from bowerbird.data.panel import Panel
from bowerbird.metrics import one_minus_wmape
from bowerbird.table_3.protocols import Protocol, filtered, make_forecasts, n_train_days
from bowerbird.table_3.scores import FAMILY, PRINTED, score

SIGMAS = (0.5, 0.7, 1.0, 2.0, 3.0, 5.0, 10.0)  # days
OTHER_SIGMAS = (0.7, 1.5, 5.0)  # days, for filters after the split and for causal inputs
CAUSAL_WIDTHS = (3.0, 10.0, 40.0, 120.0)  # days, for causal filters, trailing means included


def design(
    sigmas: Iterable[float] = SIGMAS,
    other_sigmas: Iterable[float] = OTHER_SIGMAS,
    causal_widths: Iterable[float] = CAUSAL_WIDTHS,
) -> list[Protocol]:
    """The factorial of persistence and ridge, without the combinations that mean nothing or the same.

    Parameters
    ----------
    sigmas : floats
        Widths of the Gaussian filter run before the split, in days.
    other_sigmas : floats
        Widths for filters run after the split, and for causal inputs.
    causal_widths : floats
        Widths for causal filters and trailing means. A few suffice to bracket what `crossings` solves.

    Returns
    -------
    list of Protocol
    """
    steps = [("persistence", 1, False), ("persistence", 15, False), ("ridge", 1, False), ("ridge", 15, False),
             ("ridge", 15, True)]  # fmt: skip
    filters = [Protocol(False, 0.0)]  # none at all
    for when, widths in (
        ("before", sigmas), ("after", other_sigmas), ("causal", causal_widths), ("causal inputs", other_sigmas),
    ):  # fmt: skip
        filters += [Protocol(*chosen, when) for chosen in product((False, True), (0.0, *widths)) if any(chosen)]
    filters += [Protocol(False, width, "causal", kernel="mean") for width in causal_widths]
    return [
        replace(chosen, split=split, model=model, horizon=horizon, recursive=recursive)
        for chosen, split, (model, horizon, recursive) in product(filters, ("last", "random"), steps)
        if (split == "last" or chosen.when in ("before", "causal"))
        and not (chosen.when == "causal inputs" and recursive)
    ]


def lstm_design(one_day_sigmas: Iterable[float], long_sigmas: Iterable[float], horizon: int = 15) -> list[Protocol]:
    """A few cells of the LSTM: raw demand at one day and at `horizon`, and sym8 + Gaussian filters of these widths."""
    raw = [Protocol(False, 0.0, horizon=h, model="lstm") for h in (1, horizon)]
    widths = [(1, sigma) for sigma in one_day_sigmas] + [(horizon, sigma) for sigma in long_sigmas]
    return raw + [Protocol(True, sigma, horizon=h, model="lstm") for h, sigma in widths]


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
    smooth, series, rows = _filters(panel), {}, []
    for protocol in protocols:
        key = _filter_key(panel, protocol), protocol.width, protocol.kernel
        if key not in series:
            series[key] = smooth(protocol)
        rows.append(score(panel, protocol, series=series[key], **options))
    return pd.concat(rows, ignore_index=True)


def _filter_key(panel: Panel, protocol: Protocol) -> tuple:
    first_test_day = n_train_days(panel.n_days, protocol.horizon) if protocol.when == "after" else None
    return protocol.wavelet, protocol.when.split()[0], first_test_day


def _filters(panel: Panel) -> Callable[[Protocol], np.ndarray]:
    """`filtered` of this panel, that runs each wavelet filter once."""
    shrunk = {}

    def smooth(protocol: Protocol) -> np.ndarray:
        key = _filter_key(panel, protocol)
        if protocol.wavelet and key not in shrunk:
            shrunk[key] = filtered(panel, replace(protocol, width=0.0))
        return filtered(panel, protocol, shrunk.get(key))

    return smooth


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
    list of Protocol, widths to a hundredth of a day, of a trailing mean to a whole day; families whose scores stay on
    one side are left out.
    """
    printed = np.mean([row["one_minus_wmape"] for row in PRINTED.values()])
    fitted = cells[(cells["against"] == "denoised") & (cells["model"] != "lstm")]
    members = {_key(protocol): protocol for protocol in protocols}
    smooth, solved = _filters(panel), []
    for key, family in fitted.groupby(list(FAMILY)):
        gap = family.groupby("width")["1-WMAPE"].mean() - printed  # mean of Train and Test, by width
        passed = np.flatnonzero(np.diff(np.sign(gap)))
        if len(passed):
            low, high = gap.index[passed[0]], gap.index[passed[0] + 1]
            member = members[key]
            miss = partial(_gap, panel=panel, protocol=member, smooth=smooth, printed=printed, seed=seed)
            if member.kernel == "mean":  # whole days: the nearest of the two about the print
                days = range(int(low), int(high) + 1)
                above = bisect_left(days, 0, key=miss)
                width = float(min(days[max(above - 1, 0) : above + 1], key=lambda n: abs(miss(n))))
            else:
                width = round(brentq(miss, low, high, xtol=0.005), 2)
            solved.append(replace(member, width=width))
    return solved


def _key(protocol: Protocol) -> tuple:
    """The protocol's family, as in the columns `FAMILY`."""
    return protocol.model, protocol.kind, protocol.when, protocol.split, protocol.horizon_name


def _gap(width: float, panel: Panel, protocol: Protocol, smooth: Callable, printed: float, seed: int) -> float:
    """Mean of training and test 1-WMAPE against the filtered series, less the printed mean."""
    member = replace(protocol, width=width)
    found = make_forecasts(panel, member, series=smooth(member), seed=seed)
    scores = [one_minus_wmape(found.target[days], found.forecast[days]) for days in (found.train, found.test)]
    return float(np.mean(scores) - printed)
