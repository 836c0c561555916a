"""The same forecasts seen from further away: by product, warehouse, category, in total; by day, week and horizon.

Errors of single series and days cancel in sums, so accuracy depends on the level far more than on the model. Forecasts
of all levels are coherent when each is the sum of the series below it: bottom-up sums make them so, and MinT combines
forecasts made at every level into coherent ones.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from bowerbird.checks import floats, require
from bowerbird.data.panel import DAILY, Frequency, Panel, key_columns
from bowerbird.errors import ParameterError
from bowerbird.forecaster.level import fill_missing
from bowerbird.metrics import bias, one_minus_wmape

LEVELS = {
    "series": "",
    "product": "product_no",
    "warehouse": "warehouse_no",
    "category": "category1",
    "total": "",
}
"""Level -> column that the series of a node share, from fine to coarse. Data without the column lack the level."""

PERIODS = {"day": 1, "week": 7, "horizon": 0}
"""Period -> its days; 0 for all days of the horizon. A last week that is not whole is left out. Weekly: no days."""

PAST_DAYS = 56  # before the origin; their one-day-ahead errors estimate MinT's covariance


@dataclass(frozen=True)
class Hierarchy:
    """Which series each node sums; coarse levels first and the series last, in the panel's order."""

    nodes: pd.DataFrame  # level and name of each node
    summing: sparse.csr_array  # (n_nodes, n_series) 1 where a series belongs to a node [S]; the last rows: identity


def hierarchy(series: pd.DataFrame) -> Hierarchy:
    """The nodes of all LEVELS of a panel's `series`."""
    blocks, nodes = [], []
    for level in reversed(LEVELS):
        column, keys = LEVELS[level], key_columns(series)
        if column and (column not in series or [column] == keys):  # [column] == keys: the level is that of the series
            continue
        if level == "series":
            labels, names = np.arange(len(series)), series[keys].agg("/".join, axis=1)
        elif column:
            labels, names = pd.factorize(series[column], sort=True)
        else:
            labels, names = np.zeros(len(series), dtype=int), ["total"]
        ones = np.ones(len(series))
        blocks.append(sparse.csr_array((ones, (labels, np.arange(len(series)))), shape=(len(names), len(series))))
        nodes.append(pd.DataFrame({"level": level, "name": list(names)}))
    return Hierarchy(pd.concat(nodes, ignore_index=True), sparse.vstack(blocks, format="csr"))


def accuracy_by_level(series: pd.DataFrame, actual, forecast, frequency: Frequency = DAILY) -> pd.DataFrame:
    """1 - WMAPE and bias of bottom-up sums, a row a level and period; days of missing demand count in neither sum."""
    tree = hierarchy(series)
    unknown = np.isnan(floats("actual", actual))
    sums = (tree.summing @ np.where(unknown, 0, values) for values in (actual, forecast))
    return score_nodes(tree, *sums, frequency)


def score_nodes(tree: Hierarchy, actual: np.ndarray, forecast: np.ndarray, frequency: Frequency) -> pd.DataFrame:
    """Level, period, nodes, 1-WMAPE and bias of forecasts made for the nodes; arrays (n_nodes, horizon)."""
    periods = PERIODS if frequency == DAILY else {frequency.word: 1, "horizon": 0}
    rows = []
    for level in [level for level in LEVELS if level in set(tree.nodes["level"])]:
        chosen = (tree.nodes["level"] == level).to_numpy()
        for period, days in periods.items():
            a, f = (_by_period(values[chosen], days) for values in (actual, forecast))
            if a.shape[1]:
                row = {"level": level, "period": period, "nodes": int(chosen.sum())}
                rows.append(row | {"1-WMAPE": one_minus_wmape(a, f), "bias": bias(a, f)})
    return pd.DataFrame(rows)


def reconcile(tree: Hierarchy, base: np.ndarray, residuals: np.ndarray | None = None) -> np.ndarray:
    """Coherent forecasts of all nodes (n_nodes, horizon) from forecasts of each node by itself, by minimum trace.

    The covariance of the base errors is in proportion to a node's number of series or, given past errors `residuals`
    (n_nodes, n_days), estimated and shrunk. Negative series become zero before they are summed. Wickramasuriya,
    Athanasopoulos & Hyndman, J. American Statistical Association 114, 2019.
    """
    past = {} if residuals is None else {"y_insample": residuals, "y_hat_insample": np.zeros_like(residuals)}
    mint = require("hierarchicalforecast.methods").MinTrace("wls_struct" if residuals is None else "mint_shrink")
    coherent = mint.fit_predict(S=tree.summing.toarray(), y_hat=np.asarray(base, dtype=float), **past)["mean"]
    bottom = np.maximum(coherent[-tree.summing.shape[1] :], 0)  # (n_series, horizon)
    return tree.summing @ bottom


def levels_study(panel: Panel, origin: int, horizon: int, forecast: Callable) -> pd.DataFrame:
    """A forecaster of `baselines` at every level: summed from below, made directly at each level, and reconciled.

    Rows as `score_nodes` has them, and how the forecast was made. Missing days stand at the running level.
    """
    if origin - PAST_DAYS < 1 or origin + horizon > panel.n_days:
        raise ParameterError(
            f"origin is {origin}; give one from {PAST_DAYS + 1} to {panel.n_days - horizon}, so that {PAST_DAYS} days "
            f"lie before it and {horizon} after"
        )
    tree = hierarchy(panel.series)
    demand = tree.summing @ fill_missing(panel.demand, panel.frequency)  # (n_nodes, n_days)
    known, actual = demand[:, :origin], demand[:, origin : origin + horizon]
    direct = forecast(known, horizon)
    days = range(origin - PAST_DAYS, origin)
    residuals = np.column_stack([demand[:, day] - forecast(demand[:, :day], 1)[:, 0] for day in days])
    made = {
        "bottom-up": tree.summing @ direct[-panel.n_series :],
        "direct": direct,
        "MinT, wls_struct": reconcile(tree, direct),
        "MinT, mint_shrink": reconcile(tree, direct, residuals),
    }
    scored = [score_nodes(tree, actual, f, panel.frequency).assign(how=how) for how, f in made.items()]
    return pd.concat(scored, ignore_index=True)


def _by_period(values: np.ndarray, days: int) -> np.ndarray:
    """Sums of whole periods from the first day on; (n_nodes, n_periods)."""
    if days == 0:
        return values.sum(axis=1, keepdims=True)
    whole = values.shape[1] // days * days
    return values[:, :whole].reshape(len(values), -1, days).sum(axis=2)
