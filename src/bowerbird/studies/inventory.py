"""Notebook 10: figures of a simulated policy, the worth of forecasts in stock, and the scorecard of a plan."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from bowerbird import metrics
from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.evaluation import bootstrap
from bowerbird.evaluation.ladder import LEAST_KNOWN, Forecasts, actual_demand, mean_point
from bowerbird.forecaster.level import running_level
from bowerbird.inventory.lost_sales import lost_sales_order
from bowerbird.inventory.policy import Levels, periodic_review_levels
from bowerbird.inventory.simulate import Costs, Simulation, Stock, assumed_costs, cost_parts, simulate, summary
from bowerbird.metrics import weighted_quantile_loss
from bowerbird.seeds import stream
from bowerbird.studies.style import BLUE, GREEN, GREY, METHOD_COLOURS, ORANGE, PURPLE, RED, new_figure, with_sliders

RATIOS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
"""Critical ratios compared; p / h from 1 to 99."""

LIKE = 0.1
"""Share of the past error paths, those of series nearest in level, that makes a distribution ..."""

LEAST_PATHS, MOST_PATHS = 30, 200
"""... and the fewest and the most paths that do."""

LEAST_ERRORS = 3 * LEAST_PATHS
"""Past error paths below which forecasters are not compared: their distributions would hold series of any level."""

JUDGED = 6
"""Origins, the last ones, whose days are simulated; the errors of earlier ones make the distributions."""

DRAWS = 1000
"""Resamples of the series for the interval of a saving."""

PERFECT = "perfect foresight"
OWN = "SBO-LSTM, its own distribution"
"""The forecaster that others are compared with."""

SIDES = {
    "accuracy": ("1-WMAPE", "bias", "RMSE"),
    "turnover": ("turnover_days", "turns_a_year", "mean_stock", "orders"),
    "cost": ("holding_cost", "shortage_cost", "ordering_cost", "total_cost", "cost_per_unit"),
    "satisfaction": ("fill_rate", "cycle_service", "units_short"),
}
"""The measures of each side of the scorecard, in the order of the table's columns."""


def sawtooth(run: Simulation, item: int, levels: Levels, name: str):
    """Stock of one item at the end of every day, with s, S, demand, units on order, and the days of empty shelves."""
    days = np.arange(1, run.demand.shape[1] + 1)
    short = run.unmet[item] > 0
    figure, axis = new_figure(width=8, height=3.6)
    axis.bar(days, run.demand[item], color=GREY, alpha=0.5, width=0.6, label="demand")
    axis.step(days, run.closing_stock[item], where="mid", color=BLUE, lw=2, label="closing stock")
    axis.plot(days, levels.s[item], color=ORANGE, lw=1.4, ls="--", label="reorder point s")
    axis.step(days, run.on_order[item], where="mid", color=PURPLE, lw=1, ls=":", label="on order")
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
        run = simulate(demand[None], *levels, opening_stock=opening_stock, lead_time=lead_time)
        filled, n_orders = run.sales.sum() / max(demand.sum(), 1), (run.orders > 0).sum()
        happened = f"fill rate {filled:.0%}, mean stock {run.closing_stock.mean():.0f}, orders {n_orders}"
        return sawtooth(run, 0, Levels(*levels), f"{name}, {happened}")

    high = int(3 * max(S, demand.max(), 1))
    ranges = {"reorder_point": (s, 0, high), "least_order": (S - s, 0, high)}
    return with_sliders(draw, **ranges, lead_time=(lead_time, 0, max(14, lead_time)))


def cost_of_service(table: pd.DataFrame, fill_rate: float, naive: str):
    """Stock of each forecaster relative to `naive`'s at the same fill rate, for the fill rates that `naive` reaches."""
    table = table[table["method"] != PERFECT]
    reached = table.groupby(["method", "origin"])["fill_rate_after_lead_time"]
    lowest, highest = reached.min().groupby("method").max(), reached.max().groupby("method").min()
    rates = np.append(np.linspace(lowest[naive], highest[naive], 25), fill_rate)
    stock = pd.DataFrame({rate: at_equal_service(table, rate).set_index("method")["mean_stock"] for rate in rates})
    relative = (stock / stock.loc[naive]).sort_values(fill_rate)
    figure, axis = new_figure(width=8.5, height=4.2)
    for name, line in relative.iterrows():
        shown = line[:-1].where(rates[:-1] >= lowest[name])
        style = {"ls": "--" if name in (OWN, naive) else "-", "color": METHOD_COLOURS.get(name, GREY)}
        axis.plot(rates[:-1], shown, lw=2, label=f"{name}: {line[fill_rate]:.2f}", **style)
    axis.axvline(fill_rate, color="black", lw=0.8, ls=":")
    axis.set(
        title=f"Stock for the same service, relative to {naive} as the forecast", ylabel="relative stock",
        xlabel="fill rate of the days that orders can reach",
    )  # fmt: skip
    figure.legend(loc="outside right upper", title=f"at a fill rate of {fill_rate:.0%}", frameon=False, fontsize=8)
    return figure


def origins_of(n_days: int, horizon: int) -> tuple[int, ...]:
    """Ten origins half a horizon apart, up to the last one possible; of short panels those a network can train on."""
    last, step = n_days - horizon, -(-horizon // 2)
    first = min(LEAST_KNOWN + horizon + 1, last - 2 * horizon)  # the first is there for its errors alone
    return tuple(origin for origin in range(last - 9 * step, last + 1, step) if origin >= first)


def judged_of(origins: Sequence[int], horizon: int) -> list[int]:
    """The last JUDGED origins, of those before which the errors of another one were known."""
    return [origin for origin in sorted(origins)[-JUDGED:] if min(origins) + horizon <= origin]


def past_errors(
    panel: Panel, forecasts: Forecasts, method: str, origins: Sequence[int], horizon: int
) -> tuple[np.ndarray, np.ndarray]:
    """A method's errors at earlier origins: each series' level (n_paths,) and error / level of the days after it.

    A path (n_paths, horizon) is one series after one origin, so its days stay correlated; one with an unknown day is
    left out.
    """
    levels, errors = [], []
    for origin in origins:
        level = running_level(panel.demand[:, :origin], panel.frequency)[:, -1]
        error = demand_after(panel, origin, horizon) - mean_point(forecasts, method, origin, horizon)
        whole = ~np.isnan(error).any(axis=1)
        levels.append(level[whole])
        errors.append(error[whole] / level[whole, None])
    if not sum(map(len, levels)):
        raise ParameterError(f"origins {list(origins)}: no series has {horizon} known days after one of them")
    return np.concatenate(levels), np.concatenate(errors)


def demand_after(panel: Panel, origin: int, horizon: int) -> np.ndarray:
    """Demand of the days after an origin; none on a day unknown for all series, on which the shop was closed."""
    return np.where(panel.closed[origin : origin + horizon], 0.0, actual_demand(panel, origin, horizon))


def nearest(levels: np.ndarray, wanted: np.ndarray, n: int) -> np.ndarray:
    """Which `n` of the levels are nearest in rank to each of those wanted (n_wanted, n)."""
    order = np.argsort(levels, kind="stable")
    middle = np.searchsorted(levels[order], wanted)
    first = np.clip(middle - n // 2, 0, len(order) - n)
    return order[first[:, None] + np.arange(n)]


def error_paths(point: np.ndarray, level: np.ndarray, past: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Demand paths (n_series, n_neighbours, horizon): the point forecast plus the past errors nearest in level."""
    n_past = len(past[0])
    neighbours = min(max(round(LIKE * n_past), LEAST_PATHS), MOST_PATHS, n_past)
    chosen = nearest(past[0], level, neighbours)  # (n_series, neighbours)
    return np.maximum(point[:, None] + level[:, None, None] * past[1][chosen], 0)


def worth_of_forecasts(panel, forecasts, methods, origins, own_paths=None, **options) -> pd.DataFrame:
    """Every method's stock, service and cost at every critical ratio and origin; arguments as in `_simulations`."""
    rows = []
    for method, origin, ratio, _, S, run, costs in _simulations(
        panel, forecasts, methods, origins, own_paths, **options
    ):
        sold, reached = (units[:, run.lead_time :].sum() for units in (run.sales, run.demand))
        row = {"method": method, "origin": origin, "critical_ratio": ratio, **summary(run, costs)}
        row["fill_rate_after_lead_time"] = sold / reached  # of the days that an order can reach
        # S aims at this quantile of the demand until the next order arrives
        totals = totals_until_next_order(run.demand, run.lead_time + options["review"])  # (n_series, n_windows)
        row["level_loss"] = weighted_quantile_loss(totals, S[None, :, : totals.shape[1]], [ratio])
        rows.append(row)
    return pd.DataFrame(rows)


def savings(
    panel, forecasts, methods, reference: str, origins, fill_rate: float, seed: int, own_paths=None, **options
) -> pd.DataFrame:
    """Share of holding cost that each method saves at equal fill rate, its 95 % interval over series, and in words."""
    draws = bootstrap.samples(panel.n_series, DRAWS, stream(seed, "inventory/bootstrap"))  # (1 + DRAWS, n_series)
    points, best = {}, {}
    for name, origin, _, whole, _, run, costs in _simulations(panel, forecasts, methods, origins, own_paths, **options):
        sold, reached = (draws[:, whole] @ units[:, run.lead_time :].sum(axis=1) for units in (run.sales, run.demand))
        held = draws[:, whole] @ cost_parts(run.totals, costs)["holding_cost"]
        points.setdefault(name, {}).setdefault(origin, []).append((held, sold / reached))
        best.setdefault(name, {})[origin] = (sold / reached)[0]  # at the highest critical ratio, the last
    needed = {}
    for name, by_origin in points.items():
        costs_at = [
            [cost_at_fill_rate(*draw, fill_rate) for draw in np.transpose(plans, (2, 1, 0))]  # (held, fill) x plans
            for plans in by_origin.values()
        ]
        needed[name] = np.mean(costs_at, axis=0)  # (1 + DRAWS,)
    horizon = options["horizon"]
    first = judged_of(origins, horizon)[0]
    few = sum(_known_after(panel, origin, horizon).sum() for origin in origins if origin + horizon <= first)
    found = []
    for name in needed:
        share, saved, low, high = 1 - needed[name] / needed[reference], np.nan, np.nan, np.nan
        if few < LEAST_ERRORS:
            words = f"{few} past errors, {LEAST_ERRORS} are needed"
        elif np.isnan(share[0]):
            limit = reference if np.isnan(needed[reference][0]) else name
            words = f"{limit} reaches a fill rate of {min(best[limit].values()):.3f} at most"
        else:
            saved, low, high = map(float, bootstrap.estimate(share))
            words = "saves" if low > 0 else "needs more" if high < 0 else "no difference shown"
            words = "reference" if name == reference else words
        found.append({"method": name, "saved": saved, "low": low, "high": high, "in words": words})
    return pd.DataFrame(found).set_index("method")


def _known_after(panel: Panel, origin: int, horizon: int) -> np.ndarray:
    """Series (n_series,) whose demand is known on all days after an origin."""
    return ~np.isnan(demand_after(panel, origin, horizon)).any(axis=1)


def _simulations(
    panel: Panel,
    forecasts: Forecasts,
    methods: Iterable[str],
    origins: Sequence[int],
    own_paths: Mapping[str, Mapping[int, np.ndarray]] | None = None,
    *,
    horizon: int,
    opening_stock,
    lead_time: int,
    review: int,
    lost_sales: bool = True,
    price=1.0,
):
    """Yield method, origin, critical ratio, series simulated, order-up-to levels, simulation and costs of each.

    The last JUDGED origins are simulated; the errors of earlier ones whose days had passed make the distribution.
    `own_paths` are distributions of a method's own: name -> origin -> (n_series, n_samples, horizon). A series with an
    unknown day after an origin is left out there.
    """
    origins, timing = sorted(origins), {"lead_time": lead_time, "review": review}
    for origin in judged_of(origins, horizon):
        before = [earlier for earlier in origins if earlier + horizon <= origin]
        actual = demand_after(panel, origin, horizon)
        whole = _known_after(panel, origin, horizon)
        if not whole.any():
            raise ParameterError(f"origins hold {origin}: no series has {horizon} known days after it")
        opening, prices = (np.broadcast_to(values, len(whole))[whole] for values in (opening_stock, price))
        actual, level = actual[whole], running_level(panel.demand[:, :origin], panel.frequency)[whole, -1]
        paths = {PERFECT: (_sellable(actual, opening, lead_time) if lost_sales else actual)[:, None]}
        paths |= {name: by_origin[origin][whole] for name, by_origin in (own_paths or {}).items()}
        for method in methods:
            past = past_errors(panel, forecasts, method, before, horizon)
            point = mean_point(forecasts, method, origin, horizon)[whole]
            paths[method] = error_paths(point, level, past)
        for method, samples in paths.items():
            levels = periodic_review_levels(samples, service_level=np.array(RATIOS)[:, None], **timing)
            for ratio, s, S in zip(RATIOS, levels.s, levels.S, strict=True):
                run = simulate(actual, s, S, opening_stock=opening, lost_sales=lost_sales, **timing)
                yield method, origin, ratio, whole, S, run, assumed_costs(ratio, prices)


def _sellable(actual: np.ndarray, opening_stock, lead_time: int) -> np.ndarray:
    """The demand that stock can meet when nothing is ever short once the first order has arrived."""
    meetable = np.minimum(actual[:, :lead_time].cumsum(axis=1), np.asarray(opening_stock, float).reshape(-1, 1))
    sold = np.diff(meetable, axis=1, prepend=0)
    return np.concatenate([sold, actual[:, lead_time:]], axis=1)


def totals_until_next_order(demand: np.ndarray, days: int) -> np.ndarray:
    """Demand of `days` days from every day on, as far as they are known (n_series, n_days - days + 1)."""
    return np.lib.stride_tricks.sliding_window_view(demand, days, axis=1).sum(axis=2)


def kept_promise(
    plans: Mapping[str, Levels], actual: np.ndarray, service_level: float, *, lead_time: int, review: int, **options
) -> pd.DataFrame:
    """What plans promised and what they reached, on the days that an order can reach and for series known on all days.

    *covered* is the share of items and days on which the level met the demand until the next order arrives, which the
    levels aim at. Days without shortage, with their 95 % interval over series, and fill rate are simulated, sales lost.
    """
    whole, rows = ~np.isnan(actual).any(axis=1), []
    actual = actual[whole]
    totals = totals_until_next_order(actual, lead_time + review)  # (n_series, n_windows)
    for name, levels in plans.items():
        s, S = levels.s[whole], levels.S[whole]
        run = simulate(actual, s, S, lead_time=lead_time, review=review, **options)
        full = (run.unmet[:, lead_time:] == 0).mean(axis=1)  # (n_series,), share of days without shortage
        margin = 1.96 * full.std() / np.sqrt(len(full))
        reached = {
            "covered": (totals <= S[:, : totals.shape[1]]).mean(),
            "days without shortage": full.mean(), "low": full.mean() - margin, "high": full.mean() + margin,
            "fill rate": run.sales[:, lead_time:].sum() / actual[:, lead_time:].sum(),
            "mean stock": run.closing_stock.mean(),
        }  # fmt: skip
        rows.append({"plan": name, "promised": service_level, **reached})
    return pd.DataFrame(rows)


def live_orders(
    samples, actual, *, holding_cost, shortage_cost, opening_stock, lead_time: int, review: int
) -> Simulation:
    """Simulate the days after one origin with orders from live stock, up to the last order that serves one of them."""
    shape, timing = actual.shape, {"lead_time": lead_time, "review": review}
    stock = Stock(np.full(shape[0], float(opening_stock)), lead_time * [np.zeros(shape[0])])
    days = []
    for day in range(shape[1]):
        order, opening = np.zeros(shape[0]), stock.on_hand
        if day % review == 0 and day + lead_time + review <= shape[1]:
            coming = samples[:, :, day:]
            transit = np.reshape(stock.on_order, (lead_time, shape[0])).T
            costs = {"holding_cost": holding_cost, "shortage_cost": shortage_cost}
            order = lost_sales_order(coming, opening, transit, review=review, **costs).astype(float)
        stock.order(order)
        arrived, sold = stock.serve(actual[:, day], lost_sales=True)
        days.append((opening, arrived, order, sold, stock.on_hand))
    opening, arrivals, orders, sales, closing = (np.array(each).T for each in zip(*days, strict=True))
    return Simulation(actual, opening, arrivals, orders, sales, closing, np.zeros_like(closing), **timing)


def after_lead_time(runs: Mapping[str, Simulation], *, holding_cost, shortage_cost) -> pd.DataFrame:
    """Cost an item and day, fill rate and stock of simulations, on the days that their orders can reach."""
    rows = []
    for name, run in runs.items():
        asked, sold, held = (days[:, run.lead_time :] for days in (run.demand, run.sales, run.closing_stock))
        cost = holding_cost * held.mean() + shortage_cost * (asked - sold).mean()
        rows.append({"orders by": name, "cost": cost, "fill rate": sold.sum() / asked.sum(), "mean stock": held.mean()})
    return pd.DataFrame(rows)


def at_equal_service(table: pd.DataFrame, fill_rate: float) -> pd.DataFrame:
    """Mean stock, holding cost and turnover days that each method needs for one fill rate, means over origins.

    NaN where no critical ratio reached it; the cheapest of a method that passes it at every ratio.
    """
    found = []
    for (method, _), part in table.groupby(["method", "origin"], sort=False):
        measures = ("mean_stock", "holding_cost", "turnover_days")
        reached = part["fill_rate_after_lead_time"]
        needed = {name: cost_at_fill_rate(part[name], reached, fill_rate) for name in measures}
        found.append({"method": method, **needed})
    return pd.DataFrame(found).groupby("method", sort=False).agg(lambda values: values.mean(skipna=False)).reset_index()


def scorecard(run: Simulation, costs: Costs, *, actual, forecast) -> dict[tuple[str, str], float]:
    """Accuracy, turnover, cost and satisfaction of one plan, {(side, measure): value} (article 004, question 9)."""
    values = metrics.scores(actual, forecast) | summary(run, costs)
    demand = float(run.demand.sum())
    with np.errstate(divide="ignore"):
        values["turns_a_year"] = float(np.divide(365, values["turnover_days"]))
    values["cost_per_unit"] = values["total_cost"] / demand if demand else np.nan
    values["units_short"] = demand - float(run.sales.sum())
    return {(side, name): values[name] for side, names in SIDES.items() for name in names}


def compare(cards: dict[str, dict]) -> pd.DataFrame:
    """Scorecards of several plans in one table, one row a plan, columns (side, measure)."""
    table = pd.DataFrame.from_dict(cards, orient="index")
    table.columns = pd.MultiIndex.from_tuples(table.columns, names=["side", "measure"])
    return table


def pareto_front(cost, fill_rate) -> np.ndarray:
    """Which plans (n_plans,) no other plan beats by a lower cost or a higher fill rate, the other being no worse."""
    cost, fill_rate = np.asarray(cost), np.asarray(fill_rate)
    no_worse = (cost <= cost[:, None]) & (fill_rate >= fill_rate[:, None])  # row: plan, column: the other plan
    better = (cost < cost[:, None]) | (fill_rate > fill_rate[:, None])
    return ~(no_worse & better).any(axis=1)


def cost_at_fill_rate(cost, fill_rate, wanted: float) -> float:
    """What a fill rate costs, by straight lines between the points of the Pareto front.

    NaN above the highest fill rate reached; below the lowest of the front the cost of that plan.
    """
    front = pareto_front(cost, fill_rate)
    points = np.unique(np.column_stack([fill_rate, cost])[front], axis=0)  # rising fill rate, and with it rising cost
    return np.interp(wanted, points[:, 0], points[:, 1], right=np.nan)
