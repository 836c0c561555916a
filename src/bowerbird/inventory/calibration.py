"""Levels that keep their promise: a correction learnt from what past forecasts' levels would have covered.

A level is a quantile of the sampled demand until the next order has arrived. Where the samples are too narrow, as by
promotions or single large orders, demand exceeds it more often than promised. At past origins both are known, the
samples of that time and the demand that came. So the excess over the level, in standard deviations of the samples, has
a known distribution, and its quantile corrects the levels to come (split conformal prediction).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bowerbird.checks import floats, probabilities, single_number
from bowerbird.errors import ParameterError
from bowerbird.inventory.demand import check_samples, sample_newsvendor

LEAST_CASES = 200
"""Past cases that a class of items must have."""

LEAST_SPREAD = 0.5
"""Units; a smaller standard deviation of samples counts as this."""


@dataclass(frozen=True)
class Correction:
    """Units to add to a level: `shift` standard deviations of the sampled demand, by class of expected demand."""

    edges: np.ndarray  # (n_classes - 1,) expected units at which the next class begins
    shift: np.ndarray  # (n_classes,)

    def units(self, demand: np.ndarray) -> np.ndarray:
        """For each item's sampled demand (n_items, n_samples), units (n_items,)."""
        kind = np.searchsorted(self.edges, demand.mean(axis=1), side="right")
        return self.shift[kind] * np.maximum(demand.std(axis=1), LEAST_SPREAD)


def learn_correction(
    past: Iterable[tuple[np.ndarray, np.ndarray]],
    *,
    service_level: float,
    lead_time: int = 3,
    review: int = 1,
    n_classes: int = 5,
) -> Correction:
    """Learn from past forecasts how far their levels must be moved to cover demand as often as promised.

    Parameters
    ----------
    past : pairs of arrays  Of each past origin the samples made then, (n_items, n_samples, horizon), and the demand
        that came, (n_items, horizon), NaN where unknown. All of it must have been known when the levels are set.
    service_level, lead_time, review  As in `periodic_review_levels`, which takes the result; one number each.
    n_classes : int  Classes of items by expected demand, as many in each; fewer where there are few cases.

    The samples promise 0 to 8 units. The demand that came was twice as large.

    >>> samples = np.tile(np.arange(9.0), (300, 1))[:, :, None]
    >>> came = 2 * np.tile(np.arange(9.0), 34)[:300, None]
    >>> fix = learn_correction([(samples, came)], service_level=0.8, lead_time=0, n_classes=1)
    >>> level = sample_newsvendor(samples[:1, :, 0], 0.8)
    >>> level, (level + fix.units(samples[:1, :, 0])).round(9)
    (array([7.]), array([14.]))
    """
    ratio = single_number("service_level", probabilities("service_level", service_level))
    expected, scores = [], []
    for samples, came in past:
        samples, came = check_samples(samples), floats("demand that came", came, axes="n_items, n_days")
        if came.shape != (len(samples), samples.shape[2]):
            raise ParameterError(f"samples have shape {samples.shape}, the demand that came {came.shape}")
        for day in range(samples.shape[2] - lead_time - review + 1):
            days = slice(day, day + lead_time + review)
            until = samples[:, :, days].cumsum(axis=2)[:, :, lead_time:].reshape(len(samples), -1)
            actual = came[:, days].cumsum(axis=1)[:, lead_time:]  # (n_items, NRT), until the end of each day
            level, spread = sample_newsvendor(until, ratio), np.maximum(until.std(axis=1), LEAST_SPREAD)
            known = ~np.isnan(actual)
            scores.append(((actual - level[:, None]) / spread[:, None])[known])
            expected.append(np.broadcast_to(until.mean(axis=1)[:, None], actual.shape)[known])
    if not sum(map(len, scores)):
        raise ParameterError("past has no item whose demand is known over lead time and review; give longer horizons")
    expected, scores = np.concatenate(expected), np.concatenate(scores)
    n_classes = min(n_classes, max(len(scores) // LEAST_CASES, 1))
    edges = np.quantile(expected, np.arange(1, n_classes) / n_classes)
    kind = np.searchsorted(edges, expected, side="right")
    # The k-th smallest score, k = ceil(ratio (n + 1)): a new case is as likely to take any rank
    shift = [_ranked(scores[kind == k], ratio) for k in range(n_classes)]
    return Correction(edges, np.array(shift))


def _ranked(scores: np.ndarray, ratio: float) -> float:
    if not len(scores):
        return 0.0
    rank = min(int(np.ceil(ratio * (len(scores) + 1) - 1e-9)), len(scores))
    return float(np.partition(scores, rank - 1)[rank - 1])
