"""The comparisons of notebook 09: rules of thumb, learned rules and closed forms, each against what is exact."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bowerbird.checks import above, whole
from bowerbird.errors import ParameterError
from bowerbird.inventory.budgeted_service import best_service, expected_sales, marginal_analysis
from bowerbird.inventory.costs import Costs
from bowerbird.inventory.demand import Demand, poisson_demand, sampled_demand
from bowerbird.inventory.exact_levels import exact_levels, levels_cost
from bowerbird.inventory.learned_policy import rule_inputs, train_rule
from bowerbird.inventory.network import Network
from bowerbird.inventory.newsvendor import level_cost, normal_newsvendor, sample_newsvendor
from bowerbird.inventory.pricing import exponential_pricing
from bowerbird.inventory.searched_levels import search_levels

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
