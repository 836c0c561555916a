"""Forecasts of every method from the same origins, and what they score: baselines, libraries, the comparison."""
