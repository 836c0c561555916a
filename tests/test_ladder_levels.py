from functools import partial

import numpy as np
import pandas as pd
import pytest

from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.evaluation.baselines import exponential_smoothing, recent_median
from bowerbird.evaluation.levels import LEVELS, accuracy_by_level, hierarchy, levels_study, reconcile

SERIES = pd.DataFrame({
    "seller_no": ["seller_1", "seller_1", "seller_2", "seller_2"],
    "product_no": ["product_1", "product_1", "product_2", "product_3"],
    "warehouse_no": ["wh_1", "wh_2", "wh_1", "wh_2"],
    "category1": ["a", "a", "a", "b"],
})  # fmt: skip


def panel(n_days=90, seed=0) -> Panel:
    rng = np.random.default_rng(seed)
    demand = rng.poisson([[0.4], [1], [6], [12]], (4, n_days)).astype(float)
    return Panel(SERIES, pd.date_range("2022-12-01", periods=n_days, name="date"), demand)


def test_the_nodes_sum_their_series():
    tree = hierarchy(SERIES)
    n_nodes = {"total": 1, "category": 2, "warehouse": 2, "product": 3, "series": 4}
    assert tree.nodes["level"].tolist() == [level for level, n in n_nodes.items() for _ in range(n)]
    assert tree.nodes["name"].tolist()[:8] == ["total", "a", "b", "wh_1", "wh_2", "product_1", "product_2", "product_3"]
    assert tree.summing.toarray().astype(int).tolist() == [
        [1, 1, 1, 1],
        [1, 1, 1, 0], [0, 0, 0, 1],
        [1, 0, 1, 0], [0, 1, 0, 1],
        [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1],
        [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1],
    ]  # fmt: skip


def test_errors_of_opposite_sign_cancel_where_they_meet():
    # series 0 is two too high and series 1 two too low, each day: wrong alone, right together in product_1
    actual = np.array([[5.0, 5], [5, 5], [10, 10], [4, 4]])
    forecast = actual + np.array([[2.0, 2], [-2, -2], [0, 0], [1, -1]])
    found = accuracy_by_level(SERIES, actual, forecast).set_index(["level", "period"])["1-WMAPE"]
    assert found["series", "day"] == pytest.approx(1 - 10 / 48)
    assert found["product", "day"] == pytest.approx(1 - 2 / 48)
    assert found["warehouse", "day"] == pytest.approx(1 - (4 + 1 + 3) / 48)  # wh_2: -2 + 1, then -2 - 1
    assert found["category", "day"] == found["total", "day"] == pytest.approx(1 - 2 / 48)
    assert found["series", "horizon"] == pytest.approx(1 - 8 / 48)
    assert found["total", "horizon"] == 1
    assert ("series", "week") not in found  # no whole week


def test_whole_weeks_only_and_unknown_days_in_neither_sum():
    rng = np.random.default_rng(0)
    actual, forecast = rng.poisson(4, (2, 4, 15)).astype(float)
    found = accuracy_by_level(SERIES, actual, forecast).set_index(["level", "period"])["1-WMAPE"]
    weeks = [np.stack([x[:, :7].sum(1), x[:, 7:14].sum(1)], 1) for x in (actual, forecast)]
    assert found["series", "week"] == pytest.approx(1 - np.abs(weeks[0] - weeks[1]).sum() / weeks[0].sum())
    actual[0, 3] = np.nan
    forecast[0, 3] = 1e6
    found = accuracy_by_level(SERIES, actual, forecast)
    zeroed = [np.where(np.isnan(actual), 0, x) for x in (actual, forecast)]
    pd.testing.assert_frame_equal(found, accuracy_by_level(SERIES, *zeroed))


def test_bias_is_the_same_at_every_level():
    actual, forecast = np.random.default_rng(1).poisson(4, (2, 4, 14)).astype(float)
    found = accuracy_by_level(SERIES, actual, forecast)
    assert found["bias"].to_numpy() == pytest.approx(found["bias"][0])
    assert found["nodes"].tolist()[::3] == [4, 3, 2, 2, 1]
    total = found.query("level == 'total' and period == 'horizon'").iloc[0]
    assert total["1-WMAPE"] == pytest.approx(1 - abs(total["bias"]))  # one number: nothing is left to cancel


def test_mint_is_the_closed_form():
    pytest.importorskip("hierarchicalforecast")
    tree = hierarchy(SERIES)
    s = tree.summing.toarray()
    base = np.random.default_rng(2).gamma(5, 2, (12, 3))
    weights = s.sum(axis=1)
    # b = (S' W^-1 S)^-1 S' W^-1 y
    bottom = np.linalg.solve(s.T @ (s / weights[:, None]), s.T @ (base / weights[:, None]))
    np.testing.assert_allclose(reconcile(tree, base), s @ np.maximum(bottom, 0), rtol=1e-8)


@pytest.mark.parametrize("shrunk", [False, True])
def test_reconciled_forecasts_add_up_are_never_negative_and_leave_coherent_ones(shrunk):
    pytest.importorskip("hierarchicalforecast")
    rng, tree = np.random.default_rng(3), hierarchy(SERIES)
    residuals = rng.normal(0, 1, (12, 40)) if shrunk else None
    coherent = reconcile(tree, rng.normal(2, 3, (12, 5)), residuals)
    assert (coherent >= 0).all()
    np.testing.assert_allclose(coherent, tree.summing @ coherent[-4:])
    sums = tree.summing @ rng.gamma(2, 2, (4, 5))
    np.testing.assert_allclose(reconcile(tree, sums, residuals), sums, rtol=1e-6)


def test_a_linear_forecaster_is_coherent_by_itself_and_a_median_is_not():
    pytest.importorskip("hierarchicalforecast")
    data = panel()
    smooth = levels_study(data, 75, 15, partial(exponential_smoothing, alpha=0.2))
    wide = smooth.pivot(index=["level", "period"], columns="how", values="1-WMAPE")
    for how in wide:
        np.testing.assert_allclose(wide[how], wide["bottom-up"], rtol=1e-6)
    median = levels_study(data, 75, 15, recent_median).pivot(index=["level", "period"], columns="how", values="1-WMAPE")
    assert list(median) == ["MinT, mint_shrink", "MinT, wls_struct", "bottom-up", "direct"]
    assert median.loc["total", "bottom-up"].to_numpy() != pytest.approx(median.loc["total", "direct"].to_numpy())
    assert set(smooth["level"]) == set(LEVELS)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hierarchy(SERIES.drop(columns="category1")), "series lacks category1"),
        (lambda: levels_study(panel(), 40, 15, recent_median), "origin is 40"),
    ],
)
def test_errors_name_the_cure(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


def test_the_level_decides_on_the_original_attachments(original):
    from bowerbird.data.panel import build_panel

    data = build_panel(original)
    if data.demand.shape != (1996, 166):
        pytest.skip("not the contest's 附件1 as published")
    forecast = exponential_smoothing(data.demand[:, :151], 15)
    found = accuracy_by_level(data.series, data.demand[:, 151:], forecast).set_index(["level", "period"])["1-WMAPE"]
    by_day = [found[level, "day"] for level in ("series", "warehouse", "total")]
    assert by_day == pytest.approx([0.56, 0.87, 0.93], abs=0.005)
