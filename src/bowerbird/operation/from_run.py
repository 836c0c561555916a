"""How does a finished run become a store? Its panel up to a day, and the forecaster that has seen nothing later."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from bowerbird.data.panel import Panel
from bowerbird.errors import ParameterError
from bowerbird.forecaster import load
from bowerbird.operation.day import begin
from bowerbird.operation.delivery import write_deliveries
from bowerbird.operation.rules import Rules
from bowerbird.runs import Stage


def begin_from_run(
    store: Path | str, run: Path | str, first_day: str = "", rules: Rules = Rules(), key: bytes | None = None
) -> None:
    """Make a store from a run's results.

    Parameters
    ----------
    store, run : path
        Folders.
    first_day : str
        First day that is to arrive as a file, none that the run's forecaster was trained on; by default the first that
        it was not.
    rules : Rules
        Their correlation is replaced by the one the run has measured.
    key : bytes, optional
        Of the pseudonyms.

    Raises
    ------
    MissingResult
        The run has not come to notebook 05.
    ParameterError
        `first_day` is one the forecaster was trained on, or lies beyond the day after the panel's last.
    """
    panel, stage = _panel(run), _stage(run)
    first, unseen = _first_day(stage, panel, first_day), _first_unseen(stage)
    if first < unseen:
        raise ParameterError(
            f"first_day is {first:%Y-%m-%d}; the run's forecaster was trained on the days before {unseen:%Y-%m-%d} and "
            f"would be scored on what it has seen: give {unseen:%Y-%m-%d} or a later day"
        )
    rules = replace(rules, correlation=stage.read("lstm_summary")["correlation between days"])
    Stage("05_sbo_lstm", Path(run)).original("results/forecaster.zip")  # refused if changed since
    forecaster = load(Path(run) / "results" / "forecaster.zip")
    begin(store, panel.until(int((first - panel.dates[0]).days)), forecaster, rules, key)


def deliveries_from_run(run: Path | str, folder: Path | str, first_day: str = "") -> list[Path]:
    """Write a run's days from `first_day` on as deliveries; by default those its forecaster was not trained on.

    Earlier days may be written too: a store made from the run holds them already.
    """
    panel = _panel(run)
    return write_deliveries(panel, folder, _first_day(_stage(run), panel, first_day))


def _stage(run: Path | str) -> Stage:
    return Stage("10_daily_operation", Path(run))


def _panel(run: Path | str) -> Panel:
    return Panel.from_frame(_stage(run).read("panel"))


def _first_unseen(stage: Stage) -> pd.Timestamp:
    return pd.Timestamp(stage.read("forecast_test")["date"].min())


def _first_day(stage: Stage, panel: Panel, first_day: str) -> pd.Timestamp:
    try:
        first = pd.Timestamp(first_day) if first_day else _first_unseen(stage)
    except ValueError as error:
        raise ParameterError(f"first_day is {first_day!r}; write it as 2023-05-01") from error
    if not panel.dates[0] < first <= panel.dates[-1] + pd.Timedelta(days=1):
        raise ParameterError(
            f"first_day is {first:%Y-%m-%d}; the run knows {panel.dates[0]:%Y-%m-%d} to {panel.dates[-1]:%Y-%m-%d}: "
            "give a day after the first of them, up to the day after the last"
        )
    return first
