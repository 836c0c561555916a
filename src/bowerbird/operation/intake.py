"""Classify each delivered file: taken in, held already, early (it waits) or quarantined with a reason.

Files are told apart by their content and not by their name: a day may come twice, in another format and row order.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.data.cleaning import far_outside
from bowerbird.data.panel import key_columns, named
from bowerbird.errors import DataError
from bowerbird.files import sha256, write_text
from bowerbird.operation.day import fill_day, finish_day, run_day
from bowerbird.operation.delivery import Delivery, find_deliveries, read_day
from bowerbird.operation.pseudonyms import fingerprint
from bowerbird.operation.store import NONE_CAME, Rules, Store, StoreError

NAMED = 5  # most series or quantities that a message names
LONGEST_GAP = 7  # most days in a row closed as missing: a longer gap looks like a mistyped date


@dataclass(frozen=True)
class Outcome:
    """What became of one file: its status is "taken in", "held already", "waits" or "quarantined"."""

    file: str
    status: str
    reason: str = ""


def receive(
    store: Store,
    folder: Path | str,
    *,
    close_gaps: bool = False,
    key: bytes | None = None,
    unknown: str = "wait",
    confirm: str = "",
) -> list[Outcome]:
    """Take in every file of a folder, day by day; the same call again takes in what has come since.

    Files that are taken in stay; broken ones are moved to quarantine/, each with a .reason.txt beside it.
    `close_gaps`: days without a file, up to 7 in a row, count as missing for every series; else later days wait. A file
    that comes later all the same fills its day.
    `unknown`: a file with rows of series that the store does not know waits ("wait"), is taken in without them
    ("skip"), or they are new series from that day on ("add").
    `confirm`: a day (or "all") whose quantities are right. A file with a quantity far above its series' history waits
    until its day is confirmed or the file is mended.
    """
    if fingerprint(key) != (of_store := store.fact("key")):
        made = "without a key" if not of_store else "with another key" if key else "with a key"
        raise StoreError(f"{store.folder}: the store was made {made}; give the same key file, or none if it had none")
    finish_day(store)  # a day that was broken off
    outcomes, read, waits = [], [], None
    held = {checksum for (checksum,) in store.connection.execute("SELECT checksum FROM days").fetchall()}
    for path in find_deliveries(folder):
        if sha256(path) in held:
            outcomes.append(Outcome(path.name, "held already"))
        elif isinstance(found := _read(store, path, key), Outcome):
            outcomes.append(found)
        else:
            read.append((found, path))
    for delivery, path in sorted(read, key=lambda pair: (pair[0].date, pair[0].file)):
        if len(store.series) > len(delivery.demand):  # some are new since it was read
            delivery = _read(store, path, key)
            if isinstance(delivery, Outcome):
                outcomes.append(delivery)
                continue
        date = delivery.date
        late = store.value("SELECT file FROM days WHERE date = ?", date) == NONE_CAME
        if date <= store.last_day and not late:
            fault = _contradiction(store, delivery)
            again = Outcome(path.name, "held already")
            outcomes.append(_quarantine(store, path, f"{path.name}: {fault}", key) if fault else again)
            continue
        told = ""
        if unknown == "skip" or (unknown == "add" and late):
            told = _told(named(delivery.unknown), "rows left out, of series that the store does not know")
            delivery = replace(delivery, unknown=delivery.unknown.iloc[:0])
        reason = f"the file of {waits:%Y-%m-%d} waits" if waits and date > waits else ""
        reason = reason or _why_it_waits(store, delivery, unknown, close_gaps)
        if not reason and confirm not in ("all", f"{date:%Y-%m-%d}"):
            reason = _far_outside(store, delivery)
        if reason:
            waits = waits or (None if late else date)
            outcomes.append(Outcome(path.name, "waits", reason))
            continue
        notes = [told, _told(named(delivery.unknown), "new series"), _take_in(store, delivery)]
        outcomes.append(Outcome(path.name, "taken in", "; ".join(filter(None, notes))))
    return outcomes


def _read(store: Store, path: Path, key: bytes | None) -> Delivery | Outcome:
    """A file's day; a broken file is set aside."""
    about = store.first_days, store.fact("ahead"), store.fact("own_table")
    try:
        delivery = read_day(path, store.series, Rules.of(store).fill_gaps, key, *about)
        if (delivery.date - store.last_day) % store.frequency.step:
            raise DataError(
                f"{path.name}, column date: {delivery.date:%Y-%m-%d} is no first day of a week of the store, as "
                f"{store.last_day:%Y-%m-%d} is; deliver one of its weeks a file"
            )
        return delivery
    except DataError as error:
        return _quarantine(store, path, str(error), key)


def _why_it_waits(store: Store, delivery: Delivery, unknown: str, close_gaps: bool) -> str:
    """Series that the store does not know, or days that have not come; empty where there are none."""
    rows, gap = _told(named(delivery.unknown), "rows of series that the store does not know"), _gap(store, delivery)
    if rows and unknown == "wait":
        return (
            f"{rows}; give --unknown add to follow them from this day on, --unknown skip to take the day in without "
            "them, or mend the file"
        )
    if len(gap) and not close_gaps:
        return f"{gap[0]:%Y-%m-%d} has not come yet"
    if len(gap) > LONGEST_GAP:
        return (
            f"column date: {delivery.date:%Y-%m-%d} leaves a gap of {len(gap)} days, {gap[0]:%Y-%m-%d} to "
            f"{gap[-1]:%Y-%m-%d}, and at most {LONGEST_GAP} are closed; deliver the days between, or mend the date"
        )
    return _not_known_ahead(store, delivery)


def _not_known_ahead(store: Store, delivery: Delivery) -> str:
    """The first series that lacks what is known ahead on a day to be forecast; empty where there is none."""
    names, keys = store.fact("ahead"), key_columns(store.series)
    if not names:
        return ""
    held = f"SELECT DISTINCT {', '.join(keys)}, date FROM ahead JOIN series USING (row) WHERE date >= ?"
    held = pd.concat([store.frame(held, delivery.date), delivery.ahead])[[*keys, "date"]]
    days = pd.DataFrame({"date": store.frequency.dates(delivery.date, 1 + store.fact("horizon"))})
    needed = pd.concat([store.series[keys], delivery.unknown[keys] if len(delivery.unknown) else None]).merge(
        days, "cross"
    )
    lacking = needed.merge(held.drop_duplicates(), "left", indicator=True)
    lacking = lacking[lacking["_merge"] == "left_only"]
    if lacking.empty:
        return ""
    return (
        f"{', '.join(names)} of {named(lacking)[0]} is not known for {lacking['date'].iloc[0]:%Y-%m-%d} "
        f"({len(lacking)} such series and days); add columns {', '.join(names)} to the file, and rows of days to "
        f"{days['date'].iloc[-1]:%Y-%m-%d} with an empty qty"
    )


def _gap(store: Store, delivery: Delivery) -> pd.DatetimeIndex:
    """The days, or weeks, between the store's last one and a delivery."""
    step = store.frequency.step
    return pd.date_range(store.last_day + step, delivery.date - step, freq=step)


def _take_in(store: Store, delivery: Delivery) -> str:
    """Run a day after those that never came, or fill one that was closed; what is worth saying of it."""
    last = store.last_day
    if delivery.date <= last:
        fill_day(store, delivery)
        return (
            "late: the day was closed as missing; its demand is recorded, and the stock of "
            f"{delivery.date:%Y-%m-%d} to {last:%Y-%m-%d} booked anew; orders already made stay"
        )
    for missing in _gap(store, delivery):
        run_day(store, Delivery(missing, np.full(len(delivery.demand), np.nan), NONE_CAME))
    run_day(store, delivery)
    return ""


def _told(names: Sequence[str], what: str) -> str:
    """How many there are of what, and the first of them; empty where there is none."""
    more = ", ..." if len(names) > NAMED else ""
    return f"{len(names)} {what}: {', '.join(names[:NAMED])}{more}" if len(names) else ""


def _far_outside(store: Store, delivery: Delivery) -> str:
    """The quantities far above the largest of their series' days so far, and the cure; empty where there is none."""
    usual = store.frame("SELECT coalesce(max(qty), 0) AS most FROM demand GROUP BY row ORDER BY row")["most"].to_numpy()
    usual = np.concatenate([usual, np.zeros(len(delivery.unknown))])
    qty = np.concatenate([delivery.demand, delivery.unknown["qty"].to_numpy(dtype=float)])
    names = np.concatenate([store.names, named(delivery.unknown)])
    far = [
        f"{names[row]} with {qty[row]:.0f} (usual: at most {usual[row]:.0f})"
        for row in np.flatnonzero(far_outside(qty, usual))
    ]
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
    return (
        f"columns {', '.join(key_columns(store.series))}, qty: {store.names[row]!r} has {delivery.demand[row]:g} on "
        f"{delivery.date:%Y-%m-%d}, the store holds {held[row]:g} ({other.sum()} such series); a day taken in is not "
        "changed, so remove the file"
    )


def _quarantine(store: Store, path: Path, reason: str, key: bytes | None) -> Outcome:
    """Set a file aside: reason first, the store next, the move last, so that one broken off is done over again."""
    checksum = sha256(path)
    name = f"{path.stem}-{checksum[:8]}{path.suffix}"
    folder = path.parent / "quarantine"
    write_text(folder / f"{name}.reason.txt", reason + "\n")
    file, told = path.name, reason
    if key is not None:  # the reason quotes cells of the raw file: only the place of the fault may be told on
        place = reason.removeprefix(path.name).partition(":")[0]
        place = re.split("(?: of|,) sheet ", place)[0].strip(", ") or "the file as a whole"
        file, told = checksum[:8], f"{place}: refused; its reason lies beside the file in quarantine"
    with store.transaction():
        store.connection.execute("INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?)", [checksum, file, told])
    os.replace(path, folder / name)
    return Outcome(path.name, "quarantined", told)
