"""Figures and studies of notebook 09."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.colors import BoundaryNorm
from matplotlib.ticker import MaxNLocator
from scipy.stats import norm

from bowerbird.checks import whole
from bowerbird.data.reader import SERIES_KEY
from bowerbird.data.twin import FIRST_DAY, draw_counts, make_twin
from bowerbird.inventory.demand import (
    Demand,
    level_cost,
    normal_newsvendor,
    poisson_demand,
    sample_newsvendor,
    sampled_demand,
)
from bowerbird.inventory.policy import exact_levels, levels_cost
from bowerbird.inventory.simulate import Costs
from bowerbird.planning.alerts import DEFAULTS, WARM_UP, Thresholds, Watch, demand_alerts, stock_alerts
from bowerbird.planning.finite_horizon import FiniteHorizon
from bowerbird.planning.learned import rule_inputs, search_levels, train_rule
from bowerbird.planning.lot_sizing import LotPlan, LotSizes
from bowerbird.planning.network import Network
from bowerbird.planning.pricing import EndOfLife, Markdown, exponential_pricing
from bowerbird.planning.service import best_service, expected_sales, marginal_analysis
from bowerbird.seeds import stream
from bowerbird.studies.style import BLUE, BROWN, COLOURS, GREEN, GREY, ORANGE, PURPLE, RED, SKY, format_days, new_figure


def order_quantity_costs(quantity, parts: dict, best: tuple, offers: dict, chosen: tuple):
    """Cost against order quantity: ordering and holding at one price, and the total at each price of a discount."""
    figure, (left, right) = new_figure(1, 2, width=9.5, height=3.4)
    for (name, cost), style, colour in zip(parts.items(), ("--", ":", "-"), (ORANGE, GREEN, BLUE), strict=False):
        left.plot(quantity, cost, style, color=colour, label=name)
    left.plot(*best, "o", color=BLUE)
    left.annotate(f"Q = {best[0]:.0f}, cost {best[1]:.1f}", best, (6, 30), textcoords="offset points", fontsize=8)
    left.set(
        title="Ordering and holding cost", xlabel="units an order, Q", ylabel="money a year", ylim=(0, 3 * best[1])
    )
    for (name, cost), colour in zip(offers.items(), COLOURS, strict=False):
        right.plot(quantity, cost, color=colour, label=name)
    right.plot(*chosen, "D", color="black")
    right.annotate(
        f"Q = {chosen[0]:.0f}, cost {chosen[1]:.1f}", chosen, (8, -12), textcoords="offset points", fontsize=8
    )
    right.set(
        title="All-units discount, price of the units included", xlabel="units an order, Q", ylabel="money a year"
    )
    right.margins(y=0.12)
    for axis in (left, right):
        axis.legend(frameon=False, fontsize=8)
    return figure


def newsvendor_levels(samples, levels: dict, excess: pd.DataFrame, name: str):
    """An item's sampled demand with its normal approximation, and what the normal costs over the catalogue."""
    figure, (left, right) = new_figure(1, 2, width=9.5, height=3.4, width_ratios=[1.4, 1])
    edges = np.linspace(0, samples.max() + 1, min(int(samples.max()) + 2, 41))
    left.hist(samples, edges, density=True, color=GREY, alpha=0.5, label="sampled demand")
    units = np.linspace(0, samples.max(), 200)
    left.plot(
        units, norm.pdf(units, samples.mean(), samples.std()), color=ORANGE, label="normal of like mean and spread"
    )
    for (label, level), colour, style in zip(levels.items(), (BLUE, RED), ("-", "--"), strict=False):
        left.axvline(level, color=colour, ls=style, label=f"{label}: {level:.0f}")
    left.set_title(name, parse_math=False)  # an id may hold a $
    left.set(xlabel="units over lead time and review", ylabel="density")
    left.legend(fontsize=8)
    right.axhline(0, color="black", lw=0.8)
    right.plot(excess["critical ratio"], 100 * excess["normal above samples"], "o-", color=BLUE)
    right.set(
        title="What the normal formula costs", xlabel="critical ratio p / (p + h)", ylabel="cost above samples, %"
    )
    return figure


def level_costs(position, G, s_grid, S_grid, cost, best: tuple):
    """The exact (s, S): cost of one period against the best cost, and the cost of every pair."""
    s, S, least = best
    figure, (left, right) = new_figure(1, 2, width=9.5, height=3.7)
    left.plot(position, G, color=BLUE, label="G(y), holding and shortage")
    left.axhline(least, color=RED, ls="--", label=f"best cost, {least:.2f}")
    for level, label in ((s, "s"), (S, "S")):
        left.axvline(level, color=GREY, lw=1)
        left.text(level, 0.03 * least, f" {label} = {level}", fontsize=9)
    left.set(title="Where holding a period costs less than the best policy", xlabel="position y, units",
             ylabel="money a day", ylim=(0, 3 * least))  # fmt: skip
    left.legend(frameon=False, fontsize=8, loc="upper center")
    above = 100 * (cost / least - 1)
    shades = right.contourf(s_grid, S_grid, above, [0, 0.5, 1, 2, 5, 10, 20, 40], cmap="viridis_r", extend="max")
    right.plot(s, S, "*", color=RED, ms=13, label=f"best: ({s}, {S})")
    right.set(title="Cost of every (s, S) above the best", xlabel="reorder point s", ylabel="order-up-to level S")
    right.legend(loc="upper left", fontsize=8)
    figure.colorbar(shades, ax=right, label="%")
    return figure


def lot_plans(demand, plans: dict[str, LotSizes], item: int, name: str):
    """Orders, stock and demand of one item under each plan."""
    days = np.arange(1, demand.shape[1] + 1)
    figure, axes = new_figure(1, len(plans), width=10, height=3.1, sharey=True)
    for axis, (label, plan) in zip(axes, plans.items(), strict=True):
        axis.bar(days, plan.orders[item], color=BLUE, width=0.7, label="order")
        axis.step(days, plan.stock[item], where="mid", color=ORANGE, label="stock at the end of the day")
        axis.plot(days, demand[item], ".", color="black", ms=4, label="demand")
        number = np.count_nonzero(plan.orders[item])
        axis.set(title=f"{label}: {number} orders, cost {plan.cost[item]:.0f}", xlabel="day")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].set_ylabel("units")
    figure.suptitle(name, fontsize=10, parse_math=False)  # an id may hold a $
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def near_the_end(plan: FiniteHorizon, long_run: tuple, S_grid, exact, simulated: pd.DataFrame):
    """s and S of every period of a finite horizon, and exact cost against simulated cost."""
    left_over = np.arange(plan.s.shape[1], 0, -1)
    figure, (left, right) = new_figure(1, 2, width=9.5, height=3.4)
    for levels, level, label, colour in ((plan.S, long_run[1], "S", GREEN), (plan.s, long_run[0], "s", ORANGE)):
        left.step(left_over, levels[0], where="mid", color=colour, label=f"{label}, with an end")
        left.axhline(level, color=colour, ls=":", label=f"{label} without an end, {level}")
    left.invert_xaxis()
    left.set(title="As the end comes near", xlabel="periods left", ylabel="units", ylim=(0, None))
    left.legend(frameon=False, fontsize=8, loc="center left")
    right.plot(S_grid, exact, color=BLUE, label="exact")
    right.errorbar(S_grid, simulated["mean"], 2 * simulated["se"], fmt="o", ms=3, color=ORANGE, capsize=3,
                   label="simulated, ± 2 standard errors")  # fmt: skip
    right.set(title="The same cost, computed and simulated", xlabel="order-up-to level S", ylabel="money a day")
    right.legend(frameon=False, fontsize=8)
    return figure


def shared_capacity(capacity: np.ndarray, plans: dict[str, LotPlan]):
    """Arrivals of two plans on each day against the capacity that the items share."""
    figure, axis = new_figure(width=7.2, height=3.4)
    days, width = np.arange(1, len(capacity) + 1), 0.4
    for side, (name, plan), colour in zip((-0.5, 0.5), plans.items(), (ORANGE, BLUE), strict=True):
        axis.bar(days + side * width, plan.orders.sum(axis=0), width, color=colour, label=name)
    axis.step(days, capacity, where="mid", color="black", ls="--", label="capacity")
    axis.set(title="Arrivals, all items together", xlabel="day", ylabel="units")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend(frameon=False, fontsize=8)
    return figure


def service_of_budget(table: pd.DataFrame):
    """Fill rate against budget for each rule."""
    figure, axis = new_figure(width=6.4, height=3.6)
    budget, *rules = table.columns
    for rule, style, colour in zip(rules, ("-", "x", "--"), (BLUE, RED, GREY), strict=False):
        axis.plot(table[budget], table[rule], style, color=colour, ms=7, label=rule)
    axis.set(title="The same budget, shared out in different ways", xlabel="budget / cost of the expected demand",
             ylabel="expected fill rate", ylim=(0, 1.03))  # fmt: skip
    axis.legend(frameon=False, fontsize=8, loc="lower right")
    return figure


def network_costs(costs: pd.DataFrame, ratios: pd.DataFrame):
    """Cost of a network by kind under each plan, and the bullwhip along a chain."""
    figure, (left, right) = new_figure(1, 2, width=10, height=3.6, width_ratios=[1.3, 1])
    start = np.zeros(len(costs))
    for (kind, values), colour in zip(costs.items(), (BLUE, SKY, GREEN, ORANGE, RED, GREY), strict=False):
        left.barh(costs.index, values / 1000, left=start, color=colour, label=kind)
        start = start + values.to_numpy() / 1000
    for row, total in enumerate(start):
        left.text(total, row, f" {total:,.1f}", va="center", fontsize=8)
    left.invert_yaxis()
    left.set(title="Cost of the network", xlabel="thousand money units")
    left.set_xlim(0, 1.2 * start.max())
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=len(costs.columns), frameon=False,
                  fontsize=8)  # fmt: skip
    for (name, ratio), style, colour in zip(ratios.items(), ("o-", "s--", "^:"), (RED, BLUE, GREY), strict=False):
        right.plot(np.arange(1, len(ratio) + 1), ratio, style, color=colour, label=name)
    right.axhline(1, color="black", lw=0.8)
    right.set(title="Bullwhip", xlabel="stage, from the customer up", ylabel="variance of orders / of demand",
              xticks=np.arange(1, len(ratios) + 1))  # fmt: skip
    right.legend(frameon=False, fontsize=8)
    return figure


def price_map(time_left, price, season: pd.DataFrame, revenue: pd.DataFrame):
    """The best price for every stock and time left with one simulated season, and the revenue of a fixed price."""
    figure, (left, right) = new_figure(1, 2, width=10, height=3.7, width_ratios=[1.35, 1])
    units = np.arange(1, price.shape[1])
    shades = left.pcolormesh(time_left, units, price[:, 1:].T, cmap="viridis", shading="nearest", vmax=np.quantile(
        price[:, 1:], 0.99))  # fmt: skip
    left.step(season["time left"], season["units left"], where="post", color=RED, lw=1.8, label="one season")
    left.set(title="Best price p*(n, t)", xlabel="share of the season left, t", ylabel="units left, n",
             xlim=(time_left[-1], time_left[0]), ylim=(0.5, units[-1] + 0.5))  # fmt: skip
    left.yaxis.set_major_locator(MaxNLocator(integer=True))
    left.grid(False)
    left.legend(loc="upper right", fontsize=8)
    figure.colorbar(shades, ax=left, label="money a unit", extend="max")
    for (name, share), style, colour in zip(revenue.items(), ("o-", "s--"), (BLUE, ORANGE), strict=False):
        right.plot(revenue.index, share, style, ms=4, color=colour, label=name)
    right.axhline(1, color="black", lw=0.8)
    right.set(title="Expected revenue / bound", xlabel="units at the start, n", ylabel="share", xscale="log")
    right.set_xticks(revenue.index, [str(n) for n in revenue.index])
    right.minorticks_off()
    right.legend(frameon=False, fontsize=8)
    return figure


def markdown_map(plan: Markdown, prices, decision: EndOfLife, names: list[str]):
    """The best price for every period and stock, and what becomes of the last units in each warehouse."""
    n_periods, n_units = plan.choice.shape[:2]
    figure, (left, right) = new_figure(1, 2, width=10, height=3.6)
    shades = left.pcolormesh(
        np.arange(1, n_periods + 1), np.arange(1, n_units), plan.choice[:, 1:, 0].T, cmap="cividis_r",
        shading="nearest", norm=BoundaryNorm(np.arange(len(prices) + 1) - 0.5, 256),
    )  # fmt: skip
    left.set(title="When to mark down, and how far", xlabel="period", ylabel="units left")
    left.grid(False)
    bar = figure.colorbar(shades, ax=left, ticks=np.arange(len(prices)), label="best price now, from the highest")
    bar.ax.invert_yaxis()
    bar.ax.set_yticklabels([f"{price:g}" for price in prices])
    row, start = np.arange(len(names)), np.zeros(len(names))
    moved = decision.move.sum(axis=1)
    for units, label, colour in (
        (decision.keep, "keep", BLUE),
        (moved, "move away", ORANGE),
        (decision.clear, "clear", GREY),
    ):
        right.barh(row, units, left=start, color=colour, label=label)
        start = start + units
    arrives = decision.move.sum(axis=0)
    right.barh(row, arrives, left=start, facecolor="none", edgecolor=ORANGE, hatch="///", label="arrive")
    right.set_yticks(row, names, fontsize=8, parse_math=False)  # an id may hold a $
    right.invert_yaxis()
    right.set(title="The last units of one product", xlabel="units")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=4, frameon=False, fontsize=8)
    return figure


def alerts(dates, demand, seen: Watch, raised: pd.DataFrame, thresholds: Thresholds, name: str):
    """One series with its expected level, its CUSUM and its alerts."""
    figure, (top, bottom) = new_figure(2, 1, width=9, height=4.6, sharex=True, height_ratios=[1.7, 1])
    top.plot(dates, demand, color=GREY, lw=1, label="demand")
    top.plot(dates, seen.expected[0], color=BLUE, lw=1.8, label="level expected from the days before")
    marks = {"demand anomaly": ("v", RED), "level shift": ("D", GREEN), "end of life": ("X", BROWN)}
    for kind, (marker, colour) in marks.items():
        days = raised.loc[raised["kind"] == kind, "date"]
        if len(days):
            top.plot(days, demand[dates.get_indexer(days)], marker, color=colour, ms=8, label=kind)
    top.set_title(f"{name}: expected and actual demand, with the alerts", parse_math=False)  # an id may hold a $
    top.set(ylabel="units a day")
    top.legend(frameon=False, fontsize=8, ncols=2)
    bottom.plot(dates, seen.shift[0], color=PURPLE)
    for limit in (thresholds.shift, -thresholds.shift):
        bottom.axhline(limit, color="black", ls="--", lw=0.8)
    bottom.set(title="CUSUM of the residuals, above and below; dashed: the limit", ylabel="deviations")
    format_days(bottom)
    return figure


def learning(table: pd.DataFrame, searched: pd.DataFrame):
    """Cost above the exact optimum, of the rule as it is trained and of the search."""
    figure, (left, right) = new_figure(1, 2, width=9, height=3.4, sharey=True)
    for (rule, part), colour in zip(table.groupby("rule", sort=False), (BLUE, ORANGE), strict=False):
        left.plot(part["steps"], 100 * (part["mean"] - 1), "o-", color=colour, label=f"{rule}, mean")
        left.plot(part["steps"], 100 * (part["worst"] - 1), "o:", color=colour, alpha=0.7, label=f"{rule}, worst item")
    left.set(title="A neural rule, trained by gradient", xlabel="gradient steps", ylabel="cost above the optimum, %",
             xscale="log", yscale="log")  # fmt: skip
    right.plot(searched["evaluations"], 100 * (searched["mean"] - 1), "s-", color=GREEN, label="mean")
    right.plot(searched["evaluations"], 100 * (searched["worst"] - 1), "s:", color=GREEN, alpha=0.7, label="worst item")
    right.set(title="SBO, each item on its own", xlabel="candidates tried an item", xscale="log")
    for axis, ticks in ((left, table["steps"]), (right, searched["evaluations"])):
        axis.set_xticks(ticks.unique(), ticks.unique())
        axis.minorticks_off()
    left.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    for axis in (left, right):
        axis.axhline(2, color="black", ls="--", lw=0.8, label="2 %")
        axis.legend(fontsize=8)
    return figure


STEADY_DAYS = 40  # of the paths that rules learn from and searches simulate


def normal_against_samples(samples: np.ndarray, ratios: Sequence[float]) -> pd.DataFrame:
    """Cost of newsvendor levels from a normal against levels from samples; half of the samples judges both."""
    half = samples.shape[1] // 2
    decide, judge = samples[:, :half], sampled_demand(samples[:, half:])
    rows = []
    for ratio in ratios:
        costs = {"holding_cost": 1.0, "shortage_cost": ratio / (1 - ratio)}
        normal = normal_newsvendor(decide.mean(axis=1), decide.std(axis=1), **costs).level
        levels = (sample_newsvendor(decide, ratio), np.maximum(np.ceil(normal), 0))
        rows.append((ratio, *(level_cost(judge, level, **costs).sum() for level in levels)))
    table = pd.DataFrame(rows, columns=["critical ratio", "samples", "normal"])
    return table.assign(**{"normal above samples": table["normal"] / table["samples"] - 1})


def service_of_budgets(demand: Demand, cost: np.ndarray, shares: Sequence[float]) -> tuple[pd.DataFrame, np.ndarray]:
    """Expected fill rate of budgets under three rules, and the units that marginal analysis misses at most.

    Budgets are shares of what a stock of all expected demand costs; every fourth is also solved exactly.
    """
    expected, mean, items = expected_sales(demand), demand.mean, np.arange(len(cost))
    rows, gaps = [], []
    for k, share in enumerate(shares):
        money = {"budget": int(share * (cost @ mean)), "cost": cost}
        marginal = marginal_analysis(demand, **money)
        exact = best_service(demand, **money).fill_rate if k % 4 == 3 else np.nan
        alike = np.minimum(share * mean, expected.shape[1] - 1).astype(int)
        rows.append((share, marginal.fill_rate, exact, expected[items, alike].sum() / mean.sum()))
        gaps.append(marginal.gap)
    names = ["budget", "marginal analysis", "dynamic program", "same cover for all"]
    return pd.DataFrame(rows, columns=names), np.array(gaps)


def invented_network(demand: np.ndarray, rng: np.random.Generator) -> Network:
    """A network of given demand on an invented map: a cheap and a dear supplier, three warehouses, the merchants."""
    suppliers, warehouses, merchants = (rng.uniform(0, 10, (n, 2)) for n in (2, 3, len(demand)))
    a_day = demand.sum(axis=(0, 2)) / demand.shape[2]  # (n_products,)

    def way(origin: np.ndarray, destination: np.ndarray) -> np.ndarray:
        return 0.1 * np.linalg.norm(origin[:, None] - destination, axis=2)

    return Network(
        demand, np.array([[2.0], [3.0]]) + way(suppliers, warehouses), way(warehouses, merchants), lost_sale_cost=10.0,
        transhipment_cost=0.3 * way(warehouses, warehouses), supply_lead_time=2, transhipment_lead_time=1,
        supply_capacity=np.array([[1.0], [0.6]]) * a_day.sum(), holding_cost=0.05, opening_stock=a_day,
    )  # fmt: skip


def selling_seasons(
    n_units: int, *, scale: float, n_seasons: int, rng: np.random.Generator
) -> tuple[np.ndarray, pd.DataFrame]:
    """Revenue of simulated seasons of length 1 at the best prices, and the sales of the first of them."""
    n_prices = 400  # how often in a season the price is set anew
    prices = np.array([exponential_pricing(n_units, k / n_prices, scale=scale).price for k in range(n_prices + 1)])
    n_customers = rng.poisson(scale, whole("n_seasons", n_seasons, 1))
    comes = np.arange(n_customers.max()) < n_customers[:, None]  # (n_seasons, n_customers)
    time_left = -np.sort(-np.where(comes, rng.random(comes.shape), 0), axis=1)
    pays = np.where(comes, rng.exponential(1.0, comes.shape), 0)
    left, revenue, path = np.full(n_seasons, n_units), np.zeros(n_seasons), [(1.0, n_units)]
    for time, most in zip(time_left.T, pays.T, strict=True):
        price = prices[np.ceil(time * n_prices).astype(int), left]  # infinite once all is sold
        sold = most >= price
        revenue[sold] += price[sold]
        left = left - sold
        if sold[0]:
            path.append((time[0], left[0]))
    return revenue, pd.DataFrame([*path, (0.0, left[0])], columns=["time left", "units left"])


def steady_items(n_items: int, rng: np.random.Generator) -> tuple[np.ndarray, Costs]:
    """Random items: mean demand of 0.7 to 30 units a day, p / h of 2 to 40, K / h of 5 to 64."""
    low, high = np.log([0.7, 2, 5]), np.log([30, 40, 64])
    mean, shortage, order = np.exp(rng.uniform(low, high, (whole("n_items", n_items, 1), 3))).T
    return mean, Costs(np.ones(n_items), shortage, order)


def learned_against_exact(
    mean: np.ndarray, costs: Costs, steps: Sequence[int], *, lead_time: int = 3, seed: int = 0
) -> pd.DataFrame:
    """Cost of trained rules / the exact optimum on steady Poisson demand, by gradient steps."""
    paths = _steady_paths(mean, 300, seed)
    inputs = rule_inputs(paths, costs, lead_time=lead_time)
    rows = []
    for n_steps in steps:
        rule = train_rule(inputs, paths[:, :, : inputs.mean.shape[1]], epochs=n_steps, seed=seed)
        levels = rule.levels(inputs)
        pair = (np.rint(level.mean(axis=1)) for level in (levels.s, levels.S))  # days are alike
        rows.append((n_steps, *_above_optimum(mean, costs, *pair, lead_time)))
    return pd.DataFrame(rows, columns=["steps", "mean", "worst"])


def searched_against_exact(
    mean: np.ndarray, costs: Costs, evaluations: Sequence[int], *, lead_time: int = 3, seed: int = 0
) -> pd.DataFrame:
    """Cost of searched levels / the exact optimum on steady Poisson demand, by candidates tried an item."""
    paths, opening = _steady_paths(mean, 60, seed), np.rint((lead_time + 1) * mean)
    options = {"opening_stock": opening, "lead_time": lead_time, "lost_sales": False, "seed": seed}
    rows = []
    for tried in evaluations:
        levels = search_levels(paths, costs, **options, max_evaluations=tried)
        rows.append((tried, *_above_optimum(mean, costs, levels.s[:, 0], levels.S[:, 0], lead_time)))
    return pd.DataFrame(rows, columns=["evaluations", "mean", "worst"])


def _steady_paths(mean: np.ndarray, n_paths: int, seed: int) -> np.ndarray:
    """Poisson demand, the same every day, (n_items, n_paths, STEADY_DAYS)."""
    return stream(seed, "09/steady paths").poisson(mean[:, None, None], (len(mean), n_paths, STEADY_DAYS))


def _above_optimum(mean, costs: Costs, s, S, lead_time: int) -> tuple[float, float]:
    """Mean and largest cost / optimum over items."""
    demand = poisson_demand(mean)
    rates = {"holding_cost": costs.holding, "shortage_cost": costs.shortage, "order_cost": costs.order}
    ratio = levels_cost(demand, s, S, **rates, lead_time=lead_time)
    ratio /= exact_levels(demand, **rates, lead_time=lead_time).cost
    return ratio.mean(), ratio.max()


FOUND_WITHIN = {"spike": 1, "stock-out": 14, "rise": 21, "fall": 21, "end of life": 42}  # days from its first day
SPIKE, STOCK_OUT_DAYS, SHIFT, FADE_DAYS = 8.0, 14, 3.0, 30
LEAST_MEAN = 3.0  # units a day in the four weeks before an event; below it most are not to be told from chance


@dataclass(frozen=True)
class Planted:
    """Demand with planted events."""

    series: pd.DataFrame
    dates: pd.DatetimeIndex
    demand: np.ndarray
    true_mean: np.ndarray
    factor: np.ndarray
    events: pd.DataFrame


def plant(n_series: int = 300, seed: int = 0) -> Planted:
    """Series of the twin without its own stock-outs and flash sales, and one planted event in each that sells well."""
    twin = make_twin(n_series, seed)
    for_events, for_counts = stream(seed, "alerts/events"), stream(seed, "alerts/counts")
    mean, factor = twin.truth_mean.copy(), np.ones(twin.truth_mean.shape)
    n_days = mean.shape[1]
    days = for_events.integers(2 * WARM_UP, n_days - max(FOUND_WITHIN.values()), n_series)
    before = np.array([row[day - WARM_UP : day].mean() for row, day in zip(mean, days, strict=True)])
    rows = np.flatnonzero(before >= LEAST_MEAN)
    days = days[rows]
    kinds = for_events.permutation(np.resize(list(FOUND_WITHIN), rows.size))
    for row, day, kind in zip(rows, days, kinds, strict=True):
        if kind == "spike":
            factor[row, day] = SPIKE
        elif kind == "stock-out":
            factor[row, day : day + STOCK_OUT_DAYS] = 0
        elif kind == "end of life":
            mean[row, day:] *= np.exp(-np.arange(n_days - day) / (FADE_DAYS / 3))
        else:
            mean[row, day:] *= SHIFT if kind == "rise" else 1 / SHIFT
    demand = draw_counts(mean * factor, twin.truth["dispersion"].to_numpy(), for_counts)
    dates = pd.date_range(FIRST_DAY, periods=n_days, name="date")
    return Planted(twin.truth, dates, demand, mean, factor, pd.DataFrame({"row": rows, "day": days, "event": kinds}))


def precision_and_recall(planted: Planted) -> pd.DataFrame:
    """Precision of the alerts and recall of the planted events, one row an event."""
    alerts = demand_alerts(planted.series, planted.dates, planted.demand)
    alerts["row"] = _rows_of(planted.series, alerts)
    alerts["day"] = (alerts["date"] - planted.dates[0]).dt.days
    alerts["right"] = [_right(planted, kind, row, day) for kind, row, day in alerts[["kind", "row", "day"]].to_numpy()]
    up, silent = alerts["value"] > 0, alerts["measure"] == "silence"
    finds = {  # kind of the alert that should find an event, and which alerts of that kind
        "spike": ("demand anomaly", up & ~silent),
        "stock-out": ("demand anomaly", silent | ~up),
        "rise": ("level shift", up),
        "fall": ("level shift", ~up),
        "end of life": ("end of life", True),
    }
    results = []
    for event, (kind, which) in finds.items():
        raised = alerts[(alerts["kind"] == kind) & which]
        events = planted.events[planted.events["event"] == event]
        pairs = events.merge(raised, on="row", suffixes=("", "_alert"))
        delay = pairs["day_alert"] - pairs["day"]
        found = delay[(delay >= 0) & (delay < FOUND_WITHIN[event])].groupby(pairs["row"]).min()
        results.append({
            "event": event, "kind": kind, "events": len(events), "found": len(found),
            "recall": _share(len(found), len(events)), "alerts": len(raised), "right": int(raised["right"].sum()),
            "precision": _share(raised["right"].sum(), len(raised)), "days": found.median(),
        })  # fmt: skip
    return pd.DataFrame(results)


def stock_precision_and_recall(n_series: int = 300, seed: int = 0, *, lead_time: int = 3) -> pd.DataFrame:
    """Precision and recall of stock alerts for random stocks on random days of the twin, with an oracle's samples."""
    twin = make_twin(n_series, seed)
    for_stock, for_samples, for_days = (stream(seed, f"alerts/{what}") for what in ("stock", "samples", "days"))
    cover_days = DEFAULTS.cover_days
    horizon = max(cover_days, lead_time + 1)
    start = for_stock.integers(0, twin.truth_mean.shape[1] - horizon, n_series)
    mean = np.stack([row[day : day + horizon] for row, day in zip(twin.truth_mean, start, strict=True)])
    dispersion = twin.truth["dispersion"].to_numpy()
    paths = np.stack([draw_counts(mean, dispersion, for_samples) for _ in range(200)], axis=1)
    cover = np.exp(for_stock.uniform(0, np.log(2 * cover_days), n_series))  # days that the stock lasts
    on_hand = np.rint(mean.mean(axis=1) * cover)
    demand = draw_counts(mean, dispersion, for_days).cumsum(axis=1)

    alerts = stock_alerts(twin.truth, FIRST_DAY, paths, on_hand, lead_time=lead_time)
    rows = _rows_of(twin.truth, alerts)
    happened = {
        "stockout risk": demand[:, lead_time] > on_hand,  # any of the next LT + 1 days was short
        "overstock": on_hand > demand[:, cover_days - 1],  # stock was left after that many days
    }
    results = []
    for kind, truth in happened.items():
        raised = np.isin(np.arange(n_series), rows[alerts["kind"] == kind])
        right = int((raised & truth).sum())
        results.append({
            "kind": kind, "alerts": int(raised.sum()), "right": right, "precision": _share(right, raised.sum()),
            "happened": int(truth.sum()), "recall": _share(right, truth.sum()),
        })  # fmt: skip
    return pd.DataFrame(results)


def _rows_of(series: pd.DataFrame, alerts: pd.DataFrame) -> np.ndarray:
    """Row of each alert's series."""
    keys = list(SERIES_KEY)
    return pd.MultiIndex.from_frame(series[keys]).get_indexer(pd.MultiIndex.from_frame(alerts[keys]))


def _share(part, whole) -> float:
    return part / whole if whole else np.nan


def _right(planted: Planted, kind: str, row: int, day: int) -> bool:
    """Whether an alert is true."""
    mean, factor = planted.true_mean[row], planted.factor[row]
    if kind == "demand anomaly":
        return bool(factor[day] != 1)
    if kind == "level shift":
        seen = (mean * factor)[max(day - 6, 0) : day + 1].mean()
        before = mean[max(day - 6 - WARM_UP, 0) : max(day - 13, 1)].mean()
        return bool(max(seen / before, before / max(seen, 1e-9)) >= 1.5)
    best = max(mean[first : first + WARM_UP].mean() for first in range(day - WARM_UP + 2))
    return bool(mean[day : day + WARM_UP].mean() < best / 3)
