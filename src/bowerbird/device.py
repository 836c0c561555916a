"""Where torch computes, and on how many threads: one switch, set on purpose."""

import torch

from bowerbird.errors import ParameterError


def choose_device(device: str = "auto", threads: int = 1) -> torch.device:
    """Choose the device and fix torch's CPU threads.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        "auto" takes a GPU when there is one.
    threads : int
        CPU threads. The steps of a small recurrent network are too short to share: on two busy cores a second thread
        mostly waits, and makes training slower.

    Returns
    -------
    torch.device

    Raises
    ------
    ParameterError
        Unknown name, or "cuda" without a GPU.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ParameterError(f"device is {device!r}; choose 'auto', 'cpu' or 'cuda'")
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise ParameterError("device is 'cuda', but torch finds no GPU here; choose 'auto' or 'cpu'")
    torch.set_num_threads(threads)
    return torch.device("cuda" if available and device != "cpu" else "cpu")


def describe(device: torch.device) -> str:
    """Name of the device for a run's record."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu, {torch.get_num_threads()} thread(s)"
