"""Figures of notebook 08: the (s, S) policy walked through demand, and cost against service."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from bowerbird import metrics
from bowerbird.checks import finite
from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.evaluation.ladder import Forecasts, actual_demand, mean_point
from bowerbird.forecaster.inputs import running_level
from bowerbird.inventory.policy import Levels, periodic_review_levels
from bowerbird.inventory.simulate import (
    ASSUMED_HOLDING_RATE,
    Costs,
    Totals,
    Walk,
    assumed_costs,
    holding_cost,
    simulate,
    summary,
    totals,
)
from bowerbird.seeds import stream
from bowerbird.studies.style import BLUE, COLOURS, GREEN, GREY, ORANGE, PURPLE, RED, new_figure, with_sliders


def sawtooth(walk: Walk, item: int, levels: Levels, name: str):
    """Stock of one item at the end of every day, with s, S, demand, units on order, and the days of empty shelves."""
    days = np.arange(1, walk.demand.shape[1] + 1)
    short = walk.unmet[item] > 0
    figure, axis = new_figure(width=8, height=3.6)
    axis.bar(days, walk.demand[item], color=GREY, alpha=0.5, width=0.6, label="demand")
    axis.step(days, walk.closing_stock[item], where="mid", color=BLUE, lw=2, label="closing stock")
    axis.plot(days, levels.s[item], color=ORANGE, lw=1.4, ls="--", label="reorder point s")
    axis.step(days, walk.on_order[item], where="mid", color=PURPLE, lw=1, ls=":", label="on order")
    axis.plot(days, levels.S[item], color=GREEN, lw=1.4, ls="--", label="order-up-to level S")
    axis.plot(days[short], np.zeros(short.sum()), "X", ms=8, color=RED, label="stock-out", clip_on=False, zorder=5)
    axis.set_title(f"{name}: the (s, S) policy, day by day", parse_math=False)  # an id may hold a $
    axis.set(xlabel="day of the plan", ylabel="units", ylim=(0, None))
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def sawtooth_with_sliders(demand: np.ndarray, s: int, S: int, name: str, opening_stock: int, lead_time: int):
    """One item's stock (n_days,) under constant s and S, with sliders for s, the least order S - s, and LT."""
    demand = np.asarray(demand, dtype=float)

    def draw(reorder_point, least_order, lead_time):
        levels = [np.full((1, len(demand)), level, float) for level in (reorder_point, reorder_point + least_order)]
        walk = simulate(demand[None], *levels, opening_stock=opening_stock, lead_time=lead_time)
        filled, n_orders = walk.sales.sum() / max(demand.sum(), 1), (walk.orders > 0).sum()
        happened = f"fill rate {filled:.0%}, mean stock {walk.closing_stock.mean():.0f}, orders {n_orders}"
        return sawtooth(walk, 0, Levels(*levels), f"{name}, {happened}")

    high = int(3 * max(S, demand.max(), 1))
    ranges = {"reorder_point": (s, 0, high), "least_order": (S - s, 0, high)}
    return with_sliders(draw, **ranges, lead_time=(lead_time, 0, max(14, lead_time)))


def cost_of_service(table: pd.DataFrame, equal: pd.DataFrame, fill_rate: float):
    """Stock against fill rate, one line a forecaster and one point a critical ratio; and stock at one fill rate.

    Parameters
    ----------
    table : DataFrame
        `forecast_worth.worth_of_forecasts`.
    equal : DataFrame
        `forecast_worth.at_equal_service` of it.
    fill_rate : float
        At which `equal` was taken.
    """
    lines = table.groupby(["method", "critical_ratio"], sort=False).mean(numeric_only=True).reset_index()
    methods = [name for name in equal["method"] if name in set(lines["method"])]
    colours = {name: COLOURS[k % len(COLOURS)] for k, name in enumerate(methods)}
    figure, (left, right) = new_figure(1, 2, width=10.5, height=4.0, width_ratios=[1.1, 1])
    for name in methods:
        part = lines[lines["method"] == name]
        left.plot(part["fill_rate_after_lead_time"], part["mean_stock"] / 1000, "o-", ms=3.5, color=colours[name])
    left.axvline(fill_rate, color="black", lw=0.8, ls="--")
    left.set(
        title="Stock against service: lower is better", xlabel="fill rate of the days that orders can reach",
        ylabel="mean closing stock, thousand units", yscale="log",
    )  # fmt: skip
    rows = equal.sort_values("mean_stock", ascending=False)
    position = np.arange(len(rows))
    right.barh(position, rows["mean_stock"].fillna(0) / 1000, color=[colours[name] for name in rows["method"]])
    for k, stock in enumerate(rows["mean_stock"]):
        text = " not reached" if np.isnan(stock) else f" {stock / 1000:.3g}"
        right.text(np.nan_to_num(stock) / 1000, k, text, va="center", fontsize=8)
    right.set_yticks(position, rows["method"], fontsize=8)
    right.set(title=f"Stock for a fill rate of {fill_rate:.0%}", xlabel="thousand units")
    right.margins(x=0.15)
    return figure


RATIOS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
"""Critical ratios swept; p / h from 1 to 99."""

NEIGHBOURS = 201
"""Error paths, of series of like level, that make a distribution."""

PERFECT = "perfect foresight"


def past_errors(
    panel: Panel, forecasts: Forecasts, method: str, origins: Sequence[int], horizon: int
) -> tuple[np.ndarray, np.ndarray]:
    """A method's errors at earlier origins, relative to each series' level there.

    Parameters
    ----------
    panel : Panel
    forecasts : Forecasts
        The ladder's.
    method : str
    origins : sequence of int
        Days known at each; all forecast days must have passed.
    horizon : int

    Returns
    -------
    level : array (n_paths,), units a day
    error : array (n_paths, horizon)
        (demand - forecast) / level of whole paths, so that the days of a path stay correlated; a path is a series after
        an origin, and one with an unknown day is left out.

    Raises
    ------
    ParameterError
        No path is known as a whole.
    """
    levels, errors = [], []
    for origin in origins:
        level = running_level(panel.demand[:, :origin])[:, -1]
        error = actual_demand(panel, origin, horizon) - mean_point(forecasts, method, origin, horizon)
        whole = ~np.isnan(error).any(axis=1)
        levels.append(level[whole])
        errors.append(error[whole] / level[whole, None])
    if not sum(map(len, levels)):
        raise ParameterError(f"origins {list(origins)}: no series has {horizon} known days after one of them")
    return np.concatenate(levels), np.concatenate(errors)


def error_paths(
    point: np.ndarray, level: np.ndarray, past: tuple[np.ndarray, np.ndarray], neighbours: int = NEIGHBOURS
) -> np.ndarray:
    """Demand paths: the point forecast plus each error path that series of like level have shown before.

    Parameters
    ----------
    point : array (n_series, horizon)
        Units a day.
    level : array (n_series,)
        Running level at the origin, units a day.
    past : (level, error)
        From `past_errors`.
    neighbours : int
        How many past paths, nearest in level, a series borrows; all of them if there are fewer.

    Returns
    -------
    array (n_series, neighbours, horizon), units, not negative.
    """
    order = np.argsort(past[0], kind="stable")
    neighbours = min(neighbours, len(order))
    middle = np.searchsorted(past[0][order], level)  # (n_series,)
    first = np.clip(middle - neighbours // 2, 0, len(order) - neighbours)
    chosen = order[first[:, None] + np.arange(neighbours)]  # (n_series, neighbours)
    return np.maximum(point[:, None] + level[:, None, None] * past[1][chosen], 0)


def worth_of_forecasts(
    panel: Panel,
    forecasts: Forecasts,
    methods: Iterable[str],
    origins: Sequence[int],
    own_paths: Mapping[str, Mapping[int, np.ndarray]] | None = None,
    *,
    horizon: int = 15,
    ratios: Sequence[float] = RATIOS,
    opening_stock=5,
    lead_time: int = 3,
    review: int = 1,
    lost_sales: bool = True,
    price=1.0,
) -> pd.DataFrame:
    """Walk each forecaster's levels through the days that came, at every critical ratio.

    A series with an unknown day after an origin is left out there.

    Parameters
    ----------
    panel : Panel
    forecasts : Forecasts
        The ladder's, at the same origins for all methods.
    methods : iterable of str
        PERFECT is added, which knows the days to come.
    origins : sequence of int
        At least two; the walk starts at each but the first, with the errors of the origins before it.
    own_paths : mapping, optional
        Forecasters that bring a distribution of their own: name -> origin -> paths (n_series, n_samples, horizon).
    horizon : int
    ratios : sequence of float
        Critical ratios p / (p + h); h stays what `assumed_costs` says, p follows.
    opening_stock, lead_time, review, lost_sales : as in `simulate`
    price : float or array (n_series,)
        Assumed price of a unit.

    Returns
    -------
    DataFrame, one row a method, origin and ratio: the columns of `measures.summary`, and fill_rate_after_lead_time, of
    the days that an order can reach.
    """
    timing = {"lead_time": lead_time, "review": review}
    walks = _walks(
        panel, forecasts, methods, origins, own_paths, horizon, ratios, opening_stock, timing, lost_sales, price
    )
    rows = []
    for method, origin, ratio, _, walk, costs in walks:
        sold, reached = (units[:, lead_time:].sum() for units in (walk.sales, walk.demand))
        row = {"method": method, "origin": origin, "critical_ratio": ratio, **summary(walk, costs)}
        rows.append(row | {"fill_rate_after_lead_time": sold / reached})
    return pd.DataFrame(rows)


def saving(
    panel: Panel,
    forecasts: Forecasts,
    method: str,
    reference: str,
    origins: Sequence[int],
    fill_rate: float,
    n_draws: int = 1000,
    seed: int = 0,
    *,
    horizon: int = 15,
    opening_stock=5,
    lead_time: int = 3,
    review: int = 1,
) -> tuple[float, float, float]:
    """Share of holding cost that a method saves at equal fill rate, and its 95 % interval over series.

    Parameters
    ----------
    panel, forecasts, origins, horizon, opening_stock, lead_time, review : see `worth_of_forecasts`
    method, reference : str
    fill_rate : float in (0, 1)
        Of the days that an order can reach.
    n_draws, seed : int
        Bootstrap draws, the same series for both methods, and their seed.

    Returns
    -------
    (saved, low, high)
    """
    draws = stream(seed, "08/bootstrap").multinomial(
        panel.n_series, np.full(panel.n_series, 1 / panel.n_series), n_draws
    )
    draws = np.vstack([np.ones(panel.n_series), draws])  # (1 + n_draws, n_series), the first row for the estimate
    timing = {"lead_time": lead_time, "review": review}
    walks = _walks(
        panel, forecasts, (method, reference), origins, None, horizon, RATIOS, opening_stock, timing, True, 1.0
    )
    points = {}
    for name, origin, _, whole, walk, costs in walks:
        held, sold, reached = (
            draws[:, whole] @ each
            for each in (holding_cost(walk, costs), *(x[:, lead_time:].sum(axis=1) for x in (walk.sales, walk.demand)))
        )
        points.setdefault(name, {}).setdefault(origin, []).append((held, sold / reached))
    needed = {}
    for name in (method, reference):
        by_origin = [
            [cost_at_fill_rate(*draw, fill_rate) for draw in np.transpose(plans, (2, 1, 0))]  # (held, fill) x plans
            for plans in points[name].values()
        ]
        needed[name] = np.mean(by_origin, axis=0)  # (1 + n_draws,)
    saved = 1 - needed[method] / needed[reference]
    return (float(saved[0]), *np.nanquantile(saved[1:], [0.025, 0.975]).tolist())


def _walks(panel, forecasts, methods, origins, own_paths, horizon, ratios, opening_stock, timing, lost_sales, price):
    """Every walk of `worth_of_forecasts`: method, origin, critical ratio, series walked, walk, costs."""
    origins = sorted(origins)
    if len(origins) < 2:
        raise ParameterError(f"origins is {origins}; give two or more, the first for its errors alone")
    for position, origin in enumerate(origins[1:], 1):
        before = [earlier for earlier in origins[:position] if earlier + horizon <= origin]
        if not before:
            raise ParameterError(
                f"origins is {origins}: none lies horizon = {horizon} days before {origin}, so that its errors were "
                "known then; leave more days between them"
            )
        actual = actual_demand(panel, origin, horizon)
        whole = ~np.isnan(actual).any(axis=1)
        if not whole.any():
            raise ParameterError(f"origins hold {origin}: no series has {horizon} known days after it")
        opening, prices = (np.broadcast_to(values, len(whole))[whole] for values in (opening_stock, price))
        actual, level = actual[whole], running_level(panel.demand[:, :origin])[whole, -1]
        sellable = _sellable(actual, opening, timing["lead_time"]) if lost_sales else actual
        paths = {PERFECT: sellable[:, None]}
        paths |= {name: by_origin[origin][whole] for name, by_origin in (own_paths or {}).items()}
        for method in methods:
            past = past_errors(panel, forecasts, method, before, horizon)
            point = mean_point(forecasts, method, origin, horizon)[whole]
            paths[method] = error_paths(point, level, past)
        for method, samples in paths.items():
            levels = periodic_review_levels(samples, service_level=np.array(ratios)[:, None], **timing)
            for ratio, s, S in zip(ratios, levels.s, levels.S, strict=True):
                walk = simulate(actual, s, S, opening_stock=opening, lost_sales=lost_sales, **timing)
                costs = assumed_costs(prices, shortage_rate=ratio / (1 - ratio) * ASSUMED_HOLDING_RATE)
                yield method, origin, ratio, whole, walk, costs


def _sellable(actual: np.ndarray, opening_stock, lead_time: int) -> np.ndarray:
    """The demand that stock can meet when nothing is ever short once the first order has arrived."""
    meetable = np.minimum(actual[:, :lead_time].cumsum(axis=1), np.asarray(opening_stock, float).reshape(-1, 1))
    sold = np.diff(meetable, axis=1, prepend=0)
    return np.concatenate([sold, actual[:, lead_time:]], axis=1)


def at_equal_service(table: pd.DataFrame, fill_rate: float, column: str = "fill_rate_after_lead_time") -> pd.DataFrame:
    """What each forecaster needs to reach one fill rate, between the critical ratios that were walked.

    Parameters
    ----------
    table : DataFrame
        From `worth_of_forecasts`.
    fill_rate : float in (0, 1)
    column : str
        Which fill rate.

    Returns
    -------
    DataFrame, one row a method, means over origins: mean_stock (units), holding_cost, turnover_days at that fill rate;
    NaN where no ratio reached it, the least of a method that passes it at every ratio.
    """
    found = []
    for (method, _), part in table.groupby(["method", "origin"], sort=False):
        measures = ("mean_stock", "holding_cost", "turnover_days")
        values = {name: cost_at_fill_rate(part[name], part[column], fill_rate) for name in measures}
        found.append({"method": method, **values})
    return pd.DataFrame(found).groupby("method", sort=False).agg(lambda values: values.mean(skipna=False)).reset_index()


DAYS_A_YEAR = 365

SIDES = {
    "accuracy": ("1-WMAPE", "bias", "RMSE"),
    "turnover": ("turnover_days", "turns_a_year", "mean_stock", "orders"),
    "cost": ("holding_cost", "shortage_cost", "ordering_cost", "total_cost", "cost_per_unit"),
    "satisfaction": ("fill_rate", "cycle_service", "units_short"),
}
"""The measures of each side, in the order of the table's columns."""


def scorecard(walk: Walk | Totals, costs: Costs, *, actual=None, forecast=None) -> dict[tuple[str, str], float]:
    """The measures of one plan.

    Parameters
    ----------
    walk : Walk or Totals
    costs : Costs
        Cost coefficients; `assumed_costs` if no prices are known.
    actual, forecast : arrays (n_items, n_days), optional
        Units a day, for the side of accuracy; without a forecast it is NaN.

    Returns
    -------
    dict, (side, measure) -> value: bowerbird.metrics for accuracy, `measures.summary` for the rest, and turns_a_year
    (365 / turnover days), cost_per_unit (total cost / units demanded), units_short (not met on their day).

    Raises
    ------
    ParameterError
        If only one of actual and forecast is given, or their shapes differ.

    Source
    ------
    Article 004, question 9: how to evaluate such a system.
    """
    if (actual is None) != (forecast is None):
        raise ParameterError("one of actual and forecast is None; give both, or neither")
    total = totals(walk)
    values = dict.fromkeys(SIDES["accuracy"], np.nan) if forecast is None else metrics.scores(actual, forecast)
    values |= summary(total, costs)
    demand = float(total.demand.sum())
    with np.errstate(divide="ignore"):
        values["turns_a_year"] = float(np.divide(DAYS_A_YEAR, values["turnover_days"]))
    values["cost_per_unit"] = values["total_cost"] / demand if demand else np.nan
    values["units_short"] = demand - float(total.sales.sum())
    return {(side, name): values[name] for side, names in SIDES.items() for name in names}


def compare(cards: dict[str, dict], baseline: str | None = None) -> pd.DataFrame:
    """Scorecards of several plans in one table.

    Parameters
    ----------
    cards : dict
        Name of the plan -> its `scorecard`.
    baseline : str, optional
        The plan that the others are measured against.

    Returns
    -------
    DataFrame, one row a plan, columns (side, measure); with a baseline also (cost, saving), the share of the baseline's
    total cost that is saved, and (satisfaction, gain), the difference of the fill rates.

    Raises
    ------
    ParameterError
        If the baseline is none of the plans.
    """
    table = pd.DataFrame.from_dict(cards, orient="index")
    table.columns = pd.MultiIndex.from_tuples(table.columns, names=["side", "measure"])
    if baseline is None:
        return table
    if baseline not in table.index:
        raise ParameterError(f"baseline is {baseline!r}; choose one of {', '.join(table.index)}")
    cost, fill_rate = table["cost", "total_cost"], table["satisfaction", "fill_rate"]
    table["cost", "saving"] = 1 - cost / cost[baseline]
    table["satisfaction", "gain"] = fill_rate - fill_rate[baseline]
    return table[sorted(table.columns, key=lambda column: list(SIDES).index(column[0]))]


def pareto_front(cost, fill_rate) -> np.ndarray:
    """Which plans no other plan beats: none is as cheap with a higher fill rate, or cheaper with as high a one.

    Parameters
    ----------
    cost, fill_rate : arrays (n_plans,)

    Returns
    -------
    bool array (n_plans,); equal plans are all on the front or all off it.

    Raises
    ------
    ParameterError
        If the shapes differ or a number is missing.
    """
    cost, fill_rate = finite("cost", cost), finite("fill_rate", fill_rate)
    if cost.ndim != 1 or not cost.size or cost.shape != fill_rate.shape:
        raise ParameterError(
            f"cost, shape {cost.shape}, and fill_rate, shape {fill_rate.shape}: give a number of each a plan"
        )
    order = np.lexsort((-fill_rate, cost))  # cheapest first, of equal cost the highest fill rate first
    best_before = np.concatenate([[-np.inf], np.maximum.accumulate(fill_rate[order])[:-1]])
    ahead = fill_rate[order] > best_before
    leaders = np.flatnonzero(ahead)[
        np.cumsum(ahead) - 1
    ]  # the last plan that was ahead; twins of it are on the front too
    twins = (cost[order] == cost[order][leaders]) & (fill_rate[order] == fill_rate[order][leaders])
    front = np.empty(cost.shape, bool)
    front[order] = ahead | twins
    return front


def cost_at_fill_rate(cost, fill_rate, wanted) -> np.ndarray:
    """What a fill rate costs, by straight lines between the points of the Pareto front: plans at equal service.

    Parameters
    ----------
    cost, fill_rate : arrays (n_plans,)
        Of one method at several service levels.
    wanted : float or array
        Fill rates to compare at.

    Returns
    -------
    float or array; NaN above the highest fill rate reached, and below the front's lowest the cost of that plan, which
    is cheaper and serves better.
    """
    front = pareto_front(cost, fill_rate)
    points = np.unique(np.column_stack([fill_rate, cost])[front], axis=0)  # rising fill rate, and with it rising cost
    return np.interp(finite("wanted", wanted), points[:, 0], points[:, 1], right=np.nan)
