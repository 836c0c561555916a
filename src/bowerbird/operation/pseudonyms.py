"""Pseudonyms: the ids of sellers, products and warehouses replaced by keyed hashes (companion article 002).

The same id and key give the same pseudonym every day, so that series can be followed. Without the key nobody can turn
one back, nor find it by hashing all ids, as with a hash that has no key (HMAC-SHA256, RFC 2104, cut to 64 bits).
"""

import hashlib
import hmac
import os
import secrets
from dataclasses import replace
from pathlib import Path

import pandas as pd

from bowerbird.data.panel import Panel
from bowerbird.data.reader import ATTACHMENTS, SERIES_KEY, Attachments
from bowerbird.errors import DataError, ParameterError
from bowerbird.files import write_csv

LEAST_KEY_BYTES = 16
DIGITS = 16  # hexadecimal digits kept, 64 bits: two of a million ids meet with a chance of 3e-8


def new_key(path: Path | str) -> Path:
    """Write a random key to a new file that only its owner may read."""
    path = Path(path)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ParameterError(
            f"{path}: there is a key already; another would make other pseudonyms, so keep it"
        ) from None
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(secrets.token_hex(32) + "\n")
    return path


def read_key(path: Path | str) -> bytes:
    """Read a key file; ParameterError if there is none, or the key is shorter than 16 bytes."""
    try:
        key = Path(path).read_bytes().strip()
    except OSError as error:
        raise ParameterError(
            f"{path}: no readable key file ({error.strerror}); `pseudonymise --new-key` makes one"
        ) from error
    if len(key) < LEAST_KEY_BYTES:
        raise ParameterError(f"{path}: {len(key)} bytes can be guessed; give a key of at least {LEAST_KEY_BYTES}")
    return key


def fingerprint(key: bytes | None) -> str:
    """What tells one key from another without giving it away; empty without a key."""
    return "" if key is None else pseudonym("key", "fingerprint", key)


def pseudonym(kind: str, label: str, key: bytes) -> str:
    """The pseudonym of one id, e.g. seller-3f9ac21b55d07e14; equal ids of different kinds get different ones."""
    digest = hmac.new(key, f"{kind}\0{label}".encode(), hashlib.sha256).hexdigest()
    return f"{kind}-{digest[:DIGITS]}"


def pseudonymise(table: pd.DataFrame, key: bytes) -> pd.DataFrame:
    """A copy of a table with the ids in seller_no, product_no and warehouse_no replaced, where it has them."""
    table = table.copy()
    for column in table.columns.intersection(list(SERIES_KEY)):
        codes, labels = pd.factorize(table[column])
        new = pd.Index([pseudonym(column.removesuffix("_no"), label, key) for label in labels])
        if new.has_duplicates:
            raise DataError(f"column {column}: two ids share a pseudonym; `pseudonymise --new-key` makes another key")
        table[column] = new.to_numpy(dtype=object)[codes]
    return table


def pseudonymise_panel(panel: Panel, key: bytes) -> Panel:
    """The panel with pseudonyms, sorted by them: in the old order the n-th pseudonym would be the n-th id."""
    series = pseudonymise(panel.series, key)
    order = series.sort_values(panel.key_columns).index.to_numpy()
    return replace(panel, series=series).select(order)


def write_pseudonymised(attachments: Attachments, folder: Path | str, key: bytes) -> Path:
    """Write the attachments with pseudonyms as csv files, into another folder than theirs."""
    folder = Path(folder)
    for path in attachments.files.values():
        if folder.resolve() in (path.parent.resolve(), path.resolve().parent):  # a link, and what it points to
            raise ParameterError(f"{folder}: holds {path.name} itself, with raw ids; give another folder to write to")
    for spec in ATTACHMENTS:
        table = getattr(attachments, spec.name)
        if table is not None:
            hidden = pseudonymise(table, key)
            hidden = hidden.sort_values([c for c in hidden if c in (*SERIES_KEY, "date")])  # the rows' order tells too
            write_csv(folder / f"{spec.label}-{spec.title}.csv", hidden, date_format="%Y-%m-%d")
    return folder
