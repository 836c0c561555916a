"""Classify each delivered file: taken in, held already, early (it waits) or quarantined with a reason.

Files are told apart by their content and not by their name: a day may come twice, in another format and row order.
"""

import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.data.cleaning import far_outside
from bowerbird.errors import DataError, ParameterError
from bowerbird.files import atomic_path, sha256
from bowerbird.operation.day import finish_day, run_day
from bowerbird.operation.delivery import KEY, Delivery, find_deliveries, read_day
from bowerbird.operation.pseudonyms import fingerprint
from bowerbird.operation.store import Rules, Store, StoreError

ONE_DAY = pd.Timedelta(days=1)
NAMED = 5  # most series that a message names
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
    `confirm`: a day (or "all") whose quantities on hold are right. A quantity far above its series' history is taken
    in as unknown, and nothing is ordered of the series, until it is confirmed or its day comes in a mended file.
    """
    if fingerprint(key) != (of_store := store.fact("key")):
        made = "without a key" if not of_store else "with another key" if key else "with a key"
        raise StoreError(f"{store.folder}: the store was made {made}; give the same key file, or none if it had none")
    finish_day(store)  # a day that was broken off
    if confirm:
        _confirm(store, confirm)
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
        unknown = _told(delivery.unknown, "rows of series that the store does not know")
        if unknown and not skip_unknown and delivery.date > store.last_day:
            cure = "give --skip-unknown to take the day in without them, or mend the file"
            outcomes.append(Outcome(path.name, delivery.date, "waits", f"{unknown}; {cure}"))
        else:
            outcomes.append(_take(store, delivery, path, close_gaps, key, hold=confirm != "all"))
            if unknown and outcomes[-1].status == "taken in":
                reasons = filter(None, (f"left out are {unknown}", outcomes[-1].reason))
                outcomes[-1] = replace(outcomes[-1], reason="; ".join(reasons))
    return outcomes


def _told(names: pd.Series, what: str) -> str:
    """How many there are of what, and the first of them; empty where there is none."""
    more = ", ..." if len(names) > NAMED else ""
    return f"{len(names)} {what}: {', '.join(names[:NAMED])}{more}" if len(names) else ""


def _take(store: Store, delivery: Delivery, path: Path, close_gaps: bool, key: bytes | None, hold: bool) -> Outcome:
    first, last = pd.Timestamp(store.value("SELECT min(date) FROM days")), store.last_day
    if delivery.date <= last:
        waiting = store.on_hold.query("date == @delivery.date")
        quantities = delivery.demand[waiting["row"]]
        if fault := _contradiction(store, delivery, first, waiting):
            return _quarantine(store, path, delivery.checksum, f"{path.name}: {fault}", key, delivery.date)
        if (quantities == waiting["qty"]).all():
            return Outcome(path.name, delivery.date, "held already")
        _settle(store, waiting.assign(qty=quantities))
        return Outcome(
            path.name, delivery.date, "taken in", f"mended: {_quoted(store, waiting.assign(qty=quantities))}"
        )
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
    far = _far_outside(store, delivery) if hold else store.on_hold.head(0)
    # Of this day something may be left from a call that was broken off
    _keep_on_hold(store, pd.concat([store.on_hold.query("date != @delivery.date"), far]))
    demand = delivery.demand.copy()
    demand[far["row"]] = np.nan
    run_day(store, replace(delivery, demand=demand))
    return Outcome(path.name, delivery.date, "taken in", hold_text(store, far))


def _far_outside(store: Store, delivery: Delivery) -> pd.DataFrame:
    """Quantities far above the largest of their series' days so far, as `Store.on_hold` has them."""
    usual = store.frame("SELECT row, coalesce(max(qty), 0) AS usual_most FROM demand GROUP BY row ORDER BY row")
    far = usual.assign(date=delivery.date, qty=delivery.demand)
    return far[far_outside(far["qty"], far["usual_most"])]


def hold_text(store: Store, on_hold: pd.DataFrame) -> str:
    """What is on hold and what to do about it; empty where nothing is."""
    if on_hold.empty:
        return ""
    days = ", ".join(f"--confirm {day:%Y-%m-%d}" for day in on_hold["date"].unique())
    return (
        f"no order for {_quoted(store, on_hold)}: far outside what is usual, so taken as unknown; give {days} if the "
        "quantity is right, or deliver the day again in a mended file"
    )


def _quoted(store: Store, on_hold: pd.DataFrame) -> str:
    names = store.series[KEY].agg("/".join, axis=1)
    told = [
        f"{names[row]} with {qty:.0f} on {date:%Y-%m-%d} (usual: at most {usual_most:.0f})"
        for date, row, qty, usual_most in on_hold[["date", "row", "qty", "usual_most"]].itertuples(index=False)
    ]
    return ", ".join(told[:NAMED]) + (f" and {len(told) - NAMED} more" if len(told) > NAMED else "")


def _confirm(store: Store, day: str) -> None:
    on_hold = store.on_hold
    confirmed = on_hold[(on_hold["date"].dt.strftime("%Y-%m-%d") == day) | (day == "all")]
    if confirmed.empty and day != "all":
        days = ", ".join(sorted(on_hold["date"].dt.strftime("%Y-%m-%d").unique())) or "none"
        raise ParameterError(f"--confirm {day}: no quantity of that day is on hold; days with one: {days}")
    if len(confirmed):
        _settle(store, confirmed)


def _settle(store: Store, quantities: pd.DataFrame) -> None:
    """Put quantities that were on hold in their place; the next forecasts read them, orders are free again."""
    with store.transaction():
        for date, row, qty in quantities[["date", "row", "qty"]].itertuples(index=False):
            known = None if np.isnan(qty) else qty
            store.connection.execute("UPDATE demand SET qty = ? WHERE date = ? AND row = ?", [known, date, row])
        _keep_on_hold(store, store.on_hold[~store.on_hold["date"].isin(quantities["date"])])


def _keep_on_hold(store: Store, on_hold: pd.DataFrame) -> None:
    store.keep_fact("on hold", json.loads(on_hold.to_json(orient="records", date_format="iso")))


def _contradiction(store: Store, delivery: Delivery, first: pd.Timestamp, waiting: pd.DataFrame) -> str:
    """What speaks against a day that should be held already; empty when it is the same."""
    if delivery.date < first:
        return (
            f"column date: {delivery.date:%Y-%m-%d} is before the store's first day, {first:%Y-%m-%d}; remove the file"
        )
    held, waits = store.demand_of(delivery.date), waiting["row"]
    known = (delivery.demand[waits] == waiting["qty"]).to_numpy()
    mended = ~far_outside(delivery.demand[waits], waiting["usual_most"].to_numpy())
    held[waits] = np.where(known | mended, delivery.demand[waits], waiting["qty"])
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
