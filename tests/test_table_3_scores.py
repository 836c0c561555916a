"""Table 3's columns: normalizations by hand, classes beside scikit-learn, the layout the report reads."""

import numpy as np
import pandas as pd
import pytest
from test_table_3 import SMALL, panel_of

from bowerbird.errors import ParameterError
from bowerbird.metrics import CLASS_DEFINITIONS, bias, classification_scores, one_minus_wmape
from bowerbird.table_3.protocols import Forecasts, Protocol, make_forecasts
from bowerbird.table_3.scores import (
    NORMALIZATIONS,
    as_printed,
    class_scores,
    normalized_rmse,
    score,
    series_scales,
    total_score,
)
from bowerbird.verdict import comparison

RAW = Protocol(wavelet=False, width=0.0)


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(0)
    return panel_of(rng.poisson(rng.gamma(2, 6, (10, 1)) * np.exp(np.cumsum(rng.normal(0, 0.1, (10, 100)), axis=1))))


def test_normalizations_by_hand():
    actual = np.array([[2.0], [4.0], [6.0], [8.0], [30.0]])
    forecast = actual + np.array([[1.0], [-1.0], [3.0], [-3.0], [0.0]])
    scales = {
        "/ mean of each series": np.array([1.0, 1, 3, 3, 1]),
        "/ standard deviation of each series": np.array([0.5, 0.5, 1, 1, 1]),
        "/ range of each series": np.array([10.0, 10, 10, 10, 10]),
    }
    found = normalized_rmse(actual, forecast, scales)
    assert tuple(found) == NORMALIZATIONS
    units = 2.0  # sqrt((1 + 1 + 9 + 9 + 0) / 5)
    assert found["units"] == units
    assert found["/ mean"] == units / 10
    assert found["/ standard deviation"] == pytest.approx(units / np.sqrt((64 + 36 + 16 + 4 + 400) / 5))
    assert found["/ range"] == units / 28
    assert found["/ interquartile range"] == units / 4  # quartiles 4 and 8
    assert found["/ mean of each series"] == pytest.approx(np.sqrt(4 / 5))  # errors 1, 1, 1, 1, 0
    assert found["/ standard deviation of each series"] == pytest.approx(np.sqrt((4 + 4 + 9 + 9) / 5))
    assert found["/ range of each series"] == pytest.approx(0.2)
    logs = np.log([4 / 3, 4 / 5, 10 / 7, 6 / 9, 1.0])
    assert found["of log(1 + y)"] == pytest.approx(np.sqrt(np.mean(logs**2)))


def test_what_cannot_be_scored_is_refused_and_no_hit_is_a_zero():
    missed = class_scores(np.array([1.0, 2.0]), np.array([5.0, 9.0]), np.array([3.0]))
    assert missed["accuracy, within ±10 %"] == missed["accuracy, rounded units"] == missed["F1, rounded units"] == 0
    for forecast in ([np.nan, 1.0], [1.0], [np.inf, 1.0]):
        with pytest.raises(ParameterError, match="forecast"):
            class_scores(np.array([1.0, 2.0]), np.array(forecast), np.array([3.0]))
    flat = normalized_rmse(np.full((3, 1), 2.0), np.ones((3, 1)), {name: np.ones(3) for name in NORMALIZATIONS[5:8]})
    assert flat["/ mean"] == 0.5 and np.isnan(flat["/ range"])


def test_scales_of_series_rest_on_training_windows():
    target = np.array([[[1.0, 3.0], [5.0, 7.0], [100.0, 100.0]], [[0.0, 0.0], [0.0, 0.0], [9.0, 9.0]]])
    train = np.array([[True, True, False], [True, True, False]])
    found = series_scales(target, train)
    np.testing.assert_allclose(found["/ mean of each series"], [[4.0], [1.0]])  # no demand in training: units
    np.testing.assert_allclose(found["/ standard deviation of each series"], [[np.sqrt(5.0)], [1.0]])
    np.testing.assert_allclose(found["/ range of each series"], [[6.0], [1.0]])


@pytest.mark.parametrize("seed", range(5))
def test_classes_are_those_of_the_metrics(seed):
    rng = np.random.default_rng(seed)
    actual = rng.gamma(0.5, 6, (40, 7)) - 0.5
    forecast = np.where(rng.random(actual.shape) < 0.3, actual, actual * rng.normal(1, 0.2, actual.shape))
    quartiles = np.quantile(actual, [0.25, 0.5, 0.75])
    found = class_scores(actual, forecast, quartiles)
    for definition in CLASS_DEFINITIONS:
        edges = quartiles if definition == "quantile classes" else None
        expected = classification_scores(actual, forecast, definition, edges=edges)
        for measure, value in expected.items():
            assert found[f"{measure}, {definition}"] == pytest.approx(value, abs=1e-12, nan_ok=True)


def test_classes_where_nothing_is_demanded_or_forecast():
    zeros, twos = np.zeros(4), np.full(4, 2.0)
    for actual, forecast in ((zeros, zeros), (zeros, twos), (twos, zeros), (twos, twos)):
        found = class_scores(actual, forecast, np.array([1.0]))
        for definition in ("rounded units", "demand or none"):
            expected = classification_scores(actual, forecast, definition)
            assert {m: found[f"{m}, {definition}"] for m in expected} == pytest.approx(expected)


def test_the_total_is_scored_where_whole_days_are():
    target = np.array([[[10.0], [20.0]], [[30.0], [20.0]]])  # totals 40, 40
    forecast = target + np.array([[[5.0], [4.0]], [[-5.0], [4.0]]])  # totals 40, 48
    found = Forecasts(forecast, target, target, np.zeros((2, 2), bool), np.ones((2, 2), bool))
    assert total_score(found, target, found.test) == pytest.approx(1 - 8 / 80)
    assert total_score(found, target, np.array([[True, False], [True, False]])) == 1.0
    assert np.isnan(total_score(found, target, np.array([[True, False], [False, False]])))


def test_rows_score_train_and_test_against_both_targets(panel):
    rows = score(panel, Protocol(width=0.7)).set_index(["against", "Index"])
    assert list(rows.index) == [(a, i) for a in ("denoised", "raw") for i in ("Train", "Test")]
    found = make_forecasts(panel, Protocol(width=0.7))
    for against, target in (("denoised", found.target), ("raw", found.raw)):
        quartiles = np.quantile(target[:, :57], [0.25, 0.5, 0.75])
        for index, days in (("Train", slice(0, 57)), ("Test", slice(57, 72))):
            actual, forecast, row = target[:, days], found.forecast[:, days], rows.loc[(against, index)]
            assert row["1-WMAPE"] == pytest.approx(one_minus_wmape(actual, forecast))
            assert row["bias"] == pytest.approx(bias(actual, forecast))
            assert row["RMSE units"] == pytest.approx(np.sqrt(np.mean((actual - forecast) ** 2)))
            spread = np.ptp(target[:, :57, 0], axis=1)[:, None, None]
            in_range = np.sqrt(np.mean(((actual - forecast) / spread) ** 2))
            assert row["RMSE / range of each series"] == pytest.approx(in_range)
            total = one_minus_wmape(actual.sum(axis=0), forecast.sum(axis=0))
            assert row["1-WMAPE, daily total"] == pytest.approx(total)
            same = np.searchsorted(quartiles, actual) == np.searchsorted(quartiles, forecast)
            assert row["accuracy, quantile classes"] == pytest.approx(same.mean())


def test_raw_targets_are_scored_once(panel):
    for protocol in (RAW, Protocol(when="causal inputs")):
        assert set(score(panel, protocol)["against"]) == {"raw"}


def test_a_smoothed_target_is_easier_than_demand(panel):
    smoothed, raw = (score(panel, p).set_index(["Index", "against"])["1-WMAPE"] for p in (Protocol(), RAW))
    assert smoothed["Test", "denoised"] > smoothed["Test", "raw"] + 0.1
    assert smoothed["Test", "denoised"] > raw["Test", "raw"] + 0.1


def test_the_report_reads_the_printed_layout(panel):
    protocols = [
        RAW, Protocol(False, 0.0, model="lstm"), Protocol(), Protocol(when="after"), Protocol(horizon=15, width=5.0),
        Protocol(split="random"), Protocol(when="causal inputs"), Protocol(False, 5.0, "causal", kernel="mean"),
    ]  # fmt: skip
    cells = pd.concat([score(panel, p, settings=SMALL) for p in protocols], ignore_index=True)
    rows = as_printed(cells)
    assert rows.groupby(["model", "filter", "protocol"]).size().to_dict() == {
        ("ridge", "none", "leak-free"): 2, ("lstm", "none", "leak-free"): 2,
        ("ridge", "sym8 + Gaussian 0.7 d", "leak-free"): 2,
        ("ridge", "sym8 + Gaussian 0.7 d", "filtered before the split"): 2,
        ("ridge", "sym8 + Gaussian 0.7 d", "filtered after the split"): 2,
        ("ridge", "trailing mean 5 d", "filtered causally"): 2,
    }  # fmt: skip
    before = rows[(rows["protocol"] == "filtered before the split") & (rows["Index"] == "Test")].iloc[0]
    source = cells[(cells["filtered"] == "before") & (cells["split"] == "last") & (cells["horizon"] == "1 day")]
    source = source[source["Index"] == "Test"].set_index("against")
    assert before["1-WMAPE, own target"] == source.loc["denoised", "1-WMAPE"]
    assert before["1-WMAPE, raw demand"] == source.loc["raw", "1-WMAPE"]
    assert before["RMSE / mean, own target"] == source.loc["denoised", "RMSE / mean"]
    name = comparison.nearest_protocol(rows)
    assert name in comparison.nearest_text(rows)
    table = comparison.table_3(rows).set_index(["index", "column"])
    of_name = comparison.smoothed(rows).set_index(["name", "Index"]).loc[(name, "Test")]
    assert table.loc[("test", "one_minus_wmape"), "as run"] == of_name["1-WMAPE, own target"]
