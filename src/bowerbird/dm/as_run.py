"""What reproduces Tables 1 and 2: plain K-means on label codes of duplicated day-records.

The printed frequencies are no multiples of 166 days, so records were clustered, not curves; the printed centres are
means of codes numbered by first appearance; the printed total is that of the naive merge. None of it is good practice:
codes have no order, and the product code, which runs to 1,212, outweighs everything else.
"""

import warnings
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from bowerbird.data.reader import ATTRIBUTES, SERIES_KEY
from bowerbird.errors import ParameterError
from bowerbird.seeds import streams

PRINTED_COLUMNS = (
    "seller_no", "product_no", "warehouse_no", "category1", "category2",
    "seller_category", "inventory_category", "seller_level", "warehouse_category", "warehouse_region",
)  # fmt: skip
"""Table 2's ten columns, in its order."""

RECORD_COLUMNS = (*PRINTED_COLUMNS, "category3", "qty")
"""What was clustered: Table 2's codes, the code of category3, which Table 2 leaves out, and qty itself."""


DEFAULT_TOLERANCE = 1e-4
"""scikit-learn's stop: squared movement of all centres, relative to the mean variance of the columns."""


@dataclass(frozen=True)
class Records:
    """Day-records, as a rule equal ones held once: K-means does not tell them apart, and a sixth of the work remains.

    Attributes
    ----------
    points : DataFrame (n_points, 12)
        The different records.
    counts : (n_points,)
        How often each stands in the table.
    point_of : int array (n_records,)
        Which of the points every record is.
    """

    points: pd.DataFrame
    counts: np.ndarray
    point_of: np.ndarray

    @classmethod
    def of(cls, codes: pd.DataFrame, at_least: int = 1) -> "Records":
        """Hold the table that `label_codes` returns; every record for itself if fewer than `at_least` are different."""
        if len(codes.drop_duplicates()) < at_least:
            return cls.each(codes)
        point_of = codes.groupby(list(codes), sort=False).ngroup().to_numpy()
        return cls(codes.drop_duplicates(ignore_index=True), np.bincount(point_of).astype(float), point_of)

    @classmethod
    def each(cls, codes: pd.DataFrame) -> "Records":
        """Every record for itself, as a user of scikit-learn would hand them over."""
        return cls(codes, np.ones(len(codes)), np.arange(len(codes)))

    @cached_property
    def variance(self) -> float:
        """Mean variance of the columns over all records."""
        mean = np.average(self.points, axis=0, weights=self.counts)
        return float(np.average((self.points - mean) ** 2, axis=0, weights=self.counts).mean())

    @property
    def n_records(self) -> int:
        return len(self.point_of)


@dataclass(frozen=True)
class RecordClusters:
    """Clusters of day-records.

    Attributes
    ----------
    labels : int array (n_points,)
        Cluster of each of `Records.points`, counted from 0.
    frequencies : int array (K,)
        Records a cluster (Table 1).
    centres : DataFrame (K, 12)
        Centre of each cluster as K-means left it (Table 2, unrounded).
    inertia : float
        Within-cluster sum of squares.
    n_iter : int
        Lloyd iterations.
    start : array (K, 12) or None
        The centres K-means began with, where they were given.
    """

    labels: np.ndarray
    frequencies: np.ndarray
    centres: pd.DataFrame
    inertia: float
    n_iter: int
    start: np.ndarray | None = None

    def ordered(self, order: np.ndarray) -> "RecordClusters":
        """The same clusters in another order: `order[k]` becomes the k-th."""
        return replace(
            self,
            labels=np.argsort(order)[self.labels],
            frequencies=self.frequencies[order],
            centres=self.centres.iloc[order].reset_index(drop=True),
            start=None if self.start is None else self.start[order],
        )


def label_codes(merged: pd.DataFrame) -> pd.DataFrame:
    """Number every label from 1 in order of first appearance, records sorted by warehouse, seller, product as strings.

    Parameters
    ----------
    merged : DataFrame
        From `naive_merge` (as the paper) or `correct_merge`.

    Returns
    -------
    DataFrame (n_records, 12) of float64: RECORD_COLUMNS, the last one qty in units.

    Source
    ------
    Table 2; found by matching: cluster 9's centre is then exactly the series with the largest demand.
    """
    missing = set(SERIES_KEY) | set(ATTRIBUTES) | {"qty", "date"}
    missing -= set(merged.columns)
    if missing:
        raise ParameterError(f"columns {sorted(missing)} are missing; pass the result of naive_merge or correct_merge")
    ordered = merged.sort_values(["warehouse_no", "seller_no", "product_no", "date"], kind="stable", ignore_index=True)
    codes = {column: pd.factorize(ordered[column])[0] + 1.0 for column in RECORD_COLUMNS[:-1]}
    return pd.DataFrame({**codes, "qty": ordered["qty"].astype(float)})


def k_means(
    records: Records,
    n_clusters: int = 10,
    init: str | np.ndarray = "k-means++",
    n_init: int = 1,
    tolerance: float = DEFAULT_TOLERANCE,
    seed: int = 0,
) -> RecordClusters:
    """Plain K-means (Lloyd) as scikit-learn runs it, without a thought for the print.

    Parameters
    ----------
    records : Records
    n_clusters, n_init : int
        Clusters [K] and starts, of which the one with the least inertia is kept.
    init : {"k-means++", "random"} or array (K, 12)
        Start.
    tolerance : float
        Stop when the squared movement of all centres falls to it, relative to the mean variance of the columns over
        all records; 0 goes on until nothing moves.
    seed : int

    Returns
    -------
    RecordClusters, in order of falling frequency; from given centres, in theirs.
    """
    values = records.points.to_numpy()
    # scikit-learn takes the variance over the points it is given, unweighted; 0 when all points are equal
    spread = np.var(values, axis=0).mean()
    relative = tolerance * records.variance / spread if spread else tolerance
    model = KMeans(n_clusters, init=init, n_init=n_init, tol=relative, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # an emptied cluster is a bad start, not a fault
        model.fit(values, sample_weight=records.counts)
    frequencies = np.bincount(model.labels_, weights=records.counts, minlength=n_clusters).astype(int)
    centres = pd.DataFrame(model.cluster_centers_, columns=records.points.columns)
    found = RecordClusters(model.labels_, frequencies, centres, float(model.inertia_), int(model.n_iter_))
    if isinstance(init, str):
        return found.ordered(np.argsort(-frequencies, kind="stable"))
    return replace(found, start=np.asarray(init))


def in_print_order(found: RecordClusters, printed_centres: np.ndarray) -> RecordClusters:
    """Clusters in the order of the printed centres (K, 10), each taking the nearest that is left, best in all."""
    centres = found.centres[[c for c in PRINTED_COLUMNS if c in found.centres]].to_numpy()
    squared = ((np.asarray(printed_centres)[:, None, :] - centres) ** 2).sum(axis=2)
    return found.ordered(linear_sum_assignment(squared)[1])


def agreement(found: RecordClusters, printed_centres: np.ndarray, printed_frequencies: np.ndarray) -> dict:
    """How near clusters in the order of the print come to it.

    Returns
    -------
    dict: "frequencies exact" (of K); "records off", the sum of absolute differences of frequencies; "cells equal",
    printed centre cells that ours round to (of K x 10).
    """
    columns = [c for c in PRINTED_COLUMNS if c in found.centres]
    rounded = np.floor(found.centres[columns].to_numpy() + 0.5)
    printed = np.asarray(printed_centres)[:, [PRINTED_COLUMNS.index(c) for c in columns]]
    return {
        "frequencies exact": int((found.frequencies == printed_frequencies).sum()),
        "records off": int(np.abs(found.frequencies - printed_frequencies).sum()),
        "cells equal": int((rounded == printed).sum()),
    }


def settle_from_print(
    records: Records, printed_centres: np.ndarray, printed_frequencies: np.ndarray, n_starts: int = 60, seed: int = 0
) -> tuple[RecordClusters, pd.DataFrame]:
    """K-means from the printed centres on, until nothing moves; of several starts the one nearest the print.

    The print gives ten of twelve coordinates, rounded. Each start jitters them within their rounding and takes the
    other two from the records nearest each centre; the two printed clusters of extreme demand (the two smallest) start
    at the records of highest qty. Once a start has come nearer the print, later ones take the two from it. The first
    third of the starts jitters all centres, the others a single one each.

    Parameters
    ----------
    records : Records
        Of the naive merge.
    printed_centres, printed_frequencies : arrays (K, 10), (K,)
        Tables 2 and 1.
    n_starts : int
        Jittered starts.
    seed : int

    Returns
    -------
    RecordClusters, DataFrame
        The result nearest the print, in its order; and the agreement of each start, a row each.
    """
    centres = np.asarray(printed_centres, dtype=float)
    start = _complete_centres(records, centres, np.asarray(printed_frequencies))  # (K, 12)
    best, tried = None, []
    for number, rng in enumerate(streams(seed, "as run/starts", n_starts)):
        rounding = rng.uniform(-0.5, 0.5, centres.shape)
        jitter = np.hstack([rounding, rng.normal(0, (15, 60), (len(centres), 2))])  # category3, 1 ... 210, and qty
        if number >= n_starts // 3:
            jitter[np.arange(len(centres)) != rng.integers(len(centres))] = 0
        found = k_means(records, len(centres), start + jitter, tolerance=0)
        tried.append(agreement(found, centres, printed_frequencies))
        if _rank(tried[-1]) < min(map(_rank, tried[:-1]), default=(np.inf,)):
            best = found
            start[:, 10:] = found.centres.iloc[:, 10:]
    return best, pd.DataFrame(tried)


def stop_like_print(
    records: Records,
    settled: RecordClusters,
    printed_centres: np.ndarray,
    printed_frequencies: np.ndarray,
    n_starts: int = 1000,
    jitter: float = 0.5,
    seed: int = 0,
) -> tuple[RecordClusters, pd.DataFrame]:
    """K-means with scikit-learn's default stop from starts about a settled solution.

    The default stop leaves records near the border between two clusters where the last iteration but one had put
    them. Which records depends on the start; hence many, with the product code of every centre moved a little. All are
    run, so that the share of exact ones can be told.

    Parameters
    ----------
    records : Records
    settled : RecordClusters
        From `settle_from_print`.
    printed_centres, printed_frequencies : arrays (K, 10), (K,)
        Tables 2 and 1.
    n_starts : int
        Starts.
    jitter : float
        Standard deviation of the product codes' movement.
    seed : int

    Returns
    -------
    RecordClusters, DataFrame
        The result nearest the print (`settled` if there are no starts); and the agreement of each start, a row each.
    """
    best, tried = settled, []
    product = RECORD_COLUMNS.index("product_no")
    # One start in a thousand gives Table 1 exactly; this sequence has one among its first ten for seed 0
    for rng in map(np.random.default_rng, np.random.SeedSequence(seed).spawn(n_starts)):
        init = settled.centres.to_numpy(copy=True)
        init[:, product] += rng.normal(0, jitter, len(init))
        found = k_means(records, len(init), init)
        tried.append(agreement(found, printed_centres, printed_frequencies))
        if _rank(tried[-1]) < min(map(_rank, tried[:-1]), default=(np.inf,)):
            best = found
    return best, pd.DataFrame(tried)


def _rank(agreed: dict) -> tuple:
    return agreed["records off"], -agreed["cells equal"]


def _complete_centres(records: Records, centres: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    values, counts = records.points.to_numpy(), records.counts
    squared = ((values[:, None, :10] - centres) ** 2).sum(axis=2)  # (n_points, K)
    smallest = np.argsort(frequencies, kind="stable")[:2]
    squared[:, smallest] = np.inf
    label = squared.argmin(axis=1)
    by_demand = np.argsort(-values[:, -1], kind="stable")
    rank = np.cumsum(counts[by_demand])  # records with at least so high a qty
    first = 0
    for cluster, up_to in zip(smallest, frequencies[smallest].cumsum(), strict=True):
        last = np.searchsorted(rank, up_to, side="right")
        label[by_demand[first:last]] = cluster
        first = last
    unseen = [np.average(values[label == k, 10:], axis=0, weights=counts[label == k]) for k in range(len(centres))]
    return np.hstack([centres, unseen])  # category3 and qty
