"""Rows of the bench: daily operation."""

import tempfile
from pathlib import Path

from timing import row, seconds

from bowerbird.data.panel import Panel
from bowerbird.forecaster.lstm import Settings
from bowerbird.forecaster.training import fit, predict
from bowerbird.operation.store import Rules
from bowerbird.studies import operation as timing


def rows(panel: Panel) -> list[dict]:
    panel = timing.enlarged(panel, 2000)
    n_known = panel.n_days - 3
    forecaster = fit(panel.until(n_known).select(range(200)), Settings(epochs=1), seed=0)
    whole = seconds(lambda: predict(forecaster, panel.until(n_known + 1)), 1)
    with tempfile.TemporaryDirectory() as scratch:
        days = timing.seconds_by_day(panel, forecaster, n_known, Path(scratch), Rules(refit_days=0))
    return [
        row("a day of operation, 2,000 series", days["seconds"].median(), "a pass over all days", whole, "<= 3 s"),
    ]
