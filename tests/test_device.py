import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_forecaster import SMALL, random_panel

import bowerbird.device
from bowerbird.device import WORKSPACE, choose_device, describe, mixed_precision
from bowerbird.errors import ParameterError
from bowerbird.forecaster import fit, predict
from bowerbird.forecaster.lstm import CELLS
from bowerbird.metrics import one_minus_wmape


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    threads = torch.get_num_threads()
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # so that it is put back
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


def with_gpu(monkeypatch, available: bool):
    fault = None if available else "torch finds no GPU here"
    monkeypatch.setattr(bowerbird.device, "gpu_fault", lambda: fault)


@pytest.mark.parametrize(
    ("device", "gpu", "chosen"),
    [
        ("auto", False, "cpu"),
        ("auto", True, "cuda"),
        ("cpu", False, "cpu"),
        ("cpu", True, "cpu"),
        ("cuda", True, "cuda"),
    ],
)
def test_a_gpu_is_taken_when_there_is_one_unless_refused(monkeypatch, device, gpu, chosen):
    with_gpu(monkeypatch, gpu)
    assert choose_device(device) == torch.device(chosen)


def test_threads_are_set_and_one_by_default():
    choose_device("cpu", threads=3)
    assert torch.get_num_threads() == 3
    choose_device("cpu")
    assert torch.get_num_threads() == 1


def test_description_names_the_device_and_its_threads(monkeypatch):
    assert describe(choose_device("cpu", threads=2)) == "cpu, 2 thread(s)"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"a GPU called {device}")
    assert describe(torch.device("cuda")) == "a GPU called cuda"


def test_errors_name_the_cure(monkeypatch):
    with_gpu(monkeypatch, False)
    with pytest.raises(ParameterError, match="device is 'cuda', but torch finds no GPU here; choose 'auto' or 'cpu'"):
        choose_device("cuda")
    with pytest.raises(ParameterError, match="device is 'gpu'; choose"):
        choose_device("gpu")
    with pytest.raises(ParameterError, match="threads is 0; give a whole number of at least 1"):
        choose_device("cpu", threads=0)


def test_a_gpu_that_does_not_compute_is_not_taken(monkeypatch):
    """As with a GPU that torch sees but was not built for; here there is none behind the answer."""
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", fails)
    with pytest.warns(UserWarning, match="the CPU is used: the GPU does not compute \\(no kernel image"):
        assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(ParameterError, match="device is 'cuda', but the GPU does not compute"):
        choose_device("cuda")


def fails(*_, **__):
    raise RuntimeError("no kernel image. More words")


def test_mixed_precision_is_refused_where_bfloat16_cannot_be_computed(monkeypatch):
    bowerbird.device._bfloat16_fault.cache_clear()
    monkeypatch.setattr(torch.nn.LSTM, "forward", fails)
    with pytest.raises(ParameterError, match="torch computes no LSTM in bfloat16 on this cpu \\(no kernel image\\)"):
        mixed_precision("cpu")
    bowerbird.device._bfloat16_fault.cache_clear()


@pytest.fixture
def bfloat16():
    try:
        return mixed_precision("cpu")
    except ParameterError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_gpu_repeats_itself_unless_told_otherwise(monkeypatch, deterministic):
    with_gpu(monkeypatch, True)
    choose_device("cuda", deterministic=deterministic)
    assert torch.are_deterministic_algorithms_enabled() is deterministic
    assert os.environ.get("CUBLAS_WORKSPACE_CONFIG") == (WORKSPACE if deterministic else None)
    assert torch.backends.cudnn.benchmark is False
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # a user's own choice is kept
    choose_device("cuda")
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_a_cpu_is_left_as_it_is(monkeypatch):
    with_gpu(monkeypatch, True)
    choose_device("cpu")
    assert not torch.are_deterministic_algorithms_enabled() and "CUBLAS_WORKSPACE_CONFIG" not in os.environ


@pytest.mark.parametrize("cell", CELLS)
def test_mixed_precision_moves_the_forecast_less_than_another_seed(cell, bfloat16):
    panel = random_panel(40, 100, missing=0)
    known, actual = panel.until(95), panel.demand[:, 95:]
    settings = replace(SMALL, cell=cell, clusters=0, epochs=3)
    single, other = (predict(fit(known, settings, seed=seed), known) for seed in (0, 1))
    with bfloat16:
        forecaster = fit(known, settings)
        mixed = predict(forecaster, known)
    assert all(weight.dtype == torch.float32 for weight in forecaster.networks[0].parameters())
    assert 0 < np.abs(mixed.point - single.point).mean() < 0.25 * np.abs(other.point - single.point).mean()
    scores = [one_minus_wmape(actual, forecast.point) for forecast in (single, mixed)]
    assert abs(scores[1] - scores[0]) < 0.001
    for name in ("mean", "dispersion", "zero"):  # heads and likelihood, which bfloat16 would spoil
        np.testing.assert_allclose(getattr(mixed, name), getattr(single, name), rtol=0.05)
