import pytest
import torch

from bowerbird.device import choose_device, describe
from bowerbird.errors import ParameterError


@pytest.fixture(autouse=True)
def threads_as_they_were():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def with_gpu(monkeypatch, available: bool):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)


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
