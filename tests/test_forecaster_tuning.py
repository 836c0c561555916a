from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import panel_of

from bowerbird.data.panel import DAILY, WEEKLY, Panel
from bowerbird.data.summary import least_days
from bowerbird.errors import ParameterError
from bowerbird.evaluation.ladder import neural_methods, protocols
from bowerbird.forecaster import tuning as module
from bowerbird.forecaster.lstm import Settings
from bowerbird.forecaster.training import check_days, fit, predict
from bowerbird.forecaster.tuning import SPACE, space_of, tune, validation_loss
from bowerbird.sbo import Choice

SMALL = Settings(hidden_size=8, epochs=1, batch_size=16, clusters=2, horizon=4, warm_up=8)
N_DAYS = 40
N_ORIGINS = 3
N_KNOWN = 34  # known at the first validation origin: the days 34 ... 39 are its 4 and those of two more origins


@pytest.fixture
def few_origins(monkeypatch):
    monkeypatch.setattr(module, "N_ORIGINS", N_ORIGINS)


@pytest.fixture
def panel() -> Panel:
    return poisson_panel(N_DAYS)


@pytest.fixture
def long_panel() -> Panel:
    return poisson_panel(70)  # days enough for the longest warm-up that the search may choose


def poisson_panel(n_days: int) -> Panel:
    rng = np.random.default_rng(0)
    demand = rng.poisson(rng.gamma(2, 5, (12, 1)), (12, n_days)).astype(float)
    demand[2, 37] = np.nan
    return panel_of(demand)


@pytest.fixture
def fitted(monkeypatch):
    """Records the panel and the result of every fit."""
    calls = []

    def spy(panel, *args, **kwargs):
        calls.append((panel, fit(panel, *args, **kwargs)))
        return calls[-1][1]

    monkeypatch.setattr(module, "fit", spy)
    return calls


def test_validation_days_are_never_trained_on(panel, fitted, few_origins):
    validation_loss(panel, SMALL)
    other = panel.demand.copy()
    other[:, N_KNOWN:] = 500 - np.nan_to_num(other[:, N_KNOWN:])
    losses = {validation_loss(replace(panel, demand=d), SMALL) for d in (panel.demand, other)}
    assert len(losses) == 2  # they are scored,
    for known, forecaster in fitted:  # but not seen
        np.testing.assert_array_equal(known.demand, panel.demand[:, :N_KNOWN])
        for one, first in zip(forecaster.networks[0].parameters(), fitted[0][1].networks[0].parameters(), strict=True):
            np.testing.assert_array_equal(one.detach(), first.detach())


def test_loss_is_the_wmape_of_every_origin_forecast_by_itself(panel, few_origins):
    forecaster = fit(panel.until(N_KNOWN), SMALL, seed=5)
    error = total = 0.0
    for origin in range(N_KNOWN, N_KNOWN + N_ORIGINS):
        forecast = predict(forecaster, panel.until(origin))
        for i in range(panel.n_series):
            for date, value in zip(forecast.dates, forecast.point[i], strict=True):
                actual = panel.demand[i, panel.dates.get_loc(date)]
                if not np.isnan(actual):
                    error += abs(actual - value)
                    total += actual
    assert forecast.dates[-1] == panel.dates[-1]  # the last origin ends with the panel
    assert validation_loss(panel, SMALL, seed=5) == pytest.approx(error / total, rel=1e-5)


def test_too_few_days_are_refused(panel, few_origins):
    # 8 warm up, 4 ahead, one more, then 6 for validation
    assert validation_loss(panel.until(19), SMALL) > 0
    with pytest.raises(ParameterError, match="18 days leave too few to train on beside 3 validation origins"):
        validation_loss(panel.until(18), SMALL)


def test_search_tries_settings_of_the_space_and_returns_the_best(panel, monkeypatch):
    # A stand-in for training whose best settings are known, so that the search is seen alone.
    tried = []

    def stand_in(panel, settings, **options):
        tried.append(settings)
        return (settings.hidden_size - 48) ** 2 / 100 + abs(np.log(settings.learning_rate / 3e-3)) + settings.clusters

    monkeypatch.setattr(module, "validation_loss", stand_in)
    base = replace(SMALL, members=2)
    best, result = tune(panel, base, n_bowers=5, max_evaluations=40, seed=3)
    assert len(tried) == result.n_evaluations == 40
    values = [stand_in(panel, settings) for settings in tried[:40]]
    assert best == tried[int(np.argmin(values))]
    assert result.value == min(values) < min(values[:5])  # better than the first generation
    searched = set(SPACE)
    assert {k: v for k, v in asdict(best).items() if k not in searched} == {
        k: v for k, v in asdict(base).items() if k not in searched
    }
    assert (best.clusters, {s.clusters for s in tried}) == (0, {0, 8})


def test_search_trains_repeats_with_the_seed_and_stops_at_the_target(long_panel, fitted):
    options = {"n_bowers": 2, "max_evaluations": 4}
    best, result = tune(long_panel, SMALL, seed=1, **options)
    assert len(fitted) == 4 and result.value == validation_loss(long_panel, best, seed=1)
    assert np.isfinite(result.history["value"]).all() and (result.history["failure"] == "").all()
    again, same = tune(long_panel, SMALL, seed=1, **options)
    assert again == best
    pd.testing.assert_frame_equal(same.history, result.history)
    other = tune(long_panel, SMALL, seed=2, **options)[1]
    assert not other.history["value"].equals(result.history["value"])
    stopped = tune(long_panel, SMALL, seed=1, target=result.history["value"].max() + 0.01, **options)[1]
    assert (stopped.stopped, stopped.n_evaluations) == ("target", 2)  # after the first generation


def test_a_share_of_the_series_drawn_once(panel, monkeypatch):
    seen = []
    monkeypatch.setattr(module, "validation_loss", lambda panel, settings, **options: seen.append(panel) or 1.0)
    for seed in (0, 0, 1):
        tune(panel, SMALL, n_bowers=2, max_evaluations=4, n_series=5, seed=seed)
    keys = [tuple(p.keys) for p in seen]
    assert len(set(keys[:8])) == 1 and keys[8] != keys[0]
    assert all(p.n_series == len(set(p.keys)) == 5 for p in seen)
    rows = [panel.keys.index(key) for key in keys[0]]
    np.testing.assert_array_equal(seen[0].demand, panel.demand[rows])
    seen.clear()
    tune(panel, SMALL, n_bowers=2, max_evaluations=2, n_series=99)
    assert seen[0].n_series == 12


@pytest.mark.drill("The same bits with any number of workers, and after a stop")
def test_an_interrupted_search_goes_on_where_it_was(panel, monkeypatch, tmp_path):
    paid = []

    def stand_in(panel, settings, **options):
        paid.append(settings)
        if len(paid) == 7:
            raise KeyboardInterrupt
        return (settings.hidden_size - 30) ** 2 + settings.dropout

    options = {"n_bowers": 3, "max_evaluations": 12, "folder": tmp_path, "seed": 2}
    monkeypatch.setattr(module, "validation_loss", stand_in)
    with pytest.raises(KeyboardInterrupt):
        tune(panel, SMALL, **options)
    assert len(list(tmp_path.iterdir())) == 1
    other = tune(panel.until(30), SMALL, **options | {"max_evaluations": 3})[1]  # another panel's search is another
    assert other.n_evaluations == 3 and len(paid) == 7 + 3
    best, result = tune(panel, SMALL, **options)
    assert len(paid) == 10 + 12 - 6  # the six that were finished are not trained again
    assert not list(tmp_path.iterdir())
    undisturbed, whole = tune(panel, SMALL, **options)
    assert best == undisturbed
    pd.testing.assert_frame_equal(result.history, whole.history)


def test_a_generation_trained_together_is_the_same_search(long_panel, fitted, monkeypatch):
    options = {"n_bowers": 4, "max_evaluations": 6, "seed": 1}
    _, alone = tune(long_panel, SMALL, **options)
    fitted.clear()
    _, together = tune(long_panel, SMALL, population=True, **options)
    assert not fitted  # nobody was trained alone
    pd.testing.assert_frame_equal(together.history, alone.history, rtol=1e-4)
    with pytest.raises(ParameterError, match="population trains a generation in one process"):
        tune(long_panel, SMALL, population=True, executor=object(), **options)

    def no_memory(*args, **kwargs):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(module, "fit_population", no_memory)
    _, fallen_back = tune(long_panel, SMALL, population=True, **options)
    pd.testing.assert_frame_equal(fallen_back.history, alone.history)


def test_a_failure_in_a_generation_is_that_candidates_alone(long_panel, monkeypatch):
    monkeypatch.setitem(module.SPACE, "learning_rate", Choice((1e30, 5e-3)))
    options = {"n_bowers": 4, "max_evaluations": 4, "seed": 0}
    _, alone = tune(long_panel, SMALL, **options)
    _, together = tune(long_panel, SMALL, population=True, **options)
    failed = alone.history["learning_rate"] == 1e30
    assert 0 < failed.sum() < 4 and alone.history.loc[failed, "failure"].str.startswith("TrainingFailed").all()
    pd.testing.assert_frame_equal(together.history, alone.history, rtol=1e-4)


@pytest.mark.parametrize("horizon", [1, 4, 8, 15])
@pytest.mark.parametrize("frequency", [DAILY, WEEKLY])
def test_as_many_days_as_check_asks_for_are_enough_and_one_less_is_not(frequency, horizon):
    def prepare(n_days):
        """What lessons 06 and 08 need: the search's longest warm-up, and the untuned networks at the first origin."""
        panel = panel_of(np.random.default_rng(0).poisson(5, (12, n_days)))
        panel = replace(panel, dates=frequency.dates(panel.dates[0], n_days), events={})
        known = panel.until(protocols(n_days, horizon)["R"].origins[0])
        settings = Settings(horizon=horizon, epochs=1, hidden_size=4)
        longest = replace(settings, warm_up=space_of(known, settings)["warm_up"].high)
        assert np.isfinite(validation_loss(known, longest))
        untuned = neural_methods(longest, frequency=frequency)[0].forecast.settings
        check_days(known, replace(untuned, horizon=horizon))

    prepare(least := least_days(horizon, frequency))
    with pytest.raises(ParameterError):
        prepare(least - 1)


def test_the_search_of_the_contest_tries_what_it_always_tried():
    assert space_of(panel_of(np.ones((2, 121))), Settings()) == SPACE
