"""What becomes of a file that arrives? It is taken in, held already, early, or broken: then set aside, with its reason.

Files are known by their content, so a name says nothing and a day may come twice, in another format and order of rows.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.data.files import sha256
from bowerbird.errors import DataError
from bowerbird.operation.day import finish_day, run_day
from bowerbird.operation.delivery import KEY, Delivery, find_deliveries, read_day
from bowerbird.operation.pseudonyms import fingerprint
from bowerbird.operation.rules import Rules
from bowerbird.operation.store import Store, StoreError
from bowerbird.runs import atomic_path

ONE_DAY = pd.Timedelta(days=1)
LONGEST_GAP = 7
"""Most days in a row closed as missing: a longer gap looks like a mistyped date, and closed, it cannot be undone."""


@dataclass(frozen=True)
class Outcome:
    """What became of one file: its status is "taken in", "held already", "waits" or "quarantined"."""

    file: str
    date: pd.Timestamp | None
    status: str
    reason: str = ""


def receive(store: Store, folder: Path | str, *, close_gaps: bool = False, key: bytes | None = None) -> list[Outcome]:
    """Take in every file of a folder, day by day; give the same call again whenever files may have come.

    Parameters
    ----------
    store : Store
    folder : path
        Where files arrive; taken in, they stay. Broken ones are moved to its subfolder quarantine/, each with a
        .reason.txt beside it.
    close_gaps : bool
        Take days for which no file came, though one of a later day did, as missing for every series, up to 7 in a
        row; otherwise the later days wait.
    key : bytes, optional
        The key of the pseudonyms, if the store was made with one.

    Returns
    -------
    list of Outcome, files that were held already included.

    Raises
    ------
    StoreError
        The store was made with another key, or without one.
    """
    if fingerprint(key) != (of_store := store.fact("key")):
        made = "without a key" if not of_store else "with another key" if key else "with a key"
        raise StoreError(f"{store.folder}: the store was made {made}; give the same key file, or none if it had none")
    finish_day(store)  # a day that was broken off
    outcomes, read = [], []
    series, fill_gaps = store.series, Rules.of(store).fill_gaps
    held = dict(store.connection.execute("SELECT checksum, date FROM days").fetchall())
    for path in find_deliveries(folder):
        if (checksum := sha256(path)) in held:
            outcomes.append(Outcome(path.name, pd.Timestamp(held[checksum]), "held already"))
            continue
        try:
            read.append((read_day(path, series, fill_gaps, key), path))
        except DataError as error:
            outcomes.append(_quarantine(store, path, checksum, str(error), key))
    for delivery, path in sorted(read, key=lambda pair: (pair[0].date, pair[0].file)):
        outcomes.append(_take(store, delivery, path, close_gaps, key))
    return outcomes


def _take(store: Store, delivery: Delivery, path: Path, close_gaps: bool, key: bytes | None) -> Outcome:
    first, last = pd.Timestamp(store.value("SELECT min(date) FROM days")), store.last_day
    if delivery.date <= last:
        if fault := _contradiction(store, delivery, first):
            return _quarantine(store, path, delivery.checksum, f"{path.name}: {fault}", key, delivery.date)
        return Outcome(path.name, delivery.date, "held already")
    gap = pd.date_range(last + ONE_DAY, delivery.date - ONE_DAY)
    if len(gap) and not close_gaps:
        return Outcome(path.name, delivery.date, "waits", f"{gap[0]:%Y-%m-%d} has not come yet")
    if len(gap) > LONGEST_GAP:
        reason = (
            f"column date: {delivery.date:%Y-%m-%d} leaves a gap of {len(gap)} days, {gap[0]:%Y-%m-%d} to "
            f"{gap[-1]:%Y-%m-%d}, and at most {LONGEST_GAP} are closed; deliver the days between, or mend the date"
        )
        return Outcome(path.name, delivery.date, "waits", reason)
    for missing in gap:
        run_day(store, Delivery(missing, np.full(len(delivery.demand), np.nan), "none came"))
    run_day(store, delivery)
    return Outcome(path.name, delivery.date, "taken in")


def _contradiction(store: Store, delivery: Delivery, first: pd.Timestamp) -> str:
    """What speaks against a day that should be held already; empty when it is the same."""
    if delivery.date < first:
        return (
            f"column date: {delivery.date:%Y-%m-%d} is before the store's first day, {first:%Y-%m-%d}; remove the file"
        )
    held = store.demand_of(delivery.date)
    other = ~((held == delivery.demand) | (np.isnan(held) & np.isnan(delivery.demand)))
    if not other.any():
        return ""
    row = int(other.argmax())
    name = "/".join(store.series[KEY].iloc[row])
    return (
        f"columns {', '.join(KEY)}, qty: {name!r} has {delivery.demand[row]:g} on {delivery.date:%Y-%m-%d}, the store "
        f"holds {held[row]:g} ({other.sum()} such series); a day taken in is not changed, so remove the file"
    )


def _quarantine(store: Store, path: Path, checksum: str, reason: str, key: bytes | None, date=None) -> Outcome:
    """Set a file aside: reason first, the store next, the move last, so that one broken off is done over again."""
    name = f"{path.stem}-{checksum[:8]}{path.suffix}"
    folder = path.parent / "quarantine"
    with atomic_path(folder / f"{name}.reason.txt") as temporary:
        temporary.write_text(reason + "\n", encoding="utf-8")
    file, told = path.name, reason
    if key is not None:  # the reason quotes cells of the raw file: only the place of the fault may be told on
        place = reason.removeprefix(path.name).partition(":")[0].strip(", ") or "the file as a whole"
        file, told = checksum[:8], f"{place}: refused; its reason lies beside the file in quarantine"
    with store.transaction():
        store.connection.execute("INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?)", [checksum, file, told])
    os.replace(path, folder / name)
    return Outcome(path.name, date, "quarantined", told)
