"""What reports/ keeps of a run: derived numbers, and no figure that draws a series of the attachments."""

import re
import shutil
from pathlib import Path

from bowerbird.errors import MissingResult
from bowerbird.runs import project_root, read_json, write_json

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


def keep(run: str) -> Path:
    """Copy what is worth keeping of a finished run to reports/<run's name>/: pages, tables, figures, run.json.

    Parameters
    ----------
    run : str
        The run's folder.

    Returns
    -------
    Path of the report.

    Raises
    ------
    MissingResult
        The run is not complete, or its stages were run with different seeds.
    """
    source = Path(run).resolve()  # "." has no name, and reports/ itself is not to be replaced
    if not (source / "run.json").is_file() or not (source / "tables" / "headline.csv").is_file():
        raise MissingResult(f"{source}: no finished run there; run `make reproduce` or give another folder")
    record = read_json(source / "run.json")
    if len(seeds := {parameters["seed"] for parameters in record["parameters"].values()}) > 1:
        raise MissingResult(f"{source}: its stages were run with the seeds {sorted(seeds)}; run it again with one")
    target = project_root() / "reports" / source.name
    partial = target.with_name(f".{target.name}")
    shutil.rmtree(partial, ignore_errors=True)
    for folder, names, suffixes in (("tables", KEPT_TABLES, (".csv", ".md")), ("figures", KEPT_FIGURES, (".png",))):
        (partial / folder).mkdir(parents=True)
        for path in (source / folder / f"{name}{suffix}" for name in names for suffix in suffixes):
            if path.is_file():
                shutil.copy2(path, partial / folder)
    for page in KEPT_PAGES:
        if (source / page).is_file():
            shutil.copy2(source / page, partial)
    for parameters in record["parameters"].values():  # a report says which data, not where they lay
        parameters.pop("out", None)
        if parameters.get("data", "synthetic") != "synthetic":
            parameters["data"] = "attachments"
    record["command"] = re.sub(r" --(data|out|cluster)[= ].*?(?= --|$)", "", record["command"])
    write_json(partial / "run.json", record)
    shutil.rmtree(target, ignore_errors=True)  # only now: an interrupted copy leaves the old report
    partial.rename(target)
    return target
