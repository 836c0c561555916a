"""What made Tables 1 and 2: the printed numbers are settled under every candidate, and each choice named or left open.

A candidate is a numbering of the labels, a set of columns and a scaling. K-means starts at the printed centres and runs
until nothing moves; the misfit says how far it ends from the printed tables.
"""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd

from bowerbird.data.panel import correct_merge, naive_merge
from bowerbird.data.reader import Attachments
from bowerbird.dm.as_run import (
    NUMBERINGS,
    PRINTED_COLUMNS,
    RecordClusters,
    Records,
    agreement,
    from_printed_centres,
    label_codes,
    with_default_stop,
)
from bowerbird.forensics.recipe import COLUMNS, DEFAULT_STOP, FULL_STOP
from bowerbird.forensics.twin_paper import N_CLUSTERS, unit_of
from bowerbird.paper import Printed

CHOICES = ("numbering", "columns", "scaling")
ACCEPTED, MARGIN = 10.0, 3.0
"""Most misfit of a candidate that is taken to be what was run, and by how much its rivals' must be larger.

Both were chosen on 16 recipes that the reported error rates leave out."""


def doubled(attachments: Attachments, printed: Printed) -> bool | None:
    """Whether the printed total is that of the merge that doubles rows; None if both merges give it, or neither."""
    totals = [len(merge(attachments)) == printed.total for merge in (correct_merge, naive_merge)]
    return totals[1] if sum(totals) == 1 else None


@dataclass(frozen=True)
class Candidate:
    """One way the tables may have been made, and how near K-means comes to them in that way."""

    numbering: str
    columns: str
    scaling: bool  # whether the columns are scaled to variance 1
    codes: pd.DataFrame  # (n_records, 12), all columns
    found: RecordClusters | None = None
    agreed: dict | None = None

    @property
    def points(self) -> pd.DataFrame:
        """The columns that are clustered, of every record."""
        return self.codes[list(COLUMNS[self.columns])]

    @property
    def records(self) -> Records:
        return Records.of(self.points, at_least=N_CLUSTERS)

    @property
    def unit(self) -> np.ndarray | float:
        """What the columns are divided by."""
        return unit_of(self.points) if self.scaling else 1.0

    @property
    def misfit(self) -> float:
        """Centre cells that differ, of a hundred, and the percentage of records in the wrong frequency, together."""
        off = 100 * self.agreed["records off"] / len(self.codes)
        return 100 * (1 - self.agreed["cells equal"] / (N_CLUSTERS * len(PRINTED_COLUMNS))) + off

    def settled(self, printed: Printed, n_starts: int, seed: int) -> "Candidate":
        """The candidate with the nearest of `n_starts` settled solutions, or the one it has if that is nearer."""
        tables = printed.table_2.to_numpy(), printed.table_1["frequency"].to_numpy()
        found, _ = from_printed_centres(self.records, *tables, n_starts, self.unit, seed)
        settled = replace(self, found=found, agreed=agreement(found, *tables))
        return self if self.found and self.misfit <= settled.misfit else settled


def candidates(
    attachments: Attachments, printed: Printed, n_starts: int = 14, n_refined: int = 60, seed: int = 0
) -> list[Candidate]:
    """All candidates, the least misfit first; `n_starts` of each are tried, and `n_refined` of the three best."""
    merged = correct_merge(attachments) if doubled(attachments, printed) is False else naive_merge(attachments)
    tables, settled = {}, {}
    for numbering in NUMBERINGS:
        codes = label_codes(merged, numbering)
        tables[numbering] = next((known for known in tables.values() if known.equals(codes)), codes)
    found = []
    for numbering, columns, scaling in product(NUMBERINGS, COLUMNS, (False, True)):
        candidate = Candidate(numbering, columns, scaling, tables[numbering])
        key = id(candidate.codes), columns, scaling  # two numberings may give the same codes
        if key not in settled:
            settled[key] = candidate.settled(printed, n_starts, seed)
        found.append(replace(settled[key], numbering=numbering))
    found.sort(key=lambda candidate: candidate.misfit)
    found[:3] = [candidate.settled(printed, n_refined, seed) for candidate in found[:3]]
    return sorted(found, key=lambda candidate: candidate.misfit)


def told(found: list[Candidate], choice: str):
    """The value of a choice, one of `CHOICES`, if the tables tell it; None if they do not.

    They tell it if the best candidate is accepted and every candidate with another value has a larger misfit, by
    `MARGIN` unless the best one gives every printed number.
    """
    best = found[0]
    rivals = [other.misfit for other in found if getattr(other, choice) != getattr(best, choice)]
    if best.misfit > ACCEPTED or min(rivals) < best.misfit + (MARGIN if best.misfit else 1e-9):
        return None
    return getattr(best, choice)


def stop_told(best: Candidate, printed: Printed, seed: int = 0) -> str | None:
    """Which stop the best candidate was run with: the one that gives every printed number, if only one does.

    scikit-learn's default is tried from 100 starts about the settled solution.
    """
    tables = printed.table_2.to_numpy(), printed.table_1["frequency"].to_numpy()
    nearest, _ = with_default_stop(best.records, best.found, *tables, 100, best.unit, seed)
    exact = {FULL_STOP: best.misfit == 0, DEFAULT_STOP: replace(best, agreed=agreement(nearest, *tables)).misfit == 0}
    return next(stop for stop in exact if exact[stop]) if sum(exact.values()) == 1 else None


def table(found: list[Candidate]) -> pd.DataFrame:
    """The candidates for readers, the nearest first."""
    rows = [{name: getattr(one, name) for name in CHOICES} | one.agreed | {"misfit": one.misfit} for one in found]
    return pd.DataFrame(rows)
