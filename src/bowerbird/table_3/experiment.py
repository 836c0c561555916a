"""The experiment on Table 3: the designed protocols, their scores, and the widths that attain a printed score."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from bowerbird.data.panel import Panel
from bowerbird.metrics import one_minus_wmape
from bowerbird.paper import Printed
from bowerbird.table_3.protocols import Forecasts, Protocol, filtered, make_forecasts, n_train_days
from bowerbird.table_3.scores import FAMILY, score

SIGMAS = (0.5, 0.7, 1.0, 2.0, 3.0, 5.0, 10.0)  # days
OTHER_SIGMAS = (0.7, 1.5, 5.0)  # days, for filters after the split and for causal inputs
CAUSAL_WIDTHS = (3.0, 10.0, 40.0, 120.0)  # days, for causal filters, trailing means included


def design(sigmas: Sequence[float], other_sigmas: Sequence[float], causal_widths: Sequence[float]) -> list[Protocol]:
    """The factorial of persistence and ridge, without the combinations that mean nothing or the same."""
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


def run(panel: Panel, protocols: Iterable[Protocol], **options) -> pd.DataFrame:
    """The rows of `scores.score` for many protocols ("cells"); a filter shared by several is run once."""
    smooth, series, rows = filters(panel), {}, []
    for protocol in protocols:
        key = _filter_key(panel, protocol), protocol.width, protocol.kernel
        if key not in series:
            series[key] = smooth(protocol)
        rows.append(score(panel, protocol, series=series[key], **options))
    return pd.concat(rows, ignore_index=True)


def _filter_key(panel: Panel, protocol: Protocol) -> tuple:
    first_test_day = n_train_days(panel.n_days, protocol.horizon) if protocol.when == "after" else None
    return protocol.wavelet, protocol.when.split()[0], first_test_day


def filters(panel: Panel) -> Callable[[Protocol], np.ndarray]:
    """`filtered` of this panel, that runs each wavelet filter once."""
    shrunk = {}

    def smooth(protocol: Protocol) -> np.ndarray:
        key = _filter_key(panel, protocol)
        if protocol.wavelet and key not in shrunk:
            shrunk[key] = filtered(panel, replace(protocol, width=0.0))
        return filtered(panel, protocol, shrunk.get(key))

    return smooth


def solutions(
    panel: Panel, cells: pd.DataFrame, protocols: Iterable[Protocol], printed: Printed, seed: int = 0
) -> list[tuple[Protocol, str]]:
    """Members of each family at the filter widths where the mean of train and test 1-WMAPE equals the printed mean.

    Each comes with the target of its score, "denoised" or "raw". `cells` are those of the design's protocols, run with
    the same seed; they bracket the widths. The width of a trailing mean is the nearer of the two whole numbers of days.
    Families whose scores stay on one side of the printed mean are left out.
    """
    aim = printed.table_3["one_minus_wmape"].mean()
    members = {_key(protocol): protocol for protocol in protocols}
    smooth, solved = filters(panel), []
    for (*key, against), family in cells[cells["model"] != "lstm"].groupby([*FAMILY, "against"]):
        gap = family.groupby("width")["1-WMAPE"].mean() - aim  # mean of Train and Test, by width
        for at in np.flatnonzero(np.diff(np.sign(gap))):
            low, high = gap.index[at], gap.index[at + 1]
            member = members[tuple(key)]
            miss = partial(_gap, panel=panel, protocol=member, against=against, smooth=smooth, aim=aim, seed=seed)
            if member.kernel == "mean":
                days = range(int(low), int(high) + 1)
                above = bisect_left(days, True, key=lambda n, rises=gap.iloc[at + 1] > 0: (miss(n) > 0) == rises)
                width = float(min(days[max(above - 1, 0) : above + 1], key=lambda n: abs(miss(n))))
            else:
                width = brentq(miss, low, high, xtol=1e-4)
            solved.append((replace(member, width=width), against))
    return solved


def shares(panel: Panel, protocols: Iterable[Protocol], seed: int = 0) -> pd.DataFrame:
    """For `solutions`, in place of full cells: the mean of train and test 1-WMAPE of every protocol and target."""
    smooth, rows = filters(panel), []
    for protocol in protocols:
        found = make_forecasts(panel, protocol, series=smooth(protocol), seed=seed)
        for against in protocol.targets:
            row = dict(zip(FAMILY, _key(protocol), strict=True)) | {"against": against, "width": protocol.width}
            rows.append(row | {"1-WMAPE": float(np.mean(train_and_test(found, against)))})
    return pd.DataFrame(rows)


def crossings(*args, **options) -> list[Protocol]:
    """The protocols of `solutions`, their widths to a hundredth of a day."""
    solved = [replace(protocol, width=round(protocol.width, 2)) for protocol, _ in solutions(*args, **options)]
    return list(dict.fromkeys(solved))


def _key(protocol: Protocol) -> tuple:
    """The protocol's family, as in the columns `FAMILY`."""
    when = protocol.when if protocol.is_filtered else "–"
    return protocol.model, protocol.kind, when, protocol.split, protocol.horizon_name


def _gap(
    width: float, panel: Panel, protocol: Protocol, against: str, smooth: Callable, aim: float, seed: int
) -> float:
    """Mean of training and test 1-WMAPE at a filter width, less the mean aimed at."""
    member = replace(protocol, width=width)
    found = make_forecasts(panel, member, series=smooth(member), seed=seed)
    return float(np.mean(train_and_test(found, against))) - aim


def train_and_test(found: Forecasts, against: str) -> list[float]:
    """1-WMAPE in training and test."""
    target = found.target if against == "denoised" else found.raw
    return [one_minus_wmape(target[days], found.forecast[days]) for days in (found.train, found.test)]
