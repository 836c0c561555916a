"""Notebook 15: learned and searched order-up-to levels against exact ones, Q-learning, and their figures."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from bowerbird.checks import whole
from bowerbird.inventory.demand import poisson_demand, sampled_demand
from bowerbird.inventory.policy import exact_levels, levels_cost
from bowerbird.inventory.simulate import Costs
from bowerbird.planning.learned import rule_inputs, search_levels, train_rule
from bowerbird.planning.reinforcement import Shop, cost_of_orders, q_learning, value_iteration
from bowerbird.seeds import stream
from bowerbird.studies.style import COLOURS, new_figure


def above_optimum(panels: dict[str, pd.DataFrame]):
    """Mean and worst cost above the exact optimum by effort (steps, evaluations, days); a panel for each table."""
    figure, axes = new_figure(1, len(panels), width=2 + 3.6 * len(panels), height=3.4, sharey=True, squeeze=False)
    colours = iter(COLOURS)
    for axis, (title, table) in zip(axes[0], panels.items(), strict=True):
        (effort,) = set(table) - {"rule", "mean", "worst"}
        for rule, part in table.groupby("rule", sort=False):
            colour = next(colours)
            for which, style in (("mean", "o-"), ("worst", "o:")):
                above = np.maximum(100 * (part[which] - 1), 0.01)
                axis.plot(part[effort], above, style, color=colour, label=f"{rule}, {which}")
        axis.axhline(2, color="black", ls="--", lw=0.8, label="2 %")
        axis.set(title=title, xlabel=effort, xscale="log", yscale="log")
        axis.set_xticks(table[effort].unique(), table[effort].unique())
        axis.minorticks_off()
        axis.legend(fontsize=8)
    axes[0, 0].set_ylabel("cost above the optimum, %")
    axes[0, 0].set_yticks([0.01, 0.1, 1, 10, 100], ["≤ 0.01", "0.1", "1", "10", "100"])
    return figure


STEADY_DAYS = 40  # of the paths that rules learn from and searches simulate


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
    return stream(seed, "planning/steady paths").poisson(mean[:, None, None], (len(mean), n_paths, STEADY_DAYS))


def _above_optimum(mean, costs: Costs, s, S, lead_time: int) -> tuple[float, float]:
    """Mean and largest cost / optimum over items."""
    demand = poisson_demand(mean)
    rates = {"holding_cost": costs.holding, "shortage_cost": costs.shortage, "order_cost": costs.order}
    ratio = levels_cost(demand, s, S, **rates, lead_time=lead_time)
    ratio /= exact_levels(demand, **rates, lead_time=lead_time).cost
    return ratio.mean(), ratio.max()


def reinforcement_against_exact(shop: Shop, days: Sequence[int], n_shops: int, seed: int = 0) -> pd.DataFrame:
    """Cost / optimum of Q-learning, and of the exact rule for the demand counted on the same days.

    Each of `n_shops` sees days of its own; a shop counts with the opening stock for which it does worst.
    """
    optimum = cost_of_orders(shop, value_iteration(shop).argmin(axis=1))
    names, rows = ("Q-learning", "demand counted, then the exact rule"), []
    for n_days in days:
        ratios = []
        for k in range(n_shops):
            rng = stream(seed, f"planning/reinforcement {k}")
            seen = shop.demand.sample(rng, n_days)[0]
            counted = replace(shop, demand=sampled_demand(seen[None]))
            rules = (q.argmin(axis=1) for q in (q_learning(shop, seen, rng), value_iteration(counted)))
            ratios.append([(cost_of_orders(shop, orders) / optimum).max() for orders in rules])
        for rule, ratio in zip(names, np.transpose(ratios), strict=True):
            rows.append((rule, n_days, ratio.mean(), ratio.max()))
    return pd.DataFrame(rows, columns=["rule", "days", "mean", "worst"])
