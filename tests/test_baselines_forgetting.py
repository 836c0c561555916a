import numpy as np
import pandas as pd
import pytest

from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.evaluation.baselines import exponential_smoothing
from bowerbird.evaluation.regressions import ForgettingFactors


def panel(demand, start="2023-03-06") -> Panel:
    """A panel that starts on a Monday of a month without events."""
    demand = np.atleast_2d(np.asarray(demand, dtype=float))
    series = pd.DataFrame({"seller_no": ["seller_1"] * len(demand)})
    return Panel(series, pd.date_range(start, periods=demand.shape[1], name="date"), demand)


def test_without_weekdays_and_events_it_is_exponential_smoothing():
    demand = np.random.default_rng(0).poisson(5, (4, 30)).astype(float)
    demand[1, 7:9] = np.nan
    fixed = ForgettingFactors(alpha=0.7, gamma=1 - 1e-12)  # C stays at its start, 1
    np.testing.assert_allclose(fixed(panel(demand), 5), exponential_smoothing(demand, 5, 0.3), rtol=1e-9)


def test_hand_worked_days():
    # S: 10; day 2 sells 14 where S says 10: C of Tuesday = 0.5 x 1 + 0.5 x 1.4 = 1.2, S = 0.5 x 10 + 0.5 x 14 = 12
    forecast = ForgettingFactors(alpha=0.5, gamma=0.5)(panel([10, 14]), 7)[0]
    assert forecast == pytest.approx([12, 12, 12, 12, 12, 12, 12 * 1.2])  # Wednesday ... Monday, Tuesday


def test_an_event_moves_the_promotion_factor_and_is_forecast_when_it_returns():
    # Labour Day 2023 runs from 04-29 to 05-03. Twice the demand on its first three days, seen from 05-01.
    days = pd.date_range("2023-03-06", "2023-05-01")
    demand = np.where(days >= "2023-04-29", 20.0, 10.0)
    forecast = ForgettingFactors(alpha=0.999, beta=0.0)(panel(demand), 4)[0]  # beta 0: the last day of the event counts
    assert forecast[:2] == pytest.approx([20, 20], rel=0.01)  # 05-02 and 05-03 still belong to it
    assert forecast[2:] == pytest.approx([10, 10], rel=0.02)


def test_a_weekly_pattern_is_learnt_from_the_catalogue():
    week = np.array([1, 1, 1, 1, 1, 2, 4]) / (11 / 7)
    demand = np.tile(week, 20)[None] * np.array([[3.0], [30]])
    forecast = ForgettingFactors(gamma=0.7)(panel(demand), 7)  # 0.7^20: nothing is left of the start
    np.testing.assert_allclose(forecast, week * [[3], [30]], rtol=0.02)
    slow = ForgettingFactors()(panel(demand), 7)  # 0.95^20 = 0.36: a third of the start, a flat week, is left
    assert (slow[:, 6] > forecast[:, 0]).all() and (slow[:, 6] < forecast[:, 6]).all()


def test_the_past_alone_and_missing_series():
    demand = np.random.default_rng(1).poisson(5, (3, 40)).astype(float)
    demand[2] = np.nan
    whole = panel(demand)
    forecast = ForgettingFactors()(whole.until(30), 5)
    changed = demand.copy()
    changed[:, 30:] = 77
    np.testing.assert_array_equal(forecast, ForgettingFactors()(panel(changed).until(30), 5))
    assert (forecast[2] == 0).all() and (forecast >= 0).all()


def test_the_documents_own_example_is_no_smoothing():
    # S_t = 10 S + 2 F + 3 C: arithmetically right, and tenfold a day; a coefficient of 10 is refused
    s = [100]
    for _ in range(2):
        s.append(10 * s[-1] + 2 * 50 + 3 * 30)
    assert s == [100, 1190, 12090]
    with pytest.raises(ParameterError, match="alpha is 10"):
        ForgettingFactors(alpha=10)
