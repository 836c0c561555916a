"""What reports/ keeps of a run: derived numbers, and no figure that draws a series of the attachments."""

import re
import shutil
from pathlib import Path

from bowerbird.errors import MissingResult, ParameterError
from bowerbird.files import read_json, read_record, write_json
from bowerbird.runs import Stage, project_root

KEPT_TABLES = (
    "headline", "verdict", "table_1", "table_1_readings", "table_1_corrected", "table_1_seeds", "table_2",
    "table_2_corrected", "table_3", "table_3_seeds", "table_3_protocols", "table_3_families", "table_3_draws",
    "table_3_verdict", "table_3_prefix", "dm_members", "dm_scales", "dm_number_of_clusters", "as_run_demand",
    "as_run_stops", "as_run_starts", "as_run_choices", "as_run_stability", "merge_counts", "cleaning_outliers",
    "denoising_leak", "sbo_functions", "sbo_win_rates", "sbo_ranks", "sbo_at_length", "sbo_history", "lstm_summary",
    "lstm_importance", "forecast_scores", "ladder_differences", "levels", "levels_reconciled", "new_items_scores",
    "new_items_coverage", "promotion_lifts", "promotion_double_12", "inventory_cost_of_service",
    "inventory_summary", "inventory_scorecard", "inventory_rule_and_exact", "inventory_worth", "inventory_prices",
    "inventory_pareto", "ladder_combination", "sbo_lstm", "planning_how_much", "planning_when", "planning_documents",
    "planning_shared_capacity", "planning_budget", "planning_bullwhip", "planning_prices", "planning_alert_quality",
    "planning_stock_alert_quality", "planning_learning", "planning_search", "planning_lost_sales", "daily_updates",
    "daily_seconds", "figure_1", "errata", "disagreements", "deviations", "documents", "claims", "sbo_variants",
    "ladder_rmse",
)  # fmt: skip
KEPT_FIGURES = (
    "table_3", "table_3_widths", "ladder", "ladder_differences", "levels", "code_slices", "as_run_starts",
    "dm_number_of_clusters", "new_items_scores", "promotion_lifts", "cost_of_service", "sbo_tuning", "sbo_convergence",
    "sbo_win_rates", "levels_reconciled", "calibration", "sbo_lstm",
    "planning_exact_levels", "planning_budget", "planning_network", "planning_prices", "planning_learning",
)  # fmt: skip
KEPT_PAGES = ("VERDICT.md", "DEVIATIONS.md", "ERRATA.md", "DOCUMENTS.md")


def keep(run: str, replace: bool = False) -> Path:
    """Copy what is worth keeping of a finished run to reports/<run's name>/: pages, tables, figures, run.json.

    Parameters
    ----------
    run : str
        The run's folder.
    replace : bool
        Replace what reports/ holds under this name even if it was made of another profile or other data.

    Returns
    -------
    Path of the report.

    Raises
    ------
    MissingResult
        The run is not complete, its stages were made with different parameters, or a file has changed since.
    ParameterError
        reports/ holds a report of another kind under this name.
    """
    source = Path(run).resolve()  # "." has no name, and reports/ itself is not to be replaced
    if not (source / "run.json").is_file() or not (source / "tables" / "headline.csv").is_file():
        raise MissingResult(f"{source}: no finished run there; run `make reproduce` or give another folder")
    if not (record := read_record(source / "run.json")):
        raise MissingResult(f"{source}: run.json changed since the run; give `reproduce` again")
    if len(seeds := {parameters["seed"] for parameters in record["parameters"].values()}) > 1:
        raise MissingResult(f"{source}: its stages were run with the seeds {sorted(seeds)}; run it again with one")
    if mixed := record.get("mixed"):
        raise MissingResult(
            f"{source}: mixed, {', '.join(mixed)} were made with other parameters, data or code; give `reproduce` "
            "again, without --until"
        )
    stages = [Stage(name, source) for name in record["parameters"]]
    for stage in stages:
        if stage.record().get("parameters") != record["parameters"][stage.name] or stage.changed():
            what = ", ".join(stage.changed()) or "its record"
            raise MissingResult(f"{source}: {stage.name}: {what} changed since the run; give `reproduce` again")
    written = {place for stage in stages for place in stage.record()["files"]}
    target = project_root() / "reports" / source.name
    if target.exists() and not replace and (theirs := _kind(target)) != (ours := _kind(source)):
        raise ParameterError(
            f"{target} holds {theirs or 'no report'}, and this run is {ours}; give its folder another name, or "
            "--replace to replace what is there"
        )
    partial = target.with_name(f".{target.name}")
    shutil.rmtree(partial, ignore_errors=True)
    places = [f"tables/{name}{suffix}" for name in KEPT_TABLES for suffix in (".csv", ".md")]
    places += [f"figures/{name}.png" for name in KEPT_FIGURES]
    for place in (*places, *KEPT_PAGES):
        if place in written:
            (partial / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / place, partial / place)
    for parameters in record["parameters"].values():  # a report says which data, not where they lay
        parameters.pop("out", None)
        if parameters.get("data", "synthetic") != "synthetic":
            parameters["data"] = "attachments"
    record["command"] = re.sub(r" --(data|out|cluster)[= ].*?(?= --|$)", "", record["command"])
    write_json(partial / "run.json", record)
    shutil.rmtree(target, ignore_errors=True)  # only now: an interrupted copy leaves the old report
    partial.rename(target)
    return target


def _kind(folder: Path) -> str:
    """Profile and data of a run or a report, for a message; "" where there is no record of them."""
    try:
        record = read_json(folder / "run.json")
        files = record.get("data_files", {}) if record["data"] != "synthetic" else {}
        sums = "".join(f", {label} {file['sha256'][:12]}" for label, file in sorted(files.items()))
        return f"profile {record['profile']}, data {record['data']}{sums}"
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""
