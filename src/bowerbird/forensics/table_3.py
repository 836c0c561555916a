"""What made Table 3: which protocols print its twelve numbers, at a filter width that is solved for.

A protocol whose test rows are drawn at random prints other numbers for every draw, so its digits cannot tell it. The
twelve numbers are compared with those of the other protocols alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd

from bowerbird.data.panel import Panel
from bowerbird.forensics.recipe import PROTOCOLS, filter_family
from bowerbird.forensics.twin_paper import measures
from bowerbird.paper import Printed
from bowerbird.table_3.experiment import filters, shares, solutions, train_and_test
from bowerbird.table_3.protocols import Protocol, make_forecasts
from bowerbird.table_3.scores import CLASS_DEFINITIONS, CLASS_MEASURES, NORMALIZATIONS, score

CHOICES = ("filter", "filtered", "split", "horizon", "model", "scored against", "classes", "RMSE")
MEASURES = [f"{measure}, {classes}" for classes in CLASS_DEFINITIONS for measure in CLASS_MEASURES]
MEASURES += [f"RMSE {name}" for name in NORMALIZATIONS] + ["1-WMAPE"]
SHARE = -1  # where the 1-WMAPE stands among them

ROUNDING = 0.0006  # half a unit of the third decimal, and a little for what is not linear between the widths tried
JUMP = 0.001  # more for classes, which change by whole days, where a width is solved for
LINEAR = 2e-5  # of a number, for the same
SCREEN = 0.003  # farther from the printed 1-WMAPE a protocol is not looked at
NARROWEST = 0.3  # days; a narrower Gaussian filter changes nothing
N_WIDTHS = 11  # tried within the range that rounds to the printed mean


Tried = list[tuple[Protocol, str]]  # a protocol, and what it is scored against


def solved(panel: Panel, printed: Printed, protocols: Sequence[Protocol] = PROTOCOLS, seed: int = 0) -> Tried:
    """Every family and target at the widths that give the printed mean of train and test, and all without a width."""
    found = solutions(panel, shares(panel, protocols, seed), protocols, printed, seed)
    found = [(protocol, against) for protocol, against in found if protocol.width >= NARROWEST]
    return found + [(p, against) for p in protocols if not p.width for against in p.targets]


def attaining(panel: Panel, printed: Printed, tried: Tried, tolerance: float) -> pd.DataFrame:
    """The protocols whose 1-WMAPE alone comes within a tolerance of the printed one, in train and in test."""
    smooth, rows = filters(panel), []
    for protocol, against in tried:
        both = np.array(train_and_test(make_forecasts(panel, protocol, series=smooth(protocol)), against))
        if (np.abs(both - printed.table_3["one_minus_wmape"]) <= tolerance).all():
            rows.append((*_protocol_choices(protocol, against), protocol.width, protocol.width))
    return pd.DataFrame(rows, columns=[*CHOICES[:6], "low", "high"])


def consistent(panel: Panel, printed: Printed, tried: Tried, seed: int = 0) -> pd.DataFrame:
    """The protocols that print all digits of Table 3; those with a random split are passed over.

    Columns: `CHOICES`; low, high [the range of the filter's width in days].
    """
    smooth = filters(panel)
    rows = []
    for protocol, against in tried:
        if protocol.split == "random":
            continue

        def scored(width: float, protocol=protocol, against=against) -> np.ndarray:
            member = replace(protocol, width=width)
            found = score(panel, member, series=smooth(member), seed=seed)
            return found.loc[found["against"] == against, MEASURES].to_numpy()  # (2, n_measures), train first

        rows += [
            (*_protocol_choices(protocol, against), *fit) for fit in _fits(scored, protocol, printed.table_3.to_numpy())
        ]
    return pd.DataFrame(rows, columns=[*CHOICES, "low", "high"])


def _fits(scored: Callable, protocol: Protocol, printed: np.ndarray) -> list[tuple]:
    """Class definition, normalization, least and most width of every way in which a protocol fits.

    `printed` (2, 6) is Table 3.
    """
    width, whole = protocol.width, protocol.kernel == "mean"
    at_width = scored(width)  # (2, n_measures)
    if np.abs(at_width[:, SHARE] - printed[:, -1]).max() > SCREEN:
        return []
    half = _half_range(scored, at_width, width) if width and not whole else 0.0
    if whole:
        widths = np.array([days for days in (width - 1, width, width + 1) if days >= 1])
    else:
        widths = width + half * np.linspace(-1, 1, N_WIDTHS if half else 1)
    tables = np.stack([scored(w) for w in widths])  # (n_widths, 2, n_measures)
    fits = []
    for classes, rmse in product(CLASS_DEFINITIONS, NORMALIZATIONS):
        columns = [MEASURES.index(name) for name in measures(classes, rmse)]
        allowed = ROUNDING + LINEAR * np.abs(printed)
        if half:
            allowed[:, : len(CLASS_MEASURES)] += JUMP
        apart = (tables[..., columns] - printed).reshape(len(widths), -1)
        if fitting := _fitting_widths(widths, apart, allowed.ravel(), whole):
            fits.append((classes, rmse, *fitting))
    return fits


def _half_range(scored: Callable, at_width: np.ndarray, width: float) -> float:
    """By how many days the width may change while the mean 1-WMAPE keeps its printed digits."""
    step = 0.01 * width
    slope = (scored(width + step)[:, SHARE].mean() - at_width[:, SHARE].mean()) / step
    return min(ROUNDING / max(abs(slope), 1e-9), 0.5 * width)


def _fitting_widths(
    widths: np.ndarray, apart: np.ndarray, allowed: np.ndarray, whole: bool
) -> tuple[float, float] | None:
    """Least and most width at which all numbers are at most `allowed` from the printed ones; None if there is none.

    `apart` (n_widths, 12) are the differences at the widths tried; between two of them they change linearly, unless
    widths are whole.
    """
    fits = (np.abs(apart) <= allowed).all(axis=1)
    found = list(widths[fits])
    for at in range(0 if whole else len(widths) - 1):
        first, change = apart[at], apart[at + 1] - apart[at]
        steady = change == 0
        change = np.where(steady, 1.0, change)
        ends = np.sort([(-allowed - first) / change, (allowed - first) / change], axis=0)  # shares of the way, (2, 12)
        ends = np.where(steady, np.where(np.abs(first) <= allowed, [[-np.inf], [np.inf]], [[np.inf], [-np.inf]]), ends)
        low, high = max(ends[0].max(), 0), min(ends[1].min(), 1)
        if low <= high:
            found += [widths[at] + share * (widths[at + 1] - widths[at]) for share in (low, high)]
    return (float(min(found)), float(max(found))) if found else None


def _protocol_choices(protocol: Protocol, against: str) -> tuple:
    """The protocol in the columns of `CHOICES`, without the last two."""
    when = protocol.when if protocol.is_filtered else "–"
    return filter_family(protocol), when, protocol.split, protocol.horizon_name, protocol.model, against


def told(found: pd.DataFrame, choice: str):
    """The value of a choice, one of `CHOICES`, if all consistent protocols share it; None if not, or if none is."""
    values = found[choice].unique()
    return values[0] if len(values) == 1 else None


def width_told(found: pd.DataFrame) -> tuple[float, float] | None:
    """The range of the filter's width, where the tables tell the filter."""
    return (float(found["low"].min()), float(found["high"].max())) if told(found, "filter") else None
