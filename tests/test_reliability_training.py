"""Drill: losses that are no numbers, gradients without bound, candidates that raise; and the same bits everywhere."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import panel_of

from bowerbird.data.panel import Panel
from bowerbird.errors import TrainingFailed
from bowerbird.evaluation.ladder import Method, Neural, Protocol, make_forecasts
from bowerbird.forecaster import training
from bowerbird.forecaster.lstm import Settings, zero_inflated_loss
from bowerbird.forecaster.training import fit, predict
from bowerbird.forecaster.tuning import validation_loss
from bowerbird.sbo import VARIANTS, Float, Integer, Variant, minimize, one_by_one, spread

pytestmark = pytest.mark.drill("Trainings that go astray, and the same bits")

SMALL = Settings(hidden_size=4, epochs=2, batch_size=4, horizon=4, warm_up=8)
RATES = {"learning_rate": Float(1e-3, 1e9, log=True), "hidden_size": Integer(2, 6)}


def panel(n_series: int = 6, n_days: int = 40) -> Panel:
    return panel_of(np.random.default_rng(3).poisson(5.0, (n_series, n_days)))


def bowers(n: int) -> Variant:
    return replace(VARIANTS["paper"], n_bowers=n)


def loss_of(panel: Panel, x: dict) -> float:
    """As `tune` scores a candidate; a hidden size of 5 raises."""
    if x["hidden_size"] == 5:
        raise MemoryError("no room for five")
    return validation_loss(panel, replace(SMALL, **x))


# A training that goes astray


def test_a_loss_that_is_no_number_stops_the_training_with_its_cure(monkeypatch):
    """The likelihood becomes NaN: the error names epoch, rate and cure."""
    monkeypatch.setattr(training, "zero_inflated_loss", lambda actual, mean, *rest: mean * torch.nan)
    with pytest.raises(TrainingFailed, match=r"the loss is nan .* in epoch 1; give a smaller learning_rate than 0.005"):
        fit(panel(), SMALL)


def test_a_gradient_without_bound_stops_the_training(monkeypatch):
    """The loss is finite, its gradient is not: the epoch is the last."""

    def steep(actual, mean, *rest):
        return zero_inflated_loss(actual, mean, *rest) + 0 * (mean - mean.detach()).abs().sqrt()

    monkeypatch.setattr(training, "zero_inflated_loss", steep)
    with pytest.raises(TrainingFailed, match=r"the loss is [\d.]+ and its gradient's norm nan in epoch 1"):
        fit(panel(), SMALL)


def test_a_forecast_that_is_not_finite_is_never_handed_out():
    """One step with an absurd rate ends the training before a loss is seen; the forecast tells."""
    astray = fit(panel(), replace(SMALL, learning_rate=1e9, epochs=1, batch_size=6))
    with pytest.raises(TrainingFailed, match="smaller learning_rate than 1e\\+09"):
        predict(astray, panel())


def test_a_search_scores_trainings_that_fail_and_goes_on(record_property):
    """SBO over learning rates up to 1e9, and sizes of which one raises: failures are rows of the history, the best is
    sound."""
    loss = one_by_one(partial(loss_of, panel()))
    result = minimize(loss, RATES, bowers(10), max_evaluations=20, seed=1)
    history = result.history
    failed = np.isinf(history["value"])
    astray = history["failure"].str.startswith("TrainingFailed: the ")
    raised = history["failure"] == "MemoryError: no room for five"
    assert astray.any() and raised.any() and (failed == (astray | raised)).all()
    assert (raised == (history["hidden_size"] == 5)).all()
    assert len(history) == 20 and np.isfinite(result.value) and result.value == history["value"].min()
    record_property(
        "measured", f"of 20 networks {astray.sum()} went astray, {raised.sum()} raised; best {result.value:.3f}"
    )


# The same bits


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_networks_have_the_same_bits_in_any_number_of_processes(workers, record_property):
    """SBO of an LSTM and a ladder of LSTMs in 1 and in 2 processes against none, to the last bit."""
    objective, options = partial(loss_of, panel()), {"variant": bowers(4), "max_evaluations": 12, "seed": 2}
    cuts, methods = [Protocol("R", (30, 33), 4)], [Method("LSTM", Neural(SMALL), seeds=(0, 1))]
    alone, here = minimize(one_by_one(objective), RATES, **options), make_forecasts(panel(), methods, cuts)
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        pooled = minimize(spread(objective, pool), RATES, **options)
        there = make_forecasts(panel(), methods, cuts, executor=pool)
    pd.testing.assert_frame_equal(pooled.history, alone.history, check_exact=True)
    _same(there, here)
    record_property("measured", f"{len(alone.history)} candidates, {len(here)} forecasts: 0 bits differ")


def _same(one: dict, other: dict) -> None:
    assert list(one) == list(other)
    for key in one:
        for part in ("point", "mean", "dispersion", "zero"):
            np.testing.assert_array_equal(getattr(one[key], part), getattr(other[key], part))
