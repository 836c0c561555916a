"""The studies of notebooks 11 to 15: what they compute, and figures that hold a number."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bowerbird.inventory.demand import newsvendor, poisson_demand, sampled_demand
from bowerbird.planning import alerts as rules
from bowerbird.planning.pricing import exponential_pricing
from bowerbird.studies import alerts, learned_rule, networks, prices, replenishment


def test_samples_beat_the_normal_where_demand_is_skewed_and_match_it_where_it_is_normal():
    rng = np.random.default_rng(0)
    table = replenishment.normal_against_samples(np.rint(rng.lognormal(2, 1, (5, 4000))), (0.5, 0.98))
    assert table["normal above samples"].tolist() == pytest.approx([0.15, 0.07], abs=0.05)
    table = replenishment.normal_against_samples(np.rint(rng.normal(100, 10, (5, 4000))), (0.5, 0.9))
    assert np.abs(table["normal above samples"]).max() < 0.01
    steady = replenishment.normal_against_samples(rng.poisson(6.0, (1, 200_000)), (0.8,))
    assert steady["samples"][0] == pytest.approx(newsvendor(poisson_demand(6.0), 1.0, 4.0).cost[0], rel=0.01)


def test_the_half_that_judges_is_not_the_half_that_decides():
    samples = np.repeat([[4.0, 10.0]], 20, axis=1)  # decide on 4 alone, be judged on 10
    table = replenishment.normal_against_samples(samples, (0.9,))
    assert table[["samples", "normal"]].to_numpy().tolist() == [[pytest.approx(9 * 6)] * 2]


def test_marginal_analysis_lies_between_like_cover_and_the_dynamic_program():
    rng = np.random.default_rng(2)
    demand, cost = sampled_demand(rng.negative_binomial(1, 0.2, (6, 400))), rng.integers(1, 6, 6)
    table, gaps = networks.service_of_budgets(demand, cost, np.arange(1, 13) / 6)
    solved = table.dropna()
    assert solved.index.tolist() == [3, 7, 11]
    missed = (solved["dynamic program"] - solved["marginal analysis"]) * demand.mean.sum()
    assert (missed >= -1e-9).all() and (missed <= gaps[3::4] + 1e-9).all() and gaps.max() <= 1
    assert (table["marginal analysis"] >= table["same cover for all"]).all()
    # Each item is asked for 0 or 4 units, so 2 on average; half of that is one unit each, sold half the time.
    table, _ = networks.service_of_budgets(sampled_demand(np.array([[0, 4], [0, 4]])), np.array([1, 1]), (0.5, 1.0))
    np.testing.assert_allclose(table["same cover for all"], [2 * 0.5 / 4, 2 * 1.0 / 4])


@pytest.mark.parametrize(("n_units", "scale"), [(1, 20.0), (5, 20.0), (10, 40.0), (3, 1e-9)])
def test_seasons_earn_what_the_closed_form_says(n_units, scale):
    revenue, path = prices.selling_seasons(n_units, scale=scale, n_seasons=4000, rng=np.random.default_rng(4))
    expected = exponential_pricing(n_units, 1.0, scale=scale).revenue[-1]
    assert abs(revenue.mean() - expected) <= 4 * revenue.std() / np.sqrt(4000) + 1e-6
    assert path["units left"].iloc[0] == n_units and set(path["units left"].diff().dropna()) <= {0, -1}
    assert path["time left"].iloc[[0, -1]].tolist() == [1.0, 0.0] and path["time left"].is_monotonic_decreasing


def test_training_and_searching_close_in_on_the_optimum_and_never_pass_it():
    mean, costs = learned_rule.steady_items(4, np.random.default_rng(6))
    free = replace(costs, order=0 * costs.order)
    learned = learned_rule.learned_against_exact(mean, free, (1, 40), seed=1)
    assert learned["mean"][0] > 1.2 > 1.02 > learned["mean"][1] >= 1 and (learned["worst"] >= learned["mean"]).all()
    searched = learned_rule.searched_against_exact(mean, costs, (10, 60), seed=1)
    assert searched["mean"][0] > searched["mean"][1] >= 1 and searched["mean"][1] < 1.03


# ---------------------------------------------------------------- alerts against planted events


@pytest.fixture(scope="module")
def planted():
    return alerts.plant(400, seed=3)


def test_precision_and_recall_on_the_twin(planted):
    table = alerts.precision_and_recall(planted).set_index("event")
    assert (table["precision"] > [0.3, 0.6, 0.8, 0.75, 0.8]).all(), table
    assert (table["recall"] > [0.6, 0.7, 0.7, 0.4, 0.8]).all(), table
    assert table.loc["spike", "days"] == 0 and table.loc["stock-out", "days"] <= 5


def test_chances_to_sell_again_come_true_where_sales_come_by_chance():
    demand = (np.random.default_rng(2).random((1000, 300)) < 0.02).astype(float)  # 1 - .98^56 = .68
    table = alerts.returns_foretold(demand).set_index("band")
    assert table.loc["to .9", "pauses"] > 0.6 * table["pauses"].sum()
    assert table.loc["to .9"].tolist()[:2] == pytest.approx([0.68, 0.68], abs=0.03)
    assert alerts.returns_foretold(demand[:, :50]).empty


def test_higher_thresholds_find_less_and_are_right_more_often(planted, monkeypatch):
    found = []
    for anomaly, shift in ((3.5, 5), (7, 10)):
        monkeypatch.setattr(rules, "ANOMALY", anomaly)
        found.append(alerts.precision_and_recall(planted, shift).set_index("event").loc[["spike", "rise", "fall"]])
    low, high = found
    assert (low["recall"] > high["recall"]).all() and (low["precision"] < high["precision"]).all()


def test_precision_and_recall_by_hand():
    # Two series of 10 a day; a spike in one, which is found; in the other one that nobody planted, before its own.
    rows = pd.DataFrame({"seller_no": ["a", "a"], "product_no": ["p", "q"], "warehouse_no": ["w", "w"]})
    demand, mean, factor = np.full((2, 90), 10.0), np.full((2, 90), 10.0), np.ones((2, 90))
    demand[:, 60], factor[0, 60] = 90, 8
    events = pd.DataFrame({"row": [0, 1], "day": [60, 70], "event": ["spike", "spike"]})
    planted = alerts.Planted(rows, pd.date_range("2023-01-01", periods=90), demand, mean, factor, events)
    table = alerts.precision_and_recall(planted).set_index("event")
    spike, missed = table.loc["spike"], table.loc["stock-out"]
    assert (spike["events"], spike["found"], spike["alerts"], spike["right"]) == (2, 1, 2, 1)
    assert spike["recall"] == 0.5 and spike["precision"] == 0.5 and spike["days"] == 0
    assert missed["events"] == missed["alerts"] == 0 and np.isnan(missed["recall"]) and np.isnan(missed["precision"])


def test_stock_alerts_come_true_as_often_as_they_say():
    table = alerts.stock_precision_and_recall(400, seed=1).set_index("kind")
    assert table.loc["stockout risk", "recall"] > 0.85 and table.loc["stockout risk", "precision"] > 0.5
    assert table.loc["overstock", "precision"] > 0.9 and table.loc["overstock", "recall"] > 0.6


# ---------------------------------------------------------------- figures
