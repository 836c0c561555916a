"""The figures of notebook 09: titled, labelled, nothing cut off, and the marks are where the numbers are."""

import numpy as np
import pandas as pd
import pytest
from canvas import assert_whole

from bowerbird.inventory.demand import poisson_demand
from bowerbird.planning.alerts import DEFAULTS, demand_alerts
from bowerbird.planning.demand_watch import watch
from bowerbird.planning.dynamic_lot_size import lot_for_lot, wagner_whitin
from bowerbird.planning.finite_horizon import finite_horizon
from bowerbird.planning.lot_sizing import lot_sizing_plan
from bowerbird.planning.lot_sizing_problem import LotSizing
from bowerbird.planning.lot_sizing_relaxation import relaxed_plan
from bowerbird.planning.markdown_pricing import markdown_plan
from bowerbird.planning.transfer import EndOfLife
from bowerbird.studies import planning
from bowerbird.studies import planning as prices_and_alerts

RNG = np.random.default_rng(0)
NAME = "seller_12/product_1200/wh_43"
QUANTITY = np.arange(1.0, 50)
DEMAND = RNG.poisson(8, (3, 20)).astype(float)
PLANS = {name: plan(DEMAND, order_cost=30, holding_cost=1) for name, plan in
         (("Wagner–Whitin", wagner_whitin), ("lot for lot", lot_for_lot))}  # fmt: skip
ENDING = finite_horizon(poisson_demand(5.0), 8, holding_cost=1, shortage_cost=9, order_cost=10)
SHARED = LotSizing(DEMAND, 1, 20, lost_sale_cost=20, capacity=30)
RELAXED = relaxed_plan(SHARED, gap=0.05, time_limit=2)
BUDGETS = pd.DataFrame({"budget": [0.5, 1.0], "marginal analysis": [0.4, 0.8], "dynamic program": [np.nan, 0.8],
                        "same cover for all": [0.3, 0.7]})  # fmt: skip
COSTS = pd.DataFrame({"supply": [1000.0, 1500], "lost sales": [0.0, 700]}, index=["one plan", "each for itself"])
RATIOS = pd.DataFrame({"own orders": [1.5, 2.4, 4.0], "shared": [1.5, 2.2, 3.0]})
SEASON = pd.DataFrame({"time left": [1.0, 0.4, 0.0], "units left": [3, 2, 2]})
REVENUE = pd.DataFrame({"best": [0.8, 0.9], "fixed": [0.7, 0.85]}, index=[1, 5])
LADDER = np.array([10.0, 6.0])
MARKDOWN = markdown_plan(12, LADDER, np.tile([1.0, 3.0], (4, 1)), salvage=1)
DECISION = EndOfLife(np.array([4.0, 6]), np.array([[0.0, 3], [0, 0]]), np.array([1.0, 0]), 50.0)
DATES = pd.date_range("2022-12-01", periods=90, name="date")
SERIES = np.concatenate([RNG.poisson(8, 45), RNG.poisson(40, 45)]).astype(float)
RAISED = demand_alerts(
    pd.DataFrame({"seller_no": ["s"], "product_no": ["p"], "warehouse_no": ["w"]}), DATES, SERIES[None]
)
LEARNED = pd.DataFrame({"rule": ["a", "a", "b", "b"], "steps": [1, 20] * 2, "mean": [1.5, 1.01, 1.2, 1.02],
                        "worst": [1.9, 1.03, 1.5, 1.05]})  # fmt: skip
SEARCHED = pd.DataFrame({"evaluations": [20, 50], "mean": [1.1, 1.01], "worst": [1.3, 1.02]})

FIGURES = {
    "order_quantity_costs": lambda: planning.order_quantity_costs(
        QUANTITY, {"ordering": 100 / QUANTITY, "holding": QUANTITY / 2, "together": 100 / QUANTITY + QUANTITY / 2},
        (14.1, 14.1), {"dear": 100 / QUANTITY + QUANTITY + 50, "cheap": np.where(QUANTITY > 20, QUANTITY + 40, np.nan)},
        (21, 61),
    ),
    "newsvendor_levels": lambda: planning.newsvendor_levels(
        RNG.poisson(30, 200), {"samples": 40, "normal": 38},
        pd.DataFrame({"critical ratio": [0.5, 0.9], "normal above samples": [0.01, 0.03]}), NAME,
    ),
    "level_costs": lambda: planning.level_costs(
        np.arange(30), np.abs(np.arange(30) - 9.0), np.arange(6), np.arange(10, 15), RNG.uniform(8, 20, (5, 6)),
        (3, 12, 8.0),
    ),
    "lot_plans": lambda: planning.lot_plans(DEMAND, PLANS, 1, NAME),
    "near_the_end": lambda: planning.near_the_end(
        ENDING, (6, 16), np.array([10, 14, 18]), np.array([9.0, 8, 10]), pd.DataFrame({"mean": [9.1, 8, 10], "se": 0.2})
    ),
    "shared_capacity": lambda: planning.shared_capacity(
        SHARED, {"each alone": lot_sizing_plan(SHARED, gap=0.1), "one plan": RELAXED.plan}, RELAXED
    ),
    "service_of_budget": lambda: planning.service_of_budget(BUDGETS),
    "network_costs": lambda: planning.network_costs(COSTS, RATIOS),
    "price_map": lambda: prices_and_alerts.price_map(
        np.linspace(0, 1, 5), np.column_stack([np.full(5, np.inf), RNG.uniform(1, 3, (5, 3))]), SEASON, REVENUE
    ),
    "markdown_map": lambda: prices_and_alerts.markdown_map(MARKDOWN, LADDER, DECISION, ["wh_1", "wh_54"]),
    "alerts": lambda: prices_and_alerts.alerts(DATES, SERIES, watch(SERIES[None]), RAISED, DEFAULTS, NAME),
    "learning": lambda: prices_and_alerts.learning(LEARNED, SEARCHED),
}  # fmt: skip


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_titled_labelled_and_nothing_cut_off(make):
    figure = make()
    assert_whole(figure)
    panels = [axis for axis in figure.axes if axis.get_label() != "<colorbar>"]
    assert all(axis.get_title() for axis in panels)
    assert all(axis.get_xlabel() or axis.get_ylabel() for axis in panels)


def test_every_figure_function_is_tried():
    made = {
        name for module in (planning, prices_and_alerts) for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__
    }  # fmt: skip
    assert made == set(FIGURES)


def test_the_best_and_the_chosen_order_stand_where_they_cost_what_they_cost():
    left, right = FIGURES["order_quantity_costs"]().axes
    assert left.lines[-1].get_xydata().tolist() == [[14.1, 14.1]]
    assert right.lines[-1].get_xydata().tolist() == [[21, 61]]


def test_the_star_of_the_levels_and_the_line_of_the_best_cost():
    left, right = FIGURES["level_costs"]().axes[:2]
    assert right.lines[0].get_xydata().tolist() == [[3, 12]]
    assert set(left.lines[1].get_ydata()) == {8.0} and [line.get_xdata()[0] for line in left.lines[2:]] == [3, 12]


def test_each_plan_shows_its_own_orders_and_cost():
    for axis, plan in zip(FIGURES["lot_plans"]().axes, PLANS.values(), strict=True):
        heights = [bar.get_height() for bar in axis.patches]
        np.testing.assert_allclose(heights, plan.orders[1])
        assert f"{(plan.orders[1] > 0).sum()} orders, cost {plan.cost[1]:.0f}" in axis.get_title()


def test_the_end_comes_from_the_right():
    left = FIGURES["near_the_end"]().axes[0]
    np.testing.assert_array_equal(left.lines[0].get_xdata(), np.arange(8, 0, -1))
    np.testing.assert_array_equal(left.lines[0].get_ydata(), ENDING.S[0])
    assert left.xaxis_inverted()


def test_arrivals_against_the_capacity_and_a_bound_that_only_rises():
    left, right = FIGURES["shared_capacity"]().axes
    heights = np.array([bar.get_height() for bar in left.patches]).reshape(2, -1)
    np.testing.assert_allclose(heights[1], RELAXED.plan.orders.sum(axis=0))
    assert set(left.lines[0].get_ydata()) == {30.0}
    bound = right.lines[0].get_ydata()
    assert (np.diff(bound) >= 0).all() and bound[-1] == pytest.approx(RELAXED.bounds.max() / RELAXED.plan.cost)


def test_bars_of_the_network_add_up():
    left = FIGURES["network_costs"]().axes[0]
    widths = np.array([bar.get_width() for bar in left.patches]).reshape(2, 2)
    np.testing.assert_allclose(widths.sum(axis=0), COSTS.sum(axis=1) / 1000)
    assert [text.get_text().strip() for text in left.texts] == ["1.0", "2.2"]


def test_the_season_runs_to_the_right_as_time_runs_out():
    left = FIGURES["price_map"]().axes[0]
    assert left.get_xlim() == (1, 0) and left.lines[0].get_ydata().tolist() == [3, 2, 2]


def test_units_kept_moved_cleared_and_arrived():
    right = FIGURES["markdown_map"]().axes[1]
    widths = np.array([bar.get_width() for bar in right.patches]).reshape(4, 2)
    np.testing.assert_array_equal(widths, [[4, 6], [3, 0], [1, 0], [0, 3]])


def test_marks_stand_on_the_days_of_the_alerts():
    figure = FIGURES["alerts"]()
    shifts = next(line for line in figure.axes[0].lines if line.get_label() == "level shift")
    days = RAISED.loc[RAISED["kind"] == "level shift", "date"]
    assert len(days) > 0 and list(pd.to_datetime(shifts.get_xdata())) == list(days)
    np.testing.assert_array_equal(shifts.get_ydata(), SERIES[DATES.get_indexer(days)])
    assert [line.get_ydata()[0] for line in figure.axes[1].lines[1:]] == [DEFAULTS.shift, -DEFAULTS.shift]


def test_learning_is_shown_above_the_optimum():
    left, right = FIGURES["learning"]().axes
    np.testing.assert_allclose(left.lines[0].get_ydata(), [50, 1])
    np.testing.assert_allclose(right.lines[1].get_ydata(), [30, 2])
