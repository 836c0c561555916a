import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import critical_ratio, demand_over_random_days, normal_demand
from bowerbird.inventory.policy import order_up_to_level, safety_stock
from bowerbird.inventory.simulate import cycle_service, simulate


def test_example_4_4_is_expected_demand_and_safety_stock():
    ratio = critical_ratio(0.18, 0.70)
    level = order_up_to_level(ratio, 50, 8, lead_time=4, review=1)
    assert level == pytest.approx(264.7668944, abs=5e-8)
    assert safety_stock(ratio, 8, lead_time=4, review=1) == pytest.approx(14.7668944, abs=5e-8)


def test_by_hand():
    # z = 1.644854 at 95 %; 4 days of 15: 30; a lead time that varies by half a day at 100 a day: 50.
    assert safety_stock(0.95, 15, lead_time=4) == pytest.approx(1.644854 * 30, rel=1e-6)
    both = safety_stock(0.95, 15, lead_time=4, daily_mean=100, lead_time_std=0.5)
    assert both == pytest.approx(1.644854 * np.hypot(30, 50), rel=1e-6)
    assert order_up_to_level(0.95, 100, 15, lead_time=4, lead_time_std=0.5) == pytest.approx(400 + both)
    assert safety_stock(0.5, 15, lead_time=4) == pytest.approx(0, abs=1e-9)


def test_documents_001_worked_series():
    # 100, 120, 130, 110, 140: mean 120, standard deviation sqrt(250); 3 days' lead time, 95 %.
    series = np.array([100, 120, 130, 110, 140])
    stock = safety_stock(0.95, series.std(ddof=1), lead_time=3)
    assert stock == pytest.approx(1.644854 * np.sqrt(3 * 250), rel=1e-6)
    assert order_up_to_level(0.95, series.mean(), series.std(ddof=1), lead_time=3) == pytest.approx(360 + stock)


def test_variance_of_a_random_lead_time_is_that_of_the_exact_table():
    chances = np.array([0, 0.2, 0.5, 0.0, 0.3])  # mean 2.4 days
    mean, std = 2.4, np.sqrt(chances @ np.arange(5) ** 2 - 2.4**2)
    table = demand_over_random_days(normal_demand(100, 12), chances)
    stock = safety_stock(0.9, 12, lead_time=mean, daily_mean=100, lead_time_std=std)
    assert stock == pytest.approx(1.2815516 * np.sqrt(table.variance[0]), rel=5e-4)  # the table rounds to whole units


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_level_reaches_its_service_in_simulation(level):
    demand = np.maximum(np.random.default_rng(1).normal(50, 8, size=(1200, 160)), 0)
    S = order_up_to_level(level, 50, 8, lead_time=2, review=3)
    walk = simulate(demand, S, S, opening_stock=S, lead_time=2, review=3, lost_sales=False)
    service = cycle_service(walk, per_item=True)
    error = service.std(ddof=1) / np.sqrt(len(service))
    assert service.mean() == pytest.approx(level, abs=3 * error) and error < 0.003


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"service_level": 1.0}, "service_level"),
        ({"service_level": np.nan}, "service_level"),
        ({"daily_std": -1}, "daily_std"),
        ({"lead_time": -1}, "lead_time"),
        ({"review": -1}, "review"),
        ({"lead_time_std": -1}, "lead_time_std"),
    ],
)
def test_wrong_input_is_refused_by_name(wrong, named):
    with pytest.raises(ParameterError, match=named):
        safety_stock(**({"service_level": 0.9, "daily_std": 1, "lead_time": 3} | wrong))
