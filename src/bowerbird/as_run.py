"""What evidently made Tables 1 and 2: plain K-means on label codes of duplicated day-records.

The printed frequencies are no multiples of 166 days, so records were clustered, not curves; the printed centres are
means of codes numbered by first appearance; the printed total is that of the naive merge. None of it is good practice:
codes have no order, and the product code, which runs to 1,212, outweighs everything else.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from bowerbird.data.schema import ATTRIBUTES, SERIES_KEY
from bowerbird.errors import ParameterError
from bowerbird.seeds import spawn

PRINTED_COLUMNS = (
    "seller_no", "product_no", "warehouse_no", "category1", "category2",
    "seller_category", "inventory_category", "seller_level", "warehouse_category", "warehouse_region",
)  # fmt: skip
"""Table 2's ten columns, in its order."""

RECORD_COLUMNS = (*PRINTED_COLUMNS, "category3", "qty")
"""What was clustered: Table 2's codes, the code of category3, which Table 2 leaves out, and qty itself."""


@dataclass(frozen=True)
class RecordClusters:
    """Clusters of day-records.

    Attributes
    ----------
    labels : int array (n_records,)
        Cluster of each record, counted from 0.
    frequencies : int array (K,)
        Records a cluster (Table 1).
    centres : DataFrame (K, 12)
        Mean of each column a cluster (Table 2, unrounded).
    inertia : float
        Within-cluster sum of squares.
    n_iter : int
        Lloyd iterations.
    """

    labels: np.ndarray
    frequencies: np.ndarray
    centres: pd.DataFrame
    inertia: float
    n_iter: int


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


def cluster_blind(records: pd.DataFrame, n_clusters: int = 10, n_init: int = 1, seed: int = 0) -> RecordClusters:
    """K-means as a user of scikit-learn would run it: k-means++ starts, default stop, no knowledge of the print.

    Parameters
    ----------
    records : DataFrame
        From `label_codes`.
    n_clusters, n_init : int
        Clusters [K] and starts, of which the one with the least inertia is kept.
    seed : int

    Returns
    -------
    RecordClusters, in order of falling frequency.
    """
    model = KMeans(n_clusters, n_init=n_init, random_state=seed).fit(records.to_numpy())
    order = np.argsort(-np.bincount(model.labels_, minlength=n_clusters), kind="stable")
    return _clusters(model, records, order)


def cluster_from_print(
    records: pd.DataFrame, centres: np.ndarray, frequencies: np.ndarray, n_starts: int = 60, seed: int = 0
) -> RecordClusters:
    """K-means started at printed centres; of several starts the one whose frequencies come nearest the printed ones.

    The print gives ten of twelve coordinates, rounded. Each start jitters them within their rounding and takes the
    other two from the records nearest each centre; the two printed clusters of extreme demand (the two smallest) start
    at the records of highest qty. Once a start has come nearer the print, later ones take the two from it, and jitter
    them ever less.

    Parameters
    ----------
    records : DataFrame
        From `label_codes` of the naive merge.
    centres : array (K, 10)
        Printed centres (Table 2).
    frequencies : int array (K,)
        Printed frequencies (Table 1).
    n_starts : int
        Jittered starts.
    seed : int

    Returns
    -------
    RecordClusters, in the order of the print.
    """
    values = records.to_numpy()
    centres = np.asarray(centres, dtype=float)
    start = _complete_centres(values, centres, np.asarray(frequencies))  # (K, 12)
    best, best_distance = None, np.inf
    for number, rng in enumerate(spawn(seed, n_starts)):
        jittered = start.copy()
        jittered[:, :10] += rng.uniform(-0.5, 0.5, centres.shape)
        # category3, 1 ... 210, and qty are only known roughly
        jittered[:, 10:] += (1 - number / n_starts) * rng.normal(0, (15, 60), (len(centres), 2))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # an emptied cluster is a bad start, not a fault
            model = KMeans(len(centres), init=jittered, n_init=1, tol=0).fit(values)  # until nothing moves
        found = np.bincount(model.labels_, minlength=len(centres))
        distance = np.abs(found - frequencies).sum()
        if distance < best_distance:
            best, best_distance = model, distance
            start[:, 10:] = model.cluster_centers_[:, 10:]
    return _clusters(best, records, np.arange(len(centres)))


def _complete_centres(values: np.ndarray, centres: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    by_demand = np.argsort(values[:, -1], kind="stable")
    squared = ((values[:, None, :10] - centres) ** 2).sum(axis=2)  # (n_records, K)
    smallest = np.argsort(frequencies, kind="stable")[:2]
    squared[:, smallest] = np.inf
    label = squared.argmin(axis=1)
    last = len(values)
    for cluster in smallest:
        first = last - frequencies[cluster]
        label[by_demand[first:last]] = cluster
        last = first
    unseen = np.stack([values[label == k, 10:].mean(axis=0) for k in range(len(centres))])  # category3 and qty
    return np.hstack([centres, unseen])


def _clusters(model: KMeans, records: pd.DataFrame, order: np.ndarray) -> RecordClusters:
    labels = np.argsort(order)[model.labels_]
    centres = pd.DataFrame(model.cluster_centers_[order], columns=records.columns)
    frequencies = np.bincount(labels, minlength=len(order))
    return RecordClusters(labels, frequencies, centres, float(model.inertia_), int(model.n_iter_))
