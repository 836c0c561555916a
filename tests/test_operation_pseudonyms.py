"""Keyed hashes in place of ids: equal for equal keys, unlike without, and no order left that would tell."""

import hashlib
import hmac
import os
import re

import numpy as np
import pandas as pd
import pytest

from bowerbird.data.panel import build_panel
from bowerbird.data.reader import SERIES_KEY, read_attachments
from bowerbird.data.twin import write_twin
from bowerbird.errors import DataError, ParameterError
from bowerbird.operation import pseudonyms
from bowerbird.operation.pseudonyms import pseudonym, pseudonymise, pseudonymise_panel

KEY = b"sixteen bytes or more"


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("twin")
    write_twin(folder, 25, seed=2)
    return read_attachments(folder)


def test_hmac_of_rfc_4231_case_2_cut_to_64_bits():
    # Key "Jefe", data "what do ya want for nothing?": 5bdcc146bf60754e 6a042426089575c7 ...
    assert hmac.new(b"Jefe", b"what do ya want for nothing?", hashlib.sha256).hexdigest()[:16] == "5bdcc146bf60754e"
    expected = hmac.digest(KEY, b"seller\0seller_6", "sha256").hex()[:16]
    assert pseudonym("seller", "seller_6", KEY) == f"seller-{expected}"


def test_equal_where_id_key_and_kind_are_equal():
    table = pd.DataFrame(
        {"seller_no": ["a", "b", "a"], "product_no": ["a", "c", "a"], "qty": [1, 2, 3]}, index=[5, 6, 9]
    )
    hidden = pseudonymise(table, KEY)
    assert hidden["seller_no"][5] == hidden["seller_no"][9] != hidden["seller_no"][6]
    assert hidden["seller_no"][5].split("-")[1] != hidden["product_no"][5].split("-")[1]
    assert hidden["qty"].equals(table["qty"]) and list(table["seller_no"]) == ["a", "b", "a"]
    assert not hidden["seller_no"].isin(pseudonymise(table, KEY + b"!")["seller_no"]).any()


def test_two_ids_with_one_pseudonym_are_refused(monkeypatch):
    monkeypatch.setattr(pseudonyms, "DIGITS", 0)
    with pytest.raises(DataError, match="column seller_no: two ids share a pseudonym"):
        pseudonymise(pd.DataFrame({"seller_no": ["a", "b"]}), KEY)


def test_key_files(tmp_path):
    path = pseudonyms.new_key(tmp_path / "key")
    key = pseudonyms.read_key(path)
    assert len(key) == 64 and (os.stat(path).st_mode & 0o077) == 0
    with pytest.raises(ParameterError, match="there is a key already"):
        pseudonyms.new_key(path)
    with pytest.raises(ParameterError, match="no readable key file"):
        pseudonyms.read_key(tmp_path / "none")
    (tmp_path / "short").write_bytes(b"12345\n")
    with pytest.raises(ParameterError, match="5 bytes can be guessed"):
        pseudonyms.read_key(tmp_path / "short")
    assert pseudonyms.fingerprint(None) == "" and pseudonyms.fingerprint(key) != pseudonyms.fingerprint(KEY)


def test_a_panels_rows_keep_their_demand_and_lose_their_order(twin):
    panel = build_panel(twin)
    hidden = pseudonymise_panel(panel, KEY)
    rows = dict(zip(hidden.keys, hidden.demand, strict=True))
    names = pseudonymise(panel.series, KEY)[list(SERIES_KEY)].agg("/".join, axis=1)
    for series, demand in zip(names, panel.demand, strict=True):
        np.testing.assert_array_equal(rows[series], demand)
    assert hidden.keys == sorted(hidden.keys)


def test_attachments_are_written_without_a_raw_id_and_read_back(twin, tmp_path):
    pseudonyms.write_pseudonymised(twin, tmp_path, KEY)
    ids = {label for column in SERIES_KEY for label in twin.shipments[column]} | set(twin.new_items["seller_no"])
    for path in tmp_path.iterdir():
        assert not ids & set(re.findall(r"\w+", path.read_text(encoding="utf-8"))), path.name
    again = read_attachments(tmp_path)
    panel, hidden = build_panel(twin), build_panel(again)
    np.testing.assert_array_equal(hidden.demand, pseudonymise_panel(panel, KEY).demand)
    assert len(again.warehouses) == len(twin.warehouses)  # rows that stand twice still do
