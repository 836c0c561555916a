"""The store: all days in one DuckDB file, changed in transactions, so that a step is in it whole or not at all.

`store.duckdb` holds plain tables: series, days, demand, forecasts, simple_forecasts, stock, orders, overrides, alerts,
quarantine. A killed process leaves DuckDB's log beside the file; the next opening takes it in.

A new store and its folder can be read by their owner alone. With a key DuckDB encrypts file and log (AES-256, GCM); the
pages and csv files beside them are not encrypted.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from bowerbird.data.panel import DAILY, WEEKLY, Frequency, Panel, key_columns, named
from bowerbird.data.reader import PRODUCT_ATTRIBUTES, SELLER_ATTRIBUTES, SERIES_KEY, WAREHOUSE_ATTRIBUTES
from bowerbird.errors import BowerbirdError, ParameterError
from bowerbird.files import atomic_path, only_run
from bowerbird.operation.delivery import FILL_GAPS, Delivery

FILE_NAME = "store.duckdb"
FORMAT = 5
# One thread; nothing here needs an extension, so none is looked for on the network
CONFIG = {"threads": 1, "autoinstall_known_extensions": False, "autoload_known_extensions": False}
CRYPTOGRAPHY = "LOAD httpfs"  # the extension that brings OpenSSL; DuckDB's own random numbers are too weak for a key
UNKNOWN = "unknown"  # the attribute of a new series whose product, seller or warehouse is new too
ATTRIBUTES_OF = dict(zip(SERIES_KEY, (SELLER_ATTRIBUTES, PRODUCT_ATTRIBUTES, WAREHOUSE_ATTRIBUTES), strict=True))
NONE_CAME = "none came"  # in place of the file of a day that was closed as missing

TABLES = """
CREATE TABLE facts (name VARCHAR PRIMARY KEY, value VARCHAR);
CREATE TABLE memory (name VARCHAR PRIMARY KEY, content BLOB);
CREATE TABLE days (date DATE PRIMARY KEY, file VARCHAR, checksum VARCHAR);
CREATE TABLE demand (date DATE, row INTEGER, qty DOUBLE);
CREATE TABLE ahead (date DATE, row INTEGER, name VARCHAR, value DOUBLE, PRIMARY KEY (date, row, name));
CREATE TABLE steps (date DATE, step VARCHAR, PRIMARY KEY (date, step));
CREATE TABLE forecasts (origin DATE, date DATE, row INTEGER, mean DOUBLE, dispersion DOUBLE, point DOUBLE, zero DOUBLE);
CREATE TABLE simple_forecasts (origin DATE, row INTEGER, method VARCHAR, units DOUBLE);
CREATE TABLE stock (
    date DATE, row INTEGER, opening DOUBLE, arrivals DOUBLE, sales DOUBLE, short DOUBLE, closing DOUBLE
);
CREATE TABLE orders (
    date DATE, row INTEGER, reorder_point BIGINT, order_up_to BIGINT, position DOUBLE, proposed DOUBLE, quantity DOUBLE
);
CREATE TABLE overrides (
    number INTEGER, date DATE, row INTEGER, quantity DOUBLE, level DOUBLE, reason VARCHAR, who VARCHAR, made TIMESTAMP
);
CREATE TABLE alerts (
    date DATE, number INTEGER, row INTEGER, kind VARCHAR, measure VARCHAR, value DOUBLE, threshold DOUBLE,
    units DOUBLE, worth DOUBLE, reason VARCHAR, action VARCHAR
);
CREATE TABLE quarantine (checksum VARCHAR PRIMARY KEY, file VARCHAR, reason VARCHAR);
"""
"""`row` numbers the series from 0; an `origin` is the last day a forecast has seen; `qty` NULL is a missing day, and a
series has no row of `demand` before its first day. Forecasts are units a day, stock and orders units; `orders` of a
date are placed on its morning, `quantity` instead of what the rules `proposed` where a person overrode them; `alerts`
are numbered by their worth, the highest first."""


class StoreError(BowerbirdError):
    """A store that cannot be opened, or is not what was expected."""


@dataclass(frozen=True)
class Rules:
    """How the days are run; chosen when the store is made and kept in it."""

    lead_time: int = 3  # days from order to arrival [LT]
    review: int = 1  # days between reviews [NRT]
    opening_stock: float = 5  # units of every item on hand before the first day
    service_level: float = 0.9  # least probability of no shortage in a protection interval
    n_samples: int = 200  # demand paths drawn to set s and S, and to judge the stock
    correlation: float = 0.0  # between the days of a path
    refit_days: int = 7  # days from one fine-tuning of the network to the next; 0 for none
    refit_epochs: int = 1  # passes over the series each time
    fill_gaps: str = "refuse"  # what a series without a row in a day's file means: refuse, zero or missing
    seed: int = 0

    def __post_init__(self):
        least = {"lead_time": 0, "review": 1, "opening_stock": 0, "n_samples": 1, "refit_days": 0, "refit_epochs": 1}
        for name, lowest in least.items():
            if getattr(self, name) < lowest:
                raise ParameterError(f"{name} is {getattr(self, name)}; give at least {lowest}")
        if not 0 < self.service_level < 1:
            raise ParameterError(f"service_level is {self.service_level}; give a probability between 0 and 1")
        if self.fill_gaps not in FILL_GAPS:
            raise ParameterError(f"fill_gaps is {self.fill_gaps!r}; choose {', '.join(FILL_GAPS)}")

    @property
    def shortage_cost(self) -> float:
        """Cost of a unit short that makes the service level the cheapest, in the cost of holding a unit for a day."""
        return self.service_level / (1 - self.service_level)  # p / h where p / (p + h) is the service level

    @classmethod
    def of(cls, store: "Store") -> "Rules":
        """The rules a store was made with."""
        return cls(**store.fact("rules"))


@dataclass(frozen=True)
class Store:
    """An open store, to be used in a `with` statement."""

    folder: Path
    connection: duckdb.DuckDBPyConnection  # for questions of your own: store.connection.sql("FROM days").df()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *error) -> None:
        self.connection.close()

    @contextmanager
    def step(self, date: pd.Timestamp, name: str) -> Iterator[bool]:
        """A step of a day in one transaction, done once: yields False, and does nothing, where it is done already."""
        done = self.value("SELECT count(*) FROM steps WHERE date = ? AND step = ?", date, name) > 0
        if done:
            yield False
            return
        with self.transaction():
            yield True
            self.connection.execute("INSERT INTO steps VALUES (?, ?)", [date, name])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is kept if the block ends well, and none of it otherwise."""
        self.connection.begin()
        try:
            yield
        except BaseException:
            self.connection.rollback()
            raise
        self.connection.commit()

    def insert(self, table: str, verb: str = "INSERT", **columns) -> None:
        """Add rows to a table: arrays of equal length, or single values for all rows."""
        self.connection.register("rows_to_add", pd.DataFrame(columns))
        self.connection.execute(f"{verb} INTO {table} ({', '.join(columns)}) SELECT * FROM rows_to_add")
        self.connection.unregister("rows_to_add")

    def value(self, query: str, *parameters):
        """The first value of a query's first row, None without one."""
        rows = self.connection.execute(query, list(parameters)).fetchall()  # a result must be read to its end
        return rows[0][0] if rows else None

    def frame(self, query: str, *parameters) -> pd.DataFrame:
        return self.connection.execute(query, list(parameters)).df()

    def array(self, query: str, *parameters) -> np.ndarray:
        """The numbers of a query's only column, NaN = NULL."""
        (numbers,) = self.connection.execute(query, list(parameters)).fetchnumpy().values()
        return np.ma.filled(numbers.astype(float), np.nan)

    @property
    def series(self) -> pd.DataFrame:
        """The panel's series: ids and attributes."""
        return self.frame("FROM series ORDER BY row").drop(columns="row")

    @property
    def frequency(self) -> Frequency:
        return WEEKLY if self.fact("frequency") == WEEKLY.word else DAILY

    @property
    def names(self) -> np.ndarray:
        """One readable name a series: seller_6/product_1312/wh_43."""
        return named(self.series)

    @property
    def last_day(self) -> pd.Timestamp:
        return pd.Timestamp(self.value("SELECT max(date) FROM days"))

    @property
    def first_days(self) -> np.ndarray:
        """The first day of each series (n_series,)."""
        return self.frame("SELECT min(date) AS first FROM demand GROUP BY row ORDER BY row")["first"].to_numpy()

    def demand_of(self, day: pd.Timestamp) -> np.ndarray:
        """Demand of one day (n_series,), NaN = missing."""
        of_day = "SELECT row, qty FROM demand WHERE date = ?"
        return self.array(f"SELECT qty FROM series LEFT JOIN ({of_day}) USING (row) ORDER BY row", day)

    def panel(self) -> Panel:
        series, days = self.series, self.frame("SELECT date FROM days ORDER BY date")["date"]
        grid = "series CROSS JOIN days LEFT JOIN demand USING (row, date)"
        demand = self.array(f"SELECT qty FROM {grid} ORDER BY row, date").reshape(len(series), -1)  # (n_series, n_days)
        dates = pd.DatetimeIndex(days, name="date").as_unit("ns")
        return Panel(series, dates, demand, ahead=self._ahead(len(series)), events=self.fact("events"))

    def _ahead(self, n_series: int) -> dict[str, np.ndarray]:
        """The columns known ahead, as far as they are known; before its first day a series has its first value."""
        table, arrays = self.frame("FROM ahead ORDER BY date"), {}
        for name in self.fact("ahead"):
            by_row = table[table["name"] == name].pivot(index="row", columns="date", values="value")
            arrays[name] = by_row.reindex(range(n_series)).bfill(axis=1).to_numpy()
        return arrays

    def add_day(self, delivery: Delivery) -> None:
        """Write a day's row and demand, its unknown series as new ones; call it inside a transaction."""
        if len(delivery.unknown):
            self._add_series(delivery.unknown.drop(columns="qty"))
        qty = np.concatenate([delivery.demand, delivery.unknown["qty"].to_numpy(dtype=float)])
        self.insert("days", date=[delivery.date], file=delivery.file, checksum=delivery.checksum)
        self.insert("demand", date=delivery.date, row=np.arange(len(qty)), qty=qty)
        if len(delivery.ahead):
            self._add_ahead(delivery.ahead)

    def _add_ahead(self, table: pd.DataFrame) -> None:
        """Keep what is known ahead, in place of what was known before, of the store's series and dates."""
        table = table[(table["date"] - self.last_day) % self.frequency.step == pd.Timedelta(0)]
        long = table.melt([*key_columns(table), "date"], self.fact("ahead"), "name").merge(
            self.series[key_columns(table)].rename_axis("row").reset_index()
        )
        self.insert("ahead", "INSERT OR REPLACE", **long[["date", "row", "name", "value"]])

    def _add_series(self, new: pd.DataFrame) -> None:
        """Number new series after the others; an attribute is that of a series with the same id, or unknown."""
        held, new = self.series, new.copy()
        for column, attributes in ATTRIBUTES_OF.items():
            present = list(held.columns.intersection(attributes))
            new[present] = UNKNOWN
            if column in held:
                alike = held.drop_duplicates(column).set_index(column)[present].reindex(new[column])
                new[present] = alike.fillna(UNKNOWN).to_numpy()
        self.insert("series", row=np.arange(len(held), len(held) + len(new)), **new[held.columns])

    def fact(self, name: str):
        """A value kept by name, None where there is none."""
        text = self.value("SELECT value FROM facts WHERE name = ?", name)
        return None if text is None else json.loads(text)

    def remember(self, name: str, content: bytes) -> None:
        """Keep bytes in place of those kept under this name before."""
        self.connection.execute("INSERT OR REPLACE INTO memory VALUES (?, ?)", [name, content])

    def recall(self, name: str) -> bytes:
        return self.value("SELECT content FROM memory WHERE name = ?", name)


@contextmanager
def create_store(folder: Path | str, panel: Panel, store_key: bytes | None = None, **facts) -> Iterator[Store]:
    """Make a store with the days known so far and facts kept by name; it is there only if the block ends well."""
    folder = Path(folder)
    path = folder / FILE_NAME
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # its owner's alone
    with only_run(folder), atomic_path(path) as unfinished:
        if path.exists():
            raise StoreError(f"{path}: there is a store already; go on with it, or name another folder")
        with Store(folder, _connect(unfinished, store_key)) as store, store.transaction():
            store.connection.execute(TABLES)
            store.connection.register("numbered", panel.series.reset_index(drop=True).rename_axis("row").reset_index())
            store.connection.execute("CREATE TABLE series AS FROM numbered")
            events = {name: [list(map(str, days)) for days in found] for name, found in panel.events.items()}
            facts |= {"events": events, "frequency": panel.frequency.word, "ahead": list(panel.ahead)}
            for name, value in {"format": FORMAT, **facts}.items():
                store.insert("facts", name=[name], value=[json.dumps(value)])
            for name, values in panel.ahead.items():  # (n_series, days of the panel and later)
                days = panel.frequency.dates(panel.dates[0], values.shape[1])
                about = {"date": np.tile(days, len(values)), "row": np.repeat(np.arange(len(values)), len(days))}
                store.insert("ahead", **about, name=name, value=values.ravel())
            for column, day in enumerate(panel.dates):
                store.add_day(Delivery(day, panel.demand[:, column], "history"))
            yield store
        unfinished.chmod(0o600)


def open_store(folder: Path | str, store_key: bytes | None = None) -> Store:
    """Open a store to read and write, which one process at a time may; StoreError where that cannot be."""
    path = Path(folder) / FILE_NAME
    if not path.is_file():
        raise StoreError(f"{path}: no store there; make one from a run with --run")
    store = Store(Path(folder), _connect(path, store_key))
    try:
        held = store.fact("format")
    except duckdb.CatalogException:
        held = None
    if held != FORMAT:
        store.connection.close()
        raise StoreError(
            f"{path}: format {held}, this version reads {FORMAT}; make another one with --run and another --store"
        )
    return store


def _connect(path: Path, key: bytes | None) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB file, with a key an encrypted one; its ENCRYPTION_KEY is the key in hexadecimal digits."""
    try:
        if key is None:
            return duckdb.connect(str(path), config=CONFIG)
        connection = duckdb.connect(config=CONFIG | {"temp_file_encryption": True})
        _load_cryptography(connection)
        quoted = str(path).replace("'", "''")
        connection.execute(f"ATTACH '{quoted}' AS store (ENCRYPTION_KEY '{key.hex()}')")
        connection.execute("USE store")
        return connection
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise StoreError(
                f"{path}: another process has the store open; let it end, then give the same command again"
            ) from error
        raise StoreError(f"{path}: not a readable store ({error}); put back a copy of the file") from error
    except (duckdb.CatalogException, duckdb.InvalidInputException) as error:  # another key, none, or none needed
        raise StoreError(
            f"{path}: {error}; give the --store-key-file that the store was made with, or none if it had none"
        ) from error


def _load_cryptography(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute(CRYPTOGRAPHY)
    except duckdb.IOException as error:
        raise StoreError(
            "DuckDB writes encrypted files with its extension httpfs, which is not installed here; install it once, "
            "with a network: python -c \"import duckdb; duckdb.sql('INSTALL httpfs')\""
        ) from error
