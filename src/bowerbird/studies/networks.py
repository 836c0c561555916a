"""Notebook 12: service on a budget, an invented network, and their figures."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from bowerbird.inventory.demand import (
    Demand,
)
from bowerbird.planning.lot_sizing import LotPlan
from bowerbird.planning.network import Network
from bowerbird.planning.service import best_service, expected_sales, marginal_analysis
from bowerbird.studies.style import BLUE, GREEN, GREY, ORANGE, RED, SKY, new_figure


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
