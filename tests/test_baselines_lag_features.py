from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.evaluation.regressions import design_at, training_design


def panel(n_days=80, seed=0) -> Panel:
    rng = np.random.default_rng(seed)
    series = pd.DataFrame({
        "seller_no": ["seller_1", "seller_1", "seller_2", "seller_2", "seller_3"],
        "product_no": ["product_1", "product_1", "product_1", "product_2", "product_3"],
        "warehouse_no": ["wh_1", "wh_2", "wh_1", "wh_1", "wh_1"],
        "category1": ["a", "a", "a", "b", "b"],
    })  # fmt: skip
    demand = rng.poisson([[2], [8], [1], [30], [0.2]], (5, n_days)).astype(float)
    return Panel(series, pd.date_range("2022-12-01", periods=n_days, name="date"), demand)


def test_no_feature_sees_the_days_after_the_origin():
    data = panel()
    later = data.demand.copy()
    later[:, 60:] = 1e6
    changed = replace(data, demand=later)
    one, other = (design_at(each, 60, 15) for each in (data, changed))
    pd.testing.assert_frame_equal(one.features, other.features)
    np.testing.assert_array_equal(one.scale, other.scale)
    pd.testing.assert_frame_equal(design_at(data, 60, 15).features, design_at(data.until(60), 60, 15).features)
    later[:, 59] = 1e6
    assert not design_at(replace(data, demand=later), 60, 15).features.equals(design_at(data, 60, 15).features)


def test_hand_worked_features():
    data = panel()
    known = data.demand[:, :60]
    found = design_at(data, 60, 15)
    features = found.features.assign(row=np.repeat(np.arange(5), 15))
    assert len(features) == 75
    for row, part in features.groupby("row"):
        scale = max(known[row, -28:].mean(), 0.05)
        np.testing.assert_allclose(found.scale[features["row"] == row], scale)
        np.testing.assert_allclose(part["lag 1"] * scale, known[row, -1])
        np.testing.assert_allclose(part["lag 7"] * scale, known[row, -7])
        np.testing.assert_allclose(part["mean 14"] * scale, known[row, -14:].mean())
        np.testing.assert_allclose(part["median 56"] * scale, np.median(known[row, -56:]))
        np.testing.assert_allclose(part["share without demand 14"], (known[row, -14:] == 0).mean())
        since = 59 - np.flatnonzero(known[row])[-1]
        np.testing.assert_array_equal(part["days since demand"], since)
        np.testing.assert_array_equal(part["days ahead"], np.arange(1, 16))
        for step, value in zip(part["days ahead"], part["same weekday"], strict=True):
            same = [d for d in range(60) if (60 + step - 1 - d) % 7 == 0][-4:]
            assert value * scale == pytest.approx(known[row, same].mean())
        np.testing.assert_array_equal(found.target[features["row"] == row], data.demand[row, 60:75])
    days = data.dates[60:75]
    np.testing.assert_array_equal(features.loc[features["row"] == 0, "weekday"], days.day_of_week)


def test_the_trend_of_others_leaves_the_series_itself_out():
    data = panel()
    known = data.demand[:, :60]
    first = design_at(data, 60, 1).features.set_index(pd.RangeIndex(5))
    week, month = known[:, -7:].mean(axis=1), known[:, -28:].mean(axis=1)
    # product_1 is sold in series 0, 1, 2; seller_2 sells series 2, 3; category a holds 0, 1, 2
    assert first.loc[0, "trend of others product_no"] == pytest.approx((week[1] + week[2]) / (month[1] + month[2]))
    assert first.loc[3, "trend of others seller_no"] == pytest.approx(week[2] / month[2])
    assert first.loc[4, "trend of others category1"] == pytest.approx(week[3] / month[3])
    assert np.isnan(first.loc[3, "trend of others product_no"]) and np.isnan(first.loc[4, "trend of others seller_no"])
    assert first["trend of all"].to_numpy() == pytest.approx(week.sum() / month.sum())


def test_own_features_do_not_depend_on_the_unit():
    data = panel()
    one, ten = (design_at(replace(data, demand=k * data.demand), 60, 15) for k in (1, 10))
    large = one.scale > 0.5
    np.testing.assert_allclose(ten.scale[large], 10 * one.scale[large])
    own = [c for c in one.features if c != "log scale"]
    pd.testing.assert_frame_equal(one.features.loc[large, own], ten.features.loc[large, own])


def test_training_rows_have_known_targets_drawn_days_ahead():
    data = panel()
    gap = data.demand.copy()
    gap[0, 70] = np.nan
    data = replace(data, demand=gap)
    design = training_design(data, [40, 60, 78], 15, np.random.default_rng(0), 4)
    assert not np.isnan(design.target).any()
    assert set(design.origin) == {40, 60, 78}
    ahead = design.features["days ahead"].to_numpy()
    assert (design.origin + ahead <= 80).all()
    assert (pd.Series(ahead).groupby(design.origin).nunique() == pd.Series({40: 4, 60: 4, 78: 2})).all()
    again = training_design(data, [40, 60, 78], 15, np.random.default_rng(0), 4)
    pd.testing.assert_frame_equal(design.features, again.features)


def test_unknown_days_ahead_and_short_pasts():
    design = design_at(panel(), 78, 5)
    assert np.isnan(design.target.reshape(5, 5)[:, 2:]).all() and not np.isnan(design.target.reshape(5, 5)[:, :2]).any()
    assert design_at(panel(), 3, 2).features["lag 7"].isna().all()
    with pytest.raises(ParameterError, match="origin is 0"):
        design_at(panel(), 0, 5)


def test_missing_days_are_no_days_without_demand():
    data = panel()
    demand = data.demand.copy()
    demand[3, 30:] = np.nan  # nothing known since day 30
    demand[1, 55:58] = np.nan
    features = design_at(replace(data, demand=demand), 60, 1).features
    for row in (1, 3):
        known = demand[row, :60][~np.isnan(demand[row, :60])]
        month = demand[row, 2:30] if row == 3 else demand[row, 32:60]  # ends at the last known day
        window = month[-14:]
        found = features.iloc[row]
        assert found["share without demand 14"] == np.nanmean(np.where(np.isnan(window), np.nan, window == 0))
        assert found["days since demand"] == len(known) - 1 - np.flatnonzero(known)[-1]
        assert found["log scale"] == pytest.approx(np.log(np.nanmean(month)))
        assert found["largest 28"] * np.exp(found["log scale"]) == pytest.approx(np.nanmax(month))
    assert np.isnan(features.iloc[3]["lag 1"])
