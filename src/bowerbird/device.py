"""Where torch computes, and on how many threads: one switch, set on purpose.

The same seed gives the same bits on the same machine. A CPU with one thread does so by itself. On a GPU that takes
torch's deterministic algorithms, cuDNN without its search for the fastest one, and cuBLAS with a small workspace; it is
the default here, and `deterministic=False` gives it up.

Mixed precision, off by default, computes the recurrent cell in bfloat16 and all else in single precision. The scores
move no more than from one seed to the next; a CPU without bfloat16 in hardware gains nothing by it:

    with mixed_precision(device):
        forecaster = fit(panel, settings, device=device)
"""

import os

import torch

from bowerbird.errors import ParameterError

WORKSPACE = ":16:8"
"""CUBLAS_WORKSPACE_CONFIG under which both cuBLAS and cuDNN's LSTM repeat themselves (torch's notes on nn.LSTM)."""


def choose_device(device: str = "auto", threads: int = 1, deterministic: bool = True) -> torch.device:
    """Choose the device and fix torch's CPU threads.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        "auto" takes a GPU when there is one.
    threads : int
        CPU threads. The steps of a small recurrent network are too short to share: on two busy cores a second thread
        mostly waits, and makes training slower.
    deterministic : bool
        Of a GPU: the same bits from the same seed. Choose it before the first work on the GPU. An operation that has
        no such form warns.

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
    if not available or device == "cpu":
        return torch.device("cpu")
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", WORKSPACE)
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
    return torch.device("cuda")


def mixed_precision(device: torch.device | str) -> torch.autocast:
    """A context in which a network's cell computes in bfloat16; heads, losses and weights stay in single precision."""
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16)


def describe(device: torch.device) -> str:
    """Name of the device for a run's record."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu, {torch.get_num_threads()} thread(s)"
