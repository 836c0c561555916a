import os

import pytest
import torch

import bowerbird.device
from bowerbird.device import WORKSPACE, choose_device, describe
from bowerbird.errors import ParameterError


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    threads = torch.get_num_threads()
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # so that it is put back
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def with_gpu(monkeypatch):
    monkeypatch.setattr(bowerbird.device, "gpu_fault", lambda: None)


@pytest.mark.parametrize(("device", "chosen"), [("auto", "cuda"), ("cpu", "cpu"), ("cuda", "cuda")])
def test_a_gpu_is_taken_when_there_is_one_unless_refused(with_gpu, device, chosen):
    assert choose_device(device) == torch.device(chosen)


def test_without_a_gpu_the_cpu_is_taken_and_a_gpu_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(ParameterError, match="device is 'cuda', but torch finds no GPU here; choose 'auto' or 'cpu'"):
        choose_device("cuda")
    with pytest.raises(ParameterError, match="device is 'gpu'; choose"):
        choose_device("gpu")


def test_one_thread_is_set_and_told(monkeypatch):
    torch.set_num_threads(2)
    assert describe(torch.device("cpu")) == "cpu, 2 thread(s)"
    assert describe(choose_device("cpu")) == "cpu, 1 thread(s)"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"a GPU called {device}")
    assert describe(torch.device("cuda")) == "a GPU called cuda"


def test_a_gpu_that_does_not_compute_is_not_taken(monkeypatch):
    """As with a GPU that torch sees but was not built for; here there is none behind the answer."""
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")

    def fails(*_, **__):
        raise RuntimeError("no kernel image. More words")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", fails)
    with pytest.warns(UserWarning, match="the CPU is used: the GPU does not compute \\(no kernel image"):
        assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(ParameterError, match="device is 'cuda', but the GPU does not compute"):
        choose_device("cuda")


def test_a_gpu_repeats_itself_and_a_cpu_is_left_as_it_is(with_gpu, monkeypatch):
    choose_device("cpu")
    assert not torch.are_deterministic_algorithms_enabled() and "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    choose_device("cuda")
    assert torch.are_deterministic_algorithms_enabled() and not torch.backends.cudnn.benchmark
    assert os.environ.get("CUBLAS_WORKSPACE_CONFIG") == WORKSPACE
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # a user's own choice is kept
    choose_device("cuda")
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
