"""Notebook 03: the K-means clusters of Tables 1 and 2, and how they depend on start and choices."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from bowerbird.dm.as_run import RecordClusters, Records, agreement, in_printed_order, k_means

LOOKED_FOR = 466
"""The random_state of 0 to 1,199 whose blind run comes nearest to Tables 1 and 2: chosen by looking at the outcome."""


def blind_starts(points: pd.DataFrame, unit, printed_centres, printed_frequencies, n_starts: int) -> pd.DataFrame:
    """K-means with scikit-learn's defaults and random_state 0, 1, ..., compared with Tables 1 and 2; a row a start."""
    records, rows = Records.each(points), []
    for random_state in range(n_starts):
        found = k_means(records, len(printed_centres), unit=unit, seed=random_state)
        found = in_printed_order(found, printed_centres)
        row = {"random_state": random_state, "inertia": found.inertia, "iterations": found.n_iter}
        rows.append(row | agreement(found, printed_centres, printed_frequencies))
    return pd.DataFrame(rows)


def nearest(starts: pd.DataFrame) -> pd.Series:
    """The start whose frequencies, then cells, come nearest to Tables 1 and 2."""
    return starts.sort_values(["records off", "cells equal"], ascending=[True, False], kind="stable").iloc[0]


def odds_of_blind_starts(starts: pd.DataFrame, inertia: float) -> pd.DataFrame:
    """How often blind starts come near Tables 1 and 2, and how their inertia compares with the as-run solution's."""
    off, relative, best = starts["records off"], starts["inertia"] / inertia, nearest(starts)
    row = {
        "starts": len(starts),
        "all ten frequencies": int((off == 0).sum()),
        "within 4 records": int((off <= 4).sum()),
        "within 26 records": int((off <= 26).sum()),
        "share with lower inertia": float((relative < 1).mean()),
        "nearest random_state": int(best["random_state"]),
        "its records off": int(best["records off"]),
        "its cells equal": int(best["cells equal"]),
        "least inertia / as run's": relative.min(),
        "median": relative.median(),
        "largest": relative.max(),
        "records off of the least": int(off[relative.idxmin()]),
    }
    return pd.DataFrame([row])


def stops(by_way: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """How near each way of starting K-means comes to Tables 1 and 2: all its starts, and the nearest one."""
    rows = [
        {"way": way, "starts": len(starts), "all ten frequencies": int((starts["records off"] == 0).sum())}
        | nearest(starts)[["frequencies exact", "records off", "cells equal"]].astype(int).to_dict()
        for way, starts in by_way.items()
        if len(starts)
    ]
    return pd.DataFrame(rows)


def renumber(codes: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The same labels with other code numbers, at random; qty is no code and stays."""
    renumbered = codes.copy()
    for column in codes.columns.drop("qty", errors="ignore"):
        new = rng.permutation(int(codes[column].max())) + 1.0
        renumbered[column] = new[codes[column].astype(int) - 1]
    return renumbered


def stability(
    points: pd.DataFrame, found: RecordClusters, generators: Sequence[np.random.Generator], unit=1.0
) -> pd.DataFrame:
    """Adjusted Rand index of K-means clusters with those of other starts and of other numberings of the labels.

    The first half of the generators draws starts, the second half numberings and a start for each.
    """
    n_clusters = len(found.frequencies)
    records, rows = Records.of(points, n_clusters), []
    base = found.labels[records.point_of]
    for number, rng in enumerate(generators):
        again = number < len(generators) / 2
        table = records if again else Records.of(renumber(points, rng), n_clusters)
        other = k_means(table, n_clusters, unit=unit, seed=int(rng.integers(2**31))).labels[table.point_of]
        what = "other start" if again else "other numbering"
        rows.append({"what": what, "ARI": adjusted_rand_score(base, other)})
    return pd.DataFrame(rows)
