"""How special are the as-run clusters? Other starts, other choices, other numberings, and what they know of demand."""

from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score
from tqdm import tqdm

from bowerbird.dm.as_run import RecordClusters, Records, agreement, in_print_order, k_means
from bowerbird.seeds import spawn

SAME = 20  # records; solutions that differ by fewer are stops of the same one


def other_starts(
    records: Records,
    printed_centres: np.ndarray,
    printed_frequencies: np.ndarray,
    n_starts: int = 200,
    seed: int = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """What k-means++ and random starts come to with scikit-learn's default stop.

    Parameters
    ----------
    records : Records
    printed_centres, printed_frequencies : arrays (K, 10), (K,)
        Tables 2 and 1, or a solution to compare with.
    n_starts : int
        Starts of each kind.
    seed : int
    progress : bool
        Show a bar.

    Returns
    -------
    DataFrame: start, number, inertia, iterations, records off, cells equal; a row a start.
    """
    rows = []
    for init in ("k-means++", "random"):
        seeds = [int(rng.integers(2**31)) for rng in spawn(seed, n_starts)]
        for number, one in enumerate(tqdm(seeds, desc=f"{init} starts", disable=not progress)):
            found = in_print_order(k_means(records, len(printed_centres), init, seed=one), printed_centres)
            agreed = agreement(found, printed_centres, printed_frequencies)
            row = {"start": init, "number": number, "inertia": found.inertia, "iterations": found.n_iter}
            rows.append(row | agreed)
    return pd.DataFrame(rows)


def rank_of_starts(starts: pd.DataFrame, inertia: float) -> pd.DataFrame:
    """How often starts of each kind reach the print's solution, and how it ranks among theirs.

    Parameters
    ----------
    starts : DataFrame
        From `other_starts`.
    inertia : float
        Of the as-run solution.

    Returns
    -------
    DataFrame, a row a kind of start: starts, how many end within SAME records of the print, the share with a lower
    inertia, the least, median and largest inertia relative to the print's.
    """
    rows = []
    for kind, part in starts.groupby("start", sort=False):
        relative = part["inertia"] / inertia
        rows.append(
            {
                "start": kind,
                "starts": len(part),
                f"within {SAME} records of the print": int((part["records off"] <= SAME).sum()),
                "fewest records off": int(part["records off"].min()),
                "share with lower inertia": float((relative < 1 - 1e-5).mean()),
                "least inertia / print's": relative.min(),
                "median": relative.median(),
                "largest": relative.max(),
            }
        )
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
    scale = codes.std(ddof=0)
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
        records = Records.of(table)
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
    records = Records.of(codes)
    base = as_run.labels[records.point_of]
    rows = []
    for number, rng in enumerate(tqdm(spawn(seed, 2 * n), desc="other starts, other numberings", disable=not progress)):
        other = number >= n
        table = Records.of(renumber(codes, rng)) if other else records
        found = k_means(table, len(as_run.frequencies), n_init=n_init, seed=int(rng.integers(2**31)))
        rows.append(
            {
                "what": "other numbering" if other else "other start",
                "ARI": adjusted_rand_score(base, found.labels[table.point_of]),
                "variance of log(1 + demand) explained": demand_explained(table, found.labels)["log(1 + demand)"],
            }
        )
    return pd.DataFrame(rows)
