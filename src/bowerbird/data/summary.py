"""What is in the data, in a short text; whether they are the contest's; what `reproduce` needs, and what it skips."""

import hashlib

import numpy as np
import pandas as pd

from bowerbird.data.cleaning import far_outside
from bowerbird.data.panel import DAILY, Frequency, Panel, build_panel, correct_merge, naive_merge
from bowerbird.data.reader import ATTACHMENTS, SERIES_KEY, Attachments
from bowerbird.data.rules import Sales
from bowerbird.errors import BowerbirdError

LEAST_SERIES = 12

CONTEST_SHA256 = "04b37c5bd2f6c25d7974242bb7f976ee6b52f0c2eca496cc7f26a5077f0e220f"
INDENT = "\n" + 14 * " "


def describe(source: Attachments | Sales) -> str:
    """Say in some fifteen lines what the data hold, for `python -m bowerbird check`."""
    attachments = None if isinstance(source, Sales) else source
    panel = build_panel(source, fill_gaps="nan") if attachments else source.panel
    word, known = panel.frequency.word, panel.demand[~np.isnan(panel.demand)]
    lines = {
        "Series": f"{panel.n_series:,} on {panel.n_days} {word}s, {_span(panel.dates)}",
        "Units": f"{known.sum():,.0f}; {np.mean(known == 0):.1%} of the known {word}s are zero",
        f"Missing {word}s": _missing_days(panel.demand),
        "Far outside": _far_outside(panel),
    }
    if attachments:
        lines |= {"New items": _new_items(attachments), "Promotion": _promotion(attachments)}
        lines["Merge"] = _merges(attachments)
        files = _files(attachments)
    else:
        ahead = (f"{name} to {panel.known_to(name):%Y-%m-%d}" for name in panel.ahead)
        lines["Known ahead"] = ", ".join(ahead) or "nothing"
        files = [
            f"{label:<14}sha256 {file['sha256'][:12]}  {file['file']}" for label, file in source.manifest().items()
        ]
        files += ["", source.describe()]
    return "\n".join([*files, "", *(f"{name:<14}{text}" for name, text in lines.items())])


def skipped(source: Attachments | Sales) -> dict[str, str]:
    """The notebooks that do not apply to the data: notebook -> why, in one sentence."""
    found = {}
    if not is_contest(source):
        found["03_tables_1_and_2"] = "it looks for the computation behind Tables 1 and 2 in the paper's own data"
    if isinstance(source, Sales):
        found["09_new_items_and_618"] = "it needs the attachments 附件5 and 附件6"
    elif source.new_items is None and source.promotion is None:
        found["09_new_items_and_618"] = "附件5 and 附件6 are absent"
    return found


def is_contest(source: Attachments | Sales) -> bool:
    """Whether 附件1 to 附件4 hold the contest's rows, by checksum, in any format and order."""
    if isinstance(source, Sales):
        return False
    attachments, digest = source, hashlib.sha256()
    for table in (attachments.shipments, attachments.products, attachments.sellers, attachments.warehouses):
        columns = sorted(table)
        rows = table[columns].sort_values(columns)
        digest.update(rows.to_csv(index=False, date_format="%Y-%m-%d", lineterminator="\n").encode())
    return digest.hexdigest() == CONTEST_SHA256


def least_days(horizon: int, frequency: Frequency) -> int:
    """Days, or weeks, that notebook 06 needs to forecast a horizon.

    Its search must not see the three horizons that are scored. Before them it needs one to train on and one to
    validate, eight validation origins, and the shortest warm-up that it tries. The ladder's first origin knows 28 days,
    and a horizon more for networks with a warm-up of 28 days.
    """
    first_origin = 28 + (horizon + 1 if frequency == DAILY else 0)
    return 3 * horizon + max(first_origin, 2 * horizon + 8 + (14 if frequency == DAILY else 4))


def obstacles(source: Attachments | Sales) -> dict[str, str]:
    """What `reproduce` will stop at: notebook -> the fault and its cure."""
    panel = source.panel if isinstance(source, Sales) else build_panel(source, fill_gaps="zero")
    found = {}
    if not panel.demand.any():
        found["06_sbo_lstm"] = "nothing was shipped on any day; there is nothing to forecast"
    word, horizon = panel.frequency.word, panel.frequency.horizon
    least = least_days(horizon, panel.frequency)
    if panel.n_days < least or panel.n_series < LEAST_SERIES:
        needed = f"{least} {word}s and {LEAST_SERIES} series are needed"
        where = "06_sbo_lstm" if panel.n_days < least else "11_how_much_and_when"
        cure = f"add earlier {word}s or other series"
        found[where] = f"{panel.n_days} {word}s of {panel.n_series} series; {needed} to forecast {horizon}: {cure}"
    try:
        panel.known_ahead(horizon)
    except BowerbirdError as error:
        found["08_forecast"] = str(error)
    try:
        if isinstance(source, Attachments):
            build_panel(source)
    except BowerbirdError as error:
        found["01_data"] = str(error)
    return dict(sorted(found.items()))


def _far_outside(panel: Panel) -> str:
    """Quantities far above the third largest of their series, so that two wrong ones do not hide each other."""
    usual_most = np.sort(np.nan_to_num(panel.demand), axis=1)[:, -3:][:, :1]  # (n_series, 1)
    places = np.argwhere(far_outside(panel.demand, usual_most))
    lines = [
        f"{panel.keys[row]} {panel.demand[row, day]:.0f} on {panel.dates[day]:%Y-%m-%d}, usual at most "
        f"{usual_most[row, 0]:.0f}"
        for row, day in places[:5]
    ]
    return INDENT.join([f"{len(places)} quantities", *lines, *(["..."] if len(places) > 5 else [])])


def _span(dates: pd.DatetimeIndex | pd.Series) -> str:
    return f"{dates.min():%Y-%m-%d} to {dates.max():%Y-%m-%d}"


def _files(attachments: Attachments) -> list[str]:
    manifest, lines = attachments.manifest(), []
    for spec in ATTACHMENTS:
        text = "absent"
        if file := manifest.get(spec.label):
            text = f"{len(getattr(attachments, spec.name)):>9,} rows  sha256 {file['sha256'][:12]}  {file['file']}"
        lines.append(f"{spec.label}  {text}")
    return lines


def _missing_days(demand: np.ndarray) -> str:
    groups = ("none", "1", "2 to 6", "7 to 27", "28 or more")
    counts, _ = np.histogram(np.isnan(demand).sum(axis=1), [0, 1, 2, 7, 28, np.inf])
    return "; ".join(f"{group} in {n:,} series" for group, n in zip(groups, counts, strict=True) if n)


def _new_items(attachments: Attachments) -> str:
    if attachments.new_items is None:
        return "no 附件5"
    days = attachments.new_items.groupby(list(SERIES_KEY)).size()
    known = days.index.isin(_series(attachments.shipments)).sum()
    length = f"{days.min()} to {days.max()} days"
    return f"{len(days):,} series of {length}, {_span(attachments.new_items['date'])}; {known} of them in 附件1"


def _promotion(attachments: Attachments) -> str:
    if attachments.promotion is None:
        return "no 附件6"
    promoted, series = _series(attachments.promotion), _series(attachments.shipments)
    return f"{series.isin(promoted).sum():,} of the {len(series):,} series, {_span(attachments.promotion['date'])}"


def _series(shipments: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(shipments[list(SERIES_KEY)].drop_duplicates())


def _merges(attachments: Attachments) -> str:
    naive, correct = len(naive_merge(attachments)), len(correct_merge(attachments))
    ids = [table.iloc[:, 0] for table in (attachments.products, attachments.sellers, attachments.warehouses)]
    repeated = [label for column in ids for label in column[column.duplicated()].unique()]
    told = f"{naive:,} rows as the tables stand, {correct:,} with repeated rows dropped"
    return told + (f"{INDENT}{', '.join(repeated)} stand more than once" if repeated else "")
