"""The ladder: every method forecasts from the same origins, without a look at later days, and is scored alike.

`forecasts` makes and keeps them, `quantile_forecast` is what is kept of any method, `methods` and `neural_methods` are
the rungs (their insides are in `baselines` and `forecaster`), `scores` ranks them, `levels` looks at the same forecasts
summed to products, warehouses, weeks.
"""

from bowerbird.ladder.forecasts import (
    Key,
    Method,
    Protocol,
    actual_demand,
    average,
    make_forecasts,
    mean_point,
    protocols,
)

__all__ = ["Key", "Method", "Protocol", "actual_demand", "average", "make_forecasts", "mean_point", "protocols"]
