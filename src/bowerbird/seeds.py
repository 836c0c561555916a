"""One integer seed spawns every generator a run uses."""

import numpy as np


def spawn(seed: int, n: int) -> list[np.random.Generator]:
    """Independent generators from one seed.

    Parameters
    ----------
    seed : int
        The run's seed.
    n : int
        How many generators.

    Returns
    -------
    list of numpy Generator, length n; the k-th depends on `seed` and k alone.
    """
    return [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(n)]
