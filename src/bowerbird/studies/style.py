"""One look for all figures: colour-blind-safe, readable on paper and screen."""

import matplotlib.pyplot as plt
import seaborn as sns

COLOURS = sns.color_palette("colorblind")
BLUE, ORANGE, GREEN, RED, PURPLE, BROWN, PINK, GREY, YELLOW, SKY = COLOURS


def new_figure(n_rows: int = 1, n_columns: int = 1, width: float = 7.2, height: float = 3.4, **options):
    """Figure and axes in the project's style; width and height in inches."""
    sns.set_theme(style="whitegrid", palette="colorblind", font_scale=0.85)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(width, height), layout="constrained", dpi=130, **options)
    plt.close(figure)  # the notebook shows what a cell returns, once
    return figure, axes


def format_days(axis) -> None:
    """Dates on the x axis, short and unrotated."""
    import matplotlib.dates as mdates

    locator = mdates.AutoDateLocator(minticks=3, maxticks=7)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
