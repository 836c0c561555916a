"""The command line: python -m bowerbird reproduce | twin | check | report | deliveries | daily | ..."""

import os
import sys
import warnings
from pathlib import Path

import click

from bowerbird import __version__
from bowerbird.errors import BowerbirdError

COLUMNS = click.option(
    "--columns", default="", help="Of a table: item=sku,site=shop,date=day,qty=units,price=price,..."
)
RULES = click.option("--rules", default="", help="Of a table: fill_gaps=zero,closed_days=auto,... See data/README.md.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, prog_name="bowerbird")
def cli():
    """Reproduce Meng, Zhao & Bi (2024), from the attachments to a replenishment plan."""


@cli.command()
@click.option("--profile", default="demo", help="smoke, demo or full.")
@click.option("--data", default="synthetic", help="synthetic, groceries, a table file, or a folder of attachments.")
@COLUMNS
@RULES
@click.option("--device", default="auto", help="auto, cpu or cuda.")
@click.option("--seed", default=0, help="One integer seeds everything.")
@click.option("--out", default="", help="Folder of the run.  [default: runs/<profile>-<data>]")
@click.option("--until", default="", help="Last notebook to run, e.g. 06_sbo_lstm.")
@click.option("--set", "settings", multiple=True, metavar="NOTEBOOK.NAME=VALUE", help="A parameter over the profile's.")
@click.option("--cluster", default="", help="A Dask scheduler's tcp://host:port: its workers, the same bits.")
@click.option("--jobs", default=min(2, os.cpu_count() or 1), help="Notebooks that run side by side.")
@click.option("--cell-minutes", default=240.0, help="A cell that takes longer is stopped, and named.")
@click.option("--quiet", is_flag=True, help="No progress bars.")
def reproduce(cluster, **options):
    """Run the notebooks in order; a stage that is up to date is skipped."""
    from bowerbird.cluster import use
    from bowerbird.runs import runner
    from bowerbird.verdict.verdicts import headline_text

    if cluster:
        use(cluster)
    folder = runner.reproduce(**options)
    click.echo("\n" + headline_text(folder))
    click.echo(f"\n{folder / 'index.html'}")


@cli.command()
@click.option("--out", required=True, help="Folder to write the six attachments to.")
@click.option("--series", default=300, help="Number of series; the contest has 1996.")
@click.option("--seed", default=0)
def twin(out, series, seed):
    """Write a synthetic twin of the attachments, and the truth behind it."""
    from bowerbird.data.twin import write_twin

    made = write_twin(out, series, seed)
    click.echo(f"{out}: {len(made.shipments):,} rows of {series} series, and the truth behind them")


@cli.command()
@click.argument("data")
@COLUMNS
@RULES
def check(data, columns, rules):
    """Validate a table or a folder of attachments: what is in it, what `reproduce` would skip, and stop at."""
    from bowerbird.data.source import open_data
    from bowerbird.data.summary import describe, obstacles, skipped

    source = open_data(data, columns, rules)
    click.echo(describe(source))
    for notebook, why in skipped(source).items():
        click.echo(f"Skipped       {notebook}: {why}")
    if found := obstacles(source):
        for notebook, text in found.items():
            click.echo(f"\nError: reproduce would stop in {notebook}: {text}", err=True)
        sys.exit(1)


@cli.command()
@click.argument("run")
def report(run):
    """Copy what is worth keeping of a run to reports/."""
    from bowerbird.runs.report import keep

    click.echo(keep(run))


@cli.command()
@click.argument("run")
@click.option("--out", required=True, help="Folder to write the files to, one a day.")
@click.option("--first-day", default="", help="[default: the first day the run's forecaster was not trained on]")
def deliveries(run, out, first_day):
    """Write a run's last days as the files that `daily` takes in, to try it."""
    from bowerbird.operation.command import deliveries_from_run

    click.echo(f"{out}: {len(deliveries_from_run(run, out, first_day))} files, one a day")


@cli.command()
@click.option("--store", required=True, help="Folder of the store; made from --run if it holds none.")
@click.option("--deliveries", required=True, help="Folder the days arrive in, one file a day, columns as 附件1.")
@click.option("--run", default="", help="Run to make the store from: its panel and its forecaster.")
@click.option("--first-day", default="", help="First day to arrive.  [default: the first the forecaster has not seen]")
@click.option("--key-file", default="", help="Key that turns ids into pseudonyms; give it every day.")
@click.option("--store-key-file", default="", help="Key that encrypts the store, made if need be; give it every day.")
@click.option("--close-gaps", is_flag=True, help="Take days without a file, up to 7 in a row, as missing.")
@click.option("--unknown", type=click.Choice(["wait", "skip", "add"]), default="wait", help="Series not in the store.")
@click.option("--confirm", default="", metavar="DAY", help="The quantities of this day, or of all days, are right.")
@click.option("--lead-time", type=int, help="Of a new store: days from order to arrival [LT].  [default: 3]")
@click.option("--review", type=int, help="Of a new store: days between reviews [NRT].  [default: 1]")
@click.option("--opening-stock", type=float, help="Of a new store: units of each item before day one.  [default: 5]")
@click.option("--service-level", type=float, help="Of a new store: least chance of no shortage.  [default: 0.9]")
@click.option("--refit-days", type=int, help="Of a new store: days between fine-tunings; 0 for none.  [default: 7]")
@click.option("--fill-gaps", help="Of a new store: no row of a series: refuse, zero or missing.  [default: refuse]")
def daily(store, deliveries, run, first_day, key_file, store_key_file, close_gaps, unknown, confirm, **rules):
    """Take in the days that have come: forecasts, s, S, orders, alerts and a page for each.

    A file with a quantity more than 5 times the largest of its series' days so far, and above 100 units, waits until
    --confirm DAY is given, or the file is mended.
    """
    from bowerbird.operation.command import run_daily

    given = {name: value for name, value in rules.items() if value is not None}
    how = {"close_gaps": close_gaps, "unknown": unknown, "confirm": confirm}
    for line in run_daily(store, deliveries, run, first_day, key_file, store_key_file, given, **how):
        click.echo(line)


@cli.command()
@click.option("--store", required=True, help="Folder of the store.")
@click.option("--day", required=True, help="Morning of the order, e.g. 2023-05-16; its file has not been taken in.")
@click.option("--item", required=True, help="The series as `daily` names it: its ids with / between them.")
@click.option("--order", "quantity", type=int, help="Units to order instead.")
@click.option("--level", type=int, help="Or units to order up to.")
@click.option("--reason", required=True, help="Why; kept in the store, shown on the page and in orders.csv.")
@click.option("--who", default="", help="Who decides so.  [default: your user name]")
@click.option("--store-key-file", default="", help="Key of an encrypted store.")
def override(**how):
    """Decide an order or a level of the store yourself, and say why."""
    from bowerbird.operation.command import run_override

    for line in run_override(**how):
        click.echo(line)


@cli.command()
@click.option("--recipes", default=60, help="Number of sealed recipes.")
@click.option("--out", default="", help="Folder of the trials, a file each.  [default: runs/forensics]")
def forensics(recipes, out):
    """Print twin papers by sealed recipes, look for the recipes, and write the error rates to reports/."""
    from bowerbird.forensics.error_rates import report
    from bowerbird.runs import project_root
    from bowerbird.runs.circumstances import made_on

    root = project_root()
    click.echo(report(Path(out or root / "runs" / "forensics"), root / "reports", recipes, made_on()))


@cli.command()
@click.option(
    "--run", "runs", multiple=True, required=True, metavar="DATA=FOLDER", help="A finished run; contest first."
)
def other_data(runs):
    """Lay the findings of runs on several data side by side, and write them to reports/."""
    from bowerbird.runs import project_root
    from bowerbird.studies.other_data import report

    click.echo(report(dict(run.split("=", 1) for run in runs), project_root() / "reports"))


@cli.command()
@click.argument("folder")
@click.option("--out", required=True, help="Folder to write the attachments with pseudonyms to.")
@click.option("--key-file", required=True, help="File of the key; keep it apart from the data.")
@click.option("--new-key", is_flag=True, help="Make the key first.")
def pseudonymise(folder, out, key_file, new_key):
    """Write attachments whose ids are keyed hashes; a run on them never meets a raw id."""
    from bowerbird.data.reader import read_attachments
    from bowerbird.operation import pseudonyms

    key = pseudonyms.read_key(pseudonyms.new_key(key_file) if new_key else key_file)
    click.echo(pseudonyms.write_pseudonymised(read_attachments(folder), out, key))


def main() -> None:
    """Run the command line; an error a user can act on is one message, not a traceback."""
    warnings.formatwarning = lambda message, *_, **__: f"Note: {message}\n"
    try:
        cli(standalone_mode=False)
    except BowerbirdError as error:
        click.echo(f"\nError: {error}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except OSError as error:  # a full disk, a folder that cannot be written to
        click.echo(f"\nError: {error.filename or 'a file'}: {error.strerror or error}; give another folder", err=True)
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nInterrupted. What is finished is kept; give the same command again to go on.", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
