"""DM clustering (eqs 1-10): a mixture of regressions over demand curves.

`basis` builds eq. 2's design matrix, `statistics` condenses the curves to it, `em` iterates eqs 6-10, `starts` finds
where to begin, `mixture` is the estimator that users see, `study` what its choices do. `as_run` is not this model: the
K-means on label codes that made Tables 1 and 2; `as_run_study` asks how special that is.
"""

from bowerbird.dm.em import EmptyClusterWarning, VarianceFloorWarning
from bowerbird.dm.mixture import PolynomialRegressionMixture

__all__ = ["EmptyClusterWarning", "PolynomialRegressionMixture", "VarianceFloorWarning"]
