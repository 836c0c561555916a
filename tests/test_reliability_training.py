"""Drill: losses that are no numbers, gradients without bound, candidates that raise; and the same bits everywhere."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from bowerbird.data.panel import Panel
from bowerbird.data.reader import ATTRIBUTES
from bowerbird.errors import ParameterError, TrainingFailed
from bowerbird.evaluation.ladder import Method, Neural, Protocol, make_forecasts
from bowerbird.forecaster import Settings, fit, predict, training
from bowerbird.forecaster.tuning import validation_loss
from bowerbird.sbo import VARIANTS, Float, Integer, Variant, minimize, one_by_one, spread

pytestmark = pytest.mark.drill("Trainings that go astray, and the same bits")

SMALL = Settings(hidden_size=4, epochs=2, batch_size=4, horizon=4, warm_up=8)
RATES = {"learning_rate": Float(1e-3, 1e9, log=True), "hidden_size": Integer(2, 6)}


def panel(n_series: int = 6, n_days: int = 40) -> Panel:
    demand = np.random.default_rng(3).poisson(5.0, (n_series, n_days)).astype(float)
    series = pd.DataFrame({"seller_no": "s", "product_no": [f"p{k}" for k in range(n_series)], "warehouse_no": "w"})
    series = series.assign(**dict.fromkeys(ATTRIBUTES, "a"))
    return Panel(series, pd.date_range("2022-12-01", periods=n_days, name="date"), demand)


def bowers(n: int) -> Variant:
    return replace(VARIANTS["paper"], n_bowers=n)


def loss_of(panel: Panel, x: dict) -> float:
    """As `tune` scores a candidate; a hidden size of 5 raises."""
    if x["hidden_size"] == 5:
        raise MemoryError("no room for five")
    return validation_loss(panel, replace(SMALL, **x), n_origins=2)


# A training that goes astray


def test_a_loss_that_is_no_number_stops_the_training_with_its_cure():
    """A learning rate of 100 makes the loss NaN: the error names epoch, rate and cure, and no epoch follows."""
    epochs = []
    with pytest.raises(TrainingFailed, match=r"the loss is nan .* in epoch 1; give a smaller learning_rate than 100"):
        fit(panel(), replace(SMALL, learning_rate=100.0), after_epoch=lambda epoch, _: epochs.append(epoch))
    assert epochs == []


@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_infinite_demand_reaches_no_training(infinite):
    """A panel refuses it, with the series and the day."""
    demand = panel().demand
    demand[2, 20] = infinite
    with pytest.raises(ParameterError, match=f"demand of series s/p2/w is {infinite} on 2022-12-21; give units"):
        replace(panel(), demand=demand)


def test_a_gradient_without_bound_stops_the_training(monkeypatch):
    """The loss is finite, its gradient is not: the epoch is the last."""
    real = training._loss

    def steep(actual, outputs, *rest):
        return real(actual, outputs, *rest) + 0 * outputs.point.sub(outputs.point.detach()).abs().sqrt().sum()

    monkeypatch.setattr(training, "_loss", steep)
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


def test_a_search_in_which_all_fail_says_what_failed():
    """All candidates of the first generation astray: one error with the first cause, and the call to try by hand."""
    space = RATES | {"learning_rate": Float(1e6, 1e9), "hidden_size": Integer(2, 3)}
    with pytest.raises(ParameterError, match=r"failed on all 4 candidates.*TrainingFailed: the .*call it by hand on"):
        minimize(one_by_one(partial(loss_of, panel())), space, bowers(4), max_evaluations=4)


# The same bits


class Interrupted(BaseException):
    pass


def test_networks_of_an_interrupted_search_and_ladder_resume_to_the_same_bits(tmp_path, record_property):
    """An LSTM's search broken off in its second generation and a ladder broken off after one of three forecasts."""
    objective, options = partial(loss_of, panel()), {"variant": bowers(4), "max_evaluations": 12, "seed": 2}
    calls = []

    def breaks(x):
        calls.append(x)
        if len(calls) == 7:
            raise Interrupted
        return objective(x)

    with pytest.raises(Interrupted):
        minimize(one_by_one(breaks), RATES, checkpoint=tmp_path / "search.json", **options)
    whole = minimize(one_by_one(objective), RATES, **options)
    paid = []
    evaluate = one_by_one(lambda x: paid.append(x) or objective(x))
    resumed = minimize(evaluate, RATES, checkpoint=tmp_path / "search.json", **options)
    pd.testing.assert_frame_equal(resumed.history, whole.history, check_exact=True)
    assert len(paid) == 8, "the first generation is not paid again"

    cuts = [Protocol("R", (30, 33, 36), 4)]
    first, networks = Neural(SMALL), []

    def interrupted(known, horizon, seed):
        networks.append(known.n_days)
        if len(networks) == 2:
            raise Interrupted
        return first(known, horizon, seed)

    with pytest.raises(Interrupted):
        make_forecasts(panel(), [Method("LSTM", interrupted)], cuts, tmp_path / "ladder")
    again = make_forecasts(panel(), [Method("LSTM", first)], cuts, tmp_path / "ladder")
    _same(again, make_forecasts(panel(), [Method("LSTM", first)], cuts))
    record_property("measured", f"{len(whole.history)} candidates, {len(again)} forecasts: 0 bits differ")


def test_trainings_do_not_depend_on_what_was_drawn_before():
    """Global generators of torch and numpy set otherwise, another fit in between: the same network."""
    first = predict(fit(panel(), SMALL, seed=4), panel())
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002 - whatever it is, it must not matter
    fit(panel(), SMALL, seed=5)
    second = predict(fit(panel(), SMALL, seed=4), panel())
    np.testing.assert_array_equal(first.point, second.point)
    np.testing.assert_array_equal(first.mean, second.mean)


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
