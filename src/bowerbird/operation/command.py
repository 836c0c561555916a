"""What `bowerbird daily`, `override` and `deliveries` run: make a store of a finished run, take in what has come."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd

from bowerbird.data.panel import Panel
from bowerbird.errors import BowerbirdError, MissingResult, ParameterError
from bowerbird.forecaster.training import load
from bowerbird.operation.day import begin, finish_day
from bowerbird.operation.delivery import write_deliveries
from bowerbird.operation.intake import receive
from bowerbird.operation.overrides import override
from bowerbird.operation.pseudonyms import new_key, read_key
from bowerbird.operation.store import FILE_NAME, Rules, Store, StoreError, open_store
from bowerbird.runs import Stage


def run_daily(
    store: str, deliveries: str, run: str, first_day: str, key_file: str, store_key_file: str, rules: dict, **how
) -> Iterator[str]:
    """Make the store if there is none, take in what has come, and yield lines on what became of each new file.

    `rules` are those the user gave: of a new store, or equal to those of the store that is there. `how` are the
    options of `intake.receive`. A step that was broken off is done by the next call.
    """
    key = read_key(key_file) if key_file else None
    with _said(store):
        if run and not (Path(store) / FILE_NAME).exists():
            if store_key_file and not Path(store_key_file).exists():
                new_key(store_key_file)
            begin_from_run(store, run, first_day, Rules(**rules), key, _store_key(store_key_file))
        with open_store(store, _store_key(store_key_file)) as opened:
            _check_rules(opened, rules)
            outcomes = receive(opened, deliveries, key=key, **how)
            newest = opened.last_day
    for outcome in outcomes:
        if outcome.status != "held already":
            yield f"{outcome.file}: {outcome.status}" + (f"; {outcome.reason}" if outcome.reason else "")
    held = sum(outcome.status == "held already" for outcome in outcomes)
    yield f"{held} files held already; the newest page: {_page(store, newest)}"


def run_override(store: str, day: str, item: str, store_key_file: str, **how) -> Iterator[str]:
    """Override an order or a level (`overrides.override`), write the newest page anew, and yield lines on both."""
    with _said(store), open_store(store, _store_key(store_key_file)) as opened:
        finish_day(opened)  # a day that was broken off
        yield override(opened, _day("day", day), item, **how)
        finish_day(opened)
        yield f"the newest page: {_page(store, opened.last_day)}"


@contextmanager
def _said(store: str) -> Iterator[None]:
    """An error of the disk or the database becomes one that says what to do."""
    try:
        yield
    except BowerbirdError:  # some are OSErrors too, and say themselves what to do
        raise
    except (OSError, duckdb.Error) as error:
        raise StoreError(
            f"{store}: {error}; mend the cause (is the disk full, the folder read-only?) and give the same command "
            "again: finished steps are kept, the one broken off is done anew"
        ) from error


def _page(store: str, day: pd.Timestamp) -> Path:
    return Path(store) / "days" / f"{day:%Y-%m-%d}" / "index.html"


def _store_key(path: str) -> bytes | None:
    return read_key(path) if path else None


def _day(name: str, text: str) -> pd.Timestamp:
    try:
        return pd.Timestamp(text)
    except ValueError as error:
        raise ParameterError(f"{name} is {text!r}; write it as 2023-05-01") from error


def _check_rules(store: Store, rules: dict) -> None:
    held = Rules.of(store)
    for name, value in rules.items():
        if value != (of_store := getattr(held, name)):
            raise ParameterError(
                f"--{name.replace('_', '-')} is {value}; {store.folder / FILE_NAME} holds {of_store}; a store's rules "
                "are fixed when it is made: leave the option out, or make another store with --run"
            )


def begin_from_run(
    store: str, run: str, first_day: str, rules: Rules, key: bytes | None, store_key: bytes | None
) -> None:
    """Make a store of a run's panel up to `first_day` and of its forecaster, which may not have seen that day."""
    stage, panel, first, unseen = _read_run(run, first_day)
    if first < unseen:
        raise ParameterError(
            f"first_day is {first:%Y-%m-%d}; the run's forecaster was trained on the days before {unseen:%Y-%m-%d} and "
            f"would be scored on what it has seen: give {unseen:%Y-%m-%d} or a later day"
        )
    rules = replace(rules, correlation=stage.read("lstm_summary")["correlation between days"])
    forecaster = load(stage.path_of("results/forecaster.zip"))
    try:
        own_table = stage.read("own_table")
    except MissingResult:  # the run was made from attachments
        own_table = None
    begin(store, panel.until(int((panel.dates < first).sum())), forecaster, rules, key, store_key, own_table)


def deliveries_from_run(run: str, folder: str, first_day: str = "") -> list[Path]:
    """Write a run's days from `first_day` on, by default the first that its forecaster has not seen, as deliveries."""
    _, panel, first, _ = _read_run(run, first_day)
    return write_deliveries(panel, folder, first)


def _read_run(run: str, first_day: str) -> tuple[Stage, Panel, pd.Timestamp, pd.Timestamp]:
    """A run's folder, its panel, the first day to arrive, and the first that its forecaster has not seen."""
    stage = Stage("16_daily_operation", Path(run))
    panel = Panel.from_frame(stage.read("panel"))
    unseen = pd.Timestamp(stage.read("forecast_test")["date"].min())
    first = _day("first_day", first_day) if first_day else unseen
    if not panel.dates[0] < first <= panel.dates_ahead(1)[0]:
        raise ParameterError(
            f"first_day is {first:%Y-%m-%d}; the run knows {panel.dates[0]:%Y-%m-%d} to {panel.dates[-1]:%Y-%m-%d}: "
            "give a day after the first of them, up to the day after the last"
        )
    return stage, panel, first, unseen
