"""The ladder's table: scores of every method under every protocol, and whether a difference is more than chance."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from bowerbird import metrics
from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.evaluation.baselines import least_absolute_weights
from bowerbird.evaluation.bootstrap import estimate, samples
from bowerbird.evaluation.ladder import ORACLE, QUANTILES, Forecasts, Key, Method, Protocol, actual_demand, mean_point
from bowerbird.forecaster.forecast import Forecast
from bowerbird.seeds import stream

TOP_SHARE = 0.01
N_DRAWS = 1000


def ladder_table(
    panel: Panel,
    forecasts: Forecasts,
    protocols: Iterable[Protocol],
    methods: Iterable[Method] = (),
    n_draws: int = N_DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """One row a method and protocol, on raw units at series x day; all scores are means over origins and seeds.

    low and high are the 95 % bootstrap interval of 1-WMAPE over series. Quantile loss and coverage are NaN for a method
    without a distribution. `methods` names the kinds; a method not among them is an "ensemble".
    """
    kinds = {ORACLE: "hindsight"} | {method.name: method.kind for method in methods}
    names = list(dict.fromkeys(key.method for key in forecasts))
    weights = _weights(panel, n_draws, seed)
    rows = []
    for protocol in protocols:
        for name in names:
            chosen = {key: forecast for key, forecast in forecasts.items() if _is_of(key, name, protocol)}
            if not chosen:
                continue
            each = pd.DataFrame([{"seed": key.seed, **_scores(panel, key, f)} for key, f in chosen.items()])
            by_seed = each.groupby("seed")["1-WMAPE"].mean()
            _, low, high = estimate(_weighted_scores(panel, forecasts, name, protocol, weights))
            mean = each.drop(columns="seed").mean()
            rows.append({
                "protocol": protocol.name, "method": name, "kind": kinds.get(name, "ensemble"),
                "1-WMAPE": mean["1-WMAPE"], "low": low, "high": high,
                "sd over seeds": by_seed.std() if len(by_seed) > 1 else np.nan,
                **mean.drop("1-WMAPE"), "seeds": len(by_seed),
            })  # fmt: skip
    return pd.DataFrame(rows)


def paired_differences(
    panel: Panel,
    forecasts: Forecasts,
    protocols: Iterable[Protocol],
    method: str,
    others: Iterable[str],
    n_draws: int = N_DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """How far a method is ahead of others in 1 - WMAPE, its 95 % interval, and the share of samples it is ahead in."""
    weights = _weights(panel, n_draws, seed)
    rows = []
    for protocol in protocols:
        ours = _weighted_scores(panel, forecasts, method, protocol, weights)
        for other in others:
            difference = ours - _weighted_scores(panel, forecasts, other, protocol, weights)  # (1 + n_draws,)
            value, low, high = estimate(difference)
            rows.append({
                "protocol": protocol.name, "method": method, "other": other, "difference": float(value),
                "low": low, "high": high, "share ahead": float((difference[1:] > 0).mean()),
            })  # fmt: skip
    return pd.DataFrame(rows)


def hindsight_combination(
    panel: Panel, forecasts: Forecasts, protocols: Iterable[Protocol], methods: Iterable[str]
) -> pd.DataFrame:
    """1-WMAPE of the best method, of equal weights, and of weights fitted to the very days scored: an upper bound."""
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


def rmse_beside_share(
    panel: Panel, forecasts: Forecasts, protocols: Iterable[Protocol], method: str, n_draws: int, seed: int
) -> pd.DataFrame:
    """RMSE / mean demand, 1 - WMAPE and their difference with its 95 % interval over series, a row a protocol."""
    weights = samples(panel.n_series, n_draws, stream(seed, "claims/bootstrap"))
    rows = []
    for protocol in protocols:
        scores = []
        for key, forecast in forecasts.items():
            if _is_of(key, method, protocol):
                actual = actual_demand(panel, key.origin, key.horizon)
                error = actual - forecast.point
                sums = (np.nansum(x, axis=1) for x in (error**2, np.abs(error), actual, ~np.isnan(actual)))
                squares, absolutes, units, days = (weights @ x for x in sums)
                scores.append([np.sqrt(squares / days) / (units / days), 1 - absolutes / units])
        rmse, share = np.mean(scores, axis=0)
        rows.append((protocol.name, method, rmse[0], share[0], *estimate(rmse - share)))
    names = ["protocol", "method", "RMSE / mean demand", "1-WMAPE", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def _is_of(key: Key, name: str, protocol: Protocol) -> bool:
    return key.method == name and key.horizon == protocol.horizon and key.origin in protocol.origins


def _weights(panel: Panel, n_draws: int, seed: int) -> np.ndarray:
    return samples(panel.n_series, n_draws, stream(seed, "forecasts/bootstrap"))


def _weighted_scores(panel: Panel, forecasts: Forecasts, method: str, protocol: Protocol, weights) -> np.ndarray:
    """1 - WMAPE of every bootstrap sample, mean over origins and seeds (1 + n_draws,)."""
    scores = []
    for origin in protocol.origins:
        actual = actual_demand(panel, origin, protocol.horizon)
        points = [f.point for key, f in forecasts.items() if key[:3] == (method, origin, protocol.horizon)]
        if not points:
            raise ParameterError(f"{method!r} has no forecast from day {origin}; make it with make_forecasts")
        errors = np.mean([np.nansum(np.abs(actual - point), axis=1) for point in points], axis=0)  # (n_series,)
        scores.append(1 - (weights @ errors) / (weights @ np.nansum(np.abs(actual), axis=1)))
    return np.mean(scores, axis=0)


def _scores(panel: Panel, key: Key, forecast: Forecast) -> dict[str, float]:
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
    if forecast.is_distribution:
        quantiles = np.stack([forecast.quantile(level) for level in QUANTILES])
        row["quantile loss"] = metrics.weighted_quantile_loss(actual, quantiles, QUANTILES)
        row["coverage 80 %"] = metrics.coverage(actual, quantiles[0], quantiles[-1])
    return row
