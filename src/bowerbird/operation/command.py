"""`bowerbird daily`: make the store if there is none, take in what has come, say what became of each file."""

from collections.abc import Iterator
from pathlib import Path

import duckdb

from bowerbird.errors import BowerbirdError, ParameterError
from bowerbird.operation.from_run import begin_from_run
from bowerbird.operation.intake import hold_text, receive
from bowerbird.operation.pseudonyms import read_key
from bowerbird.operation.rules import Rules
from bowerbird.operation.store import FILE_NAME, Store, StoreError, open_store


def run_daily(
    store: str, deliveries: str, run: str, first_day: str, key_file: str, rules: dict, **how
) -> Iterator[str]:
    """What the command does; its options are explained in `bowerbird daily --help`.

    Parameters
    ----------
    store, deliveries, run, first_day, key_file
        The options.
    rules : dict
        Those the user gave: of a new store; one that is there already keeps its own, which must be the same.
    **how
        close_gaps, skip_unknown and confirm, of `intake.receive`.

    Yields
    ------
    Lines to show: what became of each new file, how many were held already, the newest page.

    Raises
    ------
    ParameterError
        A rule was given that is not the store's.
    BowerbirdError
        What else the user can put right; whatever step was broken off is done by the next call.
    """
    key = read_key(key_file) if key_file else None
    try:
        if run and not (Path(store) / FILE_NAME).exists():
            begin_from_run(store, run, first_day, Rules(**rules), key)
        with open_store(store) as opened:
            _check_rules(opened, rules)
            outcomes = receive(opened, deliveries, key=key, **how)
            newest, on_hold = opened.last_day, hold_text(opened, opened.on_hold)
    except BowerbirdError:  # some are OSErrors too, and say themselves what to do
        raise
    except (OSError, duckdb.Error) as error:
        raise StoreError(
            f"{store}: {error}; mend the cause (is the disk full, the folder read-only?) and give the same command "
            "again: finished steps are kept, the one broken off is done anew"
        ) from error
    for outcome in outcomes:
        if outcome.status != "held already":
            yield f"{outcome.file}: {outcome.status}" + (f"; {outcome.reason}" if outcome.reason else "")
    if on_hold:
        yield f"on hold: {on_hold}"
    held = sum(outcome.status == "held already" for outcome in outcomes)
    yield f"{held} files held already; the newest page: {Path(store) / 'days' / f'{newest:%Y-%m-%d}' / 'index.html'}"


def _check_rules(store: Store, rules: dict) -> None:
    held = Rules.of(store)
    for name, value in rules.items():
        if value != (of_store := getattr(held, name)):
            raise ParameterError(
                f"--{name.replace('_', '-')} is {value}; {store.folder / FILE_NAME} holds {of_store}; a store's rules "
                "are fixed when it is made: leave the option out, or make another store with --run"
            )
