"""Figures of notebook 09, first half: how much, when, and for whom."""

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from scipy.stats import norm

from bowerbird.figures.style import BLUE, COLOURS, GREEN, GREY, ORANGE, RED, SKY, new_figure
from bowerbird.inventory.dynamic_lot_size import LotSizes
from bowerbird.inventory.finite_horizon import FiniteHorizon
from bowerbird.inventory.lot_sizing_problem import LotPlan, LotSizing
from bowerbird.inventory.lot_sizing_relaxation import Relaxation


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
