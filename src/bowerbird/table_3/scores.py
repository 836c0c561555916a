"""Table 3's columns for one protocol: 1 - WMAPE, RMSE under every normalization, classes under every definition.

The paper prints an RMSE of 0.945 beside shares of 0.945 and gives it no unit, so it is computed in units and under the
usual normalizations, each by name. It does not define the classes of its accuracy, recall, precision and F1 either.
"""

import numpy as np
import pandas as pd

from bowerbird.data.panel import Panel, fit_scaler
from bowerbird.metrics import bias, one_minus_wmape, rmse
from bowerbird.table_3.protocols import Forecasts, Protocol, make_forecasts

NORMALIZATIONS = (
    "units", "/ mean", "/ standard deviation", "/ range", "/ interquartile range", "/ mean of each series",
    "/ standard deviation of each series", "/ range of each series", "of log(1 + y)",
)  # fmt: skip
"""What the RMSE column may be. Global min-max and z scaling divide by the range and the standard deviation; "of each
series" is the RMSE of series scaled one by one on their training windows."""

CLASS_DEFINITIONS = ("rounded units", "within ±10 %", "demand or none", "quantile classes")
CLASS_MEASURES = ("accuracy", "recall", "precision", "F1")
SMALLEST_SCALE = 0.1  # units a day; a series with less to divide by keeps its units
MOST_UNITS = 1_000_000  # a day, of a series
TABLE_3_TOLERANCE = 0.005  # how near a protocol's score must come to the printed one

CHOICES = ("model", "filter", "filtered", "split", "horizon")
"""The columns that tell protocols apart."""

FAMILY = ("model", "kind", "filtered", "split", "horizon")
"""The columns that tell families apart: protocols that differ only in the width of the filter."""

LEAK_FREE = "leak-free"
SMOOTHED = {
    "before": "filtered before the split", "after": "filtered after the split", "causal": "filtered causally",
}  # fmt: skip
"""How the target was smoothed -> the protocol's name in the layout of Table 3."""


def score(panel: Panel, protocol: Protocol, **options) -> pd.DataFrame:
    """Scores of one protocol, train and test, against what was fitted ("denoised") and against raw demand.

    A row holds the protocol's choices, 1-WMAPE, bias, 1-WMAPE of the catalogue's daily total, RMSE under each of
    `NORMALIZATIONS` and the class measures under each of `CLASS_DEFINITIONS`. Quantile classes are the quartiles of
    the training windows. `options` are those of `make_forecasts`.
    """
    found = make_forecasts(panel, protocol, **options)
    choices = {
        "model": protocol.model,
        "filter": protocol.filter_name,
        "kind": protocol.kind,
        "width": protocol.width,
        "filtered": protocol.when if protocol.is_filtered else "–",
        "split": protocol.split,
        "horizon": protocol.horizon_name,
        "leak-free": protocol.leak_free,
    }
    rows = []
    for against, target in ([("denoised", found.target)] if protocol.filters_target else []) + [("raw", found.raw)]:
        scales = series_scales(target, found.train)
        quartiles = np.unique(np.quantile(target[found.train], [0.25, 0.5, 0.75]))
        for index, days in (("Train", found.train), ("Test", found.test)):
            actual, forecast = target[days], found.forecast[days]  # (n_windows, horizon)
            row = choices | {"Index": index, "against": against}
            row |= {"1-WMAPE": one_minus_wmape(actual, forecast), "bias": bias(actual, forecast)}
            row["1-WMAPE, daily total"] = total_score(found, target, days)
            of_days = {name: np.broadcast_to(scale, days.shape)[days] for name, scale in scales.items()}
            row |= {f"RMSE {name}": value for name, value in normalized_rmse(actual, forecast, of_days).items()}
            rows.append(row | class_scores(actual, forecast, quartiles))
    return pd.DataFrame(rows)


def series_scales(target: np.ndarray, train: np.ndarray) -> dict[str, np.ndarray]:
    """Mean, standard deviation and range of each series over its training windows, arrays (n_series, 1) in units.

    `target` is (n_series, n_origins, horizon), `train` (n_series, n_origins). What filtering leaves of a series without
    demand is no scale to divide by: below `SMALLEST_SCALE` it is 1.
    """
    days = np.where(train[:, :, None], target, np.nan).reshape(len(target), -1)  # (n_series, n_origins * horizon)
    z, min_max = (fit_scaler(days, kind, days.shape[1]) for kind in ("z", "min-max"))
    scales = {"mean": z.shift, "standard deviation": z.scale, "range": min_max.scale}
    return {f"/ {name} of each series": np.where(x > SMALLEST_SCALE, x, 1.0) for name, x in scales.items()}


def normalized_rmse(actual: np.ndarray, forecast: np.ndarray, scales: dict[str, np.ndarray]) -> dict[str, float]:
    """RMSE of arrays (n_windows, horizon) under every one of `NORMALIZATIONS`; nan where a global scale is 0.

    `scales` holds what divides each window's errors, arrays (n_windows,). Values below 0 count as 0 on the log scale.
    """
    units = rmse(actual, forecast)
    low, high = np.quantile(actual, [0.25, 0.75])
    spreads = {
        "/ mean": actual.mean(), "/ standard deviation": actual.std(), "/ range": np.ptp(actual),
        "/ interquartile range": high - low,
    }  # fmt: skip
    values = {
        "units": units,
        **{name: units / spread if spread else np.nan for name, spread in spreads.items()},
        "of log(1 + y)": rmse(np.log1p(actual.clip(0)), np.log1p(forecast.clip(0))),
    }
    values |= {name: rmse(actual / scale[:, None], forecast / scale[:, None]) for name, scale in scales.items()}
    return {name: values[name] for name in NORMALIZATIONS}


def class_scores(actual: np.ndarray, forecast: np.ndarray, quartiles: np.ndarray) -> dict[str, float]:
    """Accuracy, recall, precision and F1 under every definition, as "accuracy, rounded units" and so on.

    - "rounded units": each whole number of units is a class; halves round up.
    - "within ±10 %": a day is right when |y - y-hat| <= |y|/10. There are no classes, so recall, precision, F1 are nan.
    - "demand or none": two classes, at least one unit after rounding or none; the measures are those of "demand".
    - "quantile classes": intervals (edge, next edge] of the increasing `quartiles`, and the two ends.

    Other measures are means over classes, weighted by how often each occurs; a class never forecast has precision 0.
    """
    actual, forecast = actual.ravel(), forecast.ravel()
    # halves round up; a recursive forecast can run away, and one class is enough for all that lies so far out
    units = [np.floor(x + 0.5).clip(-MOST_UNITS, MOST_UNITS).astype(np.int64) for x in (actual, forecast)]
    classes = {
        "rounded units": [x - min(part.min() for part in units) for x in units],
        "demand or none": [(x > 0).astype(np.int64) for x in units],
        "quantile classes": [np.searchsorted(quartiles, x) for x in (actual, forecast)],
    }
    values = dict.fromkeys((f"{measure}, within ±10 %" for measure in CLASS_MEASURES), np.nan)
    # times 10, not divided: exact for whole units
    values["accuracy, within ±10 %"] = float(np.mean(10 * np.abs(actual - forecast) <= np.abs(actual)))
    for definition, (true, predicted) in classes.items():
        n_classes = 1 + max(true.max(), predicted.max(), 1)
        hits, of_true, of_predicted = (
            np.bincount(x, minlength=n_classes) for x in (true[true == predicted], true, predicted)
        )
        # by class: recall hits / true, precision hits / forecast, F1 2 hits / (forecast + true); without any, 0
        by_class = [hits / np.maximum(n, 1) for n in (of_true, of_predicted, (of_true + of_predicted) / 2)]
        weights = of_true / len(true) if definition != "demand or none" else np.arange(n_classes) == 1
        scored = [hits.sum() / len(true), *(float((weights * x).sum()) for x in by_class)]
        values |= {f"{measure}, {definition}": value for measure, value in zip(CLASS_MEASURES, scored, strict=True)}
    return values


def total_score(found: Forecasts, target: np.ndarray, days: np.ndarray) -> float:
    """1-WMAPE of the catalogue's daily total over the origins in `days` (n_series, n_origins); nan if any is split."""
    whole = days.all(axis=0)  # (n_origins,)
    if not (days == whole).all():
        return np.nan
    return one_minus_wmape(target[:, whole].sum(axis=0), found.forecast[:, whole].sum(axis=0))


def as_printed(cells: pd.DataFrame) -> pd.DataFrame:
    """One-day protocols among the rows of `score` in the layout of Table 3, both targets side by side.

    Columns: Index, model, filter, protocol [how the target was smoothed, or "leak-free"]; 1-WMAPE against its own
    target and raw demand, bias against raw demand; RMSE and the classes against its own target. Protocols with other
    horizons or random test rows are left out. A width that was solved for may be one of the design's: it counts once.
    """
    one_day = cells[(cells["horizon"] == "1 day") & (cells["split"] == "last")]
    one_day = one_day.drop_duplicates([*CHOICES, "against", "Index"])
    protocol = one_day["filtered"].map(SMOOTHED).fillna(LEAK_FREE)
    own = one_day["against"] == np.where(protocol == LEAK_FREE, "raw", "denoised")
    one_day = one_day.assign(protocol=protocol)
    key = ["model", "filter", "protocol", "Index"]
    measures = [name for name in cells if name.startswith(("RMSE", *CLASS_MEASURES))]
    raw = one_day[one_day["against"] == "raw"].set_index(key)[["1-WMAPE", "bias"]].add_suffix(", raw demand")
    own = one_day[own].set_index(key)
    rows = own[["1-WMAPE"]].add_suffix(", own target").join(raw).join(own[measures]).reset_index()
    return rows.rename(columns={"RMSE units": "RMSE, own target", "RMSE / mean": "RMSE / mean, own target"})
