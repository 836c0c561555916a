"""Notebook 11: figures of how much and when to order, and normal levels against those of samples."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from bowerbird.inventory.demand import level_cost, normal_newsvendor, sample_newsvendor, sampled_demand
from bowerbird.studies.style import BLUE, COLOURS, GREEN, GREY, ORANGE, RED, new_figure


def order_quantity_costs(example: dict, holding_rate: float, offer: dict, orders: dict):
    """Cost against order quantity: ordering and holding at one price, and the total at each price of a discount."""
    figure, (left, right) = new_figure(1, 2, width=9.5, height=3.4)
    K, h, D = example.values()
    Q = np.arange(100, 1201, 2.0)
    costs = pd.DataFrame({"ordering, K D / Q": K * D / Q, "holding, h Q / 2": h * Q / 2}, index=Q)
    costs.assign(together=costs.sum(axis=1)).plot(ax=left, style=["--", ":", "-"], color=[ORANGE, GREEN, BLUE])
    for (first, price), colour in zip(zip(*offer.values(), strict=True), COLOURS, strict=False):
        at = Q[first <= Q]
        cost = price * D + K * D / at + holding_rate * price * at / 2
        right.plot(at, cost, color=colour, label=f"{price} from {first:g} units")
    best = (left, orders["EOQ"], (6, 30)), (right, orders["all-units discount, units included"], (8, -12))
    for axis, order, place in best:
        axis.plot(order.quantity, order.cost, "D", color="black", ms=5)
        axis.annotate(f"Q = {order.quantity:.0f}, cost {order.cost:.1f}", (order.quantity, order.cost), place,
                      textcoords="offset points", fontsize=8)  # fmt: skip
        axis.legend(frameon=False, fontsize=8)
        axis.set(xlabel="units an order, Q", ylabel="money a year")
    left.set(title="Ordering and holding cost", ylim=(0, 200))
    right.set_title("All-units discount, price of the units included")
    right.margins(y=0.12)
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
