"""The bootstrap over series (Efron & Tibshirani, 1993): the interval of a score, paired where methods share samples."""

import numpy as np


def samples(n_series: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """How often each series counts (1 + n_draws, n_series): once in the first row, as drawn in the others."""
    drawn = rng.multinomial(n_series, np.full(n_series, 1 / n_series), n_draws)
    return np.vstack([np.ones(n_series), drawn])


def estimate(statistic: np.ndarray, share: float = 0.95):
    """(value, low, high) of a statistic of every sample (1 + n_draws, ...): of the first row, and its interval."""
    low, high = np.nanquantile(statistic[1:], [(1 - share) / 2, (1 + share) / 2], axis=0)
    return statistic[0], low, high
