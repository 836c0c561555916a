"""Denoising without a leak: a slow loop, an interval that is one, and no day after the origin."""

from dataclasses import replace

import numpy as np
import pytest
from test_table_3 import panel_of

from bowerbird.metrics import one_minus_wmape
from bowerbird.studies.table_3 import prefix_denoising
from bowerbird.table_3.protocols import Protocol, make_forecasts


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(0)
    return panel_of(rng.poisson(rng.gamma(2, 6, (12, 1)), (12, 110)))


def test_scores_are_those_of_the_panel_cut_at_each_origin(panel):
    rows = prefix_denoising(panel, [2.0], n_origins=2, n_resamples=50)
    assert rows["filter"].tolist() == ["none", *["Gaussian 2 d", "sym8", "sym8 + Gaussian 2 d"] * 2]
    protocols = [Protocol(False, 0.0, horizon=15)]
    for when in ("after", "causal inputs"):
        protocols += [Protocol(wavelet, sigma, when, horizon=15) for wavelet, sigma in ((0, 2.0), (1, 0.0), (1, 2.0))]
    for i, protocol in enumerate(protocols):
        for column, n_days in (("day 80", 95), ("day 95", 110)):
            found = make_forecasts(panel.until(n_days), protocol)
            raw = panel.demand[:, n_days - 15 : n_days]
            assert rows.loc[i, column] == pytest.approx(one_minus_wmape(raw, found.forecast[:, -1]))
    np.testing.assert_allclose(rows["mean"], rows[["day 80", "day 95"]].mean(axis=1))
    np.testing.assert_allclose(rows["difference"], rows["mean"] - rows.loc[0, "mean"])


def test_the_interval_is_a_paired_bootstrap_over_series(panel):
    rows = prefix_denoising(panel, [2.0], n_origins=1, n_resamples=4000, seed=1)
    assert (rows.loc[0, ["difference", "low", "high"]] == 0).all()
    assert (rows["low"] <= rows["difference"] + 1e-3).all() and (rows["difference"] <= rows["high"] + 1e-3).all()
    # its own derivation: series drawn with replacement, one by one
    errors, raw = [], panel.demand[:, -15:]
    for protocol in (Protocol(False, 0.0, horizon=15), Protocol(True, 0.0, "after", horizon=15)):
        errors.append(np.abs(raw - make_forecasts(panel, protocol).forecast[:, -1]).sum(axis=1))
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(4000):
        drawn = rng.integers(0, 12, 12)
        gains.append((errors[0][drawn].sum() - errors[1][drawn].sum()) / raw[drawn].sum())
    sym8 = rows[(rows["filter"] == "sym8") & (rows["filtered"] == "known days, whole")].iloc[0]
    np.testing.assert_allclose([sym8["low"], sym8["high"]], np.quantile(gains, [0.025, 0.975]), atol=0.002)


def test_days_after_the_last_origin_change_no_earlier_score(panel):
    demand = panel.demand.copy()
    demand[:, 95:] = 500 - demand[:, 95:]
    before, after = (prefix_denoising(p, [2.0], n_origins=2, n_resamples=5) for p in
                     (panel, replace(panel, demand=demand)))  # fmt: skip
    np.testing.assert_array_equal(before["day 80"], after["day 80"])
    assert not np.isclose(before["day 95"], after["day 95"]).any()
