"""One integer seed gives every purpose of a run its own stream of random numbers."""

from zlib import crc32

import numpy as np


def stream(seed: int, purpose: str) -> np.random.Generator:
    """The generator of one purpose, e.g. "08/plan"; other purposes and other seeds draw independently."""
    return np.random.default_rng(np.random.SeedSequence([seed, crc32(purpose.encode())]))


def streams(seed: int, purpose: str, n: int) -> list[np.random.Generator]:
    """`n` generators of one purpose; the k-th does not depend on `n`."""
    return stream(seed, purpose).spawn(n)
