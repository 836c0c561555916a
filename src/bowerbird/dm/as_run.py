"""The method that gives Tables 1 and 2: K-means on label codes of duplicated day-records. It is not the DM model.

Evidence: the printed frequencies are no multiples of 166 days, so records were clustered, not curves. The printed
centres are means of codes numbered by first appearance. The printed total is that of the naive merge. The method is
poor practice: codes have no order, and the product code, which runs to 1,212, outweighs all other columns.
"""

import warnings
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from bowerbird.seeds import streams

PRINTED_COLUMNS = (
    "seller_no", "product_no", "warehouse_no", "category1", "category2",
    "seller_category", "inventory_category", "seller_level", "warehouse_category", "warehouse_region",
)  # fmt: skip
"""Table 2's ten columns, in its order."""

RECORD_COLUMNS = (*PRINTED_COLUMNS, "category3", "qty")
"""What was clustered: Table 2's codes, the code of category3, which Table 2 leaves out, and the demand."""


@dataclass(frozen=True)
class Records:
    """Day-records. Equal ones are held once: K-means does not tell them apart, and does a sixth of the work."""

    points: pd.DataFrame  # (n_points, 12), the different records
    counts: np.ndarray  # (n_points,), how often each stands in the table
    point_of: np.ndarray  # (n_records,), which of the points every record is

    @classmethod
    def of(cls, codes: pd.DataFrame, at_least: int = 1) -> "Records":
        """The table of `label_codes`; every record for itself if fewer than `at_least` are different."""
        points = codes.drop_duplicates(ignore_index=True)
        if len(points) < at_least:
            return cls.each(codes)
        point_of = codes.groupby(list(codes), sort=False).ngroup().to_numpy()
        return cls(points, np.bincount(point_of).astype(float), point_of)

    @classmethod
    def each(cls, codes: pd.DataFrame) -> "Records":
        """Every record for itself, as a user of scikit-learn would hand them over."""
        return cls(codes, np.ones(len(codes)), np.arange(len(codes)))

    @cached_property
    def variance(self) -> float:
        """Mean variance of the columns over all records."""
        mean = np.average(self.points, axis=0, weights=self.counts)
        return float(np.average((self.points - mean) ** 2, axis=0, weights=self.counts).mean())


@dataclass(frozen=True)
class RecordClusters:
    """Clusters of day-records."""

    labels: np.ndarray  # (n_points,), cluster of each of `Records.points`, from 0
    frequencies: np.ndarray  # (K,), records a cluster (Table 1)
    centres: pd.DataFrame  # (K, 12), as K-means left them (Table 2, unrounded)
    inertia: float  # within-cluster sum of squares
    n_iter: int
    start: np.ndarray | None = None  # (K, 12), the centres that K-means began with, where they were given

    def ordered(self, order: np.ndarray) -> "RecordClusters":
        """The same clusters in another order: `order[k]` becomes the k-th."""
        return replace(
            self,
            labels=np.argsort(order)[self.labels],
            frequencies=self.frequencies[order],
            centres=self.centres.iloc[order].reset_index(drop=True),
            start=None if self.start is None else self.start[order],
        )


NUMBERINGS = {
    "by warehouse, seller, product": ["warehouse_no", "seller_no", "product_no", "date"],
    "by seller, product, warehouse": ["seller_no", "product_no", "warehouse_no", "date"],
    "in the order of the file": [],
    "alphabetical": [],
}
"""How labels may be numbered -> by what the table is sorted before they are."""


def label_codes(merged: pd.DataFrame, numbering: str = "by warehouse, seller, product") -> pd.DataFrame:
    """Number every label of a merged table from 1, in one of `NUMBERINGS`: by first appearance, or alphabetically.

    Labels are sorted as strings. The result (n_records, 12) has the RECORD_COLUMNS, the last one in units. The default
    was found by matching Table 2: with it, cluster 9's centre is exactly the series with the largest demand.
    """
    order, alphabetical = NUMBERINGS[numbering], numbering == "alphabetical"
    ordered = merged.sort_values(order, kind="stable", ignore_index=True) if order else merged
    codes = {column: pd.factorize(ordered[column], sort=alphabetical)[0] + 1.0 for column in RECORD_COLUMNS[:-1]}
    return pd.DataFrame({**codes, "qty": ordered["qty"].to_numpy(float)})


def k_means(
    records: Records,
    n_clusters: int = 10,
    init: str | np.ndarray = "k-means++",
    tolerance: float = 1e-4,
    unit: np.ndarray | float = 1.0,
    seed: int = 0,
) -> RecordClusters:
    """K-means (Lloyd) as scikit-learn runs it on all records, from "k-means++" or given centres (K, 12).

    It stops when the squared movement of all centres, relative to the mean variance of the columns, falls to
    `tolerance`: 1e-4 is scikit-learn's default, 0 goes on until nothing moves. Clusters come in order of falling
    frequency; from given centres, in their order. The columns are divided by `unit` (n_columns,) before; centres are
    given and handed back in codes.
    """
    records = replace(records, points=records.points / unit)
    values = records.points.to_numpy()
    init = init if isinstance(init, str) else np.asarray(init) / unit
    # scikit-learn takes the variance over the points it is given, unweighted; 0 when all points are equal
    spread = np.var(values, axis=0).mean()
    relative = tolerance * records.variance / spread if spread else tolerance
    model = KMeans(n_clusters, init=init, n_init=1, tol=relative, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # an emptied cluster is a bad start, not a fault
        model.fit(values, sample_weight=records.counts)
    frequencies = np.bincount(model.labels_, weights=records.counts, minlength=n_clusters).astype(int)
    centres = pd.DataFrame(model.cluster_centers_ * unit, columns=records.points.columns)
    found = RecordClusters(model.labels_, frequencies, centres, float(model.inertia_), int(model.n_iter_))
    if isinstance(init, str):
        return found.ordered(np.argsort(-frequencies, kind="stable"))
    return replace(found, start=init * unit)


def in_printed_order(found: RecordClusters, printed_centres: np.ndarray) -> RecordClusters:
    """Clusters in the order of the printed centres (K, 10): the assignment with the least sum of squared distances."""
    squared = ((np.asarray(printed_centres)[:, None] - found.centres[list(PRINTED_COLUMNS)].to_numpy()) ** 2).sum(
        axis=2
    )
    return found.ordered(linear_sum_assignment(squared)[1])


def agreement(found: RecordClusters, printed_centres: np.ndarray, printed_frequencies: np.ndarray) -> dict:
    """How near clusters in the printed order come to Tables 1 and 2.

    "frequencies exact", of K; "records off", the sum of absolute differences of frequencies; "cells equal", printed
    centre cells that ours round to, of K x 10.
    """
    rounded = np.floor(found.centres[list(PRINTED_COLUMNS)].to_numpy() + 0.5)
    return {
        "frequencies exact": int((found.frequencies == printed_frequencies).sum()),
        "records off": int(np.abs(found.frequencies - printed_frequencies).sum()),
        "cells equal": int((rounded == printed_centres).sum()),
    }


def from_printed_centres(
    records: Records,
    printed_centres: np.ndarray,
    printed_frequencies: np.ndarray,
    n_starts: int = 60,
    unit: np.ndarray | float = 1.0,
    seed: int = 0,
) -> tuple[RecordClusters, pd.DataFrame]:
    """K-means from the printed centres, run until nothing moves: the nearest of several starts, and a row for each.

    Table 2 prints ten coordinates, rounded; the columns after the tenth are not printed. The first starts complete the
    centres by `_complete_centres`, with 0, 1, ..., K clusters of extreme demand. Later ones jitter the printed
    coordinates within their rounding, of all centres or of one, and the others about the nearest result so far. The
    search ends when all frequencies and cells agree. `unit` is that of `k_means`.
    """
    centres, frequencies = np.asarray(printed_centres, dtype=float), np.asarray(printed_frequencies)
    n_clusters = len(centres)
    depths = range(n_clusters + 1) if "qty" in records.points else [0]
    spread = [HIDDEN_SPREAD[column] for column in records.points.columns[10:]]
    best, tried = None, []
    for number, rng in enumerate(streams(seed, "as run/starts", n_starts)):
        if number < len(depths):
            start = _complete_centres(records, centres, frequencies, depths[number], unit)
        else:
            jitter = [rng.uniform(-0.5, 0.5, centres.shape), rng.normal(0, spread, (n_clusters, len(spread)))]
            jitter = np.hstack(jitter)
            if number % 3:
                jitter[np.arange(n_clusters) != rng.integers(n_clusters)] = 0
            start = np.hstack([centres, best.centres.iloc[:, 10:]]) + jitter
        found = k_means(records, n_clusters, start, tolerance=0, unit=unit)
        tried.append(agreement(found, centres, frequencies))
        if _is_nearest(tried):
            best = found
        if tried[-1]["records off"] == 0 and tried[-1]["cells equal"] == centres.size:
            break
    return best, pd.DataFrame(tried)


HIDDEN_SPREAD = {"category3": 10, "qty": 20}  # standard deviation of the jitter of coordinates that are not printed
JITTER = 0.5  # standard deviation, in product codes


def with_default_stop(
    records: Records,
    settled: RecordClusters,
    printed_centres: np.ndarray,
    printed_frequencies: np.ndarray,
    n_starts: int = 1000,
    unit: np.ndarray | float = 1.0,
    seed: int = 0,
) -> tuple[RecordClusters, pd.DataFrame]:
    """K-means with scikit-learn's default stop from starts about a settled solution: the nearest, and a row for each.

    The default stop leaves some records near the border of two clusters where an earlier iteration had put them. Which
    records depends on the start. So each start moves the product codes of the centres, with standard deviation
    JITTER.
    """
    best, tried = settled, []
    product = RECORD_COLUMNS.index("product_no")
    # One start in a thousand gives Table 1 exactly; this sequence has one among its first ten for seed 0
    for rng in map(np.random.default_rng, np.random.SeedSequence(seed).spawn(n_starts)):
        init = settled.centres.to_numpy(copy=True)
        init[:, product] += rng.normal(0, JITTER, len(init))
        found = k_means(records, len(init), init, unit=unit)
        tried.append(agreement(found, printed_centres, printed_frequencies))
        if _is_nearest(tried):
            best = found
    return best, pd.DataFrame(tried)


def _is_nearest(tried: list[dict]) -> bool:
    """Whether the last start comes nearer to the tables than every one before it."""
    *before, last = [(row["records off"], -row["cells equal"]) for row in tried]
    return all(last < other for other in before)


def _complete_centres(
    records: Records, centres: np.ndarray, frequencies: np.ndarray, n_extreme: int, unit: np.ndarray | float
) -> np.ndarray:
    """The printed centres with the columns that are not printed (K, n_columns): means of the records of each centre.

    `n_extreme` clusters are taken to hold the records with the highest demand: each in turn, from the highest down, the
    cluster whose printed centre is nearest the mean of as many records as its frequency. The other records go to the
    nearest of the other centres.
    """
    values, counts = records.points.to_numpy(), records.counts
    scale = np.broadcast_to(unit, values.shape[1])[:10]
    squared = (((values[:, None, :10] - centres) / scale) ** 2).sum(axis=2)  # (n_points, K)
    left, extreme, first = list(range(len(centres))), {}, 0
    by_demand = np.argsort(-values[:, -1], kind="stable")
    rank = np.cumsum(counts[by_demand])  # records with at least so high a demand
    for _ in range(n_extreme):
        last = np.searchsorted(rank, (rank[first - 1] if first else 0) + frequencies, side="right")  # (K,)
        blocks = {k: by_demand[first : max(last[k], first + 1)] for k in left}
        means = {
            k: np.average(values[rows, :10], axis=0, weights=counts[rows]) for k, rows in blocks.items() if rows.size
        }
        if not means:
            break
        nearest = min(means, key=lambda k: (((means[k] - centres[k]) / scale) ** 2).sum())
        extreme[nearest] = blocks[nearest]
        first += len(blocks[nearest])
        left.remove(nearest)
    squared[:, list(extreme)] = np.inf
    label = squared.argmin(axis=1)
    for cluster, rows in extreme.items():
        label[rows] = cluster
    members = [label == k if (label == k).any() else np.full(len(values), True) for k in range(len(centres))]
    hidden = [np.average(values[rows, 10:], axis=0, weights=counts[rows]) for rows in members]
    return np.hstack([centres, np.reshape(hidden, (len(centres), -1))])
