"""Demand as document 002 has it: D = f(S, F, C), three factors smoothed by forgetting coefficients.

S is the level of sales, F the effect of a promotion or festival, C the customers' habit, here the weekday. The document
leaves f, the factors' measurement and their start open. Ours: the product D = S F C, as factors of demand multiply; S
for each series, F and C for the whole catalogue, where alone they can be told from noise. Its worked example,
S_t = 10 S_{t-1} + 2 F_{t-1} + 3 C_{t-1}, grows tenfold a day and is no smoothing.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bowerbird.data.panel import EVENTS, Panel, calendar_features
from bowerbird.errors import ParameterError


@dataclass(frozen=True)
class ForgettingFactors:
    """Document 002's forecaster; an instance is called with a panel and a horizon.

    Attributes
    ----------
    alpha, beta, gamma : float in [0, 1)
        Share of the past that is kept when a new day, a new day of an event, a new day of the weekday comes.

    Source
    ------
    Document 002, section 4: S_t = alpha S_{t-1} + (1 - alpha) S-hat_t, and so F with beta and C with gamma.
    """

    alpha: float = 0.8
    beta: float = 0.95
    gamma: float = 0.95

    def __post_init__(self):
        for name in ("alpha", "beta", "gamma"):
            if not 0 <= (value := getattr(self, name)) < 1:
                raise ParameterError(f"{name} is {value}; give a number from 0 to below 1")

    def __call__(self, panel: Panel, horizon: int, seed: int = 0) -> np.ndarray:
        """Forecast the days after the panel; float64 array (n_series, horizon), units a day. `seed` is not used."""
        days = pd.date_range(panel.dates[0], periods=panel.n_days + horizon)
        calendar = calendar_features(days)  # (n_days + horizon, 7 + n_events)
        weekday, event = calendar[:, :7].argmax(axis=1), calendar[:, 7:]
        level = np.full(panel.n_series, np.nan)  # S
        promotion, customers = np.ones(len(EVENTS)), np.ones(7)  # F, C

        for day in range(panel.n_days):
            demand = panel.demand[:, day]
            known = ~np.isnan(demand)
            factor = _effect(promotion, event[day]) * customers[weekday[day]]
            started = known & ~np.isnan(level)
            expected = level[started].sum()
            if expected > 0:  # what the catalogue sold against what its levels said: the day's measured F and C
                ratio = demand[started].sum() / expected
                if event[day].any():
                    on = event[day] > 0
                    observed = ratio / customers[weekday[day]]
                    promotion[on] = self.beta * promotion[on] + (1 - self.beta) * observed
                else:
                    observed = ratio / _effect(promotion, event[day])
                    customers[weekday[day]] = self.gamma * customers[weekday[day]] + (1 - self.gamma) * observed
            # S_t = alpha S_{t-1} + (1 - alpha) S-hat_t, S-hat_t = y_t / (F_t C_t)
            observed = demand / max(factor, 1e-6)
            moved = self.alpha * level + (1 - self.alpha) * observed
            level = np.where(known, np.where(np.isnan(level), observed, moved), level)

        # D = S F C
        future = slice(panel.n_days, None)
        factors = [_effect(promotion, e) * customers[w] for e, w in zip(event[future], weekday[future], strict=True)]
        return np.nan_to_num(level, nan=0.0)[:, None] * np.array(factors)


def _effect(promotion: np.ndarray, events: np.ndarray) -> float:
    """Factor of the day's events together; 1 on a day without any."""
    return float(np.prod(np.where(events > 0, promotion, 1.0)))
