"""Where torch computes.

The same seed gives the same bits on the same machine. A CPU with one thread does so by itself. A GPU needs torch's
deterministic algorithms, cuDNN without its search for the fastest one, and cuBLAS with a small workspace.
"""

import os
import warnings

import torch

from bowerbird.errors import ParameterError

WORKSPACE = ":16:8"
"""CUBLAS_WORKSPACE_CONFIG under which both cuBLAS and cuDNN's LSTM repeat themselves (torch's notes on nn.LSTM)."""


def choose_device(device: str = "auto") -> torch.device:
    """Choose "auto", "cpu" or "cuda" before the first work on a GPU; torch's CPU threads become one.

    "auto" takes a GPU that works, and warns if one that is there does not. The steps of a small recurrent network are
    too short to share: on two busy cores a second thread mostly waits.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ParameterError(f"device is {device!r}; choose 'auto', 'cpu' or 'cuda'")
    torch.set_num_threads(1)
    fault = None if device == "cpu" else gpu_fault()
    if device == "cuda" and fault:
        raise ParameterError(f"device is 'cuda', but {fault}; choose 'auto' or 'cpu'")
    if device == "cpu" or fault:
        if fault and torch.cuda.is_available():
            warnings.warn(f"the CPU is used: {fault}", stacklevel=2)
        return torch.device("cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", WORKSPACE)
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)
    return torch.device("cuda")


def gpu_fault() -> str | None:
    """Why no GPU can be used here; None where one computes."""
    if not torch.cuda.is_available():
        return "torch finds no GPU here"
    try:
        torch.ones(1, device="cuda").add(1).item()
    except RuntimeError as error:  # a GPU that this build of torch has no code for, or one that is full
        return f"the GPU does not compute ({str(error).splitlines()[0]})"
    return None


def describe(device: torch.device) -> str:
    """Name of the device for a run's record."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu, {torch.get_num_threads()} thread(s)"
