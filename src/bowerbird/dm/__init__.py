"""DM clustering (eqs 1-10): a mixture of polynomial regressions over demand curves.

`mixture` holds the equations and the estimator, `fast` the same two steps of EM on a few numbers a curve. `as_run` is
another method: the K-means on label codes that gives Tables 1 and 2.
"""

from bowerbird.dm.mixture import DegenerateClusterWarning, PolynomialRegressionMixture

__all__ = ["DegenerateClusterWarning", "PolynomialRegressionMixture"]
