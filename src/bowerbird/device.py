"""Where torch computes, and on how many threads: one switch, set on purpose.

The same seed gives the same bits on the same machine. A CPU with one thread does so by itself. On a GPU that takes
torch's deterministic algorithms, cuDNN without its search for the fastest one, and cuBLAS with a small workspace; it is
the default here, and `deterministic=False` gives it up.

Mixed precision, off by default, computes the recurrent cell in bfloat16 and all else in single precision. The scores
move no more than from one seed to the next. Where torch cannot compute an LSTM in bfloat16, as on CPUs without AVX-512,
it is refused:

    with mixed_precision(device):
        forecaster = fit(panel, settings, device=device)
"""

import os
import warnings
from functools import cache

import torch

from bowerbird.checks import whole
from bowerbird.errors import ParameterError

WORKSPACE = ":16:8"
"""CUBLAS_WORKSPACE_CONFIG under which both cuBLAS and cuDNN's LSTM repeat themselves (torch's notes on nn.LSTM)."""


def choose_device(device: str = "auto", threads: int = 1, deterministic: bool = True) -> torch.device:
    """Choose the device and fix torch's CPU threads.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        "auto" takes a GPU when there is one that works, and says so when one that is there does not.
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
        Unknown name, "cuda" without a GPU that works, or threads below 1.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ParameterError(f"device is {device!r}; choose 'auto', 'cpu' or 'cuda'")
    torch.set_num_threads(whole("threads", threads, least=1))
    fault = None if device == "cpu" else gpu_fault()
    if device == "cuda" and fault:
        raise ParameterError(f"device is 'cuda', but {fault}; choose 'auto' or 'cpu'")
    if device == "cpu" or fault:
        if fault and torch.cuda.is_available():
            warnings.warn(f"the CPU is used: {fault}", stacklevel=2)
        return torch.device("cpu")
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", WORKSPACE)
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
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


def mixed_precision(device: torch.device | str) -> torch.autocast:
    """A context in which a network's cell computes in bfloat16; heads, losses and weights stay in single precision.

    Raises ParameterError where torch cannot compute an LSTM in bfloat16.
    """
    kind = torch.device(device).type
    if fault := _bfloat16_fault(kind):
        raise ParameterError(
            f"mixed_precision: torch computes no LSTM in bfloat16 on this {kind} ({fault}); leave it out"
        )
    return torch.autocast(kind, dtype=torch.bfloat16)


@cache
def _bfloat16_fault(kind: str) -> str | None:
    """What torch says against a small LSTM in bfloat16, trained and used; None where it computes."""
    try:
        with torch.random.fork_rng(), torch.autocast(kind, dtype=torch.bfloat16):
            cell, days = torch.nn.LSTM(2, 2).to(kind), torch.zeros(3, 1, 2, device=kind)
            cell(days)[0].float().sum().backward()
            with torch.no_grad():
                cell(days)
    except RuntimeError as error:
        return str(error).split(". ")[0]
    return None


def describe(device: torch.device) -> str:
    """Name of the device for a run's record."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu, {torch.get_num_threads()} thread(s)"
