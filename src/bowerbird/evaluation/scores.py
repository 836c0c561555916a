"""The ladder's table: scores of every method under every protocol, and whether a difference is more than chance."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from bowerbird import metrics
from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.evaluation.ladder import Key, Method, Protocol, actual_demand, mean_point
from bowerbird.evaluation.quantile_forecast import QuantileForecast
from bowerbird.evaluation.stacking import least_absolute_weights
from bowerbird.seeds import stream

TOP_SHARE = 0.01
N_DRAWS = 1000


def ladder_table(
    panel: Panel,
    forecasts: dict[Key, QuantileForecast],
    protocols: Iterable[Protocol],
    methods: Iterable[Method] = (),
    n_draws: int = N_DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """One row a method and protocol, scored on raw units at series x day.

    Parameters
    ----------
    panel : Panel
        All days.
    forecasts : dict, Key -> QuantileForecast
        From `make_forecasts` and `average`.
    protocols : iterable of Protocol
    methods : iterable of Method
        Only to name the kinds; a method not among them is an "ensemble".
    n_draws, seed : int
        Bootstrap draws of the series, and their seed.

    Returns
    -------
    DataFrame: protocol, method, kind; 1-WMAPE with its 95 % bootstrap interval over series (low, high) and its
    standard deviation over seeds; bias; RMSE in units; RMSSE; weighted quantile loss and coverage of the 80 % interval,
    nan for a method without quantiles; 1-WMAPE without the 1 % of series with the largest demand before the origin;
    1-WMAPE of the sums over the horizon; number of seeds. All are means over origins and seeds.
    """
    kinds = {method.name: method.kind for method in methods}
    names = list(dict.fromkeys(key.method for key in forecasts))
    rows = []
    for protocol in protocols:
        draws = _draws(panel.n_series, n_draws, seed)
        for name in names:
            chosen = _of(forecasts, name, protocol)
            if not chosen:
                continue
            each = pd.DataFrame([{"seed": key.seed, **_scores(panel, key, f)} for key, f in chosen.items()])
            by_seed = each.groupby("seed")["1-WMAPE"].mean()
            boot = _drawn_scores(*series_errors(panel, forecasts, name, protocol), draws)
            low, high = np.quantile(boot, [0.025, 0.975])
            mean = each.drop(columns="seed").mean()
            rows.append({
                "protocol": protocol.name, "method": name, "kind": kinds.get(name, "ensemble"),
                "1-WMAPE": mean["1-WMAPE"], "low": low, "high": high,
                "sd over seeds": by_seed.std() if len(by_seed) > 1 else np.nan,
                **mean.drop("1-WMAPE"), "seeds": len(by_seed),
            })  # fmt: skip
    return pd.DataFrame(rows)


def wide_table(table: pd.DataFrame) -> pd.DataFrame:
    """`ladder_table` for readers: a row a method, its 1 - WMAPE and bias under each protocol, in order of the last."""
    wide = table.pivot(index=["method", "kind"], columns="protocol", values=["1-WMAPE", "bias"])
    order = [(score, protocol) for protocol in table["protocol"].unique() for score in ("1-WMAPE", "bias")]
    wide = wide[order].sort_values(("1-WMAPE", table["protocol"].iloc[-1]))
    wide.columns = [f"{protocol} {score}" for score, protocol in order]
    return wide.reset_index()


def paired_differences(
    panel: Panel,
    forecasts: dict[Key, QuantileForecast],
    protocols: Iterable[Protocol],
    method: str,
    others: Iterable[str],
    n_draws: int = N_DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """How far a method is ahead of others in 1 - WMAPE, by a bootstrap that draws the same series for both.

    Parameters
    ----------
    panel, forecasts, protocols, n_draws, seed : see `ladder_table`
    method : str
    others : iterable of str
        Methods to compare it with.

    Returns
    -------
    DataFrame: protocol, method, other, difference with its 95 % interval (low, high), share of draws in which `method`
    is ahead.

    Source
    ------
    Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 16.
    """
    draws = _draws(panel.n_series, n_draws, seed)
    everything = np.ones((1, panel.n_series))
    rows = []
    for protocol in protocols:
        ours = series_errors(panel, forecasts, method, protocol)
        for other in others:
            theirs = series_errors(panel, forecasts, other, protocol)
            difference = _drawn_scores(*ours, draws) - _drawn_scores(*theirs, draws)  # (n_draws,)
            low, high = np.quantile(difference, [0.025, 0.975])
            rows.append({
                "protocol": protocol.name, "method": method, "other": other,
                "difference": float((_drawn_scores(*ours, everything) - _drawn_scores(*theirs, everything))[0]),
                "low": low, "high": high, "share ahead": float((difference > 0).mean()),
            })  # fmt: skip
    return pd.DataFrame(rows)


def hindsight_combination(
    panel: Panel, forecasts: dict[Key, QuantileForecast], protocols: Iterable[Protocol], methods: Iterable[str]
) -> pd.DataFrame:
    """What the best weighted sum of forecasts would have scored, its weights fitted to the very days scored.

    Parameters
    ----------
    panel, forecasts, protocols : see `ladder_table`
    methods : iterable of str
        Methods to weigh, seeds averaged.

    Returns
    -------
    DataFrame: protocol, methods (how many), best of them, equal weights, weights in hindsight; all 1-WMAPE. No weights
    chosen without a look at those days can be expected to score more than the last.
    """
    methods, rows = list(methods), []
    for protocol in protocols:
        actual, combined = [], []
        for origin in protocol.origins:
            days = actual_demand(panel, origin, protocol.horizon)
            known = ~np.isnan(days)
            points = np.stack([mean_point(forecasts, m, origin, protocol.horizon)[known] for m in methods], axis=1)
            volume = days[known].sum()  # every origin counts alike, as in the protocol's score
            actual.append(days[known] / volume)
            combined.append(points / volume)
        y, X = np.concatenate(actual), np.concatenate(combined)  # (n_days,), (n_days, n_methods)
        equal = np.full(len(methods), 1 / len(methods))
        fitted = least_absolute_weights(X, y, equal, shrinkage=1e-6)
        alone = [metrics.one_minus_wmape(y, X[:, j]) for j in range(len(methods))]
        rows.append({
            "protocol": protocol.name, "methods": len(methods), "best of them": max(alone),
            "equal weights": metrics.one_minus_wmape(y, X @ equal),
            "weights in hindsight": metrics.one_minus_wmape(y, X @ fitted),
        })  # fmt: skip
    return pd.DataFrame(rows)


def series_errors(
    panel: Panel, forecasts: dict[Key, QuantileForecast], method: str, protocol: Protocol
) -> tuple[np.ndarray, np.ndarray]:
    """Absolute error summed over the horizon, its mean over seeds, and demand; two arrays (n_origins, n_series)."""
    errors, demands = [], []
    for origin in protocol.origins:
        actual = actual_demand(panel, origin, protocol.horizon)
        points = [f.point for key, f in forecasts.items() if key[:3] == (method, origin, protocol.horizon)]
        if not points:
            raise ParameterError(f"{method!r} has no forecast from day {origin}; make it with make_forecasts")
        errors.append(np.mean([np.nansum(np.abs(actual - point), axis=1) for point in points], axis=0))
        demands.append(np.nansum(np.abs(actual), axis=1))
    return np.array(errors), np.array(demands)


def _draws(n_series: int, n_draws: int, seed: int) -> np.ndarray:
    """How often each series is drawn in each bootstrap sample; (n_draws, n_series)."""
    rng = stream(seed, "07/bootstrap")
    return rng.multinomial(n_series, np.full(n_series, 1 / n_series), size=n_draws).astype(float)


def _drawn_scores(errors: np.ndarray, demands: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """1 - WMAPE of every bootstrap sample, mean over origins; (n_draws,)."""
    return (1 - (draws @ errors.T) / (draws @ demands.T)).mean(axis=1)


def _of(forecasts: dict[Key, QuantileForecast], name: str, protocol: Protocol) -> dict[Key, QuantileForecast]:
    return {
        key: f
        for key, f in forecasts.items()
        if key.method == name and key.horizon == protocol.horizon and key.origin in protocol.origins
    }


def _scores(panel: Panel, key: Key, forecast: QuantileForecast) -> dict[str, float]:
    actual, train = actual_demand(panel, key.origin, key.horizon), panel.demand[:, : key.origin]
    known = np.where(np.isnan(actual), 0, actual), np.where(np.isnan(actual), 0, forecast.point)
    volume = np.nansum(train, axis=1)
    small = np.argsort(-volume, kind="stable")[int(np.ceil(TOP_SHARE * panel.n_series)) :]
    row = {
        "1-WMAPE": metrics.one_minus_wmape(actual, forecast.point),
        "bias": metrics.bias(actual, forecast.point),
        "RMSE": metrics.rmse(actual, forecast.point),
        "RMSSE": metrics.rmsse(actual, forecast.point, train),
        "quantile loss": np.nan,
        "coverage 80 %": np.nan,
        "1-WMAPE without top 1 %": metrics.one_minus_wmape(actual[small], forecast.point[small]),
        "1-WMAPE of totals": metrics.one_minus_wmape(*(values.sum(axis=1) for values in known)),
    }
    if forecast.levels:
        row["quantile loss"] = metrics.weighted_quantile_loss(actual, forecast.values, forecast.levels)
        row["coverage 80 %"] = metrics.coverage(actual, forecast.quantile(0.1), forecast.quantile(0.9))
    return row
