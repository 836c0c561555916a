"""A generation trained together is the generation trained one by one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import promoted
from test_forecaster import random_panel

from bowerbird.forecaster.lstm import Settings
from bowerbird.forecaster.population import StackedLSTM, fit_population, stacked_lstm, stacks
from bowerbird.forecaster.training import fit, predict

BASE = Settings(epochs=3, batch_size=16, horizon=5, warm_up=10, hidden_size=8, dropout=0.0)
GENERATION = [  # differing in everything that a stack may differ in
    replace(BASE, clusters=3),
    replace(BASE, hidden_size=13, layers=2, dropout=0.3, warm_up=14, learning_rate=2e-2),
    replace(BASE, hidden_size=5, layers=3, clusters=3, warm_up=12, volume_weight=0.9, epochs=2),
    replace(BASE, hidden_size=6, dropout=0.4, warm_up=11),
]
WITHOUT_CONTEXT = [
    replace(BASE, context=False, epochs=2, members=2, dropout=0.2, layers=2),
    replace(BASE, context=False, epochs=2, members=2, hidden_size=3),
]


@pytest.fixture(scope="module")
def panel():
    return random_panel(40, 80)  # a last batch of eight


def weights(forecaster) -> list[np.ndarray]:
    return [tensor.numpy() for network in forecaster.networks for tensor in network.state_dict().values()]


def assert_alike(one, other, panel):
    assert one.settings == other.settings
    for a, b in zip(weights(one), weights(other), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)
    np.testing.assert_allclose(one.losses, other.losses, rtol=1e-5)
    first, second = predict(one, panel), predict(other, panel)
    for name in ("point", "mean", "dispersion", "zero"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("generation", [GENERATION, WITHOUT_CONTEXT])
def test_together_is_one_by_one_dropout_and_all(panel, generation):
    assert stacks(generation) == [list(range(len(generation)))]
    before = torch.get_rng_state()
    together = fit_population(panel, generation, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    for forecaster, settings in zip(together, generation, strict=True):
        assert_alike(forecaster, fit(panel, settings, seed=3), panel)
        assert not forecaster.networks[0].training
    moved = fit_population(panel, generation[:1], seed=4)[0]
    apart = [np.abs(a - b).max() for a, b in zip(weights(moved), weights(together[0]), strict=True)]
    assert max(apart) > 1e-3  # the tolerance tells seeds apart


def test_together_is_one_by_one_with_columns_known_ahead():
    panel = promoted(n_days=60)
    known = replace(panel, ahead=panel.ahead | {"index": np.cumsum(np.ones(panel.demand.shape), axis=1) % 9}).until(60)
    for forecaster, settings in zip(fit_population(known, GENERATION[1:3], seed=3), GENERATION[1:3], strict=True):
        assert_alike(forecaster, fit(known, settings, seed=3), known)


def test_what_cannot_be_stacked_is_trained_apart(panel):
    varied = [BASE, replace(BASE, clusters=2), replace(BASE, clusters=4), replace(BASE, batch_size=8)]
    varied += [replace(BASE, cell="gru"), replace(BASE, clusters=4, layers=2), replace(BASE, point_quantile=0.5)]
    assert stacks(varied) == [[0, 1], [2, 5], [3], [4], [6]]
    gru = replace(BASE, cell="gru", epochs=1)
    first, second = fit_population(panel, [gru, replace(BASE, epochs=1)], seed=2)
    for a, b in zip(weights(first), weights(fit(panel, gru, seed=2)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert_alike(second, fit(panel, replace(BASE, epochs=1), seed=2), panel)


def test_a_network_that_explodes_harms_no_other(panel):
    wild = replace(BASE, learning_rate=1e30, epochs=2)
    calm = replace(BASE, hidden_size=6, epochs=2)
    exploded, spared = fit_population(panel, [wild, calm], seed=3)
    assert not np.isfinite(exploded.losses[0]).all()
    assert_alike(spared, fit(panel, calm, seed=3), panel)


def test_in_single_precision_whatever_is_around_it(panel):
    settings = [replace(BASE, epochs=1)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        around = fit_population(panel, settings)
    for a, b in zip(weights(around[0]), weights(fit_population(panel, settings)[0]), strict=True):
        np.testing.assert_array_equal(a, b)


def drawn(*shape, dtype=torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


def test_gradients_are_those_of_finite_differences():
    gates, recurrent = drawn(2, 4, 3, 8).requires_grad_(), drawn(2, 2, 8).requires_grad_()
    assert torch.autograd.gradcheck(StackedLSTM.apply, (gates, recurrent))


@pytest.mark.parametrize("n_days", [1, 6])
def test_a_unit_without_weights_says_and_learns_nothing(n_days):
    days, weight, recurrent, bias = drawn(1, n_days, 2, 3), drawn(1, 4, 4, 3), drawn(1, 4, 4, 4), drawn(1, 4, 4)
    for tensor in (weight, recurrent, bias):
        tensor[:, :, 2:] = 0  # the rows of the last two units, in each of the four gates
    recurrent[..., 2:] = 0
    parameters = [tensor.flatten(1, 2).requires_grad_() for tensor in (weight, recurrent, bias)]
    hidden = stacked_lstm(days, *parameters)
    assert torch.count_nonzero(hidden[..., 2:]) == 0 and torch.count_nonzero(hidden[..., :2]) == hidden.numel() / 2
    (hidden[..., :2] * drawn(1, n_days, 2, 2)).sum().backward()  # a head has no weights for them either
    for parameter in parameters:
        assert torch.count_nonzero(parameter.grad.unflatten(1, (4, 4))[:, :, 2:]) == 0
    assert torch.count_nonzero(parameters[1].grad[..., 2:]) == 0
