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
CENTRAL = {"50 %": (0.25, 0.75), "80 %": (0.1, 0.9), "95 %": (0.025, 0.975)}  # intervals whose coverage is measured
ALL = "all"
SELLERS = ("slow sellers", "middle", "fast sellers")
LARGEST_BIAS = 0.05  # share of demand; a lower sum is rewarded by WMAPE and costs sales


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
    without a distribution. `methods` names the kinds; a method not among them is an "ensemble". The last columns leave
    out the product that moves the score most, and say which share of the series it has.
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
            without, share = _without_one_product(panel, forecasts, name, protocol)
            rows.append({
                "protocol": protocol.name, "method": name, "kind": kinds.get(name, "ensemble"),
                "1-WMAPE": mean["1-WMAPE"], "low": low, "high": high,
                "sd over seeds": by_seed.std() if len(by_seed) > 1 else np.nan,
                **mean.drop("1-WMAPE"), "seeds": len(by_seed),
                "1-WMAPE without one product": without, "its share of series": share,
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


def differences_to(
    panel: Panel,
    forecasts: Forecasts,
    protocols: Iterable[Protocol],
    other: str,
    n_draws: int = N_DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """How far each method is ahead of one of them in 1 - WMAPE, with its 95 % interval; best first."""
    names = [name for name in dict.fromkeys(key.method for key in forecasts) if name != other]
    table = paired_differences(panel, forecasts, protocols, other, names, n_draws, seed)
    ahead = -table[["difference", "high", "low"]].to_numpy()  # the other's lead with its sign turned
    table = pd.DataFrame({"protocol": table["protocol"], "method": table["other"], "other": other})
    table[["difference", "low", "high"]] = ahead
    return table.sort_values(["protocol", "difference"], ascending=[True, False], ignore_index=True)


def coverage_table(panel: Panel, forecasts: Forecasts, protocols: Iterable[Protocol]) -> pd.DataFrame:
    """Share of days within central intervals, a row a method with a distribution and class of sellers, and all.

    The classes are thirds of the series by demand before the origin. Shares are means over origins, for each method's
    first seed; NaN where a method does not know the quantiles. "stated" is the chance that the forecast itself gives to
    its interval: more than nominal, as an interval of counts holds its ends.
    """
    first = {}  # (method, origin, horizon) -> first seed
    for key, forecast in forecasts.items():
        if forecast.is_distribution:
            first[key[:3]] = min(key.seed, first.get(key[:3], key.seed))
    rows = []
    for protocol in protocols:
        for key in (Key(*cut, seed) for cut, seed in first.items()):
            if _is_of(key, key.method, protocol):
                rows += [{"protocol": protocol.name} | row for row in _covered(panel, key, forecasts[key])]
    columns = ["protocol", "method", "sellers"]
    shares = [name for central in CENTRAL for name in (central, f"{central} stated")]
    return pd.DataFrame(rows, columns=[*columns, *shares]).groupby(columns, sort=False).mean().reset_index()


def _covered(panel: Panel, key: Key, forecast: Forecast) -> list[dict]:
    """Coverage of the central intervals from one origin, a row a class of sellers."""
    actual = actual_demand(panel, key.origin, key.horizon)
    by_volume, known = np.argsort(np.nansum(panel.demand[:, : key.origin], axis=1), kind="stable"), ~np.isnan(actual)
    parts = dict(zip(SELLERS, np.array_split(by_volume, len(SELLERS)), strict=True)) | {ALL: by_volume}
    rows = [{"method": key.method, "sellers": sellers} for sellers in parts]
    for name, (lower, upper) in CENTRAL.items():
        if forecast.mean is None and not forecast.levels[0] <= lower < upper <= forecast.levels[-1]:
            continue
        low, high = forecast.quantile(lower), forecast.quantile(upper)
        stated = forecast.chance(low, high) if forecast.mean is not None else np.full(actual.shape, upper - lower)
        stated = np.where(np.isnan(actual), np.nan, stated)
        for row, part in zip(rows, parts.values(), strict=True):
            row[name] = metrics.coverage(actual[part], low[part], high[part])
            row[f"{name} stated"] = np.nanmean(stated[part]) if known[part].any() else np.nan
    return rows


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
    sums = _errors_and_volumes(panel, forecasts, method, protocol)
    return np.mean([1 - (weights @ errors) / (weights @ volumes) for errors, volumes in sums], axis=0)


def _without_one_product(panel: Panel, forecasts: Forecasts, method: str, protocol: Protocol) -> tuple[float, float]:
    """1 - WMAPE without the product whose absence moves it most, and the product's share of the series."""
    products, names = pd.factorize(panel.series["product_no"])
    if len(names) < 2:
        return np.nan, np.nan
    whole, without = [], []  # of each origin; without each product (n_products,)
    for errors, volumes in _errors_and_volumes(panel, forecasts, method, protocol):
        rest, demand = (values.sum() - np.bincount(products, values) for values in (errors, volumes))
        whole.append(1 - errors.sum() / volumes.sum())
        without.append(1 - np.divide(rest, demand, out=np.full(len(names), np.nan), where=demand > 0))
    scores = np.mean(without, axis=0)
    most = int(np.nan_to_num(np.abs(scores - np.mean(whole))).argmax())
    return float(scores[most]), float(np.mean(products == most))


def _errors_and_volumes(panel: Panel, forecasts: Forecasts, method: str, protocol: Protocol):
    """From each origin every series' absolute errors, mean over seeds, and demand, both summed (n_series,)."""
    for origin in protocol.origins:
        actual = actual_demand(panel, origin, protocol.horizon)
        points = [f.point for key, f in forecasts.items() if key[:3] == (method, origin, protocol.horizon)]
        if not points:
            raise ParameterError(f"{method!r} has no forecast from day {origin}; make it with make_forecasts")
        errors = np.mean([np.nansum(np.abs(actual - point), axis=1) for point in points], axis=0)
        yield errors, np.nansum(np.abs(actual), axis=1)


def at_small_bias(actual: np.ndarray, point: np.ndarray) -> float:
    """1 - WMAPE of a forecast times the factor, known in hindsight, that brings its bias within LARGEST_BIAS."""
    bias = metrics.bias(actual, point)
    if not abs(bias) > LARGEST_BIAS or bias == -1:  # NaN, or nothing to scale
        return metrics.one_minus_wmape(actual, point)
    return metrics.one_minus_wmape(actual, point * (1 + np.copysign(LARGEST_BIAS, bias)) / (1 + bias))


def _scores(panel: Panel, key: Key, forecast: Forecast) -> dict[str, float]:
    actual, train = actual_demand(panel, key.origin, key.horizon), panel.demand[:, : key.origin]
    known = np.where(np.isnan(actual), 0, actual), np.where(np.isnan(actual), 0, forecast.point)
    volume = np.nansum(train, axis=1)
    small = np.argsort(-volume, kind="stable")[int(np.ceil(TOP_SHARE * panel.n_series)) :]
    row = {
        "1-WMAPE": metrics.one_minus_wmape(actual, forecast.point),
        "bias": metrics.bias(actual, forecast.point),
        "1-WMAPE at small bias": at_small_bias(actual, forecast.point),
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
