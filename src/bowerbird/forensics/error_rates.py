"""How often the forensics names a choice, rightly or wrongly: twin papers with sealed recipes, then the seals opened.

Tables 1-2 are printed from twins of all 1,996 series over `DAYS` days, so that the label codes are those of full size;
Table 3 from twins of few series over all 166 days. Each seed leaves a file, so that an interrupted run resumes.
"""

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pandas as pd
from scipy.stats import binomtest
from tqdm import tqdm

from bowerbird.data.panel import build_panel, correct_merge, naive_merge
from bowerbird.data.reader import Attachments
from bowerbird.data.twin import FULL_SERIES, make_twin
from bowerbird.dm.as_run import label_codes
from bowerbird.files import read_record, write_csv, write_record, write_text
from bowerbird.forensics import table_3, tables_1_and_2, twin_paper
from bowerbird.forensics.recipe import Recipe
from bowerbird.paper import PAPER, Printed
from bowerbird.runs import project_root
from bowerbird.table_3.scores import TABLE_3_TOLERANCE

DAYS = 20  # of the twins of Tables 1 and 2
SERIES = 60  # of the twins of Table 3
FIRST, THIRD, ALONE = PARTS = ("Tables 1-2", "Table 3, all twelve numbers", "Table 3, 1-WMAPE alone")
IDENTIFIED, WRONG, OPEN = "identified", "wrong", "cannot be told"


def last_days(attachments: Attachments, n_days: int) -> Attachments:
    """The attachments with the last `n_days` days of shipments alone."""
    days = attachments.shipments["date"]
    return replace(attachments, shipments=attachments.shipments[days > days.max() - pd.Timedelta(days=n_days)])


def outcome(told, truth) -> str:
    """What became of one choice."""
    return OPEN if told is None else IDENTIFIED if told == truth else WRONG


def trial(seed: int) -> list[dict]:
    """One sealed recipe: a row for each choice, with the truth, what the forensics said, and what became of it.

    "left out" is what becomes of the choice when the true recipe is taken from the candidates.
    """
    recipe = Recipe.draw(seed)
    return _tables_1_and_2(seed, recipe) + _table_3(seed, recipe)


def _row(part: str, choice: str, truth, told, told_without) -> dict:
    row = {"part": part, "choice": choice, "truth": truth, "told": told, "outcome": outcome(told, truth)}
    return row | {"left out": outcome(told_without, truth)}


def _tables_1_and_2(seed: int, recipe: Recipe) -> list[dict]:
    part, truth = FIRST, recipe.choices()
    attachments = last_days(make_twin(FULL_SERIES, seed), DAYS)
    merged = naive_merge(attachments) if recipe.doubled else correct_merge(attachments)
    codes = label_codes(merged, recipe.numbering)
    printed = Printed(PAPER.content | twin_paper.print_tables_1_and_2(codes, recipe))
    found = tables_1_and_2.candidates(attachments, printed, seed=seed)
    # another numbering may give the same codes: then it prints the same tables
    same = [one.codes.equals(codes) and one.columns == recipe.columns and one.scaling == recipe.scaled for one in found]
    others = [one for one, made in zip(found, same, strict=True) if not made]
    doubled = tables_1_and_2.doubled(attachments, printed)
    rows = [_row(part, "doubled rows", truth["doubled rows"], doubled, doubled)]
    for choice in tables_1_and_2.CHOICES:
        told = [tables_1_and_2.told(candidates, choice) for candidates in (found, others)]
        rows.append(_row(part, choice, truth[choice], *told))
    stop = tables_1_and_2.stop_told(found[0], printed, seed=seed)
    return [*rows, _row(part, "stop", truth["stop"], stop, None)]


def _table_3(seed: int, recipe: Recipe) -> list[dict]:
    truth, panel = recipe.choices(), build_panel(make_twin(SERIES, seed))
    third = PAPER.content["table_3"] | {"rows": twin_paper.print_table_3(panel, recipe)}
    printed = Printed(PAPER.content | {"table_3": third})
    tried = table_3.solved(panel, printed)
    near = table_3.attaining(panel, printed, tried, TABLE_3_TOLERANCE)
    rows = []
    for part, found in ((THIRD, table_3.consistent(panel, printed, tried)), (ALONE, near)):
        choices = [choice for choice in table_3.CHOICES if choice in found]
        protocol = [choice for choice in choices if choice not in ("classes", "RMSE")]
        others = found[(found[protocol] != [truth[choice] for choice in protocol]).any(axis=1)]
        rows += [_row(part, c, truth[c], table_3.told(found, c), table_3.told(others, c)) for c in choices]
        if truth["width"]:
            ranges = [table_3.width_told(rows) for rows in (found, others)]
            inside = [truth["width"] if told and told[0] <= truth["width"] <= told[1] else told for told in ranges]
            rows.append(_row(part, "width", truth["width"], *inside))
    return rows


def run_trials(folder: Path, seeds: Iterable[int]) -> pd.DataFrame:
    """The rows of all trials, each kept in the folder as soon as it is done."""
    rows = []
    for seed in tqdm(list(seeds), desc="sealed recipes"):
        path = Path(folder) / f"{seed}.json"
        kept = read_record(path)
        if not kept:
            started = time.perf_counter()
            kept = {"rows": trial(seed), "seconds": time.perf_counter() - started}
            write_record(path, kept)
        rows += [row | {"seed": seed, "seconds": kept["seconds"]} for row in kept["rows"]]
    return pd.DataFrame(rows)


def rates(trials: pd.DataFrame) -> pd.DataFrame:
    """For each choice how often each outcome came, with 95 % intervals (Wilson), and wrong names without the truth.

    Columns: part, choice, n; identified, wrong, cannot be told [numbers of trials]; identified low, identified high,
    wrong low, wrong high [shares]; left out: wrong [number, where the true recipe was no candidate].
    """
    rows = []
    for (part, choice), group in trials.groupby(["part", "choice"], sort=False):
        counts = {name: int((group["outcome"] == name).sum()) for name in (IDENTIFIED, WRONG, OPEN)}
        row = {"part": part, "choice": choice, "n": len(group), **counts}
        for name in (IDENTIFIED, WRONG):
            interval = binomtest(counts[name], len(group)).proportion_ci(method="wilson")
            row |= {f"{name} low": interval.low, f"{name} high": interval.high}
        rows.append(row | {"left out: wrong": int((group["left out"] == WRONG).sum())})
    return pd.DataFrame(rows)


FIRST_SEED = 2000  # of the reported recipes; thresholds were chosen on others
RATES = "forensics_rates.csv"  # in reports/


def known_rates() -> pd.DataFrame:
    """The committed error rates."""
    return pd.read_csv(project_root() / "reports" / RATES)


def quoted(table: pd.DataFrame, part: str, choice: str) -> str:
    """A choice's error rate in words, from the table of `rates`."""
    row = table[(table["part"] == part) & (table["choice"] == choice)].iloc[0]
    return (
        f"of {row['n']} sealed recipes named rightly in {row[IDENTIFIED]}, wrongly in {row[WRONG]}, not at all in "
        f"{row[OPEN]}; without the true one among the candidates, wrongly in {row['left out: wrong']}"
    )


def conclusions(told: dict, table: pd.DataFrame, part: str) -> pd.DataFrame:
    """What the forensics says of each choice, beside how often it is right: choice, told, error rate."""
    rows = [
        (choice, OPEN if value is None else str(value), quoted(table, part, choice)) for choice, value in told.items()
    ]
    return pd.DataFrame(rows, columns=["choice", "told", "how far to trust it"])


def opened(recipe: dict, told: dict) -> pd.DataFrame:
    """The seal opened: what was told of each choice, the truth, and what became of it."""
    truth = Recipe.of(recipe).choices()
    rows = [
        (c, OPEN if value is None else str(value), str(truth[c]), outcome(value, truth[c])) for c, value in told.items()
    ]
    return pd.DataFrame(rows, columns=["choice", "told", "sealed", "outcome"])


def page(trials: pd.DataFrame, table: pd.DataFrame, made_on: str) -> str:
    """FORENSICS.md."""
    n, seconds = trials["seed"].nunique(), trials.groupby("seed")["seconds"].first()
    shown = table.copy()
    for name in (IDENTIFIED, WRONG):
        intervals = table[[f"{name} low", f"{name} high"]].to_numpy()
        shown[f"{name}, 95 %"] = [f"{low:.0%} to {high:.0%}" for low, high in intervals]
    names = ["choice", "n", IDENTIFIED, f"{IDENTIFIED}, 95 %", WRONG, f"{WRONG}, 95 %", OPEN, "left out: wrong"]
    lines = [_HEAD.format(n=n, first=trials["seed"].min(), last=trials["seed"].max(), series=SERIES, days=DAYS,
                          tolerance=TABLE_3_TOLERANCE)]  # fmt: skip
    for part, rows in shown.groupby("part", sort=False):
        lines += [f"## {part}", "", rows[names].to_markdown(index=False, disable_numparse=True), ""]
    return "\n".join([*lines, f"{made_on}; {seconds.median():.0f} s a recipe (median).", ""])


_HEAD = """# How far the forensics can be trusted

{n} recipes were drawn and sealed (seeds {first} to {last}). Each printed a twin paper. The forensics that is used on
the paper was run on it, and then the seal was opened. Written by `make forensics`; the numbers stand in
`forensics_rates.csv` as well.

* *identified*: the choice was named, and rightly. *wrong*: another value was named. *cannot be told*: none was.
  That is the right answer where two recipes print the same: on the twin, labels numbered in the order of the file
  and by seller, product and warehouse are the same numbers.
* *left out: wrong*: how often a wrong value is named when the true recipe is not among the candidates.
* Tables 1-2 are printed from twins of 1,996 series over {days} days, Table 3 from twins of {series} series over 166.
* "All twelve numbers": a choice is named if all protocols that print every digit of Table 3 share it. A protocol with a
  random split prints other digits for every draw, so its recipe cannot be told. "1-WMAPE alone" asks for one column,
  within {tolerance}.
* A recipe's random_state and its drawn test rows are not looked for.
"""


def report(out: Path, reports: Path, n_recipes: int, made_on: str) -> str:
    """Run the trials that are missing in `out`; write FORENSICS.md and the rates to `reports`. Returns the page."""
    trials = run_trials(out, range(FIRST_SEED, FIRST_SEED + n_recipes))
    table = rates(trials)
    text = page(trials, table, made_on)
    write_csv(Path(reports) / RATES, table, float_format="%.4f")
    write_text(Path(reports) / "FORENSICS.md", text)
    return text
