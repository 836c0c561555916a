"""The command line: python -m bowerbird reproduce | twin | check | report."""

import sys

import click

from bowerbird import __version__
from bowerbird.errors import BowerbirdError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, prog_name="bowerbird")
def cli():
    """Reproduce Meng, Zhao & Bi (2024), from the attachments to a replenishment plan."""


@cli.command()
@click.option("--profile", default="demo", help="smoke, demo or full.")
@click.option("--data", default="synthetic", help="'synthetic' or a folder that holds the attachments.")
@click.option("--device", default="auto", help="auto, cpu or cuda.")
@click.option("--seed", default=0, help="One integer seeds everything.")
@click.option("--out", default="", help="Folder of the run.  [default: runs/<profile>-<data>]")
@click.option("--until", default="", help="Last notebook to run, e.g. 05_sbo_lstm.")
@click.option("--set", "settings", multiple=True, metavar="NOTEBOOK.NAME=VALUE", help="A parameter over the profile's.")
@click.option("--quiet", is_flag=True, help="No progress bars.")
def reproduce(**options):
    """Run the notebooks in order; a stage that is up to date is skipped."""
    from bowerbird import pipeline, report

    folder = pipeline.reproduce(**options)
    click.echo("\n" + report.headline_text(folder))
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
@click.argument("folder")
def check(folder):
    """Validate a folder of attachments and say what is in it."""
    from bowerbird.data.attachments import read_attachments
    from bowerbird.data.summary import describe

    click.echo(describe(read_attachments(folder)))


@cli.command()
@click.argument("run")
def report(run):
    """Copy what is worth keeping of a run to reports/."""
    from bowerbird.report import keep

    click.echo(keep(run))


def main() -> None:
    """Run the command line; an error a user can act on is one message, not a traceback."""
    try:
        cli(standalone_mode=False)
    except BowerbirdError as error:
        click.echo(f"\nError: {error}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nInterrupted. What is finished is kept; give the same command again to go on.", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
