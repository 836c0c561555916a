"""Notebook 12: service on a budget, an invented network, and their figures."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from bowerbird.inventory.demand import Demand
from bowerbird.planning.network import Network, NetworkPlan
from bowerbird.planning.service import best_service, expected_sales, marginal_analysis
from bowerbird.studies.style import BLUE, GREEN, ORANGE, PURPLE, RED, new_figure

KINDS = {"supply": BLUE, "transhipment": PURPLE, "delivery": GREEN, "holding": ORANGE, "lost_sales": RED}


def network_costs(plan: NetworkPlan, costs: pd.DataFrame):
    """The routes of a plan, as wide as the units they carry, and the cost of the network by kind under each plan."""
    figure, (left, right) = new_figure(1, 2, width=10, height=3.8, width_ratios=[1, 1.3])
    columns = {"supply": (0, 1), "transhipment": (1, 1), "delivery": (1, 2)}
    carried = plan.flows.groupby(["route", "origin", "destination"])["units"].sum()
    n_places = [plan.flows.query(f"route == '{route}'")[end].max() + 1 for route, end in (
        ("supply", "origin"), ("delivery", "origin"), ("delivery", "destination"))]  # fmt: skip
    for (route, origin, destination), units in carried.items():
        (x0, x1), width = columns[route], 12 * units / carried.max()
        ends = (x0, -(origin + 0.5) / n_places[x0]), (x1, -(destination + 0.5) / n_places[x1])
        bend = "arc3,rad=0.6" if route == "transhipment" else "arc3"
        left.annotate("", *ends, arrowprops={"arrowstyle": "-", "lw": width, "color": KINDS[route], "alpha": 0.5,
                      "connectionstyle": bend})  # fmt: skip
    for x, n in enumerate(n_places):
        left.plot([x] * n, -(np.arange(n) + 0.5) / n, "o", color="black", ms=7)
    left.set(title="Where the units go in the one plan", xlim=(-0.3, 2.3), ylim=(-1.02, 0.02), yticks=[])
    left.set_xticks(range(3), ["suppliers", "warehouses", "merchants"])
    left.grid(False)
    thousands = costs.rename(columns=lambda kind: kind.replace("_", " ")) / 1000
    thousands.plot.barh(ax=right, stacked=True, width=0.8, color=[KINDS[kind] for kind in costs], legend=False)
    totals = thousands.sum(axis=1)
    labels = [f"  {total:,.1f}  ({total / totals.iloc[0] - 1:+.0%})" for total in totals]
    right.bar_label(right.containers[-1], labels, fontsize=9)
    right.invert_yaxis()
    right.grid(axis="y", visible=False)
    right.set(title="Cost of the network", xlabel="thousand money units", xlim=(0, 1.35 * totals.max()))
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=len(KINDS), frameon=False,
                  fontsize=8)  # fmt: skip
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


def with_factories(network: Network, rng: np.random.Generator) -> Network:
    """The network with two invented factories, a cheap and a dear one, between its suppliers and its warehouses."""
    a_day = network.demand.sum() / network.demand.shape[2]
    suppliers, warehouses = network.supply_cost.shape
    return replace(
        network, supply_cost=np.full((suppliers, warehouses), np.inf),
        material_cost=np.array([[1.0], [1.5]]) + rng.uniform(0.1, 0.5, (suppliers, 2)),
        material_lead_time=1, material_holding_cost=0.02,
        production_cost=np.array([[1.0], [1.6]]) + rng.uniform(0.1, 0.5, (2, warehouses)),
        production_lead_time=2, production_capacity=np.array([[0.7], [0.5]]) * a_day,
    )  # fmt: skip
