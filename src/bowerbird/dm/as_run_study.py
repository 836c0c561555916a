"""How special are the as-run clusters? Other starts, other choices, other numberings, and what they know of demand."""

from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score
from tqdm import tqdm

from bowerbird.dm.as_run import RecordClusters, Records, agreement, in_print_order, k_means
from bowerbird.seeds import spawn

LOOKED_FOR = 466
"""The random_state whose blind run comes nearest the print among 0 to 1,199: chosen by looking at the outcome."""


def blind_starts(
    codes: pd.DataFrame,
    printed_centres: np.ndarray,
    printed_frequencies: np.ndarray,
    n_starts: int = 1200,
) -> pd.DataFrame:
    """What scikit-learn's K-means comes to with its defaults and random_state 0, 1, ...; the print is only compared.

    Parameters
    ----------
    codes : DataFrame
        From `label_codes`: the rows sorted by warehouse, seller, product and date.
    printed_centres, printed_frequencies : arrays (K, 10), (K,)
        Tables 2 and 1, or a solution to compare with.
    n_starts : int

    Returns
    -------
    DataFrame: random_state, inertia, iterations, frequencies exact, records off, cells equal; a row a start.
    """
    records, rows = Records.each(codes), []
    for random_state in range(n_starts):
        found = in_print_order(k_means(records, len(printed_centres), seed=random_state), printed_centres)
        row = {"random_state": random_state, "inertia": found.inertia, "iterations": found.n_iter}
        rows.append(row | agreement(found, printed_centres, printed_frequencies))
    return pd.DataFrame(rows)


def nearest(starts: pd.DataFrame) -> pd.Series:
    """The start whose frequencies, then cells, come nearest the print."""
    return starts.sort_values(["records off", "cells equal"], ascending=[True, False], kind="stable").iloc[0]


def odds_of_blind_starts(starts: pd.DataFrame, inertia: float) -> pd.DataFrame:
    """How often blind starts come near the print, and how its inertia ranks among theirs.

    Parameters
    ----------
    starts : DataFrame
        From `blind_starts`.
    inertia : float
        Of the as-run solution.

    Returns
    -------
    DataFrame of one row: starts, how many give all ten frequencies, come within 4 and within 26 records (sum of the
    frequencies' differences), share with a lower inertia, the nearest start, the least, median and largest inertia
    relative to the as-run solution's, and how far the start of least inertia is from the print.
    """
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
    """How near each way of starting K-means comes to the print.

    Parameters
    ----------
    by_way : dict
        For each way the agreement of its starts, a row each, as `agreement` returns it.

    Returns
    -------
    DataFrame: way, starts, how many give all ten frequencies; and of the nearest, how many frequencies are exact, the
    sum of their differences and the cells that agree.
    """
    rows = [
        {"way": way, "starts": len(starts), "all ten frequencies": int((starts["records off"] == 0).sum())}
        | nearest(starts)[["frequencies exact", "records off", "cells equal"]].astype(int).to_dict()
        for way, starts in by_way.items()
        if len(starts)
    ]
    return pd.DataFrame(rows)


def choices(
    codes: pd.DataFrame,
    single_codes: pd.DataFrame,
    as_run: RecordClusters,
    printed_centres: np.ndarray,
    printed_frequencies: np.ndarray,
    n_init: int = 5,
    seed: int = 0,
) -> pd.DataFrame:
    """Which choices made the tables: each undone in turn, and K-means run on from the as-run solution.

    Parameters
    ----------
    codes, single_codes : DataFrame
        From `label_codes` of the naive and of the correct merge.
    as_run : RecordClusters
        The solution to go on from, in the order of the print.
    printed_centres, printed_frequencies : arrays (K, 10), (K,)
        Tables 2 and 1.
    n_init : int
        k-means++ starts of the blind run beside it.
    seed : int

    Returns
    -------
    DataFrame: choice; records off and cells equal (of which compared) going on from the as-run solution, and of the
    best of blind starts.
    """
    scale = codes.std(ddof=0).replace(0, 1)  # a column of one label is left as it is
    variants = {
        "as run": codes,
        "without category3": codes.drop(columns="category3"),
        "without qty": codes.drop(columns="qty"),
        "repeated warehouses once": single_codes,
        "columns scaled to variance 1": codes / scale,
    }
    rows = []
    for choice, table in variants.items():
        unit = scale[table.columns].to_numpy() if "scaled" in choice else np.ones(table.shape[1])
        records = Records.of(table, len(as_run.centres))
        init = as_run.centres[table.columns].to_numpy() / unit
        row = {"choice": choice, "records": records.n_records}
        for name, start in (("from the print", init), ("blind", "k-means++")):
            found = k_means(records, len(init), start, n_init=1 if name == "from the print" else n_init, seed=seed)
            found = replace(found, centres=found.centres * unit)  # back in codes
            agreed = agreement(in_print_order(found, printed_centres), printed_centres, printed_frequencies)
            row |= {f"{name}: {key}": value for key, value in agreed.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def demand_explained(records: Records, labels: np.ndarray) -> dict:
    """Share of the variance of daily demand that lies between clusters, raw and as log(1 + demand).

    Parameters
    ----------
    records : Records
    labels : int array (n_points,)

    Returns
    -------
    dict of float in [0, 1]: "demand", "log(1 + demand)".
    """
    qty = records.points["qty"].to_numpy()
    return {
        "demand": _between(qty, labels, records.counts),
        "log(1 + demand)": _between(np.log1p(qty), labels, records.counts),
    }


def _between(values: np.ndarray, labels: np.ndarray, counts: np.ndarray) -> float:
    mean = np.average(values, weights=counts)
    mass = np.bincount(labels, weights=counts)
    means = np.bincount(labels, weights=counts * values) / np.maximum(mass, 1)
    return float((mass * (means - mean) ** 2).sum() / (counts * (values - mean) ** 2).sum())


def renumber(codes: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The same labels with other code numbers, at random; qty, the last column, is no code and stays."""
    renumbered = codes.copy()
    for column in codes.columns[:-1]:
        new = rng.permutation(int(codes[column].max())) + 1.0
        renumbered[column] = new[codes[column].astype(int) - 1]
    return renumbered


def stability(
    codes: pd.DataFrame, as_run: RecordClusters, n: int = 50, n_init: int = 1, seed: int = 0, progress: bool = True
) -> pd.DataFrame:
    """Adjusted Rand index of the as-run clusters with those of other starts and of other numberings of the labels.

    Parameters
    ----------
    codes : DataFrame
        From `label_codes`.
    as_run : RecordClusters
    n : int
        Other starts, and as many random numberings.
    n_init : int
        k-means++ starts of each run, of which the best is kept.
    seed : int
    progress : bool

    Returns
    -------
    DataFrame: what ("other start" or "other numbering"), ARI, share of the variance of log(1 + demand) explained.
    """
    records = Records.of(codes, len(as_run.centres))
    base = as_run.labels[records.point_of]
    rows = []
    for number, rng in enumerate(tqdm(spawn(seed, 2 * n), desc="other starts, other numberings", disable=not progress)):
        other = number >= n
        table = Records.of(renumber(codes, rng), len(as_run.centres)) if other else records
        found = k_means(table, len(as_run.frequencies), n_init=n_init, seed=int(rng.integers(2**31)))
        rows.append(
            {
                "what": "other numbering" if other else "other start",
                "ARI": adjusted_rand_score(base, found.labels[table.point_of]),
                "variance of log(1 + demand) explained": demand_explained(table, found.labels)["log(1 + demand)"],
            }
        )
    return pd.DataFrame(rows)
