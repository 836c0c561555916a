"""Classify each delivered file: taken in, held already, early (it waits) or quarantined with a reason.

Files are told apart by their content and not by their name: a day may come twice, in another format and row order.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.data.cleaning import far_outside
from bowerbird.errors import DataError
from bowerbird.files import atomic_path, sha256
from bowerbird.operation.day import finish_day, run_day
from bowerbird.operation.delivery import KEY, Delivery, find_deliveries, read_day
from bowerbird.operation.pseudonyms import fingerprint
from bowerbird.operation.store import Rules, Store, StoreError

ONE_DAY = pd.Timedelta(days=1)
NAMED = 5  # most series or quantities that a message names
LONGEST_GAP = 7  # most days in a row closed as missing: a longer gap looks like a mistyped date


@dataclass(frozen=True)
class Outcome:
    """What became of one file: its status is "taken in", "held already", "waits" or "quarantined"."""

    file: str
    date: pd.Timestamp | None
    status: str
    reason: str = ""


def receive(
    store: Store,
    folder: Path | str,
    *,
    close_gaps: bool = False,
    key: bytes | None = None,
    skip_unknown: bool = False,
    confirm: str = "",
) -> list[Outcome]:
    """Take in every file of a folder, day by day; the same call again takes in what has come since.

    Files that are taken in stay; broken ones are moved to quarantine/, each with a .reason.txt beside it.
    `close_gaps`: days without a file, up to 7 in a row, count as missing for every series; else later days wait.
    `skip_unknown`: rows of series that the store does not know are left out; else their file waits.
    `confirm`: a day (or "all") whose quantities are right. A file with a quantity far above its series' history waits
    until its day is confirmed or the file is mended.
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
    waits = None  # the first day whose file waits
    for delivery, path in sorted(read, key=lambda pair: (pair[0].date, pair[0].file)):
        date = delivery.date
        if date <= store.last_day:
            if fault := _contradiction(store, delivery):
                outcomes.append(_quarantine(store, path, delivery.checksum, f"{path.name}: {fault}", key, date))
            else:
                outcomes.append(Outcome(path.name, date, "held already"))
            continue
        gap = pd.date_range(store.last_day + ONE_DAY, date - ONE_DAY)
        unknown = _told(delivery.unknown, "rows of series that the store does not know")
        if waits and date > waits:
            reason = f"the file of {waits:%Y-%m-%d} waits"
        elif unknown and not skip_unknown:
            reason = f"{unknown}; give --skip-unknown to take the day in without them, or mend the file"
        elif len(gap) and not (close_gaps and len(gap) <= LONGEST_GAP):
            reason = _gap_text(date, gap) if close_gaps else f"{gap[0]:%Y-%m-%d} has not come yet"
        else:
            reason = "" if confirm in ("all", f"{date:%Y-%m-%d}") else _far_outside(store, delivery)
        if reason:
            waits = waits or date
            outcomes.append(Outcome(path.name, date, "waits", reason))
            continue
        for missing in gap:
            run_day(store, Delivery(missing, np.full(len(series), np.nan), "none came"))
        run_day(store, delivery)
        outcomes.append(Outcome(path.name, date, "taken in", f"left out are {unknown}" if unknown else ""))
    return outcomes


def _gap_text(date: pd.Timestamp, gap: pd.DatetimeIndex) -> str:
    return (
        f"column date: {date:%Y-%m-%d} leaves a gap of {len(gap)} days, {gap[0]:%Y-%m-%d} to {gap[-1]:%Y-%m-%d}, and "
        f"at most {LONGEST_GAP} are closed; deliver the days between, or mend the date"
    )


def _told(names: Sequence[str], what: str) -> str:
    """How many there are of what, and the first of them; empty where there is none."""
    more = ", ..." if len(names) > NAMED else ""
    return f"{len(names)} {what}: {', '.join(names[:NAMED])}{more}" if len(names) else ""


def _far_outside(store: Store, delivery: Delivery) -> str:
    """The quantities far above the largest of their series' days so far, and the cure; empty where there is none."""
    usual = store.frame("SELECT coalesce(max(qty), 0) AS most FROM demand GROUP BY row ORDER BY row")["most"].to_numpy()
    names, rows = store.series[KEY].agg("/".join, axis=1), np.flatnonzero(far_outside(delivery.demand, usual))
    far = [f"{names[row]} with {delivery.demand[row]:.0f} (usual: at most {usual[row]:.0f})" for row in rows]
    cure = f"give --confirm {delivery.date:%Y-%m-%d} if they are right, or mend the file"
    return f"{_told(far, 'quantities far outside what is usual')}; {cure}" if far else ""


def _contradiction(store: Store, delivery: Delivery) -> str:
    """What speaks against a day that should be held already; empty when it is the same."""
    first = pd.Timestamp(store.value("SELECT min(date) FROM days"))
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
        place = reason.removeprefix(path.name).partition(":")[0]
        place = re.split("(?: of|,) sheet ", place)[0].strip(", ") or "the file as a whole"
        file, told = checksum[:8], f"{place}: refused; its reason lies beside the file in quarantine"
    with store.transaction():
        store.connection.execute("INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?)", [checksum, file, told])
    os.replace(path, folder / name)
    return Outcome(path.name, date, "quarantined", told)
