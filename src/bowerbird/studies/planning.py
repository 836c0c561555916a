"""Figures of notebook 09, first half: how much, when, and for whom."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.colors import BoundaryNorm
from matplotlib.ticker import MaxNLocator
from scipy.stats import norm

from bowerbird.checks import above, whole
from bowerbird.data.twin import FIRST_DAY, draw_counts, make_twin
from bowerbird.errors import ParameterError
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
from bowerbird.planning.alerts import DEFAULTS, Thresholds, demand_alerts, stock_alerts
from bowerbird.planning.budgeted_service import best_service, expected_sales, marginal_analysis
from bowerbird.planning.demand_watch import WARM_UP, Watch
from bowerbird.planning.dynamic_lot_size import LotSizes
from bowerbird.planning.finite_horizon import FiniteHorizon
from bowerbird.planning.learned_policy import rule_inputs, train_rule
from bowerbird.planning.lot_sizing_problem import LotPlan, LotSizing
from bowerbird.planning.lot_sizing_relaxation import Relaxation
from bowerbird.planning.markdown_pricing import Markdown
from bowerbird.planning.network import Network
from bowerbird.planning.pricing import exponential_pricing
from bowerbird.planning.searched_levels import search_levels
from bowerbird.planning.transfer import EndOfLife
from bowerbird.seeds import stream
from bowerbird.studies.style import BLUE, BROWN, COLOURS, GREEN, GREY, ORANGE, PURPLE, RED, SKY, format_days, new_figure


def order_quantity_costs(quantity, parts: dict, best: tuple, offers: dict, chosen: tuple):
    """Cost against order quantity: its parts at one price, and in total at each price of a discount.

    Parameters
    ----------
    quantity : array (n,)
        Units an order.
    parts : dict of str to array (n,)
        Ordering, holding and total cost.
    best : (float, float)
        Quantity and cost of least total cost.
    offers : dict of str to array (n,)
        Total cost at each price, NaN where it cannot be had.
    chosen : (float, float)
        Quantity and cost of least cost over all prices.
    """
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
    """An item's sampled demand with the normal of like mean and spread; what the normal costs over the catalogue.

    Parameters
    ----------
    samples : array (n_samples,)
        Demand over the protection interval, units.
    levels : dict of str to float
        Order-up-to levels to mark.
    excess : DataFrame
        critical ratio, normal above samples (share of cost).
    name : str
        Of the item.
    """
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
    """Two views of the exact (s, S): the one-period cost with the line at the best cost, and the cost of every pair.

    Parameters
    ----------
    position, G : arrays (n,)
        Positions y and the expected cost of a period that starts from them.
    s_grid, S_grid : arrays (n_s,), (n_S,)
    cost : array (n_S, n_s)
        Expected cost a day of each pair.
    best : (int, int, float)
        s, S and their cost.
    """
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
    """Orders and stock of one item under each plan, above its demand.

    Parameters
    ----------
    demand : array (n_items, n_days)
    plans : dict of str to LotSizes
    item : int
    name : str
        Of the item.
    """
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
    """s and S of every period of a finite horizon, and exact cost against simulated cost with error bars.

    Parameters
    ----------
    plan : FiniteHorizon
        Its first item is shown.
    long_run : (int, int)
        s and S without an end.
    S_grid : array (n,)
    exact : array (n,)
        Exact cost a day of each S, s being the best.
    simulated : DataFrame, n rows
        mean, se: of the simulated cost a day.
    """
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


def shared_capacity(problem: LotSizing, plans: dict[str, LotPlan], relaxation: Relaxation):
    """What arrives each day against the capacity, and how bound and plan close in on the least cost.

    Parameters
    ----------
    problem : LotSizing
    plans : dict of str to LotPlan
        Of that problem; at most two.
    relaxation : Relaxation
        Of the same problem or a larger one.
    """
    days, width = np.arange(1, problem.demand.shape[1] + 1), 0.4
    figure, (left, right) = new_figure(1, 2, width=10, height=3.5)
    for k, ((name, plan), colour) in enumerate(zip(plans.items(), (ORANGE, BLUE), strict=False)):
        left.bar(days + (k - 0.5) * width, problem.space @ plan.orders, width, color=colour, label=name)
    left.step(days, problem.capacity, where="mid", color="black", ls="--", label="capacity")
    left.set(title="Arrivals, all items together", xlabel="day", ylabel="units of space")
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    steps = np.arange(1, len(relaxation.bounds) + 1)
    rising = np.maximum.accumulate(relaxation.bounds) / relaxation.plan.cost
    right.plot(steps, rising, color=GREEN, label="best bound so far")
    right.plot(steps, relaxation.bounds / relaxation.plan.cost, ".", ms=3, color=GREY, label="bound of the step")
    right.axhline(1, color=BLUE, ls="--", label=f"plan, gap {relaxation.plan.gap:.1%}")
    right.set(
        title="Relaxation of all items", xlabel="step", ylabel="share of the plan's cost", ylim=(rising[0] - 0.08, 1.02)
    )
    for axis in (left, right):
        axis.legend(frameon=False, fontsize=8)
    return figure


def service_of_budget(table: pd.DataFrame):
    """Fill rate against budget, a line a rule, the dynamic program as crosses.

    Parameters
    ----------
    table : DataFrame
        share of the budget (of what a stock of all expected demand costs), then one column of fill rates a rule.
    """
    figure, axis = new_figure(width=6.4, height=3.6)
    budget, *rules = table.columns
    for rule, style, colour in zip(rules, ("-", "x", "--"), (BLUE, RED, GREY), strict=False):
        axis.plot(table[budget], table[rule], style, color=colour, ms=7, label=rule)
    axis.set(title="The same budget, shared out in different ways", xlabel="budget / cost of the expected demand",
             ylabel="expected fill rate", ylim=(0, 1.03))  # fmt: skip
    axis.legend(frameon=False, fontsize=8, loc="lower right")
    return figure


def network_costs(costs: pd.DataFrame, ratios: pd.DataFrame):
    """Cost of a network under each way to plan it, by kind, and the bullwhip along a chain.

    Parameters
    ----------
    costs : DataFrame
        A row a way to plan, a column a kind of cost.
    ratios : DataFrame
        A row a stage, from the customer up; a column a way to forecast.
    """
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
    """The best price for every stock and time left with one season's way through it; what a fixed price gives up.

    Parameters
    ----------
    time_left : array (n_times,)
        Rising.
    price : array (n_times, n_units + 1)
        Best price; infinite for 0 units.
    season : DataFrame
        time left, units left, along one season.
    revenue : DataFrame
        Index: units; columns: shares of the bound, one a way to price.
    """
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
    """The rung to sell at for every period and stock, and what becomes of the last units in each warehouse.

    Parameters
    ----------
    plan : Markdown
    prices : array (n_prices,)
        Its ladder.
    decision : EndOfLife
    names : list of str
        Of the warehouses of the decision.
    """
    n_periods, n_units = plan.rung.shape[:2]
    figure, (left, right) = new_figure(1, 2, width=10, height=3.6)
    shades = left.pcolormesh(
        np.arange(1, n_periods + 1), np.arange(1, n_units), plan.rung[:, 1:, 0].T, cmap="cividis_r", shading="nearest",
        norm=BoundaryNorm(np.arange(len(prices) + 1) - 0.5, 256),
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
    """One series with the level that follows it, its CUSUM, and the days of its alerts.

    Parameters
    ----------
    dates : DatetimeIndex, n_days
    demand : array (n_days,)
    seen : Watch
        Of this series alone.
    raised : DataFrame
        Its alerts.
    thresholds : Thresholds
    name : str
        Of the series.
    """
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
    """Cost above the exact optimum as a rule is trained, and what the search reaches.

    Parameters
    ----------
    table : DataFrame
        rule, steps, mean, worst: cost / optimum over items.
    searched : DataFrame
        evaluations, mean, worst.
    """
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


STEADY_DAYS = 40
"""Days of the paths that rules learn from and searches walk."""


def normal_against_samples(samples: np.ndarray, ratios: Sequence[float]) -> pd.DataFrame:
    """What newsvendor levels from a normal cost above levels from samples, all items together.

    Parameters
    ----------
    samples : array (n_items, n_samples)
        Demand of the time a level must last; the first half sets the levels, the second judges them.
    ratios : sequence of float
        Critical ratios p / (p + h), h being 1.

    Returns
    -------
    DataFrame: critical ratio, samples, normal (cost of each), normal above samples (share).
    """
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


def service_of_budgets(
    demand: Demand, cost: np.ndarray, shares: Sequence[float], exact_every: int = 4
) -> tuple[pd.DataFrame, np.ndarray]:
    """Expected fill rate of a budget by marginal analysis, by the dynamic program, and with like cover for all.

    Parameters
    ----------
    demand : Demand
        Of the time that the stock must last.
    cost : int array (n_items,)
        Of a unit [w].
    shares : sequence of float
        Budgets as shares of what a stock of all expected demand costs.
    exact_every : int
        The dynamic program solves each so-manieth of them.

    Returns
    -------
    table : DataFrame
        budget, marginal analysis, dynamic program (NaN where not solved), same cover for all.
    gaps : array (n_shares,)
        Units that a better choice than that of marginal analysis could sell more, at most.
    """
    expected, mean, items = expected_sales(demand), demand.mean, np.arange(len(cost))
    rows, gaps = [], []
    for k, share in enumerate(shares):
        money = {"budget": int(share * (cost @ mean)), "cost": cost}
        marginal = marginal_analysis(demand, **money)
        exact = best_service(demand, **money).fill_rate if k % exact_every == exact_every - 1 else np.nan
        alike = np.minimum(share * mean, expected.shape[1] - 1).astype(int)
        rows.append((share, marginal.fill_rate, exact, expected[items, alike].sum() / mean.sum()))
        gaps.append(marginal.gap)
    names = ["budget", "marginal analysis", "dynamic program", "same cover for all"]
    return pd.DataFrame(rows, columns=names), np.array(gaps)


def invented_network(demand: np.ndarray, rng: np.random.Generator) -> Network:
    """Given demand on an invented map: a cheap and a dear supplier, three warehouses, and the merchants.

    Parameters
    ----------
    demand : array (n_merchants, n_products, n_days)
        Units asked for each day.
    rng : numpy Generator
        Draws the places, on a square of 10 by 10; a unit's way costs a tenth of its length, between warehouses 3 %.

    Returns
    -------
    Network. The cheap supplier sends at most a day's mean demand, the dear one 60 % of it.
    """
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
    n_units: int, *, scale: float, n_seasons: int, rng: np.random.Generator, n_prices: int = 400
) -> tuple[np.ndarray, pd.DataFrame]:
    """Revenue of seasons of length 1 walked at the best prices, and the way of the first of them.

    Parameters
    ----------
    n_units : int
        Units at the start [n].
    scale : float
        Customers a season, on average [a]; they pay up to an amount with mean 1 (exponential), so that exp(-p) of
        them buy at price p.
    n_seasons : int
    rng : numpy Generator
    n_prices : int
        How often in a season the price is set anew.

    Returns
    -------
    revenue : array (n_seasons,)
    path : DataFrame: time left, units left, at the start, after each sale and at the end of the first season.
    """
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
    """Items of all kinds: mean demand of 0.7 to 30 units a day, and costs with p / h of 2 to 40, K / h of 5 to 64."""
    low, high = np.log([0.7, 2, 5]), np.log([30, 40, 64])
    mean, shortage, order = np.exp(rng.uniform(low, high, (whole("n_items", n_items, 1), 3))).T
    return mean, Costs(np.ones(n_items), shortage, order)


def learned_against_exact(
    mean: np.ndarray, costs: Costs, steps: Sequence[int], *, lead_time: int = 3, seed: int = 0
) -> pd.DataFrame:
    """Cost of trained rules / the exact optimum, on steady Poisson demand, as training goes on.

    Parameters
    ----------
    mean : array (n_items,)
        Mean daily demand.
    costs : Costs of arrays (n_items,)
    steps : sequence of int
        Gradient steps of each training, all from the start.
    lead_time, seed : int

    Returns
    -------
    DataFrame: steps, mean, worst (cost / optimum over items).

    Raises
    ------
    ParameterError
        If a mean is not above 0, or the costs are of another number of items.
    """
    paths = _steady_paths(mean, costs, 300, seed)
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
    """Cost of searched levels / the exact optimum, on steady Poisson demand, as the search may try more.

    Parameters
    ----------
    mean, costs, lead_time, seed
        As in `learned_against_exact`.
    evaluations : sequence of int
        Candidates tried for each item.

    Returns
    -------
    DataFrame: evaluations, mean, worst (cost / optimum over items).

    Raises
    ------
    ParameterError
        As in `learned_against_exact`.
    """
    paths, opening = _steady_paths(mean, costs, 60, seed), np.rint((lead_time + 1) * mean)
    options = {"opening_stock": opening, "lead_time": lead_time, "lost_sales": False, "seed": seed}
    rows = []
    for tried in evaluations:
        levels = search_levels(paths, costs, **options, max_evaluations=tried)
        rows.append((tried, *_above_optimum(mean, costs, levels.s[:, 0], levels.S[:, 0], lead_time)))
    return pd.DataFrame(rows, columns=["evaluations", "mean", "worst"])


def _steady_paths(mean: np.ndarray, costs: Costs, n_paths: int, seed: int) -> np.ndarray:
    """Poisson demand, the same every day, (n_items, n_paths, STEADY_DAYS)."""
    above("mean", mean)
    if any(np.shape(cost) != np.shape(mean) for cost in (costs.holding, costs.shortage, costs.order)):
        raise ParameterError(f"costs hold {np.shape(costs.order)} values; give one for each of {len(mean)} items")
    return np.random.default_rng(seed).poisson(mean[:, None, None], (len(mean), n_paths, STEADY_DAYS))


def _above_optimum(mean, costs: Costs, s, S, lead_time: int) -> tuple[float, float]:
    """Mean and largest cost / optimum over items."""
    demand = poisson_demand(mean)
    rates = {"holding_cost": costs.holding, "shortage_cost": costs.shortage, "order_cost": costs.order}
    ratio = levels_cost(demand, s, S, **rates, lead_time=lead_time)
    ratio /= exact_levels(demand, **rates, lead_time=lead_time).cost
    return ratio.mean(), ratio.max()


FOUND_WITHIN = {"spike": 1, "stock-out": 14, "rise": 21, "fall": 21, "end of life": 42}
"""Days from an event's first day within which it must be found."""
SPIKE, STOCK_OUT_DAYS, SHIFT, FADE_DAYS = 8.0, 14, 3.0, 30
LEAST_MEAN = 3.0
"""Units a day in the four weeks before an event; below it most are not to be told from chance."""


@dataclass(frozen=True)
class Planted:
    """Demand with planted events.

    Attributes
    ----------
    series : DataFrame, n_series rows, seller_no, product_no, warehouse_no
    dates : DatetimeIndex, n_days
    demand : array (n_series, n_days), units
    true_mean : array (n_series, n_days), expected demand, events included
    factor : array (n_series, n_days), what the spikes and stock-outs multiply it by; 1 on other days
    events : DataFrame, columns row, day, event
    """

    series: pd.DataFrame
    dates: pd.DatetimeIndex
    demand: np.ndarray
    true_mean: np.ndarray
    factor: np.ndarray
    events: pd.DataFrame


def plant(n_series: int = 300, seed: int = 0) -> Planted:
    """A twin's series, drawn anew without its own stock-outs and flash sales, with one event in each that sells well.

    Parameters
    ----------
    n_series, seed : int
        As in `make_twin`.

    Returns
    -------
    Planted
    """
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


def precision_and_recall(planted: Planted, thresholds: Thresholds = DEFAULTS) -> pd.DataFrame:
    """How many alerts are right, and how many planted events were found.

    Parameters
    ----------
    planted : Planted
    thresholds : Thresholds

    Returns
    -------
    DataFrame, one row an event: kind of the alert that should find it, events, found, recall, alerts of that kind,
    right, precision, days (median delay of those found).
    """
    rows = planted.series.reset_index(drop=True)
    alerts = demand_alerts(rows, planted.dates, planted.demand, thresholds=thresholds)
    keys = list(rows.columns[:3])
    alerts["row"] = alerts.merge(rows[keys].reset_index(names="row"), on=keys, how="left")["row"].to_numpy()
    alerts["day"] = (alerts["date"] - planted.dates[0]).dt.days
    alerts["right"] = [_right(planted, kind, row, day) for kind, row, day in alerts[["kind", "row", "day"]].to_numpy()]

    results = []
    for event, within in FOUND_WITHIN.items():
        kind, side = {
            "spike": ("demand anomaly", alerts["value"] > 0),
            "stock-out": ("demand anomaly", (alerts["measure"] == "silence") | (alerts["value"] < 0)),
            "rise": ("level shift", alerts["value"] > 0),
            "fall": ("level shift", alerts["value"] < 0),
            "end of life": ("end of life", True),
        }[event]
        if event == "spike":
            side &= alerts["measure"] == "residual"
        raised = alerts[(alerts["kind"] == kind) & side]
        events = planted.events[planted.events["event"] == event]
        pairs = events.merge(raised, on="row", suffixes=("", "_alert"))
        delay = pairs["day_alert"] - pairs["day"]
        first = pairs.assign(delay=delay)[(delay >= 0) & (delay < within)].groupby("row")["delay"].min()
        results.append(
            {
                "event": event,
                "kind": kind,
                "events": len(events),
                "found": len(first),
                "recall": len(first) / len(events) if len(events) else np.nan,
                "alerts": len(raised),
                "right": int(raised["right"].sum()),
                "precision": raised["right"].mean() if len(raised) else np.nan,
                "days": first.median(),
            }
        )
    return pd.DataFrame(results)


def stock_precision_and_recall(
    n_series: int = 300,
    seed: int = 0,
    *,
    lead_time: int = 3,
    n_samples: int = 200,
    thresholds: Thresholds = DEFAULTS,
) -> pd.DataFrame:
    """Whether stock alerts come true: random stocks on a random day of the twin, an oracle's samples, the days after.

    Parameters
    ----------
    n_series, seed : int
        As in `make_twin`.
    lead_time, n_samples : int
        Days from order to arrival [LT], and paths of the forecast.
    thresholds : Thresholds

    Returns
    -------
    DataFrame, a row for stockout risk (was any of the next LT + 1 days short?) and one for overstock (was any of the
    stock left after `cover_days`?): kind, alerts, right, precision, happened, recall.
    """
    twin = make_twin(n_series, seed)
    for_stock, for_samples, for_days = (stream(seed, f"alerts/{what}") for what in ("stock", "samples", "days"))
    horizon = max(thresholds.cover_days, lead_time + 1)
    start = for_stock.integers(0, twin.truth_mean.shape[1] - horizon, n_series)
    mean = np.stack([row[day : day + horizon] for row, day in zip(twin.truth_mean, start, strict=True)])
    dispersion = twin.truth["dispersion"].to_numpy()
    paths = np.stack([draw_counts(mean, dispersion, for_samples) for _ in range(n_samples)], axis=1)
    cover = np.exp(for_stock.uniform(0, np.log(2 * thresholds.cover_days), n_series))  # days that the stock lasts
    on_hand = np.rint(mean.mean(axis=1) * cover)
    demand = draw_counts(mean, dispersion, for_days).cumsum(axis=1)

    rows = twin.truth.reset_index(drop=True)
    alerts = stock_alerts(rows, FIRST_DAY, paths, on_hand, lead_time=lead_time, thresholds=thresholds)
    happened = {
        "stockout risk": demand[:, lead_time] > on_hand,
        "overstock": on_hand > demand[:, thresholds.cover_days - 1],
    }
    results = []
    for kind, truth in happened.items():
        keys = list(rows.columns[:3])
        raised = rows[keys].merge(alerts[alerts["kind"] == kind], on=keys, how="left")["kind"].notna().to_numpy()
        right = int((raised & truth).sum())
        results.append(
            {
                "kind": kind,
                "alerts": int(raised.sum()),
                "right": right,
                "precision": right / raised.sum() if raised.any() else np.nan,
                "happened": int(truth.sum()),
                "recall": right / truth.sum() if truth.any() else np.nan,
            }
        )
    return pd.DataFrame(results)


def _right(planted: Planted, kind: str, row: int, day: int) -> bool:
    """Whether the truth bears an alert out."""
    mean, factor = planted.true_mean[row], planted.factor[row]
    if kind == "demand anomaly":
        return bool(factor[day] != 1)
    if kind == "level shift":
        seen = (mean * factor)[max(day - 6, 0) : day + 1].mean()
        before = mean[max(day - 6 - WARM_UP, 0) : max(day - 13, 1)].mean()
        return bool(max(seen / before, before / max(seen, 1e-9)) >= 1.5)
    best = max(mean[first : first + WARM_UP].mean() for first in range(day - WARM_UP + 2))
    return bool(mean[day : day + WARM_UP].mean() < best / 3)
